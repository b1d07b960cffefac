//! The traps of cube questions, one test each, on a world that can be added up in the head.

use super::model::model;
use super::world::{calendar, key_of, load, nobody, row, version};
use crate::cube_support::{TempWarehouse, answer};
use crate::reference::{Data, Row, Value};
use serde_json::json;
use starhouse::engine::Session;
use starhouse::error::{Error, ErrorKind};
use starhouse::policy::Principal;

/// Day, customer key, store key, receipt, paid, cost.
const SALES: [(&str, i32, i32, &str, i32, i32); 6] = [
    ("2023-02-28", 1, 1, "r1", 100, 60),
    ("2024-02-28", 2, 1, "r2", 50, 20),
    ("2024-02-29", 2, 1, "r2", 30, 10),
    ("2024-06-30", 3, 2, "r3", 200, 150),
    ("2025-02-28", 3, 1, "r4", 80, 80),
    // An orphan: nobody knows who bought this, nor where.
    ("2024-12-31", -1, -1, "r5", 40, 10),
];

/// Day, and what a Norwegian crown was worth in ten thousandths of a euro. Of 30 June, when one sold for
/// 200 crowns, no rate is known.
const RATES: [(&str, i128); 3] = [("2024-06-03", 1000), ("2024-06-28", 1100), ("2024-07-01", 1200)];

/// Day, customer key, store key, balance.
const ACCOUNTS: [(&str, i32, i32, Option<i32>); 6] = [
    ("2024-02-15", 2, 1, Some(999)),
    ("2024-03-31", 2, 1, Some(10)),
    ("2024-03-31", 3, 2, Some(5)),
    ("2024-06-29", 2, 1, Some(7)),
    ("2024-06-30", 3, 2, Some(9)),
    ("2024-07-15", 2, 1, None),
];

pub(crate) fn data() -> Data {
    let text = Value::text;
    let mut customers = nobody("customer", &["customer_id", "segment", "city"]);
    for (key, durable, years, id, segment) in [
        (1, 1, (1900, 2024), "c0", "silver"),
        (2, 1, (2024, 9999), "c0", "gold"),
        (3, 3, (1900, 9999), "c1", "gold"),
    ] {
        let texts = [("customer_id", text(id)), ("segment", text(segment)), ("city", text("Rome"))];
        customers.push(version("customer", key, durable, years, &texts));
    }
    let mut stores = nobody("store", &STORE);
    // Store s0 leads store s1.
    for (key, id, region, country, led_by) in
        [(1, "s0", text("north"), "IT", Value::Null), (2, "s1", Value::Null, "NO", text("s0"))]
    {
        let texts = [
            ("store_id", text(id)),
            ("store_name", text("Centre")),
            ("city", text("Town")),
            ("region", region),
            ("country", text(country)),
            ("led_by", led_by),
        ];
        stores.push(version("store", key, key, (1900, 9999), &texts));
    }
    let key = |day: &str| key_of(day.parse().unwrap());
    let sales =
        SALES.iter().enumerate().map(|(line, (day, customer, store, receipt, net, cost))| {
            row([
                ("date_key", key(day)),
                ("delivered_key", Value::int(-2)),
                ("customer_key", Value::int(*customer)),
                ("store_key", Value::int(*store)),
                ("receipt_no", text(receipt)),
                ("line_no", Value::int(line as i128)),
                ("quantity", Value::int(1)),
                ("currency", text(if *receipt == "r3" { "NOK" } else { "EUR" })),
                ("net_amount", Value::cents(100 * net)),
                ("cost", Value::cents(100 * cost)),
                ("weight", Value::Null),
            ])
        });
    let accounts = ACCOUNTS.iter().map(|(day, customer, store, balance)| {
        row([
            ("date_key", key(day)),
            ("customer_key", Value::int(*customer)),
            ("store_key", Value::int(*store)),
            ("balance", balance.map_or(Value::Null, |euros| Value::cents(100 * euros))),
        ])
    });
    let named = |name: &str, rows: Vec<Row>| (name.to_owned(), rows);
    let dimensions = [
        named("date", calendar()),
        named("customer", customers),
        named("store", stores),
        named("club", clubs()),
    ];
    let rates = RATES.map(|(day, rate)| {
        row([
            ("date_key", key(day)),
            ("from_currency", text("NOK")),
            ("to_currency", text("EUR")),
            ("rate", Value::Exact { unscaled: rate, scale: 4 }),
        ])
    });
    let facts = [
        named("sales", sales.collect()),
        named("accounts", accounts.collect()),
        named("exchange", rates.into()),
    ];
    let bridges = [named("membership", memberships())].into();
    Data { dimensions: dimensions.into(), facts: facts.into(), bridges }
}

