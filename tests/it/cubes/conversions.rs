//! Conversions, on the world of [`traps`](super::traps) and against SQLite: customers who buy, and
//! after that have a balance on their card.

use super::model::model_with;
use super::traps::{asks, data, refused, world};
use super::world::{load, row};
use crate::cube_support::{TempWarehouse, answer};
use crate::reference::{Data, Value};
use rusqlite::Connection;
use serde_json::json;
use starhouse::model::Model;
use starhouse::policy::Principal;
use std::sync::Arc;

/// Customer c0 bought on 28 and 29 February 2024, and has a balance on 31 March; c1 bought on 30 June,
/// and has one on the same day.
#[tokio::test]
async fn a_conversion_is_of_the_day_of_the_first_event_and_members_do_not_add_up() {
    let query = json!({
        "rows": ["date.month"],
        "measures": ["buyers", "lines", "card_users", "card_sales", "card_rate"],
        "slice": {"date.year": 2024},
        "totals": "grand",
    });
    let expected = [
        "date_month | date_month_is_total | buyers | lines | card_users | card_sales | card_rate",
        "2024-02 | 0 | 1 | 2 | 1 | 2 | 1",
        "2024-06 | 0 | 1 | 1 | 1 | 1 | 1",
        // Nobody knows who that was.
        "2024-12 | 0 | 0 | 1 | 0 | 0 | NULL",
        "NULL | 1 | 2 | 4 | 2 | 3 | 1",
    ];
    asks(query, &expected).await;
}

/// From 28 February 2023 to the last day before 28 February 2024 there are 15 February and a later
/// version of the customer.
#[tokio::test]
async fn a_customer_of_another_version_is_the_same_and_the_first_day_after_the_span_is_too_late() {
    let query = json!({
        "rows": ["date.year", "segment"],
        "measures": ["card_users", "card_users_in_a_year"],
        "slice": {"customer_id": "c0"},
    });
    let expected = [
        "date_year | segment | card_users | card_users_in_a_year",
        "2023 | silver | 0 | 1",
        "2024 | gold | 1 | 1",
    ];
    asks(query, &expected).await;
    // The 33rd day from 28 February on is 31 March.
    for (days, users) in [(32, 0), (33, 1)] {
        let (at, model) = (TempWarehouse::open().await, within_days(days, ""));
        let release = load(&at, &model, &data()).await;
        let session = at.engine(&model, 2).session(Principal::local(), release);
        let sql = "SELECT MEASURE(card_users) FROM cubes.trade WHERE date_date = '2024-02-28'";
        let query = session.plan_sql(sql).await.unwrap();
        let answered = answer(&query).await.unwrap();
        assert_eq!(answered.rows, [[Value::int(users)]], "{days}");
    }
}

/// The model with a span of so many days, and what must be the same as well.
fn within_days(days: u32, same: &str) -> Arc<Model> {
    let users =
        "{name: card_users, fact: sales, conversion: {of: customer, to: accounts, over: date, ";
    let is = format!("{users}by: date, periods: {days}{same}}}");
    model_with(&format!("{users}by: month, periods: 2}}"), &is)
}

/// Conditions of the question are on what was bought, not on the balance that follows.
#[tokio::test]
async fn what_follows_is_looked_for_whatever_the_question_says() {
    let sql = "SELECT MEASURE(card_sales), MEASURE(big_card_sales), \
               MEASURE(card_sales) AT (ALL country) FROM cubes.trade WHERE date_month = '2024-06' AND country = 'NO'";
    let (_at, session) = world().await;
    let query = session.plan_sql(sql).await.unwrap();
    assert_eq!(answer(&query).await.unwrap().rows, [[1, 1, 1].map(Value::int)]);
    let routing = query.routing().join("\n");
    assert!(
        routing.contains("fact sales, followed by accounts within 2 months: base rows"),
        "{routing}"
    );
}

