//! The real binary killed at every fail point of a load, and run again.
//!
//! Every cycle a new month's orders arrive and the catalogue changes. The run that should load them
//! is killed; a reader must then see all of it or nothing. The run that follows must load it once,
//! and in the end the tables are those of a project in which nothing was ever killed.

use starhouse::store::failpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Orders of a month: enough that a load that lands twice or in part is seen in the sum.
const ORDERS_A_MONTH: usize = 3;

pub(crate) fn starhouse(project: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
    command.args(arguments).arg("--project").arg(project);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn new_project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
        .args(["init", "."])
        .current_dir(folder.path())
        .output()
        .unwrap();
    printed(&output);
    fs::remove_file(folder.path().join("sources/orders_2025_01.csv")).unwrap();
    fs::remove_file(folder.path().join("sources/orders_2025_02.csv")).unwrap();
    folder
}

/// What arrives in a cycle: a file of orders, and a product more whose name is new each time.
pub(crate) fn arrive(project: &Path, cycle: usize) {
    let sources = project.join("sources");
    let mut orders = String::from("order,date,product,quantity,amount\n");
    for order in 0..ORDERS_A_MONTH {
        let day = order + 1;
        let amount = amount_cents(cycle, order);
        orders.push_str(&format!(
            "A{cycle:03}{order},2025-{:02}-{day:02},P{order},1,{}.{:02}\n",
            cycle % 12 + 1,
            amount / 100,
            amount % 100
        ));
    }
    // A row that goes to quarantine.
    orders.push_str("bad,2025-13-01,P0,1,1.00\n");
    fs::write(sources.join(format!("orders_{cycle:03}.csv")), orders).unwrap();
    let mut products = String::from("number,name,category\n");
    for product in 0..=cycle % 7 {
        products.push_str(&format!("P{product},Product {product} as of {cycle},Things\n"));
    }
    fs::write(sources.join("products.csv"), products).unwrap();
}

fn amount_cents(cycle: usize, order: usize) -> usize {
    1 + cycle * 1000 + order * 7
}

/// Orders and their cents after so many cycles, as they must be.
pub(crate) fn truth(cycles: usize) -> (usize, usize) {
    let cents =
        (0..cycles).flat_map(|cycle| (0..ORDERS_A_MONTH).map(move |o| amount_cents(cycle, o)));
    (cycles * ORDERS_A_MONTH, cents.sum())
}

/// Orders and their cents as a reader sees them, from the fact and from the aggregate alike.
pub(crate) fn seen(project: &Path) -> (usize, usize) {
    const ROWS: &str =
        "SELECT count(*), CAST(sum(amount) * 100 AS BIGINT) FROM warehouse.fact_orders";
    const CUBE: &str = "SELECT CAST(MEASURE(revenue) * 100 AS BIGINT) FROM cubes.shop";
    let ask = |sql| starhouse(project, &["sql", "--format", "csv", sql]).output().unwrap();
    let output = ask(ROWS);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains("fact_orders"), "{errors}");
        return (0, 0);
    }
    let rows = printed(&output);
    let (count, cents) = rows.lines().nth(1).unwrap().split_once(',').unwrap();
    assert_eq!(printed(&ask(CUBE)).lines().nth(1), Some(cents), "the aggregate is of this release");
    (count.parse().unwrap(), cents.parse().unwrap())
}

fn tables(project: &Path) -> Vec<Vec<String>> {
    let rows = |table| {
        let sql = format!("SELECT * FROM warehouse.{table}");
        let output = starhouse(project, &["sql", "--format", "csv", &sql]).output().unwrap();
        let mut rows: Vec<String> = printed(&output).lines().map(str::to_owned).collect();
        rows.sort_unstable();
        rows
    };
    ["dim_product", "fact_orders", "agg_shop_by_month_category"].map(rows).to_vec()
}

/// Kills a command at the n-th hit of a fail point; `false` where it never came so far.
fn killed(project: &Path, command: &[&str], point: &str, nth: usize) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const KILLED: i32 = 9;
    let output = starhouse(project, command)
        .env("STARHOUSE_FAILPOINT", format!("{point}:{nth}"))
        .output()
        .unwrap();
    let killed = output.status.signal() == Some(KILLED);
    assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    killed
}

