//! Names of persons, family name first or last.

use super::korean_name::{in_two_ways, korean};
use serde::{Deserialize, Serialize};

/// A part of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamePart {
    /// The whole name in one order, without titles.
    #[default]
    Full,
    /// The family name, with its particles.
    Family,
    /// The given names.
    Given,
}

/// Which name people write first, where neither a comma nor the script says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOrder {
    /// `Ann Lee`.
    #[default]
    GivenFirst,
    /// `Lee Ann`; `Nagy Éva`.
    FamilyFirst,
}

/// Titles, which are no part of a name.
const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "herr", "frau", "fr", "hr",
    "dipl", "ing", "med", "phd", "md", "mme", "mlle", "m", "sr", "sra", "srta", "dott", "sig",
    "jr", "esq", "ii", "iii",
];

/// Words that belong to the family name after them.
const PARTICLES: &[&str] = &[
    "von", "van", "de", "del", "della", "di", "da", "dos", "das", "do", "du", "der", "den", "ter",
    "ten", "la", "le", "bin", "ibn", "al", "el", "zu", "zum", "zur", "af", "av",
];

/// Chinese titles, which follow a name.
const CHINESE_TITLES: &[&str] = &["先生", "女士", "小姐", "太太", "老师", "教授", "博士", "经理"];

/// Chinese family names of two characters.
const TWO_CHARACTERS: &[&str] = &[
    "欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯", "诸葛",
    "尉迟", "公羊", "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠", "公孙", "慕容",
    "仲孙", "钟离", "长孙", "宇文", "司徒", "鲜于", "司空", "令狐", "拓跋", "呼延", "轩辕", "百里",
];

/// A part of a name; none where the name does not have it. Chinese and Korean names are understood
/// by their script, `Lee, Ann` by its comma, anything else by the order: names of other languages in
/// these scripts (`约翰·史密斯`), too.
///
/// # Errors
/// Where the text is no name, or its parts can be told apart in two ways.
pub fn person_name(text: &str, part: NamePart, order: NameOrder) -> Result<Option<String>, String> {
    if !text.chars().any(char::is_alphabetic) {
        return Err(format!("`{text}` is no name of a person: it has no letters"));
    }
    if let Some(odd) = text.chars().find(|c| c.is_ascii_digit() || "@/\\<>{}[]".contains(*c)) {
        return Err(format!("`{text}` is no name of a person: `{odd}` stands in none"));
    }
    if let Some(words) = spelled(text) {
        return spelled_part(text, &words, part, order);
    }
    let (family, given, between) = match chinese(text) {
        Some((family, given)) => (family, given, ""),
        None => match korean(text) {
            Some((family, given)) => {
                let doubt = in_two_ways(text, &family).filter(|_| part != NamePart::Full);
                doubt.map_or(Ok(()), Err)?;
                (family, given, "")
            }
            None => {
                let (family, given) = western(text, order);
                (family, given, " ")
            }
        },
    };
    let some = |name: &String| (!name.is_empty()).then(|| name.clone());
    Ok(match part {
        NamePart::Family => some(&family),
        NamePart::Given => some(&given),
        NamePart::Full if between.is_empty() => some(&(family + &given)),
        NamePart::Full => some(&[given, family].join(between).trim().to_owned()),
    })
}

/// What stands between the words of a foreign name in Chinese, Japanese or Korean.
const BETWEEN: [char; 4] = ['·', '・', '‧', '•'];

/// The words of a foreign name by its sound, as Chinese and Japanese write one: `约翰·史密斯`.
fn spelled(text: &str) -> Option<Vec<&str>> {
    let is_of_script =
        |c: char| is_chinese(c) || matches!(c, '\u{3041}'..='\u{30ff}' | '가'..='힣');
    let mut name = text.trim();
    for title in CHINESE_TITLES {
        name = name.strip_suffix(title).filter(|name| !name.is_empty()).unwrap_or(name).trim_end();
    }
    let words: Vec<&str> = name.split(BETWEEN).map(str::trim).collect();
    let right = |word: &&str| !word.is_empty() && word.chars().all(is_of_script);
    (words.len() > 1 && words.iter().all(right)).then_some(words)
}

/// A part of such a name, whose words stand in the order of their language.
fn spelled_part(
    text: &str,
    words: &[&str],
    part: NamePart,
    order: NameOrder,
) -> Result<Option<String>, String> {
    let whole = words.join("·");
    let (Some((first, rest)), Some((last, before))) = (words.split_first(), words.split_last())
    else {
        return Ok(Some(whole));
    };
    if part == NamePart::Full {
        return Ok(Some(whole));
    }
    // 李·约翰: no name by its sound is as short, and a Chinese family name is
    if first.chars().nth(1).is_none() {
        return Err(format!(
            "`{text}` can be read in two ways: `{first}` may be the family name or a given one"
        ));
    }
    let (family, given) = match order {
        NameOrder::GivenFirst => (*last, before.join("·")),
        NameOrder::FamilyFirst => (*first, rest.join("·")),
    };
    Ok(Some(if part == NamePart::Family { family.to_owned() } else { given }))
}

