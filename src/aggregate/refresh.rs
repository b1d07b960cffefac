//! Computing stale aggregates, each from its smallest parent, and staging them.
//!
//! What a fact has got more of is computed alone: it is put together with the months that it is of
//! where these are few, else written beside what is there as long as that is little. What cannot be
//! computed of its rows, a sum beyond its type for one, is left out of the release, which says why; the
//! load goes on.

use super::drop_table;
use super::months::{Touched, fences, touched, write_between_months};
use super::stale::{Extent, Stale, beyond, extent, is_of_now, stale};
use crate::engine::{Engine, Query, error_of};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Aggregate, Column, MONTH_PARTITION};
use crate::policy::Principal;
use crate::query::{
    AGGREGATE_BESIDE, AGGREGATE_DEFINITION, AGGREGATE_LEFT_OUT, Building, Kept, aggregate_columns,
    aggregate_order, aggregate_sources, is_too_large, parents, with_measures_named,
};
use crate::store::{Change, DataFile, Input, Load, Release, Rows, TableSpec, TableState};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many files stand beside the others at most, and all their rows are one of so many of the others':
/// then all is put together. Questions read them all.
const BESIDE_FILES: usize = 8;
const BESIDE_PART: u64 = 4;

/// Months are written anew where their files have at most so many times as many rows as the fact has got
/// more.
const IN_PLACE: u64 = 4;

/// An aggregate that was computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// The cube that declares it.
    pub cube: String,
    /// Its table.
    pub table: String,
    /// How much of it was computed.
    pub extent: Extent,
    /// The finer aggregate that it was computed from; the fact where there is none.
    pub parent: Option<String>,
    /// Rows written.
    pub rows: u64,
    /// Why it could not be computed of its rows, if so: the release does without it then.
    pub left_out: Option<String>,
}

/// Brings every aggregate up to what the load would publish; `hears` is told of each before and
/// after it is computed.
///
/// # Errors
/// User errors where an aggregate keeps what cannot be put together; what stops its query, but for
/// what lies in its rows.
pub async fn refresh(
    engine: &Engine,
    load: &mut Load,
    mut hears: impl FnMut(&Stale<'_>, Option<&Refreshed>),
) -> Result<()> {
    let all = stale(load, engine);
    for (place, one) in all.iter().enumerate() {
        let pending = all[place..].iter().map(Stale::table).collect();
        let now = load.preview();
        let extent = extent(engine, load.base(), &now, one).await?;
        if extent == Extent::Nothing {
            continue;
        }
        hears(one, None);
        let refreshed = Computing { engine, now, pending }.compute(load, one, extent).await?;
        hears(one, Some(&refreshed));
    }
    Ok(())
}

/// What becomes of what is computed.
enum Way {
    /// It is the table.
    Whole,
    /// It is in place of files that months lie in, with what else these hold.
    InPlaceOf { files: Vec<Touched>, fences: Vec<i32> },
    /// It is put together with the table.
    Together,
    /// It stands beside what the table has.
    Beside,
}

impl Way {
    fn of(extent: &Extent, now: &Release, name: &str, added: u64) -> Result<Self> {
        let Some(table) = now.tables.get(name) else { return Ok(Self::Whole) };
        let (months, more) = match extent {
            Extent::Whole(_) | Extent::Nothing => return Ok(Self::Whole),
            Extent::Months(months) => (months, None),
            Extent::Added(months) => (months, Some(added)),
        };
        let beside = known(now, name, AGGREGATE_BESIDE);
        let files = match months.is_empty() || !beside.is_empty() {
            // Files that stand beside others have months in common with them.
            true => None,
            false => Some(touched(table, months)?),
        };
        let rows = |files: &[Touched]| files.iter().map(|file| file.rows).sum::<u64>();
        Ok(match (files, more) {
            (files, Some(more))
                if files.as_ref().is_none_or(|files| rows(files) > more * IN_PLACE)
                    && has_room_beside(table, &beside, more) =>
            {
                Self::Beside
            }
            (Some(files), _) => Self::InPlaceOf { fences: fences(table, &files)?, files },
            (None, _) => Self::Together,
        })
    }

    /// The spans of the files that are written anew.
    fn spans(&self) -> Option<Vec<(i32, i32)>> {
        match self {
            Self::InPlaceOf { files, .. } => Some(files.iter().map(|file| file.span).collect()),
            _ => None,
        }
    }
}

/// Whether so many rows more may stand beside those that are put together.
fn has_room_beside(table: &TableState, beside: &[Input], added: u64) -> bool {
    let names: BTreeSet<&str> = beside.iter().map(|file| file.name.as_str()).collect();
    let (beside, own): (Vec<&DataFile>, Vec<&DataFile>) =
        table.files.iter().partition(|file| names.contains(file.path.as_str()));
    let rows = |files: &[&DataFile]| files.iter().map(|file| file.rows).sum::<u64>();
    beside.len() < BESIDE_FILES && (rows(&beside) + added) * BESIDE_PART <= rows(&own)
}

/// An aggregate being computed.
struct Computing<'a> {
    engine: &'a Engine,
    /// What the load would publish by now.
    now: Arc<Release>,
    /// The tables that are not what they should be yet.
    pending: BTreeSet<String>,
}

