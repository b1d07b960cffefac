//! A question as one context asks it, and how the answer to that meets the rows of the answer.
//!
//! A context at another place than the row's own (a parent, a total, all years) is a question with
//! fewer groups or other conditions. It is asked on its own, and its values are looked up for each
//! row of the answer by the groups that it keeps.

use super::PlanContext;
use super::ask::Ask;
use super::at::Modifier;
use super::calculated::StandsFor;
use super::context::{Change, Context, is_mixed};
use super::padded::Padding;
use super::ragged::skippable_above;
use super::star::relates;
use crate::error::{Error, Result};
use crate::model::{Dimension, Hierarchy, Level};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, ident};

/// A context's own question, and what its groups are in the answer.
pub(super) struct Frame<'a> {
    pub(super) ask: Ask<'a>,
    pub(super) keys: Vec<Key>,
    /// For each grouping set of the answer, which of its groups the context keeps.
    pub(super) kept: Vec<Vec<usize>>,
}

/// What a group of a context's question is in a row of the answer.
pub(super) enum Key {
    /// One of the row's own groups.
    Group(usize),
    /// A value, over the row's groups.
    Value(Expr),
}

/// Conditions and groups while changes are applied.
struct Place {
    /// For each grouping set of the answer, which groups are kept.
    kept: Vec<Vec<usize>>,
    predicates: Vec<Expr>,
    /// Columns held to a value.
    set: Vec<(String, Expr)>,
}

impl<'a> Ask<'a> {
    /// The sets of groups that rows of the answer have.
    pub(super) fn sets(&self) -> Vec<Vec<usize>> {
        self.grouping_sets.clone().unwrap_or_else(|| vec![(0..self.groups.len()).collect()])
    }

