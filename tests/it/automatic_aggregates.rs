//! Aggregates that a warehouse keeps by itself, with the real binary: chosen after a load by what was
//! asked, within a budget, in a release of their own; and what a kill leaves of that.

use super::clients::{ask, connect};
use super::crash::{printed, starhouse};
use crate::support::ServeProcess;
use arrow::array::AsArray;
use arrow::datatypes::{Decimal128Type, Int64Type};
use starhouse::store::failpoint;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ROWS: usize = 2_000;
const QUESTION: &str = "SELECT product_name, MEASURE(pieces) AS pieces, MEASURE(revenue) AS revenue \
                        FROM cubes.shop GROUP BY product_name ORDER BY product_name";

/// A shop with a file of orders, asked the same question many times.
fn asked_shop(budget: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    printed(&Command::new(env!("CARGO_BIN_EXE_starhouse")).arg("init").arg(path).output().unwrap());
    for old in ["orders_2025_01.csv", "orders_2025_02.csv"] {
        fs::remove_file(path.join("sources").join(old)).unwrap();
    }
    let products = (0..20).fold(String::from("number,name,category\n"), |mut products, n| {
        writeln!(products, "P{n},Product {n},C{}", n % 3).unwrap();
        products
    });
    fs::write(path.join("sources/products.csv"), products).unwrap();
    fs::write(path.join("starhouse.yaml"), format!("automatic_aggregates: {budget}\n")).unwrap();
    let mut arrived = 0;
    let told = load(path, &mut arrived);
    assert!(!told.contains("automatic aggregates"), "nobody has asked anything yet: {told}");
    let questions = path.join("questions.sql");
    fs::write(&questions, format!("{QUESTION};\n").repeat(30)).unwrap();
    printed(&starhouse(path, &["sql", "-f", questions.to_str().unwrap()]).output().unwrap());
    folder
}

/// Loads a file of orders more.
fn load(project: &Path, arrived: &mut usize) -> String {
    arrive(project, arrived);
    printed(&starhouse(project, &["etl", "run"]).output().unwrap())
}

fn arrive(project: &Path, arrived: &mut usize) {
    let mut orders = String::from("order,date,product,quantity,amount\n");
    for row in 0..ROWS {
        let (day, month) = (row % 28 + 1, row / 28 % 12 + 1);
        let product = (row * 7 + *arrived) % 20;
        writeln!(
            orders,
            "A{arrived}-{row},2025-{month:02}-{day:02},P{product},{},1.50",
            row % 5 + 1
        )
        .unwrap();
    }
    // Whole at once: a schedule may be looking.
    let aside = project.join("arriving");
    fs::write(&aside, orders).unwrap();
    fs::rename(aside, project.join(format!("sources/orders_{arrived:03}.csv"))).unwrap();
    *arrived += 1;
}

fn sql(project: &Path, text: &str) -> String {
    printed(&starhouse(project, &["sql", "--format", "csv", text]).output().unwrap())
}

fn is_answered(project: &Path) -> bool {
    sql(project, &format!("EXPLAIN {QUESTION}")).contains(" answers")
}

/// The answer with aggregates is that without, and all that the release keeps by itself is built.
fn is_whole(project: &Path) {
    let both = format!("{QUESTION};\nSET starhouse.aggregates = off;\n{QUESTION};\n");
    let file = project.join("both.sql");
    fs::write(&file, both).unwrap();
    let told =
        printed(&starhouse(project, &["sql", "-f", file.to_str().unwrap()]).output().unwrap());
    let rows: Vec<&str> = told.lines().filter(|line| line.contains("Product ")).collect();
    assert_eq!(rows.len(), 40, "{told}");
    assert_eq!(rows[..20], rows[20..], "{told}");
    let missing = "SELECT count(*) AS n FROM system.aggregates WHERE NOT in_release";
    assert_eq!(sql(project, missing).trim(), "n\n0");
}