impl<'a> Computing<'a> {
    async fn compute(
        &self,
        load: &mut Load,
        stale: &Stale<'_>,
        extent: Extent,
    ) -> Result<Refreshed> {
        let Stale { cube, aggregate } = stale;
        let (engine, lattice) = (self.engine, self.engine.lattice());
        let spec = TableSpec {
            name: stale.table(),
            description: aggregate.description.clone(),
            sort_by: aggregate_order(cube, aggregate, lattice)?,
            partition_by: None,
            columns: aggregate_columns(cube, aggregate, lattice)?,
        };
        let (release, added, parent) = match extent {
            Extent::Added(_) => {
                let (release, rows) = self.of_added(load.base(), aggregate)?;
                (release, rows, None)
            }
            _ => (Arc::clone(&self.now), 0, self.parent(stale)?.map(|one| one.name.as_str())),
        };
        let way = Way::of(&extent, &self.now, &spec.name, added)?;
        let spans = way.spans();
        let months = match &extent {
            Extent::Months(months) => Some(months),
            _ => None,
        };
        let kept = match way {
            Way::Whole | Way::Beside => Kept::Nothing,
            Way::Together => Kept::Others { within: None, together: true },
            Way::InPlaceOf { .. } => {
                Kept::Others { within: spans.as_deref(), together: months.is_none() }
            }
        };
        let building = Building { parent, months, kept };
        let session = engine.load_session(Principal::pipeline(), release, Vec::new(), None);
        let query = session.plan_aggregate(cube, aggregate, &building).await?;
        let written = write(load, &spec, &query, &way).await;
        for source in aggregate_sources(cube, aggregate, engine.model()) {
            load.depends_on(&source);
        }
        let definition = stale.definition(lattice);
        let mut refreshed = Refreshed {
            cube: cube.name.clone(),
            table: spec.name.clone(),
            extent,
            parent: parent.map(str::to_owned),
            rows: 0,
            left_out: None,
        };
        let (mut beside, mut reason) = (Vec::new(), Vec::new());
        match written {
            Ok(files) => {
                refreshed.rows = files.iter().map(|file| file.rows).sum();
                beside = self.stage(load, &spec, way, files)?;
            }
            // What an aggregate's question cannot answer lies in the rows: memory and disks have
            // errors of other kinds.
            Err(error) if error.kind() == ErrorKind::User => {
                let why = with_measures_named(&error.to_string(), cube, aggregate, lattice)?;
                tracing::warn!(table = spec.name, why, "an aggregate is left out of the release");
                drop_table(load, &spec.name)?;
                reason.push(Input { name: why.clone(), ..definition.clone() });
                refreshed.left_out = Some(why);
            }
            Err(error) => return Err(error),
        }
        load.set_inputs(&spec.name, AGGREGATE_DEFINITION, vec![definition]);
        for (name, inputs) in [(AGGREGATE_BESIDE, beside), (AGGREGATE_LEFT_OUT, reason)] {
            // Nothing in place of nothing is no change.
            if known(&self.now, &spec.name, name) != inputs {
                load.set_inputs(&spec.name, name, inputs);
            }
        }
        Ok(refreshed)
    }

