//! The kernel against a brute-force oracle: sort a member's changes by time, merge equals.

use super::*;
use crate::model::{
    Attribute, Column, ColumnType, DimensionKind, Hierarchy, History, Level, arrow_schema,
};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A change: source system, id, name (type 1), city and points (type 2), moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Change {
    member: (String, String),
    name: Option<String>,
    city: Option<String>,
    points: Option<i32>,
    at: i64,
}

fn change(system: &str, id: &str, name: &str, city: &str, at: i64) -> Change {
    Change {
        member: (system.to_owned(), id.to_owned()),
        name: Some(name.to_owned()),
        city: Some(city.to_owned()).filter(|city| !city.is_empty()),
        points: Some(0),
        at,
    }
}

/// A row of the table, key columns apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    member: (String, String),
    name: Option<String>,
    city: Option<String>,
    points: Option<i32>,
    from: i64,
    to: i64,
    is_current: bool,
}

fn dimension() -> Dimension {
    let attribute =
        |name: &str, ty, history| Attribute { column: Column::new(name, ty, true), history };
    let level = |name: &str| Level {
        name: name.to_owned(),
        attribute: name.to_owned(),
        key: None,
        description: None,
    };
    Dimension {
        name: "customer".to_owned(),
        description: "who buys".to_owned(),
        kind: DimensionKind::Loaded,
        natural_key: vec![
            Column::new("system", ColumnType::Text, false),
            Column::new("id", ColumnType::Text, false),
        ],
        attributes: vec![
            attribute("name", ColumnType::Text, History::Overwrite),
            attribute("city", ColumnType::Text, History::NewVersion),
            attribute("points", ColumnType::Int32, History::NewVersion),
        ],
        hierarchies: vec![Hierarchy {
            name: "place".to_owned(),
            levels: vec![level("city"), level("name")],
        }],
    }
}

fn batch(dimension: &Dimension, changes: &[Change]) -> RecordBatch {
    let text = |of: fn(&Change) -> Option<&str>| -> ArrayRef {
        Arc::new(changes.iter().map(of).collect::<StringArray>())
    };
    let columns: Vec<Column> = dimension.described_columns().cloned().collect();
    let arrays = vec![
        text(|c| Some(&c.member.0)),
        text(|c| Some(&c.member.1)),
        text(|c| c.name.as_deref()),
        text(|c| c.city.as_deref()),
        Arc::new(changes.iter().map(|c| c.points).collect::<Int32Array>()) as ArrayRef,
    ];
    RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap()
}

/// A dimension being loaded, batch after batch.
struct Warehouse {
    dimension: Dimension,
    loaded: Option<Loaded>,
    refused: Refused,
}

impl Warehouse {
    fn new() -> Self {
        Self { dimension: dimension(), loaded: None, refused: Refused::Nobody }
    }

    /// Loads rows that say since when they hold.
    fn changes(&mut self, changes: &[Change]) -> &Loaded {
        self.load(changes, true, 0, Missing::Keep)
    }

    /// Loads the state of all members as of a moment.
    fn snapshot(&mut self, changes: &[Change], as_of: i64, missing: Missing) -> &Loaded {
        self.load(changes, false, as_of, missing)
    }

    fn load(&mut self, changes: &[Change], dated: bool, as_of: i64, missing: Missing) -> &Loaded {
        let incoming = batch(&self.dimension, changes);
        let effective: Vec<i64> = changes.iter().map(|change| change.at).collect();
        let log = self.loaded.as_ref().and_then(|loaded| loaded.log.as_ref());
        let loaded = load(&Members {
            dimension: &self.dimension,
            current: self.loaded.as_ref().map(|loaded| &loaded.table),
            log,
            incoming: &incoming,
            effective_us: dated.then_some(&effective),
            as_of_us: as_of,
            missing,
            refused: &self.refused,
            keep_log: dated || log.is_some(),
        });
        self.loaded.insert(loaded.unwrap())
    }

