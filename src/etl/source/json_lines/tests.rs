//! Blocks hold what lines hold, wherever the text is cut.

use super::*;
use crate::etl::source::batch::Cells;
use proptest::prelude::*;

/// Rows with their place, raw text and cells; the unreadable ones; the keys.
type Read = (Vec<(Position, String, Vec<(serde_json::Value, bool)>)>, Vec<Unreadable>, Vec<String>);

fn source(each: Option<&str>) -> JsonLines {
    let place = match each {
        Some(each) => format!("{{path: t.jsonl, each: {each}}}"),
        None => "{path: t.jsonl}".to_owned(),
    };
    let columns = "name: t\nfrom: {json_lines: {path: t}}\ncolumns:\n  - {name: a, type: text}\n  \
                   - {name: b, from: b.x, type: text}\n";
    let spec: crate::etl::job::SourceSpec = serde_saphyr::from_str(columns).unwrap();
    let place: JsonLinesPlace = serde_saphyr::from_str(&place).unwrap();
    JsonLines::new(Path::new("."), &place, Wanted::new(&spec)).unwrap()
}

fn read(source: &JsonLines, text: &[u8], block_bytes: Option<usize>) -> Result<Read> {
    let (mut rows, mut unreadable, mut keys) = Read::default();
    let mut scanner = source.scanner();
    let lines = Lines::at(text, UTF_8, 1_000, 7);
    let mut sink = |piece: Piece| {
        if let Piece::Headings(have) = piece {
            keys = have;
            return Ok(());
        }
        let batch = piece.batch()?;
        for row in 0..batch.rows {
            let cell = |cells: &Cells| {
                let native =
                    matches!(cells, Cells::Text { native: Some(all), .. } if all.value(row));
                (cells.render(row), native)
            };
            let cells = batch.columns.iter().map(cell).collect();
            rows.push((batch.position(row), batch.raw(row), cells));
        }
        unreadable.extend(batch.unreadable);
        Ok(())
    };
    match block_bytes {
        Some(bytes) => source.read_blocks((lines, bytes), &mut scanner, "t", &mut sink)?,
        None => source.read_lines(lines, &mut scanner, "t", &mut sink)?,
    }
    scanner.end(&source.columns, &mut sink)?;
    Ok((rows, unreadable, keys))
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(b"{}[]\"\\,: \n\r\xff\xe2\x82\xac1an".to_vec());
    let piece = prop_oneof![
        8 => "\\{\"a\":(1|null|\"\u{20ac}?\"),\"b\":(\\{\"x\":[1-9]\\}|null|7|\\[1,\\{\"x\":2\\}\\])(,\"[cd]\":true)?\\}\r?\n"
            .prop_map(String::into_bytes),
        1 => "\\{\"[ab]\":\"\\\\(n|\")\"\\}?\n?\n".prop_map(String::into_bytes),
        1 => prop::collection::vec(odd, 0..8),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn blocks_hold_what_lines_hold(text in texts(), block_bytes in 1usize..200, each in any::<bool>()) {
        let source = source(each.then_some("b"));
        let words = |read: Result<Read>| read.map_err(|error| error.to_string());
        prop_assert_eq!(words(read(&source, &text, Some(block_bytes))), words(read(&source, &text, None)));
    }
}

#[test]
fn lines_too_long_for_a_block_are_read_and_those_after_them() {
    let long = "x".repeat(3 << 20);
    let text = format!("{{\"a\":1,\"b\":{{\"x\":2}}}}\n{{\"a\":\"{long}\"}}\n{{\"a\":3}}\n");
    let source = source(None);
    let all = read(&source, text.as_bytes(), Some(BLOCK_BYTES)).unwrap();
    assert_eq!((all.0.len(), all.2.as_slice()), (3, ["a".to_owned(), "b".to_owned()].as_slice()));
    assert!(all == read(&source, text.as_bytes(), None).unwrap());
}
