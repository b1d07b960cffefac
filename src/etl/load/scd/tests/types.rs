//! Every history type at once, with deletions and inferred members, against brute force: whatever
//! order, batching and duplication, the table is the one that the whole log in order gives.

use super::super::history::{BEGINNING_US, OPEN_END_US};
use super::*;
use arrow::array::BooleanArray;

/// What a source says: a member's values since a moment, or that it was deleted then.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    member: u8,
    at: i64,
    /// Values of the attributes of types 0, 1, 2, 3 and 6; 0 is NULL.
    values: Option<[u8; 5]>,
}

/// A row: member; types 0, 1, 2, 3 and what 3 was before; 6 and what 6 is now; from, to; inferred.
type Shown = (u8, [Option<String>; 7], i64, i64, bool);

const NAMES: [&str; 5] = ["zero", "one", "two", "three", "six"];
const SHOWN: [&str; 7] = ["zero", "one", "two", "three", "previous_three", "six", "current_six"];

fn dimension() -> Dimension {
    let attribute = |name: &str, history| Attribute {
        column: Column::new(name, ColumnType::Text, true),
        history,
        order_by: None,
    };
    Dimension {
        natural_key: vec![Column::new("id", ColumnType::Int32, false)],
        attributes: vec![
            attribute("zero", History::Original),
            attribute("one", History::Overwrite),
            attribute("two", History::NewVersion),
            attribute("three", History::Overwrite),
            attribute("previous_three", History::PreviousOf("three".to_owned())),
            attribute("six", History::NewVersion),
            attribute("current_six", History::CurrentOf("six".to_owned())),
        ],
        hierarchies: Vec::new(),
        infers_members: true,
        ..super::dimension()
    }
}

fn text(value: u8) -> Option<String> {
    (value > 0).then(|| format!("v{value}"))
}

/// How a batch comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A part of a change log.
    Changes,
    /// The same, and members that were deleted leave the table.
    Forgetting,
    /// Members that facts know of.
    Inferred,
    /// All members as of a moment, without a change log.
    Snapshot(i64),
}

/// Loads what was said as one batch.
fn load_said(dimension: &Dimension, before: Option<&Loaded>, said: &[Said], kind: Kind) -> Loaded {
    let dated = matches!(kind, Kind::Changes | Kind::Forgetting);
    let as_of_us = if let Kind::Snapshot(as_of_us) = kind { as_of_us } else { 0 };
    let log = before.and_then(|loaded| loaded.log.as_ref());
    let ids: Int32Array = said.iter().map(|said| Some(i32::from(said.member))).collect();
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(ids)];
    for position in 0..NAMES.len() {
        let values = said.iter().map(|said| text(said.values.map_or(0, |v| v[position])));
        arrays.push(Arc::new(values.collect::<StringArray>()));
    }
    let columns: Vec<Column> = dimension.source_columns().cloned().collect();
    let incoming = RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap();
    let effective: Vec<i64> = said.iter().map(|said| said.at).collect();
    let deleted: Vec<bool> = said.iter().map(|said| said.values.is_none()).collect();
    load(&Members {
        dimension,
        current: before.map(|loaded| &loaded.table),
        log,
        incoming: &incoming,
        effective_us: Some(&effective).filter(|_| dated).map(Vec::as_slice),
        deleted: Some(&deleted).filter(|_| dated).map(Vec::as_slice),
        inferred: kind == Kind::Inferred,
        forgets: kind == Kind::Forgetting,
        last_key: before.map_or(0, |loaded| loaded.last_key),
        as_of_us,
        missing: if as_of_us > 0 { Missing::Close } else { Missing::Keep },
        refused: &Refused::Nobody,
        keep_log: dated || log.is_some(),
    })
    .unwrap()
}

fn shown(loaded: &Loaded) -> BTreeMap<i32, Shown> {
    let table = &loaded.table;
    let column = |name: &str| table.column_by_name(name).unwrap();
    let int = |name: &str| column(name).as_primitive::<Int32Type>();
    let time = |name: &str| column(name).as_primitive::<TimestampMicrosecondType>();
    let inferred: &BooleanArray = column("is_inferred").as_boolean();
    let row = |row: usize| {
        let cell = |name: &str| {
            let array = column(name).as_string::<i32>();
            array.is_valid(row).then(|| array.value(row).to_owned())
        };
        let member = u8::try_from(int("id").value(row)).unwrap();
        let (from, to) = (time("valid_from").value(row), time("valid_to").value(row));
        let key = int("customer_key").value(row);
        (key, (member, SHOWN.map(cell), from, to, inferred.value(row)))
    };
    (0..table.num_rows()).filter(|row| int("customer_key").value(*row) > 0).map(row).collect()
}

/// What the table must be.
fn oracle(log: &[Said], inferred: &BTreeSet<u8>, forgets: bool) -> Vec<Shown> {
    let mut rows = Vec::new();
    for member in 0..4u8 {
        let mut said: Vec<&Said> = log.iter().filter(|said| said.member == member).collect();
        said.sort_by_key(|said| said.at);
        if forgets {
            let last = said.iter().rposition(|said| said.values.is_none());
            said.drain(..last.unwrap_or(0));
        }
        let values: Vec<[u8; 5]> = said.iter().filter_map(|said| said.values).collect();
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            if inferred.contains(&member) {
                let nothing = [const { None }; 7];
                rows.push((member, nothing, BEGINNING_US, OPEN_END_US, true));
            }
            continue;
        };
        let before = values.windows(2).rev().find(|pair| pair[0][3] != pair[1][3]);
        let mut versions: Vec<(i64, i64, [u8; 5])> = Vec::new();
        let mut open = false;
        for said in &said {
            let same = |v: &(i64, i64, [u8; 5])| {
                said.values.is_some_and(|values| (v.2[2], v.2[4]) == (values[2], values[4]))
            };
            if open && versions.last().is_some_and(same) {
                continue;
            }
            if open {
                versions.last_mut().unwrap().1 = said.at;
            }
            open = said.values.is_some();
            if let Some(values) = said.values {
                let from = if versions.is_empty() { BEGINNING_US } else { said.at };
                versions.push((from, OPEN_END_US, values));
            }
        }
        for (from, to, v) in versions {
            let values = [
                first[0],
                last[1],
                v[2],
                last[3],
                before.map_or(0, |pair| pair[0][3]),
                v[4],
                last[4],
            ];
            rows.push((member, values.map(text), from, to, false));
        }
    }
    rows.sort();
    rows
}

