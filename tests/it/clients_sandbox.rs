//! What clients write and set, over Flight SQL: updates, ingestion, sessions.

use crate::clients::{Client, ask, connect, fetch, status};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{
    Array, ArrayRef, AsArray, Date64Array, Decimal256Array, DurationSecondArray, Float64Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::{Int64Type, i256};
use arrow_flight::Action;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{
    CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use futures::{TryStreamExt, stream};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use tonic::{Code, Request};

async fn count(client: &mut Client, sql: &str) -> i64 {
    ask(client, sql).await.unwrap().column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn updates_count_their_rows_whichever_way_they_are_sent() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let update =
        async |client: &mut Client, sql: &str| client.execute_update(sql.to_owned(), None).await;
    let made = "CREATE TABLE sandbox.t AS SELECT receipt_no, net_amount FROM fact_sales";
    assert_eq!(update(&mut client, made).await.unwrap(), 4);
    assert_eq!(update(&mut client, "DELETE FROM sandbox.t WHERE net_amount < 0").await.unwrap(), 1);
    assert_eq!(count(&mut client, "SELECT count(*) FROM sandbox.t").await, 3);

    // As a question, as Python's `execute` sends it: made once, when it is fetched.
    let insert = "INSERT INTO sandbox.t VALUES ('R9', 1.5)";
    let info = client.execute(insert.to_owned(), None).await.unwrap();
    assert_eq!(count(&mut client, "SELECT count(*) FROM sandbox.t").await, 3);
    let again = info.clone();
    let rows = fetch(&mut client, info).await.unwrap();
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[1]);
    assert_eq!(status(fetch(&mut client, again).await.unwrap_err()).code(), Code::NotFound);
    assert_eq!(count(&mut client, "SELECT count(*) FROM sandbox.t").await, 4);

    // Prepared, with rows of values.
    let insert = "INSERT INTO sandbox.t VALUES (?, ?)".to_owned();
    let mut prepared = client.prepare(insert, None).await.unwrap();
    assert!(prepared.dataset_schema().unwrap().fields().is_empty());
    assert_eq!(prepared.parameter_schema().unwrap().fields().len(), 2);
    let receipts: ArrayRef = Arc::new(StringArray::from(vec!["A", "B", "C"]));
    let amounts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let values = RecordBatch::try_from_iter([("0", receipts), ("1", amounts)]).unwrap();
    prepared.set_parameters(values).unwrap();
    assert_eq!(prepared.execute_update().await.unwrap(), 3);
    prepared.close().await.unwrap();
    assert_eq!(count(&mut client, "SELECT count(*) FROM sandbox.t").await, 7);

    let refused = update(&mut client, "DELETE FROM fact_sales").await.unwrap_err();
    assert_eq!(code(refused), Code::PermissionDenied);
    let question = update(&mut client, "SELECT 1").await.unwrap_err();
    assert_eq!(code(question), Code::InvalidArgument);
}

/// Types that no column has become one that has, if nothing is lost; else a program is told what to do.
#[tokio::test]
async fn rows_of_many_types_become_columns() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let command = |table: &str| CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Create as i32,
            if_exists: TableExistsOption::Replace as i32,
        }),
        table: table.to_owned(),
        ..CommandStatementIngest::default()
    };
    let batch = |name: &str, values: ArrayRef| {
        let batch = RecordBatch::try_from_iter([(name, values)]).unwrap();
        stream::iter([Ok(batch)])
    };
    let whole = Decimal256Array::from(vec![i256::from_i128(250)]);
    let taken: [(ArrayRef, &str); 4] = [
        (Arc::new(Date64Array::from(vec![86_400_000])), "date '1970-01-02'"),
        (Arc::new(whole.with_precision_and_scale(38, 2).unwrap()), "2.50"),
        (Arc::new(LargeStringArray::from(vec!["x"])), "'x'"),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
    ];
    for (values, expected) in taken {
        let ty = values.data_type().clone();
        let rows = client.execute_ingest(command("kept"), batch("a", values)).await;
        assert_eq!(rows.unwrap_or_else(|error| panic!("{ty}: {error}")), 1);
        let sql = format!("SELECT count(*) FROM sandbox.kept WHERE a = {expected}");
        assert_eq!(count(&mut client, &sql).await, 1, "{ty}");
    }
    let empty = batch("b", Arc::new(Int64Array::from(Vec::<i64>::new())));
    assert_eq!(client.execute_ingest(command("empty"), empty).await.unwrap(), 0);
    assert_eq!(count(&mut client, "SELECT count(b) FROM sandbox.empty").await, 0);

    let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let refused: [(&str, ArrayRef, &str); 4] = [
        ("a", Arc::new(Date64Array::from(vec![43_200_000])), "is no day"),
        ("a", Arc::new(DurationSecondArray::from(vec![1])), "send it as another type"),
        ("a", Arc::new(Float64Array::from(vec![f64::NAN])), "is no number"),
        ("Unit price", number, "rename the column before it is sent"),
    ];
    for (name, values, words) in refused {
        let error = client.execute_ingest(command("kept"), batch(name, values)).await.unwrap_err();
        let said = status(error).message().to_owned();
        assert!(said.contains(words), "{said}");
    }
}

