//! Answers that are kept: cut into endpoints, or polled while they are worked out.

use crate::clients::{Client, ask, connect, fetch, status};
use crate::clients_sandbox::set;
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightDescriptor,
    FlightEndpoint, FlightInfo, PollInfo, RenewFlightEndpointRequest, Ticket,
};
use futures::TryStreamExt;
use prost::Message;
use std::time::{Duration, Instant};
use tonic::{Code, Status};

const MANY: &str = "SELECT n, repeat('x', 20) AS x FROM generate_series(1, 100000) AS t(n)";

/// One endpoint of an answer, as an answer by itself.
async fn part(client: &mut Client, info: &FlightInfo, endpoint: &FlightEndpoint) -> RecordBatch {
    let one = FlightInfo { endpoint: vec![endpoint.clone()], ..info.clone() };
    fetch(client, one).await.unwrap()
}

fn numbers(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

async fn action(client: &mut Client, name: &str, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    let results = client.inner_mut().do_action(Action::new(name, body)).await?.into_inner();
    Ok(results.try_collect::<Vec<_>>().await?[0].body.to_vec())
}

#[tokio::test]
async fn the_parts_of_an_answer_are_the_answer() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let (mut client, mut other) = (connect(&server).await, connect(&server).await);
    set(&mut client, &[("endpoints", "4")]).await;

    let info = client.execute(format!("{MANY} ORDER BY n"), None).await.unwrap();
    assert_eq!(info.endpoint.len(), 4);
    assert!(info.ordered);
    assert_eq!(info.total_records, 100_000);
    let mut parts = Vec::new();
    for endpoint in info.endpoint.iter().rev() {
        assert!(endpoint.expiration_time.is_some());
        // From another connection, the last first, and twice.
        let rows = part(&mut other, &info, endpoint).await;
        assert_eq!(rows, part(&mut client, &info, endpoint).await);
        assert!((10_000..=40_000).contains(&rows.num_rows()), "{}", rows.num_rows());
        parts.push(numbers(&rows));
    }
    let all: Vec<i64> = parts.into_iter().rev().flatten().collect();
    assert_eq!(all, (1..=100_000).collect::<Vec<i64>>());

    let info = client.execute(MANY.to_owned(), None).await.unwrap();
    assert!(!info.ordered);
    let mut all = Vec::new();
    for endpoint in &info.endpoint {
        all.extend(numbers(&part(&mut other, &info, endpoint).await));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=100_000).collect::<Vec<i64>>());

    let body = RenewFlightEndpointRequest { endpoint: info.endpoint.first().cloned() };
    let renewed = action(&mut client, "RenewFlightEndpoint", body.encode_to_vec()).await.unwrap();
    let renewed = FlightEndpoint::decode(renewed.as_slice()).unwrap();
    assert_eq!(renewed.ticket, info.endpoint[0].ticket);
}

