//! Threads for queries, apart from those that speak with clients: however busy they are, a client
//! that asks whether the server lives hears so at once. Long queries have threads of their own: the
//! system shares the processors out between these and those of short ones, piece by piece, where a
//! thread of both would do one piece of work to its end before it looks at the next.

use super::admission::Place;
use crate::error::{Error, ErrorKind, Result};
use futures::FutureExt;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use std::future::Future;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};

/// Plans are recursive, and deep ones need more than the usual stack; what is not used costs nothing.
const STACK_BYTES: usize = 64 << 20;
/// Messages that are ready before the client takes them.
const READY: usize = 2;
/// So long a schema waits for the first rows.
const SCHEMA_WAITS: Duration = Duration::from_millis(20);
/// After so long without its client taking anything, a query gives its place to another ...
const SLOW: Duration = Duration::from_secs(1);
/// ... and after so long, its memory as well: it ends in an error.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Threads that do not let go before their work is done.
const BLOCKING: usize = 64;

/// The threads that queries run on.
pub(super) struct QueryThreads(Option<Runtime>);

impl QueryThreads {
    /// # Errors
    /// Unavailable where the system gives no threads.
    pub(super) fn new(name: &str, threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name(name)
            .max_blocking_threads(BLOCKING)
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Unavailable, "no threads for queries").caused_by(error)
            })?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> Handle {
        // There until the drop.
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }

    /// Does work there; dropping this stops it.
    ///
    /// # Errors
    /// The work's own; internal where it broke down.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut task = Task(self.handle().spawn(work));
        match (&mut task.0).await {
            Ok(done) => done,
            Err(error) => Err(broke_down(error)),
        }
    }

    /// Begins work there; dropping what this gives stops it.
    pub(super) fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> Task<()> {
        Task(self.handle().spawn(work))
    }

    /// Does work that keeps its thread until it is done: so it has one of its own, and shares the
    /// processors with all others as the system sees fit. Dropping this stops it only where it
    /// waits for something.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn run_apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (handle, (stop, stopped)) = (self.handle(), oneshot::channel::<()>());
        let inner = handle.clone();
        let task = handle.spawn_blocking(move || {
            inner.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopped => Err(Error::new(ErrorKind::Cancelled, "nobody waits for it")),
                    done = work => done,
                }
            })
        });
        let done = task.await;
        drop(stop);
        done.unwrap_or_else(|error| Err(broke_down(error)))
    }

    /// The same stream, made there while it has its place; dropping it stops the work.
    pub(super) fn stream<T, E>(
        &self,
        items: impl Stream<Item = Result<T, E>> + Send + 'static,
        place: Place,
    ) -> BoxStream<'static, Result<T, E>>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(READY);
        let task = Task(self.handle().spawn(forward(items.boxed(), sender, place)));
        let parcels = stream::unfold(Some((receiver, task)), |working| async {
            let (mut receiver, mut task) = working?;
            let Some(Parcel { items, is_last }) = receiver.recv().await else {
                let ended = match (&mut task.0).await {
                    Ok(ended) => ended.err()?,
                    // The work broke down, or the server did: no answer may look complete.
                    Err(error) => broke_down(error),
                };
                return Some((vec![Err(E::from(ended))], None));
            };
            Some((items, (!is_last).then_some((receiver, task))))
        });
        parcels.flat_map(stream::iter).boxed()
    }
}

/// Items that are sent on together: whoever sends to a client wakes up once for all of them, and so does
/// the client. Most answers are one parcel.
struct Parcel<I> {
    items: Vec<I>,
    /// Whether nothing comes after it.
    is_last: bool,
}

impl<I> Parcel<I> {
    /// The first of an answer: its schema, the first rows, unless they take long, and whatever is there by
    /// then. Whoever has the schema can cancel, so that it does not wait for long.
    async fn first(items: &mut BoxStream<'static, I>) -> Self {
        let mut parcel = Self::next(items).await;
        if !parcel.is_last
            && let Ok(rows) = tokio::time::timeout(SCHEMA_WAITS, items.next()).await
        {
            parcel.add(rows);
        }
        if !parcel.is_last
            && parcel.items.len() == 2
            && let Some(more) = items.next().now_or_never()
        {
            parcel.add(more);
        }
        parcel
    }

    /// One that comes later: an item.
    async fn next(items: &mut BoxStream<'static, I>) -> Self {
        let mut parcel = Self { items: Vec::new(), is_last: false };
        parcel.add(items.next().await);
        parcel
    }

    fn add(&mut self, item: Option<I>) {
        self.is_last = item.is_none();
        self.items.extend(item);
    }
}

/// Sends items on as they are taken.
///
/// # Errors
/// Limit where nothing is taken for long.
async fn forward<T, E>(
    mut items: BoxStream<'static, Result<T, E>>,
    sender: mpsc::Sender<Parcel<Result<T, E>>>,
    mut place: Place,
) -> Result<()> {
    let mut parcel = Parcel::first(&mut items).await;
    loop {
        let room = match tokio::time::timeout(SLOW, sender.reserve()).await {
            Ok(room) => room,
            Err(_) => {
                place.leave();
                let room = tokio::time::timeout(PATIENCE, sender.reserve()).await;
                let room = room.map_err(|_| too_slow())?;
                place.come_back().await?;
                room
            }
        };
        // Nobody takes it any more.
        let Ok(room) = room else { return Ok(()) };
        if parcel.is_last {
            // Whoever is told of the end may ask the next question at once.
            drop((items, place));
            room.send(parcel);
            return Ok(());
        }
        room.send(parcel);
        parcel = Parcel::next(&mut items).await;
    }
}

