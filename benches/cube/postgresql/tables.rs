//! The aggregates as tables: columns, measures, indexes, and which queries each answers.

use super::super::common::Outcome;
use super::super::queries::Query;

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Columns of the cube, and their types.
    columns: &'static [(&'static str, &'static str)],
    measures: &'static [&'static str],
    /// What each index goes by; all cover the measures, so that the table need not be read.
    indexes: &'static [&'static str],
    queries: &'static [&'static str],
}

const INT: &str = "int4";
const TEXT: &str = "text";

/// All of them.
pub(super) const TABLES: [Table; 8] = [
    Table {
        name: "discounts",
        columns: &[
            ("year", INT),
            ("month", TEXT),
            ("week_of_year", INT),
            ("discount", INT),
            ("quantity", INT),
        ],
        measures: &["discounted"],
        indexes: &[
            "year, discount, quantity",
            "month, discount, quantity",
            "year, week_of_year, discount, quantity",
        ],
        queries: &["Q1.1", "Q1.2", "Q1.3"],
    },
    Table {
        name: "brands",
        columns: &[("year", INT), ("supplier_region", TEXT), ("category", TEXT), ("brand", TEXT)],
        measures: &["total_revenue"],
        indexes: &["supplier_region, category, year, brand", "supplier_region, brand, year"],
        queries: &["Q2.1", "Q2.2", "Q2.3"],
    },
    Table {
        name: "nations",
        columns: &[
            ("year", INT),
            ("customer_region", TEXT),
            ("customer_nation", TEXT),
            ("supplier_region", TEXT),
            ("supplier_nation", TEXT),
        ],
        measures: &["total_revenue"],
        indexes: &["customer_region, supplier_region, year, customer_nation, supplier_nation"],
        queries: &["Q3.1"],
    },
    Table {
        name: "cities",
        columns: &[
            ("year", INT),
            ("customer_nation", TEXT),
            ("customer_city", TEXT),
            ("supplier_nation", TEXT),
            ("supplier_city", TEXT),
        ],
        measures: &["total_revenue"],
        indexes: &[
            "customer_nation, supplier_nation, year, customer_city, supplier_city",
            "customer_city, supplier_city, year",
        ],
        queries: &["Q3.2", "Q3.3"],
    },
    Table {
        name: "cities_by_month",
        columns: &[
            ("year", INT),
            ("month", TEXT),
            ("customer_city", TEXT),
            ("supplier_city", TEXT),
        ],
        measures: &["total_revenue"],
        indexes: &["month, customer_city, supplier_city, year"],
        queries: &["Q3.4"],
    },
    Table {
        name: "manufacturers",
        columns: &[
            ("year", INT),
            ("customer_region", TEXT),
            ("customer_nation", TEXT),
            ("supplier_region", TEXT),
            ("manufacturer", TEXT),
        ],
        measures: &["profit"],
        indexes: &["customer_region, supplier_region, manufacturer, year, customer_nation"],
        queries: &["Q4.1"],
    },
    Table {
        name: "categories",
        columns: &[
            ("year", INT),
            ("customer_region", TEXT),
            ("supplier_region", TEXT),
            ("supplier_nation", TEXT),
            ("manufacturer", TEXT),
            ("category", TEXT),
        ],
        measures: &["profit"],
        indexes: &[
            "customer_region, supplier_region, year, manufacturer, supplier_nation, category",
        ],
        queries: &["Q4.2"],
    },
    Table {
        name: "city_brands",
        columns: &[
            ("year", INT),
            ("customer_region", TEXT),
            ("supplier_nation", TEXT),
            ("supplier_city", TEXT),
            ("category", TEXT),
            ("brand", TEXT),
        ],
        measures: &["profit"],
        indexes: &["customer_region, supplier_nation, category, year, supplier_city, brand"],
        queries: &["Q4.3"],
    },
];

/// A query on the table that answers it.
pub(super) fn asked(query: &Query) -> Outcome<String> {
    let table = TABLES.iter().find(|table| table.queries.contains(&query.name));
    Ok(query.on_table(table.ok_or_else(|| format!("{} has no table", query.name))?.name))
}

impl Table {
    pub(super) fn create(&self) -> String {
        let columns = self.columns.iter().map(|(name, ty)| format!("{name} {ty} NOT NULL"));
        let measures = self.measures.iter().map(|name| format!("{name} int8 NOT NULL"));
        let columns: Vec<String> = columns.chain(measures).collect();
        format!("CREATE TABLE {} ({})", self.name, columns.join(", "))
    }

    /// What fills it, in SQL on the cube.
    pub(super) fn rows(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let measures: Vec<String> =
            self.measures.iter().map(|name| format!("MEASURE({name}) AS {name}")).collect();
        let (names, measures) = (names.join(", "), measures.join(", "));
        format!("SELECT {names}, {measures} FROM cubes.ssb GROUP BY {names}")
    }

    pub(super) fn indexes(&self) -> impl Iterator<Item = String> {
        let (name, measures) = (self.name, self.measures.join(", "));
        self.indexes
            .iter()
            .map(move |columns| format!("CREATE INDEX ON {name} ({columns}) INCLUDE ({measures})"))
    }
}
