//! What somebody may have meant by a value that does not fit its type, and the rule that reads it so.

use crate::text::{DateFormats, Numbers};
use std::sync::LazyLock;

/// How numbers are written elsewhere: the decimal sign, and the one between groups.
const NUMBERS: [(char, Option<char>); 5] =
    [(',', None), (',', Some('.')), ('.', Some(',')), (',', Some(' ')), ('.', Some('\''))];
/// How days are written elsewhere; a time may follow.
const DAYS: [&str; 8] = [
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%Y%m%d",
    "%d.%m.%y",
    "%Y年%m月%d日",
];
const TIMES: [&str; 3] = ["", " %H:%M", " %H:%M:%S"];
const CURRENCIES: [char; 4] = ['€', '$', '£', '¥'];

/// Which rule would read a text as a number, and as which; empty where none would.
pub(super) fn number(text: &str) -> String {
    if text.contains(CURRENCIES) && text.contains(|c: char| c.is_ascii_digit()) {
        return "; the rule `money` reads sums of money".to_owned();
    }
    in_words(readings(text))
}

/// The same for whole numbers.
pub(super) fn whole_number(text: &str) -> String {
    in_words(readings(text).filter(|(_, value)| !value.contains('.')))
}

/// The rules that read a text as a number, each with what it reads.
fn readings(text: &str) -> impl Iterator<Item = (String, String)> {
    NUMBERS.iter().filter_map(move |(decimal, group)| {
        let value = Numbers::new(*decimal, *group).ok()?.read(text).ok()?;
        let group = group.map(|group| format!(", group: \"{group}\"")).unwrap_or_default();
        Some((format!("number: {{decimal: \"{decimal}\"{group}}}"), value))
    })
}

/// Which rule would read a text as a day or moment, and as which; empty where none would.
pub(super) fn moment(text: &str) -> String {
    static FORMATS: LazyLock<Vec<(String, DateFormats)>> = LazyLock::new(|| {
        let all = TIMES.iter().flat_map(|time| DAYS.map(|day| format!("{day}{time}")));
        all.filter_map(|format| Some((format.clone(), DateFormats::new(&[format]).ok()?))).collect()
    });
    let readings = FORMATS.iter().filter_map(|(format, reads)| {
        Some((format!("date_formats: [\"{format}\"]"), reads.read(text).ok()?))
    });
    in_words(readings)
}

/// Two readings at most: where there are more, nobody can tell which is meant.
fn in_words(readings: impl Iterator<Item = (String, String)>) -> String {
    let mut told: Vec<(String, String)> = Vec::new();
    for (rule, value) in readings {
        if told.len() < 2 && told.iter().all(|(_, other)| *other != value) {
            told.push((rule, value));
        }
    }
    let told: Vec<String> =
        told.into_iter().map(|(rule, value)| format!("`{rule}` reads it as {value}")).collect();
    if told.is_empty() { String::new() } else { format!("; the rule {}", told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_reads_a_value_is_named() {
        for (text, told) in [
            ("9,80", "; the rule `number: {decimal: \",\"}` reads it as 9.80"),
            ("1.234,5", "; the rule `number: {decimal: \",\", group: \".\"}` reads it as 1234.5"),
            ("1,234.5", "; the rule `number: {decimal: \".\", group: \",\"}` reads it as 1234.5"),
            (
                "1,234",
                "; the rule `number: {decimal: \",\"}` reads it as 1.234, `number: {decimal: \".\", group: \
                 \",\"}` reads it as 1234",
            ),
            (
                "1\u{a0}234,5",
                "; the rule `number: {decimal: \",\", group: \" \"}` reads it as 1234.5",
            ),
            ("1’234.50", "; the rule `number: {decimal: \".\", group: \"'\"}` reads it as 1234.50"),
            ("9,80 €", "; the rule `money` reads sums of money"),
            ("abc", ""),
            ("", ""),
        ] {
            assert_eq!(number(text), told, "{text}");
        }
        assert_eq!(whole_number("1,5"), "");
        let told = "; the rule `number: {decimal: \".\", group: \",\"}` reads it as 1000";
        assert_eq!(whole_number("1,000"), told);
        for (text, told) in [
            ("31.12.2024", "; the rule `date_formats: [\"%d.%m.%Y\"]` reads it as 2024-12-31"),
            (
                "02/01/2024",
                "; the rule `date_formats: [\"%d/%m/%Y\"]` reads it as 2024-01-02, `date_formats: \
                 [\"%m/%d/%Y\"]` reads it as 2024-02-01",
            ),
            (
                "31.12.2024 14:30",
                "; the rule `date_formats: [\"%d.%m.%Y %H:%M\"]` reads it as 2024-12-31 14:30:00",
            ),
            ("2024-02-30", ""),
            ("soon", ""),
        ] {
            assert_eq!(moment(text), told, "{text}");
        }
    }
}
