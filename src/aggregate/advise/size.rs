//! How many bytes an aggregate would weigh: from its rows, the widths of its columns, and what those
//! weigh that are there. Pure.

use crate::model::{Column, ColumnType};

/// What compression leaves of the columns' widths, where nothing is built that would tell.
const LEFT: f64 = 0.5;

/// What is left of a column by which rows are sorted, or that is the same for many of them.
const KEY_BYTES: f64 = 0.5;

/// What is left of a degenerate dimension, such as a number of a receipt, of which few are alike.
const DEGENERATE_BYTES: f64 = 8.0;

/// What a file says of itself, and of each column.
const FILE_BYTES: f64 = 1024.0;
const COLUMN_BYTES: f64 = 256.0;

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
    /// Those of its rows, before compression.
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

    /// Its bytes, where compression leaves such a part.
    pub(super) fn bytes(self, left: f64) -> f64 {
        self.fixed + self.of_rows * left
    }
}

/// Bytes of a state.
fn width(ty: ColumnType, facts_each: f64) -> f64 {
    match ty {
        ColumnType::Boolean => 0.125,
        ColumnType::Int16 => 2.0,
        ColumnType::Int32 | ColumnType::Date => 4.0,
        ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 8.0,
        // Sums have many digits by their type, few by their values.
        ColumnType::Decimal { .. } => 8.0,
        ColumnType::Text => 16.0,
        // What is remembered of different values: at most as many as there are rows of the fact.
        ColumnType::Binary => 16.0 + 4.0 * facts_each.min(1024.0),
    }
}

/// What compression leaves, by aggregates that are there: their widths and their bytes.
pub(super) fn left(built: &[(Width, u64)]) -> f64 {
    let raw: f64 = built.iter().map(|(width, _)| width.of_rows).sum();
    let stored: f64 = built.iter().map(|(width, bytes)| *bytes as f64 - width.fixed).sum();
    if raw < 1.0 || stored <= 0.0 { LEFT } else { (stored / raw).clamp(0.05, 2.0) }
}
