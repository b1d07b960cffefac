//! Typed columns as other types, a whole column at a time, exact or refused.
//!
//! Arrow casts the column; where its cast could lose something, it is cast back, and a value
//! that does not come back as it was is a fault. Binary floats become whole numbers and decimals by
//! their text ([`number_text`]), as those of all other sources do.

use super::{Fault, values};
use crate::error::{Error, Result};
use crate::etl::source::number_text;
use crate::model::ColumnType;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Scalar, StringArray, StringBuilder,
    TimestampMicrosecondArray, make_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp::{lt, neq};
use arrow::compute::kernels::numeric::sub;
use arrow::compute::{CastOptions, cast as arrow_cast, cast_with_options};
use arrow::datatypes::{
    DataType, Float64Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;

/// Whether a column holds text.
pub(super) fn is_text(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Dictionary(_, values) => is_text_type(values),
        other => is_text_type(other),
    }
}

fn is_text_type(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

/// The column as the declared type. Values that do not fit are NULL, and a fault.
///
/// # Errors
/// User where no value of the column's type could be one of the declared type.
pub(super) fn cast(array: &ArrayRef, ty: ColumnType) -> Result<(ArrayRef, Vec<Fault>)> {
    let array = plain(array)?;
    let (from, to) = (array.data_type().clone(), ty.arrow());
    if !fits(&from, ty) {
        return Err(Error::user(format!("a column of type {from} cannot become {ty}")));
    }
    if from == to {
        let wrong = if ty == ColumnType::Float64 { not_finite(&array)? } else { Vec::new() };
        return refuse(&array, Arc::clone(&array), wrong, ty);
    }
    if from == DataType::Float64 {
        return Ok(from_floats(&array, ty));
    }
    let typed = arrow_cast(&array, &to).map_err(internal)?;
    let mut wrong = Vec::new();
    if typed.null_count() > array.null_count() {
        wrong.extend((0..array.len()).filter(|row| array.is_valid(*row) && typed.is_null(*row)));
    }
    if !is_lossless(&from, ty) {
        let back = arrow_cast(&typed, &from).map_err(internal)?;
        wrong.extend(changed(&array, &back)?);
    }
    refuse(&array, typed, wrong, ty)
}

/// The column as text, and which cells are numbers, dates or booleans (all or none).
pub(super) fn to_text(
    array: &ArrayRef,
    ty: ColumnType,
) -> Result<(StringArray, Option<BooleanBuffer>)> {
    let array = plain(array)?;
    if let Some(values) = array.as_string_opt::<i32>() {
        return Ok((values.clone(), None));
    }
    let native = Some(BooleanBuffer::new_set(array.len()));
    if let Some(values) = array.as_primitive_opt::<Float64Type>() {
        return Ok((texts(values, ty), native));
    }
    to_text_as_it_is(&array)
}

fn to_text_as_it_is(array: &ArrayRef) -> Result<(StringArray, Option<BooleanBuffer>)> {
    let texts = arrow_cast(array, &DataType::Utf8).map_err(|error| {
        Error::user(format!("a column of type {} is not text", array.data_type())).caused_by(error)
    })?;
    Ok((texts.as_string::<i32>().clone(), Some(BooleanBuffer::new_set(array.len()))))
}

/// The same of times as clocks showed them, which have no zone.
///
/// # Errors
/// User where they are moments already.
pub(super) fn to_local_text(
    array: &ArrayRef,
    ty: ColumnType,
) -> Result<(StringArray, Option<BooleanBuffer>)> {
    match array.data_type() {
        DataType::Timestamp(_, None) => {
            let moments = plain(array)?;
            let local = DataType::Timestamp(TimeUnit::Microsecond, None);
            let local = moments.to_data().into_builder().data_type(local).build();
            to_text_as_it_is(&make_array(local.map_err(internal)?))
        }
        DataType::Timestamp(_, Some(_)) => {
            Err(Error::user("the source gives moments in UTC, not times as `time_zone` reads them")
                .hint(
                    "of a database, say it in the `query`: ordered_at AT TIME ZONE 'Europe/Berlin'",
                ))
        }
        _ => to_text(array, ty),
    }
}

fn texts(floats: &Float64Array, ty: ColumnType) -> StringArray {
    let mut texts = StringBuilder::with_capacity(floats.len(), floats.len() * 8);
    let text = |value: f64| number_text(value, ty);
    floats.iter().for_each(|value| texts.append_option(value.map(text)));
    texts.finish()
}

/// Floats as whole numbers or decimals, value by value: Arrow multiplies by a power of ten, which is
/// not exact beyond 2^53.
fn from_floats(array: &ArrayRef, ty: ColumnType) -> (ArrayRef, Vec<Fault>) {
    let texts = texts(array.as_primitive::<Float64Type>(), ty);
    let mut faults = Vec::new();
    let typed = values::column(ty, texts.iter(), |row, _| {
        let reason = format!("`{}` is not exactly a value of {ty}", texts.value(row));
        faults.push(Fault { row, rule: "type", reason });
    });
    (typed, faults)
}

/// Writes values of a column for people.
pub(super) fn formatter(array: &dyn Array) -> Result<ArrayFormatter<'_>> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("NULL");
    ArrayFormatter::try_new(array, &OPTIONS).map_err(internal)
}

