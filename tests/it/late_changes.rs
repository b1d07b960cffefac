//! Facts follow late changes of their dimensions: whatever order changes and facts come in, every
//! fact ends at the version that was valid at its time.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};
use proptest::prelude::*;
use starhouse::store::Release;
use std::collections::{BTreeMap, BTreeSet};

/// What was bought where the customer lived then.
const CITIES: &str = "SELECT receipt_no, c.customer_id, c.city FROM fact_sales f \
                      JOIN dim_customer c ON c.customer_key = f.customer_key ORDER BY 1";

/// Facts whose version was not valid at their time; the sample's days are its moments.
const WRONG: &str = "SELECT count(*) FROM (SELECT c.customer_key, d.date_key, valid_from, valid_to, \
                     arrow_cast(d.date, 'Timestamp(Microsecond, Some(\"UTC\"))') AS at \
                     FROM fact_sales f JOIN dim_customer c USING (customer_key) \
                     JOIN dim_date d USING (date_key)) AS r \
                     WHERE customer_key > 0 AND date_key > 0 \
                     AND NOT (at >= valid_from AND at < valid_to)";

/// Ada has lived in Rome and bought something every month.
fn project() -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    project.edit_jobs("    from: {csv: {path: \"customers*.csv\"}}", NEW_CUSTOMERS);
    project
        .write("customers_1.csv", &dated("crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\n"));
    project.write(
        "sales_1.csv",
        &lines_of(
            "R1,1,2024-02-10,crm,1,1,10.00,false\nR2,1,2024-03-10,crm,1,1,20.00,false\n\
         R3,1,2024-03-20,crm,1,1,40.00,false\nR4,1,2024-04-10,crm,1,1,80.00,false\n\
         R5,1,2024-04-10,crm,2,1,1.00,false\nR6,1,2031-01-01,crm,1,1,2.00,false\n",
        ),
    );
    project
}

const NEW_CUSTOMERS: &str = "    from: {csv: {path: \"customers*.csv\"}}\n    strategy: new_files";

fn dated(rows: &str) -> String {
    format!("{CUSTOMER_HEAD}{rows}")
}

fn lines_of(rows: &str) -> String {
    format!("{SALES_HEAD}{rows}")
}

/// The fact's files by partition.
fn files(release: &Release) -> BTreeMap<i32, Vec<String>> {
    let mut files: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for file in &release.tables["fact_sales"].files {
        files.entry(file.partition.unwrap()).or_default().push(file.path.clone());
    }
    files
}

#[tokio::test]
async fn facts_in_a_split_interval_get_the_version_of_their_time() {
    let project = project();
    project.run("2024-06-01").await.unwrap();
    let before = project.latest().await;
    // Ada was in Oslo from 15 March to 1 April: nobody said so in time.
    project
        .write("customers_2.csv", &dated("crm,1,Ada,Oslo,2024-03-15\ncrm,1,Ada,Rome,2024-04-01\n"));
    let summary = project.run("2024-06-02").await.unwrap();
    let expected = ["R1|1|Rome", "R2|1|Rome", "R3|1|Oslo", "R4|1|Rome", "R5|2|Bonn", "R6|1|Rome"];
    assert_eq!(project.sql(CITIES).await, expected);
    assert_eq!(project.sql(WRONG).await, ["0"]);
    let [repointed] = summary.repointed.as_slice() else { panic!("{summary:#?}") };
    // March's other row is written with it, April's two; February's and the unknown day's stay.
    assert_eq!(repointed.rows, BTreeMap::from([("customer".to_owned(), 2)]));
    assert_eq!((repointed.partitions, repointed.rows_written), (2, 4));
    assert!(summary.notes.iter().any(|note| note.contains("outside the calendar")));
    let after = project.latest().await;
    assert_eq!(after.id.0, before.id.0 + 1, "one release brings the change and what follows of it");
    let (before, after) = (files(&before), files(&after));
    assert_eq!(before[&202402], after[&202402]);
    assert_ne!(before[&202403], after[&202403]);
    // The aggregate says what the facts say.
    const BY_CITY: &str = "SELECT city, MEASURE(revenue) FROM cubes.sales GROUP BY city ORDER BY 1";
    assert_eq!(project.sql(BY_CITY).await, ["Bonn|1.00", "Oslo|40.00", "Rome|112.00"]);
    let steps = "SELECT target FROM system.steps WHERE step = 'repoint'";
    assert_eq!(project.sql(steps).await, ["fact_sales"]);
    assert_eq!(project.run("2024-06-03").await.unwrap().release, None);
}

