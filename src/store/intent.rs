//! What a load wants to publish, as plain data; and what becomes of it when another was first.

use super::release::{DataFile, Input, Release, TableState};
use super::{Change, TableSpec};
use crate::error::{Error, Result};
use crate::ids::RunId;
use crate::model::Column;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything a load wants to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The run.
    pub(crate) run: RunId,
    /// What tables become.
    pub(crate) tables: BTreeMap<String, TableIntent>,
    /// Tables that what is staged was computed from.
    pub(crate) reads: BTreeSet<String>,
    /// Jobs and all they have read now; nothing at all forgets the job.
    pub(crate) inputs: BTreeMap<String, BTreeMap<String, Vec<Input>>>,
    /// Cursors and their new values; `None` forgets the cursor.
    pub(crate) cursors: BTreeMap<String, Option<String>>,
    /// Whether it says what the whole warehouse becomes, and so fits on its base alone.
    pub(crate) replaces_everything: bool,
}

/// What becomes of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum TableIntent {
    /// It is this now.
    Become {
        /// All of it, but for the Delta version.
        state: TableState,
        /// What it holds, in words; `None` leaves what was said.
        description: Option<String>,
    },
    /// It leaves the warehouse.
    Leave,
}

/// Whether an intent can be published on top of the latest release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing it depends on has changed since its base.
    Build,
    /// Others changed these first: tables, then jobs, then cursors.
    Conflict(Vec<String>),
}

impl Intent {
    /// Nothing, by a run.
    pub(crate) fn nothing(run: RunId) -> Self {
        Self {
            run,
            tables: BTreeMap::new(),
            reads: BTreeSet::new(),
            inputs: BTreeMap::new(),
            cursors: BTreeMap::new(),
            replaces_everything: false,
        }
    }

    /// Adds what another wants, on top of this.
    pub(crate) fn join(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.reads.extend(other.reads);
        self.inputs.extend(other.inputs);
        self.cursors.extend(other.cursors);
    }

    /// Adds a change to a table, on top of what was wanted of it so far.
    pub(crate) fn stage(&mut self, base: &Release, spec: &TableSpec, change: Change) -> Result<()> {
        let current = match self.tables.get(&spec.name) {
            Some(TableIntent::Become { state, .. }) => Some(state),
            Some(TableIntent::Leave) => None,
            None => base.tables.get(&spec.name),
        };
        let intent = match change {
            Change::Drop => TableIntent::Leave,
            change => TableIntent::Become {
                state: changed(current, spec, change)?,
                description: (!spec.description.is_empty()).then(|| spec.description.clone()),
            },
        };
        self.tables.insert(spec.name.clone(), intent);
        Ok(())
    }

    /// Whether it would change anything but the release's number.
    pub(crate) fn changes(&self, base: &Release) -> bool {
        let table_changes = |(name, intent): (&String, &TableIntent)| match intent {
            TableIntent::Leave => base.tables.contains_key(name),
            TableIntent::Become { state, .. } => base.tables.get(name).is_none_or(|before| {
                TableState { delta_version: before.delta_version, ..state.clone() } != *before
            }),
        };
        self.tables.iter().any(table_changes)
            || self.inputs.iter().any(|(job, inputs)| !same_inputs(base.inputs.get(job), inputs))
            || self.cursors.iter().any(|(name, value)| base.cursors.get(name) != value.as_ref())
    }
}

/// Decides, from the release a load was built on and the one it meets, whether it may go on.
///
/// It may if every table it changes or read, and everything it remembers of jobs and cursors,
/// stands as in its base. A table counts as touched even where its files came back the same.
pub(crate) fn decide(base: &Release, intent: &Intent, latest: &Release) -> Decision {
    if base.id == latest.id {
        return Decision::Build;
    }
    if intent.replaces_everything {
        return Decision::Conflict(vec!["the whole warehouse".to_owned()]);
    }
    let tables = intent.tables.keys().chain(&intent.reads).collect::<BTreeSet<_>>();
    let touched_tables = tables
        .into_iter()
        .filter(|name| base.tables.get(*name) != latest.tables.get(*name))
        .map(|name| format!("table {name}"));
    let touched_jobs = intent
        .inputs
        .keys()
        .filter(|job| base.inputs.get(*job) != latest.inputs.get(*job))
        .map(|job| format!("inputs of job {job}"));
    let touched_cursors = intent
        .cursors
        .keys()
        .filter(|name| base.cursors.get(*name) != latest.cursors.get(*name))
        .map(|name| format!("cursor {name}"));
    let touched: Vec<String> = touched_tables.chain(touched_jobs).chain(touched_cursors).collect();
    if touched.is_empty() { Decision::Build } else { Decision::Conflict(touched) }
}

