//! A test in a file: its form, and how an answer is compared with what is expected.

use super::{Cell, same, shown};
use crate::cli::files::Files;
use crate::error::{Error, Result, counted};
use crate::query::CubeQuery;
use crate::yaml::{self, Fault, Faults, Located};
use serde::Deserialize;
use serde_json::Value;

/// The document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Its name.
    test: Located<String>,
    /// The question in SQL.
    sql: Option<Located<String>>,
    /// The question as a cube query.
    query: Option<CubeQuery>,
    /// The rows expected.
    expect: Option<Vec<Vec<Value>>>,
    /// Words of the refusal expected.
    refuse: Option<Located<String>>,
    /// Whether the rows come in this order; in SQL they need not where left out.
    ordered: Option<bool>,
}

/// A test.
pub(super) struct Case {
    file: String,
    name: String,
    pub(super) question: Question,
    expected: Expected,
}

/// What is asked.
pub(super) enum Question {
    Sql(String),
    Cube(Box<CubeQuery>),
}

enum Expected {
    Rows { rows: Vec<Vec<Cell>>, ordered: bool },
    Refusal(String),
}

/// Reads all tests.
///
/// # Errors
/// Every fault of every file.
pub(super) fn read(files: &Files) -> Result<Vec<Case>> {
    let mut faults = Faults::default();
    let mut cases = Vec::new();
    for (file, text) in files {
        let document = yaml::parse::<Document>(file, text);
        let case = faults.take(document.and_then(|document| case(file, document)));
        cases.extend(case);
    }
    faults.or(cases).map_err(Error::from)
}

fn case(file: &str, document: Document) -> std::result::Result<Case, Faults> {
    let Document { test, sql, query, expect, refuse, ordered } = document;
    let fault = |message: &str| Faults::from(Fault::new(file, test.place, message));
    let is_sql = sql.is_some();
    let question = match (sql, query) {
        (Some(sql), None) => Question::Sql(sql.value),
        (None, Some(query)) => Question::Cube(Box::new(query)),
        _ => return Err(fault("a test asks either `sql` or a cube `query`")),
    };
    let expected = match (expect, refuse) {
        (Some(rows), None) => {
            let cells = |row: Vec<Value>| row.into_iter().map(cell).collect();
            let rows = rows.into_iter().map(cells).collect();
            Expected::Rows { rows, ordered: ordered.unwrap_or(!is_sql) }
        }
        (None, Some(words)) => Expected::Refusal(words.value),
        _ => return Err(fault("a test says either what rows to `expect` or what to `refuse`")),
    };
    Ok(Case { file: file.to_owned(), name: test.value, question, expected })
}

fn cell(value: Value) -> Cell {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

impl Case {
    pub(super) fn title(&self) -> String {
        format!("{}: {}", self.file, self.name)
    }

    /// What is wrong with an answer.
    pub(super) fn faults(&self, answer: Result<Vec<Vec<Cell>>>) -> Result<Vec<String>> {
        match (&self.expected, answer) {
            (Expected::Rows { rows, ordered }, Ok(found)) => Ok(differences(rows, found, *ordered)),
            (Expected::Rows { .. }, Err(error)) => Err(error),
            (Expected::Refusal(words), Ok(_)) => {
                Ok(vec![format!("it was answered; expected a refusal with `{words}`")])
            }
            (Expected::Refusal(words), Err(error)) => {
                let said = error.to_string();
                let fault = format!("expected a refusal with `{words}`, found: {said}");
                Ok(if said.contains(words.as_str()) { Vec::new() } else { vec![fault] })
            }
        }
    }
}

/// The most differing rows that are shown.
const SHOWN: usize = 5;

fn differences(expected: &[Vec<Cell>], mut found: Vec<Vec<Cell>>, ordered: bool) -> Vec<String> {
    let mut faults = Vec::new();
    if expected.len() != found.len() {
        faults.push(format!(
            "expected {}, found {}",
            counted(expected.len() as u64, "row", "rows"),
            found.len()
        ));
    }
    for (number, row) in (1..).zip(expected) {
        let place = match ordered {
            true if found.is_empty() => None,
            true => Some(0),
            false => found.iter().position(|other| alike(row, other)),
        };
        let other = place.map(|place| found.remove(place));
        if !other.as_ref().is_some_and(|other| alike(row, other)) {
            let instead = match other.or_else(|| (!ordered && !found.is_empty()).then(Vec::new)) {
                Some(other) if !other.is_empty() => format!(", found [{}]", shown(&other)),
                _ => ", not found".to_owned(),
            };
            faults.push(format!("row {number}: expected [{}]{instead}", shown(row)));
        }
    }
    if !ordered {
        faults.extend(found.iter().map(|row| format!("not expected: [{}]", shown(row))));
    }
    let more = faults.len().saturating_sub(SHOWN);
    faults.truncate(SHOWN);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    faults
}

fn alike(a: &[Cell], b: &[Cell]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<Cell>> {
        let cell = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
        rows.iter().map(|row| row.iter().map(cell).collect()).collect()
    }

    #[test]
    fn numbers_are_equal_however_written_and_null_is_no_text() {
        let expected = rows(&[&["a", "12.5"], &["b", "NULL"]]);
        let found = rows(&[&["b", "NULL"], &["a", "12.50"]]);
        assert_eq!(differences(&expected, found.clone(), false), [""; 0]);
        assert_eq!(differences(&expected, found, true).len(), 2);
        assert_eq!(differences(&rows(&[&["NULL"]]), rows(&[&["null"]]), true).len(), 1);
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_told() {
        let faults = differences(&rows(&[&["a"], &["b"]]), rows(&[&["a"], &["c"]]), false);
        assert_eq!(faults, ["row 2: expected [b], not found", "not expected: [c]"]);
        let faults = differences(&rows(&[&["a"]]), rows(&[]), true);
        assert_eq!(faults, ["expected 1 row, found 0", "row 1: expected [a], not found"]);
    }

    #[test]
    fn a_test_asks_one_question_and_expects_one_thing() {
        let files = vec![
            ("tests/a.yaml".to_owned(), "test: a\nsql: SELECT 1".to_owned()),
            ("tests/b.yaml".to_owned(), "test: b\nexpect: []".to_owned()),
            ("tests/c.yaml".to_owned(), "test: c\nsqll: x\nexpect: []".to_owned()),
        ];
        let error = read(&files).err().unwrap().to_string();
        for part in ["tests/a.yaml:1:7: a test says", "tests/b.yaml:1:7: a test asks", "`sqll`"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
