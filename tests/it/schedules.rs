//! Schedules with the real binary: the clock, one after the other, and going on after a kill.

use crate::support::{ServeProcess, starhouse};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The starter project with schedules that are due every second.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    starhouse(&["init", folder.path().to_str().unwrap()]);
    fs::create_dir(folder.path().join("schedules")).unwrap();
    let schedule = |name: &str, text: &str| {
        let text = format!("schedule: {name}\ndescription: {name}\n{text}\n");
        fs::write(folder.path().join(format!("schedules/{name}.yaml")), text).unwrap();
    };
    schedule("catalogue", "cron: \"* * * * * *\"\njobs: [products]");
    schedule("everything", "after: [catalogue]");
    folder
}

fn sql(project: &Path, sql: &str) -> String {
    let project = project.to_str().unwrap();
    let answer = starhouse(&["sql", "--format", "csv", sql, "--project", project]);
    answer.lines().nth(1).unwrap_or_default().to_owned()
}

/// Waits until something holds.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn schedules_run_follow_each_other_and_survive_a_kill() {
    let project = project();
    let path = project.path();
    let list = || starhouse(&["schedules", "--project", path.to_str().unwrap()]);
    assert!(list().contains("after catalogue"), "{}", list());
    assert!(list().contains("never"));
    const ORDERS: &str =
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'fact_orders'";
    let server = ServeProcess::start(path);
    wait_until("the first load", || sql(path, ORDERS) == "1");
    wait_until("its record", || list().matches("succeeded").count() == 2);
    let releases = sql(path, "SELECT count(*) FROM system.releases");
    drop(server);
    // Killed, and started again with something new to load: nothing is loaded twice.
    fs::write(
        path.join("sources/orders_2025_09.csv"),
        "order,date,product,quantity,amount\nZ1,2025-09-01,P1,1,1.00\n",
    )
    .unwrap();
    let mut server = ServeProcess::start(path);
    const NEW: &str = "SELECT count(*) FROM warehouse.fact_orders WHERE order_no = 'Z1'";
    wait_until("the next load", || sql(path, NEW) == "1");
    let after = sql(path, "SELECT count(*) FROM system.releases");
    assert_eq!(after.parse::<u64>().unwrap(), releases.parse::<u64>().unwrap() + 1);
    // A polite signal ends it with no run left half way.
    let id = server.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    server.wait();
    wait_until("the last run's record", || !list().contains("running"));
    const LOST: &str = "SELECT count(*) FROM system.runs WHERE status IN ('failed', 'running')";
    assert_eq!(sql(path, LOST), "0");
}
