//! Values on their way into a table's columns: by position, exactly or not at all, text read as what
//! it should be; as the cells of a typed source are.

use super::arrow_types::{taken, taken_as};
use super::question::known;
use crate::error::{Error, Result};
use crate::etl::clean::ColumnCleaner;
use crate::etl::columns::declared_type;
use crate::etl::fit::{Fitting, Wanted};
use crate::etl::job::{OnError, SourceColumn};
use crate::etl::source::Cells;
use crate::model::{Column, ColumnType, arrow_schema};
use arrow::array::{ArrayRef, AsArray, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What Delta tables do not take in a column's name.
const NOT_IN_NAMES: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// The columns of a table made out of rows of a schema.
///
/// # Errors
/// User where a column has no name that a table can have, or a type that a table cannot keep.
pub(super) fn columns_of(schema: &Schema, not_null: &[String]) -> Result<Vec<Column>> {
    let mut seen = BTreeSet::new();
    let column = |field: &Arc<Field>| {
        let name = field.name();
        let fault = if name.is_empty() || name.contains(NOT_IN_NAMES) {
            "a column's name may not be empty nor hold spaces, commas or brackets"
        } else if !seen.insert(name.to_lowercase()) {
            "two columns have the same name"
        } else if let Some(ty) = kept_type(field.data_type()) {
            return Ok(Column::new(name, ty, !not_null.contains(name)));
        } else {
            return Err(Error::unsupported(format!("a table cannot keep {}", field.data_type()))
                .with("column", name)
                .hint("cast it, to text for example"));
        };
        Err(Error::user(fault).with("column", name).hint("name it with AS"))
    };
    schema.fields().iter().map(column).collect()
}

/// NULL alone is kept as text; moments to the microsecond, as what SQL calls `timestamp` has them.
fn kept_type(ty: &DataType) -> Option<ColumnType> {
    match taken_as(ty) {
        DataType::Null => Some(ColumnType::Text),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(ColumnType::Timestamp),
        ty => declared_type(&ty),
    }
}

/// Values of a query into a table's columns.
pub(super) struct Assign {
    /// Where the value of each column comes from, and how it takes the column's type; NULL where
    /// from nowhere.
    picks: Vec<Option<(usize, ColumnCleaner)>>,
    fitting: Fitting,
}

impl Assign {
    /// All columns of a table in their order, or those that are named.
    ///
    /// # Errors
    /// User where there are more or fewer values than columns.
    pub(super) fn new(yielded: &Schema, columns: &[Column], named: &[String]) -> Result<Self> {
        let all: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let named = if named.is_empty() { &all } else { named };
        if named.len() != yielded.fields().len() {
            let (values, count) = (yielded.fields().len(), named.len());
            return Err(Error::user(format!("there are {values} values for {count} columns"))
                .hint(format!("the columns are {}", named.join(", "))));
        }
        let mut picks: Vec<_> = columns.iter().map(|_| None).collect();
        for (value, name) in named.iter().enumerate() {
            let place = known(columns, name)?;
            let cleaner = ColumnCleaner::new(&plain(&columns[place]))?;
            if picks[place].replace((value, cleaner)).is_some() {
                return Err(Error::user(format!("the column `{name}` is named twice")));
            }
        }
        let wanted: Vec<Wanted> = columns.iter().map(Wanted::same).collect();
        // Nothing but NULL is looked for: the values are of the columns' types by then.
        let open: Vec<Column> = columns.iter().map(nullable).collect();
        Ok(Self { picks, fitting: Fitting::new(&arrow_schema(&open), &wanted)? })
    }

    /// A batch of the table's columns.
    ///
    /// # Errors
    /// Data where a value does not fit its column.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let columns = self.picks.iter().zip(self.fitting.columns());
        let values = columns
            .map(|(pick, column)| match pick {
                Some((value, cleaner)) if *batch.column(*value).data_type() != DataType::Null => {
                    typed(&taken(batch.column(*value))?, cleaner)
                }
                _ => Ok(new_null_array(&column.ty.arrow(), rows)),
            })
            .collect::<Result<Vec<_>>>()?;
        let open: Vec<Column> = self.fitting.columns().iter().map(nullable).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let assigned = RecordBatch::try_new_with_options(arrow_schema(&open), values, &options)
            .map_err(|error| Error::internal("values do not fit together").caused_by(error))?;
        self.fitting.apply(&assigned)
    }
}

/// The values as a column's type; exactly, or not at all.
fn typed(values: &ArrayRef, cleaner: &ColumnCleaner) -> Result<ArrayRef> {
    let (typed, faults) = cleaner.clean(&Cells::Typed(Arc::clone(values)))?;
    match faults.into_iter().next() {
        None => Ok(typed),
        Some(fault) => Err(Error::data(fault.reason)
            .with("column", cleaner.name())
            .hint("round or cast it in the statement")),
    }
}

/// A column without rules.
fn plain(column: &Column) -> SourceColumn {
    SourceColumn {
        name: column.name.clone(),
        from: None,
        ty: column.ty,
        clean: Vec::new(),
        on_error: OnError::Reject,
    }
}

fn nullable(column: &Column) -> Column {
    Column { nullable: true, ..column.clone() }
}

/// Rows of the question behind an UPDATE as rows of the table.
pub(super) struct Update {
    columns: usize,
    /// The columns that are set, in the order of their values.
    set: Vec<usize>,
    same: Assign,
    new: Assign,
}

impl Update {
    /// # Errors
    /// As [`Assign::new`].
    pub(super) fn new(yielded: &Schema, columns: &[Column], set: &[String]) -> Result<Self> {
        let count = columns.len();
        let part = |from: usize, to: usize| Schema::new(yielded.fields()[from..to].to_vec());
        // Of rows that do not change the new value is NULL, whatever the column.
        let open: Vec<Column> = columns.iter().map(nullable).collect();
        Ok(Self {
            columns: count,
            set: set.iter().map(|name| known(columns, name)).collect::<Result<_>>()?,
            same: Assign::new(&part(0, count), columns, &[])?,
            new: Assign::new(&part(count, count + set.len()), &open, set)?,
        })
    }

    /// The rows after the update, and how many of them it changed.
    ///
    /// # Errors
    /// Data where a value does not fit its column.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<(RecordBatch, u64)> {
        let broken = |error| Error::internal("an update does not fit its table").caused_by(error);
        let part = |from: usize, to: usize| batch.project(&(from..to).collect::<Vec<_>>());
        let values = self.columns + self.set.len();
        let before = self.same.apply(&part(0, self.columns).map_err(broken)?)?;
        let after = self.new.apply(&part(self.columns, values).map_err(broken)?)?;
        let changed = batch.column(values).as_boolean();
        let mut columns = before.columns().to_vec();
        for place in &self.set {
            let (old, new) = (&columns[*place], after.column(*place));
            columns[*place] = zip(changed, new, old).map_err(broken)?;
        }
        let nulls =
            |error| Error::data("a column that never holds NULL would get one").caused_by(error);
        let updated = RecordBatch::try_new(before.schema(), columns).map_err(nulls)?;
        Ok((updated, changed.true_count() as u64))
    }
}
