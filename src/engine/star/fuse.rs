//! Aggregations over a star join become one operator with it.

use super::aggregate::StarAggregateExec;
use super::asked::{Asked, Measure};
use super::exec::StarJoinExec;
use super::expr::{Over, map_columns};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::projection::ProjectionExec;
use std::sync::Arc;

/// Makes partial aggregations over star joins one operator with them.
#[derive(Debug)]
pub(in crate::engine) struct FuseStars;

impl PhysicalOptimizerRule for FuseStars {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fused = plan.transform_up(|node| {
            let fused = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => fuse(aggregate)?,
                None => None,
            };
            Ok(match fused {
                Some(fused) => Transformed::yes(fused),
                None => Transformed::no(node),
            })
        })?;
        Ok(fused.data)
    }

    fn name(&self) -> &'static str {
        "fuse_stars"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn fuse(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let ordered = aggregate.aggr_expr().iter().any(|function| !function.order_bys().is_empty());
    // Some groups, whichever, are found early: that is worth more than a star. The limit of a sort
    // by extremes may be left to it: more groups than it wants come out, never fewer.
    let limited = aggregate.limit_options().is_some() && aggregate.aggr_expr().is_empty();
    if ordered || limited || aggregate.group_expr().has_grouping_set() {
        return Ok(None);
    }
    let Some((star, columns)) = star_below(aggregate.input())? else { return Ok(None) };
    match aggregate.mode() {
        AggregateMode::Partial => partial(aggregate, star, &columns, aggregate.schema()).map(Some),
        AggregateMode::Single if star.properties().output_partitioning().partition_count() == 1 => {
            single(aggregate, star, &columns).map(Some)
        }
        _ => Ok(None),
    }
}

/// A star join, and the columns of an operator above it as expressions over wide columns.
type Below<'a> = (&'a StarJoinExec, Vec<Arc<dyn PhysicalExpr>>);

/// The star join that an operator reads, with the operator's columns.
fn star_below(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Below<'_>>> {
    if let Some(star) = plan.downcast_ref::<StarJoinExec>() {
        let wide = star
            .output
            .iter()
            .map(|wide| Arc::new(Column::new(star.joined.wide.field(*wide).name(), *wide)) as _);
        return Ok(Some((star, wide.collect())));
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let Some((star, columns)) = star_below(projection.input())? else { return Ok(None) };
        // What gives something else each time is evaluated once a row, not wherever it is used.
        if projection.expr().iter().any(|projected| is_volatile(&projected.expr)) {
            return Ok(None);
        }
        let exprs = projection.expr().iter();
        let exprs = exprs.map(|projected| over_wide(&projected.expr, &columns));
        return Ok(Some((star, exprs.collect::<Result<_>>()?)));
    }
    match plan.is::<CooperativeExec>() {
        true => star_below(plan.children()[0]),
        false => Ok(None),
    }
}

/// An expression over an operator's columns, over wide ones.
fn over_wide(
    expr: &Arc<dyn PhysicalExpr>,
    columns: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn PhysicalExpr>> {
    map_columns(expr, |index| Arc::clone(&columns[index]))
}

/// The partial aggregation.
fn partial(
    aggregate: &AggregateExec,
    star: &StarJoinExec,
    columns: &[Arc<dyn PhysicalExpr>],
    schema: SchemaRef,
) -> Result<Arc<dyn ExecutionPlan>> {
    let wide = &star.joined.wide;
    let over = |expr: &Arc<dyn PhysicalExpr>| Over::new(&over_wide(expr, columns)?, wide);
    let groups = aggregate.group_expr().expr().iter();
    let groups = groups.map(|(expr, _)| over(expr)).collect::<Result<_>>()?;
    let pairs = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
    let measures = pairs.map(|(function, filter)| {
        Ok(Measure {
            function: Arc::clone(function),
            arguments: function.expressions().iter().map(over).collect::<Result<_>>()?,
            filter: filter.as_ref().map(over).transpose()?,
        })
    });
    let measures = measures.collect::<Result<_>>()?;
    let asked = Asked { groups, measures, schema };
    let partitions = star.properties().output_partitioning().partition_count();
    Ok(Arc::new(StarAggregateExec::new(star.joined.clone(), asked, partitions)))
}

/// A whole aggregation of one partition: the partial one and a final one.
fn single(
    aggregate: &AggregateExec,
    star: &StarJoinExec,
    columns: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn ExecutionPlan>> {
    let stock = AggregateExec::try_new(
        AggregateMode::Partial,
        aggregate.group_expr().clone(),
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )?;
    let partial = partial(aggregate, star, columns, stock.schema())?;
    let last = AggregateExec::try_new(
        AggregateMode::Final,
        aggregate.group_expr().as_final(),
        aggregate.aggr_expr().to_vec(),
        vec![None; aggregate.aggr_expr().len()],
        Arc::new(CoalescePartitionsExec::new(partial)),
        aggregate.input_schema(),
    )?;
    Ok(Arc::new(last))
}
