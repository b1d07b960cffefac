//! Different integers, days and texts, all of them.

use super::Memory;
use super::hashing::integers;
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, exec_err};
use roaring::RoaringTreemap;
use std::collections::BTreeSet;

/// What texts begin with as bytes: a bitmap begins with how many parts it has, and never has so many.
const TEXTS: [u8; 8] = [0xFF; 8];

/// Values that are all remembered.
#[derive(Debug, Default)]
pub(super) enum Distinct {
    /// None yet.
    #[default]
    Nothing,
    /// In a bitmap; as bytes in Roaring's portable format for 64 bits.
    Whole(RoaringTreemap),
    /// As bytes in their order, each after its length.
    Texts(BTreeSet<Box<str>>),
}

fn mixed() -> DataFusionError {
    exec_datafusion_err!("texts and numbers are no values of one kind")
}

impl Distinct {
    fn bitmap(&mut self) -> Result<&mut RoaringTreemap, DataFusionError> {
        if let Self::Nothing = self {
            *self = Self::Whole(RoaringTreemap::new());
        }
        match self {
            Self::Whole(bitmap) => Ok(bitmap),
            _ => Err(mixed()),
        }
    }

    fn texts(&mut self) -> Result<&mut BTreeSet<Box<str>>, DataFusionError> {
        if let Self::Nothing = self {
            *self = Self::Texts(BTreeSet::new());
        }
        match self {
            Self::Texts(texts) => Ok(texts),
            _ => Err(mixed()),
        }
    }
}

impl Memory for Distinct {
    /// How many there are.
    type Question = ();
    const ANSWER: DataType = DataType::Int64;

    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError> {
        if values.null_count() == values.len() {
            return Ok(());
        }
        let each = |texts: &mut BTreeSet<Box<str>>, text: &str| {
            if !texts.contains(text) {
                texts.insert(text.into());
            }
        };
        match values.data_type() {
            DataType::Utf8 => {
                let texts = self.texts()?;
                values.as_string::<i32>().iter().flatten().for_each(|text| each(texts, text));
            }
            DataType::LargeUtf8 => {
                let texts = self.texts()?;
                values.as_string::<i64>().iter().flatten().for_each(|text| each(texts, text));
            }
            DataType::Utf8View => {
                let texts = self.texts()?;
                values.as_string_view().iter().flatten().for_each(|text| each(texts, text));
            }
            other => {
                let bitmap = self.bitmap()?;
                // As they lie in memory: negative values are large ones.
                let is_known = integers(values, |value| {
                    bitmap.insert(value.cast_unsigned());
                })?;
                if !is_known {
                    return exec_err!("no different values of type {other} are remembered");
                }
            }
        }
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<(), DataFusionError> {
        let wrong = |why: &dyn std::fmt::Display| {
            exec_datafusion_err!("stored different values cannot be read: {why}")
        };
        let Some(mut bytes) = bytes.strip_prefix(&TEXTS) else {
            let other = RoaringTreemap::deserialize_from(bytes).map_err(|error| wrong(&error))?;
            if !other.is_empty() {
                *self.bitmap()? |= other;
            }
            return Ok(());
        };
        let texts = self.texts()?;
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (text, rest) =
                rest.split_at_checked(length).ok_or_else(|| wrong(&"they end too early"))?;
            let text = std::str::from_utf8(text).map_err(|error| wrong(&error))?;
            if !texts.contains(text) {
                texts.insert(text.into());
            }
            bytes = rest;
        }
        if bytes.is_empty() { Ok(()) } else { Err(wrong(&"they end too early")) }
    }

    fn bytes(&self) -> Result<Vec<u8>, DataFusionError> {
        let none = RoaringTreemap::new();
        let bitmap = match self {
            Self::Nothing => &none,
            Self::Whole(bitmap) => bitmap,
            Self::Texts(texts) => {
                let mut bytes = TEXTS.to_vec();
                for text in texts {
                    let length = u32::try_from(text.len())
                        .map_err(|_| exec_datafusion_err!("a text is too long to be remembered"))?;
                    bytes.extend(length.to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
                return Ok(bytes);
            }
        };
        let mut bytes = Vec::with_capacity(bitmap.serialized_size());
        bitmap
            .serialize_into(&mut bytes)
            .map_err(|error| exec_datafusion_err!("a bitmap cannot be written: {error}"))?;
        Ok(bytes)
    }

    fn answer(&self, (): ()) -> Result<ScalarValue, DataFusionError> {
        let count = match self {
            Self::Nothing => 0,
            Self::Whole(bitmap) => i64::try_from(bitmap.len()).unwrap_or(i64::MAX),
            Self::Texts(texts) => i64::try_from(texts.len()).unwrap_or(i64::MAX),
        };
        Ok(ScalarValue::Int64(Some(count)))
    }

    fn size(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Whole(bitmap) => bitmap.serialized_size(),
            // Two numbers a text, and about as much again for the tree.
            Self::Texts(texts) => texts.iter().map(|text| text.len() + 32).sum(),
        }
    }
}

/// Whether a state of a row of an aggregate remembers so many texts that the row should not.
pub(crate) fn is_too_large(state: &[u8], most_bytes: usize) -> bool {
    state.starts_with(&TEXTS) && state.len() > most_bytes
}
