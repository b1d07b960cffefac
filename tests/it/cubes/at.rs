//! `MEASURE(m) AT (...)` in SQL, on the world of [`traps`](super::traps).

use super::sql::answers;
use super::traps::refused;

#[tokio::test]
async fn all_sets_aside_what_is_said_of_a_column() {
    // A share of the year, and of the country over all years.
    answers(
        "SELECT date_year, country, MEASURE(revenue), MEASURE(revenue) AT (ALL country), \
         MEASURE(revenue) AT (ALL date_year) FROM cubes.trade WHERE date_year >= 2024 \
         GROUP BY date_year, country",
        &[
            "2024 | IT | 80.00 | 320.00 | 260.00",
            "2024 | NO | 200.00 | 320.00 | 200.00",
            "2024 | Unknown | 40.00 | 320.00 | 40.00",
            "2025 | IT | 80.00 | 80.00 | 260.00",
        ],
    )
    .await;
}

#[tokio::test]
async fn all_removes_conditions_on_its_columns_and_visible_brings_them_back() {
    answers(
        "SELECT country, MEASURE(revenue) AT (ALL), MEASURE(revenue) AT (ALL country), \
         MEASURE(revenue) AT (ALL country VISIBLE) \
         FROM cubes.trade WHERE country <> 'NO' AND date_year = 2024 GROUP BY country",
        &["IT | 500.00 | 320.00 | 120.00", "Unknown | 500.00 | 320.00 | 120.00"],
    )
    .await;
}

/// A dimension in its role is all its columns, and those of no other role.
#[tokio::test]
async fn all_takes_dimensions_by_their_roles() {
    answers(
        "SELECT date_year, region, MEASURE(revenue) AT (ALL store), MEASURE(revenue) AT (ALL Date store), \
         MEASURE(revenue) AT (ALL delivered) \
         FROM cubes.trade WHERE date_month_name = 'February' AND country = 'IT' GROUP BY date_year, region",
        &[
            "2023 | north | 100.00 | 500.00 | 100.00",
            "2024 | north | 80.00 | 500.00 | 80.00",
            "2025 | north | 80.00 | 500.00 | 80.00",
        ],
    )
    .await;
    // Through a subquery, beside columns.
    answers(
        "SELECT y, MEASURE(revenue) AT (ALL store y) FROM \
         (SELECT date_year AS y, revenue FROM cubes.trade WHERE country = 'IT') GROUP BY y",
        &["2023 | 500.00", "2024 | 500.00", "2025 | 500.00"],
    )
    .await;
    for (sql, part) in [
        (
            "SELECT store, MEASURE(revenue) AT (ALL store) FROM \
             (SELECT date_year AS store, revenue FROM cubes.trade) GROUP BY store",
            "a column here",
        ),
        ("SELECT MEASURE(revenue) AT (ALL shop) FROM cubes.trade", "shop"),
    ] {
        let error = refused(sql).await;
        assert!(error.to_string().contains(part), "{sql}: {error}");
    }
}

#[tokio::test]
async fn set_looks_at_another_member() {
    answers(
        "SELECT date_year, MEASURE(revenue) AS r, \
         MEASURE(revenue) AT (SET date_year = CURRENT date_year - 1) AS before, \
         MEASURE(lines) AT (SET date_year = date_year + 1, SET country = 'IT') AS italy_next \
         FROM cubes.trade GROUP BY ROLLUP (date_year)",
        &[
            "2023 | 100.00 | NULL | 2",
            "2024 | 320.00 | 100.00 | 1",
            "2025 | 80.00 | 320.00 | 0",
            // A total is of no year, so there is none before it.
            "NULL | 500.00 | NULL | 0",
        ],
    )
    .await;
}

#[tokio::test]
async fn where_puts_its_condition_in_place_of_the_context() {
    answers(
        "SELECT country, CAST(MEASURE(revenue) AS DOUBLE) / \
         MEASURE(revenue) AT (WHERE country = 'NO') \
         FROM cubes.trade WHERE date_year = 2024 GROUP BY country \
         HAVING MEASURE(revenue) AT (ALL country) > 300 ORDER BY 2 DESC",
        &["IT | 0.4", "NO | 1", "Unknown | 0.2"],
    )
    .await;
}

#[tokio::test]
async fn modifiers_apply_to_any_measure_and_under_totals() {
    answers(
        "SELECT segment, GROUPING(segment), MEASURE(buyers) AT (ALL segment), \
         ROUND(MEASURE(margin_rate) AT (SET segment = 'gold'), 6), MEASURE(revenue_ytd) AT (ALL segment) \
         FROM cubes.trade WHERE date_year = 2024 GROUP BY ROLLUP (segment)",
        &[
            "NULL | 1 | 2 | 0.357143 | 320.00",
            "Unknown | 0 | 2 | 0.357143 | 320.00",
            "gold | 0 | 2 | 0.357143 | 320.00",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_at_cannot_mean_is_told() {
    for (sql, part) in [
        (
            "SELECT country, revenue AT (ALL country) FROM cubes.trade",
            "write MEASURE(revenue) AT (...)",
        ),
        (
            "SELECT country, MEASURE(revenue) AT (ALL revenue) FROM cubes.trade GROUP BY country",
            "AT takes columns of cube trade",
        ),
        (
            "SELECT country, MEASURE(revenue) AT (SET date_year = CURRENT date_year - 1) \
             FROM cubes.trade GROUP BY country",
            "has no current value",
        ),
        (
            "SELECT country, MEASURE(revenue) AT (ALL country) FROM cubes.trade \
             WHERE country = 'IT' OR date_year = 2024 GROUP BY country",
            "cannot be set aside",
        ),
        ("SELECT MEASURE(revenue, lines) FROM cubes.trade", "MEASURE takes one measure"),
        ("SELECT CURRENT date_year FROM cubes.trade", "CURRENT outside of AT"),
        (
            "SELECT MEASURE(revenue) AT (EVERY country) FROM cubes.trade",
            "ALL, SET, WHERE or VISIBLE",
        ),
    ] {
        let error = refused(sql).await.to_string();
        assert!(error.contains(part), "{sql}: {error}");
    }
}
