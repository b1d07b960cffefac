//! Loans and what was paid on them.

use super::super::report::SourceReport;
use super::super::{Day, dirt};
use super::table::Table;
use crate::sample::retail::money::plain;
use rusqlite::Transaction;

/// Writes the loans.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    const COLUMNS: [&str; 7] = [
        "loan_no TEXT",
        "customer_no TEXT",
        "opened_on TEXT",
        "principal TEXT",
        "term_months INTEGER",
        "defaulted_on TEXT",
        "closed_on TEXT",
    ];
    let mut dice = day.dice("loan");
    let mut table = Table::create(transaction, "loan", &COLUMNS)?;
    for loan in &day.now.loans {
        let row = vec![
            Some(dirt::cased(&loan.number, &mut dice)),
            Some(dirt::spaced(&loan.customer.number.to_string(), &mut dice)),
            Some(dirt::day(loan.opened_on, &mut dice)),
            Some(plain(loan.principal)),
            Some(loan.term_months.to_string()),
            loan.defaulted_on.map(|day| dirt::day(day, &mut dice)),
            Some(dirt::or_nothing(loan.closed_on.map(|day| day.to_string()), &mut dice)),
        ];
        table.row(&row)?;
        if dice.per_mille(12) {
            let mut row = row;
            row[3] = Some("-500.00".to_owned());
            table.bad_row(&row, ("principal", "out of range"))?;
        }
    }
    Ok(table.finish())
}

/// Writes the payments.
pub(crate) fn write_payments(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    const COLUMNS: [&str; 4] =
        ["loan_no TEXT", "payment_no INTEGER", "paid_on TEXT", "amount TEXT"];
    let mut dice = day.dice("loan_payment");
    let mut table = Table::create(transaction, "loan_payment", &COLUMNS)?;
    for loan in &day.now.loans {
        for payment in &loan.payments {
            let row = vec![
                Some(dirt::cased(&loan.number, &mut dice)),
                Some(payment.number.to_string()),
                Some(dirt::day(payment.paid_on, &mut dice)),
                Some(plain(payment.amount)),
            ];
            table.row(&row)?;
            if dice.per_mille(5) {
                table.duplicate(&row)?;
            }
            if dice.per_mille(2) {
                let mut row = row;
                row[2] = Some(dirt::impossible_day(&mut dice));
                table.bad_row(&row, ("paid_on", "impossible date"))?;
            }
        }
    }
    Ok(table.finish())
}
