//! One column: what is counted value by value, and what follows from it.

use super::pattern::pattern;
use crate::model::ColumnType;
use chrono::NaiveDate;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Distinct values counted exactly.
const MOST_DISTINCT: usize = 1_000_000;
/// Values and patterns whose frequency is counted.
const MOST_COUNTED: usize = 10_000;
/// Of a hundred values, so many of a type make the others suspicious.
const MOSTLY: u64 = 95;

/// What people write for nothing.
const NULL_TOKENS: [&str; 12] =
    ["null", "n/a", "na", "none", "nil", "-", "--", "?", "unknown", "undefined", "#n/a", "nan"];
/// Days that stand for no day.
const NO_DAYS: [&str; 5] = ["1900-01-01", "1970-01-01", "9999-12-31", "0001-01-01", "0000-00-00"];
/// How days are written, the first that fits all values being meant.
pub(super) const DAY_FORMATS: [&str; 7] =
    ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日"];

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// The type that all of its values fit (null tokens apart), or nearly all.
    pub ty: ColumnType,
    /// For dates not written as SQL does: how they are written.
    pub day_format: Option<&'static str>,
    /// Values that are there.
    pub values: u64,
    /// Values that are not there.
    pub nulls: u64,
    /// Different values; none where there are too many to be counted.
    pub distinct: Option<u64>,
    /// The smallest value, as its type orders them.
    pub min: Option<String>,
    /// The largest.
    pub max: Option<String>,
    /// What most values look like, and how many do.
    pub patterns: Vec<(String, u64)>,
    /// The most frequent values, where some are frequent.
    pub frequent: Vec<(String, u64)>,
    /// Tokens that stand for nothing, as they are written.
    pub null_tokens: Vec<String>,
    /// What should be looked at, in words.
    pub suspicious: Vec<String>,
    /// Whether each value is there once, and no row lacks one.
    pub is_key: bool,
}

/// Counts the values of a column.
pub(super) struct Accumulator {
    name: String,
    values: u64,
    nulls: u64,
    distinct: HashSet<u64>,
    is_overfull: bool,
    counts: HashMap<String, u64>,
    patterns: HashMap<String, u64>,
    fits: Fits,
    texts: Range<String>,
    numbers: Range<f64>,
    untidy: Example,
    broken: Example,
    tokens: HashMap<String, u64>,
}

/// Values of some kind: how many, and the first.
#[derive(Default)]
struct Example(u64, String);

impl Example {
    fn add(&mut self, value: &str) {
        if self.0 == 0 {
            value.clone_into(&mut self.1);
        }
        self.0 += 1;
    }
}

/// The smallest and the largest, as a number or text and as written.
struct Range<T>(Option<((T, String), (T, String))>);

impl<T: PartialOrd + Clone> Range<T> {
    fn add(&mut self, value: T, written: &str) {
        let Some((least, most)) = &mut self.0 else {
            let both = (value, written.to_owned());
            self.0 = Some((both.clone(), both));
            return;
        };
        if value < least.0 {
            *least = (value, written.to_owned());
        } else if value > most.0 {
            *most = (value, written.to_owned());
        }
    }

    fn ends(self) -> Option<(String, String)> {
        self.0.map(|((_, least), (_, most))| (least, most))
    }
}

/// How many values fit a type, and the first that does not.
#[derive(Default)]
struct Fits {
    integer: u64,
    decimal: u64,
    digits: (usize, usize),
    boolean: u64,
    days: [u64; DAY_FORMATS.len()],
    moment: u64,
    largest: i128,
    leading_zero: bool,
    misfits: HashMap<&'static str, String>,
}

