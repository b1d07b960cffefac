//! Facts follow late changes: a row whose version has lost the row's moment to another version is
//! given that one, in the release that brings the change.
//!
//! Only partitions that hold such a row are written anew. When a row happened must stand in the
//! fact: in a column, or as the day of a calendar role ([`Moment`]).

use super::clustered::Clustered;
use super::fact_sql::{self, in_partition, list, quoted};
use super::fact_table::{check_rows, count, known, spec, stored_columns};
use super::scd::Lost;
use super::stage;
use crate::engine::{Engine, Session};
use crate::error::{Error, Result};
use crate::etl::job::{FactLoad, Job, LoadSpec};
use crate::etl::{rows, transform};
use crate::ids::SurrogateKey;
use crate::model::{
    Column, ColumnType, Dimension, DimensionKind, Fact, FactRole, Model, arrow_schema,
};
use crate::store::{Change, DataFile, Load, TableState};
use arrow::array::{ArrayRef, AsArray, Int32Array, TimestampMicrosecondArray};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The fact as it stands.
const OLD: &str = "rows_old";

/// Where a fact's rows say when they happened, as far as looking up versions goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moment {
    /// In a column of their own.
    Column(String),
    /// In the key of a calendar role: midnight of that day.
    Day(String),
}

impl Moment {
    /// The moment at which all jobs that load a fact look versions up; none where the fact does
    /// not hold it, or jobs do not agree.
    pub(crate) fn of<'a>(
        fact: &Fact,
        model: &Model,
        jobs: impl Iterator<Item = &'a Job>,
    ) -> Option<Self> {
        let mut loads = jobs.filter_map(|job| match &job.load {
            LoadSpec::Fact(load) if load.fact == fact.name => Some(load),
            _ => None,
        });
        let first = Self::of_load(fact, model, loads.next()?)?;
        loads.all(|load| Self::of_load(fact, model, load).as_ref() == Some(&first)).then_some(first)
    }

    fn of_load(fact: &Fact, model: &Model, load: &FactLoad) -> Option<Self> {
        if fact.source_columns().any(|column| column.name == load.event_at) {
            return Some(Self::Column(load.event_at.clone()));
        }
        let is_calendar = |role: &&FactRole| {
            let dimension = model.dimension(&role.dimension);
            dimension.is_some_and(|d| matches!(d.kind, DimensionKind::Calendar(_)))
        };
        let is_event = |role: &&FactRole| {
            load.keys.get(&role.role).is_some_and(|from| *from == [load.event_at.as_str()])
        };
        let role = fact.roles.iter().filter(is_calendar).find(is_event)?;
        Some(Self::Day(role.key_column()))
    }

    /// The moment of a row `f`, as SQL; NULL where the row does not say it.
    fn sql(&self) -> String {
        let moment = match self {
            Self::Column(name) => format!("f.{}", quoted(name)),
            Self::Day(key) => {
                let key = format!("f.{}", quoted(key));
                format!(
                    "CASE WHEN {key} > 0 THEN make_date({key} / 10000, {key} / 100 % 100, {key} % 100) END"
                )
            }
        };
        fact_sql::as_moment(&moment)
    }

    /// A condition that rows before a moment do not meet, in terms that files have statistics of.
    fn not_before(&self, moment_us: i64) -> String {
        let Self::Day(key) = self else {
            return format!("{} >= {}", self.sql(), fact_sql::moment(moment_us));
        };
        let day = chrono::DateTime::from_timestamp_micros(moment_us).unwrap_or_default();
        format!("f.{} >= {}", quoted(key), day.format("%Y%m%d"))
    }
}

/// What became of a fact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repointed {
    /// Rows that were given another version, by role.
    pub(crate) rows: BTreeMap<String, u64>,
    /// Rows written, those beside them in their partitions included.
    pub(crate) rows_written: u64,
    /// Partitions written anew; 1 of a fact without.
    pub(crate) partitions: usize,
    /// Rows of versions that lost time, whose day is outside the calendar: they stay as they are.
    pub(crate) without_day: u64,
}

/// A role of the fact whose dimension has versions that lost time; or whose members have other bands
/// of a mini-dimension than they had.
struct Role<'a> {
    role: &'a FactRole,
    dimension: &'a Dimension,
    /// Of a mini-dimension: the role of the member, and when it had which bands.
    bands: Option<(&'a FactRole, Bands<'a>)>,
    lost: TableState,
    /// The first moment that any version lost.
    first_us: i64,
}

/// What says when members had which bands.
struct Bands<'a> {
    member: &'a Dimension,
    history: Dimension,
}

