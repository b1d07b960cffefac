//! Customers, suppliers and parts.

use super::super::{CUSTOMER, NATIONS, PART, SUPPLIER, words};
use super::{Fault, Fields, Seen, counted, each_line};
use std::io::BufRead;

/// Customers are numbered, live somewhere, and are of a segment.
pub(crate) fn customers(text: impl BufRead, rows: u32) -> Result<(), Fault> {
    let segments = words().market_segments().get_values();
    let mut places = Places::new();
    let mut seen = Seen::new("segment", 5);
    let found = each_line("customer", CUSTOMER.heading, text, |fields| {
        named(fields, "Customer")?;
        places.place(fields)?;
        seen.note(fields.one_of("segment", segments)?);
        Ok(())
    })?;
    counted("customer", found, rows)?;
    places.are_whole("customer", rows)?;
    seen.is_whole("customer", rows)
}

/// Suppliers are numbered and live somewhere.
pub(crate) fn suppliers(text: impl BufRead, rows: u32) -> Result<(), Fault> {
    let mut places = Places::new();
    let found = each_line("supplier", SUPPLIER.heading, text, |fields| {
        named(fields, "Supplier")?;
        places.place(fields)
    })?;
    counted("supplier", found, rows)?;
    places.are_whole("supplier", rows)
}

/// Parts have a name of two colours, a third one, and a place in their hierarchy.
pub(crate) fn parts(text: impl BufRead, rows: u32) -> Result<(), Fault> {
    let words = words();
    let colors = words.part_colors().get_values();
    let mut sizes = Seen::new("size", 50);
    let mut hierarchy = ["manufacturer", "category", "brand"].map(|level| Seen::new(level, 5));
    (hierarchy[1].all, hierarchy[2].all) = (25, 1_000);
    let mut texts = [Seen::new("color", 92), Seen::new("type", 150), Seen::new("container", 40)];
    let found = each_line("part", PART.heading, text, |fields| {
        let row = fields.row;
        fields.is("number", row)?;
        let name = fields.text("name")?;
        for (level, value) in hierarchy.iter_mut().zip(levels(fields)?) {
            level.note(value);
        }
        let color = fields.one_of("color", colors)?;
        is_name(name, colors, colors[color])?;
        texts[0].note(color);
        texts[1].note(fields.one_of("type", words.part_types().get_values())?);
        sizes.note(fields.number("size", 1..=50)?);
        texts[2].note(fields.one_of("container", words.part_containers().get_values())?);
        Ok(())
    })?;
    counted("part", found, rows)?;
    sizes.is_whole("part", rows)?;
    hierarchy.iter().try_for_each(|level| level.is_whole("part", rows))?;
    texts.iter().try_for_each(|column| column.is_whole("part", rows))
}

/// A number, one after the other, and the name that is made of it.
fn named(fields: &mut Fields, what: &str) -> Result<(), Fault> {
    let row = fields.row;
    fields.is("number", row)?;
    fields.is("name", format!("{what}#{row:09}"))
}

/// Manufacturer, category and brand, each with its parent's number in front; as numbers.
fn levels(fields: &mut Fields) -> Result<[u32; 3], Fault> {
    let number = |name: &str, text: &str| {
        let digits = text.strip_prefix("MFGR#").and_then(|digits| digits.parse::<u32>().ok());
        digits.ok_or_else(|| format!("{name} is {text}"))
    };
    let [maker, category, brand] =
        [fields.text("manufacturer")?, fields.text("category")?, fields.text("brand")?];
    let within = |part: &str, whole: &str, most: u32| {
        let own = part.strip_prefix(whole).and_then(|own| own.parse::<u32>().ok());
        own.is_some_and(|own| (1..=most).contains(&own))
    };
    if !within(maker, "MFGR#", 5) || !within(category, maker, 5) || !within(brand, category, 40) {
        return Err(format!("{maker}, {category}, {brand} is no manufacturer, category, brand"));
    }
    Ok([number("manufacturer", maker)?, number("category", category)?, number("brand", brand)?])
}

/// Two colours, and neither is the part's own.
fn is_name(name: &str, colors: &[&str], own: &str) -> Result<(), Fault> {
    match name.split_once(' ') {
        Some((one, other))
            if one != other
                && [one, other].iter().all(|word| *word != own && colors.contains(word)) =>
        {
            Ok(())
        }
        _ => Err(format!("the name {name} is not two colors beside {own}")),
    }
}

/// Where members live.
struct Places {
    cities: Seen<(usize, u32)>,
    nations: Seen<&'static str>,
    regions: Seen<&'static str>,
}

impl Places {
    fn new() -> Self {
        let cities = Seen::new("city", 250);
        Self { cities, nations: Seen::new("nation", 25), regions: Seen::new("region", 5) }
    }

    fn place(&mut self, fields: &mut Fields) -> Result<(), Fault> {
        let address = fields.text("address")?;
        if !(6..=24).contains(&address.len()) || address.contains(['"', '\'']) {
            return Err(format!("the address is {address}"));
        }
        let (city, nation) = (fields.text("city")?, fields.text("nation")?);
        let found = NATIONS.iter().position(|(name, _)| *name == nation);
        let code = found.ok_or_else(|| format!("the nation is {nation}"))?;
        let (name, region) = NATIONS[code];
        fields.is("region", region.to_owned())?;
        let start = format!("{name:<9}");
        let digit = start.get(..9).and_then(|start| city.strip_prefix(start));
        let digit = digit.filter(|digit| digit.len() == 1).and_then(|digit| digit.parse().ok());
        self.cities.note((code, digit.ok_or_else(|| format!("the city of {name} is {city}"))?));
        self.nations.note(name);
        self.regions.note(region);
        is_phone(fields.text("phone")?, code)
    }

    fn are_whole(&self, table: &str, rows: u32) -> Result<(), Fault> {
        self.cities.is_whole(table, rows)?;
        self.nations.is_whole(table, rows)?;
        self.regions.is_whole(table, rows)
    }
}

/// The nation's number, and ten digits.
fn is_phone(phone: &str, code: usize) -> Result<(), Fault> {
    let parts: Vec<&str> = phone.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let digits = parts.iter().all(|part| part.bytes().all(|sign| sign.is_ascii_digit()));
    let country = parts.first().and_then(|country| country.parse().ok());
    match digits && lengths == [2, 3, 3, 4] && country == Some(10 + code) {
        true => Ok(()),
        false => Err(format!("the phone of the nation {code} is {phone}")),
    }
}
