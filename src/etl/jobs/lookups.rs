//! What sources look up in the warehouse: the tables are there, and so are the columns.

use super::Written;
use crate::etl::references::{Asked, asked};
use crate::model::{Column, Model};
use crate::yaml::Faults;

/// Checks the lookups of a job; `matched` are the tables that jobs make by matching.
pub(super) fn lookups(written: &Written, model: &Model, matched: &[String], faults: &mut Faults) {
    let tables = tables(model);
    for (index, source) in written.job.sources.iter().enumerate() {
        let index = index.to_string();
        for Asked { table, columns, column } in asked(source) {
            let column = column.map(|column| column.to_string());
            let path: &[&str] = match &column {
                Some(column) => &["sources", &index, "columns", column],
                None => &["sources", &index, "must_exist"],
            };
            if matched.contains(&table) {
                continue;
            }
            let Some((_, has)) = tables.iter().find(|(name, _)| *name == table) else {
                let message = format!("the model has no table `warehouse.{table}`");
                let names = tables.iter().map(|(name, _)| name.as_str());
                faults.push(written.fault(path, message).suggest(&table, names));
                continue;
            };
            for name in columns.iter().filter(|name| !has.iter().any(|c| c.name == **name)) {
                let message = format!("`warehouse.{table}` has no column `{name}`");
                let names = has.iter().map(|column| column.name.as_str());
                faults.push(written.fault(path, message).suggest(name, names));
            }
        }
    }
}

/// The tables of a model, with their columns.
fn tables(model: &Model) -> Vec<(String, Vec<Column>)> {
    let dimensions = model.dimensions.iter().map(|d| (d.table(), d.table_columns()));
    let bridges = model.bridges.iter().map(|bridge| (bridge.table(), bridge.table_columns()));
    let facts = model.facts.iter().map(|fact| (fact.table(), fact.table_columns()));
    dimensions.chain(bridges).chain(facts).collect()
}
