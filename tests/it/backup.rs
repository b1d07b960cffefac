//! Backups: whole, checked, incremental, and back again.

use crate::support::{TinyProject, starhouse, starhouse_output};
use starhouse::store::failpoint;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROWS: &str = "SELECT receipt_no, net_amount FROM warehouse.fact_sales ORDER BY 1, 2";
const RUNS: &str = "SELECT count(*) FROM system.runs";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn sql(project: &Path, sql: &str) -> String {
    starhouse(&["sql", "--format", "csv", sql, "--project", text(project)])
}

/// A project with the tiny project's models and no warehouse yet.
fn empty_like(project: &TinyProject) -> tempfile::TempDir {
    let other = tempfile::tempdir().unwrap();
    fs::create_dir(other.path().join("schemas")).unwrap();
    fs::copy(project.path().join("starhouse.yaml"), other.path().join("starhouse.yaml")).unwrap();
    for entry in fs::read_dir(project.path().join("schemas")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, other.path().join("schemas").join(path.file_name().unwrap())).unwrap();
    }
    other
}

/// The data files below a folder.
fn parquet(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(parquet(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_backup_brings_what_is_new_and_restores_any_of_its_releases() {
    let project = TinyProject::new().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let backup = |more: &[&str]| {
        let own = ["backup", text(&copy), "--project", text(project.path())];
        starhouse(&[&own, more].concat())
    };
    let first = backup(&[]);
    assert!(first.starts_with("1 new releases and 2 new files"), "{first}");
    project.publish_day_two().await;
    let second = backup(&["--verify"]);
    assert!(second.starts_with("1 new releases and 1 new files"), "{second}");
    assert!(second.contains("2 files were there; its latest release is 2"), "{second}");
    assert!(backup(&[]).starts_with("0 new releases and 0 new files"));

    let restored = empty_like(&project);
    let restore = ["restore", text(&copy), "--project", text(restored.path())];
    starhouse(&restore);
    assert_eq!(sql(restored.path(), ROWS), sql(project.path(), ROWS));
    assert_eq!(sql(restored.path(), RUNS), sql(project.path(), RUNS));
    let again = starhouse_output(&restore);
    assert!(String::from_utf8_lossy(&again.stderr).contains("has a warehouse already"));

    // As it was in release 1.
    let earlier = empty_like(&project);
    starhouse(&["restore", text(&copy), "--release", "1", "--project", text(earlier.path())]);
    assert_eq!(sql(earlier.path(), ROWS).lines().count(), 5);
}

#[tokio::test]
async fn damage_is_found_on_either_side() {
    let project = TinyProject::new().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let backup = |more: &[&str]| {
        let own = ["backup", text(&copy), "--project", text(project.path())];
        starhouse_output(&[&own, more].concat())
    };
    assert!(backup(&[]).status.success());
    // One byte of a file in the copy.
    let damaged = parquet(&copy).remove(0);
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let found = backup(&["--verify"]);
    assert!(!found.status.success());
    let errors = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(errors.contains("not what its release says"), "{errors}");
    let restored = empty_like(&project);
    let restore = ["restore", text(&copy), "--project", text(restored.path())];
    let refused = starhouse_output(&restore);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not what its release says"));
    assert!(sql(restored.path(), "SELECT count(*) FROM system.releases").contains('0'));
    // Of the original.
    let other = folder.path().join("other");
    let damaged = parquet(&project.path().join("warehouse")).remove(0);
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let found = starhouse_output(&["backup", text(&other), "--project", text(project.path())]);
    assert!(String::from_utf8_lossy(&found.stderr).contains("not what its release says"));
}

#[tokio::test]
async fn a_copy_of_another_warehouse_is_not_written_over() {
    let (project, stranger) = (TinyProject::new().await, TinyProject::new().await);
    project.publish_day_two().await;
    stranger.publish_another_column().await;
    let folder = tempfile::tempdir().unwrap();
    starhouse(&["backup", text(folder.path()), "--project", text(stranger.path())]);
    let before = parquet(folder.path());
    let refused =
        starhouse_output(&["backup", text(folder.path()), "--project", text(project.path())]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds another warehouse"));
    assert_eq!(parquet(folder.path()), before);
}

#[tokio::test]
async fn a_backup_killed_anywhere_holds_whole_releases_and_goes_on() {
    use std::os::unix::process::ExitStatusExt;
    const KILLED: i32 = 9;
    let project = TinyProject::new().await;
    project.publish_day_two().await;
    let mut struck = 0;
    for point in failpoint::COPY.iter().chain(&["file.after_link", "temp.before_write"]) {
        for nth in 1..=2 {
            let folder = tempfile::tempdir().unwrap();
            let copy = folder.path().join("copy");
            let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
                .args(["backup", text(&copy), "--project", text(project.path())])
                .env("STARHOUSE_FAILPOINT", format!("{point}:{nth}"))
                .output()
                .unwrap();
            struck += i32::from(output.status.signal() == Some(KILLED));
            let whole = empty_like(&project);
            let restored =
                starhouse_output(&["restore", text(&copy), "--project", text(whole.path())]);
            if restored.status.success() {
                let rows = sql(whole.path(), ROWS).lines().count();
                assert!(rows == 5 || rows == 6, "{point}:{nth}: {rows} lines");
            }
            starhouse(&["backup", text(&copy), "--verify", "--project", text(project.path())]);
            let after = empty_like(&project);
            starhouse(&["restore", text(&copy), "--project", text(after.path())]);
            assert_eq!(sql(after.path(), ROWS), sql(project.path(), ROWS), "{point}:{nth}");
        }
    }
    assert!(struck >= 4, "fail points were met: {struck}");
}
