//! Aggregates after changes: late facts, restatements, deletions, members told otherwise. What was
//! computed for some months, or from a finer aggregate, answers as what is computed anew.

use super::chance;
use super::model::finer_model;
use super::properties::{Asking, check, holds};
use super::world::{change, key_of, load};
use crate::cube_support::TempWarehouse;
use crate::reference::{Data, Reference, Row, Value};
use chrono::NaiveDate;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseError;
use starhouse::aggregate::{Extent, Refreshed};
use starhouse::policy::Principal;
use starhouse::query::CubeQuery;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that becomes other than it was.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    /// A row of a fact goes.
    Drop(&'static str, Index),
    /// A row of a fact has another value.
    Restate(&'static str, Index, &'static str, Value),
    /// A row of a fact comes again, under another line.
    Repeat(Index),
    /// A member is told otherwise, under the same key.
    Tell(&'static str, Index, &'static str, Value),
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    let cents = || (0..9_i32).prop_map(|n| Value::cents(n * 333));
    let words = |words: &'static [&'static str]| select(words).prop_map(Value::text);
    let day = || {
        const DAYS: [(i32, u32, u32); 3] = [(2023, 2, 28), (2024, 6, 29), (2025, 7, 1)];
        select(&DAYS[..]).prop_map(|(y, m, d)| key_of(NaiveDate::from_ymd_opt(y, m, d).unwrap()))
    };
    let fact = || select(&["sales", "accounts"][..]);
    prop_oneof![
        (fact(), any::<Index>()).prop_map(|(fact, row)| Edit::Drop(fact, row)),
        (any::<Index>(), cents()).prop_map(|(r, v)| Edit::Restate("sales", r, "net_amount", v)),
        (any::<Index>(), cents()).prop_map(|(r, v)| Edit::Restate("accounts", r, "balance", v)),
        (fact(), any::<Index>(), day()).prop_map(|(f, r, v)| Edit::Restate(f, r, "date_key", v)),
        (fact(), any::<Index>()).prop_map(|(f, r)| Edit::Restate(
            f,
            r,
            "customer_key",
            Value::int(-1)
        )),
        any::<Index>().prop_map(Edit::Repeat),
        (any::<Index>(), words(&["north", "west"]))
            .prop_map(|(r, v)| Edit::Tell("store", r, "region", v)),
        (any::<Index>(), words(&["gold", "tin"]))
            .prop_map(|(r, v)| Edit::Tell("customer", r, "segment", v)),
        (any::<Index>(), words(&["Rome", "Bergen"]))
            .prop_map(|(r, v)| Edit::Tell("customer", r, "city", v)),
    ]
}

pub(super) fn apply(data: &mut Data, edit: &Edit) {
    fn pick<'a>(rows: &'a mut [Row], row: &Index) -> Option<&'a mut Row> {
        (!rows.is_empty()).then(|| row.get_mut(rows))
    }
    match edit {
        Edit::Drop(fact, row) => {
            let rows = data.facts.get_mut(*fact).unwrap();
            if !rows.is_empty() {
                rows.remove(row.index(rows.len()));
            }
        }
        Edit::Restate(fact, row, column, value) => {
            if let Some(row) = pick(data.facts.get_mut(*fact).unwrap(), row) {
                row.insert((*column).to_owned(), value.clone());
            }
        }
        Edit::Repeat(row) => {
            let rows = data.facts.get_mut("sales").unwrap();
            if let Some(mut again) = pick(rows, row).cloned() {
                again.insert("line_no".to_owned(), Value::int(1_000 + rows.len() as i128));
                rows.push(again);
            }
        }
        Edit::Tell(dimension, row, column, value) => {
            if let Some(row) = pick(data.dimensions.get_mut(*dimension).unwrap(), row) {
                row.insert((*column).to_owned(), value.clone());
            }
        }
    }
}

#[test]
fn refreshed_aggregates_answer_as_the_reference_does() {
    let more = any::<Index>().prop_map(Edit::Repeat);
    let release = prop_oneof![vec(edit(), 1..5), vec(more, 1..5)];
    let releases = vec(release, 1..4);
    let cases = (chance::data(), releases, vec(chance::question(), 4));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&cases, |(data, releases, questions)| {
        runtime.block_on(change_and_ask(data, &releases, &questions))
    });
}

