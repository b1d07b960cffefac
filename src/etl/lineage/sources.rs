//! What the columns of sources come from beside their own source: values that are looked up, filled
//! in from other columns, derived; and what rows must find or hold, or they are refused.

use super::{FILTER, KEY, VALUE};
use crate::etl::job::{From, Job, Otherwise, Rule, SourceSpec};
use crate::etl::jobs::{columns_of, target_table};
use crate::store::LineageEdge;
use std::collections::BTreeMap;

/// The edges of a job's sources.
pub(super) fn edges(job: &Job) -> Vec<LineageEdge> {
    let mut edges = Vec::new();
    for source in &job.sources {
        let mut of = OfSource { job, source, edges: &mut edges };
        of.columns();
        of.rows();
    }
    edges
}

struct OfSource<'a> {
    job: &'a Job,
    source: &'a SourceSpec,
    edges: &'a mut Vec<LineageEdge>,
}

impl OfSource<'_> {
    fn columns(&mut self) {
        for column in &self.source.columns {
            let own = self.own(&column.name);
            for rule in &column.clean {
                match rule {
                    Rule::MapFrom(reference) => {
                        let there = |name: &str| self.elsewhere(&reference.path, name);
                        let (value, code) = (there(&reference.value), there(&reference.code));
                        self.add(value, own.clone(), VALUE);
                        self.add(code, own.clone(), KEY);
                    }
                    Rule::FillLookup(lookup) => {
                        let place = self.place(&lookup.table, &lookup.from);
                        self.add(format!("{place}.{}", lookup.value), own.clone(), VALUE);
                        self.keys(&place, &lookup.by, &own, KEY);
                    }
                    Rule::FillExpression(sql) => self.expression(sql, &own, VALUE),
                    Rule::FillPrevious(fill) => {
                        for within in &fill.within {
                            self.add(self.own(within), own.clone(), KEY);
                        }
                    }
                    _ => {}
                }
            }
        }
        for derived in &self.source.derive {
            self.expression(&derived.expression, &self.own(&derived.name), VALUE);
        }
    }

    /// Rows that are refused are in no table.
    fn rows(&mut self) {
        let rows = format!("warehouse.{}.*", target_table(self.job));
        for check in &self.source.checks {
            self.expression(&check.expression, &rows, FILTER);
        }
        for rule in self.source.must_exist.iter().filter(|r| r.otherwise == Otherwise::Reject) {
            let place = self.place(&rule.table, &rule.from);
            self.keys(&place, &rule.by, &rows, FILTER);
        }
    }

    fn add(&mut self, from: String, to: String, how: &str) {
        let (by, how) = (self.job.job.clone(), how.to_owned());
        self.edges.push(LineageEdge { by, from, to, how });
    }

    /// Columns of the source, and those elsewhere that have the same values.
    fn keys(&mut self, place: &str, by: &BTreeMap<String, String>, to: &str, how: &str) {
        for (own, there) in by {
            self.add(self.own(own), to.to_owned(), how);
            self.add(format!("{place}.{there}"), to.to_owned(), how);
        }
    }

    /// The source's columns that an expression names.
    fn expression(&mut self, sql: &str, to: &str, how: &str) {
        let named = columns_of(sql);
        let columns = self.source.yields().filter(|(name, _)| named.contains(*name));
        let columns: Vec<String> = columns.map(|(name, _)| self.own(name)).collect();
        columns.into_iter().for_each(|column| self.add(column, to.to_owned(), how));
    }

    fn own(&self, column: &str) -> String {
        self.elsewhere(&self.source.name, column)
    }

    fn elsewhere(&self, place: &str, column: &str) -> String {
        format!("{}.{place}.{column}", self.job.job)
    }

    /// The table of the warehouse, or the place that is read for it.
    fn place(&self, table: &Option<String>, from: &Option<From>) -> String {
        match (table, from) {
            (Some(table), _) => format!("warehouse.{table}"),
            (None, Some(from)) => format!("{}.{}", self.job.job, from.in_words()),
            (None, None) => self.job.job.clone(),
        }
    }
}
