//! What dashboards ask of the retailer's cube: some hundreds of different questions, and which of them
//! is asked how often. Seeded, so that every run asks the same.

use super::dimensions::{DIMENSIONS, label};
use super::sales::{MONTHS, month};
use super::zipf::Zipf;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use starhouse::query::{CubeQuery, MemberRange, OrderBy, Slice, Totals};
use std::collections::BTreeSet;

/// Columns that are grouped and filtered by, those asked most first.
const COLUMNS: [&str; 30] = [
    "month",
    "category",
    "region",
    "channel_name",
    "department",
    "year",
    "segment",
    "quarter",
    "store_country",
    "store_format",
    "channel_group",
    "brand",
    "city",
    "promotion_type",
    "daypart",
    "payment_kind",
    "subcategory",
    "supplier_country",
    "store_name",
    "age_group",
    "service_level",
    "customer_country",
    "status_name",
    "team",
    "promotion_name",
    "hour_name",
    "payment_name",
    "product_name",
    "carrier_name",
    "supplier_name",
];

const MEASURES: [&str; 8] =
    ["revenue", "margin", "pieces", "margin_rate", "lines", "cost", "average_price", "discounts"];

/// An answer that a person reads has at most so many rows; the best of a list are taken from longer ones.
const MOST_ROWS: u64 = 2_000;
const MOST_RANKED: u64 = 30_000;

/// How steep the law is by which questions are asked.
pub(crate) const EXPONENT: f64 = 1.0;

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    groups: Vec<&'static str>,
    /// Columns that have one member.
    members: Vec<(&'static str, String)>,
    months: Option<(String, String)>,
    measures: Vec<&'static str>,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Rows,
    /// With subtotals.
    Totals,
    /// The best.
    Top(usize),
    /// Beside the year before.
    Compared,
}

/// So many different questions, the one asked most first.
pub(crate) fn questions(count: usize) -> Vec<Question> {
    let dice = &mut ChaCha8Rng::seed_from_u64(2_026);
    let columns = Zipf::new(COLUMNS.len() as u32, 0.9);
    let mut known = BTreeSet::new();
    let mut questions = Vec::new();
    while questions.len() < count {
        let question = Question::any(dice, &columns);
        if question.is_readable() && known.insert(question.sql()) {
            questions.push(question);
        }
    }
    questions
}

/// Which of so many questions are asked, one after the other: of the first most.
pub(crate) fn drawn(questions: usize, count: usize, seed: u64) -> Vec<usize> {
    let dice = &mut ChaCha8Rng::seed_from_u64(seed);
    let law = Zipf::new(questions as u32, EXPONENT);
    (0..count).map(|_| law.rank(dice) as usize).collect()
}

/// How many members a column has, months and years of sales included.
fn count(column: &str) -> u64 {
    let all = DIMENSIONS.iter();
    let by_name = |name: &str| {
        let found = all.clone().find(|dimension| name == dimension.name_column());
        found.map(|dimension| u64::from(dimension.members(1_000_000)))
    };
    let level =
        all.clone().flat_map(|dimension| dimension.columns()).find(|(name, _)| *name == column);
    match column {
        "month" => u64::from(MONTHS),
        "quarter" => u64::from(MONTHS / 3),
        "year" => u64::from(MONTHS / 12),
        _ => level.map(|(_, count)| u64::from(count)).or_else(|| by_name(column)).unwrap_or(1),
    }
}

fn is_time(column: &str) -> bool {
    ["month", "quarter", "year"].contains(&column)
}

