//! How many queries run at once, and who is next.
//!
//! A query waits first for its session's turn, then for a place among all that run: so a session
//! that asks a hundred things at once does not keep the others from asking one. What asks about
//! tables and columns by Flight SQL's own commands does not wait, nor does what sets an option; what
//! asks about them in SQL waits only for its like.
//!
//! Planning is let in in the same way before that: it takes memory that no budget counts, and once
//! begun it goes on to its end, even where nobody waits for it any more.

use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Sessions remembered before those that run nothing are forgotten.
const MANY_SESSIONS: usize = 1024;

/// Texts of so many bytes are large: programs have written them.
const LARGE_BYTES: usize = 64 << 10;
/// Statements that are planned at once.
const MOST_PLANNED: usize = 32;
/// ... and of those with a large text.
const MOST_LARGE_PLANNED: usize = 2;
/// Statements that wait to be planned, of either kind.
const MOST_TO_PLAN: usize = 1_000;

/// Lets statements be planned: large ones one after the other, so that small ones need not wait.
pub(super) struct Planning {
    small: Arc<Admission>,
    large: Arc<Admission>,
}

impl Default for Planning {
    fn default() -> Self {
        let places = |most| Arc::new(Admission::new(most, MOST_TO_PLAN));
        Self { small: places(MOST_PLANNED), large: places(MOST_LARGE_PLANNED) }
    }
}

impl Planning {
    /// Waits for a place for planning a text of so many bytes.
    ///
    /// # Errors
    /// As [`Admission::admit`].
    pub(super) async fn admit(&self, session: Bytes, bytes: usize) -> Result<Place> {
        let places = if bytes < LARGE_BYTES { &self.small } else { &self.large };
        places.admit(session).await
    }
}

/// Questions about Starhouse itself that run at once, and that wait.
const MOST_INWARD: usize = 4;
const MOST_INWARD_WAITING: usize = 100;

/// What a query asks for, as far as its turn goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Something about Starhouse itself.
    Inward,
    /// Little work.
    Short,
    /// Much work, or maybe so.
    Long,
}

/// Lets queries be run: those about Starhouse itself by a door of their own, so that who wants to know
/// why others wait need not; and those that are long by two, so that half of all places, rounded down, are
/// never theirs.
pub(super) struct Queries {
    any: Arc<Admission>,
    long: Arc<Admission>,
    inward: Arc<Admission>,
}

impl Queries {
    /// So many queries run at once, at least one, and so many more wait.
    pub(super) fn new(max_running: usize, max_waiting: usize) -> Self {
        let places = |most, waiting| Arc::new(Admission::new(most, waiting));
        Self {
            any: places(max_running, max_waiting),
            // Those who wait here are counted at the other door, with all that wait.
            long: places(max_running.div_ceil(2), max_waiting),
            inward: places(MOST_INWARD, MOST_INWARD_WAITING),
        }
    }

    /// Waits for a place for a query of a session.
    ///
    /// # Errors
    /// Limit where too many wait already.
    pub(super) async fn admit(&self, session: Bytes, length: Length) -> Result<Place> {
        let doors = match length {
            Length::Inward => [None, Some(&self.inward)],
            Length::Short => [None, Some(&self.any)],
            // First the one where long ones wait for each other: they take no place before.
            Length::Long => [Some(&self.long), Some(&self.any)],
        };
        Place::behind(doors.into_iter().flatten().cloned().collect(), session).await
    }
}

/// Lets queries in.
pub(super) struct Admission {
    places: Arc<Semaphore>,
    max_running: usize,
    sessions: Mutex<HashMap<Bytes, Arc<Semaphore>>>,
    waiting: AtomicUsize,
    max_waiting: usize,
}

/// A place among the queries that run; given back when dropped.
pub(super) struct Place {
    /// The doors that lead to it, in their order.
    doors: Vec<Arc<Admission>>,
    session: Bytes,
    /// Of each door, unless the place is left.
    permits: Vec<Permits>,
}

type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Place {
    /// Waits for a place behind some doors, the last of which counts those who wait.
    async fn behind(doors: Vec<Arc<Admission>>, session: Bytes) -> Result<Self> {
        let free = doors.iter().all(|door| door.places.available_permits() > 0);
        let waiting = doors.last().map(Arc::clone);
        let _waiting = waiting.as_ref().map(|door| door.wait(free)).transpose()?;
        let mut place = Self { doors, session, permits: Vec::new() };
        place.come_back().await?;
        Ok(place)
    }

    /// Gives the place to another while the query rests.
    pub(super) fn leave(&mut self) {
        self.permits.clear();
    }

    /// Waits for a place again, if it was left.
    ///
    /// # Errors
    /// Internal where the server lets no query in any more.
    pub(super) async fn come_back(&mut self) -> Result<()> {
        for door in self.doors.iter().skip(self.permits.len()) {
            self.permits.push(door.permits(&self.session).await?);
        }
        Ok(())
    }
}

