//! Hand-written star SQL on stored tables, answered from aggregates where one answers.
//!
//! An aggregation over a fact that is joined to its dimensions by their keys is a question to any
//! cube that has the fact: its groups and conditions are cube columns, and what it aggregates are
//! measures. It becomes an `Ask`, as cube SQL does, if an aggregate answers that; else it stays what
//! it is. Whatever is not exactly that shape stays, too.

use super::ask::{Ask, group_name, measure_name};
use super::atom::FACT;
use super::calculated::StandsFor;
use super::measure::Asked;
use super::padded::Padding;
use super::{PlanContext, Planned, Routing, defect, scalar_sql};
use crate::error::Result;
use crate::model::{Cube, Dimension, Fact, FactRole, MeasureKind, plan_schema};
use arrow::datatypes::DataType;
use datafusion::catalog::default_table_source::DefaultTableSource;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, TableReference};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator,
    TableScan, TableSource, cast, ident,
};
use std::sync::Arc;

/// The plan that answers an aggregation of a star from an aggregate: of several, from the one with the
/// fewest rows. `None` where the aggregation is of something else, or none answers: why is noted, and
/// what it would need of one.
pub(super) fn resolve_star(
    aggregate: &Aggregate,
    context: &PlanContext<'_>,
    routing: &mut Routing,
) -> Result<Option<LogicalPlan>> {
    if !context.use_aggregates {
        return Ok(None);
    }
    let mut tables = Tables::default();
    let Some(star) = tables.read(&aggregate.input).and_then(|()| tables.star(context)) else {
        if let Some(fact) = fact_below(&aggregate.input, context) {
            let why =
                "a fact joined to its dimensions by their keys, without outer joins and subqueries";
            routing.note_base(format!("{fact}: base rows; aggregates answer {why}"));
        }
        return Ok(None);
    };
    let (mut best, mut refused): (Option<Planned>, Option<Routing>) = (None, None);
    let mut not_asked = None;
    for cube in context.model.cubes.iter().filter(|cube| cube.facts.contains(&star.fact.name)) {
        let ask = match star.ask(cube, aggregate) {
            Ok(ask) => ask,
            Err(part) => {
                not_asked.get_or_insert(part);
                continue;
            }
        };
        let Ok(planned) = ask.plan(context) else { continue };
        if planned.routing.on_base > 0 {
            refused.get_or_insert(planned.routing);
        } else if best.as_ref().is_none_or(|best| planned.routing.rows < best.routing.rows) {
            best = Some(planned);
        }
    }
    match (best, refused, not_asked) {
        (Some(best), ..) => {
            routing.extend(best.routing);
            return as_asked(best.plan, aggregate).map(Some);
        }
        (None, Some(refused), _) => routing.extend(refused),
        (None, None, part) => {
            let why = part.map(|part| format!("no aggregate keeps what {part} needs"));
            let why = why.unwrap_or_else(|| "no cube is asked so".to_owned());
            routing.note_base(format!("{}: base rows; {why}", star.fact.table()));
        }
    }
    Ok(None)
}

/// The fact that an aggregation reads, with none between.
fn fact_below(plan: &LogicalPlan, context: &PlanContext<'_>) -> Option<String> {
    match plan {
        LogicalPlan::Aggregate(_) => None,
        LogicalPlan::TableScan(scan) => {
            let table = scan.table_name.table();
            context.model.facts.iter().map(Fact::table).find(|fact| fact == table)
        }
        other => other.inputs().into_iter().find_map(|input| fact_below(input, context)),
    }
}

/// The answer under the names and types of the aggregation.
fn as_asked(answer: LogicalPlan, aggregate: &Aggregate) -> Result<LogicalPlan> {
    let groups = (0..aggregate.group_expr.len()).map(group_name);
    let measures = (0..aggregate.aggr_expr.len()).map(measure_name);
    let columns = groups.chain(measures).zip(aggregate.schema.iter());
    let columns = columns.map(|(own, (relation, field))| {
        cast(ident(own), field.data_type().clone())
            .alias_qualified(relation.cloned(), field.name().clone())
    });
    LogicalPlanBuilder::from(answer)
        .project(columns.collect::<Vec<_>>())
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)
}

/// Tables that are joined, under their names in the statement, and all conditions.
#[derive(Default)]
struct Tables<'p> {
    scans: Vec<(TableReference, &'p TableScan)>,
    conditions: Vec<Expr>,
}

