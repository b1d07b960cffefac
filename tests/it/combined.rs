//! Junk and mini-dimensions: combinations of a fact's flags, and bands that a dimension's members go
//! through, each under a key in the fact.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Where customers live, split off them.
const RESIDENCE: &str = "
dimension: residence
description: where a customer lives
mini_of: {dimension: customer, current: true}
attributes:
  - {name: city, type: text, description: where}
hierarchies:
  - {name: place, levels: [city]}
";

/// What there is to say of an order beside its numbers.
const ORDER_KIND: &str = "
dimension: order_kind
description: how it was ordered
junk: true
attributes:
  - {name: is_bulk, type: boolean, description: more than one piece}
  - {name: size, type: text, description: by what was paid}
";

const FLAGS: &str = "transform: |\n  SELECT *, quantity > 1 AS is_bulk,\n    CASE WHEN net_amount >= 20 THEN 'large' \
                     WHEN net_amount > 0 THEN 'small' END AS size\n  FROM line\nload:\n  fact:";

/// Where the customer lived when it was sold, and where now.
const CITIES: &str = "SELECT receipt_no, r.city, n.city FROM fact_sales f \
                      JOIN dim_residence r USING (residence_key) \
                      JOIN dim_customer c USING (customer_key) \
                      JOIN dim_residence n ON n.residence_key = c.current_residence_key ORDER BY 1";

const ORDERS: &str = "SELECT receipt_no, is_bulk, size FROM fact_sales \
                      JOIN dim_order_kind USING (order_kind_key) ORDER BY 1";

fn project(mode: &str) -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", mode, "")]);
    project.edit_jobs(
        "    from: {csv: {path: \"customers*.csv\"}}",
        "    from: {csv: {path: \"customers*.csv\"}}\n    strategy: new_files",
    );
    project.edit_schemas("  - {name: city, type: text, history: 2, description: where}\n", "");
    project.edit_schemas("levels: [city, {level: customer,", "levels: [{level: customer,");
    project.edit_schemas(
        "  - {role: customer, dimension: customer, description: who bought}\n",
        "  - {role: customer, dimension: customer, description: who bought}\n  - residence\n  - order_kind\n",
    );
    project.edit_jobs("load:\n  fact:", FLAGS);
    project.add_schema(RESIDENCE);
    project.add_schema(ORDER_KIND);
    project
}

fn customers(project: &Project, number: usize, rows: &str) {
    project.write(&format!("customers_{number}.csv"), &format!("{CUSTOMER_HEAD}{rows}"));
}

fn sales(project: &Project, number: usize, rows: &str) {
    project.write(&format!("sales_{number}.csv"), &format!("{SALES_HEAD}{rows}"));
}

