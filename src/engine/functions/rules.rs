//! What each function does: its name, its settings, the function of one text that they make.

use crate::text::{self, Case, DateFormats, Extracting, Matching, Numbers, Replacing};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// A function's settings, as texts, and how it makes a function of one text out of them.
type Make = fn(&[&str]) -> Result<Apply, String>;
/// What becomes of a text or NULL; none where it is wrong or has nothing of what is wanted.
pub(super) type Apply = Box<dyn Fn(Option<&str>) -> Option<String>>;

/// A function of a text and settings.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// The fewest and the most settings.
    pub(super) settings: (usize, usize),
    pub(super) make: Make,
}

const fn rule(name: &'static str, settings: (usize, usize), make: Make) -> Rule {
    Rule { name, settings, make }
}

/// The most settings of functions that take a list.
const MANY: usize = 40;

/// All of them.
pub(super) static RULES: [Rule; 21] = [
    rule("clean_trim", (0, 0), |_| {
        texts(|text| text::trimmed(Cow::Borrowed(text)).map(Cow::into_owned))
    }),
    rule("clean_case", (1, 1), case),
    rule("clean_nfkc", (0, 0), |_| {
        texts(|text| Some(text::nfkc(Cow::Borrowed(text)).into_owned()))
    }),
    rule("clean_fold", (0, 0), |_| {
        texts(|text| Some(text::fold(text)).filter(|text| !text.is_empty()))
    }),
    rule("clean_simplified", (0, 0), |_| texts(|text| Some(text::to_simplified(text)))),
    rule("clean_null_if", (1, MANY), null_if),
    rule("clean_fill", (1, 1), fill),
    rule("clean_map", (2, MANY), map),
    rule("clean_one_of", (1, MANY), one_of),
    rule("clean_matches", (1, 1), matches),
    rule("clean_replace", (2, 2), replace),
    rule("clean_extract", (1, 2), extract),
    rule("clean_number", (1, 2), number),
    rule("clean_date_formats", (1, MANY), date_formats),
    rule("clean_date_names", (1, 1), date_names),
    rule("clean_time_zone", (1, 3), time_zone),
    rule("clean_email", (0, 0), |_| texts(|text| text::email(text).ok())),
    rule("clean_phone", (0, 1), phone),
    rule("clean_person_name", (0, 2), person_name),
    rule("clean_address", (1, 1), address),
    rule("clean_money", (0, 4), money),
];

/// A function that passes NULL on.
fn texts(apply: impl Fn(&str) -> Option<String> + 'static) -> Result<Apply, String> {
    Ok(Box::new(move |text| text.and_then(&apply)))
}

fn case(settings: &[&str]) -> Result<Apply, String> {
    let case: Case = required(settings, 0)?;
    texts(move |text| Some(text::to_case(text, case)))
}

fn null_if(settings: &[&str]) -> Result<Apply, String> {
    let tokens: HashSet<String> = settings.iter().map(|token| token.to_lowercase()).collect();
    texts(move |text| (!tokens.contains(&text.to_lowercase())).then(|| text.to_owned()))
}

fn fill(settings: &[&str]) -> Result<Apply, String> {
    let filling = settings.first().map(|text| (*text).to_owned());
    Ok(Box::new(move |text| text.map(str::to_owned).or_else(|| filling.clone())))
}

/// `clean_map(text, 'M', 'male', 'F', 'female')`.
fn map(settings: &[&str]) -> Result<Apply, String> {
    if settings.len() % 2 == 1 {
        return Err("every code needs what it stands for: code, text, code, text ...".to_owned());
    }
    let mut codes: HashMap<String, String> = HashMap::new();
    for pair in settings.chunks_exact(2) {
        let before = codes.insert(pair[0].to_lowercase(), pair[1].to_owned());
        if before.is_some_and(|before| before != pair[1]) {
            return Err(format!("`{}` stands for two texts; codes have no case", pair[0]));
        }
    }
    texts(move |text| codes.get(&text.to_lowercase()).cloned().or_else(|| Some(text.to_owned())))
}

fn one_of(settings: &[&str]) -> Result<Apply, String> {
    let values: HashSet<String> = settings.iter().map(|value| (*value).to_owned()).collect();
    texts(move |text| values.contains(text).then(|| text.to_owned()))
}

fn matches(settings: &[&str]) -> Result<Apply, String> {
    let pattern = Matching::new(settings.first().copied().unwrap_or_default())?;
    texts(move |text| pattern.check(text).is_ok().then(|| text.to_owned()))
}

fn replace(settings: &[&str]) -> Result<Apply, String> {
    let [pattern, with] = settings else { return Err("needs a pattern and a text".to_owned()) };
    let pattern = Replacing::new(pattern, with)?;
    texts(move |text| Some(pattern.apply(text)))
}

