//! The figures of a run as tables, for people.

use super::Outcome;
use super::load::{Loaded, Store};
use super::measured::Column;
use super::results::Figures;
use std::fmt::Write;

/// A row a query, a column an engine: medians, their sum and their geometric mean, in milliseconds.
pub(crate) fn medians(columns: &[Column], queries: &[&str]) -> Outcome<String> {
    let mut text = String::from("| ms |");
    columns.iter().try_for_each(|column| write!(text, " {} |", column.title))?;
    writeln!(text, "\n|---|{}", "---:|".repeat(columns.len()))?;
    for query in queries {
        write!(text, "| {query} |")?;
        for column in columns {
            match column.median_ms(query) {
                Some(median) => write!(text, " {median:.1} |")?,
                None => write!(text, " failed |")?,
            }
        }
        writeln!(text)?;
    }
    write!(text, "| sum |")?;
    let mut all = columns.iter();
    all.try_for_each(|one| write!(text, " {:.0}{} |", one.sum_ms(), one.without()))?;
    write!(text, "\n| geometric mean |")?;
    let mut all = columns.iter();
    all.try_for_each(|column| write!(text, " {:.1} |", column.geometric_mean_ms()))?;
    text.push('\n');
    Ok(text)
}

/// A row an engine: what its answers take, and what it took to load what it answers from. A dash is
/// what an engine does not do, or nobody measured.
pub(crate) fn engines(figures: &Figures) -> Outcome<String> {
    let columns = figures.columns()?;
    let queries = columns.iter().map(|column| column.measured.len()).max().unwrap_or_default();
    let mut text = format!(
        "| scale {}, {} facts | sum of {queries} queries, ms | geometric mean, ms | memory asking, GB \
         | on disk, MB | load, s | facts a second | memory loading, GB |\n|---|{}\n",
        figures.scale,
        millions(figures.rows),
        "---:|".repeat(7)
    );
    for column in &columns {
        let Column { title, peak_bytes, .. } = column;
        let (sum, without) = (column.sum_ms(), column.without());
        let own = figures.loads.iter().find(|load| load.engine == *title);
        // Whoever has no storage of its own reads the warehouse's files; Starhouse has loaded them.
        let load = own.or_else(|| figures.loaded_by_starhouse().filter(|_| is_ours(title)));
        let bytes = own.map_or(figures.bytes, |load| load.bytes);
        let asking = or_dash(*peak_bytes, gigabytes);
        writeln!(
            text,
            "| {title} | {sum:.0}{without} | {:.1} | {asking} | {} | {} |",
            column.geometric_mean_ms(),
            or_dash(Some(bytes), megabytes),
            loading(load)
        )?;
    }
    let nobody = |load: &&Loaded| load.store == Store::DuckdbParquet;
    for load in figures.loads.iter().filter(nobody) {
        let Loaded { engine, bytes, .. } = load;
        writeln!(
            text,
            "| {engine} | – | – | – | {} | {} |",
            megabytes(*bytes),
            loading(Some(load))
        )?;
    }
    Ok(text)
}

/// Seconds, facts a second, and memory.
fn loading(load: Option<&Loaded>) -> String {
    load.map_or_else(
        || "– | – | –".to_owned(),
        |Loaded { seconds, rows, peak_bytes, .. }| {
            let rate = or_dash(Some(*rows), |rows| millions((rows as f64 / seconds) as u64));
            let peak = or_dash(Some(*peak_bytes), gigabytes);
            format!("{seconds:.1} | {rate} | {peak}")
        },
    )
}

/// A dash for what was not measured: 0 says the same.
fn or_dash(value: Option<u64>, told: impl Fn(u64) -> String) -> String {
    value.filter(|value| *value > 0).map_or_else(|| "–".to_owned(), told)
}

/// Whether a column is one of Starhouse's.
pub(crate) fn is_ours(title: &str) -> bool {
    title.starts_with("Starhouse")
}

/// How many, in millions.
pub(crate) fn millions(rows: u64) -> String {
    match rows as f64 / 1e6 {
        few if few < 10.0 => format!("{few:.2} million"),
        many => format!("{many:.0} million"),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e6)
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e9)
}
