//! Customers, suppliers and parts.

use super::{Members, NATIONS, dice, pick, words};
use rand::Rng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

/// Who orders.
pub(crate) const CUSTOMER: Members =
    Members { heading: "number|name|address|city|nation|region|phone|segment", row: customer };
/// Who delivers.
pub(crate) const SUPPLIER: Members =
    Members { heading: "number|name|address|city|nation|region|phone", row: supplier };
/// What is ordered.
pub(crate) const PART: Members = Members {
    heading: "number|name|manufacturer|category|brand|color|type|size|container",
    row: part,
};

/// What an address is made of: 64 signs, none of which delimited text has to quote.
const SIGNS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

fn customer(number: u32) -> String {
    let dice = &mut dice(1, number);
    let place = place(dice);
    let segment = pick(dice, words().market_segments());
    format!("{number}|Customer#{number:09}|{place}|{segment}\n")
}

fn supplier(number: u32) -> String {
    format!("{number}|Supplier#{number:09}|{}\n", place(&mut dice(2, number)))
}

fn part(number: u32) -> String {
    let dice = &mut dice(3, number);
    let (maker, category) = (dice.random_range(1..=5), dice.random_range(1..=5));
    let brand = dice.random_range(1..=40);
    let colors = words().part_colors().get_values();
    let [color, one, other] =
        index::sample_array(dice, colors.len()).unwrap_or_default().map(|color| colors[color]);
    let kind = pick(dice, words().part_types());
    let size = dice.random_range(1..=50);
    let container = pick(dice, words().part_containers());
    format!(
        "{number}|{one} {other}|MFGR#{maker}|MFGR#{maker}{category}|MFGR#{maker}{category}{brand}\
         |{color}|{kind}|{size}|{container}\n"
    )
}

/// `address|city|nation|region|phone`. A city is its nation's first nine letters and a digit; a
/// phone's first number is the nation's, from 10 on.
fn place(dice: &mut ChaCha8Rng) -> String {
    let length = dice.random_range(6..=24);
    let address: String =
        (0..length).map(|_| char::from(SIGNS[dice.random_range(0..SIGNS.len())])).collect();
    let code = dice.random_range(0..NATIONS.len());
    let (nation, region) = NATIONS[code];
    let city = dice.random_range(0..10);
    let (area, exchange) = (dice.random_range(100..=999), dice.random_range(100..=999));
    let line = dice.random_range(1_000..=9_999);
    format!(
        "{address}|{nation:<9.9}{city}|{nation}|{region}|{}-{area}-{exchange}-{line}",
        10 + code
    )
}
