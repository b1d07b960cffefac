//! The next release, computed: no I/O, no clock of its own.

use super::delta;
use super::intent::{Intent, TableIntent};
use super::release::{Release, TableState};
use super::release_file::{DeltaCommit, Published, ReleaseFile};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Builds the release that an intent makes on top of another, with every Delta action it needs.
pub(crate) fn next_release(
    base: &Published,
    intent: &Intent,
    summary: &str,
    now: DateTime<Utc>,
) -> ReleaseFile {
    // A clock set back must not put releases out of order: they are looked up by time.
    let created_at = now.max(base.release.created_at);
    let mut release = Release {
        id: base.release.id.next(),
        created_at,
        run: intent.run.clone(),
        summary: summary.to_owned(),
        tables: base.release.tables.clone(),
        inputs: base.release.inputs.clone(),
        cursors: base.release.cursors.clone(),
    };
    let mut logs = base.logs.clone();
    let mut commits = Vec::new();
    for (name, wanted) in &intent.tables {
        let before = base.release.tables.get(name);
        let after = match wanted {
            TableIntent::Leave => None,
            TableIntent::Become { state, .. } => Some(state),
        };
        let description = match wanted {
            TableIntent::Become { description, .. } => description.as_deref(),
            TableIntent::Leave => None,
        };
        let log = logs.get(name);
        let step = delta::Step { name, before, after, description, log };
        let (new_log, commit) = step.commit(&release);
        match after {
            None => {
                release.tables.remove(name);
            }
            Some(state) => {
                let delta_version = new_log.as_ref().or(log).map(|log| log.version);
                let state = TableState { delta_version, ..state.clone() };
                release.tables.insert(name.clone(), state);
            }
        }
        if let Some(new_log) = new_log {
            logs.insert(name.clone(), new_log);
        }
        commits.extend(commit);
    }
    remember(&mut release, intent);
    ReleaseFile { release, logs, commits: in_order(commits) }
}

fn remember(release: &mut Release, intent: &Intent) {
    for (job, inputs) in &intent.inputs {
        if inputs.is_empty() {
            release.inputs.remove(job);
        } else {
            release.inputs.insert(job.clone(), inputs.clone());
        }
    }
    for (name, value) in &intent.cursors {
        match value {
            Some(value) => release.cursors.insert(name.clone(), value.clone()),
            None => release.cursors.remove(name),
        };
    }
}

/// Dimensions before facts before aggregates: an outside reader who looks between two commits
/// finds the members of every fact row.
fn in_order(commits: Vec<DeltaCommit>) -> Vec<DeltaCommit> {
    let mut ranked: BTreeMap<(u8, String), DeltaCommit> = BTreeMap::new();
    for commit in commits {
        let rank = match commit.table.split('_').next() {
            Some("dim") => 0,
            Some("fact") => 1,
            _ => 2,
        };
        ranked.insert((rank, commit.table.clone()), commit);
    }
    ranked.into_values().collect()
}

#[cfg(test)]
mod tests;