impl Role<'_> {
    fn staged(&self) -> String {
        format!("lost_by_{}", self.role.role)
    }

    /// The column of the fact that says whose time was lost.
    fn via(&self) -> String {
        self.bands.as_ref().map_or(self.role, |(member, _)| member).key_column()
    }

    /// What the keys in that column were, and what is valid now, since when: as SQL.
    fn versions(&self) -> String {
        let lost = quoted(&self.staged());
        let key = quoted(&self.dimension.key_column());
        let Some((_, Bands { member, history })) = &self.bands else {
            let (durable, table) = (self.dimension.durable_key_column(), self.dimension.table());
            let (durable, table) = (quoted(&durable), quoted(&table));
            return format!(
                "SELECT w.{key} AS was, m.{key} AS version, m.valid_from, m.valid_to \
                 FROM warehouse.{table} AS w JOIN warehouse.{table} AS m \
                 ON m.{durable} = w.{durable} WHERE w.{key} IN (SELECT version FROM {lost})"
            );
        };
        let own = quoted(&member.key_column());
        let natural: Vec<String> = member.natural_key.iter().map(|key| key.name.clone()).collect();
        format!(
            "SELECT w.{own} AS was, m.{key} AS version, m.valid_from, m.valid_to \
             FROM warehouse.{} AS w JOIN warehouse.{} AS m ON {} \
             WHERE w.{own} IN (SELECT version FROM {lost})",
            quoted(&member.table()),
            quoted(&history.table()),
            fact_sql::equal("m", "w", &natural),
        )
    }

    /// The tables that the role's SQL joins: the versions that lost time (`l`), and the versions of
    /// the same members as they are now (`n`).
    fn joins(&self, moment: &str) -> String {
        let (lost, versions) = (quoted(&self.staged()), self.versions());
        let (l, n, via) = (self.alias("l"), self.alias("n"), quoted(&self.via()));
        format!(
            "LEFT JOIN (SELECT DISTINCT version FROM {lost}) AS {l} ON f.{via} = {l}.version \
             LEFT JOIN ({versions}) AS {n} \
             ON f.{via} = {n}.was AND {moment} >= {n}.valid_from AND {moment} < {n}.valid_to"
        )
    }

    /// The key of the version that is valid now at the row's moment.
    fn key(&self, moment: &str) -> String {
        let (l, n, own) = (self.alias("l"), self.alias("n"), quoted(&self.role.key_column()));
        let unknown = SurrogateKey::UNKNOWN.0;
        format!(
            "CAST(CASE WHEN {l}.version IS NULL OR {moment} IS NULL THEN f.{own} \
             ELSE coalesce({n}.version, {unknown}) END AS INT) AS {own}"
        )
    }

    fn alias(&self, of: &str) -> String {
        quoted(&format!("{of}_{}", self.role.role))
    }
}

/// Gives a fact's rows the versions that are valid at their moments, where versions of these
/// dimensions have lost time.
///
/// # Errors
/// What stops reading or writing; internal errors where rows would be lost.
pub(crate) async fn repoint(
    engine: &Engine,
    load: &mut Load,
    fact: &Fact,
    moment: &Moment,
    lost: &BTreeMap<String, Vec<Lost>>,
) -> Result<Repointed> {
    let preview = load.preview();
    let Some(before) = preview.tables.get(&fact.table()) else { return Ok(Repointed::default()) };
    let spec = spec(fact);
    stage::check_partitions(before, &spec)?;
    stage::check_columns(before, &spec)?;
    let roles = roles(engine.model(), load, fact, lost).await?;
    let mut done = Repointed::default();
    let mut partitions: BTreeSet<Option<i32>> = BTreeSet::new();
    for role in &roles {
        let session = session(engine, load, before, std::slice::from_ref(role));
        for (partition, rows) in affected(&session, fact, moment, role).await? {
            *done.rows.entry(role.role.role.clone()).or_default() += rows;
            partitions.insert(partition);
        }
        done.without_day += without_day(&session, before, moment, role).await?;
    }
    if partitions.is_empty() {
        return Ok(done);
    }
    let is_old = |file: &&DataFile| partitions.contains(&file.partition);
    let old: Vec<DataFile> = before.files.iter().filter(is_old).cloned().collect();
    let files = rewrite(engine, load, fact, moment, &roles, &stage::only(before, &old)).await?;
    check_rows(fact, count(&old), count(&files))?;
    done.rows_written = count(&files);
    done.partitions = partitions.len();
    let remove = old.into_iter().map(|file| file.path).collect();
    load.stage(spec, Change::Exchange { remove, add: files })?;
    for role in &roles {
        load.depends_on(&role.dimension.table());
        if let Some((_, Bands { member, history })) = &role.bands {
            load.depends_on(&member.table());
            load.depends_on(&history.table());
        }
    }
    Ok(done)
}

/// The fact's roles that dimensions with lost time play.
async fn roles<'a>(
    model: &'a Model,
    load: &Load,
    fact: &'a Fact,
    lost: &BTreeMap<String, Vec<Lost>>,
) -> Result<Vec<Role<'a>>> {
    let mut roles = Vec::new();
    for role in &fact.roles {
        let dimension = model.dimension(&role.dimension);
        let Some((lost, dimension)) = lost.get(&role.dimension).zip(dimension) else { continue };
        let Some(first_us) = lost.iter().map(|lost| lost.from_us).min() else { continue };
        let lost = staged(load, lost).await?;
        let bands = bands(model, fact, role, dimension);
        roles.push(Role { role, dimension, bands, lost, first_us });
    }
    Ok(roles)
}