fn extract(settings: &[&str]) -> Result<Apply, String> {
    let number = |text: &&str| text.parse().map_err(|_| format!("`{text}` is no group's number"));
    let group = settings.get(1).map(number).transpose()?;
    let pattern = Extracting::new(settings.first().copied().unwrap_or_default(), group)?;
    texts(move |text| pattern.apply(text))
}

/// `clean_number(text, ',', '.')`.
fn number(settings: &[&str]) -> Result<Apply, String> {
    let signs = settings.iter().map(|sign| character(sign));
    let signs = signs.collect::<Result<Vec<char>, String>>()?;
    let decimal = signs.first().copied().unwrap_or('.');
    let numbers = Numbers::new(decimal, signs.get(1).copied())?;
    texts(move |text| numbers.read(text).ok())
}

fn date_formats(settings: &[&str]) -> Result<Apply, String> {
    let formats = DateFormats::new(settings)?;
    texts(move |text| formats.read(text).ok())
}

fn date_names(settings: &[&str]) -> Result<Apply, String> {
    let names = text::DateNames::new(settings.first().copied().unwrap_or_default())?;
    texts(move |text| Some(names.apply(text)))
}

/// `clean_time_zone(text, 'Europe/Berlin', 'earlier', 'later')`: what becomes of times that clocks
/// showed twice, and of those that they never showed.
fn time_zone(settings: &[&str]) -> Result<Apply, String> {
    let zone = settings.first().copied().unwrap_or_default();
    let times = text::LocalTimes::new(zone, setting(settings, 1)?, setting(settings, 2)?)?;
    texts(move |text| times.read(text).ok())
}

fn phone(settings: &[&str]) -> Result<Apply, String> {
    let region = settings.first().map(|region| (*region).to_owned());
    if let Some(region) = region.as_ref().filter(|region| !text::is_region(region)) {
        return Err(format!("`{region}` is no region, expected two letters such as DE"));
    }
    texts(move |text| text::phone(text, region.as_deref()).ok())
}

fn person_name(settings: &[&str]) -> Result<Apply, String> {
    let (part, order) = (setting(settings, 0)?, setting(settings, 1)?);
    texts(move |text| text::person_name(text, part, order).ok().flatten())
}

fn address(settings: &[&str]) -> Result<Apply, String> {
    let part = required(settings, 0)?;
    texts(move |text| text::address(text, part).ok().flatten())
}

/// `clean_money(text, 'amount', 'EUR', ',', 'EUR')`: the part, the currency of sums without one, the
/// decimal sign, the only currency that is right; an empty text says nothing.
fn money(settings: &[&str]) -> Result<Apply, String> {
    let wants_currency = match settings.first() {
        None | Some(&"amount") => false,
        Some(&"currency") => true,
        Some(other) => {
            return Err(format!("`{other}` is no part of money, expected amount or currency"));
        }
    };
    let said = |at: usize| settings.get(at).copied().filter(|setting| !setting.is_empty());
    let (currency, only) = (said(1).map(str::to_owned), said(3).map(str::to_owned));
    let wrong = |code: &&String| !text::is_currency(code);
    if let Some(code) = currency.iter().chain(&only).find(wrong) {
        return Err(format!("`{code}` is no currency, expected a code such as EUR"));
    }
    let decimal = said(2).map(character).transpose()?;
    let format = text::MoneyFormat { currency: currency.or_else(|| only.clone()), decimal };
    texts(move |text| {
        let money = text::money(text, &format).ok()?;
        let is_other =
            |only: &String| money.currency.is_some_and(|c| !c.eq_ignore_ascii_case(only));
        match only.as_ref().is_some_and(is_other) {
            true => None,
            false if wants_currency => money.currency.map(str::to_owned),
            false => Some(money.amount),
        }
    })
}

fn character(setting: &str) -> Result<char, String> {
    let mut characters = setting.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(format!("`{setting}` is not one character")),
    }
}

/// A setting that is one of some words; the default where it is left out.
fn setting<T: for<'de> Deserialize<'de> + Default>(
    settings: &[&str],
    at: usize,
) -> Result<T, String> {
    settings.get(at).map_or_else(|| Ok(T::default()), |setting| word(setting))
}

fn required<T: for<'de> Deserialize<'de>>(settings: &[&str], at: usize) -> Result<T, String> {
    word(settings.get(at).copied().unwrap_or_default())
}

fn word<T: for<'de> Deserialize<'de>>(word: &str) -> Result<T, String> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word))
        .map_err(|error| error.to_string())
}
