//! Members computed of values: `now / before - 1` of two members' values, whatever the measure.
//!
//! A term is what a calculated member is, a context of its own, and is not shown. What its measures are is
//! computed first; the formula is of these values, and never of rows.

use super::measure::divide;
use super::slice::any_of;
use super::{ComputedMember, Term, defect, named_set, scalar_sql};
use crate::error::{Error, Result};
use crate::model::{Cube, CubeColumn};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlanBuilder, Operator, cast, ident, lit, when,
};
use serde_json::Value;

/// A computed member, as it is planned.
pub(super) struct Computed {
    pub(super) name: String,
    /// Its terms by name, each with the condition on its rows.
    pub(super) terms: Vec<(String, Expr)>,
    /// The formula over the terms' names.
    formula: Expr,
    /// How it was written.
    written: String,
}

impl Computed {
    pub(super) fn new(wanted: &ComputedMember, column: &CubeColumn, cube: &Cube) -> Result<Self> {
        let mut terms = Vec::new();
        for (name, term) in &wanted.terms {
            let condition = match term {
                Term::Set(of) => {
                    let set = named_set::find(cube, &of.set)?;
                    if set.column != column.name {
                        let message = format!("set `{}` is of `{}`", set.name, set.column);
                        return Err(Error::user(message)
                            .hint(format!("`{}` is of `{}`", wanted.name, column.name)));
                    }
                    named_set::condition(set, cube)?
                }
                Term::Members(members) => any_of(column, members)?,
                Term::Member(member) => any_of(column, std::slice::from_ref::<Value>(member))?,
            };
            terms.push((name.clone(), condition));
        }
        let fields = terms.iter().map(|(name, _)| Field::new(name, DataType::Float64, true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let schema = DFSchema::try_from(schema).map_err(defect)?;
        let formula = scalar_sql::parse(&wanted.value, &schema)?;
        check(&formula, &wanted.name)?;
        Ok(Self { name: wanted.name.clone(), terms, formula, written: wanted.value.clone() })
    }

    /// What it is, in words.
    pub(super) fn describe(&self, column: &str) -> String {
        let (name, written) = (&self.name, &self.written);
        format!("{name} is computed of the values of members of {column}: {written}")
    }

    /// Whether its values are as exact as those that it is computed of.
    fn is_exact(&self) -> bool {
        is_exact(&self.formula)
    }
}

/// What is wrong with a computed member whose column is on no axis.
pub(super) fn is_nowhere(wanted: &ComputedMember) -> Error {
    let ComputedMember { name, of, .. } = wanted;
    let message = format!("`{name}` stands beside the members of `{of}`, which is shown nowhere");
    Error::user(message).hint(format!("add `{of}` to `rows`"))
}

/// Refuses what is no arithmetic.
fn check(formula: &Expr, name: &str) -> Result<()> {
    match formula {
        Expr::Column(_) | Expr::Literal(..) => Ok(()),
        Expr::Negative(inner) => check(inner, name),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if arithmetic(*op) => {
            check(left, name)?;
            check(right, name)
        }
        other => Err(Error::unsupported(format!(
            "{} is more than `{name}` can be computed by",
            other.human_display()
        ))
        .hint("+, -, *, / over its terms and numbers; anything else is a measure: `calculated`")),
    }
}

fn arithmetic(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide)
}

fn is_exact(formula: &Expr) -> bool {
    match formula {
        Expr::Column(_) => true,
        Expr::Negative(inner) => is_exact(inner),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus | Operator::Minus, right }) => {
            is_exact(left) && is_exact(right)
        }
        _ => false,
    }
}

/// A formula over the values of terms; a quotient by nothing is NULL.
fn over(formula: &Expr, value: &dyn Fn(&str) -> Expr) -> Result<Expr> {
    Ok(match formula {
        Expr::Column(term) => value(&term.name),
        Expr::Negative(inner) => lit(0_i64) - over(inner, value)?,
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = (over(left, value)?, over(right, value)?);
            match op {
                Operator::Plus => left + right,
                Operator::Minus => left - right,
                Operator::Multiply => left * right,
                _ => divide(left, right)?,
            }
        }
        other => cast(other.clone(), DataType::Float64),
    })
}

/// A computed member with its mark, and its terms with theirs.
pub(super) type Numbered<'a> = (i32, &'a Computed, Vec<(String, i32)>);

/// An answer with the computed members of an axis in the place of their terms. `kind` says of the columns
/// of measures whether they count, and nothing of others, which tell rows apart.
pub(super) fn beside(
    answer: LogicalPlanBuilder,
    computed: &[Numbered<'_>],
    mark: &str,
    kind: &dyn Fn(&str) -> Option<bool>,
) -> Result<LogicalPlanBuilder> {
    if computed.is_empty() {
        return Ok(answer);
    }
    let exact = computed.iter().all(|(_, computed, _)| computed.is_exact());
    let fields = answer.schema().fields().iter().cloned().collect::<Vec<_>>();
    let (measures, keys): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| kind(field.name()).is_some());
    let keys: Vec<String> = keys.iter().map(|field| field.name().clone()).collect();
    let others: Vec<Expr> = keys.iter().filter(|key| *key != mark).map(ident).collect();
    // One column has one type.
    let ty = |field: &Field| match exact || !field.data_type().is_numeric() {
        true => field.data_type().clone(),
        false => DataType::Float64,
    };
    let is_term = |numbers: &[(String, i32)]| {
        let numbers = numbers.iter().map(|(_, number)| lit(*number)).collect();
        ident(mark).in_list(numbers, false)
    };
    let own = keys.iter().map(ident);
    let as_they_are = measures.iter().map(|f| cast(ident(f.name()), ty(f)).alias(f.name()));
    let mut kept = answer.clone();
    for (_, _, numbers) in computed {
        kept = kept.filter(is_term(numbers).is_not_true()).map_err(defect)?;
    }
    let mut all = kept.project(own.chain(as_they_are).collect::<Vec<_>>()).map_err(defect)?;
    for (number, computed, numbers) in computed {
        let name = |place: usize, term: &str| format!("__{place}_{term}");
        let mut found = Vec::new();
        let mut shown: Vec<Expr> = Vec::new();
        for key in &keys {
            shown.push(if key == mark { lit(*number).alias(mark) } else { ident(key) });
        }
        for (place, field) in measures.iter().enumerate() {
            if !field.data_type().is_numeric() {
                let nothing = ScalarValue::try_from(field.data_type()).map_err(defect)?;
                shown.push(lit(nothing).alias(field.name()));
                continue;
            }
            for (term, number) in numbers {
                let value =
                    when(ident(mark).eq(lit(*number)), cast(ident(field.name()), ty(field)));
                let value = value.end().map_err(defect)?;
                found.push(max(value).alias(name(place, term)));
            }
            // What a term has no rows for counts 0.
            let counts = kind(field.name()) == Some(true);
            let value =
                over(&computed.formula, &|term| match (ident(name(place, term)), counts) {
                    (value, true) => coalesce(vec![value, cast(lit(0_i64), ty(field))]),
                    (value, false) => value,
                })?;
            shown.push(cast(value, ty(field)).alias(field.name()));
        }
        let more = answer
            .clone()
            .filter(is_term(numbers))
            .and_then(|terms| terms.aggregate(others.clone(), found))
            .and_then(|terms| terms.project(shown))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        all = all.union(more).map_err(defect)?;
    }
    Ok(all)
}
