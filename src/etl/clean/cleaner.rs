//! The batches of a source, cleaned: column by column, then rows as a whole.

use super::column::{self, ColumnCleaner};
use super::fills::{self, Carried, Fills};
use super::must_exist::{Broken, MustExist};
use super::row::RowRules;
use super::{Fault, Refused, audit};
use crate::error::{Error, Result};
use crate::etl::contract;
use crate::etl::job::{Derived, OnDrift, OnError, RowCheck, SourceColumn, SourceSpec};
use crate::etl::source::RawBatch;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The place of a column, for faults that are not of one.
const NO_COLUMN: usize = usize::MAX;

/// Cleans the batches of a source.
pub(crate) struct Cleaner {
    columns: Vec<ColumnCleaner>,
    read: SchemaRef,
    fills: Fills,
    rows: RowRules,
    must_exist: Vec<MustExist>,
    /// The columns with those of the audit, where it is asked for.
    audited: Option<SchemaRef>,
    /// Whether a value that does not fit its type becomes NULL, whatever the column says.
    types_evolve: bool,
}

/// A batch whose values have their types, each by itself.
pub(crate) struct Typed {
    pub(crate) raw: RawBatch,
    arrays: Vec<ArrayRef>,
    /// The rows in which a column is wrong, by column.
    wrong: Vec<HashSet<usize>>,
    verdict: Verdict,
}

/// What was found wrong so far.
#[derive(Default)]
struct Verdict {
    /// The first fault of each row, with its column.
    first: BTreeMap<usize, (usize, Fault)>,
    nulled: BTreeMap<(String, &'static str), u64>,
    /// Moments cut to the microsecond, by column.
    finer: BTreeMap<String, u64>,
    is_broken: bool,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Cleaned {
    /// The rows that are right, in the order read.
    pub(crate) batch: RecordBatch,
    /// The rows that are not, in the order read.
    pub(crate) refused: Vec<Refused>,
    /// The values of those that could be read, with NULL for what is wrong.
    pub(crate) refused_rows: RecordBatch,
    /// Values made NULL by `on_error: null`: column and rule -> count.
    pub(crate) nulled: BTreeMap<(String, &'static str), u64>,
    /// Rows that stay though they name what does not exist: rule -> count, and the first of them.
    pub(crate) told: BTreeMap<String, (u64, String)>,
    /// Moments that were finer than a microsecond, to which they are cut, by column.
    pub(crate) finer: BTreeMap<String, u64>,
}

impl Cleaner {
    /// Compiles the rules of a source.
    ///
    /// # Errors
    /// User where a rule is wrong; the error names the column.
    pub(crate) fn new(spec: &SourceSpec) -> Result<Self> {
        let mut cleaner = Self::compile(&spec.columns, &spec.derive, &spec.checks)?;
        let types = spec.contract.as_ref().map(|contract| contract.types);
        cleaner.types_evolve = types == Some(OnDrift::Evolve);
        let rules = spec.must_exist.iter();
        cleaner.must_exist =
            rules.map(|rule| MustExist::new(rule, cleaner.rows.schema())).collect::<Result<_>>()?;
        if spec.audit {
            cleaner.audited = Some(audit::with_audit(cleaner.rows.schema())?);
        }
        Ok(cleaner)
    }

    /// Compiles the rules of columns alone.
    ///
    /// # Errors
    /// User where a rule is wrong; the error names the column.
    pub(crate) fn of_columns(columns: &[SourceColumn]) -> Result<Self> {
        Self::compile(columns, &[], &[])
    }

    fn compile(columns: &[SourceColumn], derive: &[Derived], checks: &[RowCheck]) -> Result<Self> {
        let fields = columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true));
        let read = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let fills = Fills::new(columns, &read)?;
        let columns = columns.iter().map(ColumnCleaner::new).collect::<Result<_>>()?;
        let rows = RowRules::new(&read, derive, checks)?;
        let (must_exist, audited) = (Vec::new(), None);
        Ok(Self { columns, read, fills, rows, must_exist, audited, types_evolve: false })
    }

    /// The schema of cleaned batches.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.audited.as_ref().unwrap_or_else(|| self.rows.schema())
    }

    /// Whether batches must be cleaned in the order read: a row's values depend on those before.
    pub(crate) fn is_in_order(&self) -> bool {
        self.fills.is_in_order()
    }

    /// Cleans a batch that does not depend on those before. Where its input breaks the contract,
    /// for that reason no row is right.
    ///
    /// # Errors
    /// User where a typed column can never become the declared type.
    pub(crate) fn clean(&self, raw: RawBatch, broken: Option<&str>) -> Result<Cleaned> {
        self.finish(self.typed(raw, broken)?, &mut Carried::default())
    }

