//! CSV: encodings, quotes, ragged rows, and that anything written comes back.

use super::{Project, causes, row, spec};
use proptest::prelude::*;
use starhouse::error::ErrorKind;
use starhouse::store::Reject;

const TWO_TEXTS: &str = "
name: t
from: {csv: {path: t.csv}}
columns: [{name: a, type: text}, {name: b, type: text}]
";

/// A file with every ugliness of the trade, each on its own row.
const UGLY: &[u8] = b"\xef\xbb\xbf id ;Name; Amount ;Day\r\n\
    1;Anna;1.234,50;31.01.2024\r\n\
    2;\"Bo;b\r\n\"\"B.\"\"\";-7,5;29.02.2024\r\n\
    \r\n\
    3;Zo\xff;1,00;01.01.2024\r\n\
    4;too few;1,00\r\n\
    5;too;many;1,00;01.01.2024\r\n\
    6;\"a\"b;1,00;01.01.2024\r\n\
    7;;1,005;01.01.2024\r\n\
    8;;1.23;01.01.2024\r\n\
    9;;n/a;31.02.2024\r\n\
    x;;1,00;01.01.2024\r\n\
    ;;1,00;01.01.2024\r\n\
    11;\xe2\x82\xac;1,00;01.01.2024\n\
    12;\"open;1,00;01.01.2024\r\n";

#[tokio::test]
async fn an_ugly_file_gives_its_good_rows_and_says_what_is_wrong_with_the_others() {
    let project = Project::new().await;
    project.write("in/ugly.csv", UGLY);
    let spec = spec(
        r#"
name: ugly
from: {csv: {path: "in/*.csv", delimiter: ";"}}
columns:
  - {name: id, type: int32, clean: [required]}
  - {name: name, from: Name, type: text}
  - {name: amount, from: Amount, type: "decimal(10,2)", clean: [{null_if: [N/A]}, {number: {decimal: ",", group: "."}}]}
  - {name: day, from: Day, type: date, clean: [{date_formats: ["%d.%m.%Y"]}]}
"#,
    );
    let outcome = project.extract(&spec).await.unwrap();
    assert_eq!(
        outcome.rows,
        vec![
            row(&["1", "Anna", "1234.50", "2024-01-31"]),
            row(&["2", "Bo;b\r\n\"B.\"", "-7.50", "2024-02-29"]),
            row(&["11", "€", "1.00", "2024-01-01"]),
        ]
    );
    assert_eq!(
        causes(&outcome.rejects),
        vec![
            (6, "encoding", None),
            (7, "ragged", None),
            (8, "ragged", None),
            (9, "quote", None),
            (10, "type", Some("amount")),
            (11, "number", Some("amount")),
            (12, "date_formats", Some("day")),
            (13, "type", Some("id")),
            (14, "required", Some("id")),
            (16, "quote", None),
        ]
    );
    let bad = &outcome.rejects[0];
    assert_eq!(bad.raw, "3;Zo\\xFF;1,00;01.01.2024");
    assert_eq!(bad.file, "in/ugly.csv");
    // every reject's offset points at the row it quotes
    for reject in &outcome.rejects {
        let rest = &UGLY[usize::try_from(reject.offset.unwrap()).unwrap()..];
        let start = &reject.raw.as_bytes()[..4];
        assert!(rest.starts_with(start), "{reject:?}");
    }
    let open = outcome.rejects.iter().find(|reject| reject.line == 16).unwrap();
    assert_eq!(open.raw, "12;\"open;1,00;01.01.2024");
}

