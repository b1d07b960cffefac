//! Files with rows of a person, written anew; and what is found of one in tables.

use super::person::Person;
use super::rules::{Rule, is_one_of, rule, texts as text_columns};
use super::{Left, Request, Rows};
use crate::engine::Session;
use crate::error::Result;
use crate::etl::load::{quoted, stage as staging};
use crate::etl::{rows as answers, upstream};
use crate::policy::Principal;
use crate::store::{Change, DataFile, Load, Release, Replaced, TableSpec, TableState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One file's rows.
const FILE: &str = "rows_of_file";

/// Writes every file anew that has rows of the person, once for all releases that name it.
pub(super) async fn files(
    request: &Request<'_>,
    releases: &[Arc<Release>],
    person: &Person,
    load: &Load,
) -> Result<Replaced> {
    let salt = uuid::Uuid::new_v4().to_string();
    let mut replaced = Replaced::new();
    let mut looked: BTreeSet<(String, String)> = BTreeSet::new();
    // The latest first: its columns are the widest.
    for release in releases.iter().rev() {
        for (name, table) in &release.tables {
            let Some(rule) = rule_of(request, name, table, person, &salt)? else { continue };
            request.progress.loading("erase", name);
            for file in &table.files {
                let place = (name.clone(), file.path.clone());
                if !looked.insert(place.clone()) {
                    continue;
                }
                let session = one_file(request, release, table, file);
                if count(&session, FILE, &rule.of).await? > 0 {
                    replaced.insert(place, anew(load, &session, name, table, &rule).await?);
                }
            }
        }
    }
    Ok(replaced)
}

/// Says what becomes of the latest release's tables; whether anything does.
pub(super) fn stage(load: &mut Load, latest: &Release, replaced: &Replaced) -> Result<bool> {
    let mut by_table: BTreeMap<&str, (Vec<String>, Vec<DataFile>)> = BTreeMap::new();
    for ((name, path), files) in replaced {
        let is_there = |table: &TableState| table.files.iter().any(|file| file.path == *path);
        if latest.tables.get(name).is_some_and(is_there) {
            let (remove, add) = by_table.entry(name).or_default();
            remove.push(path.clone());
            add.extend(files.iter().cloned());
        }
    }
    let is_any = !by_table.is_empty();
    for (name, (remove, add)) in by_table {
        let Some(table) = latest.tables.get(name) else { continue };
        load.stage(spec(name, table), Change::Exchange { remove, add })?;
    }
    // That rows are gone is no news to jobs: they would only bring them back.
    let preview = load.preview();
    for name in latest.tables.keys() {
        for (job, input, value) in upstream::follow_files(latest, &preview, name) {
            load.set_inputs(&job, &input, vec![value]);
        }
    }
    Ok(is_any)
}

/// The rows of the person, by release and table.
pub(super) async fn rows(
    request: &Request<'_>,
    releases: &[Arc<Release>],
    person: &Person,
) -> Result<Vec<Rows>> {
    let mut found = Vec::new();
    for release in releases {
        for (name, table) in &release.tables {
            let Some(rule) = rule_of(request, name, table, person, "")? else { continue };
            let session = request.engine.load_session(
                Principal::pipeline(),
                Arc::clone(release),
                vec![(FILE.to_owned(), table.clone())],
                None,
            );
            let rows = count(&session, FILE, &rule.of).await?;
            if rows > 0 {
                let leave = rule.set.is_empty();
                found.push(Rows { release: release.id, table: name.clone(), rows, leave });
            }
        }
    }
    Ok(found)
}

/// Texts of the person in the tables' columns; in those that no rule is about, or in all.
pub(super) async fn texts(
    request: &Request<'_>,
    releases: &[Arc<Release>],
    person: &Person,
    only_others: bool,
) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    if person.texts.is_empty() {
        return Ok(left);
    }
    for release in releases {
        for (name, table) in &release.tables {
            let is_ruled = rule_of(request, name, table, person, "")?.is_some();
            // Aggregates of older releases go; the latest one's are built anew.
            if only_others && (is_ruled || name.starts_with("agg_")) {
                continue;
            }
            let session = request.engine.load_session(
                Principal::pipeline(),
                Arc::clone(release),
                vec![(FILE.to_owned(), table.clone())],
                None,
            );
            for column in text_columns(&table.columns) {
                let count = count(&session, FILE, &is_one_of(column, person)).await?;
                if count > 0 {
                    let place = format!("release {}: {name}.{}", release.id, column.name);
                    left.push(Left { place, count });
                }
            }
        }
    }
    Ok(left)
}

fn rule_of(
    request: &Request<'_>,
    name: &str,
    table: &TableState,
    person: &Person,
    salt: &str,
) -> Result<Option<Rule>> {
    let model = request.engine.model();
    let dimension = request.who.dimension(model)?;
    if person.keys.is_empty() && person.texts.is_empty() {
        return Ok(None);
    }
    Ok(rule(name, table, model, dimension, request.who, person, salt))
}

/// A session that sees the rows of one file.
fn one_file(
    request: &Request<'_>,
    release: &Arc<Release>,
    table: &TableState,
    file: &DataFile,
) -> Session {
    let only = staging::only(table, std::slice::from_ref(file));
    let staged = vec![(FILE.to_owned(), only)];
    request.engine.load_session(Principal::pipeline(), Arc::clone(release), staged, None)
}

async fn count(session: &Session, from: &str, of: &str) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM {from} WHERE {of}");
    Ok(answers::counts(session, &sql).await?.first().copied().unwrap_or(0))
}

/// Writes the rows of a file as the rule says, in the table's order.
async fn anew(
    load: &Load,
    session: &Session,
    name: &str,
    table: &TableState,
    rule: &Rule,
) -> Result<Vec<DataFile>> {
    let columns = table.columns.iter().map(|column| match rule.set.get(&column.name) {
        Some(value) => format!("{value} AS {}", quoted(&column.name)),
        None => quoted(&column.name),
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let stays = match rule.set.is_empty() {
        true => format!(" WHERE NOT ({})", rule.of),
        false => String::new(),
    };
    let order = match table.sort_by.as_slice() {
        [] => String::new(),
        by => {
            let by: Vec<String> =
                by.iter().map(|name| format!("{} ASC NULLS LAST", quoted(name))).collect();
            format!(" ORDER BY {}", by.join(", "))
        }
    };
    let sql = format!("SELECT * FROM (SELECT {columns} FROM {FILE}{stays}) AS r{order}");
    let rows = answers::stream_sql(session, &sql, &table.columns).await?;
    load.write(&spec(name, table), rows).await
}

fn spec(name: &str, table: &TableState) -> TableSpec {
    TableSpec {
        name: name.to_owned(),
        description: String::new(),
        columns: table.columns.clone(),
        partition_by: table.partition_by.clone(),
        sort_by: table.sort_by.clone(),
    }
}
