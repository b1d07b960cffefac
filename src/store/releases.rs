//! Reading releases, and keeping those that are being read from vacuum.
//!
//! Whoever gets a release from here holds a shared lock on its lease file for as long as anyone in
//! this process holds the [`Release`]; vacuum, here or in another process, stops at such a release.

use super::durable::Disk;
use super::locks::Lock;
use super::release::Release;
use super::release_file::{self, Published, ReleaseFile};
use super::{locks, paths};
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How often the folder is listed before a gap in the numbers counts as damage: a listing is no
/// snapshot, and a vacuum or a publish in its midst can look like one.
const LISTINGS: usize = 3;

/// The releases of a warehouse. Calls block.
#[derive(Debug)]
pub(crate) struct Releases {
    disk: Arc<Disk>,
    latest: Mutex<Option<Arc<Published>>>,
    leased: Mutex<BTreeMap<ReleaseId, Lease>>,
    /// The newest release whose Delta commits are known to be applied.
    rolled: AtomicU64,
}

#[derive(Debug)]
struct Lease {
    release: Weak<Release>,
    _lock: Lock,
}

impl Releases {
    pub(crate) fn new(disk: Arc<Disk>) -> Self {
        Self {
            disk,
            latest: Mutex::new(None),
            leased: Mutex::new(BTreeMap::new()),
            rolled: AtomicU64::new(0),
        }
    }

    /// The last release.
    pub(crate) fn latest(&self) -> Result<Arc<Published>> {
        loop {
            let known = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // Releases after a leased one are never vacuumed, so from a known one we can count.
            let mut id = match &known {
                Some(known) => known.release.id,
                None => self.ids()?.last().copied().unwrap_or(ReleaseId::EMPTY),
            };
            while self.disk.exists(&paths::release(id.next()))? {
                id = id.next();
            }
            match known {
                Some(known) if known.release.id == id => {
                    // Whoever held the one before has let go of it by now.
                    self.prune();
                    return Ok(known);
                }
                _ if id == ReleaseId::EMPTY => return Ok(Arc::new(Published::empty())),
                // Vacuumed since we looked: there is a newer one.
                _ => match self.lease(id)? {
                    Some(published) => return Ok(self.remember(published)),
                    None => self.forget(),
                },
            }
        }
    }

    /// A release by number.
    pub(crate) fn release(&self, id: ReleaseId) -> Result<Arc<Release>> {
        if id == ReleaseId::EMPTY {
            return Ok(Published::empty().release);
        }
        let leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        let held = leased.get(&id).and_then(|lease| lease.release.upgrade());
        drop(leased);
        match held {
            Some(release) => Ok(release),
            None => match self.lease(id)? {
                Some(published) => Ok(published.release),
                None => Err(self.missing(id)?),
            },
        }
    }

