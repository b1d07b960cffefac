//! What a cube query can ask besides rows and measures, on the world of [`traps`](super::traps).

use super::traps::{asks, world};
use crate::cube_support::answer;
use serde_json::json;
use starhouse::error::ErrorKind;

#[tokio::test]
async fn others_are_computed_together_whatever_the_measure() {
    let query = json!({
        "rows": ["receipt_no"],
        "measures": ["revenue", "margin_rate", "buyers", "average_line"],
        "top": {"n": 2, "by": "revenue", "others": true},
        "totals": "grand",
    });
    let expected = [
        "receipt_no | receipt_no_is_total | is_other | revenue | margin_rate | buyers | average_line",
        "r3 | 0 | 0 | 200.00 | 0.25 | 1 | 200",
        "r1 | 0 | 0 | 100.00 | 0.4 | 1 | 100",
        // 50 + 30 + 80 + 40 of two customers: neither a sum nor an average of rates.
        "NULL | 0 | 1 | 200.00 | 0.4 | 2 | 50",
        "NULL | 1 | 0 | 500.00 | 0.34 | 2 | 83.33333333333333",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn every_group_has_its_own_others() {
    let query = json!({
        "rows": ["country", "receipt_no"],
        "measures": ["revenue"],
        "top": {"n": 1, "by": "revenue", "per": ["country"], "others": true},
    });
    let expected = [
        "country | receipt_no | is_other | revenue",
        "IT | r1 | 0 | 100.00",
        "IT | NULL | 1 | 160.00",
        "NO | r3 | 0 | 200.00",
        "Unknown | r5 | 0 | 40.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn having_keeps_rows_and_leaves_totals() {
    let query = json!({
        "rows": ["receipt_no"],
        "measures": ["lines"],
        "having": {"revenue": {"from": 80, "to": 100}},
        "totals": "grand",
    });
    let expected = [
        "receipt_no | receipt_no_is_total | lines",
        "r1 | 0 | 1",
        "r2 | 0 | 2",
        "r4 | 0 | 1",
        "NULL | 1 | 6",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn pages_follow_each_other() {
    let page = |offset: usize| {
        json!({"rows": ["receipt_no"], "measures": ["revenue"], "limit": 2, "offset": offset,
            "order": [{"by": "revenue", "descending": true}]})
    };
    asks(page(0), &["receipt_no | revenue", "r3 | 200.00", "r1 | 100.00"]).await;
    asks(page(2), &["receipt_no | revenue", "r2 | 80.00", "r4 | 80.00"]).await;
    asks(page(4), &["receipt_no | revenue", "r5 | 40.00"]).await;
}

#[tokio::test]
async fn groups_are_ordered_by_their_own_value_and_members_within_them() {
    let query = json!({
        "rows": ["country", "receipt_no"],
        "measures": ["revenue"],
        "order": [
            {"by": "revenue", "of": ["country"], "descending": true},
            {"by": "revenue", "descending": false},
        ],
    });
    let expected = [
        "country | receipt_no | revenue",
        "IT | r2 | 80.00",
        "IT | r4 | 80.00",
        "IT | r1 | 100.00",
        "NO | r3 | 200.00",
        "Unknown | r5 | 40.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_subtotal_at_any_level_with_its_level_and_grouping_id() {
    let query = json!({
        "rows": ["date.year", "country"],
        "measures": ["buyers"],
        "slice": {"date.year": 2024},
        "totals": {"sets": [["country"], []]},
        "identify": true,
    });
    let expected = [
        "date_year | country | date_year_is_total | country_is_total | level | grouping_id | buyers",
        "2024 | IT | 0 | 0 | 2 | 0 | 1",
        "2024 | NO | 0 | 0 | 2 | 0 | 1",
        "2024 | Unknown | 0 | 0 | 2 | 0 | 0",
        "NULL | IT | 1 | 0 | 1 | 2 | 1",
        "NULL | NO | 1 | 0 | 1 | 2 | 1",
        "NULL | Unknown | 1 | 0 | 1 | 2 | 0",
        "NULL | NULL | 1 | 1 | 0 | 3 | 2",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_dense_answer_has_every_period_of_every_member() {
    let query = json!({
        "rows": ["country", "date.quarter"],
        "measures": ["revenue", "lines"],
        "dice": {"country": ["IT", "NO"], "date.year": [2024]},
        "dense": "date.quarter",
        "totals": "grand",
    });
    let expected = [
        "country | date_quarter | country_is_total | date_quarter_is_total | revenue | lines",
        "IT | 2024-Q1 | 0 | 0 | 80.00 | 2",
        "IT | 2024-Q2 | 0 | 0 | NULL | 0",
        "IT | 2024-Q3 | 0 | 0 | NULL | 0",
        "IT | 2024-Q4 | 0 | 0 | NULL | 0",
        "NO | 2024-Q1 | 0 | 0 | NULL | 0",
        "NO | 2024-Q2 | 0 | 0 | 200.00 | 1",
        "NO | 2024-Q3 | 0 | 0 | NULL | 0",
        "NO | 2024-Q4 | 0 | 0 | NULL | 0",
        "NULL | NULL | 1 | 1 | 280.00 | 3",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn rows_without_a_value_can_be_left_out() {
    let rows = |non_empty: bool| {
        json!({"rows": ["date.quarter"], "measures": ["balance"], "non_empty": non_empty,
            "slice": {"date.year": 2024}})
    };
    let expected =
        ["date_quarter | balance", "2024-Q1 | 15.00", "2024-Q2 | 9.00", "2024-Q3 | NULL"];
    asks(rows(false), &expected).await;
    asks(rows(true), &expected[..3]).await;
}

#[tokio::test]
async fn two_slices_side_by_side() {
    let query = json!({
        "rows": ["country"],
        "measures": ["revenue", "buyers"],
        "slice": {"date.year": 2024},
        "compare": {"date.year": 2025},
    });
    let expected = [
        "country | revenue | buyers | revenue_compared | revenue_change | revenue_growth | \
         buyers_compared | buyers_change | buyers_growth",
        "IT | 80.00 | 1 | 80.00 | 0.00 | 0 | 1 | 0 | 0",
        "NO | 200.00 | 1 | NULL | NULL | NULL | 0 | 1 | NULL",
        "Unknown | 40.00 | 0 | NULL | NULL | NULL | 0 | 0 | NULL",
    ];
    asks(query, &expected).await;
}

/// The two best receipts beside all: 300 of 500, and two buyers of two, whose rates are not added up.
#[tokio::test]
async fn a_visual_total_is_of_the_rows_shown_and_the_real_one_stands_beside_it() {
    let query = json!({
        "rows": ["country", "receipt_no"],
        "measures": ["revenue", "margin_rate", "buyers"],
        "top": {"n": 2, "by": "revenue"},
        "totals": "rollup",
        "visual": true,
    });
    let expected = [
        "country | receipt_no | country_is_total | receipt_no_is_total | revenue | margin_rate | \
         buyers | revenue_visible | margin_rate_visible | buyers_visible",
        "NO | r3 | 0 | 0 | 200.00 | 0.25 | 1 | 200.00 | 0.25 | 1",
        "IT | r1 | 0 | 0 | 100.00 | 0.4 | 1 | 100.00 | 0.4 | 1",
        "IT | NULL | 0 | 1 | 260.00 | 0.34615384615384615 | 2 | 100.00 | 0.4 | 1",
        "NO | NULL | 0 | 1 | 200.00 | 0.25 | 1 | 200.00 | 0.25 | 1",
        "Unknown | NULL | 0 | 1 | 40.00 | 0.75 | 0 | NULL | NULL | 0",
        "NULL | NULL | 1 | 1 | 500.00 | 0.34 | 2 | 300.00 | 0.3 | 2",
    ];
    asks(query, &expected).await;
}

/// A page has two rows; its total is of them, wherever they stand.
#[tokio::test]
async fn a_visual_total_is_of_the_page() {
    let query = json!({
        "rows": ["receipt_no"],
        "measures": ["revenue"],
        "having": {"revenue": {"to": 100}},
        "order": [{"by": "receipt_no", "descending": true}],
        "totals": "grand",
        "limit": 3,
        "visual": true,
    });
    let expected = [
        "receipt_no | receipt_no_is_total | revenue | revenue_visible",
        "r5 | 0 | 40.00 | 40.00",
        "r4 | 0 | 80.00 | 80.00",
        "r2 | 0 | 80.00 | 80.00",
    ];
    asks(query.clone(), &expected).await;
    let mut all = query;
    all["limit"] = json!(null);
    let expected = [
        "receipt_no | receipt_no_is_total | revenue | revenue_visible",
        "r5 | 0 | 40.00 | 40.00",
        "r4 | 0 | 80.00 | 80.00",
        "r2 | 0 | 80.00 | 80.00",
        "r1 | 0 | 100.00 | 100.00",
        "NULL | 1 | 500.00 | 300.00",
    ];
    asks(all, &expected).await;
}

/// Many rows on several threads, with columns computed of others: they stay in order.
#[tokio::test]
async fn what_is_computed_of_columns_leaves_rows_in_order() {
    let (_at, session) = world().await;
    let query = json!({"cube": "trade", "rows": ["date.date"], "measures": ["revenue"],
        "dense": "date.date", "compare": {"country": "IT"}, "formatted": true});
    let query = serde_json::from_value(query).unwrap();
    let answered = answer(&session.plan_cube_query(&query).await.unwrap()).await.unwrap();
    let days = answered.column("date_date");
    assert!(days.len() > 700 && days.is_sorted(), "{answered}");
}

/// What is compared with is there where nothing else is: in a month without sales, and in a cell.
#[tokio::test]
async fn what_is_compared_with_is_there_where_nothing_else_is() {
    let query = json!({
        "rows": ["date.quarter"],
        "measures": ["revenue", "buyers"],
        "slice": {"country": "IT"},
        "dice": {"date.year": [2024]},
        "compare": {"country": "NO"},
        "dense": "date.quarter",
    });
    let expected = [
        "date_quarter | revenue | buyers | revenue_compared | revenue_change | revenue_growth | \
         buyers_compared | buyers_change | buyers_growth",
        "2024-Q1 | 80.00 | 1 | NULL | NULL | NULL | 0 | 1 | NULL",
        "2024-Q2 | NULL | 0 | 200.00 | NULL | NULL | 1 | -1 | -1",
        "2024-Q3 | NULL | 0 | NULL | NULL | NULL | 0 | 0 | NULL",
        "2024-Q4 | NULL | 0 | NULL | NULL | NULL | 0 | 0 | NULL",
    ];
    asks(query, &expected).await;
    let query = json!({
        "rows": ["country"],
        "columns": ["date.year"],
        "measures": ["revenue"],
        "compare": {"country": "NO"},
    });
    let expected = [
        "country | 2023 revenue | 2024 revenue | 2025 revenue | 2023 revenue_compared | \
         2023 revenue_change | 2023 revenue_growth | 2024 revenue_compared | 2024 revenue_change | \
         2024 revenue_growth | 2025 revenue_compared | 2025 revenue_change | 2025 revenue_growth",
        "IT | 100.00 | 80.00 | 80.00 | NULL | NULL | NULL | 200.00 | -120.00 | -0.6 | NULL | NULL | NULL",
        "NO | NULL | 200.00 | NULL | NULL | NULL | NULL | 200.00 | 0.00 | 0 | NULL | NULL | NULL",
        "Unknown | NULL | 40.00 | NULL | NULL | NULL | NULL | 200.00 | -160.00 | -0.8 | NULL | NULL | NULL",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn rows_of_a_pivot_go_by_their_value_altogether_or_by_a_column_across() {
    // In all: IT 260, NO 200, Unknown 40. In 2024: IT 80, NO 200, Unknown 40.
    let ask = |more: serde_json::Value| {
        let mut query = json!({"rows": ["country"], "columns": ["date.year"],
            "measures": ["revenue", "lines"], "dice": {"date.year": [2024, 2025]}});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    let heading = "country | 2024 revenue | 2024 lines | 2025 revenue | 2025 lines";
    let (it, no) = ("IT | 80.00 | 2 | 80.00 | 1", "NO | 200.00 | 1 | NULL | 0");
    let unknown = "Unknown | 40.00 | 1 | NULL | 0";
    // Of the two years: IT 160.
    let more = json!({"having": {"revenue": {"from": 150}}});
    asks(ask(more), &[heading, it, no]).await;
    let more = json!({"having": {"2024 revenue": {"to": 100}}});
    asks(ask(more), &[heading, it, unknown]).await;
    let more = json!({"having": {"margin": {"to": 50}}, "order": [{"by": "revenue"}]});
    asks(ask(more), &[heading, unknown, it, no]).await;
    let more = json!({"top": {"n": 1, "by": "lines"}});
    asks(ask(more), &[heading, it]).await;
    let more = json!({"top": {"n": 1, "by": "2024 revenue"}});
    asks(ask(more), &[heading, no]).await;
    let more = json!({"order": [{"by": "revenue", "of": ["country"], "descending": true}]});
    asks(ask(more), &[heading, no, it, unknown]).await;
}

#[tokio::test]
async fn a_pivot_has_visual_totals_and_a_row_of_others() {
    let query = json!({
        "rows": ["country"],
        "columns": ["date.year"],
        "measures": ["revenue"],
        "having": {"revenue": {"from": 100}},
        "totals": "grand",
        "visual": true,
    });
    let expected = [
        "country | country_is_total | 2023 revenue | 2024 revenue | 2025 revenue | \
         2023 revenue_visible | 2024 revenue_visible | 2025 revenue_visible",
        "IT | 0 | 100.00 | 80.00 | 80.00 | 100.00 | 80.00 | 80.00",
        "NO | 0 | NULL | 200.00 | NULL | NULL | 200.00 | NULL",
        "NULL | 1 | 100.00 | 320.00 | 80.00 | 100.00 | 280.00 | 80.00",
    ];
    asks(query, &expected).await;
    let query = json!({
        "rows": ["receipt_no"],
        "columns": ["country"],
        "measures": ["revenue", "margin_rate"],
        "top": {"n": 2, "by": "revenue", "others": true},
        "totals": "grand",
    });
    let expected = [
        "receipt_no | receipt_no_is_total | is_other | IT revenue | IT margin_rate | NO revenue | \
         NO margin_rate | Unknown revenue | Unknown margin_rate",
        "r3 | 0 | 0 | NULL | NULL | 200.00 | 0.25 | NULL | NULL",
        "r1 | 0 | 0 | 100.00 | 0.4 | NULL | NULL | NULL | NULL",
        // 50 + 30 + 80 in Italy, of which 20 + 10 + 80 were paid for: 50 of 160.
        "NULL | 0 | 1 | 160.00 | 0.3125 | NULL | NULL | 40.00 | 0.75",
        "NULL | 1 | 0 | 260.00 | 0.34615384615384615 | 200.00 | 0.25 | 40.00 | 0.75",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_pivot_has_every_period_in_rows_and_across() {
    let query = json!({
        "rows": ["date.quarter"],
        "columns": ["country"],
        "measures": ["lines"],
        "dice": {"country": ["IT", "NO"], "date.year": [2024]},
        "dense": "date.quarter",
    });
    let expected = [
        "date_quarter | IT lines | NO lines",
        "2024-Q1 | 2 | 0",
        "2024-Q2 | 0 | 1",
        "2024-Q3 | 0 | 0",
        "2024-Q4 | 0 | 0",
    ];
    asks(query, &expected).await;
    let query = json!({
        "rows": ["country"],
        "columns": ["date.quarter"],
        "measures": ["revenue"],
        "dice": {"country": ["IT"], "date.year": [2024]},
        "dense": "date.quarter",
    });
    let expected = [
        "country | 2024-Q1 revenue | 2024-Q2 revenue | 2024-Q3 revenue | 2024-Q4 revenue",
        "IT | 80.00 | NULL | NULL | NULL",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn all_but_some_members_count_the_missing_one() {
    let query = json!({"rows": ["region"], "measures": ["revenue"],
        "dice": {"region": {"except": ["north"]}}});
    asks(query, &["region | revenue", "Unknown | 40.00", "NULL | 200.00"]).await;
    let query = json!({"rows": ["region"], "measures": ["revenue"],
        "dice": {"region": {"except": ["north", null]}}});
    asks(query, &["region | revenue", "Unknown | 40.00"]).await;
}

#[tokio::test]
async fn what_a_query_cannot_mean_is_told() {
    let (_at, session) = world().await;
    for (mut query, kind, part) in [
        (
            json!({"rows": ["country"], "measures": ["revenue"], "totals": {"sets": [["region"]]}}),
            ErrorKind::User,
            "`region`, which is not in `rows`",
        ),
        (
            json!({"rows": ["country"], "measures": ["revenue"], "having": {"revenu": {"from": 1}}}),
            ErrorKind::User,
            "did you mean `revenue`?",
        ),
        (
            json!({"rows": ["country"], "measures": ["revenue"], "having": {"revenue": {}}}),
            ErrorKind::User,
            "needs `from`, `to` or both",
        ),
        (
            json!({"rows": ["country"], "columns": ["date.year"], "measures": ["revenue"],
                "having": {"2022 revenue": {"from": 1}}}),
            ErrorKind::User,
            "did you mean `2025 revenue`?",
        ),
        (
            json!({"rows": ["country"], "measures": ["revenue"], "dense": "date.month"}),
            ErrorKind::User,
            "not in `rows`",
        ),
        (
            json!({"rows": ["country"], "measures": ["revenue"], "dense": "country"}),
            ErrorKind::User,
            "`store` is none",
        ),
        (
            json!({"rows": ["country"], "measures": ["revenue"],
                "top": {"n": 1, "by": "revenue", "per": ["country"], "others": true}}),
            ErrorKind::User,
            "needs a row that `top.per` does not name",
        ),
        (
            json!({"rows": ["country"], "measures": ["revenue"], "visual": true}),
            ErrorKind::User,
            "add `totals: rollup`",
        ),
        (
            json!({"rows": ["store.country"], "columns": ["date.year"], "measures": ["store_rank"],
                "having": {"store_rank": {"to": 1}}}),
            ErrorKind::Unsupported,
            "rank",
        ),
        (
            json!({"rows": ["date.year", "country"], "measures": ["balance"], "totals": "grand",
                "visual": true}),
            ErrorKind::Unsupported,
            "mixes",
        ),
    ] {
        query["cube"] = json!("trade");
        let query = serde_json::from_value(query).unwrap();
        let error = session.plan_cube_query(&query).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(part), "{part}: {error}");
    }
}
