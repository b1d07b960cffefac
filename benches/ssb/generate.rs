//! The benchmark as a project: models, jobs, and its data as text files, checked before it is used.

use super::common::{Outcome, generate};
use super::data::{CUSTOMER, Members, ORDER_HEADING, Orders, PART, Rows, SUPPLIER, check};
use std::fs::File;
use std::io::{BufReader, Result, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What the sources are: those that something else has made are made anew.
const MADE_BY: &str = "SSB revision 3, all columns\n";

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

/// Makes the project, unless it is there, and checks its data.
pub(crate) fn project(dir: &Path, scale: f64) -> Outcome<()> {
    if scale < 1.0 || scale.fract() != 0.0 {
        return Err("the Star Schema Benchmark's scales are whole numbers from 1".into());
    }
    let rows = Rows::at(scale as u32);
    generate::texts(dir, &FILES)?;
    generate::sources(dir, scale, MADE_BY, |sources| write(sources, rows))?;
    eprintln!("checking the sources");
    check_sources(&dir.join("sources"), rows).map_err(|fault| {
        format!("the sources are not what the specification asks for: {fault}").into()
    })
}

/// A file of the sources.
#[derive(Debug, Clone)]
enum Source {
    Customers,
    Suppliers,
    Parts,
    /// The orders that are made at these places.
    Orders(RangeInclusive<u32>),
}

impl Source {
    /// All of them, the long ones first: work on them ends together.
    fn all(rows: Rows) -> Vec<Self> {
        let orders = (1..=rows.orders).step_by(ORDERS_A_FILE as usize);
        let orders =
            orders.map(|first| Self::Orders(first..=rows.orders.min(first + ORDERS_A_FILE - 1)));
        orders.chain([Self::Parts, Self::Customers, Self::Suppliers]).collect()
    }

    fn path(&self, sources: &Path) -> PathBuf {
        sources.join(match self {
            Self::Customers => "customer.tbl".to_owned(),
            Self::Suppliers => "supplier.tbl".to_owned(),
            Self::Parts => "part.tbl".to_owned(),
            Self::Orders(places) => format!("lineorder_{:03}.tbl", places.start() / ORDERS_A_FILE),
        })
    }

    fn write(&self, path: &Path, rows: Rows) -> Result<()> {
        match self {
            Self::Customers => members(path, CUSTOMER, rows.customers),
            Self::Suppliers => members(path, SUPPLIER, rows.suppliers),
            Self::Parts => members(path, PART, rows.parts),
            Self::Orders(places) => orders(path, places.clone(), rows),
        }
    }

    /// Checks it; how many lines of orders it has.
    fn check(&self, path: &Path, rows: Rows) -> std::result::Result<u32, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let text = BufReader::with_capacity(1 << 20, file);
        match self {
            Self::Customers => check::customers(text, rows.customers).map(|()| 0),
            Self::Suppliers => check::suppliers(text, rows.suppliers).map(|()| 0),
            Self::Parts => check::parts(text, rows.parts).map(|()| 0),
            Self::Orders(places) => check::orders(text, rows, places.clone()),
        }
    }
}

fn write(sources: &Path, rows: Rows) -> Outcome<()> {
    let all = Source::all(rows);
    generate::side_by_side(&all, |source| {
        source.write(&source.path(sources), rows).map_err(|error| error.to_string())
    })?;
    Ok(())
}

fn check_sources(sources: &Path, rows: Rows) -> std::result::Result<(), String> {
    let all = Source::all(rows);
    let lines = generate::side_by_side(&all, |source| source.check(&source.path(sources), rows))?;
    check::is_about_four_lines(lines.into_iter().map(u64::from).sum(), rows.orders)
}

fn members(path: &Path, members: Members, rows: u32) -> Result<()> {
    generate::table(path, members.heading, |file| {
        (1..=rows).try_for_each(|number| file.write_all((members.row)(number).as_bytes()))
    })
}

fn orders(path: &Path, mut places: RangeInclusive<u32>, rows: Rows) -> Result<()> {
    let orders = Orders::new(rows);
    generate::table(path, ORDER_HEADING, |file| {
        let mut lines = String::new();
        places.try_for_each(|place| {
            lines.clear();
            orders.write(place, &mut lines);
            file.write_all(lines.as_bytes())
        })
    })
}