    fn rows(&self) -> Vec<Row> {
        self.keyed().into_values().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Real rows by surrogate key.
    fn keyed(&self) -> BTreeMap<i32, Row> {
        let table = &self.loaded.as_ref().unwrap().table;
        let column = |name: &str| table.column_by_name(name).unwrap();
        let text = |name: &str, row: usize| -> Option<String> {
            let array = column(name).as_string::<i32>();
            array.is_valid(row).then(|| array.value(row).to_owned())
        };
        let time = |name: &str, row: usize| {
            column(name).as_primitive::<TimestampMicrosecondType>().value(row)
        };
        let int = |name: &str, row: usize| {
            let array = column(name).as_primitive::<Int32Type>();
            array.is_valid(row).then(|| array.value(row))
        };
        let rows = (0..table.num_rows()).map(|row| {
            let member = (text("system", row).unwrap(), text("id", row).unwrap());
            let values = Row {
                member,
                name: text("name", row),
                city: text("city", row),
                points: int("points", row),
                from: time("valid_from", row),
                to: time("valid_to", row),
                is_current: column("is_current").as_boolean().value(row),
            };
            (int("customer_key", row).unwrap(), values)
        });
        rows.filter(|(key, _)| *key > 0).collect()
    }

    fn durable(&self) -> BTreeMap<i32, i32> {
        let table = &self.loaded.as_ref().unwrap().table;
        let ints = |name: &str| {
            table.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec()
        };
        ints("customer_key").into_iter().zip(ints("customer_durable_key")).collect()
    }
}

/// What the table must be after a change log, whatever way it came.
fn oracle(changes: &[Change]) -> Vec<Row> {
    let mut members: BTreeMap<&(String, String), Vec<&Change>> = BTreeMap::new();
    for change in changes {
        members.entry(&change.member).or_default().push(change);
    }
    let mut rows = Vec::new();
    for (member, mut changes) in members {
        changes.sort_by_key(|change| change.at);
        let latest = changes.last().unwrap().name.clone();
        let mut versions: Vec<&Change> = Vec::new();
        for change in changes {
            let same = |v: &&&Change| (&v.city, v.points) == (&change.city, change.points);
            if versions.last().filter(same).is_none() {
                versions.push(change);
            }
        }
        for (index, version) in versions.iter().enumerate() {
            let next = versions.get(index + 1);
            rows.push(Row {
                member: member.clone(),
                name: latest.clone(),
                city: version.city.clone(),
                points: version.points,
                from: if index == 0 { BEGINNING_US } else { version.at },
                to: next.map_or(OPEN_END_US, |next| next.at),
                is_current: next.is_none(),
            });
        }
    }
    rows.sort();
    rows
}

fn change_log() -> impl Strategy<Value = Vec<Change>> {
    let one = (0..5u8, 0..3u8, 0..3u8, prop::option::of(0..2i32));
    prop::collection::vec(one, 1..40).prop_map(|changes| {
        let change = |(at, (member, name, city, points)): (usize, (u8, u8, u8, Option<i32>))| {
            // ("a", "bc") and ("ab", "c") are two members.
            let member = match member {
                0 => ("a".to_owned(), "bc".to_owned()),
                1 => ("ab".to_owned(), "c".to_owned()),
                other => ("x".to_owned(), other.to_string()),
            };
            Change {
                member,
                name: (name > 0).then(|| format!("name {name}")),
                city: (city > 0).then(|| format!("city {city}")),
                points,
                at: 1_000 + at as i64 * 10,
            }
        };
        changes.into_iter().enumerate().map(change).collect()
    })
}

fn cases() -> u32 {
    if std::env::var_os("STARHOUSE_FULL").is_some() { 20_000 } else { 400 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Any permutation, duplication and batching of a change log ends in the oracle's table; keys
    /// are never taken away, nor do they change what they stand for.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (log, arrived, cuts) in change_log().prop_flat_map(|log| {
            let twice: Vec<Change> = log.iter().chain(log.iter().step_by(3)).cloned().collect();
            let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
            (Just(log), Just(twice).prop_shuffle(), cuts)
        })
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arrived.len() + 1)).collect();
        cuts.extend([0, arrived.len()]);
        cuts.sort_unstable();
        let mut warehouse = Warehouse::new();
        let mut before: BTreeMap<i32, Row> = BTreeMap::new();
        for cut in cuts.windows(2) {
            warehouse.changes(&arrived[cut[0]..cut[1]]);
            let after = warehouse.keyed();
            for (key, row) in &before {
                let now = &after[key];
                prop_assert_eq!((&row.member, &row.city, row.points), (&now.member, &now.city, now.points));
            }
            prop_assert!(after.keys().copied().eq(1..=after.len() as i32), "keys are not dense");
            before = after;
        }
        prop_assert_eq!(warehouse.rows(), oracle(&log));
        prop_assert_eq!(warehouse.changes(&arrived).rows_changed, 0, "a repeated load changes rows");
    }

    /// In one batch, keys too depend on the rows alone.
    #[test]
    fn keys_of_a_first_load_do_not_depend_on_row_order(
        (log, shuffled) in change_log().prop_flat_map(|log| (Just(log.clone()), Just(log).prop_shuffle()))
    ) {
        let (mut one, mut other) = (Warehouse::new(), Warehouse::new());
        prop_assert_eq!(&one.changes(&log).table, &other.changes(&shuffled).table);
    }

    /// Full snapshots, with members that leave and return: the table shows, for each snapshot's
    /// moment, exactly the members and values of that snapshot.
    #[test]
    fn every_snapshot_can_be_read_back(
        snapshots in prop::collection::vec(prop::collection::btree_map(0..4u8, 0..3u8, 0..4), 1..8)
    ) {
        let mut warehouse = Warehouse::new();
        let mut truth = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, snapshot) in snapshots.iter().enumerate() {
            let as_of = 1_000 + index as i64 * 10;
            let rows: Vec<Change> = snapshot
                .iter()
                .map(|(id, city)| change("x", &id.to_string(), "n", &format!("city {city}"), as_of))
                .collect();
            warehouse.snapshot(&rows, as_of, Missing::Close);
            let first: BTreeSet<u8> = snapshot.keys().filter(|id| seen.insert(**id)).copied().collect();
            truth.push((as_of, rows, first));
        }
        let table = warehouse.rows();
        for (position, (as_of, rows, _)) in truth.iter().enumerate() {
            let found: BTreeMap<_, _> = table
                .iter()
                .filter(|row| row.from <= *as_of && as_of < &row.to)
                .map(|row| (row.member.1.clone(), row.city.clone()))
                .collect();
            // A member's first version is valid since the beginning: before it was first seen, too.
            let later: BTreeSet<String> = truth[position + 1..]
                .iter()
                .flat_map(|(_, _, first)| first.iter().map(u8::to_string))
                .collect();
            let found: BTreeMap<_, _> = found.into_iter().filter(|(id, _)| !later.contains(id)).collect();
            let expected: BTreeMap<_, _> =
                rows.iter().map(|row| (row.member.1.clone(), row.city.clone())).collect();
            prop_assert_eq!(found, expected, "as of {}", as_of);
        }
    }
}

