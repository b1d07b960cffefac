//! What cubes say along links, counted row by row: revenue by theme, and what managers' people cost.

use super::super::knowledge::{Knowledge, NONE, UNKNOWN};
use super::{Table, money, row};
use starhouse::sample::retail::{Retail, staff, themes};
use std::collections::BTreeMap;

pub(super) fn all(retail: &Retail, known: &Knowledge) -> Vec<Table> {
    vec![revenue_by_theme(retail, known), below_managers(retail)]
}

/// A product's revenue in each of its themes, and once in the total; allocated, each gets its part.
fn revenue_by_theme(retail: &Retail, known: &Knowledge) -> Table {
    let names: BTreeMap<&str, &str> = themes::THEMES.into();
    // The list is of the first day.
    let listed: BTreeMap<&str, Vec<&str>> =
        retail.day_one.products.iter().map(|p| (p.sku.as_str(), themes::of(p))).collect();
    let mut revenue: BTreeMap<&str, (i128, f64)> = BTreeMap::new();
    let mut total = 0;
    for sale in &retail.day_two.sales {
        let cents = known.revenue(sale);
        total += cents;
        let of: Vec<&str> = match listed.get(sale.sku.as_str()) {
            _ if !known.products.contains_key(&sale.sku) => vec![UNKNOWN],
            Some(codes) if !codes.is_empty() => codes.iter().map(|code| names[code]).collect(),
            _ => vec![NONE],
        };
        for name in &of {
            let theme = revenue.entry(name).or_default();
            theme.0 += cents;
            theme.1 += cents as f64 / of.len() as f64;
        }
    }
    let whole = |cents: f64| format!("{}", (cents / 100.0).round() as i64);
    let lines = revenue
        .iter()
        .map(|(name, (cents, part))| row([(*name).to_owned(), money(*cents), whole(*part)]));
    let all = row(["all".to_owned(), money(total), whole(total as f64)]);
    Table {
        name: "cubes.sales by theme",
        sql: "SELECT CASE WHEN GROUPING(theme_name) = 1 THEN 'all' ELSE theme_name END, \
              MEASURE(revenue), CAST(round(MEASURE(revenue_allocated)) AS BIGINT) \
              FROM cubes.sales GROUP BY ROLLUP (theme_name)"
            .to_owned(),
        expected: lines.chain([all]).collect(),
    }
}

/// Heads and pay of everybody and all who are below, by walking up from each.
fn below_managers(retail: &Retail) -> Table {
    let employees = &retail.day_two.employees;
    let mut below: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for employee in employees {
        let year = staff::months_paid().filter(|day| day.to_string().starts_with("2025"));
        let pay: i64 = year.map(|day| i64::from(staff::monthly_pay(employee, day))).sum();
        let mut here = Some(employee);
        while let Some(person) = here {
            let count = below.entry(&person.number).or_default();
            *count = (count.0 + 1, count.1 + pay);
            here = employees.iter().find(|boss| person.reports_to.as_ref() == Some(&boss.number));
        }
    }
    let line = |(number, (heads, pay)): (&&str, &(usize, i64))| {
        row([(*number).to_owned(), heads.to_string(), format!("{pay}.00")])
    };
    Table {
        name: "cubes.staff by manager",
        sql: "SELECT manager_employee_no, MEASURE(headcount), MEASURE(pay) FROM cubes.staff \
              WHERE year = 2025 GROUP BY manager_employee_no"
            .to_owned(),
        expected: below.iter().map(line).collect(),
    }
}
