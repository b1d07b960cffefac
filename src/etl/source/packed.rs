//! Text files as they are, or compressed: gzip and Zstandard, told by their first bytes whatever
//! the file is called. They are unpacked while they are read, a block at a time.

use super::{Piece, Sink};
use crate::error::{Error, ErrorKind, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The text of a file on this machine.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn unpacked(path: &Path) -> io::Result<impl BufRead> {
    Ok(Text::new(File::open(path)?)?.reader)
}

/// The text of a file.
pub(super) struct Text {
    /// It, unpacked.
    pub(super) reader: BufReader<Box<dyn Read + Send>>,
    /// Bytes of the file read so far, where its text is longer than itself.
    packed: Option<Arc<AtomicU64>>,
}

impl Text {
    /// # Errors
    /// Where the file cannot be read.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let read_bytes = Arc::new(AtomicU64::new(0));
        let mut file = BufReader::with_capacity(
            READ_BYTES,
            Counted { file, read_bytes: Arc::clone(&read_bytes) },
        );
        let head = file.fill_buf()?;
        let (text, packed): (Box<dyn Read + Send>, bool) = if head.starts_with(GZIP) {
            (Box::new(Unpacked(MultiGzDecoder::new(file))), true)
        } else if head.starts_with(ZSTANDARD) {
            (Box::new(Unpacked(zstd::Decoder::with_buffer(file)?)), true)
        } else {
            (Box::new(file), false)
        };
        let reader = BufReader::with_capacity(READ_BYTES, text);
        Ok(Self { reader, packed: packed.then_some(read_bytes) })
    }

    /// The reader, and a sink to which batches say how much of the file is read, not of its text.
    pub(super) fn split<'s>(
        self,
        sink: &'s mut Sink<'_>,
    ) -> (BufReader<Box<dyn Read + Send>>, impl FnMut(Piece) -> Result<()> + 's) {
        let Self { reader, packed } = self;
        let told = move |piece: Piece| match &packed {
            Some(read_bytes) => sink(piece.at(read_bytes.load(Ordering::Relaxed))),
            None => sink(piece),
        };
        (reader, told)
    }
}

/// The error for a file that cannot be read on.
pub(super) fn cannot_read(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData if error.to_string().contains("too much memory") => {
            Error::unsupported("the Zstandard file looks back further than 128 MiB")
                .hint("compress it without `--long`, or with one of at most 27")
                .caused_by(error)
        }
        io::ErrorKind::InvalidData => {
            Error::data("the compressed file is damaged, or cut off").caused_by(error)
        }
        _ => Error::new(ErrorKind::Unavailable, "cannot read the file").caused_by(error),
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: File,
    read_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read_bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What comes out of a decoder; what it complains of is the data's fault, unless it is the disk's.
struct Unpacked<D>(D);

impl<D: Read> Read for Unpacked<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let is_disks = error.raw_os_error().is_some();
            if is_disks || error.kind() == io::ErrorKind::Interrupted {
                error
            } else {
                io::Error::new(io::ErrorKind::InvalidData, error)
            }
        })
    }
}
