//! A change made: on the latest release, as the next one.

use super::Change;
use super::arrived::Arrived;
use super::assign::{Assign, Update, columns_of};
use super::question::{Place, existing, plan, target, there_already};
use super::staging::{append, replace};
use crate::engine::{Engine, IfExists, Query, Session, Verb, error_of, sandbox_table};
use crate::error::{Error, ErrorKind, Result, counted};
use crate::etl::run::{Record, publish, since};
use crate::model::Column;
use crate::store::{Change as TableChange, Load, Rows, StepRecord, TableSpec};
use arrow::record_batch::RecordBatch;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often a change is made again where another program was first, and how much longer it waits
/// each time: changes are small and many, unlike loads.
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(5);

/// Makes a change and publishes it.
///
/// # Errors
/// Whatever stopped it: nothing has changed then.
pub(super) async fn run(engine: &Engine, change: &Change) -> Result<u64> {
    let name = target(&change.session, &change.asked)?;
    recorded(engine, name, Work::Statement(change)).await
}

/// What is written.
#[derive(Clone, Copy)]
pub(super) enum Work<'a> {
    /// What a statement says.
    Statement(&'a Change),
    /// Rows that a client sent.
    Rows(&'a Arrived<'a>),
}

/// Writes on a load of its own and publishes it as a run in the operational log; again, on what
/// came in between, where another run was first.
pub(super) async fn recorded(engine: &Engine, name: &str, work: Work<'_>) -> Result<u64> {
    let mut lost = 0;
    loop {
        match attempt(engine, name, work).await {
            Err(error) if error.kind() == ErrorKind::Conflict && lost < ATTEMPTS => {
                lost += 1;
                tokio::time::sleep(PAUSE * lost).await;
            }
            outcome => return outcome,
        }
    }
}

async fn attempt(engine: &Engine, name: &str, work: Work<'_>) -> Result<u64> {
    let (warehouse, clock) = (engine.warehouse(), engine.clock());
    let base = warehouse.latest().await?;
    let mut record = Record::begin(warehouse, clock, None).await?;
    let started = clock.now();
    let mut load = warehouse.begin(record.run().clone(), base);
    let worked = match work {
        Work::Statement(change) => changed(&mut load, change, name).await,
        Work::Rows(arrived) => arrived.taken_in(engine, &mut load).await,
    };
    let mut notes = Vec::new();
    let published = match &worked {
        Ok(rows) if load.has_changes() => {
            publish(load, format!("sandbox.{name}: {}", counted(*rows, "row", "rows")), &mut notes)
                .await
                .map(Some)
        }
        _ => load.abandon().await.map(|()| None),
    };
    let rows = worked.as_ref().copied().unwrap_or_default();
    let outcome = worked.and(published);
    let step = StepRecord {
        job: "sandbox".to_owned(),
        step: "write".to_owned(),
        target: sandbox_table(name),
        rows_read: rows,
        rows_written: rows,
        rows_rejected: 0,
        started_at: Some(started),
        elapsed_ms: since(clock, started),
    };
    if let Err(error) = record.end(&outcome, vec![step]).await {
        notes.push(format!("how the run ended is not in the operational log: {error}"));
    }
    for note in notes {
        tracing::warn!(note);
    }
    outcome.map(|_| rows)
}

/// Stages what a change makes of its table, once for each row of values where it goes in turns, and
/// counts its rows.
async fn changed(load: &mut Load, change: &Change, name: &str) -> Result<u64> {
    let session = change.session.on(load.base());
    let Some(turns) = change.in_turns()? else {
        return made(load, change, &session, name).await;
    };
    let (mut session, mut rows) = (session, 0);
    for turn in turns {
        rows += made(load, &turn, &session, name).await?;
        session = change.session.on_preview(&load.preview());
    }
    Ok(rows)
}

