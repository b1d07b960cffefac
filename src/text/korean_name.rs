//! Korean names in Hangul: the family name first, mostly one syllable, nothing between the two.

/// Family names of one syllable.
const ONE_SYLLABLE: &str = "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구\
민진나지엄채원천방공현함변염여추도소석선설마길연위표명기반라왕금옥육인맹제모탁국어은편용예경봉사부복태목형피두감";

/// Family names of two.
const TWO_SYLLABLES: [&str; 8] = ["남궁", "황보", "제갈", "사공", "선우", "서문", "독고", "동방"];

/// What is said after a name, as a word of its own.
const TITLES: [&str; 3] = ["씨", "님", "선생님"];

/// Family and given name of a Korean name; none where it is none, or a foreign one by its sound.
pub(super) fn korean(text: &str) -> Option<(String, String)> {
    let is_hangul = |c: char| matches!(c, '가'..='힣');
    let words: Vec<&str> = text.split_whitespace().collect();
    let named = match words.split_last() {
        Some((title, named)) if !named.is_empty() && TITLES.contains(title) => named,
        _ => &words,
    };
    if !named.iter().all(|word| word.chars().all(is_hangul)) {
        return None;
    }
    let is_family = |name: &str| {
        let mut syllables = name.chars();
        let first = syllables.next().is_some_and(|first| ONE_SYLLABLE.contains(first));
        (first && syllables.next().is_none()) || TWO_SYLLABLES.contains(&name)
    };
    let both = |family: &str, given: &str| Some((family.to_owned(), given.to_owned()));
    match named {
        // a given name has a syllable or two, rarely three
        [family, given] if is_family(family) && given.chars().count() <= 3 => both(family, given),
        [name] => {
            let cut = |syllables: usize| name.char_indices().nth(syllables).map(|(at, _)| at);
            let (one, two) = (cut(1)?, cut(2).unwrap_or(name.len()));
            let length = name.chars().count();
            if (3..=4).contains(&length) && is_family(&name[..two]) {
                both(&name[..two], &name[two..])
            } else if (2..=3).contains(&length) && is_family(&name[..one]) {
                both(&name[..one], &name[one..])
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Why the parts of a name cannot be told apart, where they cannot: of three syllables the first two
/// may be the family name, or the first alone.
pub(super) fn in_two_ways(text: &str, family: &str) -> Option<String> {
    let name: Vec<char> = text.split_whitespace().next().unwrap_or_default().chars().collect();
    let [first, second, _] = name.as_slice() else { return None };
    let is_open = family == format!("{first}{second}") && ONE_SYLLABLE.contains(*first);
    is_open.then(|| {
        format!(
            "`{text}` can be read in two ways: its family name may be `{family}` or `{first}`; a space \
             after it says which"
        )
    })
}
