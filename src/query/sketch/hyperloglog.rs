//! Different values, about how many: a HyperLogLog sketch of 2^14 registers, off by 0.8 % or less
//! two times out of three.

use super::Memory;
use super::hashing::{Hashing, hash_values};
use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use std::fmt;
use std::hash::Hash;

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

impl Hashing for HllUnion {
    fn hash<T: Hash>(&mut self, value: T) {
        self.update_value(value);
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
        hash_values(values, self.sketch()?)
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

    fn answer(&self, (): ()) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Int64(Some(self.count())))
    }

    fn size(&self) -> usize {
        self.0.as_ref().map_or(0, HllUnion::estimated_size)
    }
}
