//! Different values of several kinds, about how many overlap: a theta sketch of each kind.
//!
//! A sketch has the 2^12 smallest hashes of its values, and the next as its bound: so it is the same in
//! whatever order and parts values come. Of no more values than that it is exact. Their intersection and
//! difference know those hashes that lie below the bounds of all.

use super::Memory;
use super::hashing::{Hashing, hash_values};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err};
use datasketches::theta::{
    CompactThetaSketch, ThetaANotB, ThetaIntersection, ThetaSketch, ThetaSketchBuilder, ThetaUnion,
    ThetaUnionBuilder,
};
use std::fmt;
use std::hash::Hash;

/// The logarithm of the number of hashes.
const LG_HASHES: u8 = 12;

/// A sketch of the values of each kind; no kinds before the first value.
#[derive(Debug, Default)]
pub(super) struct OfKinds(Vec<OfKind>);

/// A sketch of values.
#[derive(Debug)]
struct OfKind {
    /// Of those seen here.
    seen: ThetaSketch,
    /// What others know.
    others: ThetaUnion,
}

impl OfKind {
    fn new() -> Result<Self, DataFusionError> {
        Ok(Self {
            seen: ThetaSketchBuilder::default().lg_k(LG_HASHES).build().map_err(wrong)?,
            others: union()?,
        })
    }

    /// Of all, in the one form that does not depend on their order.
    fn whole(&self) -> Result<CompactThetaSketch, DataFusionError> {
        let mut whole = union()?;
        whole.update(&self.seen.compact(false)).map_err(wrong)?;
        whole.update(&self.others.to_sketch(false)).map_err(wrong)?;
        Ok(whole.to_sketch(true))
    }
}

impl Hashing for ThetaSketch {
    fn hash<T: Hash>(&mut self, value: T) {
        self.update(value);
    }
}

fn union() -> Result<ThetaUnion, DataFusionError> {
    ThetaUnionBuilder::default().lg_k(LG_HASHES).build().map_err(wrong)
}

fn wrong(error: impl fmt::Display) -> DataFusionError {
    exec_datafusion_err!("sketches of values of several kinds cannot be read: {error}")
}

impl OfKinds {
    fn kinds(&mut self, count: usize) -> Result<&mut [OfKind], DataFusionError> {
        while self.0.len() < count {
            self.0.push(OfKind::new()?);
        }
        Ok(&mut self.0)
    }

    /// How many are of each of the first kinds, so many, and of none of the others.
    #[allow(clippy::cast_possible_truncation, reason = "a count is far below 2^53")]
    fn overlap(&self, each: usize) -> Result<i64, DataFusionError> {
        let sketches = self.0.iter().map(OfKind::whole).collect::<Result<Vec<_>, _>>()?;
        let (each, none) = sketches.split_at(each.min(sketches.len()));
        let mut common = ThetaIntersection::default();
        for sketch in each {
            common.update(sketch).map_err(wrong)?;
        }
        let Some(mut left) = common.to_sketch(true) else { return Ok(0) };
        for sketch in none {
            left = ThetaANotB::default().compute(&left, sketch, true).map_err(wrong)?;
        }
        Ok(left.estimate().round() as i64)
    }
}

impl Memory for OfKinds {
    /// Of how many kinds, from the first on, values are to be; of the others they are not.
    type Question = usize;
    const ANSWER: DataType = DataType::Int64;

    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError> {
        let values = values.as_struct_opt().ok_or_else(|| wrong("values are of no kinds"))?;
        let kinds = self.kinds(values.num_columns())?;
        kinds
            .iter_mut()
            .zip(values.columns())
            .try_for_each(|(kind, values)| hash_values(values.as_ref(), &mut kind.seen))
    }

    fn take_in(&mut self, mut bytes: &[u8]) -> Result<(), DataFusionError> {
        let mut place = 0;
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (sketch, rest) =
                rest.split_at_checked(length).ok_or_else(|| wrong("they end too early"))?;
            let sketch = CompactThetaSketch::deserialize(sketch).map_err(wrong)?;
            self.kinds(place + 1)?[place].others.update(&sketch).map_err(wrong)?;
            (bytes, place) = (rest, place + 1);
        }
        if bytes.is_empty() { Ok(()) } else { Err(wrong("they end too early")) }
    }

    fn bytes(&self) -> Result<Vec<u8>, DataFusionError> {
        let mut bytes = Vec::new();
        for kind in &self.0 {
            let sketch = kind.whole()?.serialize();
            bytes.extend(u32::try_from(sketch.len()).map_err(wrong)?.to_le_bytes());
            bytes.extend(sketch);
        }
        Ok(bytes)
    }

    fn answer(&self, each: usize) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Int64(Some(self.overlap(each)?)))
    }

    fn size(&self) -> usize {
        let kinds = self.0.iter();
        kinds.map(|kind| kind.seen.estimated_size() + kind.others.estimated_size()).sum()
    }
}
