//! The drivers that people use, each a program of its own: Python's ADBC and Java's JDBC.
//!
//! `.ci/install/programs.sh` installs what they need. Without it these tests fail and say so; they are
//! never skipped silently.

use crate::clients_guarded::{PASSWORD, with_tls};
use crate::support::{ServeProcess, TinyProject, starhouse};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const QUERY: &str = "SELECT s.store_name, f.* FROM fact_sales f JOIN dim_store s USING (store_key) \
     ORDER BY receipt_no, line_no";

pub(crate) fn clients_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Runs a program that must exist and succeed; `install` says how it comes to exist.
pub(crate) fn run(command: &mut Command, install: &str) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {install}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}\n{stdout}\n{stderr}\nif it misses something: {install}");
    stdout.into_owned()
}

#[tokio::test]
#[ignore = "needs Python with adbc-driver-flightsql and pyarrow (see .ci/install/programs.sh)"]
async fn python_adbc_gets_the_same_answers() {
    let project = TinyProject::new().await;
    let folder = project.path().to_str().unwrap();
    let answer = project.path().join("answer.arrow");
    let answer = answer.to_str().unwrap();
    let arguments = ["sql", "--project", folder, "--format", "arrow", QUERY];
    std::fs::write(answer, crate::support::starhouse_output(&arguments).stdout).unwrap();
    let server = ServeProcess::start(project.path());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = run(
        Command::new(python)
            .arg(clients_folder().join("adbc.py"))
            .args([&format!("grpc://{}", server.address), answer]),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    assert!(output.trim_end().ends_with("adbc: ok"), "{output}");
}

#[tokio::test]
#[ignore = "needs Python with adbc-driver-flightsql and pyarrow (see .ci/install/programs.sh)"]
async fn python_adbc_speaks_tls() {
    let project = TinyProject::new().await;
    with_tls(project.path());
    let server = ServeProcess::start(project.path());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = run(
        Command::new(python)
            .arg(clients_folder().join("adbc.py"))
            .arg(format!("grpc+tls://localhost:{}", server.address.port()))
            .args([project.path().join("server.crt").to_str().unwrap(), PASSWORD]),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    assert!(output.trim_end().ends_with("adbc: ok"), "{output}");
}

#[tokio::test]
#[ignore = "needs Python with adbc-driver-flightsql (see .ci/install/programs.sh)"]
async fn python_keeps_to_pep_249() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = run(
        Command::new(python)
            .arg(clients_folder().join("pep249.py"))
            .arg(format!("grpc://{}", server.address)),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    assert!(output.trim_end().ends_with("pep249: ok"), "{output}");
}

#[tokio::test]
#[ignore = "needs Python with SQLAlchemy, its dialect for ADBC and pytest (see .ci/install/programs.sh)"]
async fn sqlalchemys_own_suite_passes_but_for_what_is_named() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = run(
        Command::new(python)
            .current_dir(clients_folder().join("sqlalchemy_suite"))
            .env("PYTHONPATH", ".")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--dburi"])
            .arg(format!("starhouse+adbc://{}?tls=false", server.address)),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    // pytest fails where a test does; here it must also have run them.
    let passed = output.lines().last().and_then(|line| line.split(" passed").next()?.parse().ok());
    assert!(passed.is_some_and(|passed: u32| passed >= 240), "{output}");
}

#[tokio::test]
#[ignore = "needs Python with pandas, Polars, DuckDB and SQLAlchemy (see .ci/install/programs.sh)"]
async fn pandas_polars_duckdb_and_sqlalchemy_get_the_same_answers() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = run(
        Command::new(python)
            .arg(clients_folder().join("tools.py"))
            .arg(format!("grpc://{}", server.address)),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    assert!(output.trim_end().ends_with("tools: ok"), "{output}");
}

#[tokio::test]
#[ignore = "needs a JDK (17 or later) and Maven, which fetches the driver (see .ci/install/programs.sh)"]
async fn jdbc_gets_the_same_answers() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let folder = clients_folder().join("jdbc");
    let jars = project.path().join("jars");
    run(
        Command::new("mvn")
            .args([
                "--quiet",
                "--batch-mode",
                "-Dstyle.color=never",
                "dependency:copy-dependencies",
                "--file",
            ])
            .arg(folder.join("pom.xml"))
            .arg(format!("-DoutputDirectory={}", jars.display())),
        "source .ci/install/programs.sh, which installs Maven",
    );
    let output = run(
        Command::new("java")
            .arg("--add-opens=java.base/java.nio=ALL-UNNAMED")
            .arg("-Dfile.encoding=UTF-8")
            .arg("-Dstdout.encoding=UTF-8")
            .args(["-cp", &format!("{}/*", jars.display())])
            .arg(folder.join("JdbcCheck.java"))
            .arg(server.address.port().to_string()),
        "source .ci/install/programs.sh, which installs a JDK",
    );
    let expected = "R1,1,2,19.98,2025-01-31,true,first\n\
                    R1,2,1,5.00,2025-01-31,false,\n\
                    R2,1,3,0.03,2024-02-29,,naïve 东京\n\
                    R3,1,1,-7.50,2025-12-31,,\n";
    assert_eq!(output, expected);
    let sql = "SELECT receipt_no, line_no, quantity, net_amount, sold_on, gift, remark \
               FROM fact_sales ORDER BY receipt_no, line_no";
    let project = project.path().to_str().unwrap();
    let printed = starhouse(&["sql", "--project", project, "--format", "csv", sql]);
    let rows: Vec<&str> = printed.lines().skip(1).collect();
    // Only JDBC's rows write the empty text as nothing; CSV tells it from NULL.
    let plain: Vec<String> = rows.iter().map(|row| row.replace("\"\"", "")).collect();
    assert_eq!(plain, output.lines().collect::<Vec<_>>());
}
