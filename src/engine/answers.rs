//! Answers, kept for questions that are asked again: a dashboard asks the same of a release all day.
//!
//! An answer belongs to an optimised plan, and so to the values of its parameters, to a principal,
//! whose policy is a part of the plan, and to a release, with whose catalog it goes. Not kept is what
//! may say something else the next time (see [`Ready::repeats`](super::ready::Ready)), and what is
//! large: a reader of many rows waits for the wire, not for us. The memory is that of all queries.

use super::memory::Reserved;
use crate::policy::Principal;
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An answer takes at most this part of what all may take.
const LARGEST_PART: usize = 16;

/// Whose question it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) plan: LogicalPlan,
    pub(crate) principal: Principal,
    /// The session's time zone, where it has one of its own.
    pub(crate) time_zone: Option<Arc<str>>,
}

/// An answer: its batches as they go over the wire.
pub(crate) type Answer = Arc<Vec<RecordBatch>>;

/// How often answers were given again, of all releases.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    given: AtomicU64,
    missed: AtomicU64,
    forgotten: AtomicU64,
}

/// What became of questions whose answers may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerCounts {
    /// Answered out of memory.
    pub given: u64,
    /// Computed, for nobody had asked.
    pub missed: u64,
    /// Answers that made room for others.
    pub forgotten: u64,
    /// The bytes of those that are kept.
    pub bytes: usize,
}

impl Counts {
    /// The counts so far, beside so many bytes.
    pub(crate) fn so_far(&self, bytes: usize) -> AnswerCounts {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (given, missed) = (count(&self.given), count(&self.missed));
        AnswerCounts { given, missed, forgotten: count(&self.forgotten), bytes }
    }
}

/// The answers of one release.
#[derive(Debug)]
pub(crate) struct Answers {
    most_bytes: usize,
    kept: Mutex<Kept>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Kept {
    answers: HashMap<Asked, One>,
    bytes: usize,
    uses: u64,
    memory: Reserved,
}

#[derive(Debug)]
struct One {
    answer: Answer,
    bytes: usize,
    /// When it was last used.
    used: u64,
}

impl Answers {
    /// None yet, of so many bytes together.
    pub(crate) fn new(most_bytes: usize, memory: Reserved, counts: Arc<Counts>) -> Self {
        let kept = Kept { answers: HashMap::new(), bytes: 0, uses: 0, memory };
        Self { most_bytes, kept: Mutex::new(kept), counts }
    }

    /// What they take together.
    pub(crate) fn bytes(&self) -> usize {
        self.kept().bytes
    }

    /// The most bytes that an answer may have to be kept; 0 where none is.
    pub(crate) fn largest(&self) -> usize {
        self.most_bytes / LARGEST_PART
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the answer to a question is here: nobody has asked for it yet.
    pub(crate) fn has(&self, asked: &Asked) -> bool {
        self.kept().answers.contains_key(asked)
    }

    /// The answer to a question, if it is here.
    pub(crate) fn get(&self, asked: &Asked) -> Option<Answer> {
        let mut kept = self.kept();
        kept.uses += 1;
        let now = kept.uses;
        let one = kept.answers.get_mut(asked);
        let count = if one.is_some() { &self.counts.given } else { &self.counts.missed };
        count.fetch_add(1, Ordering::Relaxed);
        let one = one?;
        one.used = now;
        Some(Arc::clone(&one.answer))
    }

    /// Keeps an answer, with a plan of so many bytes, in place of those that were not used for longest.
    pub(crate) fn put(&self, asked: Asked, plan_bytes: usize, batches: Vec<RecordBatch>) {
        let bytes = size(&batches) + plan_bytes;
        let mut kept = self.kept();
        if bytes > self.largest() || kept.answers.contains_key(&asked) {
            return;
        }
        while kept.bytes + bytes > self.most_bytes && kept.forget_oldest() {
            self.counts.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        if kept.memory.grow(bytes) {
            let used = kept.uses;
            kept.bytes += bytes;
            kept.answers.insert(asked, One { answer: Arc::new(batches), bytes, used });
        }
    }
}

impl Kept {
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.answers.iter().min_by_key(|(_, one)| one.used);
        let Some(asked) = oldest.map(|(asked, _)| asked.clone()) else { return false };
        if let Some(one) = self.answers.remove(&asked) {
            self.bytes -= one.bytes;
            self.memory.shrink(one.bytes);
        }
        true
    }
}

/// The bytes of batches, some more for each so that none is free.
pub(crate) fn size(batches: &[RecordBatch]) -> usize {
    1024 + batches.iter().map(|batch| batch.get_array_memory_size() + 1024).sum::<usize>()
}
