//! Times as the clocks of a place showed them, as moments.

use chrono::{LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// What becomes of a local time of which a clock change leaves it open which moment it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// It is wrong.
    #[default]
    Refuse,
    /// It is the earlier moment.
    Earlier,
    /// It is the later moment.
    Later,
}

/// Reads local times of a zone.
#[derive(Debug, Clone, Copy)]
pub struct LocalTimes {
    zone: Tz,
    ambiguous: InDoubt,
    missing: InDoubt,
}

/// How a time without its offset is written.
const FORMATS: [&str; 4] =
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];

impl LocalTimes {
    /// Local times of a zone such as `Europe/Berlin`: what becomes of those that a clock showed twice,
    /// and of those that it never showed.
    ///
    /// # Errors
    /// Where there is no such zone.
    pub fn new(zone: &str, ambiguous: InDoubt, missing: InDoubt) -> Result<Self, String> {
        let zone = zone.parse::<Tz>().map_err(|_| {
            format!("`{zone}` is no time zone, expected a name such as Europe/Berlin")
        })?;
        Ok(Self { zone, ambiguous, missing })
    }

    /// The moment as ISO 8601 writes it. One that says its offset itself stays; a day alone is its
    /// midnight.
    ///
    /// # Errors
    /// Where the text is no time, or which moment it is stays open.
    pub fn read(&self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let says_offset =
            text.get(11..).is_some_and(|time| time.contains(['Z', 'z', '+', '-', 'U']));
        if says_offset {
            return Ok(text.to_owned());
        }
        let local = FORMATS
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
            .ok_or_else(|| format!("`{text}` is not a local time (yyyy-mm-dd hh:mm:ss)"))?;
        let open = |what: &str, key: &str, in_doubt: InDoubt, earlier, later| match in_doubt {
            InDoubt::Earlier => Ok(earlier),
            InDoubt::Later => Ok(later),
            InDoubt::Refuse => Err(format!(
                "`{text}` {what} in {}, where clocks were changed; `{key}: earlier` or `later` says \
                 which moment it is",
                self.zone.name()
            )),
        };
        let moment = match self.zone.from_local_datetime(&local) {
            LocalResult::Single(moment) => moment.naive_utc(),
            LocalResult::Ambiguous(earlier, later) => {
                let (earlier, later) = (earlier.naive_utc(), later.naive_utc());
                open("was shown twice", "ambiguous", self.ambiguous, earlier, later)?
            }
            LocalResult::None => {
                let (later, earlier) = (self.at_offset(local, -1), self.at_offset(local, 1));
                let out = || format!("`{text}` is out of the time there is");
                let (earlier, later) = (earlier.ok_or_else(out)?, later.ok_or_else(out)?);
                open("was never shown", "missing", self.missing, earlier, later)?
            }
        };
        Ok(moment.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
    }

    /// The moment by the offset that holds a day and some hours before or after: no clock is changed
    /// so often, and no offset is longer than the hours.
    fn at_offset(&self, local: NaiveDateTime, days: i64) -> Option<NaiveDateTime> {
        let there = local.checked_add_signed(TimeDelta::hours(40 * days))?;
        let offset = self.zone.offset_from_utc_datetime(&there).fix();
        local.checked_sub_signed(TimeDelta::seconds(i64::from(offset.local_minus_utc())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_moments() {
        let berlin = LocalTimes::new("Europe/Berlin", InDoubt::Refuse, InDoubt::Refuse).unwrap();
        for (text, moment) in [
            ("2024-07-01 02:30:00", "2024-07-01T00:30:00Z"),
            ("2024-01-01T02:30", "2024-01-01T01:30:00Z"),
            ("2024-07-01 02:30:00.123456", "2024-07-01T00:30:00.123456Z"),
            ("2024-07-01", "2024-06-30T22:00:00Z"),
            ("2024-07-01 02:30:00Z", "2024-07-01 02:30:00Z"),
            ("2024-07-01T02:30:00-05:00", "2024-07-01T02:30:00-05:00"),
        ] {
            assert_eq!(berlin.read(text).as_deref(), Ok(moment), "{text}");
        }
        for (text, why) in [
            ("2024-10-27 02:30:00", "shown twice in Europe/Berlin"),
            ("2024-03-31 02:30:00", "never shown in Europe/Berlin"),
            ("soon", "not a local time"),
        ] {
            let told = berlin.read(text).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        assert!(LocalTimes::new("Europe/Berlim", InDoubt::Refuse, InDoubt::Refuse).is_err());
    }

    /// What Python's `zoneinfo` makes of them with `fold=0` and `fold=1`.
    #[test]
    fn hours_shown_twice_or_never_are_what_was_declared() {
        use InDoubt::{Earlier, Later};
        for (zone, text, earlier, later) in [
            (
                "Europe/Berlin",
                "2024-10-27 02:30:00",
                "2024-10-27T00:30:00Z",
                "2024-10-27T01:30:00Z",
            ),
            (
                "Europe/Berlin",
                "2024-03-31 02:30:00",
                "2024-03-31T00:30:00Z",
                "2024-03-31T01:30:00Z",
            ),
            (
                "America/New_York",
                "2024-11-03 01:30",
                "2024-11-03T05:30:00Z",
                "2024-11-03T06:30:00Z",
            ),
            (
                "America/New_York",
                "2024-03-10 02:30",
                "2024-03-10T06:30:00Z",
                "2024-03-10T07:30:00Z",
            ),
            (
                "Australia/Lord_Howe",
                "2024-10-06 02:15",
                "2024-10-05T15:15:00Z",
                "2024-10-05T15:45:00Z",
            ),
            ("Pacific/Apia", "2011-12-30 12:00", "2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"),
        ] {
            let read = |rule| LocalTimes::new(zone, rule, rule).unwrap().read(text).unwrap();
            assert_eq!(
                (read(Earlier).as_str(), read(Later).as_str()),
                (earlier, later),
                "{zone} {text}"
            );
        }
    }
}
