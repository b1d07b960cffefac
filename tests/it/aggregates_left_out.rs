//! An aggregate whose state is beyond its type, with the real binary: the load goes on without it, says
//! why, and has it again once it fits.

use super::crash::{new_project, printed, starhouse};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The starter project, whose orders have units of 64 bits as well; by month, by year and by day.
fn project() -> TempDir {
    let folder = new_project();
    let change = |file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    const UNITS: &str = "columns:\n  - {name: units, type: int64, description: Units.}\n";
    change("schemas/orders.yaml", "columns:\n", UNITS);
    change("etl/orders.yaml", "columns:\n", "columns:\n      - {name: units, type: int64}\n");
    const MEASURE: &str = "measures:\n  - {name: units, sum: units, description: Units ordered.}\n";
    change("schemas/shop.yaml", "measures:\n", MEASURE);
    const MORE: &str = "measures: [revenue, pieces, units]
  - {name: by_year, description: Years., columns: [year], measures: [pieces, units]}
  - {name: by_day, description: Days., dimensions: [date], measures: [units]}
";
    change("schemas/shop.yaml", "measures: [revenue, pieces]\n", MORE);
    folder
}

/// Rows of a day, units and the line's number, and what the load says.
fn load(project: &Path, name: &str, rows: &[(&str, i64)]) -> String {
    let mut orders = String::from("order,date,product,quantity,amount,units\n");
    for (place, (day, units)) in rows.iter().enumerate() {
        orders.push_str(&format!("{name}{place},{day},T-01,1,1.00,{units}\n"));
    }
    fs::write(project.join(format!("sources/orders_{name}.csv")), orders).unwrap();
    printed(&starhouse(project, &["etl", "run"]).output().unwrap())
}

fn sql(project: &Path, text: &str) -> String {
    let told = printed(&starhouse(project, &["sql", "--format", "csv", text]).output().unwrap());
    told.trim_end().lines().skip(1).collect::<Vec<_>>().join("\n")
}

fn refusal(project: &Path, text: &str) -> String {
    let output = starhouse(project, &["sql", text]).output().unwrap();
    assert!(!output.status.success(), "{text}");
    String::from_utf8(output.stderr).unwrap()
}

fn by(columns: &str, measure: &str) -> String {
    format!(
        "SELECT {columns}, MEASURE({measure}) FROM cubes.shop GROUP BY {columns} ORDER BY {columns}"
    )
}

fn routing(project: &Path, question: &str) -> String {
    sql(project, &format!("EXPLAIN {question}"))
}

fn left_out(project: &Path) -> String {
    let text = "SELECT aggregate FROM system.aggregates WHERE left_out IS NOT NULL ORDER BY 1";
    sql(project, text)
}

const MAX: &str = "9223372036854775807";

