//! A change feed into a dimension: inserts, updates and deletes, replayed in batches however cut.

use crate::etl_project::Project;
use proptest::prelude::*;
use std::collections::BTreeMap;

const JOB: &str = "
job: customers
description: a feed of changes
sources:
  - name: customer
    from: {sqlite: {path: feed.db, table: changes}}
    strategy: {changes: {key: [customer_id], sequence: seq, overlap: '3'}}
    columns:
      - {name: seq, type: int64}
      - {name: op, type: text, clean: [{one_of: [I, U, D]}]}
      - {name: source_system, type: text, clean: [{fill: crm}]}
      - {name: customer_id, type: text, clean: [required]}
      - {name: customer_name, type: text}
      - {name: city, type: text}
      - {name: at, type: timestamp}
load: {dimension: {dimension: customer, EFFECTIVEdelete_when: \"op = 'D'\", on_delete: ON_DELETE}}
";

/// A change: whose, what, and when, in hours.
#[derive(Debug, Clone)]
struct Change {
    id: u8,
    deletes: bool,
    name: u8,
    city: u8,
    hour: u32,
}

/// Feeds in which a member comes before it changes and goes, and updates may share a moment.
fn feeds() -> impl Strategy<Value = Vec<Change>> {
    let step = (0..4_u8, prop::bool::weighted(0.25), 0..3_u8, 0..3_u8, prop::bool::weighted(0.3));
    prop::collection::vec(step, 1..25).prop_map(|steps| {
        let mut alive: BTreeMap<u8, (bool, u32)> = BTreeMap::new();
        let mut changes = Vec::new();
        for (id, deletes, name, city, same_hour) in steps {
            let (is_there, last) = alive.get(&id).copied().unwrap_or((false, 0));
            let deletes = deletes && is_there;
            let is_update = is_there
                && !deletes
                && changes.iter().rev().find(|c: &&Change| c.id == id).is_some_and(|c| !c.deletes);
            let first = changes.iter().filter(|c| c.id == id && c.hour == last).count() == 1
                && changes.iter().filter(|c| c.id == id && c.hour < last).all(|c| c.deletes);
            let hour = if same_hour && is_update && !first { last } else { last + 1 };
            alive.insert(id, (!deletes, hour));
            changes.push(Change { id, deletes, name, city, hour });
        }
        changes
    })
}

/// The versions of all members: number, city, start (none where it is the first), end.
type Versions = Vec<(String, String, Option<u32>, Option<u32>)>;

/// What a feed comes to, member by member.
fn plainly(feed: &[Change], on_delete: &str) -> (Versions, BTreeMap<String, String>) {
    let (mut versions, mut names) = (Vec::new(), BTreeMap::new());
    for id in 0..4_u8 {
        let mut moments: BTreeMap<u32, &Change> = BTreeMap::new();
        let own = feed.iter().filter(|change| change.id == id);
        for change in own.filter(|change| on_delete != "keep" || !change.deletes) {
            moments.insert(change.hour, change);
        }
        let mut own: Vec<(u8, Option<u32>, Option<u32>)> = Vec::new();
        for (hour, change) in moments {
            let open = own.last_mut().filter(|version| version.2.is_none());
            match (open, change.deletes) {
                (Some(version), true) => {
                    version.2 = Some(hour);
                    if on_delete == "hard" {
                        own.clear();
                        names.remove(&id.to_string());
                    }
                    continue;
                }
                (None, true) => continue,
                (Some(version), false) if version.0 == change.city => {}
                (Some(version), false) => {
                    version.2 = Some(hour);
                    own.push((change.city, Some(hour), None));
                }
                (None, false) => own.push((change.city, Some(hour), None)),
            }
            names.insert(id.to_string(), format!("n{}", change.name));
        }
        if let Some(first) = own.first_mut() {
            first.1 = None;
        }
        versions.extend(
            own.into_iter().map(|(city, from, to)| (id.to_string(), format!("c{city}"), from, to)),
        );
    }
    (versions, names)
}

fn project(on_delete: &str, effective: &str) -> Project {
    let job = JOB.replace("ON_DELETE", on_delete).replace("EFFECTIVE", effective);
    let project = Project::new(&[&job]);
    let feed = rusqlite::Connection::open(project.dir.path().join("feed.db")).unwrap();
    feed.execute_batch(
        "CREATE TABLE changes (seq INTEGER PRIMARY KEY, op, source_system, customer_id, customer_name, city, at)",
    )
    .unwrap();
    project
}

/// Adds changes to the feed, from a sequence on.
fn add(project: &Project, first: usize, changes: &[Change]) {
    let feed = rusqlite::Connection::open(project.dir.path().join("feed.db")).unwrap();
    for (seq, change) in (first..).zip(changes) {
        let at = format!("2024-01-{:02} {:02}:00:00", 1 + change.hour / 24, change.hour % 24);
        let value = |letter: char, value: u8| (!change.deletes).then(|| format!("{letter}{value}"));
        let op = if change.deletes { "D" } else { "U" };
        feed.execute(
            "INSERT INTO changes VALUES (?1, ?2, NULL, ?3, ?4, ?5, ?6)",
            rusqlite::params![
                seq as i64,
                op,
                change.id.to_string(),
                value('n', change.name),
                value('c', change.city),
                at
            ],
        )
        .unwrap();
    }
}

async fn versions(project: &Project) -> (Versions, BTreeMap<String, String>) {
    let hour = |text: &str| {
        let moment: chrono::DateTime<chrono::Utc> = text.parse().unwrap();
        let begin: chrono::DateTime<chrono::Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
        u32::try_from((moment - begin).num_hours()).ok().filter(|hours| *hours < 10_000)
    };
    let sql = "SELECT customer_id, city, valid_from, valid_to, customer_name FROM warehouse.dim_customer \
               WHERE customer_key > 0 ORDER BY customer_id, valid_from";
    let (mut versions, mut names) = (Vec::new(), BTreeMap::new());
    for row in project.sql(sql).await {
        let cells: Vec<&str> = row.split('|').collect();
        let (id, city) = (cells[0].to_owned(), cells[1].to_owned());
        names.insert(id.clone(), cells[4].to_owned());
        versions.push((id, city, hour(cells[2]), hour(cells[3])));
    }
    (versions, names)
}

/// Versions with equal neighbours taken together: a version that a correction made equal to the one
/// before it stays where an earlier run had published it, since facts may refer to its key.
fn merged(versions: Versions) -> Versions {
    let mut merged = Versions::new();
    for version in versions {
        match merged.last_mut() {
            Some(last) if (&last.0, &last.1, last.3) == (&version.0, &version.1, version.2) => {
                last.3 = version.3;
            }
            _ => merged.push(version),
        }
    }
    merged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_feed_comes_to_the_same_however_it_is_cut(
        feed in feeds(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        on_delete in prop::sample::select(&["close", "keep", "hard"][..]),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(feed.len())).collect();
        cuts.extend([0, feed.len()]);
        cuts.sort_unstable();
        let found = runtime.block_on(async {
            let project = project(on_delete, "effective_at: at, ");
            for (run, pair) in cuts.windows(2).enumerate() {
                add(&project, pair[0] + 1, &feed[pair[0]..pair[1]]);
                project.run(&format!("2025-01-{:02}", run + 1)).await.unwrap();
            }
            versions(&project).await
        });
        let found = (merged(found.0), found.1);
        let mut wanted = plainly(&feed, on_delete);
        wanted.1.retain(|id, _| wanted.0.iter().any(|version| version.0 == *id));
        prop_assert_eq!(found, wanted);
    }
}

/// Without a moment of their own, changes hold since the run that reads them.
#[tokio::test]
async fn a_feed_without_moments_holds_since_it_is_read() {
    let change = |id, deletes, city| Change { id, deletes, name: 0, city, hour: 1 };
    for (on_delete, left, ended) in
        [("close", "2|c2|true", 1), ("keep", "2|c2|true", 0), ("hard", "2|c2|true", 0)]
    {
        let project = project(on_delete, "");
        add(&project, 1, &[change(1, false, 0), change(1, false, 1), change(2, false, 2)]);
        project.run("2025-01-01").await.unwrap();
        let sql = "SELECT customer_id, city, is_current FROM warehouse.dim_customer WHERE customer_key > 0 ORDER BY 1";
        assert_eq!(project.sql(sql).await, ["1|c1|true", "2|c2|true"]);
        add(&project, 4, &[change(1, false, 2), change(1, true, 0)]);
        let summary = project.run("2025-01-02").await.unwrap();
        assert_eq!(summary.jobs[0].rows_deleted, u64::from(on_delete != "keep"), "{on_delete}");
        let rows = project.sql(sql).await;
        assert_eq!(rows.last().map(String::as_str), Some(left), "{on_delete}");
        let closed = "SELECT count(*) FROM warehouse.dim_customer WHERE customer_key > 0 AND valid_to < '2026-01-01'";
        assert_eq!(project.sql(closed).await, [ended.to_string()], "{on_delete}");
        assert_eq!(rows.len(), if on_delete == "hard" { 1 } else { 2 }, "{on_delete}: {rows:?}");
    }
}
