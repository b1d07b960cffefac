//! Calendars of a cube: the roles they play, and their periods.

use super::super::document::Text;
use super::super::{Dimension, FactRole, Period};
use super::cube::Scope;
use super::derived::level_names;
use super::fact::is_calendar;
use super::sheet::Sheet;

impl Scope<'_> {
    /// A calendar role of any of the cube's facts.
    pub(super) fn calendar(&self, written: &Text, sheet: &mut Sheet<'_>) -> Option<String> {
        let roles = self.facts.iter().flat_map(|fact| &fact.roles);
        let offered = |r: &&FactRole| self.dimensions.iter().any(|d| d.role == r.role);
        self.calendar_role(written, roles.filter(offered).collect(), sheet)
    }

    /// A level of the calendar in a role. Where there is no such calendar, that is told elsewhere.
    pub(super) fn period(
        &self,
        over: &Text,
        written: &Text,
        sheet: &mut Sheet<'_>,
    ) -> Option<String> {
        let calendar = self.dimension(over).filter(|dimension| is_calendar(dimension))?;
        let levels = level_names(calendar);
        if !levels.contains(&written.as_str()) {
            sheet.unknown("period", written, &levels);
            return None;
        }
        Some(written.value.clone())
    }

    /// The period that a level of the calendar in a role is, by which time can be moved.
    pub(super) fn moves_by(&self, over: &Text, by: &Text, sheet: &mut Sheet<'_>) -> Option<Period> {
        let level = self.period(over, by, sheet)?;
        let period = Period::of_level(&level);
        if period.is_none() {
            let message = format!("time cannot be moved by `{level}`");
            let hint = "expected year, quarter, month, week, date, or their fiscal and retail kin";
            sheet.fault_with_hint(by.place, message, hint);
        }
        period
    }

    pub(super) fn calendar_role(
        &self,
        written: &Text,
        roles: Vec<&FactRole>,
        sheet: &mut Sheet<'_>,
    ) -> Option<String> {
        let calendar = |role: &&&FactRole| {
            self.known.sound_dimension(&role.dimension).is_some_and(is_calendar)
        };
        let mut calendars: Vec<&str> =
            roles.iter().filter(calendar).map(|role| role.role.as_str()).collect();
        calendars.dedup();
        if calendars.contains(&written.as_str()) {
            return Some(written.value.clone());
        }
        match roles.iter().find(|role| role.role == written.value) {
            Some(role) => {
                let message = format!(
                    "`{}` is played by dimension `{}`, which is not a calendar",
                    role.role, role.dimension
                );
                let hint = format!("expected one of {}", calendars.join(", "));
                sheet.fault_with_hint(written.place, message, hint);
            }
            None => sheet.unknown("calendar role", written, &calendars),
        }
        None
    }

    pub(super) fn dimension(&self, role: &str) -> Option<&Dimension> {
        let offered = self.dimensions.iter().find(|offered| offered.role == role)?;
        self.known.sound_dimension(offered.dimension.as_deref()?)
    }
}