const STORE: [&str; 6] = ["store_id", "store_name", "city", "region", "country", "led_by"];

/// Chess and tennis, both sports, and a choir.
fn clubs() -> Vec<Row> {
    let mut clubs = nobody("club", &["club_id", "club_name", "club_kind"]);
    for (key, name, kind) in [(1, "Chess", "sport"), (2, "Tennis", "sport"), (3, "Choir", "music")]
    {
        let texts = [("club_id", name), ("club_name", name), ("club_kind", kind)];
        let texts = texts.map(|(column, text)| (column, Value::text(text)));
        clubs.push(version("club", key, key, (1900, 9999), &texts));
    }
    clubs
}

/// Customer c0 is in the chess and the tennis club; customer c1 in none.
fn memberships() -> Vec<Row> {
    [(1, 1, 0.25), (1, 2, 0.75)]
        .map(|(customer, club, share)| {
            row([
                ("customer_durable_key", Value::int(customer)),
                ("club_durable_key", Value::int(club)),
                ("share", Value::Float(share)),
            ])
        })
        .into()
}

/// A session over the world above; the warehouse lives as long as it.
pub(crate) async fn world() -> (TempWarehouse, Session) {
    let (at, model) = (TempWarehouse::open().await, model());
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

/// Asks a cube query, written as JSON without its cube, and compares its lines.
pub(crate) async fn asks(mut query: serde_json::Value, expected: &[&str]) {
    let (_at, session) = world().await;
    query["cube"] = json!("trade");
    let query = serde_json::from_value(query).unwrap();
    for on in [true, false] {
        let planned = session.with_aggregates(on).plan_cube_query(&query).await.unwrap();
        let answer = answer(&planned).await.unwrap().to_string();
        assert_eq!(answer.lines().collect::<Vec<_>>(), expected);
    }
}

/// The refusal of an SQL question, its hint included.
pub(super) async fn refused(sql: &str) -> Error {
    let (_at, session) = world().await;
    session.plan_sql(sql).await.unwrap_err()
}

#[tokio::test]
async fn a_measure_does_not_depend_on_which_other_is_asked() {
    let alone = ["country | revenue", "IT | 260.00", "NO | 200.00", "Unknown | 40.00"];
    asks(json!({"rows": ["country"], "measures": ["revenue"]}), &alone).await;
    let beside = [
        "country | revenue | snapshots | balance",
        "IT | 260.00 | 4 | NULL",
        "NO | 200.00 | 2 | 9.00",
        "Unknown | 40.00 | 0 | NULL",
    ];
    let measures = ["revenue", "snapshots", "balance"];
    asks(json!({"rows": ["country"], "measures": measures}), &beside).await;
}

#[tokio::test]
async fn a_ratio_is_computed_anew_at_totals() {
    let query = json!({"rows": ["date.year"], "measures": ["margin_rate"], "totals": "grand"});
    let expected = [
        "date_year | date_year_is_total | margin_rate",
        "2023 | 0 | 0.4",
        "2024 | 0 | 0.40625",
        "2025 | 0 | 0",
        "NULL | 1 | 0.34",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_distinct_count_is_counted_anew_at_totals() {
    let query = json!({"rows": ["date.year"], "measures": ["buyers"], "totals": "grand"});
    let expected = [
        "date_year | date_year_is_total | buyers",
        "2023 | 0 | 1",
        "2024 | 0 | 2",
        "2025 | 0 | 1",
        "NULL | 1 | 2",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn customers_count_once_over_their_versions_and_facts_keep_the_segment_they_had() {
    let query = json!({"rows": ["segment"], "measures": ["buyers", "revenue"], "totals": "grand"});
    let expected = [
        "segment | segment_is_total | buyers | revenue",
        "Unknown | 0 | 0 | 40.00",
        "gold | 0 | 2 | 360.00",
        "silver | 0 | 1 | 100.00",
        "NULL | 1 | 2 | 500.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn what_customers_were_are_and_were_on_some_day_are_three_questions() {
    // Customer c0 was silver until 2024, and is gold.
    let query = |role: &str| {
        json!({"rows": [format!("{role}.segment")], "measures": ["revenue", "buyers"],
            "slice": {"customer_id": "c0"}})
    };
    let expected = ["segment | revenue | buyers", "gold | 80.00 | 1", "silver | 100.00 | 1"];
    asks(query("customer"), &expected).await;
    let expected = ["customer_now_segment | revenue | buyers", "gold | 180.00 | 1"];
    asks(query("customer_now"), &expected).await;
    let expected = ["customer_then_segment | revenue | buyers", "gold | 180.00 | 1"];
    asks(query("customer_then"), &expected).await;
}

#[tokio::test]
async fn a_balance_is_that_of_the_last_day_with_one() {
    let query = json!({"rows": ["date.quarter"], "measures": ["balance"], "totals": "grand"});
    let expected = [
        "date_quarter | date_quarter_is_total | balance",
        "2024-Q1 | 0 | 15.00",
        "2024-Q2 | 0 | 9.00",
        "2024-Q3 | 0 | NULL",
        "NULL | 1 | 9.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn balances_add_up_over_all_but_time_though_one_ended_earlier() {
    // Customer c0's card has its last balance on 29 June, the day before the quarter's last.
    let query = json!({"rows": ["customer_id", "date.quarter"], "measures": ["balance"], "totals": "cube", "dice": {"date.quarter": ["2024-Q1", "2024-Q2"]}});
    let expected = [
        "customer_id | date_quarter | customer_id_is_total | date_quarter_is_total | balance",
        "c0 | 2024-Q1 | 0 | 0 | 10.00",
        "c0 | 2024-Q2 | 0 | 0 | NULL",
        "c0 | NULL | 0 | 1 | NULL",
        "c1 | 2024-Q1 | 0 | 0 | 5.00",
        "c1 | 2024-Q2 | 0 | 0 | 9.00",
        "c1 | NULL | 0 | 1 | 9.00",
        "NULL | 2024-Q1 | 1 | 0 | 15.00",
        "NULL | 2024-Q2 | 1 | 0 | 9.00",
        "NULL | NULL | 1 | 1 | 9.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_zero_denominator_gives_null() {
    let query = json!({"rows": ["country"], "measures": ["revenue_a_snapshot"]});
    let expected = ["country | revenue_a_snapshot", "IT | 65", "NO | 100", "Unknown | NULL"];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_total_is_told_from_a_missing_member_by_its_flag() {
    let query = json!({"rows": ["region"], "measures": ["revenue"], "totals": "rollup"});
    let expected = [
        "region | region_is_total | revenue",
        "Unknown | 0 | 40.00",
        "north | 0 | 260.00",
        "NULL | 0 | 200.00",
        "NULL | 1 | 500.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_level_that_is_skipped_has_no_subtotal_and_changes_none() {
    // The Norwegian store is in no region: its town hangs from the country.
    let query = json!({"rows": ["country", "region", "store_city"], "measures": ["revenue"],
        "totals": "rollup", "dice": {"country": ["IT", "NO"]}});
    let expected = [
        "country | region | store_city | country_is_total | region_is_total | store_city_is_total | revenue",
        "IT | north | Town | 0 | 0 | 0 | 260.00",
        "IT | north | NULL | 0 | 0 | 1 | 260.00",
        "IT | NULL | NULL | 0 | 1 | 1 | 260.00",
        "NO | NULL | Town | 0 | 0 | 0 | 200.00",
        // Not a subtotal by no region, of 200.00 once more.
        "NO | NULL | NULL | 0 | 1 | 1 | 200.00",
        "NULL | NULL | NULL | 1 | 1 | 1 | 460.00",
    ];
    asks(query, &expected).await;
    let sql = "SELECT store_city, MEASURE(share_of_parent) FROM cubes.trade GROUP BY 1";
    let error = refused(sql).await;
    assert!(error.to_string().contains("may skip the level `region`"), "{error}");
}

#[tokio::test]
async fn stores_of_one_name_stay_two() {
    let query =
        json!({"rows": ["store.store"], "measures": ["revenue"], "top": {"n": 2, "by": "revenue"}});
    let expected =
        ["store_id | store_name | revenue", "s0 | Centre | 260.00", "s1 | Centre | 200.00"];
    asks(query, &expected).await;
}

#[tokio::test]
async fn the_best_with_and_without_ties() {
    let top = |with_ties: bool| {
        let top = json!({"n": 3, "by": "revenue", "with_ties": with_ties});
        json!({"rows": ["receipt_no"], "measures": ["revenue"], "top": top})
    };
    let expected =
        ["receipt_no | revenue", "r3 | 200.00", "r1 | 100.00", "r2 | 80.00", "r4 | 80.00"];
    asks(top(false), &expected[..4]).await;
    asks(top(true), &expected).await;
}

#[tokio::test]
async fn the_29th_of_february_counts_a_year_later_on_the_28th() {
    let query = json!({
        "rows": ["date.date"],
        "measures": ["revenue", "revenue_last_year"],
        "dice": {"date.month": ["2024-02", "2025-02"]},
    });
    let expected = [
        "date_date | revenue | revenue_last_year",
        "2024-02-28 | 50.00 | 100.00",
        "2024-02-29 | 30.00 | NULL",
        "2025-02-28 | 80.00 | 80.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn the_total_a_year_before_is_the_same_with_and_without_years() {
    let measures = ["revenue_last_year", "lines_last_year"];
    let query = json!({"rows": ["date.year"], "measures": measures, "totals": "grand"});
    let expected = [
        "date_year | date_year_is_total | revenue_last_year | lines_last_year",
        "2024 | 0 | 100.00 | 1",
        // As far as 2025 has come, to its 28 February: not 320.00, which is all of 2024.
        "2025 | 0 | 80.00 | 2",
        "NULL | 1 | 180.00 | 3",
    ];
    asks(query, &expected).await;
    let expected = ["revenue_last_year | lines_last_year", "180.00 | 3"];
    asks(json!({"measures": measures}), &expected).await;
}

#[tokio::test]
async fn an_empty_cell_of_a_pivot_counts_nothing() {
    let query = json!({"rows": ["country"], "columns": ["date.year"], "measures": ["lines", "revenue"], "slice": {"date.year": 2025}, "totals": "grand"});
    let expected = [
        "country | country_is_total | 2025 lines | 2025 revenue",
        "IT | 0 | 1 | 80.00",
        "NULL | 1 | 1 | 80.00",
    ];
    asks(query, &expected).await;
    let query = json!({"rows": ["country"], "columns": ["date.year"], "measures": ["lines", "revenue"], "dice": {"date.year": [2023, 2024]}});
    let expected = [
        "country | 2023 lines | 2023 revenue | 2024 lines | 2024 revenue",
        "IT | 1 | 100.00 | 2 | 80.00",
        "NO | 0 | NULL | 1 | 200.00",
        "Unknown | 0 | NULL | 1 | 40.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn the_best_of_each_member_not_of_each_name() {
    // Both stores are called Centre.
    let query = json!({"rows": ["store.store", "segment"], "measures": ["revenue"], "top": {"n": 1, "by": "revenue", "per": ["store.store"]}});
    let expected = [
        "store_id | store_name | segment | revenue",
        "s1 | Centre | gold | 200.00",
        "s0 | Centre | gold | 160.00",
        "Unknown | Unknown | Unknown | 40.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_pivot_of_nothing_still_has_its_grand_total() {
    let query = json!({"rows": ["country"], "columns": ["date.year"], "measures": ["revenue"], "slice": {"region": "nowhere"}, "totals": "grand"});
    asks(query, &["country | country_is_total", "NULL | 1"]).await;
}

#[tokio::test]
async fn a_grand_total_of_nothing_is_a_row() {
    let query = json!({"rows": ["country"], "measures": ["lines", "revenue"], "slice": {"region": "nowhere"}, "totals": "grand"});
    let expected = ["country | country_is_total | lines | revenue", "NULL | 1 | 0 | NULL"];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_measure_across_a_dimension_it_does_not_have_is_repeated_where_it_says_so() {
    let query = json!({
        "rows": ["country", "receipt_no"],
        "measures": ["revenue", "all_snapshots"],
        "dice": {"country": ["IT", "NO"], "receipt_no": ["r1", "r3", "r4"]},
        "totals": "rollup",
    });
    let expected = [
        "country | receipt_no | country_is_total | receipt_no_is_total | revenue | all_snapshots",
        "IT | r1 | 0 | 0 | 100.00 | 4",
        "IT | r4 | 0 | 0 | 80.00 | 4",
        "IT | NULL | 0 | 1 | 180.00 | 4",
        "NO | r3 | 0 | 0 | 200.00 | 2",
        "NO | NULL | 0 | 1 | 200.00 | 2",
        "NULL | NULL | 1 | 1 | 380.00 | 6",
    ];
    asks(query, &expected).await;
    let sql = "SELECT receipt_no, MEASURE(all_snapshots) FROM cubes.trade GROUP BY 1";
    let error = refused(sql).await;
    assert!(error.to_string().contains("only values to repeat"), "{error}");
}

#[tokio::test]
async fn a_measure_across_a_dimension_it_does_not_have_is_refused() {
    let error =
        refused("SELECT delivered_year, MEASURE(snapshots) FROM cubes.trade GROUP BY 1").await;
    assert_eq!(error.kind(), ErrorKind::User, "{error}");
    assert!(error.to_string().contains("`delivered`"), "{error}");
}

#[tokio::test]
async fn a_fact_without_rows_there_counts_none_though_another_has_a_row() {
    // Nobody has a balance in a store that nobody knows: its line is there for a sale.
    let query = json!({"rows": ["country"], "measures": ["snapshots", "lines", "holders"]});
    let expected = [
        "country | snapshots | lines | holders",
        "IT | 4 | 4 | 1",
        "NO | 2 | 1 | 1",
        "Unknown | 0 | 1 | 0",
    ];
    asks(query, &expected).await;
    // Padded by an outer join it is still none, and not one.
    let (_at, session) = world().await;
    let sql = "SELECT d.country, coalesce(c.n, 0) FROM (SELECT DISTINCT country FROM warehouse.dim_store) d \
               LEFT JOIN (SELECT country, MEASURE(snapshots) AS n FROM cubes.trade GROUP BY country) c \
               ON c.country = d.country WHERE d.country NOT IN ('IT', 'NO') ORDER BY 1";
    let told = answer(&session.plan_sql(sql).await.unwrap()).await.unwrap().to_string();
    let lines: Vec<&str> = told.lines().skip(1).collect();
    assert_eq!(lines, ["Not applicable | 0", "Unknown | 0"]);
}

/// Sums of a tenth are exact in any order and on any number of threads; what is divided is divided last.
#[tokio::test]
async fn decimals_are_added_up_exactly_in_whatever_order() {
    let (mut data, mut backwards) = (data(), data());
    let sales = data.facts.get_mut("sales").unwrap();
    let like = sales[0].clone();
    sales.clear();
    for line in 0..300 {
        let mut sale = like.clone();
        sale.insert("line_no".to_owned(), Value::int(line));
        // A thousand million and 0.10, and back: doubles would lose the dimes.
        let cents =
            [100_000_000_010_i128, -100_000_000_000, 10][usize::try_from(line % 3).unwrap()];
        sale.insert("net_amount".to_owned(), Value::cents(cents));
        sales.push(sale);
    }
    let sales = sales.clone();
    backwards.facts.insert("sales".to_owned(), sales.into_iter().rev().collect());
    for (data, threads) in [(&data, 1), (&data, 4), (&backwards, 4)] {
        let (at, model) = (TempWarehouse::open().await, model());
        let release = load(&at, &model, data).await;
        let session = at.engine(&model, threads).session(Principal::local(), release);
        for on in [true, false] {
            let sql = "SELECT MEASURE(revenue), MEASURE(average_line) FROM cubes.trade";
            let query = session.with_aggregates(on).plan_sql(sql).await.unwrap();
            let told = answer(&query).await.unwrap().to_string();
            assert_eq!(told.lines().nth(1), Some("20.00 | 0.06666666666666667"), "{threads}");
        }
    }
}
