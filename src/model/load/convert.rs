//! Money in one currency, by a fact of rates: what must be true of that fact, and of what is converted.

use super::super::document::{ConvertFields, MeasureFields, MissingWord, RateAtWord, Text};
use super::super::{Column, ColumnType, Conversion, Fact, Measure, MeasureKind, OverTime, RateAt};
use super::cube::Scope;
use super::expression::expression;
use super::fact::is_calendar;
use super::measure::Resolver;
use super::sheet::Sheet;

impl Resolver<'_> {
    pub(super) fn convert(
        &mut self,
        fields: &ConvertFields,
        sheet: &mut Sheet<'_>,
    ) -> Option<MeasureKind> {
        let measure = self.measure(&fields.measure, sheet);
        let over = self.scope.calendar(&fields.over, sheet);
        let at = self.rate_at(fields, sheet);
        let rates = self.scope.known.fact(&fields.rates, sheet)?;
        let named = |text: &Option<Text>, usual: &str| {
            text.as_ref().map_or_else(|| usual.to_owned(), |text| text.value.clone())
        };
        let conversion = Conversion {
            from: fields.from.value.clone(),
            to: fields.to.value.clone(),
            choose: fields.choose.is_some_and(|choose| choose.value),
            over: over?,
            at: at?,
            rates: rates.name.clone(),
            rate: named(&fields.rate, "rate"),
            source: named(&fields.source, "from_currency"),
            target: named(&fields.target, "to_currency"),
            refuses: fields.missing.is_none_or(|word| word.value == MissingWord::Refuse),
        };
        self.is_fact_of_rates(rates, &conversion, fields, sheet)
            .then_some(MeasureKind::Converted { measure, conversion })
    }

    fn rate_at(&self, fields: &ConvertFields, sheet: &mut Sheet<'_>) -> Option<RateAt> {
        let word = fields.at.map_or(RateAtWord::Day, |at| at.value);
        let of_period = matches!(word, RateAtWord::End | RateAtWord::Average);
        match &fields.by {
            Some(by) if !of_period => {
                let message = "`by` says of which period, and the rate is that of a day";
                sheet.fault_with_hint(by.place, message, "leave it out, or write `at: end`");
                None
            }
            None if of_period => {
                let message = "the rate is that of a period, and it is not said which";
                let hint = "add `by:` with a level of the calendar, such as month";
                sheet.fault_with_hint(fields.measure.place, message, hint);
                None
            }
            None if word == RateAtWord::Latest => Some(RateAt::Latest),
            None => Some(RateAt::Day),
            Some(by) => {
                let period = self.scope.period(&fields.over, by, sheet)?;
                Some(match word {
                    RateAtWord::End => RateAt::End(period),
                    _ => RateAt::Average(period),
                })
            }
        }
    }

    /// Faults a fact that does not have one rate a day and pair of currencies.
    fn is_fact_of_rates(
        &self,
        rates: &Fact,
        conversion: &Conversion,
        fields: &ConvertFields,
        sheet: &mut Sheet<'_>,
    ) -> bool {
        let columns = || rates.degenerate.iter().chain(&rates.columns);
        let mut sound = true;
        let mut has =
            |text: &Option<Text>, name: &str, what: &str, fits: fn(ColumnType) -> bool| {
                let place = text.as_ref().map_or(fields.rates.place, |text| text.place);
                let fitting = columns().filter(|column| fits(column.ty));
                let known: Vec<&str> =
                    fitting.map(|column: &Column| column.name.as_str()).collect();
                if !known.contains(&name) {
                    let message = format!("fact `{}` has no {what} `{name}`", rates.name);
                    let expected = format!("expected one of {}", known.join(", "));
                    sheet.fault_with_hint(place, message, expected);
                    sound = false;
                }
            };
        let is_text = |ty| ty == ColumnType::Text;
        has(&fields.rate, &conversion.rate, "column of numbers", ColumnType::is_numeric);
        has(&fields.source, &conversion.source, "column of texts", is_text);
        has(&fields.target, &conversion.target, "column of texts", is_text);
        if !sound {
            return false;
        }
        let calendars = rates.roles.iter().filter(|role| {
            self.scope.known.sound_dimension(&role.dimension).is_some_and(is_calendar)
        });
        let [day] = calendars.collect::<Vec<_>>()[..] else {
            let message = format!(
                "fact `{}` does not have one calendar, of whose days rates are",
                rates.name
            );
            sheet.fault(fields.rates.place, message);
            return false;
        };
        if self.scope.dimension(&conversion.over).is_some_and(|of| of.name != day.dimension) {
            let message = format!(
                "the days of fact `{}` are those of `{}`, and `{}` is of another calendar",
                rates.name, day.dimension, conversion.over
            );
            sheet.fault(fields.over.place, message);
            return false;
        }
        let own = [day.key_column(), conversion.source.clone(), conversion.target.clone()];
        let is_key = rates.key.iter().all(|column| own.contains(column));
        if !is_key {
            let message = format!(
                "fact `{}` may have several rates a day: its key is {}",
                rates.name,
                rates.key.join(", ")
            );
            sheet.fault_with_hint(
                fields.rates.place,
                message,
                format!("expected {}", own.join(", ")),
            );
        }
        is_key
    }
}

