//! Files of text, packed or not: found, opened, told to have stayed as they were, whatever the format
//! of the rows inside.

use super::files::Files;
use super::{Alive, Found, RawBatch, Sink, Source};
use crate::error::{Error, Result};
use crate::store::Input;
use std::collections::HashSet;
use std::io::BufRead;

/// A format of text files.
pub(super) trait TextFormat: Send + Sync {
    /// The files.
    fn files(&self) -> &Files;

    /// The same, to tell them what was read before.
    fn files_mut(&mut self) -> &mut Files;

    /// How many columns are wanted.
    fn columns(&self) -> usize;

    /// Reads the rows of a file, which is named for messages.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn read_rows(&self, reader: impl BufRead, file: &str, sink: &mut Sink<'_>) -> Result<()>;
}

impl<Format: TextFormat> Source for Format {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        self.files().inputs(alive)
    }

    fn nothing_found(&self) -> Error {
        self.files().nothing_found()
    }

    fn read_before(&mut self, names: HashSet<String>) {
        self.files_mut().read_before(names);
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let name = &found.input.name;
        let text = self
            .files()
            .open_text(found, &mut || sink(RawBatch::nothing(name, self.columns()).into()))?;
        let (reader, mut sink) = text.split(sink);
        self.files().hashing(found, || {
            self.read_rows(reader, name, &mut sink).map_err(|error| error.with("file", name))
        })
    }
}
