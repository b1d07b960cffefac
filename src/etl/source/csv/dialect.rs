//! How a file is written, where the job does not say: by its first rows.
//!
//! The delimiter is the one under which most wanted headings are found, and the headings stand in the
//! first line that has any of them; so a job that knows its columns need not know how they are
//! written. What is unusual is told: lines above the headings, another quote than `"`. An encoding is
//! guessed only where a job asks for it (`encoding: detect`): text in a wrong one is still text.

use super::encoding::encoding;
use super::record::{Record, Records, Signs};
use super::shape::{Shape, shape};
use crate::error::{Error, Result};
use crate::etl::job::{CsvPlace, Quote};
use crate::etl::source::headings::{Wanted, heading};
use crate::etl::source::lines::{self, Lines};
use encoding_rs::Encoding;
use std::collections::BTreeMap;

/// So many bytes are looked at.
pub(super) const LOOKED_AT_BYTES: u64 = 1 << 20;
/// So many rows are looked at.
const LOOKED_AT_ROWS: usize = 1_000;
/// Headings stand within so many rows.
const ROWS_ABOVE: usize = 30;
/// What stands between cells, the most usual first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// What cells stand between, the most usual first.
const QUOTES: [char; 2] = ['"', '\''];
/// The name for an encoding that is not known.
const DETECT: &str = "detect";

/// What a job says of how its files are written.
pub(super) struct Declared {
    /// To be detected where it is not known.
    encoding: Option<&'static Encoding>,
    delimiter: Option<char>,
    quote: Option<Quote>,
    escape: Option<char>,
    comment: Option<char>,
    skip_lines: Option<u64>,
    trailing_delimiter: Option<bool>,
}

impl Declared {
    /// # Errors
    /// User where a sign means two things, or none can be meant by it, or the encoding is unknown.
    pub(super) fn new(place: &CsvPlace) -> Result<Self> {
        let quote = place.quote.and_then(Quote::sign);
        let signs = [
            ("delimiter", place.delimiter),
            ("quote", quote),
            ("escape", place.escape.filter(|escape| quote != Some(*escape))),
            ("comment", place.comment),
        ];
        for (at, (name, sign)) in signs.iter().enumerate() {
            if matches!(sign, Some('\n' | '\r')) {
                return Err(Error::user(format!("the {name} cannot be a line end")));
            }
            let same = signs[..at].iter().find(|(_, other)| sign.is_some() && other == sign);
            if let Some((other, _)) = same {
                return Err(Error::user(format!("the {other} and the {name} are the same sign")));
            }
        }
        if place.delimiter == Some('"') && place.quote.is_none() {
            return Err(Error::user("the delimiter cannot be a quote")
                .hint("say `quote: none`, if the files have none"));
        }
        Ok(Self {
            encoding: match place.encoding.as_str() {
                DETECT => None,
                name => Some(lines::encoding(name)?),
            },
            delimiter: place.delimiter,
            quote: place.quote,
            escape: place.escape,
            comment: place.comment,
            skip_lines: place.skip_lines,
            trailing_delimiter: place.trailing_delimiter,
        })
    }

    fn signs(&self, delimiter: char, quote: Option<char>) -> Signs {
        // a quote that is doubled is one anyway
        let escape = self.escape.filter(|escape| quote != Some(*escape));
        Signs { delimiter, quote, escape, comment: self.comment }
    }

    /// An error of headings that are not found, with what was declared of where they are.
    pub(super) fn doubted(&self, error: Error, look: &Look) -> Error {
        let Some(other) = &look.other else { return error };
        error.hint(format!("with {other} they are found: is the dialect declared right?"))
    }
}

/// How a file is written.
pub(super) struct Look {
    pub(super) encoding: &'static Encoding,
    pub(super) signs: Signs,
    /// Lines above the headings.
    pub(super) skip_lines: u64,
    pub(super) shape: Shape,
    /// What a person should know of it, each to be said of the file.
    pub(super) told: Vec<String>,
    /// What finds the headings where what is declared finds none.
    other: Option<String>,
}

/// Rows of the beginning of a file.
pub(super) struct Head<'h> {
    bytes: &'h [u8],
    encoding: &'static Encoding,
}

