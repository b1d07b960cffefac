//! The wanted values of a JSON object, numbers as they were written.

use crate::error::Result as Outcome;
use crate::etl::source::headings::{Wanted, missing_columns};
use crate::etl::source::{Piece, Sink};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Keys remembered to say what a file has.
const MAX_KEYS: usize = 10_000;

/// Finds the wanted values of one object after the other.
pub(in crate::etl::source) struct Scanner {
    root: Node,
    paths: Vec<String>,
    seen: Vec<bool>,
    keys: BTreeSet<String>,
    objects: u64,
}

/// A wanted value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// Its text; none for `null`.
    pub(super) text: Option<Cow<'a, str>>,
    /// Whether it is a number or boolean.
    pub(super) native: bool,
}

/// What is wanted at a place: a column's value, or values further inside.
#[derive(Default)]
struct Node {
    columns: Vec<usize>,
    inside: Vec<(String, Node)>,
}

/// The cells found so far in one object.
type Row<'a> = Vec<Option<Value<'a>>>;

impl Scanner {
    /// For these paths: `a` or `a.b`.
    pub(in crate::etl::source) fn new<'p>(paths: impl Iterator<Item = &'p str>) -> Self {
        let mut root = Node::default();
        let paths: Vec<String> = paths.map(str::to_owned).collect();
        for (column, path) in paths.iter().enumerate() {
            let mut node = &mut root;
            for part in path.split('.') {
                let at = node.inside.iter().position(|(name, _)| name == part);
                let at = at.unwrap_or_else(|| {
                    node.inside.push((part.to_owned(), Node::default()));
                    node.inside.len() - 1
                });
                node = &mut node.inside[at].1;
            }
            node.columns.push(column);
        }
        let seen = vec![false; paths.len()];
        Self { root, paths, seen, keys: BTreeSet::new(), objects: 0 }
    }

    /// The wanted values of a line, in order; none for a key that is missing.
    ///
    /// # Errors
    /// Why the line is not one JSON object.
    pub(super) fn scan<'a>(&mut self, line: &'a str) -> Result<Row<'a>, String> {
        serde_json::from_str::<IgnoredAny>(line).map_err(|error| format!("not JSON: {error}"))?;
        if !line.starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let mut row = vec![None; self.paths.len()];
        let mut cursor = Cursor { text: line, at: 0 };
        self.objects += 1;
        let keys = (self.keys.len() < MAX_KEYS).then_some(&mut self.keys);
        object(&mut cursor, &self.root, keys, &mut row)?;
        for (seen, cell) in self.seen.iter_mut().zip(&row) {
            *seen |= cell.is_some();
        }
        Ok(row)
    }

    /// Says which keys there were.
    ///
    /// # Errors
    /// User where no object had a wanted path and none may be missing.
    pub(in crate::etl::source) fn end(&self, wanted: &Wanted, sink: &mut Sink<'_>) -> Outcome<()> {
        let missing = self.never_seen();
        if !missing.is_empty() && !wanted.may_lack {
            return Err(missing_columns(&missing, &self.keys()));
        }
        sink(Piece::Headings(self.keys.iter().cloned().collect()))
    }

    /// The paths that no object had, if there was any object.
    fn never_seen(&self) -> Vec<&str> {
        let paths = self.paths.iter().zip(&self.seen);
        let missing = paths.filter(|(_, seen)| self.objects > 0 && !**seen);
        missing.map(|(path, _)| path.as_str()).collect()
    }

    /// Outermost keys that objects had.
    fn keys(&self) -> Vec<&str> {
        self.keys.iter().map(String::as_str).collect()
    }
}

