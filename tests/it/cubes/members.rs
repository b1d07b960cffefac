//! Members that the model names: sets, and defaults.

use super::model::model_with;
use super::traps::data;
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use serde_json::{Value, json};
use starhouse::engine::Session;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;

async fn world(keys: &str) -> (TempWarehouse, Session) {
    let at = TempWarehouse::open().await;
    let model = model_with("measures:\n", &format!("{keys}measures:\n"));
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

const SETS: &str = "
sets:
  - {name: south, of: store.country, members: [IT], description: Where it is warm.}
  - {name: known, of: country, except: [Unknown], description: Where it is known.}
  - {name: recent, of: date.year, from: 2024, description: Since 2024.}
";

async fn lines(session: &Session, mut query: Value) -> Vec<String> {
    query["cube"] = json!("trade");
    let query = serde_json::from_value(query).unwrap();
    let planned = session.plan_cube_query(&query).await.unwrap();
    answer(&planned).await.unwrap().to_string().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_set_stands_on_an_axis_and_in_a_dice() {
    let (_at, session) = world(SETS).await;
    let query = json!({"rows": ["known"], "measures": ["revenue"], "totals": "grand",
        "top": {"n": 1, "by": "revenue", "per": ["known"]}});
    let expected = [
        "country | country_is_total | revenue",
        "IT | 0 | 260.00",
        "NO | 0 | 200.00",
        "NULL | 1 | 460.00",
    ];
    assert_eq!(lines(&session, query).await, expected);
    let query = json!({"rows": ["date.year"], "measures": ["revenue"],
        "dice": {"store.country": {"set": "south"}, "date.year": {"set": "recent"}}});
    assert_eq!(
        lines(&session, query).await,
        ["date_year | revenue", "2024 | 80.00", "2025 | 80.00"]
    );
    // Beside another dice of its column both hold.
    let query = json!({"rows": ["known"], "columns": ["recent"], "measures": ["revenue"],
        "dice": {"country": ["IT", "Unknown"]}});
    let expected = ["country | 2024 revenue | 2025 revenue", "IT | 80.00 | 80.00"];
    assert_eq!(lines(&session, query).await, expected);
}

#[tokio::test]
async fn a_set_that_is_not_there_or_of_another_column_is_told() {
    let (_at, session) = world(SETS).await;
    for (dice, part) in [
        (json!({"country": {"set": "sowth"}}), "did you mean `south`?"),
        (json!({"region": {"set": "south"}}), "set `south` is of `country`, and not of `region`"),
    ] {
        let query = json!({"cube": "trade", "measures": ["revenue"], "dice": dice});
        let query = serde_json::from_value(query).unwrap();
        let error = session.plan_cube_query(&query).await.unwrap_err();
        assert!(error.kind() == ErrorKind::User && error.to_string().contains(part), "{error}");
    }
}

const DEFAULT: &str = "
default_members:
  - {of: store.country, member: IT}
";

#[tokio::test]
async fn a_default_member_counts_until_something_is_said_of_its_dimension() {
    let (_at, session) = world(DEFAULT).await;
    let query = json!({"measures": ["revenue"]});
    assert_eq!(lines(&session, query).await, ["revenue", "260.00"]);
    let query = json!({"rows": ["store.country"], "measures": ["revenue"]});
    let expected = ["country | revenue", "IT | 260.00", "NO | 200.00", "Unknown | 40.00"];
    assert_eq!(lines(&session, query).await, expected);
    for (sql, expected) in [
        ("SELECT MEASURE(revenue) FROM cubes.trade", "260.00"),
        ("SELECT MEASURE(revenue) FROM cubes.trade WHERE store_id = 's1'", "200.00"),
        ("SELECT MEASURE(revenue) AT (ALL country) FROM cubes.trade", "500.00"),
        ("SELECT MEASURE(revenue) AT (SET country = 'NO') FROM cubes.trade", "200.00"),
    ] {
        let planned = session.plan_sql(sql).await.unwrap();
        let answered = answer(&planned).await.unwrap().to_string();
        assert_eq!(answered.lines().nth(1), Some(expected), "{sql}");
    }
    let planned = session.plan_sql("SELECT MEASURE(revenue) FROM cubes.trade").await.unwrap();
    let told = "country is IT by default, as nothing is said of store";
    assert!(planned.routing().iter().any(|sentence| sentence == told), "{:?}", planned.routing());
}
