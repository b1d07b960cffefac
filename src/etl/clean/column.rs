//! One column's way from raw cells to typed values.

use super::range::Range;
use super::{Clean, Fault, cast, compile, fills, parse, required, time_zone, values};
use crate::error::{Error, Result};
use crate::etl::job::{OnError, Rule, SourceColumn};
use crate::etl::source::Cells;
use crate::model::ColumnType;
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::buffer::BooleanBuffer;
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

/// The rule a value breaks that does not fit its type.
pub(crate) const TYPE: &str = "type";

/// A column's compiled rules.
pub(crate) struct ColumnCleaner {
    name: String,
    ty: ColumnType,
    rules: Vec<Box<dyn Clean>>,
    ranges: Vec<Range>,
    on_error: OnError,
    /// The rules leave values as they are: a typed column can stay whole.
    only_checks: bool,
    required: bool,
    may_be_null: bool,
    /// Times are those of clocks somewhere.
    is_local: bool,
}

impl ColumnCleaner {
    /// # Errors
    /// User where a rule is wrong; the error names the column.
    pub(crate) fn new(column: &SourceColumn) -> Result<Self> {
        Self::compile(column).map_err(|error| error.with("column", &column.name))
    }

    fn compile(column: &SourceColumn) -> Result<Self> {
        let has_required = column.clean.contains(&Rule::Required);
        if has_required && column.on_error == OnError::Null {
            return Err(Error::user("`required` and `on_error: null` contradict each other"));
        }
        let mut rules = Vec::new();
        let mut ranges = Vec::new();
        let clean = fills::before(&column.clean)?;
        for rule in clean {
            match rule {
                Rule::Range(range) => ranges.push(Range::new(range, column.ty)?),
                other => rules.extend(compile(other)?),
            }
        }
        Ok(Self {
            name: column.name.clone(),
            ty: column.ty,
            rules,
            ranges,
            on_error: column.on_error,
            only_checks: !clean.iter().any(|rule| !is_check(rule)),
            required: clean.contains(&Rule::Required),
            may_be_null: !has_required,
            is_local: time_zone::is_local(column)?,
        })
    }

    /// The column's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What happens to a row with a bad value.
    pub(crate) fn on_error(&self) -> OnError {
        self.on_error
    }

    /// Whether a row may do without a value here.
    pub(crate) fn may_be_null(&self) -> bool {
        self.may_be_null
    }

    /// Cleans a column of raw cells. Faulty values are NULL in the array.
    ///
    /// # Errors
    /// User where a typed column can never become the declared type.
    pub(crate) fn clean(&self, cells: &Cells) -> Result<(ArrayRef, Vec<Fault>)> {
        self.clean_and_tell(cells).map(|(array, faults, _)| (array, faults))
    }

    /// The same, and how many moments were finer than a microsecond, to which they are cut.
    ///
    /// # Errors
    /// Those of [`Self::clean`].
    pub(crate) fn clean_and_tell(&self, cells: &Cells) -> Result<(ArrayRef, Vec<Fault>, u64)> {
        let finer = Cell::new(match cells {
            Cells::Typed(array) if self.ty == ColumnType::Timestamp => cast::finer(array),
            _ => 0,
        });
        let (array, faults) = self.cleaned(cells, &finer)?;
        Ok((array, faults, finer.get()))
    }

    fn cleaned(&self, cells: &Cells, finer: &Cell<u64>) -> Result<(ArrayRef, Vec<Fault>)> {
        let (array, mut faults) = match cells {
            Cells::Slices(cells) => self.clean_text(cells.iter(), None, finer),
            Cells::Text { values, native } => self.clean_strings(values, native.as_ref(), finer),
            Cells::Typed(array) => self.clean_typed(array, finer)?,
        };
        let mut outside = Vec::new();
        for range in &self.ranges {
            outside.extend(range.faults(&array)?);
        }
        let array = if outside.is_empty() { array } else { null_at(&array, &outside)? };
        faults.extend(outside);
        Ok((array, faults))
    }

