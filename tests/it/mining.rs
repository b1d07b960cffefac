//! The page on mining: a table with one row a customer that is the same to the byte every time, and
//! scores that come back.

use super::guide::{files_of, first_warehouse};
use super::support::starhouse;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const QUESTION: &str = "features/customers.sql";

struct Shop(TempDir);

impl Shop {
    /// The first warehouse with the page's files, of which it has loaded nothing yet.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        first_warehouse(folder.path());
        fs::create_dir(folder.path().join("features")).unwrap();
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mining.md");
        let text = fs::read_to_string(page).unwrap();
        let (_, sql) = text.split_once("```sql\n").unwrap();
        fs::write(folder.path().join(QUESTION), sql.split_once("```").unwrap().0).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> String {
        starhouse(&[arguments, &["--project", self.0.path().to_str().unwrap()]].concat())
    }

    /// What a command that fails says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(arguments)
            .args(["--project", self.0.path().to_str().unwrap()])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn export(&self, to: &str, more: &[&str]) -> Vec<u8> {
        let (question, to) = (self.path(QUESTION), self.path(to));
        let command = ["export", &question, "--as-of", "2025-03-31", "--to", &to];
        self.run(&[&command, more].concat());
        fs::read(to).unwrap()
    }

    fn csv(&self, sql: &str) -> String {
        self.run(&["sql", "--format", "csv", sql])
    }
}

#[test]
fn an_export_is_the_same_to_the_byte_every_time() {
    let shop = Shop::new();
    shop.run(&["etl", "run"]);
    let csv = String::from_utf8(shop.export("a.csv", &[])).unwrap();
    // Sales up to the end of March, by hand from the sources: W-1 and R-1, R-2; W-2 is of June.
    let expected = "customer_no,city,segment,orders,spent,last_day\n\
                    C-001,London,gold,2,14.70,2025-03-02\nC-002,New York,silver,1,15.00,2025-03-05\n\
                    C-003,Manchester,silver,0,0.00,\nC-004,London,gold,0,0.00,\n";
    assert_eq!(csv, expected);
    let parquet = shop.export("a.parquet", &[]);
    let beside = fs::read(shop.path("a.csv.json")).unwrap();
    // Later on a customer has moved, and more was sold: release 1 is what it was.
    let customers = fs::read_to_string(shop.path("sources/customers.csv")).unwrap();
    fs::write(shop.path("sources/customers.csv"), customers.replace("New York", "Boston")).unwrap();
    let orders = fs::read_to_string(shop.path("sources/web_orders.jsonl")).unwrap();
    let more = orders
        + "{\"order\": \"W-9\", \"day\": \"2025-03-03\", \"customer\": \"C-001\", \
                         \"sku\": \"T-01\", \"pieces\": 1, \"amount\": \"4.90\"}\n";
    fs::write(shop.path("sources/web_orders.jsonl"), more).unwrap();
    shop.run(&["etl", "run"]);
    assert_eq!(shop.export("b.parquet", &["--release", "1"]), parquet);
    assert_eq!(shop.export("b.csv", &["--release", "1"]), expected.as_bytes());
    assert_eq!(fs::read(shop.path("b.csv.json")).unwrap(), beside);
    assert_eq!(shop.export("b.parquet", &["--release", "1"]), parquet, "in place of itself");
    let now = String::from_utf8(shop.export("c.csv", &[])).unwrap();
    assert!(now.contains("C-001,London,gold,3,19.60,2025-03-03"), "{now}");
    // Who moved had lived there since the beginning of time, as far as was known then.
    assert!(now.contains("C-002,New York,silver,1"), "{now}");
    let left = fs::read_dir(shop.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.starts_with(".tmp")), "{left:?}");

    let file = SerializedFileReader::new(fs::File::open(shop.path("a.parquet")).unwrap()).unwrap();
    let metadata = file.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let told = |key: &str| {
        let pair = metadata.iter().find(|pair| pair.key == format!("starhouse.{key}")).unwrap();
        pair.value.clone().unwrap()
    };
    assert_eq!(
        (told("release"), told("as_of"), told("key")),
        ("1".into(), "2025-03-31".into(), "customer_no".into())
    );
    assert!(told("question").contains("$as_of < c.valid_to"));
    let beside: serde_json::Value = serde_json::from_slice(&beside).unwrap();
    assert_eq!((&beside["release"], &beside["rows"]), (&1.into(), &4.into()));
    use sha2::Digest;
    let digest = sha2::Sha256::digest(expected.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(beside["sha256"], digest);
}

