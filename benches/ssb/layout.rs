//! How facts lie in Parquet: the same rows in the same files and the same order, written again with one
//! thing changed, and the 13 queries asked of each.
//!
//! `cargo bench --bench ssb -- --part layout --scale 10`. The warehouse stays as it is: its fact is written
//! to a folder of its own, with the properties that Starhouse writes with, but for the one; Starhouse's
//! engine, without columns kept in memory, is asked of a release that names those files.

use super::common::cell::Cell;
use super::common::measured::{Column, Measured};
use super::common::{Args, Benchmark, Outcome, WARM_UPS, document, generate, load, machine, ours};
use super::common::{report, tables};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterPropertiesBuilder;
use serde_json::json;
use starhouse::engine::{Engine, EngineSettings, Session};
use starhouse::policy::Principal;
use starhouse::store::{DataFile, Release, TableState, fact_properties};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Changes one thing of how a file of these columns is written.
type Change = dyn Fn(WriterPropertiesBuilder, &Schema) -> WriterPropertiesBuilder + Sync;

/// A layout: what is changed, and how.
struct Layout {
    name: String,
    change: Box<Change>,
}

/// What a layout came to.
struct Found {
    bytes: u64,
    /// Of reading the fact and writing it again.
    seconds: f64,
    column: Column,
}

/// All of them, the first as Starhouse writes.
fn layouts() -> Outcome<Vec<Layout>> {
    let layout = |name: String, change: fn(WriterPropertiesBuilder, usize) -> _, to: usize| {
        let change = move |properties, _: &Schema| change(properties, to);
        Layout { name, change: Box::new(change) }
    };
    let mut all = vec![layout("as it is".to_owned(), |properties, _| properties, 0)];
    all.extend([64, 128, 256, 512, 1024].map(|kibi| {
        let rows = |properties: WriterPropertiesBuilder, rows| {
            properties.set_max_row_group_row_count(Some(rows))
        };
        layout(format!("row groups of {kibi} Ki rows"), rows, kibi * 1024)
    }));
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1)?);
    for (name, compression) in
        [("LZ4", Compression::LZ4_RAW), ("ZSTD", zstd), ("nothing", Compression::UNCOMPRESSED)]
    {
        let change = move |properties: WriterPropertiesBuilder, _: &Schema| {
            properties.set_compression(compression)
        };
        all.push(Layout { name: format!("compressed by {name}"), change: Box::new(change) });
    }
    all.extend([1, 16, 64].map(|kibi| {
        let rows = |properties: WriterPropertiesBuilder, rows| {
            properties.set_data_page_row_count_limit(rows)
        };
        layout(format!("pages of {kibi} Ki rows"), rows, kibi * 1024)
    }));
    all.extend([256, 1024].map(|kibi| {
        let bytes = |properties: WriterPropertiesBuilder, bytes| {
            properties.set_dictionary_page_size_limit(bytes)
        };
        layout(format!("dictionaries of up to {kibi} KiB"), bytes, kibi * 1024)
    }));
    all.push(Layout { name: "numbers by their deltas".to_owned(), change: Box::new(deltas) });
    Ok(all)
}

/// What no dictionary holds, as differences from row to row.
fn deltas(properties: WriterPropertiesBuilder, schema: &Schema) -> WriterPropertiesBuilder {
    let fields = schema.fields().iter();
    let numbers = fields
        .filter(|field| field.data_type().is_integer() || *field.data_type() == DataType::Date32);
    numbers.fold(properties, |properties, field| {
        let column = field.name().as_str().into();
        properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
    })
}

/// Measures all layouts, and writes what they come to.
pub(crate) fn measure(benchmark: &Benchmark, args: &Args, root: &Path) -> Outcome<()> {
    let dir = args.folder(benchmark.data);
    (benchmark.project)(&dir, args.scale)?;
    load::warehouse(benchmark, &dir, args, false)?;
    let release = load::latest(&dir)?;
    let mut all = Vec::new();
    for (number, layout) in layouts()?.iter().enumerate() {
        eprintln!("{}", layout.name);
        let scratch = dir.join(format!("layout-{number}"));
        let found = found(benchmark, args, (&dir, &scratch), &release, layout);
        if scratch.exists() {
            fs::remove_dir_all(&scratch)?;
        }
        let found = found?;
        eprintln!("  {} MB, {:.0} ms", found.bytes >> 20, found.column.sum_ms());
        all.push(found);
    }
    let columns: Vec<Column> = all.iter().map(|found| found.column.clone()).collect();
    report::compare(&columns)?;
    write(benchmark, args, root, &all, &columns)
}

