//! Ranks, counts and days between dates are whole signed numbers, as in PostgreSQL.
//!
//! DataFusion's ranks are unsigned: their quotients by whole numbers are decimals, their differences have
//! no negatives, and many drivers lack the type. The difference of two dates it makes a duration, which
//! no number compares with: `current_date - order_date < 30`.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawWindowExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFunctionDefinition, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// The functions of windows that number rows.
const RANKS: [&str; 4] = ["row_number", "rank", "dense_rank", "ntile"];

/// The aggregates that count without a sign.
const COUNTS: [&str; 1] = ["approx_distinct"];

/// Plans them as signed numbers, under their own names.
#[derive(Debug)]
pub(super) struct WholeNumbers;

impl ExprPlanner for WholeNumbers {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        // What has no type yet, as what outer queries have, is DataFusion's to plan.
        let is_date = |side: &Expr| matches!(side.get_type(schema), Ok(DataType::Date32));
        let is_difference = raw.op == BinaryOperator::Minus;
        if !is_difference || !is_date(&raw.left) || !is_date(&raw.right) {
            return Ok(PlannerResult::Original(raw));
        }
        let name = format!("{} - {}", raw.left, raw.right);
        let days = |side: Expr| cast(cast(side, DataType::Int32), DataType::Int64);
        Ok(PlannerResult::Planned((days(raw.left) - days(raw.right)).alias(name)))
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let is_unsigned = match &raw.func_def {
            WindowFunctionDefinition::WindowUDF(function) => RANKS.contains(&function.name()),
            WindowFunctionDefinition::AggregateUDF(function) => COUNTS.contains(&function.name()),
        };
        if !is_unsigned {
            return Ok(PlannerResult::Original(raw));
        }
        let params = WindowFunctionParams {
            args: raw.args,
            partition_by: raw.partition_by,
            order_by: raw.order_by,
            window_frame: raw.window_frame,
            filter: raw.filter,
            null_treatment: raw.null_treatment,
            distinct: raw.distinct,
        };
        let window = WindowFunction { fun: raw.func_def, params };
        Ok(PlannerResult::Planned(signed(Expr::WindowFunction(Box::new(window)))))
    }

    fn plan_aggregate(&self, raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        if !COUNTS.contains(&raw.func.name()) {
            return Ok(PlannerResult::Original(raw));
        }
        let RawAggregateExpr { func, args, distinct, filter, order_by, null_treatment } = raw;
        let count =
            AggregateFunction::new_udf(func, args, distinct, filter, order_by, null_treatment);
        Ok(PlannerResult::Planned(signed(Expr::AggregateFunction(count))))
    }
}

fn signed(count: Expr) -> Expr {
    let name = count.schema_name().to_string();
    cast(count, DataType::Int64).alias(name)
}
