//! Running order: a job comes after those that load the tables it uses.

use super::{Written, bridge, references, target_tables};
use crate::etl::job::{Job, LoadSpec};
use crate::etl::references::asked;
use crate::model::{Dimension, DimensionKind, Model};
use crate::yaml::Faults;
use std::collections::BTreeSet;

/// Puts jobs in order. Among those that could come next, dimensions come before facts, then the
/// order of names decides, so that it is the same on every machine.
///
/// # Errors
/// A fault for jobs that wait for each other, which names them.
pub(super) fn order(written: &[Written], model: &Model) -> Result<Vec<Job>, Faults> {
    let after: Vec<BTreeSet<usize>> =
        written.iter().map(|job| comes_after(job, written, model)).collect();
    let mut left: Vec<usize> = (0..written.len()).collect();
    left.sort_by_key(|index| rank(&written[*index].job));
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let ready =
            left.iter().position(|job| !left.iter().any(|other| after[*job].contains(other)));
        let Some(next) = ready else {
            return Err(cycle(written, &after, &left));
        };
        ordered.push(written[left.remove(next)].job.clone());
    }
    Ok(ordered)
}

fn rank(job: &Job) -> (bool, String) {
    (matches!(job.load, LoadSpec::Fact(_)), job.job.clone())
}

/// The tables that a job uses: those its transformation reads, those its sources look values up in,
/// and the dimensions in which a fact's or a bridge's rows look their keys up.
pub(crate) fn tables_used(job: &Job, model: &Model) -> BTreeSet<String> {
    let sql = job.transform.as_deref().map(references);
    let mut tables = sql.and_then(|found| found.ok()).unwrap_or_default().warehouse;
    tables.extend(job.sources.iter().flat_map(asked).map(|asked| asked.table));
    if let LoadSpec::Fact(load) = &job.load
        && let Some(fact) = model.fact(&load.fact)
    {
        for dimension in fact.roles.iter().filter_map(|role| model.dimension(&role.dimension)) {
            // What its own rows make of a junk dimension is no news to it.
            if dimension.kind != DimensionKind::Junk {
                tables.insert(dimension.table());
                tables.extend(model.band_history(dimension).map(|history| history.table()));
            }
        }
    }
    if let LoadSpec::Bridge(load) = &job.load {
        tables.extend(model.bridge(&load.bridge).into_iter().flat_map(bridge::tables_used));
    }
    tables
}

/// The tables that a job loads, those that come of its rows beside its target included: the
/// mini-dimensions of a dimension, the junk dimensions of a fact.
pub(crate) fn tables_loaded(job: &Job, model: &Model) -> BTreeSet<String> {
    let mut tables: BTreeSet<String> = target_tables(job).into_iter().collect();
    match &job.load {
        LoadSpec::Dimension(load) => {
            for mini in model.minis_of(&load.dimension) {
                tables.insert(mini.table());
                tables.extend(model.band_history(mini).map(|history| history.table()));
            }
            tables.extend(model.levels_of(&load.dimension).map(Dimension::table));
        }
        LoadSpec::Fact(load) => {
            let roles = model.fact(&load.fact).into_iter().flat_map(|fact| &fact.roles);
            let dimensions = roles.filter_map(|role| model.dimension(&role.dimension));
            let junk = dimensions.filter(|dimension| dimension.kind == DimensionKind::Junk);
            tables.extend(junk.map(Dimension::table));
        }
        LoadSpec::Bridge(_) | LoadSpec::Match(_) => {}
    }
    tables
}

/// The other jobs that load a table which this one uses. What loads the same table as this one
/// does not count: a job may read its own table as it stood before.
fn comes_after(job: &Written, written: &[Written], model: &Model) -> BTreeSet<usize> {
    let tables = tables_used(&job.job, model);
    let own = job.target();
    let loads = |other: &Written| {
        other.target() != own && !tables_loaded(&other.job, model).is_disjoint(&tables)
    };
    written.iter().enumerate().filter(|(_, other)| loads(other)).map(|(index, _)| index).collect()
}

/// The fault that names the jobs of a circle. Every job that is left waits for another that is
/// left, so going from one to the next comes round.
fn cycle(written: &[Written], after: &[BTreeSet<usize>], left: &[usize]) -> Faults {
    let mut path: Vec<usize> = Vec::new();
    let mut here = left.first().copied();
    while let Some(job) = here {
        if let Some(first) = path.iter().position(|seen| *seen == job) {
            path.drain(..first);
            path.push(job);
            break;
        }
        path.push(job);
        here = after[job].iter().copied().find(|next| left.contains(next));
    }
    let names: Vec<&str> = path.iter().map(|job| written[*job].job.job.as_str()).collect();
    let message = format!("jobs wait for each other: {}", names.join(" needs "));
    let first = &written[path[0]];
    first.fault(&["transform"], message).into()
}
