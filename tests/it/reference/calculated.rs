//! Calculated members: sets that are shown as members.

use super::place::{Filter, any_of, columns, of_set};
use super::{Value, expression};
use starhouse::model::{Cube, CubeColumn, Model};
use starhouse::query::{CubeQuery, Term};

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
    /// Of what it is computed: a formula, and its terms by name, which are others of these.
    pub(crate) computed: Option<(String, Vec<(String, usize)>)>,
    /// Whether it is such a term, and not shown.
    pub(crate) is_term: bool,
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
            let filter = of_set(model, cube, name);
            Self { name_index, name: shown, filter, computed: None, is_term: false }
        });
        let mut all: Vec<Self> = calculated.collect();
        let first = all.len();
        for (index, wanted) in query.computed_members.iter().enumerate() {
            let column = columns(model, cube, &wanted.of).pop().unwrap();
            let name_index = names.iter().position(|own| own.contains(&column)).unwrap();
            let terms = first
                + query.computed_members[..index].iter().map(|own| own.terms.len()).sum::<usize>();
            let terms = (terms + query.computed_members.len()..).zip(&wanted.terms);
            let terms = terms.map(|(term, (name, _))| (name.clone(), term)).collect();
            let filter = Filter::AnyOf(column, Vec::new());
            let (name, computed) = (wanted.name.clone(), Some((wanted.value.clone(), terms)));
            all.push(Self { name_index, name, filter, computed, is_term: false });
        }
        for (index, wanted) in query.computed_members.iter().enumerate() {
            let name_index = all[first + index].name_index;
            for (name, term) in &wanted.terms {
                let filter = match term {
                    Term::Set(of) => of_set(model, cube, &of.set),
                    Term::Members(members) => any_of(model, cube, &wanted.of, members),
                    Term::Member(member) => {
                        any_of(model, cube, &wanted.of, std::slice::from_ref(member))
                    }
                };
                let name = name.clone();
                all.push(Self { name_index, name, filter, computed: None, is_term: true });
            }
        }
        all
    }

    /// What a place with some of them has, where `value` knows it of those that are not computed. The one
    /// furthest right is computed of what the others are.
    pub(crate) fn value(all: &[Self], sets: &[usize], value: &dyn Fn(&[usize]) -> Value) -> Value {
        let computed = (0..sets.len()).filter(|place| all[sets[*place]].computed.is_some());
        let Some(last) = computed.max_by_key(|place| all[sets[*place]].name_index) else {
            return value(sets);
        };
        let (formula, terms) = all[sets[last]].computed.as_ref().unwrap();
        expression::evaluate(formula, &|name: &str| {
            let (_, term) = terms.iter().find(|(own, _)| own == name).unwrap();
            let mut there = sets.to_vec();
            there[last] = *term;
            Self::value(all, &there, value)
        })
    }

    /// The places whose values a place with some of them is computed of.
    pub(crate) fn places(all: &[Self], sets: &[usize]) -> Vec<Vec<usize>> {
        let Some(place) = sets.iter().position(|set| all[*set].computed.is_some()) else {
            return vec![sets.to_vec()];
        };
        let (_, terms) = all[sets[place]].computed.as_ref().unwrap();
        let there = terms.iter().flat_map(|(_, term)| {
            let mut there = sets.to_vec();
            there[place] = *term;
            Self::places(all, &there)
        });
        there.collect()
    }
}

/// Every way to show members or one calculated member under each of some names.
pub(crate) fn choices(calculated: &[Calculated], names: &[usize], only: bool) -> Vec<Vec<Choice>> {
    let mut all: Vec<Vec<Choice>> = vec![Vec::new()];
    for name in names {
        let own = (0..calculated.len())
            .filter(|set| calculated[*set].name_index == *name && !calculated[*set].is_term);
        let own: Vec<Choice> = own.map(Some).collect();
        let sets = own.iter().flatten().any(|set| calculated[*set].computed.is_none());
        let plain = (!only || !sets).then_some(None);
        let own: Vec<Choice> = plain.into_iter().chain(own).collect();
        let with = |known: Vec<Choice>| {
            own.iter().map(move |choice| known.iter().copied().chain([*choice]).collect::<Vec<_>>())
        };
        all = all.into_iter().flat_map(with).collect();
    }
    all
}
