//! Before a star scan reads facts: its dimensions by key, and which rows may stay at all.

use super::facts::OpenFile;
use super::joined::{Joined, Keeps};
use super::members::{Cover, Keyed, Members};
use super::metrics::Counters;
use super::own::{Opened, Own};
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, future, stream};
use std::ops::Range;
use std::sync::Arc;

/// Footers that are read at once.
const OPEN_AT_ONCE: usize = 8;

/// What is decoded at once takes at most this part of the memory of all queries ...
const MEMORY_SHARE: usize = 16;
/// ... but is never fewer rows than this: fewer pay the way of each read too often.
const FEWEST_ROWS: u32 = 16 * 1024;
/// How many bytes a text is taken to need.
const TEXT_BYTES: usize = 32;

/// Rows of a row group to read, by one partition at once.
#[derive(Debug)]
pub(super) struct Morsel {
    pub(super) file: Arc<OpenFile>,
    pub(super) row_group: usize,
    /// Which of its rows.
    pub(super) rows: Range<u32>,
}

/// What the partitions of a scan share while it runs.
#[derive(Debug)]
pub(super) struct Prepared {
    /// By lookup.
    pub(super) members: Vec<Members>,
    pub(super) morsels: Vec<Morsel>,
    pub(super) own: Arc<Own>,
    pub(super) counters: Counters,
}

impl Joined {
    /// Reads the dimensions and says which row groups may hold rows that stay.
    pub(super) fn prepare(
        self,
        context: Arc<TaskContext>,
        metrics: ExecutionPlanMetricsSet,
    ) -> BoxFuture<'static, Result<Prepared>> {
        async move { self.read_members(&context, &metrics).await }.boxed()
    }

    async fn read_members(
        &self,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Prepared> {
        let pool = context.memory_pool();
        let memory = MemoryConsumer::new("StarMembers").register(pool);
        let members = self.lookups.iter().enumerate().map(|(index, lookup)| {
            let (plan, context, memory) =
                (Arc::clone(&lookup.plan), Arc::clone(context), memory.new_empty());
            let (key, keeps, bounds) = (lookup.key, lookup.keeps, self.key_bounds(index));
            members(plan, Keyed { key, keeps, bounds }, context, memory).boxed()
        });
        let members: Vec<Members> = future::try_join_all(members).await?;
        let (own, counters) = (self.own()?, Counters::new(metrics));
        let files = self.files(&members, &own, &counters);
        let opened: Vec<Opened> = stream::iter(files)
            .map(|file| own.open(self, file, metrics))
            .buffered(OPEN_AT_ONCE)
            .try_collect()
            .await?;
        let at_once = self.rows_at_once(pool.memory_limit(), context);
        let mut morsels = Vec::new();
        for Opened { file, stays } in &opened {
            for (row_group, may_stay) in stays.iter().enumerate() {
                let skipped =
                    !may_stay || self.covers(&members, file, row_group).contains(&Cover::None);
                counters.row_group(file.rows(row_group), skipped);
                let starts = (0..file.rows(row_group)).step_by(at_once as usize);
                morsels.extend(starts.filter(|_| !skipped).map(|start| Morsel {
                    file: Arc::clone(file),
                    row_group,
                    rows: start..file.rows(row_group).min(start.saturating_add(at_once)),
                }));
            }
        }
        Ok(Prepared { members, morsels, own, counters })
    }

    /// How many rows of a row group are worked on at once: as many as leave the memory of all
    /// queries mostly to others.
    fn rows_at_once(&self, memory: MemoryLimit, context: &TaskContext) -> u32 {
        let MemoryLimit::Finite(limit) = memory else { return u32::MAX };
        let width = |column: &usize| {
            self.facts.schema.field(*column).data_type().primitive_width().unwrap_or(TEXT_BYTES)
        };
        let row: usize = self.columns.iter().map(width).sum();
        let partitions = context.session_config().target_partitions().max(1);
        let rows = limit / MEMORY_SHARE / partitions / row.max(1);
        u32::try_from(rows).unwrap_or(u32::MAX).max(FEWEST_ROWS)
    }

    /// The files whose bounds say that rows may stay, by their index.
    fn files(
        &self,
        members: &[Members],
        own: &Own,
        counters: &Counters,
    ) -> Vec<(usize, PartitionedFile)> {
        let mut files = Vec::new();
        for (index, file) in self.facts.files.iter().enumerate() {
            let skipped = !own.may_stay(index)
                || members.iter().enumerate().any(|(lookup, members)| {
                    let bounds = self.facts.bounds_in_file(file, self.key_column(lookup));
                    bounds.is_some_and(|(low, high)| members.cover(low, high) == Cover::None)
                });
            counters.file(file, skipped);
            if !skipped {
                files.push((index, file.clone()));
            }
        }
        files
    }

    /// How many of a row group's keys each lookup has.
    pub(super) fn covers(
        &self,
        members: &[Members],
        file: &OpenFile,
        row_group: usize,
    ) -> Vec<Cover> {
        let cover = |(lookup, members): (usize, &Members)| match file
            .bounds(row_group, self.key_column(lookup))
        {
            Some((low, high)) => members.cover(low, high),
            None if members.keeps() == Keeps::All => Cover::All,
            None => Cover::Some(1.0),
        };
        members.iter().enumerate().map(cover).collect()
    }
}

/// A dimension's rows by key, within the memory there is.
async fn members(
    plan: Arc<dyn ExecutionPlan>,
    keyed: Keyed,
    context: Arc<TaskContext>,
    memory: MemoryReservation,
) -> Result<Members> {
    let schema = plan.schema();
    let mut rows = execute_stream(plan, context)?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        // Once as it comes, once more when all are made one.
        memory.try_grow(2 * batch.get_array_memory_size())?;
        batches.push(batch);
    }
    Members::new(&schema, batches, keyed, memory)
}