/// Every row of values finds what the one before it left, and all of them count or none.
#[tokio::test]
async fn changes_take_rows_of_values_in_turns() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    for (words, table) in [("", "sandbox.turns"), ("TEMPORARY ", "turns")] {
        let made =
            format!("CREATE {words}TABLE {table} AS SELECT * FROM (VALUES (1), (2), (3)) t(a)");
        client.execute_update(made, None).await.unwrap();
        let total = format!("SELECT sum(a) FROM {table}");
        let mut run = async |sql: String, values: &[(i64, i64)]| {
            let mut prepared = client.prepare(sql, None).await?;
            let (new, old) = values.iter().copied().unzip::<i64, i64, Vec<_>, Vec<_>>();
            let two = prepared.parameter_schema()?.fields().len() == 2;
            let mut columns: Vec<(&str, ArrayRef)> = vec![("0", Arc::new(Int64Array::from(new)))];
            columns.extend(two.then(|| ("1", Arc::new(Int64Array::from(old)) as ArrayRef)));
            prepared.set_parameters(RecordBatch::try_from_iter(columns).unwrap())?;
            let rows = prepared.execute_update().await;
            prepared.close().await.unwrap();
            rows
        };
        // 1 becomes 2, and then both of them 5.
        let update = format!("UPDATE {table} SET a = ? WHERE a = ?");
        assert_eq!(run(update.clone(), &[(2, 1), (5, 2), (9, 8)]).await.unwrap(), 3);
        let wrong = format!("UPDATE {table} SET a = a / ? WHERE a = ?");
        assert!(run(wrong, &[(5, 5), (0, 3)]).await.is_err(), "and the first is not done");
        assert!(run(update, &[]).await.is_err(), "no row of values is none");
        let delete = format!("DELETE FROM {table} WHERE a = ?");
        assert_eq!(run(delete.clone(), &[(7, 0), (3, 0)]).await.unwrap(), 1);
        assert_eq!(count(&mut client, &total).await, 10, "{table}");
    }
}

fn code(error: FlightError) -> Code {
    status(error).code()
}

#[tokio::test]
async fn rows_of_a_program_become_a_table() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let command =
        |if_not_exist: TableNotExistOption, if_exists: TableExistsOption| CommandStatementIngest {
            table_definition_options: Some(TableDefinitionOptions {
                if_not_exist: if_not_exist as i32,
                if_exists: if_exists as i32,
            }),
            table: "scores".to_owned(),
            ..CommandStatementIngest::default()
        };
    let create = || command(TableNotExistOption::Create, TableExistsOption::Fail);
    let append = || command(TableNotExistOption::Fail, TableExistsOption::Append);
    let rows = |from: i64| {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 1000));
        let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
        stream::iter([Ok(batch.slice(0, 400)), Ok(batch.slice(400, 600))])
    };
    assert!(client.execute_ingest(append(), rows(0)).await.is_err());
    assert_eq!(client.execute_ingest(create(), rows(0)).await.unwrap(), 1000);
    assert_eq!(client.execute_ingest(append(), rows(1000)).await.unwrap(), 1000);
    assert!(client.execute_ingest(create(), rows(0)).await.is_err());
    let temporary = CommandStatementIngest { temporary: true, ..create() };
    let elsewhere = CommandStatementIngest { schema: Some("sandbox".into()), ..temporary.clone() };
    let refused = client.execute_ingest(elsewhere, rows(0)).await.unwrap_err();
    assert_eq!(code(refused), Code::InvalidArgument);
    // The session's own, beside the table of the same name.
    assert_eq!(client.execute_ingest(temporary, rows(0)).await.unwrap(), 1000);
    assert_eq!(count(&mut client, "SELECT sum(id) FROM scores").await, 499_500);
    assert_eq!(count(&mut client, "SELECT sum(id) FROM sandbox.scores").await, 1_999_000);
}

