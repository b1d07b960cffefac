//! The sample warehouse against the generator's truth.
//!
//! The truth is computed here from what the generator made up, by brute force and without the
//! engine: no DataFusion, no Arrow, decimals as whole cents. The real pipeline loads both days in
//! a temporary folder; then cleaned tables are compared row for row, rejects with the known dirt,
//! and the answers over both ways of asking, with aggregates and without.

mod answers;
mod behaviour;
mod cell;
mod compare;
mod fold;
mod knowledge;
mod tables;
mod trade;
mod warehouse;

use cell::Cell;
use knowledge::Knowledge;
use starhouse::ids::ReleaseId;
use starhouse::sample::project::Sample;
use starhouse::sample::retail::{Retail, SEED};
use warehouse::Built;

#[tokio::test(flavor = "multi_thread")]
async fn the_warehouse_tells_the_truth() {
    let retail = Retail::generate(SEED);
    let built = Built::new(&retail).await;
    let known = Knowledge::of(&retail);
    rejects_are_the_known_dirt(&built).await;
    // The first day as it was loaded first: a second day that never came to pass.
    let mut first_day = retail.clone();
    first_day.day_two = first_day.day_one.clone();
    let known_then = Knowledge::of(&first_day);
    tables_are_the_truth(&built, built.after_day_one, &first_day, &known_then).await;
    let latest = built.latest().await;
    tables_are_the_truth(&built, latest, &retail, &known).await;
    links_are_the_truth(&built, &retail, &known).await;
    answers_are_the_truth(&built, &retail, &known).await;
}

/// Both days' files found at once, as by who deletes the warehouse and loads it again: the facts
/// are those of two days. (Members who left in between were never known then, so keys differ.)
#[tokio::test(flavor = "multi_thread")]
async fn both_days_at_once_give_the_same_facts() {
    let retail = Retail::generate(SEED);
    let (apart, together) = (Built::new(&retail).await, Built::at_once(&retail).await);
    for sql in [
        "SELECT receipt_no, line_no, date_key, quantity, net_amount, cost_amount FROM fact_sales",
        "SELECT account_no, date_key, balance, credit_limit FROM fact_account_balance",
        "SELECT * EXCEPT (customer_key) FROM fact_campaign_contact",
        "SELECT * EXCEPT (customer_key) FROM fact_service_ticket",
    ] {
        let text = |rows: Vec<Vec<String>>| rows.iter().map(|row| row.join("|")).collect();
        compare::same_rows(sql, text(apart.rows(sql).await), text(together.rows(sql).await));
    }
}

/// The same seed gives the same bytes.
#[test]
fn a_seed_gives_the_same_bytes() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [a.path(), b.path()] {
        let retail = Retail::generate(7);
        retail.write_day_one(folder).unwrap();
        retail.write_day_two(folder).unwrap();
    }
    let (a, b) = (compare::files_in(a.path()), compare::files_in(b.path()));
    assert_eq!(a.len(), 28, "{:?}", a.keys());
    assert!(a == b, "the same seed gave other bytes");
}

async fn rejects_are_the_known_dirt(built: &Built) {
    for (day, expected) in built.known_rejects.iter().enumerate() {
        let found = built.rejects(day).await;
        compare::same_rows(&format!("rejects of day {}", day + 1), expected.clone(), found);
    }
}

async fn tables_are_the_truth(
    built: &Built,
    release: ReleaseId,
    retail: &Retail,
    known: &Knowledge,
) {
    for table in tables::all(retail, known, built.second_run_us) {
        let found = built.rows_at(release, &table.sql).await;
        let found = found.iter().map(|row| row.join("|")).collect();
        compare::same_rows(&format!("{} in release {release}", table.name), table.expected, found);
    }
}

async fn links_are_the_truth(built: &Built, retail: &Retail, known: &Knowledge) {
    for table in tables::links(retail, known) {
        let found = built.rows(&table.sql).await;
        let found = found.iter().map(|row| row.join("|")).collect();
        compare::same_rows(table.name, table.expected, found);
    }
}

async fn answers_are_the_truth(built: &Built, retail: &Retail, known: &Knowledge) {
    let questions = Sample::Retail.questions().unwrap();
    let expected = answers::all(&retail.day_two, known);
    assert_eq!(questions.len(), expected.len());
    for (question, expected) in questions.iter().zip(&expected) {
        assert!(!expected.is_empty(), "{} has no answer", question.name);
        for aggregates in [true, false] {
            let cube = built.ask_cube(question.cube_query, aggregates).await;
            compare::same_answer(&format!("{} as cube query", question.name), expected, &cube);
            let sql = built.ask_sql(question.sql, aggregates).await;
            compare::same_answer(&format!("{} in SQL", question.name), expected, &sql);
        }
    }
}

/// An answer: rows of cells in order.
type Answer = Vec<Vec<Cell>>;
