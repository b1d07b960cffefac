//! Comparing what was found with what is true.

use super::Answer;
use super::cell::{Given, says};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The same rows, in whatever order.
pub(crate) fn same_rows(what: &str, mut expected: Vec<String>, mut found: Vec<String>) {
    expected.sort_unstable();
    found.sort_unstable();
    if expected == found {
        assert!(!expected.is_empty(), "{what}: nothing to compare");
        return;
    }
    let (missing, surplus) = (lacking(&expected, &found), lacking(&found, &expected));
    panic!(
        "{what}: {} rows expected, {} found; {} missing, {} too many\nmissing:\n{}\ntoo many:\n{}",
        expected.len(),
        found.len(),
        missing.len(),
        surplus.len(),
        some(&missing),
        some(&surplus),
    );
}

/// Rows of the first that the second lacks, each as often; both are sorted.
fn lacking(of: &[String], other: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    other.iter().for_each(|row| *counts.entry(row).or_default() += 1);
    let mut lacking = Vec::new();
    for row in of {
        let left = counts.entry(row).or_default();
        *left -= 1;
        if *left < 0 {
            lacking.push(row.clone());
        }
    }
    lacking
}

fn some(rows: &[String]) -> String {
    rows.iter().take(8).map(|row| format!("  {row}\n")).collect()
}

/// The same answer: rows in order, cells exactly.
pub(crate) fn same_answer(what: &str, expected: &Answer, found: &[Vec<Given>]) {
    let shown = || {
        let line = |row: &Vec<Given>| {
            let cells: Vec<&str> = row.iter().map(|c| c.text.as_deref().unwrap_or("∅")).collect();
            format!("  {}\n", cells.join(" | "))
        };
        found.iter().map(line).collect::<String>()
    };
    assert_eq!(expected.len(), found.len(), "{what}: rows, found:\n{}", shown());
    for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert_eq!(expected.len(), found.len(), "{what}: columns, found:\n{}", shown());
        for (column, (cell, given)) in expected.iter().zip(found).enumerate() {
            assert!(
                says(cell, given),
                "{what}: row {place}, column {column}: expected {cell:?}, found {given:?} in\n{}",
                shown()
            );
        }
    }
}

/// Every file below a folder, with its bytes.
pub(crate) fn files_in(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}
