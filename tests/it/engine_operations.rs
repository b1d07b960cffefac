//! The engine when things go wrong, and what it tells afterwards: damage, loads, the log, memory.

use super::engine_fixture::{Fixture, answer, ask, refusal, text};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightDescriptor;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, stream};
use prost::Message;
use starhouse::error::ErrorKind;
use starhouse::ids::{ReleaseId, RunId};
use starhouse::model::{Column, ColumnType, arrow_schema};
use starhouse::policy::{Policy, Principal};
use starhouse::query::CubeQuery;
use starhouse::server::{Server, ServerOptions};
use starhouse::store::Warehouse;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_with_its_table() {
    let fixture = Fixture::new().await;
    let path = fixture.file_of("fact_sales").await;
    let mut bytes = std::fs::read(&path).unwrap();
    // the pages lie between the leading magic and the footer
    let (from, to) = (8, bytes.len() / 4);
    bytes[from..to].iter_mut().for_each(|byte| *byte = !*byte);
    std::fs::write(&path, &bytes).unwrap();
    let error = refusal(&fixture.session().await, "SELECT * FROM fact_sales").await;
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        error.to_string().contains("fact_sales") && error.to_string().contains(&name),
        "{error}"
    );

    std::fs::write(&path, b"PAR1 not at all PAR1").unwrap();
    let error = refusal(&fixture.session().await, "SELECT * FROM fact_sales").await;
    assert_eq!((error.kind(), error.context("table")), (ErrorKind::Damaged, Some("fact_sales")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named_with_its_table() {
    let fixture = Fixture::new().await;
    let path = fixture.file_of("dim_store").await;
    std::fs::remove_file(&path).unwrap();
    let error = refusal(&fixture.session().await, "SELECT store_name FROM dim_store").await;
    assert_eq!((error.kind(), error.context("table")), (ErrorKind::Damaged, Some("dim_store")));
    assert!(error.message().contains("missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_sees_its_staged_tables_first() {
    let fixture = Fixture::new().await;
    let base = fixture.warehouse.latest().await.unwrap();
    let load = fixture.warehouse.begin(RunId("run-3".into()), base);
    let columns =
        vec![Column::new("id", ColumnType::Int64, false), Column::new("t", ColumnType::Text, true)];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2])),
        Arc::new(StringArray::from(vec![Some("S1"), None])),
    ];
    let batch = RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap();
    let staged =
        load.write_staged("tills", columns, stream::iter([Ok(batch)]).boxed()).await.unwrap();
    let tables = vec![("tills".to_owned(), staged)];
    let session = fixture.engine.load_session(Principal::pipeline(), load.preview(), tables, None);
    let joined = "SELECT id, store_name FROM tills LEFT JOIN warehouse.dim_store \
                  ON store_id = t ORDER BY id";
    assert_eq!(ask(&session, joined).await.unwrap(), "1|Alpha\n2|NULL");
    let error = refusal(&session, "SELECT * FROM dim_store").await;
    assert!(error.to_string().contains("`warehouse.dim_store`"), "{error}");
    load.abandon().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_logged_with_their_end() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    ask(&session, "SELECT receipt_no FROM fact_sales").await.unwrap();
    refusal(&session, "SELECT nothing FROM fact_sales").await;
    let dropped = session.plan_sql("SELECT * FROM fact_sales").await.unwrap();
    drop(dropped.execute().await.unwrap());
    let mut logged = fixture.warehouse.queries().await.unwrap();
    for _ in 0..100 {
        if logged.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        logged = fixture.warehouse.queries().await.unwrap();
    }
    let [answered, refused, cancelled] = logged.as_slice() else { panic!("{logged:?}") };
    assert_eq!((answered.rows, answered.release), (90, ReleaseId(2)));
    assert_eq!((answered.error.as_deref(), answered.principal.as_str()), (None, "local"));
    assert!(refused.error.as_ref().is_some_and(|error| error.contains("nothing")), "{refused:?}");
    assert_eq!(cancelled.error.as_deref(), Some("cancelled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_has_a_limit_and_sorting_spills_below_it() {
    let fixture = Fixture::with_memory(24 << 20).await;
    let session = fixture.session().await;
    // Of the sorted rows every one is used: their places alternate with their parity.
    let sorted = "SELECT count(*), sum(r * (n % 2)) FROM (SELECT value AS n, row_number() OVER \
                  (ORDER BY value % 1000, value) AS r FROM generate_series(1, 1000000))";
    let odd: i64 = (0..1000)
        .filter(|i| i % 2 == 1)
        .map(|i| (1..=1000).map(|j| i * 1000 + j).sum::<i64>())
        .sum();
    assert_eq!(ask(&session, sorted).await.unwrap(), format!("1000000|{odd}"));
    let analysed = ask(&session, &format!("EXPLAIN ANALYZE {sorted}")).await.unwrap();
    let spills = analysed.split("spill_count=").skip(1);
    let spills: u64 =
        spills.map(|rest| rest.split(',').next().unwrap().parse::<u64>().unwrap()).sum();
    assert!(spills > 0, "nothing was spilled:\n{analysed}");
    let join = "SELECT count(*) FROM generate_series(1, 4000000) a(x) \
                JOIN generate_series(1, 4000000) b(y) ON a.x = b.y WHERE a.x + b.y > 0";
    // What a join looks up does not fit, so both sides are sorted.
    assert_eq!(ask(&session, join).await.unwrap(), "4000000");
    // A window over all rows keeps them.
    let window = "SELECT max(s) FROM (SELECT value, sum(value) OVER () AS s \
                  FROM generate_series(1, 4000000))";
    let error = refusal(&session, window).await;
    assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
    assert_eq!(ask(&session, "SELECT count(*) FROM fact_sales").await.unwrap(), "90");
}

#[tokio::test(flavor = "multi_thread")]
async fn now_is_the_injected_clock() {
    let fixture = Fixture::new().await;
    let before = starhouse::clock::Clock::now(fixture.clock.as_ref());
    let shown = ask(&fixture.session().await, "SELECT CAST(now() AS DATE)").await.unwrap();
    assert_eq!(shown, before.format("%Y-%m-%d").to_string());
}

/// A server that nobody asks anything holds up no vacuum.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_follows_the_releases() {
    let fixture = Fixture::new().await;
    let options = ServerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        look_interval: Duration::from_millis(20),
        ..ServerOptions::default()
    };
    // As it was after its last question.
    drop(fixture.session().await);
    let server = Server::bind(fixture.engine.clone(), options).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { drop(stopped.await) }));
    let other = Warehouse::open(&fixture.root(), Arc::clone(&fixture.clock) as _).await.unwrap();
    other.rollback(ReleaseId(1), RunId("back".to_owned())).await.unwrap();
    let mut done = other.vacuum(1).await.unwrap();
    for _ in 0..500 {
        if done.oldest_kept == ReleaseId(3) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        done = other.vacuum(1).await.unwrap();
    }
    assert_eq!(done.oldest_kept, ReleaseId(3), "{done:?}");
    drop(stop);
    serving.await.unwrap().unwrap();
}

