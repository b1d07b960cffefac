//! What is particular to JSON lines, Excel, SQLite, and to reading only new files.

use super::{Project, causes, row, spec};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use starhouse::error::ErrorKind;
use starhouse::etl::extract;
use std::io::{Cursor, Read, Write};

#[tokio::test]
async fn json_numbers_keep_their_digits_and_paths_reach_inside() {
    let project = Project::new().await;
    let lines = [
        r#"{"id": 9007199254740993, "money": {"amount": 12345678901234567890.12, "cur": "EUR"}}"#,
        r#"{"id": 2, "money": {"amount": "0.10"}, "tags": ["a"]}"#,
        r#"{"id": 3, "money": null, "tags": null}"#,
        r#"{"id": 4, "money": {"amount": 1.005, "cur": "EUR"}}"#,
        r#"{"id": 5, "money": {"amount": 1, "amount": 2}}"#,
        r#"{"id": 6"#,
        "",
        r#"[7]"#,
        r#"{"id": 8.0, "money": {"amount": 1e2}} "#,
    ];
    project.write("a/t.jsonl", lines.join("\n"));
    let outcome = project
        .extract(&spec(
            r#"
name: t
from: {json_lines: {path: "a/*.jsonl"}}
columns:
  - {name: id, type: int64}
  - {name: amount, from: money.amount, type: "decimal(22,2)"}
  - {name: currency, from: money.cur, type: text}
  - {name: tags, type: text}
"#,
        ))
        .await
        .unwrap();
    assert_eq!(
        outcome.rows,
        vec![
            row(&["9007199254740993", "12345678901234567890.12", "EUR", "~"]),
            row(&["2", "0.10", "~", "[\"a\"]"]),
            row(&["3", "~", "~", "~"]),
            row(&["8", "100.00", "~", "~"]),
        ]
    );
    assert_eq!(
        causes(&outcome.rejects),
        vec![(4, "type", Some("amount")), (5, "json", None), (6, "json", None), (8, "json", None)]
    );
    assert_eq!(outcome.rejects[2].raw, lines[5]);
}

fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Notes").unwrap();
    let sheet = book.add_worksheet().set_name("Costs").unwrap();
    let date = Format::new().set_num_format("yyyy-mm-dd hh:mm");
    sheet.write_string(0, 0, "Costs of the year").unwrap();
    for (column, heading) in ["Campaign", "Spend", "Day", "Note"].iter().enumerate() {
        sheet.write_string(2, column as u16, *heading).unwrap();
    }
    sheet.write_string(3, 0, "A").unwrap();
    sheet.write_number(3, 1, 0.1 + 0.2).unwrap();
    let day = ExcelDateTime::from_ymd(2024, 2, 29).unwrap();
    sheet.write_datetime_with_format(3, 2, &day, &date).unwrap();
    // row 5 is empty
    sheet.write_string(5, 0, "B").unwrap();
    sheet.write_string(5, 1, "1.234,50").unwrap();
    sheet.write_string(5, 2, "31.12.2024").unwrap();
    sheet.write_number(5, 3, 42.0).unwrap();
    sheet.write_string(6, 0, "C").unwrap();
    sheet.write_number(6, 1, 19.999).unwrap();
    sheet.write_string(7, 0, "D").unwrap();
    let noon = ExcelDateTime::from_ymd(2024, 1, 1).unwrap().and_hms(12, 0, 0).unwrap();
    sheet.write_datetime_with_format(7, 2, &noon, &date).unwrap();
    book.save_to_buffer().unwrap()
}

const COSTS: &str = r#"
name: costs
from: {excel: {path: costs.xlsx, sheet: Costs, header_row: 3}}
columns:
  - {name: campaign, from: Campaign, type: text}
  - {name: spend, from: Spend, type: "decimal(10,2)", clean: [{number: {decimal: ",", group: "."}}]}
  - {name: day, from: Day, type: date, clean: [{date_formats: ["%d.%m.%Y"]}]}
  - {name: note, from: Note, type: text}
"#;

