//! How many cells a row has.

use super::dialect::Head;
use super::plain::PlainRow;
use super::record::{Record, Signs};

/// The cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many.
    pub(super) cells: usize,
    /// Whether the last is none: each row ends with a delimiter.
    pub(super) last_is_empty: bool,
}

impl Shape {
    /// Whether a row with so many cells is as it should be.
    pub(super) fn fits(&self, row: &PlainRow<'_>) -> bool {
        let (start, end) = row.cell(self.cells - 1);
        !self.last_is_empty || start == end
    }

    /// Why a record is of another shape, if it is.
    pub(super) fn differs(self, record: &Record<'_>) -> Option<String> {
        let cells = record.cells.len();
        let is_right = cells == self.cells && (!self.last_is_empty || ends_empty(record));
        let headings = self.cells - usize::from(self.last_is_empty);
        let ends = if self.last_is_empty { " and a delimiter at the end" } else { "" };
        (!is_right).then(|| format!("{cells} cells under {headings} headings{ends}"))
    }
}

fn ends_empty(record: &Record<'_>) -> bool {
    record.cells.len() > 1 && record.cells.get(record.cells.len() - 1).is_none()
}

/// The cells of a row: as many as there are headings, and one more that is empty where each row ends
/// with a delimiter; or one less, where only the headings do.
pub(super) fn shape(head: &Head<'_>, signs: Signs, skip: u64, declared: Option<bool>) -> Shape {
    let (mut headings, mut ends_so) = (None, false);
    let (mut fewer, mut equal, mut more) = (0, 0, 0);
    head.each(signs, skip, |record| {
        let cells = record.cells.len();
        match headings {
            None => (headings, ends_so) = (Some(cells), ends_empty(record)),
            Some(headings) if cells == headings => equal += 1,
            Some(headings) if cells + 1 == headings => fewer += 1,
            Some(headings) => more += usize::from(cells == headings + 1 && ends_empty(record)),
        }
        true
    });
    let headings = headings.unwrap_or(1).max(1);
    match (ends_so, declared) {
        (true, Some(true)) => Shape { cells: headings, last_is_empty: true },
        (true, None) if fewer > equal => Shape { cells: headings - 1, last_is_empty: false },
        (false, Some(true)) => Shape { cells: headings + 1, last_is_empty: true },
        (false, None) if more > equal => Shape { cells: headings + 1, last_is_empty: true },
        _ => Shape { cells: headings, last_is_empty: false },
    }
}
