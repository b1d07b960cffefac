//! Functions whose answer may be far larger than what they are given, bounded before they run.
//!
//! `repeat('x', 2000000000)`, `range(0, 10000000000)`: what functions make is in no budget of a
//! query's memory until it is made, and then it is too late.

use crate::error::{Error, ErrorKind};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// Bytes that one call may make, for all rows of a batch.
pub(super) const MOST_BYTES: u64 = 128 << 20;
/// Bytes that a call with the same arguments for all rows may make: planning does so again and
/// again, and every row of a batch may come to hold them.
pub(super) const MOST_BYTES_ALIKE: u64 = 16 << 20;
/// What an element of a list takes, about.
const ELEMENT_BYTES: u64 = 16;

/// Functions with bounds in place of those that have none.
pub(super) fn bounded(functions: Vec<Arc<ScalarUDF>>) -> Vec<Arc<ScalarUDF>> {
    functions
        .into_iter()
        .map(|function| match Growth::of(function.name()) {
            None => function,
            Some(growth) => Arc::new(ScalarUDF::new_from_impl(Bounded { function, growth })),
        })
        .collect()
}

/// How the size of an answer follows from the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// The first, as often as the second says.
    Repeat,
    /// As many characters as the second says.
    Pad,
    /// What the first has, with each of the second become the third.
    Replace,
    /// Nothing, but time for each letter of the first with each of the second: some nanoseconds,
    /// as making a byte takes.
    Compare,
    /// As many elements as the second says.
    Elements,
    /// From the first to the second by the third.
    Series,
}

impl Growth {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "repeat" => Self::Repeat,
            "lpad" | "rpad" => Self::Pad,
            "replace" => Self::Replace,
            "levenshtein" => Self::Compare,
            "array_repeat" | "array_resize" => Self::Elements,
            "range" | "generate_series" | "gen_series" => Self::Series,
            _ => return None,
        })
    }

    /// About how many bytes a call makes.
    fn bytes(self, arguments: &[Argument], rows: usize) -> u64 {
        sum(rows, |row| match (self, arguments) {
            (Self::Repeat, [text, times]) => text.size(row).saturating_mul(times.whole(row)),
            (Self::Pad, [_, length, ..]) => length.whole(row),
            (Self::Replace, [text, from, to]) => {
                let (text, from) = (text.size(row), from.size(row).max(1));
                text.saturating_add((text / from + 1).saturating_mul(to.size(row)))
            }
            (Self::Compare, [one, other, ..]) => one.size(row).saturating_mul(other.size(row)),
            (Self::Elements, [_, length, ..]) => length.whole(row).saturating_mul(ELEMENT_BYTES),
            (Self::Series, [to]) => to.whole(row).saturating_mul(ELEMENT_BYTES),
            (Self::Series, [from, to, step @ ..]) => {
                series(from, to, step.first(), row).saturating_mul(ELEMENT_BYTES)
            }
            _ => 0,
        })
    }
}

fn sum(count: usize, of: impl Fn(usize) -> u64) -> u64 {
    (0..count).map(of).fold(0, u64::saturating_add)
}

/// How many elements a series has.
fn series(from: &Argument, to: &Argument, step: Option<&Argument>, row: usize) -> u64 {
    let (Some(from), Some(to)) = (from.integer(row), to.integer(row)) else { return 0 };
    to.abs_diff(from) / step.map_or(1, |step| step.step(row)).max(1)
}

/// An argument's values, in a form that can be counted; one where all rows have the same.
struct Argument {
    values: ArrayRef,
    same: bool,
}

impl Argument {
    fn of(value: &ColumnarValue, rows: usize) -> Result<Self> {
        let same = matches!(value, ColumnarValue::Scalar(_));
        let values = value.to_array(if same { 1 } else { rows })?;
        Ok(Self { values: countable(&values), same })
    }

    fn place(&self, row: usize) -> Option<usize> {
        let place = if self.same { 0 } else { row };
        (place < self.values.len() && !self.values.is_null(place)).then_some(place)
    }

    /// The bytes of a text; none of what is NULL or no text.
    fn size(&self, row: usize) -> u64 {
        let Some(row) = self.place(row) else { return 0 };
        match self.values.data_type() {
            DataType::Utf8 => self.values.as_string::<i32>().value(row).len() as u64,
            DataType::LargeUtf8 => self.values.as_string::<i64>().value(row).len() as u64,
            DataType::Utf8View => self.values.as_string_view().value(row).len() as u64,
            _ => 0,
        }
    }

    fn integer(&self, row: usize) -> Option<i64> {
        let numbers = self.values.as_primitive_opt::<Int64Type>()?;
        self.place(row).map(|row| numbers.value(row))
    }

