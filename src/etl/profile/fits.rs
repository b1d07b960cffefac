//! Which types the values of a column fit, and how they are written.

use crate::etl::job::NumberFormat;
use crate::model::ColumnType;
use crate::text::Numbers;
use chrono::NaiveDate;
use std::collections::HashMap;

/// Of a hundred values, so many of a type make the others suspicious.
const MOSTLY: u64 = 95;

/// How days are written, the first that fits all values being meant.
const DAY_FORMATS: [&str; 7] =
    ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日"];

/// How numbers are written elsewhere: the decimal sign, and the one between groups.
const NUMBER_FORMATS: [(char, char); 3] = [(',', '.'), ('.', ','), (',', ' ')];

/// What the values of a column are.
pub(super) struct Found {
    /// The type that all of them fit, or nearly all.
    pub(super) ty: ColumnType,
    /// For dates not written as SQL does: how they are written.
    pub(super) day_format: Option<&'static str>,
    /// The same for numbers.
    pub(super) number_format: Option<NumberFormat>,
    /// The smallest and the largest, as written; none where they are texts.
    pub(super) ends: Option<(String, String)>,
    /// What should be looked at.
    pub(super) remark: Option<String>,
}

/// The smallest and the largest, as a number or text and as written.
pub(super) struct Range<T>(Option<((T, String), (T, String))>);

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialOrd + Clone> Range<T> {
    /// Looks at a value.
    pub(super) fn add(&mut self, value: T, written: &str) {
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

    /// Both, as written.
    pub(super) fn ends(self) -> Option<(String, String)> {
        self.0.map(|((_, least), (_, most))| (least, most))
    }
}

/// Numbers written in one way.
#[derive(Default)]
struct Written {
    count: u64,
    /// Digits before and behind the point, at most.
    digits: (usize, usize),
    range: Range<f64>,
}

impl Written {
    /// A number as SQL writes it; `value` is how it is written.
    fn add(&mut self, number: &str, value: &str) {
        let unsigned = number.strip_prefix(['-', '+']).unwrap_or(number);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.len() + fraction.len() > 38 {
            return;
        }
        self.count += 1;
        self.digits = (self.digits.0.max(whole.len()), self.digits.1.max(fraction.len()));
        if let Ok(number) = number.parse() {
            self.range.add(number, value);
        }
    }

    fn ty(&self) -> ColumnType {
        let scale = u8::try_from(self.digits.1).unwrap_or(38).min(38);
        let digits = (self.digits.0 + self.digits.1).clamp(12, 38);
        ColumnType::Decimal { precision: u8::try_from(digits).unwrap_or(38), scale }
    }
}

/// Whether a character may be part of a number, wherever it is written.
fn is_of_numbers(character: char) -> bool {
    character.is_ascii_digit()
        || matches!(character, ',' | '.' | '-' | '−' | '+' | ' ' | '\u{a0}' | '\u{202f}')
}

/// How many values fit a type, and the first that does not.
#[derive(Default)]
pub(super) struct Fits {
    integer: u64,
    decimal: Written,
    elsewhere: [Written; NUMBER_FORMATS.len()],
    boolean: u64,
    days: [(u64, Range<NaiveDate>); DAY_FORMATS.len()],
    moment: u64,
    largest: i128,
    leading_zero: bool,
    misfits: HashMap<&'static str, String>,
}

impl Fits {
    /// Looks at a value.
    pub(super) fn add(&mut self, value: &str) {
        let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !whole.is_empty() && digits(whole) && digits(fraction);
        let is_integer = is_number && !unsigned.contains('.');
        self.leading_zero |= is_number && whole.len() > 1 && whole.starts_with('0');
        if is_number && whole.len() + fraction.len() <= 38 {
            self.decimal.add(value, value);
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
        for ((decimal, group), written) in NUMBER_FORMATS.iter().zip(&mut self.elsewhere) {
            if is_integer {
                written.add(value, value);
            } else if value.chars().all(is_of_numbers) {
                let number = Numbers::new(*decimal, Some(*group)).and_then(|n| n.read(value));
                number.iter().for_each(|number| written.add(number, value));
            }
        }
        match value.to_lowercase().as_str() {
            "true" | "false" => self.boolean += 1,
            _ => self.misfit("true or false", value),
        }
        let mut is_day = false;
        for (format, (count, range)) in DAY_FORMATS.iter().zip(&mut self.days) {
            if let Ok(day) = NaiveDate::parse_from_str(value, format) {
                *count += 1;
                range.add(day, value);
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

    /// The type that all values fit, or nearly all.
    pub(super) fn finish(mut self, values: u64) -> Found {
        let fits = |count: u64| count > 0 && count * 100 >= values * MOSTLY;
        let misfits = std::mem::take(&mut self.misfits);
        let misfit = |count: u64, kind: &'static str| {
            let example = misfits.get(kind).filter(|_| count < values)?;
            Some(format!("nearly all are {kind}, but not `{example}`"))
        };
        let of =
            |ty, ends, remark| Found { ty, day_format: None, number_format: None, ends, remark };
        if fits(self.boolean) {
            return of(ColumnType::Boolean, None, misfit(self.boolean, "true or false"));
        }
        // of formats that fit as many, the first
        let day = (0..DAY_FORMATS.len()).rev().max_by_key(|at| self.days[*at].0);
        let day = day.filter(|at| fits(self.days[*at].0));
        // eight digits are a day only where they are nothing but days
        let is_sure = |at: &usize| DAY_FORMATS[*at] != "%Y%m%d" || self.days[*at].0 == values;
        if let Some(at) = day.filter(is_sure) {
            let same = |other: &usize| *other != at && self.days[*other].0 == self.days[at].0;
            if let Some(other) = (0..DAY_FORMATS.len()).find(same) {
                let example = self.days[at].1.0.as_ref().map(|(least, _)| least.1.clone());
                let remark = format!(
                    "days that can be read in two ways, such as `{}`: `date_formats: [\"{}\"]` or \
                     `[\"{}\"]` says which",
                    example.unwrap_or_default(),
                    DAY_FORMATS[at],
                    DAY_FORMATS[other]
                );
                return of(ColumnType::Text, None, Some(remark));
            }
            let (count, range) = std::mem::take(&mut self.days[at]);
            let found = of(ColumnType::Date, range.ends(), misfit(count, "days"));
            return Found { day_format: (at > 0).then_some(DAY_FORMATS[at]), ..found };
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
            return of(ty, self.decimal.range.ends(), misfit(self.integer, "whole numbers"));
        }
        if fits(self.decimal.count) && !self.leading_zero {
            let (ty, count) = (self.decimal.ty(), self.decimal.count);
            return of(ty, self.decimal.range.ends(), misfit(count, "numbers"));
        }
        if fits(self.moment) {
            return of(ColumnType::Timestamp, None, None);
        }
        let text = of(ColumnType::Text, None, None);
        if self.leading_zero { text } else { self.written_elsewhere(values, text) }
    }

    /// Numbers as another country writes them, where all values are such and it is plain which.
    fn written_elsewhere(self, values: u64, text: Found) -> Found {
        let written = NUMBER_FORMATS.into_iter().zip(self.elsewhere);
        let mut all = written.filter(|(_, written)| values > 0 && written.count == values);
        let Some(((decimal, group), written)) = all.next() else { return text };
        if let Some((_, other)) = all.find(|(_, other)| other.digits != written.digits) {
            let example = other.range.ends().map(|(least, _)| least).unwrap_or_default();
            let remark = format!(
                "may be numbers, and `{example}` can be read in two ways: `number` says which"
            );
            return Found { remark: Some(remark), ..text };
        }
        let number_format = Some(NumberFormat { decimal, group: Some(group) });
        Found { ty: written.ty(), number_format, ends: written.range.ends(), ..text }
    }
}
