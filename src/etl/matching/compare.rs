//! Two values compared: which level of agreement they reach.
//!
//! Levels are few and told in words, best first; the last is that they differ. What a level weighs
//! is not decided here.

use super::phonetic::{metaphone, pinyin};
use crate::etl::job::matching::Kind;
use crate::text::{day, digits, fold};
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use strsim::{jaro_winkler, osa_distance};

/// The most levels a kind has.
pub(crate) const MOST_LEVELS: usize = 5;

/// A value made ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Value {
    /// Its folded text.
    pub(crate) text: Box<str>,
    /// How it sounds, where that counts.
    sound: Box<str>,
    /// Its words, where they count.
    words: Box<[u32]>,
}

impl Value {
    /// A value made ready; none where nothing of it can be compared.
    pub(crate) fn new(kind: Kind, raw: &str) -> Option<Self> {
        let text = match kind {
            Kind::Digits => digits(raw),
            Kind::Date => day(raw)?,
            Kind::Number => raw.trim().parse::<f64>().ok().filter(|n| n.is_finite())?.to_string(),
            _ => fold(raw),
        };
        if text.is_empty() {
            return None;
        }
        let sound = match kind {
            Kind::Name => pinyin(&text).or_else(|| metaphone(&text)).unwrap_or_default(),
            _ => String::new(),
        };
        let words = match kind {
            Kind::Tokens | Kind::Address => words(&text),
            _ => Box::default(),
        };
        Some(Self { text: text.into(), sound: sound.into(), words })
    }
}

impl Kind {
    /// The levels of agreement in words, best first.
    pub(crate) fn levels(self) -> &'static [&'static str] {
        match self {
            Self::Exact => &["same", "differs"],
            Self::Name => &["same", "nearly the same", "similar", "swapped", "differs"],
            Self::Text => &["same", "nearly the same", "similar", "differs"],
            Self::Tokens => &["same", "most words", "half the words", "differs"],
            Self::Address => &["same", "same numbers, similar words", "similar words", "differs"],
            Self::Date => &["same", "one slip", "same year", "differs"],
            Self::Digits => &["same", "one slip", "same ending", "differs"],
            Self::Number => &["same", "within 1 %", "within 10 %", "differs"],
        }
    }

    /// The level that says that two values differ.
    pub(crate) fn differs(self) -> u8 {
        u8::try_from(self.levels().len() - 1).unwrap_or(u8::MAX)
    }

    /// The level of two values that are not the same. The level `swapped` needs other columns, and
    /// is not found here.
    pub(crate) fn level(self, a: &Value, b: &Value) -> u8 {
        match self {
            Self::Exact => self.differs(),
            Self::Name => name(a, b),
            Self::Text => by_share(edit_similarity(&a.text, &b.text), &[0.84, 0.67]),
            Self::Tokens => by_share(shared_words(a, b), &[0.8, 0.5]),
            Self::Address => address(a, b),
            Self::Date => date(&a.text, &b.text),
            Self::Digits => number_written(&a.text, &b.text),
            Self::Number => quantity(&a.text, &b.text),
        }
    }
}

/// The level 1, 2 ... of the first bound that is reached.
fn by_share(share: f64, bounds: &[f64]) -> u8 {
    let reached = bounds.iter().position(|bound| share >= *bound).unwrap_or(bounds.len());
    u8::try_from(reached + 1).unwrap_or(u8::MAX)
}

/// Whether two values of a name are the same or nearly so, for names in the wrong column.
pub(crate) fn is_same_name(a: &Value, b: &Value) -> bool {
    a.text == b.text || name(a, b) == 1
}

fn name(a: &Value, b: &Value) -> u8 {
    const NEARLY: f64 = 0.92;
    const SIMILAR: f64 = 0.84;
    const DIFFERS: u8 = 4;
    if is_chinese(a) != is_chinese(b) {
        return if is_spelled(a, b) || is_spelled(b, a) { 1 } else { DIFFERS };
    }
    let sounds_same = !a.sound.is_empty() && a.sound == b.sound;
    let likeness = jaro_winkler(&a.text, &b.text);
    if likeness >= NEARLY || (sounds_same && is_chinese(a)) {
        1
    } else if likeness >= SIMILAR || sounds_same || is_short_for(&a.text, &b.text) {
        2
    } else {
        DIFFERS
    }
}

