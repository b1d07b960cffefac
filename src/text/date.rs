//! Dates and moments as people write them.

use chrono::format::{Fixed, Item, Numeric, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// Rewrites a date or moment in one of some formats as ISO 8601; the first format that fits
/// wins. Days that no calendar has (31.02.2024) fit none.
#[derive(Debug, Clone)]
pub struct DateFormats {
    formats: Vec<Format>,
}

#[derive(Debug, Clone)]
struct Format {
    text: String,
    items: Vec<Item<'static>>,
    has_time: bool,
    has_offset: bool,
    digits: Digits,
}

impl DateFormats {
    /// Dates in these formats (strftime).
    ///
    /// # Errors
    /// Where there is none, or one is no strftime format or does not say the day.
    pub fn new<T: AsRef<str>>(formats: &[T]) -> Result<Self, String> {
        if formats.is_empty() {
            return Err("no format is given, so no date would be right".to_owned());
        }
        let formats = formats.iter().map(|text| Format::new(text.as_ref()));
        Ok(Self { formats: formats.collect::<Result<_, _>>()? })
    }

    /// Whether dates in one of the formats say themselves which moment they are.
    pub fn say_moment(&self) -> bool {
        self.formats.iter().any(Format::says_moment)
    }

    /// A date or moment as ISO 8601 writes it, moments in UTC where they have an offset.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn read(&self, text: &str) -> Result<String, String> {
        if let Some(date) = self.formats.iter().find_map(|format| format.read(text.trim())) {
            return Ok(date);
        }
        let formats: Vec<&str> = self.formats.iter().map(|format| format.text.as_str()).collect();
        Err(format!("`{text}` is not a date as {}", formats.join(" or ")))
    }
}

impl Format {
    fn new(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("`{text}` is not a date format: {why} (write it as %Y-%m-%d or %d.%m.%Y %H:%M)")
        };
        let mut items =
            StrftimeItems::new(text).parse_to_owned().map_err(|_| wrong("an unknown specifier"))?;
        items.iter_mut().for_each(take_z);
        let probe = DateTime::<Utc>::UNIX_EPOCH.format_with_items(items.iter()).to_string();
        let mut parsed = Parsed::new();
        let probed = parse(&mut parsed, &probe, items.iter());
        let has_day = parsed.to_naive_date().is_ok() || parsed.timestamp().is_some();
        if probed.is_err() || !has_day {
            return Err(wrong("it does not say which day"));
        }
        let has_time = items
            .iter()
            .any(|item| matches!(item, Item::Numeric(Numeric::Hour | Numeric::Hour12, _)));
        let has_offset = items.iter().any(is_offset);
        let digits = Digits::of(&items);
        Ok(Self { text: text.to_owned(), items, has_time, has_offset, digits })
    }

    /// Whether a format says how far a moment is from UTC.
    fn says_moment(&self) -> bool {
        self.has_offset
            || self.items.iter().any(|item| matches!(item, Item::Numeric(Numeric::Timestamp, _)))
    }

    fn read(&self, text: &str) -> Option<String> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.items.iter()).ok().filter(|()| self.digits.fit(text))?;
        if parsed.timestamp().is_some() {
            return parsed.to_naive_datetime_with_offset(0).ok().map(iso);
        }
        let date = parsed.to_naive_date().ok().filter(is_plausible)?;
        if !self.has_time {
            return Some(date.format("%Y-%m-%d").to_string());
        }
        let moment = if self.has_offset {
            parsed.to_datetime().ok()?.naive_utc()
        } else {
            date.and_time(time_of(&parsed)?)
        };
        Some(iso(moment))
    }
}

/// How many digits stand where a format puts numbers side by side: `2024022` is no day as `%Y%m%d`,
/// since nobody can tell which of its numbers lacks one.
#[derive(Debug, Clone)]
struct Digits(Vec<Option<usize>>);