/// Stages what a change makes of its table as a session sees it, and counts its rows.
async fn made(load: &mut Load, change: &Change, session: &Session, name: &str) -> Result<u64> {
    let question = plan(session, &change.asked, Place::Sandbox(name)).await?;
    let queries = bound(question, change)?;
    let base = Arc::clone(session.release());
    let mut spec = TableSpec {
        name: sandbox_table(name),
        description: format!("Written by {}.", session.principal().name()),
        columns: Vec::new(),
        partition_by: None,
        sort_by: Vec::new(),
    };
    match &change.asked.verb {
        Verb::Create { if_exists, not_null, .. } => {
            let there = base.tables.contains_key(&spec.name);
            match (queries.first(), if_exists, there) {
                (Some(query), ..) => spec.columns = columns_of(&query.schema(), not_null)?,
                (None, IfExists::Fail, true) => return Err(there_already(name)),
                (None, ..) => return Ok(0),
            }
            let rows = assigned(&queries, &spec.columns, &[])?;
            replace(load, spec, rows).await
        }
        Verb::Insert { columns, .. } => {
            spec.columns.clone_from(&existing(&base, name)?.columns);
            let rows = assigned(&queries, &spec.columns, columns)?;
            append(load, spec, rows).await
        }
        Verb::Update { set, .. } => {
            spec.columns.clone_from(&existing(&base, name)?.columns);
            let set: Vec<String> = set.iter().map(|(column, _)| column.clone()).collect();
            let (rows, changed) = updated(&queries, &spec.columns, &set)?;
            replace(load, spec, rows).await?;
            Ok(changed.load(Ordering::Relaxed))
        }
        Verb::Delete { .. } => {
            let table = existing(&base, name)?;
            spec.columns.clone_from(&table.columns);
            let rows = assigned(&queries, &spec.columns, &[])?;
            let left = replace(load, spec, rows).await?;
            Ok(table.rows().saturating_sub(left))
        }
        Verb::Drop { .. } => {
            load.stage(spec, TableChange::Drop)?;
            Ok(0)
        }
    }
}

/// The questions of a change, one for each row of values.
pub(super) fn bound(question: Option<Query>, change: &Change) -> Result<Vec<Query>> {
    let Some(question) = question else { return Ok(Vec::new()) };
    let rows = change.bound()?;
    let several = rows.len() > 1 && !matches!(change.asked.verb, Verb::Insert { .. });
    if several {
        let text = "only INSERT, UPDATE and DELETE take several rows of values at once";
        return Err(Error::unsupported(text).hint("run the statement for each of them"));
    }
    let query = |row: &Vec<_>| match row.is_empty() {
        true => Ok(question.clone()),
        false => question.bind(row.clone()),
    };
    rows.iter().map(query).collect()
}

/// The answers of queries, one after the other, each batch turned into one of the table.
fn answers(queries: &[Query], turn: impl Fn(&Query) -> Result<Turn>) -> Result<Rows> {
    let turned: Vec<(Query, Turn)> =
        queries.iter().map(|query| Ok((query.clone(), turn(query)?))).collect::<Result<_>>()?;
    let rows = stream::iter(turned).then(|(query, turn)| async move {
        let batches = query.execute().await?;
        Ok::<_, Error>(batches.map(move |batch| turn(&batch.map_err(error_of)?)))
    });
    Ok(rows.try_flatten().boxed())
}

type Turn = Box<dyn Fn(&RecordBatch) -> Result<RecordBatch> + Send>;

pub(super) fn assigned(queries: &[Query], columns: &[Column], named: &[String]) -> Result<Rows> {
    answers(queries, |query| {
        let assign = Assign::new(&query.schema(), columns, named)?;
        Ok(Box::new(move |batch| assign.apply(batch)))
    })
}

pub(super) fn updated(
    queries: &[Query],
    columns: &[Column],
    set: &[String],
) -> Result<(Rows, Arc<AtomicU64>)> {
    let changed = Arc::new(AtomicU64::new(0));
    let rows = answers(queries, |query| {
        let update = Update::new(&query.schema(), columns, set)?;
        let changed = Arc::clone(&changed);
        Ok(Box::new(move |batch| {
            let (rows, count) = update.apply(batch)?;
            changed.fetch_add(count, Ordering::Relaxed);
            Ok(rows)
        }))
    })?;
    Ok((rows, changed))
}
