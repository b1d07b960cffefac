//! How the values of measures add up: what each measure may be used for.

use super::{Measure, MeasureKind};

/// How values add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Additivity {
    /// Over every dimension.
    Additive {
        /// Whether each row of a cube that is read as a table shows its part of it, so that adding
        /// them up gives its value. What a row is followed by, allocated to or converted at is not
        /// looked up for that.
        by_row: bool,
    },
    /// Over every dimension, among members where all that it is computed from has a value: it is
    /// NULL for others, and what they have of a part is missing in the sum.
    WhereKnown,
    /// Over every dimension but the calendar in this role.
    SemiAdditive(String),
    /// Over none: computed anew at every total.
    NotAdditive,
}

impl Measure {
    /// Whether summing its values over any dimension gives its value for the whole.
    pub fn is_additive(&self) -> bool {
        matches!(self.additivity, Additivity::Additive { .. })
    }

    /// Whether SQL that sums it, straight over the cube, can mean nothing but the measure.
    pub fn is_summed(&self) -> bool {
        self.is_additive() || self.additivity == Additivity::WhereKnown
    }

    /// Whether summing it over the rows of a cube that is read as a table gives its value.
    pub fn adds_up_over_rows(&self) -> bool {
        self.additivity == Additivity::Additive { by_row: true }
    }
}

impl MeasureKind {
    /// Whether it counts: nothing to count is 0, not NULL.
    pub fn counts(&self) -> bool {
        matches!(
            self,
            Self::Count { .. }
                | Self::CountDistinct { .. }
                | Self::ApproximateDistinct { .. }
                | Self::ApproximateOverlap { .. }
                | Self::Conversion { .. }
        )
    }
}
