//! Whether the members that sets name are there, and no other member bears a set's name.

use super::proofs::{Proof, Rows, sql_name};
use crate::model::{Cube, CubeColumn, Dimension, Model, NamedSet, SetMembers};

/// The sets of a cube: a member that is not there is likely misspelt, and makes the set smaller without
/// a word.
pub(super) fn of(cube: &Cube, model: &Model, proofs: &mut Vec<Proof>) {
    for set in &cube.sets {
        let Some(members) = cube.column(&set.column).and_then(|own| members_of(own, cube, model))
        else {
            continue;
        };
        proofs.extend(named(cube, set, &members));
        let name = text(&set.member);
        proofs.push(Proof {
            name: format!(
                "cube {}: no member of {} is called {}",
                cube.name, set.column, set.member
            ),
            sql: format!("SELECT DISTINCT member FROM ({members}) m WHERE member = {name}"),
            rows: Rows::Doubt,
        });
    }
}

/// The members that a set names are there.
fn named(cube: &Cube, set: &NamedSet, members: &str) -> Option<Proof> {
    let (SetMembers::Listed(named) | SetMembers::Except(named)) = &set.members else { return None };
    let named: Vec<String> = named.iter().map(|member| format!("({})", text(member))).collect();
    if named.is_empty() {
        return None;
    }
    Some(Proof {
        name: format!("cube {}: the members of set {} are there", cube.name, set.name),
        sql: format!(
            "SELECT missing FROM (VALUES {}) AS named(missing) WHERE missing NOT IN \
             (SELECT member FROM ({members}) m WHERE member IS NOT NULL) ORDER BY missing",
            named.join(", ")
        ),
        rows: Rows::Doubt,
    })
}

/// The members of a column as text, as a question; none of what no table holds.
fn members_of(column: &CubeColumn, cube: &Cube, model: &Model) -> Option<String> {
    let name = &column.column.name;
    let tables: Vec<String> = match &column.dimension {
        Some(dimension) => {
            let dimension = model.dimension(dimension)?;
            let has = Dimension::described_columns(dimension).any(|own| own.name == *name);
            has.then(|| dimension.table()).into_iter().collect()
        }
        None => {
            let facts = cube.facts.iter().filter_map(|fact| model.fact(fact));
            let has = facts.filter(|fact| fact.degenerate.iter().any(|own| own.name == *name));
            has.map(|fact| fact.table()).collect()
        }
    };
    let column = sql_name(name);
    let select = |table: &String| {
        format!("SELECT CAST({column} AS VARCHAR) AS member FROM warehouse.{table}")
    };
    let all: Vec<String> = tables.iter().map(select).collect();
    (!all.is_empty()).then(|| all.join(" UNION ALL "))
}

fn text(member: &str) -> String {
    format!("'{}'", member.replace('\'', "''"))
}