    fn clean_typed(&self, array: &ArrayRef, finer: &Cell<u64>) -> Result<(ArrayRef, Vec<Fault>)> {
        let is_text = self.ty == ColumnType::Text;
        if !self.only_checks || cast::is_text(array) != is_text {
            let to_text = if self.is_local { cast::to_local_text } else { cast::to_text };
            let (values, native) = to_text(array, self.ty).map_err(|e| self.place(e))?;
            return Ok(self.clean_strings(&values, native.as_ref(), finer));
        }
        let (typed, mut faults) = cast::cast(array, self.ty).map_err(|e| self.place(e))?;
        if self.required && array.null_count() > 0 {
            let nulls = (0..array.len()).filter(|row| array.is_null(*row));
            let reason = || required::REASON.to_owned();
            faults.extend(nulls.map(|row| Fault { row, rule: "required", reason: reason() }));
        }
        Ok((typed, faults))
    }

    fn place(&self, error: Error) -> Error {
        error.with("column", &self.name)
    }

    fn clean_strings(
        &self,
        cells: &StringArray,
        native: Option<&BooleanBuffer>,
        finer: &Cell<u64>,
    ) -> (ArrayRef, Vec<Fault>) {
        if self.rules.is_empty() && self.ty == ColumnType::Text {
            return (Arc::new(cells.clone()), Vec::new());
        }
        self.clean_text(cells.iter(), native, finer)
    }

    fn clean_text<'a>(
        &self,
        cells: impl ExactSizeIterator<Item = Option<&'a str>>,
        native: Option<&BooleanBuffer>,
        finer: &Cell<u64>,
    ) -> (ArrayRef, Vec<Fault>) {
        let mut faults = Vec::new();
        if self.rules.is_empty() {
            let array = self.typed(cells, &mut faults, finer);
            return (array, faults);
        }
        let mut cleaned: Vec<super::Cell<'a>> = Vec::with_capacity(cells.len());
        for (row, cell) in cells.enumerate() {
            let is_native = native.is_some_and(|native| native.value(row));
            let cell = self.apply(cell.map(Cow::Borrowed), is_native);
            cleaned.push(cell.unwrap_or_else(|(rule, reason)| {
                faults.push(Fault { row, rule, reason });
                None
            }));
        }
        let array = self.typed(cleaned.iter().map(Option::as_deref), &mut faults, finer);
        (array, faults)
    }

    fn typed<'a>(
        &self,
        texts: impl ExactSizeIterator<Item = Option<&'a str>>,
        faults: &mut Vec<Fault>,
        finer: &Cell<u64>,
    ) -> ArrayRef {
        let is_moment = self.ty == ColumnType::Timestamp;
        let texts = texts.inspect(|text| {
            if is_moment && text.is_some_and(parse::is_finer) {
                finer.set(finer.get() + 1);
            }
        });
        values::column(self.ty, texts, |row, reason| {
            faults.push(Fault { row, rule: TYPE, reason });
        })
    }

    fn apply<'a>(
        &self,
        cell: super::Cell<'a>,
        native: bool,
    ) -> Result<super::Cell<'a>, (&'static str, String)> {
        let mut cell = cell;
        for rule in self.rules.iter().filter(|rule| !(native && rule.is_about_writing())) {
            cell = rule.apply(cell).map_err(|reason| (rule.name(), reason))?;
        }
        Ok(cell)
    }
}

fn is_check(rule: &Rule) -> bool {
    matches!(rule, Rule::Required | Rule::Range(_))
}

/// The array with NULL in place of the faulty values.
fn null_at(array: &ArrayRef, faults: &[Fault]) -> Result<ArrayRef> {
    let mut faulty = vec![false; array.len()];
    for fault in faults {
        faulty[fault.row] = true;
    }
    arrow::compute::nullif(array, &faulty.into())
        .map_err(|error| Error::internal("cannot clear faulty values").caused_by(error))
}
