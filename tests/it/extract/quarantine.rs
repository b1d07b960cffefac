//! What quarantine keeps of a row: its bytes, and where they are in the file.

use super::{Project, spec};
use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16LE, WINDOWS_1252};

/// The bytes of a text in an encoding.
fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    match encoding == UTF_16LE {
        true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        false => encoding.encode(text).0.into_owned(),
    }
}

/// Rows of which the third and the fifth have no number; what is before, between and after them.
fn written(
    before: &str,
    row: impl Fn(&str) -> String,
    between: &str,
    after: &str,
) -> (String, [String; 2]) {
    let rows: Vec<String> = ["1", "2", "x", "4", "\u{fc}y", "6"].map(&row).into();
    let text = format!("{before}{}{after}", rows.join(between));
    (text, [rows[2].clone(), rows[4].clone()])
}

/// Where a text stands in another: its line and its offset.
fn place(whole: &str, part: &str, encoding: &'static Encoding, mark: usize) -> (u64, u64) {
    let before = &whole[..whole.find(part).unwrap()];
    let line = 1 + before.matches('\n').count() as u64;
    (line, (mark + encoded(before, encoding).len()) as u64)
}

#[tokio::test]
async fn a_refused_row_is_found_again_in_its_file() {
    let columns = "columns: [{name: n, type: int32}, {name: t, type: text}]";
    let csv = || written("n,t\n", |n| format!("{n},\"a\u{e9}\"\"{n}\"\"\""), "\n", "\n");
    let crlf = || written("n,t\r\n", |n| format!("{n},\"two\u{e9}\nlines\""), "\r\n", "");
    let chinese = || written("n,t\n", |n| format!("{n},\u{5f35}\u{5049}"), "\n", "\n");
    let object = |n: &str| format!("{{\"n\": \"{n}\", \"t\": \"\u{5f35}\"}}");
    let lines = || written("", object, "\n\n", "\n");
    let array = || written("{\"rows\": [\n", object, ",\n  ", "]}\n");
    for (from, file, (text, bad), encoding, mark) in [
        ("csv: {path: t.csv}", "t.csv", csv(), UTF_8, 0),
        ("csv: {path: t.csv}", "t.csv", csv(), UTF_8, 3),
        ("csv: {path: t.csv}", "t.csv", crlf(), UTF_8, 0),
        ("csv: {path: t.csv, encoding: windows-1252}", "t.csv", csv(), WINDOWS_1252, 0),
        ("csv: {path: t.csv, encoding: utf-16le}", "t.csv", csv(), UTF_16LE, 2),
        ("csv: {path: t.csv.gz, encoding: gb18030}", "t.csv.gz", chinese(), GB18030, 0),
        ("json_lines: {path: t.jsonl}", "t.jsonl", lines(), UTF_8, 0),
        ("json: {path: t.json, at: rows}", "t.json", array(), UTF_8, 0),
    ] {
        let what = format!("{from} {} {mark}", encoding.name());
        let mut bytes = [&[][..], &[], b"\xff\xfe", b"\xef\xbb\xbf"][mark].to_vec();
        bytes.extend(encoded(&text, encoding));
        let project = Project::new().await;
        let content =
            if file.ends_with(".gz") { super::writers::gzip(&bytes) } else { bytes.clone() };
        project.write(file, content);
        let outcome =
            project.extract(&spec(&format!("name: t\nfrom: {{{from}}}\n{columns}"))).await;
        let outcome = outcome.unwrap();
        assert_eq!((outcome.rows.len(), outcome.rejects.len()), (4, 2), "{what}");
        for (reject, bad) in outcome.rejects.iter().zip(&bad) {
            assert_eq!(&reject.raw, bad, "{what}");
            let (line, offset) = place(&text, bad, encoding, mark);
            assert_eq!((reject.line, reject.offset), (line, Some(offset)), "{what}");
            let offset = usize::try_from(offset).unwrap();
            assert!(bytes[offset..].starts_with(&encoded(bad, encoding)), "{what}");
            assert_eq!((reject.job.as_str(), reject.source.as_str()), ("job", "t"), "{what}");
            assert_eq!((reject.file.as_str(), reject.rule.as_str()), (file, "type"), "{what}");
            assert_eq!(reject.column.as_deref(), Some("n"), "{what}");
            assert!(
                reject.run.0.starts_with("run-t-") && reject.reason.contains('`'),
                "{reject:?}"
            );
            assert_eq!(reject.rules.len(), 12, "{reject:?}");
        }
    }
}

#[tokio::test]
async fn other_rules_have_another_version() {
    let project = Project::new().await;
    project.write("t.csv", "n\nx\n");
    let version = async |rules: &str| {
        let yaml = format!("name: t\nfrom: {{csv: {{path: t.csv}}}}\n{rules}");
        project.extract(&spec(&yaml)).await.unwrap().rejects[0].rules.clone()
    };
    let one = version("columns: [{name: n, type: int32}]").await;
    assert_eq!(one, version("columns: [{name: n, type: int32}]").await);
    for other in [
        "columns: [{name: n, type: int16}]",
        "columns: [{name: n, type: int32, clean: [trim]}]",
        "columns: [{name: n, type: int32}]\nchecks: [{name: c, check: n > 1}]",
        "columns: [{name: n, type: int32}]\nmust_exist: [{name: c, from: {csv: {path: t.csv}}, by: {n: n}}]",
    ] {
        let result = match other.contains("must_exist") {
            true => {
                project.write("u.csv", "n\n1\n");
                version(&other.replace("{path: t.csv}}, by", "{path: u.csv}}, by")).await
            }
            false => version(other).await,
        };
        assert_ne!(one, result, "{other}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept_as_they_were() {
    let project = Project::new().await;
    let big5 = BIG5.encode("\u{5f35}").0.into_owned();
    project.write("t.csv", [&b"n,t\n1,"[..], &big5, b"\n2,b\n"].concat());
    let yaml = "name: t\nfrom: {csv: {path: t.csv}}\ncolumns: [{name: n, type: int32}, {name: t, type: text}]";
    let outcome = project.extract(&spec(yaml)).await.unwrap();
    assert_eq!(outcome.rows.len(), 1);
    let reject = &outcome.rejects[0];
    assert_eq!((reject.rule.as_str(), reject.line, reject.offset), ("encoding", 2, Some(4)));
    let raw: Vec<String> =
        big5.iter()
            .map(|byte| {
                if byte.is_ascii() {
                    char::from(*byte).to_string()
                } else {
                    format!("\\x{byte:02X}")
                }
            })
            .collect();
    assert_eq!(reject.raw.to_lowercase(), format!("1,{}", raw.concat()).to_lowercase());
}
