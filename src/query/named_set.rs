//! Named sets: members of a column that the model names together.
//!
//! On an axis a set stands for its column with its members alone, in a dice for its members; in SQL it
//! is a column of the cube, true for its members. As one member beside the others: `calculated.rs`.

use super::plan::find_cube;
use super::slice::{any_of, between, none_of};
use super::{CubeQuery, MemberRange, OfSet, Slice, Totals, defect, names, scalar_sql};
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, CubeColumn, Model, NamedSet, SetMembers};
use arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Case, Expr, ident, lit, when};
use serde_json::Value;
use std::ops::Not;

/// The same query with the names of sets on its axes told: each is its column, diced to its members.
///
/// # Errors
/// User errors for sets that the cube does not have, and sets of other columns.
pub fn without_sets(query: &CubeQuery, model: &Model) -> Result<CubeQuery> {
    let cube = find_cube(model, &query.cube)?;
    let mut told = query.clone();
    for (name, slice) in &told.dice {
        if let Slice::Set(of) = slice {
            let set = find(cube, &of.set)?;
            let column = names::resolve_one(cube, model, name)?;
            if column.name != set.column {
                let message =
                    format!("set `{}` is of `{}`, and not of `{name}`", set.name, set.column);
                return Err(Error::user(message));
            }
        }
    }
    let on_axes = query.rows.iter().chain(&query.columns);
    let on_axes: Vec<&NamedSet> = on_axes.filter_map(|name| cube.set(name)).collect();
    for set in on_axes {
        dice(&mut told, set, cube)?;
        let name = |name: &mut String| {
            if *name == set.name {
                name.clone_from(&set.column);
            }
        };
        told.rows.iter_mut().chain(&mut told.columns).chain(&mut told.dense).for_each(name);
        for order in &mut told.order {
            order.of.iter_mut().chain([&mut order.by]).for_each(name);
        }
        told.top.iter_mut().flat_map(|top| &mut top.per).for_each(name);
        if let Totals::Sets(sets) = &mut told.totals {
            sets.iter_mut().flatten().for_each(name);
        }
    }
    Ok(told)
}

/// Holds the column of a set to its members, under whichever of its names is free.
fn dice(query: &mut CubeQuery, set: &NamedSet, cube: &Cube) -> Result<()> {
    let by_role = cube.column(&set.column).map(|own| format!("{}.{}", own.role, own.column.name));
    let names = [Some(set.column.clone()), by_role];
    match names.into_iter().flatten().find(|name| !query.dice.contains_key(name)) {
        Some(name) => {
            query.dice.insert(name, Slice::Set(OfSet { set: set.name.clone() }));
            Ok(())
        }
        None => Err(Error::user(format!(
            "`{}` is diced too often beside set `{}`",
            set.column, set.name
        ))
        .hint("say it in one `dice`")),
    }
}

/// The set of that name, or an error with the nearest.
pub(super) fn find<'c>(cube: &'c Cube, name: &str) -> Result<&'c NamedSet> {
    cube.set(name).ok_or_else(|| {
        let names = || cube.sets.iter().map(|set| set.name.as_str());
        let error = Error::user(format!("cube {} has no set `{name}`", cube.name));
        match (did_you_mean(name, names()), cube.sets.is_empty()) {
            (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
            (None, true) => error.hint("its model declares none: `sets: [...]`"),
            (None, false) => {
                error.hint(format!("it has {}", names().collect::<Vec<_>>().join(", ")))
            }
        }
    })
}

/// Whether a row is of a set's members, over cube columns (unqualified): true or false.
pub(super) fn is_of(set: &NamedSet, cube: &Cube) -> Result<Expr> {
    // DataFusion 55 plans `IS TRUE` as what may be NULL, and says that it may not.
    when(condition(set, cube)?, lit(true)).otherwise(lit(false)).map_err(defect)
}

/// The condition that is true for a set's rows; for others it is false or NULL.
pub(super) fn condition(set: &NamedSet, cube: &Cube) -> Result<Expr> {
    let mut is_it = is_named(set, cube)?;
    for other in &set.without {
        is_it = is_it.and(is_of(find(cube, other)?, cube)?.not());
    }
    Ok(is_it)
}

/// A condition without [`is_of`] around it: rows pass where it is true, whatever else it is.
pub(super) fn as_conditions(condition: Expr) -> Vec<Expr> {
    let inner = match &condition {
        Expr::Case(Case { expr: None, when_then_expr, else_expr: Some(other) })
            if **other == lit(false) =>
        {
            match when_then_expr.as_slice() {
                [(is_it, then)] if **then == lit(true) => Some(is_it),
                _ => None,
            }
        }
        _ => None,
    };
    split_conjunction(inner.map_or(&condition, |inner| inner)).into_iter().cloned().collect()
}

/// Whether a row is of the members that a set names itself; it may be NULL.
fn is_named(set: &NamedSet, cube: &Cube) -> Result<Expr> {
    let column = column_of(set, cube)?;
    let value = |text: &String| Value::String(text.clone());
    let values = |texts: &[String]| texts.iter().map(value).collect::<Vec<_>>();
    match &set.members {
        SetMembers::Listed(members) => any_of(column, &values(members)),
        SetMembers::Except(members) => none_of(column, &values(members)),
        SetMembers::Range { from, to } => {
            let range = MemberRange { from: from.as_ref().map(value), to: to.as_ref().map(value) };
            let bounds = between(column, &range)?.into_iter();
            Ok(bounds.reduce(Expr::and).unwrap_or_else(|| lit(true)))
        }
        SetMembers::Where(sql) => is_where(sql, column, cube),
        SetMembers::Sets(names) => {
            let mut any = lit(false);
            for name in names {
                any = any.or(condition(find(cube, name)?, cube)?);
            }
            Ok(any)
        }
    }
}

/// The column that a set is of.
pub(super) fn column_of<'c>(set: &NamedSet, cube: &'c Cube) -> Result<&'c CubeColumn> {
    cube.column(&set.column)
        .ok_or_else(|| Error::internal("a set is of no column").with("set", &set.name))
}

/// A condition over the columns of a dimension, as one over those of its role in the cube.
fn is_where(sql: &str, column: &CubeColumn, cube: &Cube) -> Result<Expr> {
    let own = || cube.columns.iter().filter(|own| own.role == column.role);
    let fields = own().map(|own| Field::new(&own.column.name, own.column.ty.plan_type(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let schema = DFSchema::try_from(schema).map_err(defect)?;
    let parsed = scalar_sql::parse(sql, &schema)?;
    let named = parsed.transform(|part| {
        let found = match &part {
            Expr::Column(written) => own().find(|own| own.column.name == written.name),
            _ => None,
        };
        Ok(match found {
            Some(own) => Transformed::yes(ident(&own.name)),
            None => Transformed::no(part),
        })
    });
    named.map(|named| named.data).map_err(defect)
}
