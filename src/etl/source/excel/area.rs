//! A part of a sheet, as spreadsheets write it: `B3:F20`.

use crate::error::{Error, Result};
use calamine::{Data, Range};

/// Rows and columns, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) top: u32,
    left: u32,
    /// The last row; the sheet's where there is none.
    bottom: Option<u32>,
    right: u32,
}

impl Area {
    /// # Errors
    /// User where it is no range, or one without rows or columns.
    pub(super) fn new(text: &str) -> Result<Self> {
        let wrong = || {
            Error::user(format!("`{text}` is no range of cells"))
                .hint("write it as B3:F20, or as B3:F where it goes down to the last row")
        };
        let (first, last) = text.split_once(':').ok_or_else(wrong)?;
        let (left, top) = corner(first).ok_or_else(wrong)?;
        let (right, bottom) = corner(last).ok_or_else(wrong)?;
        let top = top.ok_or_else(wrong)?;
        match left <= right && bottom.is_none_or(|bottom| top < bottom) {
            true => Ok(Self { top, left, bottom, right }),
            false => Err(wrong()),
        }
    }

    /// That part of a sheet; nothing where the sheet does not reach it.
    pub(super) fn of(&self, sheet: &Range<Data>) -> Range<Data> {
        let Some((last, _)) = sheet.end().filter(|(last, _)| *last >= self.top) else {
            return Range::empty();
        };
        let bottom = self.bottom.map_or(last, |bottom| bottom.min(last));
        sheet.range((self.top, self.left), (bottom, self.right))
    }
}

/// The column of a cell and, where it is written, its row.
fn corner(text: &str) -> Option<(u32, Option<u32>)> {
    let text = text.trim().replace('$', "");
    let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (letters, row) = text.split_at(digits);
    // sheets have columns up to XFD
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|b| b.is_ascii_alphabetic())
    {
        return None;
    }
    let column = letters
        .bytes()
        .fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    let row = match row {
        "" => None,
        row => Some(row.parse::<u32>().ok()?.checked_sub(1)?),
    };
    Some((column - 1, row))
}

/// `A`, `B` ... `Z`, `AA` ... for 0, 1 ...
pub(super) fn column_letters(column: u32) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    match column / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", column_letters(more - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let area = Area { top: 2, left: 1, bottom: Some(19), right: 5 };
        assert_eq!(Area::new("B3:F20").unwrap(), area);
        assert_eq!(Area::new(" $b$3:$f$20").unwrap(), area);
        assert_eq!(Area::new("B3:F").unwrap(), Area { bottom: None, ..area });
        for column in [0, 25, 26, 51, 52, 701, 702, 16_383] {
            assert_eq!(corner(&column_letters(column)), Some((column, None)));
        }
        for wrong in
            ["", "B3", "B:F", "F3:B9", "B3:F3", "B3:F2", "B0:F3", "3:9", "AAAA1:B2", "B3:F9x"]
        {
            assert!(Area::new(wrong).is_err(), "{wrong}");
        }
    }
}
