//! What the server keeps between calls, behind handles that nobody can guess.

use crate::error::{Error, Result};
use crate::policy::Principal;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Values of one kind, each owned by a principal, bounded in number and age.
///
/// A value past its age is gone; one too many pushes out the one that would be gone next. (Ages
/// are monotonic intervals, not times of day, so no clock is injected; callers pass the instant.)
pub(super) struct Handles<T> {
    kind: &'static str,
    capacity: usize,
    max_age: Duration,
    entries: Mutex<HashMap<Bytes, Entry<T>>>,
}

struct Entry<T> {
    value: T,
    owner: Principal,
    deadline: Instant,
}

impl<T: Clone> Handles<T> {
    /// `kind` names the values in errors.
    pub(super) fn new(kind: &'static str, capacity: usize, max_age: Duration) -> Self {
        Self { kind, capacity, max_age, entries: Mutex::default() }
    }

    /// Keeps a value and gives its handle.
    pub(super) fn insert(&self, owner: &Principal, value: T, now: Instant) -> Bytes {
        let handle = Bytes::from(Uuid::new_v4().to_string());
        self.keep(handle.clone(), owner, value, now);
        handle
    }

    fn keep(&self, handle: Bytes, owner: &Principal, value: T, now: Instant) {
        self.forget_old(now);
        let mut entries = self.entries();
        if entries.len() >= self.capacity {
            let next = entries.iter().min_by_key(|(_, entry)| entry.deadline);
            if let Some(handle) = next.map(|(handle, _)| handle.clone()) {
                entries.remove(&handle);
            }
        }
        let entry = Entry { value, owner: owner.clone(), deadline: now + self.max_age };
        entries.insert(handle, entry);
    }

    /// Keeps a value under a key of the caller's, in place of the one there.
    pub(super) fn put(&self, owner: &Principal, key: Bytes, value: T, now: Instant) {
        self.entries().remove(&key);
        self.keep(key, owner, value, now);
    }

    /// The value, which counts as used now and stays.
    ///
    /// # Errors
    /// Not found where the handle is not the principal's, or no longer.
    pub(super) fn get(&self, owner: &Principal, handle: &Bytes, now: Instant) -> Result<T> {
        let mut entries = self.entries();
        let entry = entries.get_mut(handle).filter(|entry| entry.is_of(owner, now));
        let entry = entry.ok_or_else(|| self.unknown())?;
        entry.deadline = now + self.max_age;
        Ok(entry.value.clone())
    }

    /// Puts another value behind a handle.
    ///
    /// # Errors
    /// As [`Handles::get`].
    pub(super) fn replace(
        &self,
        owner: &Principal,
        handle: &Bytes,
        value: T,
        now: Instant,
    ) -> Result<()> {
        let mut entries = self.entries();
        let entry = entries.get_mut(handle).filter(|entry| entry.is_of(owner, now));
        let entry = entry.ok_or_else(|| self.unknown())?;
        entry.value = value;
        entry.deadline = now + self.max_age;
        Ok(())
    }

    /// Takes the value away.
    ///
    /// # Errors
    /// As [`Handles::get`].
    pub(super) fn take(&self, owner: &Principal, handle: &Bytes, now: Instant) -> Result<T> {
        let mut entries = self.entries();
        let owned = entries.get(handle).is_some_and(|entry| entry.is_of(owner, now));
        let entry = if owned { entries.remove(handle) } else { None };
        entry.map(|entry| entry.value).ok_or_else(|| self.unknown())
    }

    /// Lets go what is past its age.
    pub(super) fn forget_old(&self, now: Instant) {
        self.entries().retain(|_, entry| entry.deadline > now);
    }

    /// Lets go what some hold for given up.
    pub(super) fn forget_where(&self, given_up: impl Fn(&T) -> bool) {
        self.entries().retain(|_, entry| !given_up(&entry.value));
    }

    /// Lets go what is kept under a key, whoever's it is.
    pub(super) fn forget(&self, key: &Bytes) {
        self.entries().remove(key);
    }

    fn unknown(&self) -> Error {
        Error::not_found(format!("no such {} handle", self.kind))
            .hint("it was fetched or closed before, or has expired: ask again")
    }

    /// A panic elsewhere cannot leave the map half changed, so a poisoned lock is as good as any.
    fn entries(&self) -> MutexGuard<'_, HashMap<Bytes, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Entry<T> {
    fn is_of(&self, owner: &Principal, now: Instant) -> bool {
        self.owner == *owner && self.deadline > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_handle_is_its_owners_until_taken() {
        let handles = Handles::new("query", 10, 10 * SECOND);
        let (ann, now) = (Principal::local(), Instant::now());
        let handle = handles.insert(&ann, "plan", now);
        let other = handles.take(&Principal::pipeline(), &handle, now).unwrap_err();
        assert_eq!(other.kind(), crate::error::ErrorKind::NotFound);
        assert_eq!(handles.get(&ann, &handle, now).unwrap(), "plan");
        handles.replace(&ann, &handle, "better plan", now).unwrap();
        assert_eq!(handles.take(&ann, &handle, now).unwrap(), "better plan");
        assert!(handles.take(&ann, &handle, now).is_err());
    }

    #[test]
    fn age_counts_from_the_last_use() {
        let handles = Handles::new("query", 10, 10 * SECOND);
        let (ann, start) = (Principal::local(), Instant::now());
        let used = handles.insert(&ann, 1, start);
        let unused = handles.insert(&ann, 2, start);
        handles.get(&ann, &used, start + 9 * SECOND).unwrap();
        assert!(handles.get(&ann, &unused, start + 10 * SECOND).is_err());
        assert_eq!(handles.get(&ann, &used, start + 18 * SECOND).unwrap(), 1);
    }

    #[test]
    fn one_too_many_pushes_out_the_oldest() {
        let handles = Handles::new("query", 2, 10 * SECOND);
        let (ann, start) = (Principal::local(), Instant::now());
        let given: Vec<Bytes> =
            (0..3u32).map(|n| handles.insert(&ann, n, start + n * SECOND)).collect();
        assert!(handles.get(&ann, &given[0], start + 2 * SECOND).is_err());
        assert_eq!(handles.get(&ann, &given[1], start + 2 * SECOND).unwrap(), 1);
        assert_eq!(handles.get(&ann, &given[2], start + 2 * SECOND).unwrap(), 2);
    }
}
