//! Years that are none of the calendar's: fiscal ones, years of whole weeks, ISO weeks around New Year.
//! Loaded from files by jobs, over a calendar as it is generated.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};

const MEASURES: &str = "
  - {name: fiscal_ytd, to_date: {measure: revenue, over: date, by: fiscal_year}, description: Since 1 April.}
  - {name: a_fiscal_year_ago, before: {measure: revenue, over: date, by: fiscal_year}, description: A fiscal year before.}
  - {name: iso_ytd, to_date: {measure: revenue, over: date, by: iso_year}, description: Of the ISO year so far.}
  - {name: a_week_ago, before: {measure: revenue, over: date, by: week}, description: A week before.}
  - {name: two_weeks, rolling: {measure: revenue, over: date, by: week, periods: 2}, description: Of two weeks.}
  - {name: period_to_date, to_date: {measure: revenue, over: date, by: retail_period}, description: Of the period so far.}
  - {name: a_retail_year_ago, before: {measure: revenue, over: date, by: retail_year}, description: The same day of the same week.}
  - {name: retail_growth, growth: {measure: revenue, over: date, by: retail_year}, description: On the year of weeks before.}
  - {name: a_period_ago, before: {measure: revenue, over: date, by: retail_period}, description: The same day of the period before.}
  - {name: three_periods_ago, before: {measure: revenue, over: date, by: retail_period, periods: 3}, description: And so of three before.}
  - {name: a_quarter_ago, before: {measure: revenue, over: date, by: retail_quarter}, description: The same day of the quarter before.}
  - {name: two_periods_ago, before: {measure: a_period_ago, over: date, by: retail_period}, description: And once more.}
  - {name: growth_of_period, growth: {measure: revenue, over: date, by: retail_period}, description: On the period before.}
  - {name: two_retail_years_ago, before: {measure: a_retail_year_ago, over: date, by: retail_year}, description: And once more.}
aggregates:";

/// A warehouse of sales, each a day and what was paid.
async fn sold(sales: &[(&str, u32)]) -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "replace", "")]);
    project.edit_schemas(
        "{from: 2024-01-01, to: 2024-12-31, fiscal_year_start_month: 4}",
        "{from: 2020-01-01, to: 2025-12-31, fiscal_year_start_month: 4, \
         retail: {pattern: 4-4-5, ends: last saturday of january, numbered_by: begin}}",
    );
    project.edit_schemas("\naggregates:", MEASURES);
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}crm,1,Ada,Rome,2020-01-01\n"));
    let lines = sales.iter().enumerate();
    let lines =
        lines.map(|(number, (day, paid))| format!("R{number},1,{day},crm,1,1,{paid}.00,false\n"));
    project.write("sales.csv", &format!("{SALES_HEAD}{}", lines.collect::<String>()));
    project.run("2025-12-31").await.unwrap();
    project
}

/// A question by a level of the calendar, of what has a value.
async fn by(project: &Project, level: &str, measures: &[&str]) -> Vec<String> {
    let measures = measures.iter().map(|name| format!("MEASURE({name})"));
    let measures = measures.collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {level}, {measures} FROM cubes.sales GROUP BY {level} ORDER BY 1");
    project.sql(&sql).await
}

#[tokio::test]
async fn a_fiscal_year_begins_and_is_compared_where_it_is_declared() {
    let sales = [("2023-03-31", 1), ("2023-04-01", 10), ("2024-03-31", 100), ("2024-04-01", 1000)];
    let project = sold(&sales).await;
    let expected = ["2023|1.00|1.00|", "2024|110.00|110.00|1.00", "2025|1000.00|1000.00|10.00"];
    let measures = ["revenue", "fiscal_ytd", "a_fiscal_year_ago"];
    assert_eq!(by(&project, "fiscal_year", &measures).await, expected);
    // 1 January begins no fiscal year, 1 April does.
    let months = by(&project, "month", &["fiscal_ytd"]).await;
    let of = |month: &str| months.iter().find(|row| row.starts_with(month)).cloned();
    assert_eq!(of("2024-01").as_deref(), Some("2024-01|10.00"));
    assert_eq!(of("2024-03").as_deref(), Some("2024-03|110.00"));
    assert_eq!(of("2024-04").as_deref(), Some("2024-04|1000.00"));
}