/// Bytes of all aggregates, and how many of them nobody declared.
fn kept(project: &Path) -> (u64, u64) {
    let text = "SELECT sum(size_bytes), count(*) FILTER (WHERE automatic) FROM system.aggregates";
    let told = sql(project, text);
    let (bytes, count) = told.lines().nth(1).unwrap().split_once(',').unwrap();
    (bytes.parse().unwrap(), count.parse().unwrap())
}

#[test]
fn what_was_asked_is_kept_within_the_budget_and_dropped_beyond_it() {
    let folder = asked_shop("1 MB");
    let project = folder.path();
    let mut arrived = 1;
    assert!(!is_answered(project));

    // The load publishes release 2, the aggregates are in release 3.
    let told = load(project, &mut arrived);
    assert!(told.contains("published release 2"), "{told}");
    assert!(
        told.contains("automatic aggregates, release 3: what was asked and loaded reads"),
        "{told}"
    );
    assert!(told.contains("is kept now: answers 100.0 % of the questions"), "{told}");
    assert!(is_answered(project));
    is_whole(project);
    let (bytes, count) = kept(project);
    assert!(count > 0 && bytes <= 1_000_000, "{count} of {bytes} bytes");
    let listed = printed(&starhouse(project, &["aggregates", "list"]).output().unwrap());
    assert!(listed.contains("by itself: answers") && listed.contains("in a file"), "{listed}");
    let releases = printed(&starhouse(project, &["releases", "list"]).output().unwrap());
    assert!(releases.contains("automatic aggregates: what was asked"), "{releases}");

    // They are refreshed as others are, and stay while nothing is clearly better.
    let told = load(project, &mut arrived);
    assert!(told.contains("published release 4"), "{told}");
    assert!(!told.contains("automatic aggregates"), "{told}");
    assert!(is_answered(project));
    is_whole(project);

    // The old release is answered as it was, with what it kept.
    let before = printed(
        &starhouse(
            project,
            &["sql", "--format", "csv", "--release", "2", &format!("EXPLAIN {QUESTION}")],
        )
        .output()
        .unwrap(),
    );
    assert!(before.contains("base rows"), "{before}");

    // A smaller budget: they go, and what a file declares stays.
    fs::write(project.join("starhouse.yaml"), "automatic_aggregates: 1 KB\n").unwrap();
    let told = load(project, &mut arrived);
    assert!(told.contains("those kept weigh more than their budget"), "{told}");
    assert!(told.contains("is kept no more"), "{told}");
    assert_eq!(kept(project).1, 0);
    assert!(sql(project, "SELECT table_name FROM system.aggregates").contains("by_month_category"));
    is_whole(project);

    // Back again, and dropped when nobody asks any more what they answer.
    fs::write(project.join("starhouse.yaml"), "automatic_aggregates: 1 MB\n").unwrap();
    load(project, &mut arrived);
    assert!(is_answered(project));
    fs::remove_dir_all(project.join("warehouse/log/queries")).unwrap();
    sql(project, "SELECT year, MEASURE(revenue) FROM cubes.shop GROUP BY year");
    let told = load(project, &mut arrived);
    assert!(told.contains("is kept no more"), "{told}");
    assert_eq!(kept(project).1, 0);

    // Switched off, they answer nothing, and go with the next load.
    let questions = project.join("questions.sql");
    printed(&starhouse(project, &["sql", "-f", questions.to_str().unwrap()]).output().unwrap());
    fs::write(project.join("starhouse.yaml"), "automatic_aggregates: 1 MB\n").unwrap();
    load(project, &mut arrived);
    assert!(is_answered(project));
    fs::write(project.join("starhouse.yaml"), "automatic_aggregates: off\n").unwrap();
    assert!(!is_answered(project), "what nobody declares and nothing keeps does not answer");
    load(project, &mut arrived);
    assert_eq!(kept(project).1, 0);
    let tables = sql(project, "SELECT table_name FROM information_schema.tables");
    assert_eq!(tables.matches("agg_shop_").count(), 1, "{tables}");
}