/// Faults conversions of what is no sum of amounts, and of which the currency is not known. There
/// must be no circles.
pub(super) fn currencies(
    documents: &[MeasureFields],
    measures: &[Measure],
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) {
    for fields in documents {
        let Some(convert) = &fields.convert else { continue };
        let mut pending = vec![convert.measure.as_str()];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(name) = pending.pop() {
            let found = measures.iter().find(|measure| measure.name == name);
            let Some(measure) = found.filter(|_| !seen.contains(&name)) else { continue };
            seen.push(name);
            let told = matches!(measure.kind, MeasureKind::Converted { .. });
            if !told && !is_of_amounts(&measure.kind) {
                let message = format!("converts `{name}`, which is no sum of amounts of money");
                let message = format!("measure `{}` {message}", fields.name.value);
                sheet.fault_with_hint(
                    convert.measure.place,
                    message,
                    "convert what it is computed from, and compute it of that",
                );
            }
            if let Some(fact) = measure.kind.fact()
                && let Some(fact) = scope.facts.iter().find(|known| known.name == fact)
            {
                of_fact(convert, fact, sheet);
            }
            pending.extend(measure.kind.uses());
        }
    }
}

/// Whether amounts of rows are added up, so that each can be converted before.
fn is_of_amounts(kind: &MeasureKind) -> bool {
    matches!(
        kind,
        MeasureKind::Sum { .. }
            | MeasureKind::Average { .. }
            | MeasureKind::SemiAdditive { rule: OverTime::At { .. }, .. }
            | MeasureKind::Calculated { .. }
    )
}

/// What a fact must have for its amounts to be converted.
fn of_fact(convert: &ConvertFields, fact: &Fact, sheet: &mut Sheet<'_>) {
    if let Some((sql, Some(ty))) = expression(&convert.from, fact, sheet)
        && ty != ColumnType::Text
    {
        let message = format!("a currency is text, and `{sql}` is {ty}");
        sheet.fault(convert.from.place, message);
    }
    let Some(role) = fact.role(&convert.over) else {
        let message =
            format!("fact `{}` has no day in the role `{}`", fact.name, convert.over.value);
        sheet.fault(convert.over.place, message);
        return;
    };
    if let Some(coarse) = &role.coarse
        && !matches!(convert.at.map(|at| at.value), Some(RateAtWord::End | RateAtWord::Average))
    {
        let message = format!(
            "fact `{}` knows `{}` by the {}, and rates are of days",
            fact.name, convert.over.value, coarse.level
        );
        let hint = format!("write `at: average, by: {}`, or `at: end`", coarse.level);
        sheet.fault_with_hint(convert.over.place, message, hint);
    }
}
