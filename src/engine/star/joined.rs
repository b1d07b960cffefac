//! What a star scan is asked: a fact, the dimensions its keys are looked up in, predicates.

use super::expr::Over;
use super::facts::{Bounds, Facts, bounds};
use super::own::Own;
use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::{Arc, OnceLock};

/// A dimension looked up by a fact's keys.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    /// What gives its rows.
    pub(super) plan: Arc<dyn ExecutionPlan>,
    /// Its key, among the plan's columns.
    pub(super) key: usize,
    /// The fact's wide column that holds its keys.
    pub(super) fact_key: usize,
    pub(super) keeps: Keeps,
}

/// Which facts stay when their keys are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Keeps {
    /// Those with a member.
    Matched,
    /// All; where there is no member, its columns are NULL.
    All,
    /// Those without a member. Its columns do not come out.
    Unmatched,
}

/// What a star join reads as its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reads {
    /// A fact, by all partitions.
    Facts,
    /// A dimension's table, for whoever looks its members up: by one partition, in few batches.
    Members,
}

/// A fact, its dimensions and what rows must satisfy.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    pub(super) facts: Arc<Facts>,
    /// The fact's columns that are read, by their index in the table.
    pub(super) columns: Vec<usize>,
    pub(super) lookups: Vec<Lookup>,
    /// All columns: those of the fact that are read, then those of each lookup.
    pub(super) wide: SchemaRef,
    /// Over wide columns.
    pub(super) predicates: Vec<Arc<dyn PhysicalExpr>>,
    /// About how many rows come out, where that was estimated.
    pub(super) about_rows: Option<usize>,
    /// What the predicates over the fact alone leave of it, as soon as that was worked out: kept for
    /// whoever runs it again.
    pub(super) own: Arc<OnceLock<Arc<Own>>>,
}

/// Where a wide column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The fact's column, by its index in the table.
    Fact(usize),
    /// A lookup, and the column of its plan.
    Lookup(usize, usize),
}

impl Joined {
    pub(super) fn source(&self, wide: usize) -> Source {
        if let Some(column) = self.columns.get(wide) {
            return Source::Fact(*column);
        }
        let mut first = self.columns.len();
        for (index, lookup) in self.lookups.iter().enumerate() {
            let width = lookup.plan.schema().fields().len();
            if wide < first + width {
                return Source::Lookup(index, wide - first);
            }
            first += width;
        }
        Source::Lookup(self.lookups.len(), wide)
    }

    /// The table's columns that are read for wide columns.
    pub(super) fn reads_for(&self, wide: &[usize]) -> Vec<usize> {
        let read = wide.iter().map(|wide| match self.source(*wide) {
            Source::Fact(column) => column,
            Source::Lookup(lookup, _) => self.key_column(lookup),
        });
        read.collect()
    }

    /// The table's column that holds a lookup's keys.
    pub(super) fn key_column(&self, lookup: usize) -> usize {
        self.columns[self.lookups[lookup].fact_key]
    }

    /// The smallest and the largest key that facts have, as far as it is known.
    pub(super) fn key_bounds(&self, lookup: usize) -> Option<Bounds> {
        bounds(&self.facts.statistics, self.key_column(lookup))
    }

    /// Its name.
    pub(super) fn key_name(&self, lookup: usize) -> &str {
        self.facts.schema.field(self.key_column(lookup)).name()
    }

    /// The table's columns of an expression over the fact's own.
    pub(super) fn table_columns(&self, over: &Over) -> Vec<usize> {
        over.columns.iter().map(|wide| self.columns[*wide]).collect()
    }
}
