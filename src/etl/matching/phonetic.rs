//! How names sound: Soundex and Metaphone for Latin letters, pinyin for Chinese characters.

/// The American Soundex code of a folded text's first word; none without a letter from a to z.
pub(crate) fn soundex(text: &str) -> Option<String> {
    let letters = latin(text);
    let first = *letters.first()?;
    let mut code = String::with_capacity(4);
    code.push(first as char);
    let mut last = soundex_digit(first);
    for letter in &letters[1..] {
        let digit = soundex_digit(*letter);
        if digit != b'0' && digit != last && digit != b'-' {
            code.push(digit as char);
        }
        // h and w do not part equal digits, vowels do
        if digit != b'-' {
            last = digit;
        }
        if code.len() == 4 {
            break;
        }
    }
    while code.len() < 4 {
        code.push('0');
    }
    Some(code)
}

fn soundex_digit(letter: u8) -> u8 {
    match letter {
        b'b' | b'f' | b'p' | b'v' => b'1',
        b'c' | b'g' | b'j' | b'k' | b'q' | b's' | b'x' | b'z' => b'2',
        b'd' | b't' => b'3',
        b'l' => b'4',
        b'm' | b'n' => b'5',
        b'r' => b'6',
        b'h' | b'w' => b'-',
        _ => b'0',
    }
}

/// The letters of the first word, where it is of the letters a to z.
fn latin(text: &str) -> Vec<u8> {
    let word = text.split(' ').find(|word| !word.is_empty()).unwrap_or_default();
    if word.is_ascii() { word.bytes().filter(u8::is_ascii_lowercase).collect() } else { Vec::new() }
}

/// The Metaphone code (Lawrence Philips, 1990) of a folded text's first word; none without a
/// letter from a to z.
pub(crate) fn metaphone(text: &str) -> Option<String> {
    let letters = latin(text);
    let start = match letters.as_slice() {
        [] => return None,
        // initial letters that are not heard
        [b'k' | b'g' | b'p', b'n', ..] | [b'a', b'e', ..] | [b'w', b'r', ..] => 1,
        _ => 0,
    };
    let mut code = String::with_capacity(letters.len());
    let mut at = start;
    if at == 0 {
        match letters.as_slice() {
            [b'x', ..] => {
                code.push('s');
                at = 1;
            }
            [b'w', b'h', ..] => {
                code.push('w');
                at = 2;
            }
            _ => {}
        }
    }
    while at < letters.len() {
        let is_doubled = at > 0 && letters[at] == letters[at - 1] && letters[at] != b'c';
        at += if is_doubled { 1 } else { sound(&letters, at, at == start, &mut code) };
    }
    Some(code)
}

