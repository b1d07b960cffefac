//! Telephone numbers in the form of E.164.

use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

/// Whether a text is the code of a country that has telephone numbers (ISO 3166, two letters).
pub fn is_region(code: &str) -> bool {
    region(code).is_some()
}

fn region(code: &str) -> Option<Region> {
    let region: Region = code.to_uppercase().parse().ok()?;
    PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| region)
}

/// A telephone number as `+4930123456`; one without a country's code is of the region.
///
/// # Errors
/// Why it is none.
pub fn phone(text: &str, of: Option<&str>) -> Result<String, String> {
    let wrong = |why: String| format!("`{text}` is no telephone number{why}");
    let number = PHONE_NUMBER_UTIL
        .parse(text, of.and_then(region))
        .map_err(|error| wrong(format!(": {error}").to_lowercase()))?;
    if !number.is_valid() {
        let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
        return Err(wrong(format!("{of}: nobody can have it")));
    }
    Ok(number.format_as(PhoneNumberFormat::E164).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_international() {
        for (text, region, number) in [
            ("030 / 901820", Some("DE"), "+4930901820"),
            ("+49 (30) 901820", None, "+4930901820"),
            ("0049 30 901820", Some("DE"), "+4930901820"),
            ("138 0013 8000", Some("CN"), "+8613800138000"),
            ("(202) 456-1111", Some("us"), "+12024561111"),
            ("020 7183 8750", Some("GB"), "+442071838750"),
        ] {
            assert_eq!(phone(text, region).as_deref(), Ok(number), "{text}");
        }
        for (text, region) in [
            ("12", Some("DE")),
            ("030 901820", None),
            ("call me", Some("DE")),
            ("+1 000 000 0000", None),
        ] {
            let told = phone(text, region).unwrap_err();
            assert!(told.contains("no telephone number"), "{told}");
        }
        assert!(is_region("de") && !is_region("XX"));
    }
}
