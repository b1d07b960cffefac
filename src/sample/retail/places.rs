//! Channels and stores.

use super::money::Currency;
use super::world::{Channel, Store};
use super::{Dice, at, date};

/// City, region, country, currency of a place with stores.
pub(crate) struct Place {
    pub(crate) city: &'static str,
    pub(crate) region: &'static str,
    pub(crate) country: &'static str,
    pub(crate) currency: Currency,
}

const fn place(
    city: &'static str,
    region: &'static str,
    country: &'static str,
    currency: Currency,
) -> Place {
    Place { city, region, country, currency }
}

/// Where the group has stores and customers.
pub(crate) const PLACES: [Place; 25] = [
    place("Hamburg", "Northern Germany", "DE", Currency::Eur),
    place("Bremen", "Northern Germany", "DE", Currency::Eur),
    place("Hanover", "Northern Germany", "DE", Currency::Eur),
    place("Munich", "Southern Germany", "DE", Currency::Eur),
    place("Stuttgart", "Southern Germany", "DE", Currency::Eur),
    place("Berlin", "Eastern Germany", "DE", Currency::Eur),
    place("Leipzig", "Eastern Germany", "DE", Currency::Eur),
    place("Paris", "Île-de-France", "FR", Currency::Eur),
    place("Versailles", "Île-de-France", "FR", Currency::Eur),
    place("Marseille", "Provence", "FR", Currency::Eur),
    place("Nice", "Provence", "FR", Currency::Eur),
    place("Lyon", "Auvergne-Rhône-Alpes", "FR", Currency::Eur),
    place("New York", "Northeast", "US", Currency::Usd),
    place("Boston", "Northeast", "US", Currency::Usd),
    place("Chicago", "Midwest", "US", Currency::Usd),
    place("Minneapolis", "Midwest", "US", Currency::Usd),
    place("Seattle", "West Coast", "US", Currency::Usd),
    place("San Francisco", "West Coast", "US", Currency::Usd),
    place("Shanghai", "East China", "CN", Currency::Cny),
    place("Hangzhou", "East China", "CN", Currency::Cny),
    place("Nanjing", "East China", "CN", Currency::Cny),
    place("Beijing", "North China", "CN", Currency::Cny),
    place("Tianjin", "North China", "CN", Currency::Cny),
    place("Guangzhou", "South China", "CN", Currency::Cny),
    place("Shenzhen", "South China", "CN", Currency::Cny),
];

const STORES: usize = 40;
const SITES: [&str; 8] =
    ["Central", "Station", "Harbour", "Old Town", "Park", "Market", "Mall", "Riverside"];

/// The channels, the same in every system.
pub(crate) fn channels() -> Vec<Channel> {
    let channel = |code, name, kind| Channel { code, name, kind };
    vec![
        channel("STORE", "Store", "In person"),
        channel("WEB", "Web shop", "Digital"),
        channel("APP", "App", "Digital"),
        channel("EMAIL", "E-mail", "Digital"),
        channel("SOCIAL", "Social media", "Digital"),
        channel("PHONE", "Telephone", "Remote"),
        channel("MAIL", "Letter", "Remote"),
    ]
}

/// The stores: every city has one, the first cities two.
pub(crate) fn stores(dice: &mut Dice) -> Vec<Store> {
    (0..STORES)
        .map(|n| {
            let place = &PLACES[n % PLACES.len()];
            let site = SITES[(n * 3 + n / PLACES.len()) % SITES.len()];
            let opened_on = date(
                dice.between(1998, 2022) as i32,
                dice.between(1, 12) as u32,
                dice.between(1, 28) as u32,
            );
            Store {
                number: format!("S{:03}", n + 1),
                name: format!("{} {site}", place.city),
                city: place.city,
                region: place.region,
                country: place.country,
                area_m2: dice.between(30, 400) as i32 * 10,
                opened_on,
                currency: place.currency,
                updated_at: at(date(2022, 12, 1), 8, 0),
            }
        })
        .collect()
}
