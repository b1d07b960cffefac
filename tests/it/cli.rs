//! The command line as its users meet it: the real binary, its output and its exit codes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn starhouse(folder: &Path, arguments: &[&str]) -> Output {
    starhouse_reading(folder, arguments, "")
}

fn starhouse_reading(folder: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("STARHOUSE_THREADS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that succeeds prints.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = starhouse(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that fails says, and its exit code.
fn failed(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = starhouse(folder, arguments);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), text(&output.stderr))
}

fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    let output = starhouse(folder.path(), &["init", "."]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder
}

#[test]
fn help_has_examples_and_wrong_usage_is_two() {
    let folder = TempDir::new().unwrap();
    for command in ["init", "check", "sql", "query", "releases", "vacuum", "serve"] {
        let help = printed(folder.path(), &[command, "--help"]);
        assert!(help.contains("Examples:"), "{command}: {help}");
        assert!(help.contains("--project"), "{command}: {help}");
    }
    assert_eq!(failed(folder.path(), &["bogus"]).0, 2);
    assert_eq!(failed(folder.path(), &["vacuum", "--keep", "0"]).0, 2);
    assert_eq!(failed(folder.path(), &["sql", "SELECT 1", "--as-of", "yesterday"]).0, 2);
    let (code, message) = failed(folder.path(), &["check"]);
    assert_eq!(code, 1);
    assert!(message.contains("no project here") && message.contains("starhouse init"), "{message}");
}

#[test]
fn a_new_project_is_right_and_never_overwritten() {
    let folder = project();
    let checked = printed(folder.path(), &["check"]);
    assert_eq!(checked, "all right: 2 dimensions, 1 fact, 1 cube, 4 measures, 2 jobs\n");
    let (code, message) = failed(folder.path(), &["init", "."]);
    assert_eq!(code, 1);
    assert!(message.contains("not free"), "{message}");
}

#[test]
fn check_tells_all_faults_of_all_files() {
    let folder = project();
    let product = folder.path().join("schemas/product.yaml");
    let shop = folder.path().join("schemas/shop.yaml");
    fs::write(folder.path().join("starhouse.yaml"), "thread: 4\n").unwrap();
    let text = fs::read_to_string(&product).unwrap();
    fs::write(&product, text.replace("natural_key:", "natural_keys:")).unwrap();
    let text = fs::read_to_string(&shop).unwrap();
    fs::write(&shop, text.replace("sum: amount", "summ: amount")).unwrap();
    let (code, message) = failed(folder.path(), &["check"]);
    assert_eq!(code, 1);
    for fault in [
        "starhouse.yaml:1:1: unknown setting `thread`",
        "schemas/product.yaml:3:1: unknown key `natural_keys`",
        "schemas/shop.yaml:5:21: unknown key `summ`",
        "did you mean `sum`?",
    ] {
        assert!(message.contains(fault), "{fault} is not in:\n{message}");
    }
}

#[test]
fn answers_come_in_every_format() {
    let folder = project();
    let query = "SELECT 7 AS sold, 'Köln' AS store UNION ALL SELECT NULL, 'a,b' ORDER BY sold";
    let table = "\
┌──────┬───────┐
│ sold ┆ store │
╞══════╪═══════╡
│    7 ┆ Köln  │
│    ∅ ┆ a,b   │
└──────┴───────┘
2 rows
";
    assert_eq!(printed(folder.path(), &["sql", query]), table);
    let csv = printed(folder.path(), &["sql", "--format", "csv", query]);
    assert_eq!(csv, "sold,store\n7,Köln\n,\"a,b\"\n");
    let json = printed(folder.path(), &["sql", "--format", "json", query]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = r#"[{"sold":7,"store":"Köln"},{"sold":null,"store":"a,b"}]"#;
    assert_eq!(json, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    // No rows still have a heading.
    let none = printed(folder.path(), &["sql", "-F", "csv", "SELECT 1 AS a WHERE false"]);
    assert_eq!(none, "a\n");
    let file = folder.path().join("answer.parquet");
    let arguments = ["sql", "-F", "parquet", "-o", file.to_str().unwrap(), query];
    assert_eq!(printed(folder.path(), &arguments), "");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        fs::File::open(&file).unwrap(),
    );
    assert_eq!(reader.unwrap().metadata().file_metadata().num_rows(), 2);
    let output = starhouse(folder.path(), &["sql", "-F", "arrow", query]);
    let reader = arrow::ipc::reader::StreamReader::try_new(output.stdout.as_slice(), None);
    assert_eq!(reader.unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
}

#[test]
fn statements_come_from_files_and_stdin() {
    let folder = project();
    let two = "SELECT 1 AS a; -- the first\nSELECT ';' AS b;\n";
    fs::write(folder.path().join("two.sql"), two).unwrap();
    let answers = printed(folder.path(), &["sql", "-f", "two.sql"]);
    assert_eq!(answers.matches("1 row").count(), 2, "{answers}");
    for arguments in [["sql", "-f", "-"].as_slice(), &["sql"]] {
        let output = starhouse_reading(folder.path(), arguments, two);
        assert_eq!(text(&output.stdout), answers);
    }
    let (code, message) = failed(folder.path(), &["sql", "-F", "csv", "-f", "two.sql"]);
    assert_eq!(code, 2, "{message}");
    let (code, message) = failed(folder.path(), &["sql", "-f", "three.sql"]);
    assert_eq!(code, 1);
    assert!(message.contains("three.sql"), "{message}");
}

#[test]
fn a_refused_query_leaves_the_output_file_alone() {
    let folder = project();
    let file = folder.path().join("kept.csv");
    fs::write(&file, "kept").unwrap();
    let arguments = ["sql", "-F", "csv", "-o", "kept.csv", "SELECT nothing FROM nowhere"];
    assert_eq!(failed(folder.path(), &arguments).0, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn cube_queries_are_told_their_faults() {
    let folder = project();
    let query = "cube: shop\nmeasure: [revenue]\nrows: year\n";
    let output = starhouse_reading(folder.path(), &["query", "-"], query);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("stdin:2:1: unknown key `measure`"), "{message}");
    assert!(message.contains("stdin:3:7: expected a list, found `year`"), "{message}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = project();
    let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["sql", "-F", "csv", "SELECT value FROM generate_series(1, 3000000)"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// Sends Ctrl-C's signal with the system's `kill`.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_long_query() {
    let folder = project();
    let query =
        "SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b";
    let child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["sql", query])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let asked = std::time::Instant::now();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stderr), "error: interrupted\n");
    // Far below what the query would take, far above what stopping does on a busy machine.
    assert!(asked.elapsed() < std::time::Duration::from_secs(30));
}
