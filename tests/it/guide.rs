//! The modelling guide in `docs/modelling`: its project is loaded and tested, and says what its text
//! says.

use super::support::starhouse;
use std::fs;
use std::path::{Path, PathBuf};

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/modelling")
}

fn copy(from: &Path, to: &Path) {
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