impl Admission {
    /// So many queries run at once, at least one, and so many more wait.
    pub(super) fn new(max_running: usize, max_waiting: usize) -> Self {
        let max_running = max_running.clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(max_running));
        let (sessions, waiting) = (Mutex::default(), AtomicUsize::new(0));
        Self { places, max_running, sessions, waiting, max_waiting }
    }

    /// Waits for a place for a query of a session.
    ///
    /// # Errors
    /// Limit where too many wait already.
    pub(super) async fn admit(self: &Arc<Self>, session: Bytes) -> Result<Place> {
        Place::behind(vec![Arc::clone(self)], session).await
    }

    async fn permits(&self, session: &Bytes) -> Result<Permits> {
        let of_session = self.session(session).acquire_owned().await.map_err(closed)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(closed)?;
        Ok((of_session, place))
    }

    /// Counts one more who waits; whoever finds a place that is free at once does not.
    fn wait(&self, free: bool) -> Result<Waiting<'_>> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let counted = Waiting(&self.waiting);
        if free || waiting < self.max_waiting {
            return Ok(counted);
        }
        Err(Error::new(ErrorKind::Limit, "too many queries wait for their turn")
            .with("running", self.max_running)
            .with("waiting", waiting)
            .hint("ask again in a while; the settings max_queries and max_waiting_queries say how many"))
    }

    /// Half of all places at most are one session's.
    fn session(&self, key: &Bytes) -> Arc<Semaphore> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MANY_SESSIONS {
            sessions.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let share = || Arc::new(Semaphore::new(self.max_running.div_ceil(2)));
        Arc::clone(sessions.entry(key.clone()).or_insert_with(share))
    }
}

/// Counts as waiting until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn closed(error: tokio::sync::AcquireError) -> Error {
    Error::internal("the server lets no query in any more").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn is_let_in(admission: &Arc<Admission>, session: &'static str) -> Option<Place> {
        let admitted = admission.admit(Bytes::from_static(session.as_bytes()));
        tokio::time::timeout(Duration::from_millis(20), admitted).await.ok().map(Result::unwrap)
    }

    #[tokio::test]
    async fn a_session_that_asks_much_leaves_room_for_others() {
        let admission = Arc::new(Admission::new(4, 100));
        let one = is_let_in(&admission, "greedy").await.unwrap();
        let _two = is_let_in(&admission, "greedy").await.unwrap();
        assert!(is_let_in(&admission, "greedy").await.is_none());
        let _other = is_let_in(&admission, "modest").await.unwrap();
        drop(one);
        assert!(is_let_in(&admission, "greedy").await.is_some());
    }

    #[tokio::test]
    async fn questions_about_starhouse_itself_wait_for_each_other_only() {
        let queries = Queries::new(1, 0);
        let admit = async |length| {
            let admitted = queries.admit(Bytes::from_static(b"a"), length);
            tokio::time::timeout(Duration::from_millis(20), admitted).await.ok()
        };
        let _running = admit(Length::Short).await.unwrap().unwrap();
        assert!(admit(Length::Short).await.unwrap().is_err(), "nobody may wait");
        assert!(admit(Length::Long).await.unwrap().is_err(), "nor behind another door");
        let inward = async || admit(Length::Inward).await;
        let _share = [inward().await.unwrap().unwrap(), inward().await.unwrap().unwrap()];
        assert!(inward().await.is_none(), "half of all places are one session's");
    }

    #[tokio::test]
    async fn long_queries_leave_half_of_all_places_to_short_ones() {
        let queries = Queries::new(4, 100);
        let admit = async |session: &'static str, length| {
            let admitted = queries.admit(Bytes::from_static(session.as_bytes()), length);
            tokio::time::timeout(Duration::from_millis(20), admitted).await.ok().map(Result::unwrap)
        };
        let mut first = admit("a", Length::Long).await.unwrap();
        assert!(
            admit("a", Length::Long).await.is_none(),
            "half of the long ones are one session's"
        );
        let second = admit("b", Length::Long).await.unwrap();
        assert!(admit("c", Length::Long).await.is_none());
        let _short =
            [admit("a", Length::Short).await.unwrap(), admit("c", Length::Short).await.unwrap()];
        assert!(admit("c", Length::Short).await.is_none(), "four run");
        first.leave();
        let _third = admit("c", Length::Long).await.unwrap();
        drop(second);
        first.come_back().await.unwrap();
        assert!(admit("d", Length::Short).await.is_none(), "whoever rested has its place again");
    }

    #[tokio::test]
    async fn large_statements_wait_for_each_other_and_small_ones_do_not() {
        let planning = Planning::default();
        let admit = async |session: &'static str, bytes| {
            let admitted = planning.admit(Bytes::from_static(session.as_bytes()), bytes);
            tokio::time::timeout(Duration::from_millis(20), admitted).await.ok().map(Result::unwrap)
        };
        let first = admit("a", LARGE_BYTES).await.unwrap();
        assert!(admit("a", LARGE_BYTES).await.is_none(), "half of all places are one session's");
        let _other = admit("b", 1 << 30).await.unwrap();
        assert!(admit("c", LARGE_BYTES).await.is_none());
        let _small = admit("a", LARGE_BYTES - 1).await.unwrap();
        drop(first);
        assert!(admit("c", LARGE_BYTES).await.is_some());
    }

    #[tokio::test]
    async fn who_waits_is_let_in_and_one_too_many_is_told() {
        let admission = Arc::new(Admission::new(1, 1));
        let running = is_let_in(&admission, "a").await.unwrap();
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.admit(Bytes::from_static(b"b")).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let error = admission.admit(Bytes::from_static(b"c")).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        let mut running = running;
        running.leave();
        assert!(waiting.await.unwrap().is_ok());
        running.come_back().await.unwrap();
        assert!(is_let_in(&admission, "d").await.is_none());
        drop(running);
        assert!(is_let_in(&admission, "d").await.is_some(), "who gave up waiting does not count");
    }
}
