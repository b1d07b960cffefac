//! China's member programme: a CSV export in GB18030, in Chinese, of all members as they are.

use super::report::SourceReport;
use super::text::TextFile;
use super::{Day, Dice, dirt};
use crate::error::Result;
use crate::sample::retail::world::{Customer, CustomerState, MemberSystem};
use chrono::NaiveDate;

const FILE: &str = "sources/china/members.csv";
const HEADINGS: [&str; 13] = [
    "会员号",
    "姓名",
    "邮箱",
    "性别",
    "出生日期",
    "收入",
    "入会日期",
    "家庭号",
    "家庭人数",
    "类别",
    "等级",
    "城市",
    "更新时间",
];
/// Stands for bytes that are no GB18030 until the file is encoded.
const BROKEN: &str = "\u{1}";

/// Our words and the programme's for them; the job maps them back.
const WORDS: [(&str, &str); 19] = [
    ("F", "女"),
    ("M", "男"),
    ("Private", "个人"),
    ("Student", "学生"),
    ("Business", "企业"),
    ("Bronze", "普通卡"),
    ("Silver", "银卡"),
    ("Gold", "金卡"),
    ("under 25k", "2.5万以下"),
    ("25k to 50k", "2.5万至5万"),
    ("50k to 100k", "5万至10万"),
    ("over 100k", "10万以上"),
    ("Shanghai", "上海"),
    ("Hangzhou", "杭州"),
    ("Nanjing", "南京"),
    ("Beijing", "北京"),
    ("Tianjin", "天津"),
    ("Guangzhou", "广州"),
    ("Shenzhen", "深圳"),
];

/// Writes the export. A duplicate is an older copy that the later one corrects.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut dice = day.dice(FILE);
    let mut file = TextFile::new("member", FILE, ',', &HEADINGS);
    let members = day.now.customers.iter().filter(|c| c.key.system == MemberSystem::China);
    for (place, member) in members.enumerate() {
        let Some(state) = member.state() else { continue };
        if place % 90 == 7 {
            let mut stale = state.clone();
            stale.since = stale.since - chrono::Days::new(30);
            stale.household_size = stale.household_size % 6 + 1;
            file.duplicate(&row(member, &stale, &mut dice));
        }
        let row = row(member, state, &mut dice);
        file.row(&row);
        if place % 100 == 13 {
            spoil(&mut file, row, place / 100, &mut dice);
        }
    }
    Ok(vec![file.finish(day, encode)?])
}

fn encode(text: &str) -> Vec<u8> {
    let (bytes, _, _) = encoding_rs::GB18030.encode(text);
    let mut encoded = Vec::with_capacity(bytes.len());
    for byte in bytes.iter() {
        match byte {
            1 => encoded.extend([0xFF, 0xFF]),
            other => encoded.push(*other),
        }
    }
    encoded
}

fn spoil(file: &mut TextFile, mut row: Vec<String>, which: usize, dice: &mut Dice) {
    match which % 4 {
        0 => {
            row[1].push_str(BROKEN);
            file.broken_row(&row, "bytes that are not GB18030");
        }
        1 => {
            row.truncate(11);
            file.broken_row(&row, "too few fields");
        }
        2 => {
            row[0].clear();
            file.bad_row(&row, ("customer_id", "no number"));
        }
        _ => {
            row[12] = dirt::impossible_moment(dice);
            file.bad_row(&row, ("updated_at", "impossible date"));
        }
    }
}

fn row(member: &Customer, state: &CustomerState, dice: &mut Dice) -> Vec<String> {
    vec![
        number(member.key.number, dice),
        dirt::spaced(&member.name, dice),
        dirt::or_nothing(member.email.clone(), dice),
        member.gender.map_or("保密", chinese).to_owned(),
        dirt::or_nothing(member.birth_date.map(|birth| day(birth, dice)), dice),
        dirt::or_nothing(member.income_band.map(|band| chinese(band).to_owned()), dice),
        day(member.registered_on, dice),
        dirt::or_nothing(state.household.clone(), dice),
        state.household_size.to_string(),
        dirt::spaced(chinese(state.segment), dice),
        chinese(state.tier).to_owned(),
        dirt::spaced(chinese(state.city), dice),
        dirt::moment(state.since),
    ]
}

fn chinese(word: &'static str) -> &'static str {
    WORDS.iter().find(|(ours, _)| *ours == word).map_or(word, |(_, theirs)| theirs)
}

/// Now and then in full-width digits, as a Chinese keyboard gives them.
fn number(number: u32, dice: &mut Dice) -> String {
    let text = number.to_string();
    if dice.per_mille(900) {
        return text;
    }
    text.chars().map(|c| char::from_u32(c as u32 - 0x30 + 0xFF10).unwrap_or(c)).collect()
}

fn day(day: NaiveDate, dice: &mut Dice) -> String {
    if dice.per_mille(200) { day.format("%Y年%m月%d日").to_string() } else { day.to_string() }
}
