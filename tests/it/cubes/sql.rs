//! SQL over cubes: what is refused because it would be wrong, and what answers, on the world of
//! [`traps`](super::traps).

use super::model::{finer_model, model, model_with};
use super::traps::{data, refused, world};
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use starhouse::engine::Session;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;

/// Lines of an answer under its heading, sorted.
pub(super) async fn lines(session: &Session, sql: &str) -> Vec<String> {
    let planned = session.plan_sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let answered = answer(&planned).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut lines: Vec<String> = answered.to_string().lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines
}

pub(super) async fn answers(sql: &str, expected: &[&str]) {
    let (_at, session) = world().await;
    for on in [true, false] {
        assert_eq!(lines(&session.with_aggregates(on), sql).await, expected, "{sql}");
    }
}

/// Which part of a question an aggregate answers, or why none does.
pub(super) async fn routing(session: &Session, sql: &str) -> String {
    session.plan_sql(sql).await.unwrap().routing().join("\n")
}

#[tokio::test]
async fn what_does_not_add_up_is_never_summed_however_it_is_hidden() {
    for sql in [
        "SELECT SUM(margin_rate) FROM cubes.trade",
        "SELECT SUM(margin_rate * 1.0) FROM cubes.trade",
        "SELECT AVG(COALESCE(margin_rate, 0)) FROM cubes.trade",
        "SELECT COUNT(margin_rate) FROM cubes.trade",
        "SELECT MEDIAN(margin_rate) FROM cubes.trade",
        "SELECT SUM(CASE WHEN segment = 'gold' THEN balance END) FROM cubes.trade",
        "SELECT SUM(b) FROM (SELECT balance AS b FROM cubes.trade ORDER BY 1 LIMIT 9)",
        "SELECT SUM(b) FROM (SELECT balance AS b FROM cubes.trade UNION ALL SELECT 1)",
        "SELECT SUM(balance) OVER () FROM cubes.trade",
        "SELECT SUM(x) FROM (SELECT revenue AS x FROM cubes.trade UNION ALL \
         SELECT balance FROM cubes.trade)",
        "WITH t AS (SELECT country, balance + 1 AS b FROM cubes.trade) \
         SELECT country, SUM(b) FROM t GROUP BY country",
    ] {
        let error = refused(sql).await;
        assert_eq!(error.kind(), ErrorKind::User, "{sql}: {error}");
        assert!(error.to_string().contains("write MEASURE("), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_join_repeats_no_measure() {
    // Customer c0 has two versions: summed over the join, its sales would count twice.
    for sql in [
        "SELECT d.segment, SUM(t.revenue) FROM cubes.trade t \
         JOIN warehouse.dim_customer d ON t.customer_id = d.customer_id GROUP BY d.segment",
        "SELECT AVG(t.revenue) FROM cubes.trade t, warehouse.dim_customer d",
        "SELECT SUM(r) FROM (SELECT t.revenue * 2 AS r FROM cubes.trade t \
         LEFT JOIN warehouse.dim_customer d ON t.customer_id = d.customer_id)",
        "SELECT s.city, MEASURE(t.revenue) FROM cubes.trade t \
         JOIN warehouse.dim_store s ON t.store_id = s.store_id GROUP BY s.city",
    ] {
        let error = refused(sql).await.to_string();
        assert!(error.contains("join") && error.contains("MEASURE"), "{sql}: {error}");
    }
    // The safe form, and a join that only filters.
    answers(
        "SELECT d.segment, c.revenue FROM warehouse.dim_customer d JOIN \
         (SELECT customer_id, MEASURE(revenue) AS revenue FROM cubes.trade GROUP BY customer_id) c \
         ON c.customer_id = d.customer_id WHERE d.customer_key > 0",
        &["gold | 180.00", "gold | 280.00", "silver | 180.00"],
    )
    .await;
    // The other side has each customer once, or one row: nothing is repeated.
    answers(
        "SELECT t.country, SUM(t.revenue) FROM cubes.trade t JOIN (SELECT customer_id, \
         SUM(revenue) AS r FROM cubes.trade GROUP BY customer_id ORDER BY 2 DESC LIMIT 1) best \
         ON t.customer_id = best.customer_id GROUP BY t.country",
        &["IT | 80.00", "NO | 200.00"],
    )
    .await;
    answers(
        "SELECT SUM(t.revenue) FROM cubes.trade t CROSS JOIN (SELECT MAX(quantity) FROM \
         warehouse.fact_sales) m",
        &["500.00"],
    )
    .await;
    answers(
        "SELECT SUM(revenue) FROM cubes.trade t WHERE EXISTS \
         (SELECT 1 FROM warehouse.dim_store s WHERE s.store_id = t.store_id AND s.store_key > 0)",
        &["460.00"],
    )
    .await;
    answers(
        "SELECT SUM(revenue) FROM cubes.trade WHERE customer_id IN \
         (SELECT customer_id FROM warehouse.dim_customer WHERE customer_key > 0)",
        &["460.00"],
    )
    .await;
}

#[tokio::test]
async fn rows_of_a_cube_add_up_to_its_additive_measures() {
    answers("SELECT SUM(revenue), COUNT(*) - 12 + 6 FROM cubes.trade", &["500.00 | 6"]).await;
    answers(
        "SELECT SUM(CASE WHEN segment = 'gold' THEN revenue END) FROM cubes.trade",
        &["360.00"],
    )
    .await;
    answers(
        "SELECT lines, big_lines, average_line, revenue FROM cubes.trade \
         WHERE receipt_no IN ('r1', 'r4')",
        &["1 | 1 | 100 | 100.00", "1 | 1 | 80 | 80.00"],
    )
    .await;
    answers("SELECT MAX(average_line), SUM(lines) FROM cubes.trade", &["200 | 6"]).await;
}

#[tokio::test]
async fn a_measure_can_be_filtered_by_another_question() {
    answers(
        "SELECT country, MEASURE(revenue) FROM cubes.trade WHERE customer_id IN (SELECT customer_id \
         FROM cubes.trade GROUP BY customer_id HAVING MEASURE(revenue) > 200) GROUP BY country",
        &["IT | 80.00", "NO | 200.00"],
    )
    .await;
    answers(
        "SELECT MEASURE(lines) FROM cubes.trade \
         WHERE date_year = (SELECT MAX(date_year) FROM cubes.trade WHERE revenue > 0)",
        &["1"],
    )
    .await;
    let error = refused(
        "SELECT MEASURE(lines) FROM cubes.trade t WHERE EXISTS \
         (SELECT 1 FROM warehouse.dim_store s WHERE s.store_id = t.store_id)",
    )
    .await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn measures_stand_in_every_clause() {
    answers(
        "SELECT country FROM cubes.trade GROUP BY country HAVING MEASURE(margin_rate) > 0.3 \
         AND NOT country IN ('Unknown')",
        &["IT"],
    )
    .await;
    answers(
        "SELECT country, MEASURE(revenue) FROM cubes.trade WHERE NOT (segment = 'gold' OR \
         segment IS NULL) GROUP BY country ORDER BY MEASURE(revenue) DESC",
        &["IT | 100.00", "Unknown | 40.00"],
    )
    .await;
    answers(
        "SELECT date_year, country, MEASURE(lines) FROM cubes.trade WHERE segment <> 'Unknown' \
         GROUP BY date_year, ROLLUP (country) HAVING date_year > 2023",
        &["2024 | IT | 2", "2024 | NO | 1", "2024 | NULL | 3", "2025 | IT | 1", "2025 | NULL | 1"],
    )
    .await;
    let error = refused("SELECT country, MEASURE(revenue) OVER () FROM cubes.trade").await;
    assert_eq!(error.kind(), ErrorKind::User, "{error}");
}

/// The last day of a period is that of the conditions on time, wherever they stand in WHERE.
#[tokio::test]
async fn a_balance_in_sql_is_that_of_the_last_day_of_its_period() {
    answers(
        "SELECT country, MEASURE(balance) FROM cubes.trade \
         WHERE date_quarter = '2024-Q1' AND country <> 'Unknown' GROUP BY country",
        &["IT | 10.00", "NO | 5.00"],
    )
    .await;
    answers(
        "SELECT country, MEASURE(balance) FROM cubes.trade WHERE country <> 'Unknown' AND \
         date_quarter = (SELECT MIN(date_quarter) FROM cubes.trade WHERE date_year = 2024) \
         GROUP BY country",
        &["IT | 10.00", "NO | 5.00"],
    )
    .await;
    let mixed = "SELECT MEASURE(balance) FROM cubes.trade WHERE (date_quarter = '2024-Q1' AND \
                 country = 'IT') OR (date_quarter = '2024-Q2' AND country = 'NO')";
    let error = refused(mixed).await;
    assert!(error.to_string().contains("last day"), "{error}");
    // Of the whole time the last day with balances is 30 June, and nobody in Italy has one then.
    answers(
        "SELECT country, MEASURE(balance) FROM cubes.trade WHERE country <> 'Unknown' GROUP BY 1",
        &["IT | NULL", "NO | 9.00"],
    )
    .await;
}

#[tokio::test]
async fn aggregates_answer_what_they_keep_and_say_why_not() {
    let (_at, session) = world().await;
    for (sql, expected) in [
        (
            "SELECT country, MEASURE(revenue) FROM cubes.trade GROUP BY 1",
            "aggregate by_month_store answers",
        ),
        (
            "SELECT segment, MEASURE(lines) FROM cubes.trade GROUP BY 1",
            "aggregate by_year_segment answers",
        ),
        (
            "SELECT segment, MEASURE(pieces) FROM cubes.trade GROUP BY 1",
            "by_year_segment does not keep pieces",
        ),
        (
            "SELECT receipt_no, MEASURE(revenue) FROM cubes.trade GROUP BY 1",
            "by_month_store does not keep receipt_no",
        ),
        (
            "SELECT date_year, MEASURE(buyers) FROM cubes.trade GROUP BY 1",
            "by_month_store does not keep buyers",
        ),
        (
            "SELECT date_year, MEASURE(median_line) FROM cubes.trade GROUP BY 1",
            "cannot add up median_line",
        ),
        (
            "SELECT date_year, MEASURE(revenue_ytd) FROM cubes.trade GROUP BY 1",
            "does not keep date as a whole, by which revenue goes",
        ),
    ] {
        let routing = routing(&session, sql).await;
        assert!(routing.contains(expected), "{sql}: {routing}");
    }
    let sql = "SELECT date_year, MEASURE(revenue) FROM cubes.trade GROUP BY 1";
    let off = routing(&session.with_aggregates(false), sql).await;
    assert!(off.contains("aggregates are switched off"), "{off}");
}

/// What keeps a dimension as a whole answers as the fact does: for all its columns, by day, and for
/// different members.
#[tokio::test]
async fn aggregates_of_whole_dimensions_answer_as_facts_do() {
    let at = TempWarehouse::open().await;
    let model = finer_model();
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    for (question, expected) in [
        ("date_year, MEASURE(buyers) FROM cubes.trade GROUP BY 1", "by_month_region"),
        ("date_year, MEASURE(about_buyers) FROM cubes.trade GROUP BY 1", "by_month_region"),
        ("date_year, MEASURE(about_both_buyers) FROM cubes.trade GROUP BY 1", "by_month_region"),
        ("date_year, MEASURE(both_buyers) FROM cubes.trade GROUP BY 1", "by_day_customer"),
        ("date_year, MEASURE(about_median) FROM cubes.trade GROUP BY 1", "by_month_region"),
        ("date_year, MEASURE(about_upper) FROM cubes.trade GROUP BY 1", "by_day_customer"),
        ("date_year, MEASURE(receipts) FROM cubes.trade GROUP BY 1", "by_receipt"),
        ("store_name, MEASURE(pieces) FROM cubes.trade GROUP BY 1", "by_store"),
        ("country, MEASURE(receipts) FROM cubes.trade GROUP BY 1", "by_store"),
        ("customer_now_segment, MEASURE(pieces) FROM cubes.trade GROUP BY 1", "by_day_customer"),
        ("date_year, MEASURE(revenue_last_year) FROM cubes.trade GROUP BY 1", "by_month_store"),
        ("date_year, MEASURE(buyers_qtd) FROM cubes.trade GROUP BY 1", "by_day_customer"),
        ("segment, MEASURE(balance) FROM cubes.trade GROUP BY 1", "balances_by_day"),
        ("segment, MEASURE(average_balance) FROM cubes.trade GROUP BY 1", "balances_by_day"),
        ("store_name, MEASURE(own_last) FROM cubes.trade GROUP BY 1", "balances"),
    ] {
        let sql = format!("SELECT {question} ORDER BY 1");
        let routing = routing(&session, &sql).await;
        assert!(routing.contains(&format!("aggregate {expected} answers")), "{sql}: {routing}");
        let base = lines(&session.with_aggregates(false), &sql).await;
        assert_eq!(lines(&session, &sql).await, base, "{sql}");
    }
}

/// A definition that has changed since the aggregate was built: the aggregate must not answer.
#[tokio::test]
async fn an_aggregate_of_another_definition_does_not_answer() {
    let at = TempWarehouse::open().await;
    let release = load(&at, &model(), &data()).await;
    let session = |model| at.engine(&model, 2).session(Principal::local(), release.clone());
    let sql = "SELECT country, MEASURE(revenue) FROM cubes.trade GROUP BY 1";
    let by_segment = "SELECT segment, MEASURE(big_revenue) FROM cubes.trade GROUP BY 1";
    let doubled =
        session(model_with("sum: net_amount, unit", "sum: net_amount + net_amount, unit"));
    let wider = session(model_with("[date_year, segment]", "[date_year, segment, customer_city]"));
    for (session, sql) in [(&doubled, sql), (&wider, by_segment)] {
        let routing = routing(session, sql).await;
        assert!(routing.contains("was built by another definition"), "{routing}");
    }
    assert_eq!(lines(&doubled, sql).await, ["IT | 520.00", "NO | 400.00", "Unknown | 80.00"]);
    let by_city = "SELECT customer_city, MEASURE(big_revenue) FROM cubes.trade GROUP BY 1";
    assert_eq!(lines(&wider, by_city).await, ["Rome | 460.00", "Unknown | 40.00"]);
    let stale = "SELECT count(*) FROM system.aggregates WHERE in_release";
    assert_eq!(lines(&session(model()), stale).await, ["3"]);
    // That of the other fact keeps nothing of the measure.
    assert_eq!(lines(&doubled, stale).await, ["1"]);
}

/// Sales by region, all of one: grouping sets over a constant column, in small batches.
#[tokio::test]
async fn totals_over_a_constant_column_are_whole() {
    let at = TempWarehouse::open().await;
    let release = load(&at, &model(), &data()).await;
    let sql = "SELECT r, q, c, count(DISTINCT v) FROM (SELECT value % 7 AS q, value % 5 AS c, \
               value % 3 AS r, value AS v FROM generate_series(1, 21000)) WHERE r = 0 \
               GROUP BY CUBE (r, q, c) HAVING q IS NULL AND c IS NULL";
    for threads in [1, 4] {
        let session = at.engine(&model(), threads).session(Principal::local(), release.clone());
        assert_eq!(
            lines(&session, sql).await,
            ["0 | NULL | NULL | 7000", "NULL | NULL | NULL | 7000"]
        );
    }
}

/// In an analyst's words: the release, the aggregate taken or why none is, and what is read at most.
#[tokio::test]
async fn explain_says_what_is_read() {
    let (_at, session) = world().await;
    let base = "EXPLAIN SELECT MEASURE(receipts) FROM cubes.trade WHERE country = 'IT'";
    let said = lines(&session, base).await.join("\n");
    for part in [
        "release 1",
        "fact sales: base rows; by_month_store does not keep receipts",
        "reads warehouse.dim_store: 4 rows in 1 file at most",
        "reads warehouse.fact_sales: 6 rows in",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let kept = "EXPLAIN SELECT MEASURE(revenue) FROM cubes.trade WHERE country = 'IT'";
    let said = lines(&session, kept).await.join("\n");
    assert!(said.contains("reads warehouse.agg_trade_by_month_store: "), "{said}");
    assert!(!said.contains("warehouse.fact_sales"), "{said}");
}
