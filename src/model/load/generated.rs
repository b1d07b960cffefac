//! Generated dimensions: calendars and times of day, whose columns and hierarchies are given.

use super::super::document::{
    CalendarFields, DimensionDocument, NumberedBy, RetailFields, Text, TimeOfDayFields,
};
use super::super::{Calendar, Dimension, DimensionKind, RetailYear, TimeOfDay, YearEnd};
use super::sheet::Sheet;
use crate::yaml::Located;
use chrono::{Datelike, NaiveDate};

/// Resolves a document that asks for a generated dimension.
pub(super) fn resolve(
    document: &DimensionDocument,
    dimension: &mut Dimension,
    sheet: &mut Sheet<'_>,
) {
    nothing_of_its_own(document, sheet);
    if let Some(fields) = &document.calendar {
        let calendar = calendar(fields, sheet);
        dimension.natural_key = vec![Calendar::natural_key()];
        dimension.attributes = calendar.attributes();
        dimension.hierarchies = calendar.hierarchies();
        dimension.kind = DimensionKind::Calendar(calendar);
    }
    let Some(fields) = &document.time_of_day else { return };
    if document.calendar.is_some() {
        let message = "a dimension is either a calendar or the times of day";
        return sheet.fault(fields.place, message);
    }
    dimension.natural_key = vec![TimeOfDay::natural_key()];
    dimension.attributes = TimeOfDay::attributes();
    dimension.hierarchies = TimeOfDay::hierarchies();
    dimension.kind = DimensionKind::TimeOfDay(time_of_day(fields, sheet));
}

fn nothing_of_its_own(document: &DimensionDocument, sheet: &mut Sheet<'_>) {
    let what = if document.calendar.is_some() { "a calendar" } else { "the times of day" };
    let own = document.natural_key.iter().map(|column| &column.name);
    let own = own.chain(document.attributes.iter().map(|attribute| &attribute.name));
    let own = own.chain(document.hierarchies.iter().map(|hierarchy| &hierarchy.name));
    for name in own {
        let message = format!("`{}`: columns and hierarchies of {what} are given", name.value);
        sheet.fault_with_hint(name.place, message, "leave it out");
    }
    if let Some(inferred) = document.inferred_members {
        let message = format!("the members of {what} are all there: none is inferred");
        sheet.fault_with_hint(inferred.place, message, "leave it out");
    }
}

fn calendar(fields: &Located<CalendarFields>, sheet: &mut Sheet<'_>) -> Calendar {
    let mut day = |text: &Located<String>| {
        let day = text.parse::<NaiveDate>().ok();
        let day = day.filter(|day| (1900..=2999).contains(&day.year()));
        if day.is_none() {
            let message = format!(
                "`{}` is no day a calendar can have, expected yyyy-mm-dd from 1900 to 2999",
                text.value
            );
            sheet.fault(text.place, message);
        }
        day
    };
    let (from, to) = (day(&fields.from), day(&fields.to));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        sheet.fault(fields.to.place, format!("the calendar ends on {to}, before it begins"));
    }
    let month = fields.fiscal_year_start_month.unwrap_or_default();
    let month = if fields.fiscal_year_start_month.is_none() { 1 } else { month.value };
    if let (false, Some(written)) = ((1..=12).contains(&month), fields.fiscal_year_start_month) {
        sheet.fault(written.place, format!("{month} is no month, expected 1 to 12"));
    }
    if let Some(file) = fields.holidays.as_ref().filter(|file| file.trim().is_empty()) {
        sheet.fault(file.place, "`holidays` names no file");
    }
    Calendar {
        from: from.unwrap_or_default(),
        to: to.unwrap_or_default(),
        fiscal_year_start_month: month.clamp(1, 12),
        retail: fields.retail.as_ref().and_then(|fields| retail(fields, sheet)),
        holidays: fields.holidays.as_ref().map(|file| file.value.clone()),
        time_zone: fields.time_zone.as_ref().map(|written| zone(written, sheet)),
    }
}

/// Years of whole weeks; none, and the sheet not sound, where they cannot be read.
fn retail(fields: &Located<RetailFields>, sheet: &mut Sheet<'_>) -> Option<RetailYear> {
    let pattern = match fields.pattern.as_str() {
        "4-4-5" => Some([4, 4, 5]),
        "4-5-4" => Some([4, 5, 4]),
        "5-4-4" => Some([5, 4, 4]),
        other => {
            let message = format!("`{other}` is no pattern, expected 4-4-5, 4-5-4 or 5-4-4");
            sheet.fault(fields.pattern.place, message);
            None
        }
    };
    let ends = match fields.ends.parse::<YearEnd>() {
        Ok(ends) => Some(ends),
        Err(message) => {
            sheet.fault(fields.ends.place, message);
            None
        }
    };
    let (Some(pattern), Some(ends)) = (pattern, ends) else {
        sheet.sound = false;
        return None;
    };
    Some(RetailYear {
        pattern,
        ends,
        numbered_by_begin: fields.numbered_by == Some(NumberedBy::Begin),
    })
}

fn time_of_day(fields: &Located<TimeOfDayFields>, sheet: &mut Sheet<'_>) -> TimeOfDay {
    let step = fields.step_minutes.map_or(1, |step| step.value);
    if let Some(written) =
        fields.step_minutes.filter(|step| step.value == 0 || 60 % step.value != 0)
    {
        let message = format!("{step} minutes do not divide an hour");
        sheet.fault_with_hint(written.place, message, "1, 5, 10, 15, 30 and 60 do");
    }
    let time_zone = fields.time_zone.as_ref();
    let time_zone = time_zone.map_or_else(|| "UTC".to_owned(), |written| zone(written, sheet));
    TimeOfDay { step_minutes: step.max(1), time_zone }
}

/// The name of a time zone.
fn zone(written: &Text, sheet: &mut Sheet<'_>) -> String {
    let zone = written.trim();
    if zone.parse::<chrono_tz::Tz>().is_err() {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let message = format!("unknown time zone `{zone}`, expected a name such as Europe/Berlin");
        match crate::error::did_you_mean(zone, names) {
            Some(near) => {
                sheet.fault_with_hint(written.place, message, format!("did you mean `{near}`?"));
            }
            None => sheet.fault(written.place, message),
        }
    }
    zone.to_owned()
}
