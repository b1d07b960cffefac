//! What every source does, whatever its format.
//!
//! A new source gets a test at the end, and its way to write a table in `writers.rs`.
//!
//! | source | this suite | cut off in the middle | every type |
//! |---|---|---|---|
//! | CSV | `csv`, `csv_gzip` | here; `packed` | text (`csv`) |
//! | JSON lines | `json_lines`, `json_lines_zstandard` | here; `packed` | text (`formats`) |
//! | JSON | `json` | here; `json` | text (`json`) |
//! | Parquet | `parquet` | here | `typed` |
//! | Excel | `excel` | here | `formats` |
//! | SQLite | `sqlite` | here | `formats` |
//! | PostgreSQL | `postgresql` | `postgresql` | `postgresql` |
//! | MySQL, MariaDB | `mysql` | `mysql` | `mysql` |
//! | HTTP | `http_csv`, `http_parquet`, `http_excel` | here; `http` | as the file's |
//! | HTTP API | `api` | `api` (a page that fails), `http` | text (`json`) |
//! | S3 | `s3_csv` | `buckets` | as the file's |
//! | Azure | `azure_csv` | as S3 | as the file's |
//! | Google | `google_csv`, `bucket_json` | as S3 | as the file's |
//! | Flight SQL | `flight_sql` | `flight` | `flight` |
//!
//! Types as text, NULL, no rows, many rows, drift, duplicates, cancelling, and each of the five
//! strategies are asked of all of them here; or the refusal of one that a source does not know. More of
//! watermarks and change feeds is in `watermark`. A name is a test at the end, or a module beside this.

