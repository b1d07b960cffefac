//! Medians and their sums as bars, in SVG: a row an engine, a lane a query, the shortest bar the
//! fastest. Every lane has a scale of its own.

use super::measured::Column;
use super::tables::is_ours;
use std::fmt::{self, Display, Write};

const ROW: usize = 30;
const TITLE: usize = 28;
const LABELS: usize = 270;
const SUMS: usize = 230;
const LANE: usize = 74;
const GAP: usize = 10;

/// A bar that is more than so many times as long as the lane's median bar is cut off.
const CUT: f64 = 3.0;

/// The drawing.
pub(crate) fn draw(
    benchmark: &str,
    scale: &impl Display,
    queries: &[&str],
    columns: &[Column],
) -> Result<String, fmt::Error> {
    let (width, height) = (LABELS + SUMS + queries.len() * LANE, TITLE + ROW * (columns.len() + 1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-size=\"14\" font-weight=\"bold\">{benchmark}, scale {scale}: medians, ms, \
         less is better; a bar over {CUT} times its lane's median is cut</text>\n"
    );
    for (row, column) in columns.iter().enumerate() {
        let (x, y) = (LABELS - GAP, TITLE + ROW * (row + 1) + 17);
        writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>", column.title)?;
    }
    let sums = columns.iter().map(|column| Some(column.sum_ms()).filter(|sum| *sum > 0.0));
    let sums = Lane { name: "sum", left: LABELS, width: SUMS - GAP, values: sums.collect() };
    sums.draw(columns, &mut svg)?;
    for (place, name) in queries.iter().enumerate() {
        let left = LABELS + SUMS + place * LANE;
        let values = columns.iter().map(|column| column.median_ms(name)).collect();
        Lane { name, left, width: LANE - GAP, values }.draw(columns, &mut svg)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// The bars of a query, or of the sums.
struct Lane<'a> {
    name: &'a str,
    left: usize,
    width: usize,
    /// An engine's milliseconds; none where it has failed.
    values: Vec<Option<f64>>,
}

impl Lane<'_> {
    fn draw(&self, columns: &[Column], svg: &mut String) -> fmt::Result {
        let Self { name, left, width, values } = self;
        let y = TITLE + 18;
        writeln!(svg, "<text x=\"{left}\" y=\"{y}\" font-weight=\"bold\">{name}</text>")?;
        let longest = self.longest();
        for (row, (value, column)) in values.iter().zip(columns).enumerate() {
            let top = TITLE + ROW * (row + 1);
            let Some(value) = value else {
                writeln!(svg, "<text x=\"{left}\" y=\"{}\">failed</text>", top + 12)?;
                continue;
            };
            let bar = (value.min(longest) / longest * *width as f64).max(1.0);
            let fill = if is_ours(&column.title) { "#2a6f97" } else { "#b0b7bd" };
            let digits = usize::from(*value < 100.0);
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
        let mut values: Vec<f64> = self.values.iter().flatten().copied().collect();
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len() / 2).copied().unwrap_or(1.0);
        values.last().copied().unwrap_or(1.0).min(CUT * median).max(f64::MIN_POSITIVE)
    }
}
