//! What people write of cleaning rules that have several settings.

use crate::etl::listed::Codes;
use crate::model::ColumnType;
use crate::text::{InDoubt, NameOrder, NamePart};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A regular expression and what becomes of its matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The regular expression.
    pub pattern: String,
    /// What takes the place of each match; `$1` is its first group.
    pub with: String,
}

/// A regular expression whose match is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extraction {
    /// The regular expression.
    pub pattern: String,
    /// The group to take; the only one, or the whole match, where left out.
    #[serde(default)]
    pub group: Option<usize>,
}

/// A file of codes and what they stand for, such as an export of the system that keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The file: delimited text, relative to the project.
    pub path: String,
    /// The heading of the codes; they are compared without case and space around them.
    pub code: String,
    /// The heading of what takes their place; the codes' own where it is only asked whether they
    /// are there. Where a cell is empty, the value becomes NULL.
    pub value: String,
    /// What becomes of a value that the file does not list.
    #[serde(default)]
    pub unlisted: Unlisted,
    /// The file's encoding.
    #[serde(default = "utf8")]
    pub encoding: String,
    /// The codes, once the file is read.
    #[serde(skip)]
    pub(crate) codes: Option<Arc<Codes>>,
}

/// What becomes of a value that a file of codes does not list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// It is wrong.
    #[default]
    Reject,
    /// It stays.
    Keep,
    /// It becomes NULL.
    Null,
}

/// Of which place local times are, and what becomes of those that a clock change leaves open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalTimeRule {
    /// The time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// A time that clocks showed twice, in autumn: `refuse`, `earlier` or `later`.
    #[serde(default)]
    pub ambiguous: InDoubt,
    /// A time that they never showed, in spring: `refuse`; `later` by the offset before the change,
    /// `earlier` by that after it.
    #[serde(default)]
    pub missing: InDoubt,
}

/// How telephone numbers are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneFormat {
    /// The country (two letters) of numbers without a country's code; those are wrong where it is
    /// left out.
    #[serde(default)]
    pub region: Option<String>,
}

/// How names of persons are written, and what is wanted of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonNameFormat {
    /// What is wanted: `full`, `family` or `given`.
    #[serde(default)]
    pub part: NamePart,
    /// Which name is written first: `given_first` or `family_first`.
    #[serde(default)]
    pub order: NameOrder,
}

/// How sums of money are written, and what is wanted of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoneyRule {
    /// What is wanted: `amount` or `currency`.
    #[serde(default)]
    pub part: MoneyPart,
    /// The currency of sums without one, and the meaning of signs that several share.
    #[serde(default)]
    pub currency: Option<String>,
    /// The only currency that is right.
    #[serde(default)]
    pub only: Option<String>,
    /// The decimal sign; told from the sum where left out, and refused where it cannot be.
    #[serde(default)]
    pub decimal: Option<char>,
}

/// A part of a sum of money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyPart {
    /// How much.
    #[default]
    Amount,
    /// Of what, as a code of ISO 4217.
    Currency,
}

/// A column computed from others of its row. A row for which that fails goes to quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// A SQL expression over the columns before it.
    #[serde(rename = "as")]
    pub expression: String,
}

/// Something that must hold between the columns of a row; a row for which it is false goes to
/// quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCheck {
    /// What it is about, in words; told with every row that breaks it.
    pub name: String,
    /// A boolean SQL expression over the columns, derived ones included.
    #[serde(rename = "check")]
    pub expression: String,
}

/// Which of several values of a column survives. NULL never survives a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survivor {
    /// That of the latest row, as `latest_by` says.
    MostRecent,
    /// The longest.
    MostComplete,
    /// That of the source that is trusted most.
    Priority(Priority),
}

/// Which sources are trusted most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// The column that names the source.
    pub column: String,
    /// Its values, the most trusted first; any other is trusted least.
    pub order: Vec<String>,
}

fn utf8() -> String {
    "utf-8".to_owned()
}
