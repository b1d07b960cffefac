//! Worlds and questions by chance. Values come from small pools, so that groups fill, members tie
//! and NULLs, orphans and leap days are frequent.

use super::world::{calendar, key_of, nobody, row, version};
use crate::reference::{Data, Row, Value};
use chrono::NaiveDate;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;
use starhouse::query::{
    Axis, CalculatedMembers, ComputedMember, CubeQuery, Descendants, Except, Levels, MemberRange,
    OfSet, OnlyCalculated, OrderBy, Slice, Term, Top, Totals,
};
use std::collections::{BTreeMap, BTreeSet};

/// Days that lie around month, quarter and year ends and the leap day; `None` is the unknown day.
const DAYS: [Option<(i32, u32, u32)>; 14] = [
    None,
    Some((2023, 1, 1)),
    Some((2023, 2, 28)),
    Some((2023, 3, 1)),
    Some((2023, 6, 30)),
    Some((2023, 12, 31)),
    Some((2024, 2, 28)),
    Some((2024, 2, 29)),
    Some((2024, 3, 1)),
    Some((2024, 6, 29)),
    Some((2024, 12, 31)),
    Some((2025, 2, 28)),
    Some((2025, 6, 30)),
    Some((2025, 12, 31)),
];

fn day() -> impl Strategy<Value = Value> {
    select(&DAYS[..]).prop_map(|day| match day {
        Some((year, month, day)) => key_of(NaiveDate::from_ymd_opt(year, month, day).unwrap()),
        None => Value::int(-1),
    })
}

fn maybe(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::option::weighted(0.85, values).prop_map(|value| value.unwrap_or(Value::Null))
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(words).prop_map(Value::text)
}

/// Customers of one to three versions.
fn customers() -> impl Strategy<Value = Vec<Row>> {
    let segments = vec(maybe(word(&["gold", "silver", "Ünïq"])), 1..=3);
    let customer = (segments, maybe(word(&["Rome", "Oslo"])));
    vec(customer, 1..5).prop_map(|customers| {
        let mut rows = nobody("customer", &["customer_id", "segment", "city"]);
        let mut key = 0;
        for (index, (segments, city)) in customers.into_iter().enumerate() {
            let (first, last) = (key + 1, segments.len() - 1);
            for (number, segment) in segments.into_iter().enumerate() {
                key += 1;
                let from = if number == 0 { 1900 } else { 2023 + i32::try_from(number).unwrap() };
                let to = if number == last { 9999 } else { 2024 + i32::try_from(number).unwrap() };
                let id = Value::text(format!("c{index}"));
                let texts = [("customer_id", id), ("segment", segment), ("city", city.clone())];
                rows.push(version("customer", key, first, (from, to), &texts));
            }
        }
        rows
    })
}

/// Clubs, of which two may have the same name.
fn clubs() -> impl Strategy<Value = Vec<Row>> {
    let names = [&["Chess", "Choir"][..], &["sport", "music"]];
    let [name, kind] = names.map(|words| maybe(word(words)));
    vec((name, kind), 1..4).prop_map(|clubs| {
        let columns = ["club_id", "club_name", "club_kind"];
        let mut rows = nobody("club", &columns);
        for (index, (name, kind)) in clubs.into_iter().enumerate() {
            let key = i32::try_from(index).unwrap() + 1;
            let id = Value::text(format!("k{index}"));
            let texts: Vec<_> = columns.into_iter().zip([id, name, kind]).collect();
            rows.push(version("club", key, key, (1900, 9999), &texts));
        }
        rows
    })
}

/// Which clubs each customer is in, by bits: some in none, some in all; with equal or unequal shares.
fn memberships(customers: &[Row], clubs: &[Row], bits: &[(u8, bool)]) -> Vec<Row> {
    let durable = |row: &Row, of: &str| row[&format!("{of}_durable_key")].clone();
    let known = |key: &Value| *key > Value::int(0);
    let people: BTreeSet<Value> = customers.iter().map(|row| durable(row, "customer")).collect();
    let clubs: Vec<Value> = clubs.iter().map(|row| durable(row, "club")).filter(known).collect();
    let mut rows = Vec::new();
    for (person, (bits, equal)) in people.into_iter().filter(known).zip(bits.iter().cycle()) {
        let joined = clubs.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
        let joined: Vec<&Value> = joined.map(|(_, club)| club).collect();
        let parts = |index: usize| if *equal { 1.0 } else { index as f64 + 1.0 };
        let all: f64 = (0..joined.len()).map(parts).sum();
        rows.extend(joined.into_iter().enumerate().map(|(index, club)| {
            row([
                ("customer_durable_key", person.clone()),
                ("club_durable_key", club.clone()),
                ("share", Value::Float(parts(index) / all)),
            ])
        }));
    }
    rows
}

