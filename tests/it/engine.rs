//! The engine over a tiny warehouse; expected numbers are worked out by hand (see the fixture).

use super::engine_fixture::{Fixture, answer, ask, refusal, rows, text};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use starhouse::error::ErrorKind;
use starhouse::ids::ReleaseId;
use starhouse::policy::Principal;
use starhouse::query::CubeQuery;

#[tokio::test(flavor = "multi_thread")]
async fn sql_over_stored_tables() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let totals = "SELECT count(*), sum(quantity), sum(net_amount), count(discount) FROM fact_sales";
    assert_eq!(ask(&session, totals).await.unwrap(), "90|990|1237.50|60");
    let by_region = "SELECT region, sum(quantity) AS pieces FROM fact_sales \
                     JOIN dim_store USING (store_key) GROUP BY ALL ORDER BY region";
    assert_eq!(ask(&session, by_region).await.unwrap(), "North|660\nSouth|330");
    let by_month = "SELECT partition_month, sum(quantity) FROM warehouse.fact_sales \
                    WHERE partition_month >= 202502 GROUP BY 1 ORDER BY 1";
    assert_eq!(ask(&session, by_month).await.unwrap(), "202502|330\n202503|330");
    let one_day = "SELECT receipt_no, quantity FROM fact_sales WHERE date_key = 20250207 \
                   AND store_key IN (2, 3) ORDER BY store_key";
    assert_eq!(ask(&session, one_day).await.unwrap(), "R2-7-2|14\nR2-7-3|21");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_plain_types_and_keep_their_schema() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let query = session
        .plan_sql(
            "SELECT store_name, arrow_cast(region, 'Dictionary(Int8, Utf8)') AS region, \
                   arrow_cast(1.5, 'Decimal32(3, 1)') AS small, valid_from FROM dim_store \
                   WHERE store_key = 1",
        )
        .await
        .unwrap();
    let types: Vec<DataType> =
        query.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types[..2], [DataType::Utf8, DataType::Utf8]);
    assert_eq!(types[2], DataType::Decimal128(3, 1));
    assert_eq!(text(&answer(&query).await.unwrap()), "Alpha|North|1.5|1900-01-01T00:00:00Z");
    // no rows, no columns: the schema is kept all the same
    let none = session.plan_sql("SELECT store_id FROM dim_store WHERE false").await.unwrap();
    assert_eq!(answer(&none).await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_question_runs_more_than_once() {
    let fixture = Fixture::new().await;
    let query =
        fixture.session().await.plan_sql("SELECT sum(quantity) FROM fact_sales").await.unwrap();
    for _ in 0..3 {
        assert_eq!(text(&answer(&query).await.unwrap()), "990");
    }
}

/// Operators are kept from run to run; those that remember what they found are not, or begin anew.
#[tokio::test(flavor = "multi_thread")]
async fn each_run_of_a_question_begins_anew() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for sql in [
        "SELECT receipt_no, quantity FROM fact_sales ORDER BY quantity DESC, receipt_no LIMIT 3",
        "SELECT s.store_name, sum(f.quantity) FROM fact_sales f JOIN dim_store s ON s.store_key = f.store_key \
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2",
        "SELECT max(receipt_no), min(receipt_no), count(DISTINCT quantity) FROM fact_sales",
        "SELECT count(*), sum(quantity) FROM fact_sales WHERE partition_month >= 202502 AND quantity > 14",
        "SELECT s.region, sum(f.quantity) FROM fact_sales f JOIN dim_store s ON s.store_key = f.store_key \
         WHERE f.date_key > 20250201 AND f.quantity * s.store_key > 20 GROUP BY 1 ORDER BY 1",
        "SELECT receipt_no, sum(quantity) OVER (ORDER BY receipt_no) FROM fact_sales ORDER BY 1",
        "SELECT count(*) FROM fact_sales WHERE quantity > (SELECT avg(quantity) FROM fact_sales)",
        "SELECT count(*) FROM fact_sales a JOIN fact_sales b ON a.receipt_no = b.receipt_no WHERE b.quantity > 3",
        "SELECT count(*) FROM fact_sales a, fact_sales b WHERE a.quantity < b.quantity",
        "SELECT count(*) FROM fact_sales WHERE receipt_no IN (SELECT max(receipt_no) FROM fact_sales)",
        "SELECT quantity FROM fact_sales UNION SELECT store_key FROM fact_sales ORDER BY 1 LIMIT 4",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) \
         SELECT sum(i * quantity) FROM n CROSS JOIN fact_sales",
    ] {
        let query = session.plan_sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let first = text(&answer(&query).await.unwrap());
        for _ in 0..2 {
            let (one, other) = futures::join!(answer(&query), answer(&query));
            assert_eq!(text(&one.unwrap()), first, "{sql}");
            assert_eq!(text(&other.unwrap()), first, "{sql}");
        }
    }
}

