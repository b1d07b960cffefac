//! The predicates of a star, apart: those over the fact alone, and what they leave of its files and row
//! groups, are the same each time a question is asked of a release, whatever its dimensions say.

use super::expr::Over;
use super::facts::{Leaves, OpenFile};
use super::joined::Joined;
use super::prune::Pruner;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

/// Of tables with more files than this, nothing is kept of each.
const KEPT_FILES: usize = 16;

/// The predicates of a star, and what those over the fact alone leave of it.
#[derive(Debug)]
pub(super) struct Own {
    /// Over the fact alone.
    pub(super) pruners: Vec<Pruner>,
    /// Those that need a dimension's columns.
    pub(super) across: Vec<Over>,
    /// By file, whether rows may stay.
    stays: Vec<bool>,
    /// By file, of tables with few.
    known: Vec<OnceLock<Known>>,
}

/// What is kept of a file. Its footer belongs to the cache of footers, whose bytes are bounded; what that
/// has given up is read again.
#[derive(Debug)]
struct Known {
    footer: Weak<ParquetMetaData>,
    leaves: Leaves,
    stays: Arc<[bool]>,
}

/// A file, and which of its row groups may have rows that stay.
pub(super) struct Opened {
    pub(super) file: Arc<OpenFile>,
    pub(super) stays: Arc<[bool]>,
}

impl Own {
    fn new(joined: &Joined) -> Result<Self> {
        let (own, across) = joined.split_predicates()?;
        let own = own.into_iter().map(|over| {
            let columns = joined.table_columns(&over);
            Pruner::new(over, columns)
        });
        let pruners = own.collect::<Result<Vec<_>>>()?;
        let files = joined.facts.files.len();
        let mut stays = vec![true; files];
        for pruner in &pruners {
            for (all, own) in stays.iter_mut().zip(pruner.files(&joined.facts)?) {
                *all &= own;
            }
        }
        let kept = if files <= KEPT_FILES { files } else { 0 };
        let known = (0..kept).map(|_| OnceLock::new()).collect();
        Ok(Self { pruners, across, stays, known })
    }

    /// Whether rows of a file may stay.
    pub(super) fn may_stay(&self, file: usize) -> bool {
        self.stays.get(file).copied().unwrap_or(true)
    }

    /// A file of the fact, and which of its row groups may have rows that stay.
    pub(super) async fn open(
        &self,
        joined: &Joined,
        (index, file): (usize, PartitionedFile),
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Opened> {
        let known = self.known.get(index);
        if let Some(Known { footer, leaves, stays }) = known.and_then(OnceLock::get)
            && let Some(footer) = footer.upgrade()
        {
            let file = Arc::new(OpenFile::new(file, footer, Arc::clone(leaves)));
            return Ok(Opened { file, stays: Arc::clone(stays) });
        }
        let file = Arc::new(joined.facts.open(file, metrics).await?);
        let mut stays = vec![true; file.metadata.num_row_groups()];
        for pruner in &self.pruners {
            for (all, own) in stays.iter_mut().zip(pruner.row_groups(&joined.facts, &file)?) {
                *all &= own;
            }
        }
        let stays: Arc<[bool]> = stays.into();
        if let Some(known) = known {
            let (footer, leaves) = (Arc::downgrade(&file.metadata), file.leaves());
            known.get_or_init(|| Known { footer, leaves, stays: Arc::clone(&stays) });
        }
        Ok(Opened { file, stays })
    }
}

impl Joined {
    /// What its own predicates leave of the fact, worked out once.
    pub(super) fn own(&self) -> Result<Arc<Own>> {
        if let Some(own) = self.own.get() {
            return Ok(Arc::clone(own));
        }
        let own = Arc::new(Own::new(self)?);
        Ok(Arc::clone(self.own.get_or_init(|| own)))
    }

    /// Predicates over the fact alone, and the others. Those over the same columns are one, whose
    /// columns are then gathered once.
    fn split_predicates(&self) -> Result<(Vec<Over>, Vec<Over>)> {
        let mut by_columns: BTreeMap<Vec<usize>, Vec<Arc<dyn PhysicalExpr>>> = BTreeMap::new();
        for expr in &self.predicates {
            let columns = Over::new(expr, &self.wide)?.columns;
            by_columns.entry(columns).or_default().push(Arc::clone(expr));
        }
        let all = by_columns.into_values().map(|same| Over::new(&conjunction(same), &self.wide));
        let all = all.collect::<Result<Vec<_>>>()?;
        let count = self.columns.len();
        Ok(all.into_iter().partition(|over| over.columns.iter().all(|column| *column < count)))
    }
}
