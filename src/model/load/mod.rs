//! From documents to the model, with every fault found.
//!
//! Dimensions first, then bridges, then facts, then cubes and what is kept of them, since each builds
//! on the one before. What builds on
//! something faulty is not judged where the fault would only echo: a fact's misspelt type does
//! not make every measure over the fact wrong.

mod additive;
mod aggregate;
mod bridge;
mod captions;
mod columns;
mod combined;
mod convert;
mod cube;
mod derived;
mod dimension;
mod expectation;
mod expression;
mod fact;
mod followed;
mod generated;
mod level;
mod link;
mod measure;
mod members;
mod sheet;
mod sql;
mod template;
mod time;
mod uses;

use super::document::{CubeDocument, SchemaDocument, Text, kind_of};
use super::{Bridge, Cube, Dimension, Expectation, Fact, Model};
use crate::yaml::{Document, Fault, Faults};
use sheet::Sheet;
use std::collections::BTreeMap;

/// The model that a set of documents declares; each is a file's name and its text.
///
/// # Errors
/// Every fault of every document, in the order of files and lines.
pub fn load<F: AsRef<str>, T: AsRef<str>>(files: &[(F, T)]) -> Result<Model, Faults> {
    let mut faults = Faults::default();
    let mut known = Known::default();
    let mut documents = Vec::new();
    for (file, text) in files {
        let file = file.as_ref();
        let Some(document) = faults.take(Document::read(file, text.as_ref())) else {
            known.unreadable = true;
            continue;
        };
        match SchemaDocument::read(&document) {
            Ok(schema) => documents.push((file, schema)),
            Err(found) => {
                faults.extend(found);
                known.note_broken(&document);
            }
        }
    }
    duplicates(&documents, &mut faults);
    for (file, document) in &documents {
        if let SchemaDocument::Dimension(document) = document {
            let mut sheet = Sheet::new(file, &mut faults);
            let value = dimension::resolve(document, &mut sheet);
            let expected = expectation::of_dimension(&document.expect, &value, &mut sheet);
            known.note_expectations(value.table(), expected);
            known.dimensions.push(Checked { sound: sheet.sound, value });
        }
    }
    for (file, document) in &documents {
        if let SchemaDocument::Dimension(document) = document {
            let mut sheet = Sheet::new(file, &mut faults);
            combined::attach(document, &mut known, &mut sheet);
            known.note_soundness(&document.dimension, sheet.sound);
        }
    }
    for (file, document) in &documents {
        if let SchemaDocument::Fact(document) = document {
            level::declare(document, &mut known, &mut Sheet::new(file, &mut faults));
        }
    }
    for (file, document) in &documents {
        if let SchemaDocument::Bridge(document) = document {
            let mut sheet = Sheet::new(file, &mut faults);
            let value = bridge::resolve(document, &known, &mut sheet);
            known.bridges.push(Checked { sound: sheet.sound, value });
        }
    }
    for (file, document) in &documents {
        if let SchemaDocument::Fact(document) = document {
            let mut sheet = Sheet::new(file, &mut faults);
            let value = fact::resolve(document, &known, &mut sheet);
            let expected = expectation::of_fact(&document.expect, &value, &mut sheet);
            known.note_expectations(value.table(), expected);
            known.facts.push(Checked { sound: sheet.sound, value });
        }
    }
    let mut cubes: Vec<Cube> = Vec::new();
    for (file, document) in &documents {
        if let SchemaDocument::Cube(document) = document {
            cubes.extend(cube::resolve(document, &known, &mut Sheet::new(file, &mut faults)));
        }
    }
    let declared: Vec<&CubeDocument> = documents
        .iter()
        .filter_map(|(_, document)| match document {
            SchemaDocument::Cube(document) => Some(document),
            _ => None,
        })
        .collect();
    for (file, document) in &documents {
        if let SchemaDocument::Aggregates(document) = document {
            let mut sheet = Sheet::new(file, &mut faults);
            aggregate::add(document, &declared, &mut cubes, &known, &mut sheet);
        }
    }
    faults.or(known.into_model(cubes))
}

/// Names are unique among the documents of a kind.
fn duplicates(documents: &[(&str, SchemaDocument)], faults: &mut Faults) {
    let mut seen: Vec<(&str, &str, &Text)> = Vec::new();
    for (file, document) in documents {
        let (kind, name) = match document {
            SchemaDocument::Dimension(document) => ("dimension", &document.dimension),
            SchemaDocument::Bridge(document) => ("bridge", &document.bridge),
            SchemaDocument::Fact(document) => ("fact", &document.fact),
            SchemaDocument::Cube(document) => ("cube", &document.cube),
            // A cube's aggregates may stand in several files.
            SchemaDocument::Aggregates(_) => continue,
        };
        let same = |(_, other, earlier): &&(&str, &str, &Text)| {
            *other == kind && earlier.value == name.value
        };
        if let Some((first, ..)) = seen.iter().find(same) {
            let message = format!("{kind} `{}` is declared in {first} already", name.value);
            faults.push(Fault::new(*file, name.place, message));
        }
        seen.push((file, kind, name));
    }
    same_tables(documents, faults);
}