/// Stores; each may be led by one before it, or by one that nobody knows.
fn stores() -> impl Strategy<Value = Vec<Row>> {
    let names = [&["Centre", "Harbour"][..], &["Rome", "Oslo"], &["north", "south"], &["IT", "NO"]];
    let [name, city, region, country] = names.map(|words| maybe(word(words)));
    let leader = proptest::option::of(0..6_usize);
    vec((name, city, region, country, leader), 1..6).prop_map(|stores| {
        let columns = ["store_id", "store_name", "city", "region", "country", "led_by"];
        let mut rows = nobody("store", &columns);
        for (index, (name, city, region, country, leader)) in stores.into_iter().enumerate() {
            let key = i32::try_from(index).unwrap() + 1;
            let id = Value::text(format!("s{index}"));
            let leader = leader.filter(|leader| *leader < index || *leader == 5);
            let leader = leader.map_or(Value::Null, |l| Value::text(format!("s{l}")));
            let texts: Vec<_> =
                columns.into_iter().zip([id, name, city, region, country, leader]).collect();
            rows.push(version("store", key, key, (1900, 9999), &texts));
        }
        rows
    })
}

/// A key among those of a dimension, the unknown one included: a number to be folded into them.
fn any_key() -> impl Strategy<Value = usize> {
    0..1000_usize
}

fn key_in(members: &[Row], column: &str, number: usize) -> Value {
    // The first member is "not applicable", which these facts do not use.
    members[1 + number % (members.len() - 1)][column].clone()
}

fn sales() -> impl Strategy<Value = Vec<(Row, usize, usize)>> {
    let amounts = || maybe((-2..9_i32).prop_map(|n| Value::cents(n * 450)));
    let line = (
        (day(), day(), any_key(), any_key()),
        (0..6_i32, maybe((0..4_i32).prop_map(Value::int)), maybe(word(&["EUR", "EUR", "NOK"]))),
        (amounts(), amounts(), maybe((0..50_i32).prop_map(|n| Value::Float(f64::from(n) / 7.0)))),
    );
    let line = line.prop_map(|(keys, (receipt, quantity, currency), (net, cost, weight))| {
        let (date, delivered, customer, store) = keys;
        let own = row([
            ("date_key", date),
            ("delivered_key", delivered),
            ("receipt_no", Value::text(format!("r{receipt}"))),
            ("quantity", quantity),
            ("currency", currency),
            ("net_amount", net),
            ("cost", cost),
            ("weight", weight),
        ]);
        (own, customer, store)
    });
    vec(line, 0..50).prop_map(|mut rows| {
        for (line, (row, _, _)) in rows.iter_mut().enumerate() {
            row.insert("line_no".to_owned(), Value::int(line as i128));
        }
        rows
    })
}

fn accounts() -> impl Strategy<Value = Vec<(Row, usize, usize)>> {
    let balance = maybe((-3..20_i32).prop_map(|n| Value::cents(n * 1_025)));
    let snapshot = (day(), balance, any_key(), any_key());
    let snapshot = snapshot.prop_map(|(date, balance, customer, store)| {
        (row([("date_key", date), ("balance", balance)]), customer, store)
    });
    vec(snapshot, 0..25)
}

/// Rates of some of the days, each once.
fn rates() -> impl Strategy<Value = Vec<Row>> {
    let rate =
        maybe((1..30_i32).prop_map(|n| Value::Exact { unscaled: i128::from(n) * 777, scale: 4 }));
    vec(proptest::option::weighted(0.7, rate), DAYS.len() - 1).prop_map(|rates| {
        let known = DAYS.iter().flatten().zip(rates);
        let rows = known.filter_map(|((year, month, day), rate)| {
            Some(row([
                ("date_key", key_of(NaiveDate::from_ymd_opt(*year, *month, *day).unwrap())),
                ("from_currency", Value::text("NOK")),
                ("to_currency", Value::text("EUR")),
                ("rate", rate?),
            ]))
        });
        rows.collect()
    })
}

