//! What was measured: compared, and written for people.

use super::load::{Load, Loaded};
use super::machine::Run;
use super::measured::Column;
use super::results::{self, Figures};
use super::{Args, Benchmark, Outcome, WARM_UPS, tables};
use std::fmt::Write;
use std::path::Path;

/// A run.
pub(crate) struct Report<'a> {
    pub(crate) benchmark: &'a Benchmark,
    pub(crate) args: Args,
    pub(crate) run: Run,
    pub(crate) load: Load,
    pub(crate) columns: Vec<Column>,
}

/// Every engine that answers gives the answer of the first that does.
pub(crate) fn compare(columns: &[Column]) -> Outcome<()> {
    let Some((first, others)) = columns.split_first() else { return Ok(()) };
    let mut differences = String::new();
    for query in 0..first.measured.len() {
        let answers = columns.iter().map(|column| (&column.title, &column.measured[query]));
        let mut answers = answers.filter(|(_, answer)| answer.failed.is_none());
        let Some((title, expected)) = answers.next() else { continue };
        for (other, found) in answers.filter(|(_, found)| !expected.is_same(found)) {
            let apart = expected.rows.iter().zip(&found.rows);
            let apart = apart
                .clone()
                .find(|(a, b)| a.len() != b.len() || a.iter().zip(*b).any(|(a, b)| !a.is_same(b)));
            writeln!(
                differences,
                "{}: {} rows of {title}, {} of {other}; first apart: {apart:?}",
                expected.query,
                expected.rows.len(),
                found.rows.len(),
            )?;
        }
    }
    if differences.is_empty() {
        eprintln!("all answers of {} engines are equal", others.len() + 1);
        return Ok(());
    }
    Err(format!("answers differ:\n{differences}").into())
}

impl Report<'_> {
    /// Writes `benches/results/` and the table in the document that shows it.
    pub(crate) fn write(&self, root: &Path) -> Outcome<()> {
        let Self { benchmark, args, run, load, columns } = self;
        let figures = Figures::new(benchmark, args, run, load, columns);
        let path = figures.write(&root.join("benches/results"))?;
        let text = self.text(&figures)?;
        std::fs::write(path.with_extension("md"), &text)?;
        println!("{text}");
        results::redraw(benchmark, root)
    }

    fn text(&self, figures: &Figures) -> Outcome<String> {
        let Args { scale, runs, threads, memory_gib, .. } = &self.args;
        let Benchmark { title, rows: what, .. } = self.benchmark;
        let Load { rows, text_bytes, .. } = &self.load;
        let mut text = format!(
            "# {title}, scale {scale}\n\n{rows} {what}, loaded from {:.0} MB of text. Medians of {runs} runs \
             after {WARM_UPS} that do not count; {threads} threads and {memory_gib} GiB an engine, loading too (DuckDB twice that: it fails with less). \
             Every answer is the same in every column.\n\n{}.\n\n{}\n{}\n",
            *text_bytes as f64 / 1e6,
            self.run,
            tables::medians(&self.columns, &self.benchmark.query_names())?,
            tables::engines(figures)?,
        );
        for Loaded { engine, moment, .. } in &figures.loads {
            if let Some(moment) =
                moment.as_ref().filter(|one| Some(*one) != self.run.moment.as_ref())
            {
                writeln!(text, "* The load of {engine} was measured before: {moment}.")?;
            }
        }
        for column in &self.columns {
            for one in &column.measured {
                if let Some(why) = &one.failed {
                    let why = why.lines().next().unwrap_or_default();
                    writeln!(text, "* {} of {} failed: {why}", one.query, column.title)?;
                }
            }
        }
        text += &self.notes();
        Ok(text)
    }

    /// What the tables compare, and what they do not.
    fn notes(&self) -> String {
        let is_cold = |column: &Column| column.title.ends_with("cold");
        let cold = self.columns.iter().any(is_cold).then_some(COLD);
        let peers = (!self.args.no_peers).then_some([SAME_FILES, NATIVE, LOADING]);
        cold.into_iter().chain(peers.into_iter().flatten()).collect()
    }
}

const COLD: &str = "\
* Cold: every query in a fresh process, from opening the warehouse, or the files, to its last row. Starting the \
process, and in Python importing the engine, is outside; the files are in the system's memory.
";

const SAME_FILES: &str = "\
* Same files: the Parquet files that Starhouse has loaded and a release names, one by one. DuckDB keeps their \
footers between queries (`parquet_metadata_cache`), as Starhouse does, which keeps plans as well.
";

const NATIVE: &str = "\
* Native: a database of DuckDB's own, loaded from those Parquet files in their order, by another process than \
the one that is asked; its load stands for that step only.
";

const LOADING: &str = "\
* Loading from text, DuckDB is told the types that Starhouse stores, looks up the same keys and writes Parquet by \
month, in the order of `duckdb_load.sql`. It does not do what `starhouse etl run` does besides: look at every value \
and set wrong rows aside, make sure that the grain is one row's, keep history, hash what it reads and writes, \
read files back, and publish all of it durably at once. Of Starhouse the whole process counts, of DuckDB what comes \
after its import.
";
