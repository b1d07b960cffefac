//! Bridges: which members of one dimension belong to which of another, where both may be several.

use super::{Column, ColumnType};

/// A many-to-many relation between two dimensions: a product and the themes it belongs to, an
/// account and those who own it. Facts point to the first; the bridge leads them to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name; the table is `bridge_<name>`.
    pub name: String,
    /// What it means, in words.
    pub description: String,
    /// The dimension that facts point to.
    pub from: String,
    /// The dimension that it leads to.
    pub to: String,
    /// The column of shares, where there are any: those of each member of `from` add up to 1.
    pub weight: Option<Column>,
}

impl Bridge {
    /// The table's name.
    pub fn table(&self) -> String {
        format!("bridge_{}", self.name)
    }

    /// The column that tells the member it leads from: its durable key.
    pub fn from_column(&self) -> String {
        format!("{}_durable_key", self.from)
    }

    /// The column that tells the member it leads to: its durable key.
    pub fn to_column(&self) -> String {
        format!("{}_durable_key", self.to)
    }

    /// All columns of the stored table, in order.
    pub fn table_columns(&self) -> Vec<Column> {
        let key = |name, of: &String| {
            let meaning = format!("the member of {of}, by the key of its first version");
            Column::new(name, ColumnType::Int32, false).described(meaning)
        };
        let keys = [key(self.from_column(), &self.from), key(self.to_column(), &self.to)];
        keys.into_iter().chain(self.weight.clone()).collect()
    }
}
