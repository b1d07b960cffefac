//! The fast way reads what the exact way reads, whatever the text and wherever it is cut.

use super::*;
use crate::etl::source::Position;
use proptest::prelude::*;

/// Rows with their place, raw text and cells; then the unreadable ones.
type Read = (Vec<(Position, String, Vec<Option<String>>)>, Vec<Unreadable>);

const HEADINGS: usize = 3;

const USUAL: PlainSigns = PlainSigns { delimiter: b',', quote: Some(b'"') };

fn table(last_is_empty: bool) -> Table {
    let shape = Shape { cells: HEADINGS, last_is_empty };
    Table { file: "t".into(), shape, wanted: [2, 0, 1, 2].map(Some).to_vec() }
}

fn lines(text: &[u8]) -> Lines<&[u8]> {
    Lines::at(text, UTF_8, 1_000, 7)
}

fn collect(read: impl FnOnce(&mut Sink<'_>) -> Result<()>) -> Result<Read> {
    let (mut rows, mut unreadable) = Read::default();
    read(&mut |piece| {
        let batch = piece.batch()?;
        for row in 0..batch.rows {
            let cell = |cells: &crate::etl::source::Cells| match cells.render(row) {
                serde_json::Value::String(text) => Some(text),
                _ => None,
            };
            let cells = batch.columns.iter().map(cell).collect();
            rows.push((batch.position(row), batch.raw(row), cells));
        }
        unreadable.extend(batch.unreadable);
        Ok(())
    })?;
    Ok((rows, unreadable))
}

fn exact(text: &[u8], signs: PlainSigns, last_is_empty: bool) -> Result<Read> {
    let records = Records::new(lines(text), signs.into());
    collect(|sink| read_records(records, &table(last_is_empty), sink))
}

fn fast(text: &[u8], signs: PlainSigns, last_is_empty: bool, block_bytes: usize) -> Result<Read> {
    collect(|sink| read_blocks((lines(text), signs, block_bytes), table(last_is_empty), sink))
}

/// Plain rows for the most part, and whatever else may stand between them.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(b"a,|\"\"\n\r\xff\xe2\x82\xac1".to_vec());
    let piece = prop_oneof![
        8 => "[a1]{0,3},[b2]{0,3},[c\u{20ac}]{0,2}\r?\n".prop_map(String::into_bytes),
        2 => "\"[a,\n]{0,4}\",\"(\"\")?\",b\n".prop_map(String::into_bytes),
        1 => "(,?\"\r?\n?){0,3}".prop_map(String::into_bytes),
        2 => prop::collection::vec(odd, 0..8),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn blocks_hold_what_records_hold(
        text in texts(), block_bytes in 1usize..200, bar: bool,
        quote in prop::sample::select(vec![Some(b'"'), Some(b'a'), Some(b'|'), None]),
        last_is_empty: bool,
    ) {
        let delimiter = if bar && quote != Some(b'|') { b'|' } else { b',' };
        let signs = PlainSigns { delimiter, quote };
        let expected = exact(&text, signs, last_is_empty).unwrap();
        prop_assert_eq!(fast(&text, signs, last_is_empty, block_bytes).unwrap(), expected);
    }
}

#[test]
fn rows_too_long_for_a_block_are_read_and_those_after_them() {
    for open in ["", "\"\n"] {
        let long = format!("{open}{}", "x".repeat(3 << 20));
        let close = if open.is_empty() { "" } else { "\"" };
        let text = format!("1,2,3\n{long}{close},2,3\n4,\"5\",6\n7,8\n");
        let (rows, unreadable) = fast(text.as_bytes(), USUAL, false, BLOCK_BYTES).unwrap();
        assert_eq!((rows.len(), unreadable.len()), (3, 1));
        assert!((rows, unreadable) == exact(text.as_bytes(), USUAL, false).unwrap());
    }
    let endless = format!("1,2,3\n\"{}", "x\n".repeat(9 << 20));
    let error = fast(endless.as_bytes(), USUAL, false, BLOCK_BYTES).unwrap_err();
    assert_eq!(error.to_string(), exact(endless.as_bytes(), USUAL, false).unwrap_err().to_string());
}

#[test]
fn blocks_are_about_as_large_as_they_should_be() {
    let text = "1,2,3\n".repeat(100_000);
    let mut blocks = Blocks::new(
        lines(text.as_bytes()),
        |bytes: &[u8]| records_end(bytes, b',', Some(b'"')),
        10_000,
    );
    let mut bytes = 0;
    while let Some(block) = blocks.next().unwrap() {
        assert_eq!((block.offset, block.lines_before), (1_000 + bytes, 7 + bytes / 6));
        assert!(block.bytes.len() <= 10_000 && block.bytes.len() == block.lines * 6);
        bytes += block.bytes.len() as u64;
    }
    assert_eq!(bytes, 600_000);
}
