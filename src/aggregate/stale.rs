//! What a load has made stale: which aggregates, and of these which months.
//!
//! A month of a fact is stale where its files are others than before. What a dimension says of a
//! member that facts already point to may have changed as well (an overwritten attribute): then the
//! months of those facts are stale, in the aggregates that keep the attribute by value. New members
//! and versions are pointed to by new files only. Where files have only come, and nothing else is told
//! of members, states of their rows are all that is to be added.

use crate::engine::{Engine, Session, error_of, quoted};
use crate::error::{Error, Result};
use crate::model::{
    Aggregate, Cube, CubeColumn, Dimension, Fact, FactRole, MONTH_PARTITION, Model, View,
};
use crate::query::{
    AGGREGATE_DEFINITION, AGGREGATE_LEFT_OUT, Lattice, aggregate_sources, looked_into,
};
use crate::store::{DataFile, Input, Load, Release, TableState};
use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use futures::TryStreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A declared aggregate whose table is missing, or not of what its fact and dimensions are now.
#[derive(Debug, Clone)]
pub struct Stale<'a> {
    /// The cube that declares it.
    pub cube: &'a Cube,
    /// The aggregate.
    pub aggregate: &'a Aggregate,
}

/// How much of an aggregate must be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All of it, and why.
    Whole(&'static str),
    /// These months, as `yyyymm`.
    Months(BTreeSet<i32>),
    /// What the fact has got and had not before; in these months, where the aggregate knows them.
    Added(BTreeSet<i32>),
    /// Nothing: what has changed does not show in it.
    Nothing,
}

impl Extent {
    /// In words, as after the name of the table.
    pub fn in_words(&self) -> String {
        match self {
            Self::Whole(why) => format!("whole, {why}"),
            Self::Months(months) => in_months(months),
            Self::Added(months) if months.is_empty() => "what was added".to_owned(),
            Self::Added(months) => format!("what was added to {}", in_months(months)),
            Self::Nothing => "nothing".to_owned(),
        }
    }
}

fn in_months(months: &BTreeSet<i32>) -> String {
    match (months.first(), months.last(), months.len()) {
        (Some(month), _, 1) => format!("1 month, {month}"),
        (Some(first), Some(last), count) => format!("{count} months, {first} to {last}"),
        _ => "no month".to_owned(),
    }
}

impl Stale<'_> {
    /// The aggregate's table.
    pub fn table(&self) -> String {
        self.cube.aggregate_table(self.aggregate)
    }

    /// The fingerprint of the definition, as a release remembers it.
    pub(super) fn definition(&self, lattice: &Lattice) -> Input {
        let table = self.table();
        let fingerprint = lattice.fingerprint(&self.cube.name, &table).unwrap_or_default();
        Input {
            name: AGGREGATE_DEFINITION.to_owned(),
            size_bytes: 0,
            sha256: fingerprint.to_owned(),
        }
    }
}

/// The aggregates that a load must look at: those of what it has changed, those whose definition is
/// new, and those that are not there. One whose fact was never loaded waits for it, and one that could
/// not be computed for other rows. Each comes after those that it may be computed from.
pub fn stale<'a>(load: &Load, engine: &'a Engine) -> Vec<Stale<'a>> {
    let (base, now) = (load.base(), load.preview());
    let model = engine.model();
    let declared = model
        .cubes
        .iter()
        .flat_map(|cube| cube.aggregates.iter().map(move |aggregate| Stale { cube, aggregate }));
    let must = |stale: &Stale<'a>| {
        let sources = aggregate_sources(stale.cube, stale.aggregate, model);
        let changed = |table: &String| base.tables.get(table) != now.tables.get(table);
        sources.iter().all(|table| now.tables.contains_key(table))
            && (!(now.tables.contains_key(&stale.table())
                || left_out(base, stale, engine.lattice()).is_some())
                || sources.iter().any(changed)
                || !is_of_now(base, stale, engine.lattice()))
    };
    let mut stale: Vec<Stale<'a>> = declared.filter(must).collect();
    // What covers another keeps more roles as a whole, or as many and more columns.
    stale.sort_by_key(|stale| {
        let Aggregate { roles, columns, .. } = stale.aggregate;
        std::cmp::Reverse((roles.len(), columns.len()))
    });
    stale
}

