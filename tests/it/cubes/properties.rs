//! Any question to any world: the engine's answer is the reference's, however it is asked.

use super::chance;
use super::model::{finer_model, named_model};
use super::sql_text::{plain, sql};
use super::world::load;
use crate::cube_support::{self, TempWarehouse};
use crate::reference::{Answer, Data, Reference};
use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use starhouse::engine::{Engine, Session};
use starhouse::model::Model;
use starhouse::policy::Principal;
use starhouse::query::CubeQuery;
use std::env::var_os;
use std::sync::Arc;

/// Whether the long tier is wanted.
fn is_long() -> bool {
    var_os("STARHOUSE_FULL").is_some()
}

/// How many worlds: seconds by default, in the long tier some hundreds.
fn worlds() -> u32 {
    if is_long() { 400 } else { 8 }
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

/// Questions to each world: 10,000 to all of them in the long tier. A world takes as long to load as
/// some questions take to be answered.
fn questions() -> usize {
    if is_long() { 25 } else { 8 }
}

/// Whether a question is asked in a way: on 4 partitions and not 1, with aggregates, as SQL. In the long
/// tier it is asked in half of the ways, chosen so that any two choices meet in each; the next question
/// has the other half.
fn is_asked(number: usize, way: [bool; 3]) -> bool {
    let choices = way.into_iter().filter(|choice| *choice).count();
    !is_long() || (number + choices).is_multiple_of(2)
}

#[test]
fn every_answer_is_the_references() {
    let cases = (chance::data(), vec(chance::question(), questions()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let model = finer_model();
    holds(&cases, |(data, questions)| runtime.block_on(ask_all(&data, &model, &questions)));
}

/// Where the model names sets of members, a member that counts by default, and what things are called
/// in German.
#[test]
fn every_answer_by_names_is_the_references() {
    let cases = (chance::data(), vec(chance::named_question(), questions()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let model = named_model();
    holds(&cases, |(data, questions)| runtime.block_on(ask_all(&data, &model, &questions)));
}

async fn ask_all(
    data: &Data,
    model: &Arc<Model>,
    questions: &[CubeQuery],
) -> Result<(), TestCaseError> {
    let at = TempWarehouse::open().await;
    let release = load(&at, model, data).await;
    let reference = Reference::new(model, data);
    let session = |engine: &Engine| engine.session(Principal::local(), Arc::clone(&release));
    let (one, four) = (at.engine(model, 1), at.engine(model, 4));
    for (number, question) in questions.iter().enumerate() {
        let expected = reference.ask(question);
        let plain = plain(question, model);
        let flat = reference.ask(&plain);
        for (engine, parts) in [(&one, false), (&four, true)] {
            for aggregates in [true, false] {
                let session = session(engine).with_aggregates(aggregates);
                if is_asked(number, [parts, aggregates, false]) {
                    check(&session, &Asking::Query(question), &expected).await?;
                }
                // Written as grouping sets, a level that is skipped has its rows, as SQL has them.
                let is_plain = question.descendants.is_empty();
                if is_plain && is_asked(number, [parts, aggregates, true]) {
                    check(&session, &Asking::Sql(sql(&plain, model)), &flat).await?;
                }
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