#[test]
fn a_run_killed_at_any_fail_point_changes_nothing_or_everything() {
    // The long tier kills at every hit of every fail point, not just at the first ones.
    let hits = if std::env::var_os("STARHOUSE_FULL").is_some() { usize::MAX } else { 2 };
    let (calm, harried) = (new_project(), new_project());
    let (mut cycles, mut struck) = (0, BTreeSet::new());
    let run = failpoint::RUN.iter().map(|point| (point, hits.min(1)));
    for (point, hits) in failpoint::LOAD.iter().map(|point| (point, hits)).chain(run) {
        for nth in 1..=hits {
            for project in [calm.path(), harried.path()] {
                arrive(project, cycles);
            }
            let killed = killed(harried.path(), &["etl", "run"], point, nth);
            let (now, before, after) = (seen(harried.path()), truth(cycles), truth(cycles + 1));
            assert!(now == before || now == after, "{point}:{nth}: {now:?} is in between");
            assert!(killed || now == after, "{point}:{nth}: a run that succeeded is seen");
            printed(&starhouse(harried.path(), &["etl", "run"]).output().unwrap());
            assert_eq!(seen(harried.path()), after, "{point}:{nth}: run again");
            printed(&starhouse(calm.path(), &["etl", "run"]).output().unwrap());
            cycles += 1;
            if !killed {
                break;
            }
            struck.insert(*point);
        }
    }
    let all = failpoint::LOAD.iter().chain(failpoint::RUN);
    assert_eq!(struck, all.copied().collect(), "every fail point was met");
    assert!(tables(calm.path()) == tables(harried.path()), "the tables differ");
    // What the killed runs left behind is no more than a vacuum finds.
    printed(&starhouse(harried.path(), &["vacuum", "--keep", "1"]).output().unwrap());
    assert_eq!(seen(harried.path()), truth(cycles));
}

/// Files of the orders.
fn files(project: &Path) -> usize {
    const FILES: &str = "SELECT files FROM system.tables WHERE table_name = 'fact_orders'";
    let output = starhouse(project, &["sql", "--format", "csv", FILES]).output().unwrap();
    printed(&output).lines().nth(1).unwrap().parse().unwrap()
}

/// A compaction killed anywhere has changed files or not, and rows never; the next one finds the
/// files in order or puts them in order.
#[test]
fn a_compaction_killed_at_any_fail_point_keeps_every_row() {
    // The short tier takes some points of each stage: writing, verifying, publishing, tidying.
    let each = if std::env::var_os("STARHOUSE_FULL").is_some() { 1 } else { 4 };
    let project = new_project();
    let project = project.path();
    let mut struck = 0;
    for (round, point) in failpoint::LOAD.iter().step_by(each).enumerate() {
        // The same month again and again: its orders come to lie in several files.
        for cycle in [2 * round, 2 * round + 1] {
            arrive(project, cycle * 12);
            printed(&starhouse(project, &["etl", "run"]).output().unwrap());
        }
        let before = seen(project);
        assert_eq!(before.0, (2 * round + 2) * ORDERS_A_MONTH);
        assert!(files(project) > 1, "{point}");
        struck += usize::from(killed(project, &["compact"], point, 1));
        assert_eq!(seen(project), before, "{point}");
        printed(&starhouse(project, &["compact"]).output().unwrap());
        assert_eq!((seen(project), files(project)), (before, 1), "{point}");
    }
    assert_eq!(struck, failpoint::LOAD.len().div_ceil(each), "every fail point was met");
    let output = starhouse(project, &["etl", "run"]).output().unwrap();
    assert!(printed(&output).contains("nothing new"), "compaction is no news to jobs");
}

/// A statement killed anywhere has changed its table or not; given again it counts once more.
#[test]
fn a_change_of_the_sandbox_killed_at_any_fail_point_counts_once_or_not_at_all() {
    let each = if std::env::var_os("STARHOUSE_FULL").is_some() { 1 } else { 4 };
    let project = new_project();
    let project = project.path();
    let sql = |text| starhouse(project, &["sql", "--format", "csv", text]).output().unwrap();
    let count = || -> usize {
        let rows = printed(&sql("SELECT count(*) FROM sandbox.t"));
        rows.lines().nth(1).unwrap().parse().unwrap()
    };
    printed(&sql("CREATE TABLE sandbox.t AS SELECT 1 AS a"));
    let insert = "INSERT INTO sandbox.t VALUES (2), (3)";
    let (mut rows, mut struck) = (1, 0);
    for point in failpoint::LOAD.iter().step_by(each) {
        struck += usize::from(killed(project, &["sql", insert], point, 1));
        let now = count();
        assert!(now == rows || now == rows + 2, "{point}: {now} rows after {rows}");
        printed(&sql(insert));
        assert_eq!(count(), now + 2, "{point}: given again");
        rows = now + 2;
    }
    assert!(struck > 0, "no fail point was met");
    printed(&starhouse(project, &["vacuum", "--keep", "1"]).output().unwrap());
    assert_eq!(count(), rows);
}

