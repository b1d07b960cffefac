//! Lineage: which columns of which tables each column comes from, from the sources' columns to the
//! cubes' measures.
//!
//! It is read off the logical plans of jobs' transformations and of measures' expressions, and adds
//! what loaders do: keys that are looked up, moments at which they are; and what rules of sources do:
//! values that are looked up, filled in or derived. Planning reads no rows: the tables planned over are
//! those of the model, empty.
//!
//! A node is a text: `job.source.column`, `warehouse.table.column`, `cubes.cube.measure`; of a place
//! that values are looked up in, `job.place.column` (`sales.shops.csv.Town`).
//! `warehouse.table.*` stands for which rows the table has.

mod sources;
mod walk;

pub use walk::{Lineage, Step};

use super::job::{Job, LoadSpec};
use super::jobs::{Jobs, target_table};
use super::load::{band_spec, dimension_spec, fact_spec, quoted};
use super::transform;
use crate::engine::{Decides, Engine, Origin, Session};
use crate::error::Result;
use crate::model::{Column, Cube, Dimension, DimensionKind, Fact, Measure, MeasureKind};
use crate::policy::Principal;
use crate::store::{LineageEdge, Release, TableState};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The lineage of a project's jobs and cubes.
///
/// # Errors
/// User errors where a job's transformation does not plan.
pub async fn edges(engine: &Engine, jobs: &Jobs) -> Result<Vec<LineageEdge>> {
    let release = Arc::new(as_modelled(engine, &*engine.warehouse().latest().await?));
    let mut edges = BTreeSet::new();
    for job in jobs {
        edges.extend(sources::edges(job));
        let session = session(engine, &release, job);
        of_job(engine, &session, job, &mut edges).await?;
    }
    for cube in &engine.model().cubes {
        for measure in &cube.measures {
            of_measure(engine, &release, cube, measure, &mut edges).await?;
        }
    }
    Ok(edges.into_iter().collect())
}

/// A release whose dimensions and facts have the model's columns and no rows.
fn as_modelled(engine: &Engine, latest: &Release) -> Release {
    let model = engine.model();
    let mut release = latest.clone();
    let columns = |dimension: &Dimension| match dimension.kind {
        DimensionKind::Loaded => dimension_spec(dimension).columns,
        _ => dimension.table_columns(),
    };
    let dimensions = model.dimensions.iter().map(|d| (d.table(), columns(d)));
    let facts = model.facts.iter().map(|fact| (fact.table(), fact_spec(fact).columns));
    let histories = model.dimensions.iter().filter_map(|mini| {
        let spec = band_spec(&model.band_history(mini)?, mini);
        Some((spec.name, spec.columns))
    });
    for (name, columns) in dimensions.chain(histories).chain(facts) {
        release.tables.insert(name.clone(), empty(&name, columns));
    }
    release
}

fn empty(name: &str, columns: Vec<Column>) -> TableState {
    TableState {
        location: format!("tables/{name}"),
        delta_version: None,
        columns,
        partition_by: None,
        sort_by: Vec::new(),
        files: Vec::new(),
    }
}

/// A session over the model's tables and a job's sources, all of them empty.
fn session(engine: &Engine, release: &Arc<Release>, job: &Job) -> Session {
    let sources = job.sources.iter().map(|source| {
        let columns = source.yields().map(|(name, ty)| Column::new(name, ty, true)).collect();
        (source.name.clone(), empty(&source.name, columns))
    });
    transform::session(engine, Arc::clone(release), sources.collect())
}

/// What happens to values on their way.
const VALUE: &str = "value";
const KEY: &str = "key";
const MOMENT: &str = "moment";
const ROWS: &str = "rows";
const FILTER: &str = "filter";

fn decides(how: Decides) -> &'static str {
    match how {
        Decides::Filter => FILTER,
        Decides::Join => "join",
        Decides::Group => "group",
        Decides::Order => "order",
    }
}

/// The node of a column that a job's plan reads.
fn node(job: &str, origin: &Origin) -> String {
    match origin.schema.as_deref() {
        Some(schema @ ("warehouse" | "cubes")) => {
            format!("{schema}.{}.{}", origin.table, origin.column)
        }
        _ => format!("{job}.{}.{}", origin.table, origin.column),
    }
}