/// The base rows of a world.
pub(crate) fn data() -> impl Strategy<Value = Data> {
    let memberships_by = vec((0..8_u8, any::<bool>()), 4);
    let people = (customers(), stores(), clubs(), memberships_by);
    (people, sales(), accounts(), rates()).prop_map(|(people, sales, accounts, rates)| {
        let (customers, stores, clubs, bits) = people;
        let memberships = memberships(&customers, &clubs, &bits);
        let facts = [("sales", sales), ("accounts", accounts)].map(|(name, rows)| {
            let rows = rows.into_iter().map(|(mut row, customer, store)| {
                let customer = key_in(&customers, "customer_key", customer);
                row.insert("customer_key".to_owned(), customer);
                row.insert("store_key".to_owned(), key_in(&stores, "store_key", store));
                row
            });
            (name.to_owned(), rows.collect())
        });
        let dimensions =
            [("date", calendar()), ("customer", customers), ("store", stores), ("club", clubs)];
        Data {
            dimensions: dimensions.map(|(name, rows)| (name.to_owned(), rows)).into(),
            facts: facts.into_iter().chain([("exchange".to_owned(), rates)]).collect(),
            bridges: [("membership".to_owned(), memberships)].into(),
        }
    })
}

/// Columns that both facts have, as SQL names, as `role.attribute` or as levels.
const SHARED: [&str; 21] = [
    "date_year",
    "date_quarter",
    "date.month",
    "date_month_name",
    "date.date",
    "date_is_weekend",
    "segment",
    "customer_now_segment",
    "customer_then.segment",
    "customer.city",
    "customer_id",
    "store_city",
    "region",
    "store.country",
    "store.store",
    "club_name",
    "club.club_kind",
    "club_id",
    "leader.store_id",
    "leader_depth",
    "leader_region",
];

const OF_SALES: [&str; 3] = ["receipt_no", "delivered.year", "delivered_month"];

const SALES: [&str; 84] = [
    "revenue",
    "expense",
    "pieces",
    "list_value",
    "big_revenue",
    "lines",
    "big_lines",
    "receipts",
    "buyers",
    "big_buyers",
    "dearest",
    "cheapest",
    "average_line",
    "heaviness",
    "average_weight",
    "margin",
    "margin_rate",
    "revenue_last_year",
    "lines_last_year",
    "buyers_last_year",
    "margin_rate_last_year",
    "average_two_years_ago",
    "growth",
    "revenue_share",
    "revenue_ytd",
    "buyers_qtd",
    "margin_rate_mtd",
    "revenue_3_months",
    "lines_2_days",
    "pieces_2_quarters_before",
    "revenue_so_far",
    "revenue_ytd_last_year",
    "growth_ytd",
    "revenue_last_month",
    "lines_2_days_before",
    "buyers_change",
    "median_line",
    "upper_line",
    "median_ytd",
    "about_buyers",
    "about_both_buyers",
    "about_big_buyers_alone",
    "about_median",
    "about_upper",
    "about_median_ytd",
    "about_median_last_year",
    "small_buyers",
    "both_buyers",
    "share_of_parent",
    "share_of_country",
    "share_of_stores",
    "all_snapshots",
    "share_ytd",
    "revenue_of_clubs",
    "lines_of_clubs",
    "average_of_clubs",
    "margin_rate_of_clubs",
    "revenue_ytd_of_clubs",
    "lines_last_year_of_clubs",
    "club_share",
    "store_rank",
    "rank_in_parent",
    "rank_in_country",
    "year_rank",
    "customer_rank",
    "customer_rank_last_year",
    "places_won",
    "in_euro",
    "in_euro_latest",
    "in_euro_month_end",
    "in_euro_average",
    "in_euro_last_year",
    "in_euro_ytd",
    "in_euro_share",
    "card_users",
    "card_sales",
    "card_rate",
    "card_users_in_a_year",
    "big_card_sales",
    "delivered_first",
    "receipts_again",
    "card_users_last_year",
    "card_users_ytd",
    "card_sales_of_clubs",
];

