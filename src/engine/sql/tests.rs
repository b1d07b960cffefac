use super::{AsOf, Versions, parse};
use crate::error::ErrorKind;
use crate::ids::ReleaseId;
use chrono::{TimeZone, Utc};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use std::collections::{BTreeMap, BTreeSet};

/// The SQL after renaming, with release 2 for every version asked for.
fn renamed(sql: &str) -> String {
    let mut statement = parse(sql).unwrap();
    let versions = Versions::find(&statement).unwrap();
    let releases: BTreeMap<AsOf, ReleaseId> =
        versions.into_iter().map(|as_of| (as_of, ReleaseId(2))).collect();
    Versions::rename(&mut statement, releases, "warehouse").unwrap();
    statement.to_string()
}

fn versions(sql: &str) -> BTreeSet<AsOf> {
    Versions::find(&parse(sql).unwrap()).unwrap()
}

#[test]
fn question_marks_are_numbered_in_order() {
    let statement = parse("SELECT ? + ? FROM t WHERE a = ? AND b IN (SELECT c FROM u WHERE d = ?)");
    let text = statement.unwrap().to_string();
    assert_eq!(text, "SELECT $1 + $2 FROM t WHERE a = $3 AND b IN (SELECT c FROM u WHERE d = $4)");
}

#[test]
fn mixed_or_nameless_parameters_are_refused() {
    for sql in ["SELECT ?, $1", "SELECT $name", "SELECT $0", "SELECT ?1"] {
        assert_eq!(parse(sql).unwrap_err().kind(), ErrorKind::User, "{sql}");
    }
}

#[test]
fn distinct_from_ends_before_and() {
    for (sql, bound) in [
        ("a IS NOT DISTINCT FROM b AND c", "(a IS NOT DISTINCT FROM b) AND c"),
        ("a IS DISTINCT FROM b + 1 OR c", "(a IS DISTINCT FROM (b + 1)) OR c"),
        ("NOT a IS DISTINCT FROM b AND c IS NULL", "(NOT (a IS DISTINCT FROM b)) AND (c IS NULL)"),
        ("a IS DISTINCT FROM b IS NULL", "(a IS DISTINCT FROM b) IS NULL"),
    ] {
        let tree = |sql: &str| {
            let Statement::Statement(statement) = parse(&format!("SELECT {sql}")).unwrap() else {
                panic!("{sql}");
            };
            without_parentheses(*statement)
        };
        assert_eq!(tree(sql), tree(bound), "{sql}");
    }
}

