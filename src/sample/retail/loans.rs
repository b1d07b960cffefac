//! Loans of the credit business: payments month by month, until paid back or in default.

use super::world::{Loan, MemberSystem, Payment, World};
use super::{Dice, date};
use chrono::{Days, Months, NaiveDate};

const LOANS: u32 = 640;

/// All loans opened up to the first business day.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let crm: Vec<_> =
        world.customers.iter().filter(|c| c.key.system == MemberSystem::Crm).collect();
    world.loans = (1..=LOANS)
        .map(|n| {
            let opened_on = date(2023, 1, 2) + Days::new(dice.below(1090));
            let customer = crm[dice.skewed(crm.len())].key;
            loan(n, customer, opened_on, dice)
        })
        .collect();
}

/// One loan and what has become of it up to the first business day.
pub(crate) fn loan(
    n: u32,
    customer: super::world::CustomerKey,
    opened_on: NaiveDate,
    dice: &mut Dice,
) -> Loan {
    let term_months = *dice.pick(&[6_i16, 12, 24, 36]);
    let principal = dice.between(5, 120) * 10_000;
    // one in nine stops paying: after how many payments?
    let pays = if dice.per_mille(110) { dice.between(0, i64::from(term_months) - 1) } else { 999 };
    let mut loan = Loan {
        number: format!("L-{n:05}"),
        customer,
        opened_on,
        principal,
        term_months,
        defaulted_on: None,
        closed_on: None,
        payments: Vec::new(),
    };
    for month in 1..=term_months {
        let due = opened_on + Months::new(month.unsigned_abs().into());
        if i64::from(month) > pays {
            // in default after ninety days without payment
            let gone = due + Days::new(90);
            loan.defaulted_on = (gone <= super::day_one()).then_some(gone);
            break;
        }
        if due > super::day_one() {
            break;
        }
        pay(&mut loan, due);
    }
    loan
}

/// The next payment of a loan; the last one closes it.
pub(crate) fn pay(loan: &mut Loan, paid_on: NaiveDate) {
    let number = loan.payments.len() as i16 + 1;
    let paid: i64 = loan.payments.iter().map(|payment| payment.amount).sum();
    let last = number == loan.term_months;
    let amount =
        if last { loan.principal - paid } else { loan.principal / i64::from(loan.term_months) };
    loan.payments.push(Payment { number, paid_on, amount });
    if last {
        loan.closed_on = Some(paid_on);
    }
}
