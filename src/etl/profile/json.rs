//! What a JSON file holds: where its rows are, and which keys they have.
//!
//! A document is gone through once, element by element, whatever its size. Its rows are the objects
//! of the array that has most of them; keys inside of objects are columns as `a.b`, arrays are
//! columns as they stand.

use super::place::cannot_read;
use crate::error::{Error, Result};
use crate::etl::job::{From, JsonLinesPlace, JsonPlace};
use crate::etl::source::unpacked;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Objects looked at for their keys.
const OBJECTS: usize = 1_000;
/// Objects inside of objects that are gone into.
const DEPTH: usize = 8;

/// The keys of objects, in the order in which they were seen first.
#[derive(Default)]
struct Keys {
    names: Vec<String>,
    seen: HashSet<String>,
}

impl Keys {
    fn add(&mut self, object: &serde_json::Map<String, Value>, above: &str, depth: usize) {
        for (key, value) in object {
            let name = format!("{above}{key}");
            match value {
                Value::Object(inner) if !inner.is_empty() && depth < DEPTH => {
                    self.add(inner, &format!("{name}."), depth + 1);
                }
                _ => {
                    if self.seen.insert(name.clone()) {
                        self.names.push(name);
                    }
                }
            }
        }
    }

    /// Without those that were NULL before they turned out to be objects.
    fn into_names(self) -> Vec<String> {
        let is_above = |name: &String| {
            let inside = format!("{name}.");
            self.names.iter().any(|other| other.starts_with(&inside))
        };
        self.names.iter().filter(|name| !is_above(name)).cloned().collect()
    }
}

/// A file of JSON lines, and its columns.
pub(super) fn lines(file: &Path, path: &str) -> Result<(From, Vec<String>)> {
    let mut keys = Keys::default();
    for line in unpacked(file).map_err(cannot_read)?.lines().take(OBJECTS) {
        let line = line.map_err(cannot_read)?;
        let line = line.trim_start_matches('\u{feff}');
        if let Ok(Value::Object(object)) = serde_json::from_str(line) {
            keys.add(&object, "", 0);
        }
    }
    let names = keys.into_names();
    if names.is_empty() {
        return Err(Error::data("no line of the file is a JSON object with a key"));
    }
    Ok((From::JsonLines(JsonLinesPlace::new(path.to_owned())), names))
}

/// A JSON document, and the columns of its rows.
///
/// # Errors
/// Data where it is no JSON, or holds no array of objects.
pub(super) fn document(file: &Path, path: &str) -> Result<(From, Vec<String>)> {
    let mut reader = BufReader::new(unpacked(file).map_err(cannot_read)?);
    if reader.fill_buf().map_err(cannot_read)?.starts_with("\u{feff}".as_bytes()) {
        reader.consume("\u{feff}".len());
    }
    let arrays = arrays(reader).map_err(|error| {
        Error::data("the file is no JSON document").caused_by(error).hint(
            "a file with one object a line is JSON lines: name it .jsonl, or read it as json_lines",
        )
    })?;
    // of those with as many objects the outermost, of these the first
    let best = arrays
        .into_iter()
        .reduce(|a, b| if (b.objects, a.path.len()) > (a.objects, b.path.len()) { b } else { a });
    let Some(Array { path: at, keys, .. }) = best else {
        return Err(Error::data("the document holds no array of objects"));
    };
    let at = (!at.is_empty()).then(|| at.join("."));
    let (path, each) = (path.to_owned(), None);
    let place = JsonPlace { path, at, each, if_empty: Default::default(), access: None };
    Ok((From::Json(place), keys.into_names()))
}

/// An array that holds objects.
struct Array {
    /// The keys that lead to it.
    path: Vec<String>,
    objects: u64,
    keys: Keys,
}

/// The arrays of a document that hold objects, but for those inside of others.
fn arrays(reader: impl Read) -> serde_json::Result<Vec<Array>> {
    let found = RefCell::default();
    let mut document = serde_json::Deserializer::from_reader(reader);
    Look { path: &[], found: &found }.deserialize(&mut document)?;
    document.end()?;
    Ok(found.into_inner())
}

/// Looks into a value for arrays.
struct Look<'a> {
    path: &'a [String],
    found: &'a RefCell<Vec<Array>>,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            // `at` goes by points
            if key.contains('.') || self.path.len() >= DEPTH {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let mut path = self.path.to_vec();
            path.push(key);
            map.next_value_seed(Look { path: &path, found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let (mut keys, mut objects) = (Keys::default(), 0);
        while objects < OBJECTS as u64 {
            match seq.next_element::<Value>()? {
                None => break,
                Some(Value::Object(object)) => {
                    keys.add(&object, "", 0);
                    objects += 1;
                }
                Some(_) => {}
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            objects += 1;
        }
        if !keys.names.is_empty() {
            self.found.borrow_mut().push(Array { path: self.path.to_vec(), objects, keys });
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiled(text: &str) -> Result<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.json");
        std::fs::write(&file, text).unwrap();
        let (from, names) = document(&file, "t.json")?;
        let From::Json(place) = from else { panic!("{from:?}") };
        Ok((place.at.unwrap_or_default(), names.join(" ")))
    }

    #[test]
    fn rows_are_where_most_objects_are() {
        for (text, at, names) in [
            (r#"[{"a": 1, "b": [1]}, {"c": null, "a": 2}]"#, "", "a b c"),
            ("\u{feff}[7, {\"a\": {\"b\": {\"c\": 1}, \"d\": []}}]", "", "a.b.c a.d"),
            // an object that is not there in the first row, or not in a later one
            (r#"[{"a": null}, {"a": {"b": 1}}, {"a": null}]"#, "", "a.b"),
            (
                r#"{"meta": {"links": [{"u": 1}]}, "data": {"items": [{"x": 1}, {"y": 2}]}}"#,
                "data.items",
                "x y",
            ),
            (r#"{"one": [{"x": 1}], "two": [{"y": 1}]}"#, "one", "x"),
            (r#"{"deep": {"one": [{"x": 1}]}, "two": [{"y": 1}]}"#, "two", "y"),
            // elements of elements are no rows of the document
            (
                r#"{"n": 1.5, "t": "x", "b": true, "orders": [{"id": 1, "lines": [{"s": 1}, {"s": 2}]}]}"#,
                "orders",
                "id lines",
            ),
        ] {
            assert_eq!(profiled(text).unwrap(), (at.to_owned(), names.to_owned()), "{text}");
        }
        for (text, says) in [
            ("{\"a\": 1}\n{\"a\": 2}", "read it as json_lines"),
            ("[{\"a\": 1}", "no JSON document"),
            ("{\"a\": [1, 2]}", "holds no array of objects"),
            ("", "no JSON document"),
        ] {
            let error = profiled(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
