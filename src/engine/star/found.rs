//! A star as it is found, from the fact outwards: dimensions by the fact's keys, outriggers by a
//! dimension's columns, predicates.

use super::joined::{Keeps, Reads};
use super::node::{Dimension, StarJoin, wide_name};
use super::sides::{Kind, Sides};
use super::unique::{distinct, plain_column, stored, unique};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinConstraint, NullEquality};
use datafusion::logical_expr::logical_plan::{Join, TableScan};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a column comes from. Columns are known by their place in a list of these while dimensions
/// still grow.
#[derive(Clone, Copy)]
enum Origin {
    Fact(usize),
    Member { dimension: usize, column: usize },
}

pub(super) struct Found {
    reads: Reads,
    fact: Option<TableScan>,
    dimensions: Vec<Dimension>,
    /// Over columns by their place among the origins.
    predicates: Vec<Expr>,
    origins: Vec<Origin>,
}

impl Found {
    pub(super) fn new(reads: Reads) -> Self {
        let (dimensions, predicates, origins) = (Vec::new(), Vec::new(), Vec::new());
        Self { reads, fact: None, dimensions, predicates, origins }
    }

    /// The star, with these columns; `None` where no fact was found.
    pub(super) fn finish(self, output: &[usize], schema: &DFSchemaRef) -> Option<StarJoin> {
        let fact = self.fact?;
        let mut first = vec![fact.projected_schema.fields().len()];
        for dimension in &self.dimensions {
            first.push(first[first.len() - 1] + dimension.plan.schema().fields().len());
        }
        let wide = |origin: usize| match self.origins[origin] {
            Origin::Fact(column) => column,
            Origin::Member { dimension, column } => first[dimension] + column,
        };
        let schemas = (0..self.origins.len()).map(wide).collect::<Vec<_>>();
        let over_wide = |predicate: Expr| {
            let named = predicate.transform(|expr| match &expr {
                Expr::Column(column) => {
                    let place = column.name.strip_prefix('w').and_then(|own| own.parse().ok());
                    let wide = place.and_then(|place: usize| schemas.get(place));
                    Ok(wide.map_or_else(
                        || Transformed::no(expr.clone()),
                        |wide| Transformed::yes(by_place(*wide)),
                    ))
                }
                _ => Ok(Transformed::no(expr)),
            });
            Some(named.ok()?.data)
        };
        Some(StarJoin {
            reads: self.reads,
            predicates: self.predicates.into_iter().map(over_wide).collect::<Option<_>>()?,
            output: output.iter().map(|origin| schemas[*origin]).collect(),
            dimensions: self.dimensions,
            schema: Arc::clone(schema),
            about: None,
            fact,
        })
    }

    /// Reads a plan that holds the fact; gives the place of each of its columns.
    pub(super) fn read(&mut self, plan: &LogicalPlan) -> Option<Vec<usize>> {
        match plan {
            LogicalPlan::TableScan(scan) => self.fact(scan),
            LogicalPlan::SubqueryAlias(alias) => self.read(&alias.input),
            LogicalPlan::Projection(projection) => {
                let columns = self.read(&projection.input)?;
                let plain = |expr| plain_column(expr, projection.input.schema());
                projection.expr.iter().map(|expr| Some(columns[plain(expr)?])).collect()
            }
            LogicalPlan::Filter(filter) => {
                let columns = self.read(&filter.input)?;
                self.hold(&filter.predicate, filter.input.schema(), &columns)?;
                Some(columns)
            }
            LogicalPlan::Join(join) if self.reads == Reads::Facts => {
                let sides = Sides::of(join)?;
                let columns = self.read(sides.facts)?;
                match self.looked_up(&sides, &columns) {
                    Some(key) => self.dimension(&sides, &columns, key),
                    None => self.outrigger(&sides, &columns),
                }
            }
            _ => None,
        }
    }

    fn fact(&mut self, scan: &TableScan) -> Option<Vec<usize>> {
        let table = stored(scan)?;
        let is_meant = match self.reads {
            Reads::Facts => table.has_measures(),
            Reads::Members => table.is_dimension(),
        };
        let is_one = is_meant && self.fact.is_none() && scan.fetch.is_none();
        is_one.then(|| {
            self.fact = Some(scan.clone());
            self.grow((0..scan.projected_schema.fields().len()).map(Origin::Fact))
        })
    }

    /// Takes columns in; gives their places.
    fn grow(&mut self, origins: impl Iterator<Item = Origin>) -> Vec<usize> {
        let first = self.origins.len();
        self.origins.extend(origins);
        (first..self.origins.len()).collect()
    }

