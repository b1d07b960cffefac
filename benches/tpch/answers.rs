//! The answers that the specification publishes for scale 1, money rounded to cents.

use super::common::Outcome;
use super::common::cell::Cell;
use super::common::measured::Measured;
use std::fmt::Write;
use tpchgen::q_and_a::answers_sf1;

/// Whether answers are the published ones, at the scale that has some.
pub(crate) fn check(scale: f64, measured: &[Measured]) -> Outcome<()> {
    if scale != 1.0 {
        return Ok(());
    }
    let mut differences = String::new();
    for (number, one) in (1..).zip(measured).filter(|(_, one)| one.failed.is_none()) {
        let text = answers_sf1::answer(number).ok_or("a query without an answer")?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let published: Vec<Vec<&str>> =
            lines.skip(1).map(|line| line.split('|').map(str::trim).collect()).collect();
        let is_row = |ours: &[Cell], theirs: &[&str]| {
            // This copy of Q11's answer has cut the last digits of the parts' numbers.
            let cells = ours.iter().zip(theirs).skip(usize::from(number == 11));
            ours.len() == theirs.len() && cells.into_iter().all(|(a, b)| is_cell(a, b))
        };
        let same = published.len() == one.rows.len()
            && published.iter().zip(&one.rows).all(|(theirs, ours)| is_row(ours, theirs));
        if !same {
            let mut rows = published.iter().zip(&one.rows);
            let first = rows.find(|(theirs, ours)| !is_row(ours, theirs));
            writeln!(differences, "{}: {first:?}", one.query)?;
        }
    }
    if differences.is_empty() {
        eprintln!("all answers are the published ones");
        return Ok(());
    }
    Err(format!("not the published answers:\n{differences}").into())
}

/// Texts and whole numbers are equal; what has digits after the point is so to a cent or a
/// millionth, which is far less than the specification allows.
fn is_cell(ours: &Cell, published: &str) -> bool {
    let number = match ours {
        Cell::Float(number) => Some(*number),
        Cell::Exact(text) if text.contains('.') => text.parse::<f64>().ok(),
        Cell::Exact(_) => None,
    };
    match (number, published.parse::<f64>()) {
        (Some(ours), Ok(theirs)) => (ours - theirs).abs() <= 0.01_f64.max(1e-6 * theirs.abs()),
        _ => matches!(ours, Cell::Exact(text) if text.trim() == published),
    }
}
