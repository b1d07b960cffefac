//! What must hold of jobs before any of them runs: every name resolves, every key has its columns.

use super::bridge::bridge;
use super::columns::check_columns;
use super::lookups::lookups;
use super::matching::matching;
use super::references::check_expression;
use super::{Written, references};
use crate::error::counted;
use crate::etl::extract::{self, Part};
use crate::etl::job::{DimensionLoad, FactLoad, FactMode, LoadSpec, Missing, OnDelete, Strategy};
use crate::model::{Bridge, Dimension, DimensionKind, Fact, Model};
use crate::yaml::{Fault, Faults};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Checks one job; `matched` are the tables that jobs make by matching.
pub(super) fn check(written: &Written, model: &Model, matched: &[String]) -> Faults {
    let mut faults = Faults::default();
    written.name("job", &["job"], &written.job.job, &mut faults);
    if written.job.timeout_seconds == Some(0) {
        faults.push(written.fault(&["timeout_seconds"], "a job cannot end in no time"));
    }
    sources(written, &mut faults);
    strategies(written, &mut faults);
    lookups(written, model, matched, &mut faults);
    transform(written, model, matched, &mut faults);
    deduplicate(written, &mut faults);
    match &written.job.load {
        LoadSpec::Dimension(load) => dimension(written, load, model, &mut faults),
        LoadSpec::Fact(load) => fact(written, load, model, &mut faults),
        LoadSpec::Bridge(load) => bridge(written, load, model, &mut faults),
        LoadSpec::Match(load) => matching(written, load, &mut faults),
    }
    faults
}

/// Checks what must hold between jobs.
pub(super) fn together(written: &[Written]) -> Faults {
    let mut faults = Faults::default();
    let mut names: BTreeMap<&str, &Written> = BTreeMap::new();
    for job in written {
        if let Some(first) = names.insert(&job.job.job, job) {
            let message = format!("the job `{}` is already in {}", job.job.job, first.file);
            faults.push(job.fault(&["job"], message));
        }
    }
    for job in written {
        let is_match = |job: &Written| matches!(job.job.load, LoadSpec::Match(_));
        let same =
            |other: &&Written| other.job.job != job.job.job && other.target() == job.target();
        if let Some(other) = written.iter().find(same).filter(|_| is_match(job)) {
            let message = format!("the job `{}` matches under the same name", other.job.job);
            faults.push(job.fault(&["load", "match", "name"], message));
        }
        let shares =
            |other: &&Written| other.job.job != job.job.job && other.target() == job.target();
        let Some(other) = written.iter().find(shares) else {
            continue;
        };
        let whole = match &job.job.load {
            LoadSpec::Dimension(load) if load.missing == Missing::Close => "missing: close",
            LoadSpec::Dimension(load) if load.missing == Missing::Hard => "missing: hard",
            LoadSpec::Fact(load) if load.mode == FactMode::Replace => "mode: replace",
            LoadSpec::Bridge(_) => "bridge",
            _ => continue,
        };
        let message = format!(
            "`{whole}` takes the rows for the whole table, but the job `{}` loads it too",
            other.job.job
        );
        faults.push(job.fault(&["load"], message));
    }
    faults
}

fn sources(written: &Written, faults: &mut Faults) {
    let mut names = BTreeSet::new();
    for (index, source) in written.job.sources.iter().enumerate() {
        let index = index.to_string();
        let path = |rest: &'static str| ["sources", index.as_str(), rest];
        written.name("source", &path("name"), &source.name, faults);
        if !names.insert(&source.name) {
            let message = format!("the job has two sources `{}`", source.name);
            faults.push(written.fault(&path("name"), message));
        }
        for (position, column) in source.columns.iter().enumerate() {
            let position = position.to_string();
            let path = ["sources", &index, "columns", &position, "name"];
            written.name("column", &path, &column.name, faults);
        }
        for (part, error) in extract::faults(Path::new(""), source) {
            let column = match part {
                Part::Column(position) => position.to_string(),
                _ => String::new(),
            };
            let path: &[&str] = match part {
                Part::From => &path("from"),
                Part::Columns => &path("columns"),
                Part::Rows if source.derive.is_empty() => &path("checks"),
                Part::Rows => &path("derive"),
                Part::Column(_) => &["sources", &index, "columns", &column],
                Part::Deduplicate => &path("deduplicate"),
                Part::Strategy => &path("strategy"),
                Part::Contract => &path("contract"),
            };
            faults.push(written.fault(path, error.to_string()));
        }
    }
}

