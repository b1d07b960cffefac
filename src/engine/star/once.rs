//! What the partitions of an operator share: a value made once, and turns at its work.

use datafusion::common::Result;
use datafusion::error::DataFusionError;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

type Making<T> = Shared<BoxFuture<'static, Result<Arc<T>, Arc<DataFusionError>>>>;

/// A value made by whoever needs it first. If that fails, it fails for all: the plans it comes of
/// cannot run twice. If who began is dropped, another goes on.
pub(super) struct Once<T>(Mutex<Option<Making<T>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Debug for Once<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

impl<T: Send + Sync + 'static> Once<T> {
    /// The value, made by `make` unless somebody has.
    pub(super) async fn get(
        &self,
        make: impl FnOnce() -> BoxFuture<'static, Result<T>> + Send,
    ) -> Result<Arc<T>> {
        let making = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = || make().map(|made| made.map(Arc::new).map_err(Arc::new)).boxed().shared();
            known.get_or_insert_with(begin).clone()
        };
        making.await.map_err(DataFusionError::Shared)
    }
}

/// Which partition does what: each takes the next piece of work there is. An operator above may
/// execute all partitions again; then all work is done again.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How often each partition was executed.
    executed: Vec<usize>,
    /// By execution, the next piece of work.
    next: Vec<Arc<AtomicUsize>>,
}

impl Turns {
    /// The counter of pieces of work that a partition shares, from its beginning to its end.
    pub(super) fn begin(&self, partition: usize) -> Arc<AtomicUsize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.executed.len() <= partition {
            state.executed.resize(partition + 1, 0);
        }
        let execution = state.executed[partition];
        state.executed[partition] += 1;
        if state.next.len() <= execution {
            state.next.resize_with(execution + 1, Arc::default);
        }
        Arc::clone(&state.next[execution])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn partitions_share_a_turn_and_begin_anew_when_executed_again() {
        let turns = Turns::default();
        let (first, second) = (turns.begin(0), turns.begin(1));
        first.fetch_add(5, Relaxed);
        assert_eq!(second.load(Relaxed), 5);
        let (again, second) = (turns.begin(1), turns.begin(0));
        again.fetch_add(1, Relaxed);
        assert_eq!((first.load(Relaxed), second.load(Relaxed)), (5, 1));
    }

    #[tokio::test]
    async fn an_error_is_everybodys() {
        let once = Once::<u8>::default();
        let fails = || async { Err(DataFusionError::Plan("no".to_owned())) }.boxed();
        assert!(once.get(fails).await.is_err());
        let succeeds = || async { Ok(1) }.boxed();
        assert!(once.get(succeeds).await.unwrap_err().to_string().contains("no"));
    }
}
