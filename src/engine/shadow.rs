//! A shadow of answers from aggregates: of some questions the answer is computed again, from base
//! rows, in the background, and any difference is told. What was wrong answers nothing more until it is
//! refreshed.
//!
//! One question at a time is looked at again, after its own answer is under way; those that come
//! meanwhile pass. Floating point sums may differ in their last digits, for they depend on order.

use super::Query;
use super::compared::{MOST_ROWS, Rows};
use super::errors::from_datafusion;
use crate::error::Result;
use crate::query::CubeQuery;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Which questions are looked at again, and what came of it.
#[derive(Debug)]
pub(crate) struct Shadow {
    /// One of so many; none where it is 0.
    every: u64,
    answered: AtomicU64,
    compared: AtomicU64,
    different: AtomicU64,
    /// Those that passed by while another was looked at.
    passed: AtomicU64,
    /// What was said of those that differ.
    told: Mutex<Vec<String>>,
    one: Arc<Semaphore>,
}

impl Shadow {
    /// For one of so many questions that aggregates answer; for none where that is 0.
    pub(crate) fn new(every: u64) -> Self {
        let none = || AtomicU64::new(0);
        let one = Arc::new(Semaphore::new(1));
        let (answered, compared, different, passed) = (none(), none(), none(), none());
        Self { every, answered, compared, different, passed, told: Mutex::default(), one }
    }

    /// How many answers were compared, and how many of them were others than base rows give.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.compared.load(Ordering::Acquire), self.different.load(Ordering::Relaxed))
    }

    /// How many were to be compared, and were not while another was.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Where every answer is compared: what was said of those that differ, after the comparison that is
    /// under way.
    pub(crate) async fn told(&self) -> Vec<String> {
        if self.every != 1 {
            return Vec::new();
        }
        let _idle = self.one.acquire().await;
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it is this question's turn.
    fn is_next(&self) -> bool {
        let before = self.answered.fetch_add(1, Ordering::Relaxed);
        before.checked_rem(self.every) == Some(0)
    }
}

impl Shadow {
    /// Says how an answer differs, and asks its aggregates no more.
    fn tell(&self, query: &Query, difference: String) {
        let (session, tables) = (query.session(), &query.ready().routing.tables);
        for table in tables {
            if let Some(state) = session.release().tables.get(table) {
                session.engine().distrusted().add(table, state);
            }
        }
        let question = hash(query.text());
        let difference = format!(
            "an answer from aggregates is not what base rows give: {difference}; of question {question}, \
             answered from {}, which answer nothing more until they are refreshed",
            tables.join(", ")
        );
        tracing::error!(aggregates = tables.join(", "), %question, %difference, "an aggregate is wrong");
        let mut log = session.log(query.text(), std::time::Duration::ZERO);
        if let Some(log) = &mut log {
            log.routed(query.routing());
            log.end(Some(difference.clone()));
        }
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(difference);
    }
}

/// A question by a name that says nothing of it.
fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether one of the aggregates that a question was planned over was seen to be wrong since.
pub(super) fn is_distrusted(query: &Query) -> bool {
    let (session, tables) = (query.session(), &query.ready().routing.tables);
    let distrusted = session.engine().distrusted();
    let is_wrong = |table: &String| {
        let state = session.release().tables.get(table);
        state.is_some_and(|state| distrusted.has(table, state))
    };
    distrusted.found() > 0 && tables.iter().any(is_wrong)
}

/// The same question, which no aggregate answers.
pub(super) async fn from_base(query: &Query) -> Result<Query> {
    match serde_json::from_str::<CubeQuery>(query.text()) {
        Ok(asked) => query.session().with_aggregates(false).plan_cube_query(&asked).await,
        Err(_) => query.without_aggregates(),
    }
}

/// Looks at an answer again if it is its turn.
pub(super) fn look_again(query: &Query) {
    let shadow = Arc::clone(query.session().engine().shadow());
    let ready = query.ready();
    let is_asked = shadow.every > 0 && ready.repeats && ready.routing.uses_aggregates();
    if !is_asked || !shadow.is_next() {
        return;
    }
    let Ok(place) = Arc::clone(&shadow.one).try_acquire_owned() else {
        shadow.passed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let query = query.clone();
    tokio::spawn(async move {
        match compare(&query).await {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                if let Err(difference) = outcome {
                    shadow.different.fetch_add(1, Ordering::Relaxed);
                    shadow.tell(&query, difference);
                }
                shadow.compared.fetch_add(1, Ordering::Release);
            }
            Err(error) => tracing::debug!(%error, "an answer was not looked at again"),
        }
        drop(place);
    });
}

/// Compares the answer with what base rows give: `Err` says how they differ, nothing means that
/// they cannot be compared.
async fn compare(query: &Query) -> Result<Option<std::result::Result<(), String>>> {
    let is_cube_query = serde_json::from_str::<CubeQuery>(query.text());
    let again = from_base(query).await?;
    // Which of equal rows SQL's LIMIT takes is anybody's guess; a cube query's order is total.
    if again.ready().unbound || (is_cube_query.is_err() && is_cut(&again.ready().plan)?) {
        return Ok(None);
    }
    let answers = (rows(query).await?, rows(&again).await?);
    let (Some(answer), Some(expected)) = answers else { return Ok(None) };
    Ok(Some(match answer.differs(&expected) {
        None => Ok(()),
        Some(how) => Err(how),
    }))
}

fn is_cut(plan: &LogicalPlan) -> Result<bool> {
    let mut is_cut = false;
    plan.apply_with_subqueries(|node| {
        is_cut |= match node {
            LogicalPlan::Limit(_) => true,
            LogicalPlan::Sort(sort) => sort.fetch.is_some(),
            _ => false,
        };
        Ok(if is_cut { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .map_err(from_datafusion)?;
    Ok(is_cut)
}

/// The rows of an answer; nothing if there are too many.
async fn rows(query: &Query) -> Result<Option<Rows>> {
    let mut batches = Vec::new();
    let mut count = 0;
    let mut stream = query.unwatched().await?;
    while let Some(batch) = stream.try_next().await.map_err(from_datafusion)? {
        count += batch.num_rows();
        if count > MOST_ROWS {
            return Ok(None);
        }
        batches.push(batch);
    }
    Rows::new(batches).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_so_many_is_taken() {
        let taken = |every: u64| {
            let shadow = Shadow::new(every);
            (0..1000).filter(|_| shadow.is_next()).count()
        };
        assert_eq!([taken(0), taken(100), taken(4), taken(1)], [0, 10, 250, 1000]);
    }
}