use super::writers::Format;
use super::{Outcome, Project, causes, row, spec};
use starhouse::error::{ErrorKind, Result};
use starhouse::etl::extract;
use starhouse::store::Input;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const COLUMNS: &str = "
  - {name: id, type: int32, clean: [trim, required]}
  - {name: label, from: Label text, type: text}
  - {name: amount, type: \"decimal(12,2)\"}
  - {name: day, type: date}
  - {name: at, type: timestamp}
  - {name: flag, type: boolean}
  - {name: ratio, type: float64}
";
const HEADINGS: [&str; 8] = ["unused", "at", "id", "Label text", "amount", "day", "flag", "ratio"];

fn yaml(project: &Project, format: Format) -> String {
    let columns = match format {
        // our own tables have names that SQL takes as they are
        Format::FlightSql => COLUMNS.replace("Label text", "label_text"),
        _ => COLUMNS.to_owned(),
    };
    format!("name: t\nfrom: {}\ncolumns:{columns}", format.from(project))
}

/// A written row of the table and the row it becomes.
fn good(id: u32) -> (Vec<Option<String>>, Vec<Option<String>>) {
    let (label, amount) = (format!("label {id}, \"{id}\""), format!("{id}.5"));
    let written = ["u", "2024-02-29T23:59:59.25+01:00", &id.to_string(), &label, &amount];
    let written = [&written[..], &["2024-02-29", "yes", "-1.5e3"]].concat();
    let read = [&id.to_string(), label.as_str(), &format!("{id}.50"), "2024-02-29"];
    let read = [&read[..], &["2024-02-29T22:59:59.250Z", "true", "-1500.0"]].concat();
    (row(&written), row(&read))
}

async fn extract(format: Format, rows: &[Vec<Option<String>>]) -> Result<Outcome> {
    extract_from(&Project::new().await, format, rows).await
}

async fn extract_from(
    project: &Project,
    format: Format,
    rows: &[Vec<Option<String>>],
) -> Result<Outcome> {
    format.write(project, &HEADINGS, rows);
    project.extract(&spec(&yaml(project, format))).await
}

async fn values_get_their_types_and_null_stays_null(format: Format) {
    let (written, read) = good(7);
    let nulls = row(&["~", "~", "8", "~", "~", "~", "~", "~"]);
    let project = Project::new().await;
    let outcome = extract_from(&project, format, &[written, nulls]).await.unwrap();
    let nulls = row(&["8", "~", "~", "~", "~", "~", "~"]);
    assert_eq!(outcome.rows, vec![read, nulls], "{format:?}");
    let inputs = &outcome.extracted.extent.inputs;
    assert_eq!(inputs.len(), 1);
    assert!(inputs[0].name.starts_with(&format.name(&project)), "{inputs:?}");
    assert_eq!(inputs[0].sha256.len(), 64);
}

async fn a_table_without_rows_is_no_error(format: Format) {
    let outcome = extract(format, &[]).await.unwrap();
    assert!(outcome.rows.is_empty(), "{format:?}");
    assert_eq!(outcome.extracted.staged.columns.len(), 7);
}

async fn bad_values_send_their_row_to_quarantine_with_its_place(format: Format) {
    let bad = |at: usize, text: &str| {
        let mut written = good(1).0;
        written[at] = Some(text.to_owned());
        written
    };
    let rows = [
        good(1).0,
        bad(2, "x"),
        bad(4, "1.005"),
        bad(4, "10000000000"),
        bad(5, "2024-02-30"),
        bad(1, "yesterday"),
        bad(6, "maybe"),
        bad(7, "NaN"),
        bad(2, "   "),
        good(2).0,
    ];
    let outcome = extract(format, &rows).await.unwrap();
    assert_eq!(outcome.rows, vec![good(1).1, good(2).1], "{format:?}");
    // the line of the first row: text and sheets have a line of headings
    let first = match format {
        Format::Csv | Format::CsvGzip | Format::HttpCsv => 2,
        Format::S3Csv | Format::AzureCsv | Format::GoogleCsv => 2,
        Format::Excel | Format::HttpExcel | Format::Json | Format::GsJson => 2,
        _ => 1,
    };
    let columns = ["id", "amount", "amount", "day", "at", "flag", "ratio", "id"];
    let expected: Vec<_> = (first + 1..)
        .zip(columns)
        .map(|(line, column)| {
            (line, if line == first + 8 { "required" } else { "type" }, Some(column))
        })
        .collect();
    assert_eq!(causes(&outcome.rejects), expected, "{format:?}");
    assert!(outcome.rejects[3].raw.contains("2024-02-30"), "{format:?}");
}

async fn more_than_a_batch_arrives_whole_and_in_order(format: Format) {
    let rows: Vec<_> = (1..=20_000).map(good).collect();
    let written: Vec<_> = rows.iter().map(|(written, _)| written.clone()).collect();
    let outcome = extract(format, &written).await.unwrap();
    let read: Vec<_> = rows.into_iter().map(|(_, read)| read).collect();
    assert!(outcome.rows == read, "{format:?}");
}

async fn changed_headings_are_told_and_nothing_is_read(format: Format) {
    let project = Project::new().await;
    let headings = ["unused", "at", "id", "Label text", "amuont", "day", "flag", "ratio"];
    format.write(&project, &headings, &[good(1).0]);
    let error = project.extract(&spec(&yaml(&project, format))).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::User, "{format:?}");
    assert!(error.to_string().contains("no column `amount`"), "{format:?}: {error}");
    assert!(error.to_string().contains("did you mean `amuont`"), "{format:?}: {error}");
}

async fn a_file_cut_off_in_the_middle_loses_no_row_silently(format: Format) {
    let project = Project::new().await;
    let Some(path) = format.path(&project) else {
        return; // a connection that is cut has a test of its own
    };
    let rows: Vec<_> = (1..=3_000).map(|id| good(id).0).collect();
    format.write(&project, &HEADINGS, &rows);
    let bytes = std::fs::read(&path).unwrap();
    // 3 bytes into a row of the text formats
    let middle = bytes.len() / 2;
    let line = bytes[..middle].iter().rposition(|byte| *byte == b'\n').unwrap_or(middle);
    std::fs::write(&path, &bytes[..line + 4]).unwrap();
    let is_of_lines = matches!(format, Format::Csv | Format::HttpCsv | Format::JsonLines);
    match project.extract(&spec(&yaml(&project, format))).await {
        Ok(outcome) => {
            assert!(is_of_lines, "{format:?}");
            assert_eq!(outcome.rejects.len(), 1, "{format:?}");
            let last = outcome.rows.len() as u32;
            assert_eq!(outcome.rows.last(), Some(&good(last).1));
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Data, "{format:?}: {error}"),
    }
}

