//! The kind of history that each attribute of a dimension had when the dimension was last loaded: a change of
//! it shows in no column.

use crate::model::{Dimension, History};
use crate::store::Release;
use std::collections::BTreeMap;

/// An attribute whose kind of history is declared otherwise now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) attribute: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// The cursor that remembers the kinds.
pub(super) fn cursor(dimension: &Dimension) -> String {
    format!("{}.histories", dimension.table())
}

/// What it remembers: `city=1 segment=2`, of the attributes that sources give.
pub(super) fn told(dimension: &Dimension) -> String {
    let kinds = kinds(dimension).into_iter();
    kinds.map(|(name, kind)| format!("{name}={kind}")).collect::<Vec<_>>().join(" ")
}

/// Whose kind of history is another than when the dimension was last loaded, as far as the release says.
pub(crate) fn changed(dimension: &Dimension, release: &Release) -> Vec<Changed> {
    let told = release.cursors.get(&cursor(dimension)).map(String::as_str).unwrap_or_default();
    let before: BTreeMap<&str, &str> =
        told.split(' ').filter_map(|one| one.split_once('=')).collect();
    let changed = kinds(dimension).into_iter().filter_map(|(name, kind)| {
        let before = before.get(name).filter(|before| **before != kind)?;
        let (before, after) = ((*before).to_owned(), kind.to_owned());
        Some(Changed { attribute: name.to_owned(), before, after })
    });
    changed.collect()
}

fn kinds(dimension: &Dimension) -> Vec<(&str, &'static str)> {
    let kinds = dimension.attributes.iter().filter_map(|attribute| {
        let kind = match attribute.history {
            History::Original => "0",
            History::Overwrite => "1",
            History::NewVersion => "2",
            // A column of its own, which comes and goes as such.
            History::PreviousOf(_) | History::CurrentOf(_) => return None,
        };
        Some((attribute.column.name.as_str(), kind))
    });
    kinds.collect()
}
