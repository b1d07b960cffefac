//! Addresses in lines or stretches between commas: one is the street with its number, one the place
//! with its postcode; floors and flats, the country and names of houses stand beside them.
//!
//! Pieces are recognised one after the other, the plainest first. A piece with digits that is none
//! of them is not passed over: the address is refused.

use super::Parts;
use super::words::{
    is_country, is_state_in_full, is_street, italian_provinces, split_behind_street, states,
    states_of,
};
use regex::Regex;
use std::sync::LazyLock;

/// An expression that is known to be right; one that were not would match nothing.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// A flat, floor or room: all of a piece
static WHOLE_UNIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:(?:apt|apartment|unit|flat|suite|ste|room|rm|floor|fl|level|lvl|haus|block|building|bldg|tower|wohnung|whg|top|stiege|stock|etage|etg|appt|appartement|bât|bâtiment|esc|escalera|escalier|piso|planta|puerta|interno|int|scala|#)\.?\s*#?\s*(?:\d{1,4}[a-z]?(?:[/-]\d{1,4}[a-z]?)?|[a-z]\d{0,4})|\d{1,3}(?:st|nd|rd|th|e|er|ème)?\.?\s*(?:floor|fl|og|ug|dg|etage|etg|stock|étage|piso|andar)\.?|\d{1,2}\s?[ºª°]\.?(?:\s*\p{L}{1,5}\.?)?|(?:eg|dg|hinterhaus|vorderhaus|seitenflügel|ground floor|basement|penthouse|bajo))$",
    )
});
/// One at the end of a piece
static LAST_UNIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?P<rest>.*\S)\s+(?P<unit>(?:(?:apt|apartment|unit|flat|suite|ste|room|rm|floor|fl|wohnung|whg|appt)\.?\s*#?|#)\s*(?:[a-z]-?)?\d{1,4}[a-z]?(?:-\d{1,4})?)$",
    )
});
/// One before a number and street: `Unit 7/12 George St`
static FIRST_UNIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?P<unit>(?:apt|apartment|unit|flat|suite|ste|room|rm|level|shop)\.?\s*#?\s*\d+[a-z]?)(?:\s*/\s*|\s+)(?P<rest>\d.*\p{L}.*)$",
    )
});
static BOX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:p\.?\s?o\.?\s?box|post\s?box|postfach|postbus|apartado|casella postale|bp|boîte postale)\s+[\d ]+$",
    )
});
/// A code that is nothing else: British, Canadian, Dutch, American with four more, Portuguese,
/// Brazilian, Polish, or with a country's letters
static SURE_CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?:^|\s)(?P<code>(?i:[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2}|[a-z]\d[a-z]\s*\d[a-z]\d)|\d{4}\s?[A-Z]{2}|\d{5}-\d{4}|\d{5}-\d{3}|\d{4}-\d{3}|\d{2}-\d{3}|[A-Z]{1,2}-\d{4,6})(?:\s|$)",
    )
});
static CODE_AND_STATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?P<before>.*?)(?:^|\s)(?:(?P<state>[A-Z]{2,3})\s(?P<code>\d{5}(?:-\d{4})?|\d{4})|(?P<code2>\d{4,5})\s(?P<state2>[A-Z]{2,3}))$",
    )
});
static FIRST_CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?P<code>\d{4,6})\s(?P<place>\D+)$"));
static CODE_ALONE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^(?P<code>\d{4,6})$"));
static LAST_CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?P<place>\D*\p{L}\D*?)\s(?P<code>\d{4,6})$"));
/// `Hauptstraße 12 10115 Berlin`
static IN_ONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?P<street>\D*\p{L}\S*\s\d{1,4}\s?[a-zA-Z]?)\s(?P<place>\d{4,5}\s\D+)$")
});
static NUMBER_ALONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)^\d{1,5}\s?(?:[a-z]|bis|ter|quater)?$"));
static NUMBER_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?P<number>\d{1,5}(?:\s?(?:bis|ter|quater)\b|[a-z]\b|\s(?-i:[a-z])\b)?(?:\s?[-/]\s?\d+(?:[a-z]\b)?)?)\s+(?P<street>.*\p{L}.*)$",
    )
});
static NUMBER_LAST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?P<street>.*\p{L}[^\d]*?)\s+(?P<number>\d{1,4}\s?(?:[a-z]\b)?(?:\s?[-/]\s?\d+\s?(?:[a-z]\b)?)?)$",
    )
});

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// The named groups of a match, empty where they have no part in it.
fn groups<const N: usize>(
    pattern: &LazyLock<Option<Regex>>,
    names: [&str; N],
    text: &str,
) -> Option<[String; N]> {
    let found = pattern.as_ref()?.captures(text)?;
    Some(names.map(|name| found.name(name).map_or("", |part| part.as_str()).trim().to_owned()))
}

