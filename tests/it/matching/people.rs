//! Made-up people with known truth: what two systems hold of them, with the slips that real ones
//! have. No figure of the matching is set by what this finds.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A record, and the person it is truly of.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) source: &'static str,
    pub(crate) id: String,
    pub(crate) person: usize,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) id_no: String,
    pub(crate) born: String,
    pub(crate) address: String,
}

/// The heading of [`csv`].
pub(crate) const HEAD: &str = "source,id,name,phone,id_no,born,address\n";

impl Record {
    pub(crate) fn csv(&self) -> String {
        let Self { source, id, name, phone, id_no, born, address, .. } = self;
        format!("{source},{id},{name},{phone},{id_no},{born},{address}\n")
    }
}

/// Each surname as often as it stands here; with its traditional form.
const SURNAMES: &[(&str, &str, usize)] = &[
    ("王", "王", 72),
    ("李", "李", 70),
    ("张", "張", 68),
    ("刘", "劉", 54),
    ("陈", "陳", 46),
    ("杨", "楊", 31),
    ("赵", "趙", 21),
    ("黄", "黃", 20),
    ("周", "周", 19),
    ("吴", "吳", 18),
    ("徐", "徐", 15),
    ("孙", "孫", 14),
    ("胡", "胡", 12),
    ("朱", "朱", 12),
    ("高", "高", 10),
    ("林", "林", 10),
    ("何", "何", 9),
    ("郭", "郭", 9),
    ("马", "馬", 9),
    ("罗", "羅", 8),
    ("梁", "梁", 8),
    ("宋", "宋", 7),
    ("郑", "鄭", 7),
    ("谢", "謝", 6),
    ("韩", "韓", 6),
    ("唐", "唐", 6),
    ("冯", "馮", 6),
    ("于", "于", 5),
    ("董", "董", 5),
    ("萧", "蕭", 5),
    ("程", "程", 5),
    ("曹", "曹", 5),
    ("袁", "袁", 5),
    ("邓", "鄧", 5),
    ("许", "許", 5),
    ("欧阳", "歐陽", 2),
    ("诸葛", "諸葛", 1),
    ("司马", "司馬", 1),
];

/// Characters of given names, those that sound alike together; with their traditional forms.
const GIVEN: &[&[(&str, &str)]] = &[
    &[("伟", "偉"), ("卫", "衛"), ("玮", "瑋")],
    &[("芳", "芳"), ("方", "方")],
    &[("娜", "娜"), ("纳", "納")],
    &[("敏", "敏"), ("闽", "閩")],
    &[("静", "靜"), ("婧", "婧"), ("敬", "敬")],
    &[("丽", "麗"), ("莉", "莉"), ("利", "利")],
    &[("强", "強")],
    &[("磊", "磊"), ("蕾", "蕾")],
    &[("军", "軍"), ("君", "君"), ("钧", "鈞")],
    &[("洋", "洋"), ("阳", "陽"), ("扬", "揚")],
    &[("勇", "勇"), ("永", "永")],
    &[("艳", "艷"), ("燕", "燕"), ("彦", "彥")],
    &[("杰", "傑"), ("洁", "潔"), ("捷", "捷")],
    &[("娟", "娟"), ("涓", "涓")],
    &[("涛", "濤")],
    &[("明", "明"), ("铭", "銘"), ("鸣", "鳴")],
    &[("超", "超")],
    &[("秀", "秀"), ("绣", "繡")],
    &[("霞", "霞")],
    &[("平", "平"), ("萍", "萍")],
    &[("刚", "剛")],
    &[("桂", "桂"), ("贵", "貴")],
    &[("英", "英"), ("瑛", "瑛"), ("颖", "穎")],
    &[("华", "華"), ("桦", "樺")],
    &[("小", "小"), ("晓", "曉"), ("筱", "筱")],
    &[("红", "紅"), ("宏", "宏"), ("虹", "虹")],
    &[("玉", "玉"), ("钰", "鈺"), ("雨", "雨")],
    &[("春", "春")],
    &[("建", "建"), ("健", "健"), ("剑", "劍")],
    &[("文", "文"), ("雯", "雯")],
    &[("志", "志"), ("智", "智"), ("致", "致")],
    &[("国", "國"), ("果", "果")],
    &[("佳", "佳"), ("嘉", "嘉"), ("家", "家")],
    &[("欣", "欣"), ("鑫", "鑫"), ("新", "新")],
    &[("宇", "宇"), ("羽", "羽")],
    &[("浩", "浩"), ("昊", "昊")],
    &[("然", "然")],
    &[("子", "子"), ("紫", "紫")],
    &[("梓", "梓")],
    &[("涵", "涵"), ("晗", "晗")],
    &[("思", "思"), ("斯", "斯")],
    &[("琪", "琪"), ("奇", "奇")],
    &[("凯", "凱"), ("恺", "愷")],
    &[("龙", "龍"), ("隆", "隆")],
    &[("云", "雲"), ("芸", "蕓")],
    &[("博", "博"), ("波", "波")],
];

