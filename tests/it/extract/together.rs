//! Sources of one job, read together; and a source that dies in the middle of a run.

use super::postgresql::Database;
use super::web::{Answer, Web};
use crate::etl_project::{Project, moment};
use starhouse::clock::FixedClock;
use starhouse::etl::extract;
use starhouse::etl::progress::Progress;
use starhouse::etl::run::{Request, run};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LEDGER: &str = "
fact: ledger
description: what was booked
grain: a booking
kind: transaction
dimensions: [date]
degenerate:
  - {name: id, type: int64, description: number}
columns:
  - {name: amount, type: \"decimal(12,2)\", unit: EUR, description: amount}
key: [id]
";

/// Each of two APIs answers only once both are asked.
#[tokio::test]
async fn sources_of_a_job_are_read_at_once() {
    let asked = AtomicUsize::new(0);
    let web = Web::new(move |request| {
        asked.fetch_add(1, Ordering::SeqCst);
        let began = Instant::now();
        while asked.load(Ordering::SeqCst) < 2 {
            if began.elapsed() > Duration::from_secs(20) {
                return Answer::status(404, "nobody else has asked");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let first = if request.path == "a" { 0 } else { 100 };
        let rows = (first..first + 3).map(|id| format!("{{\"id\": {id}, \"amount\": \"1.50\"}}"));
        Answer::ok(format!("[{}]", rows.collect::<Vec<_>>().join(",")))
    });
    let source = |name: &str| {
        format!(
            "  - name: {name}\n    from: {{api: {{url: \"{}\"}}}}\n    columns: [{{name: id, type: int64}}, \
             {{name: amount, type: \"decimal(12,2)\"}}]\n",
            web.url(name)
        )
    };
    let job = format!(
        "
job: ledger
description: bookings
sources:
{}{}transform: SELECT *, DATE '2024-01-01' AS day FROM (SELECT * FROM a UNION ALL SELECT * FROM b)
load: {{fact: {{fact: ledger, mode: replace, event_at: day, keys: {{date: [day]}}}}}}
",
        source("a"),
        source("b"),
    );
    let mut project = Project::new(&[&job]);
    project.add_schema(LEDGER);
    project.run("2024-02-01").await.unwrap();
    let sql = "SELECT count(*), sum(id), sum(amount) FROM warehouse.fact_ledger";
    assert_eq!(project.sql(sql).await, ["6|306|9.00"]);
}

/// Ends the server's part of a reading, once.
struct Cut(Mutex<Option<Database>>);

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl Progress for Cut {
    fn source_read(&self, _job: &str, _source: &str, progress: extract::Progress) {
        if progress.rows < 50_000 {
            return;
        }
        if let Some(database) = self.0.lock().unwrap().take() {
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE 'COPY%'",
            );
        }
    }
}

/// The job is tried again by itself, and every row is there once; so it is where rows come anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_run_whose_source_is_cut_in_the_middle_loses_and_doubles_nothing() {
    let job = "
job: ledger
description: bookings
sources:
  - name: l
    from: PLACE
    strategy: {watermark: {column: id}}
    columns: [{name: id, type: int64}, {name: amount, type: \"decimal(12,2)\"}, {name: note, type: text}]
transform: SELECT id, amount, DATE '2024-01-01' AS day FROM l
load: {fact: {fact: ledger, mode: upsert, event_at: day, keys: {date: [day]}}}
";
    let mut project = Project::new(&[job]);
    project.add_schema(LEDGER);
    let database = Database::new(project.dir.path());
    project.edit_jobs("PLACE", &database.from("table: ledger"));
    database.execute(
        "CREATE TABLE ledger (id bigint PRIMARY KEY, amount numeric(12,2), note text);
         INSERT INTO ledger SELECT n, n % 100, repeat('x', 300) FROM generate_series(1, 400000) n",
    );
    let sql = "SELECT count(*), count(DISTINCT id), sum(amount) FROM warehouse.fact_ledger";
    for (rows, more) in [(400_000_u64, 0), (700_000, 300_000)] {
        if more > 0 {
            database.execute(
                "INSERT INTO ledger SELECT n, n % 100, repeat('x', 300)
                 FROM generate_series(400001, 700000) n",
            );
        }
        let now = moment("2024-02-01");
        let engine = project.engine(now).await;
        let jobs = project.declared();
        let request = Request {
            progress: Arc::new(Cut(Mutex::new(Some(database.clone())))),
            ..Request::new(project.dir.path(), &engine, &jobs, Arc::new(FixedClock(now)))
        };
        let summary = run(&request).await.unwrap();
        let notes = &summary.jobs[0].notes;
        assert!(notes.iter().any(|note| note.starts_with("attempt 1 failed")), "{notes:?}");
        let sum: u64 = (1..=rows).map(|n| n % 100).sum();
        assert_eq!(project.sql(sql).await, [format!("{rows}|{rows}|{sum}.00")]);
    }
}