impl Digits {
    /// Of the runs of digits in a text of this format, as far as every text has the same ones.
    fn of(items: &[Item<'_>]) -> Self {
        let mut runs = Vec::new();
        let (mut numbers, mut digits) = (0, 0);
        let mut end = |numbers: &mut usize, digits: &mut usize| {
            if *digits > 0 {
                runs.push((*numbers > 1).then_some(*digits));
            }
            (*numbers, *digits) = (0, 0);
        };
        for item in items {
            match item {
                Item::Numeric(..) => {
                    let one = DateTime::<Utc>::UNIX_EPOCH.format_with_items([item].into_iter());
                    numbers += 1;
                    digits += one.to_string().len();
                }
                Item::Fixed(
                    Fixed::ShortMonthName
                    | Fixed::LongMonthName
                    | Fixed::ShortWeekdayName
                    | Fixed::LongWeekdayName
                    | Fixed::LowerAmPm
                    | Fixed::UpperAmPm,
                ) => end(&mut numbers, &mut digits),
                Item::Fixed(_) | Item::Error => break,
                Item::Literal(text) if text.bytes().any(|byte| byte.is_ascii_digit()) => break,
                Item::OwnedLiteral(text) if text.bytes().any(|byte| byte.is_ascii_digit()) => break,
                _ => end(&mut numbers, &mut digits),
            }
        }
        end(&mut numbers, &mut digits);
        Self(runs)
    }

    fn fit(&self, text: &str) -> bool {
        let runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
        let mut runs = runs.map(str::len);
        self.0.iter().all(|wanted| match (wanted, runs.next()) {
            (Some(wanted), Some(digits)) => *wanted == digits,
            (Some(_), None) => false,
            (None, _) => true,
        })
    }
}

/// An offset may be `Z`, too.
fn take_z(item: &mut Item<'_>) {
    match item {
        Item::Fixed(offset @ Fixed::TimezoneOffset) => *offset = Fixed::TimezoneOffsetZ,
        Item::Fixed(offset @ Fixed::TimezoneOffsetColon) => *offset = Fixed::TimezoneOffsetColonZ,
        _ => {}
    }
}

fn is_offset(item: &Item<'_>) -> bool {
    matches!(
        item,
        Item::Fixed(
            Fixed::TimezoneOffset
                | Fixed::TimezoneOffsetColon
                | Fixed::TimezoneOffsetColonZ
                | Fixed::TimezoneOffsetZ
                | Fixed::RFC2822
                | Fixed::RFC3339
        )
    )
}

/// `%Y` reads `24` as the year 24 after Christ; nobody means that.
fn is_plausible(date: &NaiveDate) -> bool {
    (1000..=9999).contains(&date.year())
}

/// The time of day; a leap second is refused, minutes that are not written are zero.
fn time_of(parsed: &Parsed) -> Option<NaiveTime> {
    let mut parsed = parsed.clone();
    if parsed.minute().is_none() {
        parsed.set_minute(0).ok()?;
    }
    parsed.to_naive_time().ok()
}

fn iso(moment: NaiveDateTime) -> String {
    moment.format("%Y-%m-%d %H:%M:%S%.f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(formats: &[&str], text: &str) -> Option<String> {
        DateFormats::new(formats).unwrap().read(text).ok()
    }

    #[test]
    fn the_first_format_that_fits() {
        for (formats, text, expected) in [
            (&["%d.%m.%Y"][..], "29.02.2024", Some("2024-02-29")),
            (&["%d.%m.%Y"], "31.02.2024", None),
            (&["%d.%m.%Y"], "29.02.2023", None),
            (&["%d.%m.%Y"], "1.2.2024", Some("2024-02-01")),
            (&["%d.%m.%Y"], "01.02.24", None),
            (&["%d.%m.%y"], "01.02.24", Some("2024-02-01")),
            (&["%d.%m.%Y", "%m/%d/%Y"], "12/31/2024", Some("2024-12-31")),
            (&["%d/%m/%Y", "%m/%d/%Y"], "02/01/2024", Some("2024-01-02")),
            (&["%Y-%m-%d %H:%M"], "2024-01-02 23:59", Some("2024-01-02 23:59:00")),
            (&["%Y-%m-%d %H:%M:%S"], "2024-01-02 24:00:00", None),
            (&["%Y-%m-%dT%H:%M:%S%z"], "2024-01-02T01:00:00+0200", Some("2024-01-01 23:00:00")),
            (&["%Y-%m-%dT%H:%M:%S%z"], "2024-01-02T01:00:00Z", Some("2024-01-02 01:00:00")),
            (&["%Y-%m-%dT%H:%M:%S%:z"], "2024-01-02T01:00:00Z", Some("2024-01-02 01:00:00")),
            (&["%d %B %Y"], "3 March 2024", Some("2024-03-03")),
            (&["%s"], "86400", Some("1970-01-02 00:00:00")),
            (&["%Y%m%d"], "20240131", Some("2024-01-31")),
            (&["%Y%m%d"], "2024022", None),
            (&["%Y%m%d"], "2024229", None),
            (&["%d%m%Y"], "1022024", None),
            (&["%d%m%Y"], "01022024", Some("2024-02-01")),
            (&["%y%m%d"], "24229", None),
            (&["%Y%m%d %H:%M"], "20240229 9:05", Some("2024-02-29 09:05:00")),
            (&["%H:%M %d%m%Y"], "9:05 29022024", Some("2024-02-29 09:05:00")),
            (&["%H:%M %d%m%Y"], "9:05 2922024", None),
            (&["%Y%m%dT%H%M%S%.f"], "20240229T090501.5", Some("2024-02-29 09:05:01.500")),
            (&["%Y%m%dT%H%M%S%.f"], "20240229T90501.5", None),
            (&["%d.%m.%Y"], "01.02.2024 x", None),
        ] {
            assert_eq!(read(formats, text).as_deref(), expected, "{formats:?} {text}");
        }
    }

    #[test]
    fn bad_formats_are_refused() {
        for format in ["%Q", "%H:%M", "%Y-%m", ""] {
            assert!(DateFormats::new(&[format]).is_err(), "{format}");
        }
    }
}
