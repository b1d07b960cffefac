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

/// Somebody who is told: answers as it is asked to, and hands on what it has heard.
fn listener(answers: Vec<&'static str>) -> (String, std::sync::mpsc::Receiver<String>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/very-secret-token", listener.local_addr().unwrap());
    let (sender, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut answers = answers.into_iter();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            let whole = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).into_owned();
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length = head.lines().find_map(|line| {
                    line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned)
                })?;
                (body.len() >= length.trim().parse().unwrap()).then_some(text)
            };
            let text = loop {
                let count = stream.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..count]);
                match whole(&request) {
                    Some(text) => break text,
                    None if count == 0 => break String::new(),
                    None => {}
                }
            };
            let answer = answers.next().unwrap_or("200 OK");
            let _ = stream.write_all(
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .as_bytes(),
            );
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

#[test]
fn others_hear_of_failures_and_of_recovery_and_no_log_holds_the_secret() {
    let project = tempfile::tempdir().unwrap();
    let path = project.path();
    starhouse(&["init", path.to_str().unwrap()]);
    fs::create_dir(path.join("schedules")).unwrap();
    fs::write(path.join("hook.token"), "Bearer very-secret-bearer\n").unwrap();
    fs::write(
        path.join("schedules/catalogue.yaml"),
        "schedule: catalogue\ndescription: The catalogue.\ncron: \"* * * * * *\"\njobs: [products]\n\
         fresh_within_minutes: 60\nwebhooks:\n  - url: {env: TEST_HOOK}\n    authorization: {file: hook.token}\n\
         \x20 - {url: {env: TEST_DEAD_HOOK}, on: [failure]}\n",
    )
    .unwrap();
    let products = path.join("sources/products.csv");
    let text = fs::read_to_string(&products).unwrap();
    fs::remove_file(&products).unwrap();
    // The first answer says to come again.
    let (url, heard) = listener(vec!["503 Service Unavailable"]);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = format!("http://{dead}/very-secret-token");
    let log = fs::File::create(path.join("server.log")).unwrap();
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["serve", "--address", "127.0.0.1:0", "--project", path.to_str().unwrap()])
        .envs([("TEST_HOOK", url.as_str()), ("TEST_DEAD_HOOK", dead.as_str())])
        .stdout(std::process::Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let hear = |wanted: &str| {
        let request = heard.recv_timeout(Duration::from_secs(60)).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("/hook/very-secret-token"), "{head}");
        assert!(head.contains("Bearer very-secret-bearer"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["event"], &body["schedule"]), (&wanted.into(), &"catalogue".into()));
        body
    };
    let first = hear("failure");
    assert!(first["error"].as_str().unwrap().contains("products"), "{first}");
    assert_eq!(hear("failure"), first, "what was refused is sent again");
    fs::write(&products, text).unwrap();
    assert_eq!(hear("recovery")["text"], "schedule catalogue is well again");
    // The one that nobody answers is given up after a while.
    let log = || fs::read_to_string(path.join("server.log")).unwrap();
    wait_until("the warning", || log().contains("news were not delivered"));
    let plain = log().replace("\u{1b}[3m", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
    assert!(plain.contains("webhook=2"), "{plain}");
    assert!(!log().contains("very-secret"), "{}", log());
    let id = server.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    server.wait().unwrap();
    let found = std::process::Command::new("grep")
        .args(["-r", "very-secret", path.join("warehouse").to_str().unwrap()])
        .output()
        .unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

/// A server killed while it remembers a schedule goes on where it was.
#[test]
fn a_server_killed_at_a_schedules_record_goes_on() {
    for point in starhouse::store::failpoint::SCHEDULE {
        let project = project();
        let path = project.path();
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(["serve", "--address", "127.0.0.1:0", "--project", path.to_str().unwrap()])
            .env("STARHOUSE_FAILPOINT", format!("{point}:4"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.code().is_none(), "{point} was not met");
        let _server = ServeProcess::start(path);
        const ORDERS: &str =
            "SELECT count(*) FROM information_schema.tables WHERE table_name = 'fact_orders'";
        wait_until("the load", || sql(path, ORDERS) == "1");
    }
}
