//! Where the columns of an answer come from, read off its logical plan.
//!
//! Values flow through expressions; filters, joins, groups and orders decide which rows there are.
//! What a plan's node does that is not known here is taken for everything: an origin too many
//! rather than one too few.

use super::Query;
use super::errors::from_datafusion;
use crate::error::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};
use std::collections::BTreeSet;

/// A column that is read: of a stored table, or of a staged one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The schema; none of a staged table.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}

/// How a column decides which rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decides {
    /// By a condition.
    Filter,
    /// By joining.
    Join,
    /// By grouping.
    Group,
    /// By an order of which only a part is taken.
    Order,
}

/// Where the columns of an answer come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanLineage {
    /// The answer's columns by name, each with what its values are computed from.
    pub columns: Vec<(String, BTreeSet<Origin>)>,
    /// What decides which rows there are.
    pub decides: BTreeSet<(Origin, Decides)>,
}

impl Query {
    /// Where its columns come from.
    ///
    /// # Errors
    /// Internal where the plan does not hold together.
    pub fn lineage(&self) -> Result<PlanLineage> {
        let plan = &self.parsed().plan;
        let mut walk = Walk::default();
        let values = walk.values(plan, &[]).map_err(from_datafusion)?;
        let names = plan.schema().fields().iter().map(|field| field.name().clone());
        Ok(PlanLineage { columns: names.zip(values).collect(), decides: walk.decides })
    }
}

/// What each column of a node is computed from.
type Values = Vec<BTreeSet<Origin>>;

/// A node around a subquery: its input's schema, and what those columns are computed from.
type Around<'a> = (&'a DFSchema, &'a Values);

#[derive(Default)]
struct Walk {
    decides: BTreeSet<(Origin, Decides)>,
}

