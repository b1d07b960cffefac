//! What a person writes in `schemas/`: one document a file, whose first key says what it is.
//!
//! These types are the format; [`load`](super::load) turns them into the resolved model. Text
//! that is checked later keeps its place.

mod cube;
mod expect;
mod measure;

pub use cube::{
    CaptionFields, CubeDocument, DefaultMemberFields, LinkFields, MemberNameFields, NameFields,
    SetFields, TemplateBeforeFields, TemplateCumulativeFields, TemplateFields,
    TemplateRollingFields, TemplateToDateFields, ViewFields,
};
pub use expect::{AcceptedFields, ExpectFields, FreshFields, OnFailWord, SumDriftFields};
pub use measure::{
    BeforeFields, ConversionFields, ConvertFields, CorrelationFields, CountsWord, CumulativeFields,
    MeasureFields, MissingWord, OverlapFields, PercentileFields, RankFields, RateAtWord,
    RatioFields, RollingFields, ShareFields, TiesWord, ToDateFields, UnrelatedWord, WeightedFields,
    YearsBeforeFields,
};

use crate::yaml::{Document, Fault, Faults, Located, NameOr};
use serde::Deserialize;

/// Text with its place.
pub type Text = Located<String>;

/// Any document of `schemas/`.
#[derive(Debug, Clone)]
pub enum SchemaDocument {
    /// `dimension: ...`
    Dimension(Box<DimensionDocument>),
    /// `bridge: ...`
    Bridge(BridgeDocument),
    /// `fact: ...`
    Fact(FactDocument),
    /// `cube: ...`
    Cube(CubeDocument),
    /// `aggregates: ...`
    Aggregates(AggregatesDocument),
}

/// The first keys that say what a document is.
pub(super) const KINDS: [&str; 5] = ["dimension", "bridge", "fact", "cube", "aggregates"];

impl SchemaDocument {
    /// Reads a document by what its kind key says it is.
    ///
    /// # Errors
    /// Every place where it is not of the form of its kind.
    pub fn read(document: &Document) -> Result<Self, Faults> {
        match kind_of(document) {
            Some("dimension") => {
                document.parse().map(|dimension| Self::Dimension(Box::new(dimension)))
            }
            Some("bridge") => document.parse().map(Self::Bridge),
            Some("fact") => document.parse().map(Self::Fact),
            Some("cube") => document.parse().map(Self::Cube),
            Some("aggregates") => document.parse().map(Self::Aggregates),
            _ => Err(unknown_kind(document).into()),
        }
    }
}

/// Which of [`KINDS`] a document is.
pub(super) fn kind_of(document: &Document) -> Option<&'static str> {
    // A cube has `aggregates`, too, and may have a misspelt first key.
    let first = document.keys().next().map(|(key, _)| key.value);
    let has = |kind: &&str| match *kind {
        "aggregates" => first == Some("aggregates"),
        kind => document.keys().any(|(key, _)| key.value == kind),
    };
    KINDS.into_iter().find(has)
}

fn unknown_kind(document: &Document) -> Fault {
    let expected = "expected the first key to be dimension, bridge, fact, cube or aggregates";
    match document.keys().next() {
        Some((key, _)) => {
            let message = format!("unknown kind of document `{}`, {expected}", key.value);
            Fault::new(document.file(), key.place, message).suggest(key.value, KINDS)
        }
        None => Fault::new(document.file(), document.place(), expected),
    }
}

/// A conformed dimension.
#[derive(Debug, Clone, Deserialize)]
pub struct DimensionDocument {
    /// Its name.
    pub dimension: Text,
    /// What one row is.
    pub description: Option<Text>,
    /// Makes it a generated calendar, whose columns the system gives.
    pub calendar: Option<Located<CalendarFields>>,
    /// Makes it the generated times of day, whose columns the system gives.
    pub time_of_day: Option<Located<TimeOfDayFields>>,
    /// Makes it a junk dimension: its rows are the combinations of its attributes that facts bring.
    pub junk: Option<Located<bool>>,
    /// Makes it a mini-dimension: its attributes are bands of another dimension's members that change
    /// fast, its rows their combinations; a bare name is that dimension.
    pub mini_of: Option<Located<NameOr<MiniFields>>>,
    /// The columns that identify a member in its source.
    #[serde(default)]
    pub natural_key: Vec<ColumnFields>,
    /// The descriptive columns.
    #[serde(default)]
    pub attributes: Vec<AttributeFields>,
    /// Ways to roll up.
    #[serde(default)]
    pub hierarchies: Vec<HierarchyFields>,
    /// How members are one another's parents.
    pub parent_child: Option<Located<ParentChildFields>>,
    /// Whether members that only facts know of are inferred.
    pub inferred_members: Option<Located<bool>>,
    /// What must be true of its rows before they are published.
    #[serde(default)]
    pub expect: Vec<Located<ExpectFields>>,
}

