//! The wanted values of a JSON object, numbers as they were written; of an array inside it, those of
//! each element.

mod cursor;
mod plain;

use crate::error::Result as Outcome;
use crate::etl::source::headings::{Wanted, missing_columns};
use crate::etl::source::{BatchBuilder, Piece, Sink};
use cursor::{Cursor, unescape};
use plain::Plain;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

/// Keys remembered to say what a file has.
const MAX_KEYS: usize = 10_000;

/// Finds the wanted values of one object after the other.
pub(in crate::etl::source) struct Scanner {
    root: Node,
    paths: Vec<String>,
    each: Each,
    /// Whether a path is one key, and each object has all of them.
    is_flat: bool,
    plain: Plain,
    met: Met,
}

/// What objects had.
#[derive(Debug, Default)]
pub(in crate::etl::source) struct Met {
    /// Whether a row had the value, for each wanted one.
    seen: Vec<bool>,
    /// Outermost keys.
    keys: BTreeSet<String>,
    rows: u64,
}

/// Which array's elements are rows; the objects themselves are where there is none.
#[derive(Debug, Clone, Default)]
pub(in crate::etl::source) struct Each {
    /// The keys that lead to it; what else on the way is an array has rows for each element, too.
    pub(in crate::etl::source) path: Option<String>,
    /// Whether an object without elements is a row all the same.
    pub(in crate::etl::source) keeps_empty: bool,
}

/// The name of an element's number among the others, 1 being the first.
const NUMBER: &str = "#";

/// A row: its cells, and its text.
pub(super) type Scanned<'a> = (Row<'a>, &'a str);

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
    /// Whether its key is remembered among those that there were.
    is_known: Cell<bool>,
    /// Whether the array whose elements are rows is here, or inside.
    leads: Leads,
    /// The columns that want the number of the element.
    numbers: Vec<usize>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Leads {
    #[default]
    Nowhere,
    On,
    Here,
}

/// The cells found so far in one object.
type Row<'a> = Vec<Option<Value<'a>>>;

impl Scanner {
    /// For these paths, `a` or `a.b`, in objects or in the elements of an array inside them.
    pub(in crate::etl::source) fn new<'p>(
        paths: impl Iterator<Item = &'p str>,
        each: Each,
    ) -> Self {
        let mut root = Node::default();
        let paths: Vec<String> = paths.map(str::to_owned).collect();
        if let Some(path) = &each.path {
            let mut node = &mut root;
            for part in path.split('.') {
                node = node.inside(part);
                node.leads = Leads::On;
            }
            node.leads = Leads::Here;
        }
        for (column, path) in paths.iter().enumerate() {
            match (path.rsplit_once('.'), &each.path) {
                (Some((before, NUMBER)), Some(each)) if before == each => {
                    before.split('.').fold(&mut root, Node::inside).numbers.push(column);
                }
                _ => path.split('.').fold(&mut root, Node::inside).columns.push(column),
            }
        }
        let met = Met { seen: vec![false; paths.len()], ..Met::default() };
        Self { root, paths, each, is_flat: false, plain: Plain::default(), met }
    }

    /// For rows as [`batch`](Self::batch) has them where elements are rows: each path is a key
    /// (`a.b`), and there must be all of them.
    pub(in crate::etl::source) fn flat<'p>(paths: impl Iterator<Item = &'p str>) -> Self {
        let mut scanner = Self::new(paths, Each::default());
        scanner.root = Node::default();
        for (column, path) in scanner.paths.iter().enumerate() {
            scanner.root.inside(path).columns.push(column);
        }
        Self { is_flat: true, ..scanner }
    }

    /// Takes rows. Their text is what was read; where elements are rows, which do not say by
    /// themselves what is around them, it is their cells.
    pub(in crate::etl::source) fn batch(&self, file: &str) -> BatchBuilder {
        match self.each.path {
            None => BatchBuilder::with_text(file, self.paths.len()),
            Some(_) => BatchBuilder::with_headings(file, self.paths.as_slice().into()),
        }
    }

    /// What objects had so far.
    pub(super) fn into_met(self) -> Met {
        self.met
    }

    /// Takes in what others had.
    pub(super) fn take_in(&mut self, other: Met) {
        for (seen, other) in self.met.seen.iter_mut().zip(other.seen) {
            *seen |= other;
        }
        let room = MAX_KEYS.saturating_sub(self.met.keys.len());
        self.met.keys.extend(other.keys.into_iter().take(room));
        self.met.rows += other.rows;
    }

    /// The wanted values of a line, in order, none for a key that is missing; a row each element,
    /// where elements are rows.
    ///
    /// # Errors
    /// Why the line is not one JSON object, or not of the form that is read.
    pub(super) fn scan<'a>(&mut self, line: &'a str) -> Result<Vec<Scanned<'a>>, String> {
        let mut row = vec![None; self.paths.len()];
        let is_plain = self.each.path.is_none()
            && self.plain.scan(line, &self.root, &mut self.met.keys, &mut row);
        let array = match is_plain {
            true => None,
            false => whole(line, &self.root, &mut self.met.keys, &mut row)?,
        };
        let mut rows = Vec::with_capacity(1);
        match (&self.each, array) {
            (Each { path: None, .. }, _) => {
                if let Some(lacking) = row.iter().position(Option::is_none).filter(|_| self.is_flat)
                {
                    let key = &self.paths[lacking];
                    return Err(format!("lacks `{key}`, which every row has that was refused"));
                }
                rows.push((row, line));
            }
            (Each { keeps_empty, .. }, None) if *keeps_empty => rows.push((row, line)),
            (_, None) => {}
            (each, Some(array)) => elements(array, each, (row, line), &mut rows)?,
        }
        self.met.rows += rows.len() as u64;
        for (row, _) in &rows {
            for (seen, cell) in self.met.seen.iter_mut().zip(row) {
                *seen |= cell.is_some();
            }
        }
        Ok(rows)
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
        if self.is_flat {
            return Ok(()); // what the source itself has, they do not show
        }
        sink(Piece::Headings(self.met.keys.iter().cloned().collect()))
    }

    /// The paths that no row had, if there was any row.
    fn never_seen(&self) -> Vec<&str> {
        let paths = self.paths.iter().zip(&self.met.seen);
        let missing = paths.filter(|(_, seen)| self.met.rows > 0 && !**seen);
        missing.map(|(path, _)| path.as_str()).collect()
    }

    /// Outermost keys that objects had.
    fn keys(&self) -> Vec<&str> {
        self.met.keys.iter().map(String::as_str).collect()
    }
}

