//! Computing stale aggregates, each from its smallest parent, and staging them.

use super::stale::{Extent, Stale, extent, is_of_now, stale};
use crate::engine::{Engine, error_of};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Column, MONTH_PARTITION};
use crate::policy::Principal;
use crate::query::{
    AGGREGATE_DEFINITION, Building, aggregate_columns, aggregate_order, aggregate_sources, parents,
};
use crate::store::{Change, DataFile, Load, Rows, TableSpec, TableState};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use futures::{SinkExt, StreamExt, channel::mpsc};
use std::collections::BTreeSet;

/// An aggregate that keeps months is cut into files of about so many rows, between months: a month
/// that changes is written anew with few others. Smaller files would make more work of reading than they
/// save of writing.
const FILE_ROWS: u64 = 1 << 17;

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
}

/// Brings every aggregate up to what the load would publish; `hears` is told of each before and
/// after it is computed.
///
/// # Errors
/// User errors where an aggregate keeps what cannot be put together; what stops its query.
pub async fn refresh(
    engine: &Engine,
    load: &mut Load,
    mut hears: impl FnMut(&Stale<'_>, Option<&Refreshed>),
) -> Result<()> {
    let all = stale(load, engine);
    for (place, one) in all.iter().enumerate() {
        let pending: BTreeSet<String> = all[place..].iter().map(Stale::table).collect();
        let extent = extent(engine, load, one).await?;
        if extent == Extent::Nothing {
            continue;
        }
        hears(one, None);
        let refreshed = compute(engine, load, one, extent, &pending).await?;
        hears(one, Some(&refreshed));
    }
    Ok(())
}

async fn compute(
    engine: &Engine,
    load: &mut Load,
    stale: &Stale<'_>,
    extent: Extent,
    pending: &BTreeSet<String>,
) -> Result<Refreshed> {
    let Stale { cube, aggregate } = stale;
    let lattice = engine.lattice();
    let columns = aggregate_columns(cube, aggregate, lattice)?;
    let by_month = columns.first().is_some_and(|column| column.name == MONTH_PARTITION);
    let spec = TableSpec {
        name: stale.table(),
        description: aggregate.description.clone(),
        sort_by: aggregate_order(cube, aggregate, lattice)?,
        partition_by: None,
        columns,
    };
    let parent = parent(engine, load, stale, pending)?;
    let preview = load.preview();
    let old = preview.tables.get(&spec.name);
    let written_anew = match (&extent, old) {
        (Extent::Months(months), Some(old)) => touched(old, months)?,
        _ => Vec::new(),
    };
    let fences = match (&extent, old) {
        (Extent::Months(_), Some(old)) => fences(old, &written_anew)?,
        _ => Vec::new(),
    };
    let kept: Vec<(i32, i32)> = written_anew.iter().map(|file| file.span).collect();
    let months = match &extent {
        Extent::Months(months) => Some(months),
        _ => None,
    };
    let building = Building { parent: parent.map(|p| p.name.as_str()), months, kept: &kept };
    let session = engine.load_session(Principal::pipeline(), load.preview(), Vec::new(), None);
    let query = session.plan_aggregate(cube, aggregate, &building).await?;
    let types = spec.columns.clone();
    let rows: Rows =
        query.execute().await?.map(move |batch| fitted(&batch.map_err(error_of)?, &types)).boxed();
    let files = match by_month {
        true => write_between_months(load, &spec, rows, &fences).await?,
        false => load.write(&spec, rows).await?,
    };
    let rows = files.iter().map(|file| file.rows).sum();
    let change = match months {
        None => Change::Replace(files),
        Some(_) => Change::Exchange {
            remove: written_anew.into_iter().map(|file| file.path).collect(),
            add: files,
        },
    };
    let table = spec.name.clone();
    load.stage(spec, change)?;
    load.set_inputs(&table, AGGREGATE_DEFINITION, vec![stale.definition(lattice)]);
    for source in aggregate_sources(cube, aggregate, engine.model()) {
        load.depends_on(&source);
    }
    let parent = parent.map(|parent| parent.name.clone());
    Ok(Refreshed { cube: cube.name.clone(), table, extent, parent, rows })
}

/// The finer aggregate with the fewest rows that is what the load makes it already.
fn parent<'a>(
    engine: &'a Engine,
    load: &Load,
    stale: &Stale<'_>,
    pending: &BTreeSet<String>,
) -> Result<Option<&'a Aggregate>> {
    let preview = load.preview();
    let rows = |parent: &Aggregate| {
        let as_one = Stale { cube: stale.cube, aggregate: parent };
        let table = preview.tables.get(&as_one.table())?;
        let is_ready =
            !pending.contains(&as_one.table()) && is_of_now(&preview, &as_one, engine.lattice());
        is_ready.then(|| table.rows())
    };
    let all = parents(stale.cube, stale.aggregate, engine.lattice())?;
    let ready = all.into_iter().filter_map(|parent| Some((rows(parent)?, parent)));
    Ok(ready.min_by_key(|(rows, _)| *rows).map(|(_, parent)| parent))
}