/// A server keeps long questions apart from short ones. Tests ask as if each read very much.
#[tokio::test(flavor = "multi_thread")]
async fn that_a_question_is_short_shows_when_it_ran() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let sql = "SELECT sum(quantity) FROM fact_sales WHERE quantity > $1";
    let prepared = session.plan_sql(sql).await.unwrap();
    let with = |value: i64| prepared.bind(vec![ScalarValue::Int64(Some(value))]).unwrap();
    assert!(with(3).is_long(), "nobody knows yet");
    // Others may have the processors while it runs, but not always.
    for _ in 0..100 {
        answer(&with(3)).await.unwrap();
        if !with(3).is_long() {
            break;
        }
    }
    assert!(!with(3).is_long());
    assert!(!with(4).is_long(), "the same question of another value");
    let plain = session.plan_sql("SELECT max(quantity) FROM fact_sales").await.unwrap();
    assert!(plain.is_long());
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_question_is_long_shows_when_it_ran() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let many = "SELECT count(*) FROM fact_sales a, fact_sales b, fact_sales c, dim_store d, dim_store e \
                WHERE a.quantity * b.quantity + c.quantity * d.store_key * e.store_key > 7";
    let query = session.plan_sql(many).await.unwrap();
    answer(&query).await.unwrap();
    assert!(query.is_long());
    // Its answer is kept, and nobody works it out again.
    let release = fixture.warehouse.latest().await.unwrap();
    let session = fixture.remembering().session(Principal::local(), release);
    let query = session.plan_sql(many).await.unwrap();
    answer(&query).await.unwrap();
    assert!(!query.is_long());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_questions_are_answered_and_they_reach_no_file() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let out = fixture.folder.path().join("out.csv");
    let copy = format!("COPY fact_sales TO '{}'", out.display());
    for sql in [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM 'http://127.0.0.1/x.parquet'",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'file:///etc/'",
        copy.as_str(),
        "COPY (SELECT 1) TO '/tmp/starhouse-should-not-exist.csv' STORED AS CSV",
        "EXPLAIN COPY (SELECT 1) TO '/tmp/starhouse-should-not-exist.csv' STORED AS CSV",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        "DROP TABLE fact_sales",
        "INSERT INTO fact_sales SELECT * FROM fact_sales",
        "DELETE FROM fact_sales",
        "UPDATE fact_sales SET quantity = 0",
        "TRUNCATE TABLE fact_sales",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "SET datafusion.catalog.location = '/etc'",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "COMMIT",
    ] {
        let error = refusal(&session, sql).await;
        let refused =
            [ErrorKind::Denied, ErrorKind::NotFound, ErrorKind::User, ErrorKind::Unsupported];
        assert!(refused.contains(&error.kind()), "{sql}: {error:?}");
        assert!(!error.to_string().contains("root:"), "{sql}: {error}");
    }
    let create = "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'";
    for sql in ["DELETE FROM fact_sales", "DROP TABLE fact_sales", "SET a.b = 1", create, &copy] {
        assert_eq!(refusal(&session, sql).await.kind(), ErrorKind::Denied, "{sql}");
    }
    assert!(!out.exists());
    assert!(!std::path::Path::new("/tmp/starhouse-should-not-exist.csv").exists());
    assert_eq!(ask(&session, "SELECT count(*) FROM fact_sales").await.unwrap(), "90");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_releases() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let count = |version: &str| format!("SELECT count(*) FROM fact_sales {version}");
    assert_eq!(ask(&session, &count("")).await.unwrap(), "90");
    assert_eq!(ask(&session, &count("VERSION AS OF 1")).await.unwrap(), "60");
    assert_eq!(ask(&session, &count("VERSION AS OF 2 AS s")).await.unwrap(), "90");
    let published = fixture.warehouse.release(ReleaseId(1)).await.unwrap().created_at;
    let moment = published.format("%Y-%m-%d %H:%M:%S%.6f");
    let as_of = count(&format!("TIMESTAMP AS OF '{moment}'"));
    assert_eq!(ask(&session, &as_of).await.unwrap(), "60");
    let both = "SELECT new.n - old.n FROM (SELECT sum(quantity) n FROM fact_sales) new, \
                (SELECT sum(fact_sales.quantity) n FROM fact_sales VERSION AS OF 1) old";
    assert_eq!(ask(&session, both).await.unwrap(), "330");
    let error = refusal(&session, &count("VERSION AS OF 7")).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = refusal(&session, &count("TABLESAMPLE (10 PERCENT)")).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("TABLESAMPLE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_keeps_its_release() {
    let fixture = Fixture::new().await;
    let first = fixture.warehouse.release(ReleaseId(1)).await.unwrap();
    let session = fixture.engine.session(Principal::local(), first);
    assert_eq!(ask(&session, "SELECT count(*) FROM fact_sales").await.unwrap(), "60");
    let newer = "SELECT count(*) FROM fact_sales VERSION AS OF 2";
    assert_eq!(ask(&session, newer).await.unwrap(), "90");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_named_typed_and_bound() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let sql = "SELECT sum(quantity) FROM fact_sales WHERE store_key = ? AND receipt_no LIKE ?";
    let query = session.plan_sql(sql).await.unwrap();
    let parameters = query.parameters().unwrap();
    let named: Vec<(&str, &DataType)> =
        parameters.fields().iter().map(|f| (f.name().as_str(), f.data_type())).collect();
    assert_eq!(named, [("$1", &DataType::Int64), ("$2", &DataType::Utf8)]);
    let unbound = query.execute().await.err().unwrap();
    assert_eq!(unbound.kind(), ErrorKind::User);
    for (store, expected) in [(1_i64, "55"), (3, "165")] {
        let values = vec![ScalarValue::from(store), ScalarValue::from("R2-%")];
        let bound = query.bind(values).unwrap();
        assert_eq!(text(&answer(&bound).await.unwrap()), expected);
    }
    let some = "SELECT receipt_no FROM fact_sales ORDER BY 1 LIMIT ? OFFSET ?";
    let some = session.plan_sql(some).await.unwrap();
    let types = some.parameters().unwrap();
    assert!(types.fields().iter().all(|field| *field.data_type() == DataType::Int64), "{types:?}");
    let bound = some.bind(vec![ScalarValue::from(2_i64), ScalarValue::from(1_i64)]).unwrap();
    assert_eq!(answer(&bound).await.unwrap().len(), 1);
    let short = query.bind(vec![ScalarValue::from(1)]).err().unwrap();
    assert_eq!(short.kind(), ErrorKind::User);
    let unknown = session.plan_sql("SELECT $1 AS x").await.unwrap();
    let bound = unknown.bind(vec![ScalarValue::from("text")]).unwrap();
    assert_eq!(text(&answer(&bound).await.unwrap()), "text");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistyped_names_get_a_suggestion() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for (sql, kind, hint) in [
        ("SELECT * FROM fact_sale", ErrorKind::NotFound, "`fact_sales`"),
        ("SELECT * FROM sales", ErrorKind::NotFound, "`cubes.sales`"),
        ("SELECT * FROM system.release", ErrorKind::NotFound, "`releases`"),
        ("SELECT * FROM warehous.fact_sales", ErrorKind::NotFound, "warehouse"),
        ("SELECT quantty FROM fact_sales", ErrorKind::User, "`quantity`"),
        ("SELECT \"Quantity\" FROM fact_sales", ErrorKind::User, "quantity"),
        ("SELECT summ(quantity) FROM fact_sales", ErrorKind::User, "sum"),
    ] {
        let error = refusal(&session, sql).await;
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        assert!(error.to_string().contains(hint), "{sql}: {error}");
    }
}