/// A question that is polled is given up once nobody asks for it any more, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_polls_any_more_is_given_up() {
    let fixture = Fixture::new().await;
    let options = ServerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        poll_patience: Duration::from_millis(300),
        ..ServerOptions::default()
    };
    let server = Server::bind(fixture.engine.clone(), options).await.unwrap();
    let uri = format!("http://{}", server.address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { drop(stopped.await) }));
    let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();
    let mut client = FlightServiceClient::new(channel);
    let series = "generate_series(1, 1000000)";
    let query = format!("SELECT count(*) FROM {series} a(x) JOIN {series} b(y) ON x > y + 1");
    let command = CommandStatementQuery { query, transaction_id: None };
    let mut next = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    for _ in 0..3 {
        let told = client.poll_flight_info(next).await.unwrap().into_inner();
        next = told.flight_descriptor.expect("it is far from done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let gone = client.poll_flight_info(next).await.unwrap_err();
    assert_eq!(gone.code(), tonic::Code::NotFound, "{gone}");
    drop((stop, client));
    serving.await.unwrap().unwrap();
}

/// A query that multiplies rows without end gives its threads back once nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_query_frees_its_threads() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for sql in [
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
        "SELECT count(*) FROM generate_series(1, 1000000) a(x) JOIN generate_series(1, 1000000) \
         b(y) ON a.x % 2 = b.y % 2",
        "SELECT count(*) FROM generate_series(1, 1000000) a(x) JOIN generate_series(1, 1000000) \
         b(y) ON a.x < b.y",
    ] {
        let endless = session.plan_sql(sql).await.unwrap();
        let running = tokio::spawn(async move { answer(&endless).await.is_ok() });
        tokio::time::sleep(Duration::from_millis(700)).await;
        running.abort();
        let next = tokio::spawn({
            let session = session.clone();
            async move { ask(&session, "SELECT count(*) FROM fact_sales").await.unwrap() }
        });
        let answered = tokio::time::timeout(Duration::from_secs(60), next).await;
        assert_eq!(answered.expect(sql).unwrap(), "90", "{sql}");
    }
}