#[tokio::test]
async fn numbers_and_dates_of_a_sheet_stay_what_they_are() {
    let project = Project::new().await;
    project.write("costs.xlsx", workbook());
    let outcome = project.extract(&spec(COSTS)).await.unwrap();
    assert_eq!(
        outcome.rows,
        vec![row(&["A", "0.30", "2024-02-29", "~"]), row(&["B", "1234.50", "2024-12-31", "42"])]
    );
    assert_eq!(
        causes(&outcome.rejects),
        vec![(7, "type", Some("spend")), (8, "type", Some("day"))]
    );
}

/// A workbook with another text in one of its files.
fn edited(book: &[u8], name: &str, edit: impl Fn(String) -> String) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(book)).unwrap();
    let mut copy = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let own = file.name().unwrap().into_owned();
        if own == name {
            content = edit(String::from_utf8(content).unwrap()).into_bytes();
        }
        copy.start_file(own, zip::write::SimpleFileOptions::default()).unwrap();
        copy.write_all(&content).unwrap();
    }
    copy.finish().unwrap().into_inner()
}

/// The same workbook as an old Mac would have saved it: its days count from 1904.
fn with_1904_epoch(book: &[u8]) -> Vec<u8> {
    edited(book, "xl/workbook.xml", |text| {
        assert!(text.contains("<workbookPr "), "{text}");
        text.replace("<workbookPr ", "<workbookPr date1904=\"1\" ")
    })
}

/// Midnight is a time, what no day has is no day, and what has no value is not loaded as text or NULL.
#[tokio::test]
async fn cells_that_are_not_what_they_seem() {
    let project = Project::new().await;
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "n").unwrap();
    sheet.write_string(0, 1, "v").unwrap();
    let (time, date) =
        (Format::new().set_num_format("h:mm:ss"), Format::new().set_num_format("yyyy-mm-dd"));
    for row in 1..=9 {
        sheet.write_number(row, 0, row).unwrap();
    }
    sheet.write_number_with_format(1, 1, 0, &time).unwrap();
    sheet.write_number_with_format(2, 1, 0.5, &time).unwrap();
    sheet.write_number_with_format(3, 1, 2_958_465, &date).unwrap();
    sheet.write_number_with_format(4, 1, 2_958_466, &date).unwrap();
    sheet.write_number_with_format(5, 1, -1, &date).unwrap();
    sheet.write_formula(6, 1, rust_xlsxwriter::Formula::new("=NA()").set_result("#N/A")).unwrap();
    sheet.write_formula(7, 1, rust_xlsxwriter::Formula::new("=A8*2").set_result("777")).unwrap();
    sheet.write_formula(8, 1, rust_xlsxwriter::Formula::new("=A9*2").set_result("888")).unwrap();
    let book = book.save_to_buffer().unwrap();
    let book = edited(&book, "xl/worksheets/sheet1.xml", |text| {
        assert!(text.contains("<v>888</v>"), "{text}");
        text.replace("<v>888</v>", "")
    });
    project.write("t.xlsx", book);
    let yaml = |clean: &str| {
        let columns =
            format!("columns: [{{name: n, type: int32}}, {{name: v, type: text{clean}}}]");
        spec(&format!("name: t\nfrom: {{excel: {{path: t.xlsx}}}}\n{columns}"))
    };
    let outcome = project.extract(&yaml("")).await.unwrap();
    let rows = [
        ["1", "00:00:00"],
        ["2", "12:00:00"],
        ["3", "9999-12-31"],
        ["4", "2958466"],
        ["5", "-1"],
        ["7", "777"],
        ["9", "~"],
    ];
    assert_eq!(outcome.rows, rows.map(|cells| row(&cells)));
    assert_eq!(causes(&outcome.rejects), vec![(7, "error", None), (9, "formula", None)]);
    assert!(outcome.rejects[0].reason.contains("B7 is #N/A"), "{:?}", outcome.rejects[0]);
    assert!(
        outcome.rejects[1].reason.contains("B9 is a formula without"),
        "{:?}",
        outcome.rejects[1]
    );
    let outcome = project.extract(&yaml(", clean: [{null_if: ['#N/A']}]")).await.unwrap();
    assert_eq!((outcome.rows.len(), outcome.rejects.len()), (8, 1));
    // as days, these are none
    let days = spec("name: t\nfrom: {excel: {path: t.xlsx}}\ncolumns: [{name: v, type: date}]");
    let outcome = project.extract(&days).await.unwrap();
    assert_eq!(outcome.rows, [row(&["9999-12-31"]), row(&["~"])]);
}