    /// The pair of a join's expressions by which members are looked up with the fact's keys.
    fn looked_up(&self, sides: &Sides<'_>, columns: &[usize]) -> Option<LookedUp> {
        let alone = sides.on.len() == 1 && sides.join.filter.is_none();
        if matches!(sides.kind, Kind::Outer | Kind::Anti) && !alone {
            return None;
        }
        let unique = unique(sides.members);
        let pairs = sides.on.iter().enumerate();
        let mut keys = pairs.filter_map(|(pair, (fact, member))| {
            let fact_key = self.fact_key(fact, sides.facts, columns)?;
            let key = plain_column(member, sides.members.schema())?;
            let types = (self.fact_type(fact_key)?, sides.members.schema().field(key).data_type());
            let is_key =
                types.0 == types.1 && matches!(types.0, DataType::Int32 | DataType::Date32);
            let is_unique = unique.contains(&vec![key]);
            let may_repeat = matches!(sides.kind, Kind::Semi | Kind::Anti) && alone;
            let stays = is_unique || may_repeat && self.is_surrogate(fact_key);
            (is_key && stays).then_some(LookedUp { pair, key, fact_key, is_unique })
        });
        keys.next()
    }

    /// The fact's column that a join's expression is.
    fn fact_key(&self, expr: &Expr, facts: &LogicalPlan, columns: &[usize]) -> Option<usize> {
        match self.origins[columns[plain_column(expr, facts.schema())?]] {
            Origin::Fact(column) => Some(column),
            Origin::Member { .. } => None,
        }
    }

    fn fact_type(&self, column: usize) -> Option<&DataType> {
        Some(self.fact.as_ref()?.projected_schema.field(column).data_type())
    }

    /// Whether a fact's column holds surrogate keys: they are dense, whoever looks them up.
    fn is_surrogate(&self, column: usize) -> bool {
        let table = self.fact.as_ref().and_then(|fact| Some((fact, stored(fact)?)));
        table.is_some_and(|(fact, table)| {
            table.is_surrogate_key(fact.projected_schema.field(column).name())
        })
    }

    /// Takes in a dimension that is looked up.
    fn dimension(
        &mut self,
        sides: &Sides<'_>,
        columns: &[usize],
        looked_up: LookedUp,
    ) -> Option<Vec<usize>> {
        let LookedUp { pair, key, fact_key, is_unique } = looked_up;
        let (plan, key) = match is_unique {
            true => (sides.members.as_ref().clone(), key),
            false => (distinct(sides.members, key)?, 0),
        };
        let (dimension, width) = (self.dimensions.len(), plan.schema().fields().len());
        let keeps = match sides.kind {
            Kind::Inner | Kind::Semi => Keeps::Matched,
            Kind::Outer => Keeps::All,
            Kind::Anti => Keeps::Unmatched,
        };
        self.dimensions.push(Dimension { plan, key, fact_key, keeps });
        if !is_unique || sides.kind == Kind::Anti {
            return Some(columns.to_vec());
        }
        let members = (0..width).map(|column| Origin::Member { dimension, column });
        let all = sides.side_by_side(columns, &self.grow(members));
        // A semi join's own schema lacks the members.
        let schema = sides.join.left.schema().join(sides.join.right.schema()).ok()?;
        for (index, (left, right)) in sides.join.on.iter().enumerate() {
            if index != pair {
                self.hold(&left.clone().eq(right.clone()), &schema, &all)?;
            }
        }
        if let Some(filter) = &sides.join.filter {
            self.hold(filter, &schema, &all)?;
        }
        Some(if sides.kind == Kind::Semi { columns.to_vec() } else { all })
    }