#[test]
fn what_would_be_another_file_tomorrow_is_refused() {
    let shop = Shop::new();
    shop.run(&["etl", "run"]);
    let to = shop.path("x.csv");
    fs::write(&to, "as it was").unwrap();
    let refused = |sql: &str, more: &[&str]| {
        fs::write(shop.path("q.sql"), sql).unwrap();
        let question = shop.path("q.sql");
        shop.refused(&[&["export", &question, "--to", &to], more].concat())
    };
    for (sql, more, told) in [
        ("SELECT customer_no, now() AS at FROM dim_customer", &[][..], "asks what time it is"),
        (
            "SELECT customer_no, random() AS luck FROM dim_customer",
            &[],
            "would be another when it is asked again",
        ),
        ("SELECT run FROM system.runs", &[], "would be another when it is asked again"),
        (
            "SELECT customer_no FROM dim_customer WHERE valid_from <= $as_of",
            &[],
            "no date is given",
        ),
        (
            "SELECT customer_no FROM dim_customer",
            &["--as-of", "2025-03-31"],
            "does not ask `$as_of`",
        ),
        (
            "SELECT segment, customer_no FROM dim_customer",
            &[],
            "several rows have the same key (key segment = gold)",
        ),
        ("SELECT sale_no FROM fact_sales; SELECT 1", &[], "2 statements, not one question"),
        (
            "SELECT segment, customer_no FROM dim_customer",
            &["--key", "customer_nr"],
            "did you mean `customer_no`?",
        ),
        (
            "SELECT CASE WHEN customer_no > 'C-003' THEN customer_no END AS who, 1 AS one FROM dim_customer WHERE customer_no > 'C-002'",
            &[],
            "who is NULL",
        ),
        ("SELECT customer_no FROM dim_customers", &[], "did you mean"),
        ("SELECT $1 AS a", &[], "parameters without values"),
        ("EXPLAIN SELECT 1", &[], "explains a plan"),
        ("-- nothing", &[], "holds no question"),
    ] {
        let message = refused(sql, more);
        assert!(message.contains(told), "{sql}: {message}");
    }
    assert_eq!(fs::read_to_string(&to).unwrap(), "as it was");
    let question = shop.path("q.sql");
    fs::write(&question, "SELECT customer_no FROM dim_customer").unwrap();
    let message = shop.refused(&["export", &question, "--to", &shop.path("x.xlsx")]);
    assert!(message.contains("a .parquet or a .csv file"), "{message}");
    let message = shop.refused(&["export", &question, "--to", &shop.path("no/x.csv")]);
    assert!(message.contains("cannot write"), "{message}");
}

#[test]
fn columns_without_a_name_are_a_key_by_their_headings() {
    let shop = Shop::new();
    shop.run(&["etl", "run"]);
    let (question, to) = (shop.path("q.sql"), shop.path("x.csv"));
    let sql = "SELECT sign(x), abs(x) FROM (VALUES (-2.5, 1), (0.0, 2)) AS t (x, n), dim_customer \
               WHERE customer_key = 1";
    fs::write(&question, sql).unwrap();
    for more in [&[][..], &["--key", "abs(x)"]] {
        shop.run(&[&["export", &question, "--to", &to], more].concat());
        let written = fs::read_to_string(&to).unwrap();
        let mut rows: Vec<&str> = written.lines().collect();
        assert_eq!(rows.remove(0), "sign(x),abs(x)");
        rows.sort_unstable();
        assert_eq!(rows, ["-1.0,2.5", "0.0,0.0"], "{more:?}");
    }
}

#[test]
fn scores_come_back_as_a_fact_and_as_bands() {
    let shop = Shop::new();
    shop.run(&["etl", "run"]);
    // The page's own files from here on: 6 of them, and the question.
    assert_eq!(files_of("docs/mining.md", shop.0.path()), 7);
    shop.run(&["check"]);
    shop.run(&["etl", "run"]);
    let scores = "SELECT s.customer_no, c.customer_name, churn FROM fact_customer_score s \
                  JOIN dim_customer c USING (customer_key) ORDER BY 1";
    let expected = "customer_no,customer_name,churn\nC-001,Ada Lovelace,0.0800\n\
                    C-002,Grace Hopper,0.3500\nC-003,Alan Turing,0.9100\n";
    assert_eq!(shop.csv(scores), expected);
    assert!(shop.run(&["etl", "rejects"]).contains("1.70"));
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mining.md"));
    let page = page.unwrap();
    let questions: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("starhouse sql \"")?.strip_suffix('"'))
        .collect();
    let (_, table) = page.split_once("| churn_risk | revenue |\n|---|---|\n").unwrap();
    let rows = table.lines().map(|line| line.trim_matches(['|', ' ']).replace(" | ", ","));
    let told: String = rows.map(|row| row + "\n").collect();
    assert_eq!(shop.csv(questions[0]), format!("churn_risk,revenue\n{told}"));
    let now = "customer_no,churn_risk\nC-001,low\nC-002,middle\nC-003,high\nC-004,unscored\n";
    assert_eq!(shop.csv(questions[1]), now);
    // The model runs again: a new band, and no new version of anybody.
    fs::write(
        shop.path("sources/scores/2025-06-30.csv"),
        "customer_no,scored_on,model,churn\nC-001,2025-06-30,churn-7,0.75\n",
    )
    .unwrap();
    shop.run(&["etl", "run"]);
    assert!(shop.csv(questions[1]).contains("C-001,high\n"));
    assert_eq!(shop.csv("SELECT count(*) AS n FROM dim_customer WHERE customer_key > 0"), "n\n4\n");
    assert_eq!(shop.csv(questions[0]), format!("churn_risk,revenue\n{told}"), "as it was then");
    assert!(shop.run(&["etl", "run"]).contains("nothing new"));
}
