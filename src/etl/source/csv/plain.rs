//! Plain rows: one line each, as many delimiters as there should be, no quote.

use crate::etl::source::batch::Span;
use memchr::memchr;

/// The delimiters of 64 bytes are found at once.
const STRIDE: usize = 64;

/// Finds the plain rows of a text.
pub(super) struct PlainRows<'a> {
    bytes: &'a [u8],
    /// Where all delimiters are.
    delimiters: Vec<u32>,
    /// How many of them are in a row.
    in_row: usize,
    /// The first of them that no row had yet.
    next_delimiter: usize,
    quote: Option<u8>,
    /// The next quote; the end where there is none.
    next_quote: usize,
}

/// A plain row.
pub(super) struct PlainRow<'a> {
    /// Its text without the line end.
    pub(super) text: Span,
    /// Where the next row begins.
    pub(super) next: usize,
    delimiters: &'a [u32],
    last_cell_end: u32,
}

impl PlainRow<'_> {
    /// Where a cell is.
    pub(super) fn cell(&self, index: usize) -> Span {
        let start = match index {
            0 => self.text.0,
            _ => self.delimiters[index - 1] + 1,
        };
        (start, self.delimiters.get(index).copied().unwrap_or(self.last_cell_end))
    }
}

impl<'a> PlainRows<'a> {
    /// For rows of so many cells.
    pub(super) fn new(text: &'a str, delimiter: u8, quote: Option<u8>, cells: usize) -> Self {
        let bytes = text.as_bytes();
        let first_quote = quote.and_then(|quote| memchr(quote, bytes));
        Self {
            bytes,
            delimiters: places(bytes, delimiter),
            in_row: cells - 1,
            next_delimiter: 0,
            quote,
            next_quote: first_quote.unwrap_or(bytes.len()),
        }
    }

    /// The row that begins there, if it is a plain one.
    pub(super) fn row(&mut self, start: usize) -> Option<PlainRow<'_>> {
        let bytes = self.bytes.get(start..)?;
        let end = start + memchr(b'\n', bytes)?;
        let delimiters = self.delimiters.get(self.next_delimiter..)?;
        let (own, others) = delimiters.split_at_checked(self.in_row)?;
        let all_inside = own.last().is_none_or(|last| (*last as usize) < end);
        let no_others = others.first().is_none_or(|other| *other as usize > end);
        // what begins like an empty line is not for us to judge
        let blank = matches!(bytes[0], b'\n' | b'\r');
        if !all_inside || !no_others || self.next_quote < end || blank {
            return None;
        }
        self.next_delimiter += self.in_row;
        let before = |end: usize| self.bytes[..end].ends_with(b"\r");
        let last_cell_end = end - usize::from(before(end));
        let mut text_end = last_cell_end;
        while before(text_end) {
            text_end -= 1;
        }
        let (text, last_cell_end) = ((start as u32, text_end as u32), last_cell_end as u32);
        Some(PlainRow { text, next: end + 1, delimiters: own, last_cell_end })
    }

    /// Goes on behind a row that was not plain.
    pub(super) fn skip_to(&mut self, start: usize) {
        let left = self.delimiters.get(self.next_delimiter..).unwrap_or_default();
        self.next_delimiter += left.partition_point(|at| (*at as usize) < start);
        if let Some(quote) = self.quote.filter(|_| self.next_quote < start) {
            let next = self.bytes.get(start..).and_then(|bytes| memchr(quote, bytes));
            self.next_quote = next.map_or(self.bytes.len(), |next| start + next);
        }
    }
}

/// Where a byte is among others.
fn places(bytes: &[u8], byte: u8) -> Vec<u32> {
    let mut places = Vec::with_capacity(bytes.len() / 4);
    let (strides, rest) = bytes.as_chunks::<STRIDE>();
    let mut stride_at = 0;
    for stride in strides {
        let mut mask = equal_mask(stride, byte);
        while mask != 0 {
            places.push(stride_at + mask.trailing_zeros());
            mask &= mask - 1;
        }
        stride_at += STRIDE as u32;
    }
    places.extend((stride_at..).zip(rest).filter(|(_, other)| **other == byte).map(|(at, _)| at));
    places
}

/// A bit for each byte, set where it is the one that is looked for. Written with words of 8 bytes,
/// which the compiler turns into vectors.
fn equal_mask(stride: &[u8; STRIDE], byte: u8) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    /// Moves the lowest bit of each byte into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let wanted = u64::from_le_bytes([byte; 8]);
    let (words, _) = stride.as_chunks::<8>();
    words.iter().enumerate().fold(0, |mask, (at, word)| {
        let difference = u64::from_le_bytes(*word) ^ wanted;
        let equal = !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS) >> 7;
        mask | (equal.wrapping_mul(GATHER) >> 56) << (8 * at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found() {
        for (length, byte) in [(0, 0), (63, 7), (64, 7), (65, 255), (1_000, 128)] {
            let bytes: Vec<u8> = (0..length).map(|at: u32| (at * at % 257) as u8).collect();
            let expected: Vec<u32> = (0..length).filter(|at| bytes[*at as usize] == byte).collect();
            assert_eq!(places(&bytes, byte), expected, "{length}");
        }
    }
}
