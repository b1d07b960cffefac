//! Clauses that the parser always accepts and that neither DataFusion nor we plan: each is an
//! error that names it. DataFusion itself drops most of them without a word.

use super::at;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, Query, Select, Statement, TableFactor, TableVersion, Visit,
    Visitor,
};
use std::ops::ControlFlow;

/// Refuses a statement with a clause that nobody plans.
pub(super) fn check(statement: &Statement) -> Result<()> {
    match statement.visit(&mut Check) {
        ControlFlow::Break(clause) => {
            let error = Error::unsupported(format!("{clause} is not supported"));
            Err(match clause == CURRENT_ELSEWHERE {
                true => {
                    error.hint("write AT (ALL SET a = CURRENT a - 1): that value and nothing else")
                }
                false => error,
            })
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// What means something in one place alone.
const CURRENT_ELSEWHERE: &str = "CURRENT outside of AT (SET ...)";

struct Check;

impl Visitor for Check {
    /// The clause, as users write it.
    type Break = String;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        refuse(table_modifier(factor))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        let is_current = |function: &Function| function.name.to_string() == at::CURRENT;
        refuse(match expr {
            Expr::Function(function) if is_current(function) => Some(CURRENT_ELSEWHERE.to_owned()),
            _ => None,
        })
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        refuse(select_clause(select).map(str::to_owned))
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        refuse(query_clause(query).map(str::to_owned))
    }
}

fn refuse(clause: Option<String>) -> ControlFlow<String> {
    clause.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

fn table_modifier(factor: &TableFactor) -> Option<String> {
    let (name, modifier) = match factor {
        TableFactor::Table { name, args, with_hints, version, with_ordinality, .. } => {
            let modifier = if !with_hints.is_empty() {
                Some("WITH (hints)".to_owned())
            } else if *with_ordinality {
                Some("WITH ORDINALITY".to_owned())
            } else if args.as_ref().is_some_and(|args| args.settings.is_some()) {
                Some("SETTINGS".to_owned())
            } else {
                version.as_ref().and_then(unplanned_version).or_else(|| rare_modifier(factor))
            };
            (name.to_string(), modifier)
        }
        TableFactor::Derived { sample: Some(_), .. } => {
            ("a subquery".to_owned(), Some("TABLESAMPLE".to_owned()))
        }
        TableFactor::Function { name, with_ordinality: true, .. } => {
            (name.to_string(), Some("WITH ORDINALITY".to_owned()))
        }
        _ => return None,
    };
    modifier.map(|modifier| format!("{modifier} on {name}"))
}

fn rare_modifier(factor: &TableFactor) -> Option<String> {
    let TableFactor::Table { partitions, json_path, sample, index_hints, .. } = factor else {
        return None;
    };
    let found = [
        ("PARTITION (...)", !partitions.is_empty()),
        ("a JSON path", json_path.is_some()),
        ("TABLESAMPLE", sample.is_some()),
        ("an index hint", !index_hints.is_empty()),
    ];
    found.iter().find(|(_, present)| *present).map(|(clause, _)| (*clause).to_owned())
}

/// The versions we do not plan; the others are [`versions`](super::versions)'s.
fn unplanned_version(version: &TableVersion) -> Option<String> {
    match version {
        TableVersion::VersionAsOf(_)
        | TableVersion::TimestampAsOf(_)
        | TableVersion::ForSystemTimeAsOf(_) => None,
        TableVersion::Changes { .. } => Some("CHANGES (...)".to_owned()),
        TableVersion::Function(call) => Some(call.to_string()),
    }
}

fn select_clause(select: &Select) -> Option<&'static str> {
    let group_modifiers = match &select.group_by {
        GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) => modifiers,
    };
    first(&[
        ("an optimizer hint", !select.optimizer_hints.is_empty()),
        ("a SELECT modifier", select.select_modifiers.is_some()),
        ("TOP", select.top.is_some()),
        ("EXCLUDE after the select list", select.exclude.is_some()),
        ("SELECT INTO", select.into.is_some()),
        ("LATERAL VIEW", !select.lateral_views.is_empty()),
        ("PREWHERE", select.prewhere.is_some()),
        ("CONNECT BY", !select.connect_by.is_empty()),
        ("GROUP BY ... WITH", !group_modifiers.is_empty()),
        ("CLUSTER BY", !select.cluster_by.is_empty()),
        ("DISTRIBUTE BY", !select.distribute_by.is_empty()),
        ("SORT BY", !select.sort_by.is_empty()),
        ("SELECT AS VALUE or AS STRUCT", select.value_table_mode.is_some()),
    ])
}

fn query_clause(query: &Query) -> Option<&'static str> {
    first(&[
        ("FETCH ... PERCENT, WITH TIES or beside LIMIT", query.fetch.is_some()),
        ("FOR UPDATE or FOR SHARE", !query.locks.is_empty()),
        ("FOR XML, JSON or BROWSE", query.for_clause.is_some()),
        ("SETTINGS", query.settings.is_some()),
        ("FORMAT", query.format_clause.is_some()),
        ("a pipe operator", !query.pipe_operators.is_empty()),
    ])
}

fn first(clauses: &[(&'static str, bool)]) -> Option<&'static str> {
    clauses.iter().find(|(_, present)| *present).map(|(clause, _)| *clause)
}
