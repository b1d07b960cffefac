//! The command line as its users meet it: the real binary, its output and its exit codes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn starhouse(folder: &Path, arguments: &[&str]) -> Output {
    starhouse_reading(folder, arguments, "")
}

fn starhouse_reading(folder: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("STARHOUSE_THREADS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that succeeds prints.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = starhouse(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that fails says, and its exit code.
fn failed(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = starhouse(folder, arguments);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), text(&output.stderr))
}

fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    let output = starhouse(folder.path(), &["init", "."]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder
}

#[test]
fn help_has_examples_and_wrong_usage_is_two() {
    let folder = TempDir::new().unwrap();
    for command in [
        "init",
        "check",
        "demo",
        "etl",
        "profile",
        "sql",
        "query",
        "export",
        "releases",
        "aggregates",
        "template",
        "vacuum",
        "serve",
    ] {
        let help = printed(folder.path(), &[command, "--help"]);
        assert!(help.contains("Examples:"), "{command}: {help}");
        assert!(help.contains("--project"), "{command}: {help}");
    }
    assert_eq!(failed(folder.path(), &["bogus"]).0, 2);
    assert_eq!(failed(folder.path(), &["vacuum", "--keep", "0"]).0, 2);
    assert_eq!(failed(folder.path(), &["sql", "SELECT 1", "--as-of", "yesterday"]).0, 2);
    let (code, message) = failed(folder.path(), &["check"]);
    assert_eq!(code, 1);
    assert!(message.contains("no project here") && message.contains("starhouse init"), "{message}");
}

#[test]
fn a_new_project_is_right_and_never_overwritten() {
    let folder = project();
    let checked = printed(folder.path(), &["check"]);
    assert_eq!(checked, "all right: 2 dimensions, 1 fact, 1 cube, 4 measures, 2 jobs\n");
    let (code, message) = failed(folder.path(), &["init", "."]);
    assert_eq!(code, 1);
    assert!(message.contains("not free"), "{message}");
}

/// The headings that a job asks for, and what goes under them.
#[test]
fn a_template_holds_headings_and_says_what_goes_under_them() {
    let folder = project();
    let job = "job: costs\ndescription: costs\nsources:\n  - name: cost\n    from: {FROM}\n    columns:\n\
        \x20     - {name: product_id, from: Product, type: text, clean: [required]}\n\
        \x20     - {name: kind, type: text, clean: [{one_of: [tv, web]}]}\n\
        \x20     - {name: spend, type: \"decimal(9,2)\", clean: [{number: {decimal: \",\"}}]}\n\
        \x20     - {name: day, type: date, clean: [{date_formats: ['%d.%m.%Y']}]}\n\
        transform: SELECT count(*) AS n FROM cost\nload: {dimension: {dimension: product}}\n";
    let from = |from: &str| {
        fs::write(folder.path().join("etl/costs.yaml"), job.replace("{FROM}", from)).unwrap();
    };
    let template = |file: &str| starhouse(folder.path(), &["template", file]);
    from("{csv: {path: \"costs/*.csv\", delimiter: ';'}}");
    let said = printed(folder.path(), &["template", "costs/may.csv"]);
    let written = fs::read_to_string(folder.path().join("costs/may.csv")).unwrap();
    assert_eq!(written, "Product;kind;spend;day\n");
    for expected in ["job `costs`", "decimal(9,2)", "1,25", "29.02.2024", "tv"] {
        assert!(said.contains(expected), "{expected} is missing in\n{said}");
    }
    // who fills it in has the same beside it, which no job reads
    let beside = fs::read_to_string(folder.path().join("costs/may.csv.txt")).unwrap();
    assert!(said.starts_with(&beside) && beside.contains("1,25"), "{beside}");
    let again = text(&template("costs/may.csv").stderr);
    assert!(again.contains("there already"), "{again}");
    let unknown = text(&template("cost/may.csv").stderr);
    assert!(unknown.contains("did you mean `costs/*.csv`"), "{unknown}");
    from("{excel: {path: costs.xlsx, sheet: Costs, header_row: 2}}");
    assert!(template("costs.xlsx").status.success());
    use calamine::Reader;
    let path = folder.path().join("costs.xlsx");
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(path).unwrap();
    let sheet = book.worksheet_range("Costs").unwrap();
    assert_eq!(sheet.get_value((1, 0)).unwrap().to_string(), "Product");
    assert!(book.sheet_names().contains(&"How to fill in".to_owned()));
    // where the range begins
    from("{excel: {path: 'range.*', range: 'B3:F'}}");
    assert!(template("range.xlsx").status.success());
    let mut book: calamine::Xlsx<_> =
        calamine::open_workbook(folder.path().join("range.xlsx")).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.get_value((2, 1)).unwrap().to_string(), "Product");
    for file in ["range.xls", "range.ods"] {
        let told = text(&template(file).stderr);
        assert!(told.contains("`.xlsx`") && !folder.path().join(file).exists(), "{told}");
    }
    // below lines that are skipped, and in the encoding that the job reads
    from("{csv: {path: wide.csv, encoding: utf-16le, skip_lines: 1, delimiter: ';'}}");
    assert!(template("wide.csv").status.success());
    let wide = fs::read(folder.path().join("wide.csv")).unwrap();
    let (written, _, wrong) = encoding_rs::UTF_16LE.decode(&wide);
    assert_eq!((written.as_ref(), wrong), ("-\nProduct;kind;spend;day\n", false));
    from("{parquet: {path: costs.parquet}}");
    let other = text(&template("costs.parquet").stderr);
    assert!(other.contains("templates are for `csv` and `excel`"), "{other}");
}