#[tokio::test]
async fn encodings_are_decoded_strictly_and_a_byte_order_mark_wins() {
    let text = "a,b\n张伟,€1\nÅse,x\n";
    let utf16 = |big: bool| -> Vec<u8> {
        let mark = if big { vec![0xFE, 0xFF] } else { vec![0xFF, 0xFE] };
        let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        mark.into_iter().chain(text.encode_utf16().flat_map(unit)).collect()
    };
    let rows = vec![row(&["张伟", "€1"]), row(&["Åse", "x"])];
    for (encoding, bytes) in [
        ("utf-8", text.as_bytes().to_vec()),
        ("windows-1252", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("gb18030", encoding_rs::GB18030.encode(text).0.into_owned()),
        ("utf-8", utf16(true)),
        ("utf-8", utf16(false)),
        ("utf-16le", utf16(false)[2..].to_vec()),
        ("utf-16be", utf16(true)[2..].to_vec()),
    ] {
        let project = Project::new().await;
        project.write("t.csv", bytes);
        let yaml = TWO_TEXTS.replace("t.csv", &format!("t.csv, encoding: {encoding}"));
        let outcome = project.extract(&spec(&yaml)).await.unwrap();
        assert_eq!(outcome.rows, rows, "{encoding}");
    }
}

#[tokio::test]
async fn undecodable_rows_of_any_encoding_keep_their_bytes() {
    for (encoding, bad, raw) in [
        ("gb18030", &b"\x81,x"[..], "\\x81,x"),
        ("shift_jis", b"\x81,\xfd", "\\x81,\\xFD"),
        ("utf-8", b"\xe2\x82,\xc0\x80", "\\xE2\\x82,\\xC0\\x80"),
    ] {
        let project = Project::new().await;
        project.write("t.csv", [b"a,b\n1,2\n", bad, b"\n3,4\n"].concat());
        let yaml = TWO_TEXTS.replace("t.csv", &format!("t.csv, encoding: {encoding}"));
        let outcome = project.extract(&spec(&yaml)).await.unwrap();
        assert_eq!(outcome.rows, vec![row(&["1", "2"]), row(&["3", "4"])], "{encoding}");
        assert_eq!(causes(&outcome.rejects), vec![(3, "encoding", None)]);
        assert_eq!(outcome.rejects[0].raw, raw, "{encoding}");
        assert_eq!(outcome.rejects[0].offset, Some(8));
    }
}

#[tokio::test]
async fn descriptions_that_cannot_be_right_are_refused_with_a_way_out() {
    let project = Project::new().await;
    project.write("data/sales_2024.csv", "id,email,amount,email\n1,a,2,b\n");
    project.write("data/empty.csv", "");
    for (from, columns, says) in [
        (
            "path: data/sales_2042.csv",
            "{name: id, type: text}",
            "did you mean `data/sales_2024.csv`",
        ),
        ("path: dta/x.csv", "{name: id, type: text}", "nor is there a folder `dta`"),
        ("path: data/sales_2024.csv", "{name: amuont, type: text}", "did you mean `amount`"),
        ("path: data/sales_2024.csv", "{name: email, type: text}", "`email` stands there twice"),
        ("path: data/empty.csv", "{name: id, type: text}", "the file is empty"),
        ("path: data/sales_2024.csv, encoding: utf-9", "{name: id, type: text}", "gb18030"),
        (
            "path: data/sales_2024.csv",
            "{name: id, type: text, clean: [{matches: \"(\"}]}",
            "not a regular expression",
        ),
        (
            "path: data/sales_2024.csv",
            "{name: id, type: text, clean: [required], on_error: \"null\"}",
            "contradict",
        ),
    ] {
        let yaml = format!("name: t\nfrom: {{csv: {{{from}}}}}\ncolumns: [{columns}]");
        let error = project.extract(&spec(&yaml)).await.err().unwrap();
        assert!(error.to_string().contains(says), "{error}");
        assert!(matches!(error.kind(), ErrorKind::User | ErrorKind::NotFound | ErrorKind::Data));
    }
}

#[tokio::test]
async fn a_quote_that_swallows_the_file_ends_the_run_instead_of_the_memory() {
    let project = Project::new().await;
    let line = "x".repeat(99) + "\n";
    let text = format!("a,b\n1,2\n\"open,{}", line.repeat(200_000));
    project.write("t.csv", text);
    let error = project.extract(&spec(TWO_TEXTS)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(error.context("line"), Some("3"), "{error}");
}

/// Far more than is read at a time, with every kind of row between the plain ones.
#[tokio::test]
async fn rows_and_rejects_of_long_files_keep_their_order_and_places() {
    let project = Project::new().await;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for file in 0..2 {
        let mut text = "id,label\n".to_owned();
        let mut line = 2;
        for id in 0..60_000 {
            let (written, label, rule) = match id % 1_000 {
                1 => (format!("{id},\"one\nmore\"\n"), "one\nmore", None),
                2 => (format!("x{id},two\r\n"), "two", Some("type")),
                3 => (format!("{id},three,\n"), "three", Some("ragged")),
                4 => (format!("\n\r\n{id},four\n"), "four", None),
                _ => (format!("{id},plain\n"), "plain", None),
            };
            match rule {
                None => good.push(row(&[&id.to_string(), label])),
                Some(rule) => bad.push((format!("{file}.csv"), line, text.len() as u64, rule)),
            }
            line += written.matches('\n').count() as u64;
            text.push_str(&written);
        }
        project.write(&format!("{file}.csv"), text);
    }
    let spec = spec(
        r#"
name: t
from: {csv: {path: "*.csv"}}
columns: [{name: id, type: int32}, {name: label, type: text}]
"#,
    );
    let outcome = project.extract(&spec).await.unwrap();
    assert!(outcome.rows == good);
    let place = |reject: &Reject| {
        (reject.file.clone(), reject.line, reject.offset.unwrap(), reject.rule.clone())
    };
    let mut places: Vec<_> = outcome.rejects.iter().map(place).collect();
    places.sort();
    let expected: Vec<_> =
        bad.into_iter().map(|(file, line, at, rule)| (file, line, at, rule.to_owned())).collect();
    assert_eq!(places, expected);
    let again = project.extract(&spec).await.unwrap();
    let files = |outcome: &super::Outcome| -> Vec<String> {
        outcome.extracted.staged.files.iter().map(|file| file.sha256.clone()).collect()
    };
    assert_eq!(files(&again), files(&outcome));
}

/// How many random files to try.
fn cases() -> u32 {
    if std::env::var_os("STARHOUSE_FULL").is_some() { 2_000 } else { 40 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// What the csv crate writes, whatever is in it, comes back row for row.
    #[test]
    fn what_was_written_is_read(
        rows in prop::collection::vec(("[a-z\"',;\r\n\t 张é|]{0,6}", "\\PC{0,8}"), 0..40),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        always in any::<bool>(),
    ) {
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter as u8)
            .quote_style(style)
            .from_writer(Vec::new());
        writer.write_record(["a", "b"]).unwrap();
        for (a, b) in &rows {
            writer.write_record([a, b]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let shown = if delimiter == '\t' { "\\t".to_owned() } else { delimiter.to_string() };
        let yaml = TWO_TEXTS.replace("t.csv", &format!("t.csv, delimiter: \"{shown}\""));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let outcome = runtime.block_on(async {
            let project = Project::new().await;
            project.write("t.csv", bytes);
            project.extract(&spec(&yaml)).await.unwrap()
        });
        let cell = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let expected: Vec<_> = rows.iter().map(|(a, b)| vec![cell(a), cell(b)]).collect();
        prop_assert_eq!(outcome.rows, expected);
        prop_assert!(outcome.rejects.is_empty());
    }

    /// Whatever bytes a file holds: no row is lost, nothing breaks down.
    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(
        prop::sample::select(b"ab,\"\n\r\xff\xe2\x82\xac1".to_vec()), 0..200,
    )) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let project = Project::new().await;
            project.write("t.csv", [b"a,b\n", &bytes[..]].concat());
            project.extract(&spec(TWO_TEXTS)).await.unwrap();
        });
    }
}

