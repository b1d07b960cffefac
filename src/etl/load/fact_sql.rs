//! The SQL of fact loading, as text: pure, so that it can be read and tested.

use super::Window;
use crate::error::{Error, Result};
use crate::etl::fit::Wanted;
use crate::etl::job::FactLoad;
use crate::ids::SurrogateKey;
use crate::model::{
    Calendar, Column, ColumnType, Dimension, DimensionKind, Fact, FactRole, Lag, Model, TimeOfDay,
};

/// The rows of the job on their way: the fact's own columns, natural keys, the event's moment.
pub(super) const ROWS: &str = "rows_to_load";
/// Those rows with their surrogate keys, staged, seen as a table.
pub(super) const KEYED: &str = "rows_keyed";
/// Rows that were written, seen as a table.
pub(super) const WRITTEN: &str = "rows_written";
/// The moment at which dimension versions are looked up, among those rows.
pub(super) const EVENT: &str = "__event_at";
/// Whether a row deletes the row with its key.
pub(super) const DELETE: &str = "__delete";

/// A name in SQL, whatever characters it has.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names in SQL, each after a prefix such as `f.`.
pub(super) fn list<'a>(prefix: &str, names: impl IntoIterator<Item = &'a String>) -> String {
    let names = names.into_iter().map(|name| format!("{prefix}{}", quoted(name)));
    names.collect::<Vec<_>>().join(", ")
}

/// `a.k1 = b.k1 AND a.k2 = b.k2`
pub(super) fn equal(a: &str, b: &str, names: &[String]) -> String {
    let pairs = names.iter().map(|name| format!("{a}.{0} = {b}.{0}", quoted(name)));
    pairs.collect::<Vec<_>>().join(" AND ")
}

/// The type of moments.
const MOMENT: &str = "'Timestamp(Microsecond, Some(\"UTC\"))'";

/// An expression as a moment.
pub(super) fn as_moment(expression: &str) -> String {
    format!("arrow_cast({expression}, {MOMENT})")
}

/// A moment, in microseconds since 1970.
pub(super) fn moment(moment_us: i64) -> String {
    let moment = chrono::DateTime::from_timestamp_micros(moment_us).unwrap_or_default();
    as_moment(&format!("'{}'", moment.format("%Y-%m-%dT%H:%M:%S%.6fZ")))
}

/// The condition of rows whose column is in a span of time.
pub(super) fn within(column: &str, window: Window) -> String {
    let at = as_moment(&quoted(column));
    let [from, to] = [window.from, window.to].map(|at| moment(at.timestamp_micros()));
    format!("{at} >= {from} AND {at} < {to}")
}

/// The columns of the rows that tell the fact's rows apart: its key, with natural keys in
/// place of surrogate ones. Two members whom nobody knows are two.
pub(super) fn natural_key(fact: &Fact, model: &Model) -> Result<Vec<String>> {
    let mut columns = Vec::new();
    for name in &fact.key {
        match fact.roles.iter().find(|role| role.key_column() == *name) {
            Some(role) => {
                let keys = dimension(model, role)?.natural_key.len();
                columns.extend((0..keys).map(|position| key_name(role, position)));
            }
            None => columns.push(name.clone()),
        }
    }
    Ok(columns)
}

/// The natural key column of a role, by position, among the rows.
pub(super) fn key_name(role: &FactRole, position: usize) -> String {
    format!("__{}_{position}", role.role)
}

/// The columns that a job's rows are fitted to, and where each comes from.
pub(super) fn staged_columns(fact: &Fact, load: &FactLoad, model: &Model) -> Result<Vec<Wanted>> {
    let mut wanted: Vec<Wanted> = fact.source_columns().map(Wanted::same).collect();
    for own in &mut wanted {
        // What identifies a row is never NULL: NULL equals nothing, not even itself.
        own.column.nullable &= !fact.key.contains(&own.column.name);
    }
    for role in &fact.roles {
        let dimension = dimension(model, role)?;
        let from = load.keys.get(&role.role).map(Vec::as_slice).unwrap_or_default();
        if dimension.kind == DimensionKind::Junk {
            wanted.extend(flags(role, dimension, from));
        }
        for (position, (key, from)) in dimension.natural_key.iter().zip(from).enumerate() {
            // The time of day is that of a moment.
            let ty = match dimension.kind {
                DimensionKind::TimeOfDay(_) => ColumnType::Timestamp,
                _ => key.ty,
            };
            let column = Column::new(key_name(role, position), ty, true);
            let day_in = match &dimension.kind {
                DimensionKind::Calendar(calendar) => calendar.time_zone.clone(),
                DimensionKind::TimeOfDay(_)
                | DimensionKind::Loaded
                | DimensionKind::Junk
                | DimensionKind::MiniOf(_)
                | DimensionKind::LevelOf(_) => None,
            };
            wanted.push(Wanted { day_in, ..Wanted::of(from.clone(), column) });
        }
    }
    let event = Column::new(EVENT, ColumnType::Timestamp, true);
    wanted.push(Wanted::of(load.event_at.clone(), event));
    if load.delete_when.is_some() {
        let delete = Column::new(DELETE, ColumnType::Boolean, true);
        wanted.push(Wanted::of(DELETE.to_owned(), delete));
    }
    Ok(wanted)
}

