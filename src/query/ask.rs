//! The one typed node of every cube question: group columns, predicates, grouping sets, measures.
//!
//! A cube query and SQL with MEASURE both become an [`Ask`]; [`Ask::plan`] makes it a plan over
//! stored tables. Each context (a fact, a period shift, a total) is aggregated on its own before
//! anything is combined, so neither fan-out nor a chasm trap can touch a measure.

use super::atom::{Atom, Function, atom_name};
use super::calculated::StandsFor;
use super::context::Context;
use super::ends::Aggregated;
use super::linked::Linked;
use super::measure::{Asked, Expansion};
use super::padded::Padding;
use super::rates;
use super::route::{Part, Route, Routing, route};
use super::split;
use super::star::{Star, relates};
use super::{PlanContext, Planned, defect};
use crate::error::{Error, Result};
use crate::model::{Cube, CubeColumn, Fact};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::grouping::grouping;
use datafusion::logical_expr::{
    Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, cast, ident, lit,
};
use std::collections::BTreeSet;

/// A question to a cube.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    pub(super) cube: &'a Cube,
    /// The catalog of another release, where the cube was named in one.
    pub(super) catalog: Option<String>,
    /// Group expressions over cube columns (unqualified).
    pub(super) groups: Vec<Expr>,
    /// Which groups each grouping set holds, by position; `None` is the plain GROUP BY.
    pub(super) grouping_sets: Option<Vec<Vec<usize>>>,
    /// Conditions over cube columns (unqualified).
    pub(super) predicates: Vec<Expr>,
    /// Measures, each where it is asked.
    pub(super) measures: Vec<Asked>,
    /// What is asked of links, once that is taken apart (see `linked.rs`).
    pub(super) links: Vec<Linked>,
    /// The columns for whose members groups stand that are none (see `calculated.rs`).
    pub(super) stands_for: StandsFor,
    /// Rows that the answer has though no fact does.
    pub(super) padding: Padding,
}

/// The name of a group's column in an [`Ask`]'s answer.
pub(super) fn group_name(index: usize) -> String {
    format!("__g{index}")
}

/// The name of the column that is 1 where a group is aggregated away (a total), else 0.
pub(super) fn total_name(index: usize) -> String {
    format!("__t{index}")
}

/// The name of a measure's column in an [`Ask`]'s answer.
pub(super) fn measure_name(index: usize) -> String {
    format!("__m{index}")
}

/// The alias of a context's rows while they are filtered.
pub(super) const ROWS: &str = "__rows";

/// A condition over cube columns as one over the columns of [`ROWS`].
pub(super) fn of_rows(condition: Expr) -> Result<Expr> {
    let qualified = condition.transform(|part| {
        Ok(match part {
            Expr::Column(column) if column.relation.is_none() => {
                Transformed::yes(Expr::Column(Column::new(Some(ROWS), column.name)))
            }
            other => Transformed::no(other),
        })
    });
    qualified.map(|qualified| qualified.data).map_err(defect)
}

