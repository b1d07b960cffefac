//! Calculated members: named sets, each shown as one member beside those of its column.
//!
//! Such a member is a context and no sum. Its rows are those of all its members together, and every
//! measure is computed of them: whoever bought in two countries of Benelux is one buyer there. So it is
//! a group of its own, true for the rows of the set, which takes the place of its column's groups in
//! grouping sets of its own. Totals are other sets, and know nothing of it.

use super::ask::{Ask, group_name, measure_name, total_name};
use super::axes::{Axes, Row};
use super::computed::{self, Computed, Numbered};
use super::other_release::then_name;
use super::{CubeQuery, defect, named_set, names, pivot};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Captions, Cube, Model};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit, when};
use std::collections::BTreeMap;

/// The most calculated members of one question.
const MOST_MEMBERS: usize = 32;

/// A name in `rows` or `columns`: its groups, and the cube columns that they are.
pub(super) struct Named {
    pub(super) groups: Vec<usize>,
    pub(super) columns: Vec<String>,
}

/// The calculated members of a question.
#[derive(Default)]
pub(super) struct Calculated {
    axes: Vec<Axis>,
}

/// Those that stand beside the members of one name.
struct Axis {
    /// The groups whose place they take.
    groups: Vec<usize>,
    /// The column whose members they stand beside.
    column: String,
    members: Vec<Member>,
    /// Members computed of values.
    computed: Vec<Computed>,
    /// Whether they stand there alone: then the members are left out of the answer.
    only: bool,
}

struct Member {
    name: String,
    set: String,
    /// True of a row that is of it, else NULL.
    is_of: Expr,
}

/// The name of the column that is 0 for a member, and else says which calculated member of an axis a row
/// is of, from 1 on.
fn mark_name(axis: usize) -> String {
    format!("__c{axis}")
}

impl Calculated {
    /// The members asked that stand beside those of some names.
    pub(super) fn new(
        query: &CubeQuery,
        (cube, model): (&Cube, &Model),
        captions: Option<&Captions>,
        named: &[Named],
    ) -> Result<Self> {
        let asked = query.calculated_members.names();
        if asked.len() > MOST_MEMBERS {
            let message = format!("a question shows {MOST_MEMBERS} calculated members at most");
            return Err(Error::new(ErrorKind::Limit, message).hint("ask for fewer"));
        }
        let only = query.calculated_members.is_only();
        let mut axes: Vec<Axis> = Vec::new();
        for (place, name) in asked.iter().enumerate() {
            let set = named_set::find(cube, name)?;
            if asked[..place].contains(name) {
                let message = format!("`{name}` stands twice in `calculated_members`");
                return Err(Error::user(message));
            }
            let Some(of) = named.iter().find(|named| named.columns.contains(&set.column)) else {
                continue;
            };
            let is_it = when(named_set::condition(set, cube)?, lit(true));
            let is_of = is_it.end().map_err(defect)?;
            let caption = captions.and_then(|captions| captions.names.get(&set.name));
            let shown = caption.unwrap_or(&set.member).clone();
            let member = Member { name: shown, set: set.name.clone(), is_of };
            Axis::of(&mut axes, of, &set.column, only).members.push(member);
        }
        for wanted in &query.computed_members {
            let column = names::resolve_one(cube, model, &wanted.of)?;
            let Some(of) = named.iter().find(|named| named.columns.contains(&column.name)) else {
                continue;
            };
            let computed = Computed::new(wanted, column, cube)?;
            Axis::of(&mut axes, of, &column.name, false).computed.push(computed);
        }
        let terms = axes.iter().flat_map(|axis| &axis.computed).map(|own| own.terms.len());
        if terms.sum::<usize>() > MOST_MEMBERS {
            let message = format!("computed members have {MOST_MEMBERS} terms at most together");
            return Err(Error::new(ErrorKind::Limit, message).hint("ask for fewer"));
        }
        // Where several stand in a row, the last of its columns is computed last.
        axes.sort_by_key(|axis| axis.groups.first().copied());
        Ok(Self { axes })
    }

