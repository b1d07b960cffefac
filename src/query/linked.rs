//! Links: roles of which one fact has several members, by a bridge or by ancestry.
//!
//! Joined as other roles are, they would repeat facts. So what a question says of a link (its groups
//! and conditions) is computed among the members first: for each key of the fact's role the different
//! values of those groups. A fact then meets each of them once, however many members it has there, and
//! where nothing is grouped by, it is there or not. Totals that have fewer groups of links are questions
//! of their own.

use super::ask::{Ask, group_name, total_name};
use super::atom::{Atom, atom_name};
use super::calculated::StandsFor;
use super::context::Context;
use super::padded::Padding;
use super::{PlanContext, Routing, defect};
use crate::error::{Error, Result};
use crate::model::{Column, ColumnType, Cube, CubeColumn};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit};
use std::collections::BTreeSet;

/// What a part of a question says of a link.
#[derive(Clone)]
pub(super) struct Linked {
    pub(super) role: String,
    /// What it groups by, each as a column of the link.
    pub(super) groups: Vec<(String, Expr)>,
    pub(super) predicates: Vec<Expr>,
}

impl<'a> Ask<'a> {
    /// Whether a context asks about a link that has not been taken apart yet.
    pub(super) fn has_links(&self, part: &Context) -> bool {
        let known = |role: &str| self.links.iter().any(|linked| linked.role == role);
        let asked = self.groups.iter().chain(&self.predicates).flat_map(Expr::column_refs);
        let mut roles = asked.filter_map(|column| self.link_of(&column.name));
        roles.any(|role| !known(role)) || part.weighted.iter().any(|role| !known(role))
    }

    /// The link that a column is of, if it is of one.
    fn link_of(&self, column: &str) -> Option<&'a str> {
        let role = &self.cube.column(column)?.role;
        self.cube.link(role).map(|_| role.as_str())
    }

    /// The one link that an expression is about; `None` where it is about none.
    fn link_about(&self, expr: &Expr) -> Result<Option<&'a str>> {
        let columns = expr.column_refs();
        let Some(role) = columns.iter().find_map(|column| self.link_of(&column.name)) else {
            return Ok(None);
        };
        if columns.iter().all(|column| self.link_of(&column.name) == Some(role)) {
            return Ok(Some(role));
        }
        Err(Error::unsupported(format!(
            "{} mixes `{role}`, of which a row may have several members, with other columns",
            expr.human_display()
        ))
        .hint("group by columns of their own, and write separate conditions"))
    }

    /// The links taken apart.
    pub(super) fn linked_roles(&self) -> impl Iterator<Item = String> {
        self.links.iter().map(|linked| linked.role.clone())
    }

    /// Why no aggregate is asked about links.
    pub(super) fn reason_of_links(&self, part: &Context) -> String {
        let roles: Vec<String> = self.linked_roles().collect();
        let (subject, roles) = (part.describe(), roles.join(" and "));
        format!("{subject}: base rows, a row may have several members of {roles}")
    }

    /// A context that asks about links. Grouping sets with other groups of links see other rows: each
    /// kind of them is a question of its own.
    pub(super) fn plan_linked(
        &self,
        part: &Context,
        atoms: &[(usize, &Atom)],
        context: &PlanContext<'_>,
        routing: &mut Routing,
    ) -> Result<LogicalPlan> {
        let mut kinds: Vec<(Vec<usize>, Kind)> = Vec::new();
        for set in self.sets() {
            let mut of_links = Vec::new();
            for group in &set {
                of_links.extend(self.link_about(&self.groups[*group])?.map(|_| *group));
            }
            match kinds.iter_mut().find(|(known, _)| *known == of_links) {
                Some((_, kind)) => kind.sets.push(set),
                None => kinds.push((of_links, Kind { sets: vec![set] })),
            }
        }
        let mut plans = Vec::new();
        for (_, kind) in kinds {
            let mut reasons = Routing::default();
            let plan = self.plan_kind(&kind, part, atoms, context, &mut reasons)?;
            reasons.sentences.retain(|reason| !routing.sentences.contains(reason));
            routing.extend(reasons);
            plans.push((kind, plan));
        }
        self.beside_each_other(&plans, atoms)
    }

    /// Grouping sets of one kind, their links taken apart.
    fn plan_kind(
        &self,
        kind: &Kind,
        part: &Context,
        atoms: &[(usize, &Atom)],
        context: &PlanContext<'_>,
        routing: &mut Routing,
    ) -> Result<LogicalPlan> {
        let (mut cube, mut links, mut groups) = (self.cube.clone(), Vec::new(), Vec::new());
        if let Some(role) = &part.weighted {
            asked_of(&mut links, role);
        }
        for group in kind.groups() {
            let expr = &self.groups[group];
            let Some(role) = self.link_about(expr)? else {
                groups.push(expr.clone());
                continue;
            };
            let name = format!("__l{group}");
            asked_of(&mut links, role).groups.push((name.clone(), expr.clone()));
            cube.columns.push(computed(&cube, role, &name));
            groups.push(ident(name));
        }
        let predicates = self.conditions_apart(&mut links)?;
        let ask = Ask {
            cube: &cube,
            catalog: self.catalog.clone(),
            groups,
            grouping_sets: kind.grouping_sets(),
            predicates,
            measures: Vec::new(),
            links,
            stands_for: StandsFor::new(),
            padding: Padding::default(),
        };
        ask.plan_part(part, atoms, context, routing)
    }

    /// The conditions that are not about links; those that are go to these.
    fn conditions_apart(&self, links: &mut Vec<Linked>) -> Result<Vec<Expr>> {
        let mut others = Vec::new();
        for condition in self.predicates.iter().flat_map(split_conjunction) {
            match self.link_about(condition)? {
                Some(role) => asked_of(links, role).predicates.push(condition.clone()),
                None => others.push(condition.clone()),
            }
        }
        Ok(others)
    }

    /// What the conditions say of links, and the other conditions.
    pub(super) fn apart(&self) -> Result<(Vec<Linked>, Vec<Expr>)> {
        let mut links = Vec::new();
        let others = self.conditions_apart(&mut links)?;
        Ok((links, others))
    }

    /// Kinds of grouping sets, one below the other, with the columns of all.
    fn beside_each_other(
        &self,
        plans: &[(Kind, LogicalPlan)],
        atoms: &[(usize, &Atom)],
    ) -> Result<LogicalPlan> {
        let nothing = |group: usize| {
            let mut holding =
                plans.iter().filter_map(|(kind, plan)| Some((plan, kind.place(group)?)));
            let (plan, own) = holding.next().ok_or_else(|| {
                Error::internal("a group stands in no grouping set").with("group", group)
            })?;
            let field = plan.schema().field_with_unqualified_name(&group_name(own));
            ScalarValue::try_from(field.map_err(defect)?.data_type()).map_err(defect)
        };
        let mut all: Option<LogicalPlanBuilder> = None;
        for (kind, plan) in plans {
            let mut columns = Vec::new();
            for group in 0..self.groups.len() {
                let value = match kind.place(group) {
                    Some(own) => ident(group_name(own)),
                    None => lit(nothing(group)?),
                };
                columns.push(value.alias(group_name(group)));
            }
            if self.grouping_sets.is_some() {
                let with_totals = kind.grouping_sets().is_some();
                let flag = |group: usize| match kind.place(group) {
                    Some(own) if with_totals => cast(ident(total_name(own)), DataType::Int32),
                    Some(_) => lit(0_i32),
                    None => lit(1_i32),
                };
                columns.extend((0..self.groups.len()).map(|g| flag(g).alias(total_name(g))));
            }
            columns.extend(atoms.iter().map(|(index, _)| ident(atom_name(*index))));
            let rows = LogicalPlanBuilder::from(plan.clone()).project(columns).map_err(defect)?;
            all = Some(match all {
                Some(all) => all.union(rows.build().map_err(defect)?).map_err(defect)?,
                None => rows,
            });
        }
        let all = all.ok_or_else(|| Error::internal("a question without a set of groups"))?;
        all.build().map_err(defect)
    }
}

