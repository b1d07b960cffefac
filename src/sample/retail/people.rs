//! Customers and the history of their lives.

use super::places::{PLACES, Place};
use super::world::{Customer, CustomerKey, CustomerState, MemberSystem};
use super::{Dice, at, date};
use chrono::{Days, NaiveDate, NaiveDateTime};

const CRM_CUSTOMERS: u32 = 3200;
const CHINA_MEMBERS: u32 = 800;
/// Both systems number from here: the same number is another person in each.
pub(crate) const FIRST_NUMBER: u32 = 1001;

const FIRST_NAMES: [&str; 30] = [
    "Anna", "Ben", "Clara", "David", "Émile", "Fatima", "Georg", "Hannah", "Ivan", "Julia",
    "Karim", "Léa", "Max", "Nina", "Oscar", "Paula", "Quentin", "Rosa", "Samuel", "Tanja",
    "Ulrich", "Vera", "William", "Xenia", "Yusuf", "Zoé", "Amélie", "Björn", "Jürgen", "Olivia",
];
const LAST_NAMES: [&str; 40] = [
    "Schmidt", "Müller", "Weber", "Fischer", "Wagner", "Becker", "Hoffmann", "Schäfer", "Koch",
    "Richter", "Martin", "Bernard", "Dubois", "Thomas", "Robert", "Moreau", "Laurent", "Simon",
    "Lefèvre", "Garnier", "Smith", "Johnson", "Williams", "Brown", "Jones", "Miller", "Davis",
    "Wilson", "Anderson", "Taylor", "Novak", "Kowalski", "Rossi", "Silva", "Jensen", "Larsen",
    "Berg", "Hansen", "Haas", "Vogel",
];
const CHINESE_FAMILY: [&str; 20] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭",
    "何", "高", "林", "罗",
];
const CHINESE_GIVEN: [&str; 24] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明",
    "超", "秀英", "霞", "平", "刚", "桂英", "建华", "玉兰",
];
const SEGMENTS: [&str; 3] = ["Private", "Student", "Business"];
const TIERS: [&str; 3] = ["Bronze", "Silver", "Gold"];
const INCOMES: [&str; 4] = ["under 25k", "25k to 50k", "50k to 100k", "over 100k"];

/// The customers of both systems at the close of the first day.
pub(crate) fn customers(dice: &mut Dice) -> Vec<Customer> {
    let crm = (0..CRM_CUSTOMERS).map(|n| (MemberSystem::Crm, n));
    let china = (0..CHINA_MEMBERS).map(|n| (MemberSystem::China, n));
    crm.chain(china)
        .map(|(system, n)| {
            let registered_on = registration(dice);
            customer(CustomerKey { system, number: FIRST_NUMBER + n }, registered_on, dice)
        })
        .collect()
}

/// Most registered before the history begins, the others during it.
fn registration(dice: &mut Dice) -> NaiveDate {
    let first = if dice.per_mille(400) { date(2023, 1, 6) } else { date(2020, 1, 6) };
    first.checked_add_days(Days::new(dice.below(1000))).unwrap_or(first)
}

/// A customer who registered on a day, with what has changed since.
pub(crate) fn customer(key: CustomerKey, registered_on: NaiveDate, dice: &mut Dice) -> Customer {
    let name = match key.system {
        MemberSystem::Crm => format!("{} {}", dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES)),
        MemberSystem::China => {
            format!("{}{}", dice.pick(&CHINESE_FAMILY), dice.pick(&CHINESE_GIVEN))
        }
    };
    let email = dice.per_mille(850).then(|| match key.system {
        MemberSystem::Crm => format!("customer{}@mail.example", key.number),
        MemberSystem::China => format!("member{}@mail.example.cn", key.number),
    });
    let birth = date(
        dice.between(1940, 2006) as i32,
        dice.between(1, 12) as u32,
        dice.between(1, 28) as u32,
    );
    let mut customer = Customer {
        key,
        name,
        email,
        birth_date: dice.per_mille(900).then_some(birth),
        gender: [Some("F"), Some("M"), None][dice.weighted(&[47, 45, 8])],
        income_band: dice.per_mille(800).then(|| *dice.pick(&INCOMES)),
        registered_on,
        states: vec![first_state(key, at(registered_on, 7, 30), dice)],
    };
    // China's programme exports the present only: its history begins with the warehouse
    if key.system == MemberSystem::Crm {
        live(&mut customer, dice);
    }
    customer
}

fn first_state(key: CustomerKey, since: NaiveDateTime, dice: &mut Dice) -> CustomerState {
    let home = home(key.system, dice);
    CustomerState {
        since,
        household: dice.per_mille(700).then(|| {
            // neighbours in number share a household now and then
            format!("H-{}-{:05}", key.system.code(), key.number / 2)
        }),
        household_size: dice.between(1, 5) as i16,
        segment: SEGMENTS[dice.weighted(&[75, 13, 12])],
        tier: TIERS[dice.weighted(&[70, 22, 8])],
        city: home.city,
        country: home.country,
    }
}

fn home(system: MemberSystem, dice: &mut Dice) -> &'static Place {
    let abroad = PLACES.iter().position(|place| place.country == "CN").unwrap_or(0);
    match system {
        MemberSystem::Crm => &PLACES[dice.skewed(abroad)],
        MemberSystem::China => &PLACES[abroad + dice.skewed(PLACES.len() - abroad)],
    }
}

/// Changes between registration and the first business day.
fn live(customer: &mut Customer, dice: &mut Dice) {
    for year in [2023, 2024, 2025] {
        let moment = at(
            date(year, dice.between(1, 12) as u32, dice.between(1, 27) as u32),
            dice.between(5, 19) as u32,
            dice.between(0, 59) as u32,
        );
        if dice.per_mille(180) && customer.state().is_some_and(|state| moment > state.since) {
            change(customer, moment, dice);
        }
    }
}

/// One thing changes in a customer's life, so that history keeps a new version.
pub(crate) fn change(customer: &mut Customer, since: NaiveDateTime, dice: &mut Dice) {
    let Some(mut next) = customer.state().cloned() else { return };
    next.since = since;
    match dice.below(4) {
        0 => next.household_size = next.household_size % 6 + 1,
        1 => {
            let place = SEGMENTS.iter().position(|segment| *segment == next.segment);
            next.segment = SEGMENTS[(place.unwrap_or(0) + 1) % SEGMENTS.len()];
        }
        2 => {
            let new = home(customer.key.system, dice);
            if new.city == next.city {
                next.household_size = next.household_size % 6 + 1;
            }
            (next.city, next.country) = (new.city, new.country);
        }
        _ => {
            let place = TIERS.iter().position(|tier| *tier == next.tier);
            next.tier = TIERS[(place.unwrap_or(0) + 1) % TIERS.len()];
        }
    }
    customer.states.push(next);
}