#[tokio::test]
async fn days_follow_the_workbooks_epoch() {
    let project = Project::new().await;
    project.write("costs.xlsx", with_1904_epoch(&workbook()));
    let outcome = project.extract(&spec(COSTS)).await.unwrap();
    // the same serial numbers mean 1,462 days later
    assert_eq!(outcome.rows[0][2].as_deref(), Some("2028-03-01"));
    assert_eq!(outcome.rows[1][2].as_deref(), Some("2024-12-31"));
}

/// Sheets as other programs write them, `tests/workbooks`: .xls by Python's xlwt 1.3, of either epoch
/// with the same serial numbers, and .ods by hand.
#[tokio::test]
async fn old_and_open_workbooks_are_read_as_new_ones() {
    let project = Project::new().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workbooks");
    for (file, days) in [
        // 59 is the last of February 1900, 61 the first of March: the day between there never was
        ("days_1900.xls", ["2024-02-29", "1900-02-28", "1900-03-01"]),
        ("days_1904.xls", ["2028-03-01", "1904-02-29", "1904-03-02"]),
        ("days.ods", ["2024-02-29", "1900-02-28", "1900-03-01"]),
    ] {
        project.write(file, std::fs::read(folder.join(file)).unwrap());
        let yaml = COSTS.replace("costs.xlsx", file).replace(", header_row: 3", "");
        let outcome = project.extract(&spec(&yaml)).await.unwrap();
        let rows = vec![
            row(&["Größe 张", "0.30", days[0], "x"]),
            row(&["B", "1234.50", "2024-12-31", "42"]),
            row(&["D", "1.00", days[1], "~"]),
            row(&["E", "1.00", days[2], "true"]),
        ];
        assert_eq!(outcome.rows, rows, "{file}");
        let wrong = vec![(4, "type", Some("spend")), (7, "type", Some("day"))];
        assert_eq!(causes(&outcome.rejects), wrong, "{file}");
        let raw = &outcome.rejects[1].raw;
        assert!(raw.starts_with("{\"Campaign\":\"F\",\"Spend\":1,\"Day\":\"20"), "{file}: {raw}");
    }
}

#[tokio::test]
async fn a_part_of_a_sheet_is_all_that_is_read() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let cells = [
        ["", "sales of the north", "", "", ""],
        ["", "", "", "", ""],
        ["x", "id", "town", "n", "note"],
        ["", "1", "York", "3", "!"],
        ["", "2", "Hull", "4", ""],
        ["", "", "", "", ""],
        ["", "sum", "", "7", "7"],
    ];
    for (row, cells) in cells.iter().enumerate() {
        for (column, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            sheet.write_string(row as u32, column as u16, *text).unwrap();
        }
    }
    let project = Project::new().await;
    project.write("t.xlsx", book.save_to_buffer().unwrap());
    let yaml = |range: &str| {
        format!(
            "name: t\nfrom: {{excel: {{path: t.xlsx, {range}}}}}\ncolumns: [{{name: id, type: int32}}, {{name: n, \
             type: int32}}]"
        )
    };
    let read = async |range: &str| project.extract(&spec(&yaml(range))).await;
    let rows = [row(&["1", "3"]), row(&["2", "4"])];
    assert_eq!(read("range: 'B3:D5'").await.unwrap().rows, rows);
    let whole = read("range: 'B3:D'").await.unwrap();
    assert_eq!(whole.rows, rows);
    assert_eq!(causes(&whole.rejects), vec![(7, "type", Some("id"))]);
    assert_eq!(read("range: 'b3:d900'").await.unwrap().rejects.len(), 1);
    for (range, says) in [
        ("range: 'B3:C5'", "no column `n`"),
        ("range: 'B2:D5'", "the heading cell B2 is empty"),
        ("range: 'B30:D35'", "the sheet is empty"),
        ("range: 'B3-D5'", "write it as B3:F20"),
        ("range: 'B3:D5', header_row: 3", "both say where the headings are"),
    ] {
        let error = read(range).await.err().unwrap().to_string();
        assert!(error.contains(says), "{range}: {error}");
    }
}