    /// The question of a context.
    pub(super) fn frame(&self, context: &Context, planning: &PlanContext<'_>) -> Result<Frame<'a>> {
        let mut place = Place {
            kept: self.sets(),
            predicates: self.predicates.iter().flat_map(split_conjunction).cloned().collect(),
            set: Vec::new(),
        };
        for change in &context.place {
            self.change(&mut place, change, context, planning)?;
        }
        let groups = 0..self.groups.len();
        let kept: Vec<usize> =
            groups.filter(|group| place.kept.iter().any(|set| set.contains(group))).collect();
        let values = kept.len()..kept.len() + place.set.len();
        let own = |set: &Vec<usize>| -> Vec<usize> {
            let own = kept.iter().enumerate().filter(|(_, group)| set.contains(group));
            own.map(|(index, _)| index).chain(values.clone()).collect()
        };
        let mut sets: Vec<Vec<usize>> = Vec::new();
        for set in place.kept.iter().map(own) {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        let mut keys: Vec<Key> = kept.iter().copied().map(Key::Group).collect();
        let mut groups: Vec<Expr> = kept.iter().map(|group| self.groups[*group].clone()).collect();
        for (column, value) in place.set {
            place.predicates.push(ident(&column).is_not_null());
            groups.push(ident(column));
            keys.push(Key::Value(value));
        }
        let grouping_sets = match self.grouping_sets {
            Some(_) if !groups.is_empty() => Some(sets),
            _ => None,
        };
        let (cube, catalog, predicates) = (self.cube, self.catalog.clone(), place.predicates);
        let (measures, links) = (Vec::new(), Vec::new());
        let (stands_for, padding) = (StandsFor::new(), Padding::default());
        let ask = Ask {
            cube,
            catalog,
            groups,
            grouping_sets,
            predicates,
            measures,
            links,
            stands_for,
            padding,
        };
        Ok(Frame { ask, keys, kept: place.kept })
    }

    /// Of each grouping set of the answer the groups that a larger part of a role keeps.
    pub(super) fn kept_within(
        &self,
        role: &str,
        larger: &Change,
        planning: &PlanContext<'_>,
    ) -> Result<Vec<Vec<usize>>> {
        let mut place = Place { kept: self.sets(), predicates: Vec::new(), set: Vec::new() };
        self.refuse_mixed(&place, &|name| self.is_of(role, name), &format!("`{role}`"))?;
        // No fact is asked: which of them it would be makes no difference to groups.
        self.change(&mut place, larger, &Context::of(""), planning)?;
        Ok(place.kept)
    }

    fn change(
        &self,
        place: &mut Place,
        change: &Change,
        context: &Context,
        planning: &PlanContext<'_>,
    ) -> Result<()> {
        match change {
            Change::Unrelated => {
                let fact = planning.model.fact(&context.fact);
                let columns = self.cube.columns.iter();
                let unrelated = columns.filter(|c| fact.is_some_and(|f| !relates(self.cube, f, c)));
                let unrelated: Vec<String> = unrelated.map(|column| column.name.clone()).collect();
                self.remove(place, &unrelated)?;
            }
            Change::Total => {
                place.kept.iter_mut().for_each(Vec::clear);
                // What is the same for all rows is a condition, and stays.
                place.set.retain(|(_, value)| value.column_refs().is_empty());
            }
            Change::Only(role) => {
                let of_role = |name: &str| self.is_of(role, name);
                self.refuse_mixed(place, &of_role, &format!("`{role}`"))?;
                let about = |expr: &Expr| self.is_about(role, expr);
                self.retain(place, about);
                place.predicates.retain(about);
                place.set.retain(|(column, _)| of_role(column));
            }
            Change::AllMembers(role) => self.retain(place, |group| !self.is_about(role, group)),
            Change::Parent(role) => {
                let dimension = self.dimension(role, planning)?;
                for set in &mut place.kept {
                    self.drop_finest(set, role, dimension)?;
                }
            }
            Change::Level { role, level } => {
                let dimension = self.dimension(role, planning)?;
                for set in &mut place.kept {
                    self.drop_finer(set, role, level, dimension)?;
                }
            }
            Change::Shown(members) => place.predicates.push(members.clone()),
            Change::Modified(modifier) => self.modify(place, modifier)?,
        }
        Ok(())
    }

    fn modify(&self, place: &mut Place, modifier: &Modifier) -> Result<()> {
        match modifier {
            Modifier::All => {
                place.kept.iter_mut().for_each(Vec::clear);
                place.set.clear();
                place.predicates.clear();
            }
            Modifier::AllOf(columns) => self.remove(place, columns)?,
            Modifier::Set(column, value) => {
                self.remove(place, std::slice::from_ref(column))?;
                place.set.push((column.clone(), value.clone()));
            }
            Modifier::Where(condition) => {
                place.kept.iter_mut().for_each(Vec::clear);
                place.set.clear();
                place.predicates = split_conjunction(condition).into_iter().cloned().collect();
            }
            Modifier::Visible => {
                for condition in self.predicates.iter().flat_map(split_conjunction) {
                    if !place.predicates.contains(condition) {
                        place.predicates.push(condition.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes what a place says of some columns.
    fn remove(&self, place: &mut Place, columns: &[String]) -> Result<()> {
        let among = |name: &str| columns.iter().any(|column| column == name);
        self.refuse_mixed(place, &among, &format!("`{}`", columns.join("`, `")))?;
        let about = |expr: &Expr| {
            let used = expr.column_refs();
            !used.is_empty() && used.iter().all(|column| among(&column.name))
        };
        for set in &mut place.kept {
            set.retain(|group| match self.stands_for.get(group) {
                Some(column) => !among(column),
                None => !about(&self.groups[*group]),
            });
        }
        place.predicates.retain(|condition| !about(condition));
        place.set.retain(|(column, _)| !among(column));
        Ok(())
    }

    fn retain(&self, place: &mut Place, stays: impl Fn(&Expr) -> bool) {
        for set in &mut place.kept {
            set.retain(|group| stays(&self.groups[*group]));
        }
    }

    /// What says something of some columns and of others at once can be neither kept nor removed.
    fn refuse_mixed(&self, place: &Place, is_own: &dyn Fn(&str) -> bool, what: &str) -> Result<()> {
        let groups = self.groups.iter().enumerate();
        let kept = groups.filter(|(index, _)| {
            let is_plain = !self.stands_for.contains_key(index);
            is_plain && place.kept.iter().any(|set| set.contains(index))
        });
        let exprs = kept.map(|(_, group)| group).chain(&place.predicates);
        match exprs.into_iter().find(|expr| is_mixed(expr, is_own)) {
            None => Ok(()),
            Some(expr) => Err(Error::unsupported(format!(
                "{} mixes {what} with other columns, so that {what} cannot be set aside",
                expr.human_display()
            ))
            .hint("group by columns of their own, and write separate conditions")),
        }
    }

    fn dimension<'m>(&self, role: &str, planning: &PlanContext<'m>) -> Result<&'m Dimension> {
        let offered = self.cube.dimensions.iter().find(|offered| offered.role == role);
        let name = offered.and_then(|offered| offered.dimension.as_deref());
        name.and_then(|name| planning.model.dimension(name)).ok_or_else(|| {
            Error::internal("a share is of a dimension that is not there").with("role", role)
        })
    }

    /// The attribute of a role that a group is, or for whose members it stands, if it is one.
    fn attribute(&self, group: usize, role: &str) -> Option<&str> {
        let name = match (self.stands_for.get(&group), &self.groups[group]) {
            (Some(column), _) => column,
            (None, Expr::Column(column)) => &column.name,
            (None, _) => return None,
        };
        let column = self.cube.column(name)?;
        (column.role == role).then_some(column.column.name.as_str())
    }

    /// How deep in a hierarchy a group of a role stands; `None` where it is none of its levels.
    fn depth(&self, group: usize, role: &str, hierarchy: &Hierarchy) -> Option<usize> {
        let attribute = self.attribute(group, role)?;
        let bears =
            |level: &Level| level.attribute == attribute || level.key.as_deref() == Some(attribute);
        hierarchy.levels.iter().rposition(bears)
    }

    /// Removes the finest level of a role, and what else is grouped by of it but no level.
    fn drop_finest(&self, set: &mut Vec<usize>, role: &str, dimension: &Dimension) -> Result<()> {
        let of_role: Vec<usize> =
            set.iter().copied().filter(|group| self.is_about(role, &self.groups[*group])).collect();
        let depths = |hierarchy: &Hierarchy| -> Vec<Option<usize>> {
            of_role.iter().map(|group| self.depth(*group, role, hierarchy)).collect()
        };
        let mut known = dimension.hierarchies.iter().map(depths);
        let by_levels = known.find(|depths| depths.iter().any(Option::is_some));
        let Some(by_levels) = by_levels else {
            return match of_role.first() {
                None => Ok(()),
                Some(group) => Err(Error::unsupported(format!(
                    "{} is no level of a hierarchy of `{role}`, so it has no parent",
                    self.groups[*group].human_display()
                ))),
            };
        };
        let finest = by_levels.iter().flatten().max().copied();
        let own = of_role.iter().zip(&by_levels).find(|(_, depth)| **depth == finest);
        let attribute = own.and_then(|(group, _)| self.attribute(*group, role));
        if let Some(level) = attribute.and_then(|name| skippable_above(dimension, name)) {
            return Err(Error::unsupported(format!(
                "members of `{role}` may skip the level `{}`, so that not all have a parent there",
                level.name
            ))
            .hint("a share of a level that none skips: `of: <level>`"));
        }
        let gone = |group: &usize| {
            let place = of_role.iter().position(|own| own == group);
            place.is_some_and(|place| by_levels[place].is_none() || by_levels[place] == finest)
        };
        set.retain(|group| !gone(group));
        Ok(())
    }

    /// Removes the levels of a role that are finer than this one.
    fn drop_finer(
        &self,
        set: &mut Vec<usize>,
        role: &str,
        level: &str,
        dimension: &Dimension,
    ) -> Result<()> {
        let place = dimension.hierarchies.iter().find_map(|hierarchy| {
            Some((hierarchy, hierarchy.levels.iter().position(|known| known.name == level)?))
        });
        let (hierarchy, at) = place.ok_or_else(|| {
            Error::internal("a share is of a level that is not there").with("level", level)
        })?;
        let of_role = |group: &usize| self.is_about(role, &self.groups[*group]);
        let depth = |group: &usize| self.depth(*group, role, hierarchy);
        let finer = |group: &usize| of_role(group) && depth(group).is_none_or(|depth| depth > at);
        let key = hierarchy.levels[at].key_column();
        let has_level = set.iter().any(|group| self.attribute(*group, role) == Some(key));
        if let Some(group) = set.iter().find(|group| finer(group)).filter(|_| !has_level) {
            return Err(Error::unsupported(format!(
                "a share of {role}.{level} by {} needs to know the {level}",
                self.groups[*group].human_display()
            ))
            .hint(format!("group by {role}.{level} as well")));
        }
        set.retain(|group| !finer(group));
        Ok(())
    }

    /// Whether an expression looks at columns of the role, and at no others. What a subquery in it
    /// looks at is that question's own: by now it stands alone.
    pub(super) fn is_about(&self, role: &str, expr: &Expr) -> bool {
        let columns = expr.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.is_of(role, &column.name))
    }

    pub(super) fn is_of(&self, role: &str, column: &str) -> bool {
        self.cube.column(column).is_some_and(|column| column.role == role)
    }
}