#[test]
fn keys_follow_the_hierarchy_and_later_members_come_after() {
    let mut warehouse = Warehouse::new();
    warehouse.snapshot(
        &[
            change("x", "1", "Ada", "Rome", 0),
            change("x", "2", "Bob", "Bonn", 0),
            change("x", "3", "Abe", "Rome", 0),
        ],
        1_000,
        Missing::Keep,
    );
    let names = |w: &Warehouse| -> Vec<String> {
        w.keyed().into_values().map(|row| row.name.unwrap()).collect()
    };
    assert_eq!(names(&warehouse), ["Bob", "Abe", "Ada"]);
    warehouse.snapshot(
        &[change("x", "0", "Al", "Aachen", 0), change("x", "1", "Ada", "Bonn", 0)],
        2_000,
        Missing::Keep,
    );
    assert_eq!(names(&warehouse), ["Bob", "Abe", "Ada", "Al", "Ada"]);
    // Ada moved: her second version carries the durable key of her first.
    let durable = warehouse.durable();
    assert_eq!((durable[&3], durable[&5], durable[&4]), (3, 3, 4));
    let keyed = warehouse.keyed();
    assert_eq!((keyed[&3].from, keyed[&3].to), (BEGINNING_US, 2_000));
    assert_eq!((keyed[&5].from, keyed[&5].to), (2_000, OPEN_END_US));
}

