//! The structure as a test: who may import whom, how long files may be, what may not be written.
//!
//! The directions are those of the map in `src/lib.rs`; a change there is a change here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src/`, lowest first, and for each those it may use.
const MAY_USE: [(&str, &[&str]); 19] = [
    ("error", &[]),
    ("ids", &[]),
    ("clock", &[]),
    ("text", &[]),
    ("yaml", &["error"]),
    ("config", &["error", "yaml"]),
    ("model", BASE),
    ("policy", &["error", "ids", "clock", "yaml", "config", "model"]),
    ("store", TO_POLICY),
    ("query", TO_POLICY),
    (
        "engine",
        &["error", "ids", "clock", "text", "yaml", "config", "model", "policy", "store", "query"],
    ),
    ("aggregate", TO_ENGINE),
    (
        "etl",
        &[
            "error",
            "ids",
            "clock",
            "yaml",
            "config",
            "model",
            "policy",
            "store",
            "query",
            "engine",
            "aggregate",
            "text",
        ],
    ),
    ("sample", TO_ETL),
    ("traces", TO_ENGINE),
    ("server", TO_ETL),
    (
        "cli",
        &[
            "error",
            "ids",
            "clock",
            "yaml",
            "config",
            "model",
            "policy",
            "store",
            "query",
            "engine",
            "aggregate",
            "etl",
            "sample",
            "server",
            "traces",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];
const BASE: &[&str] = &["error", "ids", "clock", "yaml", "config"];
const TO_POLICY: &[&str] = &["error", "ids", "clock", "yaml", "config", "model", "policy"];
const TO_ENGINE: &[&str] =
    &["error", "ids", "clock", "yaml", "config", "model", "policy", "store", "query", "engine"];
const TO_ETL: &[&str] = &[
    "error",
    "ids",
    "clock",
    "yaml",
    "config",
    "model",
    "policy",
    "store",
    "query",
    "engine",
    "aggregate",
    "etl",
];

/// Files longer than this hold more than one idea.
const MOST_LINES: usize = 400;
/// A `mod.rs` holds documentation, the list of modules, and dispatch.
const MOST_LINES_OF_MOD_CODE: usize = 250;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file with one of the extensions under a folder, and its text.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(&path, extensions, found);
            } else if extensions.iter().any(|e| path.extension().is_some_and(|own| own == *e)) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), extensions, &mut found);
    found.sort();
    found
        .into_iter()
        .filter_map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            Some((name, fs::read_to_string(path).ok()?))
        })
        .collect()
}

fn sources() -> Vec<(String, String)> {
    let sources = files("src", &["rs"]);
    assert!(sources.len() > 20, "no sources found");
    sources
}

/// `src/store/paths.rs` belongs to `store`.
fn module(file: &str) -> &str {
    let inside = file.trim_start_matches("src/");
    inside.split(['/', '.']).next().unwrap_or(inside)
}

/// Tests sit in `tests.rs`, `*_tests.rs`, a folder `tests/`, or behind `#[cfg(test)]`.
fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.ends_with("_tests.rs") || file.contains("/tests/")
}

/// The lines that are neither comments nor inside a `#[cfg(test)]` item, with their numbers.
fn code(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut lines);
            continue;
        }
        let line = without_comment(line);
        if !line.trim().is_empty() {
            code.push((number + 1, line));
        }
    }
    code
}

/// Skips the item after an attribute: to its semicolon, or to where its braces close.
fn skip_item<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) {
    let mut indent = None;
    for (_, line) in lines {
        if line.trim_start().starts_with("#[") {
            continue;
        }
        let own = line.len() - line.trim_start().len();
        match indent {
            None if line.trim_end().ends_with(';') || line.trim_end().ends_with('}') => return,
            None => indent = Some(own),
            Some(first) if own == first && line.trim_start().starts_with('}') => return,
            Some(_) => {}
        }
    }
}

fn without_comment(line: &str) -> String {
    if line.trim_start().starts_with("//") { String::new() } else { line.to_owned() }
}

/// The top-level modules that a line names by `crate::`.
fn named(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            // `use crate::{error::Error, ids}`: the names before `::` at the list's own depth.
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        for item in list {
            let name: String =
                item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.push(name);
        }
    }
    names
}