    /// Refuses members of columns that are on no axis.
    pub(super) fn check(&self, query: &CubeQuery, cube: &Cube) -> Result<()> {
        let shown = |name: &&String| {
            self.axes.iter().flat_map(|axis| &axis.members).any(|member| member.set == **name)
        };
        let is_computed = |name: &String| {
            self.axes.iter().flat_map(|axis| &axis.computed).any(|own| own.name == *name)
        };
        if let Some(wanted) = query.computed_members.iter().find(|own| !is_computed(&own.name)) {
            return Err(computed::is_nowhere(wanted));
        }
        let missing = query.calculated_members.names().iter().find(|name| !shown(name));
        match missing.and_then(|name| cube.set(name)) {
            None => Ok(()),
            Some(set) => Err(Error::user(format!(
                "`{}` is shown beside the members of `{}`, which is neither in `rows` nor in `columns`",
                set.name, set.column
            ))
            .hint(format!("add `{}` to `rows`, or dice by the set", set.column))),
        }
    }

    /// What they are, in words.
    pub(super) fn sentences(&self) -> Vec<String> {
        let words = |axis: &Axis, member: &Member| {
            let (name, set) = (&member.name, &member.set);
            format!("{name} is one member of {}: all rows of set {set} together", axis.column)
        };
        let axes = self.axes.iter();
        let all = axes.flat_map(|axis| {
            let computed = axis.computed.iter().map(|own| own.describe(&axis.column));
            axis.members.iter().map(|member| words(axis, member)).chain(computed)
        });
        all.collect()
    }

    /// The question with groups and grouping sets for calculated members.
    pub(super) fn among<'a>(&self, ask: &Ask<'a>) -> Result<Ask<'a>> {
        let mut with = ask.clone();
        if self.axes.is_empty() {
            return Ok(with);
        }
        let mut sets = ask.sets();
        for axis in &self.axes {
            let first = with.groups.len();
            with.groups.extend(axis.groups_of_its_own()?);
            let own = first..with.groups.len();
            with.stands_for.extend(own.clone().map(|group| (group, axis.column.clone())));
            if axis.groups.iter().any(|group| ask.padding.across.contains(group)) {
                with.padding.across.extend(own.clone());
            }
            sets = sets.into_iter().flat_map(|set| axis.beside(set, own.clone())).collect();
        }
        with.grouping_sets = Some(sets);
        Ok(with)
    }

    /// The answer with the groups of the plain question: a mark an axis says which calculated member a
    /// row is of.
    pub(super) fn told(
        &self,
        answer: LogicalPlanBuilder,
        plain: &Ask<'_>,
    ) -> Result<LogicalPlanBuilder> {
        if self.axes.is_empty() {
            return Ok(answer);
        }
        let groups = plain.groups.len();
        let (mut first, mut marks, mut kept) = (groups, Vec::new(), lit(true));
        for axis in &self.axes {
            let mut mark = lit(0_i32);
            for (place, group) in (first..first + axis.own_groups()).enumerate() {
                let is_away = flag(group).eq(lit(1_i32));
                kept = kept.and(is_away.clone().or(ident(group_name(group)).is_true()));
                mark = when(is_away, mark).otherwise(lit(axis.number(place))).map_err(defect)?;
            }
            if let (true, Some(group)) = (axis.only, axis.groups.first()) {
                // Totals, and calculated members, whose rows have it aggregated away as well.
                kept = kept.and(flag(*group).eq(lit(1_i32)));
            }
            marks.push(mark);
            first += axis.own_groups();
        }
        let mut columns: Vec<Expr> = (0..groups).map(|group| ident(group_name(group))).collect();
        if plain.grouping_sets.is_some() {
            for group in 0..groups {
                let own = self.axes.iter().position(|axis| axis.groups.contains(&group));
                let total = match own {
                    Some(axis) => when(marks[axis].clone().gt(lit(0_i32)), lit(0_i32))
                        .otherwise(flag(group))
                        .map_err(defect)?,
                    None => flag(group),
                };
                columns.push(total.alias(total_name(group)));
            }
        }
        let marks = marks.into_iter().enumerate();
        columns.extend(marks.map(|(axis, mark)| mark.alias(mark_name(axis))));
        let is_key = |name: &String| {
            (0..first).any(|group| *name == group_name(group) || *name == total_name(group))
        };
        let values = answer.schema().columns().into_iter().filter(|own| !is_key(&own.name));
        let values: Vec<_> = values.collect();
        columns.extend(values.iter().cloned().map(Expr::Column));
        let mut answer =
            answer.filter(kept).and_then(|rows| rows.project(columns)).map_err(defect)?;
        let kind = |name: &str| {
            let measures = plain.measures.iter().enumerate();
            let counts = measures.filter(|(_, own)| pivot::counts(plain.cube, &own.measure));
            let names = counts.map(|(index, _)| measure_name(index));
            let counts = names.into_iter().any(|own| own == name || then_name(&own) == name);
            values.iter().any(|own| own.name == name).then_some(counts)
        };
        for (index, axis) in self.axes.iter().enumerate() {
            let computed = axis.numbered();
            answer = computed::beside(answer, &computed, &mark_name(index), &kind)?;
        }
        Ok(answer)
    }

    /// The marks, each with the groups whose members it is told from.
    pub(super) fn marks(&self) -> impl Iterator<Item = (&[usize], String)> {
        let axes = self.axes.iter().enumerate();
        axes.map(|(index, axis)| (axis.groups.as_slice(), mark_name(index)))
    }

    /// The mark of an axis with these groups.
    pub(super) fn mark(&self, groups: &[usize]) -> Option<String> {
        self.marks().find(|(own, _)| own.iter().any(|g| groups.contains(g))).map(|(_, mark)| mark)
    }

    /// A member of these groups as it is shown, in text: a calculated one by its name.
    pub(super) fn shown(&self, groups: &[usize], member: Expr) -> Result<Expr> {
        let places =
            self.axes.iter().position(|axis| axis.groups.iter().any(|g| groups.contains(g)));
        let Some(place) = places else { return Ok(member) };
        let text = |name: &str| lit(ScalarValue::Utf8View(Some(name.to_owned())));
        let mut shown = cast(member, DataType::Utf8View);
        for (name, number) in self.axes[place].names().zip(1_i32..) {
            let is_it = ident(mark_name(place)).eq(lit(number));
            shown = when(is_it, text(name)).otherwise(shown).map_err(defect)?;
        }
        Ok(shown)
    }

    /// The name of the member that a mark's value stands for, where it is a calculated one.
    pub(super) fn name(&self, mark: &str, value: &ScalarValue) -> Option<&str> {
        let place = (0..self.axes.len()).find(|axis| mark_name(*axis) == mark)?;
        let ScalarValue::Int32(Some(number)) = value else { return None };
        let member = usize::try_from(*number).ok()?.checked_sub(1)?;
        self.axes[place].names().nth(member)
    }
}

