//! Customers as they are, and the log of what they were.

use super::super::report::{Fault, SourceReport};
use super::super::{Day, Dice, dirt};
use super::table::{Row, Table};
use crate::sample::retail::world::{Customer, CustomerState, MemberSystem};
use chrono::Days;
use rusqlite::Transaction;

const COLUMNS: [&str; 14] = [
    "customer_no TEXT",
    "name TEXT",
    "email TEXT",
    "birth_date TEXT",
    "gender TEXT",
    "income_band TEXT",
    "registered_on TEXT",
    "household TEXT",
    "household_size TEXT",
    "segment TEXT",
    "tier TEXT",
    "city TEXT",
    "country TEXT",
    "updated_at TEXT",
];
const LOG_COLUMNS: [&str; 8] = [
    "customer_no TEXT",
    "household TEXT",
    "household_size TEXT",
    "segment TEXT",
    "tier TEXT",
    "city TEXT",
    "country TEXT",
    "updated_at TEXT",
];

/// Writes every customer's present state. A duplicate is an older copy of the row: it says other
/// things, and the later `updated_at` is right.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    let mut dice = day.dice("customer");
    let mut table = Table::create(transaction, "customer", &COLUMNS)?;
    for customer in customers(day) {
        let Some(state) = customer.state() else { continue };
        if dice.per_mille(6) {
            let (row, fault) = spoiled(row(customer, state, &mut dice), &mut dice);
            table.bad_row(&row, fault)?;
        }
        if dice.per_mille(15) {
            let mut stale = state.clone();
            stale.since = stale.since - Days::new(40);
            stale.household_size = stale.household_size % 6 + 1;
            table.duplicate(&row(customer, &stale, &mut dice))?;
        }
        table.row(&row(customer, state, &mut dice))?;
    }
    Ok(table.finish())
}

/// Writes every state that is past, with the moment since when it held.
pub(crate) fn write_log(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    let mut dice = day.dice("customer_log");
    let mut table = Table::create(transaction, "customer_log", &LOG_COLUMNS)?;
    for customer in customers(day) {
        let past = customer.states.len().saturating_sub(1);
        for state in &customer.states[..past] {
            let row = log_row(customer, state, &mut dice);
            table.row(&row)?;
            if dice.per_mille(20) {
                table.duplicate(&row)?;
            }
            if dice.per_mille(6) {
                let mut row = row;
                row[7] = Some(dirt::impossible_moment(&mut dice));
                table.bad_row(&row, ("updated_at", "impossible date"))?;
            }
        }
    }
    Ok(table.finish())
}

fn customers<'a>(day: &Day<'a>) -> impl Iterator<Item = &'a Customer> {
    day.now.customers.iter().filter(|customer| customer.key.system == MemberSystem::Crm)
}

fn row(customer: &Customer, state: &CustomerState, dice: &mut Dice) -> Row {
    let birth_date = match customer.birth_date {
        Some(birth_date) => dirt::day(birth_date, dice),
        // what is lost was never right: the value becomes NULL, the row stays
        None if dice.per_mille(300) => dirt::impossible_day(dice),
        None => dirt::nothing(dice),
    };
    let gender = customer.gender.map(|gender| match (gender, dice.below(4)) {
        ("F", 0) => "female".to_owned(),
        ("M", 0) => "male".to_owned(),
        _ => dirt::cased(gender, dice),
    });
    let mut row = vec![
        Some(dirt::spaced(&customer.key.number.to_string(), dice)),
        Some(dirt::cased(&customer.name, dice)),
        customer.email.as_ref().map(|email| dirt::cased(email, dice)),
        Some(birth_date),
        Some(dirt::or_nothing(gender, dice)),
        Some(dirt::or_nothing(customer.income_band.map(str::to_owned), dice)),
        Some(dirt::day(customer.registered_on, dice)),
    ];
    row.extend(state_columns(state, dice));
    row
}

fn log_row(customer: &Customer, state: &CustomerState, dice: &mut Dice) -> Row {
    let mut row = vec![Some(customer.key.number.to_string())];
    row.extend(state_columns(state, dice));
    row
}

fn state_columns(state: &CustomerState, dice: &mut Dice) -> Row {
    vec![
        Some(dirt::or_nothing(state.household.clone(), dice)),
        Some(state.household_size.to_string()),
        Some(dirt::cased(state.segment, dice)),
        Some(dirt::cased(state.tier, dice)),
        Some(dirt::cased(state.city, dice)),
        Some(dirt::cased(state.country, dice)),
        Some(dirt::moment(state.since)),
    ]
}

fn spoiled(mut row: Row, dice: &mut Dice) -> (Row, Fault) {
    match dice.below(4) {
        0 => {
            row[0] = None;
            (row, ("customer_id", "no number"))
        }
        1 => {
            row[12] = Some("XX".to_owned());
            (row, ("country", "unknown code"))
        }
        2 => {
            row[10] = Some("Platinum".to_owned());
            (row, ("loyalty_tier", "unknown code"))
        }
        _ => {
            row[6] = Some(dirt::impossible_day(dice));
            (row, ("registered_on", "impossible date"))
        }
    }
}
