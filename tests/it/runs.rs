//! Runs of jobs: several at once, tried again, in time, resumed; planned and told.

use crate::support::{starhouse, starhouse_output};
use serde_json::Value;
use starhouse::clock::{Clock, FixedClock};
use starhouse::engine::{Engine, EngineSettings};
use starhouse::error::Error;
use starhouse::etl::jobs::Jobs;
use starhouse::etl::progress::Progress;
use starhouse::etl::run::{JobSummary, Request, RunSummary, run};
use starhouse::model::Model;
use starhouse::store::Warehouse;
use starhouse::store::failpoint::FailPoints;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A project of dimensions and facts that leave each other alone, and some that do not: `regions`
/// reads `fact_sales` while `customers` may move its rows, `visits` adds members to `customer`.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("starhouse.yaml", "# a project of many jobs\n");
    write(
        "schemas/date.yaml",
        "dimension: date\ndescription: d\ncalendar: {from: 2025-01-01, to: 2025-12-31, fiscal_year_start_month: 1}\n",
    );
    let dimension = |name: &str, more: &str| {
        format!(
            "dimension: {name}\ndescription: {name}\nnatural_key:\n  - {{name: {name}_no, type: text, description: number}}\n\
             attributes:\n  - {{name: {name}_name, type: text, history: 2, description: name}}\n{more}"
        )
    };
    write("schemas/customer.yaml", &dimension("customer", "inferred_members: true\n"));
    for name in ["product", "store", "region"] {
        write(&format!("schemas/{name}.yaml"), &dimension(name, ""));
    }
    let fact = |name: &str, roles: &[&str]| {
        let roles: String = roles.iter().map(|role| format!("  - {role}\n")).collect();
        format!(
            "fact: {name}\ndescription: {name}\ngrain: one row a number\nkind: transaction\ndimensions:\n  - date\n{roles}\
             degenerate:\n  - {{name: {name}_no, type: text, description: number}}\n\
             columns:\n  - {{name: amount, type: int64, description: amount}}\nkey: [{name}_no]\nsort_by: [date_key]\n"
        )
    };
    write("schemas/sales.yaml", &fact("sales", &["customer", "product", "store"]));
    write("schemas/visits.yaml", &fact("visits", &["customer"]));
    write("schemas/stock.yaml", &fact("stock", &["product", "store"]));
    let members = |name: &str, path: &str| {
        format!(
            "job: {name}s\ndescription: {name}s\nsources:\n  - name: rows\n    from: {{csv: {{path: {path}}}}}\n    columns:\n\
             \x20     - {{name: {name}_no, type: text, clean: [required]}}\n      - {{name: {name}_name, type: text}}\n\
             \x20     - {{name: since, type: timestamp, clean: [required, {{date_formats: ['%Y-%m-%d']}}]}}\n\
             load: {{dimension: {{dimension: {name}, effective_at: since}}}}\n"
        )
    };
    for name in ["customer", "product", "store"] {
        write(&format!("etl/{name}s.yaml"), &members(name, &format!("{name}s.csv")));
    }
    let rows = |name: &str, roles: &[&str]| {
        let columns: String =
            roles.iter().map(|role| format!("      - {{name: {role}_no, type: text}}\n")).collect();
        let keys: String = roles.iter().map(|role| format!(", {role}: [{role}_no]")).collect();
        format!(
            "job: {name}\ndescription: {name}\nsources:\n  - name: rows\n    from: {{csv: {{path: {name}.csv}}}}\n    columns:\n\
             \x20     - {{name: {name}_no, type: text, clean: [required]}}\n      - {{name: day, type: date, clean: [required]}}\n{columns}\
             \x20     - {{name: amount, type: int64, clean: [required]}}\n\
             load: {{fact: {{fact: {name}, mode: upsert, event_at: day, keys: {{date: [day]{keys}}}}}}}\n"
        )
    };
    write("etl/sales.yaml", &rows("sales", &["customer", "product", "store"]));
    write("etl/visits.yaml", &rows("visits", &["customer"]));
    write("etl/stock.yaml", &rows("stock", &["product", "store"]));
    // A dimension out of a fact, by the names that its customers had.
    write(
        "etl/regions.yaml",
        "job: regions\ndescription: regions\ntransform: |\n  SELECT c.customer_no AS region_no, max(c.customer_name) AS region_name\n\
         \x20 FROM warehouse.fact_sales s JOIN warehouse.dim_customer c USING (customer_key) GROUP BY 1\n\
         load: {dimension: {dimension: region}}\n",
    );
    day(folder.path(), 1);
    folder
}

