//! From what the answer to a cube query comes: said in the metadata of its schema, so that whoever has
//! the answer has that too.

use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use crate::query::Routing;
use arrow::datatypes::{Schema, SchemaRef};
use serde::Serialize;
use std::sync::Arc;

/// The keys of the metadata.
const RELEASE: &str = "starhouse.release";
const OTHER_RELEASE: &str = "starhouse.compared_release";
const AGGREGATES: &str = "starhouse.aggregates";
const PARTS: &str = "starhouse.parts";

/// From what an answer comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// The release that was asked.
    pub release: u64,
    /// The release that it was compared with, where it was.
    pub compared_release: Option<u64>,
    /// The aggregates that have a part in it; where there is none, it was computed of the facts.
    pub aggregates: Vec<String>,
    /// For each part of it the aggregate that answers, or why none does.
    pub parts: Vec<String>,
}

impl About {
    pub(super) fn new(release: ReleaseId, other: Option<ReleaseId>, routing: &Routing) -> Self {
        let (aggregates, parts) = (routing.aggregates.clone(), routing.sentences.clone());
        Self { release: release.0, compared_release: other.map(|id| id.0), aggregates, parts }
    }

    /// A schema that says so.
    pub(super) fn said(&self, schema: &Schema) -> Result<SchemaRef> {
        let mut said = schema.metadata().clone();
        said.insert(RELEASE.to_owned(), self.release.to_string());
        if let Some(other) = self.compared_release {
            said.insert(OTHER_RELEASE.to_owned(), other.to_string());
        }
        for (key, list) in [(AGGREGATES, &self.aggregates), (PARTS, &self.parts)] {
            let text = serde_json::to_string(list);
            let text = text.map_err(|error| Error::internal("no JSON").caused_by(error))?;
            said.insert(key.to_owned(), text);
        }
        Ok(Arc::new(schema.clone().with_metadata(said)))
    }

    /// What the schema of an answer says; `None` where it says nothing.
    pub fn of(schema: &Schema) -> Option<Self> {
        let said = schema.metadata();
        let list = |key| serde_json::from_str(said.get(key)?).ok();
        Some(Self {
            release: said.get(RELEASE)?.parse().ok()?,
            compared_release: said.get(OTHER_RELEASE).and_then(|text| text.parse().ok()),
            aggregates: list(AGGREGATES)?,
            parts: list(PARTS)?,
        })
    }
}
