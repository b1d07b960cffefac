//! The generated dimension of times of day: its columns, its hierarchy and its rows.

use super::{Attribute, Column, ColumnType, Hierarchy, History, Level};

/// Times of day, so many minutes apart; a moment belongs to the last one not after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Minutes from one to the next: a divisor of 60.
    pub step_minutes: u16,
    /// The time zone in which moments are read, an IANA name.
    pub time_zone: String,
}

/// A time of day, with every attribute in the order of [`TimeOfDay::attributes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// The surrogate key: the time as `hhmm`. Midnight is 0.
    pub key: i32,
    /// `14:30`
    pub time: String,
    /// 0 to 23.
    pub hour: i16,
    /// 0 to 59.
    pub minute: i16,
    /// `14:00-14:59`
    pub hour_name: String,
    /// Night, morning, afternoon or evening.
    pub day_part: &'static str,
}

impl TimeOfDay {
    /// Every time of a day.
    pub fn times(&self) -> impl Iterator<Item = Time> + use<> {
        (0..24 * 60).step_by(usize::from(self.step_minutes.max(1))).map(time)
    }

    /// The column that shows a time.
    pub fn natural_key() -> Column {
        Column::new("time", ColumnType::Text, false).described("the time of day, as 14:30")
    }

    /// The descriptive columns, in order.
    pub fn attributes() -> Vec<Attribute> {
        use ColumnType::{Int16, Text};
        [
            ("hour", Int16, "hour of the day, 0 to 23"),
            ("minute", Int16, "minute of the hour, 0 to 59"),
            ("hour_name", Text, "the hour, as 14:00-14:59"),
            ("day_part", Text, "night (0 to 5), morning, afternoon (from 12) or evening (from 18)"),
        ]
        .into_iter()
        .map(|(name, ty, description)| Attribute {
            column: Column::new(name, ty, true).described(description),
            history: History::Overwrite,
            order_by: (name == "day_part").then(|| "hour".to_owned()),
        })
        .collect()
    }

    /// The way times roll up.
    pub fn hierarchies() -> Vec<Hierarchy> {
        let levels = ["day_part", "hour_name", "time"].map(Level::of_attribute);
        vec![Hierarchy { name: "time_of_day".to_owned(), levels: levels.to_vec() }]
    }
}

fn time(minute_of_day: i16) -> Time {
    let (hour, minute) = (minute_of_day / 60, minute_of_day % 60);
    Time {
        key: i32::from(hour) * 100 + i32::from(minute),
        time: format!("{hour:02}:{minute:02}"),
        hour,
        minute,
        hour_name: format!("{hour:02}:00-{hour:02}:59"),
        day_part: match hour {
            0..6 => "Night",
            6..12 => "Morning",
            12..18 => "Afternoon",
            _ => "Evening",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_all_its_times_once() {
        let times = |step_minutes| -> Vec<Time> {
            TimeOfDay { step_minutes, time_zone: "UTC".to_owned() }.times().collect()
        };
        assert_eq!((times(1).len(), times(15).len(), times(60).len()), (1440, 96, 24));
        let quarter = &times(15)[58];
        assert_eq!((quarter.key, quarter.time.as_str()), (1430, "14:30"));
        assert_eq!((quarter.hour_name.as_str(), quarter.day_part), ("14:00-14:59", "Afternoon"));
        assert!(times(1).windows(2).all(|pair| pair[0].key < pair[1].key));
    }
}
