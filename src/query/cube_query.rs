//! The cube query: a multidimensional question as data (YAML or JSON).
//!
//! Columns are named as in SQL over the cube (`year`, `store_region`) or as `role.attribute`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A question to one cube.
///
/// ```yaml
/// cube: sales
/// rows: [store.region, product.product_name]
/// columns: [date.year]
/// measures: [revenue, margin_rate]
/// slice: {date.year: 2024}
/// dice: {store.country: [DE, FR], date.month: {from: 2024-01, to: 2024-06}}
/// totals: rollup
/// having: {revenue: {from: 1000}}
/// top: {n: 3, by: revenue, per: [store.region], others: true}
/// order: [{by: revenue, of: [store.region], descending: true}, {by: revenue, descending: true}]
/// limit: 20
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CubeQuery {
    /// The cube.
    pub cube: String,
    /// Columns down the side. The name of a set stands for its column, with its members alone.
    #[serde(default)]
    pub rows: Vec<String>,
    /// Columns across the top: the answer has one column a member and measure (a pivot).
    #[serde(default)]
    pub columns: Vec<String>,
    /// Any number of axes, in place of `rows`, `columns` and `totals`. The answer has a row a cell: the
    /// columns of each axis side by side, and `<axis>_position`, the place of the row's members among all
    /// that it shows of that axis.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<Axis>,
    /// For levels, members with all below them, down to another level: the levels between stand beside
    /// each other where the level stands in `rows`, `columns` or on an axis (at the end of `rows` where it
    /// does not), each member with its own values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub descendants: BTreeMap<String, Descendants>,
    /// Measures.
    #[serde(default)]
    pub measures: Vec<String>,
    /// The fact rows behind this measure, in place of values: `rows` are shown first, then what tells
    /// a row apart, the fact's own columns, and the run and sources they come from. A page has 100 rows
    /// where `limit` does not say, and 10,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_through: Option<String>,
    /// One member a column.
    #[serde(default)]
    pub slice: BTreeMap<String, serde_json::Value>,
    /// Several members, or a range, a column.
    #[serde(default)]
    pub dice: BTreeMap<String, Slice>,
    /// Subtotals.
    #[serde(default)]
    pub totals: Totals,
    /// How rows are ordered. Where not said: under `top` the best first within its `per`, else by
    /// the row columns, ascending. Equals go by the row columns; a total stands after its members,
    /// NULL last both ways.
    #[serde(default)]
    pub order: Vec<OrderBy>,
    /// Named sets, each shown as one member beside those of its column, which is in `rows` or `columns`;
    /// with `only`, in place of those. Totals are of all rows, and of each once.
    #[serde(default, skip_serializing_if = "CalculatedMembers::is_none")]
    pub calculated_members: CalculatedMembers,
    /// Members computed of the values of others, such as growth from one year to another, beside those
    /// of their column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_members: Vec<ComputedMember>,
    /// Only the best members.
    #[serde(default)]
    pub top: Option<Top>,
    /// Only rows whose measures lie in these ranges. Totals stay, and are of all rows.
    #[serde(default)]
    pub having: BTreeMap<String, MemberRange>,
    /// Only rows in which a measure has a value; a count of 0 is none.
    #[serde(default)]
    pub non_empty: bool,
    /// A row of a calendar's level, all of whose members are shown: from the first to the last day of
    /// the measures' facts, as far as the conditions on that calendar go.
    #[serde(default)]
    pub dense: Option<String>,
    /// The same measures where these columns have other members than in the row, each as
    /// `<measure>_compared`, what the row's is more, as `<measure>_change`, and that over the other, as
    /// `<measure>_growth`; the last two of numbers alone.
    #[serde(default)]
    pub compare: BTreeMap<String, serde_json::Value>,
    /// The same question at another release, compared in the same way. A row that only one of them has
    /// is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_release: Option<OtherRelease>,
    /// Where totals are asked: each measure also of the rows shown alone, as `<measure>_visible`. In a
    /// total it is computed of the members that `having`, `top` and the page leave; in a row it is the
    /// measure itself.
    #[serde(default)]
    pub visual: bool,
    /// Where totals are asked, also `level`, the number of row columns that are not aggregated away,
    /// and `grouping_id`, as SQL's `GROUPING(...)` of all of them.
    #[serde(default)]
    pub identify: bool,
    /// The currency of measures that let a question choose it (`convert: {choose: true}`); the model's
    /// where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Each measure also as people read it, by its format: `<measure>_formatted`.
    #[serde(default)]
    pub formatted: bool,
    /// The language of headings, of members in `rows` that have a name in it, and of formats: one of the
    /// cube's captions, by its code. Names stand for the same in every language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Columns that say more of the members in `rows`, such as a store's address: they make no rows of
    /// their own.
    #[serde(default)]
    pub properties: Vec<String>,
    /// At most so many rows.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Without so many of the first.
    #[serde(default)]
    pub offset: usize,
}

