//! How far a source has been read: the largest value of a column that grows.
//!
//! Values are whole numbers, days or microseconds, so that they can be compared and moved; in a
//! release they stand as people write them.

use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::{Rule, SourceColumn, Watermark};
use crate::etl::source::Bound;
use crate::model::ColumnType;
use arrow::array::{Array, AsArray};
use arrow::compute::max;
use arrow::datatypes::{Date32Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, NaiveDate, SecondsFormat};

const DAY_SECONDS: i64 = 86_400;

/// The watermark of a source, ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    column: usize,
    heading: String,
    ty: ColumnType,
    overlap: i64,
}

impl Marks {
    /// # Errors
    /// User where the column is not one of the source's or does not grow, or where the overlap is
    /// none of its kind.
    pub(crate) fn new(spec: &Watermark, columns: &[SourceColumn]) -> Result<Self> {
        let names = || columns.iter().map(|column| column.name.as_str());
        let Some(column) = names().position(|name| name == spec.column) else {
            let near = did_you_mean(&spec.column, names());
            let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let message = format!("the watermark names `{}`, no column of the source", spec.column);
            let has = names().collect::<Vec<_>>().join(", ");
            return Err(Error::user(message).hint(format!("{near}it has {has}")));
        };
        let SourceColumn { ty, name, from, clean, .. } = &columns[column];
        if clean.iter().any(|rule| matches!(rule, Rule::TimeZone(_))) {
            let message = format!("`{name}` holds local times, by which no source can be read on");
            return Err(Error::user(message).hint(
                "an hour in autumn comes twice: take a number that grows, or a column without `time_zone`",
            ));
        }
        let overlap = match &spec.overlap {
            Some(text) => overlap(text, *ty)?,
            None => 0,
        };
        if !is_mark(*ty) {
            return Err(Error::user(format!("`{name}` is {ty}, which is no watermark"))
                .hint("a watermark is a whole number, a date or a timestamp"));
        }
        let heading = from.as_ref().unwrap_or(name).clone();
        Ok(Self { column, heading, ty: *ty, overlap })
    }

    /// Where reading begins again after a cursor of a release; everywhere where there is none.
    ///
    /// # Errors
    /// Data where the cursor is none of this column.
    pub(crate) fn bound(&self, cursor: Option<&str>) -> Result<Bound> {
        let at_least = match cursor {
            Some(cursor) => Some(self.write(self.read(cursor)?.saturating_sub(self.overlap))),
            None => None,
        };
        Ok(Bound { heading: self.heading.clone(), at_least })
    }

    /// The largest value among rows.
    pub(super) fn largest(&self, rows: &RecordBatch) -> Option<i64> {
        let values = rows.column(self.column);
        if values.null_count() == values.len() {
            return None;
        }
        match self.ty {
            ColumnType::Int16 => max(values.as_primitive::<Int16Type>()).map(i64::from),
            ColumnType::Int32 => max(values.as_primitive::<Int32Type>()).map(i64::from),
            ColumnType::Int64 => max(values.as_primitive::<Int64Type>()),
            ColumnType::Date => max(values.as_primitive::<Date32Type>()).map(i64::from),
            _ => max(values.as_primitive::<TimestampMicrosecondType>()),
        }
    }

    /// The cursor after rows were read of which this was the largest value.
    ///
    /// # Errors
    /// As [`bound`](Self::bound).
    pub(super) fn after(
        &self,
        before: Option<&str>,
        largest: Option<i64>,
    ) -> Result<Option<String>> {
        let before = before.map(|cursor| self.read(cursor)).transpose()?;
        Ok(before.max(largest).map(|value| self.write(value)))
    }

