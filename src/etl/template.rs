//! Empty import files, for people who fill in sheets by hand: what a job's source asks for.

use super::clean::ColumnCleaner;
use super::job::{From, Rule, SourceColumn};
use super::jobs::Jobs;
use super::source::{Cells, lies_at};
use crate::error::{Error, Result, did_you_mean};
use crate::model::ColumnType;
use crate::text::Case;
use arrow::array::{Array, StringArray};
use chrono::NaiveDate;

/// What a file has to look like that a job reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The job that reads it.
    pub job: String,
    /// What kind of file it is.
    pub kind: Kind,
    /// Its columns.
    pub columns: Vec<TemplateColumn>,
    /// A file beside it that no job reads, to say what goes into its columns; none where it has room
    /// for that itself.
    pub beside: Option<String>,
}

/// A kind of file that people fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Delimited text.
    Csv {
        /// What stands between cells.
        delimiter: char,
        /// Lines above the headings.
        skip_lines: u64,
        /// The encoding's name.
        encoding: String,
    },
    /// A sheet of a workbook.
    Excel {
        /// The sheet's name, where the job asks for one.
        sheet: Option<String>,
        /// The row and the column of the first heading, from 0.
        corner: (u32, u16),
    },
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateColumn {
    /// Its heading.
    pub heading: String,
    /// The type of its values.
    pub ty: String,
    /// Whether each row needs a value.
    pub required: bool,
    /// A value as it is to be written.
    pub example: String,
}

/// The template of a file, by its path in the project.
///
/// # Errors
/// Not found where no job reads such a file; unsupported where it is of a kind that nobody fills in by
/// hand.
pub fn find(jobs: &Jobs, file: &str) -> Result<Template> {
    let sources = || jobs.iter().flat_map(|job| job.sources.iter().map(move |s| (job, s)));
    let paths = || sources().filter_map(|(_, source)| path(&source.from));
    let found = sources().find(|(_, source)| path(&source.from).is_some_and(|p| lies_at(p, file)));
    let Some((job, source)) = found else {
        let near = did_you_mean(file, paths());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let read = paths().collect::<Vec<_>>().join(", ");
        return Err(Error::not_found(format!("no job reads a file `{file}`"))
            .hint(format!("{near}the jobs read {read}")));
    };
    let kind = kind(&source.from, file)?;
    let columns = source.columns.iter().map(column).collect::<Result<_>>()?;
    let beside = format!("{file}.txt");
    let is_read = paths().any(|path| lies_at(path, &beside));
    let has_room = matches!(kind, Kind::Excel { .. });
    let beside = (!has_room && !is_read).then_some(beside);
    Ok(Template { job: job.job.clone(), kind, columns, beside })
}

fn path(from: &From) -> Option<&str> {
    match from {
        From::Csv(place) => Some(&place.path),
        From::Excel(place) => Some(&place.path),
        From::JsonLines(place) => Some(&place.path),
        From::Parquet(place) => Some(&place.path),
        From::Json(place) => Some(&place.path),
        From::Sqlite(_)
        | From::Postgresql(_)
        | From::Mysql(_)
        | From::Api(_)
        | From::FlightSql(_) => None,
    }
}

fn kind(from: &From, file: &str) -> Result<Kind> {
    match from {
        From::Csv(place) => Ok(Kind::Csv {
            delimiter: place.delimiter.unwrap_or(if file.ends_with(".tsv") { '\t' } else { ',' }),
            skip_lines: place.skip_lines.unwrap_or(0),
            encoding: place.encoding.clone(),
        }),
        From::Excel(_) if !file.to_lowercase().ends_with(".xlsx") => Err(Error::unsupported(
            "a template of a workbook is an `.xlsx` file",
        )
        .hint("name it so where the job's `path` reads both (`costs.*`), or make it by hand")),
        From::Excel(place) => {
            let corner = match &place.range {
                Some(range) => corner(range).ok_or_else(|| {
                    Error::user(format!("`{range}` is no range of cells"))
                        .hint("write it as B3:F20")
                })?,
                None => (place.header_row.saturating_sub(1), 0),
            };
            Ok(Kind::Excel { sheet: place.sheet.clone(), corner })
        }
        _ => Err(Error::unsupported("files of this kind are not filled in by hand")
            .hint("templates are for `csv` and `excel`")),
    }
}