#[tokio::test]
async fn a_row_of_the_cube_does_not_say_what_follows_it() {
    let sql = "SELECT sum(m) FROM (SELECT card_sales + 1 AS m FROM cubes.trade)";
    let error = refused(sql).await.to_string();
    assert!(error.contains("`card_sales` would be wrong"), "{error}");
    assert!(error.contains("write MEASURE(card_sales)"), "{error}");
    let (_at, session) = world().await;
    let query = session.plan_sql("SELECT sum(card_sales) FROM cubes.trade").await.unwrap();
    assert_eq!(answer(&query).await.unwrap().rows, [[Value::int(3)]]);
    let sql = "SELECT measure, fact, kind, additivity, definition FROM system.measures \
               WHERE measure IN ('card_users', 'big_card_sales') ORDER BY 1";
    let query = session.plan_sql(sql).await.unwrap();
    let expected = [
        "measure | fact | kind | additivity | definition",
        "big_card_sales | sales | conversion | additive | rows of sales where net_amount > 10.5, followed by accounts where balance > 6 of the same customer, store within 1 months by date",
        "card_users | sales | conversion | not additive | members of customer with rows of sales, followed by accounts of the same customer within 2 months by date",
    ];
    let told = answer(&query).await.unwrap().to_string();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

/// Some hundreds of events, told to SQLite as well.
fn events() -> Data {
    let mut data = data();
    let mut seed = 1_u32;
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i32::try_from((seed >> 16) % below).unwrap()
    };
    let customers = [-1, 1, 2, 3];
    let mut event = |columns: &[(&str, Value)]| {
        let (year, month, day) = (2023 + next(3), 1 + next(12), 1 + next(28));
        let customer = customers[usize::try_from(next(4)).unwrap()];
        let mut event = row([
            ("date_key", Value::int(year * 10_000 + month * 100 + day)),
            ("customer_key", Value::int(customer)),
            ("store_key", Value::int(1 + next(2))),
        ]);
        event.extend(columns.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        event
    };
    let sales = (0..80).map(|line| {
        event(&[
            ("delivered_key", Value::int(-2)),
            ("receipt_no", Value::text(format!("r{line}"))),
            ("line_no", Value::int(line)),
            ("quantity", Value::int(1)),
            ("currency", Value::text("EUR")),
            ("net_amount", Value::cents(line * 100)),
            ("cost", Value::cents(0)),
            ("weight", Value::Null),
        ])
    });
    data.facts.insert("sales".to_owned(), sales.collect());
    let accounts = (0..40).map(|number| event(&[("balance", Value::cents(number * 100))]));
    data.facts.insert("accounts".to_owned(), accounts.collect());
    data
}

/// The events as tables of SQLite: year, day, durable customer (NULL for nobody), store.
fn in_sqlite(data: &Data) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    for fact in ["sales", "accounts"] {
        let create = format!("CREATE TABLE {fact} (year INT, day TEXT, customer INT, store INT)");
        database.execute(&create, []).unwrap();
        for event in &data.facts[fact] {
            let key = event["date_key"].to_string();
            let (year, month, day) = (&key[..4], &key[4..6], &key[6..]);
            // Keys 1 and 2 are versions of one customer.
            let customer = match event["customer_key"].to_string().as_str() {
                "-1" => "NULL".to_owned(),
                "2" => "1".to_owned(),
                key => key.to_owned(),
            };
            let store = &event["store_key"];
            let insert = format!(
                "INSERT INTO {fact} VALUES ({year}, '{year}-{month}-{day}', {customer}, {store})"
            );
            database.execute(&insert, []).unwrap();
        }
    }
    database
}

#[tokio::test]
async fn conversions_are_those_of_sqlite() {
    let data = events();
    let database = in_sqlite(&data);
    for (days, same, exists) in [
        (1, "", ""),
        (30, "", ""),
        (90, ", same: [store]", " AND b.store = a.store"),
        (700, "", ""),
    ] {
        let (at, model) = (TempWarehouse::open().await, within_days(days, same));
        let release = load(&at, &model, &data).await;
        let session = at.engine(&model, 4).session(Principal::local(), release);
        let sql = "SELECT date_year, MEASURE(card_users) FROM cubes.trade GROUP BY ROLLUP (date_year) ORDER BY 1";
        let answered = answer(&session.plan_sql(sql).await.unwrap()).await.unwrap();
        let converted = format!(
            "FROM sales a WHERE EXISTS (SELECT 1 FROM accounts b WHERE b.customer = a.customer{exists} \
             AND b.day >= a.day AND b.day < date(a.day, '+{days} days'))"
        );
        for line in &answered.rows {
            let of_year = if line[0].is_null() {
                String::new()
            } else {
                format!(" AND a.year = {}", line[0])
            };
            let sql = format!("SELECT count(DISTINCT customer) {converted}{of_year}");
            let expected: i64 = database.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(line[1], Value::int(expected), "{days} days: {sql}\n{answered}");
        }
        assert_eq!(answered.rows.len(), 4);
    }
}
