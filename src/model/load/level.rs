//! The levels of loaded dimensions that facts refer to, each a dimension of its own.

use super::super::document::{FactDocument, RoleFields, Text};
use super::super::level::{identifies, level_dimension, of_level};
use super::super::{Coarse, Dimension, DimensionKind};
use super::sheet::Sheet;
use super::{Checked, Known};
use crate::yaml::NameOr;

/// Adds the dimensions of the levels that a fact knows of others.
pub(super) fn declare(document: &FactDocument, known: &mut Known, sheet: &mut Sheet<'_>) {
    for written in &document.dimensions {
        let NameOr::Full(RoleFields { dimension, level: Some(level), .. }) = &written.value else {
            continue;
        };
        let base = known.sound_dimension(dimension);
        let Some(base) = base.filter(|base| base.kind == DimensionKind::Loaded) else { continue };
        let Some(made) = of_level(base, level) else { continue };
        let mut sound = true;
        for key in made.natural_key.iter().filter(|key| !identifies(key)) {
            sound = false;
            let message = format!(
                "the level `{}` is told apart by `{}`, which is {}, expected text or a whole number",
                level.value, key.name, key.ty
            );
            sheet.fault_with_hint(level.place, message, "name a `key` in the level");
        }
        let same = known.dimensions.iter().find(|checked| checked.value.name == made.name);
        match same.map(|checked| &checked.value.kind) {
            Some(DimensionKind::LevelOf(of)) if *of == base.name => continue,
            Some(_) => {
                let message = format!("a dimension `{}` is what its level is kept in", made.name);
                sheet.fault_with_hint(level.place, message, "rename one of them");
                continue;
            }
            None => known.dimensions.push(Checked { value: made, sound }),
        }
    }
}

/// The dimension of a level is named as that level, so that it is asked by the name of the other.
pub(super) fn not_by_itself(made: &Dimension, written: &Text, sheet: &mut Sheet<'_>) {
    let DimensionKind::LevelOf(base) = &made.kind else { return };
    let last = made.hierarchies.iter().filter_map(|hierarchy| hierarchy.levels.last()).next();
    let level = last.map_or("", |level| level.name.as_str());
    let message = format!("`{}` is the level `{level}` of `{base}`", written.value);
    let hint = format!("say `{{dimension: {base}, level: {level}}}`");
    sheet.fault_with_hint(written.place, message, hint);
}

/// A level of a calendar, or of a loaded dimension, that a fact knows, and nothing finer.
pub(super) fn coarse(
    level: &Text,
    of: &Dimension,
    known: &Known,
    sheet: &mut Sheet<'_>,
) -> Option<Coarse> {
    let levels = of.hierarchies.iter().flat_map(|hierarchy| &hierarchy.levels);
    let mut names: Vec<&str> = levels.map(|own| own.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let decided = |columns, base| Some(Coarse { level: level.value.clone(), columns, base });
    match &of.kind {
        DimensionKind::Calendar(_) | DimensionKind::Loaded if !names.contains(&level.as_str()) => {
            sheet.unknown("level", level, &names);
            None
        }
        DimensionKind::Calendar(calendar) => decided(calendar.decided_by(level), None),
        DimensionKind::Loaded => {
            let made = known.sound_dimension(&level_dimension(of, level));
            sheet.sound &= made.is_some();
            let columns = made?.described_columns().map(|column| column.name.clone());
            decided(columns.collect(), Some(of.name.clone()))
        }
        _ => {
            let message = format!(
                "`level` goes with a calendar or with members that jobs load, and `{}` is none",
                of.name
            );
            sheet.fault_with_hint(level.place, message, "leave `level` out");
            None
        }
    }
}
