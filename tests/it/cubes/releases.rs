//! Two releases in one answer: what it is now, what it was, and what has changed.

use super::model::finer_model;
use super::properties::holds;
use super::refresh::{apply, edit};
use super::world::{change, load};
use super::{chance, traps};
use crate::cube_support::{TempWarehouse, answer};
use crate::reference::{Answer, Data, Reference, Value};
use proptest::collection::vec;
use proptest::test_runner::TestCaseError;
use serde_json::json;
use starhouse::engine::Session;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;
use starhouse::query::{CubeQuery, OtherRelease};
use std::collections::{BTreeMap, BTreeSet};

/// Release 1 is the world of the traps; in release 2 the sale of 200 is one of 250 and the orphan is
/// gone.
async fn two_releases() -> (TempWarehouse, Session) {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    let before = traps::data();
    load(&at, &model, &before).await;
    let mut data = before.clone();
    let sales = data.facts.get_mut("sales").unwrap();
    sales[3].insert("net_amount".to_owned(), Value::cents(25_000));
    sales.pop();
    let (release, _) = change(&at, &model, &before, &data).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

#[tokio::test]
async fn what_a_load_has_changed_by_country() {
    let (_at, session) = two_releases().await;
    let query = json!({
        "cube": "trade",
        "rows": ["country"],
        "measures": ["revenue", "lines"],
        "totals": "grand",
        "compare_release": 1,
    });
    let query = serde_json::from_value(query).unwrap();
    let planned = session.plan_cube_query(&query).await.unwrap();
    let expected = [
        "country | country_is_total | revenue | lines | revenue_compared | revenue_change | \
         revenue_growth | lines_compared | lines_change | lines_growth",
        "IT | 0 | 260.00 | 4 | 260.00 | 0.00 | 0 | 4 | 0 | 0",
        "NO | 0 | 250.00 | 1 | 200.00 | 50.00 | 0.25 | 1 | 0 | 0",
        "Unknown | 0 | NULL | 0 | 40.00 | NULL | NULL | 1 | -1 | -1",
        "NULL | 1 | 510.00 | 5 | 500.00 | 10.00 | 0.02 | 6 | -1 | -0.16666666666666666",
    ];
    let answered = answer(&planned).await.unwrap().to_string();
    assert_eq!(answered.lines().collect::<Vec<_>>(), expected);
    let routing = planned.routing().join("\n");
    assert!(routing.contains("release_1, fact sales"), "{routing}");
}

#[tokio::test]
async fn a_release_that_is_not_there_is_told() {
    let (_at, session) = two_releases().await;
    for (release, kind, part) in [
        (json!(9), ErrorKind::NotFound, "release 9"),
        (json!("last week"), ErrorKind::User, "neither a release nor a moment"),
        (json!("1999-12-31"), ErrorKind::NotFound, "1999-12-31"),
    ] {
        let query = json!({"cube": "trade", "measures": ["revenue"], "compare_release": release});
        let query = serde_json::from_value(query).unwrap();
        let error = session.plan_cube_query(&query).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(part), "{part}: {error:?}");
    }
    let query = json!({"cube": "trade", "rows": ["country"], "measures": ["revenue"],
        "compare": {"date.year": 2024}, "compare_release": 1});
    let query = serde_json::from_value(query).unwrap();
    let error = session.plan_cube_query(&query).await.unwrap_err();
    assert!(error.to_string().contains("do not stand in one query"), "{error}");
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused() {
    let (_at, session) = two_releases().await;
    let query = json!({"cube": "trade", "measures": ["buyers", "buyers_change"],
        "rows": ["date_quarter"], "compare_release": 1});
    let query = serde_json::from_value(query).unwrap();
    let error = session.plan_cube_query(&query).await.unwrap_err();
    let told = error.to_string();
    assert!(
        error.kind() == ErrorKind::User && told.contains("two columns `buyers_change`"),
        "{told}"
    );
}

#[test]
fn any_question_at_two_releases_is_the_two_answers_side_by_side() {
    let cases = (chance::data(), vec(edit(), 1..5), vec(chance::question(), 4));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&cases, |(before, edits, questions)| {
        let mut after = before.clone();
        edits.iter().for_each(|edit| apply(&mut after, edit));
        runtime.block_on(compare(&before, &after, &questions))
    });
}

