//! A year or a month before: aggregates of months answer where nothing finer than months is asked, and
//! base rows for the month that the fact's last day cuts short.

use super::model::{model, model_with, model_with_weeks};
use super::spans::answered_by;
use super::world::load;
use crate::cube_support::TempWarehouse;
use proptest::option;
use proptest::sample::{select, subsequence};
use proptest::strategy::Strategy;
use serde_json::json;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;
use starhouse::query::{CubeQuery, MemberRange, Slice, Totals};
use std::cell::Cell;
use std::sync::Arc;

const BY_MONTH: &str = "aggregates:
  - {name: by_month_region, fact: sales, columns: [date_month, region], measures: [revenue, lines, buyers, about_median], description: Regions.}
";

const BY_DAY: &str = "
  - {name: by_date_region, fact: sales, dimensions: [date], columns: [region], measures: [revenue, lines, buyers, about_median], description: Regions by day.}
";

const MEASURES: [&str; 8] = [
    "revenue",
    "lines_last_year",
    "revenue_last_year",
    "buyers_last_year",
    "about_median_last_year",
    "revenue_last_month",
    "buyers_change",
    "growth",
];

fn question() -> impl Strategy<Value = CubeQuery> {
    let month = || select(vec!["2024-01", "2024-02", "2024-12", "2025-02", "2025-03", "2025-12"]);
    let ends = (option::weighted(0.7, month()), option::weighted(0.7, month()));
    let rows = vec!["region", "date_year", "date_month", "date_quarter"];
    let measures = subsequence(MEASURES.to_vec(), 1..4);
    (ends, measures, subsequence(rows, 0..=2)).prop_map(|((from, to), measures, rows)| CubeQuery {
        cube: "trade".to_owned(),
        totals: if rows.is_empty() { Totals::None } else { Totals::Rollup },
        rows: rows.into_iter().map(str::to_owned).collect(),
        measures: measures.into_iter().map(str::to_owned).collect(),
        dice: [(
            "date.month".to_owned(),
            Slice::Range(MemberRange { from: from.map(|m| json!(m)), to: to.map(|m| json!(m)) }),
        )]
        .into(),
        ..CubeQuery::default()
    })
}

#[test]
fn months_stand_for_months_a_year_before() {
    let by_months = Cell::new(0);
    answered_by(BY_MONTH, question(), |_, told| {
        let answered = told.contains("before: aggregate by_month_region answers for");
        by_months.set(by_months.get() + u32::from(answered));
    });
    assert!(by_months.get() > 0);
}

#[test]
fn what_is_finer_than_months_is_answered_by_days() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told = |declared: &str, expected: &[(&str, &str)]| {
        let model = model_with("aggregates:\n", declared);
        runtime.block_on(async {
            let at = TempWarehouse::open().await;
            let release = load(&at, &model, &super::data()).await;
            let session = at.engine(&model, 1).session(Principal::local(), release);
            for (by, told) in expected {
                let sql = format!(
                    "SELECT {by}, MEASURE(revenue_last_year) FROM cubes.trade GROUP BY {by}"
                );
                let routing = session.plan_sql(&sql).await.unwrap().routing().join("\n");
                assert!(routing.contains(told), "{sql}: {routing}");
            }
        });
    };
    let by_month = "a year before: aggregate by_month_region answers for";
    told(BY_MONTH, &[("date_month", by_month), ("date_fiscal_year", by_month)]);
    let (by_day, none) = ("a year before: aggregate by_date_region answers", "base rows;");
    let finer = ["date_week", "date_day_of_week", "date_date"];
    told(&[BY_MONTH, BY_DAY].concat(), &finer.map(|by| (by, by_day)));
    told(BY_MONTH, &finer.map(|by| (by, none)));
}

/// Months are keys of months, each once: so they are looked up in the way of dimensions.
#[test]
fn months_before_are_a_star() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let model = model_with("aggregates:\n", BY_MONTH);
    runtime.block_on(async {
        let at = TempWarehouse::open().await;
        let release = load(&at, &model, &super::data()).await;
        let engine = at.engine_with(&model, 1, |settings| settings.star_scan = true);
        let session = engine.session(Principal::local(), release);
        let sql = "EXPLAIN SELECT date_year, MEASURE(revenue_last_year) FROM cubes.trade \
                   WHERE region = 'north' GROUP BY date_year";
        let plan = super::sql::lines(&session, sql).await.join("\n");
        let star = "StarAggregateExec: table=agg_trade_by_month_region";
        assert!(plan.contains(star) && plan.contains("keys=[partition_month]"), "{plan}");
        assert!(!plan.contains("HashJoinExec"), "{plan}");
    });
}

/// A calendar that has got columns since the release was loaded: what does not ask for them is answered.
#[test]
fn a_calendar_with_more_columns_than_the_release_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let at = TempWarehouse::open().await;
        let release = load(&at, &model(), &super::data()).await;
        let (older, newer) = (model(), model_with_weeks());
        let lines = async |model, aggregates| {
            let session = at.engine(model, 1).session(Principal::local(), Arc::clone(&release));
            let sql = "SELECT date_year, MEASURE(revenue_last_year), MEASURE(revenue_ytd) \
                       FROM cubes.trade GROUP BY date_year ORDER BY date_year";
            super::sql::lines(&session.with_aggregates(aggregates), sql).await
        };
        let expected = lines(&older, true).await;
        assert!(expected.len() > 1, "{expected:?}");
        assert_eq!(lines(&newer, true).await, expected);
        assert_eq!(lines(&newer, false).await, expected);
        // Who asks for one is told what is missing, since when, and what to do.
        let session = at.engine(&newer, 1).session(Principal::local(), Arc::clone(&release));
        let asked = [
            "SELECT date_retail_year, MEASURE(revenue) FROM cubes.trade GROUP BY date_retail_year",
            "SELECT MEASURE(revenue) FROM cubes.trade WHERE date_retail_year = 2024",
            "SELECT date_year, MEASURE(revenue) FROM cubes.trade WHERE date_retail_year = 2024 \
             GROUP BY date_year ORDER BY date_year",
        ];
        for sql in asked {
            let error = session.plan_sql(sql).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::User, "{sql}: {error}");
            let told = error.to_string();
            assert!(told.contains("`retail_year`") && told.contains("loaded before"), "{told}");
            assert!(told.contains("starhouse etl run"), "{told}");
        }
    });
}
