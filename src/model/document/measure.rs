//! The form of measures.

use super::Text;
use crate::yaml::Located;
use serde::Deserialize;

/// A measure: exactly one of the keys from `sum` on says how it is computed.
#[derive(Debug, Clone, Deserialize)]
pub struct MeasureFields {
    /// Its name.
    pub name: Text,
    /// What it means.
    pub description: Option<Text>,
    /// The unit of its values.
    pub unit: Option<Text>,
    /// How its values are written for people: `#,##0.00 EUR`, `0.0%`.
    pub format: Option<Text>,
    /// The fact aggregated; the cube's only one where left out.
    pub fact: Option<Text>,
    /// SQL condition on the rows that count.
    pub filter: Option<Text>,
    /// What is answered along dimensions that the fact does not have; nothing is, where left out.
    pub unrelated: Option<Located<UnrelatedWord>>,
    /// Sum of a column or expression.
    pub sum: Option<Text>,
    /// Number of rows.
    pub count: Option<Located<bool>>,
    /// Number of different values, or of different members of a role.
    pub count_distinct: Option<Text>,
    /// Smallest value.
    pub min: Option<Text>,
    /// Largest value.
    pub max: Option<Text>,
    /// Mean of the values that are not NULL.
    pub average: Option<Text>,
    /// Sum at the last date of each period; with `over`.
    pub last: Option<Text>,
    /// Sum at the first date of each period; with `over`.
    pub first: Option<Text>,
    /// The calendar role over which `first` and `last` pick a date, and over whose days `average`,
    /// `min` and `max` go where it is given.
    pub over: Option<Text>,
    /// Roles and columns each of whose combinations has a first or last date of its own; one for
    /// everybody where left out.
    #[serde(default)]
    pub per: Vec<Text>,
    /// The value in the middle.
    pub median: Option<Text>,
    /// The value below which a share of the values lies.
    pub percentile: Option<Located<PercentileFields>>,
    /// About the value in the middle, by a sketch that aggregates can keep.
    pub approximate_median: Option<Text>,
    /// About the value below which a share of the values lies, by the same sketch.
    pub approximate_percentile: Option<Located<PercentileFields>>,
    /// About how many different values, or members of a role, by a sketch.
    pub approximate_distinct: Option<Text>,
    /// About how many different values, or members of a role, have rows of each of some kinds and of
    /// none of others, by a sketch.
    pub approximate_overlap: Option<Located<OverlapFields>>,
    /// How two columns go together.
    pub correlation: Option<Located<CorrelationFields>>,
    /// How many members have an event that is followed by one of another fact in time.
    pub conversion: Option<Located<ConversionFields>>,
    /// One measure over another.
    pub ratio: Option<Located<RatioFields>>,
    /// SQL over other measures.
    pub calculated: Option<Text>,
    /// Another measure, years before.
    pub years_before: Option<Located<YearsBeforeFields>>,
    /// Another measure, some periods before.
    pub before: Option<Located<BeforeFields>>,
    /// Another measure less itself some periods before.
    pub change: Option<Located<BeforeFields>>,
    /// That change over the earlier value.
    pub growth: Option<Located<BeforeFields>>,
    /// Another measure from the beginning of a period.
    pub to_date: Option<Located<ToDateFields>>,
    /// Another measure over some periods.
    pub rolling: Option<Located<RollingFields>>,
    /// Another measure from the first day on.
    pub cumulative: Option<Located<CumulativeFields>>,
    /// Another measure's share of its total.
    pub share_of_total: Option<Text>,
    /// Another measure's share of a larger part of a dimension.
    pub share: Option<Located<ShareFields>>,
    /// Another measure's place among the members of a dimension.
    pub rank: Option<Located<RankFields>>,
    /// Another measure's money in one currency.
    pub convert: Option<Located<ConvertFields>>,
    /// Another measure, allocated by the weights of a bridge.
    pub weighted: Option<Located<WeightedFields>>,
}

/// What a measure does along dimensions that its fact does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnrelatedWord {
    /// Refuses the question.
    Refuse,
    /// Repeats its value for each of their members.
    Repeat,
}

/// `ratio: {of, to}`
#[derive(Debug, Clone, Deserialize)]
pub struct RatioFields {
    /// The measure above.
    pub of: Text,
    /// The measure below.
    pub to: Text,
}

/// `years_before: {measure, over, years}`
#[derive(Debug, Clone, Deserialize)]
pub struct YearsBeforeFields {
    /// The other measure.
    pub measure: Text,
    /// The calendar role.
    pub over: Text,
    /// How many years; one where left out.
    pub years: Option<Located<u32>>,
}

/// `percentile: {of, at}`, `approximate_percentile: {of, at}`
#[derive(Debug, Clone, Deserialize)]
pub struct PercentileFields {
    /// The column or expression.
    pub of: Text,
    /// The share, between 0 and 1, to the thousandth.
    pub at: Located<f64>,
}

/// `approximate_overlap: {of, each, none}`
#[derive(Debug, Clone, Deserialize)]
pub struct OverlapFields {
    /// A column, an expression, or a role, whose members are counted.
    pub of: Text,
    /// Conditions on the fact's columns, each of which holds for a row of what is counted.
    pub each: Vec<Text>,
    /// Conditions of which none holds for a row of what is counted.
    #[serde(default)]
    pub none: Vec<Text>,
}

/// `correlation: {of, with}`
#[derive(Debug, Clone, Deserialize)]
pub struct CorrelationFields {
    /// A column or expression.
    pub of: Text,
    /// Another one.
    pub with: Text,
}