/// Whose bands a role of a mini-dimension has, and what says when they had which.
fn bands<'a>(
    model: &'a Model,
    fact: &'a Fact,
    role: &FactRole,
    mini: &Dimension,
) -> Option<(&'a FactRole, Bands<'a>)> {
    let of = fact.role(role.of.as_ref()?)?;
    let (member, history) = (model.dimension(&of.dimension)?, model.band_history(mini)?);
    Some((of, Bands { member, history }))
}

/// Stages the lost time as a table.
async fn staged(load: &Load, lost: &[Lost]) -> Result<TableState> {
    let columns = vec![
        Column::new("version", ColumnType::Int32, false),
        Column::new("lost_from", ColumnType::Timestamp, false),
        Column::new("lost_to", ColumnType::Timestamp, false),
    ];
    let times = |of: fn(&Lost) -> i64| -> ArrayRef {
        let times = TimestampMicrosecondArray::from_iter_values(lost.iter().map(of));
        Arc::new(times.with_timezone("UTC"))
    };
    let keys = Int32Array::from_iter_values(lost.iter().map(|lost| lost.key));
    let arrays = vec![Arc::new(keys) as ArrayRef, times(|l| l.from_us), times(|l| l.to_us)];
    let batch = RecordBatch::try_new(arrow_schema(&columns), arrays)
        .map_err(|error| Error::internal("lost time is no table").caused_by(error))?;
    let rows = rows::in_batches(&batch, &columns)?;
    load.write_staged("versions_that_lost_time", columns, rows).await
}

fn session(engine: &Engine, load: &Load, old: &TableState, roles: &[Role<'_>]) -> Session {
    let lost = roles.iter().map(|role| (role.staged(), role.lost.clone()));
    let tables = lost.chain([(OLD.to_owned(), old.clone())]).collect();
    transform::session(engine, load.preview(), tables)
}

/// The partitions that hold rows in lost time, and how many.
async fn affected(
    session: &Session,
    fact: &Fact,
    moment: &Moment,
    role: &Role<'_>,
) -> Result<Vec<(Option<i32>, u64)>> {
    let partition = match fact.partition_column() {
        Some(column) => format!("f.{}", quoted(column)),
        None => "CAST(0 AS INT)".to_owned(),
    };
    let (at, key) = (moment.sql(), quoted(&role.via()));
    let sql = format!(
        "SELECT {partition} AS partition, count(*) AS rows FROM {OLD} AS f LEFT SEMI JOIN {} AS l \
         ON f.{key} = l.version AND {at} >= l.lost_from AND {at} < l.lost_to \
         WHERE {} GROUP BY {partition}",
        quoted(&role.staged()),
        moment.not_before(role.first_us),
    );
    let answer = rows::answer(session, &sql).await?;
    let wrong = || Error::internal("partitions with lost time did not answer with numbers");
    let partitions = answer.column(0).as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
    let counts = answer.column(1).as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    let pairs = partitions.values().iter().zip(counts.values());
    let found = pairs.map(|(partition, rows)| {
        (fact.partition_column().map(|_| *partition), rows.unsigned_abs())
    });
    Ok(found.collect())
}

/// How many rows of versions that lost time had a day that their calendar does not have.
async fn without_day(
    session: &Session,
    table: &TableState,
    moment: &Moment,
    role: &Role<'_>,
) -> Result<u64> {
    let Moment::Day(day) = moment else { return Ok(0) };
    if known(day, &table.files) {
        return Ok(0);
    }
    let sql = format!(
        "SELECT count(*) FROM {OLD} AS f LEFT SEMI JOIN {} AS l ON f.{} = l.version \
         WHERE f.{} = {}",
        quoted(&role.staged()),
        quoted(&role.via()),
        quoted(day),
        SurrogateKey::UNKNOWN.0,
    );
    Ok(rows::counts(session, &sql).await?.into_iter().sum())
}

/// Writes whole partitions with the versions that are valid now.
async fn rewrite(
    engine: &Engine,
    load: &Load,
    fact: &Fact,
    moment: &Moment,
    roles: &[Role<'_>],
    old: &TableState,
) -> Result<Vec<DataFile>> {
    let old = stage::as_specified(old, &spec(fact));
    let at = moment.sql();
    let columns = stored_columns(fact).into_iter().map(|column| {
        let role = roles.iter().find(|role| role.role.key_column() == column.name);
        role.map_or_else(|| list("f.", [&column.name]), |role| role.key(&at))
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let joins = roles.iter().map(|role| role.joins(&at)).collect::<Vec<_>>().join(" ");
    let rows = |partition| {
        let here = in_partition(fact, "f.", partition);
        format!("SELECT {columns} FROM {OLD} AS f {joins} WHERE {here}")
    };
    let partitions: BTreeSet<Option<i32>> = old.files.iter().map(|file| file.partition).collect();
    let names: Vec<String> = roles.iter().map(Role::staged).collect();
    let lost = names.iter().map(String::as_str).zip(roles.iter().map(|role| &role.lost));
    let tables: Vec<(&str, &TableState)> = lost.chain([(OLD, &old)]).collect();
    Clustered { engine, load, fact, tables: &tables, rows }.write(partitions).await
}