impl Ask<'_> {
    /// The plan that answers: columns `__g0..`, then `__t0..` where there are grouping sets, then
    /// `__m0..`.
    pub(super) fn plan(&self, context: &PlanContext<'_>) -> Result<Planned> {
        let strangers = self.strangers(context)?;
        let (cube, model, currency) = (self.cube, context.model, context.currency);
        let expansion = Expansion::among(cube, model, &self.measures, &strangers, currency)?;
        let mut routing = Routing::default();
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for part in contexts(&expansion) {
            let atoms = atoms_of(&expansion, &part);
            let frame = self.frame(&part, context)?;
            let plan = frame.ask.plan_part(&part, &atoms, context, &mut routing)?;
            match part.place.is_empty() {
                true => here.push((atoms, plan)),
                false => elsewhere.push((atoms, frame, plan)),
            }
        }
        if here.is_empty() && !elsewhere.is_empty() {
            return Err(Error::user(
                "the measures asked have no rows by these columns, only values to repeat",
            )
            .hint("ask a measure of a fact that has them as well"));
        }
        let mut answer = self.combine(here, &expansion)?;
        answer = self.padded(answer, &expansion, context)?;
        for (atoms, frame, found) in elsewhere {
            answer = self.look_up(answer, &frame, found, &atoms, &expansion)?;
        }
        answer = self.ranked(answer, &expansion, context)?;
        let formulas = expansion.formulas.iter().enumerate().map(|(index, formula)| {
            cast(formula.expr.clone(), formula.ty.clone()).alias(measure_name(index))
        });
        let columns = self.key_columns().into_iter().chain(formulas).collect::<Vec<_>>();
        let plan = answer.project(columns).and_then(LogicalPlanBuilder::build).map_err(defect)?;
        Ok(Planned { plan, routing })
    }

    /// The facts that lack a dimension which the question is about.
    fn strangers(&self, context: &PlanContext<'_>) -> Result<Vec<String>> {
        let needed = self.needed_columns()?;
        let facts = self.cube.facts.iter().filter_map(|name| context.model.fact(name));
        let lacks = |fact: &&Fact| needed.iter().any(|column| !relates(self.cube, fact, column));
        Ok(facts.filter(lacks).map(|fact| fact.name.clone()).collect())
    }

    /// The columns that tell rows of the answer apart.
    pub(super) fn key_columns(&self) -> Vec<Expr> {
        let groups = (0..self.groups.len()).map(group_name);
        let totals = (0..self.groups.len()).map(total_name);
        match self.grouping_sets {
            Some(_) => groups.chain(totals).map(ident).collect(),
            None => groups.map(ident).collect(),
        }
    }

    /// One context: from an aggregate if one answers, else from the base.
    pub(super) fn plan_part(
        &self,
        part: &Context,
        atoms: &[(usize, &Atom)],
        context: &PlanContext<'_>,
        routing: &mut Routing,
    ) -> Result<LogicalPlan> {
        if self.has_links(part) {
            return self.plan_linked(part, atoms, context, routing);
        }
        let fact = context.model.fact(&part.fact).ok_or_else(|| {
            Error::internal("a measure reads an unknown fact").with("fact", &part.fact)
        })?;
        let catalog = self.catalog.as_deref();
        let (shift, links) = (part.shift.as_ref(), self.links.as_slice());
        let rows = Star { catalog, shift, links, ..Star::new(context, self.cube, fact) };
        let needed = self.needed_columns()?;
        if let Some(alien) = needed.iter().find(|column| !rows.relates(column)) {
            return Err(rows.unknown_to_fact(alien).with("measure", &atoms[0].1.measure));
        }
        let names: BTreeSet<String> = needed.iter().map(|column| column.name.clone()).collect();
        let alone: Vec<&Atom> = atoms.iter().map(|(_, atom)| *atom).collect();
        let (cube, columns, by_months) = (self.cube, &names, None);
        let asked = Part { cube, catalog, context: part, columns, atoms: &alone, by_months };
        let base = |reason| Route { cuboid: None, reason };
        let chosen = match (links, &part.converted) {
            ([], None) => route(&asked, context),
            ([], Some(_)) => base(rates::reason(part)),
            _ => base(self.reason_of_links(part)),
        };
        if links.is_empty()
            && (chosen.cuboid.is_none() || part.shift.is_some())
            && let Some(split) = self.split(&asked, fact, context)
            && split.is_better(chosen.cuboid, catalog, context)
        {
            split::note(&split, &asked, context, routing);
            return self.plan_split(&split, &rows, atoms, &needed);
        }
        let star = Star { kept: chosen.cuboid, ..rows };
        match (links, &part.converted) {
            ([], None) => routing.note(chosen, &asked, context),
            // No aggregate could answer: there is nothing to wish for.
            _ => routing.note_base(chosen.reason),
        }
        if let Some(running) = &part.running {
            return self.plan_running(running, atoms, &star);
        }
        let mut roles = star.roles(&needed, &alone)?;
        roles.extend(self.linked_roles());
        // Which days have a later day is a matter of the calendar, asked by it or not.
        roles.extend(part.shift.iter().map(|shift| shift.role.clone()));
        let all = self.all_rows(&needed, atoms, &star)?;
        let (rows, aggregated) = self.rows(&star, &roles, all, &needed, atoms)?;
        match (&part.daily, atoms) {
            (Some(_), [(index, _), ..]) => self.plan_daily(rows, &format!("__x{index}_1"), atoms),
            _ => self.aggregate(rows, aggregated, atoms),
        }
    }

    /// Filtered rows of a context with its groups and inputs as columns, and the aggregations
    /// over them; `all` are the rows before any condition, where they are others.
    pub(super) fn rows(
        &self,
        star: &Star<'_>,
        roles: &BTreeSet<String>,
        all: Option<LogicalPlanBuilder>,
        needed: &[&CubeColumn],
        atoms: &[(usize, &Atom)],
    ) -> Result<(LogicalPlanBuilder, Vec<Aggregated>)> {
        let source = star.rated(star.relation(roles, &self.held_roles())?, atoms)?;
        let source = star.with_followed(source, atoms)?;
        let mut columns: Vec<Expr> =
            needed.iter().map(|own| star.column(own).alias(&own.name)).collect();
        let mut aggregated = Vec::new();
        let mut input_names = Vec::new();
        for (index, atom) in atoms {
            let mut inputs = Vec::new();
            for (place, input) in star.inputs(atom)?.into_iter().enumerate() {
                let name = format!("__x{index}_{place}");
                columns.push(input.alias(&name));
                inputs.push(ident(&name));
                input_names.push(name);
            }
            aggregated.push(Aggregated::once(star.aggregation(atom, inputs)));
        }
        let mut rows = source.project(columns).map_err(defect)?;
        let all = all.unwrap_or_else(|| rows.clone());
        if let Some(condition) = self.predicates.iter().cloned().reduce(Expr::and) {
            // A subquery in the condition may have columns of the same names.
            rows = rows.alias(ROWS).map_err(defect)?;
            rows = rows.filter(of_rows(condition)?).map_err(|error| {
                Error::user("the question's filter does not fit the cube").caused_by(error)
            })?;
        }
        let groups = self.groups.iter().enumerate();
        let groups = groups.map(|(index, group)| group.clone().alias(group_name(index)));
        let columns: Vec<Expr> =
            groups.chain(input_names.into_iter().map(|name| ident(&name).alias(name))).collect();
        // A lone COUNT needs no column but its constant input, which is one.
        let mut rows = rows.project(columns).map_err(defect)?;
        for (place, (index, atom)) in atoms.iter().enumerate() {
            if let Function::SumAtEnd(at) = &atom.function {
                (rows, aggregated[place]) = self.at_end(rows, &all, (*index, atom), at)?;
            }
        }
        Ok((rows, aggregated))
    }

    /// Rows aggregated: key columns, then `__a<index>` of the context's atoms.
    pub(super) fn aggregate(
        &self,
        rows: LogicalPlanBuilder,
        aggregated: Vec<Aggregated>,
        atoms: &[(usize, &Atom)],
    ) -> Result<LogicalPlan> {
        let groups: Vec<Expr> = (0..self.groups.len()).map(group_name).map(ident).collect();
        let (by, totals) = match &self.grouping_sets {
            Some(sets) if !groups.is_empty() => {
                let sets = sets.iter().map(|set| set.iter().map(|i| groups[*i].clone()).collect());
                let by = Expr::GroupingSet(GroupingSet::GroupingSets(sets.collect()));
                (vec![by], groups.iter().cloned().map(grouping).collect())
            }
            _ => (groups.clone(), Vec::new()),
        };
        let mut columns: Vec<Expr> = groups;
        for (index, total) in totals.iter().enumerate() {
            columns.push(ident(total.schema_name().to_string()).alias(total_name(index)));
        }
        for ((index, atom), aggregated) in atoms.iter().zip(&aggregated) {
            let value = aggregated.value(&totals)?;
            // A sum of kept counts over no rows is no count; a count is 0.
            let value = match atom.function {
                Function::Count => coalesce(vec![value, lit(0_i64)]),
                _ => value,
            };
            columns.push(value.alias(atom_name(*index)));
        }
        let values = aggregated.into_iter().flat_map(|aggregated| aggregated.values);
        let aggregated: Vec<Expr> = unique(totals.into_iter().chain(values));
        rows.aggregate(by, aggregated)
            .and_then(|grouped| grouped.project(columns))
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| {
                Error::user("the question's grouping does not fit the cube").caused_by(error)
            })
    }

    /// The roles that predicates hold to some of their members.
    pub(super) fn held_roles(&self) -> BTreeSet<String> {
        let columns = self.predicates.iter().flat_map(Expr::column_refs);
        let roles = columns.filter_map(|column| Some(self.cube.column(&column.name)?.role.clone()));
        roles.collect()
    }

    /// The cube columns that predicates and groups use.
    pub(super) fn needed_columns(&self) -> Result<Vec<&CubeColumn>> {
        self.columns_of(self.groups.iter().chain(&self.predicates))
    }

    /// The cube columns that expressions use.
    pub(super) fn columns_of<'e>(
        &self,
        exprs: impl Iterator<Item = &'e Expr>,
    ) -> Result<Vec<&CubeColumn>> {
        let mut names = BTreeSet::new();
        for expr in exprs {
            names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
        }
        let column = |name: &String| {
            self.cube.column(name).ok_or_else(|| match self.cube.measure(name) {
                Some(_) => too_early(name),
                None => Error::user(format!("cube {} has no column `{name}`", self.cube.name)),
            })
        };
        names.iter().map(column).collect()
    }
}

/// The refusal of a group or condition by a measure.
pub(super) fn too_early(measure: &str) -> Error {
    Error::user(format!(
        "measure `{measure}` cannot be grouped or filtered by before it is computed"
    ))
    .hint(format!("filter it afterwards: HAVING MEASURE({measure}) ..."))
}

/// The different contexts, in order of appearance.
fn contexts(expansion: &Expansion) -> Vec<Context> {
    let mut contexts: Vec<Context> = Vec::new();
    for atom in &expansion.atoms {
        if !contexts.contains(&atom.context) {
            contexts.push(atom.context.clone());
        }
    }
    contexts
}

fn atoms_of<'a>(expansion: &'a Expansion, part: &Context) -> Vec<(usize, &'a Atom)> {
    expansion.atoms.iter().enumerate().filter(|(_, atom)| atom.context == *part).collect()
}

/// Expressions without repetition: two atoms may aggregate the same.
fn unique(exprs: impl Iterator<Item = Expr>) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::new();
    for expr in exprs {
        if !kept.contains(&expr) {
            kept.push(expr);
        }
    }
    kept
}
