//! Chinese addresses: from the whole to the part, each closed by its own character (省, 市, 区, 路, 号).

use super::Parts;
use regex::Regex;
use std::sync::LazyLock;

/// Provinces whose name may stand without what closes it; of the municipalities the city.
const PROVINCES: &str = "河北 山西 辽宁 遼寧 吉林 黑龙江 黑龍江 江苏 江蘇 浙江 安徽 福建 江西 山东 山東 河南 湖北 湖南 \
广东 廣東 海南 四川 贵州 貴州 云南 雲南 陕西 陝西 甘肃 甘肅 青海 台湾 臺灣 台灣 内蒙古 內蒙古 广西 廣西 西藏 宁夏 寧夏 \
新疆";

/// Cities that are often named without their 市.
const CITIES: &str = "北京 上海 天津 重庆 重慶 广州 廣州 深圳 成都 杭州 武汉 武漢 西安 南京 苏州 蘇州 郑州 鄭州 长沙 長沙 \
东莞 東莞 佛山 宁波 寧波 青岛 青島 沈阳 瀋陽 昆明 合肥 无锡 無錫 厦门 廈門 福州 济南 濟南 大连 大連 哈尔滨 哈爾濱 长春 長春 \
石家庄 石家莊 南宁 南寧 贵阳 貴陽 南昌 太原 常州 温州 溫州 嘉兴 嘉興 泉州 珠海 中山 惠州 海口 三亚 三亞 兰州 蘭州 银川 銀川 \
西宁 西寧 拉萨 拉薩 乌鲁木齐 烏魯木齊 呼和浩特 台北 臺北 新北 桃园 桃園 台中 臺中 台南 臺南 高雄 基隆 新竹 嘉义 嘉義";

/// Districts of Hong Kong, which nothing closes.
const HONG_KONG: &str = "九龙 九龍 新界 港岛 港島 香港岛 香港島 中环 中環 上环 上環 西环 西環 金钟 金鐘 湾仔 灣仔 铜锣湾 銅鑼灣 \
北角 鲗鱼涌 鰂魚涌 太古 柴湾 柴灣 香港仔 尖沙咀 佐敦 油麻地 旺角 太子 深水埗 长沙湾 長沙灣 荔枝角 九龙塘 九龍塘 红磡 紅磡 何文田 \
土瓜湾 土瓜灣 九龙湾 九龍灣 观塘 觀塘 牛头角 牛頭角 蓝田 藍田 黄大仙 黃大仙 钻石山 鑽石山 葵涌 青衣 荃湾 荃灣 沙田 大埔 元朗 屯门 屯門 \
将军澳 將軍澳 西贡 西貢 粉岭 粉嶺 上水";

/// An expression that is known to be right; one that were not would match nothing.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// A postcode that is said to be one, anywhere.
static NAMED_CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?:邮编|郵編|邮政编码|郵政編碼|郵遞區號|邮递区号):?(?P<code>\d{6}|\d{5}|\d{3})")
});
/// One at the beginning: six digits, or as in Taiwan three or five.
static FIRST_CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?P<code>\d{5,6}|\d{3})(?P<rest>[^\d号號楼樓室弄巷层層栋棟].*)$"));
static LAST_CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?P<rest>.*\D)(?P<code>\d{6})$"));
static REGION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?P<part>[^省市区區路街]{2,8}?(?:省|自治区|自治區|特别行政区|特別行政區))")
});
static CITY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?P<part>[^省市区區县縣路街号號\d]{2,12}?(?:市|自治州|地区|地區|盟))")
});
/// A city below another is its district: 苏州市昆山市.
static DISTRICT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?P<part>[^区區县縣路街号號\d]{1,10}?(?:自治县|自治縣|新区|新區|区|區|县|縣|旗)|[^市区區县縣路街号號\d]{1,6}市)",
    )
});
static TOWN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?P<part>[^镇鎮乡鄉路号號\d]{1,8}?(?:街道|镇|鎮|乡|鄉))"));
static STREET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?P<part>[^号號\d]{1,20}(?:大道|大街|胡同|路|街|道|巷|弄|里|村)(?:[东西南北中東]段|[一二三四五六七八九十]段|[东西南北中東])?)",
    )
});
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?P<part>(?:\d+(?:巷|弄))?[甲乙丙丁]?\d+(?:[-之]\d+)?(?:号院|號院|号|號)(?:之\d+)?(?:附\d+[号號])?)",
    )
});
/// What only stands in the name of a street or before a number.
static NO_UNIT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^[号號院]|路|街|巷|弄|[^\d][号號]|[号號]$|^.*\D[号號]"));