const OF_ACCOUNTS: [&str; 22] = [
    "balance",
    "snapshots",
    "holders",
    "balance_last_year",
    "balance_share",
    "revenue_a_snapshot",
    "opening",
    "own_last",
    "own_first",
    "average_balance",
    "least_owed",
    "most_owed",
    "holders_so_far",
    "average_balance_last_year",
    "most_owed_share",
    "balance_of_clubs",
    "average_balance_of_clubs",
    "most_owed_of_clubs",
    "club_rank",
    "balance_in_euro",
    "back_to_buy",
    "card_share",
];

/// Measures whose values are exact, by which an order is the same everywhere.
const EXACT: [&str; 13] = [
    "revenue",
    "pieces",
    "lines",
    "buyers",
    "dearest",
    "balance",
    "snapshots",
    "growth",
    "lines_last_year",
    "revenue_ytd",
    "buyers_qtd",
    "revenue_3_months",
    "own_last",
];

/// Measures whose rows are those of a place alone.
const VISUAL: [&str; 12] = [
    "revenue",
    "pieces",
    "lines",
    "buyers",
    "receipts",
    "dearest",
    "average_line",
    "margin_rate",
    "median_line",
    "about_median",
    "snapshots",
    "revenue_last_year",
];

/// Members by column that filters choose from; one of each is nowhere.
fn members(column: &str) -> Vec<serde_json::Value> {
    match column {
        "date_year" | "delivered.year" => vec![json!(2023), json!(2024), json!(2025), json!(1999)],
        "date_quarter" => vec![json!("2023-Q1"), json!("2024-Q1"), json!("2025-Q2"), json!("?")],
        "date.month" | "delivered_month" => {
            vec![json!("2023-02"), json!("2024-02"), json!("2024-12"), json!("?")]
        }
        "date_month_name" => vec![json!("February"), json!("June"), json!("December")],
        "date.date" => vec![json!("2024-02-29"), json!("2025-02-28"), json!("2023-12-31")],
        "date_is_weekend" => vec![json!(true), json!(false)],
        "segment" | "customer_now_segment" | "customer_then.segment" => {
            vec![json!("gold"), json!("silver"), json!("Unknown"), json!(null)]
        }
        "customer_id" => vec![json!("c0"), json!("c1"), json!("Unknown")],
        "customer.city" | "store_city" => vec![json!("Rome"), json!("Oslo"), json!(null)],
        "club_name" => vec![json!("Chess"), json!("Not applicable"), json!("Unknown"), json!(null)],
        "club.club_kind" => vec![json!("sport"), json!("music"), json!(null)],
        "club_id" => vec![json!("k0"), json!("k1"), json!("k9")],
        "leader.store_id" => vec![json!("s0"), json!("s1"), json!("Unknown")],
        "leader_depth" => vec![json!(0), json!(1), json!(2)],
        "region" | "leader_region" => {
            vec![json!("north"), json!("south"), json!("Unknown"), json!(null)]
        }
        "store.country" => vec![json!("IT"), json!("NO"), json!(null)],
        "store.store" => vec![json!("Centre"), json!("Harbour"), json!("it's")],
        _ => vec![json!("r0"), json!("r1"), json!("r2")],
    }
}

fn slice(column: &'static str) -> impl Strategy<Value = Slice> {
    let member = || select(members(column));
    let ends = (proptest::option::of(member()), proptest::option::of(member()));
    prop_oneof![
        vec(member(), 1..4).prop_map(Slice::Members),
        vec(member(), 0..3).prop_map(|except| Slice::Except(Except { except })),
        ends.prop_map(|(from, to)| {
            // A range ends at members, not at the missing one.
            let there = |end: Option<serde_json::Value>| end.filter(|end| !end.is_null());
            Slice::Range(MemberRange { from: there(from), to: there(to) })
        }),
    ]
}

fn filters(
    columns: Vec<&'static str>,
) -> impl Strategy<Value = (BTreeMap<String, serde_json::Value>, BTreeMap<String, Slice>)> {
    let one = select(columns.clone()).prop_flat_map(|c| (Just(c.to_owned()), select(members(c))));
    let several = select(columns).prop_flat_map(|c| (Just(c.to_owned()), slice(c)));
    (vec(one, 0..2), vec(several, 0..2))
        .prop_map(|(slices, dices)| (slices.into_iter().collect(), dices.into_iter().collect()))
}

/// A question to the cube.
pub(crate) fn question() -> impl Strategy<Value = CubeQuery> {
    prop_oneof![
        2 => question_over(SHARED.into(), [&SALES[..], &OF_ACCOUNTS].concat()),
        1 => question_over([&SHARED[..], &OF_SALES].concat(), SALES.into()),
    ]
}