/// What a task's end by a panic means. Arrow's builders have no other way to say that values have
/// grown too large for their type; all else is a fault of ours.
fn broke_down(error: JoinError) -> Error {
    let said = error.to_string();
    if error.is_panic() && (said.contains("overflow") || said.contains("out of range")) {
        return Error::new(
            ErrorKind::Limit,
            "a value of the query grew beyond what its type holds",
        )
        .caused_by(error)
        .hint("ask for smaller values, or for fewer of them at once");
    }
    Error::internal("a query broke down").caused_by(error)
}

fn too_slow() -> Error {
    Error::new(ErrorKind::Limit, "nothing of the answer was taken for an hour")
        .hint("ask again, and read the answer as it comes")
}

impl Drop for QueryThreads {
    fn drop(&mut self) {
        // A runtime may not be waited for within another.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Work that is stopped when nobody waits for it any more.
pub(super) struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::admission::Admission;
    use bytes::Bytes;
    use futures::TryStreamExt;
    use std::sync::Arc;
    use tonic::Status;

    #[tokio::test]
    async fn work_is_done_elsewhere_and_stopped_when_dropped() {
        let threads = QueryThreads::new("query", 1).unwrap();
        let overflown = threads.run(async {
            let bytes = i32::try_from(u64::MAX).map_err(|_| ());
            assert!(bytes.is_ok(), "byte array offset overflow");
            Ok(())
        });
        assert_eq!(overflown.await.unwrap_err().kind(), ErrorKind::Limit);
        let admission = Arc::new(Admission::new(1, 0));
        let place = async || admission.admit(Bytes::new()).await.unwrap();
        let name = threads.run(async { Ok(std::thread::current().name().map(str::to_owned)) });
        assert_eq!(name.await.unwrap().as_deref(), Some("query"));
        let items = futures::stream::iter((0..10).map(Ok::<_, Status>));
        assert_eq!(
            threads.stream(items, place().await).try_collect::<Vec<_>>().await.unwrap().len(),
            10
        );

        let (dropped, noticed) = oneshot::channel::<()>();
        let endless = futures::stream::repeat_with(move || {
            let _ = &dropped;
            Ok::<_, Status>(1)
        });
        let mut answers = threads.stream(endless, place().await);
        assert_eq!(answers.next().await.unwrap().unwrap(), 1);
        drop(answers);
        assert!(noticed.await.is_err(), "the stream is gone");
    }

    /// The same items, and an error or none at the end, of work done elsewhere.
    async fn worked(
        threads: &QueryThreads,
        items: impl Stream<Item = Result<i32, Status>> + Send + 'static,
    ) -> (Vec<i32>, Option<Status>) {
        let admission = Arc::new(Admission::new(1, 0));
        let place = admission.admit(Bytes::new()).await.unwrap();
        let mut answers = threads.stream(items, place);
        let mut seen = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(item) => seen.push(item),
                Err(status) => return (seen, Some(status)),
            }
        }
        // Who has seen the end finds the place free.
        assert!(admission.admit(Bytes::new()).await.is_ok());
        (seen, None)
    }

    #[tokio::test]
    async fn answers_are_whole_however_their_items_go_together() {
        let threads = QueryThreads::new("query", 1).unwrap();
        for count in 0..8 {
            let items = (0..count).map(Ok);
            let (seen, error) = worked(&threads, stream::iter(items.clone())).await;
            assert!(error.is_none() && seen.into_iter().eq(0..count), "{count}");
            // One after the other, as a query that waits for its disk gives them.
            let slow = stream::iter(items.clone()).then(|item| async {
                tokio::task::yield_now().await;
                item
            });
            let (seen, error) = worked(&threads, slow).await;
            assert!(error.is_none() && seen.into_iter().eq(0..count), "{count}");
            let failing = stream::iter(items.clone().chain([Err(Status::aborted("no"))]));
            let (seen, error) = worked(&threads, failing).await;
            assert!(seen.into_iter().eq(0..count), "{count}");
            assert_eq!(error.unwrap().message(), "no");
            let breaking = stream::iter(items).chain(stream::once(async { panic!("broken") }));
            let (seen, error) = worked(&threads, breaking).await;
            assert!(error.is_some() && (0..count).take(seen.len()).eq(seen), "{count}");
        }
    }

    #[tokio::test]
    async fn a_schema_does_not_wait_for_long() {
        let threads = QueryThreads::new("query", 1).unwrap();
        let (go_on, gone_on) = oneshot::channel::<()>();
        let rows =
            stream::once(async { gone_on.await.map(|()| 2).map_err(|_| Status::aborted("")) });
        let admission = Arc::new(Admission::new(1, 0));
        let place = admission.admit(Bytes::new()).await.unwrap();
        let mut answers = threads.stream(stream::iter([Ok(1)]).chain(rows), place);
        assert_eq!(answers.next().await.unwrap().unwrap(), 1);
        go_on.send(()).unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap(), 2);
        assert!(answers.next().await.is_none());
    }
}