#[test]
fn a_budget_that_is_none_is_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    printed(&Command::new(env!("CARGO_BIN_EXE_starhouse")).arg("init").arg(path).output().unwrap());
    fs::write(path.join("starhouse.yaml"), "automatic_aggregates: much\n").unwrap();
    let output = starhouse(path, &["check"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("automatic_aggregates: expected bytes such as 512MB"), "{told}");
    fs::write(path.join("starhouse.yaml"), "automatic_agregates: 25%\n").unwrap();
    let output = starhouse(path, &["check"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("did you mean `automatic_aggregates`?"), "{told}");
}

/// Killed while the aggregates are built or published, the load stands, and the release has the old
/// ones or the new ones.
#[test]
fn a_kill_leaves_the_old_aggregates_or_the_new_ones() {
    use std::os::unix::process::ExitStatusExt;
    let folder = asked_shop("1 MB");
    let project = folder.path();
    let (mut arrived, mut struck) = (1, 0);
    // A release is put once by the load, and once for the aggregates.
    let of_aggregates =
        ["staging.before_make", "staging.after_make", "release.before_put", "release.after_put"];
    let cleaning = ["staging.before_cleanup", "staging.after_cleanup"];
    assert!(failpoint::LOAD.contains(&"release.after_put"));
    for (round, point) in of_aggregates.iter().chain(&cleaning).enumerate() {
        let budget = if round % 2 == 0 { "1 MB" } else { "1 KB" };
        fs::write(project.join("starhouse.yaml"), format!("automatic_aggregates: {budget}\n"))
            .unwrap();
        arrive(project, &mut arrived);
        let output = starhouse(project, &["etl", "run"])
            .env("STARHOUSE_FAILPOINT", format!("{point}:2"))
            .output()
            .unwrap();
        struck += usize::from(output.status.signal() == Some(9));
        let rows = sql(project, "SELECT count(*) AS n FROM warehouse.fact_orders");
        assert_eq!(rows.trim(), format!("n\n{}", arrived * ROWS), "{point}: the load stands");
        is_whole(project);
        // The next load makes it good.
        load(project, &mut arrived);
        is_whole(project);
        assert_eq!(is_answered(project), round % 2 == 0, "{point}");
    }
    assert!(struck >= 4, "only {struck} fail points were met");
}

/// What [`QUESTION`] is answered when so many files have been loaded, added up by hand: pieces and
/// cents of each product.
fn expected(files: usize) -> BTreeMap<String, (i64, i128)> {
    let mut products: BTreeMap<String, (i64, i128)> = BTreeMap::new();
    for (file, row) in (0..files).flat_map(|file| (0..ROWS).map(move |row| (file, row))) {
        let product = products.entry(format!("Product {}", (row * 7 + file) % 20)).or_default();
        product.0 += (row % 5 + 1) as i64;
        product.1 += 150;
    }
    products
}

/// Schedules load while people ask: every answer is that of whole loads, and never of fewer than the one
/// before. In the meantime advice is taken in a release of its own, and answers from then on.
#[tokio::test]
async fn under_a_live_schedule_answers_are_right_while_advice_is_taken() {
    let folder = asked_shop("1 MB");
    let project = folder.path();
    fs::create_dir(project.join("schedules")).unwrap();
    let schedule = "schedule: often\ndescription: All, every second.\ncron: \"* * * * * *\"\n";
    fs::write(project.join("schedules/often.yaml"), schedule).unwrap();
    let server = ServeProcess::start(project);
    let mut client = connect(&server).await;
    let (mut arrived, mut seen, begun) = (1, 1, Instant::now());
    let (mut from_base, mut from_aggregates, mut after_advice) = (0, 0, 0);
    while after_advice < 3 || seen < arrived {
        assert!(begun.elapsed() < Duration::from_secs(120), "{seen} of {arrived} loads are seen");
        if seen == arrived && after_advice < 3 {
            arrive(project, &mut arrived);
            after_advice += usize::from(from_aggregates > 0);
        }
        let answer = ask(&mut client, QUESTION).await.unwrap();
        let names = answer.column(0).as_string::<i32>().iter().flatten().map(str::to_owned);
        let pieces = answer.column(1).as_primitive::<Int64Type>().values().iter().copied();
        let cents = answer.column(2).as_primitive::<Decimal128Type>().values().iter().copied();
        let told: BTreeMap<String, (i64, i128)> = names.zip(pieces.zip(cents)).collect();
        let files = (seen..=arrived).find(|files| told == expected(*files));
        seen = files.unwrap_or_else(|| panic!("no answer of {seen} to {arrived} loads: {told:?}"));
        let explained = ask(&mut client, &format!("EXPLAIN {QUESTION}")).await.unwrap();
        let text = format!("{:?}", explained.columns());
        match text.contains(" answers") {
            true => from_aggregates += 1,
            false => from_base += 1,
        }
    }
    drop(server);
    assert!(from_base > 0 && from_aggregates > 0, "{from_base}, {from_aggregates}");
    is_whole(project);
    let summaries = sql(project, "SELECT summary FROM system.releases");
    let by_itself = summaries.lines().filter(|line| line.contains("automatic aggregates:"));
    assert!(by_itself.count() > 0, "{summaries}");
    let rows = sql(project, "SELECT count(*) AS n FROM warehouse.fact_orders");
    assert_eq!(rows.trim(), format!("n\n{}", arrived * ROWS));
    let lost = sql(project, "SELECT count(*) AS n FROM system.runs WHERE status = 'failed'");
    assert_eq!(lost.trim(), "n\n0");
}

/// Names so long that an aggregate of them weighs more than its estimate says: as built it is beyond
/// the budget, so another choice is made, of what is known then; and it is not built again.
#[test]
fn what_is_beyond_the_budget_as_built_is_chosen_no_more() {
    let folder = asked_shop("off");
    let project = folder.path();
    let products = (0..20).fold(String::from("number,name,category\n"), |mut products, n| {
        // Letters that follow from each other as little as those of a digest do.
        let name = (0..2_000u64).map(|place| {
            let mixed = (place + 2_000 * n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            char::from(b'a' + ((mixed ^ mixed >> 29) >> 33) as u8 % 26)
        });
        writeln!(products, "P{n},{n} {},C{}", name.collect::<String>(), n % 3).unwrap();
        products
    });
    fs::write(project.join("sources/products.csv"), products).unwrap();
    let by = |column: &str| {
        format!("SELECT {column}, MEASURE(pieces) FROM cubes.shop GROUP BY {column};\n").repeat(30)
    };
    let questions = project.join("questions.sql");
    fs::remove_dir_all(project.join("warehouse/log/queries")).unwrap();
    fs::write(&questions, by("product_name") + &by("date")).unwrap();
    printed(&starhouse(project, &["sql", "-f", questions.to_str().unwrap()]).output().unwrap());
    fs::write(project.join("starhouse.yaml"), "automatic_aggregates: 24 KB\n").unwrap();
    let mut arrived = 1;
    let told = load(project, &mut arrived);
    assert!(told.contains("as built is beyond the budget"), "{told}");
    assert!(told.contains("is kept now"), "{told}");
    let (bytes, count) = kept(project);
    assert!(count > 0 && bytes <= 24_000, "{count} of {bytes} bytes");
    let explained = |column: &str| {
        let question = by(column);
        let question = question.lines().next().unwrap().trim_end_matches(';');
        sql(project, &format!("EXPLAIN {question}"))
    };
    assert!(explained("date").contains(" answers"), "{}", explained("date"));
    assert!(explained("product_name").contains("base rows"), "{}", explained("product_name"));
    // The next load knows that, and leaves things as they are.
    let told = load(project, &mut arrived);
    assert!(!told.contains("automatic aggregates, release"), "{told}");
    assert_eq!(kept(project).1, count);
}
