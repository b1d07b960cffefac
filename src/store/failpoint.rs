//! Fail points: named steps at which a test kills the process or makes the step fail.
//!
//! Debug builds only; elsewhere a hit costs nothing. `STARHOUSE_FAILPOINT=name` aborts the process
//! at the first hit of that name, `name:3` at the third. Within a process, a test arms the
//! [`FailPoints`] it opened the warehouse with, and the step returns an error instead; or it holds
//! the step, and looks what others do meanwhile.

use crate::error::Result;
#[cfg(debug_assertions)]
use crate::error::{Error, ErrorKind, did_you_mean};
#[cfg(debug_assertions)]
use std::collections::BTreeMap;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(debug_assertions)]
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

/// The fail points of a load: one with a data file, a publish and a run record hits each of them.
pub const LOAD: &[&str] = &[
    "data_file.before_put",
    "data_file.after_put",
    "temp.before_write",
    "temp.after_write",
    "file.before_sync",
    "file.after_sync",
    "file.before_link",
    "file.after_link",
    "folder.before_sync",
    "folder.after_sync",
    "verify.before",
    "verify.after",
    "release.before_put",
    "release.after_put",
    "delta.before_commit",
    "delta.after_commit",
    "staging.before_cleanup",
    "staging.after_cleanup",
    "run_record.before_put",
    "run_record.after_put",
];

/// What a run of jobs hits beyond that: its folders, the rows it stages and refuses, what it keeps
/// to be resumed.
pub const RUN: &[&str] = &[
    "staging.before_sweep",
    "staging.after_sweep",
    "staging.before_make",
    "staging.after_make",
    "folder.before_make",
    "folder.after_make",
    "file.before_rename",
    "file.after_rename",
    "file.before_remove",
    "file.after_remove",
    "staged.before_write",
    "staged.after_write",
    "rejects.before_put",
    "rejects.after_put",
    "savepoint.before_put",
    "savepoint.after_put",
    "savepoint.before_remove",
    "savepoint.after_remove",
];

/// What comes now and then: the checkpoints of Delta logs.
pub const CHECKPOINT: &[&str] = &["checkpoint.before_write", "checkpoint.after_write"];

/// What a server hits that runs schedules.
pub const SCHEDULE: &[&str] = &["schedule.before_put", "schedule.after_put"];

/// The fail points of what keeps a warehouse in order: completing another's release, vacuum.
pub const UPKEEP: &[&str] = &[
    "roll_forward.before_apply",
    "roll_forward.after_apply",
    "vacuum.before_lock",
    "vacuum.after_lock",
    "vacuum.before_release",
    "vacuum.after_release",
    "vacuum.after_releases",
    "vacuum.before_file",
    "vacuum.after_file",
    "vacuum.after_files",
];

/// The fail points of copying a warehouse to another place.
pub const COPY: &[&str] = &[
    "backup.before_file",
    "backup.after_file",
    "backup.before_logs",
    "backup.after_logs",
    "backup.before_runs",
    "backup.after_runs",
    "backup.before_release",
    "backup.after_release",
];

/// The fail points of erasing a person.
pub const ERASE: &[&str] =
    &["erase.before_release", "erase.after_release", "erase.before_logs", "erase.after_logs"];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static str> + Clone {
    [LOAD, RUN, CHECKPOINT, SCHEDULE, UPKEEP, COPY, ERASE].into_iter().flatten().copied()
}

/// Aborts the process if the environment names this step.
///
/// # Errors
/// Usage where the environment names a fail point that does not exist.
pub fn hit(name: &'static str) -> Result<()> {
    #[cfg(debug_assertions)]
    return hit_environment(name);
    #[cfg(not(debug_assertions))]
    {
        let _ = name;
        Ok(())
    }
}

/// The fail points of one open warehouse; clones share them.
#[derive(Debug, Clone, Default)]
pub struct FailPoints {
    #[cfg(debug_assertions)]
    state: Arc<Mutex<State>>,
    #[cfg(debug_assertions)]
    pub(super) journal: Arc<Mutex<super::journal::Journal>>,
}

#[cfg(debug_assertions)]
#[derive(Debug, Default)]
struct State {
    /// How often each step was reached since the last arming.
    hits: BTreeMap<&'static str, u64>,
    armed: Option<(String, u64)>,
    /// A step that waits at a hit to come, 1 being the next.
    held: Option<(String, u64, Arc<Gate>)>,
}

