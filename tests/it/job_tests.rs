//! `starhouse etl test` and `starhouse dictionary`, on a project of a person's making.

use crate::support::{starhouse, starhouse_output};
use std::fs;
use std::path::Path;

/// The starter project with a test of its jobs.
fn project(test: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    starhouse(&["init", folder.path().to_str().unwrap()]);
    fs::create_dir(folder.path().join("fixtures")).unwrap();
    fs::write(folder.path().join("fixtures/shelves.yaml"), test).unwrap();
    folder
}

fn run(project: &Path) -> (bool, String) {
    let output = starhouse_output(&["etl", "test", "--project", project.to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &errors)
}

const SHELVES: &str = "\
test: a product moves to another shelf
description: Orders keep the shelf of their day.
batches:
  - as_of: 2025-01-15
    files:
      sources/products.csv: |
        number,name,category
        P1,Lamp,Light
      sources/orders_1.csv: |
        order,date,product,quantity,amount
        A1,2025-01-10,P1,1,10.00
    expect:
      - sql: SELECT order_no, category FROM warehouse.fact_orders JOIN warehouse.dim_product USING (product_key)
        rows: [[A1, Light]]
  - as_of: 2025-02-01T12:00:00Z
    files:
      sources/products.csv: |
        number,name,category
        P1,Lamp,Garden
        P2,Hose,null
      sources/orders_2.csv: |
        order,date,product,quantity,amount
        A2,2025-02-10,P1,1,20.00
        A3,2025-02-11,P2,2,5.50
    expect:
      - sql: SELECT order_no, category, amount FROM warehouse.fact_orders JOIN warehouse.dim_product USING (product_key)
        rows:
          - [A2, Garden, 20.00]
          - [A1, Light, 10.00]
          - [A3, \"null\", 5.50]
  - as_of: 2025-02-02
    files:
      sources/orders_3.csv: |
        order,date,product,quantity,amount
        A3,2025-02-11,P2,2,5.50
    fails: in the fact already
";

#[test]
fn jobs_are_tested_on_files_of_several_batches() {
    let good = project(SHELVES);
    let (passed, told) = run(good.path());
    assert!(passed, "{told}");
    assert!(told.contains("ok      a product moves to another shelf"), "{told}");
    assert!(!good.path().join("warehouse/releases").join("00000000000000000001.json").exists());
    let wrong = SHELVES.replace("[A1, Light, 10.00]", "[A1, Garden, 10.00]");
    let (passed, told) = run(project(&wrong).path());
    assert!(!passed);
    for line in [
        "fixtures/shelves.yaml:26: missing: A1 | Garden | 10.00",
        "fixtures/shelves.yaml:26: not expected: A1 | Light | 10.00",
        "0 passed, 1 failed",
    ] {
        assert!(told.contains(line), "`{line}` is missing in\n{told}");
    }
    let (passed, told) =
        run(project(&SHELVES.replace("    fails: in the fact already\n", "")).path());
    assert!(!passed && told.contains("batch 3: the run failed: "), "{told}");
    let (passed, told) = run(project(&SHELVES.replace("fails: in", "fails: not in")).path());
    assert!(!passed && told.contains("expected an error with `not in the fact already`"), "{told}");
    let (passed, told) = run(project(&SHELVES.replace("as_of: 2025-01-15", "as_of: soon")).path());
    assert!(!passed && told.contains("fixtures/shelves.yaml:4:12: `soon` is no time"), "{told}");
    let (passed, told) = run(project(&SHELVES.replace("sources/orders_1", "../orders_1")).path());
    assert!(!passed && told.contains("stay in its folder"), "{told}");
}

#[test]
fn the_dictionary_names_everything() {
    let project = project(SHELVES);
    let path = project.path().to_str().unwrap();
    let all = starhouse(&["dictionary", "--project", path]);
    for line in [
        "## dim_product",
        "| `category` | text |  | a change opens a version | The shelf it is on.",
        "Hierarchy `range`: category > product",
        "Grain: one row an order and product. Key: order_no, product_key.",
        "| `product_key`, never NULL | int32 |  | `dim_product` | what was ordered |",
        "| `revenue` | EUR |",
    ] {
        assert!(all.contains(line), "`{line}` is missing in\n{all}");
    }
    let one = starhouse(&["dictionary", "orders", "--project", path]);
    assert!(one.contains("## fact_orders") && !one.contains("## dim_"), "{one}");
    let none = starhouse_output(&["dictionary", "oders", "--project", path]);
    assert!(!none.status.success());
}
