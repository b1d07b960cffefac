//! A retail group with stores, a web shop, a service centre and a credit card.
//!
//! In reading order: [`world`] says what is true; one file a subject makes it up from a seed
//! (`places`, `products`, `themes`, `people`, `campaigns`, `sales`, `loans`, `tickets`, `balances`,
//! `staff`, `visits`, `stock`, `opportunities`);
//! `second_day` lets a day pass; [`write`](mod@write) turns the truth into source systems with
//! dirt it knows about.
//!
//! The same seed gives the same bytes. Each subject draws from a stream of its own, so that a
//! change in one leaves the others as they were.

mod balances;
mod campaigns;
mod dice;
mod loans;
pub mod money;
mod opportunities;
mod people;
mod places;
mod products;

mod sales;
mod second_day;
pub mod staff;
mod stock;
pub mod themes;
mod tickets;
pub mod trade;
mod visits;
pub mod world;
pub mod write;

use chrono::{NaiveDate, NaiveDateTime};
use dice::Dice;
pub use world::World;

/// The seed of the sample warehouse that `starhouse demo` builds.
pub const SEED: u64 = 20_251_231;

/// The group's truth on two business days.
#[derive(Debug, Clone)]
pub struct Retail {
    /// What was true at the close of 2025-12-30.
    pub day_one: World,
    /// What was true at the close of 2025-12-31.
    pub day_two: World,
    seed: u64,
}

impl Retail {
    /// Makes the group up from a seed.
    #[must_use]
    pub fn generate(seed: u64) -> Self {
        let day_one = first_day(seed);
        let day_two = second_day::pass(&day_one, seed);
        Self { day_one, day_two, seed }
    }

    /// The seed it was made from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// The first business day: 2025-12-30.
#[must_use]
pub fn day_one() -> NaiveDate {
    date(2025, 12, 30)
}

/// The second business day, "today": 2025-12-31.
#[must_use]
pub fn day_two() -> NaiveDate {
    date(2025, 12, 31)
}

/// A file that only the first day brings: who has read it has loaded that day.
pub const FIRST_DAY_FILE: &str = "sources/webshop/orders_2023.csv";

/// A file that only the second day brings.
#[must_use]
pub fn second_day_file() -> String {
    write::second_day_file()
}

fn first_day(seed: u64) -> World {
    let dice = |stream: &str| Dice::new(seed, stream);
    let mut world = World {
        rates: money::Rates::generate(&mut dice("rates")),
        channels: places::channels(),
        stores: places::stores(&mut dice("stores")),
        products: products::products(&mut dice("products")),
        customers: people::customers(&mut dice("customers")),
        campaigns: campaigns::campaigns(),
        ..World::default()
    };
    campaigns::launch(&mut world, &mut dice("marketing"));
    sales::history(&mut world, &mut dice("sales"));
    loans::history(&mut world, &mut dice("loans"));
    tickets::history(&mut world, &mut dice("tickets"));
    balances::history(&mut world, &mut dice("balances"));
    world.employees = staff::employees(&world.stores);
    world.targets = staff::targets(&world.stores, &mut dice("targets"));
    world.category_targets = products::targets(&world.products, &mut dice("category targets"));
    visits::history(&mut world, &mut dice("visits"));
    stock::history(&mut world, &mut dice("stock"));
    opportunities::history(&mut world, &mut dice("opportunities"));
    world
}

/// A day that is written in this code and so exists.
fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// A minute of a day.
fn at(day: NaiveDate, hour: u32, minute: u32) -> NaiveDateTime {
    day.and_hms_opt(hour, minute, 0).unwrap_or_default()
}
