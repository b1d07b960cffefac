//! One job of a run: look, then skip or extract, transform and load.

use super::record::since;
use super::rejected;
use super::{AT_ONCE, JobSummary, Request, SourceSummary};
use crate::engine::{Engine, Streamed};
use crate::error::{Error, Result};
use crate::etl::extract::{self, Extent, Extracted, Extracting, Outcome, Plan};
use crate::etl::job::{Job, LoadSpec, Missing, SourceSpec};
use crate::etl::jobs::{tables_used, target_table};
use crate::etl::load::{self, Loaded, Loading, Lost, Window};
use crate::etl::references;
use crate::etl::replay::Replay;
use crate::etl::room::Rooms;
use crate::etl::upstream;
use crate::store::{Load, Release};
use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Runs a job, or says why it need not run; and tells which time versions of its dimensions have
/// lost.
pub(super) async fn run(
    request: &Request<'_>,
    load: &mut Load,
    job: &Job,
    plans: &[Plan],
    window: Option<Window>,
) -> Result<(JobSummary, BTreeMap<String, Vec<Lost>>)> {
    let started = request.clock.now();
    let model = Arc::clone(request.engine.model());
    let reasons = reasons(plans, job, &model, &load.preview());
    let mut summary = JobSummary {
        job: job.job.clone(),
        table: target_table(job),
        skipped: None,
        sources: Vec::new(),
        rows_in: 0,
        rows_written: 0,
        rows_deleted: 0,
        rows_doubled: 0,
        notes: Vec::new(),
        started_at: started,
        elapsed_ms: 0,
    };
    if reasons.is_empty() && window.is_none() {
        summary.skipped = Some("nothing it depends on has changed".to_owned());
        summary.elapsed_ms = since(&request.clock, started);
        return Ok((summary, BTreeMap::new()));
    }
    for table in tables_used(job, &model) {
        load.depends_on(&table);
    }
    summary.notes.extend(kept(job, &model, load.base()));
    summary.notes.extend(plans.iter().filter_map(gone));
    let mut plans = plans.to_vec();
    for plan in &mut plans {
        let looked_up = plan.look_up(request.engine, &load.preview()).await;
        looked_up.map_err(|error| error.with("job", &job.job))?;
    }
    let loaded = match plans.as_slice() {
        [plan] if flows(job) => flowing(request, load, job, plan, window, &mut summary).await,
        plans => staged(request, load, job, plans, window, &mut summary).await,
    };
    let loaded = loaded.map_err(|error| with_changed(error, &plans))?;
    summary.notes.extend(plans.iter().filter_map(changed));
    if window.is_some() {
        // A part of what there is was loaded: what was read in whole is what was before.
        load.forget_inputs(&job.job);
    } else {
        // Now: a fact may have added members to its dimensions, and that is no news to it.
        for (name, input) in upstream::upstream(job, &model, &load.preview()) {
            load.set_inputs(&job.job, &name, vec![input]);
        }
    }
    summary.rows_in = loaded.rows_in;
    summary.rows_written = loaded.rows_written;
    summary.rows_deleted = loaded.rows_deleted;
    summary.rows_doubled = loaded.rows_doubled;
    summary.notes.extend(loaded.notes);
    summary.elapsed_ms = since(&request.clock, started);
    Ok((summary, loaded.lost))
}

/// Whether a job's rows go from its source into its fact without being staged in between: where
/// nothing but the fact's own loader asks for them.
fn flows(job: &Job) -> bool {
    job.transform.is_none() && job.deduplicate.is_none() && matches!(job.load, LoadSpec::Fact(_))
}

