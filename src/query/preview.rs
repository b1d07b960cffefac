//! A cube read without MEASURE: rows at the fact's grain.
//!
//! `SELECT * FROM cubes.sales` is every BI tool's preview. Each fact row is a row; an additive
//! measure is its row's part, so that SUM over it is the measure; what has no value at the grain
//! of a row (a distinct count, a period shift, a share) is NULL.

use super::atom::atom_name;
use super::context::Context;
use super::measure::{Asked, Expansion};
use super::rank::rank_name;
use super::star::Star;
use super::{PlanContext, defect, named_set};
use crate::error::{Error, Result};
use crate::model::{Cube, Fact};
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit, when};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The rows of a cube with the schema of its table. Only roles with a column in `mentioned` are
/// joined; columns of others are never read and stay NULL.
pub(super) fn preview(
    cube: &Cube,
    catalog: Option<&str>,
    schema: &SchemaRef,
    mentioned: &HashSet<String>,
    context: &PlanContext<'_>,
) -> Result<LogicalPlan> {
    let mut rows: Option<LogicalPlanBuilder> = None;
    for name in &cube.facts {
        let fact = context
            .model
            .fact(name)
            .ok_or_else(|| Error::internal("a cube names an unknown fact").with("fact", name))?;
        let part = fact_rows(cube, fact, catalog, schema, mentioned, context)?;
        rows = Some(match rows {
            Some(rows) => rows.union(part).map_err(defect)?,
            None => LogicalPlanBuilder::from(part),
        });
    }
    let rows = rows.ok_or_else(|| Error::internal("a cube without facts"))?;
    rows.build().map_err(defect)
}

fn fact_rows(
    cube: &Cube,
    fact: &Fact,
    catalog: Option<&str>,
    schema: &SchemaRef,
    mentioned: &HashSet<String>,
    context: &PlanContext<'_>,
) -> Result<LogicalPlan> {
    let star = Star { catalog, ..Star::new(context, cube, fact) };
    let asked: Vec<Asked> = cube.measures.iter().map(|m| Asked::here(&m.name)).collect();
    let expansion = Expansion::new(cube, context.model, &asked)?;
    let mut read = mentioned.clone();
    let mut sets = HashMap::new();
    for set in cube.sets.iter().filter(|set| mentioned.contains(&set.name)) {
        let is_of = named_set::is_of(set, cube)?;
        read.extend(is_of.column_refs().into_iter().map(|column| column.name.clone()));
        let column = named_set::column_of(set, cube)?;
        let has_one = star.relates(column) && cube.link(&column.role).is_none();
        let value = if has_one { is_of } else { lit(ScalarValue::Null) };
        sets.insert(set.name.as_str(), value);
    }
    let mut roles = BTreeSet::new();
    let mut columns = Vec::new();
    for column in &cube.columns {
        // Of a link a row has several members, and so no one value.
        let has_one = star.relates(column) && cube.link(&column.role).is_none();
        let value = if has_one && read.contains(&column.name) {
            if column.dimension.is_some() {
                roles.insert(column.role.clone());
            }
            star.column(column)
        } else {
            lit(ScalarValue::Null)
        };
        columns.push(value.alias(&column.name));
    }
    for (index, atom) in expansion.atoms.iter().enumerate() {
        let at_grain = atom.context == Context::of(&fact.name) && atom.function.has_rows();
        let value = match atom.inputs(context.model)?.into_iter().next() {
            // A row counts once or not at all.
            Some(input) if at_grain && atom.function.counts() => {
                when(input.is_not_null(), lit(1_i64)).otherwise(lit(0_i64)).map_err(defect)?
            }
            Some(input) if at_grain => input,
            _ => lit(ScalarValue::Null),
        };
        columns.push(cast(value, expansion.types[index].clone()).alias(atom_name(index)));
    }
    // A row is no member among others.
    let ranks = (0..expansion.ranks.len()).map(rank_name);
    columns.extend(ranks.map(|name| lit(ScalarValue::Int64(None)).alias(name)));
    let shown = schema.fields().iter().map(|field| {
        let formula = expansion.formulas.iter().find(|f| f.measure == *field.name());
        let value = match (cube.set(field.name()), formula) {
            (Some(set), _) => sets.remove(set.name.as_str()).unwrap_or(lit(ScalarValue::Null)),
            (None, Some(formula)) => formula.expr.clone(),
            (None, None) => ident(field.name()),
        };
        cast(value, field.data_type().clone()).alias(field.name())
    });
    let shown: Vec<Expr> = shown.collect();
    star.relation(&roles, &BTreeSet::new())?
        .project(columns)
        .and_then(|rows| rows.project(shown))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)
}
