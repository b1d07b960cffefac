//! What an aggregate can keep: columns, each after those above it, and measures of which parts can be
//! put together again.

use super::{
    ColumnType, Cube, CubeColumn, Dimension, Fact, Hierarchy, Level, Measure, MeasureKind, OverTime,
};

impl Cube {
    /// A column, after all that stands above it in a hierarchy and what tells its own members apart:
    /// a month answers for its year.
    pub fn with_columns_above(
        &self,
        column: &CubeColumn,
        dimension: Option<&Dimension>,
    ) -> Vec<String> {
        let hierarchies: &[Hierarchy] =
            dimension.map(|dimension| dimension.hierarchies.as_slice()).unwrap_or_default();
        let mut names = Vec::new();
        for hierarchy in hierarchies {
            let shows = |level: &Level| {
                level.attribute == column.column.name || level.key_column() == column.column.name
            };
            let Some(own) = hierarchy.levels.iter().position(shows) else { continue };
            let columns = hierarchy.levels[..=own].iter();
            for attribute in columns.flat_map(|level| [level.key_column(), &level.attribute]) {
                let kept = self.role_column(&column.role, attribute);
                let new = kept.map(|kept| kept.name.clone()).filter(|name| !names.contains(name));
                names.extend(new);
            }
        }
        names.retain(|name| *name != column.name);
        names.push(column.name.clone());
        names
    }

    /// Whether a fact has what a column of the cube tells.
    pub fn belongs(&self, column: &CubeColumn, fact: &Fact) -> bool {
        match column.dimension {
            Some(_) => {
                let role = fact.role(self.fact_role(&column.role));
                role.is_some_and(|role| role.knows(&column.column.name))
            }
            None => fact.degenerate.iter().any(|own| own.name == column.role),
        }
    }

    /// Why an aggregate of a fact that keeps these roles and columns cannot keep a measure, and what
    /// to do; `None` where it can.
    pub fn cannot_keep(
        &self,
        measure: &Measure,
        fact: &Fact,
        kept: &[String],
    ) -> Option<(String, String)> {
        let name = &measure.name;
        if let MeasureKind::SemiAdditive { fact: own, over, rule, .. } = &measure.kind
            && *own == fact.name
        {
            let per = match rule {
                OverTime::At { per, .. } => per.as_slice(),
                _ => &[],
            };
            let mut needed = [over].into_iter().chain(per);
            let role = needed.find(|needed| !kept.contains(needed))?;
            return Some((
                format!("`{name}` goes by `{role}`, which the aggregate does not keep"),
                format!("add `{role}` to its `dimensions`, or leave `{name}` out"),
            ));
        }
        let (message, hint) = match &measure.kind {
            MeasureKind::CountDistinct { sql, .. } if !can_be_remembered(sql, fact) => (
                format!("`{name}` counts different values of a kind that no aggregate remembers"),
                "leave it out, or count approximately: `approximate_distinct`",
            ),
            MeasureKind::Percentile { .. } => (
                format!("`{name}` needs all values, which parts do not keep"),
                "leave it out, or ask approximately: `approximate_median`, `approximate_percentile`",
            ),
            MeasureKind::Correlation { .. } => {
                (format!("`{name}` needs all values, which parts do not keep"), "leave it out")
            }
            MeasureKind::Conversion { .. } => {
                (format!("`{name}` needs all events, which parts do not keep"), "leave it out")
            }
            kind => match kind.fact() {
                Some(own) if own == fact.name => return None,
                Some(own) => (
                    format!("`{name}` is of fact `{own}`, the aggregate of `{}`", fact.name),
                    "leave it out",
                ),
                None => (
                    format!("`{name}` is computed from other measures"),
                    "keep those it is computed from",
                ),
            },
        };
        Some((message, hint.to_owned()))
    }
}

/// Whether different values of an expression can be remembered exactly: members of a dimension,
/// whole numbers, days and texts can; what an expression gives shows when it is planned.
fn can_be_remembered(sql: &str, fact: &Fact) -> bool {
    use ColumnType::{Date, Int16, Int32, Int64, Text};
    let mut columns = fact.degenerate.iter().chain(&fact.columns);
    let column = columns.find(|column| column.name == sql);
    column.is_none_or(|column| matches!(column.ty, Int16 | Int32 | Int64 | Date | Text))
}