async fn what_was_read_before_is_known_again(format: Format) {
    let project = Project::new().await;
    format.write(&project, &HEADINGS, &[good(1).0]);
    let spec = spec(&yaml(&project, format));
    let first = project.extract(&spec).await.unwrap();
    let seen = first.extracted.extent.inputs;
    let plan = |before| extract::plan(project.path(), &spec, before);
    assert!(!plan(None).await.unwrap().is_unchanged());
    assert!(plan(Some(&seen)).await.unwrap().is_unchanged(), "{format:?}");
    format.write(&project, &HEADINGS, &[good(2).0]);
    assert!(!plan(Some(&seen)).await.unwrap().is_unchanged(), "{format:?}");
}

async fn nothing_there_is_an_error_unless_the_source_is_optional(format: Format) {
    let project = Project::new().await;
    let error = project.extract(&spec(&yaml(&project, format))).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{format:?}");
    let optional = format!("{}\noptional: true", yaml(&project, format));
    let outcome = project.extract(&spec(&optional)).await.unwrap();
    assert!(outcome.rows.is_empty() && outcome.extracted.extent.inputs.is_empty(), "{format:?}");
}

async fn duplicates_are_dropped_and_counted(format: Format) {
    let with_amount = |id: u32, amount: &str| {
        let mut written = good(id).0;
        written[4] = Some(amount.to_owned());
        written
    };
    let rows = [with_amount(1, "2"), with_amount(2, "9"), with_amount(1, "1"), good(3).0];
    let project = Project::new().await;
    format.write(&project, &HEADINGS, &rows);
    let yaml = format!("{}\ndeduplicate: {{key: [id], latest_by: amount}}", yaml(&project, format));
    let outcome = project.extract(&spec(&yaml)).await.unwrap();
    let kept: Vec<_> = outcome.rows.iter().map(|row| (&row[0], &row[2])).collect();
    let text = |text: &str| Some(text.to_owned());
    let expected = [("1", "2.00"), ("2", "9.00"), ("3", "3.50")];
    let expected = expected.map(|(id, amount)| (text(id), text(amount)));
    let expected: Vec<_> = expected.iter().map(|(id, amount)| (id, amount)).collect();
    assert_eq!(kept, expected, "{format:?}");
    assert_eq!(outcome.extracted.extent.counts.duplicates, 1);
}

/// The columns of the table, one of them under another name.
async fn drifted(format: Format, contract: &str) -> Result<Outcome> {
    let project = Project::new().await;
    let headings = ["unused", "at", "id", "Label text", "amuont", "day", "flag", "ratio"];
    format.write(&project, &headings, &[good(1).0, good(2).0]);
    let yaml = format!("{}\ncontract: {contract}", yaml(&project, format));
    project.extract(&spec(&yaml)).await
}

