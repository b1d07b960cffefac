//! Running queries, so that a client can stop one it no longer wants.
//!
//! A client that drops its stream stops the query as well; this is for those that ask.

use crate::error::{Error, ErrorKind};
use crate::policy::Principal;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
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

    /// Makes a query cancellable from now on, until the watch or what it watches over is dropped.
    ///
    /// # Errors
    /// User where it is being fetched already.
    pub(super) fn watch(
        self: &Arc<Self>,
        owner: &Principal,
        handle: Bytes,
    ) -> Result<Watch, Error> {
        let (stop, stopped) = oneshot::channel();
        match self.stops().entry(handle.clone()) {
            Entry::Occupied(_) => {
                return Err(Error::user("that answer is being fetched already")
                    .hint("ask again: an answer can be fetched once"));
            }
            Entry::Vacant(entry) => {
                entry.insert((owner.clone(), stop));
            }
        }
        Ok(Watch {
            stopped,
            deadline: None,
            _entry: RunningEntry { running: Arc::clone(self), handle },
        })
    }

    fn stops(&self) -> MutexGuard<'_, Stops> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query that can be cancelled.
pub(super) struct Watch {
    stopped: oneshot::Receiver<()>,
    deadline: Option<(Instant, Duration)>,
    _entry: RunningEntry,
}

impl Watch {
    /// The same, but stopped by itself after a time, if one is set.
    pub(super) fn within(self, limit: Option<Duration>) -> Self {
        let deadline = limit.map(|limit| (Instant::now() + limit, limit));
        Self { deadline, ..self }
    }

    /// Why it was stopped, once it is.
    async fn stopped(&mut self) -> Error {
        let deadline = self.deadline;
        let too_late = async {
            match deadline {
                Some((deadline, limit)) => {
                    tokio::time::sleep_until(deadline).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Ok(()) = &mut self.stopped => cancelled(),
            limit = too_late => Error::new(ErrorKind::TimedOut, "the statement ran past its time limit")
                .with("statement_timeout", format!("{} s", limit.as_secs_f64()))
                .hint("set the session option statement_timeout to more, or to 0 for no limit"),
        }
    }

    /// What the work comes to, or that the query was cancelled meanwhile.
    pub(super) async fn unless_stopped<T>(
        &mut self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            stopped = self.stopped() => Err(stopped),
            done = work => done,
        }
    }

    /// The same answer, but cancellable: once stopped it ends in an error, never as if complete.
    pub(super) fn over<T: Send + 'static>(
        self,
        answers: BoxStream<'static, Result<T, Status>>,
    ) -> BoxStream<'static, Result<T, Status>> {
        stream::unfold(Some((answers, self)), |state| async move {
            let (mut answers, mut watch) = state?;
            tokio::select! {
                biased;
                stopped = watch.stopped() => Some((Err(stopped.into()), None)),
                next = answers.next() => next.map(|next| (next, Some((answers, watch)))),
            }
        })
        .boxed()
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the query was cancelled")
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
        let mut answers = running.watch(&Principal::local(), handle.clone()).unwrap().over(endless);
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
        let watch = running.watch(&Principal::local(), handle.clone()).unwrap();
        let mut answers = watch.over(stream::iter([Ok(1)]).boxed());
        while answers.next().await.is_some() {}
        assert!(running.stops().is_empty());
        let watch = running.watch(&Principal::local(), handle).unwrap();
        drop(watch.over(stream::pending::<Result<u8, Status>>().boxed()));
        assert!(running.stops().is_empty());
    }

    #[tokio::test]
    async fn a_query_can_be_cancelled_before_it_answers() {
        let running = Arc::new(Running::default());
        let handle = Bytes::from_static(b"one");
        let mut watch = running.watch(&Principal::local(), handle.clone()).unwrap();
        assert!(running.cancel(&Principal::local(), &handle));
        let starting = watch.unless_stopped(std::future::pending::<Result<(), Error>>());
        assert_eq!(starting.await.unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn a_second_fetch_leaves_the_first_cancellable() {
        let running = Arc::new(Running::default());
        let handle = Bytes::from_static(b"one");
        let _watch = running.watch(&Principal::local(), handle.clone()).unwrap();
        assert!(running.watch(&Principal::local(), handle.clone()).is_err());
        assert!(running.cancel(&Principal::local(), &handle));
    }
}