/// Aggregates do not share a table: not those of different cubes (`a_b` and `c` join to the same name
/// as `a` and `b_c`), nor those of one cube in different files.
fn same_tables(documents: &[(&str, SchemaDocument)], faults: &mut Faults) {
    let mut seen: BTreeMap<String, (&str, &Text, &Text)> = BTreeMap::new();
    for (file, document) in documents {
        let (cube, aggregates) = match document {
            SchemaDocument::Cube(document) => (&document.cube, &document.aggregates),
            SchemaDocument::Aggregates(document) => (&document.aggregates, &document.keep),
            _ => continue,
        };
        for aggregate in aggregates {
            let table = Cube::table_of_aggregate(cube, &aggregate.name);
            let names = (*file, cube, &aggregate.name);
            let Some((first, other, own)) = seen.insert(table.clone(), names) else { continue };
            let name = &aggregate.name.value;
            let message = if other.value != cube.value {
                format!(
                    "aggregate `{name}` would be kept in {table}, as is `{}` of cube `{}`; rename one",
                    own.value, other.value
                )
            } else if first != *file {
                format!("aggregate `{name}` is declared in {first} already")
            } else {
                continue;
            };
            faults.push(Fault::new(*file, aggregate.name.place, message));
        }
    }
}

/// Something resolved, and whether others may rely on it.
struct Checked<T> {
    value: T,
    sound: bool,
}

/// What is declared so far, and what was declared but could not be read.
#[derive(Default)]
struct Known {
    dimensions: Vec<Checked<Dimension>>,
    bridges: Vec<Checked<Bridge>>,
    facts: Vec<Checked<Fact>>,
    /// What is expected of tables.
    expectations: BTreeMap<String, Vec<Expectation>>,
    /// Kind and name of documents not of their form.
    broken: Vec<(&'static str, String)>,
    /// A document was no YAML at all: whatever is unknown may be in there.
    unreadable: bool,
}

impl Known {
    fn note_broken(&mut self, document: &Document) {
        let Some(kind) = kind_of(document) else {
            self.unreadable = true;
            return;
        };
        let name = document.keys().find(|(key, _)| key.value == kind).and_then(|(_, name)| name);
        self.broken.push((kind, name.map(|name| name.value.to_owned()).unwrap_or_default()));
    }

    fn note_soundness(&mut self, dimension: &str, sound: bool) {
        for checked in self.dimensions.iter_mut().filter(|d| d.value.name == dimension) {
            checked.sound &= sound;
        }
    }

    fn note_expectations(&mut self, table: String, expected: Vec<Expectation>) {
        if !expected.is_empty() {
            self.expectations.entry(table).or_default().extend(expected);
        }
    }

    fn is_broken(&self, kind: &str, name: &str) -> bool {
        self.unreadable || self.broken.iter().any(|(k, n)| *k == kind && n == name)
    }

    /// The dimension of that name. Without a sound one the sheet is not sound either; a fault is
    /// added where nothing of the name was declared.
    fn dimension(&self, name: &Text, sheet: &mut Sheet<'_>) -> Option<&Dimension> {
        let found = self.dimensions.iter().find(|checked| checked.value.name == name.value);
        if found.is_none() && !self.is_broken("dimension", name) {
            let names: Vec<&str> = self.dimensions.iter().map(|d| d.value.name.as_str()).collect();
            sheet.unknown("dimension", name, &names);
        }
        sheet.sound &= found.is_some_and(|checked| checked.sound);
        found.map(|checked| &checked.value)
    }

    /// The dimension of that name, if it is sound.
    fn sound_dimension(&self, name: &str) -> Option<&Dimension> {
        let sound = |d: &&Checked<Dimension>| d.sound && d.value.name == name;
        self.dimensions.iter().find(sound).map(|checked| &checked.value)
    }

    /// The bridge of that name, as [`Self::dimension`].
    fn bridge(&self, name: &Text, sheet: &mut Sheet<'_>) -> Option<&Bridge> {
        let found = self.bridges.iter().find(|checked| checked.value.name == name.value);
        if found.is_none() && !self.is_broken("bridge", name) {
            let names: Vec<&str> = self.bridges.iter().map(|b| b.value.name.as_str()).collect();
            sheet.unknown("bridge", name, &names);
        }
        found.filter(|checked| checked.sound).map(|checked| &checked.value)
    }

    /// The fact of that name, as [`Self::dimension`].
    fn fact(&self, name: &Text, sheet: &mut Sheet<'_>) -> Option<&Fact> {
        let found = self.facts.iter().find(|checked| checked.value.name == name.value);
        if found.is_none() && !self.is_broken("fact", name) {
            let names: Vec<&str> = self.facts.iter().map(|f| f.value.name.as_str()).collect();
            sheet.unknown("fact", name, &names);
        }
        sheet.sound &= found.is_some_and(|checked| checked.sound);
        found.map(|checked| &checked.value)
    }

    /// The fact of that name, if it is sound.
    fn sound_fact(&self, name: &str) -> Option<&Fact> {
        let sound = |f: &&Checked<Fact>| f.sound && f.value.name == name;
        self.facts.iter().find(sound).map(|checked| &checked.value)
    }

    fn into_model(self, mut cubes: Vec<Cube>) -> Model {
        let mut dimensions: Vec<_> = self.dimensions.into_iter().map(|d| d.value).collect();
        let mut facts: Vec<_> = self.facts.into_iter().map(|f| f.value).collect();
        dimensions.sort_by(|a, b| a.name.cmp(&b.name));
        facts.sort_by(|a, b| a.name.cmp(&b.name));
        let mut bridges: Vec<_> = self.bridges.into_iter().map(|b| b.value).collect();
        bridges.sort_by(|a, b| a.name.cmp(&b.name));
        cubes.sort_by(|a, b| a.name.cmp(&b.name));
        Model { dimensions, bridges, facts, cubes, expectations: self.expectations }
    }
}
