//! `starhouse template`: an empty import file, for people who fill in sheets by hand.

use super::failure::Failure;
use super::project::{Declared, jobs};
use super::table;
use crate::error::{Error, ErrorKind};
use crate::etl::template::{self, Kind, Template};
use comfy_table::Cell;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use rust_xlsxwriter::{Format, Workbook, XlsxError};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Write an empty import file with the headings that a job expects, and say what goes into it
///
/// A CSV file holds the headings, and a text file beside it (`customers.csv.txt`) says what goes into
/// its columns, with examples; a workbook says so on a second sheet. What is there already is never
/// overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse template customers.csv\n  \
                        starhouse template sources/costs.xlsx --project shop")]
pub(super) struct Args {
    /// The file, by its path in the project, as a job reads it
    #[arg(value_name = "FILE")]
    file: String,
}

/// Writes the file and explains it.
pub(super) fn run(project: &Path, args: &Args) -> Result<(), Failure> {
    let declared = Declared::read(project)?;
    let template = template::find(&jobs(&declared)?, &args.file)?;
    let bytes = content(&template)?;
    let explained = explained(&template, &args.file);
    let all = template.beside.iter().map(|beside| (beside, explained.as_bytes()));
    let all: Vec<(&String, &[u8])> = all.chain([(&args.file, bytes.as_slice())]).collect();
    for (file, _) in &all {
        if declared.root.join(file).exists() {
            let error = Error::new(ErrorKind::Conflict, "the file is there already");
            return Err(error.retryable(false).with("file", file).into());
        }
    }
    for (file, bytes) in all {
        let written = write_new(&declared.root.join(file), bytes);
        written.map_err(|error| error.with("file", file))?;
    }
    write!(io::stdout(), "{explained}")?;
    if let Some(beside) = &template.beside {
        writeln!(io::stdout(), "the same is in {beside}, for who fills it in")?;
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let cannot =
        |error| Error::new(ErrorKind::Unavailable, "cannot write the file").caused_by(error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut file = File::create_new(path).map_err(cannot)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(cannot)
}

/// What goes into the columns.
fn explained(template: &Template, file: &str) -> String {
    let mut list = table::headed(["column", "type", "needed", "example"]);
    for [heading, ty, needed, example] in explanations(template) {
        list.add_row([heading, ty, needed, example].map(Cell::new));
    }
    format!("{file} is for the job `{}`; its columns are\n\n{list}\n", template.job)
}

fn explanations(template: &Template) -> Vec<[&str; 4]> {
    let needed = |required| if required { "yes" } else { "no" };
    let columns = template.columns.iter();
    columns.map(|c| [c.heading.as_str(), &c.ty, needed(c.required), &c.example]).collect()
}

fn content(template: &Template) -> Result<Vec<u8>, Failure> {
    let headings = template.columns.iter().map(|column| column.heading.as_str());
    match &template.kind {
        Kind::Csv { delimiter, skip_lines, encoding } => {
            let delimiter = u8::try_from(*delimiter).map_err(|_| {
                Error::unsupported(format!("a template cannot be delimited by `{delimiter}`"))
            })?;
            // lines that the job does not read
            let above = "-\n".repeat(usize::try_from(*skip_lines).unwrap_or(usize::MAX).min(1_000));
            let mut writer =
                csv::WriterBuilder::new().delimiter(delimiter).from_writer(above.into_bytes());
            let written = writer.write_record(headings).map_err(io::Error::other);
            written.map_err(Failure::from)?;
            let bytes = writer.into_inner().map_err(|error| error.into_error());
            let text =
                String::from_utf8(bytes.map_err(Failure::from)?).map_err(io::Error::other)?;
            Ok(encoded(text, encoding)?)
        }
        Kind::Excel { sheet, corner } => {
            let failed = |error: XlsxError| {
                Error::internal("cannot make the workbook").caused_by(error.to_string())
            };
            Ok(workbook(template, sheet.as_deref(), *corner).map_err(failed)?)
        }
    }
}

/// A text as bytes of an encoding, those of UTF-16 with the mark that says which it is.
fn encoded(text: String, name: &str) -> Result<Vec<u8>, Error> {
    if name.eq_ignore_ascii_case("detect") {
        return Ok(text.into_bytes());
    }
    let unknown = || Error::user(format!("`{name}` is no encoding"));
    let encoding = Encoding::for_label_no_replacement(name.as_bytes()).ok_or_else(unknown)?;
    if encoding == UTF_16LE || encoding == UTF_16BE {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let bytes = |unit: u16| match encoding == UTF_16LE {
            true => unit.to_le_bytes(),
            false => unit.to_be_bytes(),
        };
        return Ok(units.flat_map(bytes).collect());
    }
    let (bytes, _, has_unmappable) = encoding.encode(&text);
    match has_unmappable {
        false => Ok(bytes.into_owned()),
        true => Err(Error::unsupported(format!("the headings cannot be written in {name}"))
            .hint("declare an encoding that has their characters, such as utf-8")),
    }
}

fn workbook(
    template: &Template,
    name: Option<&str>,
    (row, left): (u32, u16),
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let sheet = book.add_worksheet();
    if let Some(name) = name {
        sheet.set_name(name)?;
    }
    for (at, column) in (left..).zip(&template.columns) {
        sheet.write_string_with_format(row, at, &column.heading, &bold)?;
    }
    let explained = book.add_worksheet().set_name("How to fill in")?;
    let heads = ["column", "type", "needed", "example"];
    for (at, head) in (0..).zip(heads) {
        explained.write_string_with_format(0, at, head, &bold)?;
    }
    for (row, cells) in (1..).zip(explanations(template)) {
        for (at, cell) in (0..).zip(cells) {
            explained.write_string(row, at, cell)?;
        }
    }
    book.save_to_buffer()
}