/// Takes what a pattern finds at the beginning of a text.
fn take(pattern: &LazyLock<Option<Regex>>, text: &mut String) -> Option<String> {
    let found = pattern.as_ref()?.captures(text)?;
    let part = found.name("part")?.as_str().to_owned();
    text.drain(..part.len());
    Some(part)
}

/// The parts of an address.
///
/// # Errors
/// What can be read in two ways.
pub(super) fn parts(text: &str) -> Result<Parts, String> {
    let mut text: String =
        text.chars().filter(|c| !c.is_whitespace() && !",，。;".contains(*c)).collect();
    let is_japanese = |c: char| matches!(c, '\u{3041}'..='\u{30ff}' | '県' | '〒');
    if let Some(odd) = text.chars().find(|c| is_japanese(*c)).filter(|_| text.len() > 3) {
        return Err(format!("`{odd}` is Japanese, and such addresses are not understood"));
    }
    if ["東京都", "大阪府", "京都府", "丁目", "番地"].iter().any(|word| text.contains(word))
    {
        return Err("it looks Japanese, and such addresses are not understood".to_owned());
    }
    let mut parts = Parts { postcode: postcode(&mut text), ..Parts::default() };
    for country in ["中国", "中國", "中华人民共和国"] {
        text = text.strip_prefix(country).map_or(text.clone(), str::to_owned);
    }
    if !hong_kong(&mut text, &mut parts) {
        place(&mut text, &mut parts)?;
    }
    street(&mut text, &mut parts)?;
    let is_known = parts != Parts { postcode: parts.postcode.clone(), ..Parts::default() };
    let has_digits = text.chars().any(|c| c.is_ascii_digit());
    if !is_known || text.is_empty() {
        return Ok(parts);
    }
    let is_unit = !NO_UNIT.as_ref().is_some_and(|no_unit| no_unit.is_match(&text));
    match (is_unit, parts.house_number.is_some() || has_digits) {
        (true, true) => parts.unit = Some(text),
        // an estate or village without a number is none of the parts
        (true, false) => {}
        (false, _) => return Err(format!("`{text}` may be a street, a building or a room")),
    }
    Ok(parts)
}

fn postcode(text: &mut String) -> Option<String> {
    let named = NAMED_CODE
        .as_ref()?
        .captures(text)
        .and_then(|found| Some((found.get(0)?.range(), found.name("code")?.as_str().to_owned())));
    if let Some((range, code)) = named {
        text.replace_range(range, "");
        return Some(code);
    }
    let found =
        FIRST_CODE.as_ref()?.captures(text).or_else(|| LAST_CODE.as_ref()?.captures(text))?;
    let (code, rest) = (found.name("code")?.as_str(), found.name("rest")?.as_str());
    let (code, rest) = (code.to_owned(), rest.to_owned());
    *text = rest;
    Some(code)
}

