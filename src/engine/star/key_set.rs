//! Which of some keys are there: a bit each, and how many there are up to each.

/// Keys from one to another, of which some are there.
#[derive(Debug)]
pub(super) struct KeySet {
    /// The first key that there is room for.
    base: i32,
    words: Vec<u64>,
    /// How many bits are set before each word.
    before: Vec<u32>,
}

impl KeySet {
    /// Room for so many keys from `base` on, none of which is there.
    pub(super) fn new(base: i32, width: usize) -> Self {
        let words = width.div_ceil(64);
        Self { base, words: vec![0; words], before: vec![0; words] }
    }

    /// The bytes that a set of so many keys takes.
    pub(super) fn bytes(width: usize) -> usize {
        width.div_ceil(64) * (size_of::<u64>() + size_of::<u32>())
    }

    /// Adds a key that there is room for.
    pub(super) fn add(&mut self, key: i32) {
        let place = key.abs_diff(self.base) as usize;
        self.words[place / 64] |= 1 << (place % 64);
    }

    /// Counts the keys: before it is asked how many there are, after all were added.
    pub(super) fn count(&mut self) {
        let mut count = 0;
        for (word, before) in self.words.iter().zip(&mut self.before) {
            *before = count;
            count += word.count_ones();
        }
    }

    /// Whether a key is there; `None` of one that there is no room for.
    #[inline]
    pub(super) fn has(&self, key: i32) -> Option<bool> {
        let place = key.wrapping_sub(self.base) as u32 as usize;
        self.words.get(place / 64).map(|word| word >> (place % 64) & 1 == 1)
    }

    /// How many are there from the first up to one that there is room for.
    pub(super) fn up_to(&self, key: i32) -> usize {
        let place = key.abs_diff(self.base) as usize;
        let word = self.words[place / 64] & u64::MAX >> (63 - place % 64);
        (self.before[place / 64] + word.count_ones()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_there() {
        let keys = [-3, 0, 60, 61, 124, 125, 196];
        let mut set = KeySet::new(-3, 200);
        keys.iter().for_each(|key| set.add(*key));
        set.count();
        for key in -3..197 {
            assert_eq!(set.has(key), Some(keys.contains(&key)), "{key}");
            assert_eq!(set.up_to(key), keys.iter().filter(|own| **own <= key).count(), "{key}");
        }
        assert_eq!((set.has(-4), set.has(i32::MIN), set.has(i32::MAX)), (None, None, None));
    }
}
