//! From a record of the operational log to spans. Pure.

use crate::engine::without_literals;
use crate::store::{QueryRecord, QueryTiming, RunRecord, RunStatus, StepRecord};
use chrono::{DateTime, TimeDelta, Utc};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use std::borrow::Cow;
use std::time::Duration;

/// A span to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) name: Cow<'static, str>,
    pub(super) kind: SpanKind,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) attributes: Vec<KeyValue>,
    /// Why it failed, if it did.
    pub(super) error: Option<&'static str>,
    pub(super) below: Vec<Self>,
}

impl Told {
    fn new(name: impl Into<Cow<'static, str>>, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let (attributes, below) = (Vec::new(), Vec::new());
        Self {
            name: name.into(),
            kind: SpanKind::Internal,
            from,
            to,
            attributes,
            error: None,
            below,
        }
    }
}

/// A question that was answered by now. Its error's text, and how it was routed, are in `system.queries`,
/// which not everybody reads who reads traces: both may show what is in rows, or was asked of them.
pub(super) fn question(query: &QueryRecord, timing: &QueryTiming, now: DateTime<Utc>) -> Told {
    let planned = before(now, timing.answering);
    let asked = before(planned, timing.planning);
    let mut attributes = vec![
        KeyValue::new("db.system.name", "starhouse"),
        KeyValue::new("db.response.returned_rows", whole(query.rows)),
        KeyValue::new("starhouse.release", whole(query.release.0)),
    ];
    // A cube query is JSON, whose texts are names of members.
    let is_sql = !query.text.trim_start().starts_with('{');
    let text = is_sql.then(|| without_literals(&query.text)).flatten();
    attributes.extend(text.map(|text| KeyValue::new("db.query.text", text)));
    attributes.extend(query.tag.clone().map(|tag| KeyValue::new("starhouse.query_tag", tag)));
    let error = query.error.as_deref().map(|error| match error {
        "cancelled" => "cancelled",
        _ => "failed",
    });
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    Told {
        kind: SpanKind::Server,
        attributes,
        error,
        below: vec![Told::new("plan", asked, planned), Told::new("answer", planned, now)],
        ..Told::new("question", asked, now)
    }
}

/// A run that has ended.
pub(super) fn run(run: &RunRecord) -> Told {
    let ended = run.finished_at.unwrap_or(run.started_at);
    let status = run.status.as_str();
    let mut attributes = vec![
        KeyValue::new("starhouse.run", run.run.0.clone()),
        KeyValue::new("starhouse.status", status),
    ];
    let release = run.release.map(|release| KeyValue::new("starhouse.release", whole(release.0)));
    attributes.extend(release);
    let mut below: Vec<Told> = Vec::new();
    for step in &run.steps {
        let Some(from) = step.started_at else { continue };
        let told = self::step(step, from);
        // The steps of a job are one after the other.
        match below.last_mut().filter(|job| job.name == step.job) {
            Some(job) => {
                job.from = job.from.min(told.from);
                job.to = job.to.max(told.to);
                job.below.push(told);
            }
            None => {
                let mut job = Told::new(step.job.clone(), told.from, told.to);
                job.below.push(told);
                below.push(job);
            }
        }
    }
    let error = (run.status == RunStatus::Failed).then_some("failed");
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    Told { attributes, error, below, ..Told::new("run", run.started_at, ended) }
}

fn step(step: &StepRecord, from: DateTime<Utc>) -> Told {
    let to = from + TimeDelta::milliseconds(whole(step.elapsed_ms).min(MOST_MS));
    let attributes = vec![
        KeyValue::new("starhouse.target", step.target.clone()),
        KeyValue::new("starhouse.rows_read", whole(step.rows_read)),
        KeyValue::new("starhouse.rows_written", whole(step.rows_written)),
        KeyValue::new("starhouse.rows_rejected", whole(step.rows_rejected)),
    ];
    Told { attributes, ..Told::new(step.step.clone(), from, to) }
}

/// A century: no step takes longer, and moments can be that far apart.
const MOST_MS: i64 = 100 * 366 * 24 * 60 * 60 * 1000;

fn before(moment: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    let span = TimeDelta::from_std(span).ok();
    span.and_then(|span| moment.checked_sub_signed(span)).unwrap_or(moment)
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
