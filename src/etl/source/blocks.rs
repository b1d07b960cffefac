//! A file of text in blocks of whole records, found without taking them apart: one thread cuts, what a
//! cut-off block holds is for others to take apart.

use super::lines::Lines;
use super::packed::cannot_read;
use crate::error::Result;
use memchr::memchr_iter;
use std::io::{BufRead, Chain, Cursor, Read};

/// Bytes a block holds, give or take a record.
pub(super) const BLOCK_BYTES: usize = 512 << 10;
/// A record that does not end within so many bytes is not for blocks.
const MAX_RECORD_BYTES: usize = 2 << 20;

/// Cuts blocks off a file.
pub(super) struct Blocks<R, E> {
    lines: Lines<R>,
    /// Where the last record ends that is seen to end among some bytes; zero where none is.
    records_end: E,
    block_bytes: usize,
    /// Read, but not given out.
    ahead: Vec<u8>,
}

/// Whole records, one after the other.
#[derive(Debug)]
pub(super) struct Block {
    /// Their bytes.
    pub(super) bytes: Vec<u8>,
    /// Where they begin in the file.
    pub(super) offset: u64,
    /// Lines of the file before them.
    pub(super) lines_before: u64,
    /// Lines among them.
    pub(super) lines: usize,
}

impl<R: BufRead, E: Fn(&[u8]) -> usize> Blocks<R, E> {
    /// The rest of a file as blocks.
    pub(super) fn new(lines: Lines<R>, records_end: E, block_bytes: usize) -> Self {
        Self { lines, records_end, block_bytes, ahead: Vec::new() }
    }

    /// The next block; none at the end of the file, or where a record is too long for a block.
    ///
    /// # Errors
    /// Unavailable where the file cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Block>> {
        let mut wanted = self.block_bytes;
        loop {
            let at_end = !self.read_ahead(wanted)?;
            let cut = match at_end {
                true => self.ahead.len(),
                false => (self.records_end)(&self.ahead),
            };
            if cut > 0 {
                return Ok(Some(self.cut(cut)));
            }
            if at_end || wanted > MAX_RECORD_BYTES {
                return Ok(None);
            }
            wanted += self.block_bytes;
        }
    }

    /// What was not given out.
    pub(super) fn rest(self) -> Lines<Chain<Cursor<Vec<u8>>, R>> {
        let ahead = Cursor::new(self.ahead);
        self.lines.map_reader(|reader| ahead.chain(reader))
    }

    /// Reads so many bytes ahead; false where the file ends before.
    fn read_ahead(&mut self, wanted: usize) -> Result<bool> {
        let mut have = self.ahead.len();
        self.ahead.resize(wanted.max(have), 0);
        while have < wanted {
            match self.lines.reader().read(&mut self.ahead[have..]) {
                Ok(0) => break,
                Ok(read) => have += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cannot_read(error)),
            }
        }
        self.ahead.truncate(have);
        Ok(have >= wanted)
    }

    fn cut(&mut self, at: usize) -> Block {
        let mut rest = Vec::with_capacity(self.block_bytes.max(self.ahead.len() - at));
        rest.extend_from_slice(&self.ahead[at..]);
        let mut bytes = std::mem::replace(&mut self.ahead, rest);
        bytes.truncate(at);
        let lines = memchr_iter(b'\n', &bytes).count();
        let (offset, lines_before) = (self.lines.bytes_read(), self.lines.lines_read());
        self.lines.skip(bytes.len(), lines);
        Block { bytes, offset, lines_before, lines }
    }
}
