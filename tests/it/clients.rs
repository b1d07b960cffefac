//! Flight SQL against the real server process, with arrow-flight's own client.

use crate::support::{ServeProcess, TinyProject, starhouse};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, Schema};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightDescriptor,
    FlightInfo,
};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use std::sync::Arc;
use tonic::transport::Channel;
use tonic::{Code, Status};

pub(crate) type Client = FlightSqlServiceClient<Channel>;

pub(crate) async fn connect(server: &ServeProcess) -> Client {
    let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    FlightSqlServiceClient::new(channel.connect().await.unwrap())
}

/// All rows of an answer as one batch, after checking that it keeps its promises: one endpoint
/// without a location, and the schema that was announced, to the byte.
pub(crate) async fn fetch(
    client: &mut Client,
    info: FlightInfo,
) -> Result<RecordBatch, FlightError> {
    assert_eq!(info.endpoint.len(), 1);
    assert!(info.endpoint[0].location.is_empty());
    let announced = info.schema.clone();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut request = tonic::Request::new(ticket);
    if let Some(token) = client.token() {
        let header = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", header);
    }
    let messages = client.inner_mut().do_get(request).await?.into_inner();
    let messages: Vec<_> = messages.try_collect().await?;
    // An IPC message: continuation mark and length, then what the first message has as its header.
    let header = &messages[0].data_header;
    assert_eq!(&announced[8..8 + header.len()], header.as_ref());
    let schema = Arc::new(Schema::try_from(&messages[0]).unwrap());
    assert_eq!(info.try_decode_schema().unwrap(), *schema);
    let stream = futures::stream::iter(messages.into_iter().map(Ok));
    let batches = arrow_flight::decode::FlightRecordBatchStream::new_from_flight_data(stream);
    let batches: Vec<_> = batches.try_collect().await?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

pub(crate) async fn ask(client: &mut Client, sql: &str) -> Result<RecordBatch, FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    fetch(client, info).await
}

pub(crate) fn status(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("not a status: {other}"),
    }
}

async fn refusal(client: &mut Client, sql: &str) -> Status {
    status(ask(client, sql).await.expect_err(sql))
}

const TOTAL: &str = "SELECT SUM(net_amount) AS total FROM fact_sales";

/// The one decimal of an answer, in cents.
fn cents(batch: &RecordBatch) -> i128 {
    assert_eq!(batch.num_rows(), 1);
    batch.column(0).as_primitive::<Decimal128Type>().value(0)
}

#[tokio::test]
async fn every_type_arrives_as_the_command_line_gives_it() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    client.handshake("ann", "secret").await.unwrap();
    let sql = "SELECT s.store_name, f.* FROM fact_sales f JOIN dim_store s USING (store_key) \
               ORDER BY receipt_no, line_no";

    let answer = ask(&mut client, sql).await.unwrap();

    assert_eq!(answer.num_rows(), 4);
    let column = |name: &str| answer.column_by_name(name).unwrap();
    assert_eq!(column("net_amount").data_type(), &DataType::Decimal128(12, 2));
    let amounts = column("net_amount").as_primitive::<Decimal128Type>().values().to_vec();
    assert_eq!(amounts, [1998, 500, 3, -750]);
    let names: Vec<_> = column("store_name").as_string::<i32>().iter().flatten().collect();
    assert_eq!(names, ["Königsallee", "Königsallee", "Rue de Rivoli", "Unknown"]);
    let remarks: Vec<_> = column("remark").as_string::<i32>().iter().collect();
    assert_eq!(remarks, [Some("first"), None, Some("naïve 东京"), Some("")]);
    let folder = project.path().to_str().unwrap();
    let printed = starhouse(&["sql", "--project", folder, "--format", "json", sql]);
    assert_eq!(json_rows(&printed), json_rows(&to_json(&answer)));
}

fn to_json(batch: &RecordBatch) -> String {
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap()
}

/// Rows of JSON, an array or a row a line, without the columns that are NULL.
fn json_rows(text: &str) -> Vec<serde_json::Value> {
    let mut rows: Vec<serde_json::Value> = match serde_json::from_str(text) {
        Ok(rows) => rows,
        Err(_) => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    };
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    rows
}

