//! Budgets at their own grain: a month and a city, beside sales by day and store. By what both know they
//! stand side by side; by what is finer a budget has no value, or is repeated where that is declared.

use super::chance;
use super::model::{faults_with_budgets, model_with_budgets};
use super::properties::{Asking, check, holds};
use super::world::{key_of, load, nobody, row, version};
use crate::cube_support::TempWarehouse;
use crate::reference::{Data, Reference, Row, Value};
use chrono::NaiveDate;
use proptest::collection::vec;
use proptest::option;
use proptest::sample::{select, subsequence};
use proptest::strategy::Strategy;
use serde_json::json;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;
use starhouse::query::{CubeQuery, Slice, Totals};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of a budget: the month, the city by any number, the cents where somebody knows them.
type Budget = (u32, usize, Option<i32>);

/// The cities of the stores, as the load makes them of their members.
fn cities(stores: &[Row]) -> Vec<Row> {
    let names = ["country", "region", "city"];
    let mut cities: BTreeMap<(Value, Value), Value> = BTreeMap::new();
    for store in stores.iter().filter(|store| store["store_key"] > Value::int(0)) {
        let [country, region, city] = names.map(|name| store[name].clone());
        if country.is_null() || city.is_null() {
            continue;
        }
        let known = cities.entry((country, city)).or_insert(Value::Null);
        if known.is_null() || !region.is_null() && region > *known {
            *known = region;
        }
    }
    let mut rows = nobody("store_city", &names);
    for (index, ((country, city), region)) in cities.into_iter().enumerate() {
        let key = i32::try_from(index).unwrap() + 1;
        let texts = [("country", country), ("region", region), ("city", city)];
        rows.push(version("store_city", key, key, (1900, 9999), &texts));
    }
    rows
}

/// A world with budgets, each city and month at most once.
fn world(mut data: Data, budgets: &[Budget]) -> Data {
    let cities = cities(&data.dimensions["store"]);
    let mut known: BTreeMap<(u32, usize), Option<i32>> = BTreeMap::new();
    for (month, city, cents) in budgets {
        // Some are of a city that nobody knows, or of none.
        known.insert((*month, city % cities.len()), *cents);
    }
    let rows = known.into_iter().map(|((month, city), cents)| {
        let year = 2023 + i32::try_from(month / 12).unwrap();
        let day = NaiveDate::from_ymd_opt(year, month % 12 + 1, 1).unwrap();
        row([
            ("date_key", key_of(day)),
            ("store_city_key", cities[city]["store_city_key"].clone()),
            ("amount", cents.map_or(Value::Null, Value::cents)),
        ])
    });
    data.facts.insert("budget".to_owned(), rows.collect());
    data.dimensions.insert("store_city".to_owned(), cities);
    data
}

const SHARED: [&str; 6] =
    ["country", "region", "store_city", "date_year", "date_quarter", "date_month"];
const FINER: [&str; 4] = ["store_name", "date_date", "segment", "delivered_year"];
const MEASURES: [&str; 8] = [
    "revenue",
    "lines",
    "budget",
    "budgets",
    "cities",
    "budget_anyway",
    "attainment",
    "budget_share",
];

fn question() -> impl Strategy<Value = CubeQuery> {
    let rows = subsequence(SHARED.to_vec(), 0..=3);
    let held = option::of((select(vec!["store.country", "date.year"]), select(vec![0_usize, 1])));
    (rows, subsequence(MEASURES.to_vec(), 1..5), held).prop_map(|(rows, measures, held)| {
        CubeQuery {
            cube: "plan".to_owned(),
            totals: if rows.is_empty() { Totals::None } else { Totals::Rollup },
            rows: rows.into_iter().map(str::to_owned).collect(),
            measures: measures.into_iter().map(str::to_owned).collect(),
            dice: held
                .map(|(name, which)| {
                    let members = match name {
                        "date.year" => vec![json!(2023 + which)],
                        _ => vec![json!(["IT", "NO"][which])],
                    };
                    (name.to_owned(), Slice::Members(members))
                })
                .into_iter()
                .collect(),
            ..CubeQuery::default()
        }
    })
}

#[test]
fn budgets_are_answered_by_what_they_know() {
    let budgets = vec((0..36_u32, 0..100_usize, option::weighted(0.9, -5..50_i32)), 0..20);
    let cases = (chance::data(), budgets, vec(question(), 10), select(FINER.to_vec()));
    let model = model_with_budgets();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&cases, |(data, budgets, questions, finer)| {
        let data = world(data, &budgets);
        runtime.block_on(async {
            let at = TempWarehouse::open().await;
            let release = load(&at, &model, &data).await;
            let reference = Reference::new(&model, &data);
            for (number, question) in questions.iter().enumerate() {
                let engine = at.engine(&model, 1 + number % 2);
                let session = engine.session(Principal::local(), Arc::clone(&release));
                let session = session.with_aggregates(number % 3 > 0);
                check(&session, &Asking::Query(question), &reference.ask(question)).await?;

                // By what is finer, sales are answered, and what is declared to be repeated.
                let mut by_finer = question.clone();
                by_finer.rows.push(finer.to_owned());
                by_finer.totals = Totals::Rollup;
                by_finer.measures = vec!["revenue".to_owned(), "budget_anyway".to_owned()];
                check(&session, &Asking::Query(&by_finer), &reference.ask(&by_finer)).await?;
                by_finer.measures = vec!["attainment".to_owned()];
                let error = session.plan_cube_query(&by_finer).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::User, "{error}");
                let told = match finer {
                    "store_name" => "fact budget knows `store` by the city",
                    "date_date" => "fact budget knows `date` by the month",
                    _ => "fact budget has no dimension in the role",
                };
                assert!(error.to_string().contains(told), "{error}");
            }
            Ok(())
        })
    });
}

#[test]
fn a_level_that_there_is_not_is_told() {
    let told =
        faults_with_budgets("dimension: store, level: city", "dimension: store, level: town");
    assert!(
        told.contains("unknown level `town`, expected one of city, country, region, store"),
        "{told}"
    );
    let told = faults_with_budgets("store_city_key", "store_key");
    assert!(told.contains("unknown key column `store_key`"), "{told}");
    let role = "  - {role: store, dimension: store, level: city}\n";
    let again = format!("{role}  - {{role: again, dimension: store_city}}\n");
    let told = faults_with_budgets(role, &again);
    assert!(told.contains("`store_city` is the level `city` of `store`"), "{told}");
}
