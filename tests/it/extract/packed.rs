//! Compressed text: found by its content, unpacked as it is read, and whole or an error.

use super::writers::gzip;
use super::{Project, row, spec};
use starhouse::error::ErrorKind;
use std::fmt::Write as _;
use std::io::Write as _;

const CSV: &str = "name: t
from: {csv: {path: \"in/*\"}}
columns: [{name: id, type: int32}, {name: name, type: text}]";

#[tokio::test]
async fn content_tells_what_is_compressed_and_parts_follow_each_other() {
    let project = Project::new().await;
    // as `cat a.gz b.gz` makes them, under names that say nothing
    project.write("in/1", [gzip(b"id,name\n1,a\n2"), gzip(b",b\n")].concat());
    let parts = ["id,name\n3,c\n", "4,\"d\nd\"\n"];
    let parts = parts.map(|part| zstd::encode_all(part.as_bytes(), 1).unwrap());
    project.write("in/2.csv", parts.concat());
    project.write("in/3.csv.gz", "id,name\n5,not compressed at all\n");
    let text: Vec<u8> = "id,name\n6,\u{5ba2}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    project.write("in/4.csv.gz", gzip(&[&[0xff, 0xfe], text.as_slice()].concat()));
    let outcome = project.extract(&spec(CSV)).await.unwrap();
    let expected =
        [["1", "a"], ["2", "b"], ["3", "c"], ["4", "d\nd"], ["5", "not compressed at all"]];
    assert_eq!(outcome.rows[..5], expected.map(|cells| row(&cells)));
    assert_eq!(outcome.rows[5], row(&["6", "\u{5ba2}"]));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_as_a_whole() {
    let mut text = "id,name\n".to_owned();
    (0..200_000).for_each(|id| writeln!(text, "{id},name {}", id * 7_919 % 10_007).unwrap());
    let mut zstandard = zstd::Encoder::new(Vec::new(), 3).unwrap();
    zstandard.include_checksum(true).unwrap();
    zstandard.write_all(text.as_bytes()).unwrap();
    for packed in [gzip(text.as_bytes()), zstandard.finish().unwrap()] {
        let project = Project::new().await;
        project.write("in/t", &packed);
        assert_eq!(project.extract(&spec(CSV)).await.unwrap().rows.len(), 200_000);
        for end in [5, packed.len() / 2, packed.len() - 1] {
            project.write("in/t", &packed[..end]);
            let error = project.extract(&spec(CSV)).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Data, "{end}: {error}");
            assert!(error.to_string().contains("damaged, or cut off"), "{error}");
        }
        let mut flipped = packed.clone();
        flipped[packed.len() / 2] ^= 0x55;
        project.write("in/t", &flipped);
        assert_eq!(project.extract(&spec(CSV)).await.err().unwrap().kind(), ErrorKind::Data);
    }
}

/// A small file may hold a very long text: it is never in memory as a whole.
#[tokio::test]
async fn what_never_ends_a_row_is_no_row() {
    let project = Project::new().await;
    let endless = [b"id,name\n1,".as_slice(), &vec![b'x'; 64 << 20]].concat();
    for packed in [gzip(&endless), zstd::encode_all(endless.as_slice(), 1).unwrap()] {
        project.write("in/t", packed);
        let error = project.extract(&spec(CSV)).await.err().unwrap();
        assert!(error.to_string().contains("longer than 16 MiB"), "{error}");
    }
}