/// The flags of a junk dimension: the columns of the rows that the job names, those of their own names
/// where it names none.
fn flags(role: &FactRole, dimension: &Dimension, from: &[String]) -> Vec<Wanted> {
    let flags = dimension.described_columns().enumerate();
    let wanted = flags.map(|(position, flag)| {
        let from = from.get(position).unwrap_or(&flag.name).clone();
        Wanted::of(from, Column::new(key_name(role, position), flag.ty, flag.nullable))
    });
    wanted.collect()
}

/// Gives the rows (`r`) their surrogate keys: one look-up a role, at the moment of the event. The
/// fact's stored columns come out, then `more`.
pub(super) fn look_up(fact: &Fact, model: &Model, more: &[String]) -> Result<String> {
    let mut keys = Vec::new();
    let mut joins = Vec::new();
    for role in &fact.roles {
        let dimension = dimension(model, role)?;
        let key = match &dimension.kind {
            DimensionKind::Calendar(calendar) => day_key(role, calendar),
            DimensionKind::TimeOfDay(times) => time_key(role, times),
            DimensionKind::Loaded => {
                joins.push(join(role, dimension));
                member_key(role, dimension)
            }
            DimensionKind::LevelOf(_) => {
                joins.push(join_level(role, dimension));
                member_key(role, dimension)
            }
            DimensionKind::Junk => {
                joins.push(join_combined("r", role, dimension));
                let unknown = SurrogateKey::UNKNOWN.0;
                format!("CAST(coalesce({}, {unknown}) AS INT)", combined_key(role))
            }
            DimensionKind::MiniOf(_) => {
                let (member, history) = bands(fact, model, role, dimension)?;
                joins.push(join_bands(role, member, &history));
                member_or_none(member, &history, &alias(role), &dimension.key_column())
            }
        };
        keys.push(format!("{key} AS {}", quoted(&role.key_column())));
    }
    let own = fact.degenerate.iter().chain(&fact.columns).map(|column| {
        let lag = fact.lags.iter().find(|lag| lag.name == column.name);
        lag.map_or_else(|| format!("r.{}", quoted(&column.name)), |lag| days_between(fact, lag))
    });
    let columns: Vec<String> = keys.into_iter().chain(own).chain(more.iter().cloned()).collect();
    let keyed = format!("SELECT {} FROM {ROWS} AS r {}", columns.join(", "), joins.join(" "));
    Ok(match (&fact.partition_by_month_of, fact.partition_column()) {
        (Some(role), Some(partition)) => {
            let day = fact.role(role).map(FactRole::key_column).unwrap_or_default();
            // Keys of days are yyyymmdd; unknown and not applicable fall into month 0.
            let month = format!("CAST({} / 100 AS INT)", quoted(&day));
            format!("SELECT *, {month} AS {} FROM ({keyed}) AS keyed", quoted(partition))
        }
        _ => keyed,
    })
}

/// The order of rows in files: partition, declared order, then all that makes it a total order, so
/// that the same rows always become the same files. Where rows are clustered along a curve, this
/// is the order of those at one place.
pub(super) fn order(fact: &Fact) -> Vec<String> {
    let partition = fact.partition_column().map(str::to_owned);
    let all = fact.table_columns().into_iter().map(|column| column.name);
    let rest = if fact.key.is_empty() { all.collect() } else { fact.key.clone() };
    let mut names: Vec<String> = Vec::new();
    for name in partition.into_iter().chain(fact.sort_by.iter().cloned()).chain(rest) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The condition of rows in a partition; every row of a fact without partitions.
pub(super) fn in_partition(fact: &Fact, prefix: &str, partition: Option<i32>) -> String {
    match fact.partition_column().zip(partition) {
        Some((column, value)) => format!("{prefix}{} = {value}", quoted(column)),
        None => "true".to_owned(),
    }
}

fn dimension<'a>(model: &'a Model, role: &FactRole) -> Result<&'a Dimension> {
    let unknown = || Error::internal("a role's dimension is not in the model");
    model.dimension(&role.dimension).ok_or_else(|| unknown().with("role", &role.role))
}

/// What the dimension is called in a role.
fn alias(role: &FactRole) -> String {
    quoted(&format!("of_{}", role.role))
}

/// The version of the member that was valid at the event: at most one, by the invariants of
/// dimensions.
fn join(role: &FactRole, dimension: &Dimension) -> String {
    let alias = alias(role);
    let then = format!("r.{EVENT} >= {alias}.valid_from AND r.{EVENT} < {alias}.valid_to");
    // Without history a member is the same at any moment, known or not.
    let then = match dimension.keeps_history() {
        true => then,
        false => format!("(r.{EVENT} IS NULL AND {alias}.is_current OR {then})"),
    };
    format!("{} AND {then}", join_level(role, dimension))
}

