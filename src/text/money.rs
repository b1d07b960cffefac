//! Amounts of money as people write them.

/// An amount and its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The amount, as decimals are written in SQL: `-1234.56`.
    pub amount: String,
    /// The ISO 4217 code; none where neither the text nor the format says it.
    pub currency: Option<&'static str>,
}

/// How amounts are written where they do not say it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoneyFormat {
    /// The currency of amounts without one, and the meaning of signs that several share.
    pub currency: Option<String>,
    /// The decimal sign; told from the text where left out, and refused where it cannot be.
    pub decimal: Option<char>,
}

/// The codes of ISO 4217 that money is written in.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD \
BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL \
GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD \
KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK \
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG \
XOF XPF YER ZAR ZMW ZWG";

/// Signs and words, and the currencies they may stand for; the longest first.
const SIGNS: &[(&str, &[&str])] = &[
    ("人民币", &["CNY"]),
    ("US$", &["USD"]),
    ("HK$", &["HKD"]),
    ("NT$", &["TWD"]),
    ("RMB", &["CNY"]),
    ("Rs.", &["INR", "LKR", "NPR", "PKR"]),
    ("A$", &["AUD"]),
    ("C$", &["CAD"]),
    ("Rs", &["INR", "LKR", "NPR", "PKR"]),
    ("S$", &["SGD"]),
    ("R$", &["BRL"]),
    ("zł", &["PLN"]),
    ("kr", &["SEK", "NOK", "DKK", "ISK"]),
    ("Kč", &["CZK"]),
    ("Ft", &["HUF"]),
    ("€", &["EUR"]),
    ("£", &["GBP"]),
    ("₹", &["INR"]),
    ("₩", &["KRW"]),
    ("₽", &["RUB"]),
    ("₺", &["TRY"]),
    ("₴", &["UAH"]),
    ("₫", &["VND"]),
    ("฿", &["THB"]),
    ("元", &["CNY", "TWD", "HKD"]),
    ("円", &["JPY"]),
    ("¥", &["CNY", "JPY"]),
    ("$", &["USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "MXN"]),
];

/// The currencies whose amounts are written in lakhs and crores: three digits, then groups of two.
const IN_LAKHS: &[&str] = &["BDT", "BTN", "INR", "LKR", "NPR", "PKR"];

/// Whether a text is the code of a currency.
pub fn is_currency(code: &str) -> bool {
    find_code(code).is_some()
}

fn find_code(code: &str) -> Option<&'static str> {
    CODES.split(' ').find(|known| known.eq_ignore_ascii_case(code))
}

/// The amount and the currency of a text such as `1.234,56 €`, `USD 12`, `(3.50)` or `3万元`.
///
/// # Errors
/// What is wrong with it, or why it could mean several amounts.
pub fn money(text: &str, format: &MoneyFormat) -> Result<Money, String> {
    use unicode_normalization::UnicodeNormalization;
    let wrong = |why: &str| format!("`{text}` is no amount of money: {why}");
    let plain: String = text.nfkc().collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let (number, currency) = currency_of(&plain, format).map_err(|why| wrong(&why))?;
    let number = without_outer_spaces(&number);
    let (number, is_negative) = sign(&number);
    let (number, zeros) = match number.strip_suffix('万') {
        Some(number) => (number, 4),
        None => (
            number.strip_suffix('亿').unwrap_or(number),
            if number.ends_with('亿') { 8 } else { 0 },
        ),
    };
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !number.chars().any(|c| c.is_ascii_digit()) {
        return Err(wrong("it is not written as a number"));
    }
    let lakhs = currency.is_some_and(|currency| IN_LAKHS.contains(&currency));
    let (whole, fraction) = split(number, format.decimal, lakhs).map_err(|why| wrong(&why))?;
    if !digits(&whole) || !(fraction.is_empty() || digits(&fraction)) {
        return Err(wrong("it is not written as a number"));
    }
    let (whole, fraction) = scaled(whole, fraction, zeros);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let minus = if is_negative { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Money { amount: format!("{minus}{whole}{point}{fraction}"), currency })
}

/// Takes the currency out of a text.
fn currency_of(text: &str, format: &MoneyFormat) -> Result<(String, Option<&'static str>), String> {
    let declared = format.currency.as_deref().and_then(find_code);
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    if let Some(code) = find_code(&letters)
        && text.contains(&letters)
    {
        let rest = without(text, &letters)?;
        // `USD $12` says the same twice
        let sign = SIGNS.iter().find(|(sign, of)| of.contains(&code) && rest.contains(sign));
        let rest = sign.map_or(Ok(rest.clone()), |(sign, _)| without(&rest, sign))?;
        return Ok((rest, Some(code)));
    }
    let Some((sign, may_be)) = SIGNS.iter().find(|(sign, _)| text.contains(sign)) else {
        return Ok((text.to_owned(), declared));
    };
    let rest = without(text, sign)?;
    match (may_be, declared) {
        ([one], _) => Ok((rest, Some(one))),
        (several, Some(declared)) if several.contains(&declared) => Ok((rest, Some(declared))),
        (several, _) => {
            Err(format!("`{sign}` may be {}, say which in `currency`", several.join(", ")))
        }
    }
}

/// A text without its currency, which stands before or behind the digits.
fn without(text: &str, currency: &str) -> Result<String, String> {
    let (before, behind) = text.split_once(currency).unwrap_or((text, ""));
    let has_digits = |part: &str| part.chars().any(|c| c.is_ascii_digit());
    if has_digits(before) && has_digits(behind) {
        return Err(format!("`{currency}` stands between its digits"));
    }
    Ok(format!("{before}{behind}"))
}

/// Only a space between two digits can be one between groups.
fn without_outer_spaces(text: &str) -> String {
    let signs = |c: char| "+-−–()万亿".contains(c);
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let beside_sign = kept.ends_with(signs) || characters.peek().is_some_and(|c| signs(*c));
        if !(character == ' ' && beside_sign) {
            kept.push(character);
        }
    }
    kept
}

