//! What must hold of a warehouse's rows for a model's answers to be right, as questions whose rows are
//! the examples of where it does not.

use super::{rates, sets};
use crate::model::{Bridge, Cube, Dimension, Fact, Hierarchy, Model};

/// Something to be proved: the question finds nothing.
pub(super) struct Proof {
    pub(super) name: String,
    /// The question.
    pub(super) sql: String,
    /// What its rows mean.
    pub(super) rows: Rows,
}

/// What the rows of a proof's question mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Answers are wrong.
    Fault,
    /// Answers are right, and may be read wrongly.
    Doubt,
    /// Nothing: it is enough that there is an answer.
    Nothing,
}

/// All proofs of a model.
pub(super) fn of(model: &Model) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for dimension in &model.dimensions {
        keys(dimension, &mut proofs);
        for hierarchy in &dimension.hierarchies {
            functional(dimension, hierarchy, &mut proofs);
        }
    }
    for bridge in &model.bridges {
        whole(bridge, &mut proofs);
    }
    for fact in &model.facts {
        grain(fact, model, &mut proofs);
    }
    for cube in &model.cubes {
        answerable(cube, &mut proofs);
        rates::of(cube, model, &mut proofs);
        sets::of(cube, model, &mut proofs);
    }
    proofs
}

fn faults(name: String, sql: String) -> Proof {
    Proof { name, sql, rows: Rows::Fault }
}

/// A name in SQL, whatever characters it has.
pub(super) fn sql_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list<'a>(columns: impl IntoIterator<Item = &'a str>) -> String {
    columns.into_iter().map(sql_name).collect::<Vec<_>>().join(", ")
}

/// Keys are one row's, and of each natural key there is one present version.
fn keys(dimension: &Dimension, proofs: &mut Vec<Proof>) {
    let table = dimension.table();
    let key = sql_name(&dimension.key_column());
    proofs.push(faults(
        format!("{table}: {} is one row's", dimension.key_column()),
        format!("SELECT {key}, count(*) AS times FROM warehouse.{table} GROUP BY {key} HAVING count(*) > 1"),
    ));
    let told = dimension.identifying_columns();
    let names: Vec<&str> = told.iter().map(|key| key.name.as_str()).collect();
    let natural = list(names.iter().copied());
    let present = if dimension.is_versioned() { " AND is_current" } else { "" };
    proofs.push(faults(
        format!("{table}: ({}) is one member's", names.join(", ")),
        format!(
            "SELECT {natural}, count(*) AS times FROM warehouse.{table} WHERE {key} > 0{present} \
             GROUP BY {natural} HAVING count(*) > 1"
        ),
    ));
}

/// A member of a level is part of one member of the level above. Where it is not, it is one member
/// asked alone, and several below the level above.
fn functional(dimension: &Dimension, hierarchy: &Hierarchy, proofs: &mut Vec<Proof>) {
    let table = dimension.table();
    let key = sql_name(&dimension.key_column());
    let present = if dimension.is_versioned() { " AND is_current" } else { "" };
    for pair in hierarchy.levels.windows(2) {
        let [above, own] = pair else { continue };
        let parent = sql_name(above.key_column());
        // Members are told apart by their key and what is shown of them.
        let shown = own.key.iter().map(String::as_str).chain([own.attribute.as_str()]);
        let (told, child) = (list(shown), sql_name(own.key_column()));
        // A member that skips the level is in none of its members: that is one place as well.
        let skips = format!("max(CASE WHEN {parent} IS NULL THEN 1 ELSE 0 END)");
        proofs.push(Proof {
            name: format!(
                "{table}: each {} is in one {} ({})",
                own.name, above.name, hierarchy.name
            ),
            sql: format!(
                "SELECT {told}, min({parent}) AS one, max({parent}) AS another \
                 FROM warehouse.{table} WHERE {key} > 0{present} AND {child} IS NOT NULL \
                 GROUP BY {told} HAVING count(DISTINCT {parent}) + {skips} > 1 ORDER BY {told}"
            ),
            rows: Rows::Doubt,
        });
    }
}

/// A bridge leads from members to members, and divides each once.
fn whole(bridge: &Bridge, proofs: &mut Vec<Proof>) {
    let table = bridge.table();
    for (dimension, column) in
        [(&bridge.from, bridge.from_column()), (&bridge.to, bridge.to_column())]
    {
        let column = sql_name(&column);
        proofs.push(faults(
            format!("{table}: each {dimension} is known"),
            format!(
                "SELECT DISTINCT {column} FROM warehouse.{table} WHERE {column} NOT IN \
                 (SELECT {column} FROM warehouse.dim_{dimension})"
            ),
        ));
    }
    if let Some(weight) = &bridge.weight {
        let (from, weight) = (sql_name(&bridge.from_column()), sql_name(&weight.name));
        proofs.push(faults(
            format!("{table}: the shares of each {} are 1 together", bridge.from),
            format!(
                "SELECT {from}, sum({weight}) AS shares FROM warehouse.{table} GROUP BY {from} \
                 HAVING abs(sum({weight}) - 1) > 1e-9"
            ),
        ));
    }
}

/// A fact's key is one row's, and its members are there.
fn grain(fact: &Fact, model: &Model, proofs: &mut Vec<Proof>) {
    let table = fact.table();
    let key = list(fact.key.iter().map(String::as_str));
    proofs.push(faults(
        format!("{table}: ({}) is one row's", fact.key.join(", ")),
        format!("SELECT {key}, count(*) AS times FROM warehouse.{table} GROUP BY {key} HAVING count(*) > 1"),
    ));
    for role in &fact.roles {
        let Some(dimension) = model.dimension(&role.dimension) else { continue };
        let (own, members) = (sql_name(&role.key_column()), sql_name(&dimension.key_column()));
        proofs.push(faults(
            format!("{table}: each row has its {}", role.role),
            format!(
                "SELECT {own}, count(*) AS rows FROM warehouse.{table} WHERE {own} NOT IN \
                 (SELECT {members} FROM warehouse.{}) GROUP BY {own}",
                dimension.table()
            ),
        ));
    }
}

/// Every measure has an answer, alone.
fn answerable(cube: &Cube, proofs: &mut Vec<Proof>) {
    for measure in &cube.measures {
        proofs.push(Proof {
            name: format!("cube {}: {} is answered", cube.name, measure.name),
            sql: format!("SELECT MEASURE({}) FROM cubes.{}", measure.name, cube.name),
            rows: Rows::Nothing,
        });
    }
}