/// The member of a level, which has no versions.
fn join_level(role: &FactRole, dimension: &Dimension) -> String {
    let alias = alias(role);
    let keys = dimension.natural_key.iter().enumerate().map(|(position, column)| {
        format!("r.{} = {alias}.{}", quoted(&key_name(role, position)), quoted(&column.name))
    });
    format!(
        "LEFT JOIN warehouse.{} AS {alias} ON {}",
        quoted(&dimension.table()),
        keys.collect::<Vec<_>>().join(" AND "),
    )
}

fn member_key(role: &FactRole, dimension: &Dimension) -> String {
    member_or_none(role, dimension, &alias(role), &dimension.key_column())
}

/// The key that a look-up by a role's natural key has found.
fn member_or_none(role: &FactRole, of: &Dimension, alias: &str, key: &str) -> String {
    let no_key = (0..of.natural_key.len())
        .map(|position| format!("r.{} IS NULL", quoted(&key_name(role, position))));
    format!(
        "CAST(CASE WHEN {} THEN {} ELSE coalesce({alias}.{}, {}) END AS INT)",
        no_key.collect::<Vec<_>>().join(" OR "),
        SurrogateKey::NOT_APPLICABLE.0,
        quoted(key),
        SurrogateKey::UNKNOWN.0,
    )
}

/// The key of a combination as [`join_combined`] finds it.
pub(super) fn combined_key(role: &FactRole) -> String {
    format!("{}.combination", alias(role))
}

/// The combination of the flags of rows: NULL is a value as any other. Where a column has left the
/// model, several are alike, of which the first is meant.
pub(super) fn join_combined(rows: &str, role: &FactRole, dimension: &Dimension) -> String {
    let alias = alias(role);
    let flags: Vec<&String> = dimension.described_columns().map(|flag| &flag.name).collect();
    let same = flags.iter().enumerate().map(|(position, flag)| {
        let own = quoted(&key_name(role, position));
        format!("({rows}.{own} IS NOT DISTINCT FROM {alias}.{})", quoted(flag))
    });
    let (names, key) = (list("", flags.iter().copied()), quoted(&dimension.key_column()));
    format!(
        "LEFT JOIN (SELECT {names}, min({key}) AS combination FROM warehouse.{} WHERE {key} > 0 \
         GROUP BY {names}) AS {alias} ON {}",
        quoted(&dimension.table()),
        same.collect::<Vec<_>>().join(" AND "),
    )
}

/// The role of the member whose bands a role has, and when members had which.
fn bands<'a>(
    fact: &'a Fact,
    model: &Model,
    role: &FactRole,
    mini: &Dimension,
) -> Result<(&'a FactRole, Dimension)> {
    let member = role.of.as_ref().and_then(|of| fact.role(of));
    let unknown = || Error::internal("bands are nobody's").with("role", &role.role);
    member.zip(model.band_history(mini)).ok_or_else(unknown)
}

/// The bands that a member had at the event.
fn join_bands(role: &FactRole, member: &FactRole, history: &Dimension) -> String {
    let alias = alias(role);
    let keys = history.natural_key.iter().enumerate().map(|(position, column)| {
        format!("r.{} = {alias}.{}", quoted(&key_name(member, position)), quoted(&column.name))
    });
    format!(
        "LEFT JOIN warehouse.{} AS {alias} ON {} AND r.{EVENT} >= {alias}.valid_from \
         AND r.{EVENT} < {alias}.valid_to",
        quoted(&history.table()),
        keys.collect::<Vec<_>>().join(" AND "),
    )
}

/// Days from one milestone to another, in the calendar or not.
fn days_between(fact: &Fact, lag: &Lag) -> String {
    let day = |role: &str| {
        let role = fact.role(role).map(|role| key_name(role, 0)).unwrap_or_default();
        format!("arrow_cast(r.{}, 'Int32')", quoted(&role))
    };
    format!("{} - {} AS {}", day(&lag.to), day(&lag.from), quoted(&lag.name))
}

fn day_key(role: &FactRole, calendar: &Calendar) -> String {
    let day = format!("r.{}", quoted(&key_name(role, 0)));
    format!(
        "CAST(CASE WHEN {day} IS NULL THEN {} WHEN {day} BETWEEN DATE '{}' AND DATE '{}' \
         THEN date_part('year', {day}) * 10000 + date_part('month', {day}) * 100 \
         + date_part('day', {day}) ELSE {} END AS INT)",
        SurrogateKey::NOT_APPLICABLE.0,
        calendar.from,
        calendar.to,
        SurrogateKey::UNKNOWN.0,
    )
}

fn time_key(role: &FactRole, times: &TimeOfDay) -> String {
    let moment = format!("r.{}", quoted(&key_name(role, 0)));
    let zone = times.time_zone.replace('\'', "''");
    let local = format!("arrow_cast({moment}, 'Timestamp(Microsecond, Some(\"{zone}\"))')");
    format!(
        "CAST(CASE WHEN {moment} IS NULL THEN {} ELSE date_part('hour', {local}) * 100 \
         + date_part('minute', {local}) - date_part('minute', {local}) % {} END AS INT)",
        SurrogateKey::NOT_APPLICABLE.0,
        times.step_minutes,
    )
}
