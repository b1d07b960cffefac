//! Blocking: which pairs of records are compared at all.
//!
//! Records that share a key's value are a block, and only pairs within blocks are compared. A pair
//! that several keys bring together is compared for the first of them. A block too large to
//! compare whole is put in order and each record compared to its neighbours.

use super::phonetic::{initials, metaphone, pinyin, soundex};
use super::records::{Columns, Records};
use crate::etl::job::matching::{BlockKey, KeyPart, Take};
use crate::text::{day, digits, fold};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The key of a record that has none.
const NO_KEY: u64 = 0;
/// How many neighbours a record of a block too large is compared to.
const WINDOW: usize = 20;

/// The blocks of all keys.
pub(crate) struct Blocks {
    keys: Vec<Vec<u64>>,
    too_large: Vec<BTreeSet<u64>>,
    /// Records in the order of each key, and within a block too large in the order of their values.
    ordered: Vec<Vec<u32>>,
    blocks: Vec<Block>,
}

/// Records that share a key's value: a stretch of those in the key's order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    key: usize,
    start: usize,
    end: usize,
    window: usize,
}

/// Blocks that were too large to be compared whole, of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// The key, by its place.
    pub(crate) key: usize,
    /// How many blocks.
    pub(crate) blocks: usize,
    /// How many records the largest has.
    pub(crate) records: usize,
    /// One of its records.
    pub(crate) example: u32,
}

impl Blocks {
    /// Puts records into blocks.
    pub(crate) fn new(
        keys: &[BlockKey],
        columns: &Columns<'_>,
        records: &Records,
        largest: u32,
    ) -> (Self, Vec<TooLarge>) {
        let mut blocks = Self {
            keys: keys.iter().map(|key| key_of_records(key, columns)).collect(),
            too_large: Vec::new(),
            ordered: Vec::new(),
            blocks: Vec::new(),
        };
        let mut told = Vec::new();
        for key in 0..keys.len() {
            told.extend(blocks.add(key, records, largest as usize));
        }
        (blocks, told)
    }

    fn add(&mut self, key: usize, records: &Records, largest: usize) -> Option<TooLarge> {
        let values = &self.keys[key];
        let of = |record: &u32| values[*record as usize];
        let mut ordered: Vec<u32> = (0..u32::try_from(records.len).unwrap_or(u32::MAX)).collect();
        ordered.retain(|record| of(record) != NO_KEY);
        ordered.sort_unstable_by_key(|record| (of(record), *record));
        let mut too_large = BTreeSet::new();
        let mut told: Option<TooLarge> = None;
        let mut start = 0;
        while start < ordered.len() {
            let value = of(&ordered[start]);
            let length = ordered[start..].iter().take_while(|record| of(record) == value).count();
            let end = start + length;
            let mut window = length;
            if length > largest {
                window = WINDOW;
                too_large.insert(value);
                by_values(&mut ordered[start..end], records);
                let told = told.get_or_insert(TooLarge { key, blocks: 0, records: 0, example: 0 });
                told.blocks += 1;
                if length > told.records {
                    (told.records, told.example) = (length, ordered[start]);
                }
            }
            if length > 1 {
                self.blocks.push(Block { key, start, end, window });
            }
            start = end;
        }
        self.ordered.push(ordered);
        self.too_large.push(too_large);
        told
    }

    /// All blocks.
    pub(crate) fn all(&self) -> &[Block] {
        &self.blocks
    }

    /// Calls for each pair of a block that no earlier key brings together; where `fresh` is given,
    /// only for pairs with a record that is.
    pub(crate) fn pairs(
        &self,
        block: &Block,
        records: &Records,
        within_sources: bool,
        fresh: Option<&[bool]>,
        mut pair: impl FnMut(u32, u32),
    ) {
        let members = &self.ordered[block.key][block.start..block.end];
        let is_fresh = |record: u32| fresh.is_none_or(|fresh| fresh[record as usize]);
        let mut meet = |a: u32, b: u32| {
            let (a, b) = if a < b { (a, b) } else { (b, a) };
            let apart = records.sources[a as usize] != records.sources[b as usize];
            if (within_sources || apart) && !self.met_before(block.key, a, b) {
                pair(a, b);
            }
        };
        for (at, one) in members.iter().enumerate() {
            let upto = members.len().min(at + 1 + block.window);
            let others = &members[at + 1..upto];
            if is_fresh(*one) {
                others.iter().for_each(|other| meet(*one, *other));
            } else {
                others.iter().filter(|other| is_fresh(**other)).for_each(|o| meet(*one, *o));
            }
        }
    }

    fn met_before(&self, key: usize, a: u32, b: u32) -> bool {
        self.keys[..key].iter().zip(&self.too_large).any(|(values, too_large)| {
            let value = values[a as usize];
            value != NO_KEY && value == values[b as usize] && !too_large.contains(&value)
        })
    }

    /// At most how many pairs there are.
    pub(crate) fn most_pairs(&self) -> u64 {
        self.blocks.iter().map(Block::most_pairs).sum()
    }
}

impl Block {
    /// At most how many pairs it has.
    pub(crate) fn most_pairs(&self) -> u64 {
        let (length, window) = ((self.end - self.start) as u64, self.window as u64);
        if length <= window { length * (length - 1) / 2 } else { length * window }
    }
}

