//! The kernel against a brute-force oracle: sort a member's changes by time, merge equals.

mod examples;
mod types;

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
    let attribute = |name: &str, ty, history| Attribute {
        column: Column::new(name, ty, true),
        history,
        order_by: None,
    };
    let level = |name: &str| Level {
        name: name.to_owned(),
        attribute: name.to_owned(),
        key: None,
        description: None,
        skippable: false,
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
        infers_members: false,
        parent_child: None,
        outriggers: Vec::new(),
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
            deleted: None,
            inferred: false,
            forgets: false,
            last_key: 0,
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
