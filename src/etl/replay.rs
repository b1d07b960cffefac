//! Replay: rows that were refused, mended by somebody, re-enter.
//!
//! For one run a source's place gives way to a file of mended rows: in the source's own format, or in
//! JSON lines where the source's are documents, or elements of arrays. The run has the business time
//! of the run that refused them, and the release remembers the file like any other that was read:
//! replaying it twice changes nothing.
//!
//! An element alone does not say what is around it, and with all of that its neighbours would come
//! again. So the text of such a row is its cells under their paths: `{"id":7,"lines.sku":"a"}`.

use super::job::{From, Job, JsonLinesPlace, JsonPlace, SourceSpec, Strategy};
use super::source::heading_line;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::store::Reject;
use std::collections::BTreeSet;
use std::path::Path;

/// What is read in place of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    job: String,
    source: SourceSpec,
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
        let once = |source: &&SourceSpec| source.strategy == Strategy::NewFiles;
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
                true => format!("the source `{}` is asked for what has changed", found.name),
                false => format!("the source `{}` is read whole by every run", found.name),
            };
            let hint = "mend the rows in the source itself and run the job again";
            return Err(place(Error::user(message).hint(hint)));
        }
        if let Some(other) = job.sources.iter().filter(once).find(|other| other.name != found.name)
        {
            let message = format!(
                "the source `{}` of the same job reads each file once as well, and would be empty",
                other.name
            );
            let hint = "put the mended rows where the source reads them, as a new file";
            return Err(place(Error::user(message).hint(hint)));
        }
        let mut source = found.clone();
        let lines = || JsonLinesPlace::new(file.to_owned());
        match &mut source.from {
            From::Csv(place) => {
                (place.path, place.access) = (file.to_owned(), None);
                place.skip_lines = None; // found, whether they were kept or not
            }
            From::JsonLines(JsonLinesPlace { each, .. }) => {
                let is_flat = each.is_some();
                source.from = From::JsonLines(JsonLinesPlace { is_flat, ..lines() });
            }
            From::Json(JsonPlace { each, .. }) => {
                let is_flat = each.is_some();
                source.from = From::JsonLines(JsonLinesPlace { is_flat, ..lines() });
            }
            From::Parquet(place) => (place.path, place.access) = (file.to_owned(), None),
            From::Excel(place) => (place.path, place.access) = (file.to_owned(), None),
            _ => return Err(place(Error::user("only rows of files re-enter from a file"))),
        }
        Ok(Self { job: job.job.clone(), source })
    }

    /// The source as the run reads it, where it is this one.
    pub(crate) fn of(&self, job: &Job, source: &SourceSpec) -> Option<&SourceSpec> {
        (self.job == job.job && self.source.name == source.name).then_some(&self.source)
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
/// User errors where the source's rows are no lines of text, or come of files with other headings;
/// not found where the file with the heading is gone.
pub fn to_mend(project: &Path, source: &SourceSpec, rejects: &[&Reject]) -> Result<ToMend> {
    let mut mend = ToMend { text: "\u{feff}".to_owned(), ..ToMend::default() };
    let is_element = |reject: &&&Reject| !NO_ROW.contains(&reject.rule.as_str());
    let rows: Vec<&&Reject> = match &source.from {
        From::JsonLines(JsonLinesPlace { each: Some(_), .. })
        | From::Json(JsonPlace { each: Some(_), .. }) => {
            rejects.iter().filter(is_element).collect()
        }
        From::JsonLines(_) | From::Json(_) => rejects.iter().collect(),
        From::Csv(_) => {
            mend.text += &format!("{}\n", one_heading(project, source, rejects)?);
            rejects.iter().collect()
        }
        _ => {
            return Err(Error::user(format!("the rows of `{}` are no lines of text", source.name))
                .hint("the table system.rejects has what they held"));
        }
    };
    let is_csv = matches!(source.from, From::Csv(_));
    for reject in &rows {
        let raw = reject.raw.trim_end_matches(['\r', '\n']);
        // between the values of an object a line end is but space
        let raw = if is_csv { raw.to_owned() } else { raw.replace(['\r', '\n'], " ") };
        mend.text += &format!("{raw}\n");
    }
    (mend.rows, mend.left) = (rows.len(), rejects.len() - rows.len());
    Ok(mend)
}

/// The rules that an object breaks as a whole.
const NO_ROW: [&str; 2] = ["json", "encoding"];

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