fn log() -> impl Strategy<Value = Vec<Said>> {
    let values = prop::option::weighted(0.8, prop::array::uniform5(0..3u8));
    let one = (0..4u8, values);
    prop::collection::vec(one, 1..24).prop_map(|log| {
        let said = |(at, (member, values)): (usize, (u8, _))| Said {
            member,
            at: 1_000 + at as i64 * 10,
            values,
        };
        log.into_iter().enumerate().map(said).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_history_type_ends_as_brute_force_says(
        (log, arrived, cuts, facts) in log().prop_flat_map(|log| {
            let twice: Vec<Said> = log.iter().chain(log.iter().step_by(3)).cloned().collect();
            let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
            let facts = prop::collection::vec(prop::collection::btree_set(0..4u8, 0..3), 8);
            (Just(log), Just(twice).prop_shuffle(), cuts, facts)
        }),
        forgets in any::<bool>(),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(arrived.len() + 1)).collect();
        cuts.extend([0, arrived.len()]);
        cuts.sort_unstable();
        let dimension = dimension();
        let kind = if forgets { Kind::Forgetting } else { Kind::Changes };
        let mut loaded: Option<Loaded> = None;
        let mut inferred = BTreeSet::new();
        let mut ever: BTreeMap<i32, u8> = BTreeMap::new();
        for (cut, facts) in cuts.windows(2).zip(&facts) {
            // Facts come first, and know of members that have no rows.
            let known: BTreeSet<u8> =
                loaded.iter().flat_map(shown).map(|(_, row)| row.0).collect();
            let new: Vec<Said> = facts
                .iter()
                .filter(|member| !forgets && !known.contains(member))
                .map(|member| Said { member: *member, at: 0, values: None })
                .collect();
            inferred.extend(new.iter().map(|said| said.member));
            if !new.is_empty() {
                loaded = Some(load_said(&dimension, loaded.as_ref(), &new, Kind::Inferred));
            }
            let before = loaded.as_ref().map(shown).unwrap_or_default();
            let now = load_said(&dimension, loaded.as_ref(), &arrived[cut[0]..cut[1]], kind);
            let after = shown(&now);
            // What a key stands for never changes, nor is a key given twice.
            for (key, row) in &after {
                prop_assert_eq!(*ever.entry(*key).or_insert(row.0), row.0);
            }
            for (key, row) in before.iter().filter(|_| !forgets) {
                prop_assert_eq!(row.0, after[key].0);
            }
            // Every moment that a version had is its own, or said to be lost.
            for (key, row) in &before {
                for at in (900..1_300).step_by(5).filter(|at| (row.2..row.3).contains(at)) {
                    let has = after.get(key).is_some_and(|row| (row.2..row.3).contains(&at));
                    let lost = now.lost.iter().any(|l| l.key == *key && (l.from_us..l.to_us).contains(&at));
                    prop_assert!(has != lost, "key {} at {}", key, at);
                }
            }
            loaded = Some(now);
        }
        let loaded = loaded.unwrap();
        let mut rows: Vec<Shown> = shown(&loaded).into_values().collect();
        rows.sort();
        prop_assert_eq!(rows, oracle(&log, &inferred, forgets));
        let again = load_said(&dimension, Some(&loaded), &arrived, kind);
        prop_assert_eq!(again.rows_changed, 0, "a repeated load changes rows");
    }

    /// Without a change log the table itself must remember: first values, previous values, and who
    /// was inferred.
    #[test]
    fn snapshots_without_a_log_end_as_brute_force_says(
        snapshots in prop::collection::vec(
            prop::collection::btree_map(0..4u8, prop::array::uniform5(0..3u8), 0..4), 1..8,
        ),
        facts in prop::collection::btree_set(0..4u8, 0..4),
    ) {
        let dimension = dimension();
        let known_first: Vec<Said> =
            facts.iter().map(|member| Said { member: *member, at: 0, values: None }).collect();
        let mut loaded = Some(load_said(&dimension, None, &known_first, Kind::Inferred));
        let mut log: Vec<Said> = Vec::new();
        let mut live = BTreeSet::new();
        for (number, snapshot) in snapshots.iter().enumerate() {
            let at = 1_000 + number as i64 * 10;
            let said: Vec<Said> = snapshot
                .iter()
                .map(|(member, values)| Said { member: *member, at, values: Some(*values) })
                .collect();
            let now: BTreeSet<u8> = snapshot.keys().copied().collect();
            let gone = live.difference(&now);
            log.extend(gone.map(|member| Said { member: *member, at, values: None }));
            log.extend(said.iter().cloned());
            live = now;
            loaded = Some(load_said(&dimension, loaded.as_ref(), &said, Kind::Snapshot(at)));
        }
        let mut rows: Vec<Shown> = shown(&loaded.unwrap()).into_values().collect();
        rows.sort();
        prop_assert_eq!(rows, oracle(&log, &facts, false));
    }
}
