//! Ranks: how many of the cells that a value competes with are before it.

use super::place::Place;
use super::{Reference, Value};
use starhouse::model::{Cube, CubeColumn, Ties};
use std::cmp::Ordering;
use std::collections::BTreeSet;

impl Reference<'_> {
    /// The place of a measure among the cells that agree in the members kept.
    pub(crate) fn rank(
        &self,
        cube: &Cube,
        measure: &str,
        place: &Place<'_>,
        (role, kept): (&str, &[(CubeColumn, Value)]),
        ascending: bool,
        ties: Ties,
    ) -> Value {
        // Where nothing of the dimension is shown there is nothing to rank.
        if kept.len() == place.members.len() {
            return Value::Null;
        }
        // A calculated member is none among others.
        if place.sets.iter().any(|set| set.column().role == role) {
            return Value::Null;
        }
        let cells = place.beside.cells.unwrap()(measure, &place.shift);
        let value = |members: &Vec<(CubeColumn, Value)>| {
            self.value(cube, measure, &Place { members: members.clone(), ..place.clone() })
        };
        let own = value(&place.members);
        if own.is_null() || !cells.contains(&place.members) {
            return Value::Null;
        }
        let rivals = cells.into_iter().filter(|cell| kept.iter().all(|one| cell.contains(one)));
        let rivals = rivals.map(|cell| (value(&cell), cell)).filter(|(value, _)| !value.is_null());
        let earlier = rivals.filter(|(value, cell)| {
            let by_value = if ascending { value.cmp(&own) } else { own.cmp(value) };
            let by_members = || {
                let members = |cell: &[(CubeColumn, Value)]| -> Vec<Value> {
                    cell.iter().map(|(_, member)| member.clone()).collect()
                };
                members(cell).cmp(&members(&place.members))
            };
            match ties {
                Ties::Order => by_value.then_with(by_members) == Ordering::Less,
                Ties::Same | Ties::Dense => by_value == Ordering::Less,
            }
        });
        let earlier: Vec<Value> = earlier.map(|(value, _)| value).collect();
        let before = match ties {
            Ties::Dense => earlier.into_iter().collect::<BTreeSet<_>>().len(),
            Ties::Same | Ties::Order => earlier.len(),
        };
        Value::int(before as i128 + 1)
    }
}
