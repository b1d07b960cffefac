//! Replay: rows that were refused, mended by somebody, re-enter.
//!
//! For one run a source's place gives way to a file of mended rows: delimited text where the source
//! is, JSON lines where it is anything else. The run has the business time of the run that refused
//! them, and the release remembers the file like any other that was read: replaying it twice changes
//! nothing.
//!
//! A row of a sheet or a database has no text, and an element of an array alone does not say what is
//! around it. So the text of such a row is its cells under their headings or paths:
//! `{"id":7,"lines.sku":"a"}`.

use super::job::{
    ApiPlace, From, Job, JsonLinesPlace, JsonPlace, OnError, Rule, SourceColumn, SourceSpec,
    Strategy,
};
use super::source::heading_line;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::store::{Reject, Release, RunRecord, TableState, Warehouse};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What is read in place of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    job: String,
    source: SourceSpec,
    then: Then,
}

/// The warehouse as it was when rows were refused; empty where nobody knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Then(Option<Arc<Release>>);

impl Then {
    /// A table, if it was there.
    pub(crate) fn table(&self, name: &str) -> Option<TableState> {
        self.0.as_ref()?.tables.get(name).cloned()
    }
}

impl Replay {
    /// A file of mended rows of a job's source; of its only source that reads each file once, where
    /// none is named. The file's path is relative to the project.
    ///
    /// # Errors
    /// Usage errors where there is no such source; user errors where its rows cannot re-enter by
    /// themselves.
    pub fn new(job: &Job, source: Option<&str>, file: &str) -> Result<Self> {
        let place = |error: Error| error.with("job", &job.job);
        let once = |source: &&SourceSpec| {
            matches!(source.strategy, Strategy::NewFiles | Strategy::Watermark(_))
        };
        let found = match source {
            Some(name) => job.sources.iter().find(|source| source.name == name),
            None => job.sources.iter().find(once).or(job.sources.first()),
        };
        let names = || job.sources.iter().map(|source| source.name.as_str());
        let Some(found) = found else {
            let name = source.unwrap_or_default();
            let near = did_you_mean(name, names()).map(|near| format!("did you mean `{near}`? "));
            let hint = format!(
                "{}it has {}",
                near.unwrap_or_default(),
                names().collect::<Vec<_>>().join(", ")
            );
            let message = format!("the job has no source `{name}`");
            return Err(place(Error::new(ErrorKind::Usage, message).hint(hint)));
        };
        if !once(&found) {
            let message = match found.strategy.is_partial() {
                true => format!(
                    "the source `{}` is a feed, in which another change may follow",
                    found.name
                ),
                false => format!("the source `{}` is read whole by every run", found.name),
            };
            let hint = "mend the rows in the source itself and run the job again";
            return Err(place(Error::user(message).hint(hint)));
        }
        if let Some(other) = job.sources.iter().filter(once).find(|other| other.name != found.name)
        {
            let message = format!(
                "the source `{}` of the same job reads each row once as well, and would be empty",
                other.name
            );
            let hint = "put the mended rows where the source reads them, as a new file";
            return Err(place(Error::user(message).hint(hint)));
        }
        let mut source = found.clone();
        source.strategy = Strategy::NewFiles;
        source.from = mended(source.from, file);
        source.columns.iter_mut().for_each(by_itself);
        Ok(Self { job: job.job.clone(), source, then: Then::default() })
    }

