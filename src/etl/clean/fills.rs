//! `fill_expression`, `fill_previous`, `fill_lookup`: NULL becomes a value that other columns, rows or
//! tables have.
//!
//! They look at values that have their types already, column after column: one that is filled is
//! there for those after it. What a rule has refused is not filled.

mod expression;
mod lookup;
mod previous;

pub(crate) use previous::Carried;

use super::{Fault, required};
use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::{Rule, SourceColumn};
use crate::etl::source::RawBatch;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::Schema;
use expression::Expression;
use lookup::Lookup;
use previous::Previous;
use std::collections::HashSet;

/// The fills of a source's columns, in their order.
pub(super) struct Fills(Vec<Fill>);

struct Fill {
    column: usize,
    name: &'static str,
    how: How,
    /// Whether NULL is wrong afterwards.
    is_required: bool,
}

enum How {
    Expression(Expression),
    Previous(Previous),
    Lookup(Lookup),
}

/// Columns whose values have their types, and for each the rows in which it is wrong.
pub(super) struct Typed<'a> {
    pub(super) schema: &'a Schema,
    pub(super) arrays: &'a mut Vec<ArrayRef>,
    pub(super) wrong: &'a [HashSet<usize>],
}

/// The name of a rule that fills in typed values, if it is one.
pub(super) fn name(rule: &Rule) -> Option<&'static str> {
    match rule {
        Rule::FillExpression(_) => Some("fill_expression"),
        Rule::FillPrevious(_) => Some("fill_previous"),
        Rule::FillLookup(_) => Some("fill_lookup"),
        _ => None,
    }
}

/// The rules of a column before the one that fills in typed values, if there is one.
///
/// # Errors
/// User where anything but `required` comes after it.
pub(super) fn before(rules: &[Rule]) -> Result<&[Rule]> {
    let Some(at) = rules.iter().position(|rule| name(rule).is_some()) else { return Ok(rules) };
    match rules[at + 1..].iter().any(|rule| *rule != Rule::Required) {
        false => Ok(&rules[..at]),
        true => Err(Error::user(format!(
            "`{}` fills in a value of the column's type: only `required` comes after it",
            name(&rules[at]).unwrap_or_default()
        ))),
    }
}

impl Fills {
    /// # Errors
    /// User where a rule is wrong; the error names the column.
    pub(super) fn new(columns: &[SourceColumn], schema: &Schema) -> Result<Self> {
        let mut fills = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let place = |error: Error| error.with("column", &column.name);
            let Some(rule) = column.clean.iter().find(|rule| name(rule).is_some()) else {
                continue;
            };
            let how = match rule {
                Rule::FillExpression(sql) => {
                    Expression::new(sql, column.ty, schema).map(How::Expression)
                }
                Rule::FillPrevious(rule) => Previous::new(rule, at, schema).map(How::Previous),
                Rule::FillLookup(rule) => Lookup::new(rule, schema).map(How::Lookup),
                _ => continue,
            };
            let is_required = column.clean.last() == Some(&Rule::Required);
            let name = name(rule).unwrap_or_default();
            fills.push(Fill { column: at, name, how: how.map_err(place)?, is_required });
        }
        Ok(Self(fills))
    }

    /// Whether there is nothing to fill.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a row's values depend on those before it.
    pub(super) fn is_in_order(&self) -> bool {
        self.0.iter().any(|fill| matches!(fill.how, How::Previous(_)))
    }

    /// Fills in, and says which values are wrong, by column.
    ///
    /// # Errors
    /// Internal where the columns are others than at first.
    pub(super) fn apply(
        &self,
        typed: &mut Typed<'_>,
        raw: &RawBatch,
        carried: &mut Carried,
    ) -> Result<Vec<(usize, Fault)>> {
        carried.enter(raw);
        let mut faults = Vec::new();
        for Fill { column, name, how, is_required } in &self.0 {
            let empty = typed.empty(*column);
            let mut wrong = |row: usize, reason: String| {
                faults.push((*column, Fault { row, rule: name, reason }));
            };
            let filled = match how {
                How::Expression(fill) => fill.values(typed, &empty, &mut wrong)?,
                How::Previous(fill) => fill.values(typed, raw, carried, &mut wrong)?,
                How::Lookup(fill) => fill.values(typed, *column)?,
            };
            typed.arrays[*column] = zip(&empty, &filled, &typed.arrays[*column])
                .map_err(|error| Error::internal("a column cannot be filled").caused_by(error))?;
            let told: HashSet<usize> =
                faults.iter().filter(|(at, _)| at == column).map(|(_, f)| f.row).collect();
            if *is_required {
                let array = &typed.arrays[*column];
                let missing = (0..array.len())
                    .filter(|row| array.is_null(*row) && empty.value(*row) && !told.contains(row));
                faults.extend(missing.map(|row| {
                    let reason = required::REASON.to_owned();
                    (*column, Fault { row, rule: "required", reason })
                }));
            }
        }
        Ok(faults)
    }
}

impl Typed<'_> {
    /// The rows in which a column has no value, and is not wrong.
    fn empty(&self, column: usize) -> BooleanArray {
        let (array, wrong) = (&self.arrays[column], &self.wrong[column]);
        let is_empty = |row: usize| array.is_null(row) && !wrong.contains(&row);
        (0..array.len()).map(|row| Some(is_empty(row))).collect()
    }

    fn columns(&self, columns: &[usize]) -> Vec<ArrayRef> {
        columns.iter().map(|column| ArrayRef::clone(&self.arrays[*column])).collect()
    }
}

/// Where the source has a column.
///
/// # Errors
/// User where it has none of that name.
pub(super) fn find(name: &str, schema: &Schema) -> Result<usize> {
    schema.index_of(name).map_err(|_| {
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let near = did_you_mean(name, names()).map(|near| format!("did you mean `{near}`? "));
        let has = names().collect::<Vec<_>>().join(", ");
        Error::user(format!("the source has no column `{name}`"))
            .hint(format!("{}it has {has}", near.unwrap_or_default()))
    })
}