#[tokio::test]
async fn odd_types_arrive_as_plain_ones() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let list = DataType::new_list(DataType::Int64, true);
    let cases = [
        ("arrow_cast('x', 'Utf8View')", DataType::Utf8),
        ("arrow_cast('x', 'Dictionary(Int32, Utf8)')", DataType::Utf8),
        ("arrow_cast('x', 'BinaryView')", DataType::Binary),
        ("arrow_cast(1, 'Decimal64(10, 2)')", DataType::Decimal128(10, 2)),
        ("arrow_cast(1, 'Decimal256(30, 2)')", DataType::Decimal128(30, 2)),
        ("arrow_cast(1.5, 'Float16')", DataType::Float32),
        ("arrow_cast([1, 2], 'List(Int64)')", list.clone()),
        ("arrow_cast([1, 2], 'LargeList(Int64)')", list),
    ];
    for (expression, expected) in cases {
        // `fetch` checks that the announced schema and the encoder's are the same.
        let answer =
            ask(&mut client, &format!("SELECT {expression} AS x")).await.expect(expression);
        assert_eq!(answer.column(0).data_type(), &expected, "{expression}");
        assert_eq!(answer.num_rows(), 1);
    }
}

#[tokio::test]
async fn a_client_may_come_with_a_token_a_password_or_nothing() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut nobody = connect(&server).await;
    assert_eq!(cents(&ask(&mut nobody, TOTAL).await.unwrap()), 1751);
    let mut token = connect(&server).await;
    token.set_token("a token from elsewhere".to_owned());
    assert_eq!(cents(&ask(&mut token, TOTAL).await.unwrap()), 1751);
    let mut password = connect(&server).await;
    let given = password.handshake("ann", "secret").await.unwrap();
    assert_eq!(password.token().unwrap().as_bytes(), given);
    assert_eq!(cents(&ask(&mut password, TOTAL).await.unwrap()), 1751);
    nobody.set_header("authorization", "Basic ???");
    assert_eq!(refusal(&mut nobody, TOTAL).await.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_query_sees_the_release_it_was_planned_on() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let planned_before = client.execute(TOTAL.to_owned(), None).await.unwrap();
    let mut prepared = client.prepare(TOTAL.to_owned(), None).await.unwrap();

    project.publish_day_two().await;

    assert_eq!(cents(&fetch(&mut client, planned_before).await.unwrap()), 1751);
    assert_eq!(cents(&ask(&mut client, TOTAL).await.unwrap()), 11751);
    let info = prepared.execute().await.unwrap();
    assert_eq!(cents(&fetch(&mut client, info).await.unwrap()), 11751);
    let before = "SELECT SUM(net_amount) AS total FROM fact_sales VERSION AS OF 1";
    assert_eq!(cents(&ask(&mut client, before).await.unwrap()), 1751);
}

#[tokio::test]
async fn errors_say_whose_fault_and_what_to_do() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let unknown = refusal(&mut client, "SELECT * FROM dim_stor").await;
    assert_eq!(unknown.code(), Code::NotFound, "{unknown}");
    assert!(unknown.message().contains("dim_store"), "{unknown}");
    let column = refusal(&mut client, "SELECT store_nam FROM dim_store").await;
    assert!(matches!(column.code(), Code::InvalidArgument | Code::NotFound), "{column}");
    assert!(column.message().contains("store_name"), "{column}");
    assert_eq!(refusal(&mut client, "SELEC 1").await.code(), Code::InvalidArgument);
    let writing = refusal(&mut client, "DELETE FROM fact_sales").await;
    assert_eq!(writing.code(), Code::PermissionDenied, "{writing}");
    let update = client.execute_update("DELETE FROM fact_sales".to_owned(), None).await;
    assert_eq!(status(update.unwrap_err()).code(), Code::PermissionDenied);
    let running = refusal(&mut client, "SELECT 1 / (quantity - quantity) FROM fact_sales").await;
    assert_eq!(running.code(), Code::InvalidArgument, "{running}");
    assert_eq!(cents(&ask(&mut client, TOTAL).await.unwrap()), 1751, "the connection lives on");
}

#[tokio::test]
async fn thousands_of_texts_are_put_together() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let links: Vec<String> = (0..1_900).map(|n| format!("'{n},'")).collect();
    let answer = ask(&mut client, &format!("SELECT {} AS c", links.join(" || "))).await.unwrap();
    let expected: String = (0..1_900).map(|n| format!("{n},")).collect();
    assert_eq!(answer.column(0).as_string::<i32>().value(0), expected);
    let columns = vec!["receipt_no || line_no"; 600].join(" || '-' || ");
    let sql = format!("SELECT {columns} AS c FROM fact_sales ORDER BY receipt_no, line_no LIMIT 1");
    let answer = ask(&mut client, &sql).await.unwrap();
    let text = answer.column(0).as_string::<i32>().value(0).to_owned();
    assert_eq!(text, vec!["R11"; 600].join("-"));
}

