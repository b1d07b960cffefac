//! Conformed dimensions: who, what, where, when.

use super::mini::outrigger_column;
use super::{Column, ColumnType, RetailYear, TimeOfDay};
use chrono::NaiveDate;

/// A conformed dimension: defined once, shared by facts in one or several roles.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Its name; the table is `dim_<name>`, the key column `<name>_key`.
    pub name: String,
    /// What one row is, in words.
    pub description: String,
    /// Loaded from sources, or generated.
    pub kind: DimensionKind,
    /// The columns that identify a member in its source system, that system's name included.
    pub natural_key: Vec<Column>,
    /// The descriptive columns.
    pub attributes: Vec<Attribute>,
    /// Ways to roll up, coarsest level first.
    pub hierarchies: Vec<Hierarchy>,
    /// Whether members that only facts know of are inferred: they get a key and wait for their
    /// attributes, in place of being unknown.
    pub infers_members: bool,
    /// How members are one another's parents, where they are (people and who they report to,
    /// accounts and what they are part of).
    pub parent_child: Option<ParentChild>,
    /// Mini-dimensions of whose rows each row has the key of its member's present one.
    pub outriggers: Vec<String>,
}

/// A hierarchy of members among themselves, as deep as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentChild {
    /// What it means, in words.
    pub description: String,
    /// The columns that hold the natural key of a member's parent, in the order of that key; a
    /// member for which one is NULL has none.
    pub parent: Vec<String>,
}

/// Where a dimension's rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum DimensionKind {
    /// Loaded by a job, with surrogate keys and history.
    Loaded,
    /// A generated calendar of days; its key is the day as the integer `yyyymmdd`.
    Calendar(Calendar),
    /// Generated times of day; the key is the time as the integer `hhmm`.
    TimeOfDay(TimeOfDay),
    /// Combinations of a fact's flags, made as facts bring them (a junk dimension).
    Junk,
    /// Combinations of bands that the members of the dimension of that name go through fast (a
    /// mini-dimension), made as they are loaded.
    MiniOf(String),
    /// The members of a level of the dimension of that name (a rollup or shrunken dimension), for facts
    /// that know no finer ones; made as that dimension is loaded.
    LevelOf(String),
}

/// A generated calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// First day, inclusive.
    pub from: NaiveDate,
    /// Last day, inclusive.
    pub to: NaiveDate,
    /// Month in which the fiscal year begins, 1 to 12. A fiscal year bears the number of the
    /// calendar year in which it ends.
    pub fiscal_year_start_month: u32,
    /// Years of whole weeks, where they are counted as well.
    pub retail: Option<RetailYear>,
    /// The file that names holidays, where there is one: CSV with the columns `date` and `name`,
    /// its path from the project's folder.
    pub holidays: Option<String>,
    /// The time zone whose day a moment is of; without one a moment is not taken for a day.
    pub time_zone: Option<String>,
}

/// A descriptive column of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Name, type, nullability, meaning.
    pub column: Column,
    /// What happens to the old value when the source changes it.
    pub history: History,
    /// The column of the dimension by whose values its values stand in order; by themselves where
    /// there is none.
    pub order_by: Option<String>,
}

/// Kimball's history types, by column. Types 3 and 6 are two columns each: the attribute itself
/// (type 1 or 2), and one beside it that is derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum History {
    /// Type 0: the value that the member had first, in every version.
    Original,
    /// Type 1: overwritten in every version of the member.
    Overwrite,
    /// Type 2: a change opens a new version, valid from the moment of change.
    NewVersion,
    /// Beside an attribute of type 3, in every version: what it was before it was what it is.
    PreviousOf(String),
    /// Beside an attribute of type 6, in every version: what it is now.
    CurrentOf(String),
}

impl History {
    /// The attribute that the column is derived from; none if sources give it.
    pub fn derived_from(&self) -> Option<&str> {
        match self {
            Self::PreviousOf(attribute) | Self::CurrentOf(attribute) => Some(attribute),
            Self::Original | Self::Overwrite | Self::NewVersion => None,
        }
    }
}

/// A way to roll members up.
#[derive(Debug, Clone, PartialEq)]
pub struct Hierarchy {
    /// Its name, unique in the dimension.
    pub name: String,
    /// Levels, coarsest first.
    pub levels: Vec<Level>,
}

/// One step of a hierarchy. Members are told apart by `key` and shown by `attribute`.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its name, unique in the dimension.
    pub name: String,
    /// The attribute shown.
    pub attribute: String,
    /// The column that tells members apart, where the shown attribute does not.
    pub key: Option<String>,
    /// What one member of it is, in words, where the shown attribute does not say it.
    pub description: Option<String>,
    /// Whether members below it may skip it: they have NULL there, and hang from the level above.
    pub skippable: bool,
}

