//! Credit-card accounts at the ends of months.

use super::world::{Balance, CustomerKey, MemberSystem, World};
use super::{Dice, date};
use chrono::{Days, Months, NaiveDate};

const ACCOUNTS: u32 = 900;

/// All month-end balances up to 2025-11-30; December's come on the second day.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let crm: Vec<CustomerKey> = (world.customers.iter().map(|customer| customer.key))
        .filter(|key| key.system == MemberSystem::Crm)
        .collect();
    for n in 1..=ACCOUNTS {
        let customer = crm[dice.skewed(crm.len())];
        let opened = dice.between(0, 30) * dice.between(0, 1);
        let months = if dice.per_mille(120) { dice.between(2, 34) } else { 99 };
        let credit_limit = dice.between(2, 30) * 50_000;
        let mut balance = dice.between(0, 120_000);
        for month in (opened..opened + months).take_while(|month| *month < 35) {
            world.balances.push(Balance {
                account: format!("A-{n:05}"),
                customer,
                month_end: month_end(month as u32),
                balance,
                credit_limit,
            });
            balance = next(balance, credit_limit, dice);
        }
    }
    world.balances.sort_by(|a, b| (a.month_end, &a.account).cmp(&(b.month_end, &b.account)));
}

/// What is owed a month later: bought on credit, paid back, now and then overpaid.
pub(crate) fn next(balance: i64, credit_limit: i64, dice: &mut Dice) -> i64 {
    let paid = balance.max(0) * dice.between(10, 100) / 100;
    let overpaid = if dice.per_mille(20) { dice.between(100, 9_000) } else { 0 };
    (balance - paid + dice.between(0, 60_000) - overpaid).min(credit_limit)
}

/// The last day of a month, counted from January 2023 as 0.
pub(crate) fn month_end(month: u32) -> NaiveDate {
    date(2023, 1, 1) + Months::new(month + 1) - Days::new(1)
}