fn has_digits(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit())
}

/// The parts of an address.
///
/// # Errors
/// What can be read in two ways.
pub(super) fn parts(text: &str) -> Result<Parts, String> {
    let mut parts = Parts::default();
    let mut pieces: Vec<String> = text
        .split([',', '\n', ';'])
        .map(|piece| piece.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|piece| !piece.is_empty())
        .collect();
    if pieces.len() > 1 {
        pieces.pop_if(|last| is_country(last));
    }
    split_in_one(&mut pieces);
    take_units(&mut pieces, &mut parts);
    join_numbers(&mut pieces);
    let place = take_code(&mut pieces, &mut parts)?;
    let street = take_street(&mut pieces, place, &mut parts)?;
    take_city(pieces, street, place, &mut parts)?;
    Ok(parts)
}

/// A street and place without a comma between them become two pieces.
fn split_in_one(pieces: &mut Vec<String>) {
    let Some(at) = pieces.iter().position(|piece| matches(&IN_ONE, piece)) else { return };
    if let Some([street, place]) = groups(&IN_ONE, ["street", "place"], &pieces[at]) {
        pieces.splice(at..=at, [street, place]);
    }
}

/// Flats and floors out of the pieces, in their order.
fn take_units(pieces: &mut Vec<String>, parts: &mut Parts) {
    let mut units: Vec<String> = Vec::new();
    // what is nothing but a unit says nothing of an address
    let several = pieces.len() > 1;
    pieces.retain_mut(|piece| {
        if several && matches(&WHOLE_UNIT, piece) {
            units.push(std::mem::take(piece));
            return false;
        }
        let found = groups(&FIRST_UNIT, ["unit", "rest"], piece)
            .or_else(|| groups(&LAST_UNIT, ["unit", "rest"], piece));
        if let Some([unit, rest]) = found {
            units.push(unit);
            *piece = rest;
        }
        !(several && matches(&BOX, piece))
    });
    parts.unit = (!units.is_empty()).then(|| units.join(", "));
}

/// `12 bis, rue de la Paix` is one piece.
fn join_numbers(pieces: &mut Vec<String>) {
    let is_number = |at: usize| matches(&NUMBER_ALONE, &pieces[at]) && !has_digits(&pieces[at + 1]);
    let at = (0..pieces.len().saturating_sub(1)).find(|at| is_number(*at));
    if let Some(at) = at.filter(|at| is_street(&pieces[at + 1])) {
        let street = pieces.remove(at + 1);
        pieces[at] = format!("{} {street}", pieces[at]);
    }
}

/// Takes postcode and state out of the piece they stand in, and says which that is.
fn take_code(pieces: &mut [String], parts: &mut Parts) -> Result<Option<usize>, String> {
    let stated = |piece: &String| {
        let names = ["before", "state", "code", "state2", "code2"];
        let [before, state, code, state2, code2] = groups(&CODE_AND_STATE, names, piece)?;
        let (state, code) = (state + &state2, code + &code2);
        states_of(&code).contains(&state.as_str()).then_some((before, state, code))
    };
    let found = pieces.iter().enumerate().rev().find_map(|(at, p)| Some((at, stated(p)?)));
    if let Some((at, (before, state, code))) = found {
        (parts.region, parts.postcode) = (Some(state), Some(code));
        pieces[at] = before;
        return Ok(Some(at));
    }
    if let Some(at) = pieces.iter().rposition(|piece| matches(&SURE_CODE, piece)) {
        let [code] = groups(&SURE_CODE, ["code"], &pieces[at]).unwrap_or_default();
        let rest = pieces[at].replacen(&code, "", 1);
        pieces[at] = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        take_state(pieces, at, states_of(&code), parts);
        parts.postcode = Some(code);
        return Ok(Some(at));
    }
    if let Some((at, place, code)) = plain_code(pieces)? {
        let is_first = pieces[at].starts_with(&code) && !place.is_empty();
        pieces[at] = place;
        let states = if is_first { italian_provinces(&code) } else { states_of(&code) };
        take_state(pieces, at, states, parts);
        parts.postcode = Some(code);
        return Ok(Some(at));
    }
    // `Springfield, IL` has no postcode
    let Some(at) = pieces.len().checked_sub(1).filter(|at| *at > 0) else { return Ok(None) };
    if !has_digits(&pieces[at]) {
        take_state(pieces, at, states(), parts);
    }
    Ok(Some(at).filter(|_| parts.region.is_some()))
}

