//! Where the parts of a document stand, beside the document's own type: a job's type stays plain
//! data that serde can write back, and a fault found later still has its place.

use crate::yaml::{Located, Place};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// The places of a document's parts, by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    parts: BTreeMap<String, Located<Places>>,
}

impl Places {
    /// The place of the deepest part of a path that was written. Steps are keys, or positions
    /// from 0 in lists.
    pub(super) fn at(&self, path: &[&str]) -> Place {
        let mut place = Place { line: 1, column: 1 };
        let mut parts = self;
        for step in path {
            let Some(part) = parts.parts.get(*step) else {
                break;
            };
            place = part.place;
            parts = &part.value;
        }
        place
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlacesVisitor)
    }
}

struct PlacesVisitor;

impl<'de> Visitor<'de> for PlacesVisitor {
    type Value = Places;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Places, A::Error> {
        let mut parts = BTreeMap::new();
        while let Some((key, value)) = map.next_entry()? {
            parts.insert(key, value);
        }
        Ok(Places { parts })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Places, A::Error> {
        let mut parts = BTreeMap::new();
        while let Some(value) = seq.next_element()? {
            parts.insert(parts.len().to_string(), value);
        }
        Ok(Places { parts })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_unit<E>(self) -> Result<Places, E> {
        Ok(Places::default())
    }

    fn visit_none<E>(self) -> Result<Places, E> {
        Ok(Places::default())
    }
}