/// Whether a name is in Chinese characters: it is spelled in others than it is written in.
fn is_chinese(name: &Value) -> bool {
    !name.text.is_ascii() && !name.sound.is_empty()
}

/// Whether one is the other's pinyin.
fn is_spelled(chinese: &Value, latin: &Value) -> bool {
    chinese.sound.bytes().eq(latin.text.bytes().filter(|byte| *byte != b' '))
}

/// Whether one is the other's first letter, or the other without spaces.
fn is_short_for(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let is_initial = short.len() == 1 && long.starts_with(short);
    is_initial || long.chars().filter(|c| *c != ' ').eq(short.chars().filter(|c| *c != ' '))
}

/// One less the share of characters that must be changed.
fn edit_similarity(a: &str, b: &str) -> f64 {
    let longest = a.chars().count().max(b.chars().count());
    let shortest = a.chars().count().min(b.chars().count());
    // what cannot be similar is not looked at
    if shortest * 3 < longest * 2 {
        return 0.0;
    }
    1.0 - osa_distance(a, b) as f64 / longest as f64
}

/// The share of words that both have (Dice), each allowing a slip.
fn shared_words(a: &Value, b: &Value) -> f64 {
    let all = a.words.len() + b.words.len();
    let shared = in_both(&a.words, &b.words);
    let fewer = a.words.len().min(b.words.len());
    let slips =
        if shared < fewer && a.text.is_ascii() && b.text.is_ascii() { slips(a, b) } else { 0 };
    if all == 0 { 0.0 } else { 2.0 * (shared + slips) as f64 / all as f64 }
}

/// How many numbers two ordered lists share.
fn in_both(a: &[u32], b: &[u32]) -> usize {
    let (mut one, mut other, mut shared) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(one), b.get(other)) {
        match x.cmp(y) {
            Ordering::Less => one += 1,
            Ordering::Greater => other += 1,
            Ordering::Equal => (one, other, shared) = (one + 1, other + 1, shared + 1),
        }
    }
    shared
}

/// How many words of one that the other does not have are slips of others.
fn slips(a: &Value, b: &Value) -> usize {
    let only = |own: &'_ Value, other: &Value| -> Vec<Box<str>> {
        let words = own.text.split(' ');
        words.filter(|w| other.words.binary_search(&hash(w)).is_err()).map(Box::from).collect()
    };
    let (ours, mut theirs) = (only(a, b), only(b, a));
    let mut found = 0;
    for word in ours {
        if let Some(at) = theirs.iter().position(|other| is_slip(&word, other)) {
            theirs.swap_remove(at);
            found += 1;
        }
    }
    found
}

/// Words as numbers, in order; of Chinese, pairs of neighbouring characters.
fn words(text: &str) -> Box<[u32]> {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let mut characters = word.chars();
        let first = characters.next();
        if word.is_ascii() || word.chars().nth(1).is_none() {
            words.push(hash(word));
            continue;
        }
        let pairs = first.into_iter().chain(characters.clone()).zip(characters);
        words.extend(pairs.map(|pair| hash(&pair)));
    }
    words.sort_unstable();
    words.into()
}

/// A number of a word. Two words have the same so rarely that it does not matter.
fn hash(word: &(impl Hash + ?Sized)) -> u32 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    (hasher.finish() >> 32) as u32
}

fn is_slip(a: &str, b: &str) -> bool {
    const LEAST: usize = 4;
    let (a_long, b_long) = (a.len(), b.len());
    a_long.min(b_long) >= LEAST && a_long.abs_diff(b_long) <= 2 && jaro_winkler(a, b) >= 0.9
}

fn address(a: &Value, b: &Value) -> u8 {
    let share = shared_words(a, b);
    if share < 0.5 {
        3
    } else if numbers(&a.text).eq(numbers(&b.text)) {
        1
    } else {
        2
    }
}

/// The numbers in a text, in their order.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty())
}

fn date(a: &str, b: &str) -> u8 {
    let (a_year, a_rest) = a.split_at_checked(4).unwrap_or((a, ""));
    let (b_year, b_rest) = b.split_at_checked(4).unwrap_or((b, ""));
    let (month, day) = b_rest.split_at_checked(2).unwrap_or((b_rest, ""));
    let is_exchanged = a_rest.strip_prefix(day) == Some(month);
    if a_year == b_year && is_exchanged || osa_distance(a, b) <= 1 {
        1
    } else if a_year == b_year {
        2
    } else {
        3
    }
}