    /// The first half of it: each column by itself.
    ///
    /// # Errors
    /// Those of [`Self::clean`].
    pub(crate) fn typed(&self, raw: RawBatch, broken: Option<&str>) -> Result<Typed> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        let mut verdict = Verdict { is_broken: broken.is_some(), ..Verdict::default() };
        if let Some(reason) = broken {
            let fault = |row| Fault { row, rule: contract::RULE, reason: reason.to_owned() };
            verdict.first = (0..raw.rows).map(|row| (row, (NO_COLUMN, fault(row)))).collect();
        }
        let mut wrong = Vec::new();
        for (at, (column, cells)) in self.columns.iter().zip(&raw.columns).enumerate() {
            let (array, faults, finer) =
                column.clean_and_tell(cells).map_err(|error| error.with("file", &raw.file))?;
            arrays.push(array);
            if finer > 0 {
                verdict.finer.insert(column.name().to_owned(), finer);
            }
            if !self.fills.is_empty() {
                wrong.push(faults.iter().map(|fault| fault.row).collect());
            }
            faults.into_iter().for_each(|fault| self.judge(at, fault, &mut verdict));
        }
        Ok(Typed { raw, arrays, wrong, verdict })
    }

    /// Whether a row stays in spite of a fault.
    fn judge(&self, at: usize, fault: Fault, verdict: &mut Verdict) {
        let column = &self.columns[at];
        let evolves = self.types_evolve && fault.rule == column::TYPE && column.may_be_null();
        if evolves || column.on_error() == OnError::Null {
            *verdict.nulled.entry((column.name().to_owned(), fault.rule)).or_insert(0) += 1;
        } else {
            verdict.first.entry(fault.row).or_insert((at, fault));
        }
    }

    /// The second half: what depends on other columns, rows and tables. `carried` is what was before
    /// in the same file.
    ///
    /// # Errors
    /// Internal where the columns are others than at first.
    pub(crate) fn finish(&self, typed: Typed, carried: &mut Carried) -> Result<Cleaned> {
        let Typed { raw, mut arrays, wrong, mut verdict } = typed;
        if !self.fills.is_empty() {
            let columns =
                &mut fills::Typed { schema: &self.read, arrays: &mut arrays, wrong: &wrong };
            let faults = self.fills.apply(columns, &raw, carried)?;
            faults.into_iter().for_each(|(at, fault)| self.judge(at, fault, &mut verdict));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(raw.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.read), arrays, &options)
            .map_err(internal)?;
        let (batch, mut faults) = self.rows.apply(batch)?;
        let mut told = Vec::new();
        for rule in &self.must_exist {
            match rule.apply(&batch)? {
                Broken::Refused(refused) => faults.extend(refused),
                Broken::Told(rows) => told.push((rule.name(), rows)),
            }
        }
        let Verdict { mut first, mut nulled, finer, is_broken } = verdict;
        for fault in faults {
            first.entry(fault.row).or_insert((NO_COLUMN, fault));
        }
        let batch = match &self.audited {
            Some(schema) => audit::add(&batch, &raw, self.columns.len(), schema)?,
            None => batch,
        };
        if is_broken {
            nulled.clear();
        }
        let told = told.into_iter().filter_map(|(name, rows)| {
            let mut rows = rows.into_iter().filter(|(row, _)| !first.contains_key(row));
            let (row, words) = rows.next()?;
            let line = raw.position(row).line;
            let example = format!("{words} ({}:{line})", raw.file);
            Some((name.to_owned(), (1 + rows.count() as u64, example)))
        });
        let told = told.collect();
        let (batch, refused_rows) = (keep(&batch, &first, false)?, keep(&batch, &first, true)?);
        let refused = self.refused(&raw, first);
        Ok(Cleaned { batch, refused, refused_rows, nulled, told, finer })
    }

    fn refused(&self, raw: &RawBatch, faults: BTreeMap<usize, (usize, Fault)>) -> Vec<Refused> {
        let unreadable = raw.unreadable.iter().map(|row| Refused {
            position: row.position,
            column: None,
            rule: row.rule,
            reason: row.reason.clone(),
            raw: row.raw.clone(),
        });
        let faulty = faults.into_iter().map(|(row, (column, fault))| Refused {
            position: raw.position(row),
            column: self.columns.get(column).map(|column| column.name().to_owned()),
            rule: fault.rule,
            reason: fault.reason,
            raw: raw.raw(row),
        });
        let mut refused: Vec<Refused> = unreadable.chain(faulty).collect();
        refused.sort_by_key(|row| row.position.line);
        refused
    }
}

/// The rows with a fault, or those without. A row that on_error nulled and another column refused
/// has one.
fn keep(
    batch: &RecordBatch,
    faults: &BTreeMap<usize, (usize, Fault)>,
    faulty: bool,
) -> Result<RecordBatch> {
    if faults.is_empty() {
        return Ok(if faulty { batch.slice(0, 0) } else { batch.clone() });
    }
    let mask: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(faults.contains_key(&row) == faulty)).collect();
    filter_record_batch(batch, &mask).map_err(internal)
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::internal("a cleaned batch does not hold together").caused_by(error)
}