/// A postcode of nothing but digits, with its piece and the rest of that.
fn plain_code(pieces: &[String]) -> Result<Option<(usize, String, String)>, String> {
    for (pattern, is_first) in [(&FIRST_CODE, true), (&CODE_ALONE, false), (&LAST_CODE, false)] {
        let Some(at) = pieces.iter().rposition(|piece| matches(pattern, piece)) else { continue };
        let Some([code, place]) = groups(pattern, ["code", "place"], &pieces[at]) else { continue };
        let others = || pieces.iter().enumerate().filter(|(other, _)| *other != at);
        let has_street = others().any(|(_, other)| is_street(other) || is_numbered(other));
        // `1234 Main St`, `Rua Augusta 1500`: numbers of the street
        if is_street(&place) || (!is_first && !place.is_empty() && !has_street) {
            continue;
        }
        if is_first && !has_street && others().count() > 0 {
            return Err(format!("`{code}` may be a postcode or the number of a house"));
        }
        return Ok(Some((at, place, code)));
    }
    Ok(None)
}

fn is_numbered(piece: &str) -> bool {
    matches(&NUMBER_FIRST, piece) || matches(&NUMBER_LAST, piece)
}

/// Takes the state off the end of a place: `São Paulo - SP`, `Roma RM`, `Sydney NSW`; of the piece
/// before it where it has none itself.
fn take_state(pieces: &mut [String], at: usize, states: Vec<&str>, parts: &mut Parts) {
    let is_place = |at: &usize| !is_numbered(&pieces[*at]) && !is_street(&pieces[*at]);
    let before = at.checked_sub(1).filter(|_| pieces[at].is_empty()).filter(is_place);
    for at in [Some(at), before].into_iter().flatten() {
        let piece = pieces[at].clone();
        if at > 0 && is_state_in_full(&piece) {
            parts.region = Some(std::mem::take(&mut pieces[at]));
            return;
        }
        let (place, word) = piece.rsplit_once(' ').unwrap_or(("", &piece));
        if states.contains(&word) {
            parts.region = Some(word.to_owned());
            pieces[at] = place.trim_end_matches([' ', '-', '–']).to_owned();
            return;
        }
        let is_short = word.len() == 2 && word.chars().all(|c| c.is_ascii_uppercase());
        if is_short && (place.is_empty() || place.chars().any(char::is_lowercase)) {
            let why = format!("`{word}` may be a country, a state or a part of the city's name");
            parts.open_place = Some(why);
        }
    }
}

/// Takes the street and its number; says which piece it was.
fn take_street(
    pieces: &mut [String],
    place: Option<usize>,
    parts: &mut Parts,
) -> Result<Option<usize>, String> {
    let free = || (0..pieces.len()).filter(|at| Some(*at) != place);
    let numbered: Vec<usize> = free().filter(|at| is_numbered(&pieces[*at])).collect();
    let named: Vec<usize> = free().filter(|at| is_street(&pieces[*at])).collect();
    let both: Vec<usize> =
        numbered.iter().copied().filter(|at| is_named_street(&pieces[*at])).collect();
    let at = match (numbered.as_slice(), both.as_slice(), named.as_slice()) {
        ([one], [], [other, ..]) if one != other => {
            let (one, other) = (&pieces[*one], &pieces[*other]);
            return Err(format!("its street may be `{one}` or `{other}`"));
        }
        ([one], ..) | (_, [one], _) => *one,
        ([], _, [one]) => {
            parts.street = Some(std::mem::take(&mut pieces[*one]));
            return Ok(Some(*one));
        }
        ([one, other, ..], ..) => {
            let (one, other) = (&pieces[*one], &pieces[*other]);
            return Err(format!("its street may be `{one}` or `{other}`"));
        }
        _ => return one_piece(pieces, place, parts),
    };
    let names = ["street", "number"];
    let found = groups(&NUMBER_FIRST, names, &pieces[at]);
    let found = found.or_else(|| groups(&NUMBER_LAST, names, &pieces[at]));
    if let Some([street, number]) = found {
        let only_piece = pieces.iter().enumerate().all(|(other, p)| other == at || p.is_empty());
        if only_piece
            && place.is_none()
            && let Some((_, behind)) = split_behind_street(&street)
        {
            return Err(format!(
                "`{behind}` may be of the street or the place; a comma says which"
            ));
        }
        (parts.street, parts.house_number) = (Some(street), Some(number));
        pieces[at].clear();
    }
    Ok(Some(at))
}