/// Extracts the sources, some at a time, then loads what they yield.
async fn staged(
    request: &Request<'_>,
    load: &mut Load,
    job: &Job,
    plans: &[Plan],
    window: Option<Window>,
    summary: &mut JobSummary,
) -> Result<Loaded> {
    let shared: &Load = load;
    let mut extracting = Vec::with_capacity(plans.len());
    for plan in plans {
        extracting.push(extracted(request, shared, job, plan).boxed());
    }
    let all = stream::iter(extracting).buffered(request.at_once.max(1));
    let all: Vec<(Extracted, Span)> = all.try_collect().await?;
    let (mut sources, mut refused, mut lines_rejected) = (Vec::new(), Vec::new(), 0);
    for (plan, (extracted, span)) in plans.iter().zip(all) {
        let name = plan.spec().name.clone();
        lines_rejected += extracted.extent.rejected_lines;
        read(load, job, plan, extracted.extent, span, summary);
        refused.extend(extracted.refused.map(|table| (name.clone(), table)));
        sources.push((name, extracted.staged));
    }
    check_rejects(job, summary)?;
    request.progress.loading(&job.job, &summary.table);
    let counts = || summary.sources.iter().map(|source| &source.counts);
    let rows_rejected = counts().map(|counts| counts.rejected).sum();
    let rows_read = counts().map(|counts| counts.read).sum();
    let (sources, refused) = (sources.as_slice(), refused.as_slice());
    let rest = loading(request, load, job);
    let loading =
        Loading { sources, refused, rows_rejected, lines_rejected, rows_read, window, ..rest };
    load::load(loading).await
}

/// When something began, and how long it took.
struct Span {
    started: DateTime<Utc>,
    elapsed_ms: u64,
}

/// A source, extracted, and how long that took.
async fn extracted(
    request: &Request<'_>,
    load: &Load,
    job: &Job,
    plan: &Plan,
) -> Result<(Extracted, Span)> {
    let started = request.clock.now();
    let (warehouse, hears) = (request.engine.warehouse(), on_progress(request, job, plan));
    let extracted = extract::extract(plan, &job.job, load, warehouse, hears).await?;
    Ok((extracted, Span { started, elapsed_ms: since(&request.clock, started) }))
}

/// Loads the rows of the one source while it is read.
async fn flowing(
    request: &Request<'_>,
    load: &mut Load,
    job: &Job,
    plan: &Plan,
    window: Option<Window>,
    summary: &mut JobSummary,
) -> Result<Loaded> {
    let (warehouse, hears) = (request.engine.warehouse(), on_progress(request, job, plan));
    let started = request.clock.now();
    let Extracting { columns, rows, outcome } =
        extract::begin(plan, &job.job, load, warehouse, hears)?;
    let bytes: u64 = plan.to_read().map(|input| input.size_bytes).sum();
    let about_rows = (bytes / BYTES_A_ROW).max(MANY_ROWS);
    let incoming = Streamed::new(&plan.spec().name, columns, about_rows, rows);
    let loading = Loading { incoming: Some(incoming), window, ..loading(request, load, job) };
    let loaded = load::load(loading).await?;
    let Outcome { extent, elapsed, .. } = outcome.end(plan)?;
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    read(load, job, plan, extent, Span { started, elapsed_ms }, summary);
    check_rejects(job, summary)?;
    Ok(loaded)
}

/// Fails a job that has rejected more rows than it may.
fn check_rejects(job: &Job, summary: &JobSummary) -> Result<()> {
    let checked = job.reject_at_most.map(|allowed| rejected::check(allowed, &summary.sources));
    checked.unwrap_or(Ok(())).map_err(|error| error.with("job", &job.job))
}

/// A row of a source, as a guess; and rows that are more than a dimension's.
const BYTES_A_ROW: u64 = 100;
const MANY_ROWS: u64 = 1_000_000;

fn loading<'a>(request: &Request<'a>, load: &'a mut Load, job: &'a Job) -> Loading<'a> {
    Loading {
        engine: request.engine,
        load,
        job,
        sources: &[],
        incoming: None,
        refused: &[],
        rows_rejected: 0,
        lines_rejected: 0,
        rows_read: 0,
        window: None,
        then: request.replay.as_ref().and_then(|replay| replay.then(job)).cloned(),
        as_of: request.as_of,
        progress: Arc::clone(&request.progress),
    }
}

/// Remembers what a source has read.
fn read(
    load: &mut Load,
    job: &Job,
    plan: &Plan,
    extent: Extent,
    span: Span,
    summary: &mut JobSummary,
) {
    let source = plan.spec().name.clone();
    load.set_inputs(&job.job, &source, extent.inputs);
    if let Some(cursor) = extent.cursor {
        load.set_cursor(&cursor_name(job, &source), cursor);
    }
    let (counts, rejects) = (extent.counts, extent.rejects);
    if counts.rejected > 1 && counts.rejected == counts.read {
        summary.notes.push(format!(
            "not one row of `{source}` was right; `reject_at_most` in the job fails such a run before \
             anything is published"
        ));
    }
    let Span { started: started_at, elapsed_ms } = span;
    summary.sources.push(SourceSummary { source, counts, rejects, started_at, elapsed_ms });
}