fn is_chinese(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Family and given name of a name in Chinese characters.
fn chinese(text: &str) -> Option<(String, String)> {
    let is_between = char::is_whitespace;
    let mut name: String = text.chars().filter(|c| !is_between(*c)).collect();
    if !name.chars().all(is_chinese) {
        return None;
    }
    for title in CHINESE_TITLES {
        if let Some(short) = name.strip_suffix(title).filter(|short| !short.is_empty()) {
            name = short.to_owned();
        }
    }
    // whoever separates the two says where the family name ends
    if let Some((family, given)) = text.trim().split_once(is_between) {
        let given = given.chars().filter(|c| !is_between(*c)).collect::<String>();
        if name == format!("{family}{given}") {
            return Some((family.to_owned(), given));
        }
    }
    let two: String = name.chars().take(2).collect();
    let is_two = TWO_CHARACTERS.contains(&super::to_simplified(&two).as_str());
    let length = if is_two && name.chars().count() > 2 { 2 } else { 1 };
    Some((name.chars().take(length).collect(), name.chars().skip(length).collect()))
}

/// Family and given names of any other name.
fn western(text: &str, order: NameOrder) -> (String, String) {
    let bare = |word: &&str| !TITLES.contains(&word.trim_matches('.').to_lowercase().as_str());
    let words = |text: &str| -> Vec<String> {
        let words: Vec<&str> =
            text.split([' ', '\t', '\u{a0}']).filter(|w| !w.is_empty()).collect();
        let named: Vec<&str> = words.iter().copied().filter(bare).collect();
        // a name of nothing but titles is one all the same: `Sir`
        let kept = if named.is_empty() { words } else { named };
        kept.into_iter().map(|word| word.trim_matches(',').to_owned()).collect()
    };
    if let Some((family, given)) = text.split_once(',') {
        let is_title = given.split(' ').all(|word| word.is_empty() || !bare(&word));
        if !is_title {
            return (words(family).join(" "), words(given).join(" "));
        }
    }
    let words = words(text);
    let is_particle = |word: &String| PARTICLES.contains(&word.to_lowercase().as_str());
    let family_first = order == NameOrder::FamilyFirst;
    let split = match words.len() {
        0 | 1 => return (words.concat(), String::new()),
        _ if family_first => {
            let particles = words.iter().take_while(|word| is_particle(word)).count();
            (particles + 1).min(words.len())
        }
        // the first word is never a particle of the last: `Van Morrison`
        last => {
            let particles = words[1..last - 1].iter().rev().take_while(|w| is_particle(w)).count();
            last - 1 - particles
        }
    };
    let (first, last) = words.split_at(split);
    let (first, last) = (first.join(" "), last.join(" "));
    if family_first { (first, last) } else { (last, first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_and_given_names() {
        use NameOrder::{FamilyFirst, GivenFirst};
        for (text, order, family, given) in [
            ("Ann Lee", GivenFirst, "Lee", "Ann"),
            ("Lee Ann", FamilyFirst, "Lee", "Ann"),
            ("Lee, Ann Mary", GivenFirst, "Lee", "Ann Mary"),
            ("Dr. Ludwig van Beethoven", GivenFirst, "van Beethoven", "Ludwig"),
            ("van der Berg Jan", FamilyFirst, "van der Berg", "Jan"),
            ("Prof. Dr. Anna von der Leyen", GivenFirst, "von der Leyen", "Anna"),
            ("Van Morrison", GivenFirst, "Morrison", "Van"),
            ("Martin Luther King, Jr.", GivenFirst, "King", "Martin Luther"),
            ("Pelé", GivenFirst, "Pelé", ""),
            ("王小明", GivenFirst, "王", "小明"),
            ("欧阳修", GivenFirst, "欧阳", "修"),
            ("歐陽 修", GivenFirst, "歐陽", "修"),
            ("司马", GivenFirst, "司", "马"),
            ("张伟 先生", GivenFirst, "张", "伟"),
            ("约翰·史密斯", GivenFirst, "史密斯", "约翰"),
            ("约翰·罗纳德·瑞尔·托尔金", GivenFirst, "托尔金", "约翰·罗纳德·瑞尔"),
            ("约翰·史密斯先生", GivenFirst, "史密斯", "约翰"),
            ("纳吉·埃娃", FamilyFirst, "纳吉", "埃娃"),
            ("ジョン・スミス", GivenFirst, "スミス", "ジョン"),
            ("김민준", GivenFirst, "김", "민준"),
            ("이준", GivenFirst, "이", "준"),
            ("김 민준", GivenFirst, "김", "민준"),
            ("김민준 씨", GivenFirst, "김", "민준"),
            ("남궁민수", GivenFirst, "남궁", "민수"),
            ("황보 민", GivenFirst, "황보", "민"),
            ("존 스미스", GivenFirst, "스미스", "존"),
        ] {
            let part = |part| person_name(text, part, order).unwrap().unwrap_or_default();
            assert_eq!(
                (part(NamePart::Family), part(NamePart::Given)),
                (family.into(), given.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn whole_names_are_in_one_order() {
        let full = |text, order| person_name(text, NamePart::Full, order).unwrap().unwrap();
        assert_eq!(full("Lee, Ann", NameOrder::GivenFirst), "Ann Lee");
        assert_eq!(full("Nagy Éva", NameOrder::FamilyFirst), "Éva Nagy");
        assert_eq!(full("Mrs.  Ann   Lee", NameOrder::GivenFirst), "Ann Lee");
        assert_eq!(full("王 小明", NameOrder::GivenFirst), "王小明");
        assert_eq!(full("约翰·史密斯", NameOrder::GivenFirst), "约翰·史密斯");
        assert_eq!(full("李·约翰", NameOrder::GivenFirst), "李·约翰");
        assert_eq!(full("김 민준", NameOrder::GivenFirst), "김민준");
        assert_eq!(full("황보민", NameOrder::GivenFirst), "황보민");
        for text in ["李·约翰", "황보민"] {
            let told = person_name(text, NamePart::Family, NameOrder::GivenFirst).unwrap_err();
            assert!(told.contains("in two ways"), "{told}");
        }
        for text in ["", "123", "ann@example.org", "R2D2"] {
            assert!(person_name(text, NamePart::Full, NameOrder::GivenFirst).is_err(), "{text}");
        }
    }
}
