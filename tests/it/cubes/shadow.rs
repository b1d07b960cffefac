//! Answers from aggregates are looked at again: a wrong one is found.

use super::model::{bare_model, files, model};
use super::sql::{lines, routing};
use super::world::{change, load};
use crate::cube_support::{TempWarehouse, answer};
use crate::reference::Value;
use starhouse::engine::Engine;
use starhouse::policy::Principal;
use starhouse::store::Release;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const QUESTIONS: [&str; 3] = [
    "SELECT date_year, MEASURE(revenue), MEASURE(average_line) FROM cubes.trade GROUP BY date_year",
    "SELECT region, MEASURE(lines) FROM cubes.trade GROUP BY ROLLUP (region)",
    // From base rows in any case.
    "SELECT receipt_no, MEASURE(lines) FROM cubes.trade GROUP BY receipt_no",
];

/// How many answers were compared, and how many of them were wrong, once some are asked.
async fn compared(
    at: &TempWarehouse,
    release: &Arc<Release>,
    questions: &[&str],
) -> (Engine, (u64, u64)) {
    let engine = at.engine_with(&model(), 2, |settings| settings.shadow_one_in = 1);
    for (place, question) in questions.iter().enumerate() {
        let session = engine.session(Principal::local(), Arc::clone(release));
        answer(&session.plan_sql(question).await.unwrap()).await.unwrap();
        for _ in 0..2_000 {
            if engine.shadow_counts().0 > place as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(if place < 2 { 5 } else { 0 })).await;
        }
    }
    let counts = engine.shadow_counts();
    (engine, counts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_aggregate_is_found() {
    let at = TempWarehouse::open().await;
    let before = super::data();
    let release = load(&at, &model(), &before).await;
    assert_eq!(compared(&at, &release, &QUESTIONS).await.1, (2, 0));

    // Facts change and nobody refreshes: it takes a model without aggregates to bring that about.
    let mut after = before.clone();
    for row in after.facts.get_mut("sales").unwrap() {
        row.insert("net_amount".to_owned(), Value::int(1));
    }
    let (release, _) = change(&at, &bare_model(), &before, &after).await;
    let base = at.engine(&model(), 2).session(Principal::local(), Arc::clone(&release));
    let right = lines(&base.with_aggregates(false), QUESTIONS[0]).await;
    let (engine, counts) = compared(&at, &release, &QUESTIONS[..1]).await;
    assert_eq!(counts, (1, 1));
    let told = engine.shadow_told().await;
    assert!(
        matches!(told.as_slice(), [one] if one.contains("agg_trade_by_month_store")),
        "{told:?}"
    );

    // It answers nothing more, neither that question nor another, until its files are others.
    let session = engine.session(Principal::local(), Arc::clone(&release));
    for question in &QUESTIONS[..2] {
        let routing = routing(&session, question).await;
        assert!(routing.contains("by_month_store gave another answer than base rows"), "{routing}");
    }
    assert_eq!(lines(&session, QUESTIONS[0]).await, right);
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
        matches!(wrong.as_slice(), [one] if one.contains("is not what base rows give")
            && one.contains("where base rows give") && one.contains("agg_trade_by_month_store")),
        "{wrong:?}"
    );
}

/// Whoever asks on the command line is told, where the project wants all answers looked at again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_answer_is_told_on_the_command_line() {
    let at = TempWarehouse::open().await;
    let before = super::data();
    load(&at, &model(), &before).await;
    let project = at.as_project(&files()).to_owned();
    let ask = |command: &str, question: &str| {
        Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args([command, "--project", project.to_str().unwrap(), question])
            .env("STARHOUSE_SHADOW", "1")
            .output()
            .unwrap()
    };
    let right = ask("sql", QUESTIONS[0]);
    assert!(right.status.success(), "{}", String::from_utf8_lossy(&right.stderr));
    assert_eq!(String::from_utf8_lossy(&right.stderr), "");

    let mut after = before.clone();
    for row in after.facts.get_mut("sales").unwrap() {
        row.insert("net_amount".to_owned(), Value::int(1));
    }
    change(&at, &bare_model(), &before, &after).await;
    let query = project.join("question.yaml");
    std::fs::write(&query, "{cube: trade, rows: [date_year], measures: [revenue]}").unwrap();
    for (command, question) in [("sql", QUESTIONS[0]), ("query", query.to_str().unwrap())] {
        let told = String::from_utf8(ask(command, question).stderr).unwrap();
        let warned = |line: &str| {
            line.starts_with("warning: ") && line.contains("answered from agg_trade_by_")
        };
        assert!(told.lines().any(warned), "{told}");
    }
}
