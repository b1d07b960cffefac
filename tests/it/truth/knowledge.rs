//! What a person who knows both days can say: which codes are known, what a member was at a
//! moment, what an amount is in euro.

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use starhouse::sample::retail::Retail;
use starhouse::sample::retail::money::Currency;
use starhouse::sample::retail::world::{Customer, CustomerKey, Product, SaleLine, Store};
use std::collections::HashMap;

pub(crate) const UNKNOWN: &str = "Unknown";
pub(crate) const NONE: &str = "Not applicable";

/// Both days' members, the second day's state of each where it still exists.
pub(crate) struct Knowledge {
    pub(crate) customers: HashMap<CustomerKey, Customer>,
    pub(crate) products: HashMap<String, Product>,
    /// The store on the first day, and on the second.
    pub(crate) stores: HashMap<String, (Store, Store)>,
    pub(crate) channels: HashMap<&'static str, &'static str>,
    rates: HashMap<(Currency, i32, u32), i128>,
}

impl Knowledge {
    pub(crate) fn of(retail: &Retail) -> Self {
        let (one, two) = (&retail.day_one, &retail.day_two);
        let customers = one.customers.iter().chain(&two.customers);
        let products = one.products.iter().chain(&two.products);
        let stores = one.stores.iter().zip(&two.stores);
        let rate = |r: &starhouse::sample::retail::money::Rate| {
            ((r.currency, r.month.year(), r.month.month()), i128::from(r.micro_eur))
        };
        Self {
            customers: customers.map(|c| (c.key, c.clone())).collect(),
            products: products.map(|p| (p.sku.clone(), p.clone())).collect(),
            stores: stores.map(|(a, b)| (a.number.clone(), (a.clone(), b.clone()))).collect(),
            channels: two.channels.iter().map(|c| (c.code, c.name)).collect(),
            rates: two.rates.rows.iter().map(rate).collect(),
        }
    }

    /// Cents of euro at the month's rate, halves away from zero.
    pub(crate) fn eur(&self, amount: i64, currency: Currency, day: NaiveDate) -> i128 {
        let rate = self.rates[&(currency, day.year(), day.month())];
        let micro = i128::from(amount) * rate;
        (micro.abs() + 500_000) / 1_000_000 * micro.signum()
    }

    pub(crate) fn revenue(&self, sale: &SaleLine) -> i128 {
        self.eur(sale.amount, sale.currency, sale.sold_at.date())
    }

    pub(crate) fn cost(&self, sale: &SaleLine) -> i128 {
        self.eur(sale.cost, sale.currency, sale.sold_at.date())
    }

    /// A store as it was at a moment, its name as it is now.
    pub(crate) fn store_at(&self, number: &str, at: NaiveDateTime) -> Option<Store> {
        let (before, after) = self.stores.get(number)?;
        let moved = (before.city, before.region, before.country)
            != (after.city, after.region, after.country);
        if moved && at < after.updated_at {
            return Some(Store { name: after.name.clone(), ..before.clone() });
        }
        Some(after.clone())
    }

    /// A product's name as it is now.
    pub(crate) fn product_name(&self, sku: &str) -> &str {
        self.products.get(sku).map_or(UNKNOWN, |product| &product.name)
    }
}

/// The quarter of a day: `2025-Q1`.
pub(crate) fn quarter(day: NaiveDate) -> String {
    format!("{}-Q{}", day.year(), day.month0() / 3 + 1)
}
