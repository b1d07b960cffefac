//! The star scan: which rows of a row group stay, and their columns.

use super::expr::Over;
use super::joined::{Joined, Source};
use super::members::{Cover, NONE, key_values};
use super::once::Turns;
use super::prepare::{Morsel, Prepared};
use super::prune::Pruner;
use super::row_group::RowGroup;
use super::texts::not_boolean;
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a predicate over the fact's own columns is taken to leave.
const PREDICATE_LEAVES: f64 = 0.3;

impl Joined {
    /// The next row group in which rows stay, or `None` when there are no more.
    pub(super) fn next<'a>(
        &'a self,
        prepared: &'a Prepared,
        partition: &'a Partition,
        wanted: &'a Wanted<'a>,
    ) -> BoxFuture<'a, Result<Option<RowGroup>>> {
        self.next_selected(prepared, partition, wanted).boxed()
    }

    async fn next_selected(
        &self,
        prepared: &Prepared,
        partition: &Partition,
        wanted: &Wanted<'_>,
    ) -> Result<Option<RowGroup>> {
        loop {
            let next = partition.next.fetch_add(1, Ordering::Relaxed);
            let Some(morsel) = prepared.morsels.get(next) else { return Ok(None) };
            let memory = MemoryConsumer::new("StarScan").register(partition.context.memory_pool());
            let mut group = RowGroup::new(Arc::clone(&self.facts), morsel, partition, memory);
            self.select(prepared, morsel, &mut group, wanted).await?;
            if !group.rows.is_empty() {
                return Ok(Some(group));
            }
            prepared.counters.end(0, group.read_of(&self.columns));
            tokio::task::yield_now().await;
        }
    }

    /// Leaves the rows that stay, by what leaves fewest first.
    async fn select(
        &self,
        prepared: &Prepared,
        morsel: &Morsel,
        group: &mut RowGroup,
        wanted: &Wanted<'_>,
    ) -> Result<()> {
        let covers = self.covers(&prepared.members, &morsel.file, morsel.row_group);
        let mut steps: Vec<(f64, Step<'_>)> = Vec::new();
        for own in &prepared.own.pruners {
            let pages = own.pages(&self.facts, &morsel.file, morsel.row_group)?;
            let part = pages.as_ref().map_or(1.0, |pages| part_of(pages, &morsel.rows));
            steps.push((PREDICATE_LEAVES * part, Step::Predicate(own)));
            if let Some(pages) = pages {
                group.rows = group.rows.within(&pages);
            }
        }
        for (lookup, cover) in covers.iter().enumerate() {
            let Cover::Some(part) = cover else { continue };
            steps.push((*part, Step::Key(lookup)));
            let (column, members) = (self.key_column(lookup), &prepared.members[lookup]);
            let cover = |low, high| members.cover(low, high);
            if let Some(pages) = morsel.file.pages(morsel.row_group, column, cover) {
                group.rows = group.rows.within(&pages);
            }
        }
        prepared.counters.pages(morsel.rows.len(), group.rows.len());
        steps.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        for (index, (_, step)) in steps.iter().enumerate() {
            if group.rows.is_empty() {
                return Ok(());
            }
            if index == 1 {
                // One read for the first column, whose rows say which pages the others need, one
                // for all others, and one for what is asked of the rows that stay.
                let others = steps[index..].iter().flat_map(|(_, step)| self.reads(step));
                group.fetch(&others.collect::<Vec<_>>()).await?;
            }
            match *step {
                Step::Key(lookup) => {
                    let column = self.key_column(lookup);
                    let low = morsel.file.bounds(morsel.row_group, column).map(|(low, _)| low);
                    group.load(column).await?;
                    let low = low.unwrap_or(i32::MIN);
                    let keys = group.loaded(column)?;
                    group.rows = prepared.members[lookup].keep(keys, &group.rows, low)?;
                }
                Step::Predicate(own) => self.hold(prepared, group, &own.over).await?,
            }
        }
        if group.rows.is_empty() {
            return Ok(());
        }
        let columns = wanted(group);
        group.fetch(&columns).await?;
        for over in &prepared.own.across {
            if !group.rows.is_empty() {
                self.hold(prepared, group, over).await?;
            }
        }
        Ok(())
    }

    /// The table's columns that a step reads.
    fn reads(&self, step: &Step<'_>) -> Vec<usize> {
        match step {
            Step::Key(lookup) => vec![self.key_column(*lookup)],
            Step::Predicate(own) => own.columns.clone(),
        }
    }

    /// Leaves the rows for which a predicate is true.
    async fn hold(&self, prepared: &Prepared, group: &mut RowGroup, over: &Over) -> Result<()> {
        if let [wide] = over.columns[..]
            && let Source::Fact(column) = self.source(wide)
        {
            group.load(column).await?;
            let asked = |texts: ArrayRef| {
                let count = texts.len();
                over.evaluate(vec![texts], count)
            };
            if let Some(kept) = group.loaded(column)?.keep_texts(&group.rows, asked)? {
                group.rows = kept;
                return Ok(());
            }
        }
        let mask = self.evaluate(prepared, group, over).await?;
        let mask = mask.as_boolean_opt().ok_or_else(not_boolean)?;
        if mask.true_count() < mask.len() {
            group.rows = group.rows.masked(mask);
        }
        Ok(())
    }

    /// An expression's values in the rows that stay.
    pub(super) async fn evaluate(
        &self,
        prepared: &Prepared,
        group: &mut RowGroup,
        over: &Over,
    ) -> Result<ArrayRef> {
        let mut columns = Vec::with_capacity(over.columns.len());
        for wide in &over.columns {
            columns.push(self.column(prepared, group, *wide).await?);
        }
        over.evaluate(columns, group.rows.len())
    }

    /// A wide column's values in the rows that stay.
    pub(super) async fn column(
        &self,
        prepared: &Prepared,
        group: &mut RowGroup,
        wide: usize,
    ) -> Result<ArrayRef> {
        match self.source(wide) {
            Source::Fact(column) => group.values(column).await,
            Source::Lookup(lookup, column) => {
                let members = &prepared.members[lookup];
                let keys = group.values(self.key_column(lookup)).await?;
                let keys = key_values(&keys)?;
                let rows = members.rows_of(&keys).map(|row| (row != NONE).then_some(row));
                let rows: UInt32Array = rows.collect();
                Ok(take(members.rows().column(column), &rows, None)?)
            }
        }
    }
}

