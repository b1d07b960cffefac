//! Aggregates: cuboids declared in the model, kept as tables, rebuilt in the release that changes
//! what they are computed from. So they are never stale: they belong to their release.

use crate::engine::{Engine, error_of};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Column, Cube, Model};
use crate::policy::Principal;
use crate::query::aggregate_columns;
use crate::store::{Change, Input, Load, Release, Rows, TableSpec};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The input that stands for an aggregate's definition among what a release remembers.
const DEFINITION: &str = "aggregate.definition";

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
        let sources = sources(stale, model);
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
    let session = engine.load_session(Principal::pipeline(), load.preview(), Vec::new());
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
    load.set_inputs(&table, DEFINITION, vec![definition(stale, model)]);
    for source in sources(stale, model) {
        load.depends_on(&source);
    }
    Ok(rows)
}

/// The tables that an aggregate is computed from: its fact, and the dimensions in its roles.
fn sources(stale: &Stale<'_>, model: &Model) -> BTreeSet<String> {
    let Some(fact) = model.fact(&stale.aggregate.fact) else {
        return BTreeSet::new();
    };
    let dimensions = fact.roles.iter().filter_map(|role| model.dimension(&role.dimension));
    dimensions.map(|dimension| dimension.table()).chain([fact.table()]).collect()
}

fn remembered<'a>(release: &'a Release, table: &str) -> Option<&'a Input> {
    release.inputs.get(table)?.get(DEFINITION)?.first()
}

/// The definition's fingerprint: whatever in the model may change the table.
fn definition(stale: &Stale<'_>, model: &Model) -> Input {
    let tables = sources(stale, model);
    let dimensions = model.dimensions.iter().filter(|d| tables.contains(&d.table()));
    let dimensions: Vec<_> = dimensions.collect();
    let Stale { cube, aggregate } = stale;
    let fact = model.fact(&aggregate.fact);
    let text = format!("{aggregate:?}\n{:?}\n{fact:?}\n{dimensions:?}", cube.measures);
    let digest = Sha256::digest(text.as_bytes());
    Input {
        name: DEFINITION.to_owned(),
        size_bytes: text.len() as u64,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
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
