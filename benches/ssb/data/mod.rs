//! The data of the Star Schema Benchmark, row by row: every value a function of the scale, the table
//! and the row's number, so that any part can be made anywhere.
//!
//! It follows the specification (O'Neil, O'Neil and Chen, revision 3, 2009), and what that leaves
//! open the authors' own generator: which customers never order, how long an address is, that a
//! part's colour is a third one beside the two of its name. Words and prices are TPC-H's, as the
//! specification says. Rows are drawn by other dice than theirs, and days are written as days.
//!
//! The specification's table of days is the model's calendar: the 2,557 days of 1992 to 1998, of
//! which the specification counts 2,556.
//!
//! [`check`] reads what was written, and says where it is not what the specification asks for.

pub(crate) mod check;
mod members;
mod orders;

pub(crate) use members::{CUSTOMER, PART, SUPPLIER};
pub(crate) use orders::{ORDER_HEADING, Orders};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tpchgen::distribution::{Distribution, Distributions};

/// The nations by TPC-H's numbers, and the region of each.
const NATIONS: [(&str, &str); 25] = [
    ("ALGERIA", "AFRICA"),
    ("ARGENTINA", "AMERICA"),
    ("BRAZIL", "AMERICA"),
    ("CANADA", "AMERICA"),
    ("EGYPT", "MIDDLE EAST"),
    ("ETHIOPIA", "AFRICA"),
    ("FRANCE", "EUROPE"),
    ("GERMANY", "EUROPE"),
    ("INDIA", "ASIA"),
    ("INDONESIA", "ASIA"),
    ("IRAN", "MIDDLE EAST"),
    ("IRAQ", "MIDDLE EAST"),
    ("JAPAN", "ASIA"),
    ("JORDAN", "MIDDLE EAST"),
    ("KENYA", "AFRICA"),
    ("MOROCCO", "AFRICA"),
    ("MOZAMBIQUE", "AFRICA"),
    ("PERU", "AMERICA"),
    ("CHINA", "ASIA"),
    ("ROMANIA", "EUROPE"),
    ("SAUDI ARABIA", "MIDDLE EAST"),
    ("VIETNAM", "ASIA"),
    ("RUSSIA", "EUROPE"),
    ("UNITED KINGDOM", "EUROPE"),
    ("UNITED STATES", "AMERICA"),
];

/// How many rows each table has. Orders have one to seven lines, four on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) customers: u32,
    pub(crate) suppliers: u32,
    pub(crate) parts: u32,
    pub(crate) orders: u32,
}

impl Rows {
    /// The rows of a scale: a unit is six million lines of orders.
    pub(crate) fn at(scale: u32) -> Self {
        Self {
            customers: 30_000 * scale,
            suppliers: 2_000 * scale,
            parts: 200_000 * (1 + scale.max(1).ilog2()),
            orders: 1_500_000 * scale,
        }
    }
}

/// A table of members.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members {
    pub(crate) heading: &'static str,
    /// The member of a number, as a line.
    pub(crate) row: fn(u32) -> String,
}

/// TPC-H's lists of words.
fn words() -> &'static Distributions {
    Distributions::static_default()
}

/// The dice of a row.
fn dice(table: u64, row: u32) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(table << 40 | u64::from(row))
}

fn pick(dice: &mut ChaCha8Rng, words: &Distribution) -> &'static str {
    let words = words.get_values();
    words[dice.random_range(0..words.len())]
}
