//! What becomes of the rows of each table: pure.

use super::person::{Person, Who, literal};
use crate::engine::SANDBOX;
use crate::etl::load::quoted;
use crate::ids::SurrogateKey;
use crate::model::{Column, ColumnType, Dimension, Fact, Model};
use crate::store::TableState;
use std::collections::BTreeMap;

/// What becomes of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// The rows it is about, as SQL.
    pub(super) of: String,
    /// Columns that become something else in them; where there are none, the rows leave.
    pub(super) set: BTreeMap<String, String>,
}

/// The rule of a table; none where nothing in it is of the person, as far as its form says.
pub(super) fn rule(
    table: &str,
    state: &TableState,
    model: &Model,
    dimension: &Dimension,
    who: &Who,
    person: &Person,
    salt: &str,
) -> Option<Rule> {
    let leaves = |of: String| Some(Rule { of, set: BTreeMap::new() });
    let keys: Vec<String> = person.keys.iter().map(i32::to_string).collect();
    let keys = keys.join(", ");
    if table == dimension.closure_table() {
        return leaves(format!("ancestor_key IN ({keys}) OR descendant_key IN ({keys})"));
    }
    if let Some(fact) = model.facts.iter().find(|fact| fact.table() == table) {
        return of_fact(fact, state, dimension, &keys, salt);
    }
    let is_other = |d: &&Dimension| d.table() == table && d.name != dimension.name;
    if table.starts_with("agg_")
        || table.starts_with(SANDBOX)
        || model.dimensions.iter().any(|d| is_other(&d))
    {
        return None;
    }
    let has = |name: &str| state.columns.iter().any(|column| column.name == name);
    if dimension.natural_key.iter().all(|column| has(&column.name)) {
        return leaves(who.condition());
    }
    // What a matching keeps of records has columns of its own.
    let texts = texts(&state.columns).map(|column| is_one_of(column, person));
    let texts: Vec<String> = texts.collect();
    let is_matching = table.starts_with("match_") && !person.texts.is_empty() && !texts.is_empty();
    if is_matching { leaves(texts.join(" OR ")) } else { None }
}

/// Rows stay with their numbers; whose they were, and what was written in them, does not.
fn of_fact(
    fact: &Fact,
    state: &TableState,
    dimension: &Dimension,
    keys: &str,
    salt: &str,
) -> Option<Rule> {
    let roles: Vec<String> = fact
        .roles
        .iter()
        .filter(|role| role.dimension == dimension.name)
        .map(crate::model::FactRole::key_column)
        .filter(|key| state.columns.iter().any(|column| column.name == *key))
        .collect();
    if roles.is_empty() {
        return None;
    }
    let of = roles.iter().map(|key| format!("{} IN ({keys})", quoted(key)));
    let of = of.collect::<Vec<_>>().join(" OR ");
    let unknown = SurrogateKey::UNKNOWN.0;
    let mut set: BTreeMap<String, String> = roles
        .iter()
        .map(|key| {
            let name = quoted(key);
            (key.clone(), format!("CASE WHEN {name} IN ({keys}) THEN {unknown} ELSE {name} END"))
        })
        .collect();
    for column in texts(&state.columns) {
        let name = quoted(&column.name);
        // What tells rows apart must go on doing so, but say nothing.
        let instead = match column.nullable && !fact.key.contains(&column.name) {
            true => "NULL".to_owned(),
            false => format!("'erased-' || encode(sha256({name} || {}), 'hex')", literal(salt)),
        };
        set.insert(column.name.clone(), format!("CASE WHEN {of} THEN {instead} ELSE {name} END"));
    }
    Some(Rule { of, set })
}

/// The columns of text.
pub(super) fn texts(columns: &[Column]) -> impl Iterator<Item = &Column> {
    columns.iter().filter(|column| column.ty == ColumnType::Text)
}

/// That a column holds one of the person's texts, as SQL.
pub(super) fn is_one_of(column: &Column, person: &Person) -> String {
    let values: Vec<String> = person.texts.iter().map(|text| literal(text)).collect();
    format!("{} IN ({})", quoted(&column.name), values.join(", "))
}