impl<'p> Tables<'p> {
    /// Reads what stands below an aggregation; `None` where it is anything but inner joins of
    /// tables and conditions.
    fn read(&mut self, plan: &'p LogicalPlan) -> Option<()> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan.table_name.clone(), scan),
            LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
                LogicalPlan::TableScan(scan) => self.scan(alias.alias.clone(), scan),
                _ => None,
            },
            LogicalPlan::Filter(filter) => {
                self.read(&filter.input)?;
                self.conditions.extend(split_conjunction(&filter.predicate).into_iter().cloned());
                Some(())
            }
            LogicalPlan::Join(join) => {
                let is_plain = join.join_type == JoinType::Inner
                    && join.null_equality == NullEquality::NullEqualsNothing;
                if !is_plain {
                    return None;
                }
                self.read(&join.left)?;
                self.read(&join.right)?;
                let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
                self.conditions.extend(equal);
                let filter = join.filter.iter().flat_map(split_conjunction);
                self.conditions.extend(filter.cloned());
                Some(())
            }
            _ => None,
        }
    }

    fn scan(&mut self, name: TableReference, scan: &'p TableScan) -> Option<()> {
        let whole = scan.filters.is_empty() && scan.fetch.is_none();
        let first = self.scans.iter().all(|(known, _)| *known != name);
        (whole && first).then(|| self.scans.push((name, scan)))
    }

    /// The star that the tables are: one fact, and each other table one of its dimensions, joined
    /// by its key.
    fn star<'a>(&self, context: &'a PlanContext<'_>) -> Option<Star<'a>> {
        let catalog = self.scans.first()?.1.table_name.catalog();
        let stored = |scan: &TableScan, table: &str| {
            let known = context.tables.table(catalog, table);
            scan.table_name.catalog() == catalog && known.is_some_and(|k| is_same(&k, &scan.source))
        };
        let model = context.model;
        let mut facts = self.scans.iter().filter_map(|(name, scan)| {
            let table = scan.table_name.table();
            let fact = model.facts.iter().find(|fact| fact.table() == table)?;
            stored(scan, table).then_some((name, fact))
        });
        let ((fact_name, fact), None) = (facts.next()?, facts.next()) else { return None };
        let mut star = Star {
            fact,
            fact_name: fact_name.clone(),
            catalog: catalog.map(str::to_owned),
            roles: Vec::new(),
            conditions: Vec::new(),
        };
        let mut conditions: Vec<&Expr> = self.conditions.iter().collect();
        for (name, scan) in self.scans.iter().filter(|(name, _)| name != fact_name) {
            let table = scan.table_name.table();
            let dimension = model.dimensions.iter().find(|dim| dim.table() == table)?;
            if !stored(scan, table) {
                return None;
            }
            let joins = |condition: &&Expr| star.joined(condition, name, dimension);
            let place = conditions.iter().position(|condition| joins(condition).is_some())?;
            let role = joins(&conditions[place])?;
            conditions.remove(place);
            star.roles.push((name.clone(), role));
        }
        star.conditions = conditions.into_iter().cloned().collect();
        Some(star)
    }
}

/// Whether two sources are of the same table.
fn is_same(one: &Arc<dyn TableSource>, other: &Arc<dyn TableSource>) -> bool {
    let provider = |source: &Arc<dyn TableSource>| {
        let source = source.as_ref() as &dyn std::any::Any;
        let source = source.downcast_ref::<DefaultTableSource>()?;
        Some(Arc::as_ptr(&source.table_provider).cast::<()>())
    };
    provider(one).is_some_and(|one| Some(one) == provider(other))
}

/// A star as a statement names it.
struct Star<'a> {
    fact: &'a Fact,
    fact_name: TableReference,
    catalog: Option<String>,
    /// The dimensions' names in the statement, and the roles that they play.
    roles: Vec<(TableReference, &'a FactRole)>,
    /// What is not said of keys.
    conditions: Vec<Expr>,
}

