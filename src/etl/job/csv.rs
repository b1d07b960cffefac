//! Delimited text, and how it is written.

use super::Access;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Delimited text files. How they are written is seen by their first rows where it is left out, and
/// told where it is unusual; what is declared holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvPlace {
    /// Path, with `*` for several.
    pub path: String,
    /// The encoding's name (`utf-8`, `gb18030`, `windows-1252` ...), or `detect`; a BOM wins.
    #[serde(default = "utf8")]
    pub encoding: String,
    /// What stands between cells; the one of `,`, `;`, tab and `|` under which most of the columns are
    /// found where left out.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// The sign that cells may stand between, twice where it is part of one: `"` where left out, or
    /// `'` where most rows show that it is that.
    #[serde(default)]
    pub quote: Option<Quote>,
    /// The sign before a quote, a delimiter, a line end or itself that makes it part of the cell
    /// (`\`); before anything else it is text like any other. None where left out.
    #[serde(default)]
    pub escape: Option<char>,
    /// The sign that a line begins with which is no row (`#`). None where left out.
    #[serde(default)]
    pub comment: Option<char>,
    /// Lines above the headings. Where left out, those above the first line that has columns'
    /// headings, if none of them has one.
    #[serde(default)]
    pub skip_lines: Option<u64>,
    /// Whether each row ends with a delimiter behind which there is no cell. Seen by the rows where
    /// left out.
    #[serde(default)]
    pub trailing_delimiter: Option<bool>,
    /// How a path that is a URL is reached.
    #[serde(default)]
    pub access: Option<Access>,
}

impl CsvPlace {
    /// Files of which nothing but the encoding is known.
    pub(crate) fn new(path: String, encoding: String) -> Self {
        Self {
            path,
            encoding,
            delimiter: None,
            quote: None,
            escape: None,
            comment: None,
            skip_lines: None,
            trailing_delimiter: None,
            access: None,
        }
    }
}

/// What cells may stand between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Quote {
    /// A sign.
    Sign(char),
    /// Nothing: quotes are part of cells.
    None,
}

impl Quote {
    /// The sign, where there is one.
    pub(crate) fn sign(self) -> Option<char> {
        match self {
            Self::Sign(sign) => Some(sign),
            Self::None => None,
        }
    }
}

const NONE: &str = "none";

impl TryFrom<String> for Quote {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut signs = text.chars();
        match (signs.next(), signs.next()) {
            (Some(sign), None) => Ok(Self::Sign(sign)),
            _ if text == NONE => Ok(Self::None),
            _ => Err(format!("`{text}` is no quote: expected one sign, or `{NONE}`")),
        }
    }
}

impl From<Quote> for String {
    fn from(quote: Quote) -> Self {
        quote.to_string()
    }
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sign(sign) => write!(f, "{sign}"),
            Self::None => f.write_str(NONE),
        }
    }
}

fn utf8() -> String {
    "utf-8".to_owned()
}