    /// The same, knowing what was there when the rows were refused: what has come since stays.
    ///
    /// # Errors
    /// Damaged where releases are.
    pub async fn refused_by(self, warehouse: &Warehouse, run: &RunRecord) -> Result<Self> {
        let then = match run.release {
            Some(release) => warehouse.release(release).await,
            None => warehouse.release_as_of(run.started_at).await,
        };
        match then {
            Ok(then) => Ok(Self { then: Then(Some(then)), ..self }),
            // before the first release, or not kept any more
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// What was there when the rows of a job were refused, where they are what is replayed.
    pub(crate) fn then(&self, job: &Job) -> Option<&Then> {
        (self.job == job.job).then_some(&self.then)
    }

    /// The source as the run reads it, where it is this one.
    pub(crate) fn of(&self, job: &Job, source: &SourceSpec) -> Option<&SourceSpec> {
        (self.job == job.job && self.source.name == source.name).then_some(&self.source)
    }
}

/// The rules of a column for rows that come without those before them: a value that would be carried
/// on from there has to be written out.
fn by_itself(column: &mut SourceColumn) {
    let is_carried = |rule: &Rule| matches!(rule, Rule::FillPrevious(_));
    if let Some(at) = column.clean.iter().position(is_carried) {
        column.clean.truncate(at);
        column.clean.push(Rule::Required);
        column.on_error = OnError::Reject;
    }
}

/// Bytes that were no text and stand in a mended file as they did in a refused row: its line, and
/// they.
pub fn unmended(text: &str, rejects: &[&Reject]) -> Option<(usize, String)> {
    let undecodable = rejects.iter().filter(|reject| reject.rule == ENCODING);
    let escapes: BTreeSet<&str> = undecodable.flat_map(|reject| escapes(&reject.raw)).collect();
    let mut lines = text.lines().enumerate();
    lines.find_map(|(at, line)| {
        let escape = escapes.iter().rev().find(|escape| line.contains(**escape))?;
        Some((at + 1, (*escape).to_owned()))
    })
}

/// The rule that a row breaks whose bytes are no text.
const ENCODING: &str = "encoding";

/// The runs of `\xNN` in a text.
fn escapes(text: &str) -> Vec<&str> {
    let is_escape = |at: usize| {
        let piece = text.as_bytes().get(at..at + 4);
        piece.is_some_and(|p| p.starts_with(b"\\x") && p[2..].iter().all(u8::is_ascii_hexdigit))
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let begin = at;
        while is_escape(at) {
            at += 4;
        }
        if at > begin {
            found.push(&text[begin..at]);
        } else {
            at += 1;
        }
    }
    found
}

/// The place of mended rows, instead of the source's own.
fn mended(from: From, file: &str) -> From {
    let path = || file.to_owned();
    let ends = |names: &[&str]| names.iter().any(|name| file.to_lowercase().ends_with(name));
    match from {
        From::Csv(mut place) => {
            (place.path, place.access) = (path(), None);
            place.skip_lines = None; // found, whether they were kept or not
            From::Csv(place)
        }
        // who has mended them in a sheet, or written them as Parquet
        From::Excel(mut place) if ends(&[".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"]) => {
            (place.path, place.access) = (path(), None);
            From::Excel(place)
        }
        From::Parquet(mut place) if ends(&[".parquet"]) => {
            (place.path, place.access) = (path(), None);
            From::Parquet(place)
        }
        other => {
            // an object as it stands in the source, or cells under their headings
            let is_flat = each(&other).is_none_or(|each| each.is_some());
            From::JsonLines(JsonLinesPlace { is_flat, ..JsonLinesPlace::new(path()) })
        }
    }
}

/// Of a source of JSON objects, where the elements are in them that are its rows, if they are.
fn each(from: &From) -> Option<Option<&str>> {
    match from {
        From::JsonLines(JsonLinesPlace { each, .. })
        | From::Json(JsonPlace { each, .. })
        | From::Api(ApiPlace { each, .. }) => Some(each.as_deref()),
        _ => None,
    }
}

/// Refused rows of a source, to be mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToMend {
    /// The file.
    pub text: String,
    /// Rows in it.
    pub rows: usize,
    /// Rows that are not, since nobody knows how many they are: objects that are no JSON, of which
    /// each element would have been a row.
    pub left: usize,
}

/// Refused rows of a source as a file to be mended: its heading, if it has one, and the rows as they
/// stood. UTF-8 with a byte order mark, so that it is read right whatever the source's encoding.
///
/// # Errors
/// User errors where the rows come of files with other headings;
/// not found where the file with the heading is gone.
pub fn to_mend(project: &Path, source: &SourceSpec, rejects: &[&Reject]) -> Result<ToMend> {
    let mut mend = ToMend { text: "\u{feff}".to_owned(), ..ToMend::default() };
    let is_csv = matches!(source.from, From::Csv(_));
    if is_csv {
        mend.text += &format!("{}\n", one_heading(project, source, rejects)?);
    }
    let has_elements = each(&source.from).is_some_and(|each| each.is_some());
    let is_written = |reject: &&&Reject| !has_elements || is_row(reject);
    let rows: Vec<&&Reject> = rejects.iter().filter(is_written).collect();
    for reject in &rows {
        let raw = reject.raw.trim_end_matches(['\r', '\n']);
        // between the values of an object a line end is but space
        let raw = if is_csv { raw.to_owned() } else { raw.replace(['\r', '\n'], " ") };
        mend.text += &format!("{raw}\n");
    }
    (mend.rows, mend.left) = (rows.len(), rejects.len() - rows.len());
    Ok(mend)
}

/// Whether what was refused is a row for sure, also where the elements of an object are the rows.
pub fn is_row(reject: &Reject) -> bool {
    !NO_ROW.contains(&reject.rule.as_str())
}

/// The rules that an object breaks as a whole.
const NO_ROW: [&str; 2] = ["json", ENCODING];

/// The line of headings of the files that rows come of.
fn one_heading(project: &Path, source: &SourceSpec, rejects: &[&Reject]) -> Result<String> {
    let files: BTreeSet<&str> = rejects.iter().map(|reject| reject.file.as_str()).collect();
    let lines = files.iter().map(|file| {
        heading_line(project, source, file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::not_found(
                "the file that the rows come of, and its heading with it, is not there",
            )
            .with("file", file)
            .caused_by(error),
            _ => error.with("file", file),
        })
    });
    let mut lines = lines.collect::<Result<BTreeSet<String>>>()?.into_iter();
    match (lines.next(), lines.next()) {
        (heading, None) => Ok(heading.unwrap_or_default()),
        _ => Err(Error::user("the rows come of files with different headings")
            .hint("take those of one run at a time, with --run")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    #[test]
    fn bytes_that_were_not_mended_are_found() {
        let reject = |rule: &str, raw: &str| Reject {
            run: RunId("r".to_owned()),
            job: "j".to_owned(),
            source: "s".to_owned(),
            file: "a.csv".to_owned(),
            line: 1,
            offset: None,
            column: None,
            rule: rule.to_owned(),
            rules: String::new(),
            reason: String::new(),
            raw: raw.to_owned(),
            mended_in: None,
            settled_by: None,
        };
        let rejects = [
            reject("encoding", r"4;\xFF\xFE;3"),
            reject("type", r"5;C:\x86;x"),
            reject("encoding", "ü"),
        ];
        let rejects: Vec<&Reject> = rejects.iter().collect();
        let found = unmended("id;v;q\n5;C:\\x86;1\n4;\\xFF\\xFE;3\n", &rejects);
        assert_eq!(found, Some((3, r"\xFF\xFE".to_owned())));
        assert_eq!(unmended("id;v;q\n5;C:\\x86;1\n4;é;3\n", &rejects), None);
    }
}
