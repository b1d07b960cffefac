//! Calendar dimensions: generated, and written again only where they differ from what is stored.

use super::stage;
use crate::error::{Error, Result};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{
    Calendar, CalendarDay, Column, ColumnType, Dimension, DimensionKind, Model, arrow_schema,
};
use crate::store::{Load, TableSpec};
use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int16Array, Int32Array, StringArray};
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Writes the model's calendars where they are missing or changed; returns the tables written.
pub(crate) async fn load(load: &mut Load, model: &Model) -> Result<Vec<String>> {
    let mut written = Vec::new();
    for dimension in &model.dimensions {
        if let DimensionKind::Calendar(calendar) = &dimension.kind {
            let spec = TableSpec {
                name: dimension.table(),
                description: dimension.description.clone(),
                columns: columns(dimension),
                partition_by: None,
                sort_by: vec![dimension.key_column()],
            };
            let batch = batch(calendar, &spec.columns)?;
            let files = load.write(&spec, rows::in_batches(&batch, &spec.columns)?).await?;
            if stage::replace(load, spec, files)? {
                written.push(dimension.table());
            }
        }
    }
    Ok(written)
}

/// The table's columns; what the members "unknown" and "not applicable" lack may be NULL.
fn columns(dimension: &Dimension) -> Vec<Column> {
    let key = dimension.key_column();
    let open = |mut column: Column| {
        column.nullable |= column.name != key && column.ty != ColumnType::Text;
        column
    };
    dimension.table_columns().into_iter().map(open).collect()
}

/// The calendar's rows in order of key.
fn batch(calendar: &Calendar, columns: &[Column]) -> Result<RecordBatch> {
    let days: Vec<CalendarDay> = calendar.days().collect();
    let arrays = columns.iter().enumerate().map(|(position, column)| {
        if position == 0 { Ok(keys(&days)) } else { values(&days, column) }
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(arrow_schema(columns), arrays)
        .map_err(|error| Error::internal("a calendar does not fit its table").caused_by(error))
}

fn keys(days: &[CalendarDay]) -> ArrayRef {
    let special = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    Arc::new(Int32Array::from_iter_values(special.into_iter().chain(days.iter().map(|d| d.key))))
}

/// One column for the two special members and every day.
fn values(days: &[CalendarDay], column: &Column) -> Result<ArrayRef> {
    let text = |of: fn(&CalendarDay) -> &str| -> ArrayRef {
        let special = ["Not applicable", "Unknown"].into_iter();
        Arc::new(StringArray::from_iter_values(special.chain(days.iter().map(of))))
    };
    let number = |of: fn(&CalendarDay) -> i16| -> ArrayRef {
        let days = days.iter().map(|day| Some(of(day)));
        Arc::new([None; 2].into_iter().chain(days).collect::<Int16Array>())
    };
    let flag = |of: fn(&CalendarDay) -> bool| -> ArrayRef {
        let days = days.iter().map(|day| Some(of(day)));
        Arc::new([None; 2].into_iter().chain(days).collect::<BooleanArray>())
    };
    let array = match column.name.as_str() {
        "date" => {
            let days = days.iter().map(|day| Some(Date32Type::from_naive_date(day.date)));
            Arc::new([None; 2].into_iter().chain(days).collect::<Date32Array>())
        }
        "day_of_week" => number(|day| day.day_of_week),
        "day_name" => text(|day| day.day_name),
        "week" => text(|day| &day.week),
        "week_of_year" => number(|day| day.week_of_year),
        "month" => text(|day| &day.month),
        "month_of_year" => number(|day| day.month_of_year),
        "month_name" => text(|day| day.month_name),
        "quarter" => text(|day| &day.quarter),
        "quarter_of_year" => number(|day| day.quarter_of_year),
        "year" => number(|day| day.year),
        "fiscal_month" => number(|day| day.fiscal_month),
        "fiscal_quarter" => text(|day| &day.fiscal_quarter),
        "fiscal_year" => number(|day| day.fiscal_year),
        "is_weekend" => flag(|day| day.is_weekend),
        "is_month_end" => flag(|day| day.is_month_end),
        other => {
            let message = format!("the calendar has no column `{other}`");
            return Err(Error::internal(message));
        }
    };
    if array.data_type() != &column.ty.arrow() {
        let message = format!("the calendar's column `{}` is not {}", column.name, column.ty);
        return Err(Error::internal(message));
    }
    Ok(array)
}
