//! Captions: what the things of a cube, and the members of its columns, are called in other languages.

use super::super::document::{CaptionFields, Text};
use super::super::{Captions, Cube};
use super::cube::Scope;
use super::members::column;
use super::sheet::Sheet;
use std::collections::BTreeMap;

/// The captions of a cube; those with faults are left out.
pub(super) fn resolve(
    documents: &[CaptionFields],
    cube: &Cube,
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Vec<Captions> {
    sheet.unique("language", documents.iter().map(|captions| &captions.language));
    let mut all = Vec::new();
    for fields in documents {
        let mut names = BTreeMap::new();
        for name in &fields.names {
            let Some(of) = named(&name.of, cube, scope, sheet) else { continue };
            if name.caption.trim().is_empty() {
                sheet.fault(name.caption.place, format!("`{of}` is called nothing"));
            }
            if names.insert(of.clone(), name.caption.value.clone()).is_some() {
                sheet.fault(name.of.place, format!("`{of}` has two captions in one language"));
            }
        }
        let mut members = BTreeMap::new();
        for member in &fields.members {
            let of = column(&member.of, cube, sheet);
            let (Some(of), Some(its)) = (of, column(&member.column, cube, sheet)) else { continue };
            if of.role != its.role || of.name == its.name {
                let message = format!("`{}` is no other column of `{}`", its.name, of.role);
                sheet.fault(member.column.place, message);
            }
            members.insert(of.name.clone(), its.name.clone());
        }
        all.push(Captions { language: fields.language.value.clone(), names, members });
    }
    all
}

/// What a caption is of: a measure, a column by its SQL name, a set, a role, or `role.level`.
fn named(of: &Text, cube: &Cube, scope: &Scope<'_>, sheet: &mut Sheet<'_>) -> Option<String> {
    let is_named = cube.measure(of).is_some() || cube.set(of).is_some();
    if is_named || cube.dimensions.iter().any(|own| own.role == of.value) {
        return Some(of.value.clone());
    }
    let by_role = of.split_once('.').and_then(|(role, name)| {
        let column = cube.role_column(role, name).map(|column| column.name.clone());
        column.or_else(|| {
            let offered = cube.dimensions.iter().find(|own| own.role == role)?;
            let dimension = scope.known.sound_dimension(offered.dimension.as_deref()?)?;
            dimension.level(name).map(|_| of.value.clone())
        })
    });
    let found = cube.column(of).map(|column| column.name.clone()).or(by_role);
    if found.is_none() {
        let measures = cube.measures.iter().map(|measure| measure.name.as_str());
        let columns = cube.columns.iter().map(|column| column.name.as_str());
        let roles = cube.dimensions.iter().map(|own| own.role.as_str());
        let sets = cube.sets.iter().map(|set| set.name.as_str());
        let names: Vec<&str> = measures.chain(columns).chain(sets).chain(roles).collect();
        sheet.unknown("measure, column, set, role or level", of, &names);
    }
    found
}
