//! Events that are followed by others: what a conversion counts.

use super::Period;

/// That an event is followed by one of another fact: of the same member, at the same time or a later
/// one, before a span of time is over. Times are days, unless both facts know moments: which of two
/// events of one day came first nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The fact of the events that follow.
    pub by: String,
    /// Only those of its rows for which this SQL condition holds.
    pub filter: Option<String>,
    /// The role of the members whose events both are.
    pub of: Named,
    /// The calendar role of their days.
    pub over: Named,
    /// Roles and columns that must be the same of both as well.
    pub same: Vec<Named>,
    /// The columns of their moments; where there are none, they are told by days.
    pub moments: Option<Named>,
    /// The span of time, which begins with the event's day, or moment.
    pub periods: u32,
    /// Of what.
    pub period: Period,
}

/// What an event, and the one that follows it, call one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The role or column of the event's fact.
    pub here: String,
    /// That of the fact of what follows.
    pub there: String,
}

/// What a conversion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The members who have an event that is followed, each once.
    Members,
    /// The events that are followed, each once, by however many it is.
    Events,
}
