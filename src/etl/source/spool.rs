//! A temporary file for what comes from elsewhere: whole, hashed, gone when nobody needs it.

use super::files::hexadecimal;
use crate::error::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use tempfile::{NamedTempFile, TempPath};

/// Bytes written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// A file that grows.
pub(super) struct Spool {
    file: BufWriter<File>,
    path: TempPath,
    hasher: Sha256,
    bytes: u64,
}

/// A file that is complete.
pub(super) struct Spooled {
    /// Where it is, as long as this lives.
    pub(super) path: TempPath,
    /// Its size.
    pub(super) size_bytes: u64,
    /// Its checksum.
    pub(super) sha256: String,
}

impl Spool {
    /// An empty file, for content with that name: some formats are told by how the name ends.
    pub(super) fn new(name: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let end: String =
            name.rsplit('/').next().unwrap_or_default().chars().filter(|c| plain(*c)).collect();
        let file = tempfile::Builder::new().prefix("starhouse-").suffix(&end).tempfile();
        let (file, path) = file.map(NamedTempFile::into_parts).map_err(full)?;
        let file = BufWriter::with_capacity(WRITE_BYTES, file);
        Ok(Self { file, path, hasher: Sha256::new(), bytes: 0 })
    }

    /// How much there is so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// Unavailable where the disk does not take them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(full)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn restart(&mut self) -> Result<()> {
        if self.bytes > 0 {
            self.file.seek(SeekFrom::Start(0)).map_err(full)?;
            self.file.get_ref().set_len(0).map_err(full)?;
            (self.hasher, self.bytes) = (Sha256::new(), 0);
        }
        Ok(())
    }

    /// The complete file.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) fn finish(mut self) -> Result<Spooled> {
        self.file.flush().map_err(full)?;
        let sha256 = hexadecimal(&self.hasher.finalize());
        Ok(Spooled { path: self.path, size_bytes: self.bytes, sha256 })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Spool::write(self, bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn full(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot keep what was fetched in a temporary file")
        .with("folder", std::env::temp_dir().display())
        .caused_by(error)
        .hint("is there room? TMPDIR names another folder")
}