async fn of_job(
    engine: &Engine,
    session: &Session,
    job: &Job,
    edges: &mut BTreeSet<LineageEdge>,
) -> Result<()> {
    /// Whether a row deletes, among the answer's columns.
    const DELETES: &str = "__lineage_deletes";
    let model = engine.model();
    let deletes = match &job.load {
        LoadSpec::Dimension(load) => load.delete_when.as_deref(),
        LoadSpec::Fact(load) => load.delete_when.as_deref(),
        LoadSpec::Bridge(_) | LoadSpec::Match(_) => None,
    };
    let marks: Vec<(&str, &str)> = deletes.iter().map(|sql| (DELETES, *sql)).collect();
    // Which rows stay of several decides about rows; their values are what they were.
    let all_rows = Job { deduplicate: None, ..job.clone() };
    let plan = transform::plan(session, &all_rows, &marks, None).await?.lineage()?;
    let table = target_table(job);
    let to = |column: &str| format!("warehouse.{table}.{column}");
    let mut add = |from: String, to: String, how: &str| {
        edges.insert(LineageEdge { by: job.job.clone(), from, to, how: how.to_owned() });
    };
    let of = |column: &str| -> Vec<String> {
        let found = plan.columns.iter().find(|(name, _)| name == column);
        let origins = found.into_iter().flat_map(|(_, origins)| origins);
        origins.map(|origin| node(&job.job, origin)).collect()
    };
    let mut flow = |from: &str, column: &str, how: &str| {
        of(from).into_iter().for_each(|origin| add(origin, to(column), how));
    };
    flow(DELETES, "*", decides(Decides::Filter));
    if let Some(one_a_key) = &job.deduplicate {
        one_a_key.key.iter().for_each(|key| flow(key, "*", decides(Decides::Group)));
        one_a_key.latest_by.iter().for_each(|latest| flow(latest, "*", decides(Decides::Order)));
    }
    match &job.load {
        LoadSpec::Dimension(load) => {
            let Some(dimension) = model.dimension(&load.dimension) else { return Ok(()) };
            for column in dimension.source_columns() {
                flow(&column.name, &column.name, VALUE);
            }
            for column in &dimension.natural_key {
                flow(&column.name, &dimension.key_column(), KEY);
            }
            if let Some(from) = &load.effective_at {
                flow(from, "valid_from", MOMENT);
                flow(from, "valid_to", MOMENT);
            }
            let beside = model.minis_of(&load.dimension).chain(model.levels_of(&load.dimension));
            for other in beside {
                for column in other.described_columns() {
                    let to = format!("warehouse.{}.{}", other.table(), column.name);
                    of(&column.name).into_iter().for_each(|from| add(from, to.clone(), VALUE));
                }
            }
        }
        LoadSpec::Fact(load) => {
            let Some(fact) = model.fact(&load.fact) else { return Ok(()) };
            for column in fact.source_columns() {
                flow(&column.name, &column.name, VALUE);
            }
            for role in &fact.roles {
                for from in load.keys.get(&role.role).into_iter().flatten() {
                    flow(from, &role.key_column(), KEY);
                }
                let Some(dimension) = model.dimension(&role.dimension) else { continue };
                if dimension.keeps_history() || role.of.is_some() {
                    flow(&load.event_at, &role.key_column(), MOMENT);
                }
                for from in role.of.iter().filter_map(|of| load.keys.get(of)).flatten() {
                    flow(from, &role.key_column(), KEY);
                }
                if dimension.kind == DimensionKind::Junk {
                    let named = load.keys.get(&role.role).map(Vec::as_slice).unwrap_or_default();
                    for (position, flag) in dimension.described_columns().enumerate() {
                        let from = named.get(position).unwrap_or(&flag.name);
                        flow(from, &role.key_column(), KEY);
                    }
                }
            }
            let roles = fact.roles.iter();
            let looked_up = roles.filter_map(|r| Some((r, model.dimension(&r.dimension)?)));
            for (role, dimension) in looked_up {
                for key in dimension.identifying_columns() {
                    let from = format!("warehouse.{}.{}", dimension.table(), key.name);
                    add(from, to(&role.key_column()), KEY);
                }
            }
        }
        LoadSpec::Bridge(load) => {
            let Some(bridge) = model.bridge(&load.bridge) else { return Ok(()) };
            load.from.iter().for_each(|from| flow(from, &bridge.from_column(), KEY));
            load.to.iter().for_each(|from| flow(from, &bridge.to_column(), KEY));
            bridge.weight.iter().for_each(|weight| flow(&weight.name, &weight.name, VALUE));
            let ends = [(&bridge.from, bridge.from_column()), (&bridge.to, bridge.to_column())];
            for (dimension, column) in ends {
                let Some(dimension) = model.dimension(dimension) else { continue };
                for key in &dimension.natural_key {
                    let from = format!("warehouse.{}.{}", dimension.table(), key.name);
                    add(from, to(&column), KEY);
                }
            }
        }
        // Which records are of one person is decided by all that is compared.
        LoadSpec::Match(load) => {
            let columns = load.record.iter().map(String::as_str).chain(load.compared_columns());
            let columns: Vec<&str> = columns.collect();
            columns.iter().for_each(|column| flow(column, column, VALUE));
            columns.iter().for_each(|column| flow(column, "person", KEY));
        }
    }
    for (origin, how) in &plan.decides {
        add(node(&job.job, origin), to("*"), decides(*how));
    }
    Ok(())
}