async fn drift_is_told_refused_or_set_apart_as_agreed(format: Format) {
    let told = |outcome: &Outcome| {
        let drift = outcome.extracted.extent.counts.told.iter().cloned();
        drift.collect::<Vec<_>>().join("; ")
    };
    let outcome = drifted(format, "{missing: evolve}").await.unwrap();
    let amounts: Vec<_> = outcome.rows.iter().map(|row| row[2].clone()).collect();
    assert_eq!(amounts, vec![None, None], "{format:?}");
    assert_eq!(outcome.rows[1][1], good(2).1[1], "{format:?}");
    let drift = told(&outcome);
    assert!(drift.contains("`amuont`,"), "{format:?}: {drift}");
    assert!(drift.contains("`unused` are new"), "{format:?}: {drift}");
    assert!(drift.contains("`amount` is missing"), "{format:?}: {drift}");
    let known = "{missing: evolve, new: freeze, known: [amuont, unused, n]}";
    assert!(!told(&drifted(format, known).await.unwrap()).contains("new"), "{format:?}");
    for (contract, says) in [
        ("{missing: evolve, new: freeze, known: [unused, n]}", "`amuont` is new"),
        ("{missing: freeze}", "did you mean `amuont`"),
    ] {
        let error = drifted(format, contract).await.err().expect(contract);
        assert!(matches!(error.kind(), ErrorKind::Data | ErrorKind::User), "{format:?}: {error}");
        assert!(error.to_string().contains(says), "{format:?}: {error}");
    }
    for (contract, says) in [
        ("{missing: quarantine}", "`amount` is missing"),
        ("{missing: evolve, new: quarantine, known: [unused, n]}", "`amuont` is new"),
    ] {
        match drifted(format, contract).await {
            Ok(outcome) => {
                assert!(outcome.rows.is_empty(), "{format:?}");
                let causes: Vec<_> = outcome.rejects.iter().map(|r| r.rule.as_str()).collect();
                assert_eq!(causes, ["contract", "contract"], "{format:?}");
                assert!(outcome.rejects[0].reason.contains(says), "{format:?}");
                assert!(outcome.rejects[1].raw.contains("label 2"), "{format:?}");
            }
            Err(error) => {
                assert!(format.is_of_objects(), "{format:?}: {error}");
                assert!(error.to_string().contains("sources that have headings"), "{error}");
            }
        }
    }
}

async fn values_of_another_type_are_nulled_refused_or_set_apart_as_agreed(format: Format) {
    let mut bad = good(2).0;
    bad[4] = Some("much".to_owned());
    for contract in ["evolve", "freeze", "quarantine"] {
        let project = Project::new().await;
        format.write(&project, &HEADINGS, &[good(1).0, bad.clone()]);
        let yaml = format!("{}\ncontract: {{types: {contract}}}", yaml(&project, format));
        let outcome = project.extract(&spec(&yaml)).await;
        match (contract, outcome) {
            ("evolve", Ok(outcome)) => {
                assert_eq!(outcome.rows[1][2], None, "{format:?}");
                let nulled = &outcome.extracted.extent.counts.nulled;
                assert_eq!(nulled[&("amount".to_owned(), "type".to_owned())], 1, "{format:?}");
            }
            ("quarantine", Ok(outcome)) => {
                assert_eq!((outcome.rows.len(), outcome.rejects.len()), (1, 1), "{format:?}");
            }
            ("freeze", Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::Data, "{format:?}");
                assert!(error.to_string().contains("column amount"), "{format:?}: {error}");
            }
            (_, outcome) => panic!("{format:?} {contract}: {:?}", outcome.err()),
        }
    }
}

async fn a_snapshot_that_has_shrunk_is_refused(format: Format) {
    let project = Project::new().await;
    let rows: Vec<_> = (1..=10).map(|id| good(id).0).collect();
    format.write(&project, &HEADINGS, &rows);
    let yaml =
        format!("{}\nstrategy: {{snapshot: {{shrink_at_most: 0.5}}}}", yaml(&project, format));
    let spec = spec(&yaml);
    let extent = project.extract(&spec).await.unwrap().extracted.extent;
    let cursor = extent.cursor.as_deref();
    assert!(cursor.is_some(), "{format:?}");
    for (left, is_right) in [(5, true), (4, false)] {
        format.write(&project, &HEADINGS, &rows[..left]);
        let plan = extract::plan_from(project.path(), &spec, Some(&extent.inputs), cursor);
        let plan = plan.await.unwrap();
        assert!(!plan.is_unchanged(), "{format:?}");
        let load = project.load().await;
        let read =
            extract::extract(&plan, "job", &load, project.warehouse(), Arc::new(|_| {})).await;
        load.abandon().await.unwrap();
        assert_eq!(read.is_ok(), is_right, "{format:?}: {left} of 10 rows");
        if let Err(error) = read {
            assert_eq!(error.kind(), ErrorKind::Data, "{format:?}: {error}");
        }
    }
}

