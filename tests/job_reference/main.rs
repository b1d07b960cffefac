//! The reference of jobs and models, written from the code that reads them and from its
//! documentation: `docs/jobs.md` and `docs/models.md` for people, `docs/job.schema.json` and
//! `docs/model.schema.json` for editors. These tests say whether all are current, and whether the
//! schemas are right about every job and model there is in this project.
//!
//! After a change of what one of them can say:
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

/// What a job is.
const JOB: [&str; 1] = ["Job"];
/// What a document of a model is, by its first key.
const MODEL: [&str; 5] =
    ["DimensionDocument", "BridgeDocument", "FactDocument", "CubeDocument", "AggregatesDocument"];

fn types_in(folder: &str, others: &[&str]) -> Types {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.extend(others.iter().map(|file| root().join(file)));
    Types::read(&files)
}

fn types() -> Types {
    let others = [
        "src/etl/job.rs",
        "src/text/address.rs",
        "src/text/letters.rs",
        "src/text/local_time.rs",
        "src/text/person_name.rs",
    ];
    types_in("src/etl/job", &others)
}

fn types_of_models() -> Types {
    types_in("src/model/document", &["src/model/document.rs"])
}

fn schema_of_jobs() -> Value {
    schema::schema(&types(), &JOB, "A job of Starhouse")
}

fn schema_of_models() -> Value {
    schema::schema(&types_of_models(), &MODEL, "A document of a model of Starhouse")
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
fn the_pages_are_current() {
    is_current("docs/jobs.md", &page::page(&types(), &JOB, page::JOBS));
    is_current("docs/models.md", &page::page(&types_of_models(), &MODEL, page::MODELS));
}

#[test]
fn the_schemas_are_current() {
    is_current("docs/job.schema.json", &format!("{:#}\n", schema_of_jobs()));
    is_current("docs/model.schema.json", &format!("{:#}\n", schema_of_models()));
}

#[test]
fn everything_is_described() {
    for (types, roots, at_least) in [(types(), &JOB[..], 40), (types_of_models(), &MODEL[..], 30)] {
        let reached = types.reached(roots);
        assert!(reached.len() > at_least, "{reached:?}");
        for name in reached {
            let described = types.get(name);
            assert!(!described.docs.is_empty(), "{name}");
            for part in &described.parts {
                assert!(!part.docs.is_empty(), "{name}.{}", part.name);
            }
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
    documents(&folders)
}

/// Every document of the project's own models, as JSON.
fn models() -> Vec<(String, Value)> {
    let folders = [
        "schemas",
        "docs/modelling/schemas",
        "benches/ssb/project/schemas",
        "benches/tpch/project/schemas",
        "tests/model/good",
    ];
    documents(&folders)
}

fn documents(folders: &[&str]) -> Vec<(String, Value)> {
    let mut jobs = Vec::new();
    for folder in folders.iter().map(|folder| root().join(folder)) {
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
fn the_schema_is_right_about_every_model() {
    let (schema, models) = (schema_of_models(), models());
    assert!(models.len() > 40, "{}", models.len());
    for (file, model) in models {
        assert_eq!(validate::faults(&schema, &model), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn the_schema_of_models_says_what_is_wrong() {
    let schema = schema_of_models();
    let model = "dimension: store\ndescription: shops\nnatural_key: [{name: code, type: text}]\nattributes: [{name: city, \
                 type: \"decimal(8,2)\", history: 2}]\nhierarchies: [{name: place, levels: [city, {level: store, \
                 attribute: code}]}]\nexpect: [{unique: [code], on_fail: warn}]\n";
    let faults = |text: &str| validate::faults(&schema, &serde_saphyr::from_str(text).unwrap());
    assert_eq!(faults(model), Vec::<String>::new());
    for (right, wrong) in [
        ("dimension:", "dimensoin:"),
        ("attributes:", "atributes:"),
        ("history: 2", "histroy: 2"),
        ("history: 2", "history: two"),
        ("type: text", "type: txt"),
        ("decimal(8,2)", "decimal(8)"),
        ("{level: store,", "{levle: store,"),
        ("on_fail: warn", "on_fail: shout"),
        ("unique: [code]", "unique: code"),
    ] {
        assert!(model.contains(right), "{right}");
        assert!(!faults(&model.replacen(right, wrong, 1)).is_empty(), "{wrong}");
    }
}

#[test]
fn the_schema_is_right_about_every_job() {
    let schema = schema_of_jobs();
    let jobs = jobs();
    let jobs: Vec<_> = jobs.iter().filter(|(_, job)| job.get("job").is_some()).collect();
    assert!(jobs.len() > 30, "{}", jobs.len());
    for (file, job) in jobs {
        assert_eq!(validate::faults(&schema, job), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn the_schema_says_what_is_wrong() {
    let schema = schema_of_jobs();
    let job = "job: a\ndescription: b\nsources:\n  - name: t\n    from: {csv: {path: t.csv}}\n    \
               columns: [{name: id, type: int32, clean: [trim, {case: upper}]}]\n\
               load: {dimension: {dimension: d}}\n";
    let faults = |text: &str| validate::faults(&schema, &serde_saphyr::from_str(text).unwrap());
    assert_eq!(faults(job), Vec::<String>::new());
    let dialect =
        "{path: t.csv, quote: none, escape: '!', skip_lines: 2, trailing_delimiter: true}";
    assert_eq!(faults(&job.replace("{path: t.csv}", dialect)), Vec::<String>::new());
    for (right, wrong) in [
        ("job: a", "jobb: a"),
        ("path:", "paht:"),
        ("csv:", "cvs:"),
        ("int32", "int33"),
        ("trim", "trimm"),
        ("upper", "uper"),
        ("{dimension: d}", "{dimension: d, missing: shut}"),
        ("{path: t.csv}", "{path: t.csv, delimiter: ab}"),
        ("{path: t.csv}", "{path: t.csv, quote: nothing}"),
        ("{path: t.csv}", "{path: t.csv, skip_lines: two}"),
        ("{path: t.csv}", "{path: t.csv, access: {http: {bearer: hunter2}}}"),
        ("load: {dimension: {dimension: d}}", ""),
    ] {
        assert!(job.contains(right), "{right}");
        assert!(!faults(&job.replacen(right, wrong, 1)).is_empty(), "{wrong}");
    }
}
