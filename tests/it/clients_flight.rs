//! Plain Flight, cube queries as descriptors, and how queries are let in.

use crate::clients::{ask, connect, fetch, status};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
#[cfg(not(feature = "substrait"))]
use arrow_flight::sql::{
    ActionCreatePreparedSubstraitPlanRequest, CommandStatementSubstraitPlan, ProstMessageExt,
    SubstraitPlan,
};
use arrow_flight::{
    Action, Criteria, FlightDescriptor, FlightEndpoint, RenewFlightEndpointRequest,
};
use futures::TryStreamExt;
use prost::Message;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn tables_and_cubes_are_flights() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let criteria = Criteria { expression: "fact_".into() };
    let flights = client.inner_mut().list_flights(criteria).await.unwrap().into_inner();
    let flights: Vec<_> = flights.try_collect().await.unwrap();
    let paths: Vec<_> = flights.iter().map(|f| f.flight_descriptor.clone().unwrap().path).collect();
    assert_eq!(paths, [["warehouse", "fact_sales"]]);

    let info = client.inner_mut().get_flight_info(flights[0].flight_descriptor.clone().unwrap());
    let info = info.await.unwrap().into_inner();
    assert_eq!(info.schema, flights[0].schema, "what was listed is what comes");
    assert_eq!(fetch(&mut client, info).await.unwrap().num_rows(), 4);
    // Of a cube as well: which of its measures are never NULL.
    let criteria = Criteria { expression: "cubes.".into() };
    let cubes = client.inner_mut().list_flights(criteria).await.unwrap().into_inner();
    for listed in cubes.try_collect::<Vec<_>>().await.unwrap() {
        let path = listed.flight_descriptor.clone().unwrap();
        let info = client.inner_mut().get_flight_info(path).await.unwrap().into_inner();
        assert_eq!(info.schema, listed.schema);
    }
    let cube = FlightDescriptor::new_path(vec!["cubes".to_owned(), "sales".to_owned()]);
    let info = client.inner_mut().get_flight_info(cube).await.unwrap().into_inner();
    assert_eq!(fetch(&mut client, info).await.unwrap().num_rows(), 4);
    let nothing = FlightDescriptor::new_path(vec!["warehouse".to_owned(), "fact_sale".to_owned()]);
    let refused = client.inner_mut().get_flight_info(nothing).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(refused.message().contains("fact_sales"), "{refused}");
}

/// What is understood of Substrait is in `substrait.rs`.
#[cfg(not(feature = "substrait"))]
#[tokio::test]
async fn substrait_is_refused_where_it_was_not_built_in() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let plan = Some(SubstraitPlan { plan: "plan".into(), version: String::new() });
    let command = CommandStatementSubstraitPlan { plan: plan.clone(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let refused = client.inner_mut().get_flight_info(descriptor).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("--features substrait"), "{refused}");
    let request = ActionCreatePreparedSubstraitPlanRequest { plan, transaction_id: None };
    let action = Action::new("CreatePreparedSubstraitPlan", request.as_any().encode_to_vec());
    let refused = client.inner_mut().do_action(action).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
}

#[tokio::test]
async fn a_cube_query_needs_no_sql() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let query = r#"{"cube": "sales", "rows": ["store.city"], "measures": ["revenue"]}"#;
    let descriptor = FlightDescriptor::new_cmd(query);
    let info = client.inner_mut().get_flight_info(descriptor).await.unwrap().into_inner();
    let answer = fetch(&mut client, info).await.unwrap();
    let sql = "SELECT city, MEASURE(revenue) FROM cubes.sales GROUP BY city ORDER BY city";
    let same = ask(&mut client, sql).await.unwrap();
    assert_eq!(answer.num_rows(), same.num_rows());
    assert_eq!(answer.columns().last(), same.columns().last());
    // It says from what it comes.
    let said = answer.schema().metadata().clone();
    assert_eq!(said["starhouse.release"], "1");
    assert_eq!(said["starhouse.aggregates"], "[]");
    assert!(said["starhouse.parts"].contains("base rows"), "{said:?}");
    let wrong = FlightDescriptor::new_cmd(r#"{"cube": "sales", "measures": ["revenu"]}"#);
    let refused = client.inner_mut().get_flight_info(wrong).await.unwrap_err();
    assert!(refused.message().contains("did you mean `revenue`?"), "{refused}");
}

