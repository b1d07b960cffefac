//! The sums as bars, in SVG: one row an engine, the shortest bar the fastest.

use super::measured::Column;
use std::fmt::{self, Write};

const ROW: usize = 26;
const LABELS: usize = 300;
const BARS: usize = 440;
const WIDTH: usize = LABELS + BARS + 90;

/// The drawing. Bars are in proportion to milliseconds; one more than `CUT` times as long as the
/// median bar is cut off, and says so by an open end.
pub(crate) fn draw(benchmark: &str, scale: &str, columns: &[Column]) -> Result<String, fmt::Error> {
    const CUT: f64 = 3.0;
    let queries = columns.iter().map(|column| column.measured.len()).max().unwrap_or_default();
    let title =
        format!("{benchmark}, scale {scale}: sum of {queries} queries, ms (less is better)");
    let mut sums: Vec<f64> = columns.iter().map(Column::sum_ms).collect();
    sums.sort_by(f64::total_cmp);
    let median = sums.get(sums.len() / 2).copied().unwrap_or(1.0);
    let longest = sums.last().copied().unwrap_or(1.0).min(CUT * median).max(1.0);
    let height = ROW * (columns.len() + 2);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-weight=\"bold\">{title}</text>\n"
    );
    for (index, column) in columns.iter().enumerate() {
        let (sum, top) = (column.sum_ms(), ROW * (index + 1) + 6);
        let width = (sum.min(longest) / longest * BARS as f64).max(1.0);
        let ours = column.title.starts_with("Starhouse");
        let fill = if ours { "#2a6f97" } else { "#b0b7bd" };
        let (text, end) = (top + 15, LABELS as f64 + width + 6.0);
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{width:.0}\" height=\"{}\" fill=\"{fill}\"/>\n\
             <text x=\"{end:.0}\" y=\"{text}\">{sum:.0}{}{}</text>",
            LABELS - 8,
            column.title,
            ROW - 6,
            if sum > longest { " (cut)" } else { "" },
            column.without(),
        )?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