/// The table after a change.
fn changed(current: Option<&TableState>, spec: &TableSpec, change: Change) -> Result<TableState> {
    let before = current.map_or(&[][..], |state| &state.files);
    let (kept, added) = split(before, spec, change)?;
    check_files(spec, &kept, &added)?;
    let mut sort_by = spec.sort_by.clone();
    if let Some(state) = current.filter(|_| !kept.is_empty()) {
        check_evolution(state, spec)?;
        // Every file is sorted by what old and new files have in common.
        let common = sort_by.iter().zip(&state.sort_by).take_while(|(a, b)| a == b).count();
        sort_by.truncate(common);
    }
    let files = kept.into_iter().chain(added).collect();
    Ok(TableState {
        location: super::paths::table(&spec.name)?.to_string(),
        delta_version: None,
        columns: spec.columns.clone(),
        partition_by: spec.partition_by.clone(),
        sort_by,
        files,
    })
}

/// The files that stay and those that come.
fn split(
    before: &[DataFile],
    spec: &TableSpec,
    change: Change,
) -> Result<(Vec<DataFile>, Vec<DataFile>)> {
    let (remove, add) = match change {
        Change::Append(add) => (BTreeSet::new(), add),
        Change::Exchange { remove, add } => (remove.into_iter().collect::<BTreeSet<_>>(), add),
        Change::Replace(add) => {
            // A file named again stays; it was checked when it came.
            let named: BTreeSet<&str> = add.iter().map(|file| file.path.as_str()).collect();
            let kept: Vec<DataFile> =
                before.iter().filter(|file| named.contains(file.path.as_str())).cloned().collect();
            let old: BTreeSet<&str> = kept.iter().map(|file| file.path.as_str()).collect();
            let added =
                add.iter().filter(|file| !old.contains(file.path.as_str())).cloned().collect();
            return Ok((kept, added));
        }
        Change::Drop => (BTreeSet::new(), Vec::new()),
    };
    let known: BTreeSet<&str> = before.iter().map(|file| file.path.as_str()).collect();
    if let Some(unknown) = remove.iter().find(|path| !known.contains(path.as_str())) {
        return Err(Error::internal("a change removes a file that the table does not have")
            .with("table", &spec.name)
            .with("file", unknown));
    }
    let kept = before.iter().filter(|file| !remove.contains(&file.path)).cloned().collect();
    Ok((kept, add))
}

fn check_files(spec: &TableSpec, kept: &[DataFile], added: &[DataFile]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for file in kept.iter().chain(added) {
        let fault = if !seen.insert(file.path.as_str()) {
            "a change names a file twice"
        } else if file.partition.is_some() != spec.partition_by.is_some() {
            "a file's partition does not fit the table's partitioning"
        } else {
            continue;
        };
        return Err(Error::internal(fault).with("table", &spec.name).with("file", &file.path));
    }
    Ok(())
}

/// Old files stay readable: columns keep their names and types, new ones may be NULL, and none
/// leaves or tightens while a file of old stays.
fn check_evolution(state: &TableState, spec: &TableSpec) -> Result<()> {
    let refuse = |what: String| {
        Err(Error::user(format!("{what} while older files of the table stay"))
            .with("table", &spec.name)
            .hint("load the whole table again (mode replace)"))
    };
    if state.partition_by != spec.partition_by {
        return refuse("the partition column cannot change".to_owned());
    }
    let find =
        |columns: &[Column], name: &str| columns.iter().find(|column| column.name == name).cloned();
    for old in &state.columns {
        match find(&spec.columns, &old.name) {
            None => return refuse(format!("column {} cannot leave", old.name)),
            Some(new) if new.ty != old.ty => {
                return refuse(format!(
                    "column {} cannot change from {} to {}",
                    old.name, old.ty, new.ty
                ));
            }
            Some(new) if old.nullable && !new.nullable => {
                return refuse(format!("column {} cannot become NOT NULL", old.name));
            }
            Some(_) => {}
        }
    }
    for new in &spec.columns {
        if find(&state.columns, &new.name).is_none() && !new.nullable {
            return refuse(format!("the new column {} must be nullable", new.name));
        }
    }
    Ok(())
}

fn same_inputs(
    before: Option<&BTreeMap<String, Vec<Input>>>,
    after: &BTreeMap<String, Vec<Input>>,
) -> bool {
    before.map_or(after.is_empty(), |before| before == after)
}