#[tokio::test]
async fn small_answers_have_one_endpoint_and_changes_are_made_once() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    ask(&mut client, "SET endpoints = 64").await.unwrap();
    assert_eq!(ask(&mut client, "SELECT * FROM fact_sales").await.unwrap().num_rows(), 4);
    // No rows are an answer as well.
    assert_eq!(ask(&mut client, "SELECT 1 AS a WHERE false").await.unwrap().num_rows(), 0);
    ask(&mut client, "CREATE TABLE sandbox.once AS SELECT 1 AS a").await.unwrap();
    ask(&mut client, "INSERT INTO sandbox.once VALUES (2)").await.unwrap();
    let counted = ask(&mut client, "SELECT count(*) FROM sandbox.once").await.unwrap();
    assert_eq!(numbers(&counted), [2]);
    let failed = status(
        ask(&mut client, "SELECT 1 / (line_no - line_no) FROM fact_sales").await.unwrap_err(),
    );
    assert_eq!(failed.code(), Code::InvalidArgument, "{failed}");
    for (value, expected) in [("0", "from 1 to 64"), ("65", "from 1 to 64"), ("'many'", "whole")] {
        let refused = ask(&mut client, &format!("SET endpoints = {value}")).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

/// A table of a million rows, whose hashes take a while.
const SLOW: &str = "SELECT n, sha512(repeat(CAST(n AS VARCHAR), 100)) AS x FROM sandbox.big";

async fn make_big(client: &mut Client) {
    let rows = "SELECT n FROM generate_series(1, 200000) AS t(n)";
    ask(client, &format!("CREATE TABLE sandbox.big AS {rows}")).await.unwrap();
    for _ in 0..4 {
        ask(client, &format!("INSERT INTO sandbox.big {rows}")).await.unwrap();
    }
}

#[tokio::test]
async fn endpoints_stream_while_rows_without_order_are_worked_out() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    make_big(&mut client).await;
    set(&mut client, &[("endpoints", "3")]).await;

    let info = client.execute(SLOW.to_owned(), None).await.unwrap();
    assert_eq!((info.endpoint.len(), info.total_records), (3, -1), "it is told before the end");
    let mut readers = Vec::new();
    for endpoint in info.endpoint.clone() {
        let (mut client, info) = (connect(&server).await, info.clone());
        readers.push(tokio::spawn(async move { part(&mut client, &info, &endpoint).await }));
    }
    let mut all = Vec::new();
    for (reader, endpoint) in readers.into_iter().zip(&info.endpoint) {
        let rows = reader.await.unwrap();
        assert!(rows.num_rows() > 200_000, "{}", rows.num_rows());
        assert_eq!(rows, part(&mut client, &info, endpoint).await, "and the same again");
        all.extend(numbers(&rows));
    }
    assert_eq!(all.len(), 1_000_000);
    assert_eq!(all.iter().sum::<i64>(), 5 * 200_000 * 200_001 / 2);

    // What goes wrong later is told by every endpoint.
    let wrong = "SELECT n, repeat('x', 100) AS x, 1 / (n - 900000) AS y \
                 FROM generate_series(1, 1000000) AS t(n)";
    let info = client.execute(wrong.to_owned(), None).await.unwrap();
    for endpoint in &info.endpoint {
        let one = FlightInfo { endpoint: vec![endpoint.clone()], ..info.clone() };
        let failed = status(fetch(&mut client, one).await.unwrap_err());
        assert!(failed.message().contains("division by zero"), "{failed}");
    }

    // So does a cancel end every one.
    let info = client.execute(SLOW.to_owned(), None).await.unwrap();
    let cancel = CancelFlightInfoRequest::new(info.clone());
    action(&mut client, "CancelFlightInfo", cancel.encode_to_vec()).await.unwrap();
    for endpoint in &info.endpoint {
        let one = FlightInfo { endpoint: vec![endpoint.clone()], ..info.clone() };
        assert_eq!(status(fetch(&mut client, one).await.unwrap_err()).code(), Code::Cancelled);
    }
}

#[tokio::test]
async fn nobody_guesses_a_part() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    set(&mut client, &[("endpoints", "2")]).await;
    let info = client.execute(MANY.to_owned(), None).await.unwrap();
    let handle = |text: String| {
        let ticket = arrow_flight::sql::TicketStatementQuery { statement_handle: text.into() };
        Ticket::new(ticket.as_any().encode_to_vec())
    };
    let key = String::from_utf8(info.app_metadata.to_vec()).unwrap();
    for wrong in [
        "0-1000000",
        "7-3",
        "18446744073709551615-18446744073709551615",
        "x-y",
        "",
        "-",
        "3of3",
        "0of0",
        "aofb",
        "0of18446744073709551616",
    ] {
        let ticket = handle(format!("{key}/{wrong}"));
        let refused = client.inner_mut().do_get(ticket).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{wrong}: {refused}");
    }
    let other = handle(format!("{}/0-1", uuid::Uuid::new_v4()));
    let refused = client.inner_mut().do_get(other).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let cancel = CancelFlightInfoRequest::new(info.clone());
    let cancelled = action(&mut client, "CancelFlightInfo", cancel.encode_to_vec()).await.unwrap();
    let cancelled = CancelFlightInfoResult::decode(cancelled.as_slice()).unwrap();
    assert_eq!(cancelled.status(), CancelStatus::Cancelled);
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let refused = client.inner_mut().do_get(ticket).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "what was cancelled is gone");
}

