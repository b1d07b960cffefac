//! A job as people write it: where rows come from, how they are cleaned, what becomes of them.

mod access;
mod allowance;
mod attempts;
mod contract;
mod csv;
mod lookup;
pub mod matching;
mod place;
mod rules;
mod secret;
mod strategy;

pub use access::{Access, AzAccess, Basic, GsAccess, HttpAccess, S3Access};
pub use allowance::Allowance;
pub use attempts::Attempts;
pub use contract::{Contract, OnDrift};
pub use csv::{CsvPlace, Quote};
pub use lookup::{FillPrevious, Lookup, MustExist, Otherwise};
pub use matching::MatchLoad;
pub use place::{
    ApiPlace, ByCursor, ByOffset, ByPage, ByUrl, ExcelPlace, FilePlace, FlightSqlPlace, From,
    IfEmpty, JsonLinesPlace, JsonPlace, MysqlPlace, NoMore, Paging, PostgresqlPlace, SqlitePlace,
    Tls,
};
pub use rules::{
    Derived, Extraction, LocalTimeRule, MoneyPart, MoneyRule, PersonNameFormat, PhoneFormat,
    Priority, Reference, Replacement, RowCheck, Survivor, Unlisted,
};
pub use secret::{Secret, Setting};
pub use strategy::{Changes, Snapshot, Strategy, Watermark};

use crate::model::ColumnType;
use crate::text::{AddressPart, Case};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The columns that a source with `audit` has beside its own, with their types: the file and line
/// that a row stood in, and the share of the columns read that have a value, and a right one.
pub(crate) const AUDIT_COLUMNS: [(&str, ColumnType); 2] =
    [("audit_key", ColumnType::Text), ("quality", ColumnType::Float64)];

/// One job: sources, a transformation in SQL, one table to load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its name, unique in the project.
    pub job: String,
    /// What it does, in words.
    pub description: String,
    /// Where its rows come from; may be empty if the transformation reads only the warehouse.
    #[serde(default)]
    pub sources: Vec<SourceSpec>,
    /// SQL over the sources (by name) and over `warehouse.*` as this run has loaded it so far;
    /// the only source, unchanged, where left out.
    #[serde(default)]
    pub transform: Option<String>,
    /// Which of several rows with the same key stays of those that the transformation yields: of all
    /// sources together, as far as this run has read them. Of rows that are as late, the one with the
    /// larger values stays.
    #[serde(default)]
    pub deduplicate: Option<Deduplicate>,
    /// How many rows of its sources may be rejected (`100`, or `1 %` of those read) before the
    /// run fails and publishes nothing; any number where left out.
    #[serde(default)]
    pub reject_at_most: Option<Allowance>,
    /// How often it is tried again when it failed for something that may pass: a database that
    /// does not answer, a disk that is busy. Twice where left out.
    #[serde(default)]
    pub retries: Option<u32>,
    /// Seconds until then, one where left out; twice as long after each further failure.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
    /// Seconds that one attempt may take; as long as it takes where left out.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// What becomes of the rows.
    pub load: LoadSpec,
}

/// A source: a place, its columns, and how they are cleaned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Its name: the table that the transformation reads.
    pub name: String,
    /// The place and its format.
    pub from: From,
    /// Which of the place's content is read.
    #[serde(default)]
    pub strategy: Strategy,
    /// What the source may do that was not agreed on, and what happens then.
    #[serde(default)]
    pub contract: Option<Contract>,
    /// Whether a place that holds nothing yet is an error.
    #[serde(default)]
    pub optional: bool,
    /// The columns wanted, in order, with their types and rules.
    pub columns: Vec<SourceColumn>,
    /// More columns, computed from those once they are clean.
    #[serde(default)]
    pub derive: Vec<Derived>,
    /// What must hold between the columns of a row.
    #[serde(default)]
    pub checks: Vec<RowCheck>,
    /// What must be found in a table of the warehouse or in another source.
    #[serde(default)]
    pub must_exist: Vec<MustExist>,
    /// Whether each row tells where it stood (`audit_key`, its file and line) and which share of
    /// the columns read has a right value (`quality`, 0 to 1): two columns more.
    #[serde(default)]
    pub audit: bool,
    /// Which of several rows with the same key stays.
    #[serde(default)]
    pub deduplicate: Option<Deduplicate>,
}

