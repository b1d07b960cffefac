//! The reference of jobs, written from the code that reads them and from its documentation:
//! `docs/jobs.md` for people, `docs/job.schema.json` for editors. These tests say whether both are
//! current, and whether the schema is right about every job there is in this project.
//!
//! After a change of what a job can say:
//!
//!     STARHOUSE_WRITE_REFERENCE=1 cargo test --test job_reference

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;
mod schema;
mod source;
mod validate;

use serde_json::Value;
use source::Types;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn types() -> Types {
    let folder = root().join("src/etl/job");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let others = ["src/etl/job.rs", "src/text/address.rs", "src/text/person_name.rs"];
    files.extend(others.map(|file| root().join(file)));
    Types::read(&files)
}

fn is_current(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("STARHOUSE_WRITE_REFERENCE").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let differs = text.lines().zip(written.lines()).find(|(new, old)| new != old);
    assert!(
        text == written,
        "{file} is not what the code says (first {differs:?}): run \
         `STARHOUSE_WRITE_REFERENCE=1 cargo test --test job_reference`"
    );
}

#[test]
fn the_page_is_current() {
    is_current("docs/jobs.md", &page::page(&types()));
}

#[test]
fn the_schema_is_current() {
    let schema = schema::schema(&types());
    is_current("docs/job.schema.json", &format!("{schema:#}\n"));
}

#[test]
fn everything_is_described() {
    let types = types();
    let reached = types.reached();
    assert!(reached.len() > 40, "{reached:?}");
    for name in reached {
        let described = types.get(name);
        assert!(!described.docs.is_empty(), "{name}");
        for part in &described.parts {
            assert!(!part.docs.is_empty(), "{name}.{}", part.name);
        }
    }
}

/// Every job of the project's own, as JSON.
fn jobs() -> Vec<(String, Value)> {
    let folders = [
        "etl",
        "docs/modelling/etl",
        "benches/ssb/project/etl",
        "benches/tpch/project/etl",
        "tests/projects/retail/etl",
        "tests/projects/starter/etl",
    ];
    let mut jobs = Vec::new();
    for folder in folders.map(|folder| root().join(folder)) {
        for file in files_below(&folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let job: Value = serde_saphyr::from_str(&text).unwrap();
            jobs.push((file.display().to_string(), job));
        }
    }
    jobs
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_schema_is_right_about_every_job() {
    let schema = schema::schema(&types());
    let jobs = jobs();
    let jobs: Vec<_> = jobs.iter().filter(|(_, job)| job.get("job").is_some()).collect();
    assert!(jobs.len() > 30, "{}", jobs.len());
    for (file, job) in jobs {
        assert_eq!(validate::faults(&schema, job), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn the_schema_says_what_is_wrong() {
    let schema = schema::schema(&types());
    let job = "job: a\ndescription: b\nsources:\n  - name: t\n    from: {csv: {path: t.csv}}\n    \
               columns: [{name: id, type: int32, clean: [trim, {case: upper}]}]\n\
               load: {dimension: {dimension: d}}\n";
    let faults = |text: &str| validate::faults(&schema, &serde_saphyr::from_str(text).unwrap());
    assert_eq!(faults(job), Vec::<String>::new());
    for (right, wrong) in [
        ("job: a", "jobb: a"),
        ("path:", "paht:"),
        ("csv:", "cvs:"),
        ("int32", "int33"),
        ("trim", "trimm"),
        ("upper", "uper"),
        ("{dimension: d}", "{dimension: d, missing: shut}"),
        ("{path: t.csv}", "{path: t.csv, delimiter: ab}"),
        ("{path: t.csv}", "{path: t.csv, access: {http: {bearer: hunter2}}}"),
        ("load: {dimension: {dimension: d}}", ""),
    ] {
        assert!(job.contains(right), "{right}");
        assert!(!faults(&job.replacen(right, wrong, 1)).is_empty(), "{wrong}");
    }
}
