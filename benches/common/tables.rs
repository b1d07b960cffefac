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
    for Footprint { title, asked, asking, bytes, load } in footprints(figures, &columns) {
        let (sum, mean) = asked.map_or_else(
            || ("–".to_owned(), "–".to_owned()),
            |column| {
                let sum = format!("{:.0}{}", column.sum_ms(), column.without());
                (sum, format!("{:.1}", column.geometric_mean_ms()))
            },
        );
        let (asking, bytes) = (or_dash(asking, gigabytes), or_dash(Some(bytes), megabytes));
        writeln!(text, "| {title} | {sum} | {mean} | {asking} | {bytes} | {} |", loading(load))?;
    }
    Ok(text)
}

/// What there is besides times: memory, bytes, and the load.
pub(crate) struct Footprint<'a> {
    pub(crate) title: &'a str,
    /// Its answers; none of who was only loaded.
    pub(crate) asked: Option<&'a Column>,
    /// The most memory that it held while it was asked.
    pub(crate) asking: Option<u64>,
    /// On disk.
    pub(crate) bytes: u64,
    pub(crate) load: Option<&'a Loaded>,
}

/// One an engine that was asked, then those that were only loaded.
pub(crate) fn footprints<'a>(figures: &'a Figures, columns: &'a [Column]) -> Vec<Footprint<'a>> {
    let asked = columns.iter().map(|column| {
        let Column { title, peak_bytes, .. } = column;
        let own = figures.loads.iter().find(|load| load.engine == *title);
        // Whoever has no storage of its own reads the warehouse's files; Starhouse has loaded them.
        let load = own.or_else(|| figures.loaded_by_starhouse().filter(|_| is_ours(title)));
        let bytes = own.map_or(figures.bytes, |load| load.bytes);
        Footprint { title, asked: Some(column), asking: *peak_bytes, bytes, load }
    });
    let only_loaded = figures.loads.iter().filter(|load| load.store == Store::DuckdbParquet);
    let only_loaded = only_loaded.map(|load| {
        let Loaded { engine, bytes, .. } = load;
        Footprint { title: engine, asked: None, asking: None, bytes: *bytes, load: Some(load) }
    });
    asked.chain(only_loaded).collect()
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