/// A place in a line that is known to be JSON.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The string that begins here, its quotes included.
    fn string(&mut self) -> &'a str {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
        &self.text[start..self.at.min(self.text.len())]
    }

    /// The value that begins here, whatever it is.
    fn value(&mut self) -> &'a str {
        let first = self.peek();
        let start = self.at;
        match first {
            b'"' => return self.string(),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let rest = &self.text[start..];
                let end = rest.find([',', '}', ']', ' ', '\t', '\n', '\r']);
                self.at = end.map_or(self.text.len(), |end| start + end);
            }
        }
        &self.text[start..self.at]
    }

    fn skip_nested(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                0 => return,
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

/// Reads the object that begins at the cursor.
fn object<'a>(
    cursor: &mut Cursor<'a>,
    node: &Node,
    mut keys: Option<&mut BTreeSet<String>>,
    row: &mut Row<'a>,
) -> Result<(), String> {
    cursor.at += 1;
    while cursor.peek() == b'"' {
        let key = unescape(cursor.string())?;
        if let Some(keys) = keys.as_deref_mut()
            && !keys.contains(key.as_ref())
        {
            keys.insert(key.clone().into_owned());
        }
        cursor.peek();
        cursor.at += 1;
        let start = (cursor.peek(), cursor.at);
        let text = cursor.value();
        if let Some((_, wanted)) = node.inside.iter().find(|(name, _)| *name == key) {
            fill(wanted, &key, text, row)?;
            if start.0 == b'{' && !wanted.inside.is_empty() {
                object(&mut Cursor { text: cursor.text, at: start.1 }, wanted, None, row)?;
            } else {
                nulls_inside(wanted, text, row);
            }
        }
        if cursor.peek() != b',' {
            break;
        }
        cursor.at += 1;
        cursor.peek();
    }
    Ok(())
}

/// Gives a value to the columns that want it.
fn fill<'a>(node: &Node, key: &str, text: &'a str, row: &mut Row<'a>) -> Result<(), String> {
    for column in &node.columns {
        let value = match text.as_bytes().first() {
            Some(b'n') => Value { text: None, native: false },
            Some(b'"') => Value { text: Some(unescape(text)?), native: false },
            Some(b'{' | b'[') => Value { text: Some(Cow::Borrowed(text)), native: false },
            _ => Value { text: Some(Cow::Borrowed(text)), native: true },
        };
        if row[*column].replace(value).is_some() {
            return Err(format!("the key `{key}` stands there twice"));
        }
    }
    Ok(())
}

/// Inside `null` everything is NULL, and known to be.
fn nulls_inside(node: &Node, text: &str, row: &mut Row<'_>) {
    if text != "null" {
        return;
    }
    for (_, inside) in &node.inside {
        for column in &inside.columns {
            row[*column].get_or_insert(Value { text: None, native: false });
        }
        nulls_inside(inside, text, row);
    }
}

/// The text of a JSON string.
fn unescape(string: &str) -> Result<Cow<'_, str>, String> {
    let inside = &string[1..string.len() - 1];
    if !inside.contains('\\') {
        return Ok(Cow::Borrowed(inside));
    }
    serde_json::from_str(string).map(Cow::Owned).map_err(|error| format!("not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(paths: &[&str], line: &str) -> Result<Vec<Option<String>>, String> {
        let mut scanner = Scanner::new(paths.iter().copied());
        let row = scanner.scan(line)?;
        Ok(row
            .into_iter()
            .map(|cell| cell.and_then(|value| value.text).map(String::from))
            .collect())
    }

    #[test]
    fn values_keep_their_text() {
        let line = r#"{ "a" : {"b":"x\ny\u00e9", "c":[1,{"d":"]}"}]} , "n":1234567890.1234567890,"t":true,"z":null,"":"e"}"#;
        let found = scan(&["a.b", "a.c", "n", "t", "z", "a.missing", "a"], line).unwrap();
        assert_eq!(found[0].as_deref(), Some("x\nyé"));
        assert_eq!(found[1].as_deref(), Some(r#"[1,{"d":"]}"}]"#));
        assert_eq!(found[2].as_deref(), Some("1234567890.1234567890"));
        assert_eq!(found[3].as_deref(), Some("true"));
        assert_eq!(found[4], None);
        assert_eq!(found[5], None);
        assert_eq!(found[6].as_deref(), Some(r#"{"b":"x\ny\u00e9", "c":[1,{"d":"]}"}]}"#));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for line in [r#"{"a":1"#, r#"{"a":1} x"#, "[1]", "1", r#"{"a":01}"#, r#"{"a":1,"a":2}"#] {
            assert!(scan(&["a"], line).is_err(), "{line}");
        }
        assert!(scan(&["a"], r#"{"a":"\ud800"}"#).is_err());
        assert_eq!(scan(&["a"], "{}").unwrap(), vec![None]);
    }

    #[test]
    fn keys_never_seen_are_told() {
        let mut scanner = Scanner::new(["a.b", "c"].into_iter());
        assert!(scanner.never_seen().is_empty());
        scanner.scan(r#"{"a":null,"d":1}"#).unwrap();
        assert_eq!(scanner.never_seen(), vec!["c"]);
        assert_eq!(scanner.keys(), vec!["a", "d"]);
    }
}