    /// A whole number; none of what is NULL, negative or no number.
    fn whole(&self, row: usize) -> u64 {
        self.integer(row).map_or(0, |number| u64::try_from(number).unwrap_or(0))
    }

    /// How far a series goes with each element: a number, or nanoseconds.
    fn step(&self, row: usize) -> u64 {
        let steps = self.values.as_primitive_opt::<IntervalMonthDayNanoType>();
        match (steps, self.place(row)) {
            (Some(steps), Some(row)) => {
                let step = steps.value(row);
                // A month has 28 days at least, so there are no more elements than that says.
                let days = i128::from(step.months) * 28 + i128::from(step.days);
                let nanoseconds = days * 86_400_000_000_000 + i128::from(step.nanoseconds);
                u64::try_from(nanoseconds.unsigned_abs()).unwrap_or(u64::MAX)
            }
            _ => self.integer(row).map_or(1, i64::unsigned_abs),
        }
    }
}

/// Integers, and moments in nanoseconds, as `i64`; intervals in their widest form.
fn countable(values: &ArrayRef) -> ArrayRef {
    let as_numbers = |array: &ArrayRef| cast(array, &DataType::Int64);
    let counted = match values.data_type() {
        ty if ty.is_integer() => as_numbers(values),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            cast(values, &DataType::Timestamp(TimeUnit::Nanosecond, None))
                .and_then(|moments| as_numbers(&moments))
        }
        DataType::Interval(_) => cast(values, &DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => Ok(Arc::clone(values)),
    };
    // What cannot be counted the function itself will refuse.
    counted.unwrap_or_else(|_| Arc::clone(values))
}

/// A function that is not called where it would make too much.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    function: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // Where all are alike, one stands for all.
        let alike = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if alike { 1 } else { args.number_rows };
        let arguments = args.args.iter().map(|arg| Argument::of(arg, rows));
        let bytes = self.growth.bytes(&arguments.collect::<Result<Vec<_>>>()?, rows);
        let most = if alike { MOST_BYTES_ALIKE } else { MOST_BYTES };
        if bytes > most {
            let text = match self.growth {
                Growth::Compare => format!("{} would compare for too long", self.name()),
                _ => format!("{} would make about {bytes} bytes at once", self.name()),
            };
            let error = Error::new(ErrorKind::Limit, text).with("most", most);
            return Err(super::errors::to_datafusion(match self.growth {
                Growth::Series => error.hint("in FROM it gives rows, as many as one likes"),
                _ => error,
            }));
        }
        self.function.invoke_with_args(args)
    }

    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.function.schema_name(args)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.function.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn is_strict(&self) -> bool {
        self.function.is_strict()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(arg_types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.function.simplify(args, info)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        self.function.evaluate_bounds(inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.function.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::ScalarValue;

    fn bytes(growth: Growth, arguments: &[ScalarValue]) -> u64 {
        let arguments = arguments
            .iter()
            .map(|value| Argument::of(&ColumnarValue::Scalar(value.clone()), 1).unwrap());
        growth.bytes(&arguments.collect::<Vec<_>>(), 1)
    }

    #[test]
    fn what_a_call_makes_is_known_before() {
        let text = |text: &str| ScalarValue::from(text);
        let day = |day| ScalarValue::Date32(Some(day));
        assert_eq!(bytes(Growth::Repeat, &[text("abc"), 1000_i64.into()]), 3000);
        assert_eq!(bytes(Growth::Repeat, &[text("abc"), i64::MAX.into()]), u64::MAX);
        assert_eq!(bytes(Growth::Repeat, &[text("abc"), (-1_i64).into()]), 0);
        assert_eq!(bytes(Growth::Pad, &[text("abc"), 7_i32.into(), text(".")]), 7);
        assert_eq!(bytes(Growth::Replace, &[text("aaaa"), text("a"), text("bb")]), 14);
        assert_eq!(bytes(Growth::Elements, &[text("abc"), 10_u64.into()]), 160);
        assert_eq!(bytes(Growth::Series, &[i64::MIN.into(), i64::MAX.into()]), u64::MAX);
        assert_eq!(bytes(Growth::Series, &[0_i64.into(), 100_i64.into(), (-10_i64).into()]), 160);
        let hour = ScalarValue::new_interval_mdn(0, 0, 3_600_000_000_000);
        assert_eq!(bytes(Growth::Series, &[day(0), day(10), hour]), 16 * 240);
        let nothing = ScalarValue::new_interval_mdn(0, 0, 0);
        assert!(bytes(Growth::Series, &[day(0), day(10), nothing]) > MOST_BYTES);
        assert_eq!(bytes(Growth::Repeat, &[text("abc"), ScalarValue::Int64(None)]), 0);
    }
}
