//! A file in blocks of whole records, found without taking them apart.
//!
//! One thread cuts; what a cut-off block holds is for others to [take apart](mod@super::split). A cut
//! is where a line ends outside quotes. Whether a quote opens a cell is told as
//! [`Records`](super::record) tells it: it does at the start of a record and after a delimiter.

use crate::error::Result;
use crate::etl::source::lines::Lines;
use crate::etl::source::packed::cannot_read;
use memchr::{memchr, memchr_iter, memchr2, memrchr};
use std::io::{BufRead, Chain, Cursor, Read};

/// Bytes a block holds, give or take a record.
pub(super) const BLOCK_BYTES: usize = 512 << 10;
/// A record that does not end within so many bytes is not for blocks.
const MAX_RECORD_BYTES: usize = 2 << 20;

/// Cuts blocks off a file.
pub(super) struct Blocks<R> {
    lines: Lines<R>,
    delimiter: u8,
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

impl<R: BufRead> Blocks<R> {
    /// The rest of a file as blocks.
    pub(super) fn new(lines: Lines<R>, delimiter: u8, block_bytes: usize) -> Self {
        Self { lines, delimiter, block_bytes, ahead: Vec::new() }
    }

    /// What stands between two cells.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
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
                false => records_end(&self.ahead, self.delimiter),
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

/// Where the last record ends that is seen to end; zero where none is.
fn records_end(bytes: &[u8], delimiter: u8) -> usize {
    let after_line_end = |before: &[u8]| memrchr(b'\n', before).map_or(0, |at| at + 1);
    let Some(quote) = memchr(b'"', bytes) else { return after_line_end(bytes) };
    let mut end = after_line_end(&bytes[..quote]);
    let mut at = end;
    while let Some(next) = memchr2(b'"', b'\n', &bytes[at..]).map(|next| at + next) {
        at = next + 1;
        if bytes[next] == b'\n' {
            end = at;
        } else if next == end || bytes[next - 1] == delimiter {
            match after_closing_quote(bytes, at) {
                Some(after) => at = after,
                None => break,
            }
        }
    }
    end
}

/// The place after the quote that closes a cell, if it is seen not to be half of a double one.
fn after_closing_quote(bytes: &[u8], inside: usize) -> Option<usize> {
    let mut at = inside;
    loop {
        let after = at + memchr(b'"', &bytes[at..])? + 1;
        if *bytes.get(after)? != b'"' {
            return Some(after);
        }
        at = after + 1;
    }
}