/// A join to a dimension of which nothing is used goes, where every fact is known to have a member.
#[tokio::test(flavor = "multi_thread")]
async fn members_of_which_nothing_is_used_are_not_looked_up() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let by_key = "JOIN dim_store s ON s.store_key = f.store_key";
    let of_south =
        "JOIN (SELECT store_key FROM dim_store WHERE region = 'South') s USING (store_key)";
    let earlier = "JOIN dim_store VERSION AS OF 1 AS s ON s.store_key = f.store_key";
    for (from, is_read, rows) in [
        (by_key, false, 90),
        (
            "JOIN dim_store USING (store_key) JOIN dim_store s ON s.store_key = f.store_key",
            false,
            90,
        ),
        ("WHERE store_key IN (SELECT store_key FROM dim_store)", false, 90),
        ("LEFT JOIN dim_store s ON s.store_key = f.store_key", false, 90),
        ("JOIN dim_store s ON s.store_key = f.store_key AND s.region = 'South'", true, 30),
        (of_south, true, 30),
        ("JOIN dim_store s ON s.store_key = f.store_key + 1", true, 60),
        ("JOIN dim_store s ON s.store_key = f.quantity", true, 15),
        ("RIGHT JOIN dim_store s ON s.store_key = f.store_key", true, 92),
        (earlier, true, 90),
    ] {
        let sql =
            format!("SELECT count(*), count(DISTINCT receipt_no) > 1 FROM fact_sales f {from}");
        assert_eq!(ask(&session, &sql).await.unwrap(), format!("{rows}|true"), "{from}");
        let plan = ask(&session, &format!("EXPLAIN {sql}")).await.unwrap();
        let (_, physical) = plan.split_once("physical_plan").unwrap();
        let tables = ["tables/dim_store", "table=dim_store"];
        assert_eq!(tables.iter().any(|table| physical.contains(table)), is_read, "{from}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_use_statistics_order_and_dynamic_filters() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let plan = async |sql: &str| ask(&session, &format!("EXPLAIN {sql}")).await.unwrap();

    let counted = plan("SELECT count(*), min(date_key), max(date_key) FROM fact_sales").await;
    for reads in ["DataSourceExec", "StarJoinExec", "StarAggregateExec"] {
        assert!(!counted.contains(reads), "answered by statistics: {counted}");
    }
    let ordered = plan(
        "SELECT date_key, store_key, quantity FROM fact_sales \
                        ORDER BY date_key, store_key",
    )
    .await;
    assert!(!ordered.contains("SortExec"), "files are sorted: {ordered}");
    let joined = plan(
        "SELECT quantity FROM fact_sales JOIN dim_store USING (store_key) \
                       WHERE region = 'South'",
    )
    .await;
    assert!(joined.contains("DynamicFilter"), "{joined}");
    assert!(joined.contains("mode=CollectLeft"), "{joined}");

    let read = plan("ANALYZE SELECT quantity FROM fact_sales WHERE date_key < 20250201").await;
    assert!(read.contains("files_ranges_pruned_statistics=3 total → 1 matched"), "{read}");
    if crate::support::star_scan() {
        let sum = "ANALYZE SELECT sum(quantity) FROM fact_sales WHERE date_key < 20250201";
        let read = plan(sum).await;
        assert!(read.contains("StarAggregateExec") && read.contains("files_skipped=2"), "{read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_begins_with_what_starhouse_decided() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    for explain in ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN VERBOSE", "EXPLAIN FORMAT TREE"] {
        let sql = format!("{explain} SELECT region, MEASURE(revenue) FROM cubes.sales GROUP BY 1");
        let query = session.plan_sql(&sql).await.unwrap();
        let answered = rows(&answer(&query).await.unwrap());
        assert_eq!(answered[0][0], "starhouse", "{sql}");
        assert!(answered[0][1].starts_with("release 2"), "{sql}: {}", answered[0][1]);
        let reads = |line: &str| line.starts_with("reads warehouse.fact_sales: 90 rows in 3 files");
        assert!(answered[0][1].lines().any(reads), "{sql}: {}", answered[0][1]);
        let tables = answered[0][1].lines().filter(|line| line.starts_with("reads ")).count();
        let said = answered[0][1].lines().count() - tables;
        assert_eq!(said, 1 + query.routing().len(), "{sql}");
        assert!(answered.len() > 1, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_answer_in_sql_and_in_cube_queries() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let sql = "SELECT region, MEASURE(revenue), AGGREGATE(pieces) FROM cubes.sales \
               WHERE region <> 'West' GROUP BY region ORDER BY region";
    assert_eq!(ask(&session, sql).await.unwrap(), "North|825.00|660\nSouth|412.50|330");
    let old = "SELECT MEASURE(lines) FROM cubes.sales VERSION AS OF 1";
    assert_eq!(ask(&session, old).await.unwrap(), "60");
    let bound = session
        .plan_sql("SELECT MEASURE(pieces) FROM cubes.sales WHERE region = ?")
        .await
        .unwrap()
        .bind(vec![ScalarValue::from("South")])
        .unwrap();
    assert_eq!(text(&answer(&bound).await.unwrap()), "330");

    let question = CubeQuery {
        cube: "sales".into(),
        rows: vec!["region".into()],
        measures: vec!["pieces".into()],
        ..CubeQuery::default()
    };
    let query = session.plan_cube_query(&question).await.unwrap();
    assert_eq!(text(&answer(&query).await.unwrap()), "North|660\nSouth|330");
    let across = CubeQuery { rows: Vec::new(), columns: vec!["region".into()], ..question };
    let query = session.plan_cube_query(&across).await.unwrap();
    assert_eq!(text(&answer(&query).await.unwrap()), "660|330");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measure_without_a_cube_is_refused() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let error = refusal(&session, "SELECT MEASURE(quantity) FROM fact_sales").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.to_string().contains("cube"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_schema_is_listed() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let listed = ask(
        &session,
        "SELECT table_schema, table_name FROM information_schema.tables \
                                WHERE table_schema <> 'information_schema' ORDER BY 1, 2",
    )
    .await;
    let listed = listed.unwrap();
    for table in ["cubes|sales", "warehouse|dim_store", "warehouse|fact_sales", "system|catalog"] {
        assert!(listed.lines().any(|line| line == table), "{table} in {listed}");
    }
    let names: Vec<String> = session
        .tables()
        .unwrap()
        .iter()
        .map(|table| format!("{}|{}", table.schema_name, table.name))
        .collect();
    assert_eq!(names.join("\n"), listed);
    assert!(ask(&session, "SHOW TABLES").await.unwrap().contains("fact_sales"));
    assert!(ask(&session, "DESCRIBE fact_sales").await.unwrap().contains("quantity"));
    for table in
        ["aggregates", "catalog", "measures", "queries", "rejects", "running", "runs", "steps"]
    {
        ask(&session, &format!("SELECT * FROM system.{table}")).await.unwrap();
    }
    let releases = ask(
        &session,
        "SELECT release, summary, rows FROM system.releases \
                                  WHERE release > 0 ORDER BY 1",
    )
    .await;
    assert_eq!(releases.unwrap(), "1|January and February|65\n2|March|95");
    let tables = ask(&session, "SELECT table_name, kind, rows FROM system.tables ORDER BY 1").await;
    assert_eq!(tables.unwrap(), "dim_store|dimension|5\nfact_sales|fact|90");
}

/// The last day of a fact is asked for by every comparison with the year before.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_key_is_told_by_statistics() {
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let sales = |last: &str| {
        format!("SELECT count(*), sum(quantity) FROM fact_sales WHERE date_key = ({last})")
    };
    let sorted = |more: &str, order: &str| {
        sales(&format!("SELECT date_key FROM fact_sales {more} ORDER BY date_key {order} LIMIT 1"))
    };
    for (function, order) in [("max", "DESC"), ("min", "ASC")] {
        for (more, is_told) in [("", true), ("WHERE store_key = 2", false)] {
            let sql = sales(&format!("SELECT {function}(date_key) FROM fact_sales {more}"));
            let expected = ask(&session, &sorted(more, order)).await.unwrap();
            assert_eq!(ask(&session, &sql).await.unwrap(), expected, "{sql}");
            let plan = ask(&session, &format!("EXPLAIN {sql}")).await.unwrap();
            let (_, planned) = plan.split_once("logical_plan").unwrap();
            assert_eq!(planned.contains("subquery"), !is_told, "{plan}");
            assert_eq!(plan.contains(", 2 times"), !is_told, "{plan}");
        }
    }
}
