//! A small world: base rows loaded as a release, with the aggregates of the model.

use crate::cube_support::TempWarehouse;
use crate::reference::{Data, Row, Value};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow::record_batch::RecordBatch;
use chrono::{Datelike, NaiveDate};
use futures::StreamExt;
use starhouse::aggregate::{self, Refreshed, Stale};
use starhouse::ids::RunId;
use starhouse::model::{Column, ColumnType, Fact, Model, arrow_schema};
use starhouse::store::{Change, DataFile, Load, Release, TableSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A row of columns and values.
pub(crate) fn row<const N: usize>(values: [(&str, Value); N]) -> Row {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A calendar day's key.
pub(crate) fn key_of(day: NaiveDate) -> Value {
    Value::int(i64::from(day.year()) * 10_000 + i64::from(day.month() * 100 + day.day()))
}

/// The calendar of the model, with the columns that questions use.
pub(crate) fn calendar() -> Vec<Row> {
    let nobody = |key: i32| {
        let mut member = row([("date_key", Value::int(key))]);
        let columns =
            ["date", "month", "month_name", "month_of_year", "quarter", "year", "is_weekend"];
        member.extend(columns.map(|column| (column.to_owned(), Value::Null)));
        member
    };
    let mut rows = vec![nobody(-2), nobody(-1)];
    let first = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap();
    rows.extend(first.iter_days().take_while(|day| day.year() < 2026).map(|day| {
        let (year, month) = (day.year(), day.month());
        row([
            ("date_key", key_of(day)),
            ("date", Value::Date(day)),
            ("month", Value::text(format!("{year}-{month:02}"))),
            ("month_name", Value::text(day.format("%B").to_string())),
            ("month_of_year", Value::int(month)),
            ("quarter", Value::text(format!("{year}-Q{}", month.div_ceil(3)))),
            ("year", Value::int(year)),
            ("is_weekend", Value::Bool(day.weekday().number_from_monday() > 5)),
        ])
    }));
    rows
}

/// A version of a member of a dimension with history, in force from a day to a day.
pub(crate) fn version(
    dimension: &str,
    key: i32,
    durable_key: i32,
    years: (i32, i32),
    texts: &[(&str, Value)],
) -> Row {
    let january = |year| Value::Date(NaiveDate::from_ymd_opt(year, 1, 1).unwrap());
    let mut member: Row =
        texts.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    member.insert(format!("{dimension}_key"), Value::int(key));
    member.insert(format!("{dimension}_durable_key"), Value::int(durable_key));
    member.insert("valid_from".to_owned(), january(years.0));
    member.insert("valid_to".to_owned(), january(years.1));
    member.insert("is_current".to_owned(), Value::Bool(years.1 == 9999));
    member
}

/// The unknown and the not-applicable member.
pub(crate) fn nobody(dimension: &str, texts: &[&str]) -> Vec<Row> {
    let member = |(key, name): (i32, &str)| {
        let texts: Vec<_> = texts.iter().map(|text| (*text, Value::text(name))).collect();
        version(dimension, key, key, (1900, 9999), &texts)
    };
    [(-2, "Not applicable"), (-1, "Unknown")].map(member).into()
}

/// Loads the data with the model's aggregates, in one release.
pub(crate) async fn load(at: &TempWarehouse, model: &Arc<Model>, data: &Data) -> Arc<Release> {
    change(at, model, &Data::default(), data).await.0
}

/// Brings a warehouse that holds some data to other data, in one release: tables and months that are
/// the same stay untouched. Says what became of the aggregates.
pub(crate) async fn change(
    at: &TempWarehouse,
    model: &Arc<Model>,
    before: &Data,
    after: &Data,
) -> (Arc<Release>, Vec<Refreshed>) {
    let base = at.warehouse.latest().await.unwrap();
    let mut load = at.warehouse.begin(RunId(format!("{}", base.id.0 + 1)), base);
    for dimension in &model.dimensions {
        let name = &dimension.name;
        if before.dimensions.get(name) == Some(&after.dimensions[name]) {
            continue;
        }
        let key = dimension.key_column();
        let mut rows = after.dimensions[name].clone();
        rows.sort_by(|a, b| a[&key].cmp(&b[&key]));
        let spec = TableSpec {
            name: dimension.table(),
            description: dimension.description.clone(),
            columns: dimension.table_columns(),
            partition_by: None,
            sort_by: vec![key],
        };
        write(&mut load, spec, &[rows]).await;
    }
    related(&mut load, model, after).await;
    for fact in &model.facts {
        let months = |data: &Data| by_month(fact, data.facts.get(&fact.name));
        let (was, is) = (months(before), months(after));
        let all: BTreeSet<Option<i32>> = was.keys().chain(is.keys()).copied().collect();
        let changed: Vec<_> = all.into_iter().filter(|m| was.get(m) != is.get(m)).collect();
        let is_new = !load.base().tables.contains_key(&fact.table());
        if changed.is_empty() && !is_new {
            continue;
        }
        let spec = TableSpec {
            name: fact.table(),
            description: fact.description.clone(),
            columns: fact.table_columns(),
            partition_by: fact.partition_column().map(str::to_owned),
            sort_by: fact.sort_by.clone(),
        };
        let rows = |months: &BTreeMap<Option<i32>, Vec<Row>>| -> Vec<Row> {
            changed.iter().filter_map(|month| months.get(month)).flatten().cloned().collect()
        };
        if let Some(more) = added(&rows(&was), &rows(&is)).filter(|_| !is_new) {
            let add = halves(&load, &spec, more).await;
            load.stage(spec, Change::Append(add)).unwrap();
            continue;
        }
        let add = halves(&load, &spec, rows(&is)).await;
        let table = load.base().tables.get(&fact.table());
        let files = table.into_iter().flat_map(|table| &table.files);
        let gone = files.filter(|file| changed.contains(&file.partition));
        let remove = gone.map(|file| file.path.clone()).collect();
        let change = if is_new { Change::Replace(add) } else { Change::Exchange { remove, add } };
        load.stage(spec, change).unwrap();
    }
    let engine = at.engine(model, 2);
    let mut refreshed = Vec::new();
    let hears = |_: &Stale<'_>, done: Option<&Refreshed>| refreshed.extend(done.cloned());
    aggregate::refresh(&engine, &mut load, hears).await.unwrap();
    (load.publish("a small world".to_owned()).await.unwrap(), refreshed)
}

/// The rows that are more, where all others are still there.
fn added(was: &[Row], is: &[Row]) -> Option<Vec<Row>> {
    let mut more = is.to_vec();
    for row in was {
        let place = more.iter().position(|other| other == row)?;
        more.remove(place);
    }
    Some(more)
}

/// A fact's rows by the month of their partition.
fn by_month(fact: &Fact, rows: Option<&Vec<Row>>) -> BTreeMap<Option<i32>, Vec<Row>> {
    let mut months: BTreeMap<Option<i32>, Vec<Row>> = BTreeMap::new();
    for mut row in rows.into_iter().flatten().cloned() {
        let month = fact.partition_column().map(|column| {
            let month = month_of(&row["date_key"]);
            row.insert(column.to_owned(), month.clone());
            match month {
                Value::Exact { unscaled, .. } => i32::try_from(unscaled).unwrap(),
                other => panic!("{other:?} is no month"),
            }
        });
        months.entry(month).or_default().push(row);
    }
    months
}

/// Written in two, so that a table is of several files.
async fn halves(load: &Load, spec: &TableSpec, mut rows: Vec<Row>) -> Vec<DataFile> {
    let second = rows.split_off(rows.len() / 2);
    let mut files = Vec::new();
    for mut part in [rows, second] {
        part.sort_by_key(|row| row["date_key"].clone());
        files.extend(written(load, spec, &part).await);
    }
    files
}

/// Bridges, and who is above whom.
async fn related(load: &mut Load, model: &Model, data: &Data) {
    for bridge in &model.bridges {
        let spec = TableSpec {
            name: bridge.table(),
            description: bridge.description.clone(),
            columns: bridge.table_columns(),
            partition_by: None,
            sort_by: vec![bridge.from_column(), bridge.to_column()],
        };
        write(load, spec, &[data.bridges[&bridge.name].clone()]).await;
    }
    for dimension in model.dimensions.iter().filter(|d| d.parent_child.is_some()) {
        let (key, members) = (dimension.key_column(), &data.dimensions[&dimension.name]);
        let pairs = members.iter().flat_map(|member| {
            let line = data.line(dimension, member);
            let last = line.len() - 1;
            let above = line.into_iter().enumerate();
            above.map(move |(distance, ancestor)| (ancestor, member, distance, last - distance))
        });
        let rows = pairs.map(|(ancestor, member, distance, depth)| {
            row([
                ("ancestor_key", ancestor[&dimension.key_column()].clone()),
                ("descendant_key", member[&key].clone()),
                ("distance", Value::int(distance as i128)),
                ("ancestor_depth", Value::int(depth as i128)),
            ])
        });
        let spec = TableSpec {
            name: dimension.closure_table(),
            description: "who is above whom".to_owned(),
            columns: dimension.closure_columns(),
            partition_by: None,
            sort_by: Vec::new(),
        };
        write(load, spec, &[rows.collect()]).await;
    }
}

fn month_of(key: &Value) -> Value {
    match key {
        Value::Exact { unscaled, .. } if *unscaled > 0 => Value::int(unscaled / 100),
        other => other.clone(),
    }
}

async fn write(load: &mut Load, spec: TableSpec, parts: &[Vec<Row>]) {
    let mut files = Vec::new();
    for rows in parts {
        files.extend(written(load, &spec, rows).await);
    }
    load.stage(spec, Change::Replace(files)).unwrap();
}

async fn written(load: &Load, spec: &TableSpec, rows: &[Row]) -> Vec<DataFile> {
    if rows.is_empty() {
        return Vec::new();
    }
    let rows = futures::stream::iter([Ok(batch(&spec.columns, rows))]).boxed();
    load.write(spec, rows).await.unwrap()
}

/// Rows as Arrow; a column that a row does not have is NULL.
fn batch(columns: &[Column], rows: &[Row]) -> RecordBatch {
    let arrays = columns.iter().map(|column| {
        let values: Vec<&Value> =
            rows.iter().map(|row| row.get(&column.name).unwrap_or(&Value::Null)).collect();
        array(column.ty, &values)
    });
    RecordBatch::try_new(arrow_schema(columns), arrays.collect()).unwrap()
}

fn array(ty: ColumnType, values: &[&Value]) -> ArrayRef {
    let numbers = || values.iter().map(|value| exact(value));
    let days = || values.iter().map(|value| days_since_1970(value));
    match ty {
        ColumnType::Text => Arc::new(values.iter().map(|v| text(v)).collect::<StringArray>()),
        ColumnType::Binary => panic!("no model declares bytes"),
        ColumnType::Boolean => Arc::new(values.iter().map(|v| flag(v)).collect::<BooleanArray>()),
        ColumnType::Int16 => {
            let small = numbers().map(|number| number.map(|n| i16::try_from(n).unwrap()));
            Arc::new(small.collect::<Int16Array>())
        }
        ColumnType::Int32 => {
            let small = numbers().map(|number| number.map(|n| i32::try_from(n).unwrap()));
            Arc::new(small.collect::<Int32Array>())
        }
        ColumnType::Float64 => {
            Arc::new(values.iter().map(|value| value.float()).collect::<Float64Array>())
        }
        ColumnType::Decimal { precision, scale } => {
            let decimals = numbers().collect::<Decimal128Array>();
            let scale = i8::try_from(scale).unwrap();
            Arc::new(decimals.with_precision_and_scale(precision, scale).unwrap())
        }
        ColumnType::Date => {
            let small = days().map(|day| day.map(|day| i32::try_from(day).unwrap()));
            Arc::new(small.collect::<Date32Array>())
        }
        ColumnType::Timestamp => {
            let moments = days().map(|day| day.map(|day| day * 86_400_000_000));
            Arc::new(moments.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        ColumnType::Int64 => panic!("the test model has no {ty}"),
    }
}

fn exact(value: &Value) -> Option<i128> {
    match value {
        Value::Exact { unscaled, .. } => Some(*unscaled),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        _ => None,
    }
}

fn days_since_1970(value: &Value) -> Option<i64> {
    match value {
        Value::Date(day) => Some(day.signed_duration_since(NaiveDate::default()).num_days()),
        _ => None,
    }
}
