//! How many rows a plan has, about, and how many different values its columns.
//!
//! Tables tell rows, smallest and largest values, and the number of members that keys refer to. The rest is assumed:
//! values lie evenly between smallest and largest, and columns have nothing to do with each other.

mod selectivity;

use super::sides;
use super::star::{self, likely_unique, plain_column};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, JoinType, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{Aggregate, Join, TableScan};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, FetchType, LogicalPlan};
use selectivity::of_conditions;

/// Rows of what tells nothing.
const UNTOLD: f64 = 1000.0;

/// What conditions of joins keep that are no equalities.
pub(in crate::engine) const KEPT: f64 = 1.0 / 3.0;

/// What a semi or anti join keeps at least.
const LEAST_KEPT: f64 = 0.01;

/// Operators below one another that are looked at.
const DEEPEST: usize = 256;

/// What is known of a plan's rows.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Estimate {
    pub(in crate::engine) rows: f64,
    /// The rows that there would be without filters: what a key's values are a part of.
    pub(in crate::engine) unfiltered: f64,
    pub(in crate::engine) columns: Vec<Values>,
    /// Sets of columns of which likely no two rows have the same values.
    pub(in crate::engine) unique: Vec<Vec<usize>>,
}

/// What is known of a column's values.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct Values {
    /// How many different ones there are at most.
    pub(in crate::engine) distinct: Option<f64>,
    /// The smallest and the largest.
    pub(in crate::engine) range: Option<(f64, f64)>,
    /// How many are NULL, as a part of all.
    pub(in crate::engine) nulls: f64,
}

impl Estimate {
    fn new(rows: f64, columns: Vec<Values>) -> Self {
        Self { rows, unfiltered: rows, columns, unique: Vec::new() }
    }

    /// How many different values an expression has, of this plan's columns: where nothing is known, one a row.
    pub(in crate::engine) fn distinct(&self, column: Option<usize>) -> f64 {
        let known = column.and_then(|column| self.columns.get(column)?.distinct);
        known.map_or(self.rows, |known| known.min(self.rows)).max(1.0)
    }
}

/// Estimates a plan's rows.
pub(in crate::engine) fn estimate(plan: &LogicalPlan) -> Estimate {
    above(plan, DEEPEST)
}

/// What was estimated before, of nodes that know it.
pub(in crate::engine) fn told(plan: &LogicalPlan) -> Option<&Estimate> {
    let LogicalPlan::Extension(extension) = plan else { return None };
    sides::told(extension).or_else(|| star::told(extension))
}

/// The same, of so many operators below one another.
fn above(plan: &LogicalPlan, levels: usize) -> Estimate {
    if let Some(told) = told(plan) {
        return told.clone();
    }
    let Some(levels) = levels.checked_sub(1) else { return untold(plan, UNTOLD) };
    let mut inputs: Vec<Estimate> =
        plan.inputs().into_iter().map(|input| above(input, levels)).collect();
    let rows = rows_of(plan, &inputs);
    let sets: Vec<_> = inputs.iter_mut().map(|input| std::mem::take(&mut input.unique)).collect();
    Estimate { unique: likely_unique(plan, &sets), ..rows }
}

fn rows_of(plan: &LogicalPlan, inputs: &[Estimate]) -> Estimate {
    match (plan, inputs) {
        (LogicalPlan::TableScan(scan), _) => of_table(scan),
        (
            LogicalPlan::SubqueryAlias(_) | LogicalPlan::Sort(_) | LogicalPlan::Repartition(_),
            [input],
        ) => input.clone(),
        (LogicalPlan::Filter(filter), [input]) => {
            let conditions = split_conjunction(&filter.predicate);
            let part = of_conditions(&conditions, filter.input.schema(), &input.columns);
            Estimate { rows: (input.rows * part).max(1.0), ..input.clone() }
        }
        (LogicalPlan::Projection(projection), [input]) => {
            let of = |expr| plain_column(expr, projection.input.schema());
            let known = |expr| of(expr).and_then(|column| input.columns.get(column).copied());
            let columns = projection.expr.iter().map(|expr| known(expr).unwrap_or_default());
            Estimate { columns: columns.collect(), ..input.clone() }
        }
        (LogicalPlan::Limit(limit), [input]) => {
            let most = match limit.get_fetch_type() {
                Ok(FetchType::Literal(Some(most))) => most as f64,
                _ => input.rows,
            };
            Estimate { rows: input.rows.min(most), ..input.clone() }
        }
        (LogicalPlan::Aggregate(aggregate), [input]) => of_groups(aggregate, input),
        (LogicalPlan::Join(join), [left, right]) => of_join(join, left, right),
        (LogicalPlan::Union(_), inputs) => {
            untold(plan, inputs.iter().map(|input| input.rows).sum())
        }
        (LogicalPlan::Values(values), _) => untold(plan, values.values.len() as f64),
        (LogicalPlan::EmptyRelation(_), _) => untold(plan, 1.0),
        (_, []) => untold(plan, UNTOLD),
        (_, inputs) => untold(plan, inputs.iter().map(|input| input.rows).fold(1.0, f64::max)),
    }
}

fn untold(plan: &LogicalPlan, rows: f64) -> Estimate {
    Estimate::new(rows, vec![Values::default(); plan.schema().fields().len()])
}

fn of_table(scan: &TableScan) -> Estimate {
    let fields = scan.projected_schema.fields().len();
    let provider = source_as_provider(&scan.source).ok();
    let Some(statistics) = provider.and_then(|provider| provider.statistics()) else {
        return Estimate::new(UNTOLD, vec![Values::default(); fields]);
    };
    let rows = statistics.num_rows.get_value().map_or(UNTOLD, |rows| *rows as f64).max(1.0);
    let column = |place: usize| {
        let column = scan.projection.as_ref().map_or(Some(place), |all| all.get(place).copied());
        column.and_then(|column| statistics.column_statistics.get(column))
    };
    let columns = (0..fields)
        .map(|place| column(place).map_or_else(Values::default, |own| values(own, rows)));
    Estimate::new(rows, columns.collect())
}

