//! What people write of a matching: which columns are compared and how, which records are compared
//! at all, what counts as a match.

use super::Missing;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Records of several sources that may be of the same person (or company, or product). The
/// transformation yields a row a record: its key, and the columns to compare.
///
/// The tables that come of it, for the name `customer`:
///
/// * `warehouse.match_customer`: the records with the person and the household each belongs to;
/// * `warehouse.match_customer_pairs`: pairs that match or want a look, with score and reason;
/// * `warehouse.match_customer_history`: which persons began, merged and split, and when;
/// * `warehouse.match_customer_weights`: what an agreement weighs, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchLoad {
    /// The name of what is matched.
    pub name: String,
    /// The columns that tell a record from every other; the first is its source system.
    pub record: Vec<String>,
    /// What is compared.
    pub compare: Vec<Compare>,
    /// Which records are compared: those that have the same value of at least one of these keys.
    pub block: Vec<BlockKey>,
    /// From which probability on a pair is a match, or wants a look.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// Whether one source may hold a person twice. If not, a record matches at most one of each
    /// other source.
    #[serde(default = "yes")]
    pub duplicates_within_sources: bool,
    /// The compared columns (by the first column of each) whose agreement makes a household of
    /// persons; none where left out.
    #[serde(default)]
    pub household: Vec<String>,
    /// When weights are estimated.
    #[serde(default)]
    pub estimate: Estimate,
    /// What a record that is missing from the rows means.
    #[serde(default)]
    pub missing: Missing,
    /// The source that holds what people have decided of pairs: the record columns with the
    /// prefixes `a_` and `b_`, and a boolean `same`.
    #[serde(default)]
    pub decisions: Option<String>,
    /// A key's value that more records share is compared in a window of neighbours only.
    #[serde(default = "largest_block")]
    pub largest_block: u32,
}

impl MatchLoad {
    /// The table of records and persons.
    pub fn table(&self) -> String {
        format!("match_{}", self.name)
    }

    /// All its tables: records, pairs, history, weights.
    pub fn tables(&self) -> [String; 4] {
        let table = self.table();
        let other = |what| format!("{table}_{what}");
        [table.clone(), other("pairs"), other("history"), other("weights")]
    }

    /// The columns that are compared or make keys, each once, in the order written.
    pub fn compared_columns(&self) -> Vec<&str> {
        let compared = self.compare.iter().flat_map(|compare| &compare.columns);
        let keys = self.block.iter().flat_map(|key| &key.0).map(|part| &part.column);
        let mut columns: Vec<&str> = Vec::new();
        for column in compared.chain(keys).map(String::as_str) {
            if !columns.contains(&column) && !self.record.iter().any(|own| own == column) {
                columns.push(column);
            }
        }
        columns
    }
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The column, or several that are read as one text.
    pub columns: Vec<String>,
    /// How it is compared.
    #[serde(rename = "as")]
    pub kind: Kind,
    /// The first column of another comparison with which this one may be swapped by mistake: each has
    /// the other's value.
    #[serde(default)]
    pub swapped_with: Option<String>,
    /// What each level of agreement weighs, best first, in bits: `log2` of how much likelier it is
    /// among matches than among others. Estimated from the data where left out.
    #[serde(default)]
    pub weights: Option<Vec<f64>>,
    /// Whether members of a household share it, as they do an address, often a phone and a family
    /// name, and so agree in it without being one person. Addresses where left out.
    #[serde(default)]
    pub shared: Option<bool>,
    /// Whether agreeing in a rare value says more than in a common one.
    #[serde(default = "yes")]
    pub rare_weighs_more: bool,
}

impl Compare {
    /// What people know it by.
    pub fn name(&self) -> &str {
        self.columns.first().map_or("", String::as_str)
    }

    /// Whether members of a household share it.
    pub fn is_shared(&self) -> bool {
        self.shared.unwrap_or(self.kind == Kind::Address)
    }
}

/// How two values are compared. Case, width, accents, punctuation and traditional characters never
/// make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Equal or not.
    Exact,
    /// A name of a person: Jaro-Winkler, sound (Metaphone or pinyin).
    Name,
    /// Short text: edit distance.
    Text,
    /// Words in any order: the share of them that both have, each allowing a slip.
    Tokens,
    /// A postal address: its numbers, and its words (or, in Chinese, pairs of characters).
    Address,
    /// A day: slips of one digit, day and month exchanged, the same year.
    Date,
    /// Digits of a phone or another number: slips of one digit, endings.
    Digits,
    /// A quantity: how far apart.
    Number,
}

/// From which probability on a pair counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// It is a match.
    #[serde(rename = "match", default = "match_from")]
    pub matches: f64,
    /// Somebody should look at it.
    #[serde(default = "review_from")]
    pub review: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { matches: match_from(), review: review_from() }
    }
}

/// When weights are estimated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimate {
    /// By the first run, and again when the job's text has changed: scores stay comparable.
    #[default]
    Once,
    /// By every run that brings new records; all pairs are scored anew.
    Always,
}

/// A blocking key: parts joined by `+`, such as `soundex(surname) + year(born)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BlockKey(pub Vec<KeyPart>);