impl Axis {
    /// The axis beside the members of a name, which is made if it is not there yet.
    fn of<'x>(axes: &'x mut Vec<Self>, of: &Named, column: &str, only: bool) -> &'x mut Self {
        let known = axes.iter().position(|axis| axis.groups == of.groups);
        let place = known.unwrap_or_else(|| {
            let (groups, column) = (of.groups.clone(), column.to_owned());
            let (members, computed) = (Vec::new(), Vec::new());
            axes.push(Self { groups, column, members, computed, only: false });
            axes.len() - 1
        });
        let axis = &mut axes[place];
        axis.only |= only;
        axis
    }

    /// What its members are called, in the order of their marks.
    fn names(&self) -> impl Iterator<Item = &str> {
        let members = self.members.iter().map(|member| member.name.as_str());
        members.chain(self.computed.iter().map(|computed| computed.name.as_str()))
    }

    /// A group for each calculated member, then for each term.
    fn groups_of_its_own(&self) -> Result<Vec<Expr>> {
        let mut groups: Vec<Expr> = self.members.iter().map(|own| own.is_of.clone()).collect();
        for (_, is_of) in self.computed.iter().flat_map(|own| &own.terms) {
            groups.push(when(is_of.clone(), lit(true)).end().map_err(defect)?);
        }
        Ok(groups)
    }

    fn own_groups(&self) -> usize {
        self.members.len() + self.computed.iter().map(|own| own.terms.len()).sum::<usize>()
    }

    /// The mark of what has a group of its own: terms come after all that is shown.
    fn number(&self, place: usize) -> i32 {
        let shown = if place < self.members.len() { 0 } else { self.computed.len() };
        i32::try_from(place + shown).unwrap_or(i32::MAX).saturating_add(1)
    }

    /// The computed members with their marks and those of their terms.
    fn numbered(&self) -> Vec<Numbered<'_>> {
        let mut term = self.members.len();
        let mut numbered = Vec::new();
        for (own, computed) in self.computed.iter().enumerate() {
            let mark = i32::try_from(self.members.len() + own).unwrap_or(i32::MAX);
            let terms = computed.terms.iter().map(|(name, _)| {
                term += 1;
                (name.clone(), self.number(term - 1))
            });
            let terms = terms.collect();
            numbered.push((mark.saturating_add(1), computed, terms));
        }
        numbered
    }

    /// A grouping set, and the same with each calculated member in the place of the axis' groups.
    fn beside(&self, set: Vec<usize>, members: std::ops::Range<usize>) -> Vec<Vec<usize>> {
        if !set.iter().any(|group| self.groups.contains(group)) {
            return vec![set];
        }
        let others: Vec<usize> =
            set.iter().copied().filter(|group| !self.groups.contains(group)).collect();
        let with = |member: usize| others.iter().copied().chain([member]).collect();
        [set.clone()].into_iter().chain(members.map(with)).collect()
    }
}

