//! Random SQL, answered as DuckDB answers it on the same rows (`tests/clients/differential/`).
//!
//! The long tier (`STARHOUSE_FULL=1`) asks 30,000 statements, a part of it (`STARHOUSE_FULL=0.1`) fewer;
//! `STARHOUSE_SEED` gives other statements than these, and `STARHOUSE_DIFFERENTIAL=seed:count` says both.

use crate::clients_drivers::{clients_folder, run};
use crate::hostile::{many, seed};
use crate::support::{ServeProcess, starhouse};
use std::process::Command;

#[test]
#[ignore = "needs Python with adbc-driver-flightsql and duckdb (see .ci/install/programs.sh)"]
fn random_sql_is_answered_as_duckdb_answers_it() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().to_str().unwrap();
    starhouse(&["init", project]);
    starhouse(&["etl", "run", "--project", project]);
    let server = ServeProcess::start(folder.path());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let (seed, count) = statements();
    let output = run(
        Command::new(python)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(clients_folder().join("differential/compare.py"))
            .arg(format!("grpc://{}", server.address))
            .args([seed, count]),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    let last = output.trim_end().lines().last().unwrap_or_default();
    assert!(last.starts_with("differential: ok ("), "{output}");
}

/// Which statements are asked, and how many.
fn statements() -> (String, String) {
    match std::env::var("STARHOUSE_DIFFERENTIAL") {
        Ok(told) => {
            let (seed, count) = told.split_once(':').expect("STARHOUSE_DIFFERENTIAL is seed:count");
            (seed.to_owned(), count.to_owned())
        }
        Err(_) => (seed().to_string(), many(1_500, 30_000).to_string()),
    }
}
