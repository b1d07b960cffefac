//! What was measured, for programs and for people.

use super::machine::Run;
use super::{Args, Cost, Line, Outcome, document};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The figures of a run.
#[derive(Debug, Serialize, Deserialize)]
struct Figures {
    rows: u64,
    days: u64,
    share: f64,
    threads: usize,
    memory_gib: usize,
    run: Run,
    ways: Vec<Line>,
}

/// Writes `benches/results/` and the table in the document that shows it.
pub(crate) fn write(args: &Args, root: &Path, lines: &[Line]) -> Outcome<()> {
    let figures = Figures {
        rows: args.rows,
        days: args.days,
        share: args.share,
        threads: args.threads,
        memory_gib: args.memory_gib,
        run: Run::now(),
        ways: lines.to_vec(),
    };
    std::fs::write(file(args, root, "json"), serde_json::to_string_pretty(&figures)? + "\n")?;
    let table = table(&figures)?;
    let told = format!("# The daily change of a dimension\n\n{}{table}", about(&figures));
    std::fs::write(file(args, root, "md"), &told)?;
    println!("{told}");
    document::put(root, "load", |_| table.clone())
}

/// The table in the document again.
pub(crate) fn redraw(args: &Args, root: &Path) -> Outcome<()> {
    let figures: Figures = serde_json::from_slice(&std::fs::read(file(args, root, "json"))?)?;
    let table = table(&figures)?;
    document::put(root, "load", |_| table.clone())
}

fn file(args: &Args, root: &Path, kind: &str) -> PathBuf {
    root.join(format!("benches/results/load-{}.{kind}", args.rows))
}

fn about(figures: &Figures) -> String {
    let Figures { rows, days, share, threads, memory_gib, run, .. } = figures;
    format!(
        "A type-2 dimension of {rows} members; {days} days, each of which tells of {:.1} % of them in \
         CSV: eight in ten differ, one in ten is new, one in ten is as it was. A day is a process of its own; \
         of Starhouse all of it counts, of the others what comes after their imports. {threads} threads and \
         {memory_gib} GiB where a way can be told; {run}. All ways end in the same versions.\n",
        share * 100.0,
    )
}

/// A row a way: the first load, and the median of the days.
fn table(figures: &Figures) -> Outcome<String> {
    let mut table = format!(
        "\n| {} members, {:.1} % a day | a day, s | changed rows/s | peak, MiB | written, MiB | first load, s | peak, MiB |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
        figures.rows,
        figures.share * 100.0
    );
    let told = figures.rows as f64 * figures.share;
    for Line { way, days } in &figures.ways {
        let Some((first, days)) = days.split_first() else { continue };
        let seconds = median(days.iter().map(|day| day.seconds));
        writeln!(
            table,
            "| {way} | {seconds:.2} | {:.0} | {:.0} | {:.0} | {:.1} | {} |",
            told / seconds,
            mebibytes(days, |day| day.peak_bytes),
            mebibytes(days, |day| day.written_bytes),
            first.seconds,
            first.peak_bytes >> 20,
        )?;
    }
    table.push('\n');
    Ok(table)
}

fn mebibytes(days: &[Cost], of: fn(&Cost) -> u64) -> f64 {
    median(days.iter().map(|day| of(day) as f64)) / f64::from(1 << 20)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
