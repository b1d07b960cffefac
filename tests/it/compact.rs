//! Files put in order: by a load that clusters or spills, and by compaction afterwards.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, moment, sales_job};
use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use starhouse::clock::FixedClock;
use starhouse::error::Result;
use starhouse::etl::compact::{self, Request, Summary};
use starhouse::etl::progress::Quiet;
use starhouse::store::{DataFile, Release};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

const SORTED: &str = "sort_by: [date_key, customer_key]";

fn project(mode: &str) -> Project {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", mode, "")]);
    let mut customers = CUSTOMER_HEAD.to_owned();
    for customer in 0..20 {
        writeln!(customers, "crm,{customer},Name {customer},Town {},2024-01-01", customer % 3)
            .unwrap();
    }
    project.write("customers.csv", &customers);
    project
}

/// Receipts with these numbers, over three months.
fn sales(numbers: std::ops::Range<u32>) -> String {
    let mut text = SALES_HEAD.to_owned();
    for number in numbers {
        // Far from any order.
        let scattered = number.wrapping_mul(2_654_435_761);
        let (month, day) = (scattered % 3 + 1, scattered / 3 % 28 + 1);
        let customer = scattered / 84 % 21;
        writeln!(
            text,
            "R{number},1,2024-{month:02}-{day:02},crm,{customer},{},{number}.50,",
            number % 9
        )
        .unwrap();
    }
    text
}

async fn compacted(project: &Project, only: &[&str], all: bool) -> Result<Summary> {
    let engine = project.engine(moment("2024-06-01")).await;
    let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    let clock = Arc::new(FixedClock(moment("2024-06-01")));
    let (engine, only, progress) = (&engine, only.as_slice(), Arc::new(Quiet));
    compact::run(&Request { engine, only, all, clock, progress }).await
}

/// Files of the sales by month.
async fn files(project: &Project) -> BTreeMap<Option<i32>, usize> {
    let mut files = BTreeMap::new();
    for file in &project.latest().await.tables["fact_sales"].files {
        *files.entry(file.partition).or_default() += 1;
    }
    files
}

fn checksums(release: &Release) -> Vec<String> {
    release.tables["fact_sales"].files.iter().map(|file| file.sha256.clone()).collect()
}

async fn rows(project: &Project) -> Vec<String> {
    project.sql("SELECT * FROM fact_sales ORDER BY receipt_no").await
}