/// A statement that is kept and run again asks the time again, though nothing else has changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_question_is_asked_at_the_moment_it_runs() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let now = session.plan_sql("SELECT to_unixtime(now())").await.unwrap();
    let seconds = |text: String| text.parse::<i64>().unwrap();
    let first = seconds(text(&answer(&now).await.unwrap()));
    let again = now.asked_again().unwrap();
    assert!(seconds(text(&answer(&again).await.unwrap())) > first);
    let bound = session.plan_sql("SELECT to_unixtime(now()) + $1").await.unwrap();
    let bind = || bound.bind(vec![ScalarValue::from(0_i64)]).unwrap();
    let (one, other) = (bind(), bind());
    let one = seconds(text(&answer(&one).await.unwrap()));
    assert!(seconds(text(&answer(&other).await.unwrap())) > one);
}

/// What a policy denies is denied however it is asked, and not listed either.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_table_is_denied_in_every_way() {
    let fixture = Fixture::new().await;
    let policy = Policy::allow_all().denying("warehouse", "dim_store").denying("cubes", "sales");
    let engine = fixture.guarded_by(policy);
    let release = fixture.warehouse.latest().await.unwrap();
    let session = engine.session(Principal::local(), release);
    for sql in [
        "SELECT store_name FROM dim_store",
        "SELECT 1 FROM fact_sales WHERE store_key IN (SELECT store_key FROM dim_store)",
        "WITH s AS (SELECT * FROM warehouse.dim_store) SELECT count(*) FROM s",
        "SELECT * FROM dim_store VERSION AS OF 1",
        "EXPLAIN SELECT * FROM dim_store",
        "EXPLAIN ANALYZE SELECT * FROM dim_store",
        "DESCRIBE dim_store",
        "SELECT MEASURE(revenue) FROM cubes.sales",
        "SELECT * FROM cubes.sales",
    ] {
        assert_eq!(refusal(&session, sql).await.kind(), ErrorKind::Denied, "{sql}");
    }
    let query = CubeQuery {
        cube: "sales".into(),
        columns: vec!["region".into()],
        measures: vec!["revenue".into()],
        ..CubeQuery::default()
    };
    let error = session.plan_cube_query(&query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let tables = session.tables().unwrap();
    let listed: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert!(listed.contains(&"fact_sales"), "{listed:?}");
    assert!(!listed.contains(&"dim_store") && !listed.contains(&"sales"), "{listed:?}");
    assert_eq!(ask(&session, "SELECT count(*) FROM fact_sales").await.unwrap(), "90");
}

