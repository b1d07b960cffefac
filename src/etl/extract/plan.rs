//! What there is to read of a source, compared with what published runs have read.

use super::faults::{faults, start};
use super::{cancelled, stopped};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::etl::job::{SourceSpec, Strategy};
use crate::etl::references;
use crate::etl::room::Rooms;
use crate::etl::source::{self, Alive, Found, Source};
use crate::store::{Input, Release};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// What there is to read of a source, and whether any of it is new.
#[derive(Clone)]
pub struct Plan {
    pub(super) spec: SourceSpec,
    pub(super) source: Arc<dyn Source>,
    pub(super) found: Vec<Found>,
    pub(super) unread: Vec<Found>,
    pub(super) before: Option<Vec<Input>>,
    /// The files that values are looked up in.
    pub(super) references: Vec<Input>,
    /// How far published runs have read.
    pub(super) cursor: Option<String>,
    pub(super) anew: bool,
    pub(super) keep_refused: bool,
}

/// Looks at what there is to read; `before` is what published runs have read, if any has.
///
/// # Errors
/// As [`plan_from`].
pub async fn plan(project: &Path, spec: &SourceSpec, before: Option<&[Input]>) -> Result<Plan> {
    plan_from(project, spec, before, None).await
}

/// Looks at what there is to read; `before` is what published runs have read, if any has, and
/// `cursor` how far ([`Extent::cursor`](super::Extent::cursor)).
///
/// # Errors
/// Not found where there is nothing and the source is not optional; user where its description
/// is wrong; unavailable where it cannot be read.
pub async fn plan_from(
    project: &Path,
    spec: &SourceSpec,
    before: Option<&[Input]>,
    cursor: Option<&str>,
) -> Result<Plan> {
    plan_within(project, spec, before, cursor, Rooms::boundless()).await
}

/// As [`plan_from`]; what is looked up takes room.
///
/// # Errors
/// As [`plan_from`]; limit where memory has no room.
pub(crate) async fn plan_within(
    project: &Path,
    spec: &SourceSpec,
    before: Option<&[Input]>,
    cursor: Option<&str>,
    rooms: Rooms,
) -> Result<Plan> {
    let cursor = cursor.map(str::to_owned);
    let (project, spec) = (project.to_owned(), spec.clone());
    let before = before.map(<[Input]>::to_vec);
    // Who waits no longer drops this, and whoever looks meanwhile hears of it.
    let waiting = Arc::new(());
    let awaited = Arc::downgrade(&waiting);
    let mut alive = move || awaited.upgrade().map(drop).ok_or_else(cancelled);
    let planned = tokio::task::spawn_blocking(move || {
        plan_blocking(&project, spec, before, cursor, &rooms, &mut alive)
    });
    let planned = planned.await.map_err(stopped)?;
    drop(waiting);
    planned
}

fn plan_blocking(
    project: &Path,
    mut spec: SourceSpec,
    before: Option<Vec<Input>>,
    cursor: Option<String>,
    rooms: &Rooms,
    alive: &mut Alive<'_>,
) -> Result<Plan> {
    if let Some((_, fault)) = faults(project, &spec).into_iter().next() {
        return Err(fault.with("source", &spec.name));
    }
    let references = references::read(project, &mut spec, rooms);
    let references = references.map_err(|error| error.with("source", &spec.name))?;
    let place = |error: Error| error.with("source", &spec.name);
    let mut source = source::open(project, &spec)
        .and_then(|source| start(source, &spec, cursor.as_deref()))
        .map_err(place)?;
    source.read_before(before.iter().flatten().map(|input| input.name.clone()).collect());
    let source: Arc<dyn Source> = Arc::from(source);
    let found = source.inputs(alive).map_err(place)?;
    if found.is_empty() && !spec.optional {
        let nothing = source.nothing_found();
        return Err(place(nothing));
    }
    let is_new = |found: &&Found| match spec.strategy {
        Strategy::NewFiles => !before.iter().flatten().any(|input| *input == found.input),
        _ => true,
    };
    let unread = found.iter().filter(is_new).cloned().collect();
    let (anew, keep_refused) = (false, false);
    Ok(Plan { spec, source, found, unread, before, references, cursor, anew, keep_refused })
}

impl Plan {
    /// The same plan, reading all there is, read before or not.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { unread: self.found.clone(), anew: true, ..self }
    }

    /// The same plan, giving back the refused rows that could be read ([`Extracted::refused`](super::Extracted::refused)),
    /// for who must know which keys were among them. They are kept in memory meanwhile.
    #[must_use]
    pub fn keeping_refused(self) -> Self {
        Self { keep_refused: true, ..self }
    }

    /// Reads what the source's rules look up in the warehouse, as a run has loaded it so far.
    ///
    /// # Errors
    /// User where a table is not there yet; data where a key stands for two values; limit where
    /// memory has no room.
    pub(crate) async fn look_up(&mut self, engine: &Engine, preview: &Arc<Release>) -> Result<()> {
        references::tables(engine, preview, &mut self.spec).await
    }

    /// Whether published runs have read exactly what there is: reading it again changes nothing.
    pub fn is_unchanged(&self) -> bool {
        let Some(before) = &self.before else { return false };
        match self.spec.strategy {
            Strategy::NewFiles => self.unread.is_empty(),
            _ => {
                let found = self.found.iter().map(|found| &found.input);
                let now: HashSet<_> = found.chain(&self.references).map(key).collect();
                now == before.iter().map(key).collect()
            }
        }
    }

    /// The files that were read before and are others now: all of each is read again.
    pub(crate) fn changed(&self) -> Vec<&str> {
        let before = || self.before.iter().flatten();
        let is_known = |found: &&Found| before().any(|input| input.name == found.input.name);
        let is_partial = self.spec.strategy == Strategy::NewFiles && !self.anew;
        let unread = self.unread.iter().filter(|_| is_partial);
        unread.filter(is_known).map(|found| found.input.name.as_str()).collect()
    }

    /// How many inputs that are to be read anew are not there any more.
    pub fn gone(&self) -> usize {
        let is_there = |input: &Input| {
            let found = self.found.iter().map(|found| &found.input);
            found.chain(&self.references).any(|found| found.name == input.name)
        };
        let is_gone = |input: &&Input| !is_there(input);
        let before = self.before.iter().flatten();
        if self.anew && self.spec.strategy == Strategy::NewFiles {
            before.filter(is_gone).count()
        } else {
            0
        }
    }

    /// The inputs that extraction would read.
    pub fn to_read(&self) -> impl Iterator<Item = &Input> {
        self.unread.iter().map(|found| &found.input)
    }

    /// The source.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// What the source will have read once these inputs are.
    pub(super) fn inputs_after(&self, read: Vec<Input>) -> Vec<Input> {
        let mut inputs = match self.spec.strategy {
            Strategy::NewFiles => self.before.clone().unwrap_or_default(),
            _ => Vec::new(),
        };
        let read: Vec<Input> = read.into_iter().chain(self.references.iter().cloned()).collect();
        // a file with new content takes the place of its old self
        inputs.retain(|input| read.iter().all(|other| other.name != input.name));
        inputs.extend(read);
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        inputs
    }
}

fn key(input: &Input) -> (&str, &str) {
    (&input.name, &input.sha256)
}
