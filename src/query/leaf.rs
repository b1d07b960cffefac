//! Measures that aggregate rows, as atoms.

use super::atom::{AtEnd, Atom, Function, Kinds};
use super::context::{Change, Context};
use super::followed;
use super::measure::{At, Expander, divide};
use crate::error::{Error, Result};
use crate::model::{Counted, Measure, MeasureKind, OverTime};
use datafusion::logical_expr::{Expr, lit, when};

/// The rows that a measure aggregates: what its atoms have in common.
struct Rows<'m> {
    context: Context,
    measure: &'m str,
    filter: Option<&'m String>,
}

impl Rows<'_> {
    fn atom(&self, function: Function, input: Option<&str>) -> Atom {
        Atom {
            context: self.context.clone(),
            measure: self.measure.to_owned(),
            function,
            input: input.map(str::to_owned),
            filter: self.filter.cloned(),
        }
    }

    /// A value of the rows.
    fn of(&self, function: Function, sql: &str) -> Atom {
        self.atom(function, Some(sql))
    }
}

impl Expander<'_> {
    /// A measure that aggregates rows.
    pub(super) fn leaf(&mut self, measure: &Measure, at: &At) -> Result<Expr> {
        use Function as F;
        let rows = self.rows(measure, at)?;
        match &measure.kind {
            MeasureKind::Sum { sql, .. } => self.added_up(&rows, F::Sum, sql),
            MeasureKind::Average { sql, .. } => {
                let count = self.atom(rows.of(F::Count, sql))?;
                divide(self.added_up(&rows, F::Sum, sql)?, count)
            }
            MeasureKind::SemiAdditive { sql, over, rule, .. } => {
                self.over_time(&rows, sql, over, rule)
            }
            MeasureKind::Count { .. } => self.counted(rows.atom(F::Count, None)),
            MeasureKind::CountDistinct { sql, .. } => self.counted(rows.of(F::CountDistinct, sql)),
            MeasureKind::ApproximateDistinct { sql, .. } => {
                self.counted(rows.of(F::ApproximateDistinct, sql))
            }
            MeasureKind::ApproximateOverlap { sql, each, none, .. } => {
                let conditions = each.iter().chain(none).cloned().collect();
                let kinds = Kinds { conditions, each: each.len() };
                self.counted(rows.of(F::ApproximateOverlap(kinds), sql))
            }
            MeasureKind::Conversion { counts, followed, filter, .. } => {
                let filter = Some(followed::condition(filter.as_ref()));
                let counted = match counts {
                    Counted::Members => rows.of(F::CountDistinct, &followed.of.here),
                    Counted::Events => rows.atom(F::Count, None),
                };
                self.counted(Atom { filter, ..counted })
            }
            MeasureKind::Min { sql, .. } => self.atom(rows.of(F::Min, sql)),
            MeasureKind::Max { sql, .. } => self.atom(rows.of(F::Max, sql)),
            MeasureKind::Percentile { sql, thousandths, .. } => {
                self.atom(rows.of(F::Percentile(*thousandths), sql))
            }
            MeasureKind::ApproximatePercentile { sql, thousandths, .. } => {
                self.atom(rows.of(F::ApproximatePercentile(*thousandths), sql))
            }
            MeasureKind::Correlation { sql, with, .. } => self.correlation(&rows, sql, with),
            _ => Err(Error::internal("a derived measure was taken for a base measure")),
        }
    }

    /// The rows of a measure, seen from a place.
    fn rows<'m>(&self, measure: &'m Measure, at: &At) -> Result<Rows<'m>> {
        let derived = || Error::internal("a derived measure was taken for a base measure");
        let fact = measure.kind.fact().ok_or_else(derived)?;
        let is_stranger = self.strangers.iter().any(|stranger| stranger == fact);
        let repeated = (measure.repeats && is_stranger).then_some(Change::Unrelated);
        let followed = match &measure.kind {
            MeasureKind::Conversion { followed, .. } => Some(followed.clone()),
            _ => None,
        };
        let context = Context {
            shift: at.shift.clone(),
            running: at.running.clone(),
            weighted: at.weighted.clone(),
            converted: at.converted.clone(),
            followed,
            place: at.place.iter().cloned().chain(repeated).collect(),
            ..Context::of(fact)
        };
        Ok(Rows { context, measure: &measure.name, filter: measure.kind.filter() })
    }

    /// Amounts added up, each converted before where the context says so.
    fn added_up(&mut self, rows: &Rows<'_>, function: Function, sql: &str) -> Result<Expr> {
        match &rows.context.converted {
            None => self.atom(rows.of(function, sql)),
            Some(conversion) => {
                let atom = |function, input: String| rows.of(function, &input);
                self.converted(atom, &function, sql, conversion)
            }
        }
    }

    /// What is counted.
    fn counted(&mut self, atom: Atom) -> Result<Expr> {
        let is_earlier = atom.context.shift.is_some();
        let count = self.atom(atom)?;
        match is_earlier {
            // Nothing so long before is no base to compare with.
            true => when(count.clone().not_eq(lit(0_i64)), count).end().map_err(super::defect),
            false => Ok(count),
        }
    }

    /// A measure that adds up over everything but time.
    fn over_time(
        &mut self,
        rows: &Rows<'_>,
        sql: &str,
        over: &str,
        rule: &OverTime,
    ) -> Result<Expr> {
        if let OverTime::At { end, per } = rule {
            let at = AtEnd { role: over.to_owned(), end: *end, per: per.clone() };
            return self.added_up(rows, Function::SumAtEnd(at), sql);
        }
        // What is of no known day is of no day.
        let on_a_day = |what: &str| format!("CASE WHEN {over}_key > 0 THEN {what} END");
        let value = on_a_day(&format!("({sql})"));
        let mut daily = |function| {
            let mut daily = rows.of(function, &value);
            daily.context.daily = Some(over.to_owned());
            self.atom(daily)
        };
        match rule {
            OverTime::Min => daily(Function::Min),
            OverTime::Max => daily(Function::Max),
            _ => {
                let total = self.atom(rows.of(Function::Sum, &value))?;
                let valued = format!("CASE WHEN ({sql}) IS NOT NULL THEN {over}_key END");
                let mut days = rows.of(Function::CountDistinct, &on_a_day(&valued));
                days.context.place.push(Change::Only(over.to_owned()));
                days.context.weighted = None;
                divide(total, self.atom(days)?)
            }
        }
    }

    /// The correlation of two expressions; NULL where either has one value only.
    fn correlation(&mut self, rows: &Rows<'_>, sql: &str, with: &str) -> Result<Expr> {
        let beside = |this: &str, other: &str| {
            format!("CASE WHEN ({other}) IS NOT NULL THEN CAST({this} AS DOUBLE) END")
        };
        let mut varies = |input: String| {
            let least = self.atom(rows.of(Function::Min, &input))?;
            Ok::<_, Error>(least.lt(self.atom(rows.of(Function::Max, &input))?))
        };
        let both = varies(beside(sql, with))?.and(varies(beside(with, sql))?);
        let value = self.atom(rows.of(Function::Correlation(with.to_owned()), sql))?;
        when(both, value).end().map_err(super::defect)
    }
}