fn values(known: &ColumnStatistics, rows: f64) -> Values {
    let low = known.min_value.get_value();
    let range = low.and_then(number).zip(known.max_value.get_value().and_then(number));
    let is_counted = |value: &&ScalarValue| {
        let ty = value.data_type();
        ty.is_integer() || matches!(ty, arrow::datatypes::DataType::Date32)
    };
    let between =
        || low.filter(is_counted).and(range).map(|(low, high)| (high - low + 1.0).min(rows));
    let distinct = known.distinct_count.get_value().map(|count| *count as f64).or_else(between);
    let nulls = match known.null_count {
        Precision::Exact(nulls) | Precision::Inexact(nulls) => nulls as f64 / rows,
        Precision::Absent => 0.0,
    };
    Values { distinct, range, nulls }
}

/// A value as a number that is the larger, the larger the value.
pub(in crate::engine) fn number(value: &ScalarValue) -> Option<f64> {
    use ScalarValue as V;
    Some(match value {
        V::Int8(value) => f64::from((*value)?),
        V::Int16(value) => f64::from((*value)?),
        V::Int32(value) | V::Date32(value) => f64::from((*value)?),
        V::Int64(value) | V::TimestampMicrosecond(value, _) => (*value)? as f64,
        V::Float64(value) => (*value)?,
        V::Decimal128(value, _, scale) => (*value)? as f64 / 10_f64.powi(i32::from(*scale)),
        V::Dictionary(_, value) => number(value)?,
        _ => return None,
    })
}

fn of_groups(aggregate: &Aggregate, input: &Estimate) -> Estimate {
    let fields = aggregate.schema.fields().len();
    let is_set = |expr: &Expr| matches!(expr, Expr::GroupingSet(_));
    if aggregate.group_expr.iter().any(is_set) {
        return Estimate::new(input.rows, vec![Values::default(); fields]);
    }
    let schema = aggregate.input.schema();
    let columns = aggregate.group_expr.iter().map(|expr| plain_column(expr, schema));
    let columns: Vec<Option<usize>> = columns.collect();
    let groups: f64 = columns.iter().map(|column| input.distinct(*column)).product();
    let known = |column: &Option<usize>| input.columns.get((*column)?).copied();
    let mut values: Vec<Values> =
        columns.iter().map(|column| known(column).unwrap_or_default()).collect();
    values.resize(fields, Values::default());
    Estimate::new(groups.min(input.rows).max(1.0), values)
}

fn of_join(join: &Join, left: &Estimate, right: &Estimate) -> Estimate {
    use JoinType::{Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    let place = |expr, side: &LogicalPlan| plain_column(expr, side.schema());
    let on = join.on.iter();
    let on = on.map(|(own, other)| (place(own, &join.left), place(other, &join.right)));
    let matched = left.rows * right.rows * equal(left, right, &on.collect::<Vec<_>>());
    let asks_more = join.filter.is_some();
    let stays = |side: &Estimate, is_anti| {
        side.rows * kept((matched / side.rows).min(1.0), is_anti, asks_more)
    };
    let mark = || vec![Values::default()];
    let (rows, columns) = match join.join_type {
        LeftSemi => (stays(left, false), left.columns.clone()),
        RightSemi => (stays(right, false), right.columns.clone()),
        LeftAnti => (stays(left, true), left.columns.clone()),
        RightAnti => (stays(right, true), right.columns.clone()),
        LeftMark => (left.rows, [left.columns.clone(), mark()].concat()),
        RightMark => (right.rows, [right.columns.clone(), mark()].concat()),
        kind => {
            let least = match kind {
                Left => left.rows,
                Right => right.rows,
                JoinType::Full => left.rows + right.rows,
                _ => 0.0,
            };
            let matched = if asks_more { matched * KEPT } else { matched };
            (matched.max(least), [left.columns.clone(), right.columns.clone()].concat())
        }
    };
    Estimate::new(rows.max(1.0), columns)
}

/// Of rows of which a part has its like on the other side, the part that a semi or anti join keeps, which may
/// ask for more than equality.
pub(in crate::engine) fn kept(part: f64, is_anti: bool, asks_more: bool) -> f64 {
    let found = if asks_more { part * KEPT } else { part };
    let kept = if is_anti { 1.0 - found } else { found };
    kept.max(LEAST_KEPT)
}

/// The columns of both sides that are equal, where they are plain ones.
pub(in crate::engine) type Pair = (Option<usize>, Option<usize>);

/// Of all pairs of rows of two plans, the part that is equal in these columns: each value of the side with
/// fewer has its match on the other. The columns of a key together have one value a row.
pub(in crate::engine) fn equal(left: &Estimate, right: &Estimate, on: &[Pair]) -> f64 {
    let covers = |side: &Estimate, columns: Vec<usize>| {
        side.unique.iter().any(|set| set.iter().all(|column| columns.contains(column)))
    };
    let by_key = [
        covers(left, on.iter().filter_map(|pair| pair.0).collect()).then_some(left.unfiltered),
        covers(right, on.iter().filter_map(|pair| pair.1).collect()).then_some(right.unfiltered),
    ];
    let by_key = by_key.into_iter().flatten().fold(0.0, f64::max);
    let each = on.iter().map(|(own, other)| left.distinct(*own).max(right.distinct(*other)));
    let by_values: f64 = each.product();
    let most = if by_key > 0.0 { by_key } else { by_values };
    1.0 / most.max(1.0)
}
