//! Slice and dice: which members count, as predicates.

use super::cube_query::{Except, MemberRange, OfSet, Slice};
use super::{CubeQuery, named_set, names};
use crate::error::{Error, Result};
use crate::model::{ColumnType, Cube, CubeColumn, DefaultMember, Model};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Not;

/// The predicates of a cube query, over cube columns (unqualified).
///
/// # Errors
/// User errors for unknown columns and members whose type does not fit.
pub(super) fn predicates(query: &CubeQuery, cube: &Cube, model: &Model) -> Result<Vec<Expr>> {
    let mut predicates = Vec::new();
    for (name, member) in &query.slice {
        predicates.push(is_member(names::resolve_one(cube, model, name)?, member)?);
    }
    for (name, slice) in &query.dice {
        let column = names::resolve_one(cube, model, name)?;
        match slice {
            Slice::Members(members) => predicates.push(any_of(column, members)?),
            Slice::Except(Except { except }) => predicates.push(none_of(column, except)?),
            Slice::Set(OfSet { set }) => {
                let set = named_set::find(cube, set)?;
                predicates.push(named_set::condition(set, cube)?);
            }
            Slice::Range(range) => predicates.extend(between(column, range)?),
        }
    }
    let defaults = defaults(cube, &roles(query, cube, model)?)?;
    predicates.extend(defaults.into_iter().map(|(_, predicate)| predicate));
    Ok(predicates)
}

/// What default members a query has, in words.
pub(super) fn told_defaults(query: &CubeQuery, cube: &Cube, model: &Model) -> Result<Vec<String>> {
    let defaults = defaults(cube, &roles(query, cube, model)?)?;
    Ok(defaults.into_iter().map(|(sentence, _)| sentence).collect())
}

/// The roles of which a query says something.
fn roles<'c>(query: &CubeQuery, cube: &'c Cube, model: &Model) -> Result<BTreeSet<&'c str>> {
    let named = query.rows.iter().chain(&query.columns).chain(query.slice.keys());
    let named = named.chain(query.dice.keys()).chain(query.compare.keys());
    let role =
        |name: &String| names::resolve_one(cube, model, name).map(|column| column.role.as_str());
    named.map(role).collect()
}

/// The default members of dimensions of which a question says nothing, each as a sentence and as a
/// predicate; `roles` are those of which it does.
pub(super) fn defaults(cube: &Cube, roles: &BTreeSet<&str>) -> Result<Vec<(String, Expr)>> {
    let mut defaults = Vec::new();
    for DefaultMember { column, member } in &cube.default_members {
        let Some(column) = cube.column(column) else { continue };
        if roles.contains(column.role.as_str()) {
            continue;
        }
        let role = &column.role;
        let sentence =
            format!("{} is {member} by default, as nothing is said of {role}", column.name);
        defaults.push((sentence, is_member(column, &Value::String(member.clone()))?));
    }
    Ok(defaults)
}

/// One member; `null` is the missing one.
fn is_member(column: &CubeColumn, member: &Value) -> Result<Expr> {
    if member.is_null() {
        return Ok(ident(&column.name).is_null());
    }
    Ok(ident(&column.name).eq(literal(column, member)?))
}

/// Any of the members.
pub(super) fn any_of(column: &CubeColumn, members: &[Value]) -> Result<Expr> {
    let mut any: Option<Expr> = None;
    for member in members {
        let one = is_member(column, member)?;
        any = Some(match any {
            Some(any) => any.or(one),
            None => one,
        });
    }
    Ok(any.unwrap_or_else(|| lit(false)))
}

/// Whatever is none of the members, the missing one included unless it is named.
pub(super) fn none_of(column: &CubeColumn, members: &[Value]) -> Result<Expr> {
    let named = any_of(column, members)?;
    let missing = ident(&column.name).is_null();
    Ok(match members.iter().any(Value::is_null) {
        true => named.not().and(missing.not()),
        false => named.not().or(missing),
    })
}

/// The bounds of a range.
pub(super) fn between(column: &CubeColumn, range: &MemberRange) -> Result<Vec<Expr>> {
    let mut bounds = Vec::new();
    if let Some(from) = &range.from {
        bounds.push(ident(&column.name).gt_eq(literal(column, from)?));
    }
    if let Some(to) = &range.to {
        bounds.push(ident(&column.name).lt_eq(literal(column, to)?));
    }
    Ok(bounds)
}

/// A member as a literal of the column's type.
pub(super) fn literal(column: &CubeColumn, member: &Value) -> Result<Expr> {
    let ty = column.column.ty;
    let wrong =
        || Error::user(format!("{member} is not a member of `{}`, which is {ty}", column.name));
    let text = match member {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(wrong()),
    };
    let value = match ty {
        ColumnType::Text => ScalarValue::Utf8View(Some(text)),
        ColumnType::Boolean => ScalarValue::Boolean(Some(text.parse().map_err(|_| wrong())?)),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => {
            // Wider than the column: a member it cannot hold is simply not there.
            ScalarValue::Int64(Some(text.parse().map_err(|_| wrong())?))
        }
        ColumnType::Float64 => ScalarValue::Float64(Some(text.parse().map_err(|_| wrong())?)),
        ColumnType::Decimal { .. } => {
            text.parse::<f64>().map_err(|_| wrong())?;
            return Ok(cast(lit(text), ty.plan_type()));
        }
        ColumnType::Date => {
            let day = text.parse::<NaiveDate>().map_err(|_| wrong())?;
            let days = day.signed_duration_since(NaiveDate::default()).num_days();
            ScalarValue::Date32(Some(i32::try_from(days).map_err(|_| wrong())?))
        }
        ColumnType::Binary => return Err(wrong()),
        ColumnType::Timestamp => {
            let moment = DateTime::parse_from_rfc3339(&text)
                .map(|at| at.timestamp_micros())
                .or_else(|_| {
                    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S")
                        .map(|at| at.and_utc().timestamp_micros())
                })
                .map_err(|_| wrong())?;
            ScalarValue::TimestampMicrosecond(Some(moment), Some("UTC".into()))
        }
    };
    Ok(lit(value))
}
