//! The second business day: what changed between its eve and its close.
//!
//! Customers move and rise, some join, some are erased; facts come late, are corrected, are
//! withdrawn. Sources are written from the two worlds alone; nothing else says what happened.

use super::sales::Buyers;
use super::world::{Customer, CustomerKey, Loan, MemberSystem, Product, SaleLine, World};
use super::{Dice, at, campaigns, date, loans, people, sales, tickets};
use chrono::{Datelike, NaiveDateTime, TimeDelta};

const CHANGED_CUSTOMERS: usize = 110;
const OVERWRITTEN_CUSTOMERS: usize = 30;
const LATE_RECEIPTS: u64 = 140;
const CORRECTED_LINES: usize = 80;
const WITHDRAWN_LINES: usize = 50;

/// The world a day later.
pub(crate) fn pass(day_one: &World, seed: u64) -> World {
    let dice = |stream: &str| Dice::new(seed, stream);
    let mut world = day_one.clone();
    customers(&mut world, &mut dice("second customers"));
    assortment(&mut world, &mut dice("second assortment"));
    facts(&mut world, &mut dice("second sales"));
    marketing(&mut world, &mut dice("second marketing"));
    credit(&mut world, &mut dice("second credit"));
    service(&mut world, &mut dice("second service"));
    month_end(&mut world, &mut dice("second balances"));
    world
}

fn customers(world: &mut World, dice: &mut Dice) {
    let count = world.customers.len();
    for _ in 0..CHANGED_CUSTOMERS {
        let customer = &mut world.customers[dice.below(count as u64) as usize];
        let since = at(super::day_two(), dice.between(5, 11) as u32, dice.between(0, 59) as u32);
        // one change a customer and day is enough
        if customer.state().is_some_and(|state| state.since < at(super::day_two(), 0, 0)) {
            people::change(customer, since, dice);
        }
    }
    for _ in 0..OVERWRITTEN_CUSTOMERS {
        let customer = &mut world.customers[dice.below(count as u64) as usize];
        customer.email = Some(format!("new{}@mail.example", customer.key.number));
    }
    for (system, erased, joined) in [(MemberSystem::Crm, 15, 60), (MemberSystem::China, 5, 20)] {
        for _ in 0..erased {
            let numbers: Vec<CustomerKey> = members(&world.customers, system);
            let gone = *dice.pick(&numbers);
            world.customers.retain(|customer| customer.key != gone);
        }
        let last = members(&world.customers, system).last().map_or(0, |key| key.number);
        for n in 1..=joined {
            // a gap: numbers are never given again
            let key = CustomerKey { system, number: last + 100 + n };
            world.customers.push(people::customer(key, super::day_two(), dice));
        }
    }
}

fn members(customers: &[Customer], system: MemberSystem) -> Vec<CustomerKey> {
    customers.iter().map(|customer| customer.key).filter(|key| key.system == system).collect()
}

/// Stores and products: new names (overwritten), new places in the hierarchies (new versions),
/// new products, one product delisted.
fn assortment(world: &mut World, dice: &mut Dice) {
    let morning = at(super::day_two(), 6, 0);
    for store in &mut world.stores {
        match store.number.as_str() {
            "S007" => store.name.push_str(" Centre"),
            "S003" => store.region = "Eastern Germany",
            _ => continue,
        }
        store.updated_at = morning;
    }
    for product in &mut world.products {
        match product.sku.as_str() {
            "SKU-0005" | "SKU-0040" => product.name.push_str(" II"),
            "SKU-0012" => product.subcategory = "Camping",
            _ => continue,
        }
        product.updated_at = morning;
    }
    world.products.retain(|product| product.sku != "SKU-0187");
    for sku in ["SKU-0201", "SKU-0202"] {
        let like = dice.pick(&world.products).clone();
        world.products.push(Product {
            sku: sku.to_owned(),
            name: format!("{} Edition {}", like.name, &sku[7..]),
            updated_at: morning,
            ..like
        });
    }
}

fn facts(world: &mut World, dice: &mut Dice) {
    let mut arrived = Vec::new();
    let buyers = Buyers::of(&world.customers);
    for serial in 1..=sales::receipts_of(super::day_two(), dice) {
        arrived.extend(sales::receipt(world, &buyers, super::day_two(), serial, dice));
    }
    for n in 1..=LATE_RECEIPTS {
        let day = super::day_one() - chrono::Days::new(20 + dice.below(400));
        arrived.extend(sales::receipt(world, &buyers, day, 9000 + n, dice));
    }
    for _ in 0..WITHDRAWN_LINES {
        let gone = dice.below(world.sales.len() as u64) as usize;
        world.sales.remove(gone);
    }
    let count = world.sales.len();
    for _ in 0..CORRECTED_LINES {
        correct(&mut world.sales[dice.below(count as u64) as usize]);
    }
    world.sales.extend(arrived);
}