/// `parent_child: {parent, description}`
#[derive(Debug, Clone, Deserialize)]
pub struct ParentChildFields {
    /// The columns that hold the parent's natural key.
    pub parent: Vec<Text>,
    /// What it means.
    pub description: Option<Text>,
}

/// `mini_of: {dimension, current}`
#[derive(Debug, Clone, Deserialize)]
pub struct MiniFields {
    /// The dimension whose members have the bands.
    pub dimension: Text,
    /// Whether its rows have, beside what they are, the key of the bands that their member has now
    /// (`current_<name>_key`).
    pub current: Option<Located<bool>>,
}

/// `calendar: {from, to, fiscal_year_start_month, retail, holidays}`
#[derive(Debug, Clone, Deserialize)]
pub struct CalendarFields {
    /// First day.
    pub from: Text,
    /// Last day.
    pub to: Text,
    /// Month in which the fiscal year begins; January where left out.
    pub fiscal_year_start_month: Option<Located<u32>>,
    /// Years of whole weeks.
    pub retail: Option<Located<RetailFields>>,
    /// The file that names holidays.
    pub holidays: Option<Text>,
    /// The time zone whose day a moment is of, such as `Europe/Berlin`: a job may then give moments as
    /// days. Without one they are refused, and become days where the job says how.
    pub time_zone: Option<Text>,
}

/// `retail: {pattern, ends, numbered_by}`
#[derive(Debug, Clone, Deserialize)]
pub struct RetailFields {
    /// Weeks of the periods of a quarter: `4-4-5`, `4-5-4` or `5-4-4`.
    pub pattern: Text,
    /// The year's last day, as `last saturday of january`.
    pub ends: Text,
    /// The calendar year whose number it bears; that of its end where left out.
    pub numbered_by: Option<NumberedBy>,
}

/// By which of its calendar years a year is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberedBy {
    /// That in which it begins.
    Begin,
    /// That in which it ends.
    End,
}

/// `time_of_day: {step_minutes, time_zone}`
#[derive(Debug, Clone, Deserialize)]
pub struct TimeOfDayFields {
    /// Minutes from one time to the next; one where left out.
    pub step_minutes: Option<Located<u16>>,
    /// The time zone in which moments are read; UTC where left out.
    pub time_zone: Option<Text>,
}

/// A column of a natural key or of a fact.
#[derive(Debug, Clone, Deserialize)]
pub struct ColumnFields {
    /// Its name.
    pub name: Text,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Text,
    /// What it means.
    pub description: Option<Text>,
    /// Whether it may be NULL.
    pub nullable: Option<Located<bool>>,
    /// The unit of its values.
    pub unit: Option<Text>,
}

/// A descriptive column of a dimension.
#[derive(Debug, Clone, Deserialize)]
pub struct AttributeFields {
    /// Its name.
    pub name: Text,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Text,
    /// What it means.
    pub description: Option<Text>,
    /// Kimball's history type: 0, 1 (where left out), 2, 3 or 6.
    pub history: Option<Located<u32>>,
    /// Whether it may be NULL; it may where left out.
    pub nullable: Option<Located<bool>>,
    /// The unit of its values.
    pub unit: Option<Text>,
    /// The column by whose values it stands in order, as `size_no` does for sizes; by itself where left
    /// out.
    pub order_by: Option<Text>,
}

/// A way to roll up.
#[derive(Debug, Clone, Deserialize)]
pub struct HierarchyFields {
    /// Its name.
    pub name: Text,
    /// Levels, coarsest first; a bare name is an attribute.
    pub levels: Vec<Located<NameOr<LevelFields>>>,
}

/// A level in full.
#[derive(Debug, Clone, Deserialize)]
pub struct LevelFields {
    /// Its name.
    pub level: Text,
    /// The attribute shown; the one of the level's name where left out.
    pub attribute: Option<Text>,
    /// The column that tells members apart.
    pub key: Option<Text>,
    /// What one member of it is, in words; as the attribute shown where left out.
    pub description: Option<Text>,
    /// Whether members below it may skip it.
    pub skippable: Option<Located<bool>>,
}

