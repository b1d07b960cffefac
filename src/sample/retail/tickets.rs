//! Tickets of the service centre.

use super::campaigns::GHOST_CUSTOMER;
use super::world::{CustomerKey, MemberSystem, Ticket, World};
use super::{Dice, at, date};
use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};

const TICKETS: u32 = 4200;
const CHANNELS: [&str; 5] = ["PHONE", "EMAIL", "WEB", "STORE", "SOCIAL"];
const TOPICS: [&str; 6] =
    ["Delivery", "Return", "Invoice", "Product question", "Complaint", "Credit card"];

/// All tickets opened up to the first business day.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let mut days: Vec<NaiveDate> =
        (0..TICKETS).map(|_| date(2023, 1, 1) + Days::new(dice.below(1095))).collect();
    days.sort_unstable();
    world.tickets = (1..).zip(days).map(|(n, day)| ticket(world, n, day, dice)).collect();
}

/// A ticket and what has become of it up to the first business day.
pub(crate) fn ticket(world: &World, n: u32, day: NaiveDate, dice: &mut Dice) -> Ticket {
    let channel = CHANNELS[dice.weighted(&[34, 30, 18, 10, 8])];
    let opened_at = at(day, dice.between(7, 19) as u32, dice.between(0, 59) as u32);
    let closing = at(super::day_one(), 22, 0);
    let resolved_at = Some(solution(channel, opened_at, dice))
        .filter(|moment| *moment <= closing && !dice.per_mille(15));
    let ghost = CustomerKey { system: MemberSystem::China, number: GHOST_CUSTOMER };
    let known = world.customers[dice.skewed(world.customers.len())].key;
    let customer = [Some(known), None, Some(ghost)][dice.weighted(&[880, 112, 8])];
    Ticket {
        number: format!("K-{n:06}"),
        customer,
        channel,
        topic: TOPICS[dice.weighted(&[30, 22, 14, 18, 9, 7])],
        opened_at,
        resolved_at,
        satisfaction: resolved_at.filter(|_| dice.per_mille(600)).map(|_| mark(dice)),
    }
}

/// When it is solved: letters of the screen take longer than talk.
pub(crate) fn solution(channel: &str, opened_at: NaiveDateTime, dice: &mut Dice) -> NaiveDateTime {
    let quarters = match channel {
        "PHONE" => dice.between(1, 40),
        "STORE" => dice.between(1, 30),
        "SOCIAL" => dice.between(8, 160),
        "WEB" => dice.between(4, 110),
        _ => dice.between(12, 260),
    };
    opened_at + TimeDelta::minutes(quarters * 15)
}

/// A mark from 1 to 5.
pub(crate) fn mark(dice: &mut Dice) -> i16 {
    [5, 4, 3, 2, 1][dice.weighted(&[38, 30, 17, 9, 6])]
}
