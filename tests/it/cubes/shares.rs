//! Shares of a larger part of one dimension, on the world of [`traps`](super::traps).

use super::traps::{asks, refused};
use serde_json::json;
use starhouse::error::ErrorKind;

#[tokio::test]
async fn a_share_of_the_parent_is_of_the_next_level_up() {
    let query = json!({
        "rows": ["store.country", "region"],
        "measures": ["revenue", "share_of_parent"],
        "totals": "rollup",
    });
    let expected = [
        "country | region | country_is_total | region_is_total | revenue | share_of_parent",
        "IT | north | 0 | 0 | 260.00 | 1",
        "IT | NULL | 0 | 1 | 260.00 | 0.52",
        "NO | NULL | 0 | 0 | 200.00 | 1",
        "NO | NULL | 0 | 1 | 200.00 | 0.4",
        "Unknown | Unknown | 0 | 0 | 40.00 | 1",
        "Unknown | NULL | 0 | 1 | 40.00 | 0.08",
        "NULL | NULL | 1 | 1 | 500.00 | 1",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_share_of_all_stores_keeps_the_years() {
    let query = json!({
        "rows": ["date.year", "country"],
        "measures": ["share_of_stores", "revenue_share"],
        "dice": {"date.year": [2024, 2025]},
    });
    let expected = [
        "date_year | country | share_of_stores | revenue_share",
        "2024 | IT | 0.25 | 0.2",
        "2024 | NO | 0.625 | 0.5",
        "2024 | Unknown | 0.125 | 0.1",
        "2025 | IT | 1 | 0.2",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_share_of_a_level_that_is_not_shown_is_refused() {
    let sql = "SELECT region, MEASURE(share_of_country) FROM cubes.trade GROUP BY region";
    let error = refused(sql).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("group by store.country as well"), "{error}");
    let query = json!({"rows": ["store.country", "store.store"], "measures": ["share_of_country"],
        "dice": {"country": ["IT", "NO"]}});
    let expected = [
        "country | store_id | store_name | share_of_country",
        "IT | s0 | Centre | 1",
        "NO | s1 | Centre | 1",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_share_of_what_is_compared_with_is_a_share_of_that() {
    let query = json!({
        "rows": ["country"],
        "measures": ["revenue_share"],
        "slice": {"date.year": 2025},
        "compare": {"date.year": 2024},
    });
    let expected = [
        "country | revenue_share | revenue_share_compared | revenue_share_change | revenue_share_growth",
        "IT | 1 | 0.25 | 0.75 | 3",
    ];
    asks(query, &expected).await;
}