/// What arrives in a cycle in a project whose products say since when they are what they are: the
/// orders of a month, and that the product moved in the middle of the month before. Those orders
/// are loaded already, and must follow.
fn arrive_late(project: &Path, cycle: usize) {
    arrive(project, cycle);
    let mut products = String::from("number,name,category,since\nP1,Product,C0,2024-01-01\n");
    for moved in 0..cycle.min(12) {
        products += &format!("P1,Product,C{},2025-{:02}-02\n", moved + 1, moved + 1);
    }
    fs::write(project.join("sources/products.csv"), products).unwrap();
}

/// Orders by the category that the product was in: each month's one order of it is of that month's.
const CATEGORIES: &str = "SELECT p.category, o.order_no, o.date_key FROM warehouse.fact_orders o \
                          JOIN warehouse.dim_product p USING (product_key) \
                          WHERE p.product_no = 'P1' ORDER BY 3, 2";

fn answer(project: &Path, sql: &str) -> String {
    printed(&starhouse(project, &["sql", "--format", "csv", sql]).output().unwrap())
}

fn categories_after(cycles: usize, moves: usize) -> String {
    let mut lines = String::from("category,order_no,date_key\n");
    for cycle in 0..cycles {
        let category = (cycle + 1).min(moves);
        lines += &format!("C{category},A{cycle:03}1,2025{:02}02\n", cycle + 1);
    }
    lines
}

/// Facts that follow a late change do so in its release: killed anywhere, either both are there or
/// neither is.
#[test]
fn late_changes_killed_at_any_fail_point_take_their_facts_with_them() {
    let project = dated_project();
    late_changes(project.path(), CATEGORIES);
}

/// The same where the category is a band of the product's, and each month's orders have a flag that
/// nobody has met before.
#[test]
fn bands_and_flags_killed_at_any_fail_point_come_with_their_facts() {
    let project = dated_project();
    let project = project.path();
    let edit = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(project.join(file)).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(project.join(file), text.replace(from, to)).unwrap();
    };
    let category = "  - {name: category, type: text, history: 2, description: The shelf it is on. \
                    A move to another shelf opens a new version.}\n";
    edit("schemas/product.yaml", category, "");
    edit("schemas/product.yaml", "[category, {level", "[{level");
    edit("schemas/orders.yaml", "degenerate:", "  - shelf\n  - month_kind\ndegenerate:");
    let month = "transform: SELECT *, CAST(date_part('month', ordered_on) AS INT) AS month_no FROM orders\nload:";
    edit("etl/orders.yaml", "load:", month);
    for (name, of, attribute) in [
        ("shelf", "mini_of: {dimension: product, current: true}", "category, type: text"),
        ("month_kind", "junk: true", "month_no, type: int32"),
    ] {
        let text = format!(
            "dimension: {name}\ndescription: d\n{of}\nattributes: [{{name: {attribute}, description: d}}]\n"
        );
        fs::write(project.join(format!("schemas/{name}.yaml")), text).unwrap();
    }
    late_changes(
        project,
        "SELECT s.category, o.order_no, o.date_key FROM warehouse.fact_orders o \
         JOIN warehouse.dim_product p USING (product_key) JOIN warehouse.dim_shelf s USING (shelf_key) \
         WHERE p.product_no = 'P1' ORDER BY 3, 2",
    );
    let wrong = "SELECT count(*) AS n FROM fact_orders JOIN dim_month_kind USING (month_kind_key) \
                 WHERE month_no <> date_key / 100 % 100";
    assert_eq!(answer(project, wrong), "n\n0\n");
    let twice = "SELECT count(*) - count(DISTINCT month_no) AS n FROM dim_month_kind WHERE month_kind_key > 0";
    assert_eq!(answer(project, twice), "n\n0\n");
}