/// What a release calls the cursor of a source.
fn cursor_name(job: &Job, source: &str) -> String {
    format!("{}.{source}.read", job.job)
}

/// Tells how far a source is.
fn on_progress(request: &Request<'_>, job: &Job, plan: &Plan) -> extract::OnProgress {
    let progress = Arc::clone(&request.progress);
    let (job, source) = (job.job.clone(), plan.spec().name.clone());
    Arc::new(move |read| progress.source_read(&job, &source, read))
}

/// Whether files that were read once are read anew, because the job or its model has changed
/// since. Not where the job only ever adds rows; and only where its sources say which of several
/// rows of a key stays: read together, what came later would not be told from what came before.
fn reads_anew(job: &Job, model: &crate::model::Model, base: &Release) -> bool {
    upstream::follows_upstream(job)
        && upstream::is_redefined(job, model, base)
        && job
            .sources
            .iter()
            .all(|source| !is_read_once(source) || source.deduplication().is_some())
}

fn is_read_once(source: &SourceSpec) -> bool {
    source.strategy.is_partial()
}

/// What a person should know of files that are not read anew though the job has changed.
fn kept(job: &Job, model: &crate::model::Model, base: &Release) -> Option<String> {
    let changed = upstream::is_redefined(job, model, base) && !reads_anew(job, model, base);
    let read = base.inputs.get(&job.job)?;
    let once = job.sources.iter().filter(|source| is_read_once(source));
    let files: usize = once.filter_map(|source| read.get(&source.name)).map(Vec::len).sum();
    (changed && files > 0).then(|| {
        format!(
            "the job or its model has changed, and the rows of {files} files or tables that were read before \
             stay as they are; an upsert reads them anew where its sources say `deduplicate`"
        )
    })
}

/// What there is to read of each source of a job; some are looked at at a time.
pub(crate) async fn plans(
    project: &Path,
    job: &Job,
    engine: &Engine,
    base: &Release,
    replay: Option<&Replay>,
) -> Result<Vec<Plan>> {
    let read = base.inputs.get(&job.job);
    let anew = replay.is_none() && reads_anew(job, engine.model(), base);
    // Who is missing among all members is known only with those who were refused.
    let closes = matches!(&job.load, LoadSpec::Dimension(load) if load.missing != Missing::Keep);
    let mut looking = Vec::with_capacity(job.sources.len());
    for source in &job.sources {
        let before = read.and_then(|read| read.get(&source.name)).map(Vec::as_slice);
        let source = replay.and_then(|replay| replay.of(job, source)).unwrap_or(source);
        let cursor = base.cursors.get(&cursor_name(job, &source.name)).filter(|_| !anew);
        let cursor = cursor.map(String::as_str);
        let rooms = Rooms::of(engine, references::WHAT);
        looking.push(extract::plan_within(project, source, before, cursor, rooms).boxed());
    }
    let plans: Result<Vec<Plan>> = stream::iter(looking).buffered(AT_ONCE).try_collect().await;
    let plans = plans.map_err(|error| error.with("job", &job.job))?.into_iter();
    let plans = plans.map(|plan| if anew { plan.anew() } else { plan });
    Ok(plans.map(|plan| if closes { plan.keeping_refused() } else { plan }).collect())
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

/// What a person should know of files that were read before and have other content now.
fn changed(plan: &Plan) -> Option<String> {
    let changed = plan.changed();
    (!changed.is_empty()).then(|| {
        format!(
            "{} changed since it was read, and was read again from its first row",
            changed.join(", ")
        )
    })
}

/// An error of loading, with what may be behind it: rows that were read before come again.
fn with_changed(error: Error, plans: &[Plan]) -> Error {
    let changed = plans.iter().flat_map(Plan::changed);
    changed.fold(error, |error, file| error.with("changed since it was read", file))
}

/// What a person should know of files that are to be read anew and are not there any more.
fn gone(plan: &Plan) -> Option<String> {
    let gone = plan.gone();
    (gone > 0).then(|| {
        format!(
            "{gone} files of `{}` that were read before are gone: their rows stay as they were",
            plan.spec().name
        )
    })
}
