//! The blocking half of extraction: source, cleaning, deduplication.
//!
//! A thread reads, some clean, and the caller's takes the cleaned batches in the order read.

use super::watermark::Marks;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::clean::{Carried, Cleaned, Cleaner, TYPE, Typed};
use crate::etl::contract;
use crate::etl::deduplicate::{Deduplicator, Losers};
use crate::etl::job::{OnDrift, SourceSpec};
use crate::etl::parallel::in_order;
use crate::etl::quarantine::{Origin, Tally};
use crate::etl::source::{Found, Piece, Source};
use crate::store::{Input, Reject};
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// What a person should know of the source: what is not as its contract says, what was detected.
    pub told: BTreeSet<String>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) inputs: Vec<Input>,
    pub(super) counts: Counts,
    pub(super) tally: Tally,
    /// Lines of the rejected rows.
    pub(super) rejected_lines: u64,
    /// The refused rows, where they were to be kept.
    pub(super) refused: Vec<RecordBatch>,
    /// Rows that stay though they name what does not exist: rule -> count, and the first of them.
    warned: BTreeMap<String, (u64, String)>,
    /// Moments that were cut to the microsecond, by column.
    finer: BTreeMap<String, u64>,
    /// The largest value of the watermark, where there is one.
    pub(super) largest: Option<i64>,
}

/// A batch, cleaned.
struct Part {
    cleaned: Cleaned,
    rejects: Vec<Reject>,
    /// Bytes read so far, of all inputs.
    bytes_read: u64,
}

/// What a thread makes of a batch.
enum Worked {
    Part(Part),
    /// To be finished in the order read, with how many bytes are read by then.
    Typed(Typed, u64),
}

/// Takes good rows and the rejects between them; an error stops the reader.
pub(super) type Output<'a> = dyn FnMut(RecordBatch, Vec<Reject>) -> Result<()> + 'a;

/// Reads and cleans some inputs of a source.
pub(super) struct Reader {
    spec: SourceSpec,
    source: Arc<dyn Source>,
    inputs: Vec<Found>,
    cleaner: Cleaner,
    deduplicator: Option<Deduplicator>,
    marks: Option<Marks>,
    origin: Origin,
    on_progress: super::OnProgress,
    keep_refused: bool,
    told: Mutex<BTreeSet<String>>,
}

impl Reader {
    pub(super) fn new(
        spec: &SourceSpec,
        source: Arc<dyn Source>,
        inputs: &[Found],
        origin: Origin,
        on_progress: super::OnProgress,
    ) -> Result<Self> {
        let cleaner = Cleaner::new(spec)?;
        let deduplicator = spec.deduplication();
        let deduplicator =
            deduplicator.map(|spec| Deduplicator::new(&spec, cleaner.schema())).transpose()?;
        let watermark = spec.strategy.watermark();
        let marks = watermark.map(|mark| Marks::new(&mark, &spec.columns)).transpose()?;
        let (spec, inputs, keep_refused) = (spec.clone(), inputs.to_vec(), false);
        let told = Mutex::default();
        Ok(Self {
            spec,
            told,
            source,
            inputs,
            cleaner,
            deduplicator,
            marks,
            origin,
            on_progress,
            keep_refused,
        })
    }

    /// Whether refused rows are given back at the end.
    pub(super) fn keep_refused(&mut self, keep: bool) {
        self.keep_refused = keep;
    }

    /// Reads everything.
    pub(super) fn read(mut self, output: &mut Output<'_>) -> Result<Read> {
        let read = self.read_all(output);
        self.source.close();
        read
    }

    /// With deduplication everything is read twice: once to find the latest rows, once to give
    /// them out.
    fn read_all(&mut self, output: &mut Output<'_>) -> Result<Read> {
        let first = match self.deduplicator.take() {
            Some(deduplicator) => Some(self.observe(deduplicator, output)?),
            None => None,
        };
        let (mut losers, expected) = match first {
            Some((losers, inputs)) => (Some(losers), Some(inputs)),
            None => (None, None),
        };
        let mut read = Read {
            warned: BTreeMap::new(),
            finer: BTreeMap::new(),
            inputs: Vec::new(),
            counts: Counts::default(),
            tally: Tally::default(),
            rejected_lines: 0,
            refused: Vec::new(),
            largest: None,
        };
        let inputs = self.each(|part| {
            let bytes = part.bytes_read;
            let (batch, rejects) = self.count(part, losers.as_mut(), &mut read)?;
            self.progress(read.counts.read, bytes);
            output(batch, rejects)
        })?;
        read.inputs = inputs;
        let warned = std::mem::take(&mut read.warned).into_iter();
        self.tell(warned.map(|(name, (rows, example))| {
            let stay = if rows == 1 { "row stays" } else { "rows stay" };
            format!("{rows} {stay} in spite of `{name}`, such as: {example}")
        }));
        let finer = std::mem::take(&mut read.finer).into_iter();
        self.tell(finer.map(|(column, values)| {
            let were = if values == 1 { "value was" } else { "values were" };
            format!("{values} {were} finer than a microsecond in `{column}`, and cut to it")
        }));
        read.counts.told =
            std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
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
        let inputs = self.each(|part| {
            // nothing to give out yet, but a sign of life: a cancelled run stops here as well
            output(RecordBatch::new_empty(Arc::clone(self.cleaner.schema())), Vec::new())?;
            deduplicator.observe(&part.cleaned.batch)
        })?;
        Ok((deduplicator.finish(), inputs))
    }

