//! Questions about spans of days: aggregates answer for whole months, base rows for other days.

use super::chance;
use super::model::model_with;
use super::properties::{Asking, check, holds};
use super::world::load;
use crate::cube_support::TempWarehouse;
use crate::reference::Reference;
use chrono::{Datelike, Days, NaiveDate};
use proptest::collection::vec;
use proptest::option;
use proptest::sample::subsequence;
use proptest::strategy::Strategy;
use serde_json::{Value, json};
use starhouse::policy::Principal;
use starhouse::query::{CubeQuery, MemberRange, Slice, Totals};
use std::sync::Arc;

const BY_MONTH: &str = "aggregates:
  - {name: by_month_region, fact: sales, columns: [date_month, region], measures: [revenue, lines, buyers, big_buyers, about_buyers, about_median, dearest, average_line, heaviness], description: Regions.}
";

const MEASURES: [&str; 10] = [
    "revenue",
    "lines",
    "buyers",
    "big_buyers",
    "about_buyers",
    "about_median",
    "dearest",
    "average_line",
    "heaviness",
    "revenue_share",
];

/// A day of the calendar's three years, near the ends of months more often than not.
fn day() -> impl Strategy<Value = Value> {
    let months = (0..36_u32, -2..=2_i64);
    months.prop_map(|(month, beside)| {
        let first = NaiveDate::from_ymd_opt(2023 + (month / 12).cast_signed(), month % 12 + 1, 1);
        let day = first.unwrap() + chrono::Duration::days(beside);
        json!(day.clamp(
            NaiveDate::from_ymd_opt(2023, 1, 1).unwrap(),
            NaiveDate::from_ymd_opt(2025, 12, 31).unwrap()
        ))
    })
}

fn question() -> impl Strategy<Value = CubeQuery> {
    let ends = (option::weighted(0.9, day()), option::weighted(0.9, day()));
    let measures = subsequence(MEASURES.to_vec(), 1..4);
    let rows = subsequence(vec!["region", "date_year", "date_month"], 0..=2);
    (ends, measures, rows).prop_map(|((from, to), measures, rows)| CubeQuery {
        cube: "trade".to_owned(),
        totals: if rows.is_empty() { Totals::None } else { Totals::Rollup },
        rows: rows.into_iter().map(str::to_owned).collect(),
        measures: measures.into_iter().map(str::to_owned).collect(),
        dice: [("date.date".to_owned(), Slice::Range(MemberRange { from, to }))].into(),
        ..CubeQuery::default()
    })
}

/// Whether a span ends and has a month whole, asked day by day.
fn has_a_month(question: &CubeQuery) -> bool {
    let Some(Slice::Range(MemberRange { from, to })) = question.dice.get("date.date") else {
        return false;
    };
    let day = |end: &Option<Value>| {
        end.as_ref().map(|end| end.as_str().unwrap().parse::<NaiveDate>().unwrap())
    };
    let (from, to) = (day(from), day(to));
    if from.or(to).is_none() {
        return false;
    }
    let is_in =
        |day: NaiveDate| from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to);
    // A span without an end goes on after the calendar's.
    (0..60_u32).any(|month| {
        let first = NaiveDate::from_ymd_opt(2022 + (month / 12).cast_signed(), month % 12 + 1, 1);
        let first = first.unwrap();
        first.iter_days().take_while(|day| day.month() == first.month()).all(is_in)
    })
}

/// Questions to random worlds with these aggregates are answered as the reference answers them, and how
/// they are answered is as expected.
pub(super) fn answered_by(
    declared: &str,
    question: impl Strategy<Value = CubeQuery>,
    expect: impl Fn(&CubeQuery, &str),
) {
    let cases = (chance::data(), vec(question, 12));
    let model = model_with("aggregates:\n", declared);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    holds(&cases, |(data, questions)| {
        runtime.block_on(async {
            let at = TempWarehouse::open().await;
            let release = load(&at, &model, &data).await;
            let reference = Reference::new(&model, &data);
            let session = at.engine(&model, 2).session(Principal::local(), Arc::clone(&release));
            for question in &questions {
                let planned = session.plan_cube_query(question).await.unwrap();
                expect(question, &planned.routing().join("\n"));
                check(&session, &Asking::Query(question), &reference.ask(question)).await?;
            }
            Ok(())
        })
    });
}

#[test]
fn whole_months_come_from_an_aggregate() {
    answered_by(BY_MONTH, question(), |question, told| {
        let is_bounded = told.contains("answers for");
        assert_eq!(is_bounded, has_a_month(question), "{question:?}\n{told}");
    });
}

#[test]
fn a_span_is_told_as_it_is_answered() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (model, data) = (model_with("aggregates:\n", BY_MONTH), super::data());
    runtime.block_on(async {
        let at = TempWarehouse::open().await;
        let release = load(&at, &model, &data).await;
        let session = at.engine(&model, 1).session(Principal::local(), release);
        let days = NaiveDate::from_ymd_opt(2024, 3, 1).unwrap().checked_sub_days(Days::new(1));
        for (condition, told) in [
            (
                "date_date BETWEEN '2024-01-15' AND '2024-06-30'",
                "for 2024-02 to 2024-06, base rows",
            ),
            (
                "date_date >= DATE '2024-01-01' AND date_date < DATE '2025-01-01'",
                "for 2024-01 to 2024-12",
            ),
            ("date_date > '2024-02-01' AND region = 'north'", "for 2024-03 and later, base rows"),
            (&format!("date_date <= '{}'", days.unwrap()), "for 2024-02 and before"),
            ("date_date = '2024-02-01'", "base rows; by_month_region does not keep date_date"),
            ("date_date BETWEEN '2024-01-01' AND '2024-12-31' OR region = 'x'", "base rows;"),
        ] {
            let sql = format!(
                "SELECT region, MEASURE(lines) FROM cubes.trade WHERE {condition} GROUP BY region"
            );
            let planned = session.plan_sql(&sql).await.unwrap();
            assert!(planned.routing().join("\n").contains(told), "{sql}: {:?}", planned.routing());
        }
    });
}