impl Question {
    fn any(dice: &mut ChaCha8Rng, columns: &Zipf) -> Self {
        let shape = match dice.random_range(0..100) {
            0..55 => Shape::Rows,
            55..67 => Shape::Totals,
            67..85 => Shape::Top(10),
            _ => Shape::Compared,
        };
        let least = usize::from(shape != Shape::Rows || dice.random_bool(0.9));
        let most = if shape == Shape::Top(10) { 2 } else { 3 };
        let mut groups = Vec::new();
        for _ in 0..dice.random_range(least..=most) {
            let column = COLUMNS[columns.rank(dice) as usize];
            if !groups.contains(&column) {
                groups.push(column);
            }
        }
        let mut members = Vec::new();
        for _ in 0..[0, 0, 1, 1, 1, 2][dice.random_range(0..6)] {
            let column = COLUMNS[columns.rank(dice) as usize];
            let taken = members.iter().any(|(known, _)| *known == column);
            if !taken && !groups.contains(&column) && !is_time(column) {
                let level = column.strip_suffix("_name").unwrap_or(column);
                let member = dice.random_range(0..count(column)) as u32;
                members.push((column, label(level, member)));
            }
        }
        let measures = match shape {
            Shape::Compared => vec!["revenue", "revenue_last_year", "revenue_growth"],
            Shape::Top(_) => vec!["revenue", MEASURES[dice.random_range(1..MEASURES.len())]],
            _ => {
                let first = dice.random_range(0..MEASURES.len());
                let all = (0..dice.random_range(1..=3)).map(|step| (first + step) % MEASURES.len());
                all.map(|place| MEASURES[place]).collect()
            }
        };
        Self { groups, members, months: Self::months(dice, shape), measures, shape }
    }

    /// A range of months: mostly the latest ones; of the years that have one before where it is compared.
    fn months(dice: &mut ChaCha8Rng, shape: Shape) -> Option<(String, String)> {
        let last = MONTHS - 1;
        let (from, to) = match dice.random_range(0..10) {
            0..5 => (last + 1 - [1, 3, 6, 12][dice.random_range(0..4)], last),
            5..7 => (last - 11, last - dice.random_range(0..11)),
            7 => (MONTHS - 24, MONTHS - 13),
            _ if shape == Shape::Compared => (MONTHS - 24, last),
            _ => return None,
        };
        let name = |index| month(index).format("%Y-%m").to_string();
        Some((name(from), name(to)))
    }

    fn is_readable(&self) -> bool {
        let rows: u64 = self.groups.iter().map(|column| count(column)).product();
        match self.shape {
            Shape::Top(n) => rows > 2 * n as u64 && rows <= MOST_RANKED,
            Shape::Totals => self.groups.len() > 1 && rows <= MOST_ROWS,
            Shape::Compared => !self.groups.is_empty() && rows <= MOST_ROWS,
            Shape::Rows => rows <= MOST_ROWS,
        }
    }

    /// As SQL on the cube.
    pub(crate) fn sql(&self) -> String {
        let measures = self.measures.iter().map(|name| format!("MEASURE({name}) AS {name}"));
        let selected: Vec<String> =
            self.groups.iter().map(|name| (*name).to_owned()).chain(measures).collect();
        let mut sql = format!("SELECT {} FROM cubes.retail", selected.join(", "));
        let members = self.members.iter().map(|(column, member)| format!("{column} = '{member}'"));
        let months =
            self.months.iter().map(|(from, to)| format!("month BETWEEN '{from}' AND '{to}'"));
        let holds: Vec<String> = members.chain(months).collect();
        if !holds.is_empty() {
            sql += &format!(" WHERE {}", holds.join(" AND "));
        }
        if self.groups.is_empty() {
            return sql;
        }
        let groups = self.groups.join(", ");
        match self.shape {
            Shape::Rows | Shape::Compared => sql + &format!(" GROUP BY {groups} ORDER BY {groups}"),
            Shape::Totals => sql + &format!(" GROUP BY ROLLUP({groups}) ORDER BY {groups}"),
            Shape::Top(n) => {
                sql + &format!(" GROUP BY {groups} ORDER BY revenue DESC, {groups} LIMIT {n}")
            }
        }
    }

    /// As a cube query.
    pub(crate) fn cube_query(&self) -> CubeQuery {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut query = CubeQuery {
            cube: "retail".to_owned(),
            rows: owned(&self.groups),
            measures: owned(&self.measures),
            ..CubeQuery::default()
        };
        for (column, member) in &self.members {
            query.slice.insert((*column).to_owned(), member.as_str().into());
        }
        if let Some((from, to)) = &self.months {
            let range =
                MemberRange { from: Some(from.as_str().into()), to: Some(to.as_str().into()) };
            query.dice.insert("month".to_owned(), Slice::Range(range));
        }
        match self.shape {
            Shape::Totals => query.totals = Totals::Rollup,
            Shape::Top(n) => {
                query.order = vec![OrderBy {
                    by: "revenue".to_owned(),
                    descending: true,
                    ..OrderBy::default()
                }];
                query.limit = Some(n);
            }
            Shape::Rows | Shape::Compared => {}
        }
        query
    }
}