#[test]
fn check_tells_all_faults_of_all_files() {
    let folder = project();
    let product = folder.path().join("schemas/product.yaml");
    let shop = folder.path().join("schemas/shop.yaml");
    fs::write(folder.path().join("starhouse.yaml"), "thread: 4\n").unwrap();
    let text = fs::read_to_string(&product).unwrap();
    fs::write(&product, text.replace("natural_key:", "natural_keys:")).unwrap();
    let text = fs::read_to_string(&shop).unwrap();
    fs::write(&shop, text.replace("sum: amount", "summ: amount")).unwrap();
    let (code, message) = failed(folder.path(), &["check"]);
    assert_eq!(code, 1);
    for fault in [
        "starhouse.yaml:1:1: unknown setting `thread`",
        "schemas/product.yaml:3:1: unknown key `natural_keys`",
        "schemas/shop.yaml:5:21: unknown key `summ`",
        "did you mean `sum`?",
    ] {
        assert!(message.contains(fault), "{fault} is not in:\n{message}");
    }
}

#[test]
fn answers_come_in_every_format() {
    let folder = project();
    let query = "SELECT 7 AS sold, 'Köln' AS store UNION ALL SELECT NULL, 'a,b' ORDER BY sold";
    let table = "\
┌──────┬───────┐
│ sold ┆ store │
╞══════╪═══════╡
│    7 ┆ Köln  │
│    ∅ ┆ a,b   │
└──────┴───────┘
2 rows
";
    assert_eq!(printed(folder.path(), &["sql", query]), table);
    let csv = printed(folder.path(), &["sql", "--format", "csv", query]);
    assert_eq!(csv, "sold,store\n7,Köln\n,\"a,b\"\n");
    let json = printed(folder.path(), &["sql", "--format", "json", query]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = r#"[{"sold":7,"store":"Köln"},{"sold":null,"store":"a,b"}]"#;
    assert_eq!(json, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    // No rows still have a heading.
    let none = printed(folder.path(), &["sql", "-F", "csv", "SELECT 1 AS a WHERE false"]);
    assert_eq!(none, "a\n");
    let file = folder.path().join("answer.parquet");
    let arguments = ["sql", "-F", "parquet", "-o", file.to_str().unwrap(), query];
    assert_eq!(printed(folder.path(), &arguments), "");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        fs::File::open(&file).unwrap(),
    );
    assert_eq!(reader.unwrap().metadata().file_metadata().num_rows(), 2);
    let output = starhouse(folder.path(), &["sql", "-F", "arrow", query]);
    let reader = arrow::ipc::reader::StreamReader::try_new(output.stdout.as_slice(), None);
    assert_eq!(reader.unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
}

#[test]
fn statements_come_from_files_and_stdin() {
    let folder = project();
    let two = "SELECT 1 AS a; -- the first\nSELECT ';' AS b;\n";
    fs::write(folder.path().join("two.sql"), two).unwrap();
    let answers = printed(folder.path(), &["sql", "-f", "two.sql"]);
    assert_eq!(answers.matches("1 row").count(), 2, "{answers}");
    for arguments in [["sql", "-f", "-"].as_slice(), &["sql"]] {
        let output = starhouse_reading(folder.path(), arguments, two);
        assert_eq!(text(&output.stdout), answers);
        // Only tables on stdout can be several.
        let csv = [arguments, &["-F", "csv"]].concat();
        assert_eq!(starhouse_reading(folder.path(), &csv, two).status.code(), Some(2));
        assert_eq!(
            starhouse_reading(folder.path(), arguments, "-- nothing").status.code(),
            Some(2)
        );
    }
    let (code, message) = failed(folder.path(), &["sql", "-F", "csv", "-f", "two.sql"]);
    assert_eq!(code, 2, "{message}");
    let (code, message) = failed(folder.path(), &["sql", "-f", "three.sql"]);
    assert_eq!(code, 1);
    assert!(message.contains("three.sql"), "{message}");
}

#[test]
fn a_refused_query_leaves_the_output_file_alone() {
    let folder = project();
    let file = folder.path().join("kept.csv");
    fs::write(&file, "kept").unwrap();
    let arguments = ["sql", "-F", "csv", "-o", "kept.csv", "SELECT nothing FROM nowhere"];
    assert_eq!(failed(folder.path(), &arguments).0, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn cube_queries_are_told_their_faults() {
    let folder = project();
    let query = "cube: shop\nmeasure: [revenue]\nrows: year\n";
    let output = starhouse_reading(folder.path(), &["query", "-"], query);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("stdin:2:1: unknown key `measure`"), "{message}");
    assert!(message.contains("stdin:3:7: expected a list, found `year`"), "{message}");
}

/// In JSON around the rows, of tables and CSV on stderr, in Arrow and Parquet in the metadata.
#[test]
fn an_answer_says_from_what_it_comes() {
    let folder = project();
    printed(folder.path(), &["etl", "run"]);
    let query = "{cube: shop, rows: [month, category], measures: [revenue], compare_release: 1}";
    let asked = |more: &[&str]| {
        let output = starhouse_reading(folder.path(), &[&["query", "-"], more].concat(), query);
        assert!(output.status.success(), "{}", text(&output.stderr));
        output
    };
    let output = asked(&["--about", "-F", "json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["release"], &said["compared_release"]), (&1.into(), &1.into()));
    assert_eq!(said["aggregates"], serde_json::json!(["by_month_category"]));
    assert!(said["parts"][0].as_str().unwrap().contains("by_month_category answers"), "{said}");
    let rows: serde_json::Value = serde_json::from_slice(&asked(&["-F", "json"]).stdout).unwrap();
    assert!(rows.as_array().is_some_and(|rows| rows.len() > 2), "{rows}");
    assert_eq!(said["rows"], rows);
    let output = asked(&["--about", "-F", "csv"]);
    let told = "release 1\ncompared with release 1\naggregates: by_month_category\n";
    assert_eq!(text(&output.stderr), told);
    assert!(text(&output.stdout).starts_with("month,category,revenue,"));
    asked(&["-F", "parquet", "-o", "answer.parquet"]);
    let file = fs::File::open(folder.path().join("answer.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let metadata = reader.unwrap().schema().metadata().clone();
    assert_eq!(metadata["starhouse.aggregates"], "[\"by_month_category\"]");
    let stream = asked(&["-F", "arrow"]).stdout;
    let reader = arrow::ipc::reader::StreamReader::try_new(stream.as_slice(), None).unwrap();
    let about = starhouse::engine::About::of(&reader.schema()).unwrap();
    assert_eq!((about.release, about.compared_release), (1, Some(1)));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = project();
    let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["sql", "-F", "csv", "SELECT value FROM generate_series(1, 3000000)"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_run_is_planned_told_and_told_again() {
    let folder = project();
    let planned = printed(folder.path(), &["etl", "plan"]);
    assert!(planned.contains("it has never run") && planned.contains("append"), "{planned}");
    let run = printed(folder.path(), &["etl", "run"]);
    // One row has an impossible date; of the rest one is of a product nobody knows.
    for expected in ["published release 1", "2025-01-32", "1 row has an unknown product"] {
        assert!(run.contains(expected), "`{expected}` is missing in\n{run}");
    }
    let planned = printed(folder.path(), &["etl", "plan"]);
    assert!(planned.contains("nothing new") && !planned.contains("dim_date"), "{planned}");
    assert!(printed(folder.path(), &["etl", "run"]).contains("nothing published"));
    let rejects = printed(folder.path(), &["etl", "rejects", "orders"]);
    assert!(rejects.contains("orders.orders") && rejects.contains("2025-01-32"), "{rejects}");
    assert_eq!(printed(folder.path(), &["etl", "rejects", "products"]), "nothing was rejected\n");
    let (code, message) = failed(folder.path(), &["etl", "rejects", "order"]);
    assert!(code == 2 && message.contains("did you mean `orders`?"), "{message}");
    assert_eq!(failed(folder.path(), &["etl", "rejects", "--run", "never"]).0, 1);
}

/// What no column shows: another kind of history, another first month of the fiscal year.
#[test]
fn a_plan_names_what_is_declared_otherwise() {
    let folder = project();
    printed(folder.path(), &["etl", "run"]);
    let edit = |file: &str, was: &str, is: &str| {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(was), "{text}");
        fs::write(&path, text.replacen(was, is, 1)).unwrap();
    };
    edit("schemas/product.yaml", "history: 2", "history: 1");
    edit("schemas/date.yaml", "fiscal_year_start_month: 4", "fiscal_year_start_month: 7");
    let planned = printed(folder.path(), &["etl", "plan"]);
    for expected in [
        "dim_product: column category keeps history 1 instead of 2",
        "dim_date: would be written anew, it is declared otherwise",
        "agg_shop_by_month_category: would be computed",
    ] {
        assert!(planned.contains(expected), "`{expected}` is missing in\n{planned}");
    }
}

#[test]
fn a_file_is_profiled_and_its_draft_is_a_source() {
    let folder = project();
    let path = folder.path();
    let mut rows = "Order No;Bought on;Amount;Note\n".to_owned();
    for row in 0..40 {
        let note = ["n/a", "", " x", "y"][row % 4];
        rows += &format!("A-{row:03};{:02}.03.2025;{row}.50;{note}\n", row % 28 + 1);
    }
    rows += "A-999;29.03.2025;many;y\n";
    fs::write(path.join("bought.csv"), &rows).unwrap();
    let told = printed(path, &["profile", "bought.csv"]);
    for part in ["order_no", "may be a key", "A-9+", "decimal(12,2)", "not `many`", "41 rows"] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }

    // the draft is a source of a job as it stands
    let draft = printed(path, &["profile", "bought.csv", "--yaml"]);
    for part in
        ["'%d.%m.%Y'", "null_if: ['n/a']", "deduplicate: {key: [order_no]}", "from: 'Order No'"]
    {
        assert!(draft.contains(part), "`{part}` is missing in\n{draft}");
    }
    let job = format!(
        "job: bought\ndescription: as drafted\n{draft}transform: >\n  SELECT order_no AS product_no, \
         note AS product_name, CAST(amount AS VARCHAR) AS category FROM bought WHERE note IS NOT NULL\n\
         load: {{dimension: {{dimension: product}}}}\n"
    );
    fs::write(path.join("etl/bought.yaml"), job).unwrap();
    let run = printed(path, &["etl", "run", "bought"]);
    assert!(run.contains("published release") && run.contains("bought.csv:42"), "{run}");

    // of a source, what it holds before its rules
    let told = printed(path, &["profile", "orders.orders"]);
    assert!(told.contains("ordered_on") && told.contains("9+-9+-9+ 100.0 %"), "{told}");
    let (code, told) = failed(path, &["profile", "orders.ordrs"]);
    assert!(code == 2 && told.contains("it has orders"), "{told}");
    let (_, told) = failed(path, &["profile", "none.csv"]);
    assert!(told.contains("there is no job `none`") || told.contains("no such file"), "{told}");
    fs::write(path.join("x.pdf"), "x").unwrap();
    let (_, told) = failed(path, &["profile", "x.pdf"]);
    assert!(told.contains("no format that is profiled"), "{told}");
}

#[test]
fn documents_are_profiled_with_what_is_inside() {
    let folder = project();
    let path = folder.path();
    let orders = r#"{"made": "2025-03-01", "data": {"orders": [
        {"id": 1, "buyer": {"name": "Ann", "home": {"city": "York"}}, "paid": "1.234,50", "lines": [{"sku": "a"}]},
        {"id": 2, "buyer": {"name": "Bo", "home": null}, "paid": "9,80", "lines": []}]}}"#;
    fs::write(path.join("sources/bought.json"), orders).unwrap();
    let told = printed(path, &["profile", "sources/bought.json"]);
    for part in ["buyer_home_city", "decimal sign `,`", "each: lines", "may be a key", "2 rows"] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    let draft = printed(path, &["profile", "sources/bought.json", "--yaml"]);
    for part in
        ["at: 'data.orders'", "from: 'buyer.home.city'", "number: {decimal: ',', group: '.'}"]
    {
        assert!(draft.contains(part), "`{part}` is missing in\n{draft}");
    }
    // the draft reads what it was drafted from
    let job = format!(
        "job: bought\ndescription: as drafted\n{draft}transform: >\n  SELECT CAST(id AS VARCHAR) AS product_no, \
         buyer_name AS product_name, CAST(paid AS VARCHAR) AS category FROM bought\n\
         load: {{dimension: {{dimension: product}}}}\n"
    );
    fs::write(path.join("etl/bought.yaml"), job).unwrap();
    printed(path, &["etl", "run", "bought"]);
    let sql =
        "SELECT product_no, category FROM warehouse.dim_product WHERE product_key > 0 ORDER BY 1";
    let rows = printed(path, &["sql", "--format", "csv", sql]);
    assert_eq!(rows, "product_no,category\n1,1234.50\n2,9.80\n");
}

/// Where everything of a source is wrong, the run says so, and what reads it; a row that several runs
/// refuse is one row.
#[test]
fn what_is_wrong_is_told_once_and_with_a_way_out() {
    let folder = project();
    let path = folder.path();
    printed(path, &["etl", "run"]);
    let orders =
        "order;date;product;quantity;amount\n1;01.03.2025;T-01;1;9.80\n2;2025-03-02;T-01;1;9,80\n";
    fs::write(path.join("sources/orders_2025_03.csv"), orders).unwrap();
    let run = printed(path, &["etl", "run"]);
    for part in [
        "`number: {decimal: \",\"}` reads it as 9.80",
        "`date_formats: [\"%d.%m.%Y\"]` reads it as 2025-03-01",
        "not one row of `orders` was right",
    ] {
        assert!(run.contains(part), "`{part}` is missing in\n{run}");
    }
    // the products are read whole, and the same one is refused by every run
    let products = path.join("sources/products.csv");
    let right = fs::read_to_string(&products).unwrap();
    for more in ["", "T-09,Mint,Tea\n"] {
        fs::write(&products, format!("{right},Nobody,Tea\n{more}")).unwrap();
        printed(path, &["etl", "run", "products"]);
    }
    let rejects = printed(path, &["etl", "rejects", "products"]);
    assert!(rejects.contains("│        1 ┆ products.product"), "{rejects}");

    // a file that cannot be read says where, once
    let wide: Vec<u8> = orders.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(path.join("sources/orders_2025_04.csv"), wide).unwrap();
    let (_, told) = failed(path, &["etl", "run"]);
    assert_eq!(told.matches("job orders").count(), 1, "{told}");
    assert!(told.contains("`encoding: utf-16le`"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
}

#[test]
fn refused_rows_are_mended_and_loaded_again() {
    let folder = project();
    let path = folder.path();
    let rows = "order,date,product,quantity,amount\n\
                9001,2025-03-01,P1,lots,10.00\n9002,2025-03-02,P1,2,20.00\n";
    fs::write(path.join("sources/orders_2025_03.csv"), rows).unwrap();
    printed(path, &["etl", "run"]);
    let count = "SELECT count(*) AS n FROM warehouse.fact_orders WHERE order_no LIKE '900%'";
    let orders = || printed(path, &["sql", "--format", "csv", count]);
    assert_eq!(orders(), "n\n1\n");

    let told = printed(path, &["etl", "rejects", "orders", "--out", "mended.csv"]);
    assert!(told.contains("2 rows are in mended.csv"), "{told}");
    let (code, again) = failed(path, &["etl", "rejects", "orders", "--out", "mended.csv"]);
    assert!(code == 1 && again.contains("there is such a file already"), "{again}");
    let mended = fs::read_to_string(path.join("mended.csv")).unwrap();
    let heading = "\u{feff}order,date,product,quantity,amount\n";
    assert!(mended.starts_with(heading), "{mended}");
    assert!(mended.ends_with("\n9001,2025-03-01,P1,lots,10.00\n"), "{mended}");
    let mended = mended.replace("lots", "3").replace("2025-01-32", "2025-01-31");
    fs::write(path.join("mended.csv"), mended).unwrap();
    assert!(printed(path, &["etl", "rejects", "orders"]).contains("orders.orders"));
    let told = printed(path, &["etl", "replay", "orders", "mended.csv"]);
    assert!(told.contains("2 refused rows are settled"), "{told}");
    assert_eq!(orders(), "n\n2\n");
    // they are open no more, and their text stays
    assert_eq!(printed(path, &["etl", "rejects", "orders"]), "no rejected row is open\n");
    let (_, told) = failed(path, &["etl", "rejects", "orders", "--out", "again.csv"]);
    assert!(told.contains("all are settled"), "{told}");
    let settled = "SELECT count(*) AS n FROM system.rejects WHERE job = 'orders' AND settled_by IS NOT NULL \
                   AND mended_in LIKE '%mended.csv' AND raw <> ''";
    assert_eq!(printed(path, &["sql", "--format", "csv", settled]), "n\n2\n");
    let runs = "SELECT count(DISTINCT as_of) AS n FROM system.runs WHERE status = 'published'";
    assert_eq!(printed(path, &["sql", "--format", "csv", runs]), "n\n1\n");

    // once more, and the source as it was: nothing is new
    let told = printed(path, &["etl", "replay", "orders", "mended.csv"]);
    assert!(told.contains("nothing new"), "{told}");
    let told = printed(path, &["etl", "run"]);
    assert!(told.contains("nothing new"), "{told}");
    assert_eq!(orders(), "n\n2\n");

    let (_, told) = failed(path, &["etl", "replay", "products", "mended.csv"]);
    assert!(told.contains("read whole by every run"), "{told}");
    let (code, told) = failed(path, &["etl", "replay", "orders", "x.csv", "--source", "ordrs"]);
    assert!(code == 2 && told.contains("did you mean `orders`"), "{told}");
    let (_, told) = failed(path, &["etl", "rejects", "products", "--out", "none.csv"]);
    assert!(told.contains("no row of the job was refused"), "{told}");
}

#[test]
fn sources_that_are_wrong_stop_a_run_before_it_begins() {
    let folder = project();
    let orders = folder.path().join("etl/orders.yaml");
    let text = fs::read_to_string(&orders).unwrap();
    fs::write(&orders, text.replace("sources/orders_*.csv", "sources/order.csv")).unwrap();
    let (code, message) = failed(folder.path(), &["etl", "run"]);
    assert!(code == 1 && message.contains("orders_2025_01.csv"), "{message}");
    fs::write(&orders, text.replace("from: date, ", "from: day, ")).unwrap();
    let (code, message) = failed(folder.path(), &["etl", "run"]);
    assert!(code == 1 && message.contains("`day`"), "{message}");
    fs::write(&orders, &text).unwrap();
    printed(folder.path(), &["etl", "run"]);
    // A damaged data file: named, and the exit code of a failure.
    let data = folder.path().join("warehouse/tables/fact_orders");
    let is_data = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "parquet");
    let file = fs::read_dir(data).unwrap().map(|e| e.unwrap().path()).find(is_data).unwrap();
    fs::write(&file, b"PAR1 not at all PAR1").unwrap();
    let (code, message) = failed(folder.path(), &["sql", "SELECT * FROM fact_orders"]);
    let name = file.file_name().unwrap().to_string_lossy();
    assert!(code == 1 && message.contains(&*name), "{message}");
}

#[test]
fn a_folder_that_is_another_project_is_left_alone() {
    let folder = project();
    let (code, message) = failed(folder.path(), &["demo", "--no-serve", "--dir", "."]);
    assert!(code == 1 && message.contains("another project"), "{message}");
    assert!(!folder.path().join("questions").exists());
    assert_eq!(failed(folder.path(), &["demo", "--project", "."]).0, 2);
    assert_eq!(failed(folder.path(), &["init", "--project", ".", "new"]).0, 2);
}

/// Sends a signal with the system's `kill`.
#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let kill = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

/// A load that is interrupted publishes nothing and says that it was; the next one loads it all.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_load() {
    const ROWS: usize = 400_000;
    let folder = project();
    let mut orders = String::from("order,date,product,quantity,amount\n");
    for order in 0..ROWS {
        orders.push_str(&format!("X{order},2025-03-01,T-01,1,1.00\n"));
    }
    fs::write(folder.path().join("sources/orders_2025_03.csv"), orders).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["etl", "run"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Until the load has written something.
    let staging = folder.path().join("warehouse/staging");
    let has_begun = || {
        let entries = fs::read_dir(&staging).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().is_dir()).count() > 1
    };
    while !has_begun() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "error: interrupted\n");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(130), ""));
    let runs = ["sql", "-F", "csv", "SELECT status, release FROM system.runs"];
    assert_eq!(printed(folder.path(), &runs), "status,release\ninterrupted,\n");
    printed(folder.path(), &["etl", "run"]);
    let count = ["sql", "-F", "csv", "SELECT count(*) FROM fact_orders WHERE order_no LIKE 'X%'"];
    assert_eq!(printed(folder.path(), &count), format!("count(*)\n{ROWS}\n"));
}

#[cfg(unix)]
#[test]
fn waiting_for_stdin_can_be_ended() {
    let folder = project();
    for name in ["-INT", "-TERM"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .arg("sql")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        std::thread::sleep(std::time::Duration::from_secs(1));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{name}");
        drop(stdin);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_long_query() {
    let folder = project();
    let query =
        "SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b";
    let child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["sql", query])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let asked = std::time::Instant::now();
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stderr), "error: interrupted\n");
    // Far below what the query would take, far above what stopping does on a busy machine.
    assert!(asked.elapsed() < std::time::Duration::from_secs(30));
}
