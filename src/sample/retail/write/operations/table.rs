//! A table of the operational database under way.

use super::super::report::{Fault, SourceReport};
use rusqlite::Transaction;

/// A row as it goes in: text that the column's type may turn into a number, or NULL.
pub(crate) type Row = Vec<Option<String>>;

/// A table that counts what goes in.
pub(crate) struct Table<'a> {
    transaction: &'a Transaction<'a>,
    insert: String,
    report: SourceReport,
}

impl<'a> Table<'a> {
    /// Makes a table; each column is its name and type.
    pub(crate) fn create(
        transaction: &'a Transaction<'a>,
        name: &'static str,
        columns: &[&str],
    ) -> rusqlite::Result<Self> {
        transaction.execute(&format!("CREATE TABLE {name} ({})", columns.join(", ")), [])?;
        let places = vec!["?"; columns.len()].join(", ");
        Ok(Self {
            transaction,
            insert: format!("INSERT INTO {name} VALUES ({places})"),
            report: SourceReport::new(name, format!("{}: {name}", super::FILE)),
        })
    }

    /// A good row.
    pub(crate) fn row(&mut self, row: &[Option<String>]) -> rusqlite::Result<()> {
        self.report.rows += 1;
        let mut statement = self.transaction.prepare_cached(&self.insert)?;
        statement.execute(rusqlite::params_from_iter(row)).map(|_| ())
    }

    /// A good row that repeats the key of another.
    pub(crate) fn duplicate(&mut self, row: &[Option<String>]) -> rusqlite::Result<()> {
        self.report.duplicates += 1;
        self.row(row)
    }

    /// A row to be rejected.
    pub(crate) fn bad_row(
        &mut self,
        row: &[Option<String>],
        (column, why): Fault,
    ) -> rusqlite::Result<()> {
        self.report.reject(self.report.rows + 1, Some(column), why);
        self.row(row)
    }

    /// What went in.
    pub(crate) fn finish(self) -> SourceReport {
        self.report
    }
}