    /// The release that was the last at a moment.
    pub(crate) fn as_of(&self, at: DateTime<Utc>) -> Result<Arc<Release>> {
        let ids = self.ids()?;
        let (mut from, mut to) = (0, ids.len());
        // Times never fall from one release to the next: `next_release` sees to it.
        while from < to {
            let middle = from.midpoint(to);
            let Some(id) = ids.get(middle) else { break };
            let Some(file) = self.file_if_kept(*id)? else {
                // Vacuumed since we looked, and so is every one before it.
                from = middle + 1;
                continue;
            };
            if file.release.created_at <= at {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        match from.checked_sub(1).and_then(|index| ids.get(index)) {
            Some(id) => self.release(*id),
            None => Err(self.none_before(at, ids.first().copied())?),
        }
    }

    /// All retained releases, oldest first; not leased.
    pub(crate) fn all(&self) -> Result<Vec<Arc<Release>>> {
        let mut all = Vec::new();
        for id in self.ids()? {
            all.extend(self.file_if_kept(id)?.map(|file| Arc::new(file.release)));
        }
        Ok(all)
    }

    /// The numbers of all retained releases, ascending.
    ///
    /// # Errors
    /// Damaged where one between them is missing.
    pub(crate) fn ids(&self) -> Result<Vec<ReleaseId>> {
        let mut missing = None;
        for _ in 0..LISTINGS {
            let names = self.disk.names(&paths::releases())?;
            let ids: Vec<ReleaseId> =
                names.iter().filter_map(|name| paths::release_of(name)).collect();
            missing = ids.windows(2).find_map(|pair| match pair {
                [one, other] if one.next() != *other => Some(one.next()),
                _ => None,
            });
            if missing.is_none() {
                return Ok(ids);
            }
        }
        Err(Error::damaged("a release file is missing")
            .with("file", missing.map_or_else(String::new, |id| paths::release(id).to_string()))
            .hint("restore the file from a backup"))
    }

    /// Reads a release's file; none where vacuum has taken it since somebody saw its name.
    fn file_if_kept(&self, id: ReleaseId) -> Result<Option<ReleaseFile>> {
        match self.disk.read(&paths::release(id))? {
            Some(bytes) => release_file::decode(id, &bytes).map(Some),
            None if self.ids()?.first().is_some_and(|oldest| id < *oldest) => Ok(None),
            None => Err(self.missing(id)?),
        }
    }

    /// Reads a release's file.
    pub(crate) fn file(&self, id: ReleaseId) -> Result<ReleaseFile> {
        match self.disk.read(&paths::release(id))? {
            Some(bytes) => release_file::decode(id, &bytes),
            None => Err(self.missing(id)?),
        }
    }

    /// Whether a release's Delta commits are known to be applied.
    pub(crate) fn is_rolled(&self, id: ReleaseId) -> bool {
        if self.rolled.load(Ordering::SeqCst) < id.0 {
            // Another process may know. What it wrote last may be cut short, and is less then.
            let noted = std::fs::read_to_string(self.disk.resolve(&paths::rolled()));
            let noted = noted.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            self.rolled.fetch_max(noted, Ordering::SeqCst);
        }
        self.rolled.load(Ordering::SeqCst) >= id.0
    }

    /// Notes that a release's Delta commits are applied.
    pub(crate) fn note_rolled(&self, id: ReleaseId) {
        if self.rolled.fetch_max(id.0, Ordering::SeqCst) < id.0 {
            // Without it the next process looks for itself. It need not outlive the machine: then
            // everybody must look.
            let _ = std::fs::write(self.disk.resolve(&paths::rolled()), id.to_string());
        }
    }

    /// Gives back the leases of releases that nobody in this process holds any more.
    pub(crate) fn prune(&self) {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.retain(|_, lease| lease.release.strong_count() > 0);
    }

    /// Leases and reads a release; none where it is not there, or being vacuumed.
    fn lease(&self, id: ReleaseId) -> Result<Option<Published>> {
        self.prune();
        let path = self.disk.resolve(&paths::lease(id));
        let Some(lock) = locks::try_shared(&path)? else { return Ok(None) };
        // Only now: a release that is read under its lease stays.
        let Some(bytes) = self.disk.read(&paths::release(id))? else { return Ok(None) };
        let file = release_file::decode(id, &bytes)?;
        let release = Arc::new(file.release);
        let lease = Lease { release: Arc::downgrade(&release), _lock: lock };
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first: then its copy is the one to share.
        if let Some(first) = leased.get(&id).and_then(|lease| lease.release.upgrade()) {
            return Ok(Some(Published { release: first, logs: file.logs }));
        }
        leased.insert(id, lease);
        Ok(Some(Published { release, logs: file.logs }))
    }

    fn remember(&self, published: Published) -> Arc<Published> {
        let published = Arc::new(published);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_none_or(|known| known.release.id < published.release.id) {
            *latest = Some(Arc::clone(&published));
        }
        published
    }

    fn forget(&self) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn missing(&self, id: ReleaseId) -> Result<Error> {
        let ids = self.ids()?;
        let error = Error::not_found("there is no such release").with("release", id);
        Ok(match (ids.first(), ids.last()) {
            (Some(first), Some(_)) if id < *first => {
                error.hint(format!("it was vacuumed; the oldest one kept is {first}"))
            }
            (_, Some(last)) => error.hint(format!("the latest one is {last}")),
            _ => error.hint("nothing was published yet"),
        })
    }

    fn none_before(&self, at: DateTime<Utc>, first: Option<ReleaseId>) -> Result<Error> {
        let error = Error::not_found("no release of that time is kept").with("time", at);
        let Some(first) = first else { return Ok(error.hint("nothing was published yet")) };
        let created_at = self.file(first)?.release.created_at;
        Ok(error.hint(format!("the oldest one is {first}, published at {created_at}")))
    }
}
