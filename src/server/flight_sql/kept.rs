//! Answers that are kept: worked out once, as messages on disk. So they can be fetched in parts, by
//! several at once, again, and from the beginning while the rest is still being worked out.

use super::Answers;
use crate::engine::{AnswerFile, AnswerPlace, Progress};
use crate::error::{Error, Result};
use crate::server::threads::Task;
use arrow::datatypes::SchemaRef;
use arrow::ipc;
use arrow_flight::FlightData;
use futures::stream::{self, StreamExt};
use prost::Message as _;
use std::io::SeekFrom;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::watch;
use tonic::Status;

/// While an answer is worked out, a part of it is let out once it has so many bytes ...
const PART_BYTES: u64 = 4 << 20;
/// ... and each of this many, those after it are twice as large: so there are never many.
const PARTS_OF_A_SIZE: usize = 8;

/// An answer, worked out or being so.
pub(super) struct Kept {
    schema: SchemaRef,
    ordered: bool,
    place: AnswerPlace,
    state: watch::Receiver<State>,
    /// When its client last asked how far it is; none where nobody is to.
    polled: Mutex<Option<Instant>>,
    /// Stopped when nobody keeps the answer any more.
    _work: Task<()>,
}

/// What there is of it.
#[derive(Default)]
struct State {
    /// What says its schema.
    schema: Option<FlightData>,
    messages: Vec<Message>,
    /// Where the parts that were let out end, in messages.
    parts: Vec<usize>,
    ended: Option<Result<(), Status>>,
    progress: Option<Progress>,
}

#[derive(Clone, Copy)]
struct Message {
    /// Where it begins and how long it is, in bytes.
    start: u64,
    length: usize,
    rows: u64,
}

/// Which of an answer's messages are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those that follow one another, all of them there.
    Part(Range<usize>),
    /// Every so manieth: as long as the work goes on, nobody knows where equal parts would end.
    Share { share: usize, of: usize },
}

