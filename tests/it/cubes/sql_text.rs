//! The SQL that asks what a cube query asks, as an analyst would write it.

use serde_json::Value;
use starhouse::model::{ColumnType, Cube, CubeColumn, Model};
use starhouse::query::{CubeQuery, Except, MemberRange, Slice, Totals, laid_out, without_sets};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The same question without what SQL says otherwise: levels as their columns, nothing across, no
/// top and no order.
pub(crate) fn plain(query: &CubeQuery, model: &Model) -> CubeQuery {
    let cube = model.cube(&query.cube).unwrap();
    let laid = laid_out(query, model).unwrap();
    let query = &mut without_sets(&laid, model).unwrap();
    // What says nothing is not there in SQL.
    query.dice.retain(|_, slice| !is_open(slice));
    let names = query.rows.iter().chain(&query.columns);
    let rows = names.flat_map(|name| columns(cube, name)).map(|column| column.name.clone());
    CubeQuery {
        rows: rows.collect(),
        columns: Vec::new(),
        order: Vec::new(),
        top: None,
        having: BTreeMap::new(),
        non_empty: false,
        visual: false,
        axes: Vec::new(),
        compare: BTreeMap::new(),
        calculated_members: Default::default(),
        computed_members: Vec::new(),
        language: None,
        limit: None,
        offset: 0,
        totals: plain_totals(query, cube),
        ..query.clone()
    }
}

fn is_open(slice: &Slice) -> bool {
    match slice {
        Slice::Except(Except { except }) => except.is_empty(),
        Slice::Range(MemberRange { from, to }) => from.is_none() && to.is_none(),
        Slice::Members(_) | Slice::Set(_) => false,
    }
}

/// Totals by columns; those of a question with columns across are totals of its rows.
fn plain_totals(query: &CubeQuery, cube: &Cube) -> Totals {
    let Totals::Sets(sets) = &query.totals else { return query.totals.clone() };
    let named = |set: &Vec<String>| -> Vec<String> {
        let all = set.iter().flat_map(|name| columns(cube, name));
        all.map(|column| column.name.clone()).collect()
    };
    let mut plain: Vec<Vec<String>> = sets.iter().map(named).collect();
    let whole: Vec<String> = named(&query.rows.iter().chain(&query.columns).cloned().collect());
    // A set that is the rows themselves is there already.
    plain.retain(|set| *set != whole);
    plain.dedup();
    Totals::Sets(plain)
}

/// A [`plain`] question as SQL.
pub(crate) fn sql(query: &CubeQuery, model: &Model) -> String {
    let cube = model.cube(&query.cube).unwrap();
    let mut shown = query.rows.clone();
    if query.totals != Totals::None {
        shown.extend(query.rows.iter().map(|c| format!("GROUPING({c}) AS {c}_is_total")));
    }
    shown.extend(query.measures.iter().map(|m| format!("MEASURE({m}) AS {m}")));
    let mut sql = format!("SELECT {} FROM cubes.{}", shown.join(", "), query.cube);
    let conditions = conditions(query, cube);
    if !conditions.is_empty() {
        write!(sql, " WHERE {}", conditions.join(" AND ")).unwrap();
    }
    let by = query.rows.join(", ");
    if !query.rows.is_empty() {
        let by = match &query.totals {
            Totals::None => by,
            Totals::Sets(sets) => {
                let set = |set: &Vec<String>| format!("({})", set.join(", "));
                let sets: Vec<String> = sets.iter().map(set).collect();
                format!("GROUPING SETS (({by}), {})", sets.join(", "))
            }
            Totals::Grand => format!("GROUPING SETS (({by}), ())"),
            Totals::Rollup => format!("ROLLUP ({by})"),
            Totals::Cube => format!("CUBE ({by})"),
        };
        write!(sql, " GROUP BY {by}").unwrap();
    }
    sql
}

fn conditions(query: &CubeQuery, cube: &Cube) -> Vec<String> {
    let shown = |name: &String| columns(cube, name).pop().unwrap();
    let mut conditions = Vec::new();
    for (name, member) in &query.slice {
        conditions.push(is(shown(name), member));
    }
    for (name, slice) in &query.dice {
        let column = shown(name);
        match slice {
            Slice::Members(members) => {
                let any: Vec<String> = members.iter().map(|member| is(column, member)).collect();
                conditions.push(format!("({})", any.join(" OR ")));
            }
            Slice::Except(Except { except }) => {
                let any: Vec<String> = except.iter().map(|member| is(column, member)).collect();
                let (any, name) = (any.join(" OR "), &column.name);
                conditions.push(match (except.is_empty(), except.iter().any(Value::is_null)) {
                    (true, _) => "TRUE".to_owned(),
                    (_, true) => format!("(NOT ({any}) AND {name} IS NOT NULL)"),
                    (_, false) => format!("(NOT ({any}) OR {name} IS NULL)"),
                });
            }
            // A set is a column, true for its members.
            Slice::Set(of) => conditions.push(of.set.clone()),
            Slice::Range(range) => {
                let bound = |op: &str, end: &Value| {
                    format!("{} {op} {}", column.name, literal(column, end))
                };
                conditions.extend(range.from.as_ref().map(|end| bound(">=", end)));
                conditions.extend(range.to.as_ref().map(|end| bound("<=", end)));
            }
        }
    }
    conditions
}

fn is(column: &CubeColumn, member: &Value) -> String {
    match member {
        Value::Null => format!("{} IS NULL", column.name),
        member => format!("{} = {}", column.name, literal(column, member)),
    }
}

fn literal(column: &CubeColumn, member: &Value) -> String {
    match (member, column.column.ty) {
        (Value::String(day), ColumnType::Date) => format!("DATE '{day}'"),
        (Value::String(text), _) => format!("'{}'", text.replace('\'', "''")),
        (other, _) => other.to_string(),
    }
}

/// The columns of a name; the one level of the test model with a key of its own is `store.store`.
fn columns<'a>(cube: &'a Cube, name: &str) -> Vec<&'a CubeColumn> {
    if name == "store.store" {
        return ["store_id", "store_name"].map(|name| cube.column(name).unwrap()).into();
    }
    let column = cube.column(name).or_else(|| {
        let (role, attribute) = name.split_once('.')?;
        cube.role_column(role, attribute)
    });
    vec![column.unwrap_or_else(|| panic!("no column `{name}`"))]
}