/// A project whose products say since when they are what they are.
fn dated_project() -> tempfile::TempDir {
    let project = new_project();
    let job = project.path().join("etl/products.yaml");
    let text = fs::read_to_string(&job).unwrap();
    let text = text
        .replace(
            "    deduplicate: {key: [product_no]}\n",
            "      - {name: since, type: timestamp, clean: [trim, required]}\n",
        )
        .replace("{dimension: product}}", "{dimension: product, effective_at: since}}");
    assert!(text.contains("effective_at"));
    fs::write(&job, text).unwrap();
    project
}

/// Kills runs that bring late changes; the question must see them with their facts, or neither.
fn late_changes(project: &Path, question: &str) {
    let each = if std::env::var_os("STARHOUSE_FULL").is_some() { 2 } else { 4 };
    let categories = |project: &Path| answer(project, question);
    let points = failpoint::LOAD.iter().step_by(each);
    let mut struck = 0;
    for (cycles, point) in points.clone().enumerate() {
        arrive_late(project, cycles);
        let before = (cycles > 0).then(|| categories(project));
        // The later hits are those of the fact that follows, behind the dimension and its log.
        let killed = killed(project, &["etl", "run"], point, if cycles % 2 == 0 { 1 } else { 4 });
        struck += usize::from(killed);
        let after = categories_after(cycles + 1, cycles);
        if let Some(before) = before {
            let now = categories(project);
            assert!(now == before || now == after, "{point}: {now} is in between");
        }
        printed(&starhouse(project, &["etl", "run"]).output().unwrap());
        assert_eq!(categories(project), after, "{point}");
    }
    assert!(struck * 2 > points.count(), "most fail points were met");
}

/// Every fail point is in a list, and every one of a list is in the code; tests kill at all of them.
#[test]
fn there_are_forty_fail_points_or_more_and_none_is_forgotten() {
    fn walk(folder: &Path, found: &mut BTreeMap<String, usize>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                for (at, _) in text.match_indices("hit(\"") {
                    let name = text[at + 5..].split('"').next().unwrap();
                    *found.entry(name.to_owned()).or_default() += 1;
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let listed: BTreeSet<String> = failpoint::all().map(str::to_owned).collect();
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), listed);
    assert_eq!(listed.len(), failpoint::all().count(), "a fail point is listed twice");
    assert!(listed.len() >= 40, "{}", listed.len());
}

/// A checkpoint of a Delta log comes with every tenth version.
#[test]
fn a_run_killed_at_a_checkpoint_has_published() {
    let project = new_project();
    let project = project.path();
    let mut cycles = 0;
    for point in failpoint::CHECKPOINT {
        let mut struck = false;
        for _ in 0..12 {
            arrive(project, cycles);
            struck = killed(project, &["etl", "run"], point, 1);
            cycles += 1;
            assert_eq!(seen(project), truth(cycles), "{point}: the release was there before");
            if struck {
                break;
            }
        }
        assert!(struck, "{point} was not met");
    }
}

#[test]
fn a_vacuum_killed_at_any_fail_point_loses_nothing() {
    let project = new_project();
    let project = project.path();
    let mut cycles = 0;
    let vacuum = ["vacuum", "--keep", "1"];
    for point in failpoint::UPKEEP.iter().filter(|point| point.starts_with("vacuum")) {
        for cycle in cycles..cycles + 2 {
            arrive(project, cycle);
            printed(&starhouse(project, &["etl", "run"]).output().unwrap());
            printed(&starhouse(project, &["compact", "--all"]).output().unwrap());
        }
        cycles += 2;
        assert!(killed(project, &vacuum, point, 1), "{point} was not met");
        assert_eq!(seen(project), truth(cycles), "{point}");
        printed(&starhouse(project, &vacuum).output().unwrap());
        assert_eq!(seen(project), truth(cycles), "{point}: vacuumed again");
    }
    for point in failpoint::UPKEEP.iter().filter(|point| point.starts_with("roll_forward")) {
        arrive(project, cycles);
        assert!(killed(project, &["etl", "run"], "delta.before_commit", 1));
        cycles += 1;
        assert!(killed(project, &["releases", "list"], point, 1), "{point} was not met");
        assert_eq!(seen(project), truth(cycles), "{point}");
    }
}
