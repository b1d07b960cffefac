//! The corpus of ugly files in `tests/ugly`: what must come of each stands beside it.

use super::Project;
use serde::Deserialize;
use starhouse::etl::job::SourceSpec;
use std::path::Path;

/// What must come of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    source: SourceSpec,
    /// The rows that are right; NULL is `null`.
    #[serde(default)]
    rows: Vec<Vec<Option<String>>>,
    /// Of each row that is not: line, rule and, where one is at fault, column.
    #[serde(default)]
    rejects: Vec<String>,
    /// What the run must say of the file.
    #[serde(default)]
    told: Option<String>,
    /// Why the file as a whole is an error.
    #[serde(default)]
    error: Option<String>,
}

#[tokio::test]
async fn each_file_gives_its_good_rows_and_says_what_is_wrong_with_the_others() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ugly");
    let names = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    let cases = names.iter().filter_map(|name| name.strip_suffix(".yaml"));
    let mut count = 0;
    for name in cases {
        count += 1;
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let case: Case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let what = format!("{name}: {}", case.about);
        let project = Project::new().await;
        for file in names.iter().filter(|file| file.starts_with(&format!("{name}."))) {
            project.write(file, std::fs::read(folder.join(file)).unwrap());
        }
        let outcome = match (project.extract(&case.source).await, &case.error) {
            (Ok(outcome), None) => outcome,
            (Err(error), Some(says)) => {
                assert!(error.to_string().contains(says), "{what}: {error}");
                continue;
            }
            (Ok(_), Some(says)) => panic!("{what}: expected the error `{says}`"),
            (Err(error), None) => panic!("{what}: {error}"),
        };
        let rejects = outcome.rejects.iter().map(|reject| {
            let column = reject.column.as_ref().map(|column| format!(" {column}"));
            format!("{} {}{}", reject.line, reject.rule, column.unwrap_or_default())
        });
        assert_eq!(rejects.collect::<Vec<_>>(), case.rejects, "{what}: {:#?}", outcome.rejects);
        assert_eq!(outcome.rows, case.rows, "{what}");
        let told = &outcome.extracted.extent.counts.told;
        let says = case.told.as_deref().unwrap_or_default();
        assert!(told.iter().any(|told| told.contains(says)) || says.is_empty(), "{what}: {told:?}");
    }
    assert!(count >= 17, "{count}");
}
