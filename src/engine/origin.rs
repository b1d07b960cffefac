//! Where a fact's rows come from: the run that wrote a file, and what its rows can have been read from.
//!
//! A run that writes a partition anew writes older rows with its own. So what a row was read from is
//! sought in that run, and in those whose files it replaced.

use super::Session;
use super::catalog::WAREHOUSE;
use super::table::{Place, StoredTable};
use crate::error::Result;
use crate::query::FactPart;
use crate::store::{DataFile, Input, Release, RunRecord, TableState};
use datafusion::datasource::provider_as_source;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Sources that are named; more are counted.
const NAMED: usize = 5;

/// The release that first had a file, and those whose runs its rows may be of, by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    written: usize,
    of: BTreeSet<usize>,
}

/// The files of a table in the session's release, by where their rows come from.
pub(super) async fn parts(session: &Session, table: &str) -> Result<Vec<FactPart>> {
    let own = session.release();
    let Some(state) = own.tables.get(table) else { return Ok(Vec::new()) };
    let mut releases = session.warehouse().releases().await?;
    releases.retain(|release| release.id <= own.id);
    releases.sort_by_key(|release| release.id);
    let origins = origins(&releases, table);
    let runs = session.warehouse().runs().await?;
    let mut by_origin: BTreeMap<&Origin, Vec<DataFile>> = BTreeMap::new();
    for file in &state.files {
        if let Some(origin) = origins.get(file.path.as_str()) {
            by_origin.entry(origin).or_default().push(file.clone());
        }
    }
    let part = |(origin, files): (&Origin, Vec<DataFile>)| {
        let release = releases.get(origin.written).unwrap_or(own);
        let state = TableState { files, ..state.clone() };
        let stored = StoredTable::new(WAREHOUSE, table, String::new(), own.id, state);
        FactPart {
            source: provider_as_source(Arc::new(stored.at(Place::of(session.model(), table)))),
            release: release.id.0,
            run: release.run.0.clone(),
            read: read(&origin.of, &releases, &runs, table).and_then(in_words),
        }
    };
    Ok(by_origin.into_iter().map(part).collect())
}

/// Where the rows of each file of a table come from.
fn origins<'r>(releases: &'r [Arc<Release>], table: &str) -> HashMap<&'r str, Origin> {
    let mut known: HashMap<&str, Origin> = HashMap::new();
    let mut before: Option<&TableState> = None;
    for (place, release) in releases.iter().enumerate() {
        let Some(now) = release.tables.get(table) else { continue };
        let paths: HashSet<&str> = now.files.iter().map(|file| file.path.as_str()).collect();
        let then = before.into_iter().flat_map(|then| &then.files);
        let gone: Vec<&DataFile> =
            then.filter(|file| !paths.contains(file.path.as_str())).collect();
        for file in &now.files {
            if known.contains_key(file.path.as_str()) {
                continue;
            }
            let replaced = gone.iter().filter(|other| other.partition == file.partition);
            let older = replaced.filter_map(|other| known.get(other.path.as_str()));
            let of = older.flat_map(|origin| origin.of.clone()).chain([place]).collect();
            known.insert(&file.path, Origin { written: place, of });
        }
        before = Some(now);
    }
    known
}

/// What the runs of releases read for a table, each beyond what had been read before; `None` where
/// that is not known of all.
fn read(
    places: &BTreeSet<usize>,
    releases: &[Arc<Release>],
    runs: &[RunRecord],
    table: &str,
) -> Option<BTreeSet<String>> {
    let inputs = |release: &Release, job: &str| -> Vec<Input> {
        let sources = release.inputs.get(job).into_iter().flatten();
        sources.flat_map(|(_, inputs)| inputs.clone()).collect()
    };
    // What is no source: the job's text, and tables of the warehouse.
    let is_source = |name: &str| name != "job.definition" && !name.starts_with("warehouse.");
    let mut names = BTreeSet::new();
    for place in places {
        let release = releases.get(*place)?;
        let before = place.checked_sub(1).and_then(|before| releases.get(before));
        if before.is_none() && release.id.0 > 1 {
            // What came before is not retained.
            return None;
        }
        let run = runs.iter().find(|run| run.run == release.run)?;
        let loads = run.steps.iter().filter(|step| step.step == "load" && step.target == table);
        for job in loads.map(|step| step.job.as_str()) {
            let known = before.map(|before| inputs(before, job)).unwrap_or_default();
            let news = inputs(release, job).into_iter().filter(|input| !known.contains(input));
            names.extend(news.map(|input| input.name).filter(|name| is_source(name)));
        }
    }
    Some(names)
}

fn in_words(names: BTreeSet<String>) -> Option<String> {
    let more = names.len().saturating_sub(NAMED);
    let named = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named),
        (false, more) => Some(format!("{named} and {more} more")),
    }
}