    /// Stages what was written; gives the files that stand beside others then.
    fn stage(
        &self,
        load: &mut Load,
        spec: &TableSpec,
        way: Way,
        add: Vec<DataFile>,
    ) -> Result<Vec<Input>> {
        let mut beside = Vec::new();
        let change = match way {
            Way::Whole | Way::Together => Change::Replace(add),
            Way::InPlaceOf { files, .. } => {
                let remove = files.into_iter().map(|file| file.path).collect();
                Change::Exchange { remove, add }
            }
            Way::Beside => {
                beside = known(&self.now, &spec.name, AGGREGATE_BESIDE);
                beside.extend(add.iter().map(|file| Input {
                    name: file.path.clone(),
                    size_bytes: file.size_bytes,
                    sha256: file.sha256.clone(),
                }));
                Change::Append(add)
            }
        };
        load.stage(spec.clone(), change)?;
        Ok(beside)
    }

    /// What the load would publish, with those rows of the fact alone that it has added, and how many
    /// these are.
    fn of_added(&self, base: &Release, aggregate: &Aggregate) -> Result<(Arc<Release>, u64)> {
        let missing = || Error::internal("what was added to a fact is unknown");
        let fact = self.engine.model().fact(&aggregate.fact).ok_or_else(missing)?.table();
        let before = base.tables.get(&fact).ok_or_else(missing)?;
        let mut release = Release::clone(&self.now);
        let table = release.tables.get_mut(&fact).ok_or_else(missing)?;
        table.files = beyond(table, before).into_iter().cloned().collect();
        table.delta_version = None;
        let rows = table.rows();
        Ok((Arc::new(release), rows))
    }

    /// The finer aggregate with the fewest rows that is what the load makes it already.
    fn parent(&self, stale: &Stale<'_>) -> Result<Option<&'a Aggregate>> {
        let lattice = self.engine.lattice();
        let rows = |parent: &Aggregate| {
            let as_one = Stale { cube: stale.cube, aggregate: parent };
            let table = self.now.tables.get(&as_one.table())?;
            let is_ready =
                !self.pending.contains(&as_one.table()) && is_of_now(&self.now, &as_one, lattice);
            is_ready.then(|| table.rows())
        };
        let all = parents(stale.cube, stale.aggregate, lattice)?;
        let ready = all.into_iter().filter_map(|parent| Some((rows(parent)?, parent)));
        Ok(ready.min_by_key(|(rows, _)| *rows).map(|(_, parent)| parent))
    }
}

async fn write(load: &Load, spec: &TableSpec, query: &Query, way: &Way) -> Result<Vec<DataFile>> {
    let types = spec.columns.clone();
    let rows: Rows =
        query.execute().await?.map(move |batch| fitted(&batch.map_err(error_of)?, &types)).boxed();
    let by_month = spec.columns.first().is_some_and(|column| column.name == MONTH_PARTITION);
    match way {
        Way::InPlaceOf { fences, .. } => write_between_months(load, spec, rows, fences).await,
        Way::Whole | Way::Together if by_month => write_between_months(load, spec, rows, &[]).await,
        _ => load.write(spec, rows).await,
    }
}

/// What a release remembers of an aggregate under a name.
fn known(release: &Release, table: &str, name: &str) -> Vec<Input> {
    let known = release.inputs.get(table).and_then(|inputs| inputs.get(name));
    known.cloned().unwrap_or_default()
}

/// Texts that a row of an aggregate remembers have so many bytes at most: what has more of them is better
/// kept apart, or counted by a sketch.
const TEXTS_BYTES: usize = 1 << 16;

/// A batch of the plan in the types of the stored columns, by position.
fn fitted(batch: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
    for (array, column) in batch.columns().iter().zip(columns) {
        let states = array.as_binary_opt::<i32>().into_iter().flatten().flatten();
        if states.into_iter().any(|state| is_too_large(state, TEXTS_BYTES)) {
            let message = format!(
                "different texts of {} in one row have more than {TEXTS_BYTES} bytes",
                column.name
            );
            let hint = "keep the column apart, or count approximately: `approximate_distinct`";
            return Err(Error::user(message).hint(hint));
        }
    }
    let wrong = |error| Error::internal("an aggregate's plan has another form").caused_by(error);
    let pairs = batch.columns().iter().zip(columns);
    let arrays: Vec<_> = pairs
        .map(|(array, column)| cast(array, &column.ty.arrow()).map_err(wrong))
        .collect::<Result<_>>()?;
    RecordBatch::try_new(crate::model::arrow_schema(columns), arrays).map_err(wrong)
}
