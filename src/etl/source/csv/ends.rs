//! Where records end, found without taking them apart: where a line ends outside quotes. Whether a
//! quote opens a cell is told as [`Records`](super::record) tells it: it does at the start of a record
//! and after a delimiter.

use memchr::{memchr, memchr2, memrchr};

/// Where the last record ends that is seen to end; zero where none is.
pub(super) fn records_end(bytes: &[u8], delimiter: u8, quote: Option<u8>) -> usize {
    let after_line_end = |before: &[u8]| memrchr(b'\n', before).map_or(0, |at| at + 1);
    let first = quote.and_then(|quote| Some((quote, memchr(quote, bytes)?)));
    let Some((quote, first)) = first else { return after_line_end(bytes) };
    let mut end = after_line_end(&bytes[..first]);
    let mut at = end;
    while let Some(next) = memchr2(quote, b'\n', &bytes[at..]).map(|next| at + next) {
        at = next + 1;
        if bytes[next] == b'\n' {
            end = at;
        } else if next == end || bytes[next - 1] == delimiter {
            match after_closing_quote(bytes, at, quote) {
                Some(after) => at = after,
                None => break,
            }
        }
    }
    end
}

/// The place after the quote that closes a cell, if it is seen not to be half of a double one.
fn after_closing_quote(bytes: &[u8], inside: usize, quote: u8) -> Option<usize> {
    let mut at = inside;
    loop {
        let after = at + memchr(quote, &bytes[at..])? + 1;
        if *bytes.get(after)? != quote {
            return Some(after);
        }
        at = after + 1;
    }
}