/// Why a release does without an aggregate, if it could not be computed of its rows.
pub fn left_out<'r>(release: &'r Release, stale: &Stale<'_>, lattice: &Lattice) -> Option<&'r str> {
    let why = release.inputs.get(&stale.table())?.get(AGGREGATE_LEFT_OUT)?.first()?;
    (why.sha256 == stale.definition(lattice).sha256).then_some(&why.name)
}

/// Whether the table was built by the definition that the model has now.
pub(super) fn is_of_now(release: &Release, stale: &Stale<'_>, lattice: &Lattice) -> bool {
    let remembered = || release.inputs.get(&stale.table())?.get(AGGREGATE_DEFINITION)?.first();
    remembered() == Some(&stale.definition(lattice))
}

/// Why all of an aggregate must be computed, whatever has changed of what it is computed from.
pub fn why_whole(release: &Release, stale: &Stale<'_>, lattice: &Lattice) -> Option<&'static str> {
    match release.tables.contains_key(&stale.table()) {
        false if left_out(release, stale, lattice).is_some() => Some("it was left out before"),
        false => Some("it is new"),
        true if !is_of_now(release, stale, lattice) => Some("its definition has changed"),
        true => None,
    }
}

/// How much of a stale aggregate must be computed.
///
/// # Errors
/// What stops the questions to the warehouse.
pub(super) async fn extent(
    engine: &Engine,
    base: &Release,
    now: &Arc<Release>,
    stale: &Stale<'_>,
) -> Result<Extent> {
    let model = engine.model();
    if let Some(why) = why_whole(base, stale, engine.lattice()) {
        return Ok(Extent::Whole(why));
    }
    let before = base.tables.get(&stale.table());
    let before = before.ok_or_else(|| Error::internal("an aggregate's table is missing"))?;
    let fact = model
        .fact(&stale.aggregate.fact)
        .ok_or_else(|| Error::internal("an aggregate is of an unknown fact"))?;
    let table = fact.table();
    let (Some(was), Some(is)) = (base.tables.get(&table), now.tables.get(&table)) else {
        return Ok(Extent::Whole("its fact is new"));
    };
    let by_month = before.columns.iter().any(|column| column.name == MONTH_PARTITION);
    let (gone, come) = (beyond(was, is), beyond(is, was));
    if !gone.is_empty() && !by_month {
        return Ok(Extent::Whole("it does not keep months"));
    }
    let changed = partitions(gone.iter().chain(&come));
    let mut told_otherwise = BTreeSet::new();
    for (role, columns) in looked_into(stale.cube, stale.aggregate) {
        let Some((role, dimension)) = played(fact, role, model) else { continue };
        if base.tables.get(&dimension.table()) == now.tables.get(&dimension.table()) {
            continue;
        }
        let session = engine.load_session(
            crate::policy::Principal::pipeline(),
            Arc::clone(now),
            Vec::new(),
            None,
        );
        for (view, columns) in by_view(stale.cube, columns) {
            let told = Told { fact, role, dimension, view, columns, base };
            match by_month {
                true => told_otherwise.extend(told.months(&session).await?),
                false if told.is_other(&session).await? => {
                    return Ok(Extent::Whole("what it says of members has changed"));
                }
                false => {}
            }
        }
    }
    if gone.is_empty() && told_otherwise.is_empty() {
        return Ok(match come.is_empty() {
            true => Extent::Nothing,
            false => Extent::Added(if by_month { changed } else { BTreeSet::new() }),
        });
    }
    let months: BTreeSet<i32> = changed.union(&told_otherwise).copied().collect();
    let all = partitions(&is.files.iter().collect::<Vec<_>>());
    Ok(match all.len() > 1 && all.is_subset(&months) {
        true => Extent::Whole("all its months have changed"),
        false => Extent::Months(months),
    })
}

/// The files of a table that another state of it does not have.
pub(super) fn beyond<'t>(table: &'t TableState, other: &TableState) -> Vec<&'t DataFile> {
    let known: BTreeSet<&str> = other.files.iter().map(|file| file.path.as_str()).collect();
    table.files.iter().filter(|file| !known.contains(file.path.as_str())).collect()
}

