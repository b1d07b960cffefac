//! Another Flight SQL server as a source: our own, the real process.

use super::servers::apart;
use super::{Project, row, spec};
use crate::clients::connect;
use crate::clients_guarded::{PASSWORD, with_tls};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow_flight::sql::{
    CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use starhouse::error::{Error, ErrorKind};
use starhouse::etl::extract;
use starhouse::etl::job::SourceSpec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A warehouse, served.
pub(crate) struct Flight {
    server: ServeProcess,
    _project: TinyProject,
}

impl Flight {
    pub(crate) fn new() -> Self {
        let project = apart(async || TinyProject::new().await);
        let server = ServeProcess::start(project.path());
        Self { server, _project: project }
    }

    pub(crate) fn name(&self) -> String {
        format!("grpc://{}", self.server.address)
    }

    /// `from:` in a job.
    pub(crate) fn from(&self, what: &str) -> String {
        format!("{{flight_sql: {{url: '{}', {what}}}}}", self.name())
    }

    /// Makes `sandbox.t` anew, of texts.
    pub(crate) fn write(&self, headings: &[&str], rows: &[Vec<Option<String>>]) {
        let column = |at: usize| -> ArrayRef {
            Arc::new(rows.iter().map(|row| row[at].clone()).collect::<StringArray>())
        };
        let names = headings.iter().map(|name| name.to_lowercase().replace(' ', "_"));
        let columns = names.enumerate().map(|(at, name)| (name, column(at), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let command = CommandStatementIngest {
            table_definition_options: Some(TableDefinitionOptions {
                if_not_exist: TableNotExistOption::Create as i32,
                if_exists: TableExistsOption::Replace as i32,
            }),
            table: "t".to_owned(),
            ..CommandStatementIngest::default()
        };
        apart(async || {
            let mut client = connect(&self.server).await;
            let rows = futures::stream::iter([Ok(batch)]);
            client.execute_ingest(command, rows).await.unwrap();
        });
    }
}

fn sales(server: &ServeProcess, more: &str) -> SourceSpec {
    spec(&format!(
        "name: t\nfrom: {{flight_sql: {{url: 'grpc://{}', {more}}}}}\ncolumns:
  - {{name: receipt, from: receipt_no, type: text}}
  - {{name: line, from: line_no, type: int32}}
  - {{name: net_amount, type: \"decimal(12,2)\"}}
  - {{name: weight_kg, type: float64}}
  - {{name: sold_on, type: date}}
  - {{name: sold_at, type: timestamp}}
  - {{name: gift, type: boolean}}
  - {{name: remark, type: text}}",
        server.address
    ))
}

async fn error(project: &Project, spec: &SourceSpec) -> Error {
    project.extract(spec).await.err().expect("an error")
}

#[tokio::test]
async fn every_type_arrives_exactly() {
    let warehouse = TinyProject::new().await;
    let server = ServeProcess::start(warehouse.path());
    let project = Project::new().await;
    let spec = sales(&server, "table: warehouse.fact_sales");
    let outcome = project.extract(&spec).await.unwrap();
    let mut rows = outcome.rows;
    rows.sort();
    let moment = "2025-01-31T10:15:30.123456Z";
    let night = "2024-02-29T23:59:59.999999Z";
    let expected = [
        row(&["R1", "1", "19.98", "0.5", "2025-01-31", moment, "true", "first"]),
        row(&["R1", "2", "5.00", "~", "2025-01-31", moment, "false", "~"]),
        row(&["R2", "1", "0.03", "0.001", "2024-02-29", night, "~", "na\u{ef}ve 东京"]),
        row(&["R3", "1", "-7.50", "2.25", "2025-12-31", "2025-12-31T00:00:00Z", "~", ""]),
    ];
    assert_eq!(rows, expected);
    // the same rows by way of a query, in another order, with a comment at its end
    let query = "query: \"SELECT * FROM fact_sales ORDER BY receipt_no DESC -- all\"";
    let again = project.extract(&sales(&server, query)).await.unwrap();
    let [one, other] = [&outcome.extracted, &again.extracted].map(|e| &e.extent.inputs[0]);
    assert_eq!((&one.sha256, one.name == other.name), (&other.sha256, false));
    warehouse.publish_day_two().await;
    let plan = extract::plan(project.path(), &spec, Some(std::slice::from_ref(one)));
    assert!(!plan.await.unwrap().is_unchanged());
}

#[tokio::test]
async fn what_is_new_is_asked_for() {
    let warehouse = TinyProject::new().await;
    let server = ServeProcess::start(warehouse.path());
    let project = Project::new().await;
    for (column, cursor, rows) in [
        ("sold_at", "2025-01-31T10:15:30.123456Z", 3),
        ("sold_on", "2025-12-31", 1),
        ("line", "2", 1),
    ] {
        let mut spec = sales(&server, "table: warehouse.fact_sales");
        let strategy = format!("watermark: {{column: {column}}}");
        spec.strategy = serde_saphyr::from_str(&strategy).unwrap();
        let plan = extract::plan_from(project.path(), &spec, None, Some(cursor)).await.unwrap();
        let load = project.load().await;
        let progress: extract::OnProgress = Arc::new(|_| {});
        let read = extract::extract(&plan, "job", &load, project.warehouse(), progress).await;
        assert_eq!(read.unwrap().extent.counts.read, rows, "{column}");
        load.abandon().await.unwrap();
    }
}

#[tokio::test]
async fn who_is_let_in_and_how() {
    let warehouse = TinyProject::new().await;
    with_tls(warehouse.path());
    let server = ServeProcess::start(warehouse.path());
    let project = Project::new().await;
    project.write("password", PASSWORD);
    let made = std::fs::read(warehouse.path().join("server.crt")).unwrap();
    project.write("ca.pem", made);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    project.write("other.pem", other.cert.pem());
    let table = "table: warehouse.fact_sales";
    for good in [
        "tls: verify, ca: ca.pem, user: ann, password: {file: password}",
        "tls: verify, ca: ca.pem, token: {file: password}",
    ] {
        let outcome = project.extract(&sales(&server, &format!("{good}, {table}"))).await.unwrap();
        assert_eq!(outcome.rows.len(), 4);
        assert!(!format!("{:?}", outcome.extracted).contains("horse"));
    }
    project.write("wrong", "wrong horse battery staple");
    for (bad, kind, says) in [
        ("tls: verify, ca: ca.pem", ErrorKind::User, "does not let us in"),
        (
            "tls: verify, ca: ca.pem, user: ann, password: {file: wrong}",
            ErrorKind::User,
            "check `token`",
        ),
        ("tls: verify, ca: other.pem", ErrorKind::Unavailable, "certificate"),
        ("tls: off", ErrorKind::Unavailable, "say `tls: verify`"),
        ("tls: verify, ca: none.pem", ErrorKind::User, "certificates of `ca`"),
        ("token: {file: wrong}, user: ann", ErrorKind::User, "either `token`"),
    ] {
        let error = error(&project, &sales(&server, &format!("{bad}, {table}"))).await;
        let text = format!("{error} {error:?}");
        assert!(text.contains(says) && !text.contains("wrong horse"), "{bad}: {text}");
        assert_eq!(error.kind(), kind, "{bad}: {text}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let warehouse = TinyProject::new().await;
    let server = ServeProcess::start(warehouse.path());
    let project = Project::new().await;
    for (more, kind, says) in [
        ("table: warehouse.fact_sale", ErrorKind::NotFound, "did you mean `warehouse.fact_sales`"),
        ("query: SELEC 1", ErrorKind::User, "the query of the source is wrong"),
        ("query: SELECT 1 AS x", ErrorKind::User, "no columns `receipt_no`"),
        ("table: a, query: b", ErrorKind::User, "either `table` or `query`"),
    ] {
        let error = error(&project, &sales(&server, more)).await;
        assert!(error.to_string().contains(says), "{more}: {error}");
        assert_eq!(error.kind(), kind, "{more}: {error}");
    }
}

/// More than any machine counts in the time of a test.
const ENDLESS: &str = "query: 'SELECT a.* FROM fact_sales a, fact_sales b, fact_sales c, fact_sales d, \
    fact_sales e, fact_sales f, fact_sales g, fact_sales h, fact_sales i, fact_sales j, fact_sales k'";

#[tokio::test]
async fn a_server_that_goes_away_leaves_nothing() {
    let warehouse = TinyProject::new().await;
    let server = ServeProcess::start(warehouse.path());
    let project = Project::new().await;
    let spec = sales(&server, ENDLESS);
    let gone = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        drop(server);
    };
    let (error, ()) = tokio::join!(error(&project, &spec), gone);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_the_query() {
    let warehouse = TinyProject::new().await;
    let server = ServeProcess::start(warehouse.path());
    let project = Project::new().await;
    let spec = sales(&server, ENDLESS);
    let reading = project.extract(&spec);
    assert!(tokio::time::timeout(Duration::from_millis(700), reading).await.is_err());
    let mut client = connect(&server).await;
    let began = Instant::now();
    // the server is free for others at once
    crate::clients::ask(&mut client, "SELECT count(*) FROM fact_sales").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20));
}
