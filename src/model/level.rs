//! Rollup dimensions (Kimball's shrunken dimensions): the members of a level and of those above it, for
//! facts that know no finer ones, such as a category's target. They conform to the dimension whose
//! level it is: the same columns with the same values, so that both are asked by one name.

use super::{
    Attribute, Column, ColumnType, Dimension, DimensionKind, Hierarchy, History, Level, Model,
};

impl Model {
    /// The dimensions of levels of the dimension of that name.
    pub fn levels_of<'a>(&'a self, base: &'a str) -> impl Iterator<Item = &'a Dimension> {
        let is_level =
            move |d: &&Dimension| matches!(&d.kind, DimensionKind::LevelOf(of) if of == base);
        self.dimensions.iter().filter(is_level)
    }
}

/// The name of the dimension of a level.
pub(super) fn level_dimension(base: &Dimension, level: &str) -> String {
    format!("{}_{level}", base.name)
}

/// The dimension of the level of that name; nothing where no hierarchy has it.
///
/// Its members are told apart by the keys of the level and of those above it that none skips. What
/// else the levels show goes with them.
pub(super) fn of_level(base: &Dimension, level: &str) -> Option<Dimension> {
    let has_it = |hierarchy: &&Hierarchy| hierarchy.levels.iter().any(|own| own.name == level);
    let hierarchy = base.hierarchies.iter().find(has_it)?;
    let last = hierarchy.levels.iter().position(|own| own.name == level)?;
    let levels = &hierarchy.levels[..=last];
    let column = |name: &str| base.described_columns().find(|column| column.name == name);
    let identifies = |own: &&Level| !own.skippable || own.name == level;
    let keys = levels.iter().filter(identifies).filter_map(|own| column(own.key_column()));
    let mut natural_key: Vec<Column> = Vec::new();
    for key in keys {
        if natural_key.iter().all(|own| own.name != key.name) {
            natural_key.push(Column { nullable: false, ..key.clone() });
        }
    }
    let of_base = |name: &str| base.attributes.iter().find(|own| own.column.name == name);
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut names: Vec<&str> =
        levels.iter().flat_map(|own| [own.key_column(), &own.attribute]).collect();
    let orders = names.iter().filter_map(|name| of_base(name)?.order_by.as_deref());
    names.extend(orders.collect::<Vec<_>>());
    for name in names {
        let is_there = natural_key.iter().any(|own| own.name == name)
            || attributes.iter().any(|own| own.column.name == name);
        let Some(found) = column(name).filter(|_| !is_there) else { continue };
        let order_by = of_base(name).and_then(|own| own.order_by.clone());
        let column = Column { nullable: true, ..found.clone() };
        attributes.push(Attribute { column, history: History::Overwrite, order_by });
    }
    Some(Dimension {
        name: level_dimension(base, level),
        description: format!("The members of the level {level} of {}.", base.name),
        kind: DimensionKind::LevelOf(base.name.clone()),
        natural_key,
        attributes,
        hierarchies: vec![Hierarchy { name: hierarchy.name.clone(), levels: levels.to_vec() }],
        infers_members: false,
        parent_child: None,
        outriggers: Vec::new(),
    })
}

/// Whether a column can tell members of a level apart: the unknown one needs a value for it.
pub(super) fn identifies(column: &Column) -> bool {
    matches!(
        column.ty,
        ColumnType::Text | ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64
    )
}
