//! How values are distributed: a DDSketch, from which any percentile is answered within 0.4 %.
//!
//! Masson, Rim and Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error
//! Guarantees" (2019). Values are counted in buckets that grow as the values do. The mapping to
//! buckets is the fast one of that paper, linear between powers of two: a bucket is a value rounded
//! to its first eight binary digits. That takes no logarithm, which machines compute each a little
//! differently; numbers as they lie in memory are in the order of their buckets; and whole numbers
//! up to 256 stay what they are. Buckets are kept where something fell into them, over all numbers
//! that there are, so none is ever merged into its neighbour: the sketch of values is the same in
//! whatever order and parts they come. (A KLL sketch's or a t-digest's is not.)

use super::Memory;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err};
use std::collections::BTreeMap;

/// Binary digits of a number in memory that a bucket does not tell apart.
const ROUNDED: u32 = f64::MANTISSA_DIGITS - 8;

/// The form in which sketches are stored.
const FORM: u8 = 1;

/// How many values are in which bucket, and the smallest and the largest of all.
#[derive(Debug, Default)]
pub(super) struct Quantiles {
    buckets: BTreeMap<i32, u64>,
    ends: Option<(f64, f64)>,
}

/// The bucket of a value: those of negative values are negative. What is no number comes after
/// infinity, as in every order of SQL.
fn bucket(value: f64) -> i32 {
    let size = match value.is_nan() {
        true => f64::INFINITY.to_bits() + (1 << ROUNDED),
        false => value.abs().to_bits() + (1 << (ROUNDED - 1)),
    };
    // At most twelve binary digits of exponent and seven more.
    let size = (size >> ROUNDED) as i32;
    if value < 0.0 { -size } else { size }
}

/// The value that stands for a bucket.
fn value(bucket: i32) -> f64 {
    let size = f64::from_bits(u64::from(bucket.unsigned_abs()) << ROUNDED);
    if bucket < 0 { -size } else { size }
}

/// Whether a value comes before another; what is no number comes last.
fn before(a: f64, b: f64) -> bool {
    a < b || (b.is_nan() && !a.is_nan())
}

impl Quantiles {
    fn stretch(&mut self, low: f64, high: f64) {
        let (least, most) = self.ends.unwrap_or((low, high));
        let low = if before(low, least) { low } else { least };
        let high = if before(most, high) { high } else { most };
        self.ends = Some((low, high));
    }

    /// The value at a place among so many in their order, counted from 0. The first and the last are
    /// known exactly, and no other lies beyond them.
    fn at(&self, place: u64, count: u64) -> f64 {
        let Some((least, most)) = self.ends else { return f64::NAN };
        if place == 0 {
            return least;
        }
        if place + 1 == count {
            return most;
        }
        let mut until = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            until += **count;
            until > place
        });
        let found = found.map_or(most, |(bucket, _)| value(*bucket));
        let found = if before(found, least) { least } else { found };
        if before(most, found) { most } else { found }
    }

    /// The value below which so many thousandths of the values lie, between neighbours as far as the
    /// share lies between their places; `None` of no values.
    fn quantile(&self, thousandths: u32) -> Option<f64> {
        let count: u64 = self.buckets.values().sum();
        let last = count.checked_sub(1)?;
        let place = u128::from(last) * u128::from(thousandths);
        let (whole, part) = ((place / 1000) as u64, (place % 1000) as f64 / 1000.0);
        let below = self.at(whole, count);
        if part == 0.0 {
            return Some(below);
        }
        let above = self.at(whole + 1, count);
        Some(if below == above { below } else { below + (above - below) * part })
    }
}

impl Memory for Quantiles {
    /// Below which value so many thousandths lie.
    type Question = u32;
    const ANSWER: DataType = DataType::Float64;

    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError> {
        let numbers = cast(values, &DataType::Float64)?;
        for value in numbers.as_primitive::<Float64Type>().iter().flatten() {
            // There is one zero, and one that is no number.
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            *self.buckets.entry(bucket(value)).or_default() += 1;
            self.stretch(value, value);
        }
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), DataFusionError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let wrong = || exec_datafusion_err!("a stored sketch of percentiles cannot be read");
        let mut rest = bytes.strip_prefix(&[FORM]).ok_or_else(wrong)?;
        let mut end = || {
            let (end, after) = rest.split_first_chunk().ok_or_else(wrong)?;
            rest = after;
            Ok::<_, DataFusionError>(f64::from_le_bytes(*end))
        };
        let (least, most) = (end()?, end()?);
        self.stretch(least, most);
        let mut bucket: i64 = 0;
        while !rest.is_empty() {
            let step = varint(&mut rest).ok_or_else(wrong)?;
            bucket += (step >> 1).cast_signed() ^ -(step & 1).cast_signed();
            let count = varint(&mut rest).ok_or_else(wrong)?;
            let bucket = i32::try_from(bucket).map_err(|_| wrong())?;
            *self.buckets.entry(bucket).or_default() += count;
        }
        Ok(())
    }

    /// A byte for the form; the least and the largest value as doubles, little end first; then of each
    /// bucket its distance from the one before (from 0), zigzag, and its count, both as LEB128.
    fn bytes(&self) -> Result<Vec<u8>, DataFusionError> {
        let Some((least, most)) = self.ends else { return Ok(Vec::new()) };
        let mut bytes = vec![FORM];
        bytes.extend(least.to_le_bytes());
        bytes.extend(most.to_le_bytes());
        let mut last = 0;
        for (bucket, count) in &self.buckets {
            let step = i64::from(*bucket) - last;
            last = i64::from(*bucket);
            write_varint(((step << 1) ^ (step >> 63)).cast_unsigned(), &mut bytes);
            write_varint(*count, &mut bytes);
        }
        Ok(bytes)
    }

    fn answer(&self, thousandths: u32) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Float64(self.quantile(thousandths)))
    }

    fn size(&self) -> usize {
        // Two numbers, and about as much again for the tree.
        self.buckets.len() * 32
    }
}

