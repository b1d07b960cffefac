//! What customers did from year to year, by brute force.

use super::knowledge::Knowledge;
use chrono::{Datelike, NaiveDate};
use starhouse::sample::retail::world::{CustomerKey, World};
use std::collections::{BTreeMap, BTreeSet};

/// A customer's year.
#[derive(Debug, Clone)]
pub(crate) struct Year {
    pub(crate) customer: CustomerKey,
    pub(crate) year: i32,
    pub(crate) cohort: i32,
    pub(crate) receipts: i128,
    pub(crate) revenue: i128,
    pub(crate) margin: i128,
    pub(crate) days_ago: Option<i64>,
    pub(crate) bought: bool,
    pub(crate) bought_before: bool,
}

impl Year {
    pub(crate) fn segment(&self) -> &'static str {
        let Some(days) = self.days_ago else { return "Lost" };
        let euros = self.revenue / 100;
        if days <= 90 && self.receipts >= 8 && euros >= 1000 {
            "Champion"
        } else if days <= 180 && self.receipts >= 3 {
            "Loyal"
        } else if euros >= 1000 {
            "Big spender"
        } else if days <= 180 {
            "Promising"
        } else {
            "At risk"
        }
    }
}

#[derive(Default)]
struct Purchases {
    receipts: BTreeSet<String>,
    revenue: i128,
    cost: i128,
    last: Option<NaiveDate>,
}

/// A row for each year with purchases, and one for the year after, up to the last year.
pub(crate) fn years(world: &World, known: &Knowledge) -> Vec<Year> {
    let mut bought: BTreeMap<CustomerKey, BTreeMap<i32, Purchases>> = BTreeMap::new();
    for sale in &world.sales {
        let Some(key) = sale.customer.filter(|key| known.customers.contains_key(key)) else {
            continue;
        };
        let day = sale.sold_at.date();
        let year = bought.entry(key).or_default().entry(day.year()).or_default();
        year.receipts.insert(sale.receipt.clone());
        year.revenue += known.revenue(sale);
        year.cost += known.cost(sale);
        year.last = year.last.max(Some(day));
    }
    let mut rows = Vec::new();
    for (customer, years) in &bought {
        let cohort = *years.keys().next().unwrap();
        for year in 2023..=2025 {
            let (now, before) = (years.get(&year), years.get(&(year - 1)));
            if now.is_none() && before.is_none() {
                continue;
            }
            let end = NaiveDate::from_ymd_opt(year, 12, 31).unwrap();
            rows.push(Year {
                customer: *customer,
                year,
                cohort,
                receipts: now.map_or(0, |p| p.receipts.len() as i128),
                revenue: now.map_or(0, |p| p.revenue),
                margin: now.map_or(0, |p| p.revenue - p.cost),
                days_ago: now.and_then(|p| p.last).map(|last| (end - last).num_days()),
                bought: now.is_some(),
                bought_before: before.is_some(),
            });
        }
    }
    rows
}
