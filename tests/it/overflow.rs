//! A number too large for its type is an error, never another number.

use super::engine_fixture::{Fixture, ask, refusal};

/// Integers at the edge of 64 bits: two of them and one below none fit, in whatever order.
const EDGE: &str = "(VALUES (1, 9223372036854775807), (2, 9223372036854775807), (3, 1), (4, -5), \
                    (5, -9223372036854775807)) AS t (n, x)";

#[tokio::test(flavor = "multi_thread")]
async fn sums_of_integers() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for sum in ["sum(x)", "sum(x) FILTER (WHERE n < 4)", "sum(DISTINCT x)"] {
        let sql = format!("SELECT {sum}, count(*) FROM {EDGE} WHERE n < 4");
        let why = refusal(&session, &sql).await.to_string();
        assert!(why.contains("overflow") && why.contains("Int64"), "{sql}: {why}");
        let sql = format!("SELECT {sum}, count(*) FROM {EDGE} WHERE n IN (2, 4)");
        assert!(ask(&session, &sql).await.is_ok(), "{sql}");
    }
    // What does not fit on the way to what does is no error.
    let all = format!("SELECT sum(x) FROM {EDGE}");
    assert_eq!(ask(&session, &all).await.unwrap(), "9223372036854775803");
    let wide = format!("SELECT sum(x::decimal(38, 0)) FROM {EDGE} WHERE n < 4");
    assert_eq!(ask(&session, &wide).await.unwrap(), "18446744073709551615");
    // In groups, in grouping sets, in windows that grow and that slide.
    let by = |columns: &str| {
        format!("SELECT sum(x) FROM {EDGE} WHERE n < 4 GROUP BY {columns} ORDER BY 1")
    };
    for sql in [by("x < 0"), by("ROLLUP (n > 2, n)")] {
        let why = refusal(&session, &sql).await.to_string();
        assert!(why.contains("overflow"), "{sql}: {why}");
    }
    assert_eq!(ask(&session, &by("n")).await.unwrap().lines().count(), 3);
    let over = |frame: &str| {
        format!("SELECT max(s) FROM (SELECT sum(x) OVER (ORDER BY n {frame}) AS s FROM {EDGE})")
    };
    for frame in ["", "ROWS 1 PRECEDING", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"] {
        let why = refusal(&session, &over(frame)).await.to_string();
        assert!(why.contains("overflow"), "{frame}: {why}");
    }
    let sliding = over("ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING");
    assert!(refusal(&session, &sliding).await.to_string().contains("overflow"));
    let ends = "SELECT s FROM (SELECT n, sum(x) OVER (ORDER BY n ROWS 2 PRECEDING) AS s \
                FROM (VALUES (1, 9223372036854775807), (2, -1), (3, 1), (4, 2)) AS t (n, x)) ORDER BY n";
    assert_eq!(
        ask(&session, ends).await.unwrap(),
        "9223372036854775807\n9223372036854775806\n9223372036854775807\n2"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_numbers_beyond_64_bits_are_written_exactly() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for (sql, expected) in [
        ("SELECT 9223372036854775808 - 1", "9223372036854775807"),
        ("SELECT 18446744073709551616 + 1", "18446744073709551617"),
        ("SELECT -9223372036854775809", "-9223372036854775809"),
        ("SELECT arrow_typeof(-9223372036854775808)", "Int64"),
        ("SELECT -9223372036854775808", "-9223372036854775808"),
        ("SELECT - -9223372036854775809", "9223372036854775809"),
        ("SELECT arrow_typeof(9223372036854775808)", "Decimal128(19, 0)"),
        ("SELECT 9223372036854775807 < 9223372036854775808", "true"),
        ("SELECT 9007199254740993::bigint = 9007199254740992", "false"),
        (
            "SELECT count(*) FROM (VALUES (9223372036854775807)) AS t (x) WHERE x >= 9223372036854775808",
            "0",
        ),
        ("SELECT 99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("SELECT 1e40 > 1", "true"),
    ] {
        assert_eq!(ask(&session, sql).await.unwrap(), expected, "{sql}");
    }
    let sql = "SELECT 100000000000000000000000000000000000000";
    let why = refusal(&session, sql).await.to_string();
    assert!(why.contains("more than 38 digits") && why.contains("as a float"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_of_facts() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    // 990 pieces in all, so 990 times this is beyond 64 bits, while no row is.
    let large = "sum(quantity::bigint * 100000000000000000)";
    let from = "FROM fact_sales f JOIN dim_store s ON s.store_key = f.store_key";
    for sql in [
        format!("SELECT {large} FROM fact_sales"),
        format!("SELECT s.region, {large} {from} GROUP BY 1"),
        format!("SELECT s.region, {large} {from} GROUP BY ROLLUP (s.region)"),
    ] {
        let why = refusal(&session, &sql).await.to_string();
        assert!(why.contains("overflow"), "{sql}: {why}");
    }
    let exact = "SELECT sum(quantity::decimal(20, 0) * 100000000000000000) FROM fact_sales";
    assert_eq!(ask(&session, exact).await.unwrap(), "99000000000000000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_of_cubes() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let regions = "SELECT region, MEASURE(huge) FROM cubes.large GROUP BY region ORDER BY region";
    let expected = "North|6600000000000000000\nSouth|3300000000000000000";
    assert_eq!(ask(&session, regions).await.unwrap(), expected);
    for sql in [
        "SELECT MEASURE(huge) FROM cubes.large",
        "SELECT region, MEASURE(huge) FROM cubes.large GROUP BY ROLLUP (region)",
        "SELECT sum(huge) FROM cubes.large",
    ] {
        let why = refusal(&session, sql).await.to_string();
        assert!(why.contains("overflow"), "{sql}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_of_decimals() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let nines = "99999999999999999999999999999999999999";
    let of = |rows: usize| {
        format!(
            "SELECT sum(x) FROM (SELECT '{nines}'::decimal(38, 0) AS x, n FROM generate_series(1, {rows}) AS t (n))"
        )
    };
    assert_eq!(ask(&session, &of(1)).await.unwrap(), nines);
    for rows in [2, 3, 10] {
        let why = refusal(&session, &of(rows)).await.to_string();
        assert!(why.contains("overflow") && why.contains("Decimal128(38, 0)"), "{why}");
        let why = refusal(&session, &format!("{} GROUP BY n < 0", of(rows))).await.to_string();
        assert!(why.contains("overflow"), "{why}");
    }
}

/// Sums on the way to an average may be longer than decimals can be.
#[tokio::test(flavor = "multi_thread")]
async fn averages_of_long_decimals() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let nines = format!("0.{}", "9".repeat(38));
    let rows = format!(
        "(SELECT '{nines}'::decimal(38, 38) AS x, n FROM generate_series(1, 9) AS s (n)) AS r"
    );
    let of = |rest: &str| format!("SELECT avg(x) FROM {rows} {rest}");
    assert_eq!(ask(&session, &of("")).await.unwrap(), nines);
    assert_eq!(ask(&session, &of("GROUP BY n < 5")).await.unwrap(), format!("{nines}\n{nines}"));
    // Here the average itself, with four digits more after the point, is longer.
    let long = format!("SELECT avg('{}'::decimal(38, 0)) FROM {rows}", "9".repeat(38));
    let why = refusal(&session, &long).await.to_string();
    assert!(why.to_lowercase().contains("overflow"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn arithmetic_of_integers() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for sql in [
        "SELECT 9223372036854775807 + 1",
        "SELECT -9223372036854775807 - 2",
        "SELECT x + 1 FROM (VALUES (9223372036854775807)) AS t (x)",
        "SELECT 2 - x FROM (VALUES (-9223372036854775807)) AS t (x)",
        "SELECT -x FROM (VALUES (-9223372036854775807 - 1)) AS t (x)",
        "SELECT 1 - -x FROM (VALUES ((-32768)::smallint)) AS t (x)",
        "SELECT - (-9223372036854775807 - 1)",
        "SELECT abs(x) FROM (VALUES (-9223372036854775807 - 1)) AS t (x)",
        "SELECT x * y FROM (VALUES (4611686018427387904, 2)) AS t (x, y)",
        "SELECT x * y FROM (VALUES (65536::int, 65536::int)) AS t (x, y)",
        "SELECT count(*) FROM (VALUES (9223372036854775807)) AS t (x) WHERE x + 1 > 0",
        "SELECT x FROM (VALUES (9223372036854775807)) AS t (x) ORDER BY x * 2",
        "SELECT sum(quantity * 2000000000 * 2000000000) FROM fact_sales",
        "SELECT sum(quantity) * 92233720368547758 FROM fact_sales",
        "SELECT t.x FROM (VALUES (9223372036854775807)) AS t (x) JOIN fact_sales f ON f.quantity < t.x * 3",
        "SELECT (SELECT max(quantity) + 9223372036854775807 FROM fact_sales)",
        "WITH RECURSIVE n AS (SELECT 2 AS i UNION ALL SELECT i * i FROM n) SELECT max(i) FROM n",
    ] {
        let why = refusal(&session, sql).await.to_string();
        assert!(why.to_lowercase().contains("overflow"), "{sql}: {why}");
    }
    for (sql, expected) in [
        ("SELECT 1 + 2 * 3 - 4, (1 - 2) - 3, 1 - (2 - 3) AS z", "3|-4|2"),
        ("SELECT x + NULL, x * 2 FROM (VALUES (1), (NULL)) AS t (x)", "NULL|2\nNULL|NULL"),
        ("SELECT x::bigint * y FROM (VALUES (65536::int, 65536::int)) AS t (x, y)", "4294967296"),
        (
            "SELECT -x, -(x * 2) - -x, - -x FROM (VALUES (3), (NULL)) AS t (x)",
            "-3|-3|3\nNULL|NULL|NULL",
        ),
        ("SELECT -x, -y FROM (VALUES (1.5, 2.5::decimal(5, 2))) AS t (x, y)", "-1.5|-2.50"),
        ("SELECT sum(quantity * 2 + 1) FROM fact_sales", "2070"),
        (
            "SELECT quantity + 1, count(*) FROM fact_sales GROUP BY quantity + 1 ORDER BY quantity + 1 LIMIT 1",
            "2|3",
        ),
        ("SELECT x FROM (VALUES (1), (2), (3)) AS t (x) ORDER BY x LIMIT 1 + 1", "1\n2"),
        (
            "SELECT date '2025-03-31' - date '2025-03-01', date '2025-01-31' + interval '1 month'",
            "30|2025-02-28",
        ),
    ] {
        assert_eq!(
            ask(&session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")),
            expected,
            "{sql}"
        );
    }
    // A long term is planned as one.
    let long = format!("SELECT {} FROM fact_sales LIMIT 1", vec!["quantity"; 700].join(" + "));
    assert!(ask(&session, &long).await.is_ok());
    let names = "SELECT * FROM (SELECT quantity * 2 - 1, sum(- quantity + 1) FROM fact_sales GROUP BY 1 LIMIT 0)";
    let query = session.plan_sql(names).await.unwrap();
    let schema = query.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(
        names,
        ["fact_sales.quantity * Int64(2) - Int64(1)", "sum((- fact_sales.quantity) + Int64(1))"]
    );
}