/// Puts records in the order of their values, comparison by comparison.
fn by_values(members: &mut [u32], records: &Records) {
    let codes = |record: u32| records.fields.iter().map(move |f| f.codes[record as usize]);
    members.sort_unstable_by(|a, b| codes(*a).cmp(codes(*b)).then(a.cmp(b)));
}

/// The key of each record, as a number. Numbers of different keys are the same so rarely that the
/// pairs too many do not matter.
fn key_of_records(key: &BlockKey, columns: &Columns<'_>) -> Vec<u64> {
    let arrays: Vec<_> = key.0.iter().map(|part| (part, columns.get(&part.column))).collect();
    let of_row = |row: usize| {
        let mut hasher = DefaultHasher::new();
        for (part, array) in &arrays {
            let raw = array.and_then(|array| {
                let is_there = arrow::array::Array::is_valid(array, row);
                is_there.then(|| array.value(row))
            });
            match raw.and_then(|raw| taken(part, raw)) {
                Some(text) => text.hash(&mut hasher),
                None => return NO_KEY,
            }
        }
        hasher.finish().max(1)
    };
    (0..columns.rows()).map(of_row).collect()
}

/// What a key takes of a value; none where there is nothing to take.
fn taken(part: &KeyPart, raw: &str) -> Option<String> {
    let folded = || fold(raw);
    let taken = match part.take {
        Take::Value => folded(),
        Take::Soundex => soundex(&folded())?,
        Take::Metaphone => metaphone(&folded())?,
        Take::Pinyin => spelled(&folded()),
        Take::Initials => initials(&folded()),
        Take::Sorted => {
            let folded = folded();
            let mut words: Vec<&str> = folded.split(' ').collect();
            words.sort_unstable();
            words.join(" ")
        }
        Take::Prefix(length) => folded().chars().take(length).collect(),
        Take::Suffix(length) => {
            let characters: Vec<char> = folded().chars().collect();
            characters[characters.len().saturating_sub(length)..].iter().collect()
        }
        Take::Digits(None) => digits(raw),
        Take::Digits(Some(length)) => {
            let digits = digits(raw);
            digits[digits.len().saturating_sub(length)..].to_owned()
        }
        Take::Year => day(raw)?.get(..4)?.to_owned(),
        Take::Birthday => day(raw)?.get(4..)?.to_owned(),
    };
    (!taken.is_empty()).then_some(taken)
}

/// Chinese characters by their sound, Latin letters without space: the same name in either script
/// has the same key.
fn spelled(folded: &str) -> String {
    pinyin(folded).unwrap_or_else(|| folded.chars().filter(|c| *c != ' ').collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etl::job::Missing;
    use crate::etl::job::matching::{Compare, Kind, MatchLoad};
    use arrow::array::StringArray;

    fn spec() -> MatchLoad {
        let compare = Compare {
            columns: vec!["name".to_owned()],
            kind: Kind::Name,
            swapped_with: None,
            weights: None,
            shared: None,
            rare_weighs_more: true,
        };
        MatchLoad {
            name: "x".to_owned(),
            record: vec!["source".to_owned()],
            compare: vec![compare],
            block: Vec::new(),
            thresholds: Default::default(),
            duplicates_within_sources: true,
            household: Vec::new(),
            estimate: Default::default(),
            missing: Missing::Keep,
            decisions: None,
            largest_block: 10,
        }
    }

    fn pairs(largest: u32, within: bool, fresh: Option<&[bool]>) -> (Vec<(u32, u32)>, usize) {
        let source = StringArray::from(vec!["a", "b", "a", "b", "a"]);
        let names = StringArray::from(vec![
            Some("Smith"),
            Some("Smyth"),
            Some("smith"),
            None,
            Some("Jones"),
        ]);
        let cities = StringArray::from(vec!["x", "x", "y", "x", "x"]);
        let columns = Columns(vec![("source", &source), ("name", &names), ("city", &cities)]);
        let records = Records::new(&spec(), &columns);
        let keys: Vec<BlockKey> =
            ["soundex(name)", "city"].map(|key| BlockKey::try_from(key.to_owned()).unwrap()).into();
        let (blocks, told) = Blocks::new(&keys, &columns, &records, largest);
        let mut found = Vec::new();
        for block in blocks.all() {
            blocks.pairs(block, &records, within, fresh, |a, b| found.push((a, b)));
        }
        found.sort_unstable();
        (found, told.len())
    }

    #[test]
    fn every_pair_of_a_block_once() {
        let all = vec![(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (3, 4)];
        assert_eq!(pairs(10, true, None), (all, 0));
        assert_eq!(pairs(10, false, None).0, vec![(0, 1), (0, 3), (1, 2), (1, 4), (3, 4)]);
        let fresh = [false, false, false, true, false];
        assert_eq!(pairs(10, true, Some(&fresh)).0, vec![(0, 3), (1, 3), (3, 4)]);
    }

    #[test]
    fn blocks_too_large_are_told() {
        let (found, told) = pairs(3, true, None);
        assert_eq!(told, 1);
        assert!(found.contains(&(3, 4)));
    }
}
