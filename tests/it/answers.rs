//! Answers kept for questions that are asked again.

use crate::cube_support::{self, TempWarehouse};
use crate::cubes::{data, finer_model, load};
use crate::reference::{Data, Value};
use starhouse::engine::{Engine, Session};
use starhouse::policy::Principal;
use starhouse::store::Release;
use std::sync::Arc;

const AGAIN: &str = "the same was asked of this release before";

async fn ask(session: &Session, sql: &str) -> Vec<String> {
    let query = session.plan_sql(sql).await.unwrap();
    let answer = cube_support::answer(&query).await.unwrap();
    answer.to_string().lines().map(str::to_owned).collect()
}

/// How often questions were answered from memory, by the log.
async fn from_memory(at: &TempWarehouse) -> usize {
    let queries = at.warehouse.queries().await.unwrap();
    queries.iter().filter(|query| query.routing.iter().any(|reason| reason == AGAIN)).count()
}

fn session(engine: &Engine, release: &Arc<Release>) -> Session {
    engine.session(Principal::local(), Arc::clone(release))
}

#[tokio::test]
async fn what_is_asked_again_is_answered_from_memory_until_there_is_a_release() {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let before = data();
    let first = load(&at, &model, &before).await;
    let engine = at.remembering_engine(&model, 2, 1 << 20);
    let sql = "SELECT country, MEASURE(revenue) FROM cubes.trade GROUP BY 1 ORDER BY 1";
    let answer = ask(&session(&engine, &first), sql).await;
    assert_eq!(from_memory(&at).await, 0);
    assert_eq!(ask(&session(&engine, &first), sql).await, answer);
    assert_eq!(from_memory(&at).await, 1);
    // Others ask for themselves, and otherwise: not the same.
    let other = engine.session(Principal::pipeline(), Arc::clone(&first));
    assert_eq!(ask(&other, sql).await, answer);
    assert_eq!(ask(&session(&engine, &first).with_aggregates(false), sql).await, answer);
    assert_eq!(from_memory(&at).await, 1);

    let mut after: Data = before.clone();
    let rows = after.facts.get_mut("sales").unwrap();
    rows[0].insert("net_amount".to_owned(), Value::cents(99_900));
    let (second, _) = crate::cubes::change(&at, &model, &before, &after).await;
    let changed = ask(&session(&engine, &second), sql).await;
    assert_ne!(changed, answer);
    assert_eq!(from_memory(&at).await, 1);
    assert_eq!(ask(&session(&engine, &second), sql).await, changed);
    assert_eq!(ask(&session(&engine, &first), sql).await, answer, "a pinned release stays");
}

#[tokio::test]
async fn what_may_say_something_else_is_asked_anew() {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let release = load(&at, &model, &data()).await;
    let engine = at.remembering_engine(&model, 2, 1 << 20);
    for sql in [
        "SELECT count(*) FROM fact_sales WHERE now() > '2000-01-01'",
        "SELECT count(*) FROM fact_sales WHERE random() < 2",
        "SELECT count(*) FROM system.queries",
        "SELECT count(*) FROM information_schema.tables",
        "EXPLAIN SELECT count(*) FROM fact_sales",
    ] {
        ask(&session(&engine, &release), sql).await;
        ask(&session(&engine, &release), sql).await;
    }
    assert_eq!(from_memory(&at).await, 0);
    // Values of parameters are a part of the question.
    let query = session(&engine, &release);
    let query = query.plan_sql("SELECT count(*) FROM fact_sales WHERE line_no < $1").await.unwrap();
    let mut counts = Vec::new();
    for bound in [0_i64, 1_000, 0] {
        let bound = query.bind(vec![bound.into()]).unwrap();
        counts.push(cube_support::answer(&bound).await.unwrap().to_string());
    }
    assert_eq!(counts[0], counts[2]);
    assert_ne!(counts[0], counts[1]);
    assert_eq!(from_memory(&at).await, 1);
}

/// The oldest go, and what is too large never comes.
#[tokio::test]
async fn answers_are_bounded() {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let release = load(&at, &model, &data()).await;
    let engine = at.remembering_engine(&model, 1, 256 << 10);
    let session = session(&engine, &release);
    let small = |number: usize| format!("SELECT max(line_no) + {number} FROM fact_sales");
    for number in 0..100 {
        ask(&session, &small(number)).await;
    }
    ask(&session, &small(0)).await;
    assert_eq!(from_memory(&at).await, 0, "the first of a hundred was forgotten");
    ask(&session, &small(99)).await;
    assert_eq!(from_memory(&at).await, 1);
    let large = "SELECT d.*, e.date FROM dim_date d, dim_date e WHERE e.date < '2023-01-05'";
    ask(&session, large).await;
    ask(&session, large).await;
    assert_eq!(from_memory(&at).await, 1);
}
