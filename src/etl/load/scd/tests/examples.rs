//! Single traps of the kernel, each by example.

use super::*;

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
    warehouse.refused = Refused::Anybody("no key".to_owned());
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
        deleted: None,
        inferred: false,
        forgets: false,
        last_key: 0,
        as_of_us: 0,
        missing: Missing::Keep,
        refused: &Refused::Nobody,
        keep_log: false,
    };
    let error = load(&members).unwrap_err();
    assert!(error.message().contains("(Unknown, Unknown)"), "{error}");
}
