//! A disk that takes no more: the run fails and says so, nothing is published, and once there is
//! room the next run does it all.

use crate::crash::{arrive, new_project, printed, seen, starhouse, truth};
use std::process::{Command, Stdio};

/// Runs jobs where no file may grow beyond so many blocks: writes fail as on a full disk.
#[test]
fn a_write_that_fails_publishes_nothing_and_the_next_run_does_it_all() {
    let project = new_project();
    let project = project.path();
    let mut failed = 0;
    for (cycle, blocks) in [1, 2, 4, 6, 8, 12, 16].into_iter().enumerate() {
        arrive(project, cycle);
        // Ignored, the signal of a file grown too large leaves the write to fail.
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_starhouse"), "etl", "run", "--project"])
            .arg(project)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let done = match output.status.success() {
            true => cycle + 1,
            false => {
                failed += 1;
                assert_eq!(output.status.code(), Some(1), "{blocks}: {errors}");
                assert!(errors.contains("File too large"), "{blocks}: {errors}");
                cycle
            }
        };
        let now = seen(project);
        // What failed after the commit leaves the release: then it is told as such.
        let stands = errors.contains("published release");
        assert!(now == truth(done) || (stands && now == truth(cycle + 1)), "{blocks}: {errors}");
        printed(&starhouse(project, &["etl", "run"]).output().unwrap());
        assert_eq!(seen(project), truth(cycle + 1), "{blocks} blocks: run again");
    }
    assert!(failed > 0, "no write failed");
}
