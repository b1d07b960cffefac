//! What an engine knows of the model: what files declare, and what a release keeps beside it.

use super::catalog::{self, CubeTables};
use crate::error::{Error, Result};
use crate::model::{AUTOMATIC_AGGREGATES, AutomaticAggregate, Model};
use crate::query::Lattice;
use crate::store::Release;
use std::sync::Arc;

/// A model, with its aggregates as questions see them.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) model: Arc<Model>,
    pub(crate) lattice: Arc<Lattice>,
    pub(crate) cubes: Arc<CubeTables>,
}

impl Known {
    pub(crate) fn new(model: Arc<Model>) -> Result<Self> {
        let cubes = Arc::new(catalog::cube_tables(&model)?);
        let lattice = Arc::new(Lattice::of(&model)?);
        Ok(Self { model, lattice, cubes })
    }

    /// The same with aggregates that no file declares.
    pub(crate) fn with_automatic(&self, automatic: &[AutomaticAggregate]) -> Result<Self> {
        let model = Arc::new(self.model.with_automatic(automatic));
        let lattice = Arc::new(Lattice::of(&model)?);
        Ok(Self { model, lattice, cubes: Arc::clone(&self.cubes) })
    }
}

/// The aggregates that a release keeps by itself.
///
/// # Errors
/// Damaged where they cannot be read.
pub fn automatic_aggregates(release: &Release) -> Result<Vec<AutomaticAggregate>> {
    let Some(text) = release.cursors.get(AUTOMATIC_AGGREGATES) else { return Ok(Vec::new()) };
    AutomaticAggregate::read(text).map_err(|error| {
        Error::damaged("what a release says of automatic aggregates cannot be read")
            .with("release", release.id)
            .caused_by(error)
    })
}
