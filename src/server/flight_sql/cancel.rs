//! Running queries, so that a client can stop one it no longer wants.
//!
//! A client that drops its stream stops the query as well; this is for those that ask.

use crate::error::{Error, ErrorKind};
use crate::policy::Principal;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tonic::Status;

/// The queries being fetched, by the handle they were planned under.
#[derive(Default)]
pub(super) struct Running {
    stops: Mutex<Stops>,
}

type Stops = HashMap<Bytes, (Principal, oneshot::Sender<()>)>;

impl Running {
    /// Stops a query; false where the principal runs none under that handle.
    pub(super) fn cancel(&self, owner: &Principal, handle: &Bytes) -> bool {
        let mut stops = self.stops();
        let owned = stops.get(handle).is_some_and(|(principal, _)| principal == owner);
        let stop = if owned { stops.remove(handle) } else { None };
        stop.is_some_and(|(_, stop)| stop.send(()).is_ok())
    }

    /// The same answer, but cancellable: once stopped it ends in an error, never as if complete.
    pub(super) fn watch<T: Send + 'static>(
        self: &Arc<Self>,
        owner: &Principal,
        handle: Bytes,
        answers: BoxStream<'static, Result<T, Status>>,
    ) -> BoxStream<'static, Result<T, Status>> {
        let (stop, stopped) = oneshot::channel();
        self.stops().insert(handle.clone(), (owner.clone(), stop));
        let entry = RunningEntry { running: Arc::clone(self), handle };
        stream::unfold(Some((answers, stopped, entry)), |state| async move {
            let (mut answers, mut stopped, entry) = state?;
            tokio::select! {
                biased;
                Ok(()) = &mut stopped => {
                    let error = Error::new(ErrorKind::Cancelled, "the query was cancelled");
                    Some((Err(error.into()), None))
                }
                next = answers.next() => next.map(|next| (next, Some((answers, stopped, entry)))),
            }
        })
        .boxed()
    }

    fn stops(&self) -> MutexGuard<'_, Stops> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the query when its stream ends or is dropped.
struct RunningEntry {
    running: Arc<Running>,
    handle: Bytes,
}

impl Drop for RunningEntry {
    fn drop(&mut self) {
        self.running.stops().remove(&self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cancelled_answer_ends_in_an_error() {
        let running = Arc::new(Running::default());
        let handle = Bytes::from_static(b"one");
        let endless = stream::iter([Ok(1)]).chain(stream::pending()).boxed();
        let mut answers = running.watch(&Principal::local(), handle.clone(), endless);
        assert_eq!(answers.next().await.unwrap().unwrap(), 1);
        assert!(running.cancel(&Principal::local(), &handle));
        let status = answers.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::Cancelled);
        assert!(answers.next().await.is_none());
        assert!(!running.cancel(&Principal::local(), &handle), "it runs no more");
    }

    #[tokio::test]
    async fn an_answer_that_ended_or_was_dropped_runs_no_more() {
        let running = Arc::new(Running::default());
        let handle = Bytes::from_static(b"one");
        let mut answers =
            running.watch(&Principal::local(), handle.clone(), stream::iter([Ok(1)]).boxed());
        while answers.next().await.is_some() {}
        assert!(running.stops().is_empty());
        drop(running.watch(
            &Principal::local(),
            handle,
            stream::pending::<Result<u8, Status>>().boxed(),
        ));
        assert!(running.stops().is_empty());
    }
}
