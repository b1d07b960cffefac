//! Evaluation contexts: from which of a fact's rows a measure is computed, in a row of the answer.
//!
//! After Hyde and Fremlin, "Measures in SQL" (2024). A row of an answer gives its measures a
//! context: that the groups have its members, and that the question's conditions hold. A measure may
//! change it: see time moved (`shift`) or widened (`running`), or the place (`place`) made larger or
//! another. Whatever has the same context is aggregated together.

use super::at::Modifier;
use super::atom::{Atom, Function};
use super::followed;
use crate::model::{Conversion, Followed, Window};
use datafusion::logical_expr::Expr;

/// Where an atom's rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The fact.
    pub(super) fact: String,
    /// Earlier rows seen as if they were of now.
    pub(super) shift: Option<Shift>,
    /// Rows of a window of days.
    pub(super) running: Option<Running>,
    /// A calendar role by whose days rows are summed before anything else.
    pub(super) daily: Option<String>,
    /// A link by whose weights rows are allocated.
    pub(super) weighted: Option<String>,
    /// How each row's amount is converted.
    pub(super) converted: Option<Conversion>,
    /// By what rows are followed, where that is asked.
    pub(super) followed: Option<Followed>,
    /// How the place differs from the row's own, in order.
    pub(super) place: Vec<Change>,
}

/// Each day of a calendar role counts as the day so much later, in one unit: all others are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) role: String,
    pub(super) months: u32,
    pub(super) days: u32,
    /// The same day of the same week of so many years of whole weeks later.
    pub(super) retail_years: u32,
    /// The same day of the same week of so many periods of such years later.
    pub(super) retail_periods: u32,
}

/// A window of days that ends with the last day of the row's period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) role: String,
    pub(super) window: Window,
}

/// A change of place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// All groups are removed, conditions stay.
    Total,
    /// Only what is about a role stays, of groups and of conditions.
    Only(String),
    /// Of a role the finest level grouped by is removed.
    Parent(String),
    /// Of a role all levels finer than this one are removed.
    Level { role: String, level: String },
    /// All groups of a role are removed, conditions stay.
    AllMembers(String),
    /// Only the members that are shown count.
    Shown(Expr),
    /// What is about dimensions that the fact does not have is set aside.
    Unrelated,
    /// What SQL says after AT.
    Modified(Modifier),
}

impl Context {
    /// The row's own context over a fact.
    pub(super) fn of(fact: &str) -> Self {
        let fact = fact.to_owned();
        let (shift, running, daily, weighted) = (None, None, None, None);
        let (converted, followed, place) = (None, None, Vec::new());
        Self { fact, shift, running, daily, weighted, converted, followed, place }
    }

    /// The same rows where the row of the answer is.
    pub(super) fn here(&self) -> Self {
        Self { daily: None, place: Vec::new(), ..self.clone() }
    }

    /// The roles that must be known as a whole for an atom to be computed: those by which time moves,
    /// widens or ends.
    pub(super) fn goes_by<'a>(&'a self, atom: &'a Atom) -> Vec<&'a str> {
        let mut roles: Vec<&str> = Vec::new();
        roles.extend(self.shift.iter().map(|shift| shift.role.as_str()));
        roles.extend(self.running.iter().map(|running| running.role.as_str()));
        roles.extend(self.daily.as_deref());
        if let Function::SumAtEnd(at) = &atom.function {
            roles.push(&at.role);
        }
        roles
    }

    /// In an analyst's words.
    pub(super) fn describe(&self) -> String {
        let mut words = format!("fact {}", self.fact);
        if let Some(Shift { months, days, retail_years, retail_periods, .. }) = &self.shift {
            words.push_str(&match (months, days) {
                _ if *retail_years == 1 => ", a retail year before".to_owned(),
                _ if *retail_years > 1 => format!(", {retail_years} retail years before"),
                _ if *retail_periods == 1 => ", a retail period before".to_owned(),
                _ if *retail_periods > 1 => format!(", {retail_periods} retail periods before"),
                (12, 0) => ", a year before".to_owned(),
                (months, 0) if months % 12 == 0 => format!(", {} years before", months / 12),
                (1, 0) => ", a month before".to_owned(),
                (months, 0) => format!(", {months} months before"),
                (_, 1) => ", a day before".to_owned(),
                (_, days) => format!(", {days} days before"),
            });
        }
        if let Some(Running { window, .. }) = &self.running {
            words.push_str(&match window {
                Window::Cumulative => ", all days so far".to_owned(),
                Window::ToDate { period } => format!(", {period} to date"),
                Window::Rolling { periods, period, current: true } => {
                    format!(", {periods} by {period} so far")
                }
                Window::Rolling { periods, period, current: false } => {
                    format!(", {periods} by {period} before")
                }
            });
        }
        if let Some(role) = &self.daily {
            words.push_str(&format!(", day by day of {role}"));
        }
        if let Some(role) = &self.weighted {
            words.push_str(&format!(", allocated to {role}"));
        }
        if let Some(conversion) = &self.converted {
            words.push_str(&format!(", in {} by {}", conversion.to, conversion.rates));
        }
        if let Some(followed) = &self.followed {
            words.push_str(&format!(", {}", followed::describe(followed)));
        }
        for change in &self.place {
            words.push_str(&match change {
                Change::Total => ", total".to_owned(),
                Change::Only(role) => format!(", by {role} alone"),
                Change::Parent(role) => format!(", parent in {role}"),
                Change::Level { role, level } => format!(", whole {role}.{level}"),
                Change::AllMembers(role) => format!(", all of {role}"),
                Change::Shown(_) => ", of the rows shown".to_owned(),
                Change::Unrelated => ", repeated where it has no dimension".to_owned(),
                Change::Modified(modifier) => format!(", at {modifier}"),
            });
        }
        words
    }
}

/// A condition on the days of a window has no meaning in a sum of days, and so on: expressions over
/// columns of one role and of others are mixed.
pub(super) fn is_mixed(expr: &Expr, is_own: impl Fn(&str) -> bool) -> bool {
    let columns = expr.column_refs();
    let own = columns.iter().filter(|column| is_own(&column.name)).count();
    own > 0 && own < columns.len()
}
