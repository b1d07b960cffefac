//! Households: persons who have the same values in the columns that make one.

use super::cluster::Joined;
use super::records::{NONE, Records};
use crate::etl::job::matching::MatchLoad;
use std::collections::BTreeMap;

/// More persons than this under one address are no household but a dormitory, an office, a value
/// that stands for none.
const MOST_PERSONS: usize = 20;

/// The households.
pub(crate) struct Households {
    /// For each record the group, named by its first record.
    pub(crate) of: Vec<u32>,
    /// Values that so many persons share that they make no household.
    pub(crate) too_large: usize,
}

/// Groups persons to households; none where no columns make one.
pub(crate) fn households(
    spec: &MatchLoad,
    records: &Records,
    persons: &[u32],
) -> Option<Households> {
    if spec.household.is_empty() {
        return None;
    }
    let place = |name: &String| spec.compare.iter().position(|other| other.name() == name);
    let fields: Vec<usize> = spec.household.iter().filter_map(place).collect();
    let mut joined = Joined::new(records.len);
    let mut shares: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
    for (record, person) in (0..).zip(persons) {
        joined.join(record, *person);
        let codes: Vec<u32> =
            fields.iter().map(|field| records.fields[*field].codes[record as usize]).collect();
        if !codes.contains(&NONE) {
            shares.entry(codes).or_default().push(*person);
        }
    }
    let mut too_large = 0;
    for mut members in shares.into_values() {
        members.sort_unstable();
        members.dedup();
        if members.len() > MOST_PERSONS {
            too_large += 1;
        } else {
            members.windows(2).for_each(|pair| joined.join(pair[0], pair[1]));
        }
    }
    let of = (0..u32::try_from(records.len).unwrap_or(u32::MAX)).map(|record| joined.find(record));
    Some(Households { of: of.collect(), too_large })
}
