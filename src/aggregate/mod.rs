//! Aggregates: cuboids declared in the model, kept as tables, rebuilt in the release that changes
//! what they are computed from. So they are never stale: they belong to their release.

use crate::engine::{Engine, error_of};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Column, Cube, Model};
use crate::policy::Principal;
use crate::query::{
    AGGREGATE_DEFINITION, aggregate_columns, aggregate_fingerprint, aggregate_sources,
};
use crate::store::{Change, Input, Load, Release, Rows, TableSpec};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use std::collections::BTreeSet;

/// A declared aggregate whose table is missing, or not of what its fact and dimensions are now.
#[derive(Debug, Clone, Copy)]
pub struct Stale<'a> {
    /// The cube that declares it.
    pub cube: &'a Cube,
    /// The aggregate.
    pub aggregate: &'a Aggregate,
}

impl Stale<'_> {
    /// The aggregate's table.
    pub fn table(&self) -> String {
        self.cube.aggregate_table(self.aggregate)
    }
}

/// The aggregates that a load must build: those of what it has changed, those whose definition is
/// new, and those that are not there. One whose fact was never loaded waits for it.
pub fn stale<'a>(load: &Load, model: &'a Model) -> Vec<Stale<'a>> {
    let (base, now) = (load.base(), load.preview());
    let declared = model
        .cubes
        .iter()
        .flat_map(|cube| cube.aggregates.iter().map(move |aggregate| Stale { cube, aggregate }));
    let must = |stale: &Stale<'a>| {
        let sources = aggregate_sources(stale.aggregate, model);
        let changed = |table: &String| base.tables.get(table) != now.tables.get(table);
        sources.iter().all(|table| now.tables.contains_key(table))
            && (!now.tables.contains_key(&stale.table())
                || sources.iter().any(changed)
                || remembered(base, &stale.table()) != Some(&definition(stale, model)))
    };
    declared.filter(must).collect()
}

/// Drops the tables of aggregates that the model does not declare any more; returns their names.
///
/// # Errors
/// Internal errors of the store.
pub fn drop_undeclared(load: &mut Load, model: &Model) -> Result<Vec<String>> {
    let declared: BTreeSet<String> = model
        .cubes
        .iter()
        .flat_map(|cube| cube.aggregates.iter().map(|aggregate| cube.aggregate_table(aggregate)))
        .collect();
    let preview = load.preview();
    let tables = preview.tables.iter();
    let gone = tables.filter(|(name, _)| name.starts_with("agg_") && !declared.contains(*name));
    let mut dropped = Vec::new();
    for (name, table) in gone {
        let spec = TableSpec {
            name: name.clone(),
            description: String::new(),
            columns: table.columns.clone(),
            partition_by: table.partition_by.clone(),
            sort_by: table.sort_by.clone(),
        };
        load.stage(spec, Change::Drop)?;
        dropped.push(name.clone());
    }
    Ok(dropped)
}

/// Builds an aggregate from the warehouse as the load would publish it; returns its rows.
///
/// # Errors
/// User errors where the aggregate keeps what does not add up; what stops its query.
pub async fn build(engine: &Engine, load: &mut Load, stale: &Stale<'_>) -> Result<u64> {
    let model = engine.model();
    let columns = aggregate_columns(stale.cube, stale.aggregate, model)?;
    let spec = TableSpec {
        name: stale.table(),
        description: stale.aggregate.description.clone(),
        sort_by: stale.aggregate.columns.clone(),
        partition_by: None,
        columns,
    };
    let session = engine.load_session(Principal::pipeline(), load.preview(), Vec::new(), None);
    let query = session.plan_aggregate(stale.cube, stale.aggregate).await?;
    let columns = spec.columns.clone();
    let rows: Rows = query
        .execute()
        .await?
        .map(move |batch| fitted(&batch.map_err(error_of)?, &columns))
        .boxed();
    let files = load.write(&spec, rows).await?;
    let rows = files.iter().map(|file| file.rows).sum();
    let table = spec.name.clone();
    load.stage(spec, Change::Replace(files))?;
    load.set_inputs(&table, AGGREGATE_DEFINITION, vec![definition(stale, model)]);
    for source in aggregate_sources(stale.aggregate, model) {
        load.depends_on(&source);
    }
    Ok(rows)
}

fn remembered<'a>(release: &'a Release, table: &str) -> Option<&'a Input> {
    release.inputs.get(table)?.get(AGGREGATE_DEFINITION)?.first()
}

/// The definition as a release remembers it.
fn definition(stale: &Stale<'_>, model: &Model) -> Input {
    Input {
        name: AGGREGATE_DEFINITION.to_owned(),
        size_bytes: 0,
        sha256: aggregate_fingerprint(stale.cube, stale.aggregate, model),
    }
}

/// A batch of the plan in the types of the stored columns, by position.
fn fitted(batch: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
    let wrong = |error| Error::internal("an aggregate's plan has another form").caused_by(error);
    let pairs = batch.columns().iter().zip(columns);
    let arrays: Vec<_> = pairs
        .map(|(array, column)| cast(array, &column.ty.arrow()).map_err(wrong))
        .collect::<Result<_>>()?;
    RecordBatch::try_new(crate::model::arrow_schema(columns), arrays).map_err(wrong)
}