impl Head<'_> {
    /// Calls for one record after the other below some lines, as long as it says so.
    pub(super) fn each(&self, signs: Signs, skip: u64, mut take: impl FnMut(&Record<'_>) -> bool) {
        let Ok(mut lines) = Lines::new(self.bytes, self.encoding) else { return };
        for _ in 0..skip {
            if !matches!(lines.next(), Ok(Some(_))) {
                return;
            }
        }
        let mut records = Records::new(lines, signs);
        for _ in 0..LOOKED_AT_ROWS {
            match records.next() {
                Ok(Some(record)) if take(&record) => {}
                _ => return,
            }
        }
    }
}

/// How a file is written that begins so.
pub(super) fn look(head: &[u8], declared: &Declared, columns: &Wanted) -> Look {
    let mut told = Vec::new();
    let encoding = declared.encoding.unwrap_or_else(|| {
        let encoding = encoding(head);
        let name = encoding.name().to_lowercase();
        told.push(format!("was taken for {name}, which was not declared"));
        encoding
    });
    let head = Head { bytes: head, encoding };
    let mut best = best(&head, declared, columns);
    let nothing_found = best.found == 0 && !columns.is_empty();
    let other = nothing_found.then(|| other(head.bytes, declared, encoding, columns)).flatten();
    if best.skip > declared.skip_lines.unwrap_or_default() {
        let line = best.skip + 1;
        told.push(format!("has its headings in line {line}: what stands above was not read"));
    }
    let is_single = || is_single_quoted(&head, declared, &best);
    if declared.quote.is_none() && best.quote != Some(QUOTES[1]) && is_single() {
        best.quote = Some(QUOTES[1]);
    }
    if declared.quote.is_none() && best.quote == Some(QUOTES[1]) {
        told.push(format!("has cells between {} signs, which was not declared", QUOTES[1]));
    }
    let signs = declared.signs(best.delimiter, best.quote);
    let shape = shape(&head, signs, best.skip, declared.trailing_delimiter);
    Look { encoding, signs, skip_lines: best.skip, shape, told, other }
}

/// What finds all headings where what is declared finds none: other signs, or another encoding.
fn other(
    bytes: &[u8],
    declared: &Declared,
    encoding: &'static Encoding,
    columns: &Wanted,
) -> Option<String> {
    let open = Declared { delimiter: None, quote: None, skip_lines: None, ..*declared };
    let found = |declared: &Declared, encoding| {
        let best = best(&Head { bytes, encoding }, declared, columns);
        Some(best).filter(|best| best.found == columns.len())
    };
    let guess = self::encoding(bytes);
    let in_guess = || found(declared, guess).map(|_| String::new());
    let in_guess_open = || found(&open, guess).map(|best| format!(" and {}", best.in_words()));
    found(&open, encoding).map(|best| best.in_words()).or_else(|| {
        let signs = in_guess().or_else(in_guess_open).filter(|_| guess != encoding)?;
        Some(format!("`encoding: {}`{signs}", guess.name().to_lowercase()))
    })
}

/// Where headings are found, and by which signs.
struct Best {
    delimiter: char,
    quote: Option<char>,
    /// Lines above them.
    skip: u64,
    /// How many.
    found: usize,
}

impl Best {
    fn in_words(&self) -> String {
        let sign = |sign: char| if sign == '\t' { "\\t".to_owned() } else { sign.to_string() };
        let mut words = format!("`delimiter: \"{}\"`", sign(self.delimiter));
        if let Some(quote) = self.quote.filter(|quote| *quote != QUOTES[0]) {
            words += &format!(" and `quote: \"{quote}\"`");
        }
        if self.skip > 0 {
            words += &format!(" and `skip_lines: {}`", self.skip);
        }
        words
    }
}