/// Which members of one dimension belong to which of another.
#[derive(Debug, Clone, Deserialize)]
pub struct BridgeDocument {
    /// Its name.
    pub bridge: Text,
    /// What it means.
    pub description: Option<Text>,
    /// The dimension that facts point to.
    pub from: Text,
    /// The dimension that it leads to.
    pub to: Text,
    /// The column of shares.
    pub weight: Option<WeightFields>,
}

/// `weight: {name, description}`
#[derive(Debug, Clone, Deserialize)]
pub struct WeightFields {
    /// The column.
    pub name: Text,
    /// What it means.
    pub description: Option<Text>,
}

/// A fact.
#[derive(Debug, Clone, Deserialize)]
pub struct FactDocument {
    /// Its name.
    pub fact: Text,
    /// What the subject is.
    pub description: Option<Text>,
    /// What one row is.
    pub grain: Text,
    /// How rows come and change.
    pub kind: FactKindWord,
    /// The dimensions in their roles; a bare name is a dimension in the role of its own name.
    pub dimensions: Vec<Located<NameOr<RoleFields>>>,
    /// Identifiers without a table of their own.
    #[serde(default)]
    pub degenerate: Vec<ColumnFields>,
    /// Numeric and other columns of the event.
    #[serde(default)]
    pub columns: Vec<ColumnFields>,
    /// Days between milestones, computed when rows are loaded.
    #[serde(default)]
    pub lags: Vec<LagFields>,
    /// The columns that identify a row.
    pub key: Vec<Text>,
    /// The calendar role by whose month rows are partitioned.
    pub partition_by_month_of: Option<Text>,
    /// Columns by which rows are sorted inside a file.
    #[serde(default)]
    pub sort_by: Vec<Text>,
    /// Columns along whose Hilbert curve rows are laid inside a file, in place of sorting them.
    #[serde(default)]
    pub cluster_by: Vec<Text>,
    /// What must be true of its rows before they are published.
    #[serde(default)]
    pub expect: Vec<Located<ExpectFields>>,
}

/// `lags: [{name, from, to, description}]`
#[derive(Debug, Clone, Deserialize)]
pub struct LagFields {
    /// The column.
    pub name: Text,
    /// The role counted from.
    pub from: Text,
    /// The role counted to.
    pub to: Text,
    /// What it means.
    pub description: Option<Text>,
}

/// Kimball's fact table types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKindWord {
    /// A row an event.
    Transaction,
    /// A row a thing and period.
    PeriodicSnapshot,
    /// A row a process.
    AccumulatingSnapshot,
    /// A row that only records that something happened.
    Factless,
}

/// A dimension in a role, in full.
#[derive(Debug, Clone, Deserialize)]
pub struct RoleFields {
    /// The role; the dimension's name where left out.
    pub role: Option<Text>,
    /// The dimension.
    pub dimension: Text,
    /// What the role means; the dimension's description where left out.
    pub description: Option<Text>,
    /// The level that the fact knows, where it knows no finer one: a month and no day, a category and no
    /// product. The key column is then `<role>_<level>_key`, but for a calendar.
    pub level: Option<Text>,
    /// Of a mini-dimension: the role of the member whose bands it has; the only role that its
    /// dimension plays where left out.
    pub of: Option<Text>,
}

/// Aggregates of a cube in a file of their own.
#[derive(Debug, Clone, Deserialize)]
pub struct AggregatesDocument {
    /// The cube.
    pub aggregates: Text,
    /// The cuboids kept ready, beside those that the cube's own document declares.
    pub keep: Vec<AggregateFields>,
}

/// A declared cuboid.
#[derive(Debug, Clone, Deserialize)]
pub struct AggregateFields {
    /// Its name.
    pub name: Text,
    /// What it is for.
    pub description: Option<Text>,
    /// The fact it summarises; the cube's only one where left out.
    pub fact: Option<Text>,
    /// Roles that it keeps as a whole.
    #[serde(default)]
    pub dimensions: Vec<Text>,
    /// SQL names of the cube columns it keeps.
    #[serde(default)]
    pub columns: Vec<Text>,
    /// The measures it keeps.
    pub measures: Vec<Text>,
}
