//! Hand-written star SQL on stored tables: answered from aggregates where they answer exactly that.

use super::model::finer_model;
use super::sql::{lines, routing};
use super::traps::data;
use super::world::load;
use crate::cube_support::TempWarehouse;
use starhouse::engine::Session;
use starhouse::policy::Principal;

async fn world() -> (TempWarehouse, Session) {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

const STORES: &str =
    "warehouse.fact_sales f JOIN warehouse.dim_store s ON f.store_key = s.store_key";

/// Asks with and without aggregates: both say the same, and which answers is as expected.
async fn check(session: &Session, sql: &str, aggregate: Option<&str>) {
    let reasons = routing(session, sql).await;
    match aggregate {
        Some(name) => {
            assert!(reasons.contains(&format!("aggregate {name} answers")), "{sql}: {reasons}");
        }
        None => assert!(!reasons.contains("answers"), "{sql}: {reasons}"),
    }
    let base = lines(&session.with_aggregates(false), sql).await;
    assert!(!base.is_empty(), "{sql}");
    assert_eq!(lines(session, sql).await, base, "{sql}");
}

#[tokio::test]
async fn stars_are_answered_from_aggregates() {
    let (_at, session) = world().await;
    for (sql, aggregate) in [
        (format!("SELECT country, sum(net_amount) FROM {STORES} GROUP BY 1 ORDER BY 1"), "by_month_store"),
        (
            format!(
                "SELECT upper(s.country) AS land, count(*) AS n, max(f.net_amount) - min(net_amount) AS spread \
                 FROM {STORES} WHERE s.region = 'north' OR s.region IS NULL GROUP BY upper(s.country) \
                 HAVING count(*) > 0 ORDER BY land NULLS FIRST"
            ),
            "by_month_store",
        ),
        (
            "SELECT d.year, c.city, sum(f.quantity) AS pieces FROM fact_sales f, dim_date d, dim_customer c \
             WHERE f.date_key = d.date_key AND c.customer_key = f.customer_key AND d.year >= 2023 \
             GROUP BY d.year, c.city ORDER BY 1, 2"
                .to_owned(),
            "by_day_customer",
        ),
        ("SELECT sum(net_amount * quantity) FROM fact_sales".to_owned(), "by_day_customer"),
        (
            "SELECT sum(net_amount) FILTER (WHERE net_amount > 10.5 AND quantity IS NOT NULL), count(*) \
             FILTER (WHERE net_amount > 10.5), count(*) FROM fact_sales"
                .to_owned(),
            "by_day_customer",
        ),
        (
            format!("SELECT s.store_id, avg(f.weight) FROM {STORES} GROUP BY 1 ORDER BY 1"),
            "by_store",
        ),
        (format!("SELECT country, count(f.line_no) FROM {STORES} GROUP BY 1 ORDER BY 1"), "by_month_region"),
        ("SELECT receipt_no, count(*) FROM fact_sales GROUP BY 1 ORDER BY 1".to_owned(), "receipts"),
        (
            format!(
                "WITH sold AS (SELECT s.country, sum(net_amount) AS sum FROM {STORES} GROUP BY s.country) \
                 SELECT max(sum) FROM sold"
            ),
            "by_month_store",
        ),
    ] {
        check(&session, &sql, Some(aggregate)).await;
    }
}

/// Whatever is not exactly a measure over a star by columns of the cube stays what it is.
#[tokio::test]
async fn what_is_no_such_star_is_answered_from_its_rows() {
    let (_at, session) = world().await;
    for sql in [
        format!("SELECT country, sum(net_amount + 1) FROM {STORES} GROUP BY 1 ORDER BY 1"),
        format!("SELECT country, sum(DISTINCT net_amount) FROM {STORES} GROUP BY 1 ORDER BY 1"),
        format!(
            "SELECT country, sum(net_amount) FILTER (WHERE quantity > 1) FROM {STORES} GROUP BY 1 ORDER BY 1"
        ),
        // A mean of decimals has decimals of its own.
        format!("SELECT country, avg(net_amount) FROM {STORES} GROUP BY 1 ORDER BY 1"),
        format!(
            "SELECT country, count(*) FILTER (WHERE net_amount > 10.6) FROM {STORES} GROUP BY 1 ORDER BY 1"
        ),
        format!("SELECT country, count(f.quantity) FROM {STORES} GROUP BY 1 ORDER BY 1"),
        format!("SELECT f.store_key, sum(net_amount) FROM {STORES} GROUP BY 1 ORDER BY 1"),
        format!(
            "SELECT country, sum(net_amount) FROM {STORES} WHERE f.quantity >= 0 GROUP BY 1 ORDER BY 1"
        ),
        format!(
            "SELECT country, sum(net_amount) FROM {STORES} WHERE s.is_current GROUP BY 1 ORDER BY 1"
        ),
        format!(
            "SELECT country, sum(net_amount) FROM {STORES} AND f.customer_key > 0 GROUP BY 1 ORDER BY 1"
        ),
        format!("SELECT country, sum(s.store_key) FROM {STORES} GROUP BY 1 ORDER BY 1"),
        "SELECT count(*) FROM fact_sales a JOIN fact_sales b ON a.receipt_no = b.receipt_no"
            .to_owned(),
        "SELECT sum(net_amount) FROM fact_sales f JOIN dim_store s ON f.customer_key = s.store_key"
            .to_owned(),
        "SELECT count(*) FROM dim_store".to_owned(),
    ] {
        check(&session, &sql, None).await;
        let reasons = routing(&session, &sql).await;
        assert_eq!(reasons.contains("base rows"), sql.contains("fact_sales"), "{sql}: {reasons}");
    }
}