#[tokio::test]
async fn sheets_and_headings_that_are_not_there() {
    let project = Project::new().await;
    project.write("costs.xlsx", workbook());
    for (from, to, says) in [
        ("sheet: Costs", "sheet: Cost", "did you mean `Costs`? the workbook has Notes, Costs"),
        ("header_row: 3", "header_row: 1", "the heading cell B1 is empty or merged"),
        ("sheet: Costs", "sheet: Notes", "the sheet is empty"),
    ] {
        let error = project.extract(&spec(&COSTS.replace(from, to))).await.err().unwrap();
        assert!(error.to_string().contains(says), "{error}");
    }
    project.write("costs.xlsx", "no workbook");
    let error = project.extract(&spec(COSTS)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
}

#[tokio::test]
async fn a_live_database_is_read_with_its_log_and_known_by_its_rows() {
    let project = Project::new().await;
    let path = project.path().join("shop.db");
    let shop = rusqlite::Connection::open(&path).unwrap();
    shop.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
         CREATE TABLE orders (id INTEGER, total REAL, note, placed TEXT);
         CREATE TABLE other (x);
         INSERT INTO orders VALUES (1, 19.99, 'a', '2024-01-01'), (2, 0.1 + 0.2, NULL, NULL),
                                   (3, 1, x'ff00', NULL), (4, 1.005, 'b', NULL);",
    )
    .unwrap();
    let table = "{sqlite: {path: shop.db, table: orders}}";
    let yaml = |from: &str| {
        format!(
            "name: o\nfrom: {from}\ncolumns:
  - {{name: id, type: int32}}
  - {{name: total, type: \"decimal(8,2)\"}}
  - {{name: note, type: text}}
  - {{name: placed, type: date}}"
        )
    };
    let orders = spec(&yaml(table));
    let outcome = project.extract(&orders).await.unwrap();
    let expected = vec![
        row(&["1", "19.99", "a", "2024-01-01"]),
        row(&["2", "0.30", "~", "~"]),
        row(&["3", "1.00", "\\xff00", "~"]),
    ];
    assert_eq!(outcome.rows, expected);
    assert_eq!(causes(&outcome.rejects), vec![(4, "type", Some("total"))]);

    let seen = outcome.extracted.extent.inputs;
    let is_unchanged =
        async || extract::plan(project.path(), &orders, Some(&seen)).await.unwrap().is_unchanged();
    shop.execute_batch("INSERT INTO other VALUES (1); PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
    assert!(is_unchanged().await, "another table's rows are nothing new");
    shop.execute_batch("UPDATE orders SET total = 20 WHERE id = 1").unwrap();
    assert!(!is_unchanged().await, "a row in the log is new");

    let query = "{sqlite: {path: shop.db, query: \"SELECT id, total, note, placed FROM orders WHERE id < 2\"}}";
    let outcome = project.extract(&spec(&yaml(query))).await.unwrap();
    assert_eq!(outcome.rows, vec![row(&["1", "20.00", "a", "2024-01-01"])]);

    for (from, says) in [
        ("{sqlite: {path: shop.db, table: ordres}}", "did you mean `orders`? it has orders, other"),
        ("{sqlite: {path: shop.db, query: SELEC 1}}", "the query of the source is wrong"),
        ("{sqlite: {path: shop.db, query: DELETE FROM orders}}", "only reads"),
        ("{sqlite: {path: shop.db}}", "either `table` or `query`"),
    ] {
        let error = project.extract(&spec(&yaml(from))).await.err().unwrap();
        assert!(error.to_string().contains(says), "{error}");
    }
    project.write("shop.db", "no database, but long enough to look like one might ".repeat(20));
    let error = project.extract(&orders).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
}

#[tokio::test]
async fn only_new_files_are_read_and_all_are_remembered() {
    let project = Project::new().await;
    project.write("in/day_1.csv", "id\n1\n");
    let new_files = spec(
        "name: t\nfrom: {csv: {path: \"in/day_*.csv\"}}\nstrategy: new_files
columns: [{name: id, type: int32}]",
    );
    let first = project.extract(&new_files).await.unwrap();
    assert_eq!(first.rows, vec![row(&["1"])]);
    project.write("in/day_2.csv", "id\n2\n");
    let seen = first.extracted.extent.inputs;
    let second = project.extract_after(&new_files, Some(&seen)).await.unwrap();
    assert_eq!(second.rows, vec![row(&["2"])]);
    let names = |inputs: &[starhouse::store::Input]| -> Vec<String> {
        inputs.iter().map(|input| input.name.clone()).collect()
    };
    let seen = second.extracted.extent.inputs;
    assert_eq!(names(&seen), ["in/day_1.csv", "in/day_2.csv"]);
    // an archived file stays known, a rewritten one is read again
    std::fs::remove_file(project.path().join("in/day_2.csv")).unwrap();
    assert!(extract::plan(project.path(), &new_files, Some(&seen)).await.unwrap().is_unchanged());
    project.write("in/day_1.csv", "id\n11\n");
    let third = project.extract_after(&new_files, Some(&seen)).await.unwrap();
    assert_eq!(third.rows, vec![row(&["11"])]);
    assert_eq!(names(&third.extracted.extent.inputs), ["in/day_1.csv", "in/day_2.csv"]);
}

#[tokio::test]
async fn on_error_null_keeps_the_row_and_is_counted() {
    let project = Project::new().await;
    project.write("t.csv", "id,size\n1,5\n2,x\n3,99\n");
    let outcome = project
        .extract(&spec(
            r#"
name: t
from: {csv: {path: t.csv}}
columns:
  - {name: id, type: int32}
  - {name: size, type: int16, clean: [{range: {min: "1", max: "9"}}], on_error: "null"}
"#,
        ))
        .await
        .unwrap();
    assert_eq!(outcome.rows, vec![row(&["1", "5"]), row(&["2", "~"]), row(&["3", "~"])]);
    let nulled = &outcome.extracted.extent.counts.nulled;
    assert_eq!(nulled.get(&("size".to_owned(), "type".to_owned())), Some(&1));
    assert_eq!(nulled.get(&("size".to_owned(), "range".to_owned())), Some(&1));
}

/// As old Macs and some spreadsheets save text.
#[tokio::test]
async fn lines_that_end_with_cr_alone() {
    let project = Project::new().await;
    project.write("t.csv", b"id,t\r1,\"a\rb\"\r\r2,c\rx,d\r3,e");
    let yaml = "name: t\nfrom: {csv: {path: t.csv, encoding: latin-1}}\n\
                columns: [{name: id, type: int32}, {name: t, type: text}]";
    let outcome = project.extract(&spec(yaml)).await.unwrap();
    assert_eq!(outcome.rows, [row(&["1", "a\nb"]), row(&["2", "c"]), row(&["3", "e"])]);
    assert_eq!(causes(&outcome.rejects), vec![(6, "type", Some("id"))]);
    assert_eq!(outcome.rejects[0].offset, Some(18));
    assert_eq!(outcome.rejects[0].raw, "x,d");
    let told = &outcome.extracted.extent.counts.told;
    assert!(told.contains("t.csv ends its lines with CR alone"), "{told:?}");
}

/// Bytes of a database are what README says they are, text or not.
#[tokio::test]
async fn blobs_are_hexadecimal_digits() {
    let project = Project::new().await;
    let database = rusqlite::Connection::open(project.path().join("t.db")).unwrap();
    database
        .execute_batch("CREATE TABLE t (b); INSERT INTO t VALUES (x'6162'), (x'ff00'), ('ab')")
        .unwrap();
    drop(database);
    let yaml = "name: t\nfrom: {sqlite: {path: t.db, table: t}}\ncolumns: [{name: b, type: text}]";
    let outcome = project.extract(&spec(yaml)).await.unwrap();
    assert_eq!(outcome.rows, [row(&["\\x6162"]), row(&["\\xff00"]), row(&["ab"])]);
}
