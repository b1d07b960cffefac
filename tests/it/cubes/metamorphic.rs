//! What holds between the parts of an answer and its total, whatever the data: checked without
//! the reference.

use super::chance;
use super::model::model;
use super::properties::holds;
use super::world::load;
use crate::cube_support::{self, TempWarehouse};
use crate::reference::{Answer, Data, Value};
use starhouse::policy::Principal;
use starhouse::query::{CubeQuery, Totals};

#[test]
fn parts_add_up_to_their_total() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&chance::data(), |data| {
        runtime.block_on(check(&data));
        Ok(())
    });
}

async fn check(data: &Data) {
    let (at, model) = (TempWarehouse::open().await, model());
    let release = load(&at, &model, data).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    for column in ["date_year", "date_month", "segment", "customer_id", "region", "store_id"] {
        let measures = [
            "revenue",
            "lines",
            "snapshots",
            "balance",
            "buyers",
            "holders",
            "revenue_share",
            "revenue_ytd",
            "card_users",
            "card_sales",
        ];
        let query = CubeQuery {
            cube: "trade".to_owned(),
            rows: vec![column.to_owned()],
            measures: measures.map(str::to_owned).into(),
            totals: Totals::Grand,
            ..CubeQuery::default()
        };
        let answer =
            cube_support::answer(&session.plan_cube_query(&query).await.unwrap()).await.unwrap();
        for additive in ["revenue", "lines", "snapshots", "card_sales"] {
            let (parts, total) = parts_and_total(&answer, column, additive);
            assert_eq!(sum(&parts).unwrap_or(nothing(additive)), total, "{additive}\n{answer}");
        }
        // A balance adds up over all but time.
        if !column.starts_with("date") {
            let (parts, total) = parts_and_total(&answer, column, "balance");
            assert_eq!(sum(&parts).unwrap_or(Value::Null), total, "balance\n{answer}");
        }
        for distinct in ["buyers", "holders", "card_users"] {
            let (parts, total) = parts_and_total(&answer, column, distinct);
            assert!(total <= sum(&parts).unwrap_or(Value::int(0)), "{distinct}\n{answer}");
            assert!(parts.iter().all(|part| *part <= total), "{distinct}\n{answer}");
        }
        // A year to date is the year at its end.
        if column == "date_year" {
            let years = answer.column(column);
            let both = answer.column("revenue").into_iter().zip(answer.column("revenue_ytd"));
            for (year, (whole, to_date)) in years.iter().zip(both) {
                assert!(year.is_null() || whole == to_date, "{year}\n{answer}");
            }
        }
        let (shares, whole) = parts_and_total(&answer, column, "revenue_share");
        if let (Some(shares), Some(whole)) = (sum(&shares).and_then(|s| s.float()), whole.float()) {
            assert!((shares - 1.0).abs() < 1e-6 && whole == 1.0, "{answer}");
        }
    }
}

/// Money without a rate is refused by the one measure exactly where the other shows none of it.
#[test]
fn amounts_are_refused_where_they_would_be_empty() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&chance::data(), |data| {
        runtime.block_on(refuses(&data));
        Ok(())
    });
}

async fn refuses(data: &Data) {
    let (at, model) = (TempWarehouse::open().await, model());
    let release = load(&at, &model, data).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    for column in ["date_month", "segment", "store_id"] {
        let query = |measures: &[&str]| CubeQuery {
            cube: "trade".to_owned(),
            rows: vec![column.to_owned()],
            measures: measures.iter().map(|name| (*name).to_owned()).collect(),
            ..CubeQuery::default()
        };
        let both = session.plan_cube_query(&query(&["revenue", "in_euro"])).await.unwrap();
        let answer = cube_support::answer(&both).await.unwrap();
        let (paid, in_euro) = (answer.column("revenue"), answer.column("in_euro"));
        let mut cells = paid.iter().zip(&in_euro);
        let lacks = cells.any(|(paid, in_euro)| !paid.is_null() && in_euro.is_null());
        let only = session.plan_cube_query(&query(&["in_euro_only"])).await.unwrap();
        match cube_support::answer(&only).await {
            Ok(only) => {
                assert!(!lacks, "{answer}");
                assert_eq!(only.column("in_euro_only"), in_euro, "{answer}");
            }
            Err(error) => {
                assert!(lacks, "{error}\n{answer}");
                assert!(error.to_string().contains("cannot be converted to EUR"), "{error}");
            }
        }
    }
}

fn nothing(measure: &str) -> Value {
    if measure == "revenue" { Value::Null } else { Value::int(0) }
}

/// A measure's parts and its total.
fn parts_and_total(answer: &Answer, column: &str, measure: &str) -> (Vec<Value>, Value) {
    let flags = answer.column(&format!("{column}_is_total"));
    let values = answer.column(measure).into_iter().zip(flags);
    let (total, parts): (Vec<_>, Vec<_>) = values.partition(|(_, flag)| *flag == Value::int(1));
    assert_eq!(total.len(), 1, "{answer}");
    (parts.into_iter().map(|(value, _)| value).collect(), total[0].0.clone())
}

/// The sum of the values that are there.
fn sum(values: &[Value]) -> Option<Value> {
    let there = values.iter().filter(|value| !value.is_null()).cloned();
    there.reduce(|a, b| a.plus(&b))
}