/// A question in which sets stand for columns and members, in a language or none.
pub(crate) fn named_question() -> impl Strategy<Value = CubeQuery> {
    let calculated = (any::<u16>(), any::<bool>());
    (question(), any::<u8>(), calculated).prop_map(|(mut query, bits, (asked, only))| {
        // The names of sets take the place of their columns.
        query.descendants.clear();
        let sets = [
            ("store.country", "south"),
            ("segment", "known_segments"),
            ("date_year", "recent"),
            ("date.month", "early"),
            ("club.club_kind", "sports"),
        ];
        for (place, (column, set)) in sets.into_iter().enumerate() {
            let has = |query: &CubeQuery| {
                let axes = query.axes.iter().flat_map(|axis| &axis.of);
                query.rows.iter().chain(axes).any(|name| name == column)
            };
            if bits >> place & 1 == 0 {
                query.dice.insert(column.to_owned(), Slice::Set(OfSet { set: set.to_owned() }));
            } else if has(&query) {
                rename(&mut query, column, set);
            }
            if bits & 0b11_0000 != 0 && !has(&query) {
                // Few members of all four at once.
                query.dice.remove(column);
            }
        }
        query.language = (bits & 0b1000_0000 > 0).then(|| "de".to_owned());
        calculate(&mut query, asked, only);
        query
    })
}

/// Shows sets as members where their columns are on an axis.
fn calculate(query: &mut CubeQuery, asked: u16, only: bool) {
    let sets = [
        (&["store.country", "south"][..], "south"),
        (&["store.country", "south"], "northern"),
        (&["store.country", "south"], "northern_not_south"),
        (&["store.country", "south"], "abroad"),
        (&["segment", "known_segments"], "known_segments"),
        (&["date_year", "recent"], "recent"),
        (&["date.month", "early"], "early"),
        (&["store.store"], "centres"),
        (&["club.club_kind", "sports"], "sports"),
        (&["leader.store_id"], "leaders"),
        (&["date.date"], "weekends"),
    ];
    if query.visual {
        return;
    }
    let axes = query.rows.iter().chain(&query.columns);
    let axes: Vec<&String> = axes.chain(query.axes.iter().flat_map(|axis| &axis.of)).collect();
    let is_shown = |names: &[&str]| axes.iter().any(|axis| names.contains(&axis.as_str()));
    let chosen = sets.iter().enumerate().filter(|(bit, _)| asked >> bit & 1 == 1);
    let chosen = chosen.filter(|(_, (names, _))| is_shown(names));
    let names: Vec<String> = chosen.map(|(_, (_, set))| (*set).to_owned()).collect();
    if asked >> 14 == 0b11 && query.compare.is_empty() {
        compute(query, only);
    }
    query.calculated_members = match only && !names.is_empty() {
        true => CalculatedMembers::Only(OnlyCalculated { only: names }),
        false => CalculatedMembers::Beside(names),
    };
}

/// Shows members computed of others' values.
fn compute(query: &mut CubeQuery, growth: bool) {
    let axes = query.rows.iter().chain(&query.columns);
    let axes: Vec<&String> = axes.chain(query.axes.iter().flat_map(|axis| &axis.of)).collect();
    let years = axes.iter().find(|name| ["date_year", "recent"].contains(&name.as_str()));
    let of = years.or_else(|| axes.iter().find(|name| ***name == "store.country"));
    let Some(of) = of.map(|name| (**name).clone()) else { return };
    let terms = match of.as_str() {
        "store.country" => {
            [Term::Member(json!("IT")), Term::Members(vec![json!("NO"), json!(null)])]
        }
        _ => [Term::Member(json!(2024)), Term::Set(OfSet { set: "recent".to_owned() })],
    };
    let of = if of == "recent" { "date_year".to_owned() } else { of };
    let value = if growth { "(a - b) / b * 100" } else { "a - b" };
    let terms = ["a", "b"].map(str::to_owned).into_iter().zip(terms).collect();
    let (name, value) = ("Computed".to_owned(), value.to_owned());
    query.computed_members.push(ComputedMember { name, of, terms, value });
}

