//! Lineage: from sources through jobs to measures, values, keys, filters and joins.

use crate::guide::copy;
use crate::support::{starhouse, starhouse_output};
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

/// The starter project, with a transformation in which everything happens.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    starhouse(&["init", folder.path().to_str().unwrap()]);
    let job = folder.path().join("etl/orders.yaml");
    let text = fs::read_to_string(&job).unwrap();
    let transform = "transform: |\n\
        \x20 WITH recent AS (SELECT order_no AS number, max(ordered_on) AS day FROM orders GROUP BY order_no)\n\
        \x20 SELECT o.order_no, r.day AS ordered_on, o.product_no, o.quantity,\n\
        \x20   CASE WHEN p.category = 'Tea' THEN o.amount * 2 ELSE o.amount END AS amount\n\
        \x20 FROM orders o JOIN recent r ON r.number = o.order_no\n\
        \x20 LEFT JOIN warehouse.dim_product p ON p.product_no = o.product_no AND p.is_current\n\
        \x20 WHERE o.quantity > 0 AND EXISTS (SELECT 1 FROM warehouse.dim_date d WHERE d.date = o.ordered_on)\nload:\n";
    fs::write(&job, text.replace("load:\n", transform)).unwrap();
    folder
}

fn at(folder: &TempDir, arguments: &[&str]) -> String {
    let mut all = arguments.to_vec();
    all.extend(["--project", folder.path().to_str().unwrap()]);
    starhouse(&all)
}

#[test]
fn a_measure_goes_back_to_the_sources_columns() {
    let folder = project();
    // Before anything was loaded.
    let tree = at(&folder, &["lineage", "shop.revenue"]);
    let mut lines = tree.lines();
    assert_eq!(lines.next(), Some("cubes.shop.revenue"));
    let has =
        |text: &str| assert!(tree.lines().any(|line| line.ends_with(text)), "{text} in\n{tree}");
    has("value: warehouse.fact_orders.amount");
    has("value: orders.orders.amount");
    // A value that is chosen by another comes from it as well.
    has("value: warehouse.dim_product.category");
    has("value: products.product.category");
    has("rows: warehouse.fact_orders.*");
    has("filter: orders.orders.quantity");
    has("join: orders.orders.order_no");
    has("group: orders.orders.order_no");
    assert!(tree.contains("join: warehouse.dim_product.product_no"), "{tree}");
    assert!(
        tree.contains("filter: warehouse.dim_date.date")
            || tree.contains("join: warehouse.dim_date.date"),
        "{tree}"
    );
    // Not everything is an origin of everything.
    let price = at(&folder, &["lineage", "shop.average_price"]);
    assert!(price.contains("cubes.shop.revenue") && price.contains("cubes.shop.pieces"), "{price}");
    let pieces = at(&folder, &["lineage", "fact_orders.quantity"]);
    assert!(!pieces.contains("value: orders.orders.amount"), "{pieces}");
    let key = at(&folder, &["lineage", "fact_orders.product_key"]);
    assert!(key.contains("key: orders.orders.product_no"), "{key}");
    assert!(key.contains("key: warehouse.dim_product.product_no"), "{key}");
    assert!(key.contains("moment: orders.orders.ordered_on"), "{key}");
}

#[test]
fn a_source_reaches_measures_and_a_chart_holds_the_same() {
    let folder = project();
    let down = at(&folder, &["lineage", "orders.orders.amount", "--down"]);
    for reached in
        ["warehouse.fact_orders.amount", "cubes.shop.revenue", "cubes.shop.average_price"]
    {
        assert!(down.contains(reached), "{down}");
    }
    assert!(!down.contains("cubes.shop.order_count"), "{down}");
    let chart = at(&folder, &["lineage", "shop.revenue", "--mermaid"]);
    assert!(chart.starts_with("flowchart LR\n"), "{chart}");
    assert!(
        chart.contains("[\"cubes.shop.revenue\"]") && chart.contains("-. filter .->"),
        "{chart}"
    );
    // Every arrow is between nodes that are there.
    let nodes: BTreeSet<&str> = chart
        .lines()
        .filter_map(|line| line.trim().split_once('[').map(|(node, _)| node))
        .collect();
    for line in chart.lines().filter(|line| line.contains("->")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(nodes.contains(words[0]) && nodes.contains(words[words.len() - 1]), "{line}");
    }
}

