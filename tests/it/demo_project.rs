//! The sample projects' own files.

use starhouse::model;
use starhouse::sample::project::Sample;
use std::path::{Path, PathBuf};

/// Models of the sample hold, and everything in them is described in words.
#[test]
fn the_models_hold_and_are_described() {
    let folder = tempfile::tempdir().unwrap();
    Sample::Retail.write(folder.path()).unwrap();
    let model =
        model::load(&texts(&folder.path().join("schemas"))).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((model.dimensions.len(), model.facts.len(), model.cubes.len()), (10, 15, 12));
    for dimension in &model.dimensions {
        described(&dimension.name, &dimension.description);
        dimension.described_columns().for_each(|c| described(&c.name, &c.description));
    }
    for fact in &model.facts {
        described(&fact.name, &fact.description);
        fact.roles.iter().for_each(|role| described(&role.role, &role.description));
        fact.degenerate
            .iter()
            .chain(&fact.columns)
            .for_each(|c| described(&c.name, &c.description));
    }
    for cube in &model.cubes {
        described(&cube.name, &cube.description);
        cube.measures.iter().for_each(|m| described(&m.name, &m.description));
        cube.aggregates.iter().for_each(|a| described(&a.name, &a.description));
    }
}

fn described(name: &str, description: &str) {
    assert!(description.split_whitespace().count() > 0, "`{name}` is not described");
}

/// The texts of the YAML files below a folder, by name.
pub(crate) fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}
