//! An aggregate's arguments are worked out of those rows alone that its `FILTER` leaves.
//!
//! DataFusion works them out of all rows, and leaves rows out afterwards: `sum(100 / x) FILTER (WHERE
//! x <> 0)` would divide by zero all the same. Where working out an argument may fail, it becomes `CASE
//! WHEN x <> 0 THEN 100 / x END`; the filter stays, so that the aggregate never sees the NULLs of rows
//! that were left out.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, BinaryExpr, Cast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Operator, when};

/// Guards arguments by their aggregate's filter, in a plan whose types are settled.
pub(super) fn guard(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Aggregate(aggregate) => guarded(aggregate),
        other => Ok(Transformed::no(other)),
    }
}

/// An aggregation under the names it had.
fn guarded(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new_for_projection();
    let schema = aggregate.input.schema();
    let mut changes = false;
    let functions = aggregate.aggr_expr.iter().cloned().map(|expr| {
        let name = names.save(&expr);
        let guarded = expr.transform_down(|part| match part {
            Expr::AggregateFunction(function) => of_filtered(function, schema),
            other => Ok(Transformed::no(other)),
        })?;
        changes |= guarded.transformed;
        Ok(name.restore(guarded.data))
    });
    let functions = functions.collect::<Result<Vec<_>>>()?;
    if !changes {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let Aggregate { input, group_expr, .. } = aggregate;
    let guarded = Aggregate::try_new(input, group_expr, functions)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(guarded)))
}

/// A function whose arguments, and what it orders rows by, are of the rows that its filter leaves. A
/// filter that says something else each time can only be asked once.
fn of_filtered(mut function: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let unchanged = |function| Ok(Transformed::no(Expr::AggregateFunction(function)));
    let Some(filter) = function.params.filter.as_deref().filter(|f| !f.is_volatile()).cloned()
    else {
        return unchanged(function);
    };
    let params = &mut function.params;
    let order = params.order_by.iter_mut().map(|by| &mut by.expr);
    let mut failing: Vec<&mut Expr> =
        params.args.iter_mut().chain(order).filter(|expr| may_fail(expr, schema)).collect();
    if failing.is_empty() {
        return unchanged(function);
    }
    for expr in &mut failing {
        **expr = when(filter.clone(), std::mem::take(*expr)).end()?;
    }
    Ok(Transformed::yes(Expr::AggregateFunction(function)))
}

/// Whether there may be a row of which an expression cannot be worked out: it divides or overflows,
/// reads a text as something else, or is a function, of which nobody knows.
fn may_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let fails = |part: &Expr| {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr { op, .. }) => calculates(*op) && !is_float(part, schema),
            Expr::Negative(_) => !is_float(part, schema),
            Expr::Cast(cast) => !always_fits(cast, schema),
            Expr::ScalarFunction(_) => true,
            _ => false,
        })
    };
    expr.exists(fails).unwrap_or(true)
}

fn calculates(op: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

/// Floats have values for all that others have none for.
fn is_float(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|ty| ty.is_floating())
}

/// Whether every value of a type has its like in the other, as those do that DataFusion casts by itself.
fn always_fits(cast: &Cast, schema: &DFSchema) -> bool {
    let Ok(from) = cast.expr.get_type(schema) else { return false };
    let to = cast.field.data_type();
    let is_number = from.is_numeric();
    let wider = || from.primitive_width() <= to.primitive_width();
    match to {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Float64 => is_number || from == DataType::Boolean,
        DataType::Int64 | DataType::Int32 | DataType::Int16 => {
            from == DataType::Boolean || from.is_signed_integer() && wider()
        }
        _ => from == *to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::{cast, col, lit};

    #[test]
    fn what_may_fail_is_told_from_what_cannot() {
        let fields = [
            Field::new("n", DataType::Int32, true),
            Field::new("x", DataType::Float64, true),
            Field::new("t", DataType::Utf8View, true),
        ];
        let schema = DFSchema::try_from(Schema::new(fields.to_vec())).unwrap();
        let fails = |expr: &Expr| may_fail(expr, &schema);
        for expr in [
            lit(100) / col("n"),
            col("n") % lit(2),
            col("n") + lit(1),
            -col("n"),
            cast(col("t"), DataType::Int32),
            cast(col("x"), DataType::Int64),
            cast(col("n"), DataType::Int16),
            lit(1.0) + cast(col("t"), DataType::Float64),
        ] {
            assert!(fails(&expr), "{expr}");
        }
        for expr in [
            col("n"),
            lit(1.0) / col("x"),
            cast(col("n"), DataType::Int64),
            cast(col("n"), DataType::Float64) * col("x"),
            cast(col("n"), DataType::Utf8),
            col("n").gt(lit(1)),
        ] {
            assert!(!fails(&expr), "{expr}");
        }
    }
}
