//! Substrait plans over Flight SQL against the real server. Plans are made by DataFusion's producer, in a
//! session that knows no more than the schemas that clients are told.

use crate::clients::{Client, ask, connect, fetch, status};
use crate::clients_drivers::{clients_folder, run};
use crate::clients_sandbox::set;
use crate::hostile::wire::{mutate, told};
use crate::hostile::{many, seed};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow_flight::error::FlightError;
use arrow_flight::sql::{
    ActionCreatePreparedStatementResult, ActionCreatePreparedSubstraitPlanRequest, Any,
    CommandGetTables, CommandPreparedStatementQuery, CommandStatementSubstraitPlan,
    ProstMessageExt, SubstraitPlan,
};
use arrow_flight::{Action, FlightDescriptor, IpcMessage};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::SessionContext;
use datafusion_substrait::logical_plan::producer::to_substrait_plan;
use datafusion_substrait::substrait::proto::expression::{Literal, RexType, literal::LiteralType};
use datafusion_substrait::substrait::proto::read_rel::local_files::FileOrFiles;
use datafusion_substrait::substrait::proto::read_rel::local_files::file_or_files::PathType;
use datafusion_substrait::substrait::proto::read_rel::{LocalFiles, NamedTable, ReadType};
use datafusion_substrait::substrait::proto::rel::RelType;
use datafusion_substrait::substrait::proto::rel_common::{Emit, EmitKind};
use datafusion_substrait::substrait::proto::{
    Expression, FilterRel, NamedStruct, Plan, PlanRel, ReadRel, Rel, RelCommon, RelRoot, SetRel,
    WriteRel, plan_rel,
};
use futures::{TryStreamExt, stream};
use prost::Message;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use tonic::{Code, Status};

/// A session of a program that knows what the server tells of its tables.
#[allow(clippy::disallowed_methods, reason = "a client's own session, not Starhouse's")]
async fn producer(client: &mut Client) -> SessionContext {
    let context = SessionContext::new();
    let catalog = context.catalog("datafusion").unwrap();
    let command = CommandGetTables { include_schema: true, ..CommandGetTables::default() };
    let info = client.get_tables(command).await.unwrap();
    let listed = fetch(client, info).await.unwrap();
    let text = |column: &str, row| {
        listed.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned()
    };
    for row in 0..listed.num_rows() {
        let (schema_name, table) = (text("db_schema_name", row), text("table_name", row));
        let told = listed.column_by_name("table_schema").unwrap().as_binary::<i32>().value(row);
        let schema = Schema::try_from(IpcMessage(told.to_vec().into())).unwrap();
        let schema = Arc::new(schema);
        let known = catalog.schema(&schema_name);
        let known = known.unwrap_or_else(|| {
            let new: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(&schema_name, Arc::clone(&new)).unwrap();
            new
        });
        known.register_table(table, Arc::new(EmptyTable::new(schema))).unwrap();
    }
    context.register_udaf(starhouse::query::measure_function().as_ref().clone());
    context
}

/// The plan of SQL, as DataFusion first has it or optimised.
async fn plan(context: &SessionContext, sql: &str, optimised: bool) -> Vec<u8> {
    let frame = context.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let (state, plan) = frame.into_parts();
    let plan = if optimised { state.optimize(&plan).unwrap() } else { plan };
    to_substrait_plan(&plan, &state).unwrap().encode_to_vec()
}

fn sent(plan: Vec<u8>) -> Option<SubstraitPlan> {
    Some(SubstraitPlan { plan: plan.into(), version: String::new() })
}

async fn answer(client: &mut Client, plan: Vec<u8>) -> Result<RecordBatch, FlightError> {
    let command = CommandStatementSubstraitPlan { plan: sent(plan), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let info = client.inner_mut().get_flight_info(descriptor).await?.into_inner();
    fetch(client, info).await
}

async fn refusal(client: &mut Client, plan: Vec<u8>) -> Status {
    status(answer(client, plan).await.unwrap_err())
}

/// Rows as text, in their order.
fn shown(batch: &RecordBatch) -> Vec<String> {
    let text = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(batch)).unwrap();
    // Without the names, which a plan may leave out.
    let text = text.to_string();
    let rows = text.lines().skip(3).filter(|line| line.starts_with('|'));
    rows.map(|line| line.replace(' ', "")).collect()
}