/// The number at the beginning of bytes, which go on after it.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, after) = bytes.split_first()?;
        *bytes = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write_varint(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn of(values: &[f64]) -> Quantiles {
        let mut sketch = Quantiles::default();
        sketch.see(&Float64Array::from(values.to_vec())).unwrap();
        sketch
    }

    /// The exact percentile, and the larger of its neighbours' sizes.
    fn exact(values: &[f64], thousandths: u32) -> (f64, f64) {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() - 1) * thousandths as usize;
        let (below, above) = (sorted[place / 1000], sorted[place.div_ceil(1000)]);
        let exact = below + (above - below) * ((place % 1000) as f64 / 1000.0);
        (exact, below.abs().max(above.abs()))
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(-0.0),
            -1e3..1e3_f64,
            (0..1_000_000_i64).prop_map(|cents| cents as f64 / 100.0),
            (-300..300_i32, 1.0..10.0_f64).prop_map(|(exponent, n)| n * 10_f64.powi(exponent)),
            (-300..300_i32, -10.0..-1.0_f64).prop_map(|(exponent, n)| n * 10_f64.powi(exponent)),
        ]
    }

    proptest! {
        /// Within 2^-8 of the exact percentile; where that lies between values of two signs, of the
        /// larger one.
        #[test]
        fn a_percentile_is_near_the_exact_one(
            values in prop::collection::vec(number(), 1..200),
            thousandths in 0..=1000_u32,
        ) {
            let (exact, size) = exact(&values, thousandths);
            let told = of(&values).quantile(thousandths).unwrap();
            let most = size / 256.0 * (1.0 + 1e-9);
            prop_assert!((told - exact).abs() <= most, "{told} for {exact} of {values:?}");
        }

        /// The same bytes in whatever order and parts, through whatever states.
        #[test]
        fn a_sketch_is_the_same_in_any_order_and_parts(
            (values, shuffled) in prop::collection::vec(number(), 1..100)
                .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
            part in 1..40_usize,
        ) {
            let mut whole = Quantiles::default();
            for values in shuffled.chunks(part) {
                whole.take_in(&of(values).bytes().unwrap()).unwrap();
            }
            prop_assert_eq!(whole.bytes().unwrap(), of(&values).bytes().unwrap());
        }

        /// Bytes that are no sketch are refused, or read as one; never worse.
        #[test]
        fn any_bytes_can_be_tried(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut sketch = Quantiles::default();
            let _ = sketch.take_in(&bytes);
            let _ = sketch.take_in(&[&[FORM], &bytes[..]].concat());
        }
    }

    #[test]
    fn ends_small_whole_numbers_and_single_values_are_exact() {
        let sketch = of(&[99.99, 17.0, -3.25, 1e6 + 1.0, 256.0]);
        for (thousandths, value) in [(0, -3.25), (250, 17.0), (750, 256.0), (1000, 1e6 + 1.0)] {
            assert_eq!(sketch.quantile(thousandths), Some(value));
        }
        assert_eq!(of(&[99.99]).quantile(500), Some(99.99));
        assert_eq!(of(&[]).quantile(500), None);
        assert_eq!(of(&[]).bytes().unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn infinities_and_what_is_no_number_stand_at_the_ends() {
        let sketch = of(&[f64::NAN, f64::INFINITY, 1.0, f64::NEG_INFINITY, f64::MAX]);
        assert_eq!(sketch.quantile(0), Some(f64::NEG_INFINITY));
        assert_eq!(sketch.quantile(250), Some(1.0));
        assert_eq!(sketch.quantile(750), Some(f64::INFINITY));
        assert!(sketch.quantile(1000).unwrap().is_nan());
        assert_eq!(of(&[f64::MAX, f64::MAX]).quantile(500), Some(f64::MAX));
    }

    #[test]
    fn numbers_of_all_kinds_are_seen_and_nulls_are_none() {
        let cents = Decimal128Array::from(vec![Some(1_234), None, Some(900)]);
        let cents: ArrayRef = Arc::new(cents.with_precision_and_scale(12, 2).unwrap());
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(7)]));
        let mut sketch = Quantiles::default();
        sketch.see(&cents).unwrap();
        sketch.see(&whole).unwrap();
        assert_eq!(sketch.quantile(0), Some(7.0));
        assert_eq!(sketch.quantile(500), Some(9.0));
        assert_eq!(sketch.quantile(1000), Some(12.34));
    }
}