fn number_written(a: &str, b: &str) -> u8 {
    const LEAST: usize = 5;
    const ENDING: usize = 7;
    let shortest = a.len().min(b.len());
    let ending = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    if shortest >= LEAST && a.len().abs_diff(b.len()) <= 1 && osa_distance(a, b) <= 1 {
        1
    } else if ending >= ENDING {
        2
    } else {
        3
    }
}

fn quantity(a: &str, b: &str) -> u8 {
    let (a, b) = (a.parse::<f64>().unwrap_or(0.0), b.parse::<f64>().unwrap_or(0.0));
    let apart = (a - b).abs() / a.abs().max(b.abs()).max(f64::MIN_POSITIVE);
    if apart <= 0.01 {
        1
    } else if apart <= 0.1 {
        2
    } else {
        3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(kind: Kind, a: &str, b: &str) -> &'static str {
        let (a, b) = (Value::new(kind, a).unwrap(), Value::new(kind, b).unwrap());
        assert_eq!(kind.level(&a, &b), kind.level(&b, &a), "{a:?} {b:?}");
        let level = if a.text == b.text { 0 } else { kind.level(&a, &b) };
        kind.levels()[usize::from(level)]
    }

    #[test]
    fn levels_of_agreement() {
        for (kind, a, b, expected) in [
            (Kind::Exact, "A-1", "a 1", "same"),
            (Kind::Exact, "a", "b", "differs"),
            (Kind::Name, "Müller", "MULLER", "same"),
            (Kind::Name, "martha", "marhta", "nearly the same"),
            (Kind::Name, "philip", "filip", "similar"),
            (Kind::Name, "john", "j", "similar"),
            (Kind::Name, "elk i", "elki", "nearly the same"),
            (Kind::Name, "王小明", "王晓明", "nearly the same"),
            (Kind::Name, "張偉", "张伟", "same"),
            (Kind::Name, "张伟", "李娜", "differs"),
            (Kind::Name, "张伟", "Zhang Wei", "nearly the same"),
            (Kind::Name, "张伟", "Wang Wei", "differs"),
            (Kind::Name, "john", "mary", "differs"),
            (Kind::Text, "winston hills", "winstn hills", "nearly the same"),
            (Kind::Text, "abc", "xyz", "differs"),
            (Kind::Tokens, "acme gmbh berlin", "berlin acme gmbh", "most words"),
            (Kind::Tokens, "a b c d", "a b x y", "half the words"),
            (Kind::Address, "8 Stanley Street", "8 Stanly Street", "same numbers, similar words"),
            (Kind::Address, "8 Stanley Street", "9 Stanley Street", "similar words"),
            (
                Kind::Address,
                "北京市海淀区中关村大街27号",
                "海淀区中关村大街27号",
                "same numbers, similar words",
            ),
            (Kind::Address, "北京市海淀区中关村大街27号", "上海市浦东新区世纪大道8号", "differs"),
            (Kind::Date, "1990-02-03", "1990-03-02", "one slip"),
            (Kind::Date, "1990-02-03", "1990-02-08", "one slip"),
            (Kind::Date, "1990-02-03", "1990-11-28", "same year"),
            (Kind::Date, "1990-02-03", "1970-11-28", "differs"),
            (Kind::Digits, "+86 138 0000 1111", "13800001111", "same ending"),
            (Kind::Digits, "5304218", "5304281", "one slip"),
            (Kind::Digits, "5304218", "9999999", "differs"),
            (Kind::Number, "100", "100.5", "within 1 %"),
            (Kind::Number, "100", "93", "within 10 %"),
            (Kind::Number, "0", "93", "differs"),
        ] {
            assert_eq!(level(kind, a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn nothing_to_compare_is_no_value() {
        for (kind, raw) in [
            (Kind::Name, "--"),
            (Kind::Date, "unknown"),
            (Kind::Digits, "none"),
            (Kind::Number, "NaN"),
        ] {
            assert_eq!(Value::new(kind, raw), None, "{raw}");
        }
    }

    #[test]
    fn every_kind_has_few_levels() {
        use Kind::{Address, Date, Digits, Exact, Name, Number, Text, Tokens};
        for kind in [Address, Date, Digits, Exact, Name, Number, Text, Tokens] {
            assert!(kind.levels().len() <= MOST_LEVELS);
            assert_eq!(kind.levels()[usize::from(kind.differs())], "differs");
        }
    }
}
