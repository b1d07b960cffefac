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

/// The fail points of what keeps a warehouse in order: completing another's release, vacuum.
pub const UPKEEP: &[&str] = &[
    "roll_forward.before_apply",
    "vacuum.before_lock",
    "vacuum.before_release",
    "vacuum.after_releases",
    "vacuum.before_file",
    "vacuum.after_files",
];

/// The fail points of copying a warehouse to another place.
pub const COPY: &[&str] = &["backup.before_file", "backup.before_release"];

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
}

#[cfg(debug_assertions)]
#[derive(Debug, Default)]
struct State {
    /// How often each step was reached since the last arming.
    hits: BTreeMap<&'static str, u64>,
    armed: Option<(String, u64)>,
    held: Option<(String, Arc<Gate>)>,
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
        let gate = Arc::new(Gate::default());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held = Some((name.to_owned(), Arc::clone(&gate)));
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
        let held = state.held.take_if(|(held, _)| held == name);
        drop(state);
        if let Some((_, gate)) = held {
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
        std::process::abort();
    }
    let mut known = LOAD.iter().chain(UPKEEP).chain(COPY).copied();
    if !known.clone().any(|name| name == asked.name) {
        let mut error = Error::new(ErrorKind::Usage, "STARHOUSE_FAILPOINT names no fail point")
            .with("name", &asked.name);
        if let Some(near) = did_you_mean(&asked.name, known.by_ref()) {
            error = error.hint(format!("did you mean `{near}`"));
        }
        return Err(error);
    }
    Ok(())
}
