//! One job of a run: look, then skip or extract, transform and load.

use super::record::since;
use super::{JobSummary, Request, SourceSummary};
use crate::error::Result;
use crate::etl::extract::{self, Plan};
use crate::etl::job::Job;
use crate::etl::jobs::{tables_used, target_table};
use crate::etl::load::{self, Loading};
use crate::etl::upstream;
use crate::store::{Load, Release, TableState};
use std::path::Path;
use std::sync::Arc;

/// Runs a job, or says why it need not run.
pub(super) async fn run(request: &Request<'_>, load: &mut Load, job: &Job) -> Result<JobSummary> {
    let started = request.clock.now();
    let model = Arc::clone(request.engine.model());
    let plans = plans(request.project, job, load.base()).await?;
    let reasons = reasons(&plans, job, &model, &load.preview());
    let mut summary = JobSummary {
        job: job.job.clone(),
        table: target_table(job),
        skipped: None,
        sources: Vec::new(),
        rows_in: 0,
        rows_written: 0,
        rows_deleted: 0,
        notes: Vec::new(),
        elapsed_ms: 0,
    };
    if reasons.is_empty() {
        summary.skipped = Some("nothing it depends on has changed".to_owned());
        summary.elapsed_ms = since(&request.clock, started);
        return Ok(summary);
    }
    for table in tables_used(job, &model) {
        load.depends_on(&table);
    }
    let upstream = upstream::upstream(job, &model, &load.preview());
    let mut sources = Vec::new();
    for plan in &plans {
        let (table, source) = source(request, load, job, plan).await?;
        sources.push((source.source.clone(), table));
        summary.sources.push(source);
    }
    request.progress.loading(&job.job, &summary.table);
    let loading = Loading {
        engine: request.engine,
        load,
        job,
        sources: &sources,
        rows_rejected: summary.sources.iter().map(|source| source.counts.rejected).sum(),
        as_of: request.as_of,
    };
    let loaded = load::load(loading).await?;
    for (name, input) in upstream {
        load.set_inputs(&job.job, &name, vec![input]);
    }
    summary.rows_in = loaded.rows_in;
    summary.rows_written = loaded.rows_written;
    summary.rows_deleted = loaded.rows_deleted;
    summary.notes = loaded.notes;
    summary.elapsed_ms = since(&request.clock, started);
    Ok(summary)
}

/// What there is to read of each source of a job.
pub(crate) async fn plans(project: &Path, job: &Job, base: &Release) -> Result<Vec<Plan>> {
    let read = base.inputs.get(&job.job);
    let mut plans = Vec::with_capacity(job.sources.len());
    for source in &job.sources {
        let before = read.and_then(|read| read.get(&source.name)).map(Vec::as_slice);
        let plan = extract::plan(project, source, before).await;
        plans.push(plan.map_err(|error| error.with("job", &job.job))?);
    }
    Ok(plans)
}

/// Why a job would run; empty where nothing it depends on has changed.
pub(crate) fn reasons(
    plans: &[Plan],
    job: &Job,
    model: &crate::model::Model,
    release: &Release,
) -> Vec<String> {
    if !release.inputs.contains_key(&job.job) {
        return vec!["it has never run".to_owned()];
    }
    let news = plans.iter().filter(|plan| !plan.is_unchanged());
    let mut reasons: Vec<String> =
        news.map(|plan| format!("the source `{}` has news", plan.spec().name)).collect();
    let table = target_table(job);
    if !release.tables.contains_key(&table) {
        reasons.push(format!("{table} does not exist"));
    }
    if upstream::follows_upstream(job) {
        reasons.extend(upstream::changed(job, model, release));
    }
    reasons
}

/// Extracts and cleans one source.
async fn source(
    request: &Request<'_>,
    load: &mut Load,
    job: &Job,
    plan: &Plan,
) -> Result<(TableState, SourceSummary)> {
    let started = request.clock.now();
    let progress = Arc::clone(&request.progress);
    let (job_name, source_name) = (job.job.clone(), plan.spec().name.clone());
    let on_progress = {
        let (job_name, source_name) = (job_name.clone(), source_name.clone());
        Arc::new(move |read| progress.source_read(&job_name, &source_name, read))
    };
    let warehouse = request.engine.warehouse();
    let extracted = extract::extract(plan, &job_name, load, warehouse, on_progress).await?;
    load.set_inputs(&job_name, &source_name, extracted.inputs);
    let summary = SourceSummary {
        source: source_name,
        counts: extracted.counts,
        rejects: extracted.rejects,
        elapsed_ms: since(&request.clock, started),
    };
    Ok((extracted.staged, summary))
}
