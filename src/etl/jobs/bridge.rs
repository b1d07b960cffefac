//! Jobs that load a bridge: both of its dimensions have their keys among the rows, and there is one
//! such job a bridge.

use super::Written;
use super::columns::check_columns;
use crate::error::counted;
use crate::etl::job::BridgeLoad;
use crate::model::{Bridge, Model};
use crate::yaml::Faults;

/// Checks the load of a bridge.
pub(super) fn bridge(written: &Written, load: &BridgeLoad, model: &Model, faults: &mut Faults) {
    let path = |key| ["load", "bridge", key];
    let Some(bridge) = model.bridge(&load.bridge) else {
        let names = model.bridges.iter().map(|bridge| bridge.name.as_str());
        let message = format!("there is no bridge `{}`", load.bridge);
        let fault = written.fault(&path("bridge"), message);
        return faults.push(fault.suggest(&load.bridge, names));
    };
    for (key, columns, end) in [("from", &load.from, &bridge.from), ("to", &load.to, &bridge.to)] {
        natural_key(written, (key, columns), end, model, faults);
        check_columns(written, columns.iter(), &path(key), faults);
    }
    let weight = bridge.weight.iter().map(|column| &column.name);
    check_columns(written, weight, &path("bridge"), faults);
    let partial = written.job.sources.iter().find(|source| source.strategy.is_partial());
    if let Some(source) = partial {
        let message = format!(
            "the rows are the whole bridge, but the source `{}` yields only what is new",
            source.name
        );
        let fault = written.fault(&path("bridge"), message);
        faults.push(fault.hint("say `strategy: full` or `snapshot`"));
    }
}

fn natural_key(
    written: &Written,
    (key, columns): (&str, &[String]),
    dimension: &str,
    model: &Model,
    faults: &mut Faults,
) {
    let Some(dimension) = model.dimension(dimension) else { return };
    let names = dimension.natural_key.iter().map(|column| column.name.as_str());
    let names: Vec<&str> = names.collect();
    if columns.len() != names.len() {
        let message = format!(
            "`{key}` needs {} for the natural key of `{}` ({}), got {}",
            counted(names.len() as u64, "column", "columns"),
            dimension.name,
            names.join(", "),
            columns.len()
        );
        faults.push(written.fault(&["load", "bridge", key], message));
    }
}

/// The tables in which a bridge's rows look their members up.
pub(super) fn tables_used(bridge: &Bridge) -> [String; 2] {
    [&bridge.from, &bridge.to].map(|dimension| format!("dim_{dimension}"))
}