async fn compare(
    before: &Data,
    after: &Data,
    questions: &[CubeQuery],
) -> Result<(), TestCaseError> {
    let (at, model) = (TempWarehouse::open().await, finer_model());
    load(&at, &model, before).await;
    let (release, _) = change(&at, &model, before, after).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    let (then, now) = (Reference::new(&model, before), Reference::new(&model, after));
    for question in questions {
        // A measure of the name of what is shown beside another is refused.
        let mut measures = question.measures.clone();
        measures.retain(|name| {
            let of = name.strip_suffix("_change").or(name.strip_suffix("_growth"));
            !of.is_some_and(|of| question.measures.iter().any(|other| other == of))
        });
        let plain = CubeQuery {
            measures,
            columns: Vec::new(),
            axes: Vec::new(),
            descendants: BTreeMap::new(),
            compare: BTreeMap::new(),
            order: Vec::new(),
            top: None,
            having: BTreeMap::new(),
            non_empty: false,
            visual: false,
            limit: None,
            offset: 0,
            ..question.clone()
        };
        let counts: Vec<bool> = plain
            .measures
            .iter()
            .map(|name| model.cube("trade").unwrap().measure(name).unwrap().kind.counts())
            .collect();
        let expected = side_by_side(&now.ask(&plain), &then.ask(&plain), &counts);
        let compared = CubeQuery { compare_release: Some(OtherRelease::Number(1)), ..plain };
        for on in [true, false] {
            let session = session.with_aggregates(on);
            is_side_by_side(&session, &compared, &expected).await?;
        }
    }
    Ok(())
}

/// Compares an answer cell by cell. What is left of two doubles that are nearly the same is no number
/// to compare: neither is the change of a double, nor its growth.
async fn is_side_by_side(
    session: &Session,
    query: &CubeQuery,
    expected: &Answer,
) -> Result<(), TestCaseError> {
    let planned = session.plan_cube_query(query).await;
    let planned = planned.map_err(|error| TestCaseError::fail(error.to_string()))?;
    let mut answered = answer(&planned).await.unwrap();
    let expected = &mut expected.clone();
    // What goes by another column is not in the order of its own values: `properties.rs` holds that.
    if query.rows.iter().any(|name| ["date_month_name", "club.club_kind"].contains(&name.as_str()))
    {
        answered.rows.sort();
        expected.rows.sort();
    }
    let is_double = |cell: &Value| matches!(cell, Value::Float(_));
    let compares = |name: &str| name.ends_with("_change") || name.ends_with("_growth");
    let alike = |row: &Vec<Value>, other: &Vec<Value>| {
        let doubles =
            row.iter().zip(&expected.names).any(|(cell, name)| is_double(cell) && !compares(name));
        let cells = row.iter().zip(other).zip(&expected.names);
        row.len() == other.len()
            && cells.into_iter().all(|((a, b), name)| a.answers(b) || (doubles && compares(name)))
    };
    let same = answered.names == expected.names
        && answered.rows.len() == expected.rows.len()
        && answered.rows.iter().zip(&expected.rows).all(|(row, other)| alike(row, other));
    match same {
        true => Ok(()),
        false => Err(TestCaseError::fail(format!(
            "{}\nthe engine said\n{answered}the reference says\n{expected}",
            serde_json::to_string(query).unwrap()
        ))),
    }
}

/// Rows of two answers by their members, in order, a total after its members.
fn side_by_side(now: &Answer, then: &Answer, counts: &[bool]) -> Answer {
    let keys = now.names.len() - counts.len();
    let members = now.names.iter().filter(|name| name.ends_with("_is_total")).count();
    let values = |answer: &Answer| -> BTreeMap<Vec<Value>, Vec<Value>> {
        let rows = answer.rows.iter().map(|row| (row[..keys].to_vec(), row[keys..].to_vec()));
        rows.collect()
    };
    let (now_by, then_by) = (values(now), values(then));
    let all: BTreeSet<Vec<Value>> = now_by.keys().chain(then_by.keys()).cloned().collect();
    let mut all: Vec<Vec<Value>> = all.into_iter().collect();
    let shown = keys - members;
    all.sort_by_key(|key| -> Vec<(Value, Value)> {
        let flag = |index: usize| key.get(shown + index).cloned().unwrap_or(Value::Null);
        (0..shown).map(|index| (flag(index), key[index].clone())).collect()
    });
    let nothing = counts.iter().map(|counts| if *counts { Value::int(0) } else { Value::Null });
    let nothing: Vec<Value> = nothing.collect();
    let rows = all.into_iter().map(|key| {
        let now = now_by.get(&key).unwrap_or(&nothing);
        let then = then_by.get(&key).unwrap_or(&nothing);
        let pairs = now.iter().zip(then).flat_map(|(now, then)| {
            let change = now.minus(then);
            [then.clone(), change.clone(), change.over(then)]
        });
        key.into_iter().chain(now.clone()).chain(pairs).collect()
    });
    let mut names = now.names.clone();
    for name in &now.names[keys..] {
        names.extend(["compared", "change", "growth"].map(|what| format!("{name}_{what}")));
    }
    Answer { names, rows: rows.collect() }
}