/// A file of which months are computed anew.
struct Touched {
    path: String,
    /// Its first and its last month.
    span: (i32, i32),
}

/// The files that months lie in. A month that is new belongs to the file before it while that has
/// room: else every month would be a file of its own.
fn touched(table: &TableState, months: &BTreeSet<i32>) -> Result<Vec<Touched>> {
    let mut files: Vec<(i32, i32, &DataFile)> = Vec::new();
    for file in &table.files {
        let (from, to) = span(file)?;
        files.push((from, to, file));
    }
    files.sort_by_key(|(from, ..)| *from);
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    for month in months {
        let before = files.iter().rposition(|(from, ..)| from <= month);
        if let Some(place) = before {
            let (_, to, file) = files[place];
            if *month <= to || file.rows < FILE_ROWS {
                chosen.insert(place);
            }
        }
    }
    let touched = |place: usize| {
        let (from, to, file) = files[place];
        Touched { path: file.path.clone(), span: (from, to) }
    };
    Ok(chosen.into_iter().map(touched).collect())
}

/// Where files begin that stay as they are: no other may reach beyond.
fn fences(table: &TableState, touched: &[Touched]) -> Result<Vec<i32>> {
    let stays = |file: &&DataFile| touched.iter().all(|touched| touched.path != file.path);
    table.files.iter().filter(stays).map(|file| Ok(span(file)?.0)).collect()
}

fn span(file: &DataFile) -> Result<(i32, i32)> {
    let bounds = || {
        let bounds = file.statistics.get(MONTH_PARTITION)?;
        Some((bounds.min.as_ref()?.parse().ok()?, bounds.max.as_ref()?.parse().ok()?))
    };
    bounds().ok_or_else(|| {
        Error::damaged("a file of an aggregate does not say of which months it is")
            .with("file", &file.path)
    })
}

/// Writes rows that are sorted by month as files that begin and end between months.
async fn write_between_months(
    load: &Load,
    spec: &TableSpec,
    mut rows: Rows,
    fences: &[i32],
) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    let mut carried: Option<RecordBatch> = None;
    loop {
        if carried.is_none() {
            carried = rows.next().await.transpose()?;
        }
        if carried.is_none() {
            return Ok(files);
        }
        let (mut into, from) = mpsc::channel(1);
        let feed = async {
            let mut count = 0;
            let mut last = None;
            let outcome = loop {
                let batch = match carried.take() {
                    Some(batch) => batch,
                    None => match rows.next().await.transpose() {
                        Ok(Some(batch)) => batch,
                        Ok(None) => break Ok(None),
                        Err(error) => break Err(error),
                    },
                };
                let cut = cut(&batch, count, last, fences);
                let (now, later) = (batch.slice(0, cut), batch.slice(cut, batch.num_rows() - cut));
                count += cut as u64;
                last = month(&now, cut.checked_sub(1)).or(last);
                // A writer that has stopped says why itself.
                if into.send(Ok(now)).await.is_err() || later.num_rows() > 0 {
                    break Ok(Some(later));
                }
            };
            into.close_channel();
            outcome
        };
        let (written, rest) = futures::join!(load.write(spec, from.boxed()), feed);
        files.extend(written?);
        carried = rest?.filter(|rest| rest.num_rows() > 0);
    }
}

fn month(batch: &RecordBatch, row: Option<usize>) -> Option<i32> {
    Some(batch.column(0).as_primitive_opt::<Int32Type>()?.value(row?))
}

/// How many rows of a batch go into a file of so many rows that ends with a month so far.
fn cut(batch: &RecordBatch, rows: u64, mut last: Option<i32>, fences: &[i32]) -> usize {
    for row in 0..batch.num_rows() {
        let month = month(batch, Some(row));
        if let (Some(before), Some(month)) = (last, month)
            && before != month
        {
            let fenced = fences.iter().any(|fence| before < *fence && *fence <= month);
            if fenced || rows + row as u64 >= FILE_ROWS {
                return row;
            }
        }
        last = month;
    }
    batch.num_rows()
}

/// A batch of the plan in the types of the stored columns, by position.
fn fitted(batch: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
    let wrong = |error| Error::internal("an aggregate's plan has another form").caused_by(error);
    let pairs = batch.columns().iter().zip(columns);
    let arrays: Vec<_> = pairs
        .map(|(array, column)| cast(array, &column.ty.arrow()).map_err(wrong))
        .collect::<Result<_>>()?;
    RecordBatch::try_new(crate::model::arrow_schema(columns), arrays).map_err(wrong)
}