/// What sources hold on a day: on the second, members have moved in the past.
fn day(project: &Path, day: usize) {
    let members = |name: &str| {
        let mut text = format!("{name}_no,{name}_name,since\n");
        for number in 1..=20 {
            text += &format!("{name}{number},{name} {number},2025-01-01\n");
            if day > 1 && number % 3 == 0 {
                text += &format!("{name}{number},{name} {number} moved,2025-03-01\n");
            }
        }
        text
    };
    for name in ["customer", "product", "store"] {
        fs::write(project.join(format!("{name}s.csv")), members(name)).unwrap();
    }
    let rows = |name: &str, roles: &[&str]| {
        let heads: String = roles.iter().map(|role| format!(",{role}_no")).collect();
        let mut text = format!("{name}_no,day{heads},amount\n");
        for number in 0..day * 60 {
            // Members of the 21st on are known only to facts.
            let keys: String =
                roles.iter().map(|role| format!(",{role}{}", number % 22 + 1)).collect();
            text += &format!("{number},2025-{:02}-10{keys},{}\n", number % 6 + 1, number * 7);
        }
        text
    };
    let sales = rows("sales", &["customer", "product", "store"]);
    fs::write(project.join("sales.csv"), sales).unwrap();
    fs::write(project.join("visits.csv"), rows("visits", &["customer"])).unwrap();
    fs::write(project.join("stock.csv"), rows("stock", &["product", "store"])).unwrap();
}

fn project_of(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

fn with_at_once(folder: &Path, at_once: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["etl", "run", "--json", "--as-of", "2025-06-30", "--project"])
        .arg(folder)
        .env("STARHOUSE_PARALLEL_JOBS", at_once)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every row of every table, and the jobs' inputs but for the names of files.
fn tables(folder: &Path) -> Vec<String> {
    let project = folder.to_str().unwrap();
    let mut all = Vec::new();
    let tables = [
        "dim_customer",
        "dim_product",
        "dim_store",
        "dim_region",
        "fact_sales",
        "fact_visits",
        "fact_stock",
        "changes_customer",
    ];
    for table in tables {
        let sql = format!("SELECT * FROM warehouse.{table}");
        let mut rows: Vec<String> =
            starhouse(&["sql", "--format", "csv", &sql, "--project", project])
                .lines()
                .map(str::to_owned)
                .collect();
        rows[1..].sort_unstable();
        all.push(table.to_owned());
        all.extend(rows);
    }
    all
}

#[test]
fn jobs_at_once_give_the_tables_of_one_after_the_other() {
    let (one, many) = (project(), project());
    for number in [1, 2, 2] {
        for folder in [&one, &many] {
            day(folder.path(), number);
        }
        let (a, b) = (with_at_once(one.path(), "1"), with_at_once(many.path(), "8"));
        let jobs = |summary: &Value| -> Vec<(String, u64, u64, bool)> {
            let number = |job: &Value, key: &str| job[key].as_u64().unwrap();
            let of = |job: &Value| {
                let name = job["job"].as_str().unwrap().to_owned();
                let (read, written) = (number(job, "rows_in"), number(job, "rows_written"));
                (name, read, written, job["skipped"].is_null())
            };
            summary["jobs"].as_array().unwrap().iter().map(of).collect()
        };
        assert_eq!(jobs(&a), jobs(&b), "day {number}");
        assert!(tables(one.path()) == tables(many.path()), "day {number}: the tables differ");
    }
    assert_eq!(with_at_once(many.path(), "8")["status"], "nothing_new");
}

/// A warehouse in a folder whose steps a test can hold or break, and a run on it.
struct Watched {
    engine: Engine,
    jobs: Jobs,
    points: FailPoints,
    clock: Arc<dyn Clock>,
}

impl Watched {
    async fn new(folder: &Path) -> Self {
        let texts = |sub: &str| -> Vec<(String, String)> {
            let files = fs::read_dir(folder.join(sub)).unwrap().map(|entry| entry.unwrap().path());
            let read = |path: std::path::PathBuf| {
                (path.display().to_string(), fs::read_to_string(&path).unwrap())
            };
            files.map(read).collect()
        };
        let model: Model = starhouse::model::load(&texts("schemas")).unwrap();
        let jobs = Jobs::load(&texts("etl"), &model).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock("2025-06-30T00:00:00Z".parse().unwrap()));
        let points = FailPoints::default();
        let root = folder.join("warehouse");
        let warehouse = Warehouse::open_with(&root, Arc::clone(&clock), points.clone());
        let settings = EngineSettings::new(256 << 20, 2, folder.join(".spill"));
        let engine =
            Engine::new(warehouse.await.unwrap(), Arc::new(model), settings, Arc::clone(&clock));
        Self { engine: engine.unwrap(), jobs, points, clock }
    }

    async fn run(
        &self,
        folder: &Path,
        at_once: usize,
        progress: Arc<dyn Progress>,
    ) -> Result<RunSummary, Error> {
        let clock = Arc::clone(&self.clock);
        let request = Request::new(folder, &self.engine, &self.jobs, clock);
        run(&Request { progress, at_once, ..request }).await
    }
}

