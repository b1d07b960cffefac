//! Against walking up from every member, and against sums by recursion.

use super::*;
use crate::model::{Attribute, Column, ColumnType, DimensionKind, History, ParentChild};
use arrow::array::{StringArray, TimestampMicrosecondArray};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn dimension() -> Dimension {
    Dimension {
        name: "employee".to_owned(),
        description: "who works".to_owned(),
        kind: DimensionKind::Loaded,
        natural_key: vec![Column::new("id", ColumnType::Text, false)],
        attributes: vec![Attribute {
            column: Column::new("boss", ColumnType::Text, true),
            history: History::NewVersion,
            order_by: None,
        }],
        hierarchies: Vec::new(),
        infers_members: false,
        parent_child: Some(ParentChild { description: String::new(), parent: vec!["boss".into()] }),
        outriggers: Vec::new(),
    }
}

/// A table of versions: key, member, boss, start; each ends where the member's next begins.
fn table(versions: &[(i32, i32, Option<i32>, i64)]) -> RecordBatch {
    let end = |(_, member, _, from): &(i32, i32, Option<i32>, i64)| {
        let own = versions.iter().filter(|version| version.1 == *member);
        own.map(|version| version.3).filter(|start| start > from).min().unwrap_or(i64::MAX)
    };
    let first = |member: i32| {
        versions
            .iter()
            .filter(|version| version.1 == member)
            .map(|version| version.0)
            .min()
            .unwrap()
    };
    let name = |member: i32| format!("e{member}");
    let columns = dimension().table_columns();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(versions.iter().map(|version| version.0))),
        Arc::new(versions.iter().map(|version| Some(name(version.1))).collect::<StringArray>()),
        Arc::new(versions.iter().map(|version| version.2.map(name)).collect::<StringArray>()),
        Arc::new(Int32Array::from_iter_values(versions.iter().map(|version| first(version.1)))),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(versions.iter().map(|version| version.3))
                .with_timezone("UTC"),
        ),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(versions.iter().map(end))
                .with_timezone("UTC"),
        ),
        Arc::new(arrow::array::BooleanArray::from(vec![true; versions.len()])),
    ];
    RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap()
}

fn pairs(closure: &RecordBatch) -> Vec<[i32; 4]> {
    let column = |index: usize| closure.column(index).as_primitive::<Int32Type>().values().to_vec();
    let columns: Vec<Vec<i32>> = (0..4).map(column).collect();
    (0..closure.num_rows())
        .map(|row| [0, 1, 2, 3].map(|index: usize| columns[index][row]))
        .collect()
}

#[test]
fn a_circle_is_named() {
    let versions = [(1, 1, Some(2), 0), (2, 2, Some(3), 0), (3, 3, Some(2), 0)];
    let error = closure(&dimension(), &table(&versions)).unwrap_err();
    assert!(error.message().contains("(e2) is below (e3) is below (e2)"), "{error}");
    let own = closure(&dimension(), &table(&[(1, 1, Some(1), 0)])).unwrap_err();
    assert!(own.message().contains("(e1) is below (e1)"), "{own}");
}

proptest! {
    /// Bosses have smaller numbers, so there is no circle; who is older knows other bosses.
    #[test]
    fn every_version_is_below_each_ancestor_once(
        bosses in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..4), 1..20),
        rootless in any::<bool>(),
    ) {
        let mut versions = Vec::new();
        for (member, of_member) in bosses.iter().enumerate() {
            for (number, boss) in of_member.iter().enumerate() {
                let boss = boss.index(member + 1);
                // Member 0 is a root; others may be, or have a boss whom nobody knows.
                let boss = if boss == member { rootless.then_some(1_000) } else { Some(boss as i32) };
                let key = versions.len() as i32 + 1;
                versions.push((key, member as i32, boss, number as i64));
            }
        }
        let last = |member: i32| versions.iter().rfind(|version| version.1 == member);
        let mut expected = BTreeSet::new();
        for version in &versions {
            let mut line = vec![version.1];
            while let Some(boss) = last(line[line.len() - 1]).unwrap().2.filter(|b| last(*b).is_some()) {
                line.push(boss);
            }
            for (distance, ancestor) in line.iter().enumerate() {
                let depth = line.len() - 1 - distance;
                expected.insert([last(*ancestor).unwrap().0, version.0, distance as i32, depth as i32]);
            }
        }
        let closure = closure(&dimension(), &table(&versions)).unwrap().unwrap();
        let found = pairs(&closure);
        prop_assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected);
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
        // Totals over roots count every version once.
        let below_roots: Vec<i32> = found.iter().filter(|pair| pair[3] == 0).map(|pair| pair[1]).collect();
        prop_assert_eq!(below_roots.len(), versions.len());
    }
}
