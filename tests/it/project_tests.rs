//! `starhouse test`: a project's own tests, as its users meet them.

use super::support::{starhouse, starhouse_output};
use std::fs;
use tempfile::TempDir;

fn loaded() -> TempDir {
    let folder = TempDir::new().unwrap();
    let project = folder.path().to_str().unwrap();
    starhouse(&["init", project]);
    starhouse(&["etl", "run", "--project", project]);
    folder
}

#[test]
fn a_new_project_passes_its_tests() {
    let folder = loaded();
    let told = starhouse(&["test", "--project", folder.path().to_str().unwrap()]);
    for line in [
        "ok      tests/revenue_by_month.yaml: revenue and orders by month",
        "ok      tests/no_sum_of_averages.yaml: average prices are not added up",
        "ok      cube shop: parts and total of fact orders by category",
        "all right: 4 tests",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn what_differs_is_shown_and_the_exit_code_is_one() {
    let folder = loaded();
    let project = folder.path().to_str().unwrap();
    let wrong = "\
test: wrong on purpose
sql: SELECT month, MEASURE(pieces) FROM cubes.shop GROUP BY month ORDER BY month
ordered: true
expect: [[2025-01, 1], [2025-02, 8], [2025-03, 4]]
";
    fs::write(folder.path().join("tests/wrong.yaml"), wrong).unwrap();
    let unasked =
        "test: a question with a fault\nsql: SELECT MEASURE(piece) FROM cubes.shop\nexpect: []\n";
    fs::write(folder.path().join("tests/unasked.yaml"), unasked).unwrap();
    let output = starhouse_output(&["test", "--project", project, "--no-invariants"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    for part in [
        "FAILED  tests/wrong.yaml: wrong on purpose",
        "expected 3 rows, found 2",
        "row 1: expected [2025-01 | 1], found [2025-01 | ",
        "row 3: expected [2025-03 | 4], not found",
        "FAILED  tests/unasked.yaml: a question with a fault",
        "did you mean",
        "ok      tests/revenue_by_month.yaml",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(String::from_utf8(output.stderr).unwrap().contains("2 of 4 tests failed"));
    // By name, only those.
    let told = starhouse(&["test", "revenue", "--project", project]);
    assert!(told.contains("all right: 1 test"), "{told}");
}

#[test]
fn the_rows_of_a_project_are_proved_and_what_is_wrong_is_shown() {
    let folder = loaded();
    let project = folder.path().to_str().unwrap();
    let told = starhouse(&["check", "--data", "--project", project]);
    for line in [
        "all right: 2 dimensions, 1 fact",
        "ok      dim_product: (product_no) is one member's",
        "ok      dim_product: each product is in one category (range)",
        "ok      dim_date: each month is in one quarter (calendar)",
        "ok      fact_orders: each row has its product",
        "ok      cube shop: pieces is answered",
        "release 1 holds: ",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // Told apart by name alone, two products are one, in two categories.
    let edit = |file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    edit("schemas/product.yaml", ", key: product_no", "");
    edit("sources/products.csv", "M-01,Mug,-", "M-01,Espresso,Tea");
    let sets = "sets: [{name: hot, of: category, members: [Coffee, Teaa], member: Coffee, description: Hot.}]";
    edit("schemas/shop.yaml", "measures:\n", &format!("{sets}\nmeasures:\n"));
    starhouse(&["etl", "run", "--project", project]);
    let output = starhouse_output(&["check", "--data", "--project", project]);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    for line in [
        "WARNED  cube shop: the members of set hot are there",
        "        missing = Teaa",
        "WARNED  cube shop: no member of category is called Coffee",
        "WARNED  dim_product: each product is in one category (range)",
        "        product_name = Espresso, one = Coffee, another = Tea",
        "ok      dim_product: (product_no) is one member's",
        "release 2 holds: ",
        ", 3 warnings",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn what_was_never_loaded_is_not_proved() {
    let folder = TempDir::new().unwrap();
    let project = folder.path().to_str().unwrap();
    starhouse(&["init", project]);
    let output = starhouse_output(&["check", "--data", "--project", project]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("FAILED  cube shop: pieces is answered"), "{told}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("do not hold in release 0"));
}
