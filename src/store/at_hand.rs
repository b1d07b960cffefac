//! Bytes of files that the system has in memory already: read at once, without leaving the thread.
//!
//! What must be fetched from a disk is read by a thread that may wait. To wake one, and to be woken by
//! it, takes longer than to copy a few pages; a scan does so for every row group.

use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// These ranges of a file, or `None` where it, or a part of them, cannot be had without waiting: then
/// the ordinary way reads them, and says what is wrong if something is.
#[cfg(target_os = "linux")]
pub(super) fn read(path: &Path, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
    let file = File::open(path).ok()?;
    ranges.iter().map(|range| read_range(&file, range)).collect()
}

/// Elsewhere nobody tells what is in memory.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: &Path, _: &[Range<u64>]) -> Option<Vec<Bytes>> {
    None
}

#[cfg(target_os = "linux")]
fn read_range(file: &File, range: &Range<u64>) -> Option<Bytes> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let length = range.end.checked_sub(range.start)?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = std::io::IoSliceMut::new(&mut bytes[filled..]);
        match preadv2(file, &mut [rest], range.start + filled as u64, ReadWriteFlags::NOWAIT) {
            Ok(0) => return None,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_bytes_of_the_ranges_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let all: Vec<u8> = (0..100_000_u32).map(|byte| (byte % 251) as u8).collect();
        std::fs::write(&path, &all).unwrap();
        if let Some(read) = read(&path, &[0..10, 5..5, 99_000..100_000]) {
            assert_eq!(read, [&all[..10], &[], &all[99_000..]]);
        }
        assert_eq!(read(&path, &[0..1, 99_999..100_001]), None);
        assert_eq!(read(&dir.path().join("none"), &[0..1, 1..2]), None);
    }
}
