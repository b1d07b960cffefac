//! Pairs worth keeping: in memory as far as there is room, beyond that on disk.
//!
//! Beyond the room they are put in order and written to a file, and in the end the files are merged:
//! the pairs come out in the order of their records, however little room there was. What groups are
//! made of, the pairs that match, must fit: there are about as many of them as records.

use super::cluster::Edge;
use super::weights::Pattern;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::room::Room;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::path::PathBuf;

/// A pair: its records, the smaller first, the odds in bits, the levels reached.
pub(crate) type Row = (u32, u32, f64, Pattern);

/// Bytes of a row, in memory and on disk.
const ROW_BYTES: usize = 24;
/// Rows that room is taken for at a time, at least.
const ROWS_A_STEP: usize = 16_384;

/// What is held while pairs are compared.
pub(crate) struct Kept {
    room: Box<dyn Room>,
    folder: PathBuf,
    here: Vec<Row>,
    runs: Vec<File>,
    edges: Vec<Edge>,
}

impl Kept {
    pub(crate) fn new(room: Box<dyn Room>, folder: PathBuf) -> Self {
        Self { room, folder, here: Vec::new(), runs: Vec::new(), edges: Vec::new() }
    }

    /// Takes room for something that stays until the end.
    ///
    /// # Errors
    /// Limit where there is none.
    pub(crate) fn hold(&mut self, bytes: usize, what: &str) -> Result<()> {
        if self.room.grow(bytes) { Ok(()) } else { Err(full(what)) }
    }

    /// Adds a pair.
    ///
    /// # Errors
    /// Unavailable where the disk does not take what the memory does not; limit where neither helps.
    pub(crate) fn add(&mut self, row: Row) -> Result<()> {
        if self.here.len() == self.here.capacity() {
            let double = self.here.len().max(ROWS_A_STEP);
            let more =
                [double, ROWS_A_STEP].into_iter().find(|more| self.room.grow(more * ROW_BYTES));
            match more {
                Some(more) => self.here.reserve_exact(more),
                None if self.here.is_empty() => return Err(full("a few of the pairs")),
                None => self.spill()?,
            }
        }
        self.here.push(row);
        Ok(())
    }

    /// Adds a pair that matches.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn join(&mut self, edge: Edge) -> Result<()> {
        const EDGE_BYTES: usize = size_of::<Edge>();
        if self.edges.len() == self.edges.capacity() {
            let more = self.edges.len().max(ROWS_A_STEP);
            if !self.room.grow(more * EDGE_BYTES) {
                self.spill()?;
                self.room.shrink(self.here.capacity() * ROW_BYTES);
                self.here = Vec::new();
                self.hold(more * EDGE_BYTES, "the pairs that match")?;
            }
            self.edges.reserve_exact(more);
        }
        self.edges.push(edge);
        Ok(())
    }

    /// The pairs that match.
    pub(crate) fn take_edges(&mut self) -> Vec<Edge> {
        std::mem::take(&mut self.edges)
    }

    fn spill(&mut self) -> Result<()> {
        if self.here.is_empty() {
            return Ok(());
        }
        in_order(&mut self.here);
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.folder).map_err(broken)?);
        for (a, b, odds, Pattern(pattern)) in self.here.drain(..) {
            let mut bytes = [0; ROW_BYTES];
            bytes[..4].copy_from_slice(&a.to_le_bytes());
            bytes[4..8].copy_from_slice(&b.to_le_bytes());
            bytes[8..16].copy_from_slice(&odds.to_le_bytes());
            bytes[16..].copy_from_slice(&pattern.to_le_bytes());
            file.write_all(&bytes).map_err(broken)?;
        }
        let mut file = file.into_inner().map_err(|error| broken(error.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(broken)?;
        self.runs.push(file);
        Ok(())
    }

    /// All pairs in the order of their records.
    pub(crate) fn into_rows(mut self) -> Merged {
        in_order(&mut self.here);
        let here: Run = Box::new(std::mem::take(&mut self.here).into_iter().map(Ok));
        let runs = std::mem::take(&mut self.runs).into_iter().map(|file| -> Run {
            let mut file = BufReader::new(file);
            Box::new(std::iter::from_fn(move || read(&mut file).transpose()))
        });
        Merged { runs: runs.chain([here]).map(Iterator::peekable).collect(), _room: self.room }
    }
}

type Run = Box<dyn Iterator<Item = Result<Row>>>;

/// Runs that come out as one.
pub(crate) struct Merged {
    runs: Vec<Peekable<Run>>,
    /// Given back when the last pair is out.
    _room: Box<dyn Room>,
}

impl Iterator for Merged {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        let heads = self.runs.iter_mut().enumerate().filter_map(|(at, run)| {
            let key = match run.peek()? {
                Ok((a, b, ..)) => Some((*a, *b)),
                Err(_) => None, // comes out at once
            };
            Some((key, at))
        });
        let (_, at) = heads.min()?;
        self.runs[at].next()
    }
}

fn in_order(rows: &mut [Row]) {
    rows.sort_unstable_by_key(|(a, b, ..)| (*a, *b));
}

fn read(file: &mut impl Read) -> Result<Option<Row>> {
    let mut bytes = [0; ROW_BYTES];
    match file.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(broken(error)),
    }
    let (records, rest) = bytes.split_at(8);
    let (odds, pattern) = rest.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    let records = number(records);
    let (a, b) = (records as u32, (records >> 32) as u32);
    Ok(Some((a, b, f64::from_bits(number(odds)), Pattern(number(pattern)))))
}

fn full(what: &str) -> Error {
    Error::new(ErrorKind::Limit, format!("matching has no room in memory for {what}")).hint(
        "raise `memory_limit`; a higher `review` in `thresholds` keeps fewer pairs, longer keys in \
         `block` compare fewer",
    )
}

fn broken(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "pairs that memory has no room for cannot be kept on disk")
        .caused_by(error)
        .hint("is there room? `spill_dir` names another folder")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etl::room::tests::Bytes;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn pairs_come_out_in_order_whatever_room_there_is(
            steps in 1..5_usize, count in 0..150_000_u32, seed: u32, one_in in 1..50_u32,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let room = Bytes(steps * ROWS_A_STEP * ROW_BYTES + 400_000);
            let mut kept = Kept::new(Box::new(room), folder.path().to_owned());
            let pair = |n: u32| {
                let mixed = n.wrapping_mul(2_654_435_761) ^ seed;
                (mixed % 1_000, n, f64::from(n) / 3.0 - 7.0, Pattern(u64::from(mixed) << 20))
            };
            let mut plain: Vec<Row> = (0..count).map(pair).collect();
            let mut joined = 0;
            for row in &plain {
                kept.add(*row).unwrap();
                if row.1.is_multiple_of(one_in) && joined < 10_000 {
                    joined += 1;
                    kept.join(Edge { a: row.0, b: row.1, odds: row.2 }).unwrap();
                }
            }
            prop_assert_eq!(kept.take_edges().len(), joined);
            plain.sort_unstable_by_key(|(a, b, ..)| (*a, *b));
            let out: Vec<Row> = kept.into_rows().map(Result::unwrap).collect();
            prop_assert!(out == plain);
        }
    }

    #[test]
    fn no_room_at_all_is_refused_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::new(Box::new(Bytes(1_000)), folder.path().to_owned());
        let error = kept.add((0, 1, 0.0, Pattern(0))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("raise `memory_limit`"), "{error}");
        assert!(kept.hold(2_000, "the records").unwrap_err().to_string().contains("the records"));
    }
}
