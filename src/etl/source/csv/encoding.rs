//! Which encoding a file is in, guessed by its first bytes where a job asks for it.

use super::dialect::LOOKED_AT_BYTES;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_KR, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

/// Of a hundred pieces of UTF-8, so many may be damaged before it is taken for something else.
const DAMAGED_PERCENT: usize = 10;

/// The encoding that the bytes are most likely in.
pub(super) fn encoding(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    if let Some(wide) = wide(head) {
        return wide;
    }
    if is_utf8(head) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(head, (head.len() as u64) < LOOKED_AT_BYTES);
    let guess = detector.guess(None, Utf8Detection::Deny);
    if guess == EUC_KR && is_chinese(head) { GB18030 } else { guess }
}

/// Whether what seems to be Korean is Chinese: both have the same bytes, and of a few names alone
/// frequencies say little. Korean is written in Hangul; Chinese, read as Korean, has Chinese
/// characters among it.
fn is_chinese(head: &[u8]) -> bool {
    let (korean, _, _) = EUC_KR.decode(head);
    let count = |from, to| korean.chars().filter(|c| (from..=to).contains(c)).count();
    let (hangul, chinese) = (count('\u{ac00}', '\u{d7a3}'), count('\u{4e00}', '\u{9fff}'));
    let (_, _, damaged) = GB18030.decode(head);
    let is_cut = head.len() as u64 == LOOKED_AT_BYTES;
    chinese * 4 >= hangul.max(1) && (!damaged || is_cut)
}

/// UTF-16 without a mark: delimiters, digits and line ends have a byte of zero each, all on one side.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let some = head.len() / 20 + 1;
    match (even > some, odd > some) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// Whether the bytes are UTF-8, a little damage apart: what is damaged is refused row by row.
fn is_utf8(head: &[u8]) -> bool {
    let mut damaged = 0;
    let mut good = 0;
    for chunk in head.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    // what was looked at may end in the middle of a character
    let cut = usize::from(head.len() as u64 == LOOKED_AT_BYTES);
    damaged.saturating_sub(cut) * 100 <= good * DAMAGED_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, SHIFT_JIS, WINDOWS_1252};

    fn text(sample: &str) -> String {
        format!("id,name\n{}", (1..40).map(|id| format!("{id},{sample}\n")).collect::<String>())
    }

    #[test]
    fn encodings_are_told_from_each_other() {
        let chinese = text("北京市朝阳区建国路八十八号，王小明先生");
        let traditional = text("臺北市信義區市府路四十五號，陳美玲小姐，電話與傳真");
        for (sample, encoding) in [
            (&chinese, GB18030),
            (&traditional, BIG5),
            (&text("東京都千代田区丸の内一丁目、やまだたろう"), SHIFT_JIS),
            (&text("Müller, Straße, Köln, für Größe"), WINDOWS_1252),
            (&chinese, UTF_8),
        ] {
            let (bytes, _, lost) = encoding.encode(sample);
            assert!(!lost, "{sample}");
            let (read, _, damaged) = super::encoding(&bytes).decode(&bytes);
            assert!(!damaged && read == *sample, "{}", super::encoding(&bytes).name());
        }
        let wide: Vec<u8> = chinese.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(super::encoding(&wide), UTF_16LE);
        let wide: Vec<u8> = text("abc").encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(super::encoding(&wide), UTF_16BE);
        assert_eq!(super::encoding(b"id,name\n1,plain\n"), UTF_8);
    }

    /// One to three names, as a small shop would export them.
    #[test]
    fn a_few_chinese_names_are_not_korean() {
        let names = [
            "王小明",
            "张伟",
            "李娜",
            "刘洋",
            "陈静",
            "杨帆",
            "赵磊",
            "黄丽",
            "周杰",
            "吴敏",
            "徐强",
            "孙悦",
            "欧阳修",
            "司马光",
            "何平",
            "高峰",
            "林涛",
            "郭靖",
            "马超",
            "罗兰",
        ];
        for some in names.windows(3) {
            let rows = some.iter().enumerate().map(|(id, name)| format!("{id},{name},上海\n"));
            let text = format!("id,name,city\n{}", rows.collect::<String>());
            let bytes = GB18030.encode(&text).0.into_owned();
            let (read, _, damaged) = encoding(&bytes).decode(&bytes);
            assert!(!damaged && read == text, "{}", encoding(&bytes).name());
        }
        let korean = text("서울특별시 강남구 테헤란로 김민준");
        assert_eq!(encoding(&EUC_KR.encode(&korean).0), EUC_KR);
        let korean = "id,name\n1,김민준\n2,이서연\n";
        assert_eq!(encoding(&EUC_KR.encode(korean).0), EUC_KR);
    }

    #[test]
    fn a_little_damage_is_no_other_encoding() {
        let mut bytes = text("北京市").into_bytes();
        bytes.extend_from_slice(b"40,\xff\n");
        assert_eq!(encoding(&bytes), UTF_8);
    }
}
