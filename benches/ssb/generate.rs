//! The benchmark as a project: models, jobs, and its data as text files.

use super::common::{Outcome, generate};
use super::data::{Rows, customer, order, part, supplier};
use std::io::{Result, Write};
use std::path::Path;

/// Orders a file: so many that loading has files to read side by side.
const ORDERS_A_FILE: u32 = 1_500_000;

const FILES: [(&str, &str); 11] = [
    ("starhouse.yaml", "# Made by the Star Schema Benchmark.\n"),
    ("schemas/date.yaml", include_str!("project/schemas/date.yaml")),
    ("schemas/customer.yaml", include_str!("project/schemas/customer.yaml")),
    ("schemas/supplier.yaml", include_str!("project/schemas/supplier.yaml")),
    ("schemas/part.yaml", include_str!("project/schemas/part.yaml")),
    ("schemas/lineorder.yaml", include_str!("project/schemas/lineorder.yaml")),
    ("schemas/ssb.yaml", include_str!("project/schemas/ssb.yaml")),
    ("etl/customers.yaml", include_str!("project/etl/customers.yaml")),
    ("etl/suppliers.yaml", include_str!("project/etl/suppliers.yaml")),
    ("etl/parts.yaml", include_str!("project/etl/parts.yaml")),
    ("etl/lineorders.yaml", include_str!("project/etl/lineorders.yaml")),
];

/// Makes the project, unless it is there.
pub(crate) fn project(dir: &Path, scale: f64) -> Outcome<()> {
    if scale < 1.0 || scale.fract() != 0.0 {
        return Err("the Star Schema Benchmark's scales are whole numbers from 1".into());
    }
    generate::texts(dir, &FILES)?;
    generate::sources(dir, scale, |sources| Ok(write(sources, Rows::at(scale as u32))?))
}

fn write(sources: &Path, rows: Rows) -> Result<()> {
    members(
        &sources.join("customer.tbl"),
        "number|name|city|nation|region|segment",
        1..=rows.customers,
        customer,
    )?;
    members(
        &sources.join("supplier.tbl"),
        "number|name|city|nation|region",
        1..=rows.suppliers,
        supplier,
    )?;
    members(
        &sources.join("part.tbl"),
        "number|name|manufacturer|category|brand|color|size",
        1..=rows.parts,
        part,
    )?;
    for file in 0..rows.orders.div_ceil(ORDERS_A_FILE) {
        let first = file * ORDERS_A_FILE + 1;
        let last = rows.orders.min(first + ORDERS_A_FILE - 1);
        orders(&sources.join(format!("lineorder_{file:03}.tbl")), first..=last, rows)?;
    }
    Ok(())
}

fn members(
    path: &Path,
    heading: &str,
    mut numbers: impl Iterator<Item = u32>,
    row: fn(u32) -> String,
) -> Result<()> {
    generate::table(path, heading, |file| {
        numbers.try_for_each(|number| file.write_all(row(number).as_bytes()))
    })
}

fn orders(path: &Path, numbers: impl Iterator<Item = u32>, rows: Rows) -> Result<()> {
    const HEADING: &str = "order|line|customer|part|supplier|date|priority|quantity|price|total|\
                           discount|revenue|cost|tax|committed|mode";
    generate::table(path, HEADING, |file| {
        let mut lines = String::new();
        for number in numbers {
            lines.clear();
            order(number, rows, &mut lines);
            file.write_all(lines.as_bytes())?;
        }
        Ok(())
    })
}
