//! `system.measures`: every measure of every cube.

use super::arrays::{boolean, column, optional, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{
    Additivity, Column, ColumnType, Compared, Conversion, Counted, Cube, End, Followed, Measure,
    MeasureKind, OverTime, Period, RateAt, Ties, Whole, Window,
};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Measures;

#[async_trait]
impl SystemTable for Measures {
    fn name(&self) -> &'static str {
        "measures"
    }

    fn description(&self) -> &'static str {
        "one row a measure of a cube"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("cube", ColumnType::Text, "the cube"),
            column("measure", ColumnType::Text, "its name"),
            column("kind", ColumnType::Text, "how it is computed"),
            optional("fact", ColumnType::Text, "the fact whose rows it aggregates, if it does"),
            column("additive", ColumnType::Boolean, "whether its values may be added up"),
            column("additivity", ColumnType::Text, "over what its values add up"),
            column("approximate", ColumnType::Boolean, "whether it is an estimate by a sketch"),
            optional(
                "accuracy",
                ColumnType::Text,
                "how far the estimate may be off, where it is one",
            ),
            optional("computed_from", ColumnType::Text, "the measures it is computed from"),
            column("definition", ColumnType::Text, "what it is computed from"),
            optional("unit", ColumnType::Text, "the unit of its values"),
            column("description", ColumnType::Text, "what it means"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let cubes = source.model.cubes.iter();
        let rows: Vec<(&Cube, &Measure)> =
            cubes.flat_map(|cube| cube.measures.iter().map(move |m| (cube, m))).collect();
        let kinds = || rows.iter().map(|(_, measure)| &measure.kind);
        let uses = kinds().map(|kind| Some(kind.uses().join(", ")).filter(|uses| !uses.is_empty()));
        let uses: Vec<Option<String>> = uses.collect();
        Ok(vec![
            text(rows.iter().map(|(cube, _)| &cube.name)),
            text(rows.iter().map(|(_, measure)| &measure.name)),
            text(kinds().map(kind)),
            optional_text(kinds().map(MeasureKind::fact)),
            boolean(rows.iter().map(|(_, measure)| measure.is_additive())),
            text(rows.iter().map(|(cube, measure)| additivity(measure, cube))),
            boolean(rows.iter().map(|(cube, measure)| is_approximate(&measure.kind, cube))),
            optional_text(rows.iter().map(|(cube, measure)| accuracy(&measure.kind, cube))),
            optional_text(uses.iter().map(Option::as_deref)),
            text(kinds().map(definition)),
            optional_text(rows.iter().map(|(_, measure)| measure.unit.as_deref())),
            text(rows.iter().map(|(_, measure)| &measure.description)),
        ])
    }
}

/// The word for a kind, as in the model's YAML.
fn kind(kind: &MeasureKind) -> &'static str {
    match kind {
        MeasureKind::Sum { .. } => "sum",
        MeasureKind::Count { .. } => "count",
        MeasureKind::CountDistinct { .. } => "count_distinct",
        MeasureKind::ApproximateDistinct { .. } => "approximate_distinct",
        MeasureKind::Min { .. } | MeasureKind::SemiAdditive { rule: OverTime::Min, .. } => "min",
        MeasureKind::Max { .. } | MeasureKind::SemiAdditive { rule: OverTime::Max, .. } => "max",
        MeasureKind::Average { .. } | MeasureKind::SemiAdditive { rule: OverTime::Average, .. } => {
            "average"
        }
        MeasureKind::SemiAdditive { rule: OverTime::At { end: End::First, .. }, .. } => "first",
        MeasureKind::SemiAdditive { rule: OverTime::At { end: End::Last, .. }, .. } => "last",
        MeasureKind::Percentile { thousandths: 500, .. } => "median",
        MeasureKind::Percentile { .. } => "percentile",
        MeasureKind::ApproximatePercentile { thousandths: 500, .. } => "approximate_median",
        MeasureKind::ApproximatePercentile { .. } => "approximate_percentile",
        MeasureKind::ApproximateOverlap { .. } => "approximate_overlap",
        MeasureKind::Correlation { .. } => "correlation",
        MeasureKind::Conversion { .. } => "conversion",
        MeasureKind::Ratio { .. } => "ratio",
        MeasureKind::Calculated { .. } => "calculated",
        MeasureKind::Before { shown: Compared::Before, period: Period::Year, .. } => "years_before",
        MeasureKind::Before { shown: Compared::Before, .. } => "before",
        MeasureKind::Before { shown: Compared::Change, .. } => "change",
        MeasureKind::Before { shown: Compared::Growth, .. } => "growth",
        MeasureKind::Running { window: Window::Cumulative, .. } => "cumulative",
        MeasureKind::Running { window: Window::ToDate { .. }, .. } => "to_date",
        MeasureKind::Running { window: Window::Rolling { .. }, .. } => "rolling",
        MeasureKind::ShareOfTotal { .. } => "share_of_total",
        MeasureKind::Share { .. } => "share",
        MeasureKind::Rank { .. } => "rank",
        MeasureKind::Weighted { .. } => "weighted",
        MeasureKind::Converted { .. } => "convert",
    }
}