#[tokio::test]
async fn the_days_around_new_year_are_of_one_week_and_a_53rd_week_is_followed_by_the_first() {
    // 2020 has 53 ISO weeks: Friday, 1 January 2021 is of the last.
    let sales = [("2020-12-31", 1), ("2021-01-01", 10), ("2021-01-04", 100), ("2021-01-11", 1000)];
    let project = sold(&sales).await;
    let weeks = by(&project, "week", &["revenue", "a_week_ago", "two_weeks"]).await;
    let expected = [
        "2020-W53|11.00||11.00",
        // Of the week before to its Monday alone.
        "2021-W01|100.00|11.00|111.00",
        "2021-W02|1000.00|100.00|1100.00",
    ];
    let with_sales: Vec<&String> = weeks
        .iter()
        .filter(|row| row.as_str() >= "2020-W53" && row.as_str() < "2021-W03")
        .collect();
    assert_eq!(with_sales, expected);
    // The week belongs to one ISO year, whose days so far begin with its first Monday.
    let of_iso = by(&project, "iso_year", &["revenue"]).await;
    assert_eq!(of_iso, ["2020|11.00", "2021|1100.00"]);
    let to_date = by(&project, "week", &["iso_ytd"]).await;
    let ends = ["2020-W53|11.00", "2021-W01|100.00", "2021-W02|1100.00"];
    assert!(ends.iter().all(|row| to_date.iter().any(|own| own == row)), "{to_date:?}");
    let years = by(&project, "year", &["revenue"]).await;
    assert_eq!(years, ["2020|1.00", "2021|1110.00"]);
}

#[tokio::test]
async fn periods_of_a_4_4_5_year_have_four_four_and_five_weeks() {
    // The year begins on Sunday, 28 January 2024: its periods on 28 January, 25 February, 24 March.
    let sales = [
        ("2024-02-24", 1),
        ("2024-02-25", 10),
        ("2024-03-23", 100),
        ("2024-03-24", 1000),
        ("2024-04-27", 10_000),
        ("2024-04-28", 100_000),
    ];
    let project = sold(&sales).await;
    let expected = [
        "RY2024-P01|1.00|1.00",
        "RY2024-P02|110.00|110.00",
        "RY2024-P03|11000.00|11000.00",
        "RY2024-P04|100000.00|100000.00",
    ];
    assert_eq!(by(&project, "retail_period", &["revenue", "period_to_date"]).await, expected);
    let expected = ["RY2024-Q1|11111.00", "RY2024-Q2|100000.00"];
    assert_eq!(by(&project, "retail_quarter", &["revenue"]).await, expected);
}

/// Retail year 2022 ends on 28 January 2023, 2023 on 27 January 2024: 52 weeks each. Year 2020 begins on
/// 26 January 2020 and ends on 30 January 2021: it has 53. So 364 days before the first day of 2021 is
/// no first day.
#[tokio::test]
async fn a_year_of_weeks_is_compared_week_by_week_whether_it_has_52_or_53() {
    let sales = [
        ("2020-01-26", 1),      // the first Sunday of 2020
        ("2021-01-24", 10),     // the Sunday of its 53rd week
        ("2021-01-31", 100),    // the first Sunday of 2021
        ("2022-01-23", 1000),   // that of its 52nd week
        ("2022-01-30", 10_000), // the first of 2022
        ("2022-02-05", 5),      // and that week's Saturday
    ];
    let project = sold(&sales).await;
    let measures = ["revenue", "a_retail_year_ago", "retail_growth", "two_retail_years_ago"];
    let weeks = by(&project, "retail_week", &measures).await;
    let expected = [
        "RY2020-W01|1.00|||",
        // The 53rd week is compared with nothing, and nothing with it.
        "RY2020-W53|10.00|||",
        "RY2021-W01|100.00|1.00|99.0|",
        "RY2021-W52|1000.00|||",
        "RY2022-W01|10005.00|100.00|99.05|1.00",
    ];
    assert_eq!(weeks, expected);
    let expected = [
        "2020|11.00|||",
        "2021|1100.00|1.00|1099.0|",
        // As far as 2022 has come, to its first Saturday.
        "2022|10005.00|100.00|99.05|1.00",
    ];
    assert_eq!(by(&project, "retail_year", &measures).await, expected);
}

