//! Time: windows of days, earlier periods, and what does not add up over days; on the world of
//! [`traps`](super::traps).

use super::sql::answers;
use super::traps::asks;
use serde_json::json;

#[tokio::test]
async fn a_year_to_date_begins_before_the_filter_and_goes_on_through_months_without_sales() {
    let query = json!({
        "rows": ["date.month"],
        "measures": ["revenue", "revenue_ytd"],
        "dice": {"date.month": {"from": "2024-03", "to": "2024-07"}},
    });
    let expected = [
        "date_month | revenue | revenue_ytd",
        "2024-03 | NULL | 80.00",
        "2024-04 | NULL | 80.00",
        "2024-05 | NULL | 80.00",
        "2024-06 | 200.00 | 280.00",
        "2024-07 | NULL | 280.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_year_to_date_is_the_year_at_its_end_and_ends_with_the_facts() {
    let query = json!({
        "rows": ["date.year"],
        "measures": ["revenue", "revenue_ytd"],
        "totals": "grand",
    });
    let expected = [
        "date_year | date_year_is_total | revenue | revenue_ytd",
        "2023 | 0 | 100.00 | 100.00",
        "2024 | 0 | 320.00 | 320.00",
        "2025 | 0 | 80.00 | 80.00",
        // The last day of all is one of 2025.
        "NULL | 1 | 500.00 | 80.00",
    ];
    asks(query, &expected).await;
}

/// January 2025, the last month, has no sales yet: the total is there all the same, turned or not.
#[tokio::test]
async fn a_grand_total_of_a_year_without_sales_is_a_row() {
    let mut query = json!({
        "rows": ["date.month"],
        "measures": ["revenue_ytd"],
        "dice": {"date.month": ["2024-02", "2025-01"]},
        "totals": "grand",
    });
    let expected = [
        "date_month | date_month_is_total | revenue_ytd",
        "2024-02 | 0 | 80.00",
        "NULL | 1 | NULL",
    ];
    asks(query.clone(), &expected).await;
    query["columns"] = json!(["country"]);
    let expected = [
        "date_month | date_month_is_total | IT revenue_ytd",
        "2024-02 | 0 | 80.00",
        "NULL | 1 | NULL",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_window_of_months_goes_by_months_and_may_leave_out_the_present_period() {
    let query = json!({
        "rows": ["date.month"],
        "measures": ["revenue_3_months"],
        "dice": {"date.month": {"from": "2024-03", "to": "2024-09"}},
    });
    let expected = [
        "date_month | revenue_3_months",
        "2024-03 | 80.00",
        "2024-04 | 80.00",
        // Nothing was sold from March to May.
        "2024-06 | 200.00",
        "2024-07 | 200.00",
        "2024-08 | 200.00",
    ];
    asks(query, &expected).await;
    let query = json!({"rows": ["date.quarter"], "measures": ["pieces_2_quarters_before"],
        "slice": {"date.year": 2024}});
    let expected =
        ["date_quarter | pieces_2_quarters_before", "2024-Q2 | 2", "2024-Q3 | 3", "2024-Q4 | 1"];
    asks(query, &expected).await;
}

#[tokio::test]
async fn customers_so_far_are_counted_once_however_often_they_came() {
    let query = json!({"rows": ["date.quarter"], "measures": ["buyers", "buyers_qtd"],
        "dice": {"date.quarter": ["2023-Q1", "2024-Q1", "2024-Q2"]}, "totals": "grand"});
    let expected = [
        "date_quarter | date_quarter_is_total | buyers | buyers_qtd",
        "2023-Q1 | 0 | 1 | 1",
        "2024-Q1 | 0 | 1 | 1",
        "2024-Q2 | 0 | 1 | 1",
        "NULL | 1 | 2 | 1",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn the_year_to_date_a_year_before_is_of_the_same_days() {
    let query = json!({
        "rows": ["date.month"],
        "measures": ["revenue_ytd", "revenue_ytd_last_year", "growth_ytd"],
        "dice": {"date.month": ["2024-02", "2024-03", "2025-02"]},
    });
    let expected = [
        "date_month | revenue_ytd | revenue_ytd_last_year | growth_ytd",
        "2024-02 | 80.00 | 100.00 | -0.2",
        "2024-03 | 80.00 | 100.00 | -0.2",
        "2025-02 | 80.00 | 80.00 | 0",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_month_before_the_31st_is_the_last_of_the_month() {
    let query = json!({"rows": ["date.date"], "measures": ["revenue_last_month"],
        "slice": {"date.year": 2024}});
    let expected = [
        "date_date | revenue_last_month",
        "2024-03-28 | 50.00",
        "2024-03-29 | 30.00",
        "2024-07-30 | 200.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn each_customer_may_have_a_last_day_of_its_own() {
    let query = json!({
        "rows": ["date.quarter"],
        "measures": ["balance", "own_last", "opening"],
        "totals": "grand",
    });
    let expected = [
        "date_quarter | date_quarter_is_total | balance | own_last | opening",
        "2024-Q1 | 0 | 15.00 | 15.00 | 999.00",
        // c0 was last seen on 29 June, c1 on the 30th, and the quarter's first day is the 29th.
        "2024-Q2 | 0 | 9.00 | 16.00 | 7.00",
        "2024-Q3 | 0 | NULL | NULL | NULL",
        "NULL | 1 | 9.00 | 16.00 | 999.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn balances_are_averaged_over_days_not_over_rows() {
    let query = json!({
        "rows": ["date.quarter"],
        "measures": ["average_balance", "least_owed", "most_owed"],
        "totals": "grand",
    });
    let expected = [
        "date_quarter | date_quarter_is_total | average_balance | least_owed | most_owed",
        // 999 on one day, 10 and 5 on the other.
        "2024-Q1 | 0 | 507 | 15.00 | 999.00",
        "2024-Q2 | 0 | 8 | 7.00 | 9.00",
        "2024-Q3 | 0 | NULL | NULL | NULL",
        "NULL | 1 | 257.5 | 7.00 | 999.00",
    ];
    asks(query, &expected).await;
    // Who owes nothing on a day counts as zero then, so that averages add up over customers.
    let query = json!({"rows": ["customer_id"], "measures": ["average_balance"],
        "slice": {"date.quarter": "2024-Q2"}, "totals": "grand"});
    let expected = [
        "customer_id | customer_id_is_total | average_balance",
        "c0 | 0 | 3.5",
        "c1 | 0 | 4.5",
        "NULL | 1 | 8",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn medians_and_percentiles_are_of_all_values_at_every_total() {
    let query = json!({"rows": ["country"], "measures": ["median_line", "upper_line"],
        "totals": "grand"});
    let expected = [
        "country | country_is_total | median_line | upper_line",
        "IT | 0 | 65 | 94",
        "NO | 0 | 200 | 200",
        "Unknown | 0 | 40 | 40",
        "NULL | 1 | 65 | 150",
    ];
    asks(query, &expected).await;
}

/// Whole numbers up to 256 stay what they are; how near others are is told beside the sketch.
#[tokio::test]
async fn approximate_medians_and_percentiles_are_near_the_exact_ones() {
    let query = json!({"rows": ["country"], "measures": ["about_median", "about_upper"],
        "totals": "grand"});
    let expected = [
        "country | country_is_total | about_median | about_upper",
        "IT | 0 | 65 | 37",
        "NO | 0 | 200 | 50",
        "Unknown | 0 | 40 | 30",
        "NULL | 1 | 65 | 45",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_correlation_needs_two_sides_that_vary() {
    answers(
        "SELECT country, ROUND(MEASURE(price_by_cost), 6), MEASURE(about_buyers) \
         FROM cubes.trade GROUP BY country",
        // (100, 60), (50, 20), (30, 10), (80, 80); of one line each there is none.
        &["IT | 0.859887 | 2", "NO | NULL | 1", "Unknown | NULL | 0"],
    )
    .await;
}

#[tokio::test]
async fn rows_of_a_window_stand_in_order_of_all_their_columns() {
    let query = json!({
        "rows": ["date.year", "date.quarter", "receipt_no"],
        "measures": ["revenue_so_far"],
        "slice": {"date.quarter": "2024-Q2"},
    });
    let expected = [
        "date_year | date_quarter | receipt_no | revenue_so_far",
        "2024 | 2024-Q2 | r1 | 100.00",
        "2024 | 2024-Q2 | r2 | 80.00",
        "2024 | 2024-Q2 | r3 | 200.00",
    ];
    asks(query, &expected).await;
}