/// Over what values add up, in words. What is computed from others is computed anew at every total.
fn additivity(measure: &Measure, cube: &Cube) -> String {
    match &measure.additivity {
        Additivity::Additive { .. } => "additive".to_owned(),
        Additivity::WhereKnown => "additive where no part is missing".to_owned(),
        Additivity::SemiAdditive(role) => format!("over all but {role}"),
        Additivity::NotAdditive => match is_approximate(&measure.kind, cube) {
            true => "not additive, approximate".to_owned(),
            false => "not additive".to_owned(),
        },
    }
}

/// Whether a measure, or one that it is computed from, is an estimate.
fn is_approximate(kind: &MeasureKind, cube: &Cube) -> bool {
    accuracy(kind, cube).is_some()
}

/// How far an estimate may be off: a measure's own, or that of what it is computed from.
fn accuracy(kind: &MeasureKind, cube: &Cube) -> Option<&'static str> {
    match kind {
        MeasureKind::ApproximateDistinct { .. } => {
            Some("within 0.8 % two times out of three, within 2.4 % nearly always")
        }
        MeasureKind::ApproximateOverlap { .. } => Some(
            "exact up to 4096 values of each kind; beyond, within 1.6 % two times out of three, and within \
             4.8 % nearly always, of all values that have any of the kinds, times the root of the part that \
             overlaps",
        ),
        MeasureKind::ApproximatePercentile { .. } => {
            Some("within 0.4 % of the larger of the two values that it lies between")
        }
        computed => {
            let uses = computed.uses();
            let own = |kind: &MeasureKind| accuracy(kind, cube);
            let of = uses.into_iter().filter_map(|name| own(&cube.measure(name)?.kind)).next();
            let is_itself = matches!(
                computed,
                MeasureKind::Before { shown: Compared::Before, .. } | MeasureKind::Running { .. }
            );
            of.map(|of| if is_itself { of } else { "as what it is computed from" })
        }
    }
}

