//! What a run would do.
//!
//! [`plan`] looks at sources, the model and the latest release, loads no rows and writes nothing:
//! which jobs would run and why, what they would read, how tables would change their form.
//! [`super::run::trial`] loads everything aside and publishes nothing: which rows would be others.

mod aggregates;
pub(crate) mod diff;
mod schema;

pub use aggregates::{AggregatePlan, aggregates};
pub use diff::{Cell, RowChange, RowDiff, TableDiff};
pub use schema::{SchemaChange, SchemaPart};

use super::job::{FactMode, Job, LoadSpec, Missing};
use super::jobs::{Jobs, tables_loaded, tables_used, target_table};
use super::run::{Effects, plans, reasons};
use crate::engine::Engine;
use crate::error::Result;
use crate::model::{Fact, Model};
use crate::policy::Principal;
use crate::store::Input;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// What a run would do with a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobPlan {
    /// The job.
    pub job: String,
    /// The table it loads.
    pub table: String,
    /// How it loads it, in words.
    pub mode: String,
    /// Why it would run; empty where it would be skipped.
    pub reasons: Vec<String>,
    /// Its sources.
    pub sources: Vec<SourcePlan>,
    /// How its table would change its form.
    pub schema: Vec<SchemaChange>,
    /// The jobs before it that it waits for.
    pub after: Vec<String>,
}

/// What a run would read of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourcePlan {
    /// The source.
    pub source: String,
    /// The files (or tables) that would be read.
    pub to_read: Vec<Input>,
    /// Whether published runs have read exactly what there is.
    pub unchanged: bool,
}

/// Plans a run of jobs; all of them where none is named.
///
/// # Errors
/// Usage errors for unknown jobs; what a source's place has wrong.
pub async fn plan(
    project: &Path,
    engine: &Engine,
    jobs: &Jobs,
    only: &[String],
) -> Result<Vec<JobPlan>> {
    let release = engine.warehouse().latest().await?;
    let model = engine.model();
    let mut planned = Vec::new();
    // Tables that jobs before would load; whether rows change is known only when they have run.
    let mut loaded: BTreeSet<String> = BTreeSet::new();
    let selected = jobs.select(only)?;
    for (index, job) in selected.iter().copied().enumerate() {
        let sources = plans(project, job, engine, &release, None).await?;
        let mut reasons = reasons(&sources, job, model, &release);
        if super::upstream::follows_upstream(job) {
            let used = tables_used(job, model);
            let used = used.iter().filter(|table| loaded.contains(*table));
            reasons.extend(used.map(|table| format!("warehouse.{table} may change")));
        }
        if !reasons.is_empty() {
            loaded.extend(tables_loaded(job, model));
            loaded.extend(follow(job, model).filter(|fact| release.tables.contains_key(fact)));
        }
        let sources = sources.iter().map(|plan| SourcePlan {
            source: plan.spec().name.clone(),
            to_read: plan.to_read().cloned().collect(),
            unchanged: plan.is_unchanged(),
        });
        planned.push(JobPlan {
            job: job.job.clone(),
            table: target_table(job),
            mode: mode(job),
            reasons,
            sources: sources.collect(),
            schema: schema::changes(job, model, &release),
            after: after(&selected, index, model),
        });
    }
    Ok(planned)
}

/// The tables of calendars and times of day that a run would write anew, for they are declared otherwise.
///
/// # Errors
/// What stops the reading of the latest release; data errors where a file of holidays is not one.
pub async fn generated(project: &Path, engine: &Engine) -> Result<Vec<String>> {
    let release = engine.warehouse().latest().await?;
    let session = engine.session(Principal::pipeline(), release).unlogged();
    super::load::generated::changed(&session, engine.model(), project).await
}

/// The jobs that one waits for; those that they wait for in turn left out.
fn after(jobs: &[&Job], index: usize, model: &Model) -> Vec<String> {
    let effects: Vec<Effects> = jobs.iter().map(|job| Effects::of(job, model)).collect();
    let waits = |of: usize, before: usize| before < of && effects[before].disturb(&effects[of]);
    let direct: Vec<usize> = (0..index).filter(|before| waits(index, *before)).collect();
    let is_last = |job: &&usize| !direct.iter().any(|other| waits(*other, **job));
    direct.iter().filter(is_last).map(|job| jobs[*job].job.clone()).collect()
}

/// The facts whose rows follow if members of the job's dimension change late.
fn follow<'a>(job: &'a Job, model: &'a Model) -> impl Iterator<Item = String> + use<'a> {
    let dimension = match &job.load {
        LoadSpec::Dimension(load) => model.dimension(&load.dimension),
        LoadSpec::Fact(_) | LoadSpec::Bridge(_) | LoadSpec::Match(_) => None,
    };
    let minis = dimension.into_iter().flat_map(|dimension| model.minis_of(&dimension.name));
    let moving = dimension.filter(|dimension| dimension.keeps_history()).into_iter().chain(minis);
    let moving: Vec<&str> = moving.map(|dimension| dimension.name.as_str()).collect();
    let plays =
        move |fact: &&Fact| fact.roles.iter().any(|role| moving.contains(&role.dimension.as_str()));
    model.facts.iter().filter(plays).map(Fact::table)
}

fn mode(job: &Job) -> String {
    let words = match &job.load {
        LoadSpec::Dimension(load) if load.missing == Missing::Close => {
            "members with history, missing ones closed"
        }
        LoadSpec::Dimension(load) if load.missing == Missing::Hard => {
            "members with history, missing ones deleted"
        }
        LoadSpec::Dimension(_) => "members with history",
        LoadSpec::Match(load) if load.missing == Missing::Close => "match, missing records gone",
        LoadSpec::Match(_) => "match",
        LoadSpec::Bridge(_) => "replace",
        LoadSpec::Fact(load) => match load.mode {
            FactMode::Append => "append",
            FactMode::Upsert => "upsert",
            FactMode::Replace => "replace",
            FactMode::OverwritePartitions => "overwrite partitions",
        },
    };
    words.to_owned()
}
