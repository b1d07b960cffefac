//! Ranks, on the world of [`traps`](super::traps), and what of them is refused.

use super::traps::{asks, refused, world};
use crate::cube_support::answer;
use serde_json::json;
use starhouse::error::ErrorKind;

/// Where nothing is shown there is nothing to rank, and no row is left of one without a value.
#[tokio::test]
async fn a_rank_of_nothing_shown_is_no_value_and_can_be_left_out() {
    asks(json!({"measures": ["store_rank"]}), &["store_rank", "NULL"]).await;
    asks(json!({"measures": ["store_rank"], "non_empty": true}), &["store_rank"]).await;
    let sql =
        "SELECT MEASURE(store_rank) AS r FROM cubes.trade HAVING MEASURE(store_rank) IS NOT NULL";
    let (_at, session) = world().await;
    let query = session.plan_sql(sql).await.unwrap();
    assert!(answer(&query).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn a_store_has_its_place_among_all_and_a_total_has_none() {
    let query = json!({
        "rows": ["country"],
        "measures": ["revenue", "store_rank"],
        "totals": "grand",
    });
    let expected = [
        "country | country_is_total | revenue | store_rank",
        "IT | 0 | 260.00 | 1",
        "NO | 0 | 200.00 | 2",
        "Unknown | 0 | 40.00 | 3",
        "NULL | 1 | 500.00 | NULL",
    ];
    asks(query, &expected).await;
}

/// The ranking is within the other dimensions of the row: each year has a first store.
#[tokio::test]
async fn every_year_has_its_own_ranking() {
    let query = json!({"rows": ["date.year", "country"], "measures": ["revenue", "store_rank"]});
    let expected = [
        "date_year | country | revenue | store_rank",
        "2023 | IT | 100.00 | 1",
        "2024 | IT | 80.00 | 2",
        "2024 | NO | 200.00 | 1",
        "2024 | Unknown | 40.00 | 3",
        "2025 | IT | 80.00 | 1",
    ];
    asks(query, &expected).await;
}

/// Receipts r2 and r4 were 80 each: together third, and the next is fifth, or fourth.
#[tokio::test]
async fn equals_have_the_rank_that_is_declared() {
    let query = json!({
        "rows": ["receipt_no"],
        "measures": ["revenue", "receipt_rank", "receipt_rank_dense", "receipt_rank_ordered"],
    });
    let expected = [
        "receipt_no | revenue | receipt_rank | receipt_rank_dense | receipt_rank_ordered",
        "r1 | 100.00 | 2 | 2 | 2",
        "r2 | 80.00 | 3 | 3 | 3",
        "r3 | 200.00 | 1 | 1 | 1",
        "r4 | 80.00 | 3 | 3 | 4",
        "r5 | 40.00 | 5 | 4 | 5",
    ];
    asks(query, &expected).await;
}

/// `having`, `top` and paging leave rows out after they were ranked.
#[tokio::test]
async fn what_is_left_out_was_ranked_as_well() {
    let query = json!({
        "rows": ["receipt_no"],
        "measures": ["receipt_rank"],
        "having": {"receipt_rank": {"from": 2}},
        "order": [{"by": "receipt_rank"}],
        "limit": 2,
    });
    asks(query, &["receipt_no | receipt_rank", "r1 | 2", "r2 | 3"]).await;
}

/// Balances are known of stores without sales by that date: they take no place, whichever measure is
/// asked beside the rank.
#[tokio::test]
async fn a_rank_does_not_depend_on_what_is_asked_beside_it() {
    let query = json!({
        "rows": ["date.quarter"],
        "measures": ["quarter_rank", "snapshots"],
        "slice": {"date.year": 2024},
    });
    let expected = [
        "date_quarter | quarter_rank | snapshots",
        "2024-Q1 | 3 | 3",
        "2024-Q2 | 1 | 2",
        "2024-Q3 | NULL | 1",
        "2024-Q4 | 1 | 0",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn ranks_are_refused_where_they_would_mean_nothing() {
    let sql =
        "SELECT country, MEASURE(store_rank) AT (ALL country) FROM cubes.trade GROUP BY country";
    let error = refused(sql).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("elsewhere others are"), "{error}");
    let sql = "SELECT SUM(store_rank) FROM cubes.trade";
    let error = refused(sql).await;
    assert!(error.to_string().contains("MEASURE(store_rank)"), "{error}");
    let (_at, session) = world().await;
    let query = json!({"cube": "trade", "rows": ["country"], "measures": ["revenue", "store_rank"],
        "top": {"n": 1, "by": "revenue", "others": true}});
    let query = serde_json::from_value(query).unwrap();
    let error = session.plan_cube_query(&query).await.unwrap_err();
    assert!(error.to_string().contains("others are none"), "{error}");
}