#[tokio::test]
async fn the_delimiter_is_the_one_that_finds_the_columns() {
    let project = Project::new().await;
    for (text, from) in [
        ("a;b\n1,5;2\n", ""),
        ("a\tb\n1,5\t2\n", ""),
        ("a|b|c;d,e\n1,5|2|3\n", ""),
        ("\u{feff}\"a\";\"b\"\n\"1,5\";2\n", ""),
        ("a,b;c\n\"1,5\",2\n", ", delimiter: ','"),
    ] {
        project.write("t.csv", text);
        let yaml = TWO_TEXTS.replace("t.csv", &format!("t.csv{from}"));
        let outcome = project.extract(&spec(&yaml)).await;
        match from {
            "" => assert_eq!(outcome.unwrap().rows, vec![row(&["1,5", "2"])], "{text}"),
            // declared wins, and says what it finds
            _ => assert!(outcome.err().unwrap().to_string().contains("no column `b`"), "{text}"),
        }
    }
    // none finds any: the usual error
    project.write("t.csv", "x;y\n1;2\n");
    let error = project.extract(&spec(TWO_TEXTS)).await.err().unwrap().to_string();
    assert!(error.contains("no columns `a`, `b`"), "{error}");
}

#[tokio::test]
async fn an_encoding_that_is_detected_is_told() {
    let project = Project::new().await;
    let rows: String = (0..50)
        .map(|_| "\u{5317}\u{4eac}\u{5e02}\u{671d}\u{9633}\u{533a},\u{738b}\u{5c0f}\u{660e}\n")
        .collect();
    let bytes = encoding_rs::GB18030.encode(&format!("a,b\n{rows}")).0.into_owned();
    project.write("t.csv", &bytes);
    let detect = TWO_TEXTS.replace("t.csv", "t.csv, encoding: detect");
    let outcome = project.extract(&spec(&detect)).await.unwrap();
    assert_eq!(outcome.rows.len(), 50);
    assert_eq!(
        outcome.rows[49],
        row(&["\u{5317}\u{4eac}\u{5e02}\u{671d}\u{9633}\u{533a}", "\u{738b}\u{5c0f}\u{660e}"])
    );
    let told: Vec<_> = outcome.extracted.extent.counts.told.into_iter().collect();
    assert!(told.len() == 1 && told[0].starts_with("t.csv was taken for gb"), "{told:?}");
    // without leave to guess, what is not UTF-8 is refused
    let strict = project.extract(&spec(TWO_TEXTS)).await.unwrap();
    assert_eq!((strict.rows.len(), strict.rejects.len()), (0, 50));
}