#[tokio::test]
async fn a_fact_has_the_band_that_its_member_had_then() {
    let project = project("append");
    customers(
        &project,
        1,
        "crm,1,Ada,Rome,2024-01-01\ncrm,1,Ada,Oslo,2024-03-01\ncrm,2,Bob,Rome,2024-01-01\n",
    );
    sales(
        &project,
        1,
        "R1,1,2024-02-10,crm,1,1,10.00,\nR2,1,2024-03-01,crm,1,2,20.00,\nR3,1,2024-03-02,crm,2,1,5.00,\n\
         R4,1,2024-03-02,crm,9,1,5.00,\nR5,1,2024-03-02,,,1,5.00,\n",
    );
    project.run("2024-06-01").await.unwrap();
    let expected = [
        "R1|Rome|Oslo",
        "R2|Oslo|Oslo",
        "R3|Rome|Rome",
        "R4|Unknown|Unknown",
        "R5|Not applicable|Not applicable",
    ];
    assert_eq!(project.sql(CITIES).await, expected);
    // The large dimension has a row a customer: what moves fast is elsewhere.
    const CUSTOMERS: &str = "SELECT customer_key, customer_id, current_residence_key \
                             FROM dim_customer WHERE customer_key > 0 ORDER BY 1";
    assert_eq!(project.sql(CUSTOMERS).await, ["1|1|1", "2|2|2"]);
    const RESIDENCES: &str = "SELECT residence_key, city FROM dim_residence ORDER BY 1";
    let residences = ["-2|Not applicable", "-1|Unknown", "1|Oslo", "2|Rome"];
    assert_eq!(project.sql(RESIDENCES).await, residences);
    const HISTORY: &str = "SELECT customer_id, city, residence_key, date_part('year', valid_from), \
                           is_current FROM dim_residence_history \
                           WHERE residence_history_key > 0 ORDER BY customer_id, valid_from";
    let history = ["1|Rome|2|1900|false", "1|Oslo|1|2024|true", "2|Rome|2|1900|true"];
    assert_eq!(project.sql(HISTORY).await, history);
    // Asked as any other dimension of the cube.
    const BY_CITY: &str = "SELECT city, MEASURE(revenue) FROM cubes.sales GROUP BY city ORDER BY 1";
    let by_city = ["Not applicable|5.00", "Oslo|20.00", "Rome|15.00", "Unknown|5.00"];
    assert_eq!(project.sql(BY_CITY).await, by_city);

    // A late change: Ada was in Kiel for a while in February. The fact in that time follows, and
    // no key that was given means anything else.
    customers(&project, 2, "crm,1,Ada,Kiel,2024-02-05\ncrm,1,Ada,Rome,2024-02-20\n");
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.repointed[0].rows, BTreeMap::from([("residence".to_owned(), 1)]));
    assert_eq!(project.sql(CITIES).await[..2], ["R1|Kiel|Oslo", "R2|Oslo|Oslo"]);
    assert_eq!(project.sql(RESIDENCES).await[2..], ["1|Oslo", "2|Rome", "3|Kiel"]);
    assert_eq!(project.sql(CUSTOMERS).await, ["1|1|1", "2|2|2"]);
    assert_eq!(project.run("2024-06-03").await.unwrap().release, None, "that is no news");
}

#[tokio::test]
async fn facts_follow_in_all_time_that_bands_of_a_member_lost_in_one_load() {
    let project = project("append");
    customers(&project, 1, "crm,1,Ada,Rome,2024-01-01\ncrm,1,Ada,Oslo,2024-03-01\n");
    sales(&project, 1, "R1,1,2024-02-20,crm,1,1,10.00,\nR2,1,2024-04-05,crm,1,1,10.00,\n");
    project.run("2024-06-01").await.unwrap();
    assert_eq!(project.sql(CITIES).await, ["R1|Rome|Oslo", "R2|Oslo|Oslo"]);
    // She had moved to Oslo earlier, and has left it again: both of her bands lose time. The facts are
    // in partitions of their own, so neither is written anew for the other's sake.
    customers(&project, 2, "crm,1,Ada,Oslo,2024-02-10\ncrm,1,Ada,Rome,2024-04-01\n");
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.repointed[0].rows, BTreeMap::from([("residence".to_owned(), 2)]));
    assert_eq!(project.sql(CITIES).await, ["R1|Oslo|Rome", "R2|Rome|Rome"]);
}

#[tokio::test]
async fn bands_of_members_that_only_facts_knew_of_come_later() {
    let mut project = project("append");
    project.edit_schemas(
        "hierarchies:\n  - {name: place, levels: [{level",
        "inferred_members: true\nhierarchies:\n  - {name: place, levels: [{level",
    );
    customers(&project, 1, "crm,1,Ada,Rome,2024-01-01\n");
    sales(&project, 1, "R1,1,2024-02-10,crm,7,1,10.00,\nR2,1,2024-04-10,crm,7,1,10.00,\n");
    project.run("2024-06-01").await.unwrap();
    assert_eq!(project.sql(CITIES).await, ["R1|Unknown|Unknown", "R2|Unknown|Unknown"]);
    customers(&project, 2, "crm,7,Cyd,Oslo,2024-02-01\ncrm,7,Cyd,Kiel,2024-03-01\n");
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(CITIES).await, ["R1|Oslo|Kiel", "R2|Kiel|Kiel"]);
}