/// `SessionOptionValue` with a text.
#[derive(Clone, PartialEq, Eq, Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct SetOptions {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, Text>,
}

#[derive(Clone, PartialEq, Message)]
struct Refused {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, Reason>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Reason {
    #[prost(int32, tag = "1")]
    value: i32,
}

/// Sets options; gives those refused, with the reason, and the cookie to keep.
pub(crate) async fn set(
    client: &mut Client,
    options: &[(&str, &str)],
) -> (HashMap<String, i32>, String) {
    let options = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Text { text: (*value).to_owned() }));
    let body = SetOptions { options: options.collect() }.encode_to_vec();
    let action = Action { r#type: "SetSessionOptions".to_owned(), body: body.into() };
    let answer = client.inner_mut().do_action(Request::new(action)).await.unwrap();
    let cookie =
        answer.metadata().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    let results: Vec<_> = answer.into_inner().try_collect().await.unwrap();
    let refused = Refused::decode(results[0].body.clone()).unwrap();
    let errors = refused.errors.into_iter().map(|(name, reason)| (name, reason.value)).collect();
    (errors, cookie.unwrap_or_default())
}

#[tokio::test]
async fn a_session_keeps_what_its_client_sets() {
    let project = TinyProject::new().await;
    project.publish_day_two().await;
    let server = ServeProcess::start(project.path());
    let (mut one, mut other) = (connect(&server).await, connect(&server).await);
    let rows = "SELECT count(*) FROM fact_sales";
    let all = count(&mut one, rows).await;

    let (refused, cookie) = set(
        &mut one,
        &[("release", "1"), ("schema", "cubes"), ("shema", "x"), ("aggregates", "maybe")],
    )
    .await;
    assert_eq!(refused, HashMap::from([("shema".to_owned(), 1), ("aggregates".to_owned(), 2)]));
    assert!(cookie.starts_with("starhouse_session="), "{cookie}");
    let first = count(&mut one, "SELECT count(*) FROM warehouse.fact_sales").await;
    assert!(first < all);
    assert_eq!(ask(&mut one, "SELECT MEASURE(revenue) FROM sales").await.unwrap().num_rows(), 1);
    let change =
        one.execute_update("CREATE TABLE sandbox.t AS SELECT 1 AS a".to_owned(), None).await;
    assert_eq!(code(change.unwrap_err()), Code::InvalidArgument);
    assert_eq!(count(&mut other, rows).await, all, "a session is its client's own");

    // The cookie finds the session from another connection.
    other.set_header("cookie", cookie.split(';').next().unwrap());
    assert_eq!(count(&mut other, "SELECT count(*) FROM warehouse.fact_sales").await, first);

    set(&mut one, &[("release", "latest"), ("schema", "")]).await;
    assert_eq!(count(&mut one, rows).await, all);

    set(&mut one, &[("statement_timeout", "0.2")]).await;
    let endless = "SELECT count(*) FROM fact_sales a, fact_sales b, fact_sales c, fact_sales d, fact_sales e, \
                   fact_sales f, fact_sales g, fact_sales h, fact_sales i, fact_sales j, fact_sales k, \
                   fact_sales l, fact_sales m, fact_sales n, fact_sales o WHERE a.net_amount > b.net_amount + c.net_amount";
    let late = status(ask(&mut one, endless).await.unwrap_err());
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late}");
    assert!(late.message().contains("time limit"), "{late}");
}