const QUESTIONS: [&str; 16] = [
    "SELECT receipt_no, line_no, net_amount FROM warehouse.fact_sales ORDER BY 1, 2",
    "SELECT * FROM warehouse.fact_sales ORDER BY receipt_no, line_no",
    "SELECT sum(net_amount), count(*), avg(weight_kg), min(sold_at) FROM warehouse.fact_sales",
    "SELECT store_name, sum(quantity) AS q FROM warehouse.fact_sales f \
         JOIN warehouse.dim_store s ON f.store_key = s.store_key WHERE line_no = 1 \
         GROUP BY store_name HAVING sum(quantity) > 1 ORDER BY q DESC, store_name LIMIT 2",
    "SELECT store_name FROM warehouse.dim_store s LEFT JOIN warehouse.fact_sales f \
         ON f.store_key = s.store_key AND f.quantity > 1 WHERE f.receipt_no IS NULL ORDER BY 1",
    "SELECT store_name FROM warehouse.dim_store WHERE store_key IN \
         (SELECT store_key FROM warehouse.fact_sales WHERE gift) ORDER BY 1",
    "SELECT upper(remark) || '!', CASE WHEN quantity > 1 THEN 'many' ELSE 'one' END, \
         CAST(net_amount AS DOUBLE) FROM warehouse.fact_sales WHERE remark LIKE '%i%' ORDER BY 1",
    "SELECT city FROM warehouse.dim_store UNION ALL SELECT remark FROM warehouse.fact_sales \
         WHERE remark IS NOT NULL ORDER BY 1",
    "SELECT receipt_no, row_number() OVER (ORDER BY net_amount) AS n FROM warehouse.fact_sales \
         ORDER BY n",
    "SELECT store_key, gift, sum(quantity) FROM warehouse.fact_sales \
         GROUP BY GROUPING SETS ((store_key), (gift), ()) ORDER BY 1, 2, 3",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, x) WHERE n > 1",
    "SELECT 1 + 1",
    "SELECT count(*) FROM system.releases",
    "SELECT city, measure(revenue) FROM cubes.sales GROUP BY city ORDER BY 1",
    "SELECT measure(revenue) FROM cubes.sales WHERE city <> 'Paris'",
    "SELECT city, revenue FROM cubes.sales ORDER BY 1, 2",
];

#[tokio::test]
async fn plans_give_what_sql_gives() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let context = producer(&mut client).await;
    for sql in QUESTIONS {
        let expected = shown(&ask(&mut client, sql).await.unwrap());
        for optimised in [false, true] {
            let plan = plan(&context, sql, optimised).await;
            let answer = answer(&mut client, plan).await;
            let answer = answer.unwrap_or_else(|error| panic!("{optimised} {sql}: {error}"));
            assert_eq!(shown(&answer), expected, "{optimised} {sql}");
        }
    }
}

#[tokio::test]
async fn a_plan_is_prepared_bound_and_follows_its_session() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let context = producer(&mut client).await;
    let sql = "SELECT count(*) AS n FROM warehouse.fact_sales WHERE quantity > $1";
    let frame = context.sql(sql).await.unwrap();
    let (state, plan) = frame.into_parts();
    let bytes = to_substrait_plan(&plan, &state).unwrap().encode_to_vec();
    let request = ActionCreatePreparedSubstraitPlanRequest {
        plan: sent(bytes.clone()),
        transaction_id: None,
    };
    let action = Action::new("CreatePreparedSubstraitPlan", request.as_any().encode_to_vec());
    let results = client.inner_mut().do_action(action).await.unwrap().into_inner();
    let body = results.try_collect::<Vec<_>>().await.unwrap()[0].body.clone();
    let prepared: ActionCreatePreparedStatementResult =
        Any::decode(body).unwrap().unpack().unwrap().unwrap();
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementQuery { prepared_statement_handle: handle };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());

    let unbound = refusal(&mut client, bytes).await;
    assert!(unbound.message().contains("parameters but no values"), "{unbound}");
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let values = RecordBatch::try_from_iter([("1", values)]).unwrap();
    let messages = arrow_flight::encode::FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor.clone()))
        .build(stream::iter([Ok(values)]));
    let messages: Vec<_> = messages.try_collect().await.unwrap();
    let put = client.inner_mut().do_put(stream::iter(messages)).await.unwrap().into_inner();
    put.try_collect::<Vec<_>>().await.unwrap();
    // Of the latest release, and of the one the session asks for.
    for (release, expected) in [("latest", 2), ("latest", 3), ("1", 2)] {
        set(&mut client, &[("release", release)]).await;
        let info = client.inner_mut().get_flight_info(descriptor.clone()).await.unwrap();
        let counted = fetch(&mut client, info.into_inner()).await.unwrap();
        assert_eq!(counted.column(0).as_primitive::<Int64Type>().values(), &[expected]);
        if expected == 2 && release == "latest" {
            project.publish_day_two().await;
        }
    }
}