#[tokio::test]
async fn flags_are_one_small_dimension() {
    let project = project("upsert");
    customers(&project, 1, "crm,1,Ada,Rome,2024-01-01\n");
    sales(
        &project,
        1,
        "R1,1,2024-02-10,crm,1,1,10.00,\nR2,1,2024-02-11,crm,1,2,20.00,\nR3,1,2024-02-12,crm,1,1,10.00,\n\
         R4,1,2024-02-13,crm,1,,,\n",
    );
    let summary = project.run("2024-06-01").await.unwrap();
    let notes = summary.jobs[1].notes.join("\n");
    assert!(notes.contains("3 combinations are new in `order_kind`"), "{notes}");
    // What is not known is a combination of its own, and not the unknown one.
    let orders = ["R1|false|small", "R2|true|large", "R3|false|small", "R4||"];
    assert_eq!(project.sql(ORDERS).await, orders);
    const KINDS: &str = "SELECT order_kind_key, is_bulk, size FROM dim_order_kind ORDER BY 1";
    let kinds = ["-2||Not applicable", "-1||Unknown", "1||", "2|false|small", "3|true|large"];
    assert_eq!(project.sql(KINDS).await, kinds);
    // A combination more: those there keep their keys, and a row that changes its flags its number.
    sales(&project, 2, "R5,1,2024-02-14,crm,1,5,1.00,\nR1,1,2024-02-10,crm,1,3,30.00,\n");
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(KINDS).await[..5], kinds);
    assert_eq!(project.sql(KINDS).await[5..], ["4|true|small"]);
    assert_eq!(project.sql(ORDERS).await[0], "R1|true|large");
    assert_eq!(
        project.sql("SELECT order_kind_key FROM fact_sales WHERE receipt_no = 'R5'").await,
        ["4"]
    );
    const BY_SIZE: &str = "SELECT size, MEASURE(lines) FROM cubes.sales GROUP BY size ORDER BY 1";
    assert_eq!(project.sql(BY_SIZE).await, ["large|2", "small|2", "|1"]);
    // Nothing new makes no file new.
    let before = project.latest().await.tables["dim_order_kind"].clone();
    sales(&project, 3, "R6,1,2024-02-15,crm,1,5,1.00,\n");
    project.run("2024-06-03").await.unwrap();
    assert_eq!(project.latest().await.tables["dim_order_kind"], before);
    assert_eq!(project.run("2024-06-04").await.unwrap().release, None);
}

#[tokio::test]
async fn a_flag_more_leaves_the_old_combinations_their_keys() {
    let mut project = project("upsert");
    customers(&project, 1, "crm,1,Ada,Rome,2024-01-01\n");
    sales(&project, 1, "R1,1,2024-02-10,crm,1,1,10.00,false\n");
    project.run("2024-06-01").await.unwrap();
    project.edit_schemas(
        "  - {name: size, type: text, description: by what was paid}\n",
        "  - {name: size, type: text, description: by what was paid}\n  - {name: gone, type: boolean, description: lost}\n",
    );
    sales(&project, 2, "R2,1,2024-02-11,crm,1,1,10.00,true\n");
    project.run("2024-06-02").await.unwrap();
    const GONE: &str = "SELECT receipt_no, order_kind_key, size, gone FROM fact_sales \
                        JOIN dim_order_kind USING (order_kind_key) ORDER BY 1";
    assert_eq!(project.sql(GONE).await, ["R1|1|small|", "R2|2|small|true"]);
    // And one less: two rows are alike now, and new facts go to the first of them.
    project.edit_schemas("  - {name: gone, type: boolean, description: lost}\n", "");
    sales(&project, 3, "R3,1,2024-02-11,crm,1,1,10.00,true\n");
    project.run("2024-06-03").await.unwrap();
    const KEYS: &str = "SELECT receipt_no, order_kind_key, size FROM fact_sales \
                        JOIN dim_order_kind USING (order_kind_key) ORDER BY 1";
    assert_eq!(project.sql(KEYS).await, ["R1|1|small", "R2|2|small", "R3|1|small"]);
}

