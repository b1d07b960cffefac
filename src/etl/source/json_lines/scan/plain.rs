//! Plain objects: flat, without escapes, with the keys of the one before in the same order. Their values
//! are where their quotes and commas are, and one look at a line tells that it is JSON. Any other line
//! is left to who reads everything.

use super::{Leads, MAX_KEYS, Node, Row, Value};
use memchr::memchr;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Reads plain objects.
#[derive(Default)]
pub(super) struct Plain {
    /// The keys of objects so far, in their order, and which of the wanted ones each is.
    order: Vec<(String, Option<usize>)>,
    /// Of the object under way, the keys that were in another place before, or nowhere.
    new: Vec<String>,
}

impl Plain {
    /// Puts the wanted values of a line into a row; false, with anything in the row, where the line is
    /// no plain object. `keys` are all keys that objects had.
    pub(super) fn scan<'a>(
        &mut self,
        line: &'a str,
        root: &Node,
        keys: &mut BTreeSet<String>,
        row: &mut Row<'a>,
    ) -> bool {
        self.new.clear();
        let is_plain = self.object(line, root, row).is_some();
        if !is_plain && !self.new.is_empty() {
            self.order.clear(); // what is in it is among the keys, and these are not
        } else {
            let room = MAX_KEYS.saturating_sub(keys.len());
            keys.extend(self.new.drain(..).take(room));
        }
        is_plain
    }

    fn object<'a>(&mut self, line: &'a str, root: &Node, row: &mut Row<'a>) -> Option<()> {
        // all bytes are looked at, which takes less time than to stop at one
        let is_odd = |odd, byte: &u8| odd | (*byte < b' ') | (*byte == b'\\');
        if line.as_bytes().iter().fold(false, is_odd) {
            return None;
        }
        let mut rest = Rest { line, at: 0 };
        rest.sign(b'{')?;
        for place in 0.. {
            let key = rest.string()?;
            let wanted = self.wanted(place, key, root);
            rest.sign(b':')?;
            let value = rest.value()?;
            if let Some(index) = wanted {
                let node = &root.inside[index].1;
                if !node.inside.is_empty() || node.leads != Leads::Nowhere {
                    return None;
                }
                for column in &node.columns {
                    if row[*column].replace(value.clone()).is_some() {
                        return None;
                    }
                }
            }
            if rest.sign(b',').is_none() {
                break;
            }
        }
        rest.sign(b'}')?;
        rest.peek().is_none().then_some(())
    }

    /// Which of the wanted keys a key is; in most objects the same stands there as in the last.
    fn wanted(&mut self, place: usize, key: &str, root: &Node) -> Option<usize> {
        match self.order.get(place) {
            Some((known, wanted)) if known == key => return *wanted,
            _ => {}
        }
        let wanted = root.inside.iter().position(|(name, _)| name == key);
        self.new.push(key.to_owned());
        match self.order.get_mut(place) {
            Some(known) => *known = (key.to_owned(), wanted),
            None => self.order.push((key.to_owned(), wanted)),
        }
        wanted
    }
}

/// A place in a line that has no other space than blanks.
struct Rest<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.line.as_bytes();
        while bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// A sign, if it is the next.
    fn sign(&mut self, sign: u8) -> Option<()> {
        (self.peek()? == sign).then_some(())?;
        self.at += 1;
        Some(())
    }

    /// So many bytes.
    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let taken = self.line.get(self.at..self.at + bytes)?;
        self.at += bytes;
        Some(taken)
    }

    /// A string without its quotes, and without escapes in it.
    fn string(&mut self) -> Option<&'a str> {
        self.sign(b'"')?;
        let length = memchr(b'"', &self.line.as_bytes()[self.at..])?;
        let text = self.take(length)?;
        self.at += 1;
        Some(text)
    }

    /// A value that holds no others.
    fn value(&mut self) -> Option<Value<'a>> {
        let native = |text| Value { text: Some(Cow::Borrowed(text)), native: true };
        Some(match self.peek()? {
            b'"' => Value { text: Some(Cow::Borrowed(self.string()?)), native: false },
            b'n' => {
                self.word("null")?;
                Value { text: None, native: false }
            }
            b't' => native(self.word("true")?),
            b'f' => native(self.word("false")?),
            _ => native(self.number()?),
        })
    }

    fn word(&mut self, word: &str) -> Option<&'a str> {
        self.take(word.len()).filter(|taken| *taken == word)
    }

    /// A number as JSON has it.
    fn number(&mut self) -> Option<&'a str> {
        let bytes = &self.line.as_bytes()[self.at..];
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let is = |at: usize, signs: &[u8]| bytes.get(at).is_some_and(|byte| signs.contains(byte));
        let first = usize::from(is(0, b"-"));
        let whole = digits(first);
        if whole == 0 || whole > 1 && bytes[first] == b'0' {
            return None;
        }
        let mut end = first + whole;
        if is(end, b".") {
            let after = digits(end + 1);
            (after > 0).then_some(())?;
            end += 1 + after;
        }
        if is(end, b"eE") {
            let signed = end + 1 + usize::from(is(end + 1, b"+-"));
            let after = digits(signed);
            (after > 0).then_some(())?;
            end = signed + after;
        }
        self.take(end)
    }
}