/// A part of a blocking key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPart {
    /// What is taken of the column's value.
    pub take: Take,
    /// The column.
    pub column: String,
}

/// What is taken of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// All of it.
    Value,
    /// Its Soundex code.
    Soundex,
    /// Its Metaphone code.
    Metaphone,
    /// Its pinyin, without tones.
    Pinyin,
    /// The first letter of every word, or of every character's pinyin.
    Initials,
    /// Its words in alphabetical order.
    Sorted,
    /// Its first characters.
    Prefix(usize),
    /// Its last characters.
    Suffix(usize),
    /// Its digits, or the last of them.
    Digits(Option<usize>),
    /// The year of a day.
    Year,
    /// The day and month of a day.
    Birthday,
}

const TAKES: [&str; 10] = [
    "soundex",
    "metaphone",
    "pinyin",
    "initials",
    "sorted",
    "prefix",
    "suffix",
    "digits",
    "year",
    "birthday",
];

impl FromStr for KeyPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((name, rest)) = text.split_once('(') else {
            return is_name(text)
                .then(|| Self { take: Take::Value, column: text.to_owned() })
                .ok_or_else(|| wrong(text));
        };
        let inside = rest.strip_suffix(')').ok_or_else(|| wrong(text))?;
        let (column, length) = match inside.split_once(',') {
            Some((column, length)) => (column.trim(), Some(length.trim())),
            None => (inside.trim(), None),
        };
        let take = match (name.trim(), length) {
            ("soundex", None) => Take::Soundex,
            ("metaphone", None) => Take::Metaphone,
            ("pinyin", None) => Take::Pinyin,
            ("initials", None) => Take::Initials,
            ("sorted", None) => Take::Sorted,
            ("digits", None) => Take::Digits(None),
            ("digits", Some(length)) => Take::Digits(Some(characters(length)?)),
            ("year", None) => Take::Year,
            ("birthday", None) => Take::Birthday,
            ("prefix", Some(length)) => Take::Prefix(characters(length)?),
            ("suffix", Some(length)) => Take::Suffix(characters(length)?),
            ("prefix" | "suffix", None) => {
                return Err(format!("`{text}` lacks its length, as in `{name}({column}, 3)`"));
            }
            (other, _) => {
                let near = crate::error::did_you_mean(other, TAKES);
                let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
                return Err(format!("{}{near}", wrong(text)));
            }
        };
        match is_name(column) {
            true => Ok(Self { take, column: column.to_owned() }),
            false => Err(wrong(text)),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn characters(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{text}` is no number of characters"))
}

fn wrong(text: &str) -> String {
    // `[prefix(zip, 3)]` is two keys to YAML
    let is_half = text.contains('(') != text.contains(')');
    let hint = "; in a list in brackets, a key with a comma stands in quotes: \"prefix(zip, 3)\"";
    format!(
        "`{text}` is no part of a key, expected a column or one of {} of a column{}",
        TAKES.join(", "),
        if is_half { hint } else { "" }
    )
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = &self.column;
        match self.take {
            Take::Value => write!(f, "{column}"),
            Take::Soundex => write!(f, "soundex({column})"),
            Take::Metaphone => write!(f, "metaphone({column})"),
            Take::Pinyin => write!(f, "pinyin({column})"),
            Take::Initials => write!(f, "initials({column})"),
            Take::Sorted => write!(f, "sorted({column})"),
            Take::Prefix(length) => write!(f, "prefix({column}, {length})"),
            Take::Suffix(length) => write!(f, "suffix({column}, {length})"),
            Take::Digits(None) => write!(f, "digits({column})"),
            Take::Digits(Some(length)) => write!(f, "digits({column}, {length})"),
            Take::Year => write!(f, "year({column})"),
            Take::Birthday => write!(f, "birthday({column})"),
        }
    }
}

impl TryFrom<String> for BlockKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.split('+').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl From<BlockKey> for String {
    fn from(key: BlockKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join(" + "))
    }
}

fn yes() -> bool {
    true
}

fn match_from() -> f64 {
    0.95
}

fn review_from() -> f64 {
    0.5
}

fn largest_block() -> u32 {
    1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_written_back() {
        for text in [
            "surname",
            "soundex(surname) + year(born)",
            "prefix(zip, 3) + initials(name)",
            "digits(phone, 8)",
        ] {
            let key = BlockKey::try_from(text.to_owned()).unwrap();
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told() {
        let error = |text: &str| BlockKey::try_from(text.to_owned()).unwrap_err();
        assert!(error("soundx(a)").contains("did you mean `soundex`"), "{}", error("soundx(a)"));
        assert!(error("prefix(a)").contains("as in `prefix(a, 3)`"), "{}", error("prefix(a)"));
        assert!(error("prefix(a, x)").contains("no number"), "{}", error("prefix(a, x)"));
        assert!(error("a + ").contains("no part of a key"), "{}", error("a + "));
        for half in ["soundex(a", "prefix(zip", "8)"] {
            assert!(error(half).contains("stands in quotes"), "{}", error(half));
        }
        assert!(!error("a b").contains("quotes"), "{}", error("a b"));
    }
}
