//! What others are to hear of a schedule: failures, lateness, and that all is well again. Pure.
//!
//! Each is told once: what was told is remembered with the schedule, so that neither a restart nor
//! the next look tells it again.

use super::Schedule;
use crate::store::{ScheduleOutcome, ScheduleState};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// A run has failed and is not tried again.
    Failure,
    /// What was last loaded is older than the schedule's objective.
    Lateness,
    /// A run has succeeded after one of the others was told.
    Recovery,
}

impl News {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failure, Self::Lateness, Self::Recovery];

    fn word(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Lateness => "lateness",
            Self::Recovery => "recovery",
        }
    }
}

/// By how much a schedule misses its objective of freshness; none where it meets it or has none.
pub fn stale_by(
    schedule: &Schedule,
    state: &ScheduleState,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let objective = schedule.fresh_within?;
    // One that has never succeeded is known since it was planned first.
    let since = state.succeeded_at.unwrap_or(state.known_since.unwrap_or(state.planned_at));
    let over = now - since - objective;
    (over > Duration::zero()).then_some(over)
}

/// What is to be told of a schedule now; remembers that it was.
pub fn news(schedule: &Schedule, state: &mut ScheduleState, now: DateTime<Utc>) -> Vec<News> {
    let failed = matches!(state.outcome, ScheduleOutcome::Failed) && state.retry_at.is_none();
    let stale = stale_by(schedule, state, now).is_some();
    let mut news = Vec::new();
    if failed && !state.told_failure {
        state.told_failure = true;
        news.push(News::Failure);
    }
    if stale && !state.told_late {
        state.told_late = true;
        news.push(News::Lateness);
    }
    let well = state.outcome == ScheduleOutcome::Succeeded && !stale;
    if well && (state.told_failure || state.told_late) {
        (state.told_failure, state.told_late) = (false, false);
        news.push(News::Recovery);
    }
    news
}

/// What is told, as JSON. `text` is a sentence, as chat systems show it.
pub fn body(news: News, schedule: &Schedule, state: &ScheduleState, now: DateTime<Utc>) -> Value {
    let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let late = stale_by(schedule, state, now).map(|over| over.num_minutes());
    let error = state.error.as_deref().filter(|_| news == News::Failure);
    let text = match news {
        News::Failure => {
            format!("schedule {} failed: {}", schedule.name, error.unwrap_or_default())
        }
        News::Lateness => format!(
            "schedule {} is late: its last success was {}",
            schedule.name,
            state.succeeded_at.map_or("never".to_owned(), |at| format!("at {}", moment(at)))
        ),
        News::Recovery => format!("schedule {} is well again", schedule.name),
    };
    json!({
        "event": news.word(),
        "schedule": schedule.name,
        "description": schedule.description,
        "text": text,
        "at": moment(now),
        "planned_at": moment(state.planned_at),
        "succeeded_at": state.succeeded_at.map(moment),
        "late_by_minutes": late,
        "error": error,
    })
}
