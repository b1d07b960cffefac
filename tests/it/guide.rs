//! The modelling guide in `docs/modelling`: its project is loaded and tested, and says what its text
//! says.

use super::support::starhouse;
use std::fs;
use std::path::{Path, PathBuf};

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/modelling")
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_pattern_answers_as_the_guide_says() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["schemas", "etl", "sources", "tests"] {
        copy(&guide().join(part), &folder.path().join(part));
    }
    fs::copy(guide().join("starhouse.yaml"), folder.path().join("starhouse.yaml")).unwrap();
    let project = folder.path().to_str().unwrap();
    starhouse(&["check", "--project", project]);
    starhouse(&["etl", "run", "--project", project]);
    let told = starhouse(&["test", "--project", project]);
    for pattern in 1..=10 {
        assert!(told.contains(&format!("ok      tests/{pattern:02}_")), "{pattern}: {told}");
    }
    assert!(told.contains("parts and total of fact orders by segment"), "{told}");
}

/// All text of the project's files in a folder, every run of blanks as one.
fn text(folder: &str) -> String {
    let files = fs::read_dir(guide().join(folder)).unwrap();
    let mut all = String::new();
    for file in files.map(|file| file.unwrap().path()) {
        all.push_str(&fs::read_to_string(file).unwrap());
    }
    squeezed(&all)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_guide_shows_stands_in_its_project() {
    let guide = fs::read_to_string(guide().join("README.md")).unwrap();
    let (models, questions) = (text("schemas"), text("tests"));
    let mut blocks = 0;
    for block in guide.split("```").skip(1).step_by(2) {
        let (language, shown) = block.split_once('\n').unwrap();
        match language {
            "yaml" => {
                for line in shown.lines() {
                    assert!(models.contains(&squeezed(line)), "{line}");
                }
            }
            _ => assert!(questions.contains(&squeezed(shown)), "{shown}"),
        }
        blocks += 1;
    }
    assert_eq!(guide.matches("\nThe wrong way: ").count(), 10);
    assert!(blocks >= 10);
}

/// The files of the guide to a first warehouse.
pub(crate) fn first_warehouse(folder: &Path) {
    assert_eq!(files_of("docs/first-warehouse/README.md", folder), 19);
    let database = rusqlite::Connection::open(folder.join("sources/shop.db")).unwrap();
    let sql = fs::read_to_string(folder.join("sources/shop.sql")).unwrap();
    database.execute_batch(&sql).unwrap();
}

/// Writes the files that a page shows, each block after a line that names its file; how many.
pub(crate) fn files_of(page: &str, folder: &Path) -> usize {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut lines = text.lines().peekable();
    let mut files = 0;
    while let Some(line) = lines.next() {
        let name = line.strip_prefix('`').and_then(|rest| rest.split_once('`'));
        let Some((name, _)) = name.filter(|(name, _)| name.contains('.') && !name.contains(' '))
        else {
            continue;
        };
        lines.next_if(|line| line.is_empty());
        if lines.next_if(|line| line.starts_with("```")).is_none() {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, block.join("\n") + "\n").unwrap();
        files += 1;
    }
    files
}

#[test]
fn a_first_warehouse_is_what_the_guide_says() {
    let folder = tempfile::tempdir().unwrap();
    first_warehouse(folder.path());
    let project = folder.path().to_str().unwrap();
    let run = |arguments: &[&str]| starhouse(&[arguments, &["--project", project]].concat());
    run(&["check"]);
    assert!(run(&["etl", "plan", "--rows"]).contains("nothing was published"));
    let told = run(&["etl", "run"]);
    assert!(told.contains("published release 1"), "{told}");
    assert!(told.contains("1 values of `email` became NULL"), "{told}");
    assert!(told.contains("1 row has an unknown customer"), "{told}");
    assert!(run(&["etl", "run"]).contains("nothing new"));
    let answer = |sql: &str| run(&["sql", "--format", "csv", sql]);
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/first-warehouse/README.md"),
    )
    .unwrap();
    let questions: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("starhouse sql \"")?.strip_suffix('"'))
        .collect();
    assert_eq!(answer(questions[0]), "category,revenue,buyers\nCoffee,30.00,2\nTea,19.60,1\n");
    let rates = answer(questions[1]);
    let rate = |campaign: &str| -> f64 {
        let line = rates.lines().find_map(|line| line.strip_prefix(campaign)).unwrap();
        line.trim_start_matches(',').parse().unwrap()
    };
    assert_eq!((rate("Spring"), rate("Summer")), (0.5, 1.0));
    assert!(run(&["lineage", "marketing.revenue"]).contains("sales_web.orders.amount"));
    assert!(run(&["schedules"]).contains("nightly"));
}