const CITIES: &[(&str, &[&str])] = &[
    ("北京市", &["海淀区", "朝阳区", "东城区", "西城区", "丰台区", "通州区"]),
    ("上海市", &["浦东新区", "黄浦区", "静安区", "徐汇区", "闵行区"]),
    ("广东省广州市", &["天河区", "越秀区", "海珠区", "白云区"]),
    ("广东省深圳市", &["南山区", "福田区", "罗湖区", "宝安区"]),
    ("四川省成都市", &["武侯区", "锦江区", "青羊区", "金牛区"]),
    ("浙江省杭州市", &["西湖区", "上城区", "滨江区", "余杭区"]),
    ("湖北省武汉市", &["武昌区", "江汉区", "洪山区"]),
    ("陕西省西安市", &["雁塔区", "碑林区", "未央区"]),
];

const ROADS: &[&str] = &[
    "中山路",
    "人民路",
    "解放路",
    "建设路",
    "和平路",
    "新华路",
    "文化路",
    "学院路",
    "长江路",
    "黄河路",
    "科技大道",
    "世纪大道",
    "中关村大街",
    "北京路",
    "南京路",
    "复兴路",
    "胜利街",
    "友谊路",
    "光明路",
    "青年路",
    "花园路",
    "迎宾大道",
    "滨河路",
    "东风路",
];

struct Person {
    surname: usize,
    given: Vec<(usize, usize)>,
    phone: String,
    id_no: String,
    born: (u32, u32, u32),
    address: (usize, usize, usize, u32, u32),
}

/// Records of so many people: each in the first system, most in the second, some twice in one.
pub(crate) fn chinese(people: usize, seed: u64) -> Vec<Record> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut records = Vec::new();
    let mut last: Option<Person> = None;
    for number in 0..people {
        let person = person(&mut chance, last.as_ref());
        let mut say = |source, slips, chance: &mut ChaCha8Rng| {
            let id = format!("{source}-{}", records.len() + 1);
            records.push(record(&person, number, source, id, slips, chance));
        };
        say("crm", chance.random_bool(0.3), &mut chance);
        if chance.random_bool(0.55) {
            say("shop", true, &mut chance);
        }
        if chance.random_bool(0.08) {
            say("shop", true, &mut chance);
        }
        last = Some(person);
    }
    records
}

fn person(chance: &mut ChaCha8Rng, last: Option<&Person>) -> Person {
    let total: usize = SURNAMES.iter().map(|(_, _, weight)| weight).sum();
    let mut at = chance.random_range(0..total);
    let mut surname = 0;
    while at >= SURNAMES[surname].2 {
        at -= SURNAMES[surname].2;
        surname += 1;
    }
    let characters = if chance.random_bool(0.25) { 1 } else { 2 };
    let given = (0..characters).map(|_| {
        let group = chance.random_range(0..GIVEN.len());
        (group, chance.random_range(0..GIVEN[group].len()))
    });
    let given = given.collect();
    let born =
        (chance.random_range(1945..2008), chance.random_range(1..=12), chance.random_range(1..=28));
    let city = chance.random_range(0..CITIES.len());
    let mut person = Person {
        surname,
        given,
        phone: format!(
            "1{}{:09}",
            chance.random_range(3..=9),
            chance.random_range(0..1_000_000_000)
        ),
        id_no: String::new(),
        born,
        address: (
            city,
            chance.random_range(0..CITIES[city].1.len()),
            chance.random_range(0..ROADS.len()),
            chance.random_range(1..400),
            chance.random_range(101..2500),
        ),
    };
    // families: one address, often one name, sometimes one phone
    if let Some(last) = last
        && chance.random_bool(0.25)
    {
        person.address = last.address;
        if chance.random_bool(0.6) {
            person.surname = last.surname;
        }
        if chance.random_bool(0.2) {
            person.phone.clone_from(&last.phone);
        }
    }
    let (year, month, day) = person.born;
    let area = 110_000 + chance.random_range(0..500_000);
    person.id_no = format!("{area}{year}{month:02}{day:02}{:04}", chance.random_range(0..10_000));
    person
}

