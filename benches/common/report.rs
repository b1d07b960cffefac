//! What was measured: compared, and written for people.

use super::load::Load;
use super::measured::Column;
use super::peers::Loaded;
use super::results::{self, Figures};
use super::{Args, Benchmark, Outcome, WARM_UPS, document};
use std::fmt::Write;
use std::path::Path;

/// A run.
pub(crate) struct Report<'a> {
    pub(crate) benchmark: &'a Benchmark,
    pub(crate) args: Args,
    pub(crate) load: Load,
    pub(crate) peers_load: Option<Loaded>,
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
        let peers_load = self.peers_load.as_ref();
        let figures =
            Figures::new(self.benchmark, &self.args, &self.load, peers_load, &self.columns);
        let path = figures.write(&root.join("benches/results"))?;
        let text = self.text()?;
        std::fs::write(path.with_extension("md"), &text)?;
        println!("{text}");
        results::redraw(self.benchmark, root)
    }

    fn text(&self) -> Outcome<String> {
        let mut text = String::new();
        let Args { scale, runs, threads, memory_gib, .. } = &self.args;
        let (Benchmark { title, rows: what, .. }, rows) = (self.benchmark, self.load.rows);
        writeln!(text, "# {title}, scale {scale}\n")?;
        writeln!(
            text,
            "{rows} {what}; medians of {runs} runs after {WARM_UPS} that do not count (cold: each in a fresh process), in \
             milliseconds; {threads} threads and {memory_gib} GiB an engine; {}. Every answer is the \
             same in every column.\n",
            document::machine()
        )?;
        self.times(&mut text)?;
        self.loading(&mut text)?;
        let peaks = self.columns.iter().filter_map(|column| {
            let peak = gigabytes(column.peak_bytes?);
            Some(format!("{} {peak:.1} GB", column.title))
        });
        let peaks: Vec<String> = peaks.collect();
        if !peaks.is_empty() {
            writeln!(text, "Memory at most while asking: {}.", peaks.join(", "))?;
        }
        for column in &self.columns {
            if let Some(seconds) = column.load_seconds {
                writeln!(text, "{} took in that Parquet in {seconds:.1} s.", column.title)?;
            }
            for one in &column.measured {
                if let Some(why) = &one.failed {
                    let why = why.lines().next().unwrap_or_default();
                    writeln!(text, "{} of {} failed: {why}", one.query, column.title)?;
                }
            }
        }
        Ok(text)
    }

    /// A row a query, a column an engine.
    fn times(&self, text: &mut String) -> Outcome<()> {
        write!(text, "| |")?;
        self.columns.iter().try_for_each(|column| write!(text, " {} |", column.title))?;
        writeln!(text, "\n|---|{}", "---:|".repeat(self.columns.len()))?;
        for (index, (query, _)) in self.benchmark.queries.iter().enumerate() {
            write!(text, "| {query} |")?;
            for column in &self.columns {
                match &column.measured[index] {
                    one if one.failed.is_some() => write!(text, " failed |")?,
                    one => write!(text, " {:.1} |", one.median_ms())?,
                }
            }
            writeln!(text)?;
        }
        write!(text, "| sum |")?;
        let mut columns = self.columns.iter();
        columns.try_for_each(|one| write!(text, " {:.0}{} |", one.sum_ms(), one.without()))?;
        write!(text, "\n| geometric mean |")?;
        let mut columns = self.columns.iter();
        columns.try_for_each(|column| write!(text, " {:.1} |", column.geometric_mean_ms()))?;
        Ok(writeln!(text, "\n")?)
    }

    fn loading(&self, text: &mut String) -> Outcome<()> {
        let Load { rows, bytes, text_bytes, cost } = self.load;
        if let Some(cost) = cost {
            writeln!(
                text,
                "`starhouse etl run` made {:.0} MB of Parquet from {:.0} MB of text in {:.1} s ({:.2} \
                 million {} a second), with {:.1} GB of memory at most.",
                megabytes(bytes),
                megabytes(text_bytes),
                cost.seconds,
                rows as f64 / 1e6 / cost.seconds,
                self.benchmark.rows,
                gigabytes(cost.peak_bytes)
            )?;
        }
        if let Some(Loaded { title, seconds, bytes, peak_bytes }) = &self.peers_load {
            writeln!(
                text,
                "{title} read the same text, looked up keys, sorted, and wrote {:.0} MB of partitioned \
                 Parquet in {seconds:.1} s, with {:.1} GB of memory at most.",
                megabytes(*bytes),
                gigabytes(*peak_bytes)
            )?;
        }
        Ok(())
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
