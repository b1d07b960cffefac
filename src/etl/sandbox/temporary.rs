//! Changes of temporary tables: their rows are worked out and put in their place, in memory.

use super::Change;
use super::assign::{Assign, columns_of};
use super::ingest::by_its_program;
use super::question::{Place, plan};
use super::target::{IfExists, IfMissing, Target, same_columns};
use super::write::{assigned, bound, updated};
use crate::engine::{Collected, Engine, Session, TEMPORARY, Verb};
use crate::error::{Error, Result};
use crate::store::Rows;
use arrow::datatypes::Schema;
use futures::{StreamExt, TryStreamExt};
use std::sync::atomic::Ordering;

/// Makes a change; gives how many rows it inserted, changed or deleted.
///
/// # Errors
/// Whatever stopped it: nothing has changed then.
pub(super) async fn run(engine: &Engine, change: &Change) -> Result<u64> {
    let tables = change.session.temporary();
    let _turn = tables.turn().await;
    let session = change.session.on(&engine.warehouse().latest().await?);
    let Some(turns) = change.in_turns()? else { return made(engine, change, &session).await };
    let aside = tables.aside();
    let (session, mut rows) = (session.with_temporary(&aside), 0);
    for turn in turns {
        rows += made(engine, &turn, &session).await?;
    }
    tables.take_over(&change.asked.table, &aside);
    Ok(rows)
}

/// Makes a change of a session's own table, once.
async fn made(engine: &Engine, change: &Change, session: &Session) -> Result<u64> {
    let (name, tables) = (change.asked.table.as_str(), session.temporary());
    let place = Place::Temporary(name);
    let queries = bound(plan(session, &change.asked, place).await?, change)?;
    match &change.asked.verb {
        Verb::Create { not_null, .. } => {
            // One that is there may stay.
            let Some(query) = queries.first() else { return Ok(0) };
            let columns = columns_of(&query.schema(), not_null)?;
            let rows = collected(engine, assigned(&queries, &columns, &[])?).await?;
            let count = rows.rows();
            tables.put(name, columns, rows, false)?;
            Ok(count)
        }
        Verb::Insert { columns: named, .. } => {
            let columns = place.columns(session)?;
            let rows = collected(engine, assigned(&queries, &columns, named)?).await?;
            let count = rows.rows();
            tables.put(name, columns, rows, true)?;
            Ok(count)
        }
        Verb::Update { set, .. } => {
            let columns = place.columns(session)?;
            let set: Vec<String> = set.iter().map(|(column, _)| column.clone()).collect();
            let (rows, changed) = updated(&queries, &columns, &set)?;
            let rows = collected(engine, rows).await?;
            tables.put(name, columns, rows, false)?;
            Ok(changed.load(Ordering::Relaxed))
        }
        Verb::Delete { .. } => {
            let (columns, before) = (place.columns(session)?, tables.rows(name));
            let left = collected(engine, assigned(&queries, &columns, &[])?).await?;
            let count = before.unwrap_or_default().saturating_sub(left.rows());
            tables.put(name, columns, left, false)?;
            Ok(count)
        }
        Verb::Drop { .. } => {
            tables.drop_table(name);
            Ok(0)
        }
    }
}

/// Takes in rows of a client's program, all of them or none; gives how many.
///
/// # Errors
/// As for a table of the sandbox; limit where there is no memory for them.
pub(super) async fn ingest(
    engine: &Engine,
    session: &Session,
    target: &Target,
    schema: &Schema,
    rows: Rows,
) -> Result<u64> {
    if let Some(other) = target.schema.as_deref().filter(|schema| *schema != TEMPORARY) {
        return Err(Error::user(format!("a temporary table is in no schema, so not in `{other}`"))
            .hint("leave the schema out"));
    }
    let (name, tables) = (target.table.as_str(), session.temporary());
    let place = Place::Temporary(name);
    let columns = columns_of(schema, &[]).map_err(by_its_program)?;
    // Looked at before the rows come, which may take long, and again once they are there.
    let becomes = || match (tables.columns(name), target.if_exists) {
        (None, _) if target.if_missing == IfMissing::Create => Ok((columns.clone(), false)),
        (None, _) => place.columns(session).map(|columns| (columns, false)),
        (Some(_), IfExists::Fail) => Err(place.there_already()),
        (Some(_), IfExists::Replace) => Ok((columns.clone(), false)),
        (Some(there), IfExists::Append) => {
            same_columns(&columns, &there)?;
            Ok((there, true))
        }
    };
    let named: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let (expected, joins) = becomes()?;
    let assign = Assign::new(schema, &expected, &named)?;
    let rows = rows.map(move |batch| assign.apply(&batch?).map_err(by_its_program)).boxed();
    let rows = collected(engine, rows).await?;
    let _turn = tables.turn().await;
    if becomes()? != (expected.clone(), joins) {
        return Err(Error::user(format!("the temporary table `{name}` changed meanwhile"))
            .hint("send the rows again"));
    }
    let count = rows.rows();
    tables.put(name, expected, rows, joins)?;
    Ok(count)
}

async fn collected(engine: &Engine, mut rows: Rows) -> Result<Collected> {
    let mut collected = engine.collect_temporary();
    while let Some(batch) = rows.try_next().await? {
        collected.push(batch)?;
    }
    Ok(collected)
}