/// What is read of a source must be what its load needs.
fn strategies(written: &Written, faults: &mut Faults) {
    for (index, source) in written.job.sources.iter().enumerate() {
        let (mode, missing) = match &written.job.load {
            LoadSpec::Fact(load) => (Some(load.mode), None),
            LoadSpec::Bridge(_) => (Some(FactMode::Replace), None),
            LoadSpec::Dimension(load) => (None, Some(load.missing)),
            LoadSpec::Match(load) => (None, Some(load.missing)),
        };
        let (message, hint) = match (&source.strategy, mode, missing) {
            (
                Strategy::Watermark(_) | Strategy::Changes(_),
                Some(FactMode::Append | FactMode::Replace),
                _,
            ) => ("with what is new, the last rows before are read again", "say `mode: upsert`"),
            (Strategy::Changes(_), ..) if matches!(written.job.load, LoadSpec::Match(_)) => (
                "matching does not know that a change may delete a record",
                "say `watermark`, or load the feed into a dimension and match its members",
            ),
            (Strategy::Snapshot(_), Some(FactMode::Append | FactMode::Upsert), _) => (
                "a `snapshot` is the whole fact: a row that is not there any more is gone",
                "say `mode: replace`, or `strategy: full` where rows stay",
            ),
            (Strategy::Snapshot(_), _, Some(Missing::Keep)) => (
                "a `snapshot` is all members: one that is not there any more is gone",
                "say `missing: close`, or `strategy: full` where members stay",
            ),
            _ => continue,
        };
        let path = ["sources", &index.to_string(), "strategy"];
        faults.push(written.fault(&path, message).hint(hint));
    }
}

fn transform(written: &Written, model: &Model, matched: &[String], faults: &mut Faults) {
    let sources: Vec<&str> = written.job.sources.iter().map(|s| s.name.as_str()).collect();
    let Some(sql) = &written.job.transform else {
        if sources.len() != 1 {
            let message = "a job with several sources, or none, needs a `transform`";
            faults.push(written.fault(&["job"], message));
        }
        return;
    };
    let found = match references(sql) {
        Ok(found) => found,
        Err(error) => return faults.push(written.fault(&["transform"], error.to_string())),
    };
    let facts = model.facts.iter().map(Fact::table);
    let bridges = model.bridges.iter().map(Bridge::table);
    let histories = model.dimensions.iter().filter_map(|mini| model.band_history(mini));
    let histories = histories.map(|history| history.table());
    let tables = model.dimensions.iter().map(Dimension::table).chain(bridges).chain(facts);
    let tables = tables.chain(histories);
    let tables: Vec<String> = tables.chain(matched.iter().cloned()).collect();
    for source in found.sources.iter().filter(|name| !sources.contains(&name.as_str())) {
        let fault = written
            .fault(&["transform"], format!("`{source}` is no source of this job"))
            .suggest(source, sources.iter().copied());
        let in_warehouse = tables.iter().find(|table| *table == source);
        faults.push(match in_warehouse {
            Some(table) => fault.hint(format!("did you mean `warehouse.{table}`?")),
            None => fault,
        });
    }
    for table in found.warehouse.iter().filter(|name| !tables.contains(name)) {
        let message = format!("the model has no table `warehouse.{table}`");
        let fault = written.fault(&["transform"], message);
        faults.push(fault.suggest(table, tables.iter().map(String::as_str)));
    }
    for other in &found.other {
        let message = format!("a transformation cannot read `{other}`");
        let hint = "it reads the job's sources by name, and `warehouse.*`";
        faults.push(written.fault(&["transform"], message).hint(hint));
    }
}

