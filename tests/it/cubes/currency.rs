//! Money in one currency, on the world of [`traps`](super::traps): one sale was in crowns.

use super::traps::{asks, world};
use crate::cube_support::answer;
use serde_json::json;
use starhouse::error::ErrorKind;

/// 200 crowns of 30 June: no rate of that day, 0.11 the last known and the month's last, 0.105 the
/// quarter's mean.
#[tokio::test]
async fn each_amount_has_the_rate_that_is_declared() {
    let query = json!({
        "rows": ["date.quarter"],
        "measures": ["revenue", "in_euro", "in_euro_latest", "in_euro_month_end"],
        "slice": {"date.year": 2024},
        "totals": "grand",
    });
    let expected = [
        "date_quarter | date_quarter_is_total | revenue | in_euro | in_euro_latest | in_euro_month_end",
        "2024-Q1 | 0 | 80.00 | 80.000000 | 80.000000 | 50.000000",
        "2024-Q2 | 0 | 200.00 | NULL | 22.000000 | 5.500000",
        "2024-Q4 | 0 | 40.00 | 40.000000 | 40.000000 | 30.000000",
        // A part of the year has no rate: its total is not shown as if it were whole.
        "NULL | 1 | 320.00 | NULL | 142.000000 | 85.500000",
    ];
    asks(query, &expected).await;
}

/// The year before is converted at its own rates, and what is converted runs, and has shares.
#[tokio::test]
async fn a_year_later_the_rates_are_those_of_then() {
    let query = json!({
        "rows": ["date.year"],
        "measures": ["in_euro_latest", "in_euro_last_year", "in_euro_ytd", "balance_in_euro"],
    });
    let expected = [
        "date_year | in_euro_latest | in_euro_last_year | in_euro_ytd | balance_in_euro",
        "2023 | 100.000000 | NULL | 100.000000 | NULL",
        "2024 | 142.000000 | 100.000000 | 142.000000 | 0.990000",
        "2025 | 80.000000 | 80.000000 | 80.000000 | NULL",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn what_has_no_rate_is_refused_where_that_is_declared() {
    let (_at, session) = world().await;
    let sql =
        |of: &str| format!("SELECT MEASURE(in_euro_only) FROM cubes.trade WHERE country = '{of}'");
    let query = session.plan_sql(&sql("IT")).await.unwrap();
    assert_eq!(answer(&query).await.unwrap().to_string().lines().nth(1), Some("260.000000"));
    let query = session.plan_sql(&sql("NO")).await.unwrap();
    let error = answer(&query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    let said = error.to_string();
    assert!(said.contains("`exchange` has no rate of NOK on 2024-06-30"), "{said}");
    assert!(said.contains("`revenue` cannot be converted to EUR"), "{said}");
}

#[tokio::test]
async fn explain_says_why_no_aggregate_answers() {
    let (_at, session) = world().await;
    let sql = "SELECT MEASURE(in_euro) FROM cubes.trade";
    let query = session.plan_sql(sql).await.unwrap();
    let routing = query.routing().join("\n");
    let said = "in EUR by exchange: base rows, each is converted before it is added up; what lacks a rate is empty";
    assert!(routing.contains(said), "{routing}");
}
