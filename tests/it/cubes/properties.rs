//! Any question to any world: the engine's answer is the reference's, however it is asked.

use super::chance;
use super::model::finer_model;
use super::sql_text::{plain, sql};
use super::world::load;
use crate::cube_support::{self, TempWarehouse};
use crate::reference::{Answer, Data, Reference};
use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use starhouse::engine::{Engine, Session};
use starhouse::policy::Principal;
use starhouse::query::CubeQuery;
use std::env::var_os;
use std::sync::Arc;

/// How many worlds: seconds by default, in the long tier thousands of questions.
fn worlds() -> u32 {
    if var_os("STARHOUSE_FULL").is_some() { 400 } else { 8 }
}

/// Holds a property against random worlds. The reason of a failure is told last, below the
/// smallest case that fails: where the reader of a long log looks first.
pub(crate) fn holds<S: Strategy>(
    cases: &S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { cases: worlds(), failure_persistence: None, ..Config::default() };
    match TestRunner::new(config).run(cases, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, smallest)) => panic!("{smallest:?}\nfailed: {reason}"),
        Err(aborted) => panic!("{aborted}"),
    }
}

/// Questions to each world.
const QUESTIONS: usize = 8;

#[test]
fn every_answer_is_the_references() {
    let cases = (chance::data(), vec(chance::question(), QUESTIONS));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&cases, |(data, questions)| runtime.block_on(ask_all(&data, &questions)));
}

async fn ask_all(data: &Data, questions: &[CubeQuery]) -> Result<(), TestCaseError> {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let release = load(&at, &model, data).await;
    let reference = Reference::new(&model, data);
    let session = |engine: &Engine| engine.session(Principal::local(), Arc::clone(&release));
    let (one, four) = (at.engine(&model, 1), at.engine(&model, 4));
    for question in questions {
        let expected = reference.ask(question);
        let plain = plain(question, &model);
        let flat = reference.ask(&plain);
        for engine in [&one, &four] {
            for aggregates in [true, false] {
                let session = session(engine).with_aggregates(aggregates);
                check(&session, &Asking::Query(question), &expected).await?;
                check(&session, &Asking::Sql(sql(&plain, &model)), &flat).await?;
            }
        }
    }
    Ok(())
}

pub(crate) enum Asking<'a> {
    Query(&'a CubeQuery),
    Sql(String),
}

/// Asks, and compares: SQL without ORDER BY promises no order, a cube query always does.
pub(crate) async fn check(
    session: &Session,
    asking: &Asking<'_>,
    expected: &Answer,
) -> Result<(), TestCaseError> {
    let (question, planned) = match asking {
        Asking::Query(query) => {
            (serde_json::to_string(query).unwrap(), session.plan_cube_query(query).await)
        }
        Asking::Sql(sql) => (sql.clone(), session.plan_sql(sql).await),
    };
    let failed = |what: &str| TestCaseError::fail(format!("{question}\n{what}"));
    let planned = planned.map_err(|error| failed(&error.to_string()))?;
    let answered = cube_support::answer(&planned).await;
    let mut answered = answered.map_err(|error| failed(&error.to_string()))?;
    let mut expected = expected.clone();
    if matches!(asking, Asking::Sql(_)) {
        answered.rows.sort();
        expected.rows.sort();
    }
    match answered.is(&expected) {
        true => Ok(()),
        false => Err(failed(&format!(
            "{}\nthe engine said\n{answered}the reference says\n{expected}",
            planned.routing().join("\n")
        ))),
    }
}
