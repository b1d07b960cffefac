//! What was measured as bars, in SVG: a row an engine, a lane a query or whatever else is better where
//! there is less of it. Every lane has a scale of its own. Times are above; memory, bytes and loads below.

use super::Outcome;
use super::measured::Column;
use super::results::Figures;
use super::tables::{Footprint, footprints, is_ours};
use std::fmt::{self, Write};

const ROW: usize = 30;
const TITLE: usize = 28;
const LABELS: usize = 270;
const SUMS: usize = 230;
const LANE: usize = 74;
const GAP: usize = 10;

/// A bar that is more than so many times as long as the lane's median bar is cut off.
const CUT: f64 = 3.0;

/// The drawing.
pub(crate) fn draw(title: &str, queries: &[&str], figures: &Figures) -> Outcome<String> {
    let columns = figures.columns()?;
    let besides = footprints(figures, &columns);
    let (times, rest) = (height(columns.len()), height(besides.len()));
    let (width, height) = (LABELS + SUMS + queries.len() * LANE, times + rest);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let above = format!(
        "{title}, scale {}: medians, ms, less is better; a bar over {CUT} times its lane's median is cut",
        figures.scale
    );
    Block { top: 0, title: &above, lanes: of_times(queries, &columns) }.draw(&mut svg)?;
    let below = "Memory, disk and load: less is better";
    Block { top: times, title: below, lanes: of_the_rest(&besides) }.draw(&mut svg)?;
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn height(rows: usize) -> usize {
    TITLE + ROW * (rows + 1)
}

/// The sums, then a lane a query.
fn of_times<'a>(queries: &[&'a str], columns: &'a [Column]) -> Vec<Lane<'a>> {
    let titles = || columns.iter().map(|column| column.title.as_str());
    let sum = |column: &Column| Some(column.sum_ms()).filter(|sum| *sum > 0.0);
    let sums = titles().zip(columns.iter().map(sum)).collect();
    let sums = Lane { name: "sum", width: SUMS, missing: "failed", bars: sums };
    let lane = |name: &&'a str| Lane {
        name,
        width: LANE,
        missing: "failed",
        bars: titles().zip(columns.iter().map(|column| column.median_ms(name))).collect(),
    };
    std::iter::once(sums).chain(queries.iter().map(lane)).collect()
}

/// How a lane's value is told of an engine.
type Told = fn(&Footprint<'_>) -> Option<f64>;

/// Memory, bytes, and the load.
fn of_the_rest<'a>(besides: &[Footprint<'a>]) -> Vec<Lane<'a>> {
    const OF: [(&str, Told); 4] = [
        ("memory asking, GB", |one| one.asking.map(|bytes| bytes as f64 / 1e9)),
        ("on disk, GB", |one| Some(one.bytes as f64 / 1e9)),
        ("load, s", |one| one.load.map(|load| load.seconds)),
        ("memory loading, GB", |one| one.load.map(|load| load.peak_bytes as f64 / 1e9)),
    ];
    let lane = |(name, told): (&'static str, Told)| Lane {
        name,
        width: SUMS,
        missing: "–",
        bars: besides
            .iter()
            .map(|one| (one.title, told(one).filter(|value| *value > 0.0)))
            .collect(),
    };
    OF.into_iter().map(lane).collect()
}

/// Lanes beside each other, with the names of their rows.
struct Block<'a> {
    top: usize,
    title: &'a str,
    lanes: Vec<Lane<'a>>,
}

impl Block<'_> {
    fn draw(&self, svg: &mut String) -> fmt::Result {
        let Self { top, title, lanes } = self;
        let y = top + 18;
        writeln!(
            svg,
            "<text x=\"10\" y=\"{y}\" font-size=\"14\" font-weight=\"bold\">{title}</text>"
        )?;
        let rows = lanes.first().map(|lane| lane.bars.as_slice()).unwrap_or_default();
        for (row, (name, _)) in rows.iter().enumerate() {
            let (x, y) = (LABELS - GAP, top + TITLE + ROW * (row + 1) + 17);
            writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{name}</text>")?;
        }
        let mut left = LABELS;
        for lane in lanes {
            lane.draw(left, top + TITLE, svg)?;
            left += lane.width;
        }
        Ok(())
    }
}

/// Bars below each other.
struct Lane<'a> {
    name: &'a str,
    width: usize,
    /// What stands where there is no value.
    missing: &'static str,
    /// Whose, and how much.
    bars: Vec<(&'a str, Option<f64>)>,
}

impl Lane<'_> {
    fn draw(&self, left: usize, top: usize, svg: &mut String) -> fmt::Result {
        let Self { name, width, missing, bars } = self;
        let y = top + 18;
        writeln!(svg, "<text x=\"{left}\" y=\"{y}\" font-weight=\"bold\">{name}</text>")?;
        let longest = self.longest();
        for (row, (whose, value)) in bars.iter().enumerate() {
            let top = top + ROW * (row + 1);
            let Some(value) = value else {
                writeln!(svg, "<text x=\"{left}\" y=\"{}\">{missing}</text>", top + 12)?;
                continue;
            };
            let bar = (value.min(longest) / longest * (width - GAP) as f64).max(1.0);
            let fill = if is_ours(whose) { "#2a6f97" } else { "#b0b7bd" };
            let digits = match value {
                few if *few < 10.0 => 2,
                some if *some < 100.0 => 1,
                _ => 0,
            };
            let cut = if *value > longest { " (cut)" } else { "" };
            writeln!(
                svg,
                "<text x=\"{left}\" y=\"{}\">{value:.digits$}{cut}</text>\
                 <rect x=\"{left}\" y=\"{}\" width=\"{bar:.0}\" height=\"9\" fill=\"{fill}\"/>",
                top + 12,
                top + 16,
            )?;
        }
        Ok(())
    }

    /// What the whole width stands for.
    fn longest(&self) -> f64 {
        let mut values: Vec<f64> = self.bars.iter().filter_map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len() / 2).copied().unwrap_or(1.0);
        values.last().copied().unwrap_or(1.0).min(CUT * median).max(f64::MIN_POSITIVE)
    }
}
