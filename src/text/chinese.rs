//! Chinese characters: traditional ones as simplified ones.

use std::sync::LazyLock;

/// Traditional characters, each with its simplified form, in order: the one-to-one readings of
/// OpenCC's `TSCharacters` (Apache License 2.0).
const PAIRS: &str = include_str!("traditional.txt");

static SIMPLIFIED: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let characters: Vec<char> = PAIRS.chars().filter(|character| *character != '\n').collect();
    let (pairs, _) = characters.as_chunks::<2>();
    pairs.iter().map(|[traditional, simplified]| (*traditional, *simplified)).collect()
});

/// A traditional Chinese character's simplified form; any other character as it is. Which
/// characters are one is not always one question: this is for comparing, not for printing.
pub fn simplified(character: char) -> char {
    /// The first Chinese character of Unicode.
    const FIRST: char = '\u{3400}';
    if character < FIRST {
        return character;
    }
    let found = SIMPLIFIED.binary_search_by_key(&character, |(traditional, _)| *traditional);
    found.map_or(character, |at| SIMPLIFIED[at].1)
}

/// A text with simplified characters in place of traditional ones.
pub fn to_simplified(text: &str) -> String {
    text.chars().map(simplified).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traditional_becomes_simplified() {
        assert_eq!(to_simplified("張偉住在臺北市信義區"), "张伟住在台北市信义区");
        assert_eq!(to_simplified("张伟 Zhang"), "张伟 Zhang");
        assert!(SIMPLIFIED.is_sorted_by_key(|(traditional, _)| *traditional));
        assert!(SIMPLIFIED.len() > 3_000);
    }
}