/// What there is of an answer, to be told to its client.
pub(super) struct Seen {
    /// Parts of it, as messages, in their order.
    pub(super) parts: Vec<Range<usize>>,
    /// Whether that is all.
    pub(super) is_whole: bool,
    /// Which part of the work is done, if that can be told.
    pub(super) progress: Option<f64>,
    /// Rows and bytes so far.
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Kept {
    /// Keeps the messages of an answer as they come, the work being done by `start`.
    pub(super) fn new(
        (schema, ordered): (SchemaRef, bool),
        (answers, progress): (Answers<FlightData>, Option<Progress>),
        file: AnswerFile,
        start: impl FnOnce(futures::future::BoxFuture<'static, ()>) -> Task<()>,
    ) -> Self {
        let place = file.place().clone();
        let (sender, state) = watch::channel(State { progress, ..State::default() });
        let work = start(Box::pin(async move {
            let ended = fill(answers, file, &sender).await;
            sender.send_modify(|state| state.end(ended));
        }));
        Self { schema, ordered, place, state, polled: Mutex::default(), _work: work }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether its rows have an order.
    pub(super) fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Waits until there are more parts than were seen, or the work has ended.
    ///
    /// # Errors
    /// What the work failed with.
    pub(super) async fn more_than(&self, parts: usize) -> Result<(), Status> {
        let mut state = self.state.clone();
        let more = state.wait_for(|state| state.parts.len() > parts || state.ended.is_some());
        let state = more.await.map_err(|_| broken())?;
        state.ended.clone().unwrap_or(Ok(()))
    }

    /// What there is of it, in the parts that were let out.
    ///
    /// # Errors
    /// What the work failed with.
    pub(super) fn seen(&self) -> Result<Seen, Status> {
        let state = self.state.borrow();
        if let Some(Err(status)) = &state.ended {
            return Err(status.clone());
        }
        let starts = std::iter::once(0).chain(state.parts.iter().copied());
        let parts = starts.zip(state.parts.iter().copied()).map(|(start, end)| start..end);
        Ok(state.seen(parts.collect()))
    }

    /// What there is of it, cut into at most so many parts of like size.
    ///
    /// # Errors
    /// As [`seen`](Self::seen).
    pub(super) fn cut(&self, most: usize) -> Result<Seen, Status> {
        let state = self.state.borrow();
        if let Some(Err(status)) = &state.ended {
            return Err(status.clone());
        }
        Ok(state.seen(cut(&state.messages, most)))
    }

    /// Counts as asked for now by a client that polls it.
    pub(super) fn poll(&self, now: Instant) {
        *self.polled.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// The same by a client that may or may not poll it.
    pub(super) fn renew(&self, now: Instant) {
        let mut polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        *polled = polled.map(|_| now);
    }

    /// Whether it is still being worked out, and its client has asked for it neither by a poll nor by
    /// reading since a moment.
    pub(super) fn is_given_up(self: &Arc<Self>, since: Instant) -> bool {
        let polled = *self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for it or reads it holds it beside the one who keeps it.
        let is_held = Arc::strong_count(self) > 1;
        !is_held && !self.is_whole() && polled.is_some_and(|polled| polled < since)
    }

    /// Whether all of it is there.
    pub(super) fn is_whole(&self) -> bool {
        self.state.borrow().ended.is_some()
    }

    /// Some of its messages, as an answer by itself: those that are not there yet are waited for.
    ///
    /// # Errors
    /// Not found where there can be no such.
    pub(super) fn read(self: Arc<Self>, wanted: Wanted) -> Result<Answers<FlightData>> {
        let there = self.state.borrow().messages.len();
        let (known, next, step, end) = match wanted {
            Wanted::Part(Range { start, end }) => (start <= end && end <= there, start, 1, end),
            Wanted::Share { share, of } => (share < of, share, of, usize::MAX),
        };
        if !known {
            return Err(Error::not_found("there is no such part of the answer"));
        }
        let kept = Arc::clone(&self);
        let schema = stream::once(async move { kept.told_schema().await });
        let reading = Reading { kept: self, file: None, read_to: 0, next, step, end };
        Ok(schema.chain(stream::try_unfold(reading, Reading::next)).boxed())
    }

    /// What says its schema, once it is there.
    async fn told_schema(&self) -> Result<FlightData, Status> {
        let mut state = self.state.clone();
        let told = state.wait_for(|state| state.schema.is_some() || state.ended.is_some());
        let state = told.await.map_err(|_| broken())?;
        match (&state.schema, &state.ended) {
            (Some(schema), _) => Ok(schema.clone()),
            (None, Some(Err(status))) => Err(status.clone()),
            (None, _) => Err(broken()),
        }
    }

    /// One of its messages, once it is there; none where it ended before.
    ///
    /// # Errors
    /// What the work failed with.
    async fn message(&self, place: usize) -> Result<Option<Message>, Status> {
        let mut state = self.state.clone();
        let there = state.wait_for(|state| place < state.messages.len() || state.ended.is_some());
        let state = there.await.map_err(|_| broken())?;
        match (state.messages.get(place), &state.ended) {
            (Some(message), _) => Ok(Some(*message)),
            (None, Some(Err(status))) => Err(status.clone()),
            (None, _) => Ok(None),
        }
    }
}

/// Writes messages as they come.
async fn fill(
    mut answers: Answers<FlightData>,
    mut file: AnswerFile,
    state: &watch::Sender<State>,
) -> Result<(), Status> {
    while let Some(message) = answers.next().await {
        let message = message?;
        let Some(rows) = rows(&message)? else {
            state.send_modify(|state| state.schema = Some(message));
            continue;
        };
        let bytes = message.encode_to_vec();
        file.append(&bytes)?;
        state.send_modify(|state| state.take(bytes.len(), rows));
    }
    Ok(())
}

/// How many rows a message holds; none where it is the schema.
fn rows(message: &FlightData) -> Result<Option<u64>> {
    let header = ipc::root_as_message(&message.data_header);
    let header = header.map_err(|error| unreadable(error.to_string()))?;
    let rows = header.header_as_record_batch().map(|batch| batch.length());
    Ok(rows.map(|rows| u64::try_from(rows).unwrap_or_default()))
}

/// Cuts messages into runs of like many rows, none of them empty, but for an answer without rows.
fn cut(messages: &[Message], most: usize) -> Vec<Range<usize>> {
    let all: u64 = messages.iter().map(|message| message.rows).sum();
    let share = all.div_ceil(most.max(1) as u64).max(1);
    let (mut parts, mut start, mut rows) = (Vec::new(), 0, 0);
    for (index, message) in messages.iter().enumerate() {
        rows += message.rows;
        if rows >= share * (parts.len() as u64 + 1) {
            parts.push(start..index + 1);
            start = index + 1;
        }
    }
    let all_are_cut = parts.len() == most.max(1);
    match parts.last_mut() {
        // What is left has no rows.
        Some(last) if all_are_cut => last.end = messages.len(),
        Some(_) if start == messages.len() => {}
        _ => parts.push(start..messages.len()),
    }
    parts
}

impl State {
    fn take(&mut self, length: usize, rows: u64) {
        self.messages.push(Message { start: self.bytes(), length, rows });
        let let_out = self.parts.last().copied().unwrap_or_default();
        let bytes = self.bytes() - self.messages.get(let_out).map_or(0, |first| first.start);
        let doubled = (self.parts.len() / PARTS_OF_A_SIZE).min(20);
        if bytes >= PART_BYTES << doubled {
            self.parts.push(self.messages.len());
        }
    }

    fn end(&mut self, ended: Result<(), Status>) {
        // An answer without rows is a part as well: it tells its schema.
        if self.parts.last().is_none_or(|end| *end < self.messages.len()) {
            self.parts.push(self.messages.len());
        }
        self.progress = None;
        self.ended = Some(ended);
    }

    fn bytes(&self) -> u64 {
        self.messages.last().map_or(0, |last| last.start + last.length as u64)
    }

    fn seen(&self, parts: Vec<Range<usize>>) -> Seen {
        let is_whole = self.ended.is_some();
        let part = self.progress.as_ref().and_then(Progress::part);
        Seen {
            parts,
            is_whole,
            progress: if is_whole { Some(1.0) } else { part },
            rows: self.messages.iter().map(|message| message.rows).sum(),
            bytes: self.bytes(),
        }
    }
}

/// Messages on their way from disk.
struct Reading {
    /// Held: the file goes with it.
    kept: Arc<Kept>,
    file: Option<tokio::fs::File>,
    /// Where in the file reading has come to.
    read_to: u64,
    /// The next message, how far the one after it is, and before which to end.
    next: usize,
    step: usize,
    end: usize,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(FlightData, Self)>, Status> {
        if self.next >= self.end {
            return Ok(None);
        }
        let Some(message) = self.kept.message(self.next).await? else { return Ok(None) };
        self.next = self.next.saturating_add(self.step);
        let bytes = self.read(message).await.map_err(unreadable)?;
        let data = FlightData::decode(bytes.as_slice()).map_err(unreadable)?;
        Ok(Some((data, self)))
    }

    async fn read(&mut self, message: Message) -> std::io::Result<Vec<u8>> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tokio::fs::File::open(self.kept.place.path()).await?),
        };
        // Most follow one another.
        if self.read_to != message.start {
            file.seek(SeekFrom::Start(message.start)).await?;
        }
        self.read_to = message.start + message.length as u64;
        let mut bytes = vec![0; message.length];
        file.read_exact(&mut bytes).await?;
        Ok(bytes)
    }
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("an answer that was kept cannot be read").caused_by(error)
}

fn broken() -> Status {
    Error::internal("a query broke down").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_like_size_and_together_the_whole() {
        let message = |rows| Message { start: 0, length: 0, rows };
        for rows in [
            vec![],
            vec![0],
            vec![5],
            vec![1, 1, 1, 1, 1, 1, 1],
            vec![100, 1, 1, 1],
            vec![1, 1, 100],
        ] {
            let messages: Vec<Message> = rows.iter().copied().map(message).collect();
            for most in [1, 2, 3, 4, 100] {
                let parts = cut(&messages, most);
                assert!(!parts.is_empty() && parts.len() <= most, "{rows:?} {most} {parts:?}");
                assert_eq!(parts[0].start, 0);
                assert_eq!(parts.last().unwrap().end, messages.len());
                assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
                assert!(messages.is_empty() || parts.iter().all(|part| !part.is_empty()));
            }
        }
        let even: Vec<Message> = (0..8).map(|_| message(10)).collect();
        assert_eq!(cut(&even, 4), [0..2, 2..4, 4..6, 6..8]);
    }

    #[test]
    fn parts_grow_while_an_answer_is_worked_out() {
        let mut state = State::default();
        for _ in 0..4_000 {
            state.take(1 << 20, 10);
        }
        state.end(Ok(()));
        assert!((10..80).contains(&state.parts.len()), "{:?}", state.parts);
        assert_eq!(state.parts[0], 4);
        assert_eq!(state.parts.last(), Some(&4_000));
        let seen = state.seen(Vec::new());
        assert_eq!((seen.rows, seen.bytes, seen.progress), (40_000, 4_000 << 20, Some(1.0)));
    }
}