/// Where a step waits until a test lets it go on.
#[cfg(debug_assertions)]
#[derive(Debug, Default)]
struct Gate {
    /// Whether somebody waits, and whether the gate is open.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

/// A step that is held; it goes on when this is dropped.
#[cfg(debug_assertions)]
#[derive(Debug)]
pub struct Held(Arc<Gate>);

#[cfg(debug_assertions)]
impl Held {
    /// Blocks until the step is reached.
    pub fn wait(&self) {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_while(state, |(reached, _)| !*reached);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.0.changed.notify_all();
    }
}

#[cfg(debug_assertions)]
impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        self.changed.notify_all();
        let passed = self.changed.wait_while(state, |(_, open)| !*open);
        drop(passed.unwrap_or_else(PoisonError::into_inner));
    }
}

impl FailPoints {
    pub(crate) fn hit(&self, name: &'static str) -> Result<()> {
        hit(name)?;
        #[cfg(debug_assertions)]
        {
            self.hit_held(name);
            self.hit_armed(name)?;
        }
        Ok(())
    }
}

#[cfg(debug_assertions)]
impl FailPoints {
    /// Makes the n-th hit of a step from now on (1 is the next) fail.
    pub fn arm(&self, name: &str, nth: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hits.clear();
        state.armed = Some((name.to_owned(), nth));
    }

    /// Makes the next hit of a step wait, until what is returned is dropped.
    pub fn hold(&self, name: &str) -> Held {
        self.hold_nth(name, 1)
    }

    /// Makes the n-th hit of a step from now on (1 is the next) wait, until what is returned is
    /// dropped.
    pub fn hold_nth(&self, name: &str, nth: u64) -> Held {
        let gate = Arc::new(Gate::default());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held = Some((name.to_owned(), nth, Arc::clone(&gate)));
        Held(gate)
    }

    /// Lets every step pass again.
    pub fn disarm(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hits.clear();
        state.armed = None;
    }

    /// How often each step was reached since the last [`arm`](Self::arm) or
    /// [`disarm`](Self::disarm).
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).hits.clone()
    }

    fn hit_held(&self, name: &'static str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let held = state.held.take_if(|(held, nth, _)| {
            let is_it = held == name && *nth == 1;
            *nth -= u64::from(held == name && *nth > 1);
            is_it
        });
        drop(state);
        if let Some((.., gate)) = held {
            gate.pass();
        }
    }

    fn hit_armed(&self, name: &'static str) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.hits.entry(name).or_default();
        *count += 1;
        let count = *count;
        match &state.armed {
            Some((armed, nth)) if armed == name && *nth == count => {
                Err(Error::new(ErrorKind::Unavailable, "a fail point struck")
                    .with("fail point", name)
                    .with("hit", count))
            }
            _ => Ok(()),
        }
    }
}

/// Ends the process as `kill -9` does: nothing is tidied up.
#[cfg(debug_assertions)]
fn die() -> ! {
    #[cfg(unix)]
    {
        let process = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-9", &process]).status();
    }
    std::process::abort()
}

/// What `STARHOUSE_FAILPOINT` asks for.
#[cfg(debug_assertions)]
struct Asked {
    name: String,
    nth: u64,
    hits: AtomicU64,
}

#[cfg(debug_assertions)]
fn hit_environment(name: &'static str) -> Result<()> {
    static ASKED: OnceLock<Option<Asked>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let value = std::env::var("STARHOUSE_FAILPOINT").ok()?;
        let (name, nth) = match value.rsplit_once(':') {
            Some((name, nth)) => (name.to_owned(), nth.parse().unwrap_or(1)),
            None => (value, 1),
        };
        Some(Asked { name, nth, hits: AtomicU64::new(0) })
    });
    let Some(asked) = asked else { return Ok(()) };
    if asked.name == name && asked.hits.fetch_add(1, Ordering::SeqCst) + 1 == asked.nth {
        die();
    }
    if !all().any(|name| name == asked.name) {
        let mut error = Error::new(ErrorKind::Usage, "STARHOUSE_FAILPOINT names no fail point")
            .with("name", &asked.name);
        if let Some(near) = did_you_mean(&asked.name, all()) {
            error = error.hint(format!("did you mean `{near}`"));
        }
        return Err(error);
    }
    Ok(())
}
