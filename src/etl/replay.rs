//! Replay: rows that were refused, mended by somebody, re-enter.
//!
//! For one run a source's place gives way to a file of mended rows, in the source's own format. The
//! run has the business time of the run that refused them, and the release remembers the file like
//! any other that was read: replaying it twice changes nothing.

use super::job::{From, Job, SourceSpec, Strategy};
use super::source::detected_encoding;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::store::Reject;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
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
            let message = format!("the source `{}` is read whole by every run", found.name);
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
        match &mut source.from {
            From::Csv(place) => (place.path, place.access) = (file.to_owned(), None),
            From::JsonLines(place) if place.each.is_some() => return Err(elements(&found.name)),
            From::JsonLines(place) => (place.path, place.access) = (file.to_owned(), None),
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

/// Refused rows of a source as a file to be mended: its heading, if it has one, and the rows as they
/// stood. UTF-8 with a byte order mark, so that it is read right whatever the source's encoding.
///
/// # Errors
/// User errors where the source's rows are no lines of text, or come of files with other headings;
/// not found where the file with the heading is gone.
pub fn to_mend(project: &Path, source: &SourceSpec, rejects: &[&Reject]) -> Result<String> {
    let mut text = "\u{feff}".to_owned();
    match &source.from {
        From::Csv(place) => {
            let files: BTreeSet<&str> = rejects.iter().map(|reject| reject.file.as_str()).collect();
            let headings = files.iter().map(|file| heading(&project.join(file), &place.encoding));
            let headings = headings.collect::<Result<BTreeSet<String>>>()?;
            if headings.len() > 1 {
                return Err(Error::user("the rows come of files with different headings")
                    .hint("take those of one run at a time, with --run"));
            }
            headings.iter().for_each(|heading| text += &format!("{heading}\n"));
        }
        From::JsonLines(place) if place.each.is_some() => return Err(elements(&source.name)),
        From::JsonLines(_) => {}
        _ => {
            return Err(Error::user(format!("the rows of `{}` are no lines of text", source.name))
                .hint("the table system.rejects has what they held"));
        }
    }
    rejects
        .iter()
        .for_each(|reject| text += &format!("{}\n", reject.raw.trim_end_matches(['\r', '\n'])));
    Ok(text)
}

/// An element alone does not say what is around it, and with all of that its neighbours would come
/// again.
fn elements(source: &str) -> Error {
    Error::user(format!("the rows of `{source}` are elements inside objects"))
        .hint("put the objects, mended, where the source reads them, as a new file")
}

/// A file's first line is within so many bytes.
const HEAD_BYTES: u64 = 1 << 20;

/// A file's first line.
fn heading(path: &Path, encoding: &str) -> Result<String> {
    let wrong = |error: std::io::Error| {
        Error::not_found("the file that the rows come of, and its heading with it, is not there")
            .with("file", path.display())
            .caused_by(error)
    };
    let mut head = Vec::new();
    let file = File::open(path).map_err(wrong)?;
    file.take(HEAD_BYTES).read_to_end(&mut head).map_err(wrong)?;
    let encoding = encoding_rs::Encoding::for_label(encoding.as_bytes());
    let (text, _, _) = encoding.unwrap_or_else(|| detected_encoding(&head)).decode(&head);
    let text = text.lines().next().unwrap_or_default();
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