/// Whether a piece with a number is a street by its words: `12 High Street`.
fn is_named_street(piece: &str) -> bool {
    let names = ["street"];
    let found = groups(&NUMBER_FIRST, names, piece).or_else(|| groups(&NUMBER_LAST, names, piece));
    found.is_some_and(|[street]| is_street(&street))
}

/// Number, street and place in one piece, whose postcode has been taken: `12 High Street London`.
fn one_piece(
    pieces: &mut [String],
    place: Option<usize>,
    parts: &mut Parts,
) -> Result<Option<usize>, String> {
    let Some(at) = place.filter(|at| has_digits(&pieces[*at])) else { return Ok(None) };
    let open =
        || format!("it is not plain where in `{}` the street ends; a comma says it", pieces[at]);
    let [street, number] =
        groups(&NUMBER_FIRST, ["street", "number"], &pieces[at]).ok_or_else(open)?;
    let (street, place) = split_behind_street(&street).ok_or_else(open)?;
    (parts.street, parts.house_number) = (Some(street), Some(number));
    pieces[at] = place;
    Ok(Some(at))
}

/// The city: what the place has left, or the piece before it; where no place is known, the only piece
/// that is left.
fn take_city(
    pieces: Vec<String>,
    street: Option<usize>,
    place: Option<usize>,
    parts: &mut Parts,
) -> Result<(), String> {
    if let Some(odd) = pieces.iter().find(|piece| has_digits(piece)) {
        return Err(format!("`{odd}` may be of the street, the place or neither"));
    }
    let has_letters = |at: &usize| pieces[*at].chars().any(char::is_alphabetic);
    let mut left: Vec<usize> = (0..pieces.len()).filter(has_letters).collect();
    // before the street stands who lives there, or the house's name
    if left.iter().any(|at| Some(*at) > street) {
        left.retain(|at| Some(*at) > street);
    }
    let is_known = parts.postcode.is_some() || parts.street.is_some() || parts.region.is_some();
    let before = place.and_then(|place| place.checked_sub(1));
    let before = before.filter(|at| parts.region.is_some() && left.contains(at));
    let in_place = place.filter(|at| left.contains(at) && !is_british(parts));
    let london = left.iter().copied().find(|at| pieces[*at].eq_ignore_ascii_case("London"));
    let at = match left.as_slice() {
        [] => None,
        [only] => Some(*only),
        _ => in_place.or(before).or(london),
    };
    match (at, left.as_slice()) {
        (Some(at), _) if is_known => parts.city = pieces.into_iter().nth(at),
        (None, [one, other, ..]) if is_known => {
            let (one, other) = (&pieces[*one], &pieces[*other]);
            parts.open_place = Some(format!("its city may be `{one}` or `{other}`"));
        }
        _ => {}
    }
    Ok(())
}

/// Whether the postcode is a British one, before which a county may stand in place of the city.
fn is_british(parts: &Parts) -> bool {
    let code = parts.postcode.as_deref().unwrap_or_default();
    let ends = code.chars().rev().take(3).map(|c| c.is_ascii_digit());
    code.starts_with(|c: char| c.is_ascii_alphabetic()) && ends.eq([false, false, true])
}

#[cfg(test)]
pub(super) fn are_right() -> bool {
    [
        &WHOLE_UNIT,
        &LAST_UNIT,
        &FIRST_UNIT,
        &BOX,
        &SURE_CODE,
        &CODE_AND_STATE,
        &FIRST_CODE,
        &CODE_ALONE,
        &LAST_CODE,
        &IN_ONE,
        &NUMBER_ALONE,
        &NUMBER_FIRST,
        &NUMBER_LAST,
    ]
    .iter()
    .all(|pattern| pattern.is_some())
}