/// Each file is `a` and `b` of 1 and `x,y`, 2 and nothing, as somebody writes it.
#[tokio::test]
async fn a_dialect_is_declared_or_seen() {
    let project = Project::new().await;
    let rows = [row(&["1", "x,y"]), row(&["2", "~"])];
    for (text, from, told) in [
        ("'a','b'\n'1','x,y'\n'2',''\n", "", "cells between ' signs"),
        ("a,b\n'1','x,y'\n'2',\n", "", "cells between ' signs"),
        ("a,b\n1,'x,y'\n2,\n", ", quote: \"'\"", ""),
        ("a;b\n1;x,y\n2;\n", ", quote: none", ""),
        ("a,b\n1,x\\,y\n2,\n", ", escape: '\\'", ""),
        ("a,b\n1,\"x,y\"\n2,\n", ", escape: '\"'", ""),
        ("# of Monday\na;b\n1;x,y\n#3;z\n2;\n# all\n", ", comment: '#'", ""),
        // the lines above the headings: counted, or seen
        ("Report of May\n\n;;total 7\na;b\n1;x,y\n2;\n", ", skip_lines: 3", ""),
        ("Report of May\n\n;;total 7\na;b\n1;x,y\n2;\n", "", "has its headings in line 4"),
        ("sep=;\na;b\n1;x,y\n2;\n", "", "has its headings in line 2"),
        ("\n\na;b\n1;x,y\n2;\n", "", ""),
        // a delimiter at the end of each row, of the headings, of both
        ("a;b\n1;x,y;\n2;;\n", "", ""),
        ("a;b\n1;x,y;\n2;;\n", ", trailing_delimiter: true", ""),
        ("a;b;\n1;x,y\n2;\n", "", ""),
        ("a;b;\n1;x,y;\n2;;\n", "", ""),
        ("a;b;\n1;x,y;\n2;;\n", ", trailing_delimiter: true", ""),
    ] {
        for encoding in ["utf-8", "utf-16le"] {
            let bytes = match encoding {
                "utf-8" => text.as_bytes().to_vec(),
                _ => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            };
            project.write("t.csv", bytes);
            let yaml = TWO_TEXTS.replace("t.csv", &format!("t.csv, encoding: {encoding}{from}"));
            let outcome = project.extract(&spec(&yaml)).await.unwrap();
            assert_eq!(outcome.rows, rows, "{text}{from}");
            assert!(outcome.rejects.is_empty(), "{text}{from}: {:?}", outcome.rejects);
            let said: Vec<_> = outcome.extracted.extent.counts.told.into_iter().collect();
            let says = said.concat();
            assert!(
                says.contains(told) && (told.is_empty() == says.is_empty()),
                "{text}: {said:?}"
            );
        }
    }
}

