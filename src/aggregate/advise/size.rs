//! How many bytes an aggregate would weigh: from its rows, what its columns' kinds weigh in a file, and
//! what those weigh that are there. Pure.

use crate::model::{Column, ColumnType};

/// Bytes of a number that stands for one row of a fact, encoded and compressed: money, pieces. One that
/// stands for a thousand has ten binary digits more.
const NUMBER_BYTES: f64 = 2.3;

/// A column by which rows are sorted, or that is the same for many of them.
const KEY_BYTES: f64 = 0.25;

/// A degenerate dimension, such as a number of a receipt, of which few are alike.
const DEGENERATE_BYTES: f64 = 4.0;

/// What a file says of itself, and of each column.
const FILE_BYTES: f64 = 1024.0;
const COLUMN_BYTES: f64 = 450.0;

/// How many columns tell rows apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// All of them.
    pub(super) all: usize,
    /// Degenerate dimensions among them.
    pub(super) degenerate: usize,
}

/// Bytes of an aggregate's columns.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Width {
    /// Whatever its rows are.
    fixed: f64,
    /// Those of its rows.
    of_rows: f64,
}

impl Width {
    /// The width of columns over so many rows, each of which stands for so many of the fact's. The
    /// first of them tell rows apart, the others hold states.
    pub(super) fn of(columns: &[Column], keys: Keys, rows: u64, facts_each: f64) -> Self {
        let states = columns.iter().skip(keys.all).map(|column| width(column.ty, facts_each));
        let of_keys = KEY_BYTES * keys.all as f64 + DEGENERATE_BYTES * keys.degenerate as f64;
        let each = of_keys + states.sum::<f64>();
        let fixed = FILE_BYTES + COLUMN_BYTES * columns.len() as f64;
        Self { fixed, of_rows: each * rows as f64 }
    }

    /// Its bytes, where those that are there weigh so many times what was expected.
    pub(super) fn bytes(self, times: f64) -> f64 {
        self.fixed + self.of_rows * times
    }
}

/// Bytes of a state that stands for so many rows of the fact.
fn width(ty: ColumnType, facts_each: f64) -> f64 {
    let number = NUMBER_BYTES + facts_each.max(1.0).log2() / 8.0;
    match ty {
        ColumnType::Boolean => 0.125,
        ColumnType::Int16 => number.min(2.0),
        ColumnType::Int32 | ColumnType::Date => number.min(4.0),
        // Sums have many digits by their type, few by their values.
        ColumnType::Int64 | ColumnType::Decimal { .. } => number,
        // All their digits are different.
        ColumnType::Float64 | ColumnType::Timestamp => 8.0,
        ColumnType::Text => 8.0,
        // What is remembered of values: of different ones at most as many as there are rows.
        ColumnType::Binary => 24.0 + 3.0 * facts_each.min(2048.0),
    }
}

/// How many times what was expected those aggregates weigh that are there: their widths and their
/// bytes. Once where there are none.
pub(super) fn times(built: &[(Width, u64)]) -> f64 {
    let expected: f64 = built.iter().map(|(width, _)| width.of_rows).sum();
    let stored: f64 = built.iter().map(|(width, bytes)| *bytes as f64 - width.fixed).sum();
    if expected < 1.0 || stored <= 0.0 { 1.0 } else { (stored / expected).clamp(0.1, 4.0) }
}