async fn files_are_read_once(format: Format) {
    if !format.is_of_files() {
        return; // what is new there is asked for
    }
    let project = Project::new().await;
    format.write(&project, &HEADINGS, &[good(1).0]);
    let spec = spec(&format!("{}\nstrategy: new_files", yaml(&project, format)));
    let seen = project.extract(&spec).await.unwrap().extracted.extent.inputs;
    let again = project.extract_after(&spec, Some(&seen)).await.unwrap();
    assert!(again.rows.is_empty(), "{format:?}");
    assert_eq!(again.extracted.extent.inputs, seen, "{format:?}");
    format.write(&project, &HEADINGS, &[good(2).0]);
    let changed = project.extract_after(&spec, Some(&seen)).await.unwrap();
    assert_eq!(changed.rows, vec![good(2).1], "{format:?}");
}

/// The rows that a second run reads which knows how far the first was, and how far it is then itself.
async fn read_on(
    project: &Project,
    yaml: &str,
    (inputs, cursor): (&[Input], Option<&str>),
) -> (Vec<String>, Option<String>) {
    let plan = extract::plan_from(project.path(), &spec(yaml), Some(inputs), cursor).await.unwrap();
    assert!(!plan.is_unchanged());
    let load = project.load().await;
    let read = extract::extract(&plan, "job", &load, project.warehouse(), Arc::new(|_| {})).await;
    let extracted = read.unwrap();
    let mut ids: Vec<String> =
        project.rows(&extracted.staged).into_iter().map(|row| row[0].clone().unwrap()).collect();
    ids.sort();
    load.abandon().await.unwrap();
    (ids, extracted.extent.cursor)
}

async fn what_is_new_is_asked_for_or_refused(format: Format) {
    let project = Project::new().await;
    let with_label = |id: u32, label: &str| {
        let mut written = good(id).0;
        written[3] = Some(label.to_owned());
        written
    };
    let watermark = "{watermark: {column: id}}";
    let changes = "{changes: {key: [label], sequence: id}}";
    let whole = yaml(&project, format);
    let Some(from) = format.numbered_lines(&project, &names(format)) else {
        format.write(&project, &HEADINGS, &[good(1).0]);
        for strategy in [watermark, changes] {
            let asked = spec(&format!("{whole}\nstrategy: {strategy}"));
            let error = project.extract(&asked).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::User, "{format:?}: {error}");
            assert!(error.to_string().contains("`strategy: new_files`"), "{format:?}: {error}");
        }
        return;
    };
    let whole = whole.replace(&format.from(&project), &from);
    for (strategy, first, second) in [
        (watermark, ["1", "2", "3"].as_slice(), ["3", "4"]),
        // of a key's changes the last counts: 3 is of the label of 1
        (changes, ["2", "3"].as_slice(), ["3", "4"]),
    ] {
        let yaml = format!("{whole}\nstrategy: {strategy}");
        let rows = [with_label(1, "a"), with_label(2, "b"), with_label(3, "a")];
        format.write(&project, &HEADINGS, &rows);
        let read = project.extract(&spec(&yaml)).await.unwrap();
        let ids: Vec<_> = read.rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
        assert_eq!(ids, first, "{format:?} {strategy}");
        let extent = read.extracted.extent;
        assert_eq!(extent.cursor.as_deref(), Some("3"), "{format:?} {strategy}");
        // the bound is inclusive, and what lies before it is not read again
        let more = [rows[0].clone(), rows[1].clone(), rows[2].clone(), with_label(4, "c")];
        // an API says itself what is new; the test's gives what it has
        let more = if format == Format::Api { &more[2..] } else { &more[..] };
        format.write(&project, &HEADINGS, more);
        let before = (extent.inputs.as_slice(), extent.cursor.as_deref());
        let (ids, cursor) = read_on(&project, &yaml, before).await;
        assert_eq!(ids, second, "{format:?} {strategy}");
        assert_eq!(cursor.as_deref(), Some("4"), "{format:?} {strategy}");
    }
}

/// The headings as a source has them.
fn names(format: Format) -> Vec<&'static str> {
    let name = |name: &&'static str| match (format, *name) {
        (Format::FlightSql, "Label text") => "label_text",
        (_, name) => name,
    };
    HEADINGS.iter().map(name).collect()
}

