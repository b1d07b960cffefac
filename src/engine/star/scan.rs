//! The star scan: which row groups of a fact are read, and which of their rows stay.

use super::expr::Over;
use super::facts::{Facts, OpenFile};
use super::members::{Cover, Members, NONE, key_values};
use super::metrics::Counters;
use super::prune::Pruner;
use super::row_group::RowGroup;
use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, collect};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, future, stream};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Footers that are read at once.
const OPEN_AT_ONCE: usize = 8;

/// What a predicate over the fact's own columns is taken to leave.
const PREDICATE_LEAVES: f64 = 0.3;

/// A dimension looked up by a fact's keys.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    /// What gives its rows.
    pub(super) plan: Arc<dyn ExecutionPlan>,
    /// Its key, among the plan's columns.
    pub(super) key: usize,
    /// The fact's wide column that holds its keys.
    pub(super) fact_key: usize,
    /// Whether it only says which keys stay.
    pub(super) only_filters: bool,
}

/// A fact, its dimensions and what rows must satisfy.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    pub(super) facts: Arc<Facts>,
    /// The fact's columns that are read, by their index in the table.
    pub(super) columns: Vec<usize>,
    pub(super) lookups: Vec<Lookup>,
    /// All columns: those of the fact that are read, then those of each lookup.
    pub(super) wide: SchemaRef,
    /// Over wide columns.
    pub(super) predicates: Vec<Arc<dyn PhysicalExpr>>,
}

/// Where a wide column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The fact's column, by its index in the table.
    Fact(usize),
    /// A lookup, and the column of its plan.
    Lookup(usize, usize),
}

impl Joined {
    pub(super) fn source(&self, wide: usize) -> Source {
        if let Some(column) = self.columns.get(wide) {
            return Source::Fact(*column);
        }
        let mut first = self.columns.len();
        for (index, lookup) in self.lookups.iter().enumerate() {
            let width = lookup.plan.schema().fields().len();
            if wide < first + width {
                return Source::Lookup(index, wide - first);
            }
            first += width;
        }
        Source::Lookup(self.lookups.len(), wide)
    }

    /// The table's columns that are read for wide columns.
    pub(super) fn reads_for(&self, wide: &[usize]) -> Vec<usize> {
        let read = wide.iter().map(|wide| match self.source(*wide) {
            Source::Fact(column) => column,
            Source::Lookup(lookup, _) => self.key_column(lookup),
        });
        read.collect()
    }

    /// The table's column that holds a lookup's keys.
    pub(super) fn key_column(&self, lookup: usize) -> usize {
        self.columns[self.lookups[lookup].fact_key]
    }

