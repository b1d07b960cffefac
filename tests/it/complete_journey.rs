//! The Complete Journey, as real input: fetched, loaded, asked, and compared with DuckDB.

use starhouse::etl::jobs::Jobs;
use starhouse::model;
use starhouse::sample::project::Sample;
use std::path::Path;
use std::process::Command;

/// Its models and jobs hold and its questions can be read, without the data.
#[test]
fn the_models_jobs_and_questions_hold() {
    let folder = tempfile::tempdir().unwrap();
    Sample::CompleteJourney.write(folder.path()).unwrap();
    let schemas = crate::demo_project::texts(&folder.path().join("schemas"));
    let model = model::load(&schemas).unwrap_or_else(|faults| panic!("{faults}"));
    let jobs = crate::demo_project::texts(&folder.path().join("etl"));
    let jobs = Jobs::load(&jobs, &model).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((model.facts.len(), jobs.len()), (5, 10));
    let questions = Sample::CompleteJourney.questions().unwrap();
    assert_eq!(questions.len(), 5);
    for question in &questions {
        let asked: starhouse::query::CubeQuery =
            serde_saphyr::from_str(question.cube_query).unwrap();
        let cube = model.cube(&asked.cube).unwrap_or_else(|| panic!("{}", question.name));
        assert!(
            asked.measures.iter().all(|name| cube.measure(name).is_some()),
            "{}",
            question.name
        );
    }
}

/// The demo fetches the data set with pip and answers; DuckDB, on the raw files, agrees.
#[test]
#[ignore = "needs Python with pip and duckdb, and some minutes (see .ci/install/programs.sh)"]
fn the_demo_on_real_data_agrees_with_duckdb() {
    const INSTALL: &str = "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python \
                           with the packages of tests/requirements.txt";
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = tempfile::tempdir().unwrap();
    // The demo calls `python3 -m pip`: that of the tests' own Python, which surely has pip.
    let own = Path::new(&python).parent().map(Path::to_owned).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let demo = || {
        let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(["demo", "--dataset", "complete-journey", "--no-serve", "--dir"])
            .arg(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let (out, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{errors}\nif it misses something: {INSTALL}");
        out
    };
    let first = demo();
    assert!(first.contains("published release 1"), "{first}");
    assert!(demo().contains("nothing is published"));
    let output = Command::new(&python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/complete_journey.py"))
        .arg(env!("CARGO_BIN_EXE_starhouse"))
        .arg(folder.path())
        .output()
        .unwrap_or_else(|error| panic!("{python}: {error}; {INSTALL}"));
    let (out, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}\nif it misses something: {INSTALL}");
    assert!(out.trim_end().ends_with("complete journey: ok"), "{out}");
}
