//! Generated dimensions: calendars and times of day, written again only where they differ from what
//! is stored.

use super::calendar::{self, numbers, of_its_type, texts};
use super::dimension::open_columns;
use super::{holidays, quoted, stage};
use crate::engine::Session;
use crate::error::{Error, Result};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, Dimension, DimensionKind, Model, Time, TimeOfDay, arrow_schema};
use crate::store::{Load, TableSpec};
use arrow::array::{ArrayRef, Int32Array};
use arrow::record_batch::RecordBatch;
use std::path::Path;
use std::sync::Arc;

/// Writes the model's generated dimensions where they are missing or changed; returns the tables
/// written.
///
/// # Errors
/// Data errors where a file of holidays is not one.
pub(crate) async fn load(load: &mut Load, model: &Model, project: &Path) -> Result<Vec<String>> {
    let mut written = Vec::new();
    for dimension in &model.dimensions {
        let columns = open_columns(dimension);
        let Some(batch) = generated(dimension, project, &columns)? else { continue };
        let spec = TableSpec {
            name: dimension.table(),
            description: dimension.description.clone(),
            columns,
            partition_by: None,
            sort_by: vec![dimension.key_column()],
        };
        let files = load.write(&spec, rows::in_batches(&batch, &spec.columns)?).await?;
        if stage::replace(load, spec, files)? {
            written.push(dimension.table());
        }
    }
    Ok(written)
}

/// The tables of generated dimensions whose rows are others in the session's release than those declared
/// now. What is not there yet is no change.
///
/// # Errors
/// As [`load`]; what stops the reading of a table.
pub(crate) async fn changed(
    session: &Session,
    model: &Model,
    project: &Path,
) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for dimension in &model.dimensions {
        let (table, columns) = (dimension.table(), open_columns(dimension));
        let Some(stored) = session.release().tables.get(&table) else { continue };
        let Some(batch) = generated(dimension, project, &columns)? else { continue };
        let is_same = stored.columns.len() == columns.len()
            && stored.columns.iter().zip(&columns).all(|(a, b)| a.name == b.name && a.ty == b.ty)
            && rows_of(session, &table, &columns).await? == batch;
        if !is_same {
            changed.push(table);
        }
    }
    Ok(changed)
}

/// The rows of a stored table in order of its first column.
async fn rows_of(session: &Session, table: &str, columns: &[Column]) -> Result<RecordBatch> {
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let names = names.join(", ");
    let sql = format!("SELECT {names} FROM warehouse.{} ORDER BY 1", quoted(table));
    rows::collect(rows::stream_sql(session, &sql, columns).await?, columns).await
}

/// The rows of a dimension that is generated, in order of key.
fn generated(
    dimension: &Dimension,
    project: &Path,
    columns: &[Column],
) -> Result<Option<RecordBatch>> {
    Ok(Some(match &dimension.kind {
        DimensionKind::Calendar(calendar) => {
            let holidays = holidays::read(project, calendar);
            let holidays = holidays.map_err(|e| e.with("dimension", &dimension.name))?;
            calendar::batch(calendar, &holidays, columns)?
        }
        DimensionKind::TimeOfDay(times) => times_of_day(times, columns)?,
        DimensionKind::Loaded
        | DimensionKind::Junk
        | DimensionKind::MiniOf(_)
        | DimensionKind::LevelOf(_) => return Ok(None),
    }))
}

/// Times of day in order of key.
fn times_of_day(times: &TimeOfDay, columns: &[Column]) -> Result<RecordBatch> {
    let times: Vec<Time> = times.times().collect();
    let special = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    let keys = special.into_iter().chain(times.iter().map(|time| time.key));
    let keys: ArrayRef = Arc::new(Int32Array::from_iter_values(keys));
    let arrays = columns.iter().enumerate().map(|(position, column)| {
        let array = match (position, column.name.as_str()) {
            (0, _) => Some(Arc::clone(&keys)),
            (_, "time") => Some(texts(times.iter().map(|time| &time.time))),
            (_, "hour") => Some(numbers(times.iter().map(|time| time.hour))),
            (_, "minute") => Some(numbers(times.iter().map(|time| time.minute))),
            (_, "hour_name") => Some(texts(times.iter().map(|time| &time.hour_name))),
            (_, "day_part") => Some(texts(times.iter().map(|time| time.day_part))),
            _ => None,
        };
        of_its_type(array, column)
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(arrow_schema(columns), arrays)
        .map_err(|error| Error::internal("times of day do not fit their table").caused_by(error))
}
