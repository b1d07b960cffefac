//! Parts of postal addresses, Chinese ones and those of Europe, America and Australia.
//!
//! A part that an address does not have is none; no part is made up. Chinese addresses go from the
//! whole to the part, each closed by its own character (省, 市, 区, 路, 号); others are lines or
//! stretches between commas, of which the one with the house number is the street and the one with
//! the postcode the place.

use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressPart {
    /// The street, without its number.
    Street,
    /// The number in the street.
    HouseNumber,
    /// The flat, floor or room.
    Unit,
    /// The postcode.
    Postcode,
    /// The town or city.
    City,
    /// The district of the city (区, 县).
    District,
    /// The state or province.
    Region,
}

/// What was understood of an address.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    street: Option<String>,
    house_number: Option<String>,
    unit: Option<String>,
    postcode: Option<String>,
    city: Option<String>,
    district: Option<String>,
    region: Option<String>,
}

/// A part of an address; none where the address does not have it.
///
/// # Errors
/// Where nothing of an address is found in the text.
pub fn address(text: &str, part: AddressPart) -> Result<Option<String>, String> {
    use unicode_normalization::UnicodeNormalization;
    let plain: String = text.nfkc().collect();
    let is_chinese = plain.chars().any(|c| matches!(c, '\u{3400}'..='\u{9fff}'));
    let parts = if is_chinese { chinese(&plain) } else { western(&plain) };
    if parts == Parts::default() {
        return Err(format!("`{text}` is no postal address: no part of one is found in it"));
    }
    Ok(match part {
        AddressPart::Street => parts.street,
        AddressPart::HouseNumber => parts.house_number,
        AddressPart::Unit => parts.unit,
        AddressPart::Postcode => parts.postcode,
        AddressPart::City => parts.city,
        AddressPart::District => parts.district,
        AddressPart::Region => parts.region,
    })
}

/// An expression that is known to be right; one that were not would match nothing.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static CHINESE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?x)^
        (?:中国|中國)?
        (?P<region>[^省市区區]{2,8}?(?:省|自治区|自治區|特别行政区|特別行政區))?
        (?P<city>[^市区區县縣路街]{2,10}?(?:市|自治州|地区|地區|盟))?
        (?P<district>[^区區县縣路街号號]{1,8}?(?:新区|新區|区|區|县|縣|旗))?
        (?P<street>[^号號\d]{1,20}(?:大道|大街|胡同|路|街|道|巷|弄|里|村|镇|鎮)(?:[东西南北中東]段|[一二三四五六七八九十]段)?)?
        (?P<number>\d+(?:[-之]\d+)?\s*(?:号|號))?
        (?P<unit>.*)$",
    )
});

fn chinese(text: &str) -> Parts {
    let mut text: String =
        text.chars().filter(|c| !c.is_whitespace() && !",，。".contains(*c)).collect();
    let mut parts = Parts::default();
    let is_long = |digits: &str| digits.len() == 6 && digits.chars().all(|c| c.is_ascii_digit());
    if let Some(code) = text.get(..6).filter(|code| is_long(code)) {
        parts.postcode = Some(code.to_owned());
        text = text[6..].to_owned();
    } else if let Some(at) = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at))
        && is_long(&text[at..])
    {
        parts.postcode = Some(text[at..].to_owned());
        text.truncate(at);
    }
    let Some(found) = CHINESE.as_ref().and_then(|pattern| pattern.captures(&text)) else {
        return parts;
    };
    let of = |name: &str| {
        found.name(name).map(|part| part.as_str().to_owned()).filter(|part| !part.is_empty())
    };
    parts.region = of("region");
    parts.city = of("city");
    parts.district = of("district");
    parts.street = of("street");
    parts.house_number = of("number");
    let known = [&parts.region, &parts.city, &parts.district, &parts.street, &parts.house_number];
    // text without any of these is no unit of anything
    parts.unit = of("unit").filter(|_| known.iter().any(|part| part.is_some()));
    parts
}

static UNIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:^|[\s,])(?P<unit>(?:apt|apartment|unit|flat|suite|ste|room|rm|floor|fl|wohnung|whg|appt|#)\.?\s*#?\s*[\w-]*\d[\w-]*)\s*$",
    )
});
static POSTCODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // British, Canadian, Dutch, American with four more, then plain digits with a country's letters
    pattern(
        r"(?i)\b(?P<code>[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2}|[a-z]\d[a-z]\s*\d[a-z]\d|\d{4}\s?[a-z]{2}|\d{5}-\d{4}|(?:[a-z]{1,2}-)?\d{2}-\d{3}|(?:[a-z]{1,2}-)?\d{4,6})\b",
    )
});
static NUMBER_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?i)^(?P<number>\d+\s?[a-z]?(?:\s?[-/]\s?\d+\s?[a-z]?)?),?\s+(?P<street>.*\p{L}.*)$")
});
static NUMBER_LAST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?P<street>.*\p{L}[^\d]*?),?\s+(?P<number>\d{1,4}\s?[a-z]?(?:\s?[-/]\s?\d+\s?[a-z]?)?)$",
    )
});
static REGION: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[\s,])(?P<region>[A-Z]{2,3})\.?$"));

