//! What values look like: letters as `A` and `a`, digits as `9`, everything else as it is.

/// The pattern of a value; runs of the same are written once with `+`.
pub(super) fn pattern(value: &str) -> String {
    /// Longer patterns are no pattern any more.
    const MOST: usize = 40;
    let mut pattern = String::new();
    let (mut last, mut is_run) = (None, false);
    for character in value.chars() {
        let class = class(character);
        if last == Some(class) && matches!(class, 'A' | 'a' | '9' | '汉') {
            if !is_run {
                pattern.push('+');
            }
            is_run = true;
            continue;
        }
        if pattern.len() > MOST {
            pattern.push('…');
            return pattern;
        }
        pattern.push(class);
        (last, is_run) = (Some(class), false);
    }
    pattern
}

fn class(character: char) -> char {
    match character {
        c if c.is_numeric() => '9',
        '\u{3400}'..='\u{9fff}' => '汉',
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_runs() {
        for (value, expected) in [
            ("AB-12", "A+-9+"),
            ("2025-01-31", "9+-9+-9+"),
            ("Ann Lee", "Aa+ Aa+"),
            ("a@b.org", "a@a.a+"),
            ("张伟 7", "汉+ 9"),
            ("", ""),
        ] {
            assert_eq!(pattern(value), expected, "{value}");
        }
        assert!(pattern(&"a-".repeat(100)).ends_with('…'));
    }
}