#[tokio::test]
async fn a_role_that_is_new_is_unknown_in_the_rows_there_were() {
    for mode in ["append", "upsert"] {
        let mut project = project(mode);
        project.edit_schemas("\n  - residence\n  - order_kind\n", "\n");
        project.edit_schemas("columns: [month, city]", "columns: [month]");
        customers(&project, 1, "crm,1,Ada,Rome,2024-01-01\n");
        sales(&project, 1, "R1,1,2024-02-10,crm,1,1,10.00,\nR2,1,2024-03-10,crm,1,1,10.00,\n");
        project.run("2024-06-01").await.unwrap();
        project.edit_schemas("who bought}\n", "who bought}\n  - residence\n  - order_kind\n");
        sales(&project, 2, "R3,1,2024-03-11,crm,1,1,10.00,\n");
        let summary = project.run("2024-06-02").await.unwrap();
        let notes = summary.jobs[1].notes.join("\n");
        let told = "2 rows that were there before, now with an unknown residence and order_kind";
        assert!(notes.contains(told), "{notes}");
        let cities = ["R1|Unknown|Rome", "R2|Unknown|Rome", "R3|Rome|Rome"];
        assert_eq!(project.sql(CITIES).await, cities, "{mode}");
        assert_eq!(project.sql(ORDERS).await[2], "R3|false|small", "{mode}");
    }
}

/// A move: customer, city, day of the year.
type Move = (u8, u8, u16);
/// A sale: customer, day of the year, pieces, what was paid.
type Sale = (u8, u16, Option<u8>, Option<u8>);

/// A day of 2024, 0 being the first.
fn day(number: u16) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    (first + chrono::Days::new(u64::from(number))).to_string()
}

/// Of each sale, by brute force: where its customer lived then (the last move not after it, or the
/// first), and lives now.
fn cities(moves: &BTreeSet<Move>, sales: &[Sale]) -> Vec<String> {
    let city = |(customer, day, ..): &Sale| {
        let mut own: Vec<&Move> = moves.iter().filter(|(who, ..)| who == customer).collect();
        own.sort_by_key(|(_, _, since)| *since);
        let then = own.iter().rev().find(|(_, _, since)| since <= day).or(own.first());
        match then.zip(own.last()) {
            Some(((_, then, _), (_, now, _))) => format!("city {then}|city {now}"),
            None => "Unknown|Unknown".to_owned(),
        }
    };
    sales.iter().enumerate().map(|(number, sale)| format!("R{number:03}|{}", city(sale))).collect()
}

/// Of each sale its flags, by what it says itself.
fn orders(sales: &[Sale]) -> Vec<String> {
    let flags = |(_, _, pieces, paid): &Sale| {
        let is_bulk = pieces.map(|pieces| (pieces > 1).to_string()).unwrap_or_default();
        let size = match paid {
            Some(20..) => "large",
            Some(1..) => "small",
            _ => "",
        };
        format!("{is_bulk}|{size}")
    };
    sales.iter().enumerate().map(|(number, sale)| format!("R{number:03}|{}", flags(sale))).collect()
}

