//! Orders and their lines, money in cents.

use super::{Rows, dice, pick, words};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::fmt::Write;

/// The heading of lines of orders.
pub(crate) const ORDER_HEADING: &str = "order|line|customer|part|supplier|date|priority|\
                                        ship_priority|quantity|price|total|discount|revenue|cost|\
                                        tax|committed|mode";

/// Days from 1992-01-01 on which orders are made: to 1998-08-02, so that what is shipped and received
/// later is so in 1998 too.
const ORDER_DAYS: u32 = 2406;
/// Days after that by which an order is to be delivered.
const LATEST_COMMIT: u32 = 90;

/// Makes the orders of a scale.
pub(crate) struct Orders {
    rows: Rows,
    /// All days that orders name, as text.
    days: Vec<String>,
}

impl Orders {
    pub(crate) fn new(rows: Rows) -> Self {
        let first = chrono::NaiveDate::from_ymd_opt(1992, 1, 1).unwrap_or_default();
        let days = first.iter_days().take((ORDER_DAYS + LATEST_COMMIT) as usize);
        Self { rows, days: days.map(|day| day.to_string()).collect() }
    }

    /// Adds the lines of the order that is made at this place.
    pub(crate) fn write(&self, place: u32, out: &mut String) {
        let dice = &mut dice(4, place);
        let (number, customer) = (number(place), customer(dice, self.rows.customers));
        let day = dice.random_range(0..ORDER_DAYS);
        let priority = pick(dice, words().order_priority());
        let lines: Vec<Line> =
            (0..dice.random_range(1..=7)).map(|_| Line::make(dice, self.rows)).collect();
        let total: u32 = lines.iter().map(|line| line.revenue * (100 + line.tax) / 100).sum();
        for (index, line) in (1..).zip(&lines) {
            let Line { part, supplier, quantity, extended, discount, revenue, cost, tax, .. } =
                line;
            let ordered = &self.days[day as usize];
            let committed = &self.days[(day + line.commit_days) as usize];
            // Writing into a string cannot fail.
            let _ = writeln!(
                out,
                "{number}|{index}|{customer}|{part}|{supplier}|{ordered}|{priority}|0|{quantity}\
                 |{extended}|{total}|{discount}|{revenue}|{cost}|{tax}|{committed}|{}",
                line.mode
            );
        }
    }
}

/// An order's number: of each 32 the first eight are used.
fn number(place: u32) -> u32 {
    place >> 3 << 5 | place & 7
}

/// Who orders: of three customers one never does.
fn customer(dice: &mut ChaCha8Rng, customers: u32) -> u32 {
    match dice.random_range(1..=customers) {
        last if last == customers && last % 3 == 0 => last - 1,
        drawn if drawn % 3 == 0 => drawn + 1,
        drawn => drawn,
    }
}

/// What a part costs.
fn price(part: u32) -> u32 {
    90_000 + part / 10 % 20_001 + 100 * (part % 1_000)
}

struct Line {
    part: u32,
    supplier: u32,
    quantity: u32,
    extended: u32,
    discount: u32,
    revenue: u32,
    cost: u32,
    tax: u32,
    commit_days: u32,
    mode: &'static str,
}

impl Line {
    fn make(dice: &mut ChaCha8Rng, rows: Rows) -> Self {
        let part = dice.random_range(1..=rows.parts);
        let quantity = dice.random_range(1..=50);
        let discount = dice.random_range(0..=10);
        let extended = quantity * price(part);
        Self {
            part,
            supplier: dice.random_range(1..=rows.suppliers),
            quantity,
            extended,
            discount,
            revenue: extended * (100 - discount) / 100,
            cost: 6 * price(part) / 10,
            tax: dice.random_range(0..=8),
            commit_days: dice.random_range(30..=LATEST_COMMIT),
            mode: pick(dice, words().ship_modes()),
        }
    }
}