    /// Reads the dimensions and says which row groups may hold rows that stay.
    pub(super) fn prepare<'a>(
        &'a self,
        context: &'a Arc<TaskContext>,
        metrics: &'a ExecutionPlanMetricsSet,
    ) -> BoxFuture<'a, Result<Prepared>> {
        self.read_members(context, metrics).boxed()
    }

    async fn read_members(
        &self,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Prepared> {
        let members = self.lookups.iter().map(|lookup| async move {
            let rows = collect(Arc::clone(&lookup.plan), Arc::clone(context)).await?;
            Members::new(&lookup.plan.schema(), &rows, lookup.key, lookup.only_filters)
        });
        let members = future::try_join_all(members).await?;
        let memory = MemoryConsumer::new("StarMembers").register(context.memory_pool());
        memory.try_grow(members.iter().map(Members::size).sum())?;
        let counters = Counters::new(metrics);
        let (own, across) = self.split_predicates()?;
        let pruners = own.iter().map(|over| Pruner::new(over, self.table_columns(over)));
        let pruners = pruners.collect::<Result<Vec<_>>>()?;
        let files = self.files(&members, &pruners, &counters)?;
        let opened: Vec<OpenFile> = stream::iter(files)
            .map(|file| {
                let (facts, metrics) = (Arc::clone(&self.facts), metrics.clone());
                async move { facts.open(file, &metrics).await }
            })
            .buffered(OPEN_AT_ONCE)
            .try_collect()
            .await?;
        let mut morsels = Vec::new();
        for file in opened.into_iter().map(Arc::new) {
            let stays = pruners.iter().map(|pruner| pruner.row_groups(&self.facts, &file));
            let stays = stays.collect::<Result<Vec<_>>>()?;
            for row_group in 0..file.metadata.num_row_groups() {
                let skipped = self.covers(&members, &file, row_group).contains(&Cover::None)
                    || stays.iter().any(|stays| !stays[row_group]);
                counters.row_group(file.rows(row_group), skipped);
                if !skipped {
                    morsels.push(Morsel { file: Arc::clone(&file), row_group });
                }
            }
        }
        Ok(Prepared { members, memory, morsels, next: AtomicUsize::new(0), own, across, counters })
    }

    /// The files whose bounds say that rows may stay.
    fn files(
        &self,
        members: &[Members],
        pruners: &[Pruner],
        counters: &Counters,
    ) -> Result<Vec<PartitionedFile>> {
        let stays = pruners.iter().map(|pruner| pruner.files(&self.facts));
        let stays = stays.collect::<Result<Vec<_>>>()?;
        let mut files = Vec::new();
        for (index, file) in self.facts.files.iter().enumerate() {
            let skipped = stays.iter().any(|stays| !stays[index])
                || members.iter().enumerate().any(|(lookup, members)| {
                    let bounds = self.facts.bounds_in_file(file, self.key_column(lookup));
                    bounds.is_some_and(|(low, high)| members.cover(low, high) == Cover::None)
                });
            counters.file(file, skipped);
            if !skipped {
                files.push(file.clone());
            }
        }
        Ok(files)
    }

    /// The table's columns of an expression over the fact's own.
    fn table_columns(&self, over: &Over) -> Vec<usize> {
        over.columns.iter().map(|wide| self.columns[*wide]).collect()
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

    /// How many of a row group's keys each lookup has.
    fn covers(&self, members: &[Members], file: &OpenFile, row_group: usize) -> Vec<Cover> {
        let cover = |(lookup, members): (usize, &Members)| match file
            .bounds(row_group, self.key_column(lookup))
        {
            Some((low, high)) => members.cover(low, high),
            None => Cover::Some(1.0),
        };
        members.iter().enumerate().map(cover).collect()
    }

    /// The next row group in which rows stay, or `None` when there are no more.
    pub(super) fn next<'a>(
        &'a self,
        prepared: &'a Prepared,
        partition: usize,
        metrics: &'a ExecutionPlanMetricsSet,
        wanted: &'a Wanted<'a>,
    ) -> BoxFuture<'a, Result<Option<RowGroup>>> {
        self.next_selected(prepared, partition, metrics, wanted).boxed()
    }

    async fn next_selected(
        &self,
        prepared: &Prepared,
        partition: usize,
        metrics: &ExecutionPlanMetricsSet,
        wanted: &Wanted<'_>,
    ) -> Result<Option<RowGroup>> {
        loop {
            let next = prepared.next.fetch_add(1, Ordering::Relaxed);
            let Some(morsel) = prepared.morsels.get(next) else { return Ok(None) };
            let reader = self.facts.reader(partition, &morsel.file.file, metrics)?;
            let (facts, file) = (Arc::clone(&self.facts), Arc::clone(&morsel.file));
            let mut group = RowGroup::new(facts, file, morsel.row_group, reader);
            self.select(prepared, morsel, &mut group, wanted).await?;
            if !group.rows.is_empty() {
                return Ok(Some(group));
            }
            prepared.counters.end(&group);
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
        let mut steps: Vec<(f64, Step<'_>)> =
            prepared.own.iter().map(|over| (PREDICATE_LEAVES, Step::Predicate(over))).collect();
        for (lookup, cover) in covers.iter().enumerate() {
            let Cover::Some(part) = cover else { continue };
            steps.push((*part, Step::Key(lookup)));
            let (column, members) = (self.key_column(lookup), &prepared.members[lookup]);
            let cover = |low, high| members.cover(low, high);
            if let Some(pages) = morsel.file.pages(morsel.row_group, column, cover) {
                group.rows = group.rows.within(&pages);
            }
        }
        let rows = morsel.file.rows(morsel.row_group) as usize;
        prepared.counters.pages(rows, group.rows.len());
        steps.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        for (index, (_, step)) in steps.iter().enumerate() {
            if group.rows.is_empty() {
                return Ok(());
            }
            if index == 1 || steps.len() == 1 {
                // One read for the first column, whose rows say which pages the others need, and
                // one for all others.
                let mut columns = wanted(group);
                columns.extend(steps[index..].iter().flat_map(|(_, step)| self.reads(step)));
                group.fetch(&columns).await?;
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
                Step::Predicate(over) => self.hold(prepared, group, over).await?,
            }
        }
        for over in &prepared.across {
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
            Step::Predicate(over) => self.table_columns(over),
        }
    }

    /// Leaves the rows for which a predicate is true.
    async fn hold(&self, prepared: &Prepared, group: &mut RowGroup, over: &Over) -> Result<()> {
        let mask = self.evaluate(prepared, group, over).await?;
        let mask = mask
            .as_boolean_opt()
            .ok_or_else(|| internal_datafusion_err!("a predicate is not boolean"))?;
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
                let rows = keys.values().iter().map(|key| Some(members.row(*key)));
                let rows: UInt32Array = rows.map(|row| row.filter(|row| *row != NONE)).collect();
                Ok(take(members.rows().column(column), &rows, None)?)
            }
        }
    }
}

/// Which of the table's columns will be read of the rows that stay in a row group.
pub(super) type Wanted<'a> = dyn Fn(&RowGroup) -> Vec<usize> + Send + Sync + 'a;

/// A row group to read.
#[derive(Debug)]
pub(super) struct Morsel {
    file: Arc<OpenFile>,
    row_group: usize,
}

/// What the partitions of a scan share while it runs.
#[derive(Debug)]
pub(super) struct Prepared {
    /// By lookup.
    pub(super) members: Vec<Members>,
    /// What the members take; given back with them.
    #[allow(dead_code, reason = "what it does is to be dropped with the members")]
    memory: MemoryReservation,
    morsels: Vec<Morsel>,
    next: AtomicUsize,
    /// Predicates over the fact alone.
    own: Vec<Over>,
    /// Predicates that need a dimension's columns.
    across: Vec<Over>,
    pub(super) counters: Counters,
}

enum Step<'a> {
    Key(usize),
    Predicate(&'a Over),
}