/// Retail year 2020 begins on 26 January 2020 and has 53 weeks: its last period is of six, from 20
/// December to 30 January 2021. Periods 1 and 2 of 2021 have four weeks, from 31 January and 28 February, the
/// third has five, from 28 March to 1 May; the fourth begins on 2 May.
#[tokio::test]
async fn a_period_of_weeks_is_compared_with_the_one_before_across_years_and_longer_ones() {
    let sales = [
        ("2020-11-22", 1),         // the first Sunday of P11 of 2020
        ("2020-12-20", 10),        // of P12
        ("2021-01-24", 100),       // the Sunday of its sixth week
        ("2021-01-31", 1000),      // the first Sunday of 2021
        ("2021-03-27", 10_000),    // the last day of P02
        ("2021-04-25", 100_000),   // the Sunday of P03's fifth week
        ("2021-05-02", 1_000_000), // the first Sunday of P04
        ("2021-05-29", 5),         // its last day
    ];
    let project = sold(&sales).await;
    let measures = ["revenue", "a_period_ago", "two_periods_ago"];
    let expected = [
        "RY2020-P11|1.00||",
        "RY2020-P12|110.00|1.00|",
        // All of six weeks, though it has four itself.
        "RY2021-P01|1000.00|110.00|1.00",
        "RY2021-P02|10000.00|1000.00|110.00",
        "RY2021-P03|100000.00|10000.00|1000.00",
        "RY2021-P04|1000005.00|100000.00|10000.00",
    ];
    assert_eq!(by(&project, "retail_period", &measures).await, expected);
    let days = by(&project, "date", &["a_period_ago"]).await;
    let days: Vec<&String> = days.iter().filter(|day| !day.ends_with('|')).collect();
    let expected = [
        "2020-12-20|1.00",
        "2021-01-31|10.00",
        // The sixth week in the fourth, the fifth as well: both are Sundays.
        "2021-02-21|100.00",
        "2021-02-28|1000.00",
        "2021-04-24|10000.00",
        "2021-05-23|100000.00",
    ];
    assert_eq!(days, expected);
    // A quarter is three periods, and its 14th week counts in the 13th.
    let measures = ["revenue", "a_quarter_ago", "three_periods_ago"];
    let expected = [
        "RY2020-Q4|111.00||",
        "RY2021-Q1|111000.00|111.00|111.00",
        // As far as the second quarter has come: to the end of its first period.
        "RY2021-Q2|1000005.00|1000.00|1000.00",
    ];
    assert_eq!(by(&project, "retail_quarter", &measures).await, expected);
    let growth = by(&project, "retail_period", &["growth_of_period"]).await;
    assert_eq!(growth[1], "RY2020-P12|109.0");
}

/// Berlin's clocks go forward on 31 March 2024, at 1 o'clock in Greenwich, and back on 27 October.
#[tokio::test]
async fn a_day_is_that_of_the_declared_zone_whether_it_has_23_hours_or_25() {
    let job = sales_job("full", "replace", "");
    let mut project = Project::new(&[CUSTOMERS_DATED, &job]);
    project.edit_schemas("fiscal_year_start_month: 4", "time_zone: Europe/Berlin");
    // The column `quantity` is the hour in Greenwich.
    let moment = "transform: SELECT *, to_timestamp(CAST(extract(epoch FROM sold_on) AS BIGINT) + quantity * 3600) AS at \
                  FROM line\nload:\n  fact:";
    project.edit_jobs("load:\n  fact:", moment);
    project.edit_jobs("keys: {date: [sold_on],", "keys: {date: [at],");
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}crm,1,Ada,Rome,2020-01-01\n"));
    let mut sales = SALES_HEAD.to_owned();
    for day in ["03-29", "03-30", "03-31", "04-01", "10-25", "10-26", "10-27", "10-28"] {
        for hour in 0..24 {
            sales += &format!("R{day}-{hour},1,2024-{day},crm,1,{hour},1.00,false\n");
        }
    }
    project.write("sales.csv", &sales);
    project.run("2024-12-31").await.unwrap();
    let sql = "SELECT date, MEASURE(lines), MEASURE(revenue) FROM cubes.sales WHERE date IN \
               (DATE '2024-03-30', DATE '2024-03-31', DATE '2024-10-26', DATE '2024-10-27') \
               GROUP BY date ORDER BY date";
    let expected = [
        "2024-03-30|24|24.00",
        "2024-03-31|23|23.00",
        "2024-10-26|24|24.00",
        "2024-10-27|25|25.00",
    ];
    assert_eq!(project.sql(sql).await, expected);
    // The aggregate of months is of the same days: of April there are the first 24 hours, and of the
    // second day those that are two before midnight in Greenwich.
    let sql = "SELECT month, MEASURE(lines) FROM cubes.sales GROUP BY month ORDER BY month";
    assert_eq!(project.sql(sql).await, ["2024-03|70", "2024-04|26", "2024-10|96"]);
    project.edit_schemas("time_zone: Europe/Berlin", "fiscal_year_start_month: 4");
    let error = project.run("2025-01-01").await.unwrap_err().to_string();
    assert!(error.contains("say in the calendar's `time_zone` where"), "{error}");
}