/// What the rules of a source take from elsewhere: tables, files, its own other columns.
#[test]
fn values_that_are_looked_up_or_derived_say_where_from() {
    let folder = tempfile::tempdir().unwrap();
    starhouse(&["init", folder.path().to_str().unwrap()]);
    let job = folder.path().join("etl/orders.yaml");
    let text = fs::read_to_string(&job).unwrap();
    let changed = text.replace(
        "- {name: amount,",
        "- {name: shelf, type: text, clean: [{map_from: {path: shelves.csv, code: No, value: Shelf}}, {fill_lookup: \
         {table: dim_product, by: {product_no: product_no}, value: category}}]}\n      - {name: amount,",
    );
    let changed = changed.replace(
        "load:\n",
        "    derive:\n      - {name: big, type: boolean, as: amount > quantity}\n    checks:\n      - {name: some, check: \
         quantity > 0}\n    must_exist:\n      - {name: on a shelf, from: {csv: {path: shelves.csv}}, by: {shelf: \
         Shelf}}\nload:\n",
    );
    assert_eq!(changed.matches("shelves.csv").count(), 2, "{changed}");
    fs::write(&job, changed).unwrap();
    let tree = at(&folder, &["lineage", "orders.orders.shelf"]);
    for line in [
        "value: warehouse.dim_product.category",
        "key: warehouse.dim_product.product_no",
        "key: orders.orders.product_no",
        "value: orders.shelves.csv.Shelf",
        "key: orders.shelves.csv.No",
    ] {
        assert!(tree.lines().any(|there| there.ends_with(line)), "{line} in\n{tree}");
    }
    let big = at(&folder, &["lineage", "orders.orders.big"]);
    assert!(big.contains("value: orders.orders.amount"), "{big}");
    let rows = at(&folder, &["lineage", "fact_orders.*"]);
    for line in ["orders.orders.quantity", "orders.orders.shelf", "orders.shelves.csv.Shelf"] {
        assert!(rows.contains(&format!("filter: {line}")), "{line} in\n{rows}");
    }
    let down = at(&folder, &["lineage", "orders.shelves.csv.Shelf", "--down"]);
    assert!(down.contains("cubes.shop.revenue"), "{down}");
}

#[test]
fn the_table_holds_what_the_last_run_found_and_slips_are_told() {
    let folder = project();
    let count = |sql: &str| {
        at(&folder, &["sql", "--format", "csv", sql]).lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(count("SELECT count(*) FROM system.lineage"), "0");
    at(&folder, &["etl", "run"]);
    let sql = "SELECT comes_from FROM system.lineage WHERE column_name = 'cubes.shop.revenue' AND how = 'value'";
    assert_eq!(count(sql), "warehouse.fact_orders.amount");
    let output =
        starhouse_output(&["lineage", "shop.revenu", "--project", folder.path().to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("did you mean `shop.revenue`"), "{errors}");
}

/// Every job and measure of the sample warehouse has a lineage that ends in sources.
#[test]
fn the_sample_warehouse_has_a_lineage() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().to_str().unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (from, to) in [("schemas/retail", "schemas"), ("etl/retail", "etl")] {
        copy(&root.join(from), &folder.path().join(to));
    }
    fs::write(folder.path().join("starhouse.yaml"), "# the sample\n").unwrap();
    let tree = starhouse(&["lineage", "sales.revenue", "--project", project]);
    // Amounts in many currencies, by the rate of their month.
    assert!(tree.contains("value: sales_tills.sale_line.amount"), "{tree}");
    assert!(tree.contains("value: sales_web.rate.eur_per_unit"), "{tree}");
    assert!(tree.contains("filter: sales_tills.sale_line.voided"), "{tree}");
    let sources =
        tree.lines().filter(|line| !line.contains("warehouse.") && !line.contains("cubes."));
    assert!(sources.count() > 3, "{tree}");
}
