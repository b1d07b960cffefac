//! The benchmark as a project: models, jobs, and its data as text files.

use super::common::{Outcome, generate};
use std::fmt::{Display, Write as _};
use std::io::{Result, Write};
use std::path::Path;
use tpchgen::csv::{
    CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

const FILES: [(&str, &str); 18] = [
    ("starhouse.yaml", "# Made by the TPC-H benchmark.\n"),
    ("schemas/date.yaml", include_str!("project/schemas/date.yaml")),
    ("schemas/region.yaml", include_str!("project/schemas/region.yaml")),
    ("schemas/nation.yaml", include_str!("project/schemas/nation.yaml")),
    ("schemas/supplier.yaml", include_str!("project/schemas/supplier.yaml")),
    ("schemas/customer.yaml", include_str!("project/schemas/customer.yaml")),
    ("schemas/part.yaml", include_str!("project/schemas/part.yaml")),
    ("schemas/partsupp.yaml", include_str!("project/schemas/partsupp.yaml")),
    ("schemas/orders.yaml", include_str!("project/schemas/orders.yaml")),
    ("schemas/lineitem.yaml", include_str!("project/schemas/lineitem.yaml")),
    ("etl/regions.yaml", include_str!("project/etl/regions.yaml")),
    ("etl/nations.yaml", include_str!("project/etl/nations.yaml")),
    ("etl/suppliers.yaml", include_str!("project/etl/suppliers.yaml")),
    ("etl/customers.yaml", include_str!("project/etl/customers.yaml")),
    ("etl/parts.yaml", include_str!("project/etl/parts.yaml")),
    ("etl/partsupp.yaml", include_str!("project/etl/partsupp.yaml")),
    ("etl/orders.yaml", include_str!("project/etl/orders.yaml")),
    ("etl/lineitem.yaml", include_str!("project/etl/lineitem.yaml")),
];

/// Makes the project, unless it is there.
pub(crate) fn project(dir: &Path, scale: f64) -> Outcome<()> {
    if !(scale > 0.0 && scale.is_finite()) {
        return Err("a scale of TPC-H is a number above 0".into());
    }
    generate::texts(dir, &FILES)?;
    generate::sources(dir, scale, "", |sources| {
        std::thread::scope(|scope| {
            let lines = scope.spawn(|| lines(sources, scale));
            orders(sources, scale)?;
            members(sources, scale)?;
            Ok(lines.join().map_err(|_| "a generator panicked")??)
        })
    })
}

/// How many files orders and their lines come in: loading has files to read side by side.
fn parts(scale: f64) -> i32 {
    (scale.ceil() as i32).max(2)
}

fn lines(sources: &Path, scale: f64) -> Result<()> {
    let parts = parts(scale);
    (1..=parts).try_for_each(|part| {
        let path = sources.join(format!("lineitem_{part:03}.tbl"));
        let rows = LineItemGenerator::new(scale, part, parts);
        table(&path, &LineItemCsv::header_with_delimiter('|'), rows.iter())
    })
}

fn orders(sources: &Path, scale: f64) -> Result<()> {
    let parts = parts(scale);
    (1..=parts).try_for_each(|part| {
        let path = sources.join(format!("orders_{part:03}.tbl"));
        let rows = OrderGenerator::new(scale, part, parts);
        table(&path, &OrderCsv::header_with_delimiter('|'), rows.iter())
    })
}

fn members(sources: &Path, scale: f64) -> Result<()> {
    let path = |name: &str| sources.join(format!("{name}.tbl"));
    let heading = RegionCsv::header_with_delimiter('|');
    table(&path("region"), &heading, RegionGenerator::new(scale, 1, 1).iter())?;
    let heading = NationCsv::header_with_delimiter('|');
    table(&path("nation"), &heading, NationGenerator::new(scale, 1, 1).iter())?;
    let heading = SupplierCsv::header_with_delimiter('|');
    table(&path("supplier"), &heading, SupplierGenerator::new(scale, 1, 1).iter())?;
    let heading = CustomerCsv::header_with_delimiter('|');
    table(&path("customer"), &heading, CustomerGenerator::new(scale, 1, 1).iter())?;
    let heading = PartCsv::header_with_delimiter('|');
    table(&path("part"), &heading, PartGenerator::new(scale, 1, 1).iter())?;
    let heading = PartSuppCsv::header_with_delimiter('|');
    table(&path("partsupp"), &heading, PartSuppGenerator::new(scale, 1, 1).iter())
}

/// A table as the specification writes it, but for the separator at the end of each row.
fn table(path: &Path, heading: &str, rows: impl Iterator<Item = impl Display>) -> Result<()> {
    generate::table(path, heading, |file| {
        let mut line = String::new();
        for row in rows {
            line.clear();
            if write!(line, "{row}").is_err() {
                return Err(std::io::Error::other("a row that cannot be written"));
            }
            writeln!(file, "{}", line.strip_suffix('|').unwrap_or(&line))?;
        }
        Ok(())
    })
}
