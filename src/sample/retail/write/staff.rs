//! The staff list, the payroll and the targets of stores and categories, as they were planned.

use super::Day;
use super::report::SourceReport;
use super::text::{TextFile, utf8};
use crate::error::Result;
use crate::sample::retail::staff::{monthly_pay, months_paid};

const EMPLOYEES: &str = "sources/reference/employees.csv";
const PAYROLL: &str = "sources/finance/payroll.csv";
const TARGETS: &str = "sources/finance/store_targets.csv";
const CATEGORY_TARGETS: &str = "sources/finance/category_targets.csv";

/// Writes the staff list.
pub(crate) fn write_employees(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let headings = ["number", "name", "title", "reports_to", "store"];
    let mut text = TextFile::new("employee", EMPLOYEES, ',', &headings);
    for employee in &day.now.employees {
        text.row(&[
            employee.number.clone(),
            employee.name.clone(),
            employee.title.to_owned(),
            employee.reports_to.clone().unwrap_or_default(),
            employee.store.clone().unwrap_or_default(),
        ]);
    }
    Ok(vec![text.finish(day, utf8)?])
}

/// Writes the payroll.
pub(crate) fn write_payroll(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut text = TextFile::new("pay", PAYROLL, ',', &["number", "month_end", "salary"]);
    for month_end in months_paid() {
        for employee in &day.now.employees {
            let salary = format!("{}.00", monthly_pay(employee, month_end));
            text.row(&[employee.number.clone(), month_end.to_string(), salary]);
        }
    }
    Ok(vec![text.finish(day, utf8)?])
}

/// Writes the targets of stores.
pub(crate) fn write_targets(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut text = TextFile::new("target", TARGETS, ',', &["store", "month", "amount"]);
    for target in &day.now.targets {
        let amount = format!("{}.{:02}", target.amount / 100, target.amount % 100);
        text.row(&[target.store.clone(), target.month.to_string(), amount]);
    }
    Ok(vec![text.finish(day, utf8)?])
}

/// Writes the targets of categories.
pub(crate) fn write_category_targets(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let headings = ["category", "month", "amount"];
    let mut text = TextFile::new("category_target", CATEGORY_TARGETS, ',', &headings);
    for target in &day.now.category_targets {
        let amount = format!("{}.{:02}", target.amount / 100, target.amount % 100);
        text.row(&[target.category.clone(), target.month.to_string(), amount]);
    }
    Ok(vec![text.finish(day, utf8)?])
}