impl Axes<'_> {
    /// The calculated members of the axes, whose groups are all there by now.
    pub(super) fn calculate(&mut self, query: &CubeQuery, model: &Model) -> Result<()> {
        let named = |row: &Row| {
            let columns = row.groups.iter().filter_map(|group| self.names.get(*group).cloned());
            Named { groups: row.groups.clone(), columns: columns.collect() }
        };
        let named: Vec<Named> = self.rows.iter().chain(&self.columns).map(named).collect();
        self.calculated = Calculated::new(query, (self.cube, model), self.captions, &named)?;
        self.calculated.check(query, self.cube)
    }

    /// The groups of what goes across.
    pub(super) fn across(&self) -> Vec<usize> {
        self.columns.iter().flat_map(|named| named.groups.iter().copied()).collect()
    }

    /// The columns of what goes across: those of its groups, then the marks of calculated members.
    pub(super) fn across_columns(&self) -> Vec<String> {
        across_columns(&self.columns, &self.calculated)
    }

    /// A member across as it is captioned.
    pub(super) fn caption_across(&self, member: &[ScalarValue]) -> String {
        let columns = self.across_columns();
        let mut captions = Vec::new();
        for named in &self.columns {
            let mark = self.calculated.mark(&named.groups);
            let value = mark.and_then(|mark| {
                let place = columns.iter().position(|column| *column == mark)?;
                self.calculated.name(&mark, member.get(place)?)
            });
            match value {
                Some(name) => captions.push(name.to_owned()),
                None => captions.extend(named.groups.iter().filter_map(|group| {
                    let place = columns.iter().position(|c| *c == group_name(*group))?;
                    member.get(place).map(pivot::caption)
                })),
            }
        }
        captions.join(" / ")
    }

    /// The marks of rows' calculated members, each with the columns of its row.
    pub(super) fn row_marks(&self) -> Vec<(Vec<String>, String)> {
        let of_row = |row: &Row| {
            let mark = self.calculated.mark(&row.groups)?;
            let own = row.groups.iter().filter(|group| **group < self.names.len());
            Some((own.map(|group| group_name(*group)).collect(), mark))
        };
        self.rows.iter().filter_map(of_row).collect()
    }
}

/// The columns of names that go across: those of their groups, then the marks of calculated members.
pub(super) fn across_columns(across: &[Row], calculated: &Calculated) -> Vec<String> {
    let groups = across.iter().flat_map(|named| named.groups.iter().copied().map(group_name));
    let marks = across.iter().filter_map(|named| calculated.mark(&named.groups));
    groups.chain(marks).collect()
}

/// The flag of a total as all flags are compared.
fn flag(group: usize) -> Expr {
    cast(ident(total_name(group)), DataType::Int32)
}

/// For each group that stands for members of a column and is not the column: that column.
pub(super) type StandsFor = BTreeMap<usize, String>;
