//! Values looked up in a file of codes.

use super::{Project, causes, row, spec};
use starhouse::error::ErrorKind;
use starhouse::etl::extract;

const COUNTRIES: &str =
    "Code;Name;Region\nDE;Germany;EU\nFR;France;EU\n gb ;United Kingdom;\nXX;;\n";

fn yaml(more: &str) -> String {
    format!(
        "name: t\nfrom: {{csv: {{path: t.csv}}}}\ncolumns:\n  - {{name: id, type: int32}}\n  \
         - {{name: country, type: text, clean: [{{map_from: {{path: ref/countries.csv, code: Code, \
         {more}}}}}]}}"
    )
}

async fn project() -> Project {
    let project = Project::new().await;
    project.write("ref/countries.csv", COUNTRIES);
    project.write("t.csv", "id,country\n1,de\n2, GB\n3,xx\n4,dee\n5,\n");
    project
}

#[tokio::test]
async fn codes_become_what_the_file_says() {
    let project = project().await;
    let read = async |more: &str| project.extract(&spec(&yaml(more))).await.unwrap();
    let outcome = read("value: Name").await;
    let known = [row(&["1", "Germany"]), row(&["2", "United Kingdom"]), row(&["3", "~"])];
    assert_eq!(outcome.rows, [&known[..], &[row(&["5", "~"])]].concat());
    assert_eq!(causes(&outcome.rejects), vec![(5, "map_from", Some("country"))]);
    let reason = &outcome.rejects[0].reason;
    assert!(reason.contains("no code of ref/countries.csv, did you mean `de`?"), "{reason}");
    assert_eq!(read("value: Name, unlisted: keep").await.rows[3], row(&["4", "dee"]));
    assert_eq!(read("value: Name, unlisted: 'null'").await.rows[3], row(&["4", "~"]));
    // only asked whether they are there
    let checked = read("value: Code").await;
    assert_eq!((checked.rows.len(), &checked.rows[0]), (4, &row(&["1", "DE"])));
}

#[tokio::test]
async fn other_codes_are_another_input() {
    let project = project().await;
    let spec = spec(&yaml("value: Name, unlisted: keep"));
    let first = project.extract(&spec).await.unwrap();
    let seen = first.extracted.extent.inputs;
    let names: Vec<_> = seen.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["ref/countries.csv", "t.csv"]);
    let plan = async || extract::plan(project.path(), &spec, Some(&seen)).await.unwrap();
    assert!(plan().await.is_unchanged());
    project.write("ref/countries.csv", COUNTRIES.replace("Germany", "Deutschland"));
    let changed = plan().await;
    assert!(!changed.is_unchanged());
    assert_eq!(changed.gone(), 0);
}

#[tokio::test]
async fn a_reference_that_is_not_right_is_told() {
    let project = project().await;
    for (text, kind, says) in [
        (None, ErrorKind::NotFound, "no such file"),
        (Some("Code;Nam\nDE;x\n"), ErrorKind::User, "did you mean `Nam`"),
        (Some("Code;Name\nDE;x\nde;y\n"), ErrorKind::Data, "`de` stands for two things"),
        (Some("Code;Name\nDE;x;z\n"), ErrorKind::Data, "cannot be read"),
    ] {
        match text {
            Some(text) => project.write("ref/countries.csv", text),
            None => std::fs::remove_file(project.path().join("ref/countries.csv")).unwrap(),
        }
        let error = project.extract(&spec(&yaml("value: Name"))).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("countries.csv"), "{text}");
    }
}