/// A run that is cancelled while its source is read stops it; what is there can be read again.
async fn a_run_that_is_cancelled_stops_the_source(format: Format) {
    let project = Project::new().await;
    let rows: Vec<_> = (1..=30_000).map(|id| good(id).0).collect();
    format.write(&project, &HEADINGS, &rows);
    let spec = spec(&yaml(&project, format));
    let plan = extract::plan(project.path(), &spec, None).await.unwrap();
    let load = project.load().await;
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let on_progress: extract::OnProgress = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        heard.send(()).unwrap_or_default();
        // until the run is cancelled
        let _ = released.lock().unwrap().recv();
    });
    tokio::select! {
        _ = hears.recv() => {}
        read = extract::extract(&plan, "job", &load, project.warehouse(), on_progress) => {
            panic!("{format:?}: read before it was cancelled: {:?}", read.is_ok());
        }
    }
    drop(release);
    // the source's thread has ended when nobody can be told any more
    while hears.recv().await.is_some() {}
    assert!(calls.load(Ordering::Relaxed) <= 2, "{format:?}");
    load.abandon().await.unwrap();
    assert_eq!(project.extract(&spec).await.unwrap().rows.len(), 30_000, "{format:?}");
}

/// The whole suite.
async fn every_check(format: Format) {
    values_get_their_types_and_null_stays_null(format).await;
    a_table_without_rows_is_no_error(format).await;
    bad_values_send_their_row_to_quarantine_with_its_place(format).await;
    more_than_a_batch_arrives_whole_and_in_order(format).await;
    changed_headings_are_told_and_nothing_is_read(format).await;
    a_file_cut_off_in_the_middle_loses_no_row_silently(format).await;
    what_was_read_before_is_known_again(format).await;
    nothing_there_is_an_error_unless_the_source_is_optional(format).await;
    duplicates_are_dropped_and_counted(format).await;
    drift_is_told_refused_or_set_apart_as_agreed(format).await;
    values_of_another_type_are_nulled_refused_or_set_apart_as_agreed(format).await;
    a_snapshot_that_has_shrunk_is_refused(format).await;
    files_are_read_once(format).await;
    what_is_new_is_asked_for_or_refused(format).await;
    a_run_that_is_cancelled_stops_the_source(format).await;
}

#[tokio::test]
async fn csv() {
    every_check(Format::Csv).await;
}

#[tokio::test]
async fn csv_gzip() {
    every_check(Format::CsvGzip).await;
}

#[tokio::test]
async fn json_lines_zstandard() {
    every_check(Format::JsonLinesZstandard).await;
}

#[tokio::test]
async fn json() {
    every_check(Format::Json).await;
}

#[tokio::test]
async fn json_lines() {
    every_check(Format::JsonLines).await;
}

#[tokio::test]
async fn parquet() {
    every_check(Format::Parquet).await;
}

#[tokio::test]
async fn excel() {
    every_check(Format::Excel).await;
}

#[tokio::test]
async fn http_csv() {
    every_check(Format::HttpCsv).await;
}

#[tokio::test]
async fn http_parquet() {
    every_check(Format::HttpParquet).await;
}

#[tokio::test]
async fn http_excel() {
    every_check(Format::HttpExcel).await;
}

#[tokio::test]
async fn api() {
    every_check(Format::Api).await;
}

#[tokio::test]
async fn bucket_json() {
    every_check(Format::GsJson).await;
}

#[tokio::test]
#[ignore = "needs moto"]
async fn s3_csv() {
    every_check(Format::S3Csv).await;
}

#[tokio::test]
#[ignore = "needs Azurite"]
async fn azure_csv() {
    every_check(Format::AzureCsv).await;
}

#[tokio::test]
#[ignore = "needs fake-gcs-server"]
async fn google_csv() {
    every_check(Format::GoogleCsv).await;
}

#[tokio::test]
async fn flight_sql() {
    every_check(Format::FlightSql).await;
}

#[tokio::test]
async fn sqlite() {
    every_check(Format::Sqlite).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgresql() {
    every_check(Format::Postgresql).await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mysql() {
    every_check(Format::Mysql).await;
}