impl Accumulator {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            values: 0,
            nulls: 0,
            distinct: HashSet::new(),
            is_overfull: false,
            counts: HashMap::new(),
            patterns: HashMap::new(),
            fits: Fits::default(),
            texts: Range(None),
            numbers: Range(None),
            untidy: Example::default(),
            broken: Example::default(),
            tokens: HashMap::new(),
        }
    }

    /// Looks at a value.
    pub(super) fn add(&mut self, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            self.nulls += 1;
            return;
        };
        let tidy = value.trim();
        if NULL_TOKENS.contains(&tidy.to_lowercase().as_str()) || tidy.is_empty() {
            *self.tokens.entry(value.to_owned()).or_insert(0) += 1;
            self.nulls += 1;
            return;
        }
        self.values += 1;
        if tidy != value || value.contains("  ") {
            self.untidy.add(value);
        }
        if value.contains('\u{fffd}')
            || ["Ã", "â€", "ï»¿", "锟斤拷"].iter().any(|m| value.contains(m))
        {
            self.broken.add(value);
        }
        if !self.is_overfull {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            self.distinct.insert(hasher.finish());
            self.is_overfull = self.distinct.len() > MOST_DISTINCT;
        }
        count(&mut self.counts, value);
        count(&mut self.patterns, &pattern(value));
        self.texts.add(value.to_owned(), value);
        if let Some(number) = tidy.parse::<f64>().ok().filter(|number| number.is_finite()) {
            self.numbers.add(number, tidy);
        }
        self.fits.add(tidy);
    }

    /// What follows.
    pub(super) fn finish(mut self) -> ColumnProfile {
        let (ty, day_format, misfit) = self.fits.ty(self.values);
        let distinct = (!self.is_overfull).then_some(self.distinct.len() as u64);
        let mut suspicious = Vec::new();
        if let Some((kind, example)) = misfit {
            suspicious.push(format!("nearly all are {kind}, but not `{example}`"));
        }
        let examples =
            [(&self.untidy, "have space to trim"), (&self.broken, "look wrongly decoded")];
        for (Example(rows, first), what) in examples {
            if *rows > 0 {
                suspicious.push(format!("{rows} {what}, such as `{first}`"));
            }
        }
        let days = NO_DAYS.iter().filter_map(|day| Some((day, self.counts.get(*day)?)));
        let days: Vec<String> =
            days.map(|(day, rows)| format!("{rows} are {day}, which may stand for none")).collect();
        suspicious.extend(days);
        let is_number = ty.is_numeric();
        let ends = if is_number { self.numbers.ends() } else { self.texts.ends() };
        let (min, max) = ends.map_or((None, None), |(min, max)| (Some(min), Some(max)));
        let mut null_tokens: Vec<String> = std::mem::take(&mut self.tokens).into_keys().collect();
        null_tokens.sort_unstable();
        if let (true, Some(distinct)) = (self.values > 20, distinct)
            && distinct == 1
        {
            suspicious.push("all values are the same".to_owned());
        }
        ColumnProfile {
            ty,
            day_format,
            is_key: self.nulls == 0 && self.values > 0 && distinct == Some(self.values),
            values: self.values,
            nulls: self.nulls,
            distinct,
            min,
            max,
            patterns: most_frequent(self.patterns, 3),
            frequent: most_frequent(self.counts, 5).into_iter().filter(|(_, n)| *n > 1).collect(),
            null_tokens,
            suspicious,
            name: self.name,
        }
    }
}

fn count(counts: &mut HashMap<String, u64>, value: &str) {
    if let Some(count) = counts.get_mut(value) {
        *count += 1;
    } else if counts.len() < MOST_COUNTED {
        counts.insert(value.to_owned(), 1);
    }
}

fn most_frequent(counts: HashMap<String, u64>, most: usize) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    counts.truncate(most);
    counts
}

impl Fits {
    fn add(&mut self, value: &str) {
        let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !whole.is_empty() && digits(whole) && digits(fraction);
        let is_integer = is_number && !unsigned.contains('.');
        self.leading_zero |= is_number && whole.len() > 1 && whole.starts_with('0');
        if is_number && whole.len() + fraction.len() <= 38 {
            self.decimal += 1;
            self.digits = (self.digits.0.max(whole.len()), self.digits.1.max(fraction.len()));
            if is_integer {
                self.integer += 1;
                self.largest = self.largest.max(whole.parse().unwrap_or(i128::MAX));
            } else {
                self.misfit("whole numbers", value);
            }
        } else {
            self.misfit("whole numbers", value);
            self.misfit("numbers", value);
        }
        match value.to_lowercase().as_str() {
            "true" | "false" => self.boolean += 1,
            _ => self.misfit("true or false", value),
        }
        let mut is_day = false;
        for (format, days) in DAY_FORMATS.iter().zip(&mut self.days) {
            if NaiveDate::parse_from_str(value, format).is_ok() {
                *days += 1;
                is_day = true;
            }
        }
        if !is_day {
            self.misfit("days", value);
        }
        let moment = value.len() >= 16 && value.as_bytes().get(4) == Some(&b'-');
        if moment
            && value.get(..10).is_some_and(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok())
        {
            self.moment += 1;
        }
    }