async fn change_and_ask(
    mut data: Data,
    releases: &[Vec<Edit>],
    questions: &[CubeQuery],
) -> Result<(), TestCaseError> {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    load(&at, &model, &data).await;
    for edits in releases {
        let before = data.clone();
        edits.iter().for_each(|edit| apply(&mut data, edit));
        let (release, _) = change(&at, &model, &before, &data).await;
        let session = at.engine(&model, 2).session(Principal::local(), release);
        let reference = Reference::new(&model, &data);
        for question in questions {
            check(&session, &Asking::Query(question), &reference.ask(question)).await?;
        }
    }
    Ok(())
}

fn months<const N: usize>(months: [i32; N]) -> Extent {
    Extent::Months(BTreeSet::from(months))
}

/// What is computed anew after one change to the small world of the traps.
async fn after(edit: impl FnOnce(&mut Data)) -> Vec<(String, Extent, Option<String>)> {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let before = super::traps::data();
    load(&at, &model, &before).await;
    let mut data = before.clone();
    edit(&mut data);
    let (release, refreshed) = change(&at, &model, &before, &data).await;
    let session = at.engine(&model, 2).session(Principal::local(), Arc::clone(&release));
    let reference = Reference::new(&model, &data);
    let measures = ["revenue", "buyers", "lines", "pieces", "balance", "snapshots"];
    for rows in [vec!["date_year"], vec!["region"], vec!["segment", "date.month"]] {
        let question = CubeQuery {
            rows: rows.into_iter().map(str::to_owned).collect(),
            cube: "trade".to_owned(),
            measures: measures.map(str::to_owned).to_vec(),
            ..CubeQuery::default()
        };
        let expected = reference.ask(&question);
        check(&session, &Asking::Query(&question), &expected).await.unwrap();
    }
    let told = |one: Refreshed| (one.table.replace("agg_trade_", ""), one.extent, one.parent);
    refreshed.into_iter().map(told).collect()
}

#[tokio::test]
async fn a_restated_month_alone_is_computed_anew() {
    let done = after(|data| {
        let rows = data.facts.get_mut("sales").unwrap();
        rows[0].insert("net_amount".to_owned(), Value::cents(7_700));
    })
    .await;
    let extent = |name: &str| done.iter().find(|(table, ..)| table == name).map(|(_, e, _)| e);
    let month = extent("by_day_customer").expect("the finest is computed anew");
    assert!(matches!(month, Extent::Months(months) if months.len() == 1), "{done:?}");
    assert_eq!(extent("by_month_store"), Some(month), "{done:?}");
    assert_eq!(extent("by_store"), Some(&Extent::Whole("it does not keep months")), "{done:?}");
    assert_eq!(extent("balances"), None, "{done:?}");
    let parent = done.iter().find(|(table, ..)| table == "by_month_region").unwrap().2.as_deref();
    assert_eq!(parent, Some("by_day_customer"), "{done:?}");
}

/// Rows more are computed alone: put together with their months, or with all where there is no room
/// beside it.
#[tokio::test]
async fn what_was_added_alone_is_computed() {
    let done = after(|data| {
        let rows = data.facts.get_mut("sales").unwrap();
        let mut again = rows[0].clone();
        again.insert("line_no".to_owned(), Value::int(1_000));
        rows.push(again);
    })
    .await;
    let extent = |name: &str| done.iter().find(|(table, ..)| table == name).map(|(_, e, _)| e);
    let month = extent("by_day_customer").expect("the finest has more rows");
    assert!(matches!(month, Extent::Added(months) if months.len() == 1), "{done:?}");
    assert_eq!(extent("by_month_store"), Some(month), "{done:?}");
    assert_eq!(extent("by_store"), Some(&Extent::Added(BTreeSet::new())), "{done:?}");
    assert_eq!(extent("balances"), None, "{done:?}");
    assert!(done.iter().all(|(.., parent)| parent.is_none()), "{done:?}");
}

