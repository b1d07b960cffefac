//! Measures: what may be asked, and how it adds up.

use super::{Additivity, Conversion, Counted, Followed, Format, Period};

/// A measure of a cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its name, unique in the cube.
    pub name: String,
    /// What it means, in words.
    pub description: String,
    /// The unit of its values (`EUR`, `hours`, `%`), if any.
    pub unit: Option<String>,
    /// Whether its value is repeated along dimensions that its fact does not have, instead of being
    /// refused there.
    pub repeats: bool,
    /// How its values are written for people; with two decimals at most where it is not
    /// said.
    pub format: Option<Format>,
    /// How it is computed.
    pub kind: MeasureKind,
    /// How its values add up.
    pub additivity: Additivity,
}

/// How a measure is computed. `sql` strings are scalar SQL expressions over the fact's own
/// columns; `measure` strings name other measures of the cube.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasureKind {
    /// Additive: the sum of an expression.
    Sum {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Additive: rows that satisfy the filter.
    Count {
        /// The fact aggregated.
        fact: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Not additive: how many different non-NULL values. `sql` may also be the name of a role,
    /// meaning the different members of that dimension (its durable keys).
    CountDistinct {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Smallest value.
    Min {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Largest value.
    Max {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Sum of the expression over count of its non-NULL values.
    Average {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Semi-additive: adds up over everything but the calendar. The period is what the question
    /// groups and filters by of that role.
    SemiAdditive {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// The role of the calendar.
        over: String,
        /// What a period has of its days.
        rule: OverTime,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Not additive: the value below which a share of the values lies, exact, interpolated between
    /// its neighbours; in double precision.
    Percentile {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// The share in thousandths: 500 is the median.
        thousandths: u32,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Not additive: about that value, by a sketch of how the values are distributed; as
    /// [`Self::Percentile`] otherwise.
    ApproximatePercentile {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// The share in thousandths: 500 is the median.
        thousandths: u32,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Not additive: about how many different non-NULL values, by a HyperLogLog sketch; as
    /// [`Self::CountDistinct`] otherwise.
    ApproximateDistinct {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Not additive: about how many different values have rows of each of some kinds, and of none of
    /// others, by theta sketches; values as those of [`Self::CountDistinct`].
    ApproximateOverlap {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// SQL conditions, each of which holds for a row of the value.
        each: Vec<String>,
        /// SQL conditions, none of which holds for a row of the value.
        none: Vec<String>,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Not additive: Pearson's coefficient of correlation of two expressions, over rows that have
    /// both.
    Correlation {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// The other expression.
        with: String,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// How many members, or events, are followed by an event of another fact within a span of time;
    /// of the date and the dimensions of the event that is followed.
    Conversion {
        /// The fact of the events that may be followed.
        fact: String,
        /// What is counted.
        counts: Counted,
        /// By what they are followed.
        followed: Followed,
        /// Only rows for which this SQL condition holds.
        filter: Option<String>,
    },
    /// Numerator over denominator, divided last; NULL where the denominator is zero or NULL.
    Ratio {
        /// The measure above.
        numerator: String,
        /// The measure below.
        denominator: String,
    },
    /// A scalar SQL expression over other measures of the cube, by name.
    Calculated {
        /// The expression.
        sql: String,
        /// The measures it names.
        uses: Vec<String>,
    },
    /// Another measure, so many periods before, over the same part of the period: each past day
    /// counts as the day so many periods later (29 February as 28 February, the 31st as the last of a
    /// shorter month), and days after the fact's last one stand for nothing. NULL where nothing was
    /// there then, counts included.
    Before {
        /// The other measure.
        measure: String,
        /// The role of the calendar.
        over: String,
        /// Which period.
        period: Period,
        /// How many of them.
        periods: u32,
        /// The earlier value itself, or the present one compared with it.
        shown: Compared,
    },
    /// Another measure over a window of days that ends with the last day of the row's period: what
    /// the question groups and filters by of that calendar decides the period, and nothing else.
    Running {
        /// The other measure.
        measure: String,
        /// The role of the calendar.
        over: String,
        /// Which days.
        window: Window,
    },
    /// Another measure's value over its value for a larger part of one dimension, all others kept.
    Share {
        /// The other measure.
        measure: String,
        /// The role of the dimension.
        role: String,
        /// The larger part.
        of: Whole,
    },
    /// Another measure, each row's part allocated to the members of a link by the bridge's weights,
    /// so that members add up to the total. In double precision.
    Weighted {
        /// The other measure.
        measure: String,
        /// The role of the link.
        role: String,
    },
    /// Not additive: the place of another measure's value among those of the members of one dimension
    /// that the question shows, all other members kept the same: before `having`, `top` and paging.
    /// The first has rank 1. NULL where the measure has no value, and where no member of the dimension
    /// is shown, as in its total.
    Rank {
        /// The other measure.
        measure: String,
        /// The role of the dimension.
        role: String,
        /// The part of the dimension within which members are ranked.
        within: Whole,
        /// Smallest first.
        ascending: bool,
        /// What equals have.
        ties: Ties,
    },
    /// Another measure's money in one currency: each row's amount at the rate of its day, then added up.
    Converted {
        /// The other measure, of amounts that are added up.
        measure: String,
        /// How.
        conversion: Conversion,
    },
    /// Another measure's value over its value for all members shown together (in a cube query or
    /// SQL: with every grouping removed, filters kept).
    ShareOfTotal {
        /// The other measure.
        measure: String,
    },
}

/// What a semi-additive measure has of a period's days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverTime {
    /// The sum at one of its days that has a value.
    At {
        /// Which day.
        end: End,
        /// Whose day: one for each combination of these roles and columns of the fact. Where none
        /// are given one for everybody, so that the parts of a period add up, and what ended earlier
        /// has no value.
        per: Vec<String>,
    },
    /// The mean over the days on which anybody has a value; who has none then counts as zero, so that
    /// parts add up.
    Average,
    /// The smallest sum of a day that has one.
    Min,
    /// The largest sum of a day that has one.
    Max,
}

/// An end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its first day with a value.
    First,
    /// Its last day with a value.
    Last,
}

/// What is shown of an earlier period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Its value.
    Before,
    /// The present value less the earlier one; NULL where either is.
    Change,
    /// The change over the earlier value; NULL where either is, or the earlier one is zero.
    Growth,
}

/// Which days a running measure covers. Periods are levels of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// All days up to the last one of the row's period.
    Cumulative,
    /// From the first day of the last day's year, month ...
    ToDate {
        /// The level of the calendar.
        period: String,
    },
    /// So many periods up to the last day's own.
    Rolling {
        /// How many.
        periods: u32,
        /// The level of the calendar.
        period: String,
        /// Whether the last day's own is one of them, as far as the row goes; else they end before
        /// it.
        current: bool,
    },
}

/// The ranks of members whose values are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The same, and the ranks they fill are left out after them: 1, 1, 3.
    Same,
    /// The same, and the next rank follows: 1, 1, 2.
    Dense,
    /// One after the other, in the order of the columns shown: 1, 2, 3.
    Order,
}

/// What a share is of, and within what a rank is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// The member one level up in the hierarchy that the question goes by.
    Parent,
    /// The member of this level.
    Level(String),
    /// All members of the dimension.
    All,
}

impl MeasureKind {
    /// The fact whose rows it aggregates, for kinds that aggregate rows.
    pub fn fact(&self) -> Option<&str> {
        self.rows().map(|(fact, _)| fact)
    }

    /// The condition on the rows that it aggregates, where not all count.
    pub fn filter(&self) -> Option<&String> {
        self.rows().and_then(|(_, filter)| filter.as_ref())
    }

    /// The fact whose rows it aggregates, for kinds that do, and the condition on them.
    fn rows(&self) -> Option<(&str, &Option<String>)> {
        match self {
            Self::Sum { fact, filter, .. }
            | Self::Count { fact, filter, .. }
            | Self::CountDistinct { fact, filter, .. }
            | Self::Min { fact, filter, .. }
            | Self::Max { fact, filter, .. }
            | Self::Average { fact, filter, .. }
            | Self::SemiAdditive { fact, filter, .. }
            | Self::Percentile { fact, filter, .. }
            | Self::ApproximatePercentile { fact, filter, .. }
            | Self::ApproximateDistinct { fact, filter, .. }
            | Self::ApproximateOverlap { fact, filter, .. }
            | Self::Correlation { fact, filter, .. }
            | Self::Conversion { fact, filter, .. } => Some((fact, filter)),
            Self::Ratio { .. }
            | Self::Calculated { .. }
            | Self::Before { .. }
            | Self::Running { .. }
            | Self::Share { .. }
            | Self::Rank { .. }
            | Self::Weighted { .. }
            | Self::Converted { .. }
            | Self::ShareOfTotal { .. } => None,
        }
    }

    /// The measures it is computed from, for kinds that are.
    pub fn uses(&self) -> Vec<&str> {
        match self {
            Self::Ratio { numerator, denominator } => vec![numerator, denominator],
            Self::Calculated { uses, .. } => uses.iter().map(String::as_str).collect(),
            Self::Before { measure, .. }
            | Self::Running { measure, .. }
            | Self::Share { measure, .. }
            | Self::Rank { measure, .. }
            | Self::Weighted { measure, .. }
            | Self::Converted { measure, .. }
            | Self::ShareOfTotal { measure } => vec![measure],
            _ => Vec::new(),
        }
    }
}
