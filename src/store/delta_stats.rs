//! File statistics as Delta readers expect them: bounds that hold, not always exact.
//!
//! Written by hand as text: a decimal of 38 digits does not survive a detour through `f64`.

use super::release::{ColumnStatistics, DataFile};
use crate::model::{Column, ColumnType};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// The `stats` string of an `add` action.
pub(crate) fn stats(columns: &[Column], file: &DataFile) -> String {
    let (mut min, mut max, mut nulls) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        // The partition column has none: its value stands in the action.
        let Some(statistics) = file.statistics.get(&column.name) else { continue };
        let name = Value::String(column.name.clone()).to_string();
        let (low, high) = bounds(column.ty, statistics);
        min.extend(low.map(|low| format!("{name}:{low}")));
        max.extend(high.map(|high| format!("{name}:{high}")));
        nulls.push(format!("{name}:{}", statistics.nulls));
    }
    format!(
        r#"{{"numRecords":{},"minValues":{{{}}},"maxValues":{{{}}},"nullCount":{{{}}}}}"#,
        file.rows,
        min.join(","),
        max.join(","),
        nulls.join(",")
    )
}

/// A column's bounds as JSON values, where Delta knows bounds of its type.
fn bounds(ty: ColumnType, statistics: &ColumnStatistics) -> (Option<String>, Option<String>) {
    let (min, max) = (statistics.min.as_deref(), statistics.max.as_deref());
    match ty {
        ColumnType::Text | ColumnType::Boolean | ColumnType::Binary => (None, None),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 | ColumnType::Decimal { .. } => {
            (min.map(str::to_owned), max.map(str::to_owned))
        }
        ColumnType::Float64 => (min.and_then(finite), max.and_then(finite)),
        ColumnType::Date => (min.and_then(date), max.and_then(date)),
        ColumnType::Timestamp => {
            (min.and_then(|min| moment(min, false)), max.and_then(|max| moment(max, true)))
        }
    }
}

fn finite(text: &str) -> Option<String> {
    let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    finite.then(|| text.to_owned())
}

/// Years beyond four digits have no agreed spelling.
fn date(text: &str) -> Option<String> {
    (text.len() == 10).then(|| format!("\"{text}\""))
}

/// Delta's moments end at the millisecond: a minimum is cut down to it, a maximum rounded up.
fn moment(micros: &str, up: bool) -> Option<String> {
    let micros: i64 = micros.parse().ok()?;
    let millis = micros.div_euclid(1000);
    let millis = if up && micros.rem_euclid(1000) != 0 { millis + 1 } else { millis };
    let text =
        DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(SecondsFormat::Millis, true);
    (text.len() == "2025-01-31T00:00:00.000Z".len()).then(|| format!("\"{text}\""))
}
