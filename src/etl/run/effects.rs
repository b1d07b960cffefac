//! What a job touches, and so which jobs may run at once: pure.
//!
//! Jobs stand in an order. Two of them may be at work at once if neither changes what the other
//! reads or changes; else the later one waits. So whatever runs beside what, the tables are those
//! that one job after the other would give.

use crate::etl::job::{Job, LoadSpec};
use crate::etl::jobs::{tables_loaded, tables_used};
use crate::model::{Fact, Model};
use std::collections::BTreeSet;

/// The tables that a job touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// It reads them.
    reads: BTreeSet<String>,
    /// It changes them.
    writes: BTreeSet<String>,
    /// Facts whose rows have to follow if it changes a dimension late: they do before they are
    /// read. Several jobs may make one follow.
    moves: BTreeSet<String>,
}

impl Effects {
    /// What a job touches.
    pub(crate) fn of(job: &Job, model: &Model) -> Self {
        let mut effects = Self {
            reads: tables_used(job, model),
            writes: tables_loaded(job, model),
            moves: BTreeSet::new(),
        };
        match &job.load {
            LoadSpec::Dimension(load) => {
                let plays =
                    |fact: &&Fact| fact.roles.iter().any(|role| role.dimension == load.dimension);
                effects.moves = model.facts.iter().filter(plays).map(Fact::table).collect();
            }
            LoadSpec::Fact(load) => {
                // Members that only facts know of are added to their dimension.
                let roles = model.fact(&load.fact).into_iter().flat_map(|fact| &fact.roles);
                let infers = roles
                    .filter_map(|role| model.dimension(&role.dimension))
                    .filter(|dimension| dimension.infers_members);
                effects.writes.extend(infers.map(crate::model::Dimension::table));
            }
            LoadSpec::Bridge(_) | LoadSpec::Match(_) => {}
        }
        effects
    }

    /// Whether two jobs may not be at work at once.
    pub(crate) fn disturb(&self, other: &Self) -> bool {
        self.disturbs(other) || other.disturbs(self) || !self.writes.is_disjoint(&other.writes)
    }

    fn disturbs(&self, other: &Self) -> bool {
        let changes = |table: &String| self.writes.contains(table) || self.moves.contains(table);
        other.reads.iter().any(changes)
            || other.writes.iter().any(|table| self.moves.contains(table))
    }
}

/// The first of the waiting jobs that no earlier one, waiting or running, holds up.
pub(crate) fn startable(
    effects: &[Effects],
    waiting: &[usize],
    running: &BTreeSet<usize>,
) -> Option<usize> {
    let held_up = |job: usize| {
        let earlier = waiting.iter().filter(|other| **other < job);
        earlier.chain(running).any(|other| effects[*other].disturb(&effects[job]))
    };
    waiting.iter().copied().find(|job| !held_up(*job))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(reads: &[&str], writes: &[&str], moves: &[&str]) -> Effects {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Effects { reads: set(reads), writes: set(writes), moves: set(moves) }
    }

    /// The order in which jobs end if each takes as long as it says.
    fn steps(effects: &[Effects], at_once: usize) -> Vec<Vec<usize>> {
        let mut waiting: Vec<usize> = (0..effects.len()).collect();
        let mut steps = Vec::new();
        while !waiting.is_empty() {
            let mut running = BTreeSet::new();
            while running.len() < at_once
                && let Some(next) = startable(effects, &waiting, &running)
            {
                waiting.retain(|job| *job != next);
                running.insert(next);
            }
            assert!(!running.is_empty(), "jobs wait for each other");
            steps.push(running.into_iter().collect());
        }
        steps
    }

    #[test]
    fn dimensions_run_at_once_and_facts_after_theirs() {
        let jobs = [
            effects(&[], &["dim_a"], &["fact_x", "fact_y"]),
            effects(&[], &["dim_b"], &["fact_x"]),
            effects(&["dim_a", "dim_b"], &["fact_x"], &[]),
            effects(&["dim_a"], &["fact_y"], &[]),
        ];
        assert_eq!(steps(&jobs, 8), [vec![0, 1], vec![2, 3]]);
        assert_eq!(steps(&jobs, 1), [[0], [1], [2], [3]]);
        assert_eq!(steps(&jobs, 2), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn what_one_changes_the_other_waits_for() {
        // The second adds members to the dimension that the first and the third look up.
        let jobs = [
            effects(&["dim_a"], &["fact_x"], &[]),
            effects(&["dim_a"], &["fact_y", "dim_a"], &[]),
            effects(&["dim_a"], &["fact_z"], &[]),
        ];
        assert_eq!(steps(&jobs, 8), [[0], [1], [2]]);
        // Of one table, one after the other.
        let jobs = [effects(&[], &["dim_a"], &[]), effects(&[], &["dim_a"], &[])];
        assert_eq!(steps(&jobs, 8), [[0], [1]]);
    }

    #[test]
    fn a_fact_that_may_have_to_follow_is_not_read_meanwhile() {
        let jobs = [
            effects(&["fact_x"], &["dim_b"], &[]),
            effects(&[], &["dim_c"], &["fact_x"]),
            effects(&["fact_x"], &["fact_y"], &[]),
            effects(&[], &["dim_d"], &[]),
        ];
        assert_eq!(steps(&jobs, 8), [vec![0, 3], vec![1], vec![2]]);
    }
}
