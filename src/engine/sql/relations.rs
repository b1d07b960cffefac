//! How many tables a statement names, every use of a common table expression counted with all that
//! it names in turn.
//!
//! `WITH b AS (SELECT 1 FROM a, a AS c), d AS (SELECT 1 FROM b, b AS e), ...` doubles with each name,
//! and planning copies all of it: thirty names take more memory than any machine has. So this is
//! told from the text's tree; `engine/size.rs` looks at the plan once there is one.

use super::limits::within;
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{
    ObjectName, Query, Select, Statement, TableFactor, Visit, Visitor,
};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

/// Tables, and common table expressions: each is a level of the plan.
const MOST_RELATIONS: usize = 1_000;
/// The same, with all that is behind a common table expression counted for every use of it.
const MOST_EXPANDED: usize = 5_000;
/// Tables in one FROM clause: planning a join looks at all columns of those before.
const MOST_JOINED: usize = 100;

/// Refuses a statement that names more tables than a plan may read.
///
/// # Errors
/// Limit.
pub(super) fn check(statement: &Statement) -> Result<()> {
    let mut relations = Relations::default();
    let _: ControlFlow<()> = statement.visit(&mut relations);
    within(relations.all, MOST_RELATIONS, "tables")?;
    within(relations.joined, MOST_JOINED, "tables in one FROM clause")?;
    let what = "tables, all that is behind common table expressions counted for every use";
    within(relations.expanded, MOST_EXPANDED, what)
}

#[derive(Default)]
struct Relations {
    all: usize,
    joined: usize,
    /// Tables of what lies outside all queries.
    expanded: usize,
    open: Vec<Open>,
}

/// A query that is being read.
#[derive(Default)]
struct Open {
    /// The names of its common table expressions, whose queries are read before all else in it.
    to_come: VecDeque<String>,
    /// Those that were read, and how many tables are behind each.
    known: HashMap<String, usize>,
    expanded: usize,
}

impl Relations {
    fn add(&mut self, tables: usize) {
        let expanded = self.open.last_mut().map_or(&mut self.expanded, |open| &mut open.expanded);
        *expanded = expanded.saturating_add(tables);
    }

    /// How many tables a name means.
    fn behind(&self, name: &ObjectName) -> usize {
        let [part] = name.0.as_slice() else { return 1 };
        let Some(ident) = part.as_ident() else { return 1 };
        let name = ident.value.to_lowercase();
        let known = self.open.iter().rev().find_map(|open| open.known.get(&name));
        known.map_or(1, |tables| tables.saturating_add(1))
    }
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let to_come: VecDeque<_> =
            tables.map(|table| table.alias.name.value.to_lowercase()).collect();
        self.all += to_come.len();
        self.open.push(Open { to_come, ..Open::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        let Some(read) = self.open.pop() else { return ControlFlow::Continue(()) };
        let outer = self.open.last_mut();
        match outer.and_then(|outer| outer.to_come.pop_front().map(|name| (name, outer))) {
            Some((name, outer)) => {
                outer.known.insert(name, read.expanded);
            }
            None => self.add(read.expanded),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let joined = select.from.iter().map(|from| 1 + from.joins.len()).sum();
        self.joined = self.joined.max(joined);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        self.all += 1;
        let behind = match table {
            TableFactor::Table { name, .. } => self.behind(name),
            _ => 1,
        };
        self.add(behind);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::error::ErrorKind;

    fn expanded(sql: &str) -> usize {
        let statement = parse(sql).unwrap();
        let mut relations = Relations::default();
        let _: ControlFlow<()> = super::super::inner(&statement).unwrap().visit(&mut relations);
        relations.expanded
    }

    #[test]
    fn every_use_counts_with_all_that_is_behind_it() {
        for (sql, tables) in [
            ("SELECT 1", 0),
            ("SELECT 1 FROM a, b JOIN c ON true", 3),
            ("WITH a AS (SELECT 1 FROM x, y) SELECT 1", 0),
            ("WITH a AS (SELECT 1 FROM x, y) SELECT 1 FROM A, a AS b, c", 7),
            ("WITH a AS (SELECT 1 FROM x), b AS (SELECT 1 FROM a, a c) SELECT 1 FROM b, b d", 10),
            ("SELECT (SELECT 1 FROM x), 1 FROM (SELECT 1 FROM y) AS z", 3),
            ("SELECT 1 FROM s.a, (WITH a AS (SELECT 1 FROM x) SELECT 1 FROM a) AS q, a", 5),
            ("WITH a AS (WITH b AS (SELECT 1 FROM x) SELECT 1 FROM b, b c) SELECT 1 FROM a, b", 6),
            ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT 1 FROM r", 2),
        ] {
            assert_eq!(expanded(sql), tables, "{sql}");
        }
    }

    #[test]
    fn what_doubles_with_each_name_is_refused_before_it_is_planned() {
        let doubled = |names: usize| {
            let name = |n| format!(", c{n} AS (SELECT a.x FROM c{p} a, c{p} b)", p = n - 1);
            let all: String = (1..=names).map(name).collect();
            format!("WITH c0 AS (SELECT 1 AS x){all} SELECT count(*) FROM c{names}")
        };
        assert!(parse(&doubled(10)).is_ok());
        for (sql, words) in [
            (doubled(10).replace("FROM c10", "FROM c10, c10 b, c10 c"), "for every use"),
            (format!("SELECT 1 FROM {}", vec!["t"; 5_000].join(", ")), "tables"),
            (format!("SELECT 1 FROM t {}", "JOIN t ON true ".repeat(100)), "in one FROM"),
            (format!("WITH {} SELECT 1", vec!["a AS (SELECT 1)"; 5_000].join(", ")), "tables"),
        ] {
            let error = parse(&sql).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Limit);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