/// One piece more was sold than was booked.
fn correct(line: &mut SaleLine) {
    let pieces = i64::from(line.quantity);
    line.amount += line.amount / pieces;
    line.cost += line.cost / pieces;
    line.quantity += 1;
}

fn marketing(world: &mut World, dice: &mut Dice) {
    let next = world.contacts.len() as u32 + 1;
    for number in next..next + 60 {
        let channel = *dice.pick(&["EMAIL", "SOCIAL"]);
        let today = super::day_two();
        let contact = campaigns::contact(world, number, "C25-GIFTS", channel, today, dice);
        world.contacts.push(contact);
    }
    let open = (world.contacts.iter_mut())
        .filter(|c| c.campaign == "C25-GIFTS" && c.responded_at.is_none())
        .filter(|c| c.contacted_at.date() < super::day_two());
    for contact in open.take(40) {
        contact.responded_at = Some(at(super::day_two(), 10, dice.between(0, 59) as u32));
        contact.response_revenue = dice.between(1200, 38_000);
    }
    for cost in &mut world.campaign_costs {
        match (cost.campaign.as_str(), cost.channel) {
            ("C25-GIFTS", "EMAIL") => cost.spend += 25_050,
            ("C25-CARD", _) => cost.target_responses += 5,
            _ => {}
        }
    }
}

fn credit(world: &mut World, dice: &mut Dice) {
    let today = super::day_two();
    let is_open = |loan: &Loan| loan.closed_on.is_none() && loan.defaulted_on.is_none();
    let months_ago = today - chrono::Days::new(120);
    let open: Vec<usize> = (0..world.loans.len())
        .filter(|n| is_open(&world.loans[*n]) && world.loans[*n].opened_on < months_ago)
        .collect();
    for (place, n) in open.into_iter().enumerate().take(40) {
        match place % 8 {
            0 => world.loans[n].defaulted_on = Some(today),
            _ => loans::pay(&mut world.loans[n], today),
        }
    }
    let crm = members(&world.customers, MemberSystem::Crm);
    let next = world.loans.len() as u32 + 1;
    for n in next..next + 6 {
        world.loans.push(loans::loan(n, *dice.pick(&crm), today, dice));
    }
}

fn service(world: &mut World, dice: &mut Dice) {
    let noon = at(super::day_two(), 12, 0);
    let open = world.tickets.iter_mut().filter(|ticket| ticket.resolved_at.is_none());
    for ticket in open.take(30) {
        ticket.resolved_at = Some(quarter_before(noon, ticket.opened_at));
        ticket.satisfaction = dice.per_mille(600).then(|| tickets::mark(dice));
    }
    let next = world.tickets.len() as u32 + 1;
    for n in next..next + 20 {
        // eight of them were left on a desk and come late
        let late = if n < next + 8 { 30 + dice.below(200) } else { 0 };
        let day = super::day_two() - chrono::Days::new(late);
        let ticket = tickets::ticket(world, n, day, dice);
        world.tickets.push(ticket);
    }
}

/// The last moment up to `limit` that is whole quarters of an hour after `start`.
fn quarter_before(limit: NaiveDateTime, start: NaiveDateTime) -> NaiveDateTime {
    let quarters = (limit - start).num_minutes() / 15;
    start + TimeDelta::minutes(quarters * 15)
}

/// December's balances, and ten of September's corrected.
fn month_end(world: &mut World, dice: &mut Dice) {
    let november = date(2025, 11, 30);
    let mut december: Vec<_> =
        world.balances.iter().filter(|b| b.month_end == november).cloned().collect();
    for balance in &mut december {
        balance.month_end = super::day_two();
        balance.balance = super::balances::next(balance.balance, balance.credit_limit, dice);
    }
    let september = world
        .balances
        .iter_mut()
        .filter(|b| b.month_end.month() == 9 && b.month_end.year() == 2025);
    for balance in september.step_by(60).take(10) {
        balance.balance += 1_234;
    }
    world.balances.extend(december);
}
