//! The blocking half of extraction: source, cleaning, deduplication.

use crate::error::{Error, ErrorKind, Result};
use crate::etl::clean::Cleaner;
use crate::etl::deduplicate::{Deduplicator, Losers};
use crate::etl::job::SourceSpec;
use crate::etl::quarantine::{Origin, Tally};
use crate::etl::source::{Found, RawBatch, Source};
use crate::store::{Input, Reject};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far an extraction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows read so far.
    pub rows: u64,
    /// Bytes read so far; for a database, bytes of values.
    pub bytes: u64,
    /// Bytes there are to read.
    pub bytes_total: u64,
}

/// Rows by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read.
    pub read: u64,
    /// Rows staged.
    pub staged: u64,
    /// Rows sent to quarantine.
    pub rejected: u64,
    /// Rows dropped because a later one has the same key.
    pub duplicates: u64,
    /// Bad values made NULL (`on_error: null`), by column and rule; their rows stayed.
    pub nulled: BTreeMap<(String, String), u64>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) inputs: Vec<Input>,
    pub(super) counts: Counts,
    pub(super) tally: Tally,
    /// The refused rows, where they were to be kept.
    pub(super) refused: Vec<RecordBatch>,
}

/// Takes good rows and the rejects between them; an error stops the reader.
pub(super) type Output<'a> = dyn FnMut(RecordBatch, Vec<Reject>) -> Result<()> + 'a;

/// Reads and cleans some inputs of a source.
pub(super) struct Reader {
    source: Arc<dyn Source>,
    inputs: Vec<Found>,
    cleaner: Cleaner,
    deduplicator: Option<Deduplicator>,
    origin: Origin,
    on_progress: super::OnProgress,
    keep_refused: bool,
}

impl Reader {
    pub(super) fn new(
        spec: &SourceSpec,
        source: Arc<dyn Source>,
        inputs: &[Found],
        origin: Origin,
        on_progress: super::OnProgress,
    ) -> Result<Self> {
        let cleaner = Cleaner::new(&spec.columns)?;
        let deduplicator = spec.deduplicate.as_ref();
        let deduplicator =
            deduplicator.map(|spec| Deduplicator::new(spec, cleaner.schema())).transpose()?;
        let (inputs, keep_refused) = (inputs.to_vec(), false);
        Ok(Self { source, inputs, cleaner, deduplicator, origin, on_progress, keep_refused })
    }

    /// Whether refused rows are given back at the end.
    pub(super) fn keep_refused(&mut self, keep: bool) {
        self.keep_refused = keep;
    }

    /// Reads everything. With deduplication it reads twice: once to find the latest rows, once
    /// to give them out.
    pub(super) fn read(mut self, output: &mut Output<'_>) -> Result<Read> {
        let first = match self.deduplicator.take() {
            Some(deduplicator) => Some(self.observe(deduplicator, output)?),
            None => None,
        };
        let (mut losers, expected) = match first {
            Some((losers, inputs)) => (Some(losers), Some(inputs)),
            None => (None, None),
        };
        let mut read = Read {
            inputs: Vec::new(),
            counts: Counts::default(),
            tally: Tally::default(),
            refused: Vec::new(),
        };
        for found in &self.inputs {
            let done: u64 = read.inputs.iter().map(|input| input.size_bytes).sum();
            let mut sink = |raw: RawBatch| {
                let bytes = done + raw.bytes_read;
                let (batch, rejects) = self.clean(&raw, losers.as_mut(), &mut read)?;
                self.tell(read.counts.read, bytes);
                output(batch, rejects)
            };
            let input = self.source.read(found, &mut sink)?;
            read.inputs.push(input);
        }
        match expected {
            Some(expected) if expected != read.inputs => Err(changed(&self.origin.source)),
            _ => Ok(read),
        }
    }

    /// The first reading: which rows lose against a later one.
    fn observe(
        &self,
        mut deduplicator: Deduplicator,
        output: &mut Output<'_>,
    ) -> Result<(Losers, Vec<Input>)> {
        let mut inputs = Vec::new();
        for found in &self.inputs {
            let mut sink = |raw: RawBatch| {
                // nothing to give out yet, but a sign of life: a cancelled run stops here as well
                output(RecordBatch::new_empty(Arc::clone(self.cleaner.schema())), Vec::new())?;
                deduplicator.observe(&self.cleaner.clean(&raw)?.batch)
            };
            inputs.push(self.source.read(found, &mut sink)?);
        }
        Ok((deduplicator.finish(), inputs))
    }

    fn clean(
        &self,
        raw: &RawBatch,
        losers: Option<&mut Losers>,
        read: &mut Read,
    ) -> Result<(RecordBatch, Vec<Reject>)> {
        let cleaned = self.cleaner.clean(raw)?;
        let kept = match losers {
            Some(losers) => losers.drop_from(&cleaned.batch)?,
            None => cleaned.batch.clone(),
        };
        let counts = &mut read.counts;
        counts.read += (raw.rows + raw.unreadable.len()) as u64;
        counts.staged += kept.num_rows() as u64;
        counts.rejected += cleaned.refused.len() as u64;
        counts.duplicates += (cleaned.batch.num_rows() - kept.num_rows()) as u64;
        for ((column, rule), values) in cleaned.nulled {
            *counts.nulled.entry((column, rule.to_owned())).or_insert(0) += values;
        }
        if self.keep_refused && cleaned.refused_rows.num_rows() > 0 {
            read.refused.push(cleaned.refused_rows);
        }
        let rejects: Vec<Reject> =
            cleaned.refused.into_iter().map(|row| self.origin.reject(&raw.file, row)).collect();
        rejects.iter().for_each(|reject| read.tally.add(reject));
        Ok((kept, rejects))
    }

    fn tell(&self, rows: u64, bytes: u64) {
        let bytes_total = self.inputs.iter().map(|found| found.input.size_bytes).sum();
        (self.on_progress)(Progress { rows, bytes, bytes_total });
    }
}

fn changed(source: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "the source changed while it was being read")
        .with("source", source)
        .hint("run again when its writer has finished")
}
