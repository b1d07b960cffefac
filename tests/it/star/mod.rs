//! The star scan gives the answers of DataFusion's own joins, for whatever is asked of a star.

mod answer;
mod orders;
mod questions;
mod shapes;
mod world;

use crate::cube_support::{TempWarehouse, clock};
use crate::support::engine_settings;
use answer::{Rows, ask, ask_once, difference};
use questions::Questions;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use starhouse::engine::{Engine, EngineSettings, Session};
use starhouse::policy::Principal;
use std::sync::Arc;
use world::World;

/// How many worlds: seconds by default, in the long tier some minutes.
fn worlds() -> u64 {
    if std::env::var_os("STARHOUSE_FULL").is_some() { 100 } else { 3 }
}

/// Questions to each world.
const QUESTIONS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_stock_joins() {
    let (mut asked, mut stars, mut refused) = (0, 0, 0);
    for seed in 0..worlds() {
        let world = World::make(seed, 20_000).await;
        let stock = world.session(|settings| settings.star_scan = false);
        // Small batches; and memory for columns, which hold from the second time on.
        let star = world.session(|settings| settings.batch_size = 100);
        let cold = world.session(|settings| {
            settings.hot_columns_bytes = 0;
            settings.threads = 1;
        });
        let mut questions = Questions::new(seed);
        for _ in 0..QUESTIONS {
            let sql = questions.next();
            let expected = ask(&stock, &sql).await;
            for session in [&star, &star, &star, &cold] {
                assert_same(&expected, &ask(session, &sql).await, &sql);
            }
            asked += 1;
            refused += usize::from(expected.is_err());
            stars += usize::from(is_star(&star, &sql).await);
        }
    }
    assert!(refused * 20 < asked, "{refused} of {asked} questions were refused");
    assert!(stars * 10 > asked * 9, "{stars} of {asked} questions were stars");
}

