//! Reference data: codes and what they stand for, and whatever else values are looked up in, read
//! before the source that needs it. A run that finds other rows there than the last reads its source
//! anew.

mod tables;

pub(super) use tables::{WHAT, tables};

use super::clean::Cleaner;
use super::job::{CsvPlace, From, OnError, Reference, Rule, SourceColumn, SourceSpec, Strategy};
use super::listed::{Listed, Listing};
use super::room::Rooms;
use super::source::{self, Piece};
use crate::error::{Error, Result};
use crate::model::ColumnType;
use crate::store::Input;
use arrow::datatypes::SchemaRef;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Fills in what the rules of a source look up in files and other places, and says which inputs
/// that was.
///
/// # Errors
/// Not found where there is no such place, user where it lacks a column, data where a code stands
/// for two things, or a row cannot be read; limit where memory has no room.
pub(super) fn read(project: &Path, spec: &mut SourceSpec, rooms: &Rooms) -> Result<Vec<Input>> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut add = |read: Vec<Input>| {
        let new: Vec<Input> = read.into_iter().filter(|input| !inputs.contains(input)).collect();
        inputs.extend(new);
    };
    for column in &mut spec.columns {
        for rule in &mut column.clean {
            let Rule::MapFrom(reference) = rule else { continue };
            let read = fill(project, reference, rooms);
            add(read.map_err(|error| error.with("column", &column.name))?);
        }
    }
    for lookup in lookups(spec) {
        let Some(from) = lookup.from.clone() else { continue };
        let keys = lookup.keys;
        let listed = rows(project, from, lookup.columns, rooms)
            .and_then(|(read, rows, schema)| Ok((read, rows.by_key(&schema, keys)?)))
            .map_err(|error| error.with(lookup.what, &lookup.name))?;
        add(listed.0);
        *lookup.listed = Some(Arc::new(listed.1));
    }
    Ok(inputs)
}

/// Something that is looked up for a source: in a table of the warehouse, or somewhere else.
struct Lookup<'s> {
    /// What looks it up, with its name.
    what: &'static str,
    name: String,
    table: Option<String>,
    from: Option<From>,
    /// The columns there: the keys first, and what is taken.
    columns: Vec<SourceColumn>,
    keys: usize,
    listed: &'s mut Option<Arc<Listed>>,
}

/// What is looked up in a table of the warehouse.
pub(super) struct Asked {
    /// The table.
    pub(super) table: String,
    /// The columns asked of it.
    pub(super) columns: Vec<String>,
    /// The place among the source's columns of the one that is filled; none for a row's rule.
    pub(super) column: Option<usize>,
}

/// What a source looks up in tables of the warehouse.
pub(super) fn asked(spec: &SourceSpec) -> Vec<Asked> {
    let mut spec = spec.clone();
    let names: Vec<String> = spec.columns.iter().map(|column| column.name.clone()).collect();
    let asked = lookups(&mut spec).into_iter().filter_map(|lookup| {
        let is_filled = |name: &&String| lookup.what == "column" && **name == lookup.name;
        let there = lookup.columns.iter().filter_map(|column| column.from.clone());
        Some(Asked {
            table: lookup.table.clone()?,
            columns: there.collect(),
            column: names.iter().position(|name| is_filled(&name)),
        })
    });
    asked.collect()
}

/// Faults of lookups that can be found without reading anything.
pub(super) fn faults(project: &Path, spec: &SourceSpec) -> Vec<Error> {
    let mut spec = spec.clone();
    let fault = |lookup: Lookup<'_>| {
        let fault = match (&lookup.table, lookup.from) {
            (Some(_), None) => None,
            (None, Some(from)) => source::open(project, &as_source(from, lookup.columns)).err(),
            _ => Some(Error::user(
                "a lookup names a `table` of the warehouse, or the place `from` \
                                   which its rows are read: one of the two",
            )),
        };
        fault.map(|fault| fault.with(lookup.what, lookup.name))
    };
    lookups(&mut spec).into_iter().filter_map(fault).collect()
}

