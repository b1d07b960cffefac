//! Facts: what happened, at a declared grain.

use super::{Column, ColumnType};

/// A fact table.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name; the table is `fact_<name>`.
    pub name: String,
    /// What the subject is, in words.
    pub description: String,
    /// What one row is, in words.
    pub grain: String,
    /// How rows come and change.
    pub kind: FactKind,
    /// The dimensions, each in a role.
    pub roles: Vec<FactRole>,
    /// Identifiers without a table of their own (receipt number, loan number).
    pub degenerate: Vec<Column>,
    /// Numeric and other descriptive columns of the event.
    pub columns: Vec<Column>,
    /// Which of the columns are days between two milestones, computed when rows are loaded.
    pub lags: Vec<Lag>,
    /// The columns that identify a row (the declared grain): role key columns, degenerate or
    /// other columns.
    pub key: Vec<String>,
    /// The role of a calendar dimension by whose month rows are partitioned; none if small.
    pub partition_by_month_of: Option<String>,
    /// Columns by which rows are sorted inside a file.
    pub sort_by: Vec<String>,
    /// Columns along whose Hilbert curve rows are laid inside a file, in place of sorting them: any
    /// of the columns then finds its rows close together, none as close as the first of `sort_by`.
    pub cluster_by: Vec<String>,
}

/// Days from one milestone to another; NULL while either is not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The column.
    pub name: String,
    /// The calendar role of the milestone counted from.
    pub from: String,
    /// The calendar role of the milestone counted to.
    pub to: String,
}

/// How a fact's rows come and change (Kimball's fact table types).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// A row an event.
    Transaction,
    /// A row a thing and period.
    PeriodicSnapshot,
    /// A row a process, updated as it passes milestones.
    AccumulatingSnapshot,
    /// A row that only records that something happened or was due.
    Factless,
}

/// A dimension as this fact uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct FactRole {
    /// The role's name (`date`, `opened`, `customer`); the key column is `<role>_key`, of a level
    /// `<role>_<level>_key`.
    pub role: String,
    /// The dimension that plays it.
    pub dimension: String,
    /// What the role means, in words.
    pub description: String,
    /// Where the fact does not know single members but a coarser level: a month's target has a month,
    /// and no day.
    pub coarse: Option<Coarse>,
    /// Of a mini-dimension: the role of the member whose bands these are.
    pub of: Option<String>,
}

/// The level of a role that a fact knows, and nothing finer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coarse {
    /// The level.
    pub level: String,
    /// The dimension's columns that it decides.
    pub columns: Vec<String>,
    /// The dimension of whose members it is a level, where the role's own holds that level's; a month
    /// is that of its first day, in the calendar itself.
    pub base: Option<String>,
}

impl FactRole {
    /// The dimension that the fact shares with others in this role: whose level it knows, where it
    /// knows a level.
    pub fn conformed(&self) -> &str {
        let base = self.coarse.as_ref().and_then(|coarse| coarse.base.as_deref());
        base.unwrap_or(&self.dimension)
    }

    /// Whether the fact refers to the members of a level, which have neither versions nor bridges.
    pub fn is_of_level(&self) -> bool {
        self.coarse.as_ref().is_some_and(|coarse| coarse.base.is_some())
    }

    /// Whether the fact knows a column of its dimension.
    pub fn knows(&self, column: &str) -> bool {
        self.coarse.as_ref().is_none_or(|coarse| coarse.columns.iter().any(|own| own == column))
    }

    /// The foreign key column's name; it says where it leads to a level only.
    pub fn key_column(&self) -> String {
        match &self.coarse {
            Some(Coarse { level, base: Some(_), .. }) => format!("{}_{level}_key", self.role),
            _ => format!("{}_key", self.role),
        }
    }
}

/// The name of the partition column of facts that are partitioned by month: the month as the
/// integer `yyyymm`.
pub(crate) const MONTH_PARTITION: &str = "partition_month";

impl Fact {
    /// How many columns a curve goes through at most: beyond, each is hardly clustered at all.
    pub const MOST_AXES: usize = 4;

    /// The table's name.
    pub fn table(&self) -> String {
        format!("fact_{}", self.name)
    }

    /// The role of that name.
    pub fn role(&self, name: &str) -> Option<&FactRole> {
        self.roles.iter().find(|role| role.role == name)
    }

    /// The column of the key of the role of that name.
    pub fn key_of(&self, role: &str) -> Option<String> {
        self.role(role).map(FactRole::key_column)
    }

    /// The columns that sources give: degenerate dimensions, and columns that are not computed.
    pub fn source_columns(&self) -> impl Iterator<Item = &Column> {
        let given = |column: &&Column| self.lags.iter().all(|lag| lag.name != column.name);
        self.degenerate.iter().chain(self.columns.iter().filter(given))
    }

    /// The partition column, if the fact is partitioned.
    pub fn partition_column(&self) -> Option<&'static str> {
        self.partition_by_month_of.as_ref().map(|_| MONTH_PARTITION)
    }

    /// All columns of the stored table, in order: role keys, degenerate dimensions, columns,
    /// then the partition column if there is one.
    pub fn table_columns(&self) -> Vec<Column> {
        let keys = self.roles.iter().map(|role| {
            Column::new(role.key_column(), ColumnType::Int32, false).described(&role.description)
        });
        let mut columns: Vec<Column> = keys
            .chain(self.degenerate.iter().cloned())
            .chain(self.columns.iter().cloned())
            .collect();
        if let Some(partition) = self.partition_column() {
            columns.push(
                Column::new(partition, ColumnType::Int32, false)
                    .described("month of the partitioning date, as yyyymm"),
            );
        }
        columns
    }
}