/// Writes the fact anew and asks.
fn found(
    benchmark: &Benchmark,
    args: &Args,
    (dir, scratch): (&Path, &Path),
    release: &Release,
    layout: &Layout,
) -> Outcome<Found> {
    let started = Instant::now();
    let release = laid_out(benchmark.fact, dir, scratch, release, layout)?;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = release.tables.get(benchmark.fact).map_or(0, TableState::size_bytes);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads)
        .enable_all()
        .build()?;
    let measured = runtime.block_on(async {
        let mut settings =
            EngineSettings::new(args.memory_gib << 30, args.threads, scratch.join(".spill"));
        settings.hot_columns_bytes = 0;
        let warehouse = load::open(scratch).await?;
        let engine = Engine::new(warehouse, ours::model(dir)?, settings, load::clock())?;
        ask(&engine.session(Principal::local(), Arc::new(release)), benchmark, args.runs).await
    })?;
    let column = Column { title: layout.name.clone(), measured, peak_bytes: None };
    Ok(Found { bytes, seconds, column })
}

/// The files of a release in another folder, those of the fact in another layout.
fn laid_out(
    fact: &str,
    dir: &Path,
    scratch: &Path,
    release: &Release,
    layout: &Layout,
) -> Outcome<Release> {
    let place = |root: &Path, table: &TableState, file: &DataFile| {
        root.join("warehouse").join(&table.location).join(&file.path)
    };
    let mut release = release.clone();
    for (name, table) in &mut release.tables {
        let files: Vec<(PathBuf, PathBuf)> = table
            .files
            .iter()
            .map(|file| (place(dir, table, file), place(scratch, table, file)))
            .collect();
        generate::side_by_side(&files, |(from, to)| {
            fs::create_dir_all(to.parent().unwrap_or(scratch)).map_err(|e| e.to_string())?;
            match name == fact {
                true => rewrite(from, to, layout).map_err(|error| error.to_string()),
                false => fs::copy(from, to).map(drop).map_err(|error| error.to_string()),
            }
        })?;
        for (file, (_, to)) in table.files.iter_mut().zip(&files) {
            file.size_bytes = fs::metadata(to)?.len();
        }
    }
    Ok(release)
}

/// Writes a file's rows in another layout.
fn rewrite(from: &Path, to: &Path, layout: &Layout) -> Outcome<()> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(from)?)?;
    let schema = Arc::clone(reader.schema());
    let groups = reader.metadata().row_groups().first();
    let order = groups.and_then(|group| group.sorting_columns().cloned());
    let properties = fact_properties().set_sorting_columns(order);
    let properties = (layout.change)(properties, &schema).build();
    let mut writer = ArrowWriter::try_new(File::create(to)?, schema, Some(properties))?;
    for batch in reader.with_batch_size(8192).build()? {
        writer.write(&batch?)?;
    }
    writer.close()?;
    Ok(())
}

/// Every query, in star SQL.
async fn ask(session: &Session, benchmark: &Benchmark, runs: usize) -> Outcome<Vec<Measured>> {
    let mut all = Vec::new();
    for (name, sql) in &benchmark.queries {
        let query = (*name).to_owned();
        let mut one = Measured { query, times_ms: vec![], rows: vec![], failed: None };
        for run in 0..WARM_UPS + runs {
            let started = Instant::now();
            let query = session.plan_sql(sql).await?;
            let batches: Vec<RecordBatch> = query.execute().await?.try_collect().await?;
            if run >= WARM_UPS {
                one.times_ms.push(started.elapsed().as_secs_f64() * 1000.0);
            }
            one.rows = Cell::rows(&batches)?;
        }
        all.push(one);
    }
    Ok(all)
}

/// `benches/results/ssb_layout-<scale>`, and the table in the document that shows it.
fn write(
    benchmark: &Benchmark,
    args: &Args,
    root: &Path,
    all: &[Found],
    columns: &[Column],
) -> Outcome<()> {
    let (run, scale) = (machine::Run::now(), args.scale);
    let mut table = format!(
        "\n| scale {scale}, {} threads | the fact, MB | sum of 13 queries, ms | geometric mean, ms \
         | read and written again, s |\n|---|---:|---:|---:|---:|\n",
        args.threads
    );
    for Found { bytes, seconds, column } in all {
        let (megabytes, sum, mean) =
            (*bytes as f64 / 1e6, column.sum_ms(), column.geometric_mean_ms());
        writeln!(
            table,
            "| {} | {megabytes:.0} | {sum:.0} | {mean:.1} | {seconds:.0} |",
            column.title
        )?;
    }
    let figures = json!({
        "scale": scale,
        "threads": args.threads,
        "run": run,
        "layouts": all.iter().map(|Found { bytes, seconds, column }| json!({
            "layout": column.title,
            "bytes": bytes,
            "seconds": seconds,
            "medians_ms": column.measured.iter()
                .map(|one| (one.query.clone(), one.median_ms().into()))
                .collect::<serde_json::Map<_, _>>(),
        })).collect::<Vec<_>>(),
    });
    let path = root.join(format!("benches/results/ssb_layout-{scale}.json"));
    fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")?;
    let text = format!(
        "# How facts lie in Parquet, scale {scale}\n\nMedians of {} runs after {WARM_UPS} that do not count, of \
         Starhouse from its files; one thing changed at a time. {run}.\n{table}\n{}",
        args.runs,
        tables::medians(columns, &benchmark.query_names())?
    );
    fs::write(path.with_extension("md"), &text)?;
    println!("{text}");
    document::put(root, "ssb_layout", |_| format!("{table}\n"))
}