impl<'a> Star<'a> {
    /// The role in which a condition joins a dimension, if that is what it does.
    fn joined(
        &self,
        condition: &Expr,
        name: &TableReference,
        dimension: &Dimension,
    ) -> Option<&'a FactRole> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
            return None;
        };
        let (Expr::Column(left), Expr::Column(right)) = (left.as_ref(), right.as_ref()) else {
            return None;
        };
        let is_of = |column: &Column, of: &TableReference| column.relation.as_ref() == Some(of);
        let (own, key) = match (is_of(left, &self.fact_name), is_of(right, &self.fact_name)) {
            (true, false) => (left, right),
            (false, true) => (right, left),
            _ => return None,
        };
        if !is_of(key, name) || key.name != dimension.key_column() {
            return None;
        }
        let mut roles = self.fact.roles.iter();
        roles.find(|role| role.dimension == dimension.name && role.key_column() == own.name)
    }

    /// The question to a cube that an aggregation is; else the part of it that is none to this cube.
    fn ask<'c>(&self, cube: &'c Cube, aggregate: &Aggregate) -> Result<Ask<'c>, String> {
        let over = |expr: &Expr| self.over_cube(expr, cube).ok_or_else(|| format!("`{expr}`"));
        let groups = aggregate.group_expr.iter().map(over).collect::<Result<Vec<_>, _>>()?;
        let predicates = self.conditions.iter().map(over).collect::<Result<Vec<_>, _>>()?;
        let schema = aggregate.input.schema();
        let measure = |expr| self.measure(expr, schema, cube).ok_or_else(|| format!("`{expr}`"));
        let measures = aggregate.aggr_expr.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
        if measures.is_empty() {
            return Err("DISTINCT".to_owned());
        }
        Ok(Ask {
            cube,
            catalog: self.catalog.clone(),
            groups,
            grouping_sets: None,
            predicates,
            measures,
            links: Vec::new(),
            stands_for: StandsFor::new(),
            padding: Padding::default(),
        })
    }

    /// An expression over cube columns; `None` where it has columns that the cube does not.
    fn over_cube(&self, expr: &Expr, cube: &Cube) -> Option<Expr> {
        let mut all = true;
        let over = expr.clone().transform(|part| {
            Ok(match &part {
                Expr::Column(column) => match self.cube_column(column, cube) {
                    Some(name) => Transformed::yes(ident(name)),
                    None => {
                        all = false;
                        Transformed::no(part)
                    }
                },
                Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::GroupingSet(_) => {
                    all = false;
                    Transformed::no(part)
                }
                _ => Transformed::no(part),
            })
        });
        over.ok().filter(|_| all && !expr.is_volatile()).map(|over| over.data.unalias())
    }

    fn cube_column<'c>(&self, column: &Column, cube: &'c Cube) -> Option<&'c str> {
        let relation = column.relation.as_ref()?;
        let found = match *relation == self.fact_name {
            true => {
                let degenerate = self.fact.degenerate.iter().any(|own| own.name == column.name);
                cube.columns
                    .iter()
                    .find(|c| degenerate && c.dimension.is_none() && c.column.name == column.name)
            }
            false => {
                let (_, role) = self.roles.iter().find(|(name, _)| name == relation)?;
                cube.role_column(&role.role, &column.name)
            }
        };
        found.map(|found| found.name.as_str())
    }

    /// The measure that an aggregation is.
    fn measure(&self, expr: &Expr, schema: &DFSchema, cube: &Cube) -> Option<Asked> {
        let Expr::AggregateFunction(call) = expr.clone().unalias() else { return None };
        let AggregateFunction { func, params } = call;
        let [input] = params.args.as_slice() else { return None };
        if !params.order_by.is_empty() || params.null_treatment.is_some() {
            return None;
        }
        let filter = params.filter.as_deref();
        let own = &self.fact.name;
        let same = |sql: &str| self.is_input(input, sql);
        let of_own_rows = |kind: &MeasureKind| {
            let same_filter = match (kind.filter(), filter) {
                (Some(sql), Some(filter)) => self.is_input(filter, sql),
                (None, None) => true,
                _ => false,
            };
            kind.fact() == Some(own.as_str()) && same_filter
        };
        let measures = cube.measures.iter().filter(|measure| of_own_rows(&measure.kind));
        let mut found = measures.filter(|measure| match (&measure.kind, func.name()) {
            (MeasureKind::Sum { sql, .. }, "sum") => !params.distinct && same(sql),
            (MeasureKind::Min { sql, .. }, "min") | (MeasureKind::Max { sql, .. }, "max") => {
                same(sql)
            }
            // A mean of decimals is one of decimals; what is kept is divided in double precision.
            (MeasureKind::Average { sql, .. }, "avg") => {
                let is_double = expr.get_type(schema).is_ok_and(|ty| ty == DataType::Float64);
                !params.distinct && is_double && same(sql)
            }
            (MeasureKind::Count { .. }, "count") => !params.distinct && self.is_never_null(input),
            (MeasureKind::CountDistinct { sql, .. }, "count") => {
                // Of a role are counted members, not keys.
                let is_role = self.fact.role(sql).is_some();
                params.distinct && !is_role && same(sql)
            }
            _ => false,
        });
        found.next().map(|measure| Asked::here(&measure.name))
    }

    /// Whether each row of the fact has a value of what is counted.
    fn is_never_null(&self, counted: &Expr) -> bool {
        match counted {
            Expr::Literal(value, _) => !value.is_null(),
            Expr::Column(column) => {
                let columns = self.fact.table_columns();
                let mut own = columns.iter().filter(|own| own.name == column.name);
                column.relation.as_ref() == Some(&self.fact_name)
                    && own.next().is_some_and(|own| !own.nullable)
            }
            _ => false,
        }
    }

    /// Whether what is aggregated is the measure's expression over the fact's columns.
    fn is_input(&self, input: &Expr, sql: &str) -> bool {
        let schema = plan_schema(&self.fact.table_columns());
        let Ok(schema) = DFSchema::try_from_qualified_schema(FACT, &schema) else { return false };
        let Ok(declared) = scalar_sql::parse(sql, &schema) else { return false };
        let plain = |expr: Expr, of: &TableReference| {
            let mut only = true;
            let bare = expr.transform(|part| {
                Ok(match part {
                    Expr::Column(column) => {
                        only &= column.relation.as_ref() == Some(of);
                        Transformed::yes(ident(column.name))
                    }
                    other => Transformed::no(other),
                })
            });
            bare.ok().filter(|_| only).map(|bare| bare.data)
        };
        let declared = plain(declared, &TableReference::bare(FACT));
        declared.is_some() && declared == plain(input.clone(), &self.fact_name)
    }
}