/// Which part of some rows is in these ranges, about.
fn part_of(ranges: &[Range<u32>], rows: &Range<u32>) -> f64 {
    let inside: usize = ranges.iter().map(ExactSizeIterator::len).sum();
    inside as f64 / rows.len().max(1) as f64
}

/// One partition of a scan under way.
pub(super) struct Partition {
    pub(super) number: usize,
    pub(super) metrics: ExecutionPlanMetricsSet,
    pub(super) baseline: BaselineMetrics,
    pub(super) context: Arc<TaskContext>,
    /// The next morsel, for all partitions.
    next: Arc<AtomicUsize>,
}

impl Partition {
    pub(super) fn new(
        number: usize,
        turns: &Turns,
        metrics: &ExecutionPlanMetricsSet,
        context: Arc<TaskContext>,
    ) -> Self {
        let baseline = BaselineMetrics::new(metrics, number);
        let next = turns.begin(number);
        Self { number, metrics: metrics.clone(), baseline, context, next }
    }
}

/// Which of the table's columns will be read of the rows that stay in a row group.
pub(super) type Wanted<'a> = dyn Fn(&RowGroup) -> Vec<usize> + Send + Sync + 'a;

enum Step<'a> {
    Key(usize),
    Predicate(&'a Pruner),
}