fn cases() -> u32 {
    if std::env::var_os("STARHOUSE_FULL").is_some() { 200 } else { 8 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// Any permutation, duplication and batching of moves and sales, of customers heard of before or
    /// after, gives the bands and flags that brute force gives, each combination once.
    #[test]
    fn any_order_of_moves_and_sales_ends_in_the_same_bands_and_flags(
        moves in prop::collection::btree_map((0..3u8, 0..60u16), 0..4u8, 1..12),
        sales in prop::collection::vec(
            (0..3u8, 0..60u16, prop::option::of(1..3u8), prop::option::of(0..40u8)), 1..14),
        runs_of_moves in prop::collection::vec(0..4usize, 24),
        runs_of_sales in prop::collection::vec(0..4usize, 14),
        mode in prop::sample::select(vec!["append", "upsert"]),
    ) {
        // One city a customer and day: what holds of several of one moment is another test.
        let moves: BTreeSet<Move> = moves.into_iter().map(|((who, day), city)| (who, city, day)).collect();
        let twice: Vec<Move> = moves.iter().chain(moves.iter().step_by(2)).copied().collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut project = project(mode);
            project.edit_schemas(
                "hierarchies:\n  - {name: place, levels: [{level",
                "inferred_members: true\nhierarchies:\n  - {name: place, levels: [{level",
            );
            for run in 0..4 {
                let moved = twice.iter().zip(&runs_of_moves).filter(|(_, own)| **own == run);
                let moved = moved.map(|((who, city, since), _)| format!("crm,{who},Ada,city {city},{}\n", day(*since)));
                customers(&project, run, &moved.collect::<String>());
                let sold = sales.iter().enumerate().zip(&runs_of_sales).filter(|(_, own)| **own == run);
                let number = |number: Option<u8>| number.map(|number| number.to_string()).unwrap_or_default();
                let sold = sold.map(|((sale, (who, at, pieces, paid)), _)| {
                    format!("R{sale:03},1,{},crm,{who},{},{},\n", day(*at), number(*pieces), number(*paid))
                });
                self::sales(&project, run, &sold.collect::<String>());
                project.run(&format!("2024-06-{:02}", run + 1)).await.unwrap();
            }
            prop_assert_eq!(project.sql(CITIES).await, cities(&moves, &sales));
            prop_assert_eq!(project.sql(ORDERS).await, orders(&sales));
            for table in ["residence", "order_kind"] {
                let columns = if table == "residence" { "city" } else { "is_bulk, size" };
                let twice = format!(
                    "SELECT count(*) FROM (SELECT {columns} FROM dim_{table} WHERE {table}_key > 0 \
                     GROUP BY {columns} HAVING count(*) > 1)"
                );
                prop_assert_eq!(project.sql(&twice).await, vec!["0"]);
            }
            let open = "SELECT count(*) FROM (SELECT customer_id FROM dim_residence_history \
                        WHERE is_current AND residence_history_key > 0 GROUP BY customer_id HAVING count(*) > 1)";
            prop_assert_eq!(project.sql(open).await, vec!["0"]);
            Ok(())
        })?;
    }
}

#[test]
fn what_is_wrong_is_told() {
    let project = project("append");
    // A job must not name a mini-dimension's key, and needs all of a junk one's flags.
    let job = sales_job("full", "replace", "").replace(
        "customer: [source_system, customer_id]}",
        "customer: [source_system, customer_id], residence: [city], order_kind: [gone]}",
    );
    let told = project.told(&job);
    assert!(told.contains("the role `residence` is found by the member of `customer`"), "{told}");
    assert!(
        told.contains("needs 2 columns for the attributes of `order_kind` (is_bulk, size), got 1"),
        "{told}"
    );
    let told = project.told(&sales_job("full", "replace", ""));
    assert!(told.contains("the source `line` has no column `is_bulk`"), "{told}");
    let told =
        project.told(&CUSTOMERS_DATED.replace("dimension: customer,", "dimension: residence,"));
    assert!(told.contains("`residence` is loaded by the jobs that load `customer`"), "{told}");
    let told = project.told(&CUSTOMERS_DATED.replace("name: city", "name: town"));
    assert!(told.contains("the source `customer` has no column `city`"), "{told}");
}
