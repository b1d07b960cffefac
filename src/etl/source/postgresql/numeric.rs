//! `numeric` as the server sends it: groups of four digits, exact.

/// Groups, the first of which counts 10000 to the power of `weight`.
struct Numeric<'a> {
    groups: &'a [[u8; 2]],
    weight: i16,
    sign: u16,
    digits_after_point: u16,
}

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

impl<'a> Numeric<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<2>();
        let (head, groups) = words.split_first_chunk::<4>()?;
        let [count, weight, sign, scale] = head.map(u16::from_be_bytes);
        let whole = rest.is_empty() && groups.len() == usize::from(count);
        whole.then_some(Self {
            groups,
            weight: weight.cast_signed(),
            sign,
            digits_after_point: scale,
        })
    }

    /// A group by its place: 0 is the first before the point, -1 the first after it.
    fn group(&self, place: i32) -> u16 {
        let at = i32::from(self.weight) - place;
        let group = usize::try_from(at).ok().and_then(|at| self.groups.get(at));
        group.map_or(0, |group| u16::from_be_bytes(*group))
    }
}

/// The value as a decimal, its digits without the point; none where it is no such decimal.
pub(super) fn decimal(bytes: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let number = Numeric::read(bytes)?;
    let negative = match number.sign {
        0 => false,
        NEGATIVE => true,
        _ => return None,
    };
    // In the last group digits may stand that only fill it up: they are left out before anything is
    // multiplied, or a number that fits would be too large on the way.
    let filled = number.groups.iter().rposition(|group| *group != [0, 0]);
    let groups = &number.groups[..filled.map_or(0, |last| last + 1)];
    let groups_after = groups.len() as i32 - 1 - i32::from(number.weight);
    let shift = i32::from(scale) - 4 * groups_after;
    let mut value: i128 = 0;
    for (place, group) in groups.iter().enumerate() {
        let group = i128::from(u16::from_be_bytes(*group));
        let left_out = if place + 1 == groups.len() { (-shift).max(0) } else { 0 };
        let cut = 10i128.checked_pow(left_out.unsigned_abs())?;
        if cut > 1000 || group % cut != 0 {
            return None;
        }
        value = value.checked_mul(10_000 / cut)?.checked_add(group / cut)?;
    }
    if value != 0 && shift > 0 {
        value = value.checked_mul(10i128.checked_pow(shift.unsigned_abs())?)?;
    }
    let bound = 10i128.checked_pow(precision.into()).unwrap_or(i128::MAX);
    (value < bound).then_some(if negative { -value } else { value })
}

/// The value's text as the server writes it; none where the bytes are no number.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    use std::fmt::Write;
    let number = Numeric::read(bytes)?;
    let mut text = String::with_capacity(number.groups.len() * 4 + 4);
    match number.sign {
        0 => {}
        NEGATIVE => text.push('-'),
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        NEGATIVE_INFINITY => return Some("-Infinity".to_owned()),
        _ => return None,
    }
    let first = i32::from(number.weight).max(0);
    write!(text, "{}", number.group(first)).ok()?;
    for place in (0..first).rev() {
        write!(text, "{:04}", number.group(place)).ok()?;
    }
    let after = usize::from(number.digits_after_point);
    if after > 0 {
        text.push('.');
        let end = text.len() + after;
        let mut place = -1;
        while text.len() < end {
            write!(text, "{:04}", number.group(place)).ok()?;
            place -= 1;
        }
        text.truncate(end);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The server's form of a number: its own algorithm turned round, digit by digit.
    fn wire(negative: bool, whole: &str, fraction: &str) -> Vec<u8> {
        let mut digits = format!("{:0>1$}", whole, whole.len().div_ceil(4) * 4);
        let weight = digits.len() as i16 / 4 - 1;
        digits += &format!("{:0<1$}", fraction, fraction.len().div_ceil(4) * 4);
        let mut groups: Vec<u16> = digits
            .as_bytes()
            .chunks(4)
            .map(|four| std::str::from_utf8(four).unwrap().parse().unwrap())
            .collect();
        let zeros = groups.iter().take_while(|group| **group == 0).count();
        groups.drain(..zeros);
        while groups.last() == Some(&0) {
            groups.pop();
        }
        let weight = if groups.is_empty() { 0 } else { weight - zeros as i16 };
        let sign = if negative && !groups.is_empty() { NEGATIVE } else { 0 };
        let head = [groups.len() as u16, weight as u16, sign, fraction.len() as u16];
        head.iter().chain(&groups).flat_map(|word| word.to_be_bytes()).collect()
    }

    proptest! {
        #[test]
        fn what_the_server_sends_is_what_was_meant(
            negative: bool, whole in "(0|[1-9][0-9]{0,30})", fraction in "[0-9]{0,12}",
        ) {
            let bytes = wire(negative, &whole, &fraction);
            let zero = format!("{whole}{fraction}").bytes().all(|digit| digit == b'0');
            let sign = if negative && !zero { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            prop_assert_eq!(text(&bytes), Some(format!("{sign}{whole}{point}{fraction}")));
            let needed = fraction.trim_end_matches('0').len();
            let exact: Option<i128> = (needed <= 6 && whole.len() <= 32)
                .then(|| format!("{whole}{:0<6}", &fraction[..needed]).parse().unwrap())
                .map(|value: i128| if negative { -value } else { value });
            prop_assert_eq!(decimal(&bytes, 38, 6), exact);
        }
    }

    #[test]
    fn a_number_that_fits_is_not_too_large_on_the_way() {
        let whole = "2000000000000000000000000000000";
        let value = Some(2_000_000_000_000_000_000_000_000_000_000_000_010);
        assert_eq!(decimal(&wire(false, whole, "00001"), 38, 6), value);
        assert_eq!(decimal(&wire(false, whole, "0000001"), 38, 6), None);
        assert_eq!(decimal(&wire(false, &format!("{whole}00"), "1"), 38, 6), None);
        let largest = "9".repeat(38);
        assert_eq!(decimal(&wire(true, &largest, ""), 38, 0), Some(1 - 10i128.pow(38)));
        assert_eq!(decimal(&wire(false, "0", "0001"), 38, 3), None);
        assert_eq!(decimal(&wire(false, "0", "0010"), 38, 3), Some(1));
    }

    #[test]
    fn what_is_no_number_is_text_at_most() {
        for (sign, name) in [(NAN, "NaN"), (INFINITY, "Infinity"), (NEGATIVE_INFINITY, "-Infinity")]
        {
            let bytes: Vec<u8> = [0, 0, sign, 0].iter().flat_map(|w| w.to_be_bytes()).collect();
            assert_eq!((decimal(&bytes, 38, 2), text(&bytes).as_deref()), (None, Some(name)));
        }
        assert_eq!(decimal(&wire(false, "100", ""), 2, 0), None);
        assert_eq!(text(&[0, 1]), None);
    }
}
