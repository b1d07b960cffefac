//! The elements of a JSON array, one after the other, without the whole of it in memory.

use crate::error::{Error, Result, did_you_mean};
use crate::etl::source::lines::{Line, MAX_ROW_BYTES, escape_utf8, too_long};
use crate::etl::source::packed::cannot_read;
use memchr::memchr_iter;
use std::borrow::Cow;
use std::io::BufRead;

/// Keys named to say what an object has.
const KEYS_SHOWN: usize = 12;

/// Finds the elements of the array at a path of a document.
pub(in crate::etl::source) struct Elements<R> {
    reader: R,
    /// The value that was read last.
    bytes: Vec<u8>,
    offset: u64,
    line: u64,
    /// The keys that lead to the array, one of each object around it.
    path: Vec<String>,
    begun: bool,
}

impl<R: BufRead> Elements<R> {
    /// The array that is the value of a key, or of a key of that key's value, and so on; the
    /// document itself where there is no key.
    ///
    /// # Errors
    /// Data where there is no array at that place.
    pub(in crate::etl::source) fn new(reader: R, path: &[&str]) -> Result<Self> {
        match Self::find(reader, path)? {
            Place::Array(elements) => Ok(elements),
            Place::NoKey(error) => Err(error),
            Place::Null => Err(Error::data("expected an array, found `null`")),
        }
    }

    /// The same, where there may be none.
    ///
    /// # Errors
    /// Data where something else is at that place, or the document is no JSON.
    pub(in crate::etl::source) fn find(reader: R, path: &[&str]) -> Result<Place<R>> {
        let owned = path.iter().map(|key| (*key).to_owned()).collect();
        let mut elements =
            Self { reader, bytes: Vec::new(), offset: 0, line: 1, path: owned, begun: false };
        elements.skip_mark()?;
        for key in path {
            if let Some(missing) = elements.enter(key)? {
                return Ok(Place::NoKey(missing));
            }
        }
        match elements.peek()? {
            Some(b'[') => elements.bump(1),
            Some(b'n') => return elements.null(),
            Some(b'{') if path.is_empty() => {
                return Err(Error::data("the document is an object, not an array")
                    .hint("say `at: KEY` to read an array inside it"));
            }
            None if path.is_empty() => {
                return Err(Error::data("the file is empty: it is no array"));
            }
            _ => return Err(elements.expected("an array")),
        }
        Ok(Place::Array(elements))
    }

    /// What stands in the place of the array, if it is `null`; seen to end as the document should.
    fn null(mut self) -> Result<Place<R>> {
        self.value(true)?;
        if self.bytes != b"null" {
            let found = String::from_utf8_lossy(&self.bytes).into_owned();
            return Err(Error::data(format!("expected an array, found `{found}`"))
                .with("line", self.line)
                .with("offset", self.offset));
        }
        self.leave()?;
        Ok(Place::Null)
    }