/// Grouping sets that keep the same groups of links.
struct Kind {
    sets: Vec<Vec<usize>>,
}

impl Kind {
    /// The groups that any of the sets keeps.
    fn groups(&self) -> BTreeSet<usize> {
        self.sets.iter().flatten().copied().collect()
    }

    /// Which of its groups a group is.
    fn place(&self, group: usize) -> Option<usize> {
        self.groups().iter().position(|own| *own == group)
    }

    /// The sets by its own groups; `None` where there is one.
    fn grouping_sets(&self) -> Option<Vec<Vec<usize>>> {
        let own = |set: &Vec<usize>| set.iter().filter_map(|group| self.place(*group)).collect();
        (self.sets.len() > 1).then(|| self.sets.iter().map(own).collect())
    }
}

/// What is said of a link, to be added to.
fn asked_of<'l>(links: &'l mut Vec<Linked>, role: &str) -> &'l mut Linked {
    let known = links.iter().position(|linked| linked.role == role).unwrap_or_else(|| {
        let role = role.to_owned();
        links.push(Linked { role, groups: Vec::new(), predicates: Vec::new() });
        links.len() - 1
    });
    &mut links[known]
}

/// A group over a link's columns as a column of the link.
fn computed(cube: &Cube, role: &str, name: &str) -> CubeColumn {
    let offered = cube.dimensions.iter().find(|offered| offered.role == role);
    CubeColumn {
        name: name.to_owned(),
        role: role.to_owned(),
        dimension: offered.and_then(|offered| offered.dimension.clone()),
        // Nobody asks its type: the expression has its own.
        column: Column::new(name, ColumnType::Text, true),
    }
}
