//! Measures that aggregate rows, as atoms.

use super::atom::{AtEnd, Atom, Function};
use super::context::{Change, Context};
use super::measure::{At, Expander, divide};
use crate::error::{Error, Result};
use crate::model::{Measure, MeasureKind, OverTime};
use datafusion::logical_expr::{Expr, lit, when};

impl Expander<'_> {
    /// A measure that aggregates rows.
    pub(super) fn leaf(&mut self, measure: &Measure, at: &At) -> Result<Expr> {
        let strangers = self.strangers;
        let context = |fact: &str| {
            let is_stranger = strangers.iter().any(|stranger| stranger == fact);
            let repeated = (measure.repeats && is_stranger).then_some(Change::Unrelated);
            Context {
                shift: at.shift.clone(),
                running: at.running.clone(),
                weighted: at.weighted.clone(),
                converted: at.converted.clone(),
                place: at.place.iter().cloned().chain(repeated).collect(),
                ..Context::of(fact)
            }
        };
        let (fact, function, input, filter) = match &measure.kind {
            MeasureKind::Sum { fact, sql, filter } => (fact, Function::Sum, Some(sql), filter),
            MeasureKind::Count { fact, filter } => (fact, Function::Count, None, filter),
            MeasureKind::CountDistinct { fact, sql, filter } => {
                (fact, Function::CountDistinct, Some(sql), filter)
            }
            MeasureKind::ApproximateDistinct { fact, sql, filter } => {
                (fact, Function::ApproximateDistinct, Some(sql), filter)
            }
            MeasureKind::Min { fact, sql, filter } => (fact, Function::Min, Some(sql), filter),
            MeasureKind::Max { fact, sql, filter } => (fact, Function::Max, Some(sql), filter),
            MeasureKind::Percentile { fact, sql, thousandths, filter } => {
                (fact, Function::Percentile(*thousandths), Some(sql), filter)
            }
            MeasureKind::ApproximatePercentile { fact, sql, thousandths, filter } => {
                (fact, Function::ApproximatePercentile(*thousandths), Some(sql), filter)
            }
            MeasureKind::Correlation { fact, sql, with, filter } => {
                let atom = |function, input: String| Atom {
                    context: context(fact),
                    measure: measure.name.clone(),
                    function,
                    input: Some(input),
                    filter: filter.clone(),
                };
                return self.correlation(atom, sql, with);
            }
            MeasureKind::SemiAdditive { fact, sql, over, rule, filter } => {
                let atom = |function, input: String| Atom {
                    context: context(fact),
                    measure: measure.name.clone(),
                    function,
                    input: Some(input),
                    filter: filter.clone(),
                };
                return match (rule, &at.converted) {
                    (OverTime::At { end, per }, Some(conversion)) => {
                        let (role, per) = (over.clone(), per.clone());
                        let at_end = Function::SumAtEnd(AtEnd { role, end: *end, per });
                        self.converted(atom, &at_end, sql, conversion)
                    }
                    _ => self.over_time(atom, sql, over, rule),
                };
            }
            MeasureKind::Average { fact, sql, filter } => {
                let part = |function| Atom {
                    context: context(fact),
                    measure: measure.name.clone(),
                    function,
                    input: Some(sql.clone()),
                    filter: filter.clone(),
                };
                let (total, rows) = (part(Function::Sum), part(Function::Count));
                let rows = self.atom(rows)?;
                let total = match &at.converted {
                    None => self.atom(total)?,
                    Some(conversion) => {
                        let atom = |function, input| Atom { input: Some(input), ..part(function) };
                        self.converted(atom, &Function::Sum, sql, conversion)?
                    }
                };
                return divide(total, rows);
            }
            _ => return Err(Error::internal("a derived measure was taken for a base measure")),
        };
        if let Some(conversion) = &at.converted {
            let Some(sql) = input else {
                return Err(Error::internal("what is converted has no amount"));
            };
            let atom = |function: Function, input: String| Atom {
                context: context(fact),
                measure: measure.name.clone(),
                function,
                input: Some(input),
                filter: filter.clone(),
            };
            return self.converted(atom, &function, sql, conversion);
        }
        let counts = function.counts();
        let atom = self.atom(Atom {
            context: context(fact),
            measure: measure.name.clone(),
            function,
            input: input.cloned(),
            filter: filter.clone(),
        })?;
        if counts && at.shift.is_some() {
            // Nothing so long before is no base to compare with.
            return when(atom.clone().not_eq(lit(0_i64)), atom).end().map_err(super::defect);
        }
        Ok(atom)
    }

    /// A measure that adds up over everything but time.
    fn over_time(
        &mut self,
        atom: impl Fn(Function, String) -> Atom,
        sql: &str,
        over: &str,
        rule: &OverTime,
    ) -> Result<Expr> {
        if let OverTime::At { end, per } = rule {
            let at = AtEnd { role: over.to_owned(), end: *end, per: per.clone() };
            return self.atom(atom(Function::SumAtEnd(at), sql.to_owned()));
        }
        // What is of no known day is of no day.
        let on_a_day = |what: &str| format!("CASE WHEN {over}_key > 0 THEN {what} END");
        let mut daily = |function| {
            let mut daily = atom(function, on_a_day(&format!("({sql})")));
            daily.context.daily = Some(over.to_owned());
            self.atom(daily)
        };
        match rule {
            OverTime::Min => daily(Function::Min),
            OverTime::Max => daily(Function::Max),
            _ => {
                let total = self.atom(atom(Function::Sum, on_a_day(&format!("({sql})"))))?;
                let valued = format!("CASE WHEN ({sql}) IS NOT NULL THEN {over}_key END");
                let mut days = atom(Function::CountDistinct, on_a_day(&valued));
                days.context.place.push(Change::Only(over.to_owned()));
                days.context.weighted = None;
                let days = self.atom(days)?;
                divide(total, days)
            }
        }
    }

    /// The correlation of two expressions; NULL where either has one value only.
    fn correlation(
        &mut self,
        atom: impl Fn(Function, String) -> Atom,
        sql: &str,
        with: &str,
    ) -> Result<Expr> {
        let beside = |this: &str, other: &str| {
            format!("CASE WHEN ({other}) IS NOT NULL THEN CAST({this} AS DOUBLE) END")
        };
        let mut varies = |input: String| {
            let least = self.atom(atom(Function::Min, input.clone()))?;
            Ok::<_, Error>(least.lt(self.atom(atom(Function::Max, input))?))
        };
        let both = varies(beside(sql, with))?.and(varies(beside(with, sql))?);
        let value = self.atom(atom(Function::Correlation(with.to_owned()), sql.to_owned()))?;
        when(both, value).end().map_err(super::defect)
    }
}