    /// Takes in a table that is joined to the columns of one dimension: it is joined to that
    /// dimension, whose members then have its columns too.
    fn outrigger(&mut self, sides: &Sides<'_>, columns: &[usize]) -> Option<Vec<usize>> {
        let dimension = self.asked_of(sides, columns)?;
        let keeps = self.dimensions[dimension].keeps;
        let (join_type, keeps) = match (sides.kind, keeps) {
            // Without a member its columns are NULL, and equal to nothing.
            (Kind::Inner | Kind::Semi, _) => (sides.kind.join_type(), Keeps::Matched),
            (Kind::Outer, keeps) => (sides.kind.join_type(), keeps),
            (Kind::Anti, Keeps::Matched) => (sides.kind.join_type(), keeps),
            // Facts without a member would stay, and those of some members go.
            (Kind::Anti, _) => return None,
        };
        if matches!(sides.kind, Kind::Inner | Kind::Outer) && !sides.is_by_unique() {
            return None;
        }
        let plan = Arc::new(self.dimensions[dimension].plan.clone());
        let width = plan.schema().fields().len();
        let own = |expr: &Expr| self.over_dimension(expr, sides.facts.schema(), columns, &plan);
        let on = sides.on.iter().map(|(fact, member)| Some((own(fact)?, (*member).clone())));
        let on = on.collect::<Option<Vec<_>>>()?;
        let filter = match &sides.join.filter {
            Some(filter) => Some(own(filter)?),
            None => None,
        };
        let (members, nulls) = (Arc::clone(sides.members), NullEquality::NullEqualsNothing);
        let aware = sides.join.null_aware;
        let by = JoinConstraint::On;
        if plan.schema().columns().iter().any(|own| members.schema().has_column(own)) {
            return None;
        }
        let joined = Join::try_new(plan, members, on, filter, join_type, by, nulls, aware).ok()?;
        let all = joined.schema.fields().len();
        self.dimensions[dimension].plan = LogicalPlan::Join(joined);
        self.dimensions[dimension].keeps = keeps;
        let members = (width..all).map(|column| Origin::Member { dimension, column });
        let members = self.grow(members);
        Some(sides.side_by_side(columns, &members))
    }

    /// The dimension whose columns alone a join asks for, of those on the facts' side.
    fn asked_of(&self, sides: &Sides<'_>, columns: &[usize]) -> Option<usize> {
        let exprs = sides.on.iter().map(|(fact, _)| *fact).chain(&sides.join.filter);
        let mut asked = BTreeSet::new();
        for expr in exprs {
            if expr.is_volatile() || has_subquery(expr) {
                return None;
            }
            let known = expr.column_refs().into_iter();
            let known = known.filter_map(|own| sides.facts.schema().maybe_index_of_column(own));
            for index in known {
                let Origin::Member { dimension, .. } = self.origins[columns[index]] else {
                    return None;
                };
                asked.insert(dimension);
            }
        }
        asked.pop_first().filter(|_| asked.is_empty())
    }

    /// An expression over the facts' side and others' columns, over a dimension's plan and those.
    fn over_dimension(
        &self,
        expr: &Expr,
        schema: &DFSchema,
        columns: &[usize],
        plan: &LogicalPlan,
    ) -> Option<Expr> {
        let named = expr.clone().transform(|expr| match &expr {
            Expr::Column(column) => Ok(match schema.maybe_index_of_column(column) {
                Some(index) => match self.origins[columns[index]] {
                    Origin::Member { column, .. } => {
                        let own = Column::from(plan.schema().qualified_field(column));
                        Transformed::yes(Expr::Column(own))
                    }
                    Origin::Fact(_) => Transformed::no(expr),
                },
                None => Transformed::no(expr),
            }),
            _ => Ok(Transformed::no(expr)),
        });
        Some(named.ok()?.data)
    }

    /// Takes in a predicate over columns of `schema`, by their places.
    fn hold(&mut self, predicate: &Expr, schema: &DFSchema, columns: &[usize]) -> Option<()> {
        for part in split_conjunction(predicate) {
            if part.is_volatile() || has_subquery(part) {
                return None;
            }
            let named = part.clone().transform(|expr| match &expr {
                Expr::Column(column) => {
                    let place = columns[schema.index_of_column(column)?];
                    Ok(Transformed::yes(by_place(place)))
                }
                _ => Ok(Transformed::no(expr)),
            });
            self.predicates.push(named.ok()?.data);
        }
        Some(())
    }
}

/// How members are looked up: by which pair of a join's expressions, of which the fact's column
/// holds the keys, and whether no two members have the same.
struct LookedUp {
    pair: usize,
    /// Among the members' columns.
    key: usize,
    /// Among the fact's columns that are read.
    fact_key: usize,
    is_unique: bool,
}

fn by_place(place: usize) -> Expr {
    Expr::Column(Column::new_unqualified(wide_name(place)))
}

/// Whether an expression asks another query for each row. One that is asked once for all is a value.
fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |expr: &Expr| match expr {
        Expr::ScalarSubquery(subquery) => !subquery.outer_ref_columns.is_empty(),
        Expr::InSubquery(_)
        | Expr::Exists(_)
        | Expr::SetComparison(_)
        | Expr::OuterReferenceColumn(..) => true,
        _ => false,
    };
    expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true)
}
