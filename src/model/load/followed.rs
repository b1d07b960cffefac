//! Conversions: what must be true of the events that follow.

use super::super::document::{ConversionFields, Text};
use super::super::{ColumnType, Fact, Followed, Named, Period, Unit};
use super::derived::number_of_periods;
use super::expression::condition;
use super::measure::Resolver;
use super::sheet::Sheet;

impl Resolver<'_> {
    /// By what the events of a fact are followed.
    pub(super) fn followed(
        &self,
        fields: &ConversionFields,
        fact: &Fact,
        sheet: &mut Sheet<'_>,
    ) -> Option<Followed> {
        let periods = number_of_periods(&fields.periods, sheet);
        let over = self.scope.calendar(&fields.over, sheet);
        let period = match Period::of_day(&fields.by) {
            Some(part) if fields.moment.is_some() => Some(part),
            Some(part) => {
                let message =
                    format!("events are told by days, of which one {} is a part", part.word());
                let hint = "say `moment:` with the fact's column of moments, or `by: date`";
                sheet.fault_with_hint(fields.by.place, message, hint);
                None
            }
            None => self.scope.moves_by(&fields.over, &fields.by, sheet),
        };
        if let Some(period) = period
            && matches!(period.unit(), Unit::RetailYear | Unit::RetailPeriod)
        {
            let word = period.word();
            let message =
                format!("a {word} is no span of time after an event: some have a week more");
            let hint = "say `by: retail_week` and how many: 52, 13 or 4, perhaps";
            sheet.fault_with_hint(fields.by.place, message, hint);
            return None;
        }
        let to = self.scope.known.fact(&fields.to, sheet)?;
        let filter = match &fields.filter {
            Some(filter) => Some(condition(filter, to, sheet)?),
            None => None,
        };
        let of = role_of_both(&fields.of, fact, to, sheet);
        let same: Option<Vec<Named>> = (fields.same.iter())
            .map(|name| match fact.role(name) {
                Some(_) => role_of_both(name, fact, to, sheet),
                None => column_of_both(name, fact, to, sheet),
            })
            .collect();
        over.as_ref()?;
        let over = role_of_both(&fields.over, fact, to, sheet)?;
        if !(knows_days(&fields.over, &over.here, fact, sheet)
            && knows_days(&fields.over, &over.there, to, sheet))
        {
            return None;
        }
        let moments = match &fields.moment {
            Some(moment) => Some(moments(moment, fields.moment_after.as_ref(), (fact, to), sheet)?),
            None => None,
        };
        if let (None, Some(after)) = (&fields.moment, &fields.moment_after) {
            let message = "it says when what follows was, and not when the event was";
            sheet.fault_with_hint(after.place, message, "add `moment:`");
            return None;
        }
        let (of, same, period) = (of?, same?, period?);
        Some(Followed { by: to.name.clone(), filter, of, over, moments, same, periods, period })
    }
}

/// A role of a fact, and that of the other fact which the same dimension plays: the one of the same
/// name, or the only one.
fn role_of_both(name: &Text, fact: &Fact, to: &Fact, sheet: &mut Sheet<'_>) -> Option<Named> {
    let Some(own) = fact.role(name) else {
        let roles: Vec<&str> = fact.roles.iter().map(|role| role.role.as_str()).collect();
        sheet.unknown("role of the fact", name, &roles);
        return None;
    };
    let plays = || to.roles.iter().filter(|role| role.dimension == own.dimension);
    let there: Vec<&str> = plays().map(|role| role.role.as_str()).collect();
    let there = match there.as_slice() {
        [only] => *only,
        several if several.contains(&name.as_str()) => name.as_str(),
        [] => {
            let message = format!("fact `{}` does not know `{}`", to.name, own.dimension);
            let hint = "events are followed by those of the same member, whom both facts must know";
            sheet.fault_with_hint(name.place, message, hint);
            return None;
        }
        several => {
            let message = format!(
                "fact `{}` knows several of `{}`, {}, and none in the role `{}`",
                to.name,
                own.dimension,
                several.join(" and "),
                name.value
            );
            let hint = "name the role as in the other fact";
            sheet.fault_with_hint(name.place, message, hint);
            return None;
        }
    };
    Some(Named { here: own.role.clone(), there: there.to_owned() })
}

/// A column that both facts have, of one type.
fn column_of_both(name: &Text, fact: &Fact, to: &Fact, sheet: &mut Sheet<'_>) -> Option<Named> {
    let columns = |fact: &Fact| {
        let own = fact.degenerate.iter().chain(&fact.columns);
        own.map(|column| (column.name.clone(), column.ty)).collect::<Vec<_>>()
    };
    let others = columns(to);
    let shared: Vec<(String, _)> =
        columns(fact).into_iter().filter(|own| others.contains(own)).collect();
    if !shared.iter().any(|(shared, _)| *shared == name.value) {
        let roles = fact.roles.iter().map(|role| role.role.as_str());
        let known: Vec<&str> = roles.chain(shared.iter().map(|(name, _)| name.as_str())).collect();
        sheet.unknown("role or column of both facts", name, &known);
        return None;
    }
    Some(Named { here: name.value.clone(), there: name.value.clone() })
}

/// The columns of moments of both facts.
fn moments(
    here: &Text,
    there: Option<&Text>,
    (fact, to): (&Fact, &Fact),
    sheet: &mut Sheet<'_>,
) -> Option<Named> {
    let mut known = |written: &Text, fact: &Fact| {
        let columns = fact.degenerate.iter().chain(&fact.columns);
        let moments = columns.filter(|column| column.ty == ColumnType::Timestamp);
        let names: Vec<&str> = moments.map(|column| column.name.as_str()).collect();
        if !names.contains(&written.as_str()) {
            sheet.unknown(&format!("timestamp column of fact `{}`", fact.name), written, &names);
            return None;
        }
        Some(written.value.clone())
    };
    let (here, there) = (known(here, fact), known(there.unwrap_or(here), to));
    Some(Named { here: here?, there: there? })
}

/// Faults a fact that knows no days of a calendar, but months, say.
fn knows_days(over: &Text, role: &str, fact: &Fact, sheet: &mut Sheet<'_>) -> bool {
    let Some(coarse) = fact.role(role).and_then(|role| role.coarse.as_ref()) else { return true };
    let message = format!(
        "fact `{}` knows `{role}` by the {}, and what follows is told by days",
        fact.name, coarse.level
    );
    sheet.fault(over.place, message);
    false
}
