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
    /// Objects around the array.
    depth: usize,
    begun: bool,
}

impl<R: BufRead> Elements<R> {
    /// The array that is the value of a key, or of a key of that key's value, and so on; the
    /// document itself where there is no key.
    ///
    /// # Errors
    /// Data where there is no array at that place.
    pub(in crate::etl::source) fn new(reader: R, path: &[&str]) -> Result<Self> {
        let mut elements =
            Self { reader, bytes: Vec::new(), offset: 0, line: 1, depth: path.len(), begun: false };
        elements.skip_mark()?;
        for key in path {
            elements.enter(key)?;
        }
        match elements.peek()? {
            Some(b'[') => elements.bump(1),
            Some(b'{') if path.is_empty() => {
                return Err(Error::data("the document is an object, not an array")
                    .hint("say `at: KEY` to read an array inside it"));
            }
            None if path.is_empty() => {
                return Err(Error::data("the file is empty: it is no array"));
            }
            _ => return Err(elements.expected("an array")),
        }
        Ok(elements)
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
    fn skip_mark(&mut self) -> Result<()> {
        for byte in "\u{feff}".bytes() {
            if self.reader.fill_buf().map_err(cannot_read)?.first() != Some(&byte) {
                break;
            }
            self.bump(1);
        }
        Ok(())
    }

    /// Goes to the value of a key of the object that begins here.
    fn enter(&mut self, wanted: &str) -> Result<()> {
        if self.peek()? != Some(b'{') {
            return Err(self.expected(&format!("an object with the key `{wanted}`")));
        }
        self.bump(1);
        let mut keys = Vec::new();
        while self.peek()? == Some(b'"') {
            let key = self.key()?;
            if key == wanted {
                self.peek()?;
                return Ok(());
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
        Err(Error::data(format!("the document has no key `{wanted}`"))
            .hint(format!("{near}it has {}", keys.join(", "))))
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
        for _ in 0..self.depth {
            while self.peek()? == Some(b',') {
                self.bump(1);
                self.peek()?;
                self.key()?;
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
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn read(text: &str, path: &[&str], block_bytes: usize) -> Result<Vec<String>> {
        let reader = BufReader::with_capacity(block_bytes, text.as_bytes());
        let mut elements = Elements::new(reader, path)?;
        let mut found = Vec::new();
        while let Some(line) = elements.next()? {
            found.push(line.text.into_owned());
        }
        Ok(found)
    }

    #[test]
    fn elements_are_found_whatever_is_around_them() {
        let text = "\u{feff} {\"n\": 1, \"o\": {\"a\": [1, \"]\\\"\"]}, \"rows\" :\n {\"items\": [ {\"a\":\"},{\"} ,\n\
                    [1], 2.5 , \"x\\\\\", null], \"more\": \"]\"}, \"z\":true } \n";
        for block_bytes in [1, 3, 64] {
            let found = read(text, &["rows", "items"], block_bytes).unwrap();
            assert_eq!(found, [r#"{"a":"},{"}"#, "[1]", "2.5", r#""x\\""#, "null"]);
            assert_eq!(read(" [ ]", &[], block_bytes).unwrap(), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_no_array_is_said_with_its_place() {
        for (text, path, says) in [
            ("{\"a\": []}", &[][..], "say `at: KEY`"),
            ("", &[], "the file is empty"),
            ("[1, 2 ", &[], "expected `,` or `]`, found the end"),
            ("[1, 2", &[], "the rest of the document"),
            ("[{\"a\": 1", &[], "the rest of the document"),
            ("[1 2]", &[], "expected `,` or `]`, found `2`"),
            ("[1]\n[2]", &[], "expected the end of the document, found `[` (line 2, offset 4)"),
            ("[1,]", &[], "expected a value, found `]`"),
            ("{\"items\": [1]", &["items"], "expected `,` or `}`, found the end"),
            ("{\"items\": [1]}", &["itms"], "did you mean `items`? it has items"),
            ("{\"items\": 1}", &["items"], "expected an array, found `1`"),
            ("[1]", &["items"], "an object with the key `items`"),
        ] {
            let error = read(text, path, 8).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i32>().prop_map(serde_json::Value::from),
            "[a\\\\\"{}\\[\\],:é ]{0,6}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec(("[a\"}]{0,3}", inner), 0..4)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_array_comes_back(
            values in prop::collection::vec(json(), 0..6), pretty: bool, block_bytes in 1_usize..40,
        ) {
            let array = serde_json::Value::from(values.clone());
            let text = if pretty { format!("{array:#}") } else { array.to_string() };
            let found: Vec<serde_json::Value> = read(&text, &[], block_bytes)
                .unwrap()
                .iter()
                .map(|text| serde_json::from_str(text).unwrap())
                .collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn an_array_cut_off_is_an_error(values in prop::collection::vec(json(), 1..4), cut: prop::sample::Index) {
            let text = serde_json::Value::from(values).to_string();
            let cut = cut.index(text.len());
            prop_assume!(text.is_char_boundary(cut));
            prop_assert!(read(&text[..cut], &[], 16).is_err());
        }
    }
}
