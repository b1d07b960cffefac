//! Empty import files, for people who fill in sheets by hand: what a job's source asks for.

use super::job::{From, Job, Rule, SourceColumn};
use super::jobs::Jobs;
use super::source::lies_at;
use crate::error::{Error, Result, did_you_mean};
use crate::model::ColumnType;
use crate::text::Case;
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
    },
    /// A sheet of a workbook.
    Excel {
        /// The sheet's name, where the job asks for one.
        sheet: Option<String>,
        /// The row of the headings, from 1.
        header_row: u32,
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
/// Not found where no job reads such a file; unsupported where it is of a kind, or in an encoding,
/// that nobody fills in by hand.
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
    let kind = kind(job, &source.from)?;
    let columns = source.columns.iter().map(column).collect();
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

fn kind(job: &Job, from: &From) -> Result<Kind> {
    match from {
        From::Csv(place) if is_utf8(&place.encoding) => {
            Ok(Kind::Csv { delimiter: place.delimiter.unwrap_or(',') })
        }
        From::Csv(place) => Err(Error::unsupported(format!(
            "the job `{}` reads the file as {}, and templates are UTF-8",
            job.job, place.encoding
        ))),
        From::Excel(place) => {
            Ok(Kind::Excel { sheet: place.sheet.clone(), header_row: place.header_row })
        }
        _ => Err(Error::unsupported("files of this kind are not filled in by hand")
            .hint("templates are for `csv` and `excel`")),
    }
}

fn is_utf8(encoding: &str) -> bool {
    ["utf-8", "detect"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

fn column(column: &SourceColumn) -> TemplateColumn {
    TemplateColumn {
        heading: column.from.clone().unwrap_or_else(|| column.name.clone()),
        ty: column.ty.to_string(),
        required: column.clean.contains(&Rule::Required),
        example: example(column),
    }
}

/// A value that the column's rules say yes to, as far as they name one.
fn example(column: &SourceColumn) -> String {
    let named = column.clean.iter().find_map(|rule| match rule {
        Rule::Map(codes) => codes.keys().next().cloned(),
        Rule::OneOf(values) => values.first().cloned(),
        Rule::Range(range) => range.min.clone().or_else(|| range.max.clone()),
        Rule::DateFormats(formats) => {
            let moment = NaiveDate::from_ymd_opt(2024, 2, 29)?.and_hms_opt(14, 30, 0)?;
            Some(moment.format(formats.first()?).to_string())
        }
        _ => None,
    });
    let plain = match column.ty {
        ColumnType::Text => "text",
        ColumnType::Boolean => "yes",
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => "1",
        ColumnType::Float64 => "0.5",
        ColumnType::Decimal { scale: 0, .. } => "1",
        ColumnType::Decimal { scale: 1, .. } => "1.5",
        ColumnType::Decimal { .. } => "1.25",
        ColumnType::Date => "2024-02-29",
        ColumnType::Timestamp => "2024-02-29 14:30:00",
        ColumnType::Binary => "",
    };
    let value = named.unwrap_or_else(|| plain.to_owned());
    column.clean.iter().fold(value, |value, rule| match rule {
        Rule::Case(Case::Upper) => value.to_uppercase(),
        Rule::Number(format) => value.replace('.', &format.decimal.to_string()),
        _ => value,
    })
}
