//! The benchmark's data, row by row, after the published specification: every value a function of
//! the scale, the table and the row's number, so that any part can be made anywhere.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The regions, and the nations of each.
const NATIONS: [(&str, [&str; 5]); 5] = [
    ("AFRICA", ["ALGERIA", "ETHIOPIA", "KENYA", "MOROCCO", "MOZAMBIQUE"]),
    ("AMERICA", ["ARGENTINA", "BRAZIL", "CANADA", "PERU", "UNITED STATES"]),
    ("ASIA", ["CHINA", "INDIA", "INDONESIA", "JAPAN", "VIETNAM"]),
    ("EUROPE", ["FRANCE", "GERMANY", "ROMANIA", "RUSSIA", "UNITED KINGDOM"]),
    ("MIDDLE EAST", ["EGYPT", "IRAN", "IRAQ", "JORDAN", "SAUDI ARABIA"]),
];
const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"];
const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECI", "5-LOW"];
const SHIP_MODES: [&str; 7] = ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"];
const COLORS: [&str; 12] = [
    "almond", "azure", "blue", "coral", "cyan", "forest", "ivory", "khaki", "lemon", "navy",
    "plum", "salmon",
];

/// Days from 1992-01-01 on which orders are made: to 1998-08-02.
const ORDER_DAYS: u32 = 2406;

/// How many rows each table has at a scale. Orders have one to seven lines, four on average.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) customers: u32,
    pub(crate) suppliers: u32,
    pub(crate) parts: u32,
    pub(crate) orders: u32,
}

impl Rows {
    pub(crate) fn at(scale: u32) -> Self {
        let parts = 200_000 * (1 + scale.max(1).ilog2());
        Self {
            customers: 30_000 * scale,
            suppliers: 2_000 * scale,
            parts,
            orders: 1_500_000 * scale,
        }
    }
}

fn dice(table: u64, row: u32) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(table << 40 | u64::from(row))
}

/// A place: city, nation, region. A city is its nation's first nine letters and a digit.
fn place(dice: &mut ChaCha8Rng) -> (String, &'static str, &'static str) {
    let (region, nations) = NATIONS[dice.random_range(0..5)];
    let nation = nations[dice.random_range(0..5)];
    let start: String = nation.chars().chain(std::iter::repeat(' ')).take(9).collect();
    (format!("{start}{}", dice.random_range(0..10)), nation, region)
}

/// `number|name|city|nation|region|segment`
pub(crate) fn customer(number: u32) -> String {
    let dice = &mut dice(1, number);
    let (city, nation, region) = place(dice);
    let segment = SEGMENTS[dice.random_range(0..5)];
    format!("{number}|Customer#{number:09}|{city}|{nation}|{region}|{segment}\n")
}

/// `number|name|city|nation|region`
pub(crate) fn supplier(number: u32) -> String {
    let (city, nation, region) = place(&mut dice(2, number));
    format!("{number}|Supplier#{number:09}|{city}|{nation}|{region}\n")
}

/// `number|name|manufacturer|category|brand|color|size`
pub(crate) fn part(number: u32) -> String {
    let dice = &mut dice(3, number);
    let (maker, category) = (dice.random_range(1..=5), dice.random_range(1..=5));
    let brand = dice.random_range(1..=40);
    let (one, other) = (COLORS[dice.random_range(0..12)], COLORS[dice.random_range(0..12)]);
    let size = dice.random_range(1..=50);
    format!(
        "{number}|{one} {other}|MFGR#{maker}|MFGR#{maker}{category}|MFGR#{maker}{category}{brand}\
         |{one}|{size}\n"
    )
}

/// What a part costs, in cents.
fn price(part: u32) -> u32 {
    90_000 + part / 10 % 20_001 + 100 * (part % 1_000)
}

/// The lines of an order: `order|line|customer|part|supplier|date|priority|quantity|price|total
/// |discount|revenue|cost|tax|committed|mode`, money in cents.
pub(crate) fn order(number: u32, rows: Rows, out: &mut String) {
    use std::fmt::Write;
    let dice = &mut dice(4, number);
    let customer = dice.random_range(1..=rows.customers);
    let day = dice.random_range(0..ORDER_DAYS);
    let priority = PRIORITIES[dice.random_range(0..5)];
    let lines: Vec<Line> = (0..dice.random_range(1..=7)).map(|_| Line::make(dice, rows)).collect();
    let total: u32 = lines.iter().map(|line| line.revenue * (100 + line.tax) / 100).sum();
    for (index, line) in lines.iter().enumerate() {
        let Line { part, supplier, quantity, extended, discount, revenue, cost, tax, .. } = line;
        let (ordered, committed) = (date(day), date(day + line.commit_days));
        // Writing into a string cannot fail.
        let _ = writeln!(
            out,
            "{number}|{}|{customer}|{part}|{supplier}|{ordered}|{priority}|{quantity}|{extended}\
             |{total}|{discount}|{revenue}|{cost}|{tax}|{committed}|{}",
            index + 1,
            line.mode
        );
    }
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
            revenue: (u64::from(extended) * u64::from(100 - discount) / 100) as u32,
            cost: 6 * price(part) / 10,
            tax: dice.random_range(0..=8),
            commit_days: dice.random_range(30..=90),
            mode: SHIP_MODES[dice.random_range(0..7)],
        }
    }
}

fn date(day: u32) -> chrono::NaiveDate {
    chrono::NaiveDate::from_ymd_opt(1992, 1, 1).unwrap_or_default() + chrono::Days::new(day.into())
}
