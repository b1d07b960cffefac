//! OpenTelemetry traces, as a collector gets them from the real program.

use crate::clients::{ask, connect};
use crate::support::{ServeProcess, TinyProject};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// A collector on a free port, and where it is.
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let service = TraceServiceServer::new(collector.clone());
        let serving = Server::builder().add_service(service);
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, endpoint)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|r| &r.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    fn services(&self) -> Vec<String> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let attributes = resources.filter_map(|r| r.resource.as_ref()).flat_map(|r| &r.attributes);
        let names = attributes.filter(|attribute| attribute.key == "service.name");
        names.filter_map(|name| text(name.value.as_ref()?.value.as_ref()?)).collect()
    }

    /// Waits for spans of a name.
    async fn named(&self, name: &str, count: usize) -> Vec<Span> {
        let began = Instant::now();
        loop {
            let found: Vec<Span> = self.spans().into_iter().filter(|s| s.name == name).collect();
            if found.len() >= count {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "no {count} spans `{name}` came");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    text(found.value.as_ref()?.value.as_ref()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_told_as_part_of_their_clients_traces() {
    let (collector, endpoint) = Collector::start().await;
    let project = TinyProject::new().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_SERVICE_NAME", "shop"),
    ];
    let server = ServeProcess::start_with(project.path(), &[], &variables);
    let mut client = connect(&server).await;
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    client.set_header("traceparent", format!("00-{trace}-{caller}-01"));
    let answer = ask(&mut client, "SELECT * FROM fact_sales WHERE receipt_no <> 'R-secret'").await;
    let rows = answer.unwrap().num_rows();
    client.set_header("traceparent", "nonsense");
    ask(&mut client, "SELECT CAST('no number' AS INT)").await.unwrap_err();

    let questions = collector.named("question", 2).await;
    let first = questions.iter().find(|span| span.trace_id == hex(trace)).unwrap();
    assert_eq!(first.parent_span_id, hex(caller));
    assert_eq!(attribute(first, "db.response.returned_rows").unwrap(), rows.to_string());
    let sql = attribute(first, "db.query.text").unwrap();
    assert_eq!(sql, "SELECT * FROM fact_sales WHERE receipt_no <> ?");
    let second = questions.iter().find(|span| span.trace_id != hex(trace)).unwrap();
    assert!(second.parent_span_id.is_empty(), "{second:?}");
    assert_eq!(second.status.as_ref().unwrap().code, 2, "an error: {second:?}");
    for below in ["plan", "answer"] {
        let spans = collector.named(below, 2).await;
        let of_first = spans.iter().find(|span| span.parent_span_id == first.span_id).unwrap();
        assert!(of_first.start_time_unix_nano >= first.start_time_unix_nano);
        assert!(of_first.end_time_unix_nano <= first.end_time_unix_nano);
    }
    assert!(collector.services().iter().all(|name| name == "shop"));
    let told = format!("{:?}", collector.spans());
    assert!(!told.contains("R-secret") && !told.contains("no number"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_before_the_program_ends() {
    let (collector, endpoint) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("shop");
    crate::support::starhouse(&["init", project.to_str().unwrap()]);
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
        command.args(["etl", "run", "--project"]).arg(&project);
        command.env("STARHOUSE_TRACES_ENDPOINT", &endpoint).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let spans = collector.spans();
    let run = spans.iter().find(|span| span.name == "run").unwrap();
    assert_eq!(attribute(run, "starhouse.status").unwrap(), "published");
    assert_eq!(attribute(run, "starhouse.release").unwrap(), "1");
    let jobs: Vec<&Span> = spans.iter().filter(|s| s.parent_span_id == run.span_id).collect();
    assert!(jobs.len() > 1, "{jobs:?}");
    for job in jobs {
        assert!(job.start_time_unix_nano >= run.start_time_unix_nano, "{job:?}");
        assert!(job.end_time_unix_nano <= run.end_time_unix_nano, "{job:?}");
        assert!(spans.iter().any(|step| step.parent_span_id == job.span_id), "{job:?}");
    }
    assert!(
        spans
            .iter()
            .any(|span| span.name == "load" && attribute(span, "starhouse.rows_written").is_some())
    );
}

#[test]
fn who_is_not_there_keeps_nobody_from_working() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("shop");
    crate::support::starhouse(&["init", project.to_str().unwrap()]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
    command.args(["etl", "run", "--project"]).arg(&project);
    // Nobody listens on this port of the loopback.
    let output = command.env("STARHOUSE_TRACES_ENDPOINT", "http://127.0.0.1:9").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(errors.to_lowercase().contains("export"), "nobody was warned: {errors}");
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