    fn write(&self, value: i64) -> String {
        let micros = match self.ty {
            ColumnType::Date => value.saturating_mul(DAY_SECONDS * 1_000_000),
            ColumnType::Timestamp => value,
            _ => return value.to_string(),
        };
        let moment = DateTime::from_timestamp_micros(micros).unwrap_or_default();
        match self.ty {
            ColumnType::Date => moment.format("%Y-%m-%d").to_string(),
            _ => moment.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }

    fn read(&self, cursor: &str) -> Result<i64> {
        let days = |text: &str| {
            let date: NaiveDate = text.parse().ok()?;
            Some(i64::from(Date32Type::from_naive_date(date)))
        };
        let value = match self.ty {
            ColumnType::Date => days(cursor),
            ColumnType::Timestamp => {
                DateTime::parse_from_rfc3339(cursor).ok().map(|moment| moment.timestamp_micros())
            }
            _ => cursor.parse().ok(),
        };
        value.ok_or_else(|| {
            Error::data(format!("the release's watermark `{cursor}` is no {}", self.ty))
                .hint("has the column's type changed? name the source anew to read all of it")
        })
    }
}

fn is_mark(ty: ColumnType) -> bool {
    use ColumnType::{Date, Int16, Int32, Int64, Timestamp};
    matches!(ty, Int16 | Int32 | Int64 | Date | Timestamp)
}

/// An overlap in the unit of the column's values.
fn overlap(text: &str, ty: ColumnType) -> Result<i64> {
    let wrong = || {
        let expected = match ty {
            ColumnType::Date => "days, such as `2 days`",
            ColumnType::Timestamp => "a time, such as `90 minutes`, `1 hour`, `2 days`",
            _ => "a whole number",
        };
        Error::user(format!("the overlap `{text}` is none of {ty}, expected {expected}"))
    };
    let (number, unit) = match text.split_once(' ') {
        Some((number, unit)) => (number, unit.trim().trim_end_matches('s')),
        None => (text, ""),
    };
    let number: i64 = number.parse().ok().filter(|number| *number >= 0).ok_or_else(wrong)?;
    let unit = match (ty, unit) {
        (ColumnType::Date, "day") => 1,
        (ColumnType::Timestamp, "second") => 1_000_000,
        (ColumnType::Timestamp, "minute") => 60_000_000,
        (ColumnType::Timestamp, "hour") => 3_600_000_000,
        (ColumnType::Timestamp, "day") => DAY_SECONDS * 1_000_000,
        (ColumnType::Date | ColumnType::Timestamp, _) => return Err(wrong()),
        (_, "") => 1,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etl::job::OnError;

    fn marks(ty: &str, overlap: Option<&str>) -> Result<Marks> {
        let column = SourceColumn {
            name: "at".into(),
            from: Some("Changed".into()),
            ty: ty.parse().unwrap(),
            clean: Vec::new(),
            on_error: OnError::Reject,
        };
        let overlap = overlap.map(str::to_owned);
        Marks::new(&Watermark { column: "at".into(), overlap }, &[column])
    }

    #[test]
    fn local_times_are_no_watermark() {
        let column: SourceColumn = serde_saphyr::from_str(
            "{name: at, type: timestamp, clean: [{time_zone: {zone: America/New_York}}]}",
        )
        .unwrap();
        let watermark = Watermark { column: "at".into(), overlap: None };
        let told = Marks::new(&watermark, &[column]).unwrap_err().to_string();
        assert!(told.contains("local times"), "{told}");
    }

    #[test]
    fn bounds_lie_before_the_largest_value() {
        for (ty, overlap, cursor, at_least) in [
            ("int32", None, "7", "7"),
            ("int64", Some("10"), "7", "-3"),
            ("date", Some("1 day"), "2024-03-01", "2024-02-29"),
            ("timestamp", None, "2024-03-01T00:00:00.000001Z", "2024-03-01T00:00:00.000001Z"),
            (
                "timestamp",
                Some("90 minutes"),
                "2024-03-01T00:00:00.5Z",
                "2024-02-29T22:30:00.500000Z",
            ),
        ] {
            let bound = marks(ty, overlap).unwrap().bound(Some(cursor)).unwrap();
            assert_eq!(
                (bound.heading.as_str(), bound.at_least.as_deref()),
                ("Changed", Some(at_least))
            );
        }
        let marks = marks("int32", None).unwrap();
        assert_eq!(marks.after(Some("7"), Some(3)).unwrap().as_deref(), Some("7"));
        assert_eq!(marks.after(Some("7"), Some(9)).unwrap().as_deref(), Some("9"));
        assert_eq!(marks.after(None, None).unwrap(), None);
        assert!(marks.bound(Some("2024-03-01")).unwrap_err().to_string().contains("no int32"));
    }

    #[test]
    fn what_does_not_grow_is_refused() {
        for (ty, overlap, says) in [
            ("text", None, "is no watermark"),
            ("int32", Some("2 days"), "expected a whole number"),
            ("date", Some("2 hours"), "such as `2 days`"),
            ("timestamp", Some("2"), "such as `90 minutes`"),
            ("timestamp", Some("-1 hour"), "such as `90 minutes`"),
        ] {
            let error = marks(ty, overlap).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