/// Which rows of all sources stay.
fn deduplicate(written: &Written, faults: &mut Faults) {
    let Some(spec) = &written.job.deduplicate else { return };
    if spec.key.is_empty() {
        let message = "deduplicate needs at least one key column";
        faults.push(written.fault(&["deduplicate", "key"], message));
    }
    for name in spec.survivors.keys().filter(|name| spec.key.contains(name)) {
        let message = format!("`{name}` is part of the key, and the same in all rows");
        faults.push(written.fault(&["deduplicate", "survivors", name], message));
    }
    let named = spec.key.iter().chain(&spec.latest_by).chain(spec.survivors.keys());
    check_columns(written, named, &["deduplicate"], faults);
}

fn dimension(written: &Written, load: &DimensionLoad, model: &Model, faults: &mut Faults) {
    let path = ["load", "dimension", "dimension"];
    let Some(dimension) = model.dimension(&load.dimension) else {
        let names = model.dimensions.iter().map(|dimension| dimension.name.as_str());
        let message = format!("there is no dimension `{}`", load.dimension);
        return faults.push(written.fault(&path, message).suggest(&load.dimension, names));
    };
    let why = match &dimension.kind {
        DimensionKind::Loaded => None,
        DimensionKind::Calendar(_) | DimensionKind::TimeOfDay(_) => {
            Some("is generated: no job loads it".to_owned())
        }
        DimensionKind::Junk => Some("is made of the rows of facts: no job loads it".to_owned()),
        DimensionKind::MiniOf(base) | DimensionKind::LevelOf(base) => {
            Some(format!("is loaded by the jobs that load `{base}`"))
        }
    };
    if let Some(why) = why {
        faults.push(written.fault(&path, format!("`{}` {why}", load.dimension)));
    }
    let partial = written.job.sources.iter().find(|source| source.strategy.is_partial());
    if let Some(source) = partial.filter(|_| load.missing != Missing::Keep) {
        let message = format!(
            "`missing: {}` needs all members at once, but the source `{}` yields only what is new",
            if load.missing == Missing::Hard { "hard" } else { "close" },
            source.name
        );
        faults.push(written.fault(&["load", "dimension", "missing"], message));
    }
    if !(0.0..=1.0).contains(&load.close_at_most) {
        let message = "`close_at_most` is a share of the members, from 0 to 1";
        faults.push(written.fault(&["load", "dimension", "close_at_most"], message));
    }
    deletes(written, load, faults);
    let bands = model.minis_of(&load.dimension).flat_map(Dimension::described_columns);
    let wanted = dimension.source_columns().chain(bands).map(|column| &column.name);
    check_columns(written, wanted, &["load", "dimension", "dimension"], faults);
    check_columns(
        written,
        load.effective_at.iter(),
        &["load", "dimension", "effective_at"],
        faults,
    );
}

/// What rows say of deletions is an expression, and means the same as that a member is missing.
fn deletes(written: &Written, load: &DimensionLoad, faults: &mut Faults) {
    let path = |key| ["load", "dimension", key];
    let Some(condition) = &load.delete_when else {
        if load.on_delete != OnDelete::Close {
            let message = "`on_delete` says what `delete_when` means, which is not there";
            faults.push(written.fault(&path("on_delete"), message));
        }
        return;
    };
    if let Err(error) = check_expression(condition) {
        faults.push(written.fault(&path("delete_when"), error.to_string()));
    }
    let one_way = match load.missing {
        Missing::Keep => true,
        Missing::Close => load.on_delete != OnDelete::Hard,
        Missing::Hard => load.on_delete == OnDelete::Hard,
    };
    if !one_way {
        let message = "`on_delete` and `missing` cannot be of different minds: one closes members, \
                       the other deletes them";
        faults.push(written.fault(&path("on_delete"), message));
    }
}

