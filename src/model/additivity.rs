//! How the values of measures add up: what each kind of measure may be used for.

use super::{Counted, MeasureKind, OverTime};

/// How values add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additivity<'a> {
    /// Over every dimension.
    Additive,
    /// Over every dimension but the calendar in this role.
    SemiAdditive(&'a str),
    /// Over none: computed anew at every total.
    NotAdditive,
}

impl MeasureKind {
    /// Whether summing its values over any dimension gives its value for the whole.
    pub fn is_additive(&self) -> bool {
        self.additivity() == Additivity::Additive
    }

    /// Whether each row of a cube that is read as a table shows its part of it, so that adding them up
    /// gives its value. What a row is followed by is not looked up for that.
    pub fn adds_up_over_rows(&self) -> bool {
        self.is_additive() && !matches!(self, Self::Conversion { .. })
    }

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

    /// How its values add up.
    pub fn additivity(&self) -> Additivity<'_> {
        use OverTime::{At, Average};
        match self {
            Self::Sum { .. }
            | Self::Count { .. }
            | Self::Conversion { counts: Counted::Events, .. } => Additivity::Additive,
            Self::SemiAdditive { over, rule: At { .. } | Average, .. } => {
                Additivity::SemiAdditive(over)
            }
            _ => Additivity::NotAdditive,
        }
    }
}