#[test]
fn unknown_and_not_applicable_are_always_there() {
    let mut warehouse = Warehouse::new();
    warehouse.snapshot(&[], 1_000, Missing::Keep);
    let table = &warehouse.loaded.as_ref().unwrap().table;
    assert_eq!(table.num_rows(), 2);
    let text = |name: &str, row: usize| {
        table.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned()
    };
    assert_eq!(warehouse.durable(), BTreeMap::from([(-2, -2), (-1, -1)]));
    assert_eq!(
        (text("id", 0), text("city", 0)),
        ("Not applicable".into(), "Not applicable".into())
    );
    assert_eq!((text("id", 1), text("name", 1)), ("Unknown".into(), "Unknown".into()));
    assert!(table.column_by_name("points").unwrap().is_null(0));
    assert!(table.column_by_name("is_current").unwrap().as_boolean().value(1));
}

#[test]
fn overwriting_reaches_every_version() {
    let mut warehouse = Warehouse::new();
    warehouse
        .changes(&[change("x", "1", "Ada", "Rome", 1_000), change("x", "1", "Ada", "Bonn", 2_000)]);
    let loaded = warehouse.changes(&[change("x", "1", "Ada L.", "Bonn", 3_000)]);
    assert_eq!((loaded.rows_changed, loaded.moved), (2, 0));
    let names: BTreeSet<_> = warehouse.rows().into_iter().map(|row| row.name).collect();
    assert_eq!(names, BTreeSet::from([Some("Ada L.".to_owned())]));
    // An older name that arrives late overwrites nothing.
    warehouse.changes(&[change("x", "1", "Countess", "Bonn", 2_500)]);
    let names: BTreeSet<_> = warehouse.rows().into_iter().map(|row| row.name).collect();
    assert_eq!(names, BTreeSet::from([Some("Ada L.".to_owned())]));
}

