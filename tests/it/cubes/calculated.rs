//! Calculated members: sets shown as members, on the world of [`traps`](super::traps).

use super::model::model_with;
use super::traps::data;
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use serde_json::{Value, json};
use starhouse::engine::Session;
use starhouse::error::{Error, ErrorKind};
use starhouse::policy::Principal;

const SETS: &str = "
sets:
  - {name: europe, of: store.country, members: [IT, NO], member: Europe, description: Two countries.}
  - {name: led, of: store.country, where: led_by = 's0', description: Where a store is led by another.}
  - {name: not_led, of: store.country, sets: [europe], without: [led], member: Europe but led, description: The others.}
  - {name: recent, of: date.year, from: 2024, member: Since 2024, description: Since 2024.}
  - {name: both, of: store.store_name, members: [Centre], member: All centres, description: Stores called so.}
  - {name: sports, of: club.club_name, members: [Chess, Tennis], description: Clubs for one's health.}
";

async fn world() -> (TempWarehouse, Session) {
    let at = TempWarehouse::open().await;
    let model = model_with("measures:\n", &format!("{SETS}measures:\n"));
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

/// With and without aggregates.
async fn asks(mut query: Value, expected: &[&str]) {
    let (_at, session) = world().await;
    query["cube"] = json!("trade");
    let query = serde_json::from_value(query).unwrap();
    for on in [true, false] {
        let planned = session.with_aggregates(on).plan_cube_query(&query).await.unwrap();
        let answer = answer(&planned).await.unwrap().to_string();
        assert_eq!(answer.lines().collect::<Vec<_>>(), expected);
    }
}

async fn refusal(mut query: Value) -> Error {
    let (_at, session) = world().await;
    query["cube"] = json!("trade");
    let query = serde_json::from_value(query).unwrap();
    session.plan_cube_query(&query).await.unwrap_err()
}

#[tokio::test]
async fn a_calculated_member_is_the_measure_of_all_its_rows_and_no_part_of_totals() {
    // Customer c1 bought in both countries; a margin rate is that of all rows together.
    let query = json!({
        "rows": ["store.country"],
        "measures": ["revenue", "buyers", "margin_rate", "balance", "revenue_share"],
        "calculated_members": ["europe", "not_led"],
        "totals": "grand",
    });
    let expected = [
        "country | country_is_total | country_is_calculated | revenue | buyers | margin_rate | balance | revenue_share",
        "IT | 0 | 0 | 260.00 | 2 | 0.34615384615384615 | NULL | 0.52",
        "NO | 0 | 0 | 200.00 | 1 | 0.25 | 9.00 | 0.4",
        "Unknown | 0 | 0 | 40.00 | 0 | 0.75 | NULL | 0.08",
        "Europe | 0 | 1 | 460.00 | 2 | 0.30434782608695654 | 9.00 | 0.92",
        "Europe but led | 0 | 1 | 260.00 | 2 | 0.34615384615384615 | NULL | 0.52",
        "NULL | 1 | 0 | 500.00 | 2 | 0.34 | 9.00 | 1",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn members_of_numbers_are_shown_beside_them_as_text_and_of_several_columns_at_once() {
    let query = json!({
        "rows": ["date.year", "store.country"],
        "measures": ["revenue", "buyers"],
        "calculated_members": ["europe", "recent"],
        "dice": {"store.country": ["IT", "NO"]},
    });
    let expected = [
        "date_year | country | date_year_is_calculated | country_is_calculated | revenue | buyers",
        "2023 | IT | 0 | 0 | 100.00 | 1",
        "2023 | Europe | 0 | 1 | 100.00 | 1",
        "2024 | IT | 0 | 0 | 80.00 | 1",
        "2024 | NO | 0 | 0 | 200.00 | 1",
        "2024 | Europe | 0 | 1 | 280.00 | 2",
        "2025 | IT | 0 | 0 | 80.00 | 1",
        "2025 | Europe | 0 | 1 | 80.00 | 1",
        "Since 2024 | IT | 1 | 0 | 160.00 | 2",
        "Since 2024 | NO | 1 | 0 | 200.00 | 1",
        "Since 2024 | Europe | 1 | 1 | 360.00 | 2",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn they_go_across_as_well() {
    let query = json!({
        "rows": ["segment"],
        "columns": ["date.year"],
        "measures": ["revenue"],
        "calculated_members": ["recent"],
        "totals": "grand",
    });
    let expected = [
        "segment | segment_is_total | 2023 revenue | 2024 revenue | 2025 revenue | Since 2024 revenue",
        "Unknown | 0 | NULL | 40.00 | NULL | 40.00",
        "gold | 0 | NULL | 280.00 | 80.00 | 360.00",
        "silver | 0 | 100.00 | NULL | NULL | NULL",
        "NULL | 1 | 100.00 | 320.00 | 80.00 | 400.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn they_can_stand_alone_and_totals_are_still_of_all() {
    let query = json!({
        "rows": ["store.country"],
        "measures": ["revenue"],
        "calculated_members": {"only": ["europe", "led"]},
        "totals": "grand",
    });
    let expected = [
        "country | country_is_total | country_is_calculated | revenue",
        "Europe | 0 | 1 | 460.00",
        "led | 0 | 1 | 200.00",
        "NULL | 1 | 0 | 500.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn one_of_a_level_with_a_key_stands_for_its_members_whatever_their_names() {
    let query = json!({
        "rows": ["store.store"],
        "measures": ["revenue", "store_rank", "share_of_stores"],
        "calculated_members": ["both"],
        "top": {"n": 1, "by": "revenue"},
    });
    let expected = [
        "store_id | store_name | store_name_is_calculated | revenue | store_rank | share_of_stores",
        "s0 | Centre | 0 | 260.00 | 1 | 0.52",
        // It is none of the best, and has no place among stores.
        "NULL | All centres | 1 | 460.00 | NULL | 0.92",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn the_best_are_found_within_it_and_others_stand_beside_it() {
    let query = json!({
        "rows": ["store.country", "receipt_no"],
        "measures": ["revenue"],
        "calculated_members": ["europe"],
        "top": {"n": 1, "by": "revenue", "per": ["store.country"]},
    });
    let expected = [
        "country | receipt_no | country_is_calculated | revenue",
        "IT | r1 | 0 | 100.00",
        "NO | r3 | 0 | 200.00",
        "Unknown | r5 | 0 | 40.00",
        "Europe | r3 | 1 | 200.00",
    ];
    asks(query, &expected).await;
    let query = json!({
        "rows": ["store.country"],
        "measures": ["revenue"],
        "calculated_members": ["europe"],
        "top": {"n": 1, "by": "revenue", "others": true},
        "totals": "grand",
    });
    let expected = [
        "country | country_is_total | country_is_calculated | is_other | revenue",
        "IT | 0 | 0 | 0 | 260.00",
        "NULL | 0 | 0 | 1 | 240.00",
        "Europe | 0 | 1 | 0 | 460.00",
        "NULL | 1 | 0 | 0 | 500.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn time_runs_up_to_its_end_and_a_row_of_several_members_counts_once() {
    let query = json!({
        "rows": ["date.year"],
        "measures": ["revenue_ytd", "revenue_last_year"],
        "calculated_members": {"only": ["recent"]},
    });
    // To date: of 2025, with which it ends. A year before: of the days of 2024 and of 2025 so far.
    let expected = [
        "date_year | date_year_is_calculated | revenue_ytd | revenue_last_year",
        "Since 2024 | 1 | 80.00 | 180.00",
    ];
    asks(query, &expected).await;
    // Customer c0 is in both clubs.
    let query = json!({
        "rows": ["club.club_name"],
        "measures": ["revenue", "lines"],
        "dice": {"club.club_name": {"except": ["Unknown"]}},
        "calculated_members": ["sports"],
    });
    let expected = [
        "club_name | club_name_is_calculated | revenue | lines",
        "Chess | 0 | 180.00 | 3",
        "Not applicable | 0 | 280.00 | 2",
        "Tennis | 0 | 180.00 | 3",
        "sports | 1 | 180.00 | 3",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn what_cannot_be_shown_is_told() {
    let ask = |more: Value| {
        let mut query = json!({"rows": ["store.country"], "measures": ["revenue"]});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    for (query, kind, part) in [
        (json!({"calculated_members": ["europa"]}), ErrorKind::User, "did you mean `europe`?"),
        (json!({"calculated_members": ["led", "led"]}), ErrorKind::User, "`led` stands twice"),
        (json!({"calculated_members": ["recent"]}), ErrorKind::User, "add `date_year` to `rows`"),
        (
            json!({"calculated_members": ["led"], "totals": "grand", "visual": true}),
            ErrorKind::Unsupported,
            "leave one of them out",
        ),
    ] {
        let error = refusal(ask(query)).await;
        assert!(error.kind() == kind && error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_list_that_is_none_is_told() {
    for (key, part) in [("calculated_members", "a list of sets"), ("dice", "a list of members")] {
        let written = if key == "dice" { json!({"country": "IT"}) } else { json!("europe") };
        let query = json!({"cube": "trade", key: written});
        let error = serde_json::from_value::<starhouse::query::CubeQuery>(query).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// In SQL a set is a column, true for its members; `AT` takes it as a condition.
#[tokio::test]
async fn a_set_is_a_column_in_sql() {
    let (_at, session) = world().await;
    for (sql, expected) in [
        ("SELECT MEASURE(revenue), MEASURE(buyers) FROM cubes.trade WHERE europe", "460.00 | 2"),
        ("SELECT MEASURE(revenue) FROM cubes.trade WHERE not_led = TRUE", "260.00"),
        ("SELECT MEASURE(revenue) FROM cubes.trade WHERE NOT europe AND recent", "40.00"),
        (
            "SELECT led, MEASURE(revenue) FROM cubes.trade GROUP BY led ORDER BY 1 LIMIT 1",
            "false | 300.00",
        ),
        (
            "SELECT MEASURE(revenue) / MEASURE(revenue) AT (WHERE europe) FROM cubes.trade WHERE led",
            "0.434782",
        ),
        (
            "SELECT MEASURE(revenue) FROM (SELECT *, europe AS e FROM cubes.trade) AS t WHERE e",
            "460.00",
        ),
        ("SELECT SUM(revenue) FROM cubes.trade WHERE europe", "460.00"),
        ("SELECT COUNT(*) FROM (SELECT receipt_no, europe FROM cubes.trade) WHERE NOT europe", "1"),
        ("SELECT MEASURE(revenue) FROM cubes.trade WHERE sports", "180.00"),
    ] {
        let planned = session.plan_sql(sql).await.unwrap();
        let answered = answer(&planned).await.unwrap().to_string();
        let line = answered.lines().nth(1).unwrap();
        assert!(line.starts_with(expected), "{sql}\n{answered}");
    }
    let sql =
        "SELECT data_type, description FROM system.catalog WHERE kind = 'set' AND name = 'led'";
    let planned = session.plan_sql(sql).await.unwrap();
    let told = answer(&planned).await.unwrap().to_string();
    assert_eq!(told.lines().nth(1), Some("boolean | Where a store is led by another."));
    let error =
        session.plan_sql("SELECT receipt_no FROM cubes.trade WHERE sports").await.unwrap_err();
    assert!(error.to_string().contains("several members of the link"), "{error}");
}

#[tokio::test]
async fn what_stands_as_a_member_is_told_with_the_plan() {
    let (_at, session) = world().await;
    let query = json!({"cube": "trade", "rows": ["store.country"], "measures": ["revenue"], "calculated_members": ["europe"]});
    let planned = session.plan_cube_query(&serde_json::from_value(query).unwrap()).await.unwrap();
    let told = "Europe is one member of country: all rows of set europe together";
    assert!(planned.routing().iter().any(|sentence| sentence == told), "{:?}", planned.routing());
}

#[tokio::test]
async fn it_is_compared_as_members_are() {
    let query = json!({
        "rows": ["store.country"],
        "measures": ["revenue"],
        "slice": {"date.year": 2023},
        "compare": {"date.year": 2024},
        "calculated_members": ["europe"],
    });
    let heading = "country | country_is_calculated | revenue | revenue_compared | revenue_change | revenue_growth";
    let expected = [
        heading,
        "IT | 0 | 100.00 | 80.00 | 20.00 | 0.25",
        "Europe | 1 | 100.00 | 280.00 | -180.00 | -0.6428571428571429",
    ];
    asks(query, &expected).await;
    // With another member of its own column: whatever stands in the row is set aside.
    let query = json!({
        "rows": ["store.country"],
        "measures": ["revenue"],
        "dice": {"store.country": ["IT", "NO"]},
        "compare": {"store.country": "NO"},
        "calculated_members": ["europe", "led"],
    });
    let expected = [
        heading,
        "IT | 0 | 260.00 | 200.00 | 60.00 | 0.3",
        "NO | 0 | 200.00 | 200.00 | 0.00 | 0",
        "Europe | 1 | 460.00 | 200.00 | 260.00 | 1.3",
        "led | 1 | 200.00 | 200.00 | 0.00 | 0",
    ];
    asks(query, &expected).await;
}

/// Growth is of values: of a rate it is the growth of the rate, and no rate of growths.
#[tokio::test]
async fn a_member_can_be_computed_of_the_values_of_others() {
    let growth = json!({"name": "Growth", "of": "date.year", "terms": {"now": 2024, "before": 2023},
        "value": "now / before - 1"});
    let query = json!({
        "rows": ["date.year"],
        "measures": ["revenue", "margin_rate", "lines"],
        "computed_members": [growth],
        "totals": "grand",
    });
    let expected = [
        "date_year | date_year_is_total | date_year_is_calculated | revenue | margin_rate | lines",
        "2023 | 0 | 0 | 100 | 0.4 | 1",
        "2024 | 0 | 0 | 320 | 0.40625 | 4",
        "2025 | 0 | 0 | 80 | 0 | 1",
        "Growth | 0 | 1 | 2.2 | 0.015625 | 3",
        "NULL | 1 | 0 | 500 | 0.34 | 6",
    ];
    asks(query, &expected).await;
    // Sums and differences of money are exact; across, where there is nothing on one side, there is no
    // difference, but for what counts.
    let change = json!({"name": "Change", "of": "date.year", "terms": {"now": 2024, "before": 2023},
        "value": "now - before"});
    let query = json!({
        "rows": ["store.country"],
        "columns": ["date.year"],
        "measures": ["revenue", "lines"],
        "dice": {"date.year": [2023, 2024]},
        "computed_members": [change],
    });
    let expected = [
        "country | 2023 revenue | 2023 lines | 2024 revenue | 2024 lines | Change revenue | Change lines",
        "IT | 100.00 | 1 | 80.00 | 2 | -20.00 | 1",
        "NO | NULL | 0 | 200.00 | 1 | NULL | 1",
        "Unknown | NULL | 0 | 40.00 | 1 | NULL | 1",
    ];
    asks(query, &expected).await;
    let share = json!({"name": "Not led of Europe", "of": "country",
        "terms": {"part": {"set": "not_led"}, "whole": ["IT", "NO"]}, "value": "100 * part / whole"});
    let query = json!({
        "rows": ["store.country"],
        "measures": ["revenue", "buyers"],
        "calculated_members": {"only": ["europe"]},
        "computed_members": [share],
    });
    let expected = [
        "country | country_is_calculated | revenue | buyers",
        "Europe | 1 | 460 | 2",
        "Not led of Europe | 1 | 56.52173913043478 | 100",
    ];
    asks(query, &expected).await;
    for (member, kind, part) in [
        (json!({"value": "sqrt(now)"}), ErrorKind::Unsupported, "sqrt"),
        (json!({"value": "now - then"}), ErrorKind::User, "not a valid expression"),
        (json!({"of": "segment"}), ErrorKind::User, "add `segment` to `rows`"),
        (json!({"terms": {"now": {"set": "led"}}}), ErrorKind::User, "set `led` is of `country`"),
    ] {
        let mut wanted =
            json!({"name": "x", "of": "date.year", "terms": {"now": 2024}, "value": "now"});
        wanted.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let query =
            json!({"rows": ["date.year"], "measures": ["revenue"], "computed_members": [wanted]});
        let error = refusal(query).await;
        assert!(error.kind() == kind && error.to_string().contains(part), "{error}");
    }
}

/// A measure that each grouping set has rows of its own for: the total is aggregated of all rows, and
/// there are none.
#[tokio::test]
async fn of_nothing_there_is_a_total_and_no_computed_member() {
    let growth = json!({"name": "Growth", "of": "date.year", "terms": {"now": 2024, "before": 2023},
        "value": "now / before - 1"});
    let query = json!({
        "rows": ["date.year"],
        "measures": ["most_owed_of_clubs", "pieces_2_quarters_before"],
        "dice": {"store.city": ["Nowhere"]},
        "totals": "cube",
        "computed_members": [growth],
    });
    let expected = [
        "date_year | date_year_is_total | date_year_is_calculated | most_owed_of_clubs | pieces_2_quarters_before",
        "NULL | 1 | 0 | NULL | NULL",
    ];
    asks(query, &expected).await;
}
