//! One column: what is counted value by value, and what follows from it.

use super::fits::{Fits, Range};
use super::pattern::pattern;
use crate::etl::job::NumberFormat;
use crate::model::ColumnType;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Distinct values counted exactly.
const MOST_DISTINCT: usize = 1_000_000;
/// Values and patterns whose frequency is counted.
const MOST_COUNTED: usize = 10_000;

/// What people write for nothing.
const NULL_TOKENS: [&str; 12] =
    ["null", "n/a", "na", "none", "nil", "-", "--", "?", "unknown", "undefined", "#n/a", "nan"];
/// Days that stand for no day.
const NO_DAYS: [&str; 5] = ["1900-01-01", "1970-01-01", "9999-12-31", "0001-01-01", "0000-00-00"];

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// The type that all of its values fit (null tokens apart), or nearly all.
    pub ty: ColumnType,
    /// For dates not written as SQL does: how they are written.
    pub day_format: Option<&'static str>,
    /// For numbers not written as SQL does: how they are written.
    pub number_format: Option<NumberFormat>,
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

impl ColumnProfile {
    /// Says of a column of JSON, read from this path, that its values are lists of objects.
    pub(super) fn look_for_lists(&mut self, path: &str) {
        if self.patterns.iter().any(|(pattern, _)| pattern.starts_with("[{")) {
            self.is_key = false;
            self.suspicious
                .push(format!("lists of objects, whose elements are rows with `each: {path}`"));
        }
    }
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
            texts: Range::default(),
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
        self.fits.add(tidy);
    }

    /// What follows.
    pub(super) fn finish(mut self) -> ColumnProfile {
        let found = self.fits.finish(self.values);
        let distinct = (!self.is_overfull).then_some(self.distinct.len() as u64);
        let mut suspicious = Vec::new();
        suspicious.extend(found.remark);
        let examples =
            [(&self.untidy, "have space to trim"), (&self.broken, "look wrongly decoded")];
        for (Example(rows, first), what) in examples {
            if *rows > 0 {
                suspicious.push(format!("{rows} {what}, such as `{first}`"));
            }
        }
        let written = |day: &str| match (found.day_format, day.parse::<chrono::NaiveDate>()) {
            (Some(format), Ok(day)) => day.format(format).to_string(),
            _ => day.to_owned(),
        };
        let days = NO_DAYS.map(written);
        let days = days.iter().filter_map(|day| Some((day, self.counts.get(day)?)));
        let days: Vec<String> =
            days.map(|(day, rows)| format!("{rows} are {day}, which may stand for none")).collect();
        suspicious.extend(days);
        let ends = found.ends.or_else(|| self.texts.ends());
        let (min, max) = ends.map_or((None, None), |(min, max)| (Some(min), Some(max)));
        let mut null_tokens: Vec<String> = std::mem::take(&mut self.tokens).into_keys().collect();
        null_tokens.sort_unstable();
        if let (true, Some(distinct)) = (self.values > 20, distinct)
            && distinct == 1
        {
            suspicious.push("all values are the same".to_owned());
        }
        ColumnProfile {
            ty: found.ty,
            day_format: found.day_format,
            number_format: found.number_format,
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
        let days = profiled(&["31.12.2024", "01.02.2025"]);
        assert_eq!(days.day_format, Some("%d.%m.%Y"));
        // nobody can tell days from months
        let open = profiled(&["01/02/2024", "03/04/2024"]);
        assert_eq!((open.ty, open.day_format), (ColumnType::Text, None));
        assert!(open.suspicious[0].contains("%d/%m/%Y"), "{:?}", open.suspicious);
        assert!(open.suspicious[0].contains("%m/%d/%Y"), "{:?}", open.suspicious);
        let told = profiled(&["01/02/2024", "13/04/2024"]);
        assert_eq!((told.ty, told.day_format), (ColumnType::Date, Some("%d/%m/%Y")));
        // as days, not as texts
        assert_eq!(
            (days.min.as_deref(), days.max.as_deref()),
            (Some("31.12.2024"), Some("01.02.2025"))
        );
    }

    #[test]
    fn numbers_of_other_countries_are_numbers() {
        let written = |decimal, group| Some(NumberFormat { decimal, group: Some(group) });
        for (values, format, scale) in [
            (&["9,80", "1.234,50", "-7"][..], written(',', '.'), 2),
            (&["1,234.5", "12", "n/a"], written('.', ','), 1),
            (&["1 234,5", "0,25"], written(',', ' '), 2),
            (&["9.80", "1234.50"], None, 2),
        ] {
            let found = profiled(values);
            assert_eq!(found.ty, ColumnType::Decimal { precision: 12, scale }, "{values:?}");
            assert_eq!(found.number_format, format, "{values:?}");
        }
        let found = profiled(&["9,80", "1.234,50", "-7"]);
        assert_eq!((found.min.as_deref(), found.max.as_deref()), (Some("-7"), Some("1.234,50")));
        // thousands of one country, fractions of another
        let found = profiled(&["1,234", "2,500"]);
        assert_eq!((found.ty, found.number_format), (ColumnType::Text, None));
        assert!(found.suspicious[0].contains("`1,234`"), "{:?}", found.suspicious);
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