    /// Reads and cleans all inputs, batch by batch, and returns what was read.
    fn each(&self, mut take: impl FnMut(Part) -> Result<()>) -> Result<Vec<Input>> {
        let (source, inputs) = (self.source.as_ref(), &self.inputs);
        let (cleaner, mut carried) = (&self.cleaner, Carried::default());
        in_order(
            |give| {
                let mut read: Vec<Input> = Vec::new();
                for found in inputs {
                    let before = read.iter().map(|input| input.size_bytes).sum();
                    let mut broken: Option<Arc<str>> = None;
                    read.push(source.read(found, &mut |piece| match piece {
                        Piece::Headings(have) => {
                            broken = self.compare(found, &have)?;
                            Ok(())
                        }
                        Piece::Told(words) => {
                            self.tell([words]);
                            Ok(())
                        }
                        piece => give((piece, before, broken.clone())),
                    })?);
                }
                Ok(read)
            },
            |(piece, before, broken): (Piece, u64, Option<Arc<str>>)| {
                let raw = piece.batch()?;
                let bytes_read = before + raw.bytes_read;
                let typed = cleaner.typed(raw, broken.as_deref())?;
                match cleaner.is_in_order() {
                    true => Ok(Worked::Typed(typed, bytes_read)),
                    false => {
                        self.finish(typed, &mut Carried::default(), bytes_read).map(Worked::Part)
                    }
                }
            },
            |worked| match worked {
                Worked::Part(part) => take(part),
                Worked::Typed(typed, bytes_read) => {
                    take(self.finish(typed, &mut carried, bytes_read)?)
                }
            },
        )
    }

    fn finish(&self, typed: Typed, carried: &mut Carried, bytes_read: u64) -> Result<Part> {
        let file = Arc::clone(&typed.raw.file);
        let mut cleaned = self.cleaner.finish(typed, carried)?;
        let refused = std::mem::take(&mut cleaned.refused).into_iter();
        let rejects = refused.map(|row| self.origin.reject(&file, row)).collect();
        Ok(Part { cleaned, rejects, bytes_read })
    }

    fn tell(&self, words: impl IntoIterator<Item = String>) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).extend(words);
    }

    /// Compares an input with the contract: why its rows go to quarantine, if they do.
    fn compare(&self, found: &Found, have: &[String]) -> Result<Option<Arc<str>>> {
        let drift = contract::compare(&self.spec, &found.input.name, have)?;
        self.tell(drift.told);
        Ok(drift.broken.map(Arc::from))
    }

    /// Refuses values that do not fit their type, where they are not to be set apart.
    fn check_types(&self, rejects: &[Reject]) -> Result<()> {
        let contract = self.spec.contract.as_ref();
        let is_frozen = contract.is_some_and(|contract| contract.types == OnDrift::Freeze);
        let Some(reject) = rejects.iter().find(|reject| is_frozen && reject.rule == TYPE) else {
            return Ok(());
        };
        Err(Error::data("a value does not fit its type, and the contract is frozen")
            .with("file", &reject.file)
            .with("line", reject.line)
            .with("column", reject.column.as_deref().unwrap_or_default())
            .caused_by(reject.reason.clone()))
    }

    /// The rows of a batch that stay, and the rejects; all are counted.
    fn count(
        &self,
        part: Part,
        losers: Option<&mut Losers>,
        read: &mut Read,
    ) -> Result<(RecordBatch, Vec<Reject>)> {
        let Part { cleaned, rejects, .. } = part;
        self.check_types(&rejects)?;
        let kept = match losers {
            Some(losers) => losers.drop_from(&cleaned.batch)?,
            None => cleaned.batch.clone(),
        };
        let marks = self.marks.as_ref();
        read.largest = read.largest.max(marks.and_then(|marks| marks.largest(&cleaned.batch)));
        let counts = &mut read.counts;
        counts.read += (cleaned.batch.num_rows() + rejects.len()) as u64;
        counts.staged += kept.num_rows() as u64;
        counts.rejected += rejects.len() as u64;
        counts.duplicates += (cleaned.batch.num_rows() - kept.num_rows()) as u64;
        for ((column, rule), values) in cleaned.nulled {
            *counts.nulled.entry((column, rule.to_owned())).or_insert(0) += values;
        }
        for (name, (rows, example)) in cleaned.told {
            read.warned.entry(name).or_insert((0, example)).0 += rows;
        }
        for (column, values) in cleaned.finer {
            *read.finer.entry(column).or_insert(0) += values;
        }
        if self.keep_refused && cleaned.refused_rows.num_rows() > 0 {
            read.refused.push(cleaned.refused_rows);
        }
        for reject in &rejects {
            read.tally.add(reject);
            read.rejected_lines += reject.raw.trim_end().lines().count().max(1) as u64;
        }
        Ok((kept, rejects))
    }

    fn progress(&self, rows: u64, bytes: u64) {
        let bytes_total = self.inputs.iter().map(|found| found.input.size_bytes).sum();
        (self.on_progress)(Progress { rows, bytes, bytes_total });
    }
}

fn changed(source: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "the source changed while it was being read")
        .with("source", source)
        .hint("run again when its writer has finished")
}
