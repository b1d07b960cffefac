//! Answers from aggregates are looked at again: a wrong one is found.

use super::model::{bare_model, model};
use super::world::{change, load};
use crate::cube_support::{TempWarehouse, answer};
use crate::reference::Value;
use starhouse::policy::Principal;
use starhouse::store::Release;
use std::sync::Arc;
use std::time::Duration;

const QUESTIONS: [&str; 3] = [
    "SELECT date_year, MEASURE(revenue), MEASURE(average_line) FROM cubes.trade GROUP BY date_year",
    "SELECT region, MEASURE(lines) FROM cubes.trade GROUP BY ROLLUP (region)",
    // From base rows in any case.
    "SELECT receipt_no, MEASURE(lines) FROM cubes.trade GROUP BY receipt_no",
];

/// How many answers were compared, and how many of them were wrong, once all are asked.
async fn compared(at: &TempWarehouse, release: &Arc<Release>) -> (u64, u64) {
    let engine = at.engine_with(&model(), 2, |settings| settings.shadow_one_in = 1);
    for (place, question) in QUESTIONS.iter().enumerate() {
        let session = engine.session(Principal::local(), Arc::clone(release));
        answer(&session.plan_sql(question).await.unwrap()).await.unwrap();
        for _ in 0..2_000 {
            if engine.shadow_counts().0 > place as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(if place < 2 { 5 } else { 0 })).await;
        }
    }
    engine.shadow_counts()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_aggregate_is_found() {
    let at = TempWarehouse::open().await;
    let before = super::data();
    let release = load(&at, &model(), &before).await;
    assert_eq!(compared(&at, &release).await, (2, 0));

    // Facts change and nobody refreshes: it takes a model without aggregates to bring that about.
    let mut after = before.clone();
    for row in after.facts.get_mut("sales").unwrap() {
        row.insert("net_amount".to_owned(), Value::int(1));
    }
    let (release, _) = change(&at, &bare_model(), &before, &after).await;
    assert_eq!(compared(&at, &release).await, (2, 1));
    // The log does not wait for the disk.
    let mut wrong = Vec::new();
    for _ in 0..2_000 {
        let told = at.warehouse.queries().await.unwrap();
        wrong = told.into_iter().filter_map(|query| query.error).collect();
        if !wrong.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(
        matches!(wrong.as_slice(), [one] if one.contains("is not what base rows give")),
        "{wrong:?}"
    );
}
