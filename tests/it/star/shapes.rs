//! What is a star beyond a fact joined to dimensions by their keys, and how much of it one operator
//! does.

use super::answer::ask;
use super::world::World;
use super::{assert_same, text};

const FACT: &str = "FROM warehouse.fact_sale f";
const STORE: &str = "JOIN warehouse.dim_store s ON s.store_key = f.store_key";

/// Each question, and what its plan has to say of the star.
async fn all_are(questions: &[(String, &str)]) {
    let world = World::make(12, 20_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    for (sql, says) in questions {
        let plan = text(&star, &format!("EXPLAIN {sql}")).await;
        for part in says.split(" & ") {
            assert!(plan.contains(part), "{sql}: no {part} in {plan}");
        }
        let expected = ask(&stock, sql).await;
        assert!(expected.is_ok(), "{sql}: {expected:?}");
        assert_same(&expected, &ask(&star, sql).await, sql);
    }
}

/// An outrigger is joined to its dimension, not to the facts.
#[tokio::test(flavor = "multi_thread")]
async fn outriggers() {
    let now = "warehouse.dim_store n ON n.store_durable_key = s.store_durable_key AND n.is_current";
    let one = "StarAggregateExec & keys=[store_key]";
    all_are(&[
        (format!("SELECT n.city, sum(f.quantity) {FACT} {STORE} JOIN {now} GROUP BY n.city"), one),
        (format!("SELECT n.city, count(*) {FACT} LEFT {STORE} LEFT JOIN {now} GROUP BY 1"), one),
        (format!("SELECT n.city, count(*) {FACT} LEFT {STORE} JOIN {now} GROUP BY 1"), one),
        (
            format!(
                "SELECT s.region, count(*) {FACT} {STORE} JOIN warehouse.dim_product q \
                 ON q.product_key = s.area AND q.list_price > s.area / 100 GROUP BY 1"
            ),
            one,
        ),
        (
            format!(
                "SELECT s.region, count(*) {FACT} {STORE} WHERE s.city IN \
                 (SELECT city FROM warehouse.dim_store WHERE area > 300) GROUP BY 1"
            ),
            one,
        ),
        (
            format!(
                "SELECT s.region, count(*) {FACT} {STORE} WHERE NOT EXISTS \
                 (SELECT 1 FROM warehouse.dim_store x WHERE x.city = s.city AND x.area > 300) \
                 GROUP BY 1"
            ),
            one,
        ),
    ])
    .await;
}

/// A day is looked up like a key.
#[tokio::test(flavor = "multi_thread")]
async fn days() {
    let days = "JOIN warehouse.dim_date b ON b.date = f.paid_on";
    let one = "StarAggregateExec & keys=[paid_on]";
    all_are(&[
        (format!("SELECT b.month, sum(f.amount) {FACT} {days} GROUP BY b.month"), one),
        (format!("SELECT b.month, count(*) {FACT} LEFT {days} GROUP BY b.month"), one),
        (format!("SELECT count(*), max(f.paid_on) {FACT} {days} WHERE b.quarter = '2024-Q3'"), one),
        (
            format!(
                "SELECT count(*), min(f.paid_on) {FACT} WHERE NOT EXISTS (SELECT 1 FROM \
                 warehouse.dim_date b WHERE b.date = f.paid_on AND b.year = 2024)"
            ),
            "StarAggregateExec & keys=[not paid_on]",
        ),
    ])
    .await;
}

/// Facts with members of a set, and those without, wherever the set comes from.
#[tokio::test(flavor = "multi_thread")]
async fn sets_of_members() {
    let best = "SELECT product_key FROM warehouse.fact_sale GROUP BY 1 HAVING sum(quantity) > 250";
    let bought = "SELECT g.product_key FROM warehouse.fact_sale g JOIN warehouse.dim_date d \
                  ON d.date_key = g.date_key WHERE d.month = '2024-03'";
    let sum = format!("SELECT count(*), sum(f.quantity) {FACT} WHERE f.product_key");
    all_are(&[
        (format!("{sum} IN ({best})"), "StarAggregateExec & keys=[product_key]"),
        (format!("{sum} NOT IN ({best})"), "keys=[not product_key]"),
        (format!("{sum} IN ({bought})"), "keys=[product_key] & keys=[date_key]"),
        (format!("{sum} NOT IN ({bought})"), "keys=[not product_key] & keys=[date_key]"),
        (
            format!(
                "SELECT s.region, count(*) {FACT} {STORE} WHERE f.product_key IN ({bought}) \
                 AND f.product_key NOT IN ({best}) GROUP BY s.region"
            ),
            "not product_key",
        ),
        // Numbers that are no product's.
        (format!("{sum} IN (SELECT area FROM warehouse.dim_store)"), "keys=[product_key]"),
        (
            format!("{sum} IN (SELECT CAST(area * -1000000 AS INT) FROM warehouse.dim_store)"),
            "keys=[product_key]",
        ),
        // Where one of them may be NULL, nothing is for certain not among them.
        (format!("{sum} NOT IN (SELECT area FROM warehouse.dim_store)"), "HashJoinExec"),
    ])
    .await;
}

/// A value that is asked for once is a predicate like any other, and leaves files out.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_asked_for_once() {
    let latest = "(SELECT max(date_key) - 100 FROM warehouse.dim_date)";
    let sql =
        format!("SELECT s.region, count(*) {FACT} {STORE} WHERE f.date_key > {latest} GROUP BY 1");
    all_are(&[
        (sql.clone(), "StarAggregateExec & ScalarSubqueryExec"),
        (
            format!(
                "SELECT s.region, count(*) {FACT} {STORE} WHERE f.amount > (SELECT avg(g.amount) \
                 FROM warehouse.fact_sale g JOIN warehouse.dim_store t ON t.store_key = g.store_key \
                 WHERE t.area > 200) GROUP BY s.region"
            ),
            "keys=[store_key], predicate & ScalarSubqueryExec",
        ),
    ])
    .await;
    let world = World::make(12, 20_000).await;
    let plan = text(&world.session(|_| {}), &format!("EXPLAIN ANALYZE {sql}")).await;
    assert!(plan.contains("files=2, files_skipped=10"), "{plan}");
}

/// Below a join that is no look-up, and in each part of a union, the rest is a star.
#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_stars() {
    let dates = "JOIN warehouse.dim_date d ON d.date_key = f.date_key";
    all_are(&[
        (
            format!(
                "SELECT s.city, d.month, count(*), sum(t.most) {FACT} {STORE} {dates} JOIN \
                 (SELECT ticket % 100 AS rest, max(quantity) AS most FROM warehouse.fact_sale \
                 GROUP BY 1) t ON t.rest = f.quantity GROUP BY 1, 2"
            ),
            "HashJoinExec & StarJoinExec & keys=[store_key, date_key]",
        ),
        (
            format!(
                "SELECT city, sum(q) FROM (SELECT s.city, f.quantity AS q {FACT} {STORE} UNION ALL \
                 SELECT d.month, f.points {FACT} {dates} WHERE d.year = 2024) GROUP BY city"
            ),
            "UnionExec & keys=[store_key] & keys=[date_key]",
        ),
    ])
    .await;
}
