//! Different values, about how many: a HyperLogLog sketch of 2^14 registers, off by 0.8 % or less
//! two times out of three.

use super::{Memory, integers};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, exec_err};
use datasketches::hash::value::{canonical_float, raw_bytes};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use std::fmt;

/// The logarithm of the number of registers.
const LG_REGISTERS: u8 = 14;

/// A sketch of values; nothing before the first.
#[derive(Default)]
pub(super) struct Hyperloglog(Option<HllUnion>);

impl fmt::Debug for Hyperloglog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hyperloglog").field("count", &self.count()).finish()
    }
}

fn wrong(error: impl fmt::Display) -> DataFusionError {
    exec_datafusion_err!("a sketch of different values cannot be read: {error}")
}

impl Hyperloglog {
    #[allow(clippy::cast_possible_truncation, reason = "a count is far below 2^53")]
    fn count(&self) -> i64 {
        self.0.as_ref().map_or(0, |sketch| sketch.composite_estimate().round() as i64)
    }

    fn sketch(&mut self) -> Result<&mut HllUnion, DataFusionError> {
        match &mut self.0 {
            Some(sketch) => Ok(sketch),
            none => Ok(none.insert(HllUnion::new(LG_REGISTERS).map_err(wrong)?)),
        }
    }
}

impl Memory for Hyperloglog {
    /// About how many there are.
    type Question = ();
    const ANSWER: DataType = DataType::Int64;

    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError> {
        if values.null_count() == values.len() {
            return Ok(());
        }
        let sketch = self.sketch()?;
        if integers(values, |value| sketch.update_value(value))? {
            return Ok(());
        }
        // An empty text is a value as any other.
        let mut text = |text: &str| sketch.update_value(raw_bytes::from_str(text));
        match values.data_type() {
            DataType::Utf8 => values.as_string::<i32>().iter().flatten().for_each(text),
            DataType::LargeUtf8 => values.as_string::<i64>().iter().flatten().for_each(text),
            DataType::Utf8View => values.as_string_view().iter().flatten().for_each(&mut text),
            DataType::Boolean => {
                values
                    .as_boolean()
                    .iter()
                    .flatten()
                    .for_each(|v| sketch.update_value(i64::from(v)));
            }
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>().iter().flatten();
                values.for_each(|value| sketch.update_value(canonical_float::from_f64(value)));
            }
            DataType::Decimal128(..) => {
                let values = values.as_primitive::<Decimal128Type>().iter().flatten();
                values.for_each(|value| sketch.update_value(value));
            }
            DataType::Timestamp(..) => {
                let values = values.as_primitive_opt::<TimestampMicrosecondType>();
                let values = values.ok_or_else(|| wrong("its moments are no microseconds"))?;
                values.iter().flatten().for_each(|value| sketch.update_value(value));
            }
            other => return exec_err!("a sketch holds no values of type {other}"),
        }
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), DataFusionError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let other = HllSketch::deserialize(bytes).map_err(wrong)?;
        self.sketch()?.update(&other);
        Ok(())
    }

    fn bytes(&self) -> Result<Vec<u8>, DataFusionError> {
        let sketch = self.0.as_ref().map(|union| union.to_sketch(HllType::Hll8));
        Ok(sketch.map(|sketch| sketch.serialize()).unwrap_or_default())
    }

    fn answer(&self, (): ()) -> ScalarValue {
        ScalarValue::Int64(Some(self.count()))
    }

    fn size(&self) -> usize {
        self.0.as_ref().map_or(0, HllUnion::estimated_size)
    }
}