fn relation(relation: RelType) -> Rel {
    Rel { rel_type: Some(relation) }
}

fn whole(input: Rel) -> Vec<u8> {
    let root = RelRoot { input: Some(input), names: vec![] };
    let relations = vec![PlanRel { rel_type: Some(plan_rel::RelType::Root(root)) }];
    Plan { relations, ..Plan::default() }.encode_to_vec()
}

fn read(read_type: ReadType, common: Option<RelCommon>) -> Rel {
    let base_schema = Some(NamedStruct { names: vec![], r#struct: Some(Default::default()) });
    let read = ReadRel { base_schema, read_type: Some(read_type), common, ..ReadRel::default() };
    relation(RelType::Read(Box::new(read)))
}

fn table(names: &[&str]) -> ReadType {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    ReadType::NamedTable(NamedTable { names, advanced_extension: None })
}

fn showing(columns: Vec<i32>) -> Option<RelCommon> {
    let emit_kind = Some(EmitKind::Emit(Emit { output_mapping: columns }));
    Some(RelCommon { emit_kind, ..RelCommon::default() })
}

fn truth() -> Option<Box<Expression>> {
    let literal = Literal { literal_type: Some(LiteralType::Boolean(true)), ..Literal::default() };
    Some(Box::new(Expression { rex_type: Some(RexType::Literal(literal)) }))
}

/// Filters of filters, written without making them: a field of a relation, and the same of the filter.
fn filters(levels: usize) -> Vec<u8> {
    // From the end, so that what is around is put behind.
    let mut reversed: Vec<u8> = Vec::new();
    for field in std::iter::repeat_n(2, levels).chain([1, 3]) {
        let mut length = Vec::new();
        prost::encoding::encode_varint(reversed.len() as u64, &mut length);
        reversed.extend(length.iter().rev());
        reversed.push(field << 3 | 2);
    }
    reversed.reverse();
    reversed
}

#[tokio::test]
async fn plans_reach_nothing_that_sql_does_not() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let file = FileOrFiles {
        path_type: Some(PathType::UriFile("file:///etc/passwd".to_owned())),
        ..FileOrFiles::default()
    };
    let files = LocalFiles { items: vec![file], advanced_extension: None };
    let write = WriteRel {
        input: Some(Box::new(read(table(&["fact_sales"]), None))),
        ..WriteRel::default()
    };
    for (plan, code, words) in [
        (whole(read(ReadType::LocalFiles(files), None)), Code::PermissionDenied, "reads no files"),
        (
            whole(relation(RelType::Write(Box::new(write)))),
            Code::PermissionDenied,
            "changes nothing",
        ),
        (whole(read(table(&["fact_sale"]), None)), Code::NotFound, "did you mean `fact_sales`"),
        (whole(read(table(&["staging", "x"]), None)), Code::NotFound, "no schema `staging`"),
        (whole(read(table(&[]), None)), Code::InvalidArgument, "a table's name"),
        (whole(Rel::default()), Code::InvalidArgument, "has no type"),
        (b"no plan at all".to_vec(), Code::InvalidArgument, "not a Substrait plan"),
        (Plan::default().encode_to_vec(), Code::Unimplemented, "relation"),
    ] {
        let refused = refusal(&mut client, plan).await;
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(words), "{refused}");
    }
    let context = producer(&mut client).await;
    // What is not as the program thought it was.
    let other = Arc::new(Schema::new(vec![Field::new("quantity", DataType::Utf8, true)]));
    let schema = context.catalog("datafusion").unwrap().schema("public").unwrap();
    schema.register_table("fact_sales".to_owned(), Arc::new(EmptyTable::new(other))).unwrap();
    let refused =
        refusal(&mut client, plan(&context, "SELECT * FROM fact_sales", false).await).await;
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("`quantity` is Int32, not Utf8"), "{refused}");
    // A transaction is none.
    let command = CommandStatementSubstraitPlan {
        plan: sent(plan(&context, "SELECT 1", false).await),
        transaction_id: Some("t".into()),
    };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let refused = client.inner_mut().get_flight_info(descriptor).await.unwrap_err();
    assert!(refused.message().contains("there are no transactions"), "{refused}");
}

