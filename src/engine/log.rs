//! The query log's entry for one question, written when its answer ends: read to the end, failed,
//! or dropped half-way.

use crate::policy::Principal;
use crate::store::{QueryRecord, QueryTiming, Release, Warehouse};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A question being answered.
#[derive(Debug)]
pub(crate) struct LogEntry {
    warehouse: Warehouse,
    record: Option<QueryRecord>,
    /// By what it is told to run no more, where it was told to run.
    running: Option<u64>,
    started: Instant,
    timing: QueryTiming,
    rows: u64,
}

impl LogEntry {
    /// Begins to time an answer; planning took so long before.
    pub(crate) fn begin(
        warehouse: &Warehouse,
        principal: &Principal,
        release: &Release,
        text: &str,
        at: DateTime<Utc>,
        planning: Duration,
    ) -> Self {
        let record = QueryRecord {
            at,
            principal: principal.name().to_owned(),
            release: release.id,
            text: text.to_owned(),
            elapsed_ms: 0,
            rows: 0,
            routing: Vec::new(),
            tag: None,
            error: None,
        };
        let (warehouse, started) = (warehouse.clone(), Instant::now());
        let timing = QueryTiming { planning, ..QueryTiming::default() };
        Self { warehouse, record: Some(record), running: None, started, timing, rows: 0 }
    }

    /// With what the session tags its questions.
    #[must_use]
    pub(crate) fn tagged(mut self, tag: Option<&str>) -> Self {
        if let Some(record) = &mut self.record {
            record.tag = tag.map(str::to_owned);
        }
        self
    }

    /// As part of its client's trace.
    #[must_use]
    pub(crate) fn traced(mut self, parent: Option<Arc<str>>) -> Self {
        self.timing.parent = parent;
        self
    }

    /// Tells that it runs from now on.
    pub(crate) fn runs(&mut self) {
        if let (Some(record), None) = (&self.record, self.running) {
            self.running = Some(self.warehouse.begin_query(record.clone(), self.started));
        }
    }

    /// Says which aggregates answer.
    pub(crate) fn routed(&mut self, routing: &[String]) {
        if let Some(record) = &mut self.record {
            record.routing = routing.to_vec();
        }
    }

    /// Counts rows that were answered.
    pub(crate) fn count(&mut self, rows: usize) {
        self.rows += rows as u64;
    }

    /// Hands the entry to the log, which never waits for the disk and fails no query.
    pub(crate) fn end(&mut self, error: Option<String>) {
        if let Some(number) = self.running.take() {
            self.warehouse.end_query(number);
        }
        if let Some(record) = self.complete(error) {
            self.warehouse.record_query(record, &self.timing);
        }
    }

    fn complete(&mut self, error: Option<String>) -> Option<QueryRecord> {
        let mut record = self.record.take()?;
        self.timing.answering = self.started.elapsed();
        let elapsed = self.timing.planning + self.timing.answering;
        record.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        record.rows = self.rows;
        record.error = error;
        Some(record)
    }
}

/// An answer that nobody read to its end was cancelled.
impl Drop for LogEntry {
    fn drop(&mut self) {
        self.end(Some("cancelled".to_owned()));
    }
}