#[test]
fn imports_point_downwards() {
    let mut report = String::new();
    for (file, text) in sources() {
        let own = module(&file);
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == own) else {
            write!(report, "\n  {file}: module `{own}` is not on the map in tests/architecture.rs")
                .unwrap();
            continue;
        };
        if own == "lib" || is_test_file(&file) {
            continue;
        }
        for (number, line) in code(&text) {
            for name in named(&line) {
                let is_module = MAY_USE.iter().any(|(module, _)| *module == name);
                if is_module && name != own && !allowed.contains(&name.as_str()) {
                    write!(report, "\n  {file}:{number}: `{own}` may not use `{name}`").unwrap();
                }
            }
        }
    }
    assert!(report.is_empty(), "imports against the directions of src/lib.rs:{report}");
}

#[test]
fn files_hold_one_idea() {
    let mut report = String::new();
    for (file, text) in sources() {
        let lines = text.lines().count();
        if lines > MOST_LINES && !is_test_file(&file) {
            write!(report, "\n  {file}: {lines} lines, at most {MOST_LINES}; split it").unwrap();
        }
        let lines = code(&text).len();
        if file.ends_with("/mod.rs") && lines > MOST_LINES_OF_MOD_CODE {
            write!(
                report,
                "\n  {file}: {lines} lines of code, at most {MOST_LINES_OF_MOD_CODE}; a mod.rs \
                 holds documentation, the list of modules and dispatch"
            )
            .unwrap();
        }
    }
    assert!(report.is_empty(), "files that are too long:{report}");
}

#[test]
fn nothing_panics_outside_tests() {
    const PANICS: [&str; 7] = [
        ".unwrap()",
        ".expect(\"",
        "panic!(",
        "todo!(",
        "unimplemented!(",
        "unreachable!(",
        "dbg!(",
    ];
    let mut report = String::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| !is_test_file(file)) {
        for (number, line) in code(&text) {
            for panic in PANICS.iter().filter(|panic| line.contains(**panic)) {
                write!(report, "\n  {file}:{number}: {panic}").unwrap();
            }
        }
    }
    assert!(report.is_empty(), "return an error instead:{report}");
}

#[test]
fn the_pure_modules_do_no_io() {
    const IO: [&str; 7] = [
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "tokio::",
        "object_store::",
        "std::env::var",
    ];
    const ASYNC: &str = "async fn";
    let mut report = String::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| !is_test_file(file)) {
        let own = module(&file);
        if !["yaml", "config", "model", "policy", "query"].contains(&own) {
            continue;
        }
        // DataFusion's trait for tables is async, and `query` has tables that only planning sees.
        let also = (own != "query").then_some(&ASYNC);
        for (number, line) in code(&text) {
            for io in IO.iter().chain(also).filter(|io| line.contains(**io)) {
                write!(report, "\n  {file}:{number}: `{own}` is pure, but names {io}").unwrap();
            }
        }
        if own == "model" && text.contains("datafusion::") {
            write!(report, "\n  {file}: the model does not know DataFusion").unwrap();
        }
    }
    assert!(report.is_empty(), "pure modules with effects:{report}");
}

#[test]
fn paths_are_made_in_the_store() {
    let mut report = String::new();
    for (file, text) in sources() {
        if module(&file) == "store" || !text.contains("object_store::path::Path") {
            continue;
        }
        let made = code(&text).into_iter();
        let made =
            made.filter(|(_, line)| line.replace("PathBuf::from(", "").contains("Path::from("));
        for (number, _) in made {
            write!(report, "\n  {file}:{number}: a storage path is made here").unwrap();
        }
    }
    assert!(report.is_empty(), "paths are made in src/store/paths.rs:{report}");
}

#[test]
fn the_project_stands_alone() {
    // Spelt in parts, so that this file does not find itself.
    let foreign = [
        ["../", "shared"].concat(),
        ["/work", "/"].concat(),
        ["pypi", ".org"].concat(),
        ["crates", ".io/api"].concat(),
        ["index.", "crates.io"].concat(),
        ["repo1.", "maven.org"].concat(),
        ["repo.maven", ".apache.org"].concat(),
    ];
    let mut texts: Vec<(String, String)> = Vec::new();
    for folder in ["src", "tests", "benches", "schemas", "etl", ".ci"] {
        texts.extend(files(
            folder,
            &["rs", "py", "sh", "java", "yaml", "yml", "md", "sql", "toml", "slt"],
        ));
    }
    for name in ["README.md", "Cargo.toml", "clippy.toml", ".ci/run"] {
        texts.extend(fs::read_to_string(root().join(name)).map(|text| (name.to_owned(), text)));
    }
    let mut report = String::new();
    for (file, text) in texts {
        for (number, line) in text.lines().enumerate() {
            for name in foreign.iter().filter(|name| line.contains(name.as_str())) {
                write!(report, "\n  {file}:{}: {name}", number + 1).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "names of things outside the project:{report}");
}
