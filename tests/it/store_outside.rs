//! The warehouse as others see it: through its object store, and with Delta readers.

use crate::store_support::*;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use starhouse::store::Change;
use std::process::Command;

#[tokio::test]
async fn the_object_store_puts_once_and_replaces_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.object_store();
    let path = StorePath::from("some/new/folder/file");
    let put = |text: &'static str, mode: PutMode| {
        let (store, path) = (store.clone(), path.clone());
        async move { store.put_opts(&path, PutPayload::from_static(text.as_bytes()), mode.into()).await }
    };
    put("one", PutMode::Create).await.unwrap();
    let error = put("two", PutMode::Create).await.unwrap_err();
    assert!(matches!(error, object_store::Error::AlreadyExists { .. }), "{error}");
    let read = || async { store.get(&path).await.unwrap().bytes().await.unwrap() };
    assert_eq!(read().await, "one");
    put("three", PutMode::Overwrite).await.unwrap();
    assert_eq!(read().await, "three");

    let copy = StorePath::from("some/copy");
    store.copy_if_not_exists(&path, &copy).await.unwrap();
    assert!(store.copy_if_not_exists(&path, &copy).await.is_err());
    put("four", PutMode::Overwrite).await.unwrap();
    assert_eq!(store.get(&copy).await.unwrap().bytes().await.unwrap(), "three");
    let missing = StorePath::from("some/missing");
    let error = store.copy(&missing, &copy).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");

    let parts = StorePath::from("some/parts");
    let mut upload = store.put_multipart(&parts).await.unwrap();
    let one = upload.put_part(PutPayload::from_static(b"first "));
    let two = upload.put_part(PutPayload::from_static(b"second"));
    // In any order.
    two.await.unwrap();
    one.await.unwrap();
    assert!(store.head(&parts).await.is_err());
    upload.complete().await.unwrap();
    assert_eq!(store.get(&parts).await.unwrap().bytes().await.unwrap(), "first second");
    let gone = StorePath::from("some/gone");
    let mut upload = store.put_multipart(&gone).await.unwrap();
    upload.put_part(PutPayload::from_static(b"x")).await.unwrap();
    upload.abort().await.unwrap();
    assert!(store.head(&gone).await.is_err());
}

/// Twelve releases of a partitioned table: appends, and a replacement at the seventh.
async fn build(root: &std::path::Path) -> Vec<(i32, i64, i128)> {
    let warehouse = open(root).await;
    let mut truth = Vec::new();
    for number in 1..=12i64 {
        let rows: Vec<(i32, i64, i128)> = (0..3)
            .map(|index| (202501 + index, number * 10 + i64::from(index), i128::from(number) * 101))
            .collect();
        let mut load =
            warehouse.begin(run(&format!("r{number}")), warehouse.latest().await.unwrap());
        let files =
            load.write(&monthly("fact_m"), stream(vec![monthly_batch(&rows)])).await.unwrap();
        let change = if number == 7 {
            truth.clear();
            Change::Replace(files)
        } else {
            Change::Append(files)
        };
        truth.extend(rows);
        load.stage(monthly("fact_m"), change).unwrap();
        load.publish(format!("release {number}")).await.unwrap();
    }
    truth
}

#[tokio::test]
async fn a_checkpoint_stands_at_every_tenth_version() {
    let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).try_init();
    let dir = tempfile::tempdir().unwrap();
    build(dir.path()).await;
    let log = dir.path().join("tables/fact_m/_delta_log");
    assert!(log.join("00000000000000000010.checkpoint.parquet").exists());
    assert!(log.join("_last_checkpoint").exists());
}

const DELTALAKE: &str = "
import sys
from decimal import Decimal
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table().to_pylist()
print(table.version(), len(rows), sum(r['id'] for r in rows), sum(r['amount'] for r in rows))
print(sorted((m, sum(r['amount'] for r in rows if r['month'] == m)) for m in {r['month'] for r in rows}))
some = table.to_pyarrow_table(filters=[('amount', '>=', Decimal('10.00')), ('month', '=', 202502)])
print(sorted(r['id'] for r in some.to_pylist()))
old = DeltaTable(sys.argv[1], version=5)
print(len(old.to_pyarrow_table()))
";

const DUCKDB: &str = "
import sys, duckdb
c = duckdb.connect()
c.execute('LOAD delta' if len(sys.argv) < 3 else f\"LOAD '{sys.argv[2]}'\")
t = f\"delta_scan('file://{sys.argv[1]}')\"
print(c.sql(f'select count(*), sum(id), sum(amount) from {t}').fetchone())
print(c.sql(f'select month, sum(amount) from {t} group by 1 order by 1').fetchall())
print(c.sql(f'select id from {t} where amount >= 10 and month = 202502 order by 1').fetchall())
";

fn python(script: &str, arguments: &[&str]) -> String {
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    // Threads of the libraries may abort the interpreter's own way out.
    let script = format!("{script}\nimport os\nsys.stdout.flush()\nos._exit(0)\n");
    let output = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn money(cents: i128) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[tokio::test]
#[ignore = "needs Python with deltalake and pyarrow"]
async fn python_deltalake_reads_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let truth = build(dir.path()).await;
    let table = dir.path().join("tables/fact_m");
    let answer = python(DELTALAKE, &[table.to_str().unwrap()]);
    let lines: Vec<&str> = answer.lines().collect();
    let (ids, cents): (i64, i128) =
        (truth.iter().map(|row| row.1).sum(), truth.iter().map(|row| row.2).sum());
    assert_eq!(lines[0], format!("11 {} {ids} {}", truth.len(), money(cents)));
    let month =
        |month: i32| -> i128 { truth.iter().filter(|row| row.0 == month).map(|row| row.2).sum() };
    let months: Vec<String> = (202501..=202503)
        .map(|number| format!("({number}, Decimal('{}'))", money(month(number))))
        .collect();
    assert_eq!(lines[1], format!("[{}]", months.join(", ")));
    let some: Vec<i64> =
        truth.iter().filter(|row| row.0 == 202502 && row.2 >= 1000).map(|row| row.1).collect();
    assert_eq!(lines[2], format!("{some:?}"));
    // Version 5 is release 6, before the replacement.
    assert_eq!(lines[3], "18");
}

#[tokio::test]
#[ignore = "needs Python with duckdb 1.5.5 and its delta extension"]
async fn duckdb_reads_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let truth = build(dir.path()).await;
    let table = dir.path().join("tables/fact_m");
    let extension = std::env::var("STARHOUSE_DUCKDB_DELTA").ok();
    let mut arguments = vec![table.to_str().unwrap()];
    arguments.extend(extension.as_deref());
    let answer = python(DUCKDB, &arguments);
    let lines: Vec<&str> = answer.lines().collect();
    let (ids, cents): (i64, i128) =
        (truth.iter().map(|row| row.1).sum(), truth.iter().map(|row| row.2).sum());
    assert_eq!(lines[0], format!("({}, {ids}, Decimal('{}'))", truth.len(), money(cents)));
    let month =
        |month: i32| -> i128 { truth.iter().filter(|row| row.0 == month).map(|row| row.2).sum() };
    let months: Vec<String> = (202501..=202503)
        .map(|number| format!("({number}, Decimal('{}'))", money(month(number))))
        .collect();
    assert_eq!(lines[1], format!("[{}]", months.join(", ")));
    let some: Vec<String> = truth
        .iter()
        .filter(|row| row.0 == 202502 && row.2 >= 1000)
        .map(|row| format!("({},)", row.1))
        .collect();
    assert_eq!(lines[2], format!("[{}]", some.join(", ")));
}