    fn misfit(&mut self, kind: &'static str, value: &str) {
        self.misfits.entry(kind).or_insert_with(|| value.to_owned());
    }

    /// The type that all values fit, or nearly all: then with one that does not.
    fn ty(
        &self,
        values: u64,
    ) -> (ColumnType, Option<&'static str>, Option<(&'static str, String)>) {
        let fits = |count: u64| count > 0 && count * 100 >= values * MOSTLY;
        let misfit = |count: u64, kind: &'static str| {
            let example = self.misfits.get(kind).filter(|_| count < values);
            example.map(|example| (kind, example.clone()))
        };
        if fits(self.boolean) {
            return (ColumnType::Boolean, None, misfit(self.boolean, "true or false"));
        }
        let day = self.days.iter().zip(DAY_FORMATS).max_by_key(|(days, _)| **days);
        // eight digits are a day only where they are nothing but days
        if let Some((days, format)) = day.filter(|(days, _)| fits(**days))
            && (format != "%Y%m%d" || *days == values)
        {
            let first = self.days.iter().position(|other| other == days).map(|at| DAY_FORMATS[at]);
            let format = first.unwrap_or(format);
            let written = (format != DAY_FORMATS[0]).then_some(format);
            return (ColumnType::Date, written, misfit(*days, "days"));
        }
        // numbers with zeros in front are no numbers: postcodes, phones
        if fits(self.integer) && !self.leading_zero {
            let ty = if self.largest <= i128::from(i32::MAX) {
                ColumnType::Int32
            } else if self.largest <= i128::from(i64::MAX) {
                ColumnType::Int64
            } else {
                ColumnType::Decimal { precision: 38, scale: 0 }
            };
            return (ty, None, misfit(self.integer, "whole numbers"));
        }
        if fits(self.decimal) && !self.leading_zero {
            let scale = u8::try_from(self.digits.1).unwrap_or(38).min(38);
            let digits = (self.digits.0 + self.digits.1).clamp(12, 38);
            let precision = u8::try_from(digits).unwrap_or(38);
            return (
                ColumnType::Decimal { precision, scale },
                None,
                misfit(self.decimal, "numbers"),
            );
        }
        if fits(self.moment) {
            return (ColumnType::Timestamp, None, None);
        }
        (ColumnType::Text, None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiled(values: &[&str]) -> ColumnProfile {
        let mut column = Accumulator::new("c");
        values.iter().for_each(|value| column.add(Some(value)));
        column.finish()
    }

    #[test]
    fn types_are_found() {
        let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
        for (values, ty) in [
            (&["1", "-20"][..], ColumnType::Int32),
            (&["3000000000"], ColumnType::Int64),
            (&["1.50", "20"], decimal(12, 2)),
            (&["true", "False"], ColumnType::Boolean),
            (&["2025-01-31", "n/a"], ColumnType::Date),
            (&["20250131", "20241231"], ColumnType::Date),
            (&["20250131", "99999999"], ColumnType::Int32),
            (&["2025-01-31T10:00:00Z"], ColumnType::Timestamp),
            (&["01067", "10115"], ColumnType::Text),
            (&["a", "1"], ColumnType::Text),
            (&[], ColumnType::Text),
        ] {
            assert_eq!(profiled(values).ty, ty, "{values:?}");
        }
        assert_eq!(profiled(&["31.01.2025", "01.02.2025"]).day_format, Some("%d.%m.%Y"));
    }

    #[test]
    fn counts_ranges_keys_and_what_is_suspicious() {
        let found = profiled(&["10", "9", "-1", "", "N/A"]);
        assert_eq!((found.values, found.nulls, found.distinct), (3, 2, Some(3)));
        assert_eq!((found.min.as_deref(), found.max.as_deref()), (Some("-1"), Some("10")));
        assert_eq!((found.is_key, found.null_tokens), (false, vec!["N/A".to_owned()]));
        assert!(profiled(&["a", "b"]).is_key && !profiled(&["a", "a"]).is_key);

        let mut values = vec!["7"; 40];
        values.push("seven");
        let found = profiled(&values);
        assert_eq!(found.ty, ColumnType::Int32);
        assert!(found.suspicious[0].contains("not `seven`"), "{:?}", found.suspicious);
        let found = profiled(&[" a", "MÃ¼ller", "1900-01-01"]);
        assert_eq!(found.suspicious.len(), 3, "{:?}", found.suspicious);
    }
}
