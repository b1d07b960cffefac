//! Calculated members: sets that are shown as members.

use super::place::{Filter, of_set};
use starhouse::model::{Cube, CubeColumn, Model};
use starhouse::query::CubeQuery;

/// Which calculated member stands in a place, if one does.
pub(crate) type Choice = Option<usize>;

/// A set that is shown as a member.
pub(crate) struct Calculated {
    /// The name of `rows`, then of `columns`, beside whose members it stands.
    pub(crate) name_index: usize,
    /// What it is called.
    pub(crate) name: String,
    /// Which rows are of it.
    pub(crate) filter: Filter,
}

impl Calculated {
    /// Those of a question; `names` are the columns of its names.
    pub(crate) fn of(
        model: &Model,
        cube: &Cube,
        query: &CubeQuery,
        names: &[Vec<CubeColumn>],
    ) -> Vec<Self> {
        let asked = query.calculated_members.names().iter();
        let calculated = asked.map(|name| {
            let set = cube.set(name).unwrap();
            let has = |columns: &Vec<CubeColumn>| columns.iter().any(|c| c.name == set.column);
            let name_index = names.iter().position(has).unwrap();
            let language = query.language.as_ref().and_then(|code| cube.captions(code));
            let caption = language.and_then(|captions| captions.names.get(name));
            let shown = caption.unwrap_or(&set.member).clone();
            Self { name_index, name: shown, filter: of_set(model, cube, name) }
        });
        calculated.collect()
    }
}

/// Every way to show members or one calculated member under each of some names.
pub(crate) fn choices(calculated: &[Calculated], names: &[usize], only: bool) -> Vec<Vec<Choice>> {
    let mut all: Vec<Vec<Choice>> = vec![Vec::new()];
    for name in names {
        let own = (0..calculated.len()).filter(|set| calculated[*set].name_index == *name);
        let own: Vec<Choice> = own.map(Some).collect();
        let plain = (!only || own.is_empty()).then_some(None);
        let own: Vec<Choice> = plain.into_iter().chain(own).collect();
        let with = |known: Vec<Choice>| {
            own.iter().map(move |choice| known.iter().copied().chain([*choice]).collect::<Vec<_>>())
        };
        all = all.into_iter().flat_map(with).collect();
    }
    all
}
