//! Measures: what may be asked, and how it adds up.

/// A measure of a cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its name, unique in the cube.
    pub name: String,
    /// What it means, in words.
    pub description: String,
    /// The unit of its values (`EUR`, `hours`, `%`), if any.
    pub unit: Option<String>,
    /// How it is computed.
    pub kind: MeasureKind,
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
    /// Semi-additive: the sum over all else at the last key of the role with a value in the period.
    /// The period is what the question groups and filters by of that role; its last key is the same
    /// for everybody, so that the parts of a period add up, and what ended earlier has no value.
    Last {
        /// The fact aggregated.
        fact: String,
        /// The expression.
        sql: String,
        /// The role of the calendar.
        over: String,
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
    },
    /// Another measure, so many years before, over the same part of the period: each past day
    /// counts as the day so many years later (29 February as 28 February). NULL where nothing was
    /// there then, counts included. `over` is a role of a calendar dimension.
    YearsBefore {
        /// The other measure.
        measure: String,
        /// The role of the calendar.
        over: String,
        /// How many years.
        years: u32,
    },
    /// Another measure's value over its value for all members shown together (in a cube query or
    /// SQL: with every grouping removed, filters kept).
    ShareOfTotal {
        /// The other measure.
        measure: String,
    },
}

impl MeasureKind {
    /// The fact whose rows it aggregates, for kinds that aggregate rows.
    pub fn fact(&self) -> Option<&str> {
        match self {
            Self::Sum { fact, .. }
            | Self::Count { fact, .. }
            | Self::CountDistinct { fact, .. }
            | Self::Min { fact, .. }
            | Self::Max { fact, .. }
            | Self::Average { fact, .. }
            | Self::Last { fact, .. } => Some(fact),
            Self::Ratio { .. }
            | Self::Calculated { .. }
            | Self::YearsBefore { .. }
            | Self::ShareOfTotal { .. } => None,
        }
    }

    /// Whether summing its values over any dimension gives its value for the whole.
    pub fn is_additive(&self) -> bool {
        matches!(self, Self::Sum { .. } | Self::Count { .. })
    }
}
