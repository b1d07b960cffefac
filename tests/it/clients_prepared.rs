//! Prepared statements over Flight SQL: what clients are told, and what their values mean.

use crate::clients::{Client, connect, fetch, status};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{
    ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow_flight::error::FlightError;
use std::sync::Arc;
use tonic::Code;

fn one_column(values: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("1", values, true)]).unwrap()
}

async fn bound(
    client: &mut Client,
    sql: &str,
    values: ArrayRef,
) -> Result<RecordBatch, FlightError> {
    let mut prepared = client.prepare(sql.to_owned(), None).await.unwrap();
    prepared.set_parameters(one_column(values)).unwrap();
    let info = prepared.execute().await?;
    fetch(client, info).await
}

#[tokio::test]
async fn parameters_are_described_and_bound() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let sql = "SELECT receipt_no, line_no FROM fact_sales WHERE quantity >= ? AND receipt_no <> ? \
               ORDER BY receipt_no, line_no";
    let mut prepared = client.prepare(sql.to_owned(), None).await.unwrap();
    let parameters = prepared.parameter_schema().unwrap().clone();
    let described: Vec<_> = parameters
        .fields()
        .iter()
        .map(|field| (field.name().as_str(), field.data_type()))
        .collect();
    assert_eq!(described, [("$1", &DataType::Int64), ("$2", &DataType::Utf8)]);
    let answer_schema = prepared.dataset_schema().unwrap().clone();

    let values = RecordBatch::try_from_iter([
        ("1", Arc::new(Int64Array::from(vec![2])) as ArrayRef),
        ("2", Arc::new(StringArray::from(vec!["R2"]))),
    ]);
    prepared.set_parameters(values.unwrap()).unwrap();
    let info = prepared.execute().await.unwrap();
    let answer = fetch(&mut client, info).await.unwrap();

    assert_eq!(*answer.schema(), answer_schema);
    assert_eq!(answer.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["R1"]);
    assert_eq!(answer.column(1).as_primitive::<Int32Type>().values(), &[1]);
    prepared.close().await.unwrap();
}

#[tokio::test]
async fn values_keep_their_meaning_whatever_their_type() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let count = "SELECT COUNT(*) FROM fact_sales WHERE quantity > $1";
    let cases: [(ArrayRef, i64); 5] = [
        (Arc::new(Int32Array::from(vec![1])), 2),
        (Arc::new(Float64Array::from(vec![2.5])), 1),
        (Arc::new(StringArray::from(vec!["02"])), 1),
        (Arc::new(Int64Array::from(vec![5_000_000_000])), 0),
        (Arc::new(Int32Array::from(vec![None])), 0),
    ];
    for (value, expected) in cases {
        let answer = bound(&mut client, count, Arc::clone(&value)).await.unwrap();
        let counted = answer.column(0).as_primitive::<Int64Type>().value(0);
        assert_eq!(counted, expected, "{value:?}");
    }
    let text: ArrayRef = Arc::new(StringArray::from(vec!["two"]));
    let refused = status(bound(&mut client, count, text).await.unwrap_err());
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("parameter $1"), "{refused}");
}

#[tokio::test]
async fn each_row_of_values_is_a_run_and_no_row_is_none() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let sql = "SELECT receipt_no, COUNT(*) AS lines FROM fact_sales WHERE receipt_no = $1 \
               GROUP BY receipt_no";
    let several: ArrayRef = Arc::new(StringArray::from(vec!["R2", "R1", "none", "R1"]));
    let answer = bound(&mut client, sql, several).await.unwrap();
    let receipts: Vec<_> = answer.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(receipts, ["R2", "R1", "R1"]);
    assert_eq!(answer.column(1).as_primitive::<Int64Type>().values(), &[1, 2, 2]);

    let none: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    assert_eq!(bound(&mut client, sql, none).await.unwrap().num_rows(), 0);

    let mut unbound = client.prepare(sql.to_owned(), None).await.unwrap();
    let refused = status(unbound.execute().await.unwrap_err());
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("no value was bound"), "{refused}");
}

#[tokio::test]
async fn an_answer_whose_columns_have_changed_must_be_prepared_again() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let mut all = client.prepare("SELECT * FROM fact_sales".to_owned(), None).await.unwrap();
    let mut some =
        client.prepare("SELECT quantity FROM fact_sales".to_owned(), None).await.unwrap();

    project.publish_another_column().await;

    let refused = status(all.execute().await.unwrap_err());
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("prepare it again"), "{refused}");
    let info = some.execute().await.unwrap();
    assert_eq!(fetch(&mut client, info).await.unwrap().num_rows(), 4);
    let mut again = client.prepare("SELECT * FROM fact_sales".to_owned(), None).await.unwrap();
    let info = again.execute().await.unwrap();
    assert!(fetch(&mut client, info).await.unwrap().column_by_name("till").is_some());
}

#[tokio::test]
async fn a_closed_statement_is_gone_and_parameters_want_preparing() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let prepared = client.prepare("SELECT 1".to_owned(), None).await.unwrap();
    let mut copy = prepared.clone();
    prepared.close().await.unwrap();
    assert_eq!(status(copy.execute().await.unwrap_err()).code(), Code::NotFound);
    let sql = "SELECT receipt_no FROM fact_sales WHERE quantity = ?".to_owned();
    let refused = status(client.execute(sql, None).await.unwrap_err());
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("bind values"), "{refused}");
}