impl Level {
    /// The level that shows the attribute of its own name.
    pub fn of_attribute(name: &str) -> Self {
        let (name, attribute) = (name.to_owned(), name.to_owned());
        Self { name, attribute, key: None, description: None, skippable: false }
    }

    /// The column that tells its members apart.
    pub fn key_column(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.attribute)
    }
}

impl Dimension {
    /// The table's name.
    pub fn table(&self) -> String {
        format!("dim_{}", self.name)
    }

    /// The name of the table of all pairs of ancestor and descendant, where members are one
    /// another's parents.
    pub fn closure_table(&self) -> String {
        format!("closure_{}", self.name)
    }

    /// The columns of that table.
    pub fn closure_columns(&self) -> Vec<Column> {
        [
            ("ancestor_key", ColumnType::Int32, "key of the ancestor's present version"),
            ("descendant_key", ColumnType::Int32, "key of a version of the descendant"),
            ("distance", ColumnType::Int32, "steps between them; 0 from a member to itself"),
            ("ancestor_depth", ColumnType::Int32, "steps from the ancestor up to its root"),
        ]
        .map(|(name, ty, description)| Column::new(name, ty, false).described(description))
        .to_vec()
    }

    /// The surrogate key column's name.
    pub fn key_column(&self) -> String {
        format!("{}_key", self.name)
    }

    /// The column that stays the same over all versions of a member: the first version's key.
    pub fn durable_key_column(&self) -> String {
        format!("{}_durable_key", self.name)
    }

    /// Whether rows carry versions (`valid_from`, `valid_to`, `is_current`, durable key).
    pub fn is_versioned(&self) -> bool {
        self.kind == DimensionKind::Loaded
    }

    /// Whether a member may have several versions that differ: what it was is not what it is.
    pub fn keeps_history(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.history == History::NewVersion)
    }

    /// Whether rows are combinations of values, which never change: of a junk or a mini-dimension.
    pub fn is_combined(&self) -> bool {
        matches!(self.kind, DimensionKind::Junk | DimensionKind::MiniOf(_))
    }

    /// The columns that tell members apart: the natural key; in combinations all there are.
    pub fn identifying_columns(&self) -> Vec<&Column> {
        match self.is_combined() {
            true => self.attributes.iter().map(|attribute| &attribute.column).collect(),
            false => self.natural_key.iter().collect(),
        }
    }

    /// The level of that name, in whichever hierarchy.
    pub fn level(&self, name: &str) -> Option<&Level> {
        self.hierarchies.iter().flat_map(|hierarchy| &hierarchy.levels).find(|l| l.name == name)
    }

    /// Natural key and attribute columns, in table order.
    pub fn described_columns(&self) -> impl Iterator<Item = &Column> {
        self.natural_key.iter().chain(self.attributes.iter().map(|attribute| &attribute.column))
    }

    /// The columns that sources give: the natural key, and the attributes that are not derived.
    pub fn source_columns(&self) -> impl Iterator<Item = &Column> {
        let given = |attribute: &&Attribute| attribute.history.derived_from().is_none();
        let attributes = self.attributes.iter().filter(given);
        self.natural_key.iter().chain(attributes.map(|attribute| &attribute.column))
    }

    /// All columns of the stored table, in order.
    ///
    /// A loaded dimension ends with `<name>_durable_key`, `valid_from` (inclusive), `valid_to`
    /// (exclusive; 9999-12-31 where open) and `is_current`; then `is_inferred`, where its members
    /// may be.
    pub fn table_columns(&self) -> Vec<Column> {
        let key = Column::new(self.key_column(), ColumnType::Int32, false)
            .described("surrogate key; -1 unknown, -2 not applicable");
        let mut columns = vec![key];
        columns.extend(self.described_columns().cloned());
        if self.is_versioned() {
            columns.extend([
                Column::new(self.durable_key_column(), ColumnType::Int32, false)
                    .described("the key of the member's first version, the same in all versions"),
                Column::new("valid_from", ColumnType::Timestamp, false)
                    .described("start of this version, inclusive"),
                Column::new("valid_to", ColumnType::Timestamp, false)
                    .described("end of this version, exclusive"),
                Column::new("is_current", ColumnType::Boolean, false)
                    .described("whether this is the member's present version"),
            ]);
        }
        if self.infers_members {
            columns.push(
                Column::new("is_inferred", ColumnType::Boolean, false)
                    .described("whether only facts have told of the member so far"),
            );
        }
        columns.extend(self.outriggers.iter().map(|mini| {
            Column::new(outrigger_column(mini), ColumnType::Int32, false)
                .described(format!("key of the row of `dim_{mini}` that the member has now"))
        }));
        columns
    }
}
