//! Text as it is compared: what people write in several ways is written in one.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, without accents, width, punctuation or runs of space, traditional characters as
/// simplified ones. Nothing is left of a text without letters and digits.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return spaced(text.bytes().map(|byte| (byte as char).to_ascii_lowercase()), text.len());
    }
    let plain = text.nfkd().filter(|character| !is_combining_mark(*character)).nfc();
    let lower = plain.flat_map(char::to_lowercase).flat_map(unligated);
    spaced(lower.map(super::simplified), text.len())
}

/// Letters that Unicode does not take apart, and people do.
fn unligated(character: char) -> impl Iterator<Item = char> {
    let (first, second) = match character {
        'ß' => ('s', Some('s')),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' | 'ð' => ('d', None),
        'þ' => ('t', Some('h')),
        'ı' => ('i', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

fn spaced(characters: impl Iterator<Item = char>, about: usize) -> String {
    let mut folded = String::with_capacity(about);
    let mut is_apart = false;
    for character in characters {
        if character.is_alphanumeric() {
            if is_apart && !folded.is_empty() {
                folded.push(' ');
            }
            folded.push(character);
            is_apart = false;
        } else if !matches!(character, '\'' | '’' | '`' | '´') {
            is_apart = true;
        }
    }
    folded
}

/// The digits of a text, whatever stands between them.
pub fn digits(text: &str) -> String {
    text.nfkc().filter(char::is_ascii_digit).collect()
}

/// A day as eight digits, year first; none where the text is no day. Days come as `YYYY-MM-DD` with
/// or without the signs between; a time of day is left out.
pub fn day(text: &str) -> Option<String> {
    let text = text.trim();
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let digits = digits(date);
    let is_day = digits.len() == 8 && date.chars().all(|c| !c.is_alphabetic());
    is_day.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_the_same_are_the_same() {
        for (one, other) in [
            ("Müller-Lüdenscheid", "MULLER LUDENSCHEID"),
            ("  O'Neill ", "oneill"),
            ("Ｗａｎｇ　１２", "wang 12"),
            ("Straße", "STRASSE"),
            ("張偉", "张伟"),
            ("Łódź", "lodz"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_eq!(fold(" - "), "");
        assert_ne!(fold("a b"), fold("ab"));
    }

    #[test]
    fn days_and_digits() {
        assert_eq!(day("1990-02-03").as_deref(), Some("19900203"));
        assert_eq!(day("1990-02-03T10:00:00Z").as_deref(), Some("19900203"));
        assert_eq!(day("19900203").as_deref(), Some("19900203"));
        assert_eq!(day("990203"), None);
        assert_eq!(digits("+49 (30) １２3"), "4930123");
    }
}