/// Another name for a column of rows, wherever it stands.
fn rename(query: &mut CubeQuery, from: &str, to: &str) {
    let name = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    query.rows.iter_mut().for_each(name);
    query.axes.iter_mut().flat_map(|axis| &mut axis.of).for_each(name);
    query.order.iter_mut().for_each(|order| name(&mut order.by));
    query.top.iter_mut().flat_map(|top| &mut top.per).for_each(name);
    if let Totals::Sets(sets) = &mut query.totals {
        sets.iter_mut().flatten().for_each(name);
    }
}

fn question_over(
    columns: Vec<&'static str>,
    measures: Vec<&'static str>,
) -> impl Strategy<Value = CubeQuery> {
    let axes = (0..4_usize, subsequence(columns.clone(), 0..=3)).prop_map(|(rows, mut names)| {
        let across = names.split_off(rows.min(names.len()));
        // A pivot has no room for all days.
        let across = across.into_iter().filter(|name| *name != "date.date").take(1);
        (names, across.collect::<Vec<_>>())
    });
    let axes = (axes, any::<bool>()).prop_map(|((rows, across), pivot)| match pivot {
        true => (rows, across),
        false => (rows, Vec::new()),
    });
    let sets = Totals::Sets(vec![Vec::new()]);
    let totals = select(vec![Totals::None, Totals::Grand, Totals::Rollup, Totals::Cube, sets]);
    let wishes = (any::<u32>(), any::<bool>(), any::<bool>(), 0..4_usize);
    let measures = vec(select(measures), 1..5);
    (axes, measures, filters(columns), totals, wishes).prop_map(
        |((rows, across), measures, (slice, dice), totals, wishes)| {
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let mut measures = owned(measures);
            measures.sort();
            measures.dedup();
            let mut query = CubeQuery {
                cube: "trade".to_owned(),
                rows: owned(rows),
                columns: owned(across),
                measures,
                slice,
                dice,
                totals,
                ..CubeQuery::default()
            };
            if let (Totals::Sets(sets), Some(last)) = (&mut query.totals, query.rows.last()) {
                sets.push(vec![last.clone()]);
            }
            let knows_country = knows_country(&query);
            let of_country = ["share_of_country", "rank_in_country"];
            query.measures.retain(|measure| knows_country || !of_country.contains(&&**measure));
            // Above towns is a level that may be skipped.
            let mut axes = query.rows.iter().chain(&query.columns);
            let by_city = axes.any(|name| name == "store_city");
            let of_parent = ["share_of_parent", "rank_in_parent"];
            query.measures.retain(|measure| !by_city || !of_parent.contains(&&**measure));
            if query.measures.iter().all(|measure| measure == "all_snapshots") {
                query.measures.push("lines".to_owned());
            }
            arrange(&mut query, wishes);
            query
        },
    )
}

/// Whether every row of the answer knows the country of the stores it shows: a share of it is
/// refused otherwise.
fn knows_country(query: &CubeQuery) -> bool {
    let axes = || query.rows.iter().chain(&query.columns);
    let finer = ["store_city", "region", "store.store"];
    let shows_finer = axes().any(|name| finer.contains(&name.as_str()));
    !shows_finer || (query.totals == Totals::None && axes().any(|name| name == "store.country"))
}

/// Asks for visual totals, of measures that have them by all kinds of rows, where there are totals.
fn show_visual_totals(query: &mut CubeQuery) {
    let leads_to_many = |name: &String| name.starts_with("club") || name.starts_with("leader");
    let plain = !query.rows.iter().chain(&query.columns).any(leads_to_many);
    if !plain || query.rows.is_empty() || query.totals == Totals::None {
        return;
    }
    query.measures.retain(|measure| VISUAL.contains(&measure.as_str()));
    if query.measures.is_empty() {
        query.measures.push("revenue".to_owned());
    }
    query.visual = true;
}