/// Hears which jobs end, and which are tried again.
#[derive(Debug)]
struct Heard {
    ended: Mutex<mpsc::Sender<String>>,
    again: Mutex<Vec<String>>,
}

impl Heard {
    fn new() -> (Arc<Self>, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel();
        (Arc::new(Self { ended: Mutex::new(sender), again: Mutex::default() }), receiver)
    }
}

impl Progress for Heard {
    fn job_finished(&self, summary: &JobSummary) {
        let _ = self.ended.lock().unwrap().send(summary.job.clone());
    }

    fn trying_again(&self, job: &str, error: &Error, wait: Duration) {
        self.again.lock().unwrap().push(format!("{job} {} s: {error}", wait.as_secs()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_job_held_up_holds_up_only_those_that_need_it() {
    let folder = project();
    let watched = Watched::new(folder.path()).await;
    let (heard, ended) = Heard::new();
    // The first data file is the calendar's; the second is of whichever job comes first.
    let gate = watched.points.hold_nth("data_file.before_put", 2);
    let run = watched.run(folder.path(), 4, heard);
    let others = tokio::task::spawn_blocking(move || {
        gate.wait();
        let mut before = vec![ended.recv_timeout(Duration::from_secs(60)).unwrap()];
        before.push(ended.recv_timeout(Duration::from_secs(60)).unwrap());
        before.extend(std::iter::from_fn(|| ended.recv_timeout(Duration::from_secs(1)).ok()));
        drop(gate);
        (before, ended)
    });
    let summary = run.await.unwrap();
    let (before, ended) = others.await.unwrap();
    let held = ["customers", "products", "stores"].into_iter();
    let held: Vec<&str> = held.filter(|job| !before.iter().any(|other| other == job)).collect();
    let may_end: &[&str] = match held.as_slice() {
        // Stock knows nothing of customers.
        ["customers"] => &["products", "stores", "stock"],
        ["products"] => &["customers", "stores"],
        ["stores"] => &["customers", "products"],
        _ => panic!("{held:?} were held"),
    };
    assert!(before.iter().all(|job| may_end.contains(&job.as_str())), "{held:?}: {before:?}");
    assert_eq!(ended.iter().count() + before.len(), summary.jobs.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_pass_is_tried_again_and_counts_once() {
    let (calm, harried) = (project(), project());
    for folder in [&calm, &harried] {
        // A row in quarantine, which must not be there twice.
        let path = folder.path().join("sales.csv");
        let text =
            fs::read_to_string(&path).unwrap() + "bad,2025-13-01,customer1,product1,store1,1\n";
        fs::write(path, text).unwrap();
    }
    let (heard, _ended) = Heard::new();
    let watched = Watched::new(harried.path()).await;
    // After the calendar's file, two of each of three dimensions (the members, and what was said of
    // them) and two of the customers that sales have added, comes that of the sales.
    watched.points.arm("data_file.before_put", 9);
    let summary = watched.run(harried.path(), 1, heard.clone()).await.unwrap();
    let again = heard.again.lock().unwrap().clone();
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].starts_with("sales 1 s: a fail point struck"), "{again:?}");
    let noted = summary.jobs.iter().flat_map(|job| &job.notes);
    assert_eq!(noted.filter(|note| note.starts_with("attempt 1 failed")).count(), 1);
    Watched::new(calm.path()).await.run(calm.path(), 4, Heard::new().0).await.unwrap();
    assert!(tables(calm.path()) == tables(harried.path()), "the tables differ");
    for folder in [&calm, &harried] {
        let rejects = starhouse(&["etl", "rejects", "--project", project_of(folder)]);
        assert!(rejects.contains("sales.csv:62"), "{rejects}");
        let sql = "SELECT count(*) FROM system.rejects";
        let count = starhouse(&["sql", "--format", "csv", sql, "--project", project_of(folder)]);
        assert_eq!(count.lines().nth(1), Some("1"));
    }
}

#[test]
fn a_database_that_does_not_answer_is_asked_again_and_then_told() {
    let folder = project();
    // A port on which nobody listens any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let job = format!(
        "job: stores\ndescription: stores\nretries: 1\nretry_after_seconds: 1\nsources:\n  - name: rows\n\
         \x20   from: {{postgresql: {{url: 'postgresql://u@127.0.0.1:{port}/d', table: s}}}}\n\
         \x20   columns:\n      - {{name: store_no, type: text}}\n      - {{name: store_name, type: text}}\n\
         load: {{dimension: {{dimension: store}}}}\n"
    );
    fs::write(folder.path().join("etl/stores.yaml"), job).unwrap();
    let begun = Instant::now();
    let output = starhouse_output(&["etl", "run", "--json", "--project", project_of(&folder)]);
    let (errors, answer) = (String::from_utf8_lossy(&output.stderr), &output.stdout);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was not tried again");
    assert!(errors.contains("attempts 2"), "{errors}");
    let told: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(
        (&told["status"], &told["error"]["kind"]),
        (&"failed".into(), &"unavailable".into())
    );
    assert_eq!(told["error"]["context"]["attempts"], "2");
    assert_eq!(told["error"]["retryable"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_too_long_is_stopped() {
    let folder = project();
    let job = folder.path().join("etl/stores.yaml");
    let text = fs::read_to_string(&job).unwrap() + "timeout_seconds: 1\nretries: 0\n";
    fs::write(&job, text).unwrap();
    for other in ["customers", "products", "regions", "sales", "stock", "visits"] {
        fs::remove_file(folder.path().join(format!("etl/{other}.yaml"))).unwrap();
    }
    let watched = Watched::new(folder.path()).await;
    let gate = watched.points.hold_nth("data_file.before_put", 2);
    let error = watched.run(folder.path(), 4, Heard::new().0).await.unwrap_err();
    drop(gate);
    assert!(error.to_string().contains("the job took longer than 1 s"), "{error}");
    assert!(error.to_string().contains("timeout_seconds"), "{error}");
    assert_eq!(watched.engine.warehouse().latest().await.unwrap().id.0, 0);
}

#[test]
fn what_is_wrong_with_attempts_is_told_with_its_place() {
    let folder = project();
    let job = folder.path().join("etl/stores.yaml");
    let text = fs::read_to_string(&job).unwrap();
    fs::write(&job, format!("{text}timeout_seconds: 0\n")).unwrap();
    let output = starhouse_output(&["check", "--project", project_of(&folder)]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("stores.yaml:11:") && errors.contains("no time"), "{errors}");
    fs::write(&job, format!("{text}retrys: 1\n")).unwrap();
    let output = starhouse_output(&["check", "--project", project_of(&folder)]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("retries"), "{errors}");
}