/// More than any machine counts in the time of a test.
const ENDLESS: &str = "SELECT count(*) FROM fact_sales a, fact_sales b, fact_sales c, fact_sales d, \
    fact_sales e, fact_sales f, fact_sales g, fact_sales h, fact_sales i, fact_sales j, fact_sales k, \
    fact_sales l, fact_sales m, fact_sales n, fact_sales o, fact_sales p, fact_sales q \
    WHERE a.net_amount > b.net_amount + c.net_amount + q.net_amount";

#[tokio::test]
async fn queries_wait_for_their_turn_and_questions_about_tables_do_not() {
    let project = TinyProject::new().await;
    let limits = [("STARHOUSE_MAX_QUERIES", "1"), ("STARHOUSE_MAX_WAITING_QUERIES", "1")];
    let server = ServeProcess::start_with(project.path(), &[], &limits);
    let (mut one, mut two, mut three) =
        (connect(&server).await, connect(&server).await, connect(&server).await);
    // Planned first: what is fetched is let in at once.
    let info = one.execute(ENDLESS.to_owned(), None).await.unwrap();
    let endless = tokio::spawn(async move { fetch(&mut one, info).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let counted = "SELECT count(*) FROM fact_sales".to_owned();
    let info = two.execute(counted, None).await.unwrap();
    let waiting = tokio::spawn(async move { fetch(&mut two, info).await });
    tokio::time::sleep(Duration::from_millis(500)).await;

    let refused = status(ask(&mut three, "SELECT 1").await.unwrap_err());
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("max_waiting_queries"), "{refused}");
    let info = three.get_table_types().await.unwrap();
    assert_eq!(fetch(&mut three, info).await.unwrap().num_rows(), 4);
    // Who blocks, and what would be done, can be asked all the same.
    for sql in [
        "SET query_tag = 'who'",
        "SHOW ALL",
        "SHOW TABLES",
        "DESCRIBE fact_sales",
        "EXPLAIN SELECT count(*) FROM fact_sales",
        "SELECT * FROM information_schema.columns",
        "SELECT text, elapsed_ms FROM system.running",
        "SELECT q.text, r.run FROM system.queries q JOIN system.releases r ON q.release = r.release",
    ] {
        ask(&mut three, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let sql = "SELECT count(*) FROM system.running WHERE text LIKE '%fact_sales q%'";
    let blocks = ask(&mut three, &format!("{sql} AND text NOT LIKE '%system%'")).await.unwrap();
    assert_eq!(blocks.column(0).as_primitive::<Int64Type>().value(0), 1);
    for sql in ["EXPLAIN ANALYZE SELECT 1", "SELECT * FROM system.queries, generate_series(1, 9)"] {
        let refused = status(ask(&mut three, sql).await.unwrap_err());
        assert_eq!(refused.code(), Code::ResourceExhausted, "{sql}: {refused}");
    }
    assert!(!waiting.is_finished());

    // Who goes makes room.
    endless.abort();
    let _ = endless.await;
    let rows = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    let rows = rows.unwrap().unwrap();
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().value(0), 4);
}

#[tokio::test]
async fn an_answer_that_was_not_fetched_can_be_kept() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let info = client.execute("SELECT 1 AS one".to_owned(), None).await.unwrap();
    let endpoint = info.endpoint[0].clone();
    let body = RenewFlightEndpointRequest { endpoint: Some(endpoint.clone()) }.encode_to_vec();
    let renew =
        |body: Vec<u8>| Action { r#type: "RenewFlightEndpoint".to_owned(), body: body.into() };
    let renewed = client.inner_mut().do_action(renew(body.clone())).await.unwrap().into_inner();
    let renewed: Vec<_> = renewed.try_collect().await.unwrap();
    assert_eq!(FlightEndpoint::decode(renewed[0].body.clone()).unwrap(), endpoint);
    assert_eq!(fetch(&mut client, info).await.unwrap().num_rows(), 1);
    let gone = client.inner_mut().do_action(renew(body)).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}