#[tokio::test]
async fn facts_that_came_before_their_customers_move_follow_it() {
    let project = project();
    project.run("2024-06-01").await.unwrap();
    // The move is news today, and holds since before the last sale.
    project.write("customers_2.csv", &dated("crm,1,Ada,Oslo,2024-04-10\n"));
    project.run_jobs("2024-06-02", &["customers".to_owned()]).await.unwrap();
    let cities = project.sql(CITIES).await;
    assert_eq!(cities[2..4], ["R3|1|Rome", "R4|1|Oslo"]);
}

#[tokio::test]
async fn a_fact_without_its_moment_says_that_it_stays_as_it_is() {
    let mut project = project();
    project.edit_jobs("event_at: sold_on", "event_at: noon");
    project.edit_jobs(
        "load:\n  fact:",
        "transform: SELECT *, CAST(sold_on AS TIMESTAMP) + INTERVAL '12' HOUR AS noon FROM line\nload:\n  fact:",
    );
    project.run("2024-06-01").await.unwrap();
    project.write("customers_2.csv", &dated("crm,1,Ada,Oslo,2024-03-15\n"));
    let summary = project.run("2024-06-02").await.unwrap();
    assert!(summary.repointed.is_empty());
    let notes = summary.notes.join("\n");
    assert!(notes.contains("fact_sales") && notes.contains("`event_at`"), "{notes}");
    // With the moment in a column it can follow, to the hour.
    project.edit_schemas(
        "  - {name: quantity,",
        "  - {name: noon, type: timestamp, description: moment}\n  - {name: quantity,",
    );
    project.edit_jobs("mode: append", "mode: replace");
    project.edit_jobs(
        "    strategy: new_files\n    columns:\n      - {name: receipt_no",
        "    columns:\n      - {name: receipt_no",
    );
    project.run("2024-06-03").await.unwrap();
    project.edit_jobs(
        "date_formats: ['%Y-%m-%d']}]}\nload",
        "date_formats: ['%Y-%m-%d', '%Y-%m-%d %H:%M']}]}\nload",
    );
    project.write(
        "customers_3.csv",
        &dated("crm,1,Ada,Kiel,2024-04-10 11:00\ncrm,1,Ada,Metz,2024-03-20 13:00\n"),
    );
    let summary = project.run_jobs("2024-06-04", &["customers".to_owned()]).await.unwrap();
    assert_eq!(summary.repointed.len(), 1, "{summary:#?}");
    let cities = project.sql(CITIES).await;
    assert_eq!(cities[1..4], ["R2|1|Rome", "R3|1|Oslo", "R4|1|Kiel"]);
}