fn partitions<'t>(files: impl IntoIterator<Item = &'t &'t DataFile>) -> BTreeSet<i32> {
    files.into_iter().filter_map(|file| file.partition).collect()
}

fn played<'a>(
    fact: &'a Fact,
    role: &str,
    model: &'a Model,
) -> Option<(&'a FactRole, &'a Dimension)> {
    let role = fact.role(role)?;
    Some((role, model.dimension(&role.dimension)?))
}

/// Columns of a dimension by the time of which they are shown: the facts' own, or another.
fn by_view<'a>(
    cube: &'a Cube,
    columns: Vec<&'a CubeColumn>,
) -> Vec<(Option<&'a View>, Vec<&'a CubeColumn>)> {
    let mut views: Vec<(Option<&View>, Vec<&CubeColumn>)> = Vec::new();
    for column in columns {
        let view = cube.view(&column.role);
        match views.iter_mut().find(|(known, _)| *known == view) {
            Some((_, columns)) => columns.push(column),
            None => views.push((view, vec![column])),
        }
    }
    views
}

/// What a dimension tells of members, and told before.
struct Told<'a> {
    fact: &'a Fact,
    role: &'a FactRole,
    dimension: &'a Dimension,
    /// As of which time; that of the facts where there is none.
    view: Option<&'a View>,
    columns: Vec<&'a CubeColumn>,
    base: &'a Release,
}

impl Told<'_> {
    /// The months of facts that point to members of which something else is told now.
    async fn months(&self, session: &Session) -> Result<BTreeSet<i32>> {
        let (month, key) = (quoted(MONTH_PARTITION), quoted(&self.role.key_column()));
        let (fact, members) = (quoted(&self.fact.table()), self.others());
        let sql = format!(
            "SELECT DISTINCT f.{month} FROM warehouse.{fact} AS f WHERE f.{key} IN ({members})"
        );
        let rows: Vec<_> =
            session.plan_sql(&sql).await?.execute().await?.try_collect().await.map_err(error_of)?;
        let months = rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int32Type>());
        Ok(months.flatten().collect())
    }

    /// Whether something else is told of any member.
    async fn is_other(&self, session: &Session) -> Result<bool> {
        let sql = format!("SELECT count(*) FROM ({})", self.others());
        let rows: Vec<_> =
            session.plan_sql(&sql).await?.execute().await?.try_collect().await.map_err(error_of)?;
        let count = rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>());
        Ok(count.flatten().any(|count| count > 0))
    }

    /// The question for the keys of members of which something else is told.
    fn others(&self) -> String {
        let key = quoted(&self.dimension.key_column());
        let (now, before) =
            (self.shown(""), self.shown(&format!("VERSION AS OF {}", self.base.id)));
        let differs = self.columns.iter().map(|column| {
            let name = quoted(&column.column.name);
            format!("(n.{name} IS DISTINCT FROM o.{name})")
        });
        let differs = differs.collect::<Vec<_>>().join(" OR ");
        format!(
            "SELECT n.{key} FROM {now} AS n JOIN {before} AS o ON n.{key} = o.{key} WHERE {differs}"
        )
    }

    /// The dimension as it is shown for the keys of facts, of a release.
    fn shown(&self, release: &str) -> String {
        let table = format!("warehouse.{} {release}", quoted(&self.dimension.table()));
        let Some(view) = self.view else { return table };
        let key = quoted(&self.dimension.key_column());
        let durable = quoted(&self.dimension.durable_key_column());
        let columns = self.columns.iter().map(|column| quoted(&column.column.name));
        let columns: BTreeSet<String> = columns.map(|name| format!("s.{name}")).collect();
        let columns: Vec<String> = columns.into_iter().collect();
        let then = match view.day {
            None => "s.is_current".to_owned(),
            Some(day) => {
                let moment = format!(
                    "arrow_cast('{day}T00:00:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))')"
                );
                format!("s.valid_from <= {moment} AND s.valid_to > {moment}")
            }
        };
        format!(
            "(SELECT v.{key}, {} FROM {table} AS v LEFT JOIN {table} AS s \
             ON v.{durable} = s.{durable} AND {then})",
            columns.join(", ")
        )
    }
}