#[tokio::test]
async fn rows_of_another_shape_are_refused_in_any_dialect() {
    let project = Project::new().await;
    for (text, from, expected) in [
        // one row without the delimiter that all others end with, one with text behind it
        (
            "a;b\n1;x;\n2;y\n3;z;\n4;w;v\n5;u;;\n",
            "",
            vec![(3, "ragged"), (5, "ragged"), (6, "ragged")],
        ),
        ("a;b\n1;x\n2;y;\n3;z\n", "", vec![(3, "ragged")]),
        ("a;b\n1;x;\n2;y;\n", ", trailing_delimiter: false", vec![(2, "ragged"), (3, "ragged")]),
        // names that begin with an apostrophe are names
        ("a,b\n1,'t Hooft\n2,'s-Gravesande\n3,x\n", "", vec![]),
        ("a,b\n1,x\n2,'n'\n3,y\n", "", vec![]),
        ("a,b\n1,'x\n2,y'\n3,'z'z\n", ", quote: \"'\"", vec![(4, "quote")]),
        ("a,b\n1,\"x\n2,y\n", "", vec![(2, "quote")]),
        ("a,b\n1,x\\\n", ", escape: '\\'", vec![(2, "quote")]),
    ] {
        project.write("t.csv", text);
        let spec = spec(&TWO_TEXTS.replace("t.csv", &format!("t.csv{from}")));
        let outcome = project.extract(&spec).await.unwrap();
        let found: Vec<_> = outcome.rejects.iter().map(|r| (r.line, r.rule.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }
    let names = |text: &str| text.contains("'n'") || text.contains("'t Hooft");
    project.write("t.csv", "a,b\n1,x\n2,'n'\n3,y\n");
    let outcome = project.extract(&spec(TWO_TEXTS)).await.unwrap();
    assert!(names(outcome.rows[1][1].as_deref().unwrap()), "{:?}", outcome.rows);
}

#[tokio::test]
async fn a_dialect_that_is_declared_wrongly_is_told() {
    let project = Project::new().await;
    project.write("t.csv", "note\na;b\n1;2\n");
    for (from, says) in [
        ("delimiter: ','", "with `delimiter: \";\"` and `skip_lines: 1` they are found"),
        ("skip_lines: 2", "with `delimiter: \";\"` and `skip_lines: 1` they are found"),
        ("skip_lines: 9", "no headings below its first 9 lines"),
        ("quote: ';', delimiter: ';'", "the delimiter and the quote are the same sign"),
        ("comment: ';', delimiter: ';'", "the delimiter and the comment are the same sign"),
        ("escape: \"\\n\"", "the escape cannot be a line end"),
        ("delimiter: '\"'", "say `quote: none`"),
    ] {
        let yaml = TWO_TEXTS.replace("t.csv", &format!("t.csv, {from}"));
        let error = project.extract(&spec(&yaml)).await.err().expect(from);
        assert!(error.to_string().contains(says), "{from}: {error}");
    }
    let quote = TWO_TEXTS.replace("t.csv", "t.csv, quote: nothing");
    let error = serde_saphyr::from_str::<starhouse::etl::job::SourceSpec>(&quote).unwrap_err();
    assert!(error.to_string().contains("expected one sign, or `none`"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// What the csv crate writes with other quotes, escapes and delimiters comes back row for row.
    #[test]
    fn what_was_written_in_a_dialect_is_read(
        rows in prop::collection::vec(("[a-z\"',;\\\\\r\n\t 张é|]{0,6}", "\\PC{0,8}"), 0..40),
        delimiter in prop::sample::select(vec![',', ';', '|']),
        quote in prop::sample::select(vec!['"', '\'']),
        escaped: bool,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter as u8)
            .quote(quote as u8)
            .double_quote(!escaped)
            .escape(b'\\')
            .from_writer(Vec::new());
        writer.write_record(["a", "b"]).unwrap();
        for (a, b) in &rows {
            // the crate leaves a backslash as it is, and so do we before what needs none
            let plain = |text: &String| if escaped { text.replace('\\', "/") } else { text.clone() };
            writer.write_record([plain(a), plain(b)]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let escape = if escaped { ", escape: '\\'" } else { "" };
        let quote = if quote == '"' { "'\"'" } else { "\"'\"" };
        let from = format!("t.csv, delimiter: '{delimiter}', quote: {quote}{escape}");
        let yaml = TWO_TEXTS.replace("t.csv", &from);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let outcome = runtime.block_on(async {
            let project = Project::new().await;
            project.write("t.csv", bytes);
            project.extract(&spec(&yaml)).await.unwrap()
        });
        let cell = |text: &String| {
            let text = if escaped { text.replace('\\', "/") } else { text.clone() };
            Some(text).filter(|text| !text.is_empty())
        };
        let expected: Vec<_> = rows.iter().map(|(a, b)| vec![cell(a), cell(b)]).collect();
        prop_assert_eq!(outcome.rows, expected);
        prop_assert!(outcome.rejects.is_empty());
    }
}
