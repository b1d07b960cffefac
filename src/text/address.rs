//! Parts of postal addresses, Chinese ones and those of Europe, America and Australia.
//!
//! A part that an address does not have is none; no part is made up, and what can be read in two
//! ways is refused.

mod chinese;
mod western;
mod words;

use serde::{Deserialize, Serialize};

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
    /// Why it is not plain what the place is, where that is so.
    open_place: Option<String>,
}

/// A part of an address; none where the address does not have it.
///
/// # Errors
/// Where nothing of an address is found in the text, or the part can be read in two ways.
pub fn address(text: &str, part: AddressPart) -> Result<Option<String>, String> {
    let plain = plain(text);
    let is_chinese = plain.chars().any(|c| matches!(c, '\u{3400}'..='\u{9fff}'));
    let parts = if is_chinese { chinese::parts(&plain) } else { western::parts(&plain) };
    let parts = parts.map_err(|why| format!("`{text}` can be read in two ways: {why}"))?;
    if parts == Parts::default() {
        return Err(format!("`{text}` is no postal address: no part of one is found in it"));
    }
    let is_place = matches!(part, AddressPart::City | AddressPart::District | AddressPart::Region);
    if let Some(why) = parts.open_place.filter(|_| is_place) {
        return Err(format!("`{text}` can be read in two ways: {why}"));
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

/// A text in plain letters and digits, but for the raised ones of a floor: `3º`.
fn plain(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let pieces = text.split_inclusive(['º', 'ª']);
    let pieces = pieces.map(|piece| match piece.char_indices().next_back() {
        Some((at, raised @ ('º' | 'ª'))) => piece[..at].nfkc().chain([raised]).collect(),
        _ => piece.nfkc().collect::<String>(),
    });
    pieces.collect()
}

#[cfg(test)]
mod tests;