#[tokio::test]
async fn a_customer_that_only_sales_know_of_is_inferred_until_somebody_tells() {
    let mut project = project();
    project.edit_schemas("hierarchies:", "inferred_members: true\nhierarchies:");
    project.write(
        "sales_1.csv",
        &lines_of(
            "R1,1,2024-02-10,crm,7,1,10.00,false\nR2,1,2024-03-10,crm,7,1,20.00,false\n\
         R3,1,2024-03-20,,,1,40.00,false\nR4,1,,crm,8,1,80.00,false\n",
        ),
    );
    let summary = project.run("2024-06-01").await.unwrap();
    let notes = summary.jobs[1].notes.join("; ");
    assert!(notes.contains("1 member of `customer` inferred"), "{notes}");
    const MEMBERS: &str = "SELECT customer_key, city, is_inferred FROM dim_customer \
                           WHERE customer_id = '7' ORDER BY 1";
    assert_eq!(project.sql(MEMBERS).await, ["3||true"]);
    let cities = ["R1|7|", "R2|7|", "R3|Not applicable|Not applicable", "R4|Unknown|Unknown"];
    assert_eq!(project.sql(CITIES).await, cities);
    assert_eq!(project.run("2024-06-02").await.unwrap().release, None, "that is no news");
    // Told at last, and of two cities at once.
    project
        .write("customers_2.csv", &dated("crm,7,Cyd,Oslo,2024-02-01\ncrm,7,Cyd,Kiel,2024-03-01\n"));
    let summary = project.run("2024-06-03").await.unwrap();
    assert_eq!(project.sql(MEMBERS).await, ["3|Oslo|false", "4|Kiel|false"]);
    assert_eq!(project.sql(CITIES).await[..2], ["R1|7|Oslo", "R2|7|Kiel"]);
    assert_eq!(summary.repointed[0].rows, BTreeMap::from([("customer".to_owned(), 1)]));
}

#[tokio::test]
async fn what_rows_say_of_deletions_is_done() {
    let run = async |on_delete: &str| {
        let mut project = project();
        project.edit_jobs("clean: [trim, {null_if: ['']}]}", "clean: [trim]}");
        project.edit_jobs(
            "effective_at: since",
            &format!("effective_at: since, delete_when: \"city = 'gone'\", on_delete: {on_delete}"),
        );
        project.run("2024-06-01").await.unwrap();
        project
            .write("customers_2.csv", &dated("crm,1,,gone,2024-03-15\ncrm,3,,gone,2024-03-15\n"));
        let summary = project.run("2024-06-02").await.unwrap();
        (project, summary)
    };
    let (project, summary) = run("close").await;
    assert_eq!(summary.jobs[0].rows_deleted, 1);
    let expected =
        ["R1|1|Rome", "R2|1|Rome", "R3|Unknown|Unknown", "R4|Unknown|Unknown", "R5|2|Bonn"];
    assert_eq!(project.sql(CITIES).await[..5], expected);
    let (project, summary) = run("keep").await;
    assert_eq!(summary.jobs[0].rows_deleted, 0);
    assert!(summary.jobs[0].notes[0].contains("2 rows say"), "{:?}", summary.jobs[0].notes);
    assert_eq!(project.sql(CITIES).await[3], "R4|1|Rome");
    let (project, summary) = run("hard").await;
    assert_eq!(summary.jobs[0].rows_deleted, 1);
    assert_eq!(
        project.sql("SELECT customer_id FROM dim_customer WHERE customer_key > 0").await,
        ["2"]
    );
    let cities = project.sql(CITIES).await;
    assert_eq!(cities[0], "R1|Unknown|Unknown");
    assert_eq!(project.sql("SELECT count(*) FROM fact_sales").await, ["6"], "facts never vanish");
    // Who comes back is somebody new: no key is given twice.
    project.write("customers_3.csv", &dated("crm,1,Ada,Rome,2024-05-01\n"));
    project.run("2024-06-03").await.unwrap();
    let keys = "SELECT customer_key FROM dim_customer WHERE customer_key > 0 ORDER BY 1";
    assert_eq!(project.sql(keys).await, ["1", "3"]);
}

/// A move: customer, city, day of the year.
type Move = (u8, u8, u16);
/// A sale: customer, day of the year.
type Sale = (u8, u16);

/// A day of 2024, 0 being the first.
fn day(number: u16) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    (first + chrono::Days::new(u64::from(number))).to_string()
}