/// The row and column, from 0, at which a range such as `B3:F` begins.
fn corner(range: &str) -> Option<(u32, u16)> {
    let first = range.split(':').next()?.trim();
    let digits = first.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = first.split_at(digits);
    let mut column = 0_u16;
    for letter in letters.bytes() {
        let value = letter.to_ascii_uppercase().checked_sub(b'A').filter(|value| *value < 26)?;
        column = column.checked_mul(26)?.checked_add(u16::from(value) + 1)?;
    }
    Some((row.parse::<u32>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}

fn column(column: &SourceColumn) -> Result<TemplateColumn> {
    Ok(TemplateColumn {
        heading: column.from.clone().unwrap_or_else(|| column.name.clone()),
        ty: column.ty.to_string(),
        required: column.clean.contains(&Rule::Required),
        example: example(column)?,
    })
}

/// A value that the column's rules say yes to; where none is known, what the value must match.
fn example(column: &SourceColumn) -> Result<String> {
    let cleaner = ColumnCleaner::new(column)?;
    for example in examples(column) {
        let (values, faults) = cleaner.clean(&Cells::Text {
            values: StringArray::from(vec![Some(example.as_str())]),
            native: None,
        })?;
        if faults.is_empty() && values.null_count() == 0 {
            return Ok(example);
        }
    }
    let pattern = column.clean.iter().find_map(|rule| match rule {
        Rule::Matches(pattern) => Some(format!("(matches {pattern})")),
        _ => None,
    });
    Ok(pattern.unwrap_or_default())
}

/// Values that may fit a column, the likeliest first.
fn examples(column: &SourceColumn) -> Vec<String> {
    let mut values: Vec<String> = column.clean.iter().flat_map(of_rule).collect();
    let plain: &[&str] = match column.ty {
        ColumnType::Text => {
            &["text", "A", "AB", "ABC", "A1", "A-1", "1", "12", "123", "1234", "12345"]
        }
        ColumnType::Boolean => &["yes"],
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => &["1"],
        ColumnType::Float64 => &["0.5"],
        ColumnType::Decimal { scale: 0, .. } => &["1"],
        ColumnType::Decimal { scale: 1, .. } => &["1.5"],
        ColumnType::Decimal { .. } => &["1.25", "1"],
        ColumnType::Date => &["2024-02-29"],
        ColumnType::Timestamp => &["2024-02-29 14:30:00"],
        ColumnType::Binary => &[],
    };
    values.extend(plain.iter().map(|plain| (*plain).to_owned()));
    column.clean.iter().fold(values, |values, rule| match rule {
        Rule::Case(Case::Upper) => values.iter().map(|value| value.to_uppercase()).collect(),
        Rule::Number(format) => {
            values.iter().map(|value| value.replace('.', &format.decimal.to_string())).collect()
        }
        _ => values,
    })
}

/// Values that a rule is about.
fn of_rule(rule: &Rule) -> Vec<String> {
    let text = str::to_owned;
    match rule {
        Rule::Map(codes) => codes.keys().take(1).cloned().collect(),
        Rule::OneOf(values) => values.iter().take(1).cloned().collect(),
        Rule::Range(range) => range.min.iter().chain(&range.max).cloned().collect(),
        Rule::DateFormats(formats) => {
            let moment =
                NaiveDate::from_ymd_opt(2024, 2, 29).and_then(|d| d.and_hms_opt(14, 30, 0));
            let moment = moment.map(|moment| moment.and_utc());
            let written = |format: &String| Some(moment?.format(format).to_string());
            formats.first().and_then(written).into_iter().collect()
        }
        Rule::Phone(_) => vec![text("+49 30 901820")],
        Rule::Email => vec![text("ann.lee@example.com")],
        Rule::PersonName(_) => vec![text("Ann Lee")],
        Rule::Address(_) => vec![
            text("8 Stanley Street, South Grafton NSW 2460"),
            text("北京市朝阳区建国路88号1203室"),
            text("Flat 3, 12 High Street, London SW1A 1AA"),
        ],
        Rule::Money(money) => {
            let currency = money.only.as_ref().or(money.currency.as_ref());
            let decimal = money.decimal.unwrap_or('.');
            vec![format!("12{decimal}50 {}", currency.map_or("EUR", String::as_str))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_begin_where_the_range_does() {
        for (range, expected) in [
            ("B3:O", Some((2, 1))),
            ("a1:b2", Some((0, 0))),
            ("AA10", Some((9, 26))),
            ("3:4", None),
            ("B0:C", None),
            ("here", None),
        ] {
            assert_eq!(corner(range), expected, "{range}");
        }
    }

    #[test]
    fn examples_are_values_that_the_rules_accept() {
        let rule = |yaml: &str| -> SourceColumn {
            serde_saphyr::from_str(&format!("{{name: c, type: {yaml}}}")).unwrap()
        };
        for (column, expected) in [
            ("text", "text"),
            ("text, clean: [{phone: {region: DE}}]", "+49 30 901820"),
            ("text, clean: [email]", "ann.lee@example.com"),
            ("'decimal(12,2)', clean: [{money: {only: CHF}}]", "12.50 CHF"),
            ("text, clean: [{matches: '[A-Z]{3}'}]", "ABC"),
            ("text, clean: [{matches: 'Q[0-9]{7}x'}]", "(matches Q[0-9]{7}x)"),
            ("text, clean: [{address: unit}]", "北京市朝阳区建国路88号1203室"),
            ("timestamp, clean: [{date_formats: ['%d.%m.%Y %H:%M']}]", "29.02.2024 14:30"),
            ("int32, clean: [{range: {max: '0'}}]", "0"),
        ] {
            assert_eq!(example(&rule(column)).unwrap(), expected, "{column}");
        }
    }
}
