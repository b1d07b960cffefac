//! Binary COPY, cut into blocks of whole rows.

use super::connect::Failure;
use super::decode::Block;
use crate::error::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use std::pin::pin;
use tokio_postgres::Client;

/// Bytes a block holds, give or take a row.
const BLOCK_BYTES: usize = 1 << 20;
/// Rows a block holds at most.
const BLOCK_ROWS: usize = 65_536;
/// What a COPY begins with; flags and an extension's length follow, four bytes each.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
const HEADER_BYTES: usize = SIGNATURE.len() + 8;

/// Asks for the rows of a query and gives them out in blocks.
///
/// # Errors
/// Those of the server; unavailable where the rows break off.
pub(super) async fn copy(
    client: &Client,
    query: &str,
    give: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<(), Failure> {
    let sql = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
    let mut stream = pin!(client.copy_out(sql.as_str()).await?);
    let mut cutter = Cutter::default();
    while let Some(bytes) = stream.try_next().await? {
        cutter.push(&bytes)?;
        if cutter.is_full() {
            give(cutter.take())?;
        }
    }
    cutter.check_end()?;
    if cutter.rows > 0 {
        give(cutter.take())?;
    }
    Ok(())
}

/// Finds where rows end.
#[derive(Default)]
struct Cutter {
    bytes: Vec<u8>,
    /// Where the last whole row ends.
    end: usize,
    rows: usize,
    begun: bool,
    ended: bool,
}

impl Cutter {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        if !self.begun {
            let Some(header) = self.bytes.get(..HEADER_BYTES) else { return Ok(()) };
            if !header.starts_with(SIGNATURE) || header[SIGNATURE.len()..] != [0; 8] {
                return Err(Error::internal("the server's COPY is of an unknown form"));
            }
            self.bytes.drain(..HEADER_BYTES);
            self.begun = true;
        }
        while !self.ended
            && let Some(length) = row_bytes(&self.bytes[self.end..])
        {
            if length == 0 {
                self.ended = true;
            } else {
                self.end += length;
                self.rows += 1;
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.end >= BLOCK_BYTES || self.rows >= BLOCK_ROWS
    }

    fn take(&mut self) -> Block {
        let rest = self.bytes.split_off(self.end);
        let bytes = std::mem::replace(&mut self.bytes, rest);
        self.end = 0;
        Block { bytes, rows: std::mem::take(&mut self.rows) }
    }

    /// Nothing is missing: the server has said that there are no more rows.
    fn check_end(&self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "the server's rows break off"))
    }
}

/// How long the row is that begins there, none where its end is not there yet; zero at the end of
/// all rows.
fn row_bytes(bytes: &[u8]) -> Option<usize> {
    let (count, mut rest) = bytes.split_first_chunk::<2>()?;
    let Ok(count) = u16::try_from(i16::from_be_bytes(*count)) else { return Some(0) };
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = match usize::try_from(i32::from_be_bytes(*length)) {
            Err(_) => after,
            Ok(length) => after.get(length..)?,
        };
    }
    Some(bytes.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_however_they_arrive() {
        let mut sent = SIGNATURE.to_vec();
        sent.extend([0; 8]);
        for row in 0..200_u16 {
            sent.extend(2_i16.to_be_bytes());
            sent.extend((-1_i32).to_be_bytes());
            sent.extend(i32::from(row % 7).to_be_bytes());
            sent.extend(vec![b'x'; usize::from(row % 7)]);
        }
        let without_end = sent.len();
        sent.extend((-1_i16).to_be_bytes());
        for step in [1, 3, 64, sent.len()] {
            let mut cutter = Cutter::default();
            let mut taken = (0, Vec::new());
            for bytes in sent.chunks(step) {
                cutter.push(bytes).unwrap();
                let block = cutter.take();
                taken.0 += block.rows;
                taken.1.extend(block.bytes);
            }
            cutter.check_end().unwrap();
            assert_eq!((taken.0, taken.1.as_slice()), (200, &sent[HEADER_BYTES..without_end]));
        }
        let mut cutter = Cutter::default();
        cutter.push(&sent[..without_end]).unwrap();
        assert_eq!(cutter.check_end().unwrap_err().kind(), ErrorKind::Unavailable);
    }
}