/// The values of two key columns in each stored file, in the order in which they lie there.
async fn stored(project: &Project) -> Vec<Vec<(i32, i32)>> {
    let release = project.latest().await;
    let table = &release.tables["fact_sales"];
    let folder = project.dir.path().join("warehouse").join(&table.location);
    let keys = |batch: RecordBatch| {
        let column = |name| {
            batch.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec()
        };
        column("date_key").into_iter().zip(column("customer_key")).collect::<Vec<_>>()
    };
    let rows = |file: &DataFile| {
        let file = std::fs::File::open(folder.join(&file.path)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        reader.flat_map(|batch| keys(batch.unwrap())).collect()
    };
    table.files.iter().map(rows).collect()
}

/// Every file's rows come as `sort_by` says.
async fn check_order(project: &Project) {
    assert_eq!(project.latest().await.tables["fact_sales"].sort_by, ["date_key", "customer_key"]);
    assert!(stored(project).await.iter().all(|file| file.is_sorted()));
}

#[tokio::test(flavor = "multi_thread")]
async fn months_in_several_files_are_put_together() {
    let project = project("append");
    project.write("sales_1.csv", &sales(0..300));
    project.run("2024-06-01").await.unwrap();
    project.write("sales_2.csv", &sales(300..400));
    project.run("2024-06-02").await.unwrap();
    let (before, summed) =
        (rows(&project).await, project.sql("SELECT MEASURE(revenue) FROM cubes.sales").await);
    assert_eq!(files(&project).await.into_values().collect::<Vec<_>>(), [2, 2, 2]);

    let summary = compacted(&project, &[], false).await.unwrap();
    assert_eq!(summary.tables[0].files, (6, Some(3)));
    assert_eq!(summary.tables[0].rows, 400);
    assert!(summary.release.is_some());
    assert_eq!(files(&project).await.into_values().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(rows(&project).await, before);
    assert_eq!(project.sql("SELECT MEASURE(revenue) FROM cubes.sales").await, summed);
    check_order(&project).await;

    // The files are those of a load that brought everything at once.
    let at_once = self::project("append");
    at_once.write("sales_1.csv", &sales(0..400));
    at_once.run("2024-06-01").await.unwrap();
    assert_eq!(
        checksums(project.latest().await.as_ref()),
        checksums(at_once.latest().await.as_ref())
    );

    // Nothing is left to do: not for compaction, nor for the jobs and aggregates.
    let again = compacted(&project, &[], false).await.unwrap();
    assert_eq!((again.release, again.tables.len()), (None, 0));
    let run = project.run("2024-06-03").await.unwrap();
    assert_eq!(run.release, None, "{run:?}");
    assert_eq!(project.sql("SELECT status FROM system.runs WHERE run IN (SELECT run FROM system.steps WHERE step = 'compact')").await, ["published"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_order_reaches_all_files() {
    let mut project = project("upsert");
    project.edit_schemas(SORTED, "sort_by: [customer_key]");
    project.write("sales_1.csv", &sales(0..300));
    project.run("2024-06-01").await.unwrap();
    let before = rows(&project).await;
    project.edit_schemas("sort_by: [customer_key]", SORTED);
    let summary = compacted(&project, &["fact_sales"], false).await.unwrap();
    assert_eq!(summary.tables[0].why, "sorted otherwise than the model says");
    assert_eq!(summary.tables[0].partitions, 3);
    assert_eq!(rows(&project).await, before);
    check_order(&project).await;
}

/// What compaction would do, by table: why, and in how many partitions.
async fn planned(project: &Project) -> Vec<(String, usize)> {
    let engine = project.engine(moment("2024-06-01")).await;
    let release = project.latest().await;
    let planned = compact::plan(engine.model(), &release, &[], false).unwrap();
    planned.into_iter().map(|table| (table.why, table.partitions)).collect()
}

/// A curve, or another, reaches all files that do not lie along it, and those alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_curve_reaches_all_files() {
    const DRIFTED: &str = "not along the curve that the model says";
    let drifted = [(DRIFTED.to_owned(), 3)];
    let mut project = project("append");
    project.write("sales_1.csv", &sales(0..300));
    project.run("2024-06-01").await.unwrap();
    let before = rows(&project).await;

    let orders = [
        "cluster_by: [customer_key, date_key]",
        "cluster_by: [date_key, customer_key]",
        "cluster_by: [date_key, customer_key, quantity]",
    ];
    let mut last = SORTED;
    for order in orders {
        project.edit_schemas(last, order);
        last = order;
        assert_eq!(planned(&project).await, drifted, "{order}");
        let files = checksums(project.latest().await.as_ref());
        assert_eq!(compacted(&project, &[], false).await.unwrap().tables[0].why, DRIFTED);
        assert_eq!(rows(&project).await, before);
        assert_ne!(checksums(project.latest().await.as_ref()), files, "{order}");
        assert_eq!(planned(&project).await, [], "{order}");
        assert_eq!(compacted(&project, &[], false).await.unwrap().release, None);
    }

    // A file that a load adds lies along the new curve, and hides none of the old.
    project.edit_schemas(last, orders[0]);
    project.write("sales_2.csv", &sales(300..301));
    project.run("2024-06-02").await.unwrap();
    assert_eq!(planned(&project).await, drifted);
    compacted(&project, &[], false).await.unwrap();
    assert_eq!(planned(&project).await, []);

    // Back to an order.
    project.edit_schemas(orders[0], SORTED);
    assert_eq!(planned(&project).await, [("sorted otherwise than the model says".to_owned(), 3)]);
    compacted(&project, &[], false).await.unwrap();
    check_order(&project).await;
    assert_eq!(planned(&project).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_none_is_named() {
    let project = project("append");
    project.write("sales_1.csv", &sales(0..3));
    project.run("2024-06-01").await.unwrap();
    let error = compacted(&project, &["fact_sale"], false).await.unwrap_err().to_string();
    assert!(error.contains("did you mean `fact_sales`?"), "{error}");
}

/// Rows in memory and rows that memory does not hold become the same files, sorted or on a curve.
/// Twelve MiB hold two of the three months at once.
#[tokio::test(flavor = "multi_thread")]
async fn memory_makes_no_difference_to_files() {
    for order in [SORTED, "cluster_by: [customer_key, date_key, quantity]"] {
        let mut found = Vec::new();
        for memory in [256 << 20, 12 << 20] {
            let mut project = project("replace");
            if order != SORTED {
                project.edit_schemas(SORTED, order);
            }
            project.memory_limit_bytes = memory;
            project.write("sales_1.csv", &sales(0..160_000));
            project.run("2024-06-01").await.unwrap();
            // Asking for all rows in an order takes more memory than loading them.
            project.memory_limit_bytes = 256 << 20;
            assert_eq!(rows(&project).await.len(), 160_000);
            found.push(checksums(project.latest().await.as_ref()));
        }
        assert_eq!(found[0], found[1], "{order}");
    }
}

/// On a curve, rows of one customer and rows of one day both lie in few places.
#[tokio::test(flavor = "multi_thread")]
async fn a_curve_clusters_every_axis() {
    let mut found = Vec::new();
    for order in [SORTED, "cluster_by: [customer_key, date_key]"] {
        let mut project = project("replace");
        if order != SORTED {
            project.edit_schemas(SORTED, order);
        }
        project.write("sales_1.csv", &sales(0..20_000));
        project.run("2024-06-01").await.unwrap();
        let files = stored(&project).await;
        // How far apart the values of a page's worth of rows are, on average.
        let spread = |of: fn(&(i32, i32)) -> i32| {
            let pages = || files.iter().flat_map(|file| file.chunks(64));
            let width = |page: &[(i32, i32)]| {
                let values = || page.iter().map(of);
                values().max().unwrap() - values().min().unwrap()
            };
            pages().map(width).sum::<i32>() / i32::try_from(pages().count()).unwrap()
        };
        found.push((spread(|key| key.0), spread(|key| key.1)));
    }
    let [(days, customers), (curve_days, curve_customers)] = found[..] else { panic!() };
    let found = format!("{days} {customers} {curve_days} {curve_customers}");
    assert!(days <= 1 && customers >= 7, "{found}");
    assert!(curve_days <= 4 && curve_customers <= 4, "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever came in whatever loads: compacting changes files, never rows.
    #[test]
    fn compaction_keeps_every_row(
        loads in prop::collection::vec((0u32..400, 1u32..80), 1..4),
        all in any::<bool>(),
        upsert in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let project = project("upsert");
            for (index, (from, count)) in loads.iter().enumerate() {
                let numbers = if upsert { *from..from + count } else { index as u32 * 1000..index as u32 * 1000 + count };
                project.write(&format!("sales_{index}.csv"), &sales(numbers));
                project.run("2024-06-01").await.unwrap();
            }
            let before = rows(&project).await;
            compacted(&project, &[], all).await.unwrap();
            assert_eq!(rows(&project).await, before);
            assert!(files(&project).await.into_values().all(|files| files == 1));
            check_order(&project).await;
        });
    }
}

/// More months than parts: each part is read file after file in order, and a limit leaves it so.
#[tokio::test(flavor = "multi_thread")]
async fn files_in_order_are_merged_and_a_limit_leaves_them_in_order() {
    let project = project("append");
    let mut text = SALES_HEAD.to_owned();
    for number in 0..6000_u32 {
        let (month, day) = (number % 12 + 1, number / 12 % 28 + 1);
        writeln!(text, "R{number},1,2024-{month:02}-{day:02},crm,1,{},1.50,", number % 7).unwrap();
    }
    project.write("sales_1.csv", &text);
    project.run("2024-06-01").await.unwrap();
    for (order, limit) in [("date_key", 3), ("date_key", 4000), ("date_key, customer_key", 5000)] {
        // What is added to a key makes an order of which nothing is known.
        let sorted = format!("{order} + 0");
        let ask = |by: &str| {
            format!("SELECT {order} FROM fact_sales WHERE quantity > 1 ORDER BY {by} LIMIT {limit}")
        };
        let plan = async |by: &str| project.sql(&format!("EXPLAIN {}", ask(by))).await.join("\n");
        let (merges, sorts) = (plan(order).await, plan(&sorted).await);
        assert!(merges.contains("SortPreservingMergeExec"), "{merges}");
        assert!(!merges.contains("SortExec:") && sorts.contains("SortExec:"), "{merges}\n{sorts}");
        let expected = project.sql(&ask(&sorted)).await;
        // What one part takes from another is a matter of time.
        for _ in 0..10 {
            assert_eq!(project.sql(&ask(order)).await, expected, "{order} {limit}");
        }
    }
}