/// A member whose values are computed of others'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputedMember {
    /// What it is called.
    pub name: String,
    /// The column beside whose members it stands.
    pub of: String,
    /// What it is computed of, by names for the formula: a member of the column, several together, or a
    /// named set.
    pub terms: BTreeMap<String, Term>,
    /// The formula, in +, -, * and / over the terms and numbers.
    pub value: String,
}

/// A term of a computed member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a member, a list of members, or `{set: ...}`")]
pub enum Term {
    /// A named set as one.
    Set(OfSet),
    /// These members together.
    Members(Vec<serde_json::Value>),
    /// A member.
    Member(serde_json::Value),
}

impl CubeQuery {
    /// Whether members are shown that are none of their column.
    pub fn has_calculated(&self) -> bool {
        !self.calculated_members.is_none() || !self.computed_members.is_empty()
    }
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What it is called: `side`, `top`, `page` or as you like.
    pub name: String,
    /// Its columns, as in `rows`.
    pub of: Vec<String>,
    /// Its totals, beside each member of the other axes and their totals.
    #[serde(default)]
    pub totals: Totals,
}

/// Members of a level, and those below them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descendants {
    /// Of these members; of all where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<serde_json::Value>>,
    /// Down to this level.
    pub down_to: String,
    /// Which of them are shown.
    #[serde(default)]
    pub levels: Levels,
}

/// Which descendants are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// The members themselves and those of every level below them.
    #[default]
    All,
    /// Those of the last level alone.
    Last,
}

/// Named sets that are shown as members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list of sets, or `{only: [...]}`")]
pub enum CalculatedMembers {
    /// Beside the members of their column.
    Beside(Vec<String>),
    /// In place of them.
    Only(OnlyCalculated),
}

/// `calculated_members: {only: [...]}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlyCalculated {
    /// The names of sets.
    pub only: Vec<String>,
}

impl Default for CalculatedMembers {
    fn default() -> Self {
        Self::Beside(Vec::new())
    }
}

impl CalculatedMembers {
    /// The names of the sets, as asked.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Beside(names) | Self::Only(OnlyCalculated { only: names }) => names,
        }
    }

    /// Whether they stand in place of the members of their column.
    pub fn is_only(&self) -> bool {
        matches!(self, Self::Only(_))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.names().is_empty()
    }
}

/// Another release of the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OtherRelease {
    /// By its number.
    Number(u64),
    /// The one that was the last at a moment, such as `2025-03-31 18:00:00` (UTC) or `2025-03-31`.
    AsOf(String),
}

/// Which members of a column count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list of members, or `except`, `set`, or `from` and `to`")]
pub enum Slice {
    /// Any of these.
    Members(Vec<serde_json::Value>),
    /// Any but these; the missing member is among the others.
    Except(Except),
    /// Those of a named set.
    Set(OfSet),
    /// From one to another.
    Range(MemberRange),
}

/// Members that the model names together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfSet {
    /// The name.
    pub set: String,
}

/// Members left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Except {
    /// Which.
    pub except: Vec<serde_json::Value>,
}

/// A range of members, both ends included; an end left out is open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRange {
    /// First member.
    #[serde(default)]
    pub from: Option<serde_json::Value>,
    /// Last member.
    #[serde(default)]
    pub to: Option<serde_json::Value>,
}

/// Which totals stand beside the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Totals {
    /// None.
    #[default]
    None,
    /// A grand total.
    Grand,
    /// A subtotal for each leading part of `rows`, and the grand total.
    Rollup,
    /// Every combination.
    Cube,
    /// A subtotal for each of these lists of `rows`, beside the rows; `[]` is the grand total.
    Sets(Vec<Vec<String>>),
}

/// A sort key: a row column or a measure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderBy {
    /// Row column or measure.
    pub by: String,
    /// The measure of these row columns' members together, so that groups are ordered by their own
    /// value; that of the row where left out.
    #[serde(default)]
    pub of: Vec<String>,
    /// Largest first.
    #[serde(default)]
    pub descending: bool,
}

/// The best members by a measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Top {
    /// How many.
    pub n: usize,
    /// By which measure.
    pub by: String,
    /// Within each combination of these row columns.
    #[serde(default)]
    pub per: Vec<String>,
    /// Smallest instead of largest.
    #[serde(default)]
    pub bottom: bool,
    /// Members that tie with the last one are shown too; else ties fall to the row columns' order.
    #[serde(default)]
    pub with_ties: bool,
    /// All members that are not among the best are shown as one more row, whose row columns (but for
    /// `per`) are NULL and whose `is_other` is 1; measures are computed for them together.
    #[serde(default)]
    pub others: bool,
}