/// Adds the sound of a letter, and says how many letters it took.
fn sound(letters: &[u8], at: usize, is_first: bool, code: &mut String) -> usize {
    let after = |distance: usize| letters.get(at + distance).copied().unwrap_or(b' ');
    let before = if at > 0 { letters[at - 1] } else { b' ' };
    let is_front = |letter: u8| matches!(letter, b'e' | b'i' | b'y');
    let (sound, length) = match letters[at] {
        b'a' | b'e' | b'i' | b'o' | b'u' => (if is_first { letters[at] as char } else { ' ' }, 1),
        b'b' => (if before == b'm' && after(1) == b' ' { ' ' } else { 'b' }, 1),
        b'c' if after(1) == b'i' && after(2) == b'a' => ('x', 1),
        b'c' if after(1) == b'h' => (if before == b's' { 'k' } else { 'x' }, 2),
        b'c' if is_front(after(1)) => (if before == b's' { ' ' } else { 's' }, 1),
        b'c' if after(1) == b'k' => ('k', 2),
        b'd' if after(1) == b'g' && is_front(after(2)) => ('j', 2),
        b'd' => ('t', 1),
        b'g' if after(1) == b'h' && !is_vowel(after(2)) => (' ', 2),
        b'g' if after(1) == b'n' && matches!(after(2), b' ' | b'e') => (' ', 1),
        b'g' if is_front(after(1)) && before != b'g' => ('j', 1),
        b'h' if !is_vowel(after(1)) || matches!(before, b'c' | b's' | b'p' | b't' | b'g') => {
            (' ', 1)
        }
        b'p' if after(1) == b'h' => ('f', 2),
        b'c' | b'g' | b'q' => ('k', 1),
        b's' if after(1) == b'h' => ('x', 2),
        b's' if after(1) == b'i' && matches!(after(2), b'o' | b'a') => ('x', 1),
        b't' if after(1) == b'h' => ('0', 2),
        b't' if after(1) == b'i' && matches!(after(2), b'o' | b'a') => ('x', 1),
        b't' if after(1) == b'c' && after(2) == b'h' => (' ', 1),
        b'v' => ('f', 1),
        b'w' | b'y' if !is_vowel(after(1)) => (' ', 1),
        b'x' => {
            code.push('k');
            ('s', 1)
        }
        b'z' => ('s', 1),
        other => (other as char, 1),
    };
    if sound != ' ' {
        code.push(sound);
    }
    length
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// The pinyin of a text without tones, Chinese characters by their first reading and anything else
/// as it is; none without a Chinese character.
pub(crate) fn pinyin(text: &str) -> Option<String> {
    use pinyin::ToPinyin;
    let mut spelled = String::with_capacity(text.len() * 2);
    let mut is_chinese = false;
    for (character, sound) in text.chars().zip(text.to_pinyin()) {
        match sound {
            Some(sound) => {
                is_chinese = true;
                spelled.push_str(sound.plain());
            }
            None if character != ' ' => spelled.push(character),
            None => {}
        }
    }
    is_chinese.then_some(spelled)
}

/// The first letter of every word, and of every Chinese character's pinyin.
pub(crate) fn initials(text: &str) -> String {
    use pinyin::ToPinyin;
    let mut initials = String::new();
    let mut inside = false;
    for (character, sound) in text.chars().zip(text.to_pinyin()) {
        match sound {
            Some(sound) => initials.push_str(sound.first_letter()),
            None if character == ' ' => {}
            None if !inside => initials.push(character),
            None => {}
        }
        inside = sound.is_none() && character != ' ';
    }
    initials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soundex_codes_as_published() {
        // the examples of the United States' national archives
        for (name, code) in [
            ("washington", "w252"),
            ("lee", "l000"),
            ("gutierrez", "g362"),
            ("pfister", "p236"),
            ("jackson", "j250"),
            ("tymczak", "t522"),
            ("ashcraft", "a261"),
            ("robert", "r163"),
            ("rupert", "r163"),
        ] {
            assert_eq!(soundex(name).as_deref(), Some(code), "{name}");
        }
        assert_eq!(soundex("王"), None);
        assert_eq!(soundex(""), None);
    }

    #[test]
    fn metaphone_hears_the_same() {
        for (one, other) in [
            ("knight", "nite"),
            ("wright", "rite"),
            ("philip", "filip"),
            ("catherine", "katherine"),
            ("smith", "smyth"),
            ("thumb", "thum"),
            ("schmit", "skmit"),
            ("judge", "juj"),
        ] {
            assert_eq!(metaphone(one), metaphone(other), "{one} {other}");
        }
        assert_eq!(metaphone("thompson").as_deref(), Some("0mpsn"));
        assert_ne!(metaphone("john"), metaphone("mary"));
        assert_eq!(metaphone("7"), None);
    }

    #[test]
    fn chinese_is_spelled() {
        assert_eq!(pinyin("王小明").as_deref(), Some("wangxiaoming"));
        assert_eq!(pinyin("wang"), None);
        assert_eq!(initials("王小明"), "wxm");
        assert_eq!(initials("anna maria b"), "amb");
        assert_eq!(initials("王 li"), "wl");
    }
}
