//! What was measured: compared, and written as a table for people and as JSON for programs.

use super::measured::{Column, Load};
use super::ours::WARM_UPS;
use super::peers::Loaded;
use super::{Args, Outcome, plot};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// What stands around the table in the README.
const MARKS: [&str; 2] = ["<!-- ssb: begin -->", "<!-- ssb: end -->"];

/// Everything.
pub(crate) struct Results {
    pub(crate) args: Args,
    pub(crate) load: Load,
    pub(crate) peers_load: Option<Loaded>,
    pub(crate) columns: Vec<Column>,
}

impl Results {
    /// Every engine's answers are the first one's.
    pub(crate) fn compare(&self) -> Outcome<()> {
        let Some((first, others)) = self.columns.split_first() else { return Ok(()) };
        for other in others {
            for (ours, theirs) in first.measured.iter().zip(&other.measured) {
                if ours.plain() != theirs.plain() {
                    return Err(format!(
                        "{} of {}: {:?} ..., not {:?} ...",
                        ours.query,
                        other.title,
                        theirs.rows.first(),
                        ours.rows.first()
                    )
                    .into());
                }
            }
        }
        eprintln!("all answers are equal");
        Ok(())
    }

    /// Writes `benches/results/` and the table in the README.
    pub(crate) fn write(&self, root: &Path) -> Outcome<()> {
        let name = format!("ssb-{}", self.args.scale);
        let folder = root.join("benches/results");
        std::fs::create_dir_all(&folder)?;
        let text = self.text()?;
        std::fs::write(folder.join(format!("{name}.md")), &text)?;
        let plot = plot::draw(self.args.scale, &self.columns)?;
        std::fs::write(folder.join(format!("{name}.svg")), plot)?;
        let json = serde_json::to_string_pretty(&self.json())?;
        std::fs::write(folder.join(format!("{name}.json")), json + "\n")?;
        println!("{text}");
        self.write_readme(&root.join("README.md"))
    }

    /// Puts sums and means between the README's marks.
    fn write_readme(&self, readme: &Path) -> Outcome<()> {
        let mut table = format!(
            "\n| scale {}, {} million facts | sum of 13 queries, ms | geometric mean, ms |\n|---|---:|---:|\n",
            self.args.scale,
            self.load.rows / 1_000_000
        );
        for column in &self.columns {
            let (sum, mean) = (column.sum_ms(), column.geometric_mean_ms());
            writeln!(table, "| {} | {sum:.0} | {mean:.1} |", column.title)?;
        }
        table.push('\n');
        let text = std::fs::read_to_string(readme)?;
        let [begin, end] = MARKS;
        let marked = text.split_once(begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(end)?;
            Some(format!("{before}{begin}\n{table}{end}{after}"))
        });
        let text = marked.ok_or_else(|| format!("README.md lacks {begin} and {end}"))?;
        Ok(std::fs::write(readme, text)?)
    }

    fn text(&self) -> Outcome<String> {
        let mut text = String::new();
        let Args { scale, runs, threads, memory_gib, .. } = &self.args;
        let Load { rows, bytes, text_bytes, cost } = self.load;
        writeln!(text, "# Star Schema Benchmark, scale {scale}\n")?;
        writeln!(
            text,
            "{rows} lines of orders; medians of {runs} runs after {WARM_UPS} that do not count (cold: each in a fresh process), in \
             milliseconds; {threads} threads and {memory_gib} GiB an engine; {}. Every answer is the \
             same in every column.\n",
            machine()
        )?;
        write!(text, "| |")?;
        self.columns.iter().try_for_each(|column| write!(text, " {} |", column.title))?;
        writeln!(text, "\n|---|{}", "---:|".repeat(self.columns.len()))?;
        let count = self.columns.first().map_or(0, |column| column.measured.len());
        for query in 0..count {
            write!(text, "| {} |", self.columns[0].measured[query].query)?;
            for column in &self.columns {
                write!(text, " {:.1} |", column.measured[query].median_ms())?;
            }
            writeln!(text)?;
        }
        write!(text, "| sum |")?;
        self.columns.iter().try_for_each(|column| write!(text, " {:.0} |", column.sum_ms()))?;
        write!(text, "\n| geometric mean |")?;
        let mut columns = self.columns.iter();
        columns.try_for_each(|column| write!(text, " {:.1} |", column.geometric_mean_ms()))?;
        writeln!(text, "\n")?;
        if let Some(cost) = cost {
            writeln!(
                text,
                "`starhouse etl run` made {:.0} MB of Parquet from {:.0} MB of text in {:.1} s ({:.2} \
                 million lines a second), with {:.1} GB of memory at most.",
                megabytes(bytes),
                megabytes(text_bytes),
                cost.seconds,
                rows as f64 / 1e6 / cost.seconds,
                megabytes(cost.peak_bytes) / 1000.0
            )?;
        }
        if let Some(Loaded { title, seconds, bytes, peak_bytes }) = &self.peers_load {
            writeln!(
                text,
                "{title} read the same text, looked up keys, sorted, and wrote {:.0} MB of partitioned \
                 Parquet in {seconds:.1} s, with {:.1} GB of memory at most.",
                megabytes(*bytes),
                megabytes(*peak_bytes) / 1000.0
            )?;
        }
        let peaks = self.columns.iter().filter_map(|column| {
            let peak = megabytes(column.peak_bytes?) / 1000.0;
            Some(format!("{} {peak:.1} GB", column.title))
        });
        let peaks: Vec<String> = peaks.collect();
        if !peaks.is_empty() {
            writeln!(text, "Memory at most while asking: {}.", peaks.join(", "))?;
        }
        for column in &self.columns {
            if let Some(seconds) = column.load {
                writeln!(text, "{} took in that Parquet in {seconds:.1} s.", column.title)?;
            }
        }
        Ok(text)
    }

    fn json(&self) -> serde_json::Value {
        let columns = self.columns.iter().map(|column| {
            let queries =
                column.measured.iter().map(|one| (one.query.clone(), json!(one.times_ms)));
            json!({
                "engine": column.title,
                "times_ms": queries.collect::<serde_json::Map<_, _>>(),
                "load_seconds": column.load,
                "peak_bytes": column.peak_bytes,
            })
        });
        json!({
            "benchmark": "ssb",
            "scale": self.args.scale,
            "threads": self.args.threads,
            "memory_gib": self.args.memory_gib,
            "machine": machine(),
            "rows": self.load.rows,
            "bytes": self.load.bytes,
            "text_bytes": self.load.text_bytes,
            "load_seconds": self.load.cost.map(|cost| cost.seconds),
            "load_peak_bytes": self.load.cost.map(|cost| cost.peak_bytes),
            "peers_load_seconds": self.peers_load.as_ref().map(|load| load.seconds),
            "engines": columns.collect::<Vec<_>>(),
        })
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The processor, as far as the system tells.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.to_owned())
}
