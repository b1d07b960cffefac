//! Corners: rows without end, files that grow, encodings of the east.

use super::{Project, row, spec};
use starhouse::error::ErrorKind;
use starhouse::etl::extract;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TEXTS: &str = "columns: [{name: a, type: text}, {name: b, type: text}]";

#[tokio::test]
async fn a_row_of_a_hundred_megabytes_is_told_and_not_kept() {
    let project = Project::new().await;
    let huge = "x".repeat(100 << 20);
    for (file, from, text) in [
        ("t.csv", "csv: {path: t.csv}", format!("a,b\n1,2\n\"{huge}\",3\n4,5\n")),
        ("t.jsonl", "json_lines: {path: t.jsonl}", format!("{{\"a\": 1, \"b\": \"{huge}\"}}\n")),
        ("t.json", "json: {path: t.json}", format!("[{{\"a\": 1, \"b\": \"{huge}\"}}]")),
    ] {
        project.write(file, text);
        let spec = spec(&format!("name: t\nfrom: {{{from}}}\n{TEXTS}"));
        let error = project.extract(&spec).await.err().expect(file);
        assert_eq!(error.kind(), ErrorKind::Data, "{file}: {error}");
        assert!(error.to_string().contains("longer than 16 MiB"), "{file}: {error}");
        assert!(error.to_string().len() < 1_000, "{file}");
    }
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_read_is_read_again_later() {
    let project = Project::new().await;
    let rows: String = (0..400_000).map(|id| format!("{id},some text of a row\n")).collect();
    project.write("t.csv", format!("a,b\n{rows}"));
    let spec = spec(&format!("name: t\nfrom: {{csv: {{path: t.csv}}}}\n{TEXTS}"));
    let plan = extract::plan(project.path(), &spec, None).await.unwrap();
    let (path, grown) = (project.path().join("t.csv"), AtomicBool::new(false));
    let grows: extract::OnProgress = Arc::new(move |_| {
        if !grown.swap(true, Ordering::Relaxed) {
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(b"400000,one more\n").unwrap();
        }
    });
    let load = project.load().await;
    let read = extract::extract(&plan, "job", &load, project.warehouse(), grows).await;
    let error = read.err().unwrap();
    assert!(error.to_string().contains("changed while it was being read"), "{error}");
    assert!(error.is_retryable());
    load.abandon().await.unwrap();
    assert_eq!(project.extract(&spec).await.unwrap().rows.len(), 400_001);
}

#[tokio::test]
async fn delimiters_and_quotes_that_are_halves_of_characters_are_none() {
    // In Big5 and GB18030 the second byte of a character may be `|`, `\` or a digit.
    let text = "a|b\n\u{8a31}\u{529f}\u{84cb}|\u{9910}\n\"\u{80b2}|\u{5fc5}\"|1\n";
    let rows = vec![row(&["許功蓋", "餐"]), row(&["育|必", "1"])];
    let wide = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        let units = text.encode_utf16().flat_map(bytes);
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    for (encoding, bytes) in [
        ("big5", encoding_rs::BIG5.encode(text).0.into_owned()),
        ("gb18030", encoding_rs::GB18030.encode(text).0.into_owned()),
        ("utf-8", wide(&[0xFF, 0xFE], u16::to_le_bytes)),
        ("utf-8", wide(&[0xFE, 0xFF], u16::to_be_bytes)),
    ] {
        let project = Project::new().await;
        project.write("t.csv", bytes);
        for delimiter in ["", ", delimiter: '|'"] {
            let from = format!("csv: {{path: t.csv, encoding: {encoding}{delimiter}}}");
            let spec = spec(&format!("name: t\nfrom: {{{from}}}\n{TEXTS}"));
            let outcome = project.extract(&spec).await.unwrap();
            assert_eq!(outcome.rows, rows, "{encoding}{delimiter}");
        }
    }
}
