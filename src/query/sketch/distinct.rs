//! Different integers and days, all of them.

use super::{Memory, integers};
use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, exec_err};
use roaring::RoaringTreemap;

/// A bitmap of values, in Roaring's portable format for 64 bits.
#[derive(Debug, Default)]
pub(super) struct Bitmap(RoaringTreemap);

impl Memory for Bitmap {
    /// How many there are.
    type Question = ();
    const ANSWER: DataType = DataType::Int64;

    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError> {
        // As they lie in memory: negative values are large ones.
        let is_known = integers(values, |value| {
            self.0.insert(value.cast_unsigned());
        })?;
        match is_known {
            true => Ok(()),
            false => exec_err!("a bitmap holds no values of type {}", values.data_type()),
        }
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), DataFusionError> {
        let other = RoaringTreemap::deserialize_from(bytes)
            .map_err(|error| exec_datafusion_err!("a stored bitmap cannot be read: {error}"))?;
        self.0 |= other;
        Ok(())
    }

    fn bytes(&self) -> Result<Vec<u8>, DataFusionError> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0
            .serialize_into(&mut bytes)
            .map_err(|error| exec_datafusion_err!("a bitmap cannot be written: {error}"))?;
        Ok(bytes)
    }

    fn answer(&self, (): ()) -> ScalarValue {
        ScalarValue::Int64(Some(i64::try_from(self.0.len()).unwrap_or(i64::MAX)))
    }

    fn size(&self) -> usize {
        self.0.serialized_size()
    }
}
