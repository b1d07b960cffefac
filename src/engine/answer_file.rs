//! A file for an answer that is kept until it is fetched: among what queries spill, within the same
//! bounds, gone with its value or, after a crash, at the next start.

use super::Engine;
use super::errors::from_datafusion;
use crate::error::{Error, ErrorKind, Result};
use datafusion::execution::{SpillFile, SpillWriter};
use std::fmt::{self, Debug, Formatter};
use std::path::PathBuf;
use std::sync::Arc;

/// What an answer is written to; clones of [`place`](Self::place) keep the file.
pub struct AnswerFile {
    place: AnswerPlace,
    writer: Box<dyn SpillWriter>,
}

/// Where an answer was written to.
#[derive(Clone)]
pub struct AnswerPlace {
    file: Arc<dyn SpillFile>,
    path: PathBuf,
}

impl Engine {
    /// A new file.
    ///
    /// # Errors
    /// Unavailable where none can be made.
    pub fn answer_file(&self) -> Result<AnswerFile> {
        let disks = &self.template().runtime_env().disk_manager;
        let file = disks.create_tmp_file("keeping an answer").map_err(from_datafusion)?;
        let path = file.path().map(PathBuf::from);
        let path = path.ok_or_else(|| Error::internal("an answer's file has no path"))?;
        let writer = file.open_writer().map_err(from_datafusion)?;
        Ok(AnswerFile { place: AnswerPlace { file, path }, writer })
    }
}

impl AnswerFile {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// Limit where the disk, or what queries may take of it, is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).and_then(|()| self.writer.flush()).map_err(|error| {
            Error::new(ErrorKind::Limit, "an answer that is kept cannot be written to disk")
                .with("bytes so far", self.place.file.size().unwrap_or_default())
                .caused_by(error)
                .hint("ask for less, or without several endpoints: then nothing is kept")
        })
    }

    /// Where it is.
    pub fn place(&self) -> &AnswerPlace {
        &self.place
    }
}

impl AnswerPlace {
    /// The file's path, for as long as this value is there.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

impl Debug for AnswerPlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnswerPlace").field(&self.path).finish()
    }
}