#[test]
fn what_does_not_fit_is_left_out_and_comes_back() {
    let folder = project();
    let project = folder.path();
    let months = &by("year, month", "units");

    // The largest sum that there is room for.
    let first = [("2025-01-01", i64::MAX - 1), ("2025-01-02", 1), ("2025-02-01", -10)];
    let told = load(project, "a", &first);
    assert!(!told.contains("left out"), "{told}");
    assert_eq!(left_out(project), "");
    assert!(routing(project, months).contains("aggregate by_month_category answers"));
    assert_eq!(sql(project, months).lines().next().unwrap(), format!("2025,2025-01,{MAX}"));

    // One more: January is beyond it, the year is not.
    let told = load(project, "b", &[("2025-01-03", 1)]);
    assert!(told.contains("published release 2"), "{told}");
    let why = "agg_shop_by_month_category is left out of this release, questions are answered from \
               base rows: arithmetic overflow: units is beyond what Int64 holds";
    assert!(told.contains(why), "{told}");
    assert_eq!(left_out(project), "by_month_category");
    let listed = printed(&starhouse(project, &["aggregates", "list"]).output().unwrap());
    assert!(listed.contains("left out: arithmetic overflow: units"), "{listed}");
    let tables = sql(project, "SELECT table_name FROM information_schema.tables");
    assert!(!tables.contains("agg_shop_by_month_category"), "{tables}");
    assert!(tables.contains("agg_shop_by_day"), "{tables}");
    let rows = "SELECT count(*), sum(quantity) FROM warehouse.fact_orders";
    assert_eq!(sql(project, rows), "4,4");
    // What else it kept is answered from base rows, and what overflows there does so.
    let pieces = &by("year, month", "pieces");
    let explained = routing(project, pieces);
    assert!(explained.contains("base rows"), "{explained}");
    let why_not = "by_month_category is left out of this release: arithmetic overflow: units";
    assert!(explained.contains(why_not), "{explained}");
    assert_eq!(sql(project, pieces), "2025,2025-01,3\n2025,2025-02,1");
    assert!(refusal(project, months).contains("overflow"));
    let year = &by("year", "units");
    assert_eq!(sql(project, year), "2025,9223372036854775798");
    assert!(routing(project, year).contains("aggregate by_year answers"));
    let days = &by("date", "units");
    assert!(routing(project, days).contains("aggregate by_day answers"));
    assert_eq!(sql(project, days).lines().count(), 4);

    // Of the same rows it is not tried again: a run without anything new publishes nothing.
    let again = printed(&starhouse(project, &["etl", "run"]).output().unwrap());
    assert!(again.contains("nothing new; nothing published"), "{again}");
    let planned = printed(&starhouse(project, &["etl", "plan"]).output().unwrap());
    assert!(!planned.contains("agg_shop_by_month_category"), "{planned}");
    let built = printed(&starhouse(project, &["aggregates", "build"]).output().unwrap());
    assert!(built.contains("nothing published"), "{built}");

    // Of others it is, and left out again with the year beside it, as the year is beyond as well.
    let told = load(project, "c", &[("2025-03-01", 10)]);
    assert!(told.contains("agg_shop_by_month_category is left out"), "{told}");
    assert!(told.contains("agg_shop_by_year is left out"), "{told}");
    assert_eq!(left_out(project), "by_month_category\nby_year");
    assert!(refusal(project, year).contains("overflow"));

    // A mistake mended: both fit, and are back.
    let told = load(project, "d", &[("2025-01-31", -1)]);
    assert!(!told.contains("left out"), "{told}");
    assert_eq!(left_out(project), "");
    assert!(routing(project, months).contains("aggregate by_month_category answers"));
    let expected = format!("2025,2025-01,{MAX}\n2025,2025-02,-10\n2025,2025-03,10");
    assert_eq!(sql(project, months), expected);
    assert!(routing(project, year).contains("aggregate by_year answers"));
    assert_eq!(sql(project, year), format!("2025,{MAX}"));
    let off = project.join("off.sql");
    fs::write(&off, format!("SET starhouse.aggregates = off;\n{year};\n")).unwrap();
    let asked = ["sql", "-f", off.to_str().unwrap()];
    let told = printed(&starhouse(project, &asked).output().unwrap());
    assert!(told.contains(MAX), "{told}");
}

/// Different texts are remembered up to a bound; beyond it rows of the aggregate are not, and counts are
/// the facts' own.
#[test]
fn more_different_texts_than_are_remembered() {
    let folder = project();
    let project = folder.path();
    let cube = project.join("schemas/shop.yaml");
    let text = fs::read_to_string(&cube).unwrap();
    fs::write(&cube, text.replace("measures: [pieces, units]", "measures: [pieces, order_count]"))
        .unwrap();
    let long = "n".repeat(60);
    let orders: Vec<(String, i64)> =
        (0..900).map(|n| (format!("2025-01-{:02}", n % 28 + 1), 1)).collect();
    let orders: Vec<(&str, i64)> = orders.iter().map(|(day, n)| (day.as_str(), *n)).collect();
    let told = load(project, &format!("{long}a"), &orders);
    assert!(!told.contains("left out"), "{told}");
    let question = &by("year", "order_count");
    assert!(routing(project, question).contains("aggregate by_year answers"));
    assert_eq!(sql(project, question), "2025,900");
    let told = load(project, &format!("{long}b"), &orders);
    let why = "different texts of order_count in one row have more than 65536 bytes; keep the column apart";
    assert!(told.contains("agg_shop_by_year is left out") && told.contains(why), "{told}");
    assert!(routing(project, question).contains("by_year is left out of this release"));
    assert_eq!(sql(project, question), "2025,1800");
}

/// What is declared again is tried again, whatever was known of it.
#[test]
fn declared_again_it_is_tried_again() {
    let folder = project();
    let project = folder.path();
    load(project, "a", &[("2025-01-01", i64::MAX), ("2025-01-02", 1)]);
    assert_eq!(left_out(project), "by_month_category\nby_year");
    let cube = project.join("schemas/shop.yaml");
    let text = fs::read_to_string(&cube).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("name: by_year")).collect();
    fs::write(&cube, without.join("\n")).unwrap();
    load(project, "b", &[("2025-01-03", -1)]);
    assert_eq!(left_out(project), "");
    fs::write(&cube, text).unwrap();
    let built = printed(&starhouse(project, &["aggregates", "build"]).output().unwrap());
    assert!(built.contains("agg_shop_by_year"), "{built}");
    assert_eq!(left_out(project), "");
    assert_eq!(sql(project, &by("year", "units")), format!("2025,{MAX}"));
}