/// The signs under which most wanted headings are found, in the first line that has any. Without
/// any, the first line and the most usual signs.
fn best(head: &Head<'_>, declared: &Declared, columns: &Wanted) -> Best {
    let delimiters = declared.delimiter.as_ref().map_or(&DELIMITERS[..], std::slice::from_ref);
    let quotes = match declared.quote {
        Some(quote) => vec![quote.sign()],
        None => QUOTES.map(Some).to_vec(),
    };
    let skip = declared.skip_lines.unwrap_or_default();
    let most_above = if declared.skip_lines.is_some() { 0 } else { ROWS_ABOVE };
    let wanted: Vec<&str> = columns.iter().map(|column| heading(column).trim()).collect();
    let mut best = Best { delimiter: delimiters[0], quote: quotes[0], skip, found: 0 };
    let pairs = quotes.iter().flat_map(|quote| delimiters.iter().map(move |sign| (*sign, *quote)));
    for (delimiter, quote) in pairs.filter(|(delimiter, quote)| *quote != Some(*delimiter)) {
        let mut above = 0;
        head.each(declared.signs(delimiter, quote), skip, |record| {
            let found = found(record, &wanted);
            let skip = if above == 0 { skip } else { record.position.line - 1 };
            // A line that happens to have one of many is no line of headings.
            let is_enough = found > 0 && (above == 0 || found * 2 >= wanted.len());
            if is_enough && (found, best.skip) > (best.found, skip) {
                best = Best { delimiter, quote, skip, found };
            }
            above += 1;
            found == 0 && above <= most_above
        });
    }
    best
}

/// How many of the wanted headings a record has.
fn found(record: &Record<'_>, wanted: &[&str]) -> usize {
    let cells = (0..record.cells.len()).filter_map(|index| record.cells.get(index));
    let have: Vec<&str> = cells.map(|name| name.trim_start_matches('\u{feff}').trim()).collect();
    wanted.iter().filter(|name| have.contains(name)).count()
}

/// Whether cells stand between single quotes: in most rows one does, all of them are closed, and none
/// stands between double ones.
fn is_single_quoted(head: &Head<'_>, declared: &Declared, best: &Best) -> bool {
    let signs = |quote| declared.signs(best.delimiter, Some(quote));
    let [mut rows, mut double, mut single, mut faults] = [0_usize; 4];
    head.each(signs(QUOTES[0]), best.skip, |record| {
        double += record.quoted;
        double == 0
    });
    head.each(signs(QUOTES[1]), best.skip, |record| {
        rows += 1;
        single += usize::from(record.quoted > 0);
        faults += usize::from(record.fault.is_some());
        double == 0
    });
    // what was looked at may end in the middle of a row
    let cut = usize::from(head.bytes.len() as u64 == LOOKED_AT_BYTES);
    double == 0 && single * 2 > rows && faults <= cut
}

/// How a file of unknown columns is written, and its headings: the signs by which most rows have as
/// many cells as others, and the first row that has as many.
///
/// # Errors
/// Those of what is declared.
pub(crate) fn of_file(head: &[u8], mut place: CsvPlace) -> Result<(CsvPlace, Vec<String>)> {
    let head = Head { bytes: head, encoding: encoding(head) };
    place.encoding = head.encoding.name().to_lowercase();
    let declared = Declared::new(&place)?;
    let usual = DELIMITERS.into_iter().rev().map(|delimiter| {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        head.each(declared.signs(delimiter, Some(QUOTES[0])), 0, |record| {
            *counts.entry(record.cells.len()).or_default() += usize::from(record.fault.is_none());
            true
        });
        let usual = counts.into_iter().filter(|(cells, _)| *cells > 1);
        let (cells, rows) = usual.max_by_key(|(_, rows)| *rows).unwrap_or((1, 0));
        (rows, cells, delimiter)
    });
    // of equals the last is the largest
    let usual = usual.max_by_key(|(rows, cells, _)| (*rows, *cells));
    let (_, cells, delimiter) = usual.unwrap_or((0, 1, DELIMITERS[0]));
    let mut best = Best { delimiter, quote: Some(QUOTES[0]), skip: 0, found: 0 };
    let mut above = 0;
    head.each(declared.signs(delimiter, best.quote), 0, |record| {
        // the headings may lack the delimiter that ends each row
        let is_above = record.cells.len() + 1 < cells;
        if !is_above && above > 0 {
            best.skip = record.position.line - 1;
        }
        above += 1;
        is_above
    });
    if is_single_quoted(&head, &declared, &best) {
        best.quote = Some(QUOTES[1]);
        place.quote = best.quote.map(Quote::Sign);
    }
    let mut headings = Vec::new();
    head.each(declared.signs(delimiter, best.quote), best.skip, |record| {
        let cells = (0..record.cells.len()).map(|at| record.cells.get(at).unwrap_or_default());
        headings = cells.map(str::to_owned).collect();
        false
    });
    place.delimiter = Some(delimiter);
    place.skip_lines = Some(best.skip).filter(|skip| *skip > 0);
    Ok((place, headings))
}