/// Adds an order and a top to a question, where it has what they go by.
fn arrange(query: &mut CubeQuery, (bits, descending, with_ties, n): (u32, bool, bool, usize)) {
    if bits & 0b110_0000_0000 == 0b110_0000_0000 {
        show_visual_totals(query);
    }
    if bits & 0b1110_0000_0000_0000 == 0b1110_0000_0000_0000 {
        compare(query, bits & 0x1_0000 > 0);
    }
    let exact = query.measures.iter().find(|measure| EXACT.contains(&measure.as_str())).cloned();
    if bits & 1 == 1 {
        let by = if bits & 2 == 2 { query.rows.last().cloned() } else { exact.clone() };
        query.order.extend(by.map(|by| OrderBy { by, descending, ..OrderBy::default() }));
    }
    if let (Some(by), true) = (exact.clone(), bits & 4 == 4) {
        let per = query.rows.iter().take(usize::from(bits & 8 == 8)).cloned().collect();
        query.top = Some(Top { n, by, per, bottom: descending, with_ties, others: false });
    }
    if let (Some(by), 0b1_0000) = (exact, bits & 0b1_0000) {
        let from = (bits & 0b10_0000 == 0).then(|| serde_json::json!(n));
        let to = (bits & 0b100_0000 == 0 || from.is_none()).then(|| serde_json::json!(30));
        query.having.insert(by, MemberRange { from, to });
    }
    query.non_empty = bits & 0b1000_0000 > 0;
    query.limit = (bits & 0b1_0000_0000 > 0).then_some(n);
    query.offset = usize::try_from(bits >> 30).unwrap();
    if bits & 0b1110_0000_0000_0000_0000 == 0b1110_0000_0000_0000_0000 {
        go_down(query, bits);
    }
    if bits & 0b11_0000_0000_0000_0000_0000 == 0b11_0000_0000_0000_0000_0000 {
        part_axes(query, usize::try_from(bits >> 22 & 0b11).unwrap());
    }
}

/// Compares measures that have values everywhere.
fn compare(query: &mut CubeQuery, years: bool) {
    query.measures.retain(|measure| VISUAL.contains(&measure.as_str()));
    if query.measures.is_empty() {
        query.measures.push("buyers".to_owned());
    }
    let (column, member) =
        if years { ("date_year", json!(2024)) } else { ("store.country", json!("IT")) };
    query.compare.insert(column.to_owned(), member);
}

/// Shows countries with all below them, where they are shown, but no finer levels.
fn go_down(query: &mut CubeQuery, bits: u32) {
    let finer = ["store_city", "region", "store.store"];
    let mut axes = query.rows.iter().chain(&query.columns);
    let held =
        query.slice.contains_key("store.country") || query.dice.contains_key("store.country");
    let is_across = query.columns.iter().any(|name| name == "store.country");
    if held || is_across || axes.any(|name| finer.contains(&name.as_str())) {
        return;
    }
    // Above towns is a level that may be skipped.
    let of_levels = ["share_of_parent", "share_of_country", "rank_in_parent", "rank_in_country"];
    query.measures.retain(|measure| !of_levels.contains(&measure.as_str()));
    if query.measures.iter().all(|measure| measure == "all_snapshots") {
        query.measures.push("lines".to_owned());
    }
    let goes_by = |name: &String| of_levels.contains(&name.as_str());
    if query.top.iter().any(|top| goes_by(&top.by)) || query.having.keys().any(goes_by) {
        return;
    }
    let (all, to) = (bits & 0x10_0000 > 0, if bits & 0x40_0000 > 0 { "city" } else { "region" });
    let levels = if all { Levels::All } else { Levels::Last };
    let of = (bits & 0x80_0000 > 0).then(|| vec![json!("IT"), json!(null)]);
    let descendants = Descendants { of, down_to: to.to_owned(), levels };
    query.descendants.insert("store.country".to_owned(), descendants);
    if query.rows.iter().all(|name| name != "store.country") {
        query.rows.push("store.country".to_owned());
    }
}

/// Puts rows on axes of their own.
fn part_axes(query: &mut CubeQuery, bits: usize) {
    if !query.columns.is_empty() || query.rows.is_empty() {
        return;
    }
    let rest = query.rows.split_off(1 + (bits & 1).min(query.rows.len() - 1));
    let first = std::mem::take(&mut query.rows);
    let totals = std::mem::take(&mut query.totals);
    let of_first = match (&totals, bits & 2) {
        (Totals::Sets(_), _) => Totals::Grand,
        (_, 0) => Totals::None,
        _ => Totals::Rollup,
    };
    let axis = |name: &str, of, totals| Axis { name: name.to_owned(), of, totals };
    query.axes.push(axis("side", first, of_first));
    if !rest.is_empty() {
        let own = if matches!(totals, Totals::Sets(_)) { Totals::Grand } else { totals };
        query.axes.push(axis("top", rest, own));
    }
    if query.axes.iter().all(|axis| axis.totals == Totals::None) {
        query.visual = false;
    }
}
