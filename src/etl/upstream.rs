//! Whether what a job depends on, beside its sources, has changed since it last ran: its own text,
//! the model of its table (and of the dimensions whose members a fact's rows find), and the tables
//! it uses.
//!
//! A release remembers these beside the job's sources, as inputs whose names no source can have.

use super::job::{FactMode, Job, LoadSpec};
use super::jobs::{tables_used, target_table};
use crate::model::Model;
use crate::store::{Input, Release, TableState};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The input that stands for the job's text and its table's model.
const DEFINITION: &str = "job.definition";

/// What a job depends on beside its sources, by input name, as it stands in a release.
pub(crate) fn upstream(job: &Job, model: &Model, release: &Release) -> BTreeMap<String, Input> {
    let own = target_table(job);
    let tables = tables_used(job, model).into_iter().filter(|table| *table != own);
    let tables = tables.filter_map(|table| Some((release.tables.get(&table)?, table)));
    let mut inputs: BTreeMap<String, Input> = tables
        .map(|(state, table)| {
            let name = format!("warehouse.{table}");
            (name.clone(), table_input(name, state))
        })
        .collect();
    inputs.insert(DEFINITION.to_owned(), definition(job, model));
    inputs
}

/// What of a job's upstream differs from what the job saw when it last ran, in words.
pub(crate) fn changed(job: &Job, model: &Model, release: &Release) -> Vec<String> {
    let before = release.inputs.get(&job.job);
    let seen = |name: &str| before.and_then(|inputs| inputs.get(name)).and_then(|i| i.first());
    let upstream = upstream(job, model, release);
    let changed = upstream.iter().filter(|(name, input)| seen(name) != Some(*input));
    let words = changed.map(|(name, _)| match name.as_str() {
        DEFINITION => "the job or its model has changed".to_owned(),
        table => format!("{table} has changed"),
    });
    words.collect()
}

/// Whether the job, or the model of its table, is another than when the job last ran.
pub(crate) fn is_redefined(job: &Job, model: &Model, release: &Release) -> bool {
    let before = release.inputs.get(&job.job).and_then(|inputs| inputs.get(DEFINITION));
    before.is_some_and(|seen| seen.first() != Some(&definition(job, model)))
}

/// Whether a job runs again for what has changed beside its sources. One that appends does not:
/// the rows it has read are in the fact already. Without sources, the warehouse is its source.
pub(crate) fn follows_upstream(job: &Job) -> bool {
    let appends = matches!(&job.load, LoadSpec::Fact(load) if load.mode == FactMode::Append);
    !appends || job.sources.is_empty()
}

fn definition(job: &Job, model: &Model) -> Input {
    let table = match &job.load {
        LoadSpec::Dimension(load) => {
            let minis: Vec<_> = model.minis_of(&load.dimension).collect();
            let levels: Vec<_> = model.levels_of(&load.dimension).collect();
            // What there is none of changes no job's definition.
            let levels = if levels.is_empty() { String::new() } else { format!("{levels:?}") };
            format!("{:?}{minis:?}{levels}", model.dimension(&load.dimension))
        }
        LoadSpec::Bridge(load) => format!("{:?}", model.bridge(&load.bridge)),
        LoadSpec::Match(_) => String::new(),
        LoadSpec::Fact(load) => {
            let fact = model.fact(&load.fact);
            let roles = fact.into_iter().flat_map(|fact| &fact.roles);
            let dimensions = roles.map(|role| model.dimension(&role.dimension));
            format!("{fact:?}{:?}", dimensions.collect::<Vec<_>>())
        }
    };
    let text = format!("{:?}\n{table}", job.what_it_loads());
    Input {
        name: DEFINITION.to_owned(),
        size_bytes: text.len() as u64,
        sha256: hex(&Sha256::digest(text.as_bytes())),
    }
}

/// What jobs that depend on a table have seen of it is also true of the table as it is now, where
/// its rows are the same and only its files are others: their inputs, by job.
pub(crate) fn follow_files(
    before: &Release,
    after: &Release,
    table: &str,
) -> Vec<(String, String, Input)> {
    let name = format!("warehouse.{table}");
    let (Some(old), Some(new)) = (before.tables.get(table), after.tables.get(table)) else {
        return Vec::new();
    };
    let (old, new) = (table_input(name.clone(), old), table_input(name.clone(), new));
    let saw_old = before
        .inputs
        .iter()
        .filter(|(_, inputs)| inputs.get(&name).and_then(|seen| seen.first()) == Some(&old));
    saw_old.map(|(job, _)| (job.clone(), name.clone(), new.clone())).collect()
}

fn table_input(name: String, table: &TableState) -> Input {
    let mut digest = Sha256::new();
    for file in &table.files {
        digest.update(file.sha256.as_bytes());
        digest.update(b"\n");
    }
    Input { name, size_bytes: table.size_bytes(), sha256: hex(&digest.finalize()) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