impl Walk {
    fn values(
        &mut self,
        plan: &LogicalPlan,
        around: &[Around<'_>],
    ) -> Result<Values, DataFusionError> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let origin = |column: &str| Origin {
                    schema: scan.table_name.schema().map(str::to_owned),
                    table: scan.table_name.table().to_owned(),
                    column: column.to_owned(),
                };
                let fields = scan.projected_schema.fields().iter();
                Ok(fields.map(|field| BTreeSet::from([origin(field.name())])).collect())
            }
            LogicalPlan::Projection(node) => {
                let input = self.values(&node.input, around)?;
                self.each(&node.expr, node.input.schema(), &input, around)
            }
            LogicalPlan::Filter(node) => {
                let input = self.values(&node.input, around)?;
                let by = self.of(&node.predicate, node.input.schema(), &input, around)?;
                self.decide(by, Decides::Filter);
                Ok(input)
            }
            LogicalPlan::Aggregate(node) => {
                let input = self.values(&node.input, around)?;
                let schema = node.input.schema();
                let groups = self.each(&node.group_expr, schema, &input, around)?;
                self.decide(groups.iter().flatten().cloned().collect(), Decides::Group);
                let aggregates = self.each(&node.aggr_expr, schema, &input, around)?;
                // A grouping set is one expression of several columns, and numbers itself.
                let keys = plan.schema().fields().len() - aggregates.len();
                let groups = match groups.len() == keys {
                    true => groups,
                    false => vec![groups.into_iter().flatten().collect(); keys],
                };
                Ok(groups.into_iter().chain(aggregates).collect())
            }
            LogicalPlan::Window(node) => {
                let mut input = self.values(&node.input, around)?;
                let more = self.each(&node.window_expr, node.input.schema(), &input, around)?;
                input.extend(more);
                Ok(input)
            }
            LogicalPlan::Sort(node) => {
                let input = self.values(&node.input, around)?;
                if node.fetch.is_some() {
                    let by: Vec<Expr> = node.expr.iter().map(|sort| sort.expr.clone()).collect();
                    let by = self.each(&by, node.input.schema(), &input, around)?;
                    self.decide(by.into_iter().flatten().collect(), Decides::Order);
                }
                Ok(input)
            }
            LogicalPlan::Limit(node) => {
                // The order below decides what is within the limit.
                if let LogicalPlan::Sort(sort) = node.input.as_ref() {
                    let input = self.values(&sort.input, around)?;
                    let by: Vec<Expr> = sort.expr.iter().map(|sort| sort.expr.clone()).collect();
                    let by = self.each(&by, sort.input.schema(), &input, around)?;
                    self.decide(by.into_iter().flatten().collect(), Decides::Order);
                }
                self.values(&node.input, around)
            }
            LogicalPlan::Join(node) => {
                let left = self.values(&node.left, around)?;
                let right = self.values(&node.right, around)?;
                let both: Values = left.iter().chain(&right).cloned().collect();
                let schema = node.left.schema().join(node.right.schema())?;
                let on = node.on.iter().flat_map(|(l, r)| [l.clone(), r.clone()]);
                let on: Vec<Expr> = on.chain(node.filter.clone()).collect();
                let by = self.each(&on, &schema, &both, around)?;
                self.decide(by.into_iter().flatten().collect(), Decides::Join);
                Ok(match node.join_type {
                    JoinType::LeftSemi | JoinType::LeftAnti => left,
                    JoinType::RightSemi | JoinType::RightAnti => right,
                    JoinType::LeftMark => left.into_iter().chain([BTreeSet::new()]).collect(),
                    JoinType::RightMark => right.into_iter().chain([BTreeSet::new()]).collect(),
                    _ => both,
                })
            }
            LogicalPlan::Union(node) => {
                let mut all: Values = vec![BTreeSet::new(); plan.schema().fields().len()];
                for input in &node.inputs {
                    let values = self.values(input, around)?;
                    for (own, more) in all.iter_mut().zip(values) {
                        own.extend(more);
                    }
                }
                Ok(all)
            }
            other => self.other(other, around),
        }
    }

    /// A node that gives its input's columns on, or is not known.
    fn other(
        &mut self,
        plan: &LogicalPlan,
        around: &[Around<'_>],
    ) -> Result<Values, DataFusionError> {
        let width = plan.schema().fields().len();
        let mut inputs = Vec::new();
        for input in plan.inputs() {
            inputs.push(self.values(input, around)?);
        }
        match inputs.as_slice() {
            [one] if one.len() == width => Ok(inputs.remove(0)),
            _ => Ok(vec![inputs.into_iter().flatten().flatten().collect(); width]),
        }
    }

    fn each(
        &mut self,
        expressions: &[Expr],
        schema: &DFSchema,
        input: &Values,
        around: &[Around<'_>],
    ) -> Result<Values, DataFusionError> {
        expressions.iter().map(|expression| self.of(expression, schema, input, around)).collect()
    }

    /// What an expression is computed from.
    fn of(
        &mut self,
        expression: &Expr,
        schema: &DFSchema,
        input: &Values,
        around: &[Around<'_>],
    ) -> Result<BTreeSet<Origin>, DataFusionError> {
        let mut origins = BTreeSet::new();
        let find = |column: &Column, schema: &DFSchema, values: &Values| {
            schema.maybe_index_of_column(column).and_then(|index| values.get(index).cloned())
        };
        let mut subqueries = Vec::new();
        expression.apply(|part| {
            match part {
                Expr::Column(column) => {
                    origins.extend(find(column, schema, input).unwrap_or_default());
                }
                Expr::OuterReferenceColumn(_, column) => {
                    let outer = around.iter().rev().find_map(|(s, v)| find(column, s, v));
                    origins.extend(outer.unwrap_or_default());
                }
                Expr::ScalarSubquery(subquery) => subqueries.push((subquery.clone(), true)),
                Expr::InSubquery(within) => subqueries.push((within.subquery.clone(), true)),
                Expr::Exists(exists) => subqueries.push((exists.subquery.clone(), false)),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        for (subquery, gives_values) in subqueries {
            let around: Vec<Around<'_>> = around.iter().copied().chain([(schema, input)]).collect();
            let values = self.values(&subquery.subquery, &around)?;
            if gives_values {
                origins.extend(values.into_iter().flatten());
            }
        }
        Ok(origins)
    }

    fn decide(&mut self, origins: BTreeSet<Origin>, how: Decides) {
        self.decides.extend(origins.into_iter().map(|origin| (origin, how)));
    }
}