fn fact(written: &Written, load: &FactLoad, model: &Model, faults: &mut Faults) {
    let Some(fact) = model.fact(&load.fact) else {
        let names = model.facts.iter().map(|fact| fact.name.as_str());
        let message = format!("there is no fact `{}`", load.fact);
        let fault = written.fault(&["load", "fact", "fact"], message);
        return faults.push(fault.suggest(&load.fact, names));
    };
    keys(written, load, fact, model, faults);
    if load.mode == FactMode::Upsert && fact.key.is_empty() {
        let message = format!("`mode: upsert` needs the fact `{}` to have a key", fact.name);
        faults.push(written.fault(&["load", "fact", "mode"], message));
    }
    if load.mode == FactMode::Upsert {
        for role in fact.roles.iter().filter(|role| fact.key.contains(&role.key_column())) {
            let loaded = |d: &&Dimension| d.kind == DimensionKind::Loaded;
            let Some(dimension) = model.dimension(&role.dimension).filter(loaded) else { continue };
            let natural: Vec<&str> =
                dimension.natural_key.iter().map(|column| column.name.as_str()).collect();
            let message = format!(
                "`mode: upsert` finds rows by the fact's key, and `{}` is another one when the \
                 member gets a new version or is known at last",
                role.key_column()
            );
            let hint = format!(
                "keep the natural key ({}) in `degenerate` of the fact, and use that in its `key`",
                natural.join(", ")
            );
            faults.push(written.fault(&["load", "fact", "mode"], message).hint(hint));
        }
    }
    if load.mode == FactMode::OverwritePartitions && fact.partition_column().is_none() {
        let message = format!("the fact `{}` has no partitions to overwrite", fact.name);
        let hint = "`partition_by_month_of` in the fact makes it have some";
        faults.push(written.fault(&["load", "fact", "mode"], message).hint(hint));
    }
    if let Some(condition) = &load.delete_when {
        let path = ["load", "fact", "delete_when"];
        if load.mode != FactMode::Upsert {
            faults.push(written.fault(&path, "`delete_when` goes with `mode: upsert` only"));
        }
        if let Err(error) = check_expression(condition) {
            faults.push(written.fault(&path, error.to_string()));
        }
    }
    let own = fact.source_columns().map(|column| &column.name);
    check_columns(written, own, &["load", "fact", "fact"], faults);
    check_columns(written, [&load.event_at].into_iter(), &["load", "fact", "event_at"], faults);
    for (role, columns) in &load.keys {
        check_columns(written, columns.iter(), &["load", "fact", "keys", role], faults);
    }
}

/// Every role has as many columns as its dimension's natural key, and no other role is named.
fn keys(written: &Written, load: &FactLoad, fact: &Fact, model: &Model, faults: &mut Faults) {
    let roles = || fact.roles.iter().map(|role| role.role.as_str());
    for role in load.keys.keys().filter(|name| fact.role(name).is_none()) {
        let message = format!("the fact `{}` has no role `{role}`", fact.name);
        let fault: Fault = written.fault(&["load", "fact", "keys", role], message);
        faults.push(fault.suggest(role, roles()));
    }
    for role in &fact.roles {
        let path = ["load", "fact", "keys", role.role.as_str()];
        let dimension = model.dimension(&role.dimension);
        let is_junk = dimension.is_some_and(|dimension| dimension.kind == DimensionKind::Junk);
        let Some(columns) = load.keys.get(&role.role) else {
            // Flags are in columns of their own names; bands are the member's whose they are.
            if is_junk {
                let flags = dimension.into_iter().flat_map(Dimension::described_columns);
                let flags = flags.map(|flag| &flag.name);
                check_columns(written, flags, &["load", "fact", "keys"], faults);
            } else if role.of.is_none() {
                let message =
                    format!("the role `{}` has no columns for its natural key", role.role);
                faults.push(written.fault(&path, message));
            }
            continue;
        };
        if let Some(of) = &role.of {
            let message = format!("the role `{}` is found by the member of `{of}`", role.role);
            faults.push(written.fault(&path, message).hint("leave it out"));
            continue;
        }
        let Some(dimension) = dimension else { continue };
        let names = dimension.identifying_columns();
        let names: Vec<&str> = names.iter().map(|column| column.name.as_str()).collect();
        if columns.len() != names.len() {
            let message = format!(
                "the role `{}` needs {} for the {} of `{}` ({}), got {}",
                role.role,
                counted(names.len() as u64, "column", "columns"),
                if is_junk { "attributes" } else { "natural key" },
                dimension.name,
                names.join(", "),
                columns.len(),
            );
            faults.push(written.fault(&path, message));
        }
    }
}