impl SourceSpec {
    /// The columns it yields, with their types: those read, those derived, those of the audit.
    pub fn yields(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let read = self.columns.iter().map(|column| (column.name.as_str(), column.ty));
        let derived = self.derive.iter().map(|column| (column.name.as_str(), column.ty));
        let audit = AUDIT_COLUMNS.into_iter().filter(|_| self.audit);
        read.chain(derived).chain(audit)
    }
}

/// A column of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceColumn {
    /// Its name in the transformation.
    pub name: String,
    /// Its heading in the source, where that differs.
    #[serde(default)]
    pub from: Option<String>,
    /// The type it gets after its rules.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Rules, applied in order, before the value takes its type.
    #[serde(default)]
    pub clean: Vec<Rule>,
    /// What happens to a row whose value breaks a rule or does not fit the type.
    #[serde(default)]
    pub on_error: OnError,
}

/// What happens to a row with a bad value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The whole row goes to quarantine.
    #[default]
    Reject,
    /// The value becomes NULL; the row stays.
    Null,
}

/// A cleaning rule. Every rule passes NULL through, but for `required` and those that fill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Cuts space at both ends and folds inner runs of space into one.
    Trim,
    /// `upper`, `lower` or `title` case.
    Case(Case),
    /// Unicode NFKC: full-width letters and digits, ligatures, compatibility forms.
    Nfkc,
    /// These texts (compared without case) mean NULL.
    NullIf(Vec<String>),
    /// Replaces codes by others (compared without case); a value not listed stays.
    Map(BTreeMap<String, String>),
    /// Replaces codes by what a file says they stand for.
    MapFrom(Reference),
    /// Only these values (after earlier rules) are right.
    OneOf(Vec<String>),
    /// NULL is wrong.
    Required,
    /// NULL becomes this text.
    Fill(String),
    /// NULL becomes the value of a SQL expression over the source's columns.
    FillExpression(String),
    /// NULL becomes the value of the nearest row before that has one.
    FillPrevious(FillPrevious),
    /// NULL becomes what a table or another source has for other columns of the row; it stays NULL
    /// where they are not there.
    FillLookup(Box<Lookup>),
    /// Must match this regular expression as a whole.
    Matches(String),
    /// The value as its type must lie in this range.
    Range(ValueRange),
    /// A number as written in a locale: `1.234,56`.
    Number(NumberFormat),
    /// Months and days named in this language (`de`, `fr`, `es`, `zh` ...) are named in English, as
    /// date formats read them.
    DateNames(String),
    /// A date or moment in one of these formats (strftime); the first that fits.
    DateFormats(Vec<String>),
    /// A time as clocks showed it somewhere becomes its moment. One with an offset is that moment.
    TimeZone(LocalTimeRule),
    /// What matches a regular expression becomes something else.
    Replace(Replacement),
    /// The part that matches a regular expression; NULL where nothing does.
    Extract(Extraction),
    /// A telephone number as E.164 writes it: `+4930123456`.
    Phone(PhoneFormat),
    /// An e-mail address in lower case.
    Email,
    /// A name of a person without titles, or its family or given name.
    PersonName(PersonNameFormat),
    /// A part of a postal address; NULL where it does not have it.
    Address(AddressPart),
    /// The amount of a sum of money as a number, or its currency's code.
    Money(MoneyRule),
    /// As it is compared: lower case, without accents, width and punctuation, simplified.
    Fold,
    /// Simplified in place of traditional Chinese characters.
    Simplified,
}

/// Inclusive bounds, written as the column's type is written in CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRange {
    /// Smallest right value.
    #[serde(default)]
    pub min: Option<String>,
    /// Largest right value.
    #[serde(default)]
    pub max: Option<String>,
}

/// How numbers are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberFormat {
    /// The decimal sign.
    pub decimal: char,
    /// The sign between groups of digits.
    #[serde(default)]
    pub group: Option<char>,
}

/// Which of several rows with the same key stays; the others are counted, not quarantined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deduplicate {
    /// The key columns, compared as a tuple.
    pub key: Vec<String>,
    /// The row with the largest value here stays; the last read where left out or equal.
    #[serde(default)]
    pub latest_by: Option<String>,
    /// Columns whose values survive by a rule of their own; the others are those of the row that
    /// stays.
    #[serde(default)]
    pub survivors: BTreeMap<String, Survivor>,
}