/// States of rows that come in many loads stand beside others, until all are put together.
#[tokio::test]
async fn what_stands_beside_is_put_together_in_time() {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let mut data = super::traps::data();
    let row = data.facts["sales"][0].clone();
    let sales = |data: &mut Data, lines: std::ops::Range<i128>| {
        let rows = data.facts.get_mut("sales").unwrap();
        rows.extend(lines.map(|line| {
            let mut row = row.clone();
            row.insert("line_no".to_owned(), Value::int(1_000 + line));
            // Each of a customer and a store, so that aggregates have many rows.
            row.insert("receipt_no".to_owned(), Value::text(format!("R{line}")));
            row
        }));
    };
    sales(&mut data, 0..60);
    load(&at, &model, &data).await;
    let (mut beside, mut together) = (0, 0);
    for step in 0..24 {
        let before = data.clone();
        sales(&mut data, 100 + step..101 + step);
        let (release, refreshed) = change(&at, &model, &before, &data).await;
        for name in ["agg_trade_receipts", "agg_trade_by_receipt"] {
            let one = refreshed.iter().find(|one| one.table == name).unwrap();
            assert!(matches!(one.extent, Extent::Added(_)), "{one:?}");
            let table = &release.tables[name];
            match one.rows {
                1 => beside += 1,
                rows => {
                    assert_eq!((rows, table.files.len()), (table.rows(), 1));
                    together += 1;
                }
            }
        }
        let session = at.engine(&model, 2).session(Principal::local(), release);
        let question = CubeQuery {
            rows: vec!["receipt_no".to_owned()],
            cube: "trade".to_owned(),
            measures: ["revenue", "lines", "dearest"].map(str::to_owned).to_vec(),
            ..CubeQuery::default()
        };
        let by_region = CubeQuery {
            rows: vec!["region".to_owned()],
            measures: ["revenue", "buyers", "pieces"].map(str::to_owned).to_vec(),
            ..question.clone()
        };
        let reference = Reference::new(&model, &data);
        for question in [question, by_region] {
            let expected = reference.ask(&question);
            check(&session, &Asking::Query(&question), &expected).await.unwrap();
        }
    }
    // Eight beside others, then all together, and so on; each of both aggregates.
    assert_eq!((beside, together), (2 * 22, 2 * 2));

    // A month restated, while states of it stand beside others: none of them is left.
    let before = data.clone();
    let rows = data.facts.get_mut("sales").unwrap();
    rows.last_mut().unwrap().insert("net_amount".to_owned(), Value::cents(7_700));
    let (release, refreshed) = change(&at, &model, &before, &data).await;
    let restated = refreshed.iter().find(|one| one.table == "agg_trade_by_receipt").unwrap();
    assert!(
        matches!(&restated.extent, Extent::Months(months) if months.len() == 1),
        "{restated:?}"
    );
    assert_eq!(release.tables["agg_trade_by_receipt"].files.len(), 1);
    let session = at.engine(&model, 2).session(Principal::local(), release);
    let reference = Reference::new(&model, &data);
    for measures in [["lines", "pieces"], ["revenue", "dearest"]] {
        let question = CubeQuery {
            rows: vec!["date.month".to_owned(), "receipt_no".to_owned()],
            cube: "trade".to_owned(),
            measures: measures.map(str::to_owned).to_vec(),
            ..CubeQuery::default()
        };
        check(&session, &Asking::Query(&question), &reference.ask(&question)).await.unwrap();
    }
}

/// An overwritten attribute is computed anew where it is kept by value, for the months of facts that
/// point to the member.
#[tokio::test]
async fn a_member_told_otherwise_shows_where_it_is_kept_by_value() {
    let done = after(|data| {
        let stores = data.dimensions.get_mut("store").unwrap();
        let store = stores.iter_mut().find(|row| row["store_key"] == Value::int(1)).unwrap();
        store.insert("region".to_owned(), Value::text("west"));
    })
    .await;
    let tables: Vec<&str> = done.iter().map(|(table, ..)| table.as_str()).collect();
    assert_eq!(tables, ["by_day_customer", "by_month_store", "by_month_region"], "{done:?}");
    let all_months = |(_, extent, _): &(String, Extent, Option<String>)| matches!(extent, Extent::Months(months) if !months.is_empty());
    assert!(done.iter().all(all_months), "{done:?}");
    assert_ne!(done[0].1, months([]));
}

/// What is told of a member that no fact points to changes nothing.
#[tokio::test]
async fn a_change_that_does_not_show_computes_nothing() {
    let done = after(|data| {
        let stores = data.dimensions.get_mut("store").unwrap();
        let store = stores.iter_mut().find(|row| row["store_key"] == Value::int(-2)).unwrap();
        store.insert("region".to_owned(), Value::text("nowhere"));
    })
    .await;
    assert_eq!(done, []);
}