/// Hong Kong, where districts and streets are closed by nothing; whether the address is there.
fn hong_kong(text: &mut String, parts: &mut Parts) -> bool {
    let special = ["香港特别行政区", "香港特別行政區"];
    let rest = special.iter().find_map(|name| text.strip_prefix(name));
    let plain = text.strip_prefix("香港").filter(|rest| {
        HONG_KONG.split_ascii_whitespace().any(|district| rest.starts_with(district))
    });
    let Some(mut rest) = rest.or(plain) else { return false };
    let mut district = String::new();
    // 九龍旺角: an area and its district
    while let Some(name) = HONG_KONG
        .split_ascii_whitespace()
        .filter(|name| rest.starts_with(name))
        .max_by_key(|n| n.len())
    {
        district.push_str(name);
        rest = rest[name.len()..].trim_start_matches(['区', '區']);
    }
    *text = rest.to_owned();
    parts.city = Some("香港".to_owned());
    parts.district = (!district.is_empty()).then_some(district);
    true
}

/// Region, city and district.
fn place(text: &mut String, parts: &mut Parts) -> Result<(), String> {
    parts.region = take(&REGION, text).or_else(|| short(PROVINCES, text));
    parts.city = take(&CITY, text).or_else(|| short(CITIES, text));
    parts.district = take(&DISTRICT, text);
    let Some(district) = parts.district.as_deref().filter(|_| parts.city.is_none()) else {
        return Ok(());
    };
    let is_long = district.chars().count() > 4 && district.ends_with(['区', '區', '县', '縣']);
    if is_long && !district.ends_with("自治县") && !district.ends_with("自治縣") {
        return Err(format!("`{district}` may be a district, or a city with its district"));
    }
    Ok(())
}

/// A name without what closes it, where another part that is closed comes next: 北京朝阳区, but not
/// 北京路.
fn short(names: &str, text: &mut String) -> Option<String> {
    let name = names.split_ascii_whitespace().find(|name| text.starts_with(name))?;
    let rest = &text[name.len()..];
    let is_closed = |pattern: &LazyLock<Option<Regex>>| {
        pattern.as_ref().and_then(|pattern| pattern.find(rest)).is_some_and(|found| {
            // 吉林市, 河北区: the name is a part of that
            found.as_str().chars().count() > 1
                && !found.as_str().starts_with(['市', '区', '區', '县'])
        })
    };
    let follows = is_closed(&CITY)
        || is_closed(&DISTRICT)
        || CITIES.split_ascii_whitespace().any(|city| rest.starts_with(city));
    if !follows {
        return None;
    }
    text.drain(..name.len());
    Some(name.to_owned())
}

/// The street and its number; a town before it is none of the parts.
fn street(text: &mut String, parts: &mut Parts) -> Result<(), String> {
    let mut behind_town = text.clone();
    let town = take(&TOWN, &mut behind_town);
    let mut rest = behind_town.clone();
    // 古镇路 is a street, no town
    let has_street = take(&STREET, &mut rest).is_some() || take(&NUMBER, &mut rest).is_some();
    if town.is_some() && has_street {
        *text = behind_town;
    }
    parts.street = take(&STREET, text);
    let open = parts.street.as_ref().filter(|street| {
        street.contains(['省', '市', '区', '區', '县', '縣']) && street.chars().count() > 5
            || parts.city.as_deref() == Some("香港") && street.chars().count() > 6
    });
    if let Some(street) = open {
        return Err(format!("`{street}` may be a street, or a place with its street"));
    }
    let before = text.clone();
    parts.house_number = take(&NUMBER, text);
    // 3号楼 is a building, no number of the street
    if text.starts_with(['楼', '樓', '栋', '棟']) {
        parts.house_number = None;
        *text = before;
    }
    Ok(())
}

#[cfg(test)]
pub(super) fn are_right() -> bool {
    [
        &NAMED_CODE,
        &FIRST_CODE,
        &LAST_CODE,
        &REGION,
        &CITY,
        &DISTRICT,
        &TOWN,
        &STREET,
        &NUMBER,
        &NO_UNIT,
    ]
    .iter()
    .all(|pattern| pattern.is_some())
}