/// The column without dictionaries, views, bytes for text, or times finer than a microsecond.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => plain(&exactly(array, values)?),
        DataType::Utf8 => Ok(Arc::clone(array)),
        ty if is_text_type(ty) => exactly(array, &DataType::Utf8),
        DataType::Float16 | DataType::Float32 => widened_float(array),
        DataType::Timestamp(unit, _) => moments(array, *unit),
        _ => Ok(Arc::clone(array)),
    }
}

/// Narrow floats by their shortest decimal text: 19.99 stays 19.99.
fn widened_float(array: &ArrayRef) -> Result<ArrayRef> {
    let texts = arrow_cast(array, &DataType::Utf8).map_err(internal)?;
    arrow_cast(&texts, &DataType::Float64).map_err(internal)
}

/// Moments in UTC, to the microsecond. Those without a zone are in UTC already: Arrow would look
/// up the zone for each of them.
fn moments(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    let utc = DataType::Timestamp(unit, Some("UTC".into()));
    let data = array.to_data().into_builder().data_type(utc).build().map_err(internal)?;
    let moments = make_array(data);
    let epoch = TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
    let epoch = arrow_cast(&epoch, moments.data_type()).map_err(internal)?;
    let before_epoch = lt(&moments, &Scalar::new(epoch)).map_err(internal)?;
    if unit == TimeUnit::Nanosecond && before_epoch.true_count() > 0 {
        // cut towards the past, where Arrow cuts towards 1970
        let nanos = moments.as_primitive::<TimestampNanosecondType>();
        let micros = nanos.unary::<_, TimestampMicrosecondType>(|value| value.div_euclid(1_000));
        return Ok(Arc::new(micros.with_timezone("UTC")));
    }
    exactly(&moments, &ColumnType::Timestamp.arrow())
}

/// A cast in which every value must succeed.
fn exactly(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..Default::default() };
    cast_with_options(array, to, &strict).map_err(|error| {
        Error::data(format!("a column holds values that are no {to}")).caused_by(error)
    })
}

/// Whether values of a type may become the declared one at all. Text is parsed elsewhere.
fn fits(from: &DataType, ty: ColumnType) -> bool {
    match ty {
        ColumnType::Text => is_text_type(from),
        ColumnType::Boolean => *from == DataType::Boolean,
        ColumnType::Binary => false,
        ColumnType::Date | ColumnType::Timestamp => {
            matches!(from, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
        }
        _ => from.is_numeric(),
    }
}

/// Whether a cast that gives a value gives the same value.
fn is_lossless(from: &DataType, ty: ColumnType) -> bool {
    match ty {
        ColumnType::Text | ColumnType::Timestamp => true,
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => from.is_integer(),
        ColumnType::Decimal { scale, .. } => {
            from.is_integer()
                || matches!(from, DataType::Decimal128(_, s) if *s <= i8::try_from(scale).unwrap_or(0))
        }
        ColumnType::Float64 => {
            from.is_integer() && !matches!(from, DataType::Int64 | DataType::UInt64)
        }
        ColumnType::Boolean | ColumnType::Date | ColumnType::Binary => false,
    }
}

/// The rows whose value did not come back as it was.
fn changed(array: &ArrayRef, back: &ArrayRef) -> Result<Vec<usize>> {
    Ok(true_rows(&neq(array, back).map_err(internal)?))
}

/// The rows that are infinite or not a number: less itself, only those are not zero.
fn not_finite(array: &ArrayRef) -> Result<Vec<usize>> {
    let differences = sub(array, array).map_err(internal)?;
    let zero = Scalar::new(Float64Array::from(vec![0.0]));
    Ok(true_rows(&neq(&differences, &zero).map_err(internal)?))
}

/// How many moments say more than microseconds can.
pub(super) fn finer(array: &ArrayRef) -> u64 {
    let nanos = array.as_primitive_opt::<TimestampNanosecondType>();
    let finer = nanos.into_iter().flat_map(|nanos| nanos.iter().flatten());
    finer.filter(|nanos| nanos % 1_000 != 0).count() as u64
}

/// The rows for which something holds.
pub(super) fn true_rows(mask: &BooleanArray) -> Vec<usize> {
    if mask.true_count() == 0 {
        return Vec::new();
    }
    (0..mask.len()).filter(|row| mask.is_valid(*row) && mask.value(*row)).collect()
}

/// Clears the wrong values and says of each what it was.
fn refuse(
    before: &ArrayRef,
    typed: ArrayRef,
    mut wrong: Vec<usize>,
    ty: ColumnType,
) -> Result<(ArrayRef, Vec<Fault>)> {
    if wrong.is_empty() {
        return Ok((typed, Vec::new()));
    }
    wrong.sort_unstable();
    let mut clear = vec![false; typed.len()];
    wrong.iter().for_each(|row| clear[*row] = true);
    let typed = arrow::compute::nullif(&typed, &clear.into()).map_err(internal)?;
    let formatter = formatter(before)?;
    let faults = wrong.into_iter().map(|row| {
        let value = formatter.value(row).to_string();
        let reason = match value.as_str() {
            "NaN" | "inf" | "-inf" => format!("`{value}` is no number that a table keeps"),
            _ => format!("`{value}` is not exactly a value of {ty}"),
        };
        Fault { row, rule: "type", reason }
    });
    Ok((typed, faults.collect()))
}

fn internal(error: ArrowError) -> Error {
    Error::internal("a column cannot be cast").caused_by(error)
}
