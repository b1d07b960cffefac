//! Measures computed from other measures.

use super::super::document::{
    BeforeFields, RankFields, ShareFields, Text, TiesWord, WeightedFields,
};
use super::super::{
    Compared, CubeDimension, Dimension, LinkedBy, MeasureKind, Period, Ties, Whole, Window,
};
use super::measure::Resolver;
use super::sheet::Sheet;
use super::sql::{self, Names};
use crate::yaml::Located;

/// A derived measure, unless it had a fault; or another kind of measure.
pub(super) enum Derived {
    Resolved(Option<Box<MeasureKind>>),
    Other,
}

/// Periods that a measure may be moved by or run over, at most.
const MOST_PERIODS: u32 = 10_000;

impl Resolver<'_> {
    pub(super) fn derived(&mut self, sheet: &mut Sheet<'_>) -> Derived {
        let fields = self.fields;
        let kind = if let Some(ratio) = &fields.ratio {
            let numerator = self.measure(&ratio.of, sheet);
            let denominator = self.measure(&ratio.to, sheet);
            Some(MeasureKind::Ratio { numerator, denominator })
        } else if let Some(text) = &fields.calculated {
            self.calculated(text, sheet)
        } else if let Some(before) = &fields.years_before {
            let years = before.years.map_or(1, |years| years.value);
            if let Some(written) = before.years.filter(|years| !(1..=100).contains(&years.value)) {
                sheet.fault(written.place, format!("{years} years, expected 1 to 100"));
            }
            let over = self.scope.calendar(&before.over, sheet);
            let measure = self.measure(&before.measure, sheet);
            over.map(|over| MeasureKind::Before {
                measure,
                over,
                period: Period::Year,
                periods: years,
                shown: Compared::Before,
            })
        } else if let Some(before) = &fields.before {
            self.before(before, Compared::Before, sheet)
        } else if let Some(change) = &fields.change {
            self.before(change, Compared::Change, sheet)
        } else if let Some(growth) = &fields.growth {
            self.before(growth, Compared::Growth, sheet)
        } else if let Some(to_date) = &fields.to_date {
            let period = self.scope.period(&to_date.over, &to_date.by, sheet);
            let window = period.map(|period| Window::ToDate { period });
            self.running(&to_date.measure, &to_date.over, window, sheet)
        } else if let Some(rolling) = &fields.rolling {
            let periods = number_of_periods(&rolling.periods, sheet);
            let current = rolling.current.is_none_or(|current| current.value);
            let period = self.scope.period(&rolling.over, &rolling.by, sheet);
            let window = period.map(|period| Window::Rolling { periods, period, current });
            self.running(&rolling.measure, &rolling.over, window, sheet)
        } else if let Some(all) = &fields.cumulative {
            self.running(&all.measure, &all.over, Some(Window::Cumulative), sheet)
        } else if let Some(measure) = &fields.share_of_total {
            Some(MeasureKind::ShareOfTotal { measure: self.measure(measure, sheet) })
        } else if let Some(share) = &fields.share {
            self.share(share, sheet)
        } else if let Some(rank) = &fields.rank {
            self.rank(rank, sheet)
        } else if let Some(convert) = &fields.convert {
            self.convert(convert, sheet)
        } else if let Some(weighted) = &fields.weighted {
            self.weighted(weighted, sheet)
        } else {
            return Derived::Other;
        };
        Derived::Resolved(kind.map(Box::new))
    }

    fn calculated(&mut self, text: &Text, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let names = self.names.iter().map(|name| (*name, None)).collect();
        let scalar = sql::scalar(text, &Names { what: "measure", names }, sheet)?;
        self.uses.clone_from(&scalar.uses);
        Some(MeasureKind::Calculated { sql: text.value.clone(), uses: scalar.uses })
    }

    fn before(
        &mut self,
        fields: &BeforeFields,
        shown: Compared,
        sheet: &mut Sheet<'_>,
    ) -> Option<MeasureKind> {
        let periods =
            fields.periods.as_ref().map_or(1, |periods| number_of_periods(periods, sheet));
        let over = self.scope.calendar(&fields.over, sheet);
        let period = self.scope.moves_by(&fields.over, &fields.by, sheet);
        let measure = self.measure(&fields.measure, sheet);
        Some(MeasureKind::Before { measure, over: over?, period: period?, periods, shown })
    }

    fn running(
        &mut self,
        measure: &Text,
        over: &Text,
        window: Option<Window>,
        sheet: &mut Sheet<'_>,
    ) -> Option<MeasureKind> {
        let over = self.scope.calendar(over, sheet);
        let measure = self.measure(measure, sheet);
        Some(MeasureKind::Running { measure, over: over?, window: window? })
    }

    fn share(&mut self, fields: &ShareFields, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let measure = self.measure(&fields.measure, sheet);
        let of = self.whole(&fields.over, Some(&fields.of), sheet)?;
        Some(MeasureKind::Share { measure, role: fields.over.value.clone(), of })
    }

    fn rank(&mut self, fields: &RankFields, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let measure = self.measure(&fields.measure, sheet);
        let within = self.whole(&fields.over, fields.within.as_ref(), sheet)?;
        let ties = match fields.ties.map(|ties| ties.value) {
            None | Some(TiesWord::Same) => Ties::Same,
            Some(TiesWord::Dense) => Ties::Dense,
            Some(TiesWord::Order) => Ties::Order,
        };
        let ascending = fields.ascending.is_some_and(|ascending| ascending.value);
        let role = fields.over.value.clone();
        Some(MeasureKind::Rank { measure, role, within, ascending, ties })
    }

    /// A part of the dimension in a role; all of it where nothing is said.
    fn whole(&self, over: &Text, part: Option<&Text>, sheet: &mut Sheet<'_>) -> Option<Whole> {
        let roles: Vec<&str> =
            self.scope.dimensions.iter().map(|offered| offered.role.as_str()).collect();
        if !roles.contains(&over.as_str()) {
            sheet.unknown("role of the cube", over, &roles);
            return None;
        }
        let Some(part) = part else { return Some(Whole::All) };
        let levels = self.scope.dimension(over).map(level_names).unwrap_or_default();
        Some(match part.as_str() {
            "all" => Whole::All,
            "parent" if !levels.is_empty() => Whole::Parent,
            level if levels.contains(&level) => Whole::Level(level.to_owned()),
            _ => {
                let known: Vec<&str> = ["all", "parent"].into_iter().chain(levels).collect();
                sheet.unknown("part of the dimension", part, &known);
                return None;
            }
        })
    }

    fn weighted(&mut self, fields: &WeightedFields, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let measure = self.measure(&fields.measure, sheet);
        let weighs = |offered: &&CubeDimension| {
            let by = offered.link.as_ref().map(|link| &link.by);
            let Some(LinkedBy::Bridge(name)) = by else { return false };
            let mut bridges = self.scope.known.bridges.iter().map(|checked| &checked.value);
            bridges.any(|bridge| bridge.name == *name && bridge.weight.is_some())
        };
        let known: Vec<&str> = self
            .scope
            .dimensions
            .iter()
            .filter(weighs)
            .map(|offered| offered.role.as_str())
            .collect();
        if !known.contains(&fields.over.as_str()) {
            sheet.unknown("link by a bridge with weights", &fields.over, &known);
            return None;
        }
        Some(MeasureKind::Weighted { measure, role: fields.over.value.clone() })
    }
}

/// The levels of all hierarchies, each once.
pub(super) fn level_names(dimension: &Dimension) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for level in dimension.hierarchies.iter().flat_map(|hierarchy| &hierarchy.levels) {
        if !names.contains(&level.name.as_str()) {
            names.push(&level.name);
        }
    }
    names
}

pub(super) fn number_of_periods(written: &Located<u32>, sheet: &mut Sheet<'_>) -> u32 {
    if !(1..=MOST_PERIODS).contains(&written.value) {
        let message = format!("{} periods, expected 1 to {MOST_PERIODS}", written.value);
        sheet.fault(written.place, message);
    }
    written.value
}