#[test]
fn a_late_change_splits_the_interval_it_falls_in() {
    let mut warehouse = Warehouse::new();
    warehouse
        .changes(&[change("x", "1", "Ada", "Rome", 1_000), change("x", "1", "Ada", "Bonn", 3_000)]);
    let loaded = warehouse.changes(&[change("x", "1", "Ada", "Oslo", 2_000)]);
    assert_eq!(loaded.moved, 1);
    let rows: Vec<_> = warehouse
        .keyed()
        .into_iter()
        .map(|(key, r)| (key, r.city.unwrap(), r.from, r.to))
        .collect();
    // In the order of the hierarchy, Bonn comes before Rome.
    let expected = [
        (1, "Bonn".to_owned(), 3_000, OPEN_END_US),
        (2, "Rome".to_owned(), BEGINNING_US, 2_000),
        (3, "Oslo".to_owned(), 2_000, 3_000),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn of_one_moment_the_last_row_stays_and_contradictions_are_counted() {
    let mut warehouse = Warehouse::new();
    let loaded = warehouse.changes(&[
        change("x", "1", "Ada", "Rome", 1_000),
        change("x", "1", "Ada", "Bonn", 1_000),
        change("x", "1", "Ada", "Bonn", 1_000),
    ]);
    assert_eq!(loaded.contradictions, 1);
    assert_eq!(warehouse.rows()[0].city.as_deref(), Some("Bonn"));
    // A correction that makes two versions equal takes no key away.
    warehouse.changes(&[change("x", "1", "Ada", "Oslo", 2_000)]);
    warehouse.changes(&[change("x", "1", "Ada", "Bonn", 2_000)]);
    assert_eq!(warehouse.keyed().len(), 2);
    assert_eq!(warehouse.rows().iter().filter(|row| row.is_current).count(), 1);
}

#[test]
fn a_member_that_returns_begins_a_new_version_of_the_same_durable_key() {
    let mut warehouse = Warehouse::new();
    let ada = change("x", "1", "Ada", "Rome", 0);
    let bob = change("x", "2", "Bob", "Rome", 0);
    warehouse.snapshot(&[ada.clone(), bob.clone()], 1_000, Missing::Close);
    let loaded = warehouse.snapshot(std::slice::from_ref(&bob), 2_000, Missing::Close);
    assert_eq!((loaded.closed, loaded.live_before), (1, 2));
    warehouse.snapshot(&[ada, bob], 3_000, Missing::Close);
    let rows: Vec<_> = warehouse
        .keyed()
        .into_iter()
        .filter(|(_, row)| row.member.1 == "1")
        .map(|(key, row)| (key, row.from, row.to, row.is_current))
        .collect();
    assert_eq!(rows, [(1, BEGINNING_US, 2_000, false), (3, 3_000, OPEN_END_US, true)]);
    assert_eq!(warehouse.durable()[&3], 1);
}

#[test]
fn a_dated_row_that_returns_unchanged_is_live_again() {
    let mut warehouse = Warehouse::new();
    let ada = change("x", "1", "Ada", "Rome", 500);
    let bob = change("x", "2", "Bob", "Rome", 500);
    warehouse.load(&[ada.clone(), bob.clone()], true, 1_000, Missing::Close);
    warehouse.load(std::slice::from_ref(&bob), true, 2_000, Missing::Close);
    warehouse.load(&[ada, bob], true, 3_000, Missing::Close);
    let current: Vec<_> = warehouse.rows().into_iter().filter(|row| row.is_current).collect();
    assert_eq!(current.len(), 2);
    assert_eq!(current[0].from, 3_000);
}

#[test]
fn of_a_member_that_returns_only_the_newest_row_is_what_it_is_now() {
    let mut warehouse = Warehouse::new();
    // The snapshot holds a member's past as well; in order of its values the past comes last.
    let ada = [change("x", "1", "Ada", "Rome", 500), change("x", "1", "Ada", "Bonn", 900)];
    let bob = change("x", "2", "Bob", "Rome", 500);
    let all: Vec<Change> = ada.into_iter().chain([bob.clone()]).collect();
    warehouse.load(&all, true, 1_000, Missing::Close);
    warehouse.load(std::slice::from_ref(&bob), true, 2_000, Missing::Close);
    let loaded = warehouse.load(&all, true, 3_000, Missing::Close);
    assert_eq!(loaded.contradictions, 0);
    let rows = warehouse.rows().into_iter().filter(|row| row.member.1 == "1");
    let history: BTreeSet<_> = rows.map(|row| (row.from, row.to, row.city.unwrap())).collect();
    let expected = [
        (BEGINNING_US, 900, "Rome".to_owned()),
        (900, 2_000, "Bonn".to_owned()),
        (3_000, OPEN_END_US, "Bonn".to_owned()),
    ];
    assert_eq!(history, BTreeSet::from(expected));
}

#[test]
fn a_member_whose_row_was_refused_is_not_missing() {
    let mut warehouse = Warehouse::new();
    let ada = change("x", "1", "Ada", "Rome", 0);
    let bob = change("x", "2", "Bob", "Rome", 0);
    let cyd = change("x", "3", "Cyd", "Rome", 0);
    warehouse.snapshot(&[ada.clone(), bob.clone(), cyd], 1_000, Missing::Close);
    let keys = batch(&warehouse.dimension, std::slice::from_ref(&ada)).project(&[0, 1]).unwrap();
    warehouse.refused = Refused::These(keys);
    let loaded = warehouse.snapshot(std::slice::from_ref(&bob), 2_000, Missing::Close);
    assert_eq!(loaded.closed, 1);
    let current = warehouse.rows().into_iter().filter(|row| row.is_current);
    assert_eq!(current.map(|row| row.member.1).collect::<Vec<_>>(), ["1", "2"]);
    warehouse.refused = Refused::Anybody;
    let loaded = warehouse.snapshot(std::slice::from_ref(&ada), 3_000, Missing::Close);
    assert_eq!(loaded.closed, 0);
}

#[test]
fn the_natural_key_of_the_unknown_member_is_refused() {
    let dimension = dimension();
    let incoming = batch(&dimension, &[change("Unknown", "Unknown", "?", "", 0)]);
    let members = Members {
        dimension: &dimension,
        current: None,
        log: None,
        incoming: &incoming,
        effective_us: None,
        as_of_us: 0,
        missing: Missing::Keep,
        refused: &Refused::Nobody,
        keep_log: false,
    };
    let error = load(&members).unwrap_err();
    assert!(error.message().contains("(Unknown, Unknown)"), "{error}");
}
