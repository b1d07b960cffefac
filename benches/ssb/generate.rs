//! The benchmark as a project: models, jobs, and its data as text files.

use super::Outcome;
use super::data::{Rows, customer, order, part, supplier};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
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
pub(crate) fn project(dir: &Path, scale: u32) -> Outcome<()> {
    for (name, text) in FILES {
        put(&dir.join(name), text)?;
    }
    let done = dir.join("sources/complete");
    if done.exists() {
        return Ok(());
    }
    eprintln!("generating scale {scale} in {}", dir.display());
    let rows = Rows::at(scale);
    let sources = dir.join("sources");
    fs::create_dir_all(&sources)?;
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
    let files = rows.orders.div_ceil(ORDERS_A_FILE);
    for file in 0..files {
        let first = file * ORDERS_A_FILE + 1;
        let last = rows.orders.min(first + ORDERS_A_FILE - 1);
        orders(&sources.join(format!("lineorder_{file:03}.tbl")), first..=last, rows)?;
    }
    put(&done, "")
}

fn put(path: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}

fn members(
    path: &Path,
    heading: &str,
    numbers: impl Iterator<Item = u32>,
    row: fn(u32) -> String,
) -> Outcome<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{heading}")?;
    for number in numbers {
        file.write_all(row(number).as_bytes())?;
    }
    Ok(file.flush()?)
}

fn orders(path: &Path, numbers: impl Iterator<Item = u32>, rows: Rows) -> Outcome<()> {
    const HEADING: &str = "order|line|customer|part|supplier|date|priority|quantity|price|total|\
                           discount|revenue|cost|tax|committed|mode";
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(file, "{HEADING}")?;
    let mut lines = String::new();
    for number in numbers {
        lines.clear();
        order(number, rows, &mut lines);
        file.write_all(lines.as_bytes())?;
    }
    Ok(file.flush()?)
}
