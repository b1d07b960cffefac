//! Where a fact's rows come from: the release that first had a file, its run, and what that run read.

use super::Session;
use super::catalog::WAREHOUSE;
use super::table::{Place, StoredTable};
use crate::error::Result;
use crate::query::FactPart;
use crate::store::{DataFile, Input, Release, RunRecord, TableState};
use datafusion::datasource::provider_as_source;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Sources that are named; more are counted.
const NAMED: usize = 5;

/// The files of a table in the session's release, by the run that wrote them.
pub(super) async fn parts(session: &Session, table: &str) -> Result<Vec<FactPart>> {
    let own = session.release();
    let Some(state) = own.tables.get(table) else { return Ok(Vec::new()) };
    let mut releases = session.warehouse().releases().await?;
    releases.retain(|release| release.id <= own.id);
    releases.sort_by_key(|release| release.id);
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (place, release) in releases.iter().enumerate() {
        let then = release.tables.get(table).filter(|then| then.location == state.location);
        for file in then.into_iter().flat_map(|then| &then.files) {
            first.entry(&file.path).or_insert(place);
        }
    }
    let mut by_release: BTreeMap<usize, Vec<DataFile>> = BTreeMap::new();
    for file in &state.files {
        let place = first.get(file.path.as_str()).copied().unwrap_or(releases.len());
        by_release.entry(place).or_default().push(file.clone());
    }
    let runs = session.warehouse().runs().await?;
    let part = |(place, files): (usize, Vec<DataFile>)| {
        let release = releases.get(place).unwrap_or(own);
        let before = place.checked_sub(1).and_then(|before| releases.get(before));
        let state = TableState { files, ..state.clone() };
        let stored = StoredTable::new(WAREHOUSE, table, String::new(), own.id, state);
        FactPart {
            source: provider_as_source(Arc::new(stored.at(Place::of(session.model(), table)))),
            release: release.id.0,
            run: release.run.0.clone(),
            read: read(release, before.map(AsRef::as_ref), &runs, table),
        }
    };
    Ok(by_release.into_iter().map(part).collect())
}

/// What the run of a release read for a table, beyond what had been read before; `None` where the
/// operational log does not know the run, or the run loaded no job into the table.
fn read(
    release: &Release,
    before: Option<&Release>,
    runs: &[RunRecord],
    table: &str,
) -> Option<String> {
    let steps = &runs.iter().find(|run| run.run == release.run)?.steps;
    let loads = steps.iter().filter(|step| step.step == "load" && step.target == table);
    let jobs: BTreeSet<&str> = loads.map(|step| step.job.as_str()).collect();
    let inputs = |release: &'_ Release, job: &str| -> Vec<Input> {
        let sources = release.inputs.get(job).into_iter().flatten();
        sources.flat_map(|(_, inputs)| inputs.clone()).collect()
    };
    let mut names: Vec<String> = Vec::new();
    for job in jobs {
        let known = before.map(|before| inputs(before, job)).unwrap_or_default();
        let news = inputs(release, job).into_iter().filter(|input| !known.contains(input));
        // What is no source: the job's text, and tables of the warehouse.
        let is_source = |name: &str| name != "job.definition" && !name.starts_with("warehouse.");
        names.extend(news.map(|input| input.name).filter(|name| is_source(name)));
    }
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let named = names.join(", ");
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named),
        (false, more) => Some(format!("{named} and {more} more")),
    }
}
