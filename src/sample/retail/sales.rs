//! Receipts of the tills and orders of the web shop.

use super::campaigns::{GHOST_CAMPAIGN, GHOST_CUSTOMER};
use super::money::Currency;
use super::world::{Customer, CustomerKey, MemberSystem, SaleLine, Store, World};
use super::{Dice, at, date};
use chrono::{Datelike, NaiveDate};

/// A store's number that nobody knows.
pub(crate) const GHOST_STORE: &str = "S900";
/// An article number that nobody knows.
pub(crate) const GHOST_SKU: &str = "SKU-9999";

/// All receipts from 2023-01-01 to the first business day.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let buyers = Buyers::of(&world.customers);
    let mut sales = Vec::new();
    for day in date(2023, 1, 1).iter_days().take_while(|day| *day <= super::day_one()) {
        for serial in 1..=receipts_of(day, dice) {
            sales.extend(receipt(world, &buyers, day, serial, dice));
        }
    }
    world.sales = sales;
}

/// How many receipts a day has: more each year, in December and on Saturdays.
pub(crate) fn receipts_of(day: NaiveDate, dice: &mut Dice) -> u64 {
    let growth = match day.year() {
        2023 => 21,
        2024 => 24,
        _ => 27,
    };
    let season = [85, 80, 95, 100, 105, 100, 90, 85, 100, 105, 125, 160][day.month0() as usize];
    let weekday = if day.weekday() == chrono::Weekday::Sat { 130 } else { 100 };
    growth * season * weekday / 10_000 + dice.below(5)
}

/// Who may buy.
pub(crate) struct Buyers<'a> {
    crm: Vec<&'a Customer>,
    china: Vec<&'a Customer>,
}

impl<'a> Buyers<'a> {
    pub(crate) fn of(customers: &'a [Customer]) -> Self {
        let (crm, china) =
            customers.iter().partition(|customer| customer.key.system == MemberSystem::Crm);
        Self { crm, china }
    }

    /// A customer who is still active on a day, the same few more often than others.
    fn pick(&self, system: MemberSystem, day: NaiveDate, dice: &mut Dice) -> Option<CustomerKey> {
        let from = match system {
            MemberSystem::Crm => &self.crm,
            MemberSystem::China => &self.china,
        };
        let tries = (0..4).map(|_| from[dice.skewed(from.len())]);
        let found = tries.into_iter().find(|customer| is_active(customer, day))?;
        let ghost = CustomerKey { system, number: GHOST_CUSTOMER };
        Some(if dice.per_mille(4) { ghost } else { found.key })
    }
}

/// Some customers come for a year or two and then no more.
fn is_active(customer: &Customer, day: NaiveDate) -> bool {
    let last_year = match customer.key.number % 12 {
        0 => 2023,
        1 | 2 => 2024,
        _ => 2025,
    };
    customer.registered_on <= day && day.year() <= last_year
}

/// One receipt with its lines.
pub(crate) fn receipt(
    world: &World,
    buyers: &Buyers<'_>,
    day: NaiveDate,
    serial: u64,
    dice: &mut Dice,
) -> Vec<SaleLine> {
    let store = dice.per_mille(660).then(|| &world.stores[dice.skewed(world.stores.len())]);
    let currency = store.map_or(Currency::Eur, |store| store.currency);
    let system = match currency {
        Currency::Cny => MemberSystem::China,
        _ => MemberSystem::Crm,
    };
    let shows_card = store.is_none() || dice.per_mille(620);
    let customer = if shows_card { buyers.pick(system, day, dice) } else { None };
    let sold_at = at(day, dice.between(8, 20) as u32, dice.between(0, 59) as u32);
    let head = SaleLine {
        receipt: format!(
            "{}{}-{serial:04}",
            if store.is_some() { 'T' } else { 'W' },
            day.format("%Y%m%d")
        ),
        line: 0,
        sold_at,
        channel: match store {
            Some(_) => "STORE",
            None if dice.per_mille(300) => "APP",
            None => "WEB",
        },
        store: store.map(|store| number(store, dice)),
        customer,
        sku: String::new(),
        campaign: reason(world, day, dice),
        quantity: 0,
        currency: if store.is_none() && dice.per_mille(200) { Currency::Usd } else { currency },
        amount: 0,
        cost: 0,
    };
    let lines = dice.weighted(&[0, 34, 28, 18, 12, 8]);
    (1..=lines).map(|line| item(world, &head, line as i16, dice)).collect()
}

fn number(store: &Store, dice: &mut Dice) -> String {
    if dice.per_mille(3) { GHOST_STORE.to_owned() } else { store.number.clone() }
}

/// The campaign that brought the sale about, if one did.
fn reason(world: &World, day: NaiveDate, dice: &mut Dice) -> Option<String> {
    if !dice.per_mille(240) {
        return None;
    }
    let running = world.campaigns.iter().find(|c| c.starts_on <= day && day <= c.ends_on)?;
    Some(if dice.per_mille(8) { GHOST_CAMPAIGN.to_owned() } else { running.code.clone() })
}

fn item(world: &World, head: &SaleLine, line: i16, dice: &mut Dice) -> SaleLine {
    let product = &world.products[dice.skewed(world.products.len())];
    let quantity = [1, 2, 3, 6][dice.weighted(&[72, 18, 7, 3])];
    let paid = dice.between(78, 100);
    let in_currency = |cents: i64| cents * 100 / head.currency.rough_cents();
    SaleLine {
        line,
        sku: if dice.per_mille(3) { GHOST_SKU.to_owned() } else { product.sku.clone() },
        quantity,
        amount: in_currency(product.list_price * i64::from(quantity) * paid / 100),
        cost: in_currency(product.cost * i64::from(quantity)),
        ..head.clone()
    }
}
