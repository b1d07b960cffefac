//! What there is to watch, in the text form that Prometheus reads, on an address of its own.
//!
//! `GET /metrics` and `GET /health`, nothing else: no web framework for two lines of a protocol.
//! Nothing here names a customer or a query; tables and schedules are named.

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::schedule::Schedule;
use crate::etl::schedule::news::stale_by;
use crate::store::{QUERY_BOUNDS_MS, ScheduleOutcome};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request is a few lines; whoever sends more is not who this is for.
const MOST_BYTES: usize = 8 * 1024;
/// Whoever is slower is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers who watches.
#[derive(Debug)]
pub struct Metrics {
    engine: Engine,
    schedules: Vec<Schedule>,
    listener: TcpListener,
}

impl Metrics {
    /// Listens.
    ///
    /// # Errors
    /// Unavailable where the address cannot be had.
    pub async fn bind(
        engine: Engine,
        schedules: Vec<Schedule>,
        address: SocketAddr,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot listen for metrics")
                .with("address", address)
                .hint("`metrics_address` says where")
                .caused_by(error)
        })?;
        Ok(Self { engine, schedules, listener })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until told to stop.
    ///
    /// # Errors
    /// None so far.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = self.listener.accept() => {
                    // One after the other: who watches comes every few seconds.
                    let Ok((stream, _)) = accepted else { continue };
                    let _ = tokio::time::timeout(PATIENCE, self.answer(stream)).await;
                }
            }
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if request.len() > MOST_BYTES || stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&request).into_owned();
        let mut words = head.split_whitespace();
        let (status, body) = match (words.next(), words.next()) {
            (Some("GET"), Some("/health")) => ("200 OK", "well\n".to_owned()),
            (Some("GET"), Some("/metrics")) => match self.text().await {
                Ok(text) => ("200 OK", text),
                Err(error) => {
                    tracing::warn!(%error, "metrics cannot be told");
                    ("503 Service Unavailable", "see the server's log\n".to_owned())
                }
            },
            (Some("GET"), _) => ("404 Not Found", "there are /metrics and /health\n".to_owned()),
            _ => ("405 Method Not Allowed", "GET /metrics\n".to_owned()),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    async fn text(&self) -> Result<String> {
        let warehouse = self.engine.warehouse();
        let now = self.engine.clock().now();
        let mut text = Exposition::default();
        let release = warehouse.latest().await?;
        text.gauge("release", "The number of the latest release.", release.id);
        text.gauge(
            "release_published_timestamp_seconds",
            "When the latest release was published.",
            seconds(release.created_at),
        );
        text.head("table_rows", "gauge", "Rows of a table in the latest release.");
        for (name, table) in &release.tables {
            text.value("table_rows", &[("table", name)], table.rows());
        }
        text.head("table_bytes", "gauge", "Bytes of a table in the latest release.");
        for (name, table) in &release.tables {
            text.value("table_bytes", &[("table", name)], table.size_bytes());
        }
        self.runs(&mut text).await?;
        self.queries(&mut text);
        self.schedules(&mut text, now).await?;
        Ok(text.0)
    }

    async fn runs(&self, text: &mut Exposition) -> Result<()> {
        let runs = self.engine.warehouse().runs().await?;
        let mut by_status: BTreeMap<&str, u64> =
            ["published", "nothing_new", "failed", "interrupted", "running"].map(|s| (s, 0)).into();
        for run in &runs {
            *by_status.entry(run.status.as_str()).or_default() += 1;
        }
        text.head("runs", "gauge", "Recorded runs, by how they ended.");
        for (status, count) in by_status {
            text.value("runs", &[("status", status)], count);
        }
        if let Some(last) = runs.iter().rev().find(|run| run.finished_at.is_some()) {
            let took = last.finished_at.unwrap_or(last.started_at) - last.started_at;
            let took = took.num_milliseconds() as f64 / 1000.0;
            text.gauge("last_run_duration_seconds", "How long the last run took.", took);
            let rejected: u64 = last.steps.iter().map(|step| step.rows_rejected).sum();
            text.gauge("last_run_rejected_rows", "Rows that the last run rejected.", rejected);
        }
        Ok(())
    }

    fn answers(&self, text: &mut Exposition) {
        let counts = self.engine.answer_counts();
        let name = "result_cache_questions";
        text.head(name, "counter", "Questions whose answers may be kept in memory, by outcome.");
        text.value(name, &[("outcome", "given")], counts.given);
        text.value(name, &[("outcome", "missed")], counts.missed);
        let forgotten = "Answers that made room for others in memory.";
        text.counter("result_cache_forgotten_total", forgotten, counts.forgotten);
        let bytes = "Bytes of the answers that are kept of the newest release asked.";
        text.gauge("result_cache_bytes", bytes, counts.bytes);
    }

    fn queries(&self, text: &mut Exposition) {
        let (compared, different) = self.engine.shadow_counts();
        let name = "shadow_answers";
        text.head(
            name,
            "counter",
            "Answers of aggregates that were to be computed again, by outcome.",
        );
        text.value(name, &[("outcome", "same")], compared - different);
        text.value(name, &[("outcome", "different")], different);
        text.value(name, &[("outcome", "passed")], self.engine.shadow_passed());
        self.answers(text);
        let counts = self.engine.warehouse().query_counts();
        let name = "query_duration_seconds";
        text.head(name, "histogram", "How long this process took to answer queries.");
        let mut all = 0;
        for (index, count) in counts.within.iter().enumerate() {
            all += count;
            let bound = QUERY_BOUNDS_MS.get(index).map(|bound| *bound as f64 / 1000.0);
            let bound = bound.map_or("+Inf".to_owned(), |bound| bound.to_string());
            text.value("query_duration_seconds_bucket", &[("le", &bound)], all);
        }
        text.value("query_duration_seconds_sum", &[], counts.elapsed_ms as f64 / 1000.0);
        text.value("query_duration_seconds_count", &[], all);
        text.counter("queries_failed_total", "Queries that were refused or failed.", counts.failed);
        text.counter("query_rows_total", "Rows answered.", counts.rows);
    }

    async fn schedules(&self, text: &mut Exposition, now: DateTime<Utc>) -> Result<()> {
        let states = self.engine.warehouse().schedules().await?;
        let known: Vec<_> = self
            .schedules
            .iter()
            .filter_map(|schedule| {
                Some((schedule, states.iter().find(|state| state.name == schedule.name)?))
            })
            .collect();
        text.head("schedule_success_timestamp_seconds", "gauge", "When a schedule last succeeded.");
        for (schedule, state) in &known {
            if let Some(at) = state.succeeded_at {
                let labels = [("schedule", schedule.name.as_str())];
                text.value("schedule_success_timestamp_seconds", &labels, seconds(at));
            }
        }
        text.head("schedule_failed", "gauge", "Whether a schedule's last run failed.");
        for (schedule, state) in &known {
            let failed =
                matches!(state.outcome, ScheduleOutcome::Failed | ScheduleOutcome::Interrupted);
            text.value("schedule_failed", &[("schedule", &schedule.name)], u8::from(failed));
        }
        text.head(
            "schedule_late_seconds",
            "gauge",
            "By how much a schedule misses its objective of freshness.",
        );
        for (schedule, state) in known.iter().filter(|(s, _)| s.fresh_within.is_some()) {
            let late = stale_by(schedule, state, now).map_or(0, |over| over.num_seconds());
            text.value("schedule_late_seconds", &[("schedule", &schedule.name)], late);
        }
        Ok(())
    }
}

fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

/// Text in Prometheus's form; all names begin alike.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // A string takes everything.
        let _ = writeln!(self.0, "# HELP starhouse_{name} {help}\n# TYPE starhouse_{name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let labels: Vec<String> =
            labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "starhouse_{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.value(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.value(name, &[], value);
    }
}
