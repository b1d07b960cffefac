//! The Star Schema Benchmark's data is what its specification asks for, and its check finds what is not.
//!
//! A target of its own, which needs the generator alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../benches/ssb/data/mod.rs"]
mod data;

use data::{CUSTOMER, Members, ORDER_HEADING, Orders, PART, Rows, SUPPLIER, check};

/// Enough for every brand and every city to occur.
const SMALL: Rows = Rows { customers: 6_000, suppliers: 6_000, parts: 20_000, orders: 10_000 };

fn members(members: Members, rows: u32) -> String {
    let rows = (1..=rows).map(|number| (members.row)(number));
    format!("{}\n{}", members.heading, rows.collect::<String>())
}

fn orders(places: std::ops::RangeInclusive<u32>) -> String {
    let orders = Orders::new(SMALL);
    let mut text = format!("{ORDER_HEADING}\n");
    places.for_each(|place| orders.write(place, &mut text));
    text
}

#[test]
fn rows_are_counted_as_the_specification_counts_them() {
    let rows = |customers, suppliers, parts, orders| Rows { customers, suppliers, parts, orders };
    assert_eq!(Rows::at(1), rows(30_000, 2_000, 200_000, 1_500_000));
    assert_eq!(Rows::at(10), rows(300_000, 20_000, 800_000, 15_000_000));
    assert_eq!(Rows::at(100), rows(3_000_000, 200_000, 1_400_000, 150_000_000));
}

#[test]
fn days_are_those_of_seven_years() {
    let calendar = include_str!("../benches/ssb/project/schemas/date.yaml");
    assert!(calendar.contains("{from: 1992-01-01, to: 1998-12-31,"), "{calendar}");
}

#[test]
fn members_are_what_the_specification_asks_for() {
    let customers = members(CUSTOMER, SMALL.customers);
    check::customers(customers.as_bytes(), SMALL.customers).unwrap();
    check::suppliers(members(SUPPLIER, SMALL.suppliers).as_bytes(), SMALL.suppliers).unwrap();
    check::parts(members(PART, SMALL.parts).as_bytes(), SMALL.parts).unwrap();
}

#[test]
fn orders_are_what_the_specification_asks_for() {
    let half = SMALL.orders / 2;
    let mut lines = 0;
    for places in [1..=half, half + 1..=SMALL.orders] {
        let text = orders(places.clone());
        lines += u64::from(check::orders(text.as_bytes(), SMALL, places).unwrap());
    }
    check::is_about_four_lines(lines, SMALL.orders).unwrap();
    assert!(check::is_about_four_lines(lines / 2, SMALL.orders).is_err());
}

/// The text with one value of a row changed, the row and the column counted from 1.
fn with(text: &str, row: usize, column: usize, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut values: Vec<&str> = lines[row].split('|').collect();
    values[column - 1] = value;
    lines[row] = values.join("|");
    lines.join("\n") + "\n"
}

#[test]
fn the_check_finds_members_that_are_wrong() {
    let text = members(CUSTOMER, 100);
    for (column, value) in [
        (1, "8"),
        (2, "Customer#8"),
        (3, "short"),
        (4, "NOWHERE  1"),
        (5, "ATLANTIS"),
        (6, "NORTH"),
        (7, "99-123-456-7890"),
        (8, "PIRACY"),
        (8, "BUILDING|more"),
    ] {
        let wrong = with(&text, 7, column, value);
        let fault = check::customers(wrong.as_bytes(), 100).unwrap_err();
        assert!(fault.starts_with("customer, row 7: "), "{fault}");
    }
    let fault = check::customers(text.as_bytes(), 101).unwrap_err();
    assert_eq!(fault, "customer has 100 rows, not 101");
    let fault = check::customers(members(SUPPLIER, 100).as_bytes(), 100).unwrap_err();
    assert!(fault.starts_with("customer has the columns number|name|"), "{fault}");

    let text = members(PART, 100);
    for (column, value) in [
        (2, "red red"),
        (2, "red"),
        (3, "MFGR#6"),
        (4, "MFGR#77"),
        (5, "MFGR#1141"),
        (6, "mauve"),
        (7, "TINY TIN"),
        (8, "51"),
        (9, "SACK"),
    ] {
        let fault = check::parts(with(&text, 7, column, value).as_bytes(), 100).unwrap_err();
        assert!(fault.starts_with("part, row 7: "), "{fault}");
    }
    // So many parts come in all sizes.
    let alike: String = (1..=1_000)
        .map(|n| {
            with(&members(PART, n), n as usize, 8, "7").lines().last().unwrap().to_owned() + "\n"
        })
        .collect();
    let fault = check::parts(format!("{}\n{alike}", PART.heading).as_bytes(), 1_000).unwrap_err();
    assert_eq!(fault, "part has 1 different values of size, not 50");
}

#[test]
fn the_check_finds_orders_that_are_wrong() {
    let text = orders(1..=100);
    let faulty = |text: &str| check::orders(text.as_bytes(), SMALL, 1..=100).unwrap_err();
    for (column, value) in [
        (1, "8"),
        (2, "8"),
        (3, "3"),
        (3, "6001"),
        (4, "0"),
        (5, "6001"),
        (6, "1998-08-03"),
        (7, "0-NEVER"),
        (8, "1"),
        (9, "51"),
        (10, "1"),
        (11, "-1"),
        (12, "11"),
        (13, "1"),
        (14, "1"),
        (15, "9"),
        (16, "1999-01-01"),
        (16, "1992-01-01"),
        (17, "HORSE"),
    ] {
        let fault = faulty(&with(&text, 7, column, value));
        assert!(fault.starts_with("lineorder, row 7: "), "{fault}");
    }
    // A total that no line tells of is found when the order is whole.
    let first: usize = text.lines().skip(1).take_while(|line| line.starts_with("1|")).count();
    let dearer = (1..=first).fold(text.clone(), |text, row| with(&text, row, 11, "1"));
    assert!(faulty(&dearer).contains("the total of order 1 is 1"), "{}", faulty(&dearer));
    let fault = check::orders(text.as_bytes(), SMALL, 1..=101).unwrap_err();
    assert_eq!(fault, "lineorder's orders has 100 rows, not 101");
}
