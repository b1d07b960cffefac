//! Visits to the web shop in 2025, and how far each came.

use super::trade::{Step, Visit};
use super::world::{CustomerKey, SaleLine, World};
use super::{Dice, at};
use chrono::{Datelike, NaiveDateTime, TimeDelta};
use std::collections::BTreeMap;

/// The year since when the shop counts visits.
const YEAR: i32 = 2025;
pub(crate) const DEVICES: [&str; 3] = ["mobile", "desktop", "tablet"];
const CAME_BY: [&str; 4] = ["search", "direct", "newsletter", "advert"];

/// All visits up to the first business day: one for each order, and those that came to nothing.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let mut orders: BTreeMap<&str, &SaleLine> = BTreeMap::new();
    for sale in world.sales.iter().filter(|s| s.is_web() && s.sold_at.year() == YEAR) {
        orders.entry(&sale.receipt).or_insert(sale);
    }
    let mut visits = Vec::new();
    for order in orders.into_values() {
        let before = TimeDelta::minutes(dice.between(3, 40));
        let ordered = visit(order.sold_at - before, order.customer, Step::Ordered, dice);
        let (campaign, order_no) = (order.campaign.clone(), Some(order.receipt.clone()));
        visits.push(Visit { campaign, order: order_no, ..ordered });
        for _ in 0..dice.between(1, 4) {
            let hour = dice.between(6, 23) as u32;
            let visited_at = at(order.sold_at.date(), hour, dice.between(0, 59) as u32);
            let buyer = &world.customers[dice.skewed(world.customers.len())];
            let known = buyer.registered_on <= visited_at.date() && dice.per_mille(350);
            let step = [Step::Came, Step::Looked, Step::PutIn][dice.weighted(&[38, 45, 17])];
            let campaign = order.campaign.clone().filter(|_| dice.per_mille(300));
            let idle = visit(visited_at, known.then_some(buyer.key), step, dice);
            visits.push(Visit { campaign, ..idle });
        }
    }
    // Numbers go by time; those of one minute stay as they were made.
    visits.sort_by_key(|visit| visit.visited_at);
    for (n, visit) in (1..).zip(&mut visits) {
        visit.number = format!("V-{n:06}");
    }
    world.visits = visits;
}

fn visit(
    visited_at: NaiveDateTime,
    customer: Option<CustomerKey>,
    step: Step,
    dice: &mut Dice,
) -> Visit {
    let products = match step {
        Step::Came => 0,
        _ => dice.between(1, 12) as i32,
    };
    Visit {
        number: String::new(),
        visited_at,
        customer,
        campaign: None,
        device: DEVICES[dice.weighted(&[58, 34, 8])],
        came_by: CAME_BY[dice.weighted(&[42, 28, 16, 14])],
        is_new: customer.is_none() && dice.per_mille(600),
        pages: products + 1 + dice.between(0, 6) as i32,
        products,
        step,
        order: None,
    }
}
