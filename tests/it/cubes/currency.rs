//! Money in one currency, on the world of [`traps`](super::traps): one sale was in crowns.

use super::model::model_with;
use super::traps::{asks, data, world};
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use serde_json::json;
use starhouse::engine::SessionOptions;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;

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

/// In crowns there is what was paid in crowns; no rate leads from the euro to them.
#[tokio::test]
async fn a_question_may_choose_the_currency_where_the_measure_lets_it() {
    let at = TempWarehouse::open().await;
    let rate = "over: date, rates: exchange, at: latest, missing: empty}, unit: EUR, description: At the last";
    let model = model_with(rate, &rate.replacen("over", "choose: true, over", 1));
    let release = load(&at, &model, &data()).await;
    let engine = at.engine(&model, 2);
    let session = engine.session(Principal::local(), release);
    let mut query = json!({"cube": "trade", "rows": ["date.quarter"],
        "measures": ["in_euro_latest", "in_euro_last_year", "in_euro"],
        "dice": {"date.quarter": ["2024-Q1", "2024-Q2"]}, "formatted": true});
    let heading = "date_quarter | in_euro_latest | in_euro_last_year | in_euro | in_euro_latest_formatted | \
                   in_euro_last_year_formatted | in_euro_formatted";
    let in_euro = [
        heading,
        "2024-Q1 | 80.000000 | 100.000000 | 80.000000 | 80.00 EUR | 100.00 EUR | 80.00 EUR",
        "2024-Q2 | 22.000000 | NULL | NULL | 22.00 EUR | NULL | NULL",
    ];
    let in_crowns = [
        heading,
        "2024-Q1 | NULL | NULL | 80.000000 | NULL | NULL | 80.00 EUR",
        "2024-Q2 | 200.000000 | NULL | NULL | 200.00 NOK | NULL | NULL",
    ];
    let ask = async |session: &starhouse::engine::Session, query: &serde_json::Value| {
        let query = serde_json::from_value(query.clone()).unwrap();
        let planned = session.plan_cube_query(&query).await.unwrap();
        answer(&planned).await.unwrap().to_string().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ask(&session, &query).await, in_euro);
    let set = SessionOptions::default().with("currency", Some("NOK")).unwrap();
    let of_crowns = engine.session_with(Principal::local(), &set).await.unwrap();
    assert_eq!(ask(&of_crowns, &query).await, in_crowns);
    query["currency"] = json!("NOK");
    assert_eq!(ask(&session, &query).await, in_crowns);
    query["currency"] = json!("EUR");
    assert_eq!(ask(&of_crowns, &query).await, in_euro);
    // The same text in two currencies are two questions.
    let sql = "SELECT MEASURE(in_euro_latest) FROM cubes.trade WHERE date_quarter = '2024-Q2'";
    for (session, expected) in [(&session, "22.000000"), (&of_crowns, "200.000000")] {
        let planned = session.plan_sql(sql).await.unwrap();
        let answered = answer(&planned).await.unwrap().to_string();
        assert_eq!(answered.lines().nth(1), Some(expected));
    }
    query["measures"] = json!(["revenue", "in_euro"]);
    let query = serde_json::from_value(query).unwrap();
    let error = session.plan_cube_query(&query).await.unwrap_err();
    assert!(error.kind() == ErrorKind::User, "{error}");
    assert!(error.to_string().contains("lets the currency be chosen"), "{error}");
}
