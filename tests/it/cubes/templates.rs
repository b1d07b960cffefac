//! Templates: any measure seen over time, on the world of [`traps`](super::traps).

use super::model::model_with;
use super::traps::data;
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use serde_json::{Value, json};
use starhouse::engine::Session;
use starhouse::policy::Principal;

const TEMPLATES: &str = "
templates:
  - {name: this_year, to_date: {over: date, by: year}, description: From New Year on.}
  - {name: a_year_ago, before: {over: date, by: year}, description: A year before.}
  - {name: in_3_months, rolling: {over: date, by: month, periods: 3}, of: [revenue, buyers], description: Of three months.}
  - {name: on_last_year, growth: {over: date, by: year}, of: [revenue, revenue_this_year], description: \"More than a year before, as a part of that.\"}
";

async fn world() -> (TempWarehouse, Session) {
    let at = TempWarehouse::open().await;
    let model = model_with("measures:\n", &format!("{TEMPLATES}measures:\n"));
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

async fn lines(session: &Session, mut query: Value) -> Vec<String> {
    query["cube"] = json!("trade");
    let query = serde_json::from_value(query).unwrap();
    let planned = session.plan_cube_query(&query).await.unwrap();
    answer(&planned).await.unwrap().to_string().lines().map(str::to_owned).collect()
}

/// What is declared for one measure, and what a template makes of it, are the same.
#[tokio::test]
async fn a_template_makes_of_a_measure_what_can_be_declared_of_it() {
    let (_at, session) = world().await;
    let ask = |measures: [&str; 4]| {
        json!({"rows": ["date.month"], "measures": measures, "totals": "grand",
            "dice": {"date.month": {"from": "2024-02", "to": "2025-02"}}})
    };
    let declared = ["revenue_ytd", "buyers_last_year", "revenue_3_months", "growth_ytd"];
    let made = [
        "revenue_this_year",
        "buyers_a_year_ago",
        "revenue_in_3_months",
        "revenue_this_year_on_last_year",
    ];
    let (declared, made) = (lines(&session, ask(declared)).await, lines(&session, ask(made)).await);
    assert!(declared.len() > 10);
    assert_eq!(declared[1..], made[1..]);
}

/// Of ratios, medians and distinct counts as well, by whatever is asked.
#[tokio::test]
async fn any_measure_has_its_last_year_and_its_year_to_date() {
    let (_at, session) = world().await;
    let query = json!({
        "rows": ["date.year"],
        "measures": ["margin_rate", "margin_rate_a_year_ago", "median_line_this_year", "revenue_on_last_year"],
        "formatted": true,
    });
    let expected = [
        "date_year | margin_rate | margin_rate_a_year_ago | median_line_this_year | \
         revenue_on_last_year | margin_rate_formatted | margin_rate_a_year_ago_formatted | \
         median_line_this_year_formatted | revenue_on_last_year_formatted",
        "2023 | 0.4 | NULL | 100 | NULL | 40.0 % | NULL | 100.00 | NULL",
        "2024 | 0.40625 | 0.4 | 45 | 2.2 | 40.6 % | 40.0 % | 45.00 | 220.0 %",
        // Until 28 February the year before had sold as much.
        "2025 | 0 | 0.625 | 80 | 0 | 0.0 % | 62.5 % | 80.00 | 0.0 %",
    ];
    assert_eq!(lines(&session, query).await, expected);
}

#[tokio::test]
async fn what_is_made_is_a_measure_like_others_and_what_has_no_meaning_is_not_made() {
    let (_at, session) = world().await;
    let sql = "SELECT measure, kind, computed_from, unit, description FROM system.measures \
               WHERE measure IN ('revenue_this_year', 'revenue_on_last_year', 'balance_this_year', \
               'balance_a_year_ago', 'store_rank_this_year') ORDER BY 1";
    let query = session.plan_sql(sql).await.unwrap();
    let told = answer(&query).await.unwrap().to_string();
    let expected = [
        "measure | kind | computed_from | unit | description",
        "balance_a_year_ago | years_before | balance | EUR | Owed at the end. A year before.",
        "revenue_on_last_year | growth | revenue | NULL | Sold. More than a year before, as a part of that.",
        "revenue_this_year | to_date | revenue | EUR | Sold. From New Year on.",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    let sql = "SELECT MEASURE(revenue_this_year) FROM cubes.trade WHERE date_year = 2024";
    let query = session.plan_sql(sql).await.unwrap();
    assert_eq!(answer(&query).await.unwrap().to_string().lines().nth(1), Some("320.00"));
}