/// Row groups that end within a file, and keys that only a part of them has.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_several_row_groups() {
    let world = World::make(7, 600_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    let mut questions = Questions::new(7);
    for _ in 0..6 {
        let sql = questions.next();
        let expected = ask(&stock, &sql).await;
        for _ in 0..3 {
            assert_same(&expected, &ask(&star, &sql).await, &sql);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_names_the_columns_of_predicates() {
    let world = World::make(1, 1_000).await;
    let sql = "EXPLAIN SELECT count(*) FROM warehouse.fact_sale f JOIN warehouse.dim_product p \
               ON p.product_key = f.product_key WHERE f.amount > p.list_price AND f.quantity > 3";
    let plan = text(&world.session(|_| {}), sql).await;
    assert!(plan.contains("quantity > 3"), "{plan}");
    assert!(plan.contains("list_price < amount"), "{plan}");
}

/// What a partition hands to the final aggregation has to be in the form that it expects.
#[tokio::test(flavor = "multi_thread")]
async fn whole_facts_and_functions_of_every_kind() {
    let world = World::make(5, 20_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    let functions = "corr(f.weight, f.points), covar_pop(f.weight, f.points), \
                     approx_distinct(f.store_key), \
                     bit_xor(f.points), median(f.quantity), var_pop(f.weight), \
                     regr_slope(f.weight, f.points), count(DISTINCT f.ticket), \
                     sum(DISTINCT f.quantity), sum(100 / f.quantity) FILTER (WHERE f.quantity <> 0)";
    let from = "FROM warehouse.fact_sale f JOIN warehouse.dim_date d ON f.date_key = d.date_key";
    for sql in [
        format!("SELECT {functions} {from}"),
        format!("SELECT {functions} {from} WHERE d.month = '1999-01'"),
        format!("SELECT d.quarter, {functions} {from} WHERE f.quantity <> 0 GROUP BY d.quarter"),
        format!("SELECT sum(f.quantity) {from} GROUP BY GROUPING SETS ((d.month), (f.ticket % 9))"),
        format!("SELECT count(*) {from} GROUP BY GROUPING SETS ((d.month, f.gift), (f.gift), ())"),
        format!("SELECT count(*), 7 {from} WHERE d.year = 1 GROUP BY ROLLUP (d.month)"),
    ] {
        let expected = ask(&stock, &sql).await;
        assert!(expected.is_ok(), "{sql}: {expected:?}");
        assert_same(&expected, &ask(&star, &sql).await, &sql);
        assert!(is_star(&star, &sql).await, "{sql}");
    }
}

/// A value that is made anew each time is made once a row.
#[tokio::test(flavor = "multi_thread")]
async fn chance_is_thrown_once_a_row() {
    let world = World::make(5, 20_000).await;
    let session = world.session(|_| {});
    let sql = "SELECT r > 0.5, max(r) <= 0.5, count(*) > 0 FROM (SELECT random() AS r \
               FROM warehouse.fact_sale f JOIN warehouse.dim_date d ON f.date_key = d.date_key) \
               GROUP BY 1";
    assert_eq!(
        text(&session, sql).await,
        r#"[[Text("false"), Text("true"), Text("true")], [Text("true"), Text("false"), Text("true")]]"#
    );
}

/// Joins that look like a star's, and are none.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_star_is_left_alone() {
    let world = World::make(2, 5_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    let fact = "FROM warehouse.fact_sale f";
    for sql in [
        // Keys that are no member's number, and come twice.
        format!("SELECT count(*) {fact} WHERE f.ticket IN (SELECT area FROM warehouse.dim_store)"),
        format!("SELECT count(*) {fact} JOIN warehouse.dim_store s ON s.area = f.ticket"),
        format!(
            "SELECT count(*) {fact} WHERE f.ticket IN \
             (SELECT CAST(v AS INT) FROM (VALUES (-100), (5), (2147483647)) AS t(v))"
        ),
        // A condition of an outer join says what is a partner, not what stays.
        format!(
            "SELECT count(d.month) {fact} LEFT JOIN warehouse.dim_date d \
             ON d.date_key = f.date_key AND f.quantity > 9"
        ),
        "SELECT d.month, count(f.ticket) FROM warehouse.dim_date d \
         LEFT JOIN warehouse.fact_sale f ON d.date_key = f.date_key GROUP BY d.month"
            .to_owned(),
        "SELECT count(*) FROM warehouse.fact_sale f JOIN warehouse.fact_sale g USING (store_key)"
            .to_owned(),
    ] {
        let expected = ask(&stock, &sql).await;
        assert!(expected.is_ok(), "{sql}: {expected:?}");
        assert_same(&expected, &ask(&star, &sql).await, &sql);
        assert!(!is_star(&star, &sql).await, "{sql}");
    }
}

/// A missing file is told by its name, whoever comes to know of it first.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named() {
    let world = World::make(2, 5_000).await;
    let state = &world.release.tables["fact_sale"];
    let folder = world.at.spill().with_file_name("warehouse").join(&state.location);
    std::fs::remove_file(folder.join(&state.files[3].path)).unwrap();
    let sql = "SELECT s.city, sum(f.quantity) FROM warehouse.fact_sale f \
               JOIN warehouse.dim_store s ON s.store_key = f.store_key \
               WHERE s.area > 20 GROUP BY s.city";
    let error = ask(&world.session(|_| {}), sql).await.unwrap_err();
    assert!(error.contains("a stored file is missing"), "{error}");
    assert!(error.contains(&state.files[3].path), "{error}");
}

/// Many groups in little memory come out early and are added up above.
#[tokio::test(flavor = "multi_thread")]
async fn groups_that_do_not_fit_into_memory() {
    let world = World::make(3, 60_000).await;
    let sql = "SELECT f.ticket, p.product_name, s.city, sum(f.quantity), count(*) \
               FROM warehouse.fact_sale f \
               JOIN warehouse.dim_product p ON p.product_key = f.product_key \
               JOIN warehouse.dim_store s ON s.store_key = f.store_key GROUP BY 1, 2, 3";
    // Of these the second come again and again, also after some were put aside.
    let again = "SELECT f.ticket % 10000 AS visitor, f.channel, s.city, sum(f.quantity), count(*) \
                 FROM warehouse.fact_sale f \
                 JOIN warehouse.dim_store s ON s.store_key = f.store_key GROUP BY 1, 2, 3";
    for sql in [sql, again] {
        let stock = ask(&world.session(|settings| settings.star_scan = false), sql).await;
        let tight = world.session(|settings| settings.memory_limit_bytes = 16 << 20);
        assert!(is_star(&tight, sql).await);
        assert_same(&stock, &ask(&tight, sql).await, sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_what_was_skipped() {
    let world = World::make(1, 20_000).await;
    let session = world.session(|_| {});
    let sql = "EXPLAIN ANALYZE SELECT d.month, sum(f.quantity) FROM warehouse.fact_sale f \
               JOIN warehouse.dim_date d ON d.date_key = f.date_key \
               WHERE d.month = '2024-03' GROUP BY d.month";
    let plan = text(&session, sql).await;
    let row_groups = "row_groups=1, ";
    for part in ["StarAggregateExec: table=fact_sale", "keys=[date_key]", row_groups, "rows_kept="]
    {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    // The month is a whole file: nothing of other months is read.
    assert!(plan.contains("files=1, files_skipped=11"), "{plan}");
    assert!(plan.contains("pages=2, pages_skipped=0"), "{plan}");
    // Each once, and nothing of what DataFusion's own scan would count.
    let star = plan.split("\\n").find(|line| line.contains("StarAggregateExec")).unwrap();
    assert!(star.contains("table=fact_sale of 12 files"), "{star}");
    assert_eq!(star.matches("files=").count(), 1, "{star}");
    assert!(star.contains("bytes_scanned=") && !star.contains("pruned"), "{star}");
}

/// Where what is looked up does not fit into memory, joins spill instead.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_joined_by_sorting() {
    let world = World::make(6, 600_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let small = |memory| {
        world.session(move |settings| {
            settings.memory_limit_bytes = memory;
            settings.batch_size = 512;
            settings.threads = 1;
        })
    };
    let sql = "SELECT count(*), sum(f.amount), max(g.points + g.weight), min(g.sold_at) \
               FROM warehouse.fact_sale f JOIN warehouse.fact_sale g ON g.ticket = f.ticket + 1 \
               WHERE g.paid_on >= f.paid_on AND f.points > 5 AND f.weight > 0 AND f.sold_at <> g.sold_at";
    let session = small(10 << 20);
    let plan = text(&session, &format!("EXPLAIN {sql}")).await;
    assert!(plan.contains("HashJoinExec"), "{plan}");
    assert_same(&ask_once(&stock, sql).await, &ask_once(&session, sql).await, sql);
    let ran = text_once(&session, &format!("EXPLAIN ANALYZE {sql}")).await;
    assert!(ran.contains("SortMergeJoinExec") && !ran.contains("HashJoinExec"), "{ran}");
    // A star as well. Sorting is let do with what there is, and may find that too little.
    let sql = "SELECT f.channel, sum(f.amount) FROM warehouse.fact_sale f WHERE f.ticket IN (SELECT ticket \
               FROM warehouse.fact_sale GROUP BY ticket HAVING sum(quantity) > 0) GROUP BY f.channel";
    let session = small(4 << 20);
    let plan = text(&session, &format!("EXPLAIN {sql}")).await;
    assert!(plan.contains("StarAggregateExec"), "{plan}");
    match ask_once(&session, sql).await {
        Ok(rows) => assert_same(&ask_once(&stock, sql).await, &Ok(rows), sql),
        Err(error) => assert!(error.contains("Sort") && !error.contains("StarMembers"), "{error}"),
    }
}

/// Predicates over the fact's own columns leave pages out, by the bounds of their own.
#[tokio::test(flavor = "multi_thread")]
async fn own_predicates_skip_pages() {
    let world = World::make(4, 600_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|settings| settings.hot_columns_bytes = 0);
    let select = "SELECT d.quarter, count(*), sum(f.quantity), max(f.channel) \
                  FROM warehouse.fact_sale f JOIN warehouse.dim_date d ON d.date_key = f.date_key";
    for (condition, skips) in [
        // Rows are sorted by store and day within a month.
        ("f.store_key BETWEEN 3 AND 9", true),
        ("f.store_key IN (1, 60)", true),
        ("f.store_key < 4 AND f.quantity > 20 AND f.channel LIKE 's%'", true),
        ("f.store_key > 55 OR f.date_key < 20240105", true),
        ("f.store_key = 60 AND f.amount IS NULL", true),
        ("f.store_key * 2 = 40", false),
        ("f.store_key > 55 OR f.weight < 0.1", false),
        ("f.channel = 'web' AND f.gift", false),
        ("f.weight IS NULL AND f.points IS NULL AND f.paid_on < DATE '2024-01-01'", false),
    ] {
        let sql = format!("{select} WHERE {condition} GROUP BY d.quarter");
        assert_same(&ask(&stock, &sql).await, &ask(&star, &sql).await, &sql);
        let plan = text(&star, &format!("EXPLAIN ANALYZE {sql}")).await;
        // Of the fact, not of the dimension below it.
        let (plan, _) = plan.split_once("table=dim_date").unwrap();
        assert!(plan.contains("StarAggregateExec"), "{plan}");
        assert_eq!(!plan.contains("rows_skipped=0"), skips, "{condition}: {plan}");
        assert!(!skips || !plan.contains("pages_skipped=0"), "{condition}: {plan}");
    }
}

/// A join of which nothing is used goes, where it leaves every row of the fact as it is; where rows
/// may have no member, the look-up stays, but nothing is read of the dimension but its keys.
#[tokio::test(flavor = "multi_thread")]
async fn joins_of_which_nothing_is_used() {
    let world = World::make(6, 5_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    for (sql, keys) in [
        (
            "SELECT d.month, sum(f.quantity) FROM warehouse.fact_sale f \
             LEFT JOIN warehouse.dim_store s ON s.store_key = f.store_key \
             JOIN warehouse.dim_date d ON d.date_key = f.date_key GROUP BY d.month",
            "keys=[date_key]",
        ),
        (
            "SELECT s.city, sum(f.quantity) FROM warehouse.fact_sale f \
             JOIN warehouse.dim_product p ON p.product_key = f.product_key \
             LEFT JOIN warehouse.dim_store s ON s.store_key = f.store_key GROUP BY s.city",
            "keys=[store_key]",
        ),
    ] {
        assert_same(&ask(&stock, sql).await, &ask(&star, sql).await, sql);
        let plan = text(&star, &format!("EXPLAIN {sql}")).await;
        assert!(plan.contains(keys), "{plan}");
        assert!(!plan.contains("product_no"), "{plan}");
    }
}

/// A fact alone is a star where few groups come of it.
#[tokio::test(flavor = "multi_thread")]
async fn facts_without_joins() {
    let world = World::make(10, 100_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    let rest = "count(*), sum(points), max(channel) FROM warehouse.fact_sale WHERE quantity > 9";
    for (sql, few) in [
        (format!("SELECT {rest}"), true),
        (format!("SELECT store_key, quantity, {rest} GROUP BY 1, 2"), true),
        (format!("SELECT store_key, quantity, {rest} GROUP BY ROLLUP (store_key, quantity)"), true),
        (format!("SELECT ticket, {rest} GROUP BY 1"), false),
        (format!("SELECT channel, {rest} GROUP BY 1"), false),
        ("SELECT count(*), min(sold_at), max(date_key) FROM warehouse.fact_sale".to_owned(), false),
        ("SELECT count(DISTINCT store_key) FROM warehouse.fact_sale".to_owned(), true),
    ] {
        for _ in 0..3 {
            assert_same(&ask(&stock, &sql).await, &ask(&star, &sql).await, &sql);
        }
        assert_eq!(is_star(&star, &sql).await, few, "{sql}");
    }
}

/// Averages of floats at every total come from sums and counts at the finest grain; those of decimals
/// do not.
#[tokio::test(flavor = "multi_thread")]
async fn averages_in_grouping_sets() {
    let world = World::make(9, 20_000).await;
    let session = world.session(|_| {});
    let from = "FROM warehouse.fact_sale f JOIN warehouse.dim_date d ON d.date_key = f.date_key";
    let averages = "avg(f.weight), sum(f.weight), count(f.weight), avg(f.quantity), avg(f.points), \
                    avg(f.weight) FILTER (WHERE f.channel = 'web')";
    for condition in ["f.quantity > 5", "f.weight IS NULL", "f.quantity > 1000"] {
        let sets = format!("{from} WHERE {condition} GROUP BY CUBE (d.quarter, f.gift)");
        let derived = format!("SELECT d.quarter, f.gift, {averages} {sets}");
        let plan = text(&session, &format!("EXPLAIN {derived}")).await;
        assert!(plan.contains("__part_"), "{plan}");
        // An average of decimals keeps all others from being derived.
        let every = format!("SELECT d.quarter, f.gift, {averages}, avg(f.amount) {sets}");
        let plan = text(&session, &format!("EXPLAIN {every}")).await;
        assert!(!plan.contains("__part_"), "{plan}");
        let mut expected = ask(&session, &every).await.unwrap();
        expected.iter_mut().for_each(|row| _ = row.pop());
        assert_same(&Ok(answer::sorted(expected)), &ask(&session, &derived).await, &derived);
    }
}

/// The largest of the groups' extremes, and groups of which any will do.
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_aggregations() {
    let world = World::make(8, 20_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let from = "FROM warehouse.fact_sale f \
                JOIN warehouse.dim_product p ON p.product_key = f.product_key";
    for threads in [1, 3] {
        let star = world.session(|settings| settings.threads = threads);
        for sql in [
            format!(
                "SELECT p.product_name, max(f.ticket) AS m {from} GROUP BY 1 ORDER BY m DESC LIMIT 7"
            ),
            format!("SELECT p.category, min(f.ticket) AS m {from} GROUP BY 1 ORDER BY m LIMIT 3"),
            format!("SELECT f.ticket, max(f.ticket) AS m {from} GROUP BY 1 ORDER BY m LIMIT 5"),
        ] {
            let plan = text(&star, &format!("EXPLAIN {sql}")).await;
            assert!(plan.contains("StarAggregateExec"), "{plan}");
            assert_same(&ask(&stock, &sql).await, &ask(&star, &sql).await, &sql);
        }
        let some = format!("SELECT DISTINCT p.product_name {from} LIMIT 5");
        assert_eq!(ask_once(&star, &some).await.unwrap().len(), 5);
        assert!(!text(&star, &format!("EXPLAIN {some}")).await.contains("StarAggregateExec"));
    }
}

impl World {
    fn session(&self, change: impl Fn(&mut EngineSettings)) -> Session {
        let mut settings = engine_settings(256 << 20, 3, self.at.spill());
        settings.star_scan = true;
        change(&mut settings);
        let TempWarehouse { warehouse, .. } = &self.at;
        let engine = Engine::new(warehouse.clone(), Arc::clone(&self.model), settings, clock());
        engine.unwrap().session(Principal::local(), Arc::clone(&self.release))
    }
}

async fn text(session: &Session, sql: &str) -> String {
    format!("{:?}", ask(session, sql).await.unwrap())
}

/// The same of what is not the same each time.
async fn text_once(session: &Session, sql: &str) -> String {
    format!("{:?}", ask_once(session, sql).await.unwrap())
}

async fn is_star(session: &Session, sql: &str) -> bool {
    let plan = text(session, &format!("EXPLAIN {sql}")).await;
    // Grouping sets of what does not add up are aggregated above a star join.
    plan.contains("StarAggregateExec") || plan.contains("StarJoinExec")
}

/// The same rows in any order; an error only where the other has one.
fn assert_same(expected: &Result<Rows, String>, found: &Result<Rows, String>, sql: &str) {
    match (expected, found) {
        (Ok(expected), Ok(found)) => {
            if let Some(difference) = difference(expected, found) {
                panic!("{sql}\n{difference}");
            }
        }
        (Err(_), Err(_)) => {}
        (expected, found) => panic!("{sql}\nstock: {expected:?}\nstar: {found:?}"),
    }
}

/// A source of chance that gives the same for the same seed.
fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Sets none of which has all columns: a star is read for each, and for those within it.
#[tokio::test(flavor = "multi_thread")]
async fn grouping_sets_one_by_one() {
    let world = World::make(11, 20_000).await;
    let stock = world.session(|settings| settings.star_scan = false);
    let star = world.session(|_| {});
    let from = "FROM warehouse.fact_sale f JOIN warehouse.dim_date d ON d.date_key = f.date_key \
                JOIN warehouse.dim_product p ON p.product_key = f.product_key";
    let (q, c, g) = ("d.quarter", "p.category", "f.gift");
    let added = "sum(f.quantity), count(*), min(f.amount), sum(f.weight)";
    let every = "count(DISTINCT f.ticket), avg(f.amount), sum(f.quantity) FILTER (WHERE f.gift)";
    // How often it is read where functions add up, and where they do not.
    for (sets, reads) in [
        (format!("({q}), ({c})"), [2, 2]),
        (format!("({q}, {c}), ({c}, {g}), ({q}, {g})"), [3, 3]),
        (format!("({q}, {c}), ({g}), (), ({c})"), [2, 4]),
        (format!("({c}, {q}), ({g}, {q}), ({q}), ({g}), (d.month)"), [3, 5]),
        // One of them has all columns, one is there twice: not parted.
        (format!("({q}, {c}), ({c})"), [1, 0]),
        (format!("({q}), ({c}), ({q})"), [0, 0]),
    ] {
        for condition in ["d.year > 0", "d.year = 1999 AND f.quantity > 2", "d.year = 1"] {
            for (functions, reads) in [added, every].into_iter().zip(reads) {
                let groups = if sets.contains(g) { g } else { "NULL" };
                let columns = format!("{q}, {c}, {groups}, grouping({q}), grouping({c}, {q})");
                let sql = match sets.contains("d.month") {
                    true => format!("SELECT {columns}, d.month, grouping(d.month)"),
                    false => format!("SELECT {columns}"),
                };
                let sql = format!(
                    "{sql}, {functions} {from} WHERE {condition} GROUP BY GROUPING SETS ({sets})"
                );
                let plan = text(&star, &format!("EXPLAIN {sql}")).await;
                assert_eq!(plan.matches("StarAggregateExec").count(), reads, "{sql}: {plan}");
                for _ in 0..2 {
                    assert_same(&ask(&stock, &sql).await, &ask(&star, &sql).await, &sql);
                }
            }
        }
    }
}
