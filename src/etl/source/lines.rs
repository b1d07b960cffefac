//! The lines of a text file, strictly decoded.

use super::packed::cannot_read;
use crate::error::{Error, Result};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;
use std::io::{BufRead, Read};

/// A row longer than this is not a row: the file is not text, or a quote was never closed.
pub(super) const MAX_ROW_BYTES: usize = 16 << 20;

/// Reads a file line by line, each decoded by itself. A line ends with `\n`.
pub(super) struct Lines<R> {
    reader: R,
    encoding: &'static Encoding,
    bytes: Vec<u8>,
    offset: u64,
    number: u64,
}

/// A line, its terminator included.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// 1 is the first.
    pub(super) number: u64,
    /// Byte offset in the file.
    pub(super) offset: u64,
    /// Its text; bytes that are not text in the encoding as `\xNN`.
    pub(super) text: Cow<'a, str>,
    /// Whether all bytes were text in the encoding.
    pub(super) decoded: bool,
}

/// The encoding of that name.
///
/// # Errors
/// User where there is none; the error lists the usual ones.
pub(super) fn encoding(name: &str) -> Result<&'static Encoding> {
    // people write it with a hyphen, the standard without
    let label = if name.eq_ignore_ascii_case("latin-1") { "latin1" } else { name };
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        Error::user(format!("unknown encoding `{name}`")).hint(
            "known are utf-8, utf-16le, utf-16be, windows-1250 to windows-1258, iso-8859-2 to \
             iso-8859-16, latin1, gbk, gb18030, big5, shift_jis, euc-jp, euc-kr, koi8-r and the \
             other names of the WHATWG encoding standard",
        )
    })
}

impl<R: BufRead> Lines<R> {
    /// Reads from the start of a file; a byte order mark there overrules the encoding.
    pub(super) fn new(mut reader: R, encoding: &'static Encoding) -> std::io::Result<Self> {
        let (encoding, mark_bytes) = Encoding::for_bom(reader.fill_buf()?).unwrap_or((encoding, 0));
        reader.consume(mark_bytes);
        Ok(Self { reader, encoding, bytes: Vec::new(), offset: mark_bytes as u64, number: 0 })
    }

    /// Goes on in the midst of a file, at the start of a line.
    pub(super) fn at(reader: R, encoding: &'static Encoding, offset: u64, lines_read: u64) -> Self {
        Self { reader, encoding, bytes: Vec::new(), offset, number: lines_read }
    }

    /// Goes on elsewhere, at the start of a line.
    pub(super) fn go_to(&mut self, reader: R, offset: u64, lines_read: u64) {
        (self.reader, self.offset, self.number) = (reader, offset, lines_read);
    }

    /// The same lines by way of another reader.
    pub(super) fn map_reader<T>(self, change: impl FnOnce(R) -> T) -> Lines<T> {
        let Self { reader, encoding, bytes, offset, number } = self;
        Lines { reader: change(reader), encoding, bytes, offset, number }
    }

    /// The reader, for who reads lines by other means and says so by [`skip`](Self::skip).
    pub(super) fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Counts lines that were read by other means.
    pub(super) fn skip(&mut self, bytes: usize, lines: usize) {
        self.offset += bytes as u64;
        self.number += lines as u64;
    }

    /// Lines read so far.
    pub(super) fn lines_read(&self) -> u64 {
        self.number
    }

    /// The encoding.
    pub(super) fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.offset
    }

    /// The next line, or none at the end.
    ///
    /// # Errors
    /// Unavailable where the file cannot be read, data where a line has no end.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>> {
        self.read_line()?;
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        self.offset += self.bytes.len() as u64;
        self.number += 1;
        let text = self.encoding.decode_without_bom_handling_and_without_replacement(&self.bytes);
        let decoded = text.is_some();
        let text = text.unwrap_or_else(|| Cow::Owned(escape(self.encoding, &self.bytes)));
        Ok(Some(Line { number: self.number, offset, text, decoded }))
    }

    /// Fills `bytes` with the next line.
    fn read_line(&mut self) -> Result<()> {
        self.bytes.clear();
        loop {
            let left = (MAX_ROW_BYTES + 1).saturating_sub(self.bytes.len()) as u64;
            let mut limited = (&mut self.reader).take(left);
            let read = limited
                .read_until(b'\n', &mut self.bytes)
                .map_err(|error| cannot_read(error).with("line", self.number + 1))?;
            if self.bytes.len() > MAX_ROW_BYTES {
                return Err(too_long(self.number + 1));
            }
            if read == 0 || self.at_line_end() {
                return Ok(());
            }
        }
    }

    /// Whether the `\n` byte that was just read is a line end: in UTF-16 it may be half of
    /// another character.
    fn at_line_end(&mut self) -> bool {
        if self.encoding == UTF_16LE {
            if !self.bytes.len().is_multiple_of(2) {
                let second = self.reader.fill_buf().ok().and_then(|ahead| ahead.first().copied());
                if let Some(second) = second {
                    self.bytes.push(second);
                    self.reader.consume(1);
                }
                return second.is_none_or(|second| second == 0);
            }
            return false;
        }
        if self.encoding == UTF_16BE {
            return self.bytes.len().is_multiple_of(2) && self.bytes.ends_with(&[0, b'\n']);
        }
        true
    }
}

/// The error for a row without an end.
pub(super) fn too_long(line: u64) -> Error {
    Error::data(format!("a row is longer than {} MiB", MAX_ROW_BYTES >> 20))
        .with("line", line)
        .hint("is this a text file, and is a quote left open there?")
}

/// Text in which the bytes that are none are written `\xNN`.
fn escape(encoding: &'static Encoding, bytes: &[u8]) -> String {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len() * 4 + 16);
    let mut at = 0;
    loop {
        let (result, read) =
            decoder.decode_to_string_without_replacement(&bytes[at..], &mut text, true);
        at += read;
        match result {
            DecoderResult::InputEmpty => return text,
            DecoderResult::OutputFull => text.reserve(bytes.len() + 16),
            DecoderResult::Malformed(bad, after) => {
                let end = at.saturating_sub(usize::from(after));
                let start = end.saturating_sub(usize::from(bad));
                for byte in &bytes[start..end] {
                    text.push_str(&format!("\\x{byte:02X}"));
                }
            }
        }
    }
}

/// Bytes as text; those that are not UTF-8 as `\xNN`.
pub(super) fn escape_utf8(bytes: &[u8]) -> String {
    escape(UTF_8, bytes)
}
