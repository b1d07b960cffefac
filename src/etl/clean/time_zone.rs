//! `time_zone`: local times as moments.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::{LocalTimeRule, Rule, SourceColumn};
use crate::model::ColumnType;
use crate::text::{DateFormats, LocalTimes};

/// Reads times as the clocks of a place showed them.
pub(super) struct TimeZone(LocalTimes);

impl TimeZone {
    /// # Errors
    /// User where there is no such zone.
    pub(super) fn new(rule: &LocalTimeRule) -> Result<Self> {
        let times = LocalTimes::new(&rule.zone, rule.ambiguous, rule.missing);
        times.map(Self).map_err(Error::user)
    }
}

impl Clean for TimeZone {
    fn name(&self) -> &'static str {
        "time_zone"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        cell.map(|text| self.0.read(&text).map(Into::into)).transpose()
    }
}

/// Whether a column's rules read local times.
///
/// # Errors
/// User where its values are no times, or have been read as moments already.
pub(super) fn is_local(column: &SourceColumn) -> Result<bool> {
    let Some(at) = column.clean.iter().position(|rule| matches!(rule, Rule::TimeZone(_))) else {
        return Ok(false);
    };
    if !matches!(column.ty, ColumnType::Timestamp | ColumnType::Text) {
        let message = format!("`time_zone` makes moments, and the column is {}", column.ty);
        return Err(Error::user(message).hint("declare it as timestamp"));
    }
    for rule in &column.clean[..at] {
        if let Rule::DateFormats(formats) = rule
            && DateFormats::new(formats).is_ok_and(|formats| formats.say_moment())
        {
            return Err(Error::user(
                "the column's `date_formats` read an offset, and so make moments",
            )
            .hint("leave out `time_zone`, or the offset"));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::error::Result;
    use crate::etl::clean::ColumnCleaner;
    use crate::etl::job::SourceColumn;
    use crate::etl::source::Cells;
    use arrow::array::{ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::TimestampMicrosecondType;
    use std::sync::Arc;

    fn cleaner(ty: &str, rules: &str) -> Result<ColumnCleaner> {
        let yaml = format!("{{name: at, type: {ty}, clean: [{rules}]}}");
        let column: SourceColumn = serde_saphyr::from_str(&yaml).unwrap();
        ColumnCleaner::new(&column)
    }

    const BERLIN: &str = "{time_zone: {zone: Europe/Berlin, ambiguous: earlier}}";

    #[test]
    fn local_times_of_texts_and_of_sources_with_types() {
        let micros =
            |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros();
        let formats = format!("{{date_formats: ['%d.%m.%Y %H:%M']}}, {BERLIN}");
        let cells = Cells::Text {
            values: StringArray::from(vec![
                Some("01.07.2024 02:30"),
                Some("27.10.2024 02:30"),
                Some("31.03.2024 02:30"),
                None,
            ]),
            native: None,
        };
        let (read, faults) = cleaner("timestamp", &formats).unwrap().clean(&cells).unwrap();
        let read: Vec<_> = read.as_primitive::<TimestampMicrosecondType>().iter().collect();
        let summer = micros("2024-07-01T00:30:00Z");
        assert_eq!(read, [Some(summer), Some(micros("2024-10-27T00:30:00Z")), None, None]);
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!((fault.row, fault.rule), (2, "time_zone"));

        // as Parquet has them without a zone; what has one is a moment, and would be shifted
        let local: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![micros("2024-07-01T02:30:00Z")]));
        let berlin = cleaner("timestamp", BERLIN).unwrap();
        let (read, _) = berlin.clean(&Cells::Typed(local)).unwrap();
        assert_eq!(read.as_primitive::<TimestampMicrosecondType>().value(0), summer);
        let moments = TimestampMicrosecondArray::from(vec![summer]).with_timezone("UTC");
        let told = berlin.clean(&Cells::Typed(Arc::new(moments))).unwrap_err().to_string();
        assert!(told.contains("moments in UTC"), "{told}");
    }

    #[test]
    fn what_would_be_shifted_twice_or_not_at_all_is_refused() {
        let told = |ty: &str, rules: &str| cleaner(ty, rules).err().unwrap().to_string();
        assert!(told("date", BERLIN).contains("makes moments"));
        let offset = format!("{{date_formats: ['%Y-%m-%dT%H:%M:%S%z']}}, {BERLIN}");
        assert!(told("timestamp", &offset).contains("read an offset"));
        assert!(told("timestamp", "{time_zone: {zone: Europe/Bern}}").contains("no time zone"));
    }
}
