//! What stands below an aggregation over a cube: which cube, and what of its rows.

use super::defect;
use super::named_set;
use super::sql::cube_of;
use crate::error::Result;
use crate::model::{Cube, Model};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, ident};

/// What stands below an aggregation over a cube.
pub(super) struct CubeInput<'a> {
    pub(super) cube: &'a Cube,
    pub(super) catalog: Option<String>,
    /// Each output column as an expression over cube columns (unqualified).
    columns: Vec<Expr>,
    pub(super) predicates: Vec<Expr>,
}

/// Follows filters, projections and aliases down to a cube; `None` where something else stands
/// between.
pub(super) fn cube_input<'a>(
    plan: &LogicalPlan,
    model: &'a Model,
) -> Result<Option<CubeInput<'a>>> {
    Ok(match plan {
        LogicalPlan::TableScan(scan) => match cube_of(scan, model) {
            Some(cube) => Some(CubeInput::of(cube, scan)?),
            None => None,
        },
        LogicalPlan::SubqueryAlias(alias) => cube_input(&alias.input, model)?,
        LogicalPlan::Filter(filter) => match cube_input(&filter.input, model)? {
            Some(mut input) => {
                for condition in split_conjunction(&filter.predicate) {
                    let over = input.translate(condition, filter.input.schema())?;
                    input.predicates.extend(named_set::as_conditions(over));
                }
                Some(input)
            }
            None => None,
        },
        LogicalPlan::Projection(projection) => match cube_input(&projection.input, model)? {
            Some(mut input) => {
                let mut columns = Vec::new();
                for expr in &projection.expr {
                    columns.push(input.translate(expr, projection.input.schema())?.unalias());
                }
                input.columns = columns;
                Some(input)
            }
            None => None,
        },
        _ => None,
    })
}

impl<'a> CubeInput<'a> {
    /// A cube's columns as they are, and each of its sets as the condition that it is.
    fn of(cube: &'a Cube, scan: &TableScan) -> Result<Self> {
        let mut columns = Vec::new();
        for column in scan.projected_schema.columns() {
            columns.push(match cube.set(&column.name) {
                Some(set) => named_set::is_of(set, cube)?,
                None => ident(&column.name),
            });
        }
        let catalog = scan.table_name.catalog().map(str::to_owned);
        Ok(Self { cube, catalog, columns, predicates: scan.filters.clone() })
    }
}

impl CubeInput<'_> {
    /// An expression over this input's columns as one over cube columns.
    pub(super) fn translate(&self, expr: &Expr, schema: &DFSchema) -> Result<Expr> {
        let translated = expr.clone().transform(|part| {
            Ok(match &part {
                Expr::Column(column) => {
                    Transformed::yes(self.columns[schema.index_of_column(column)?].clone())
                }
                _ => Transformed::no(part),
            })
        });
        Ok(translated.map_err(defect)?.data)
    }

    /// A measure that expressions over cube columns look at, if they do.
    pub(super) fn measured<'e>(&self, exprs: impl Iterator<Item = &'e Expr>) -> Option<&str> {
        let columns = exprs.flat_map(Expr::column_refs);
        let mut measures = columns.filter_map(|column| self.cube.measure(&column.name));
        measures.next().map(|measure| measure.name.as_str())
    }

    /// The measure an expression is, if it is one.
    pub(super) fn measure(&self, expr: &Expr) -> Option<&str> {
        match expr {
            Expr::Column(column) => self.cube.measure(&column.name).map(|m| m.name.as_str()),
            Expr::Alias(alias) => self.measure(&alias.expr),
            Expr::Cast(cast) => self.measure(&cast.expr),
            _ => None,
        }
    }
}