/// Plans are kept for questions asked again; what they answer is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_asked_again_is_answered_as_of_now_and_for_its_release() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for sql in [
        "SELECT to_unixtime(now())",
        "SELECT max(to_unixtime(now())) FROM fact_sales",
        "SELECT count(*), (SELECT max(to_unixtime(current_timestamp())) FROM dim_store) FROM fact_sales",
    ] {
        let (first, second) = (ask(&session, sql).await, ask(&session, sql).await);
        assert_ne!(first.unwrap(), second.unwrap(), "{sql}");
    }
    let chance = "SELECT max(random()) FROM fact_sales";
    assert_ne!(ask(&session, chance).await.unwrap(), ask(&session, chance).await.unwrap());

    let old = fixture.warehouse.release(ReleaseId(1)).await.unwrap();
    let old = fixture.engine.session(Principal::local(), old);
    let sql = "SELECT MEASURE(lines) FROM cubes.sales";
    for _ in 0..3 {
        assert_eq!(ask(&session, sql).await.unwrap(), "90");
        assert_eq!(ask(&old, sql).await.unwrap(), "60");
        assert_eq!(ask(&session, &format!("{sql} VERSION AS OF 1")).await.unwrap(), "60");
        let bound = session.plan_sql("SELECT $1 + 1").await.unwrap();
        let bound = bound.bind(vec![ScalarValue::from(1_i64)]).unwrap();
        assert_eq!(text(&answer(&bound).await.unwrap()), "2");
    }
    // What is denied to one is not planned for another.
    let denied = Policy::allow_all().denying("warehouse", "dim_store");
    let release = fixture.warehouse.latest().await.unwrap();
    let guarded = fixture.guarded_by(denied).session(Principal::local(), release);
    ask(&session, "SELECT count(*) FROM dim_store").await.unwrap();
    let error = refusal(&guarded, "SELECT count(*) FROM dim_store").await;
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_of_texts_are_put_together_in_order_and_within_bounds() {
    let session = Fixture::new().await.session().await;
    // Of columns, numbers and NULLs, whatever is put together first, and in the order that was asked.
    let rows = "(VALUES (1, 'a', 'x'), (2, 'b', NULL), (3, NULL, 'z')) AS t (n, s, u)";
    let links: Vec<&str> = (0..60).map(|n| ["s", "n", "'-'"][n % 3]).collect();
    let sql = format!("SELECT {} FROM {rows} ORDER BY n", links.join(" || "));
    let found = ask(&session, &sql).await.unwrap();
    let found: Vec<&str> = found.split('\n').collect();
    assert_eq!(found[..2], ["a1-".repeat(20), "b2-".repeat(20)]);
    assert!(!found[2].contains('-'), "NULL in any makes all of it NULL");
    for (chain, expected) in [
        ("s || (u || n) || coalesce(u || '!', '?')", "ax1x!"),
        ("(s || u) || (upper(s || n) || u)", "axA1x"),
        ("arrow_cast(s, 'LargeUtf8') || u || n", "ax1"),
        ("arrow_cast(s, 'Utf8View') || u || n || '.'", "ax1."),
        ("encode(X'61' || X'62' || X'63', 'hex')", "616263"),
    ] {
        let sql = format!("SELECT {chain} AS c FROM {rows} WHERE n = 1 AND {chain} IS NOT NULL");
        assert_eq!(ask(&session, &sql).await.unwrap(), expected, "{chain}");
    }
    let much = format!(
        "SELECT length({}) FROM (SELECT repeat('x', 1000000) AS s) AS t",
        vec!["s"; 140].join(" || ")
    );
    let error = refusal(&session, &much).await;
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let bytes = format!(
        "SELECT md5({}) FROM (SELECT CAST(repeat('x', 6000000) AS BYTEA) AS b) AS t",
        vec!["b"; 24].join(" || ")
    );
    assert_eq!(refusal(&session, &bytes).await.kind(), ErrorKind::Limit);
}