#[tokio::test]
async fn hostile_plans_are_refused_and_the_server_lives() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let one = || read(table(&["fact_sales"]), None);
    let filter = |input: Rel| {
        let filter =
            FilterRel { input: Some(Box::new(input)), condition: truth(), ..FilterRel::default() };
        relation(RelType::Filter(Box::new(filter)))
    };
    let deep = (0..60).fold(one(), |input, _| filter(input));
    let union = SetRel { inputs: vec![one(); 1_001], op: 5, ..SetRel::default() };
    let meet = SetRel { inputs: vec![one(); 101], op: 2, ..SetRel::default() };
    let again = read(table(&["fact_sales"]), showing(vec![0; 2_000]));
    let wrong = read(table(&["fact_sales"]), showing(vec![7]));
    for (plan, code) in [
        (whole(deep), Code::InvalidArgument),
        (filters(100_000), Code::InvalidArgument),
        (whole(relation(RelType::Set(union))), Code::ResourceExhausted),
        (whole(relation(RelType::Set(meet))), Code::ResourceExhausted),
        (whole(again), Code::ResourceExhausted),
        // It points to a column that is not there.
        (whole(wrong), Code::InvalidArgument),
        (vec![0; 2 << 20], Code::ResourceExhausted),
        // A root without a relation, where the library panics.
        (
            Plan {
                relations: vec![PlanRel {
                    rel_type: Some(plan_rel::RelType::Root(RelRoot::default())),
                }],
                ..Plan::default()
            }
            .encode_to_vec(),
            Code::InvalidArgument,
        ),
    ] {
        let refused = refusal(&mut client, plan).await;
        assert_eq!(refused.code(), code, "{refused}");
    }
    let alive = ask(&mut client, "SELECT count(*) FROM fact_sales").await.unwrap();
    assert_eq!(alive.num_rows(), 1);
}

#[tokio::test]
async fn plans_that_were_mangled_are_their_senders_fault() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let context = producer(&mut client).await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed());
    let mut plans = Vec::new();
    for sql in QUESTIONS {
        plans.push(plan(&context, sql, true).await);
    }
    for round in 0..many(300, 20_000) {
        let mangled = mutate(&mut chance, &plans[round % plans.len()]);
        let command =
            CommandStatementSubstraitPlan { plan: sent(mangled.to_vec()), transaction_id: None };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        told("plan", client.inner_mut().get_flight_info(descriptor).await);
    }
}

#[tokio::test]
#[ignore = "needs Python with adbc-driver-flightsql and pyarrow (see .ci/install/programs.sh)"]
async fn python_adbc_sends_plans() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let context = producer(&mut client).await;
    let mut files = Vec::new();
    for (name, sql) in [
        (
            "question",
            "SELECT receipt_no, net_amount FROM warehouse.fact_sales ORDER BY receipt_no, line_no",
        ),
        ("prepared", "SELECT count(*) AS n FROM warehouse.fact_sales WHERE quantity > $1"),
    ] {
        let file = project.path().join(name);
        std::fs::write(&file, plan(&context, sql, false).await).unwrap();
        files.push(file);
    }
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = run(
        std::process::Command::new(python)
            .arg(clients_folder().join("plans.py"))
            .arg(format!("grpc://{}", server.address))
            .args(files),
        "source .ci/install/programs.sh, which sets STARHOUSE_PYTHON to a Python with the packages \
         of tests/requirements.txt",
    );
    assert!(output.trim_end().ends_with("substrait: ok"), "{output}");
}
