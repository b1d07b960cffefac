//! Models: the faults of wrong ones, case by case, and what right ones resolve to.

use starhouse::model::{self, Model};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model")
}

fn good() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder().join("good")).unwrap();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

fn load(documents: BTreeMap<String, String>) -> Result<Model, String> {
    let files: Vec<(String, String)> = documents.into_iter().collect();
    model::load(&files).map_err(|faults| faults.to_string())
}

/// The documents of a case and the faults expected of them; see `tests/model/README.md`.
fn case(text: &str) -> (BTreeMap<String, String>, String) {
    let mut documents = good();
    let mut faults = String::new();
    for section in text.split("# === ").skip(1) {
        let (name, body) = section.split_once('\n').unwrap();
        if name == "faults" {
            faults = body
                .lines()
                .map(|line| line.trim_start_matches("# "))
                .collect::<Vec<_>>()
                .join("\n");
        } else {
            documents.insert(name.to_owned(), body.to_owned());
        }
    }
    (documents, faults)
}

#[test]
fn wrong_models_are_told_all_their_faults() {
    let mut report = String::new();
    let mut cases = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        cases += 1;
        let (documents, expected) = case(&fs::read_to_string(&path).unwrap());
        let found = load(documents).map_or_else(|faults| faults, |_| "no faults".to_owned());
        if found != expected {
            let name = path.file_name().unwrap().to_string_lossy();
            write!(report, "\n{name}").unwrap();
            for line in expected.lines().filter(|line| !found.lines().any(|l| l == *line)) {
                write!(report, "\n  missing  {line}").unwrap();
            }
            for line in found.lines().filter(|line| !expected.lines().any(|l| l == *line)) {
                write!(report, "\n  too many {line}").unwrap();
            }
        }
    }
    assert!(cases >= 12, "only {cases} cases found");
    assert!(report.is_empty(), "{report}");
}

#[test]
fn the_good_model_resolves() {
    let model = load(good()).unwrap();
    let names: Vec<&str> = model.dimensions.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["customer", "date", "store"]);
    let sales = model.fact("sales").unwrap();
    let columns: Vec<String> = sales
        .table_columns()
        .iter()
        .map(|c| format!("{} {}{}", c.name, c.ty, if c.nullable { "?" } else { "" }))
        .collect();
    let expected = [
        "date_key int32",
        "store_key int32",
        "buyer_key int32",
        "receipt_no text",
        "line_no int32",
        "quantity int32?",
        "net_amount decimal(12,2)?",
        "cost decimal(12,2)?",
        "returned boolean?",
        "partition_month int32",
    ];
    assert_eq!(columns, expected);
    // A bare role is described as its dimension is.
    assert_eq!(sales.role("store").unwrap().description, "A place where customers buy.");
    assert_eq!(sales.role("buyer").unwrap().description, "who bought");
}

#[test]
fn cube_columns_have_plain_names_where_they_are_unique() {
    let model = load(good()).unwrap();
    let cube = model.cube("retail").unwrap();
    let name = |role, attribute| cube.role_column(role, attribute).unwrap().name.clone();
    assert_eq!(name("date", "year"), "year");
    assert_eq!(name("store", "region"), "region");
    assert_eq!(name("buyer", "segment"), "segment");
    // Stores and customers both have a city.
    assert_eq!(name("store", "city"), "store_city");
    assert_eq!(name("buyer", "city"), "buyer_city");
    assert_eq!(name("receipt_no", "receipt_no"), "receipt_no");
    assert!(cube.column("city").is_none());
    // `store.city` in the aggregate is the same column; with a level comes all that is above it.
    let columns = &cube.aggregates.first().unwrap().columns;
    let levels = ["year", "quarter", "fiscal_year", "fiscal_quarter", "month"];
    let expected = [&levels[..], &["region", "store_city", "store_id", "store_name"]].concat();
    assert_eq!(columns, &expected);
}

#[test]
fn a_measure_takes_the_plain_name_from_a_column() {
    let mut documents = good();
    let cube = documents.get_mut("retail.yaml").unwrap();
    *cube = cube.replace("{name: revenue_share,", "{name: segment,");
    let model = load(documents).unwrap();
    let cube = model.cube("retail").unwrap();
    assert_eq!(cube.role_column("buyer", "segment").unwrap().name, "buyer_segment");
    assert!(cube.measure("segment").is_some());
}

#[test]
fn a_cube_can_offer_fewer_dimensions() {
    let mut documents = good();
    let cube = documents.get_mut("retail.yaml").unwrap();
    *cube =
        cube.replace("facts: [sales, stock]", "facts: [sales, stock]\ndimensions: [date, store]");
    let model = load(documents).unwrap();
    let cube = model.cube("retail").unwrap();
    let roles: Vec<&str> = cube.dimensions.iter().map(|d| d.role.as_str()).collect();
    assert_eq!(roles, ["date", "store"]);
    // No other role has a city now.
    assert_eq!(cube.role_column("store", "city").unwrap().name, "city");
}

/// The models of the sample projects, a folder each, and of the starter that `init` writes.
#[test]
fn the_models_we_ship_are_right() {
    fn documents(folder: &Path, files: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                documents(&path, files);
            } else {
                files.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    for project in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")).unwrap() {
        let mut files = Vec::new();
        documents(&project.unwrap().path(), &mut files);
        let model = model::load(&files).map_err(|faults| faults.to_string()).unwrap();
        assert!(!model.cubes.is_empty());
    }
}
