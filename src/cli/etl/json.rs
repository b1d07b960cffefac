//! What is planned and what was done, as JSON for programs. Keys stay as they are once given.

use crate::error::Error;
use crate::etl::extract::Counts;
use crate::etl::plan::{AggregatePlan, JobPlan};
use crate::etl::quarantine::RejectSummary;
use crate::etl::run::{
    AggregateSummary, JobSummary, RepointSummary, RunSummary, SourceSummary, Trial,
};
use serde_json::{Value, json};

/// What a run did.
pub(super) fn run(summary: &RunSummary) -> Value {
    json!({
        "status": if summary.release.is_some() { "published" } else { "nothing_new" },
        "run": summary.run,
        "release": summary.release,
        "elapsed_ms": summary.elapsed_ms,
        "jobs": summary.jobs.iter().map(job).collect::<Vec<_>>(),
        "repointed": summary.repointed.iter().map(repointed).collect::<Vec<_>>(),
        "aggregates": summary.aggregates.iter().map(aggregate).collect::<Vec<_>>(),
        "notes": summary.notes,
    })
}

/// What stopped a run.
pub(super) fn failure(error: &Error) -> Value {
    let context = error.contexts().map(|(key, value)| (key.to_owned(), Value::from(value)));
    json!({
        "status": "failed",
        "error": {
            "kind": format!("{:?}", error.kind()).to_lowercase(),
            "message": error.message(),
            "context": context.collect::<serde_json::Map<_, _>>(),
            "hint": error.what_to_do(),
            "retryable": error.is_retryable(),
        },
    })
}

/// What a run would do.
pub(super) fn plan(
    jobs: &[JobPlan],
    generated: &[String],
    aggregates: &[AggregatePlan],
    trial: Option<&Trial>,
) -> Value {
    let mut planned = json!({ "jobs": jobs, "generated": generated, "aggregates": aggregates });
    if let (Some(trial), Value::Object(planned)) = (trial, &mut planned) {
        planned.insert("trial".to_owned(), tried(trial));
    }
    planned
}

fn tried(trial: &Trial) -> Value {
    let expected = trial.quality.iter().map(|record| {
        json!({
            "table": record.table,
            "expectation": record.expectation,
            "outcome": record.outcome,
            "found": record.found,
        })
    });
    json!({
        "would_publish": trial.stops.is_none() && !trial.tables.is_empty(),
        "stops": trial.stops,
        "tables": trial.tables,
        "jobs": trial.jobs.iter().map(job).collect::<Vec<_>>(),
        "repointed": trial.repointed.iter().map(repointed).collect::<Vec<_>>(),
        "aggregates": trial.aggregates.iter().map(aggregate).collect::<Vec<_>>(),
        "quality": expected.collect::<Vec<_>>(),
        "notes": trial.notes,
    })
}

fn job(job: &JobSummary) -> Value {
    json!({
        "job": job.job,
        "table": job.table,
        "skipped": job.skipped,
        "rows_in": job.rows_in,
        "rows_written": job.rows_written,
        "rows_deleted": job.rows_deleted,
        "rows_doubled": job.rows_doubled,
        "elapsed_ms": job.elapsed_ms,
        "sources": job.sources.iter().map(source).collect::<Vec<_>>(),
        "notes": job.notes,
    })
}

fn source(source: &SourceSummary) -> Value {
    let Counts { read, staged, rejected, duplicates, nulled, told } = &source.counts;
    let nulled = nulled.iter().map(
        |((column, rule), values)| json!({ "column": column, "rule": rule, "values": values }),
    );
    json!({
        "source": source.source,
        "read": read,
        "staged": staged,
        "rejected": rejected,
        "duplicates": duplicates,
        "nulled": nulled.collect::<Vec<_>>(),
        "told": told,
        "rejects": source.rejects.iter().map(reject).collect::<Vec<_>>(),
        "elapsed_ms": source.elapsed_ms,
    })
}

fn reject(reject: &RejectSummary) -> Value {
    let example = &reject.example;
    json!({
        "rule": reject.rule,
        "column": reject.column,
        "rows": reject.rows,
        "example": { "file": example.file, "line": example.line, "reason": example.reason },
    })
}

fn repointed(fact: &RepointSummary) -> Value {
    json!({
        "table": fact.table,
        "rows": fact.rows,
        "rows_written": fact.rows_written,
        "partitions": fact.partitions,
        "elapsed_ms": fact.elapsed_ms,
    })
}

fn aggregate(aggregate: &AggregateSummary) -> Value {
    json!({
        "cube": aggregate.cube,
        "table": aggregate.table,
        "computed": aggregate.extent.in_words(),
        "computed_from": aggregate.parent,
        "rows": aggregate.rows,
        "left_out": aggregate.left_out,
        "elapsed_ms": aggregate.elapsed_ms,
    })
}