/// What becomes of a job's rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadSpec {
    /// They are a dimension's members.
    Dimension(DimensionLoad),
    /// They are a fact's rows.
    Fact(FactLoad),
    /// They say which members of one dimension belong to which of another.
    Bridge(BridgeLoad),
    /// They are records of persons, to be matched.
    Match(Box<MatchLoad>),
}

/// How members enter a dimension. The transformation yields the natural key columns and the
/// attributes by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionLoad {
    /// The dimension.
    pub dimension: String,
    /// The column that says since when the row's values hold; the run's time where left out. The
    /// first version of a member holds since the beginning of time all the same.
    #[serde(default)]
    pub effective_at: Option<String>,
    /// What a member that is missing from the rows means.
    #[serde(default)]
    pub missing: Missing,
    /// With `missing: close` or `hard`: the share of the members that one run may close, 0 to 1,
    /// half where left out. A snapshot that misses more is taken for a broken one and refused.
    #[serde(default = "half")]
    pub close_at_most: f64,
    /// With `missing: close` or `hard`: rejected rows that do not say whose they are may be those of
    /// missing members, so nobody is closed while there are any, or more than this: a number of
    /// lines, or a share of the rows read like `1 %`. A row that could not be read counts as all its
    /// lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unnamed_at_most: Option<Allowance>,
    /// A boolean SQL expression over the rows: those for which it is true say that their member
    /// was deleted.
    #[serde(default)]
    pub delete_when: Option<String>,
    /// With `delete_when`: what becomes of such a member.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// What becomes of a member that rows say was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// Its version ends then; facts that came before keep it.
    #[default]
    Close,
    /// Nothing: the warehouse remembers what the source has deleted.
    Keep,
    /// All its versions leave the table, and its facts go to the unknown member.
    Hard,
}

/// What a member missing from the rows means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing: the rows are not all members.
    #[default]
    Keep,
    /// It was deleted at the source: its current version ends at the run's time. Nobody is closed
    /// while rejected rows do not say whose they are (`unnamed_at_most`).
    Close,
    /// It was deleted at the source: all its versions leave the table, and its facts go to the
    /// unknown member. Nobody leaves while rejected rows do not say whose they are
    /// (`unnamed_at_most`).
    Hard,
}

/// How rows enter a fact. The transformation yields the fact's own columns by name and, for each
/// role, the natural key of its dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactLoad {
    /// The fact.
    pub fact: String,
    /// How rows meet those already there.
    pub mode: FactMode,
    /// The moment (timestamp or date column) at which dimension versions are looked up.
    pub event_at: String,
    /// For each role: which columns of the rows hold the natural key of the dimension, in the
    /// order of that key. A calendar role takes one date column. A NULL natural key means "not
    /// applicable", one that no member has means "unknown". The flags of a junk dimension are in
    /// columns of their own names where its role is left out; a mini-dimension's role is.
    pub keys: BTreeMap<String, Vec<String>>,
    /// A boolean SQL expression over the rows: those for which it is true delete the row with
    /// their key instead (upsert only).
    #[serde(default)]
    pub delete_when: Option<String>,
    /// Whether no rows at all may take the place of those there (replace only). A source that
    /// holds nothing is more often broken than true.
    #[serde(default)]
    pub may_be_empty: bool,
}

/// How rows enter a bridge: they are all of it. The transformation yields the natural keys of both
/// dimensions, and the shares by the name of the bridge's column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeLoad {
    /// The bridge.
    pub bridge: String,
    /// Which columns of the rows hold the natural key of the member it leads from.
    pub from: Vec<String>,
    /// Which columns hold that of the member it leads to.
    pub to: Vec<String>,
    /// Whether no rows at all may take the place of those there.
    #[serde(default)]
    pub may_be_empty: bool,
}

/// How rows meet those already in the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactMode {
    /// They are new. A key seen before is an error.
    Append,
    /// They replace rows with the same key.
    Upsert,
    /// They are the whole fact.
    Replace,
    /// They are the whole of each partition that holds one of them.
    OverwritePartitions,
}

fn half() -> f64 {
    0.5
}
