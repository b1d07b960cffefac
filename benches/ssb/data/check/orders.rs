//! Orders and their lines.

use super::super::{ORDER_HEADING, Rows, words};
use super::{Fault, Fields, Seen, counted, each_line};
use std::io::BufRead;
use std::ops::RangeInclusive;

/// Days are read as text: as such they come in their order.
const FIRST_DAY: &str = "1992-01-01";
const LAST_ORDER: &str = "1998-08-02";
const LAST_DAY: &str = "1998-12-31";

/// The orders that are made at these places; how many lines they have.
pub(crate) fn orders(
    text: impl BufRead,
    rows: Rows,
    places: RangeInclusive<u32>,
) -> Result<u32, Fault> {
    let mut seen = Columns::new();
    let mut orders = Orders { next: *places.start(), lines: 0, open: None };
    let lines = each_line("lineorder", ORDER_HEADING, text, |fields| {
        let order = (fields.number("order", 1..=u32::MAX)?, fields.number("line", 1..=7)?);
        let customer = fields.number("customer", 1..=rows.customers)?;
        if customer % 3 == 0 {
            return Err(format!("customer {customer} orders, as no third one may"));
        }
        let head = Head { number: order.0, customer, ..Head::default() };
        let (head, worth) = rest(fields, rows, head, &mut seen)?;
        orders.line(order.1, head, worth)
    })?;
    orders.close()?;
    counted("lineorder's orders", orders.next - places.start(), places.clone().count() as u32)?;
    seen.are_whole(lines)?;
    Ok(lines)
}

/// One to seven lines an order are four on average.
pub(crate) fn is_about_four_lines(lines: u64, orders: u32) -> Result<(), Fault> {
    let average = lines as f64 / f64::from(orders);
    match (3.95..=4.05).contains(&average) {
        true => Ok(()),
        false => Err(format!("{orders} orders have {lines} lines, {average:.3} each, not about 4")),
    }
}

/// What all lines of an order have in common.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    number: u32,
    customer: u32,
    day: String,
    priority: usize,
    total: u32,
}

/// What stands behind the customer; what the order has in common, and what the line is worth with tax.
fn rest(
    fields: &mut Fields,
    rows: Rows,
    head: Head,
    seen: &mut Columns,
) -> Result<(Head, u32), Fault> {
    let part = fields.number("part", 1..=rows.parts)?;
    fields.number("supplier", 1..=rows.suppliers)?;
    let day = day(fields, "date", LAST_ORDER)?;
    let priority = fields.one_of("priority", words().order_priority().get_values())?;
    seen.priorities.note(priority);
    fields.is("ship_priority", 0)?;
    let quantity = fields.number("quantity", 1..=50)?;
    seen.quantities.note(quantity);
    // In cents, as TPC-H prices its parts.
    let price = 90_000 + (part / 10) % 20_001 + 100 * (part % 1_000);
    fields.is("price", quantity * price)?;
    let total = fields.number("total", 1..=u32::MAX)?;
    let discount = fields.number("discount", 0..=10)?;
    seen.discounts.note(discount);
    let revenue = quantity * price * (100 - discount) / 100;
    fields.is("revenue", revenue)?;
    fields.is("cost", price * 6 / 10)?;
    let tax = fields.number("tax", 0..=8)?;
    seen.taxes.note(tax);
    let committed = self::day(fields, "committed", LAST_DAY)?;
    if committed <= day {
        return Err(format!("what is ordered on {day} is to be delivered by {committed}"));
    }
    seen.modes.note(fields.one_of("mode", words().ship_modes().get_values())?);
    let day = day.to_owned();
    Ok((Head { day, priority, total, ..head }, revenue * (100 + tax) / 100))
}

fn day<'a>(fields: &mut Fields<'a>, name: &str, last: &str) -> Result<&'a str, Fault> {
    let day = fields.text(name)?;
    let well_formed = day.len() == FIRST_DAY.len()
        && day
            .bytes()
            .zip(FIRST_DAY.bytes())
            .all(|(a, b)| a.is_ascii_digit() == b.is_ascii_digit());
    match well_formed && (FIRST_DAY..=last).contains(&day) {
        true => Ok(day),
        false => Err(format!("{name} is {day}, not {FIRST_DAY} to {last}")),
    }
}

/// The orders so far: each is whole before the next begins.
struct Orders {
    /// The place of the next.
    next: u32,
    /// Lines of the open one, and what they are worth so far.
    lines: u32,
    open: Option<(Head, u32)>,
}

impl Orders {
    fn line(&mut self, line: u32, head: Head, worth: u32) -> Result<(), Fault> {
        if line == 1 {
            self.close()?;
            // Of each 32 numbers the first eight are used.
            let number = self.next / 8 * 32 + self.next % 8;
            if head.number != number {
                return Err(format!("the order is {}, not {number}", head.number));
            }
            self.next += 1;
            self.lines = 0;
        }
        self.lines += 1;
        let before = match self.open.take() {
            Some((open, before)) if line == self.lines && open == head => before,
            None if line == 1 => 0,
            _ => return Err("the line does not belong to the order before it".to_owned()),
        };
        self.open = Some((head, before + worth));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        match self.open.take() {
            Some((head, worth)) if head.total != worth => {
                let Head { number, total, .. } = head;
                Err(format!("the total of order {number} is {total}, its lines are worth {worth}"))
            }
            _ => Ok(()),
        }
    }
}

/// Columns with few values.
struct Columns {
    priorities: Seen<usize>,
    modes: Seen<usize>,
    quantities: Seen<u32>,
    discounts: Seen<u32>,
    taxes: Seen<u32>,
}

impl Columns {
    fn new() -> Self {
        Self {
            priorities: Seen::new("priority", 5),
            modes: Seen::new("mode", 7),
            quantities: Seen::new("quantity", 50),
            discounts: Seen::new("discount", 11),
            taxes: Seen::new("tax", 9),
        }
    }

    fn are_whole(&self, rows: u32) -> Result<(), Fault> {
        let table = "lineorder";
        self.priorities.is_whole(table, rows)?;
        self.modes.is_whole(table, rows)?;
        self.quantities.is_whole(table, rows)?;
        self.discounts.is_whole(table, rows)?;
        self.taxes.is_whole(table, rows)
    }
}
