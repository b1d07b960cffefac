//! Grouping and summing by brute force.

use std::collections::{BTreeMap, BTreeSet};

/// Sums in cents and counts of a group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    pub(crate) revenue: i128,
    pub(crate) cost: i128,
    pub(crate) pieces: i128,
    pub(crate) receipts: BTreeSet<String>,
}

/// Groups rows by a key and adds each to its group.
pub(crate) fn fold<T, K: Ord, G: Default>(
    rows: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
    add: impl Fn(&mut G, &T),
) -> BTreeMap<K, G> {
    let mut groups: BTreeMap<K, G> = BTreeMap::new();
    for row in rows {
        add(groups.entry(key(&row)).or_default(), &row);
    }
    groups
}
