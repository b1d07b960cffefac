//! Values that must be found in reference data.

use super::Fault;
use super::fills::find;
use crate::error::{Error, Result};
use crate::etl::job::{self, Otherwise};
use crate::etl::listed::{self, Listed};
use arrow::array::ArrayRef;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The rule a row breaks that names what does not exist.
const RULE: &str = "must_exist";

/// One such rule, ready to run.
pub(super) struct MustExist {
    name: String,
    by: Vec<usize>,
    there: String,
    listed: Option<Arc<Listed>>,
    otherwise: Otherwise,
}

/// The rows that break it.
pub(super) enum Broken {
    Refused(Vec<Fault>),
    /// Those that stay all the same, with what to tell of each.
    Told(Vec<(usize, String)>),
}

impl MustExist {
    /// # Errors
    /// User where it is about no column, or one that the source does not have.
    pub(super) fn new(rule: &job::MustExist, schema: &Schema) -> Result<Self> {
        let place = |error: Error| error.with("must_exist", &rule.name);
        if rule.by.is_empty() {
            return Err(place(Error::user("`by` names no column, so nothing would be looked for")));
        }
        let by = rule.by.keys().map(|name| find(name, schema)).collect::<Result<_>>();
        let columns = rule.by.values().map(String::as_str).collect::<Vec<_>>().join(", ");
        Ok(Self {
            name: rule.name.clone(),
            by: by.map_err(place)?,
            there: format!("{columns} of {}", rule.where_it_is()),
            listed: rule.listed.clone(),
            otherwise: rule.otherwise,
        })
    }

    /// What it is about.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// # Errors
    /// Internal where the columns are others than at first.
    pub(super) fn apply(&self, rows: &RecordBatch) -> Result<Broken> {
        let keys: Vec<ArrayRef> = self.by.iter().map(|at| Arc::clone(rows.column(*at))).collect();
        let absent = match &self.listed {
            Some(listed) => listed.absent(&keys)?,
            None => Vec::new(),
        };
        let told = |row: &usize| format!("{} is no {}", listed::words(&keys, *row), self.there);
        let refused = |row: &usize| {
            let reason = format!("{}: {}", self.name, told(row));
            Fault { row: *row, rule: RULE, reason }
        };
        Ok(match self.otherwise {
            Otherwise::Warn => Broken::Told(absent.iter().map(|row| (*row, told(row))).collect()),
            Otherwise::Reject => Broken::Refused(absent.iter().map(refused).collect()),
        })
    }
}