fn asked(sql: &str) -> FlightDescriptor {
    let query = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
    FlightDescriptor::new_cmd(query.as_any().encode_to_vec())
}

async fn poll(client: &mut Client, descriptor: FlightDescriptor) -> Result<PollInfo, Status> {
    Ok(client.inner_mut().poll_flight_info(descriptor).await?.into_inner())
}

#[tokio::test]
async fn a_poll_tells_how_far_the_work_is() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let (mut client, mut reader) = (connect(&server).await, connect(&server).await);
    make_big(&mut client).await;

    let mut told = poll(&mut client, asked(SLOW)).await.unwrap();
    let (mut progress, mut seen, mut fetched) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let info = told.info.clone().unwrap();
        let endpoints = info.endpoint.clone();
        assert_eq!(
            endpoints.iter().map(|e| &e.ticket).take(seen.len()).collect::<Vec<_>>(),
            seen.iter().collect::<Vec<_>>(),
            "what was there stays"
        );
        // What is new is read while the rest is being worked out.
        for endpoint in &endpoints[seen.len()..] {
            fetched.extend(numbers(&part(&mut reader, &info, endpoint).await));
        }
        seen = endpoints.into_iter().map(|endpoint| endpoint.ticket).collect();
        progress.push(told.progress.expect("it reads a table"));
        assert!(told.expiration_time.is_some());
        let Some(next) = told.flight_descriptor.clone() else { break };
        told = poll(&mut client, next).await.unwrap();
    }
    assert!(progress.is_sorted(), "{progress:?}");
    let mut different = progress.clone();
    different.dedup();
    assert!(different.len() >= 3 && progress[0] < 1.0, "{progress:?}");
    assert_eq!(progress.last(), Some(&1.0));
    assert!(seen.len() >= 3, "{} parts", seen.len());
    assert_eq!(told.info.unwrap().total_records, 1_000_000);
    assert_eq!(fetched.len(), 1_000_000);
    assert_eq!(fetched.iter().sum::<i64>(), 5 * 200_000 * 200_001 / 2);
}

#[tokio::test]
async fn what_is_polled_can_be_cancelled_before_there_is_any_of_it() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    let told = poll(&mut client, asked(endless)).await.unwrap();
    let (info, next) = (told.info.unwrap(), told.flight_descriptor.expect("it takes for ever"));
    assert!(info.endpoint.is_empty());
    let cancel = CancelFlightInfoRequest::new(info);
    let cancelled = action(&mut client, "CancelFlightInfo", cancel.encode_to_vec()).await.unwrap();
    let cancelled = CancelFlightInfoResult::decode(cancelled.as_slice()).unwrap();
    assert_eq!(cancelled.status(), CancelStatus::Cancelling);
    let started = Instant::now();
    let refused = poll(&mut client, next).await.unwrap_err();
    assert_eq!(refused.code(), Code::Cancelled, "{refused}");
    assert!(started.elapsed() < Duration::from_secs(5));

    // What is wrong is told at once; what is no question is not begun.
    let refused = poll(&mut client, asked("SELECT nothing")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    let told = poll(&mut client, asked("SHOW endpoints")).await.unwrap();
    assert!(told.flight_descriptor.is_none());
    // A time limit ends it as well.
    set(&mut client, &[("statement_timeout", "1")]).await;
    let mut told = poll(&mut client, asked(endless)).await;
    while let Ok(PollInfo { flight_descriptor: Some(next), .. }) = told {
        told = poll(&mut client, next).await;
    }
    assert_eq!(told.unwrap_err().code(), Code::DeadlineExceeded);
}
