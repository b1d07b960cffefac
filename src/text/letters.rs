//! Space, case and width: what a text looks like, not what it says.

use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Letter case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// ALL CAPITALS.
    Upper,
    /// no capitals.
    Lower,
    /// A Capital A Word.
    Title,
}

/// A text without space of any kind at its ends, and with single spaces inside; none where nothing is
/// left.
pub fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if is_tidy(&text) {
        return Some(text).filter(|text| !text.is_empty());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(words.join(" ")).filter(|text| !text.is_empty()).map(Cow::Owned)
}

/// Whether a text is ASCII without space to cut or fold: most texts are, and stay as they are.
fn is_tidy(text: &str) -> bool {
    let mut after_space = true;
    for byte in text.as_bytes() {
        match byte {
            b' ' if after_space => return false,
            b' ' => after_space = true,
            b'!'..=b'~' => after_space = false,
            _ => return false,
        }
    }
    text.is_empty() || !after_space
}

/// A text in another case, by Unicode's rules.
pub fn to_case(text: &str, case: Case) -> String {
    match case {
        Case::Upper => text.to_uppercase(),
        Case::Lower => text.to_lowercase(),
        Case::Title => title(text),
    }
}

/// Each word's first letter a capital, the others not. A word begins after anything but a letter,
/// a digit or an apostrophe.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        if inside {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        inside = character.is_alphanumeric() || matches!(character, '\'' | '’');
    }
    titled
}

/// Unicode normalisation form KC: one spelling for full-width forms, ligatures, composed accents.
pub fn nfkc(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        text
    } else {
        text.nfkc().collect::<String>().into()
    }
}