/// Takes the sign off a number: `-1`, `1-` and `(1)` are negative.
fn sign(text: &str) -> (&str, bool) {
    if let Some(inside) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        return (inside, true);
    }
    let minus = ['-', '−', '–'];
    let cut = text.strip_prefix(minus).or_else(|| text.strip_suffix(minus));
    (cut.unwrap_or_else(|| text.strip_prefix('+').unwrap_or(text)), cut.is_some())
}

/// Digits before and after the decimal sign, without signs between groups.
fn split(text: &str, decimal: Option<char>, lakhs: bool) -> Result<(String, String), String> {
    let signs: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    if let Some(odd) = signs.iter().find(|sign| !" .,'’".contains(**sign)) {
        return Err(format!("`{odd}` stands in none"));
    }
    let decimal = match decimal {
        Some(decimal) => Some(decimal),
        None => told_from(text, &signs)?,
    };
    let (whole, fraction) = match decimal.and_then(|decimal| text.split_once(decimal)) {
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let groups: Vec<&str> = whole.split(|c: char| !c.is_ascii_digit()).collect();
    let mut between = whole.chars().filter(|c| !c.is_ascii_digit());
    let first = between.next();
    if between.any(|sign| Some(sign) != first) {
        return Err("its signs are in no order".to_owned());
    }
    let is_whole = match groups.as_slice() {
        [_] => true,
        [first, rest @ ..] if rest.iter().all(|group| group.len() == 3) => {
            (1..=3).contains(&first.len())
        }
        [first, pairs @ .., last] => {
            let are_pairs = pairs.iter().all(|group| group.len() == 2);
            lakhs && (1..=2).contains(&first.len()) && are_pairs && last.len() == 3
        }
        [] => false,
    };
    if !is_whole {
        return Err("its groups are not of three digits".to_owned());
    }
    Ok((if whole.is_empty() { "0".to_owned() } else { groups.concat() }, fraction.to_owned()))
}

/// The decimal sign, where the text says which it is.
fn told_from(text: &str, signs: &[char]) -> Result<Option<char>, String> {
    let Some(last) = signs.last() else { return Ok(None) };
    let count = signs.iter().filter(|sign| *sign == last).count();
    let after = text.rsplit(*last).next().map_or(0, str::len);
    match (count, signs.len()) {
        _ if matches!(last, ' ' | '\'' | '’') => Ok(None),
        // several of one kind stand between groups; the last of two kinds is the decimal sign
        (2.., all) if all == count => Ok(None),
        (1, 2..) => Ok(Some(*last)),
        (1, 1) if after != 3 || text.starts_with(['0', *last]) => Ok(Some(*last)),
        (1, 1) => Err(format!("`{last}` may be the decimal sign or not, say which in `decimal`")),
        _ => Err("its signs are in no order".to_owned()),
    }
}

/// Times a power of ten.
fn scaled(whole: String, fraction: String, zeros: usize) -> (String, String) {
    if zeros == 0 {
        return (whole, fraction);
    }
    let moved: String = fraction.chars().chain(std::iter::repeat('0')).take(zeros).collect();
    (whole + &moved, fraction.chars().skip(zeros).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, currency: Option<&str>, decimal: Option<char>) -> Result<Money, String> {
        money(text, &MoneyFormat { currency: currency.map(str::to_owned), decimal })
    }

    #[test]
    fn amounts_as_people_write_them() {
        for (text, amount, currency) in [
            ("1.234,56 €", "1234.56", Some("EUR")),
            ("€1,234.56", "1234.56", Some("EUR")),
            ("USD 12", "12", Some("USD")),
            ("12.50 chf", "12.50", Some("CHF")),
            ("US$ 0.5", "0.5", Some("USD")),
            ("(3.50)", "-3.50", None),
            ("-£7", "-7", Some("GBP")),
            ("7,00-", "-7.00", None),
            ("1 234 567,8 zł", "1234567.8", Some("PLN")),
            ("1'234.50 CHF", "1234.50", Some("CHF")),
            ("1.234.567", "1234567", None),
            ("0,125", "0.125", None),
            (",5", "0.5", None),
            ("人民币３００", "300", Some("CNY")),
            ("RMB 1.5万", "15000", Some("CNY")),
            ("USD $1,000.00", "1000.00", Some("USD")),
            ("₹12,34,567.89", "1234567.89", Some("INR")),
            ("PKR 1,23,45,678", "12345678", Some("PKR")),
            ("- 5 EUR", "-5", Some("EUR")),
            ("12\u{202f}345,60\u{a0}€", "12345.60", Some("EUR")),
        ] {
            let found = read(text, None, None);
            assert_eq!(found, Ok(Money { amount: amount.to_owned(), currency }), "{text}");
        }
    }

    #[test]
    fn what_may_mean_two_things_is_refused_until_it_is_declared() {
        for (text, why) in [
            ("1,234", "decimal sign or not"),
            ("$5", "say which in `currency`"),
            ("5 kr", "SEK, NOK"),
            ("abc", "not written as a number"),
            ("12x", "`x` stands in none"),
            ("", "not written as a number"),
            ("1,23,456.5", "groups are not of three"),
            ("1.2,3.4", "in no order"),
            ("5 10 EUR", "groups are not of three"),
            ("1 2,50 EUR", "groups are not of three"),
            ("12 345 6", "groups are not of three"),
            ("12, 50 EUR", "in no order"),
            ("1,234 567", "in no order"),
            ("12€50", "between its digits"),
            ("1,23,456.5 EUR", "groups are not of three"),
            ("₹12,34,56.89", "groups are not of three"),
            ("₹12,345,67", "groups are not of three"),
        ] {
            let told = read(text, None, None).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
        assert_eq!(read("1,234", None, Some(',')).unwrap().amount, "1.234");
        assert_eq!(read("1,234", None, Some('.')).unwrap().amount, "1234");
        assert_eq!(read("$5", Some("AUD"), None).unwrap().currency, Some("AUD"));
        assert_eq!(read("5元", Some("CNY"), None).unwrap().currency, Some("CNY"));
        assert_eq!(read("1.5 万元", Some("CNY"), None).unwrap().amount, "15000");
        assert_eq!(read("Rs. 1,00,000", Some("INR"), None).unwrap().amount, "100000");
        for text in ["5 10 EUR", "1 2,50 EUR"] {
            assert!(read(text, None, Some(',')).is_err(), "{text}");
        }
        assert_eq!(read("5", Some("CNY"), None).unwrap().currency, Some("CNY"));
        assert!(is_currency("eur") && !is_currency("XXZ"));
    }
}