/// Where each sale's customer lived, by brute force: the last move not after the sale; before the
/// first move, the first.
fn oracle(moves: &BTreeSet<Move>, sales: &[Sale], infers: bool) -> Vec<String> {
    let city = |(customer, day): &Sale| {
        let mut own: Vec<&Move> = moves.iter().filter(|(who, ..)| who == customer).collect();
        own.sort_by_key(|(_, _, since)| *since);
        let last = own.iter().rev().find(|(_, _, since)| since <= day).or(own.first());
        match last {
            Some((who, city, _)) => format!("{who}|city {city}"),
            None if infers => format!("{customer}|"),
            None => "Unknown|Unknown".to_owned(),
        }
    };
    let lines =
        sales.iter().enumerate().map(|(number, sale)| format!("R{number:03}|{}", city(sale)));
    lines.collect()
}

#[derive(Debug, Clone)]
enum Arrival {
    Move(Move),
    Sale(usize),
}

fn cases() -> u32 {
    if std::env::var_os("STARHOUSE_FULL").is_some() { 200 } else { 8 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// Any permutation, duplication and batching of moves and sales, each sale after the customer
    /// is known at all, gives the cities that brute force gives.
    #[test]
    fn any_order_of_moves_and_sales_ends_in_the_same_cities(
        moves in prop::collection::btree_map((0..3u8, 0..60u16), 0..4u8, 1..12),
        sales in prop::collection::vec((0..3u8, 0..60u16), 1..14),
        seed in any::<u64>(),
        runs in 1..5usize,
        mode in prop::sample::select(vec!["append", "upsert"]),
        infers in any::<bool>(),
    ) {
        // One city a customer and day: what holds of several of one moment is another test.
        let moves: BTreeSet<Move> = moves.into_iter().map(|((who, day), city)| (who, city, day)).collect();
        let twice = moves.iter().chain(moves.iter().step_by(2)).copied().collect();
        let batches = deal(twice, &sales, seed, runs, infers);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", mode, "")]);
            project.edit_jobs("    from: {csv: {path: \"customers*.csv\"}}", NEW_CUSTOMERS);
            if infers {
                project.edit_schemas("hierarchies:", "inferred_members: true\nhierarchies:");
            }
            for (number, batch) in batches.iter().enumerate() {
                let (mut customers, mut lines) = (String::new(), String::new());
                for arrival in batch {
                    match arrival {
                        Arrival::Move((who, city, since)) => {
                            customers += &format!("crm,{who},Ada,city {city},{}\n", day(*since));
                        }
                        Arrival::Sale(sale) => {
                            let (who, at) = sales[*sale];
                            lines += &format!("R{sale:03},1,{},crm,{who},1,1.00,false\n", day(at));
                        }
                    }
                }
                project.write(&format!("customers_{number}.csv"), &dated(&customers));
                project.write(&format!("sales_{number}.csv"), &lines_of(&lines));
                project.run(&format!("2024-06-{:02}", number + 1)).await.unwrap();
                let wrong = project.sql(WRONG).await;
                prop_assert_eq!(wrong, vec!["0"], "after run {}", number);
            }
            prop_assert_eq!(project.sql(CITIES).await, oracle(&moves, &sales, infers));
            Ok(())
        })?;
    }
}

/// Deals arrivals to runs at random. Unless members are inferred, a sale comes not before the first
/// word of its customer: whom nobody knows then is unknown for good.
fn deal(
    moves: Vec<Move>,
    sales: &[Sale],
    seed: u64,
    runs: usize,
    infers: bool,
) -> Vec<Vec<Arrival>> {
    let mut state = seed | 1;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut batches = vec![Vec::new(); runs];
    let mut known: BTreeMap<u8, usize> = BTreeMap::new();
    for moved in moves {
        let run = next(runs);
        let first = known.entry(moved.0).or_insert(run);
        *first = run.min(*first);
        batches[run].push(Arrival::Move(moved));
    }
    for (number, (who, _)) in sales.iter().enumerate() {
        let known = known.get(who).filter(|_| !infers);
        let run = next(runs).max(known.copied().unwrap_or(0));
        batches[run].push(Arrival::Sale(number));
    }
    batches
}
