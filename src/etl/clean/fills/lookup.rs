//! `fill_lookup`: the value that reference data has for other columns of the row.

use super::{Typed, find};
use crate::error::{Error, Result};
use crate::etl::job;
use crate::etl::listed::Listed;
use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::Schema;
use std::sync::Arc;

pub(super) struct Lookup {
    by: Vec<usize>,
    listed: Option<Arc<Listed>>,
}

impl Lookup {
    /// # Errors
    /// User where it is looked up by nothing, or by a column that the source does not have.
    pub(super) fn new(rule: &job::Lookup, schema: &Schema) -> Result<Self> {
        if rule.by.is_empty() {
            return Err(Error::user("`by` names no column, so nothing would be found"));
        }
        let by = rule.by.keys().map(|name| find(name, schema)).collect::<Result<_>>()?;
        Ok(Self { by, listed: rule.listed.clone() })
    }

    /// What is found for each row; NULL where nothing is.
    pub(super) fn values(&self, typed: &Typed<'_>, column: usize) -> Result<ArrayRef> {
        let array = &typed.arrays[column];
        match &self.listed {
            Some(listed) => listed.values(&typed.columns(&self.by), array.data_type()),
            None => Ok(new_null_array(array.data_type(), array.len())),
        }
    }
}