impl Node {
    /// What is wanted under a key.
    fn inside(&mut self, key: &str) -> &mut Self {
        let at = self.inside.iter().position(|(name, _)| name == key);
        let at = at.unwrap_or_else(|| {
            self.inside.push((key.to_owned(), Self::default()));
            self.inside.len() - 1
        });
        &mut self.inside[at].1
    }
}

/// An array whose elements are rows, or lead to them: what is wanted of each, its name, its text.
struct Array<'n, 'a> {
    node: &'n Node,
    key: Cow<'a, str>,
    text: &'a str,
}

/// Reads any line, and gives back the array whose elements are rows.
fn whole<'n, 'a>(
    line: &'a str,
    root: &'n Node,
    keys: &mut BTreeSet<String>,
    row: &mut Row<'a>,
) -> Result<Option<Array<'n, 'a>>, String> {
    serde_json::from_str::<IgnoredAny>(line).map_err(|error| format!("not JSON: {error}"))?;
    if !line.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    row.fill(None);
    let keys = (keys.len() < MAX_KEYS).then_some(keys);
    object(&mut Cursor { text: line, at: 0 }, root, keys, row)
}

/// Reads the object that begins at the cursor, and gives back the array whose elements are rows.
fn object<'n, 'a>(
    cursor: &mut Cursor<'a>,
    node: &'n Node,
    mut keys: Option<&mut BTreeSet<String>>,
    row: &mut Row<'a>,
) -> Result<Option<Array<'n, 'a>>, String> {
    let mut array = None;
    cursor.at += 1;
    while cursor.peek() == b'"' {
        let key = unescape(cursor.string())?;
        let wanted = node.inside.iter().find(|(name, _)| *name == key).map(|(_, wanted)| wanted);
        if let Some(keys) = keys.as_deref_mut()
            && !wanted.is_some_and(|wanted| wanted.is_known.replace(true))
            && !keys.contains(key.as_ref())
        {
            keys.insert(key.clone().into_owned());
        }
        cursor.peek();
        cursor.at += 1;
        let start = (cursor.peek(), cursor.at);
        let text = cursor.value();
        match (wanted, start.0) {
            (None, _) => {}
            (Some(node), b'[') if node.leads != Leads::Nowhere => {
                if array.replace(Array { node, key: key.clone(), text }).is_some() {
                    return Err(format!("the key `{key}` stands there twice"));
                }
            }
            (Some(node), first) if node.leads == Leads::Here && first != b'n' => {
                return Err(format!("`{key}` is no array"));
            }
            (Some(wanted), first) => {
                fill(wanted, &key, text, row)?;
                if first == b'{' && !wanted.inside.is_empty() {
                    let inside = &mut Cursor { text: cursor.text, at: start.1 };
                    let found = object(inside, wanted, None, row)?;
                    array = array.or(found);
                } else {
                    nulls_inside(wanted, text, row);
                }
            }
        }
        if cursor.peek() != b',' {
            break;
        }
        cursor.at += 1;
        cursor.peek();
    }
    Ok(array)
}

/// A row for each element of an array, with what is known of the object around it.
fn elements<'a>(
    array: Array<'_, 'a>,
    each: &Each,
    around: Scanned<'a>,
    rows: &mut Vec<Scanned<'a>>,
) -> Result<(), String> {
    let Array { node, key, text } = array;
    let mut cursor = Cursor { text, at: 1 };
    let mut number = 0;
    while !matches!(cursor.peek(), b']' | 0) {
        let element = cursor.value();
        number += 1;
        let mut row = around.0.clone();
        fill(node, &key, element, &mut row)?;
        let inside = match element.as_bytes().first() {
            Some(b'{') => object(&mut Cursor { text: element, at: 0 }, node, None, &mut row)?,
            Some(b'n') => {
                nulls_inside(node, element, &mut row);
                None
            }
            _ if node.inside.is_empty() => None,
            _ => return Err(format!("element {number} of `{key}` is no object")),
        };
        for column in &node.numbers {
            let text = Some(Cow::Owned(number.to_string()));
            row[*column] = Some(Value { text, native: true });
        }
        match inside {
            _ if node.leads == Leads::Here => rows.push((row, element)),
            Some(array) => elements(array, each, (row, element), rows)?,
            None if each.keeps_empty => rows.push((row, element)),
            None => {}
        }
        if cursor.peek() == b',' {
            cursor.at += 1;
        }
    }
    if number == 0 && each.keeps_empty {
        rows.push(around);
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

#[cfg(test)]
mod tests;
