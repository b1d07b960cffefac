//! What there is to watch, as Prometheus reads it from the real server.

use crate::support::starhouse;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Server {
    child: Child,
    metrics: String,
    flight: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(project: &Path) -> Server {
    let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["serve", "--address", "127.0.0.1:0", "--project"])
        .arg(project)
        .env("STARHOUSE_METRICS_ADDRESS", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let flight = first.strip_prefix("serving Flight SQL on ").unwrap();
    let flight = flight.split(';').next().unwrap().to_owned();
    let metrics = lines
        .find_map(|line| line.strip_prefix("serving metrics on http://").map(str::to_owned))
        .unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    Server { child, metrics: metrics.trim_end_matches("/metrics").to_owned(), flight }
}

/// Asks, and gives the status line and the body.
fn ask(server: &Server, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(&server.metrics).unwrap();
    // Whoever is hung up on cannot write on, nor read.
    let mut answer = String::new();
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

fn get(server: &Server, path: &str) -> (String, String) {
    ask(server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

fn value(text: &str, name: &str) -> f64 {
    let line =
        text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn answers_that_are_kept_are_counted() {
    let project = tempfile::tempdir().unwrap();
    let path = project.path().to_str().unwrap();
    starhouse(&["init", path]);
    starhouse(&["etl", "run", "--project", path]);
    let server = serve(project.path());
    let told = || {
        let text = get(&server, "/metrics").1;
        let questions = |outcome: &str| {
            value(&text, &format!("starhouse_result_cache_questions{{outcome=\"{outcome}\"}}"))
        };
        (questions("given"), questions("missed"), value(&text, "starhouse_result_cache_bytes"))
    };
    assert_eq!(told(), (0.0, 0.0, 0.0));
    let ask = |sql: &str| starhouse(&["sql", "--connect", &server.flight, sql]);
    let answer = ask("SELECT count(*) AS orders FROM warehouse.fact_orders");
    let (given, missed, bytes) = told();
    assert_eq!((given, missed), (0.0, 1.0));
    assert!(bytes > 0.0);
    assert_eq!(ask("SELECT count(*) AS orders FROM warehouse.fact_orders"), answer);
    assert_eq!(told(), (1.0, 1.0, bytes));
    // The time goes on: what depends on it is not kept.
    ask("SELECT count(*), now() FROM warehouse.fact_orders");
    assert_eq!(told(), (1.0, 1.0, bytes));
    assert_eq!(value(&get(&server, "/metrics").1, "starhouse_result_cache_forgotten_total"), 0.0);
}

#[test]
fn a_server_tells_of_releases_runs_schedules_and_queries() {
    let project = tempfile::tempdir().unwrap();
    let path = project.path();
    starhouse(&["init", path.to_str().unwrap()]);
    starhouse(&["etl", "run", "--project", path.to_str().unwrap()]);
    std::fs::create_dir(path.join("schedules")).unwrap();
    std::fs::write(
        path.join("schedules/yearly.yaml"),
        "schedule: yearly\ndescription: d\ncron: \"0 0 1 1 *\"\nfresh_within_minutes: 5\n",
    )
    .unwrap();
    let server = serve(path);
    // Schedules are known a moment after the server listens.
    let known = |text: &str| text.contains("starhouse_schedule_failed{");
    let begun = std::time::Instant::now();
    let (status, text) = loop {
        match get(&server, "/metrics") {
            (_, text) if !known(&text) && begun.elapsed().as_secs() < 30 => {}
            answer => break answer,
        }
    };
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(value(&text, "starhouse_release"), 1.0);
    assert_eq!(value(&text, "starhouse_table_rows{table=\"fact_orders\"}"), 8.0);
    assert!(value(&text, "starhouse_table_bytes{table=\"fact_orders\"}") > 100.0);
    assert_eq!(value(&text, "starhouse_runs{status=\"published\"}"), 1.0);
    assert_eq!(value(&text, "starhouse_runs{status=\"failed\"}"), 0.0);
    assert_eq!(value(&text, "starhouse_last_run_rejected_rows"), 1.0);
    assert_eq!(value(&text, "starhouse_query_duration_seconds_bucket{le=\"+Inf\"}"), 0.0);
    assert_eq!(value(&text, "starhouse_schedule_failed{schedule=\"yearly\"}"), 0.0);
    assert_eq!(value(&text, "starhouse_schedule_late_seconds{schedule=\"yearly\"}"), 0.0);
    // Every line is a comment or a number with its name, and each name is explained once.
    let mut helped = std::collections::BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix("# HELP ") {
            Some(help) => assert!(helped.insert(help.split(' ').next().unwrap()), "{line}"),
            None if line.starts_with("# TYPE ") => {}
            None => {
                let (name, number) = line.rsplit_once(' ').unwrap();
                assert!(number.parse::<f64>().is_ok(), "{line}");
                assert!(helped.iter().any(|known| name.starts_with(known)), "{line}");
            }
        }
    }
    assert_eq!(get(&server, "/health").1, "well\n");
    assert_eq!(get(&server, "/other").0, "HTTP/1.1 404 Not Found");
    assert_eq!(ask(&server, "POST /metrics HTTP/1.1\r\n\r\n").0, "HTTP/1.1 405 Method Not Allowed");
    // Whoever sends on and on is hung up on; the next one is answered.
    assert_eq!(ask(&server, &"x".repeat(20_000)).1, "");
    assert_eq!(get(&server, "/metrics").0, "HTTP/1.1 200 OK");
}