fn western(text: &str) -> Parts {
    let mut parts = Parts::default();
    let mut pieces: Vec<String> = text
        .split([',', '\n', ';'])
        .map(|piece| piece.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|piece| !piece.is_empty())
        .collect();
    for piece in &mut pieces {
        take(&UNIT, "unit", piece, &mut parts.unit);
    }
    pieces.retain(|piece| !piece.is_empty());
    let has_number = |piece: &String| {
        let patterns = [&NUMBER_FIRST, &NUMBER_LAST].into_iter();
        patterns.flat_map(|pattern| pattern.as_ref()).any(|pattern| pattern.is_match(piece))
    };
    let is_street = |piece: &String| has_number(piece) && !may_be_place(piece);
    let street = pieces.iter().position(is_street).or_else(|| pieces.iter().position(has_number));
    if let Some(at) = street {
        let piece = pieces.remove(at);
        let patterns = [&NUMBER_FIRST, &NUMBER_LAST];
        let mut found = patterns.iter().filter_map(|p| p.as_ref()?.captures(&piece));
        if let Some(found) = found.next() {
            parts.street = found.name("street").map(|part| part.as_str().to_owned());
            parts.house_number = found.name("number").map(|part| part.as_str().to_owned());
        }
    }
    // the place is what is left, the postcode in any piece of it
    for piece in pieces.iter_mut().rev() {
        take(&POSTCODE, "code", piece, &mut parts.postcode);
        take(&REGION, "region", piece, &mut parts.region);
    }
    pieces.retain(|piece| piece.chars().any(char::is_alphabetic));
    if parts.postcode.is_some() || parts.street.is_some() {
        parts.city = pieces.into_iter().next();
    }
    parts
}

/// Whether a piece may be the place rather than the street: `10115 Berlin`.
fn may_be_place(piece: &str) -> bool {
    let number = piece.split(' ').next().unwrap_or_default();
    (4..=6).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit())
}

/// Takes the first match out of a piece, if nothing was found before.
fn take(pattern: &Option<Regex>, name: &str, piece: &mut String, part: &mut Option<String>) {
    if part.is_some() {
        return;
    }
    let Some(found) = pattern.as_ref().and_then(|pattern| pattern.captures(piece)) else { return };
    let Some(inside) = found.name(name) else { return };
    *part = Some(inside.as_str().trim().to_owned());
    let rest = format!("{} {}", &piece[..inside.start()], &piece[inside.end()..]);
    *piece = rest.split_whitespace().collect::<Vec<_>>().join(" ");
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressPart::{City, District, HouseNumber, Postcode, Region, Street, Unit};

    fn parts(text: &str) -> [String; 7] {
        [Street, HouseNumber, Unit, Postcode, City, District, Region]
            .map(|part| address(text, part).unwrap().unwrap_or_default())
    }

    #[test]
    fn western_addresses() {
        for (text, expected) in [
            (
                "8 Stanley Street, South Grafton 2135 NSW",
                ["Stanley Street", "8", "", "2135", "South Grafton", "", "NSW"],
            ),
            (
                "Hauptstraße 12a, 10115 Berlin",
                ["Hauptstraße", "12a", "", "10115", "Berlin", "", ""],
            ),
            (
                "221B Baker Street, London NW1 6XE",
                ["Baker Street", "221B", "", "NW1 6XE", "London", "", ""],
            ),
            (
                "1600 Pennsylvania Ave NW, Washington, DC 20500",
                ["Pennsylvania Ave NW", "1600", "", "20500", "Washington", "", "DC"],
            ),
            (
                "350 5th Ave Apt 21, New York, NY 10118-0110",
                ["5th Ave", "350", "Apt 21", "10118-0110", "New York", "", "NY"],
            ),
            (
                "Keizersgracht 174\n1016 DW Amsterdam",
                ["Keizersgracht", "174", "", "1016 DW", "Amsterdam", "", ""],
            ),
            ("75001 Paris, 5 rue de Rivoli", ["rue de Rivoli", "5", "", "75001", "Paris", "", ""]),
        ] {
            assert_eq!(parts(text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn chinese_addresses() {
        for (text, expected) in [
            (
                "广东省广州市天河区中山路15号301室",
                ["中山路", "15号", "301室", "", "广州市", "天河区", "广东省"],
            ),
            (
                "100080 北京市海淀区中关村大街２７号",
                ["中关村大街", "27号", "", "100080", "北京市", "海淀区", ""],
            ),
            (
                "上海市浦东新区世纪大道8号国金中心二期10楼",
                ["世纪大道", "8号", "国金中心二期10楼", "", "上海市", "浦东新区", ""],
            ),
            ("臺北市信義區市府路45號", ["市府路", "45號", "", "", "臺北市", "信義區", ""]),
            ("内蒙古自治区呼和浩特市", ["", "", "", "", "呼和浩特市", "", "内蒙古自治区"]),
        ] {
            assert_eq!(parts(text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for text in ["", "n/a", "unknown", "不详"] {
            assert!(address(text, City).is_err(), "{text}");
        }
        for known in [&CHINESE, &UNIT, &POSTCODE, &NUMBER_FIRST, &NUMBER_LAST, &REGION] {
            assert!(known.is_some());
        }
    }
}