#[tokio::test]
async fn a_ticket_is_good_once() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let info = client.execute(TOTAL.to_owned(), None).await.unwrap();
    assert_eq!(cents(&fetch(&mut client, info.clone()).await.unwrap()), 1751);
    let refused = status(fetch(&mut client, info).await.unwrap_err());
    assert_eq!(refused.code(), Code::NotFound);
    assert!(refused.message().contains("ask again"), "{refused}");
}

#[tokio::test]
async fn schemas_and_polls_are_answered() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let command = CommandStatementQuery { query: TOTAL.to_owned(), transaction_id: None };
    let descriptor = || FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let schema = client.inner_mut().get_schema(descriptor()).await.unwrap().into_inner();
    let polled = client.inner_mut().poll_flight_info(descriptor()).await.unwrap().into_inner();
    assert!(polled.flight_descriptor.is_none(), "complete, no need to poll again");
    let answer = fetch(&mut client, polled.info.unwrap()).await.unwrap();
    assert_eq!(Schema::try_from(schema).unwrap(), *answer.schema());
    assert_eq!(cents(&answer), 1751);
}

/// Four rows crossed with themselves nine times: more than anyone would wait for.
const ENDLESS: &str = "SELECT COUNT(*), MAX(a.remark || b.remark || c.remark) FROM \
    fact_sales a, fact_sales b, fact_sales c, fact_sales d, fact_sales e, fact_sales f, \
    fact_sales g, fact_sales h, fact_sales i, fact_sales j, fact_sales k, fact_sales l, \
    fact_sales m, fact_sales n, fact_sales o, fact_sales p, fact_sales q";

async fn cancel(client: &mut Client, info: &FlightInfo) -> Result<CancelStatus, FlightError> {
    let body = CancelFlightInfoRequest::new(info.clone()).encode_to_vec();
    let mut results = client.do_action(Action::new("CancelFlightInfo", body)).await?;
    let result = results.message().await?.unwrap();
    Ok(CancelFlightInfoResult::decode(result.body).unwrap().status())
}

#[tokio::test]
async fn waiting_and_running_queries_can_be_cancelled() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let waiting = client.execute(TOTAL.to_owned(), None).await.unwrap();
    assert_eq!(cancel(&mut client, &waiting).await.unwrap(), CancelStatus::Cancelled);
    let gone = status(fetch(&mut client, waiting).await.unwrap_err());
    assert_eq!(gone.code(), Code::NotFound);

    let running = client.execute(ENDLESS.to_owned(), None).await.unwrap();
    let ticket = running.endpoint[0].ticket.clone().unwrap();
    let mut rows = client.inner_mut().do_get(ticket).await.unwrap().into_inner();
    rows.next().await.unwrap().unwrap();
    assert_eq!(cancel(&mut client, &running).await.unwrap(), CancelStatus::Cancelling);
    let ended = rows.next().await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Cancelled);
    assert_eq!(status(cancel(&mut client, &running).await.unwrap_err()).code(), Code::NotFound);
}

#[tokio::test]
async fn a_long_answer_streams_in_messages_that_fit() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let sql = "SELECT a.*, b.remark AS other FROM fact_sales a, fact_sales b, fact_sales c, \
               fact_sales d, fact_sales e, fact_sales f, fact_sales g, fact_sales h, fact_sales i";
    let info = client.execute(sql.to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    // The client of tonic refuses messages of more than 4 MiB unless told otherwise.
    let mut batches = client.do_get(ticket).await.unwrap();
    let (mut rows, mut messages) = (0, 0);
    while let Some(batch) = batches.try_next().await.unwrap() {
        rows += batch.num_rows();
        messages += 1;
    }
    assert_eq!(rows, 4_usize.pow(9));
    assert!(messages > 10, "{messages} messages");
}

#[tokio::test]
async fn many_clients_at_once_get_their_own_answers() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let clients = (0..16).map(|number| {
        let connecting = connect(&server);
        async move {
            let mut client = connecting.await;
            for round in 0..8 {
                let wanted = number * 100 + round;
                let sql = format!("SELECT CAST({wanted} AS BIGINT) FROM fact_sales LIMIT 1");
                let answer = ask(&mut client, &sql).await.unwrap();
                assert_eq!(answer.column(0).as_primitive::<Int64Type>().value(0), wanted);
            }
        }
    });
    futures::future::join_all(clients).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_server_after_its_queries() {
    let project = TinyProject::new().await;
    let mut server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    assert_eq!(cents(&ask(&mut client, TOTAL).await.unwrap()), 1751);
    let signalled =
        std::process::Command::new("kill").args(["-INT", &server.id().to_string()]).status();
    assert!(signalled.unwrap().success());
    // Not on this thread: the client's connection lives on it, and must see the goodbye.
    let ended = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert!(ended.success(), "stopping on request is no failure");
    assert!(ask(&mut client, TOTAL).await.is_err());
}