fn record(
    person: &Person,
    number: usize,
    source: &'static str,
    id: String,
    slips: bool,
    chance: &mut ChaCha8Rng,
) -> Record {
    let mut happens = |share: f64| slips && chance.random_bool(share);
    let (sounds_alike, traditional, spelled) = (happens(0.08), happens(0.1), happens(0.04));
    let (no_phone, other_phone, phone_slip) = (happens(0.1), happens(0.12), happens(0.04));
    let (born_slip, moved) = (happens(0.04), happens(0.12));
    let no_born = chance.random_bool(0.15);
    let has_id = chance.random_bool(0.4);
    let no_address = chance.random_bool(0.08);
    let mut phone = person.phone.clone();
    if other_phone {
        phone =
            format!("1{}{:09}", chance.random_range(3..=9), chance.random_range(0..1_000_000_000));
    }
    if phone_slip {
        phone = slip(&phone, chance);
    }
    let phone = match chance.random_range(0..4) {
        _ if no_phone => String::new(),
        0 => format!("+86 {} {} {}", &phone[..3], &phone[3..7], &phone[7..]),
        1 => format!("{}-{}-{}", &phone[..3], &phone[3..7], &phone[7..]),
        _ => phone,
    };
    let (year, month, mut day) = person.born;
    if born_slip {
        day = day % 28 + 1;
    }
    let id_no = if has_id { person.id_no.clone() } else { String::new() };
    Record {
        source,
        id,
        person: number,
        name: name(person, sounds_alike, traditional, spelled, chance),
        phone,
        id_no: if has_id && slips && chance.random_bool(0.03) {
            slip(&id_no, chance)
        } else {
            id_no
        },
        born: if no_born { String::new() } else { format!("{year}-{month:02}-{day:02}") },
        address: if no_address { String::new() } else { address(person, moved, slips, chance) },
    }
}

fn name(
    person: &Person,
    sounds_alike: bool,
    traditional: bool,
    spelled: bool,
    chance: &mut ChaCha8Rng,
) -> String {
    let mut given = person.given.clone();
    if sounds_alike {
        let at = chance.random_range(0..given.len());
        given[at].1 = chance.random_range(0..GIVEN[given[at].0].len());
    }
    let (simple, old, _) = SURNAMES[person.surname];
    let of = |(simple, old): (&'static str, &'static str)| if traditional { old } else { simple };
    let given: String = given.iter().map(|(group, at)| of(GIVEN[*group][*at])).collect();
    let surname = of((simple, old));
    if spelled {
        use pinyin::ToPinyin;
        let sound =
            |text: &str| text.to_pinyin().flatten().map(|sound| sound.plain()).collect::<String>();
        return format!("{} {}", sound(surname).to_uppercase(), sound(&given));
    }
    format!("{surname}{given}")
}

fn address(person: &Person, moved: bool, slips: bool, chance: &mut ChaCha8Rng) -> String {
    let (mut city, mut district, mut road, mut house, mut room) = person.address;
    if moved {
        city = chance.random_range(0..CITIES.len());
        district = chance.random_range(0..CITIES[city].1.len());
        (road, house, room) = (
            chance.random_range(0..ROADS.len()),
            chance.random_range(1..400),
            chance.random_range(101..2500),
        );
    }
    let (name, districts) = CITIES[city];
    let name = match name.split_once('省') {
        Some((_, city)) if slips && chance.random_bool(0.5) => city,
        _ => name,
    };
    let room = match chance.random_bool(0.2) {
        true => format!("{house}号"),
        false => format!("{house}号{room}室"),
    };
    let whole = format!("{name}{}{}{room}", districts[district], ROADS[road]);
    if slips && chance.random_bool(0.1) {
        return whole.chars().map(wide).collect();
    }
    whole
}

fn wide(character: char) -> char {
    match character.to_digit(10) {
        Some(digit) => char::from_u32('０' as u32 + digit).unwrap(),
        None => character,
    }
}

/// One digit is another, or two have changed places.
fn slip(digits: &str, chance: &mut ChaCha8Rng) -> String {
    let mut digits: Vec<char> = digits.chars().collect();
    let at = chance.random_range(1..digits.len() - 1);
    if chance.random_bool(0.5) {
        digits.swap(at, at + 1);
    } else {
        digits[at] = *['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'].choose(chance).unwrap();
    }
    digits.into_iter().collect()
}