    /// The next element, whatever it is, or none at the end, where the document is seen to end as
    /// it should.
    ///
    /// # Errors
    /// Data where the document is cut off or no JSON around its elements; unavailable where it
    /// cannot be read.
    pub(in crate::etl::source) fn next(&mut self) -> Result<Option<Line<'_>>> {
        match (self.peek()?, self.begun) {
            (Some(b']'), _) => {
                self.bump(1);
                self.leave()?;
                return Ok(None);
            }
            (Some(b','), true) => self.bump(1),
            (_, true) => return Err(self.expected("`,` or `]`")),
            (_, false) => self.begun = true,
        }
        self.peek()?;
        let (number, offset) = (self.line, self.offset);
        self.value(true)?;
        let (text, decoded) = match std::str::from_utf8(&self.bytes) {
            Ok(text) => (Cow::Borrowed(text), true),
            Err(_) => (Cow::Owned(escape_utf8(&self.bytes)), false),
        };
        Ok(Some(Line { number, offset, text, decoded }))
    }

    /// Bytes read so far.
    pub(in crate::etl::source) fn bytes_read(&self) -> u64 {
        self.offset
    }

    /// A byte order mark is no part of the document. No JSON begins with its first byte.
    ///
    /// # Errors
    /// Data where the mark is that of UTF-16.
    fn skip_mark(&mut self) -> Result<()> {
        if matches!(self.reader.fill_buf().map_err(cannot_read)?.first(), Some(0xfe | 0xff)) {
            return Err(Error::data("the document is UTF-16, and JSON is UTF-8")
                .hint("convert the file: `iconv -f UTF-16 -t UTF-8`"));
        }
        for byte in "\u{feff}".bytes() {
            if self.reader.fill_buf().map_err(cannot_read)?.first() != Some(&byte) {
                break;
            }
            self.bump(1);
        }
        Ok(())
    }

    /// Goes to the value of a key of the object that begins here; gives the error where it has no
    /// such key.
    fn enter(&mut self, wanted: &str) -> Result<Option<Error>> {
        if self.peek()? != Some(b'{') {
            return Err(self.expected(&format!("an object with the key `{wanted}`")));
        }
        self.bump(1);
        let mut keys = Vec::new();
        while self.peek()? == Some(b'"') {
            let key = self.key()?;
            if key == wanted {
                self.peek()?;
                return Ok(None);
            }
            self.peek()?;
            self.value(false)?;
            if keys.len() < KEYS_SHOWN {
                keys.push(key);
            }
            match self.peek()? {
                Some(b',') => self.bump(1),
                _ => break,
            }
        }
        if self.peek()? != Some(b'}') {
            return Err(self.expected("`,` or `}`"));
        }
        let near = did_you_mean(wanted, keys.iter().map(String::as_str));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let has = if keys.is_empty() { "no key at all".to_owned() } else { keys.join(", ") };
        let error = Error::data(format!("the document has no key `{wanted}`"));
        Ok(Some(error.hint(format!("{near}it has {has}"))))
    }

    /// The key that begins here, and the colon behind it.
    fn key(&mut self) -> Result<String> {
        self.value(true)?;
        let key = serde_json::from_slice(&self.bytes);
        let key = key.map_err(|error| self.expected("a key").caused_by(error))?;
        if self.peek()? != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.bump(1);
        Ok(key)
    }

    /// Goes through what is behind the array.
    fn leave(&mut self) -> Result<()> {
        while let Some(wanted) = self.path.pop() {
            while self.peek()? == Some(b',') {
                self.bump(1);
                self.peek()?;
                if self.key()? == wanted {
                    return Err(Error::data(format!("the document has the key `{wanted}` twice"))
                        .with("line", self.line)
                        .with("offset", self.offset));
                }
                self.peek()?;
                self.value(false)?;
            }
            if self.peek()? != Some(b'}') {
                return Err(self.expected("`,` or `}`"));
            }
            self.bump(1);
        }
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the document")),
        }
    }

    /// The next byte that is no space; none at the end.
    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let buffer = self.reader.fill_buf().map_err(cannot_read)?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let space = buffer.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let found = buffer.get(space).copied();
            self.bump_over(space)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Reads the value that begins here; keeps it, or forgets it.
    fn value(&mut self, keep: bool) -> Result<()> {
        self.bytes.clear();
        let mut nesting = Nesting::default();
        let mut length = 0;
        loop {
            let buffer = self.reader.fill_buf().map_err(cannot_read)?;
            if buffer.is_empty() && nesting.ended {
                return Ok(());
            }
            if buffer.is_empty() {
                return Err(self.expected("the rest of the document"));
            }
            let end = buffer.iter().position(|byte| nesting.ends_before(*byte));
            let read = end.unwrap_or(buffer.len());
            if keep {
                self.bytes.extend_from_slice(&buffer[..read]);
            }
            length += read;
            self.bump_over(read)?;
            match end {
                Some(_) if length == 0 => return Err(self.expected("a value")),
                Some(_) => return Ok(()),
                None if self.bytes.len() > MAX_ROW_BYTES => return Err(too_long(self.line)),
                None => {}
            }
        }
    }

    fn bump(&mut self, bytes: usize) {
        self.reader.consume(bytes);
        self.offset += bytes as u64;
    }

    fn bump_over(&mut self, bytes: usize) -> Result<()> {
        let buffer = self.reader.fill_buf().map_err(cannot_read)?;
        self.line += memchr_iter(b'\n', &buffer[..bytes]).count() as u64;
        self.bump(bytes);
        Ok(())
    }

    fn expected(&mut self, what: &str) -> Error {
        let found = match self.peek() {
            Ok(Some(byte)) => format!("`{}`", char::from(byte).escape_default()),
            Ok(None) => "the end of the file".to_owned(),
            Err(error) => return error,
        };
        Error::data(format!("expected {what}, found {found}"))
            .with("line", self.line)
            .with("offset", self.offset)
    }
}

/// What stands at the place of an array.
pub(in crate::etl::source) enum Place<R> {
    /// It.
    Array(Elements<R>),
    /// `null`.
    Null,
    /// Nothing: a key on the way is not there. The error that says so.
    NoKey(Error),
}

/// How deep inside a value a byte is.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
    ended: bool,
}

impl Nesting {
    /// Whether the value has ended before this byte.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.ended {
            return true;
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.ended = self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => {
                return true;
            }
            b'}' | b']' => {
                self.depth -= 1;
                self.ended = self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests;