fn lookups(spec: &mut SourceSpec) -> Vec<Lookup<'_>> {
    let types: HashMap<String, ColumnType> =
        spec.yields().map(|(name, ty)| (name.to_owned(), ty)).collect();
    let keys = |by: &BTreeMap<String, String>| -> Vec<SourceColumn> {
        let ty = |own: &String| types.get(own).copied().unwrap_or(ColumnType::Text);
        by.iter().map(|(own, there)| column(own, there, ty(own))).collect()
    };
    let mut lookups = Vec::new();
    for filled in &mut spec.columns {
        for rule in &mut filled.clean {
            let Rule::FillLookup(rule) = rule else { continue };
            let mut columns = keys(&rule.by);
            let keys = columns.len();
            columns.push(column("the value", &rule.value, filled.ty));
            lookups.push(Lookup {
                what: "column",
                name: filled.name.clone(),
                table: rule.table.clone(),
                from: rule.from.clone(),
                columns,
                keys,
                listed: &mut rule.listed,
            });
        }
    }
    for rule in &mut spec.must_exist {
        let columns = keys(&rule.by);
        lookups.push(Lookup {
            what: "must_exist",
            name: rule.name.clone(),
            table: rule.table.clone(),
            from: rule.from.clone(),
            keys: columns.len(),
            columns,
            listed: &mut rule.listed,
        });
    }
    lookups
}

fn fill(project: &Path, reference: &mut Reference, rooms: &Rooms) -> Result<Vec<Input>> {
    let from = From::Csv(CsvPlace::new(reference.path.clone(), reference.encoding.clone()));
    let text = |name, heading| column(name, heading, ColumnType::Text);
    let columns = vec![text("code", &reference.code), text("value", &reference.value)];
    let read = rows(project, from, columns, rooms)
        .and_then(|(inputs, rows, schema)| Ok((inputs, rows.codes(&schema)?)));
    let (inputs, codes) = read.map_err(|error| error.with("reference", &reference.path))?;
    reference.codes = Some(Arc::new(codes));
    Ok(inputs)
}

/// All rows of a place.
fn rows(
    project: &Path,
    from: From,
    columns: Vec<SourceColumn>,
    rooms: &Rooms,
) -> Result<(Vec<Input>, Listing, SchemaRef)> {
    let spec = as_source(from, columns);
    let source = source::open(project, &spec)?;
    let cleaner = Cleaner::of_columns(&spec.columns)?;
    let found = source.inputs(&mut || Ok(()))?;
    if found.is_empty() {
        return Err(source.nothing_found());
    }
    let (mut inputs, mut listing) = (Vec::new(), Listing::new(rooms.room()));
    for found in &found {
        let read = source.read(found, &mut |piece| {
            if let Piece::Headings(_) | Piece::Told(_) = piece {
                return Ok(());
            }
            let cleaned = cleaner.clean(piece.batch()?, None)?;
            if let Some(row) = cleaned.refused.first() {
                return Err(Error::data("a row of the reference data cannot be read")
                    .with("line", row.position.line)
                    .caused_by(row.reason.clone()));
            }
            listing.add(cleaned.batch)
        });
        inputs.push(read.map_err(|error| error.with("file", &found.input.name))?);
    }
    source.close();
    Ok((inputs, listing, Arc::clone(cleaner.schema())))
}

fn column(name: &str, heading: &str, ty: ColumnType) -> SourceColumn {
    SourceColumn {
        name: name.to_owned(),
        from: Some(heading.to_owned()),
        ty,
        clean: vec![Rule::Trim],
        on_error: OnError::Reject,
    }
}

/// A place as a source of these columns.
fn as_source(from: From, columns: Vec<SourceColumn>) -> SourceSpec {
    SourceSpec {
        name: "reference".to_owned(),
        from,
        strategy: Strategy::Full,
        contract: None,
        optional: false,
        columns,
        derive: Vec::new(),
        checks: Vec::new(),
        must_exist: Vec::new(),
        audit: false,
        deduplicate: None,
    }
}
