//! Grouping sets over a star, none of which has all columns, are aggregated one by one.
//!
//! `GROUPING SETS ((year, nation), (brand))` has no finest set to derive the others from: grouping by
//! all three columns could make a group of every row. A star is read quickly and grouped more quickly
//! still, so it is read again for each set; sets within another are derived from that (see `finest`).

use super::{finest, star};
use datafusion::catalog::Session;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Expr, GroupingSet, LogicalPlan, Projection, Union, cast, lit, when,
};
use std::sync::Arc;

/// A star is read so many times at most.
const MOST_READS: usize = 8;

/// Parts every aggregation by grouping sets that is better done in parts.
pub(super) fn part(plan: LogicalPlan, session: &dyn Session) -> Result<LogicalPlan> {
    if !star::is_sought(session) {
        return Ok(plan);
    }
    let parted = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::Aggregate(aggregate) => Ok(match parted(aggregate)? {
            Some(parts) => Transformed::yes(parts),
            None => Transformed::no(node),
        }),
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(parted.data)
}

fn parted(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] = aggregate.group_expr.as_slice()
    else {
        return Ok(None);
    };
    let groups = grouping_set_to_exprlist(&aggregate.group_expr)?;
    let groups: Vec<Expr> = groups.into_iter().cloned().collect();
    let sets: Option<Vec<Set>> = sets.iter().map(|set| Set::of(set, &groups)).collect();
    let Some(families) = sets.and_then(families) else { return Ok(None) };
    let repeats = !aggregate.aggr_expr.iter().chain(&groups).any(Expr::is_volatile);
    if families.len() < 2 || !(repeats && star::is_star(&aggregate.input)) {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for family in families {
        match family.plan(aggregate, &groups)? {
            Some(part) => parts.push(Arc::new(part)),
            // None is derived from another: each for itself.
            None => {
                for set in family.sets {
                    let part = Family::of(set).plan(aggregate, &groups)?;
                    parts.extend(part.map(Arc::new));
                }
            }
        }
    }
    let schema = Arc::clone(&aggregate.schema);
    let is_worth_it = parts.len() <= MOST_READS;
    Ok(is_worth_it.then_some(LogicalPlan::Union(Union { inputs: parts, schema })))
}

/// A grouping set: the places of its columns among all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set(Vec<usize>);

impl Set {
    fn of(set: &[Expr], groups: &[Expr]) -> Option<Self> {
        let places = set.iter().map(|expr| groups.iter().position(|group| group == expr));
        let mut places = places.collect::<Option<Vec<usize>>>()?;
        places.sort_unstable();
        places.dedup();
        Some(Self(places))
    }

    fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|place| other.0.contains(place))
    }

    /// DataFusion's number of the set among so many columns: the last is the lowest bit, which is set
    /// where the column is left out.
    fn id(&self, of: &[usize]) -> u64 {
        of.iter().fold(0, |id, place| id << 1 | u64::from(!self.0.contains(place)))
    }
}

/// Sets that one reading answers: one, and those within it.
struct Family {
    /// The columns of all of them, in the order in which they are first named.
    columns: Vec<usize>,
    sets: Vec<Set>,
}

/// Which sets are read together; `None` where one is there twice, which has a number of its own.
fn families(sets: Vec<Set>) -> Option<Vec<Family>> {
    let (mut heads, mut within) = (Vec::new(), Vec::new());
    for (index, set) in sets.iter().enumerate() {
        if sets[..index].contains(set) {
            return None;
        }
        let is_head = !sets.iter().any(|other| other != set && set.is_within(other));
        if is_head { heads.push(set.clone()) } else { within.push(set.clone()) }
    }
    let mut families: Vec<Family> = heads.into_iter().map(Family::of).collect();
    for set in within {
        let mut above = families.iter_mut().filter(|family| set.is_within(&family.sets[0]));
        above.next()?.sets.push(set);
    }
    Some(families)
}

impl Family {
    fn of(head: Set) -> Self {
        Self { columns: head.0.clone(), sets: vec![head] }
    }

    /// The rows of its sets, in the columns of all; `None` where those within it are not had from it.
    fn plan(&self, whole: &Aggregate, groups: &[Expr]) -> Result<Option<LogicalPlan>> {
        let of = |set: &Set| set.0.iter().map(|place| groups[*place].clone()).collect::<Vec<_>>();
        let by = match self.sets.as_slice() {
            [one] => of(one),
            many => {
                vec![Expr::GroupingSet(GroupingSet::GroupingSets(many.iter().map(of).collect()))]
            }
        };
        let part = Aggregate::try_new(Arc::clone(&whole.input), by, whole.aggr_expr.clone())?;
        let (fields, own) = (Arc::clone(&part.schema), self.columns.len());
        let column = |index: usize| Expr::Column(Column::from(fields.qualified_field(index)));
        let has_id = self.sets.len() > 1;
        let schema = Arc::clone(&whole.schema);
        let mut shown = Vec::new();
        for place in 0..groups.len() {
            shown.push(match self.columns.iter().position(|own| *own == place) {
                Some(index) => column(index),
                None => lit(ScalarValue::try_from(schema.field(place).data_type())?),
            });
        }
        let id_type = schema.field(groups.len()).data_type();
        shown.push(cast(self.id(column(own), groups.len(), has_id)?, id_type.clone()));
        let measures = own + usize::from(has_id)..fields.fields().len();
        shown.extend(measures.map(column));
        let named = shown.into_iter().enumerate().map(|(index, value)| {
            let (qualifier, field) = schema.qualified_field(index);
            value.alias_qualified(qualifier.cloned(), field.name())
        });
        let named = named.collect();
        let part = match has_id {
            true => finest::derived(&part)?,
            false => Some(LogicalPlan::Aggregate(part)),
        };
        let shown = |part| Projection::try_new_with_schema(named, Arc::new(part), schema);
        part.map(|part| shown(part).map(LogicalPlan::Projection)).transpose()
    }

    /// The number of a row's set among the columns of all, given that among the family's.
    fn id(&self, own: Expr, columns: usize, has_own: bool) -> Result<Expr> {
        let all: Vec<usize> = (0..columns).collect();
        let head = lit(self.sets[0].id(&all));
        if !has_own {
            return Ok(head);
        }
        let own = cast(own, arrow::datatypes::DataType::UInt64);
        let mut rest = self.sets[1..].iter().rev();
        rest.try_fold(head, |others, set| {
            let is_this = own.clone().eq(lit(set.id(&self.columns)));
            when(is_this, lit(set.id(&all))).otherwise(others)
        })
    }
}