/// `conversion: {of, to, over, by, periods, filter, same, counts}`
#[derive(Debug, Clone, Deserialize)]
pub struct ConversionFields {
    /// The role of the members whose events are looked for in both facts, such as customers.
    pub of: Text,
    /// The fact of the events that follow.
    pub to: Text,
    /// The calendar role of the events' days.
    pub over: Text,
    /// Of what the span of time is: a level of the calendar; of moments also `hour` and `minute`.
    pub by: Text,
    /// How many of them, from the event's own day, or moment, on.
    pub periods: Located<u32>,
    /// The timestamp column of the fact that says when its events were, to the moment; they are told by
    /// days where left out.
    pub moment: Option<Text>,
    /// That of the events that follow; the one of the same name where left out.
    pub moment_after: Option<Text>,
    /// SQL condition on the events that follow.
    pub filter: Option<Text>,
    /// Roles and columns of both facts that must be the same as well, such as the product.
    #[serde(default)]
    pub same: Vec<Text>,
    /// What is counted; members, where left out.
    pub counts: Option<Located<CountsWord>>,
}

/// What a conversion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountsWord {
    /// The members who have an event that is followed, each once: they do not add up.
    Members,
    /// The events that are followed, each once: they add up.
    Events,
}

/// `before: {measure, over, by, periods}`
#[derive(Debug, Clone, Deserialize)]
pub struct BeforeFields {
    /// The other measure.
    pub measure: Text,
    /// The calendar role.
    pub over: Text,
    /// Which period: a level of the calendar.
    pub by: Text,
    /// How many; one where left out.
    pub periods: Option<Located<u32>>,
}

/// `to_date: {measure, over, by}`
#[derive(Debug, Clone, Deserialize)]
pub struct ToDateFields {
    /// The other measure.
    pub measure: Text,
    /// The calendar role.
    pub over: Text,
    /// The period at whose first day it begins: a level of the calendar.
    pub by: Text,
}

/// `rolling: {measure, over, by, periods, current}`
#[derive(Debug, Clone, Deserialize)]
pub struct RollingFields {
    /// The other measure.
    pub measure: Text,
    /// The calendar role.
    pub over: Text,
    /// Which period: a level of the calendar.
    pub by: Text,
    /// How many.
    pub periods: Located<u32>,
    /// Whether the period under way is one of them; it is where left out.
    pub current: Option<Located<bool>>,
}

/// `cumulative: {measure, over}`
#[derive(Debug, Clone, Deserialize)]
pub struct CumulativeFields {
    /// The other measure.
    pub measure: Text,
    /// The calendar role.
    pub over: Text,
}

/// `share: {measure, over, of}`
#[derive(Debug, Clone, Deserialize)]
pub struct ShareFields {
    /// The other measure.
    pub measure: Text,
    /// The role of the dimension.
    pub over: Text,
    /// `parent`, `all`, or a level of the dimension.
    pub of: Text,
}

/// `rank: {measure, over, within, ascending, ties}`
#[derive(Debug, Clone, Deserialize)]
pub struct RankFields {
    /// The other measure.
    pub measure: Text,
    /// The role of the dimension whose members are ranked.
    pub over: Text,
    /// `parent`, `all`, or a level of the dimension; all where left out.
    pub within: Option<Text>,
    /// Whether the smallest comes first; the largest does where left out.
    pub ascending: Option<Located<bool>>,
    /// What equals have; the same rank where left out.
    pub ties: Option<Located<TiesWord>>,
}

/// The ranks of equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TiesWord {
    /// The same one: 1, 1, 3.
    Same,
    /// The same one, and none is left out: 1, 1, 2.
    Dense,
    /// Each its own, by the columns shown: 1, 2, 3.
    Order,
}

/// `convert: {measure, from, to, over, rates, at, by, missing}`
#[derive(Debug, Clone, Deserialize)]
pub struct ConvertFields {
    /// The other measure.
    pub measure: Text,
    /// The currency of a row's amounts: a column of the measure's fact, or SQL over its columns.
    pub from: Text,
    /// The currency converted to.
    pub to: Text,
    /// Whether a question may choose another; it may not where left out.
    pub choose: Option<Located<bool>>,
    /// The calendar role of a row's day.
    pub over: Text,
    /// The fact of rates, whose key is a day and two currencies.
    pub rates: Text,
    /// Its column of rates; `rate` where left out.
    pub rate: Option<Text>,
    /// Its column with the currency converted from; `from_currency` where left out.
    pub source: Option<Text>,
    /// Its column with the currency converted to; `to_currency` where left out.
    pub target: Option<Text>,
    /// Which rate a day has; its own where left out.
    pub at: Option<Located<RateAtWord>>,
    /// With `end` and `average`: of which period, a level of the calendar.
    pub by: Option<Text>,
    /// What becomes of amounts without a rate; they are refused where left out.
    pub missing: Option<Located<MissingWord>>,
}

/// Which rate a day has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateAtWord {
    /// Its own.
    Day,
    /// The last one known by then.
    Latest,
    /// The last one of its period.
    End,
    /// The mean of its period.
    Average,
}

/// What becomes of amounts without a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingWord {
    /// The question is refused.
    Refuse,
    /// What they are a part of is NULL.
    Empty,
}

/// `weighted: {measure, over}`
#[derive(Debug, Clone, Deserialize)]
pub struct WeightedFields {
    /// The other measure.
    pub measure: Text,
    /// The role of the link.
    pub over: Text,
}