/// A statement's tree, in which parentheses say nothing any more.
fn without_parentheses(mut statement: ast::Statement) -> ast::Statement {
    let _ = ast::visit_expressions_mut(&mut statement, |expr| {
        while let ast::Expr::Nested(inner) = expr {
            *expr = (**inner).clone();
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    statement
}

#[test]
fn what_users_of_postgresql_and_datafusion_write_parses() {
    for sql in [
        "SELECT \"Mixed Case\", a::int, b::decimal(12, 2) FROM t WHERE name ILIKE 'a%'",
        "SELECT count(*) FILTER (WHERE a > 1), sum(b) OVER (PARTITION BY c ORDER BY d) FROM t",
        "SELECT a, sum(b) FROM t GROUP BY GROUPING SETS ((a), ()) HAVING sum(b) > 1 ORDER BY 1",
        "SELECT a, b, count(*) FROM t GROUP BY ROLLUP (a, b)",
        "SELECT * EXCEPT (a) FROM t",
        "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC NULLS LAST LIMIT 5 OFFSET 2",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT * FROM n",
        "SELECT date_trunc('month', d), EXTRACT(year FROM d), INTERVAL '3 days', DATE '2025-01-01' FROM t",
        "SELECT MEASURE(revenue), AGGREGATE(cost) FROM cubes.sales GROUP BY ALL",
        "SELECT * FROM t AS \"T\" JOIN LATERAL (SELECT 1) x ON true",
        "SELECT * FROM generate_series(1, 3), UNNEST([1, 2])",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT U&'\\0041', E'tab\\t', 1_000",
        "SELECT version, timestamp FROM t version",
        "VALUES (1, 'a'), (2, 'b')",
    ] {
        parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[test]
fn clauses_that_nobody_plans_are_refused_by_name() {
    for (sql, clause) in [
        ("SELECT * FROM t WITH (NOLOCK)", "WITH (hints)"),
        ("SELECT * FROM t TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
        ("SELECT * FROM (SELECT 1) AS x TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
        ("SELECT * FROM t PARTITION (p1)", "PARTITION"),
        ("SELECT * FROM t AT(TIMESTAMP => '2025-01-01')", "AT(TIMESTAMP"),
        (
            "SELECT * FROM t CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => '2025-01-01')",
            "CHANGES",
        ),
        ("SELECT * FROM t WITH ORDINALITY", "WITH ORDINALITY"),
        ("SELECT a INTO b FROM t", "SELECT INTO"),
        ("SELECT a FROM t FOR UPDATE", "FOR UPDATE"),
        ("SELECT a FROM t CLUSTER BY a", "CLUSTER BY"),
        ("SELECT a FROM t LATERAL VIEW explode(a) x", "LATERAL VIEW"),
        ("SELECT a FROM t FETCH FIRST 3 ROWS WITH TIES", "FETCH"),
        ("SELECT (SELECT a FROM t TABLESAMPLE (1 ROWS))", "TABLESAMPLE"),
    ] {
        let error = parse(sql).err().unwrap_or_else(|| panic!("{sql} was accepted"));
        assert!(error.to_string().contains(clause), "{sql}: {error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}");
    }
}

#[test]
fn syntax_that_is_switched_off_does_not_parse() {
    for sql in [
        "SELECT a FROM t GROUP BY a WITH ROLLUP",
        "SELECT a FROM t PREWHERE a = 1",
        "SELECT a FROM t SETTINGS x = 1",
        "FROM t |> SELECT a",
        "SELECT a FROM t LIMIT 1 BY a",
    ] {
        assert!(parse(sql).is_err(), "{sql}");
    }
}

#[test]
fn one_statement_at_a_time() {
    assert!(parse("").is_err());
    assert!(parse("SELECT 1; SELECT 2").is_err());
    assert!(parse("SELECT 1;").is_ok());
}

#[test]
fn depth_is_bounded() {
    let deep = |depth| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(parse(&deep(150)).unwrap_err().kind(), ErrorKind::User, "the parser gives up");
    assert_eq!(parse(&deep(5000)).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn versions_rename_the_table_and_keep_its_name() {
    assert_eq!(
        renamed("SELECT fact_sales.a FROM fact_sales VERSION AS OF 2"),
        "SELECT fact_sales.a FROM release_2.warehouse.fact_sales AS fact_sales"
    );
    assert_eq!(
        renamed("SELECT * FROM cubes.sales TIMESTAMP AS OF '2025-01-01' AS old JOIN t ON true"),
        "SELECT * FROM release_2.cubes.sales AS old JOIN t ON true"
    );
    assert_eq!(
        renamed(
            "EXPLAIN SELECT * FROM starhouse.warehouse.t FOR SYSTEM_TIME AS OF DATE '2025-01-01'"
        ),
        "EXPLAIN SELECT * FROM release_2.warehouse.t AS t"
    );
    assert_eq!(
        renamed("SELECT (SELECT max(a) FROM t VERSION AS OF 2) FROM u"),
        "SELECT (SELECT max(a) FROM release_2.warehouse.t AS t) FROM u"
    );
}

#[test]
fn versions_are_releases_or_moments() {
    assert_eq!(
        versions("SELECT * FROM t VERSION AS OF 7"),
        BTreeSet::from([AsOf::Release(ReleaseId(7))])
    );
    let noon = Utc.with_ymd_and_hms(2025, 3, 31, 12, 0, 0).unwrap();
    for text in [
        "'2025-03-31 12:00:00'",
        "'2025-03-31T12:00:00Z'",
        "'2025-03-31T14:00:00+02:00'",
        "TIMESTAMP '2025-03-31 12:00'",
        "'2025-03-31 12:00:00'::timestamp",
    ] {
        let sql = format!("SELECT * FROM t TIMESTAMP AS OF {text}");
        assert_eq!(versions(&sql), BTreeSet::from([AsOf::Time(noon)]), "{sql}");
    }
}

#[test]
fn versions_that_mean_nothing_are_refused() {
    for sql in [
        "SELECT * FROM t TIMESTAMP AS OF now()",
        "SELECT * FROM t TIMESTAMP AS OF 'yesterday'",
        "SELECT * FROM t VERSION AS OF 1.5",
        "WITH t AS (SELECT 1) SELECT * FROM t VERSION AS OF 1",
    ] {
        let statement: Statement = parse(sql).unwrap();
        assert_eq!(Versions::find(&statement).unwrap_err().kind(), ErrorKind::User, "{sql}");
    }
    let mut system = parse("SELECT * FROM system.runs VERSION AS OF 1").unwrap();
    let releases = BTreeMap::from([(AsOf::Release(ReleaseId(1)), ReleaseId(1))]);
    assert!(Versions::rename(&mut system, releases, "warehouse").is_err());
}