async fn of_measure(
    engine: &Engine,
    release: &Arc<Release>,
    cube: &Cube,
    measure: &Measure,
    edges: &mut BTreeSet<LineageEdge>,
) -> Result<()> {
    let to = format!("cubes.{}.{}", cube.name, measure.name);
    let by = format!("cube {}", cube.name);
    let mut add = |from: String, how: &str| {
        let (by, to) = (by.clone(), to.clone());
        edges.insert(LineageEdge { by, from, to, how: how.to_owned() });
    };
    for other in measure.kind.uses() {
        add(format!("cubes.{}.{other}", cube.name), VALUE);
    }
    for (fact, values, filter) in expressions(&measure.kind) {
        let Some(fact) = engine.model().fact(fact) else { continue };
        add(format!("warehouse.{}.*", fact.table()), ROWS);
        let values = values.into_iter().map(|sql| (sql, VALUE));
        for (sql, how) in values.chain(filter.map(|filter| (filter, FILTER))) {
            of_value(engine, release, fact, sql).await?.into_iter().for_each(|from| add(from, how));
        }
    }
    Ok(())
}

/// What an expression over a fact's columns is made of.
async fn of_value(
    engine: &Engine,
    release: &Arc<Release>,
    fact: &Fact,
    sql: &str,
) -> Result<Vec<String>> {
    // A role counts its members.
    if let Some(role) = fact.role(sql) {
        return Ok(vec![format!("warehouse.{}.{}", fact.table(), role.key_column())]);
    }
    let session = engine.load_session(Principal::pipeline(), Arc::clone(release), Vec::new(), None);
    let origins = of_expression(&session, fact, sql).await?;
    Ok(origins.iter().map(|origin| node("", origin)).collect())
}

async fn of_expression(session: &Session, fact: &Fact, sql: &str) -> Result<BTreeSet<Origin>> {
    let sql = format!("SELECT ({sql}) AS v FROM warehouse.{}", quoted(&fact.table()));
    let plan = session.plan_sql(&sql).await?.lineage()?;
    Ok(plan.columns.into_iter().flat_map(|(_, origins)| origins).collect())
}

/// What a measure looks at of a fact: expressions over its columns, and a filter.
type Looked<'m> = (&'m str, Vec<&'m String>, Option<&'m String>);

/// What a measure looks at of facts.
fn expressions(kind: &MeasureKind) -> Vec<Looked<'_>> {
    let Some(fact) = kind.fact() else { return Vec::new() };
    let values: Vec<&String> = match kind {
        MeasureKind::Sum { sql, .. }
        | MeasureKind::CountDistinct { sql, .. }
        | MeasureKind::Min { sql, .. }
        | MeasureKind::Max { sql, .. }
        | MeasureKind::Average { sql, .. }
        | MeasureKind::SemiAdditive { sql, .. }
        | MeasureKind::Percentile { sql, .. }
        | MeasureKind::ApproximatePercentile { sql, .. }
        | MeasureKind::ApproximateDistinct { sql, .. } => vec![sql],
        MeasureKind::ApproximateOverlap { sql, each, none, .. } => {
            [sql].into_iter().chain(each).chain(none).collect()
        }
        MeasureKind::Correlation { sql, with, .. } => vec![sql, with],
        MeasureKind::Conversion { followed, .. } => {
            let told_by = || [&followed.of, &followed.over].into_iter().chain(&followed.same);
            let here = told_by().map(|named| &named.here).collect();
            let there = told_by().map(|named| &named.there).collect();
            let next = (followed.by.as_str(), there, followed.filter.as_ref());
            return vec![(fact, here, kind.filter()), next];
        }
        _ => Vec::new(),
    };
    vec![(fact, values, kind.filter())]
}
