//! What a stored table is, in words, from the model that made it.

use crate::model::Model;

/// `dimension`, `fact`, `bridge`, `aggregate` or `table`, by the name's prefix.
pub(crate) fn kind(table: &str) -> &'static str {
    match table.split_once('_') {
        Some(("dim", _)) => "dimension",
        Some(("fact", _)) => "fact",
        Some(("bridge", _)) => "bridge",
        Some(("agg", _)) => "aggregate",
        _ => "table",
    }
}

/// What a row of the table is; empty where the model does not know the table (any more).
pub(crate) fn table(model: &Model, table: &str) -> String {
    if let Some(dimension) = model.dimensions.iter().find(|d| d.table() == table) {
        return dimension.description.clone();
    }
    let mut histories = model.dimensions.iter().filter_map(|mini| model.band_history(mini));
    if let Some(history) = histories.find(|history| history.table() == table) {
        return history.description;
    }
    if let Some(fact) = model.facts.iter().find(|fact| fact.table() == table) {
        return format!("{} Grain: {}.", fact.description, fact.grain.trim_end_matches('.'));
    }
    if let Some(bridge) = model.bridges.iter().find(|bridge| bridge.table() == table) {
        return bridge.description.clone();
    }
    model
        .cubes
        .iter()
        .flat_map(|cube| cube.aggregates.iter().map(move |aggregate| (cube, aggregate)))
        .find(|(cube, aggregate)| cube.aggregate_table(aggregate) == table)
        .map(|(cube, aggregate)| {
            format!("Aggregate of the cube {}: {}", cube.name, aggregate.description)
        })
        .unwrap_or_default()
}
