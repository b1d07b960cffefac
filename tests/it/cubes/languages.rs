//! Captions, formats and properties: what is said in another language, and beside members.

use super::model::model_with;
use super::traps::data;
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use serde_json::{Value, json};
use starhouse::engine::Session;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;

const CAPTIONS: &str = "
captions:
  - language: de
    names:
      - {of: revenue, caption: Umsatz}
      - {of: margin_rate, caption: Marge}
      - {of: store.country, caption: Land}
      - {of: store.store, caption: Filiale}
    members:
      - {of: store_id, column: region}
";

async fn world() -> (TempWarehouse, Session) {
    let at = TempWarehouse::open().await;
    let model = model_with("measures:\n", &format!("{CAPTIONS}measures:\n"));
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

async fn lines(mut query: Value) -> Vec<String> {
    let (_at, session) = world().await;
    query["cube"] = json!("trade");
    let query = serde_json::from_value(query).unwrap();
    let planned = session.plan_cube_query(&query).await.unwrap();
    answer(&planned).await.unwrap().to_string().lines().map(str::to_owned).collect()
}

/// Stores go by the name that they have in German (here their region), where they have one; what is
/// asked and ordered by is called the same in every language.
#[tokio::test]
async fn headings_and_members_are_those_of_the_language() {
    let query = json!({
        "rows": ["store.country", "store.store"],
        "measures": ["revenue", "lines"],
        "language": "de",
        "order": [{"by": "revenue", "descending": true}],
        "totals": "grand",
    });
    let expected = [
        "Land | store_id | Filiale | country_is_total | store_id_is_total | store_name_is_total | \
         Umsatz | lines",
        "NULL | NULL | NULL | 1 | 1 | 1 | 500.00 | 6",
        "IT | north | Centre | 0 | 0 | 0 | 260.00 | 4",
        "NO | s1 | Centre | 0 | 0 | 0 | 200.00 | 1",
        "Unknown | Unknown | Unknown | 0 | 0 | 0 | 40.00 | 1",
    ];
    assert_eq!(lines(query).await, expected);
}

#[tokio::test]
async fn numbers_are_written_as_the_language_has_it() {
    let query = json!({
        "rows": ["country"],
        "measures": ["revenue", "margin_rate", "lines"],
        "formatted": true,
        "language": "de",
    });
    let expected = [
        "Land | Umsatz | Marge | lines | revenue_formatted | margin_rate_formatted | lines_formatted",
        "IT | 260.00 | 0.34615384615384615 | 4 | 260,00 EUR | 34,6 % | 4",
        "NO | 200.00 | 0.25 | 1 | 200,00 EUR | 25,0 % | 1",
        "Unknown | 40.00 | 0.75 | 1 | 40,00 EUR | 75,0 % | 1",
    ];
    assert_eq!(lines(query).await, expected);
}

#[tokio::test]
async fn a_property_stands_beside_its_member_and_makes_no_rows() {
    let query = json!({
        "rows": ["store.store_id", "date.year"],
        "properties": ["store.region", "store.led_by"],
        "measures": ["lines"],
        "totals": "rollup",
        "slice": {"country": "NO"},
    });
    let expected = [
        "store_id | date_year | region | led_by | store_id_is_total | date_year_is_total | lines",
        "s1 | 2024 | NULL | s0 | 0 | 0 | 1",
        "s1 | NULL | NULL | s0 | 0 | 1 | 1",
        "NULL | NULL | NULL | NULL | 1 | 1 | 1",
    ];
    assert_eq!(lines(query).await, expected);
    // Customer c0 was silver, and is gold: as it is now it is one thing.
    let query = json!({
        "rows": ["customer_id"],
        "properties": ["customer_now.segment"],
        "measures": ["lines"],
    });
    let expected = [
        "customer_id | customer_now_segment | lines",
        "Unknown | Unknown | 1",
        "c0 | gold | 3",
        "c1 | gold | 2",
    ];
    assert_eq!(lines(query).await, expected);
}

#[tokio::test]
async fn what_is_no_property_or_language_is_told() {
    let (_at, session) = world().await;
    for (mut query, part) in [
        (json!({"rows": ["country"], "language": "dee"}), "did you mean `de`?"),
        (
            json!({"rows": ["country"], "properties": ["store.city"]}),
            "add store.store_id to `rows`",
        ),
        (json!({"rows": ["customer_id"], "properties": ["segment"]}), "changes over time"),
        (json!({"rows": ["customer_id"], "properties": ["receipt_no"]}), "property of nothing"),
        (json!({"rows": ["store_id"], "properties": ["store_id"]}), "a property as well"),
    ] {
        query["cube"] = json!("trade");
        query["measures"] = json!(["lines"]);
        let query = serde_json::from_value(query).unwrap();
        let error = session.plan_cube_query(&query).await.unwrap_err();
        assert!(
            error.kind() == ErrorKind::User && error.to_string().contains(part),
            "{part}: {error}"
        );
    }
}