fn definition(kind: &MeasureKind) -> String {
    match kind {
        MeasureKind::Sum { sql, filter, .. }
        | MeasureKind::CountDistinct { sql, filter, .. }
        | MeasureKind::ApproximateDistinct { sql, filter, .. }
        | MeasureKind::Min { sql, filter, .. }
        | MeasureKind::Max { sql, filter, .. }
        | MeasureKind::Average { sql, filter, .. } => filtered(sql, filter.as_deref()),
        MeasureKind::Percentile { sql, thousandths, filter, .. }
        | MeasureKind::ApproximatePercentile { sql, thousandths, filter, .. } => {
            let share = f64::from(*thousandths) / 1000.0;
            format!("{} at {share}", filtered(sql, filter.as_deref()))
        }
        MeasureKind::ApproximateOverlap { sql, each, none, filter, .. } => {
            let sql = filtered(sql, filter.as_deref());
            let each = each.join(" and of ");
            match none.is_empty() {
                true => format!("{sql} with rows of {each}"),
                false => format!("{sql} with rows of {each}, none of {}", none.join(" nor of ")),
            }
        }
        MeasureKind::Correlation { sql, with, filter, .. } => {
            format!("{sql} with {}", filtered(with, filter.as_deref()))
        }
        MeasureKind::Count { filter, .. } => filtered("*", filter.as_deref()),
        MeasureKind::SemiAdditive { sql, over, rule, filter, .. } => {
            let sql = filtered(sql, filter.as_deref());
            match rule {
                OverTime::At { end, per } => {
                    let end = if *end == End::First { "first" } else { "last" };
                    match per.is_empty() {
                        true => format!("{sql} at the {end} {over}"),
                        false => format!("{sql} at the {end} {over} of each {}", per.join(", ")),
                    }
                }
                OverTime::Average => format!("{sql} averaged over {over}"),
                OverTime::Min => format!("{sql} on the {over} with the least"),
                OverTime::Max => format!("{sql} on the {over} with the most"),
            }
        }
        MeasureKind::Conversion { fact, counts, followed, filter } => {
            conversion(fact, *counts, followed, filter.as_deref())
        }
        MeasureKind::Ratio { numerator, denominator } => format!("{numerator} / {denominator}"),
        MeasureKind::Calculated { sql, .. } => sql.clone(),
        MeasureKind::Before { measure, over, period, periods, shown } => {
            let before = format!("{measure}, {periods} {}s before by {over}", period.word());
            match shown {
                Compared::Before => before,
                Compared::Change => format!("{measure} - ({before})"),
                Compared::Growth => format!("{measure} / ({before}) - 1"),
            }
        }
        MeasureKind::Running { measure, over, window } => match window {
            Window::Cumulative => format!("{measure}, all so far by {over}"),
            Window::ToDate { period } => format!("{measure}, {period} to date by {over}"),
            Window::Rolling { periods, period, current } => {
                let end = if *current { "so far" } else { "before" };
                format!("{measure}, {periods} of {over}'s {period} {end}")
            }
        },
        MeasureKind::Weighted { measure, role } => format!("{measure}, allocated to {role}"),
        MeasureKind::Converted { measure, conversion } => {
            let Conversion { to, rates, rate, at, refuses, .. } = conversion;
            let at = match at {
                RateAt::Day => "of the day".to_owned(),
                RateAt::Latest => "known by the day".to_owned(),
                RateAt::End(period) => format!("at the end of the {period}"),
                RateAt::Average(period) => format!("on average of the {period}"),
            };
            let missing = if *refuses { "refused" } else { "empty" };
            format!("{measure} in {to} by the {rate} of {rates} {at}; {missing} without one")
        }
        MeasureKind::ShareOfTotal { measure } => format!("{measure} / its total"),
        MeasureKind::Share { measure, role, of } => match of {
            Whole::Parent => format!("{measure} / that of the parent in {role}"),
            Whole::Level(level) => format!("{measure} / that of the {level} in {role}"),
            Whole::All => format!("{measure} / that of all of {role}"),
        },
        MeasureKind::Rank { measure, role, within, ascending, ties } => {
            let within = match within {
                Whole::All => String::new(),
                Whole::Parent => " of a parent".to_owned(),
                Whole::Level(level) => format!(" of a {level}"),
            };
            let first = if *ascending { "smallest" } else { "largest" };
            let ties = match ties {
                Ties::Same => "equals alike",
                Ties::Dense => "equals alike, without gaps",
                Ties::Order => "equals in order",
            };
            format!("the place of {measure} among {role}{within}, {first} first, {ties}")
        }
    }
}

/// `members of customer with a row of contacts, followed by one of orders within 30 days by date`
fn conversion(fact: &str, counts: Counted, followed: &Followed, filter: Option<&str>) -> String {
    let Followed { by, of, over, moments, same, periods, period, filter: of_next } = followed;
    let counted = match counts {
        Counted::Members => {
            format!("members of {} with rows of {}", of.here, filtered(fact, filter))
        }
        Counted::Events => format!("rows of {}", filtered(fact, filter)),
    };
    let next = filtered(by, of_next.as_deref());
    let of = [of].into_iter().chain(same).map(|named| named.here.as_str());
    let of = of.collect::<Vec<_>>().join(", ");
    let (over, word) = (&moments.as_ref().unwrap_or(over).here, period.word());
    format!("{counted}, followed by {next} of the same {of} within {periods} {word}s by {over}")
}

fn filtered(sql: &str, filter: Option<&str>) -> String {
    match filter {
        Some(condition) => format!("{sql} where {condition}"),
        None => sql.to_owned(),
    }
}
