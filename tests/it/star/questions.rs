//! Questions of chance to the star of `world.rs`, as an analyst would write them.

use super::chance;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// A dimension as it is joined: its alias, its table, and on what. Those that are joined to others
/// come after them.
const JOINS: [(&str, &str, &str); 7] = [
    ("d", "dim_date", "d.date_key = f.date_key"),
    ("s", "dim_store", "s.store_key = f.store_key"),
    ("p", "dim_product", "p.product_key = f.product_key"),
    ("o", "dim_store", "o.store_key = f.first_store_key"),
    ("b", "dim_date", "b.date = f.paid_on"),
    ("n", "dim_store", "n.store_durable_key = s.store_durable_key AND n.is_current"),
    ("q", "dim_product", "q.product_key = s.area"),
];

/// What those need that are joined to others.
const OF: [(&str, &str); 2] = [("n", "s"), ("q", "s")];

/// What rows are grouped by, and the alias it needs.
const GROUPS: [(&str, &str); 19] = [
    ("b", "b.month"),
    ("n", "n.city"),
    ("q", "q.category"),
    ("d", "d.month"),
    ("d", "d.quarter"),
    ("d", "d.year"),
    ("d", "date_part('month', d.date)"),
    ("s", "s.region"),
    ("s", "s.city"),
    ("s", "s.area / 100"),
    ("o", "o.region"),
    ("p", "p.category"),
    ("p", "p.vegan"),
    ("p", "p.product_name"),
    ("p", "upper(p.category)"),
    ("", "f.channel"),
    ("", "f.gift"),
    ("", "f.quantity % 3"),
    ("", "f.date_key"),
];

const MEASURES: [(&str, &str); 22] = [
    ("n", "max(n.area)"),
    ("b", "count(b.quarter)"),
    ("", "count(*)"),
    ("", "count(f.amount)"),
    ("", "sum(f.quantity)"),
    ("", "sum(f.amount)"),
    ("", "sum(f.amount * f.quantity)"),
    ("", "sum(f.weight)"),
    ("", "avg(f.amount)"),
    ("", "avg(f.weight)"),
    ("", "min(f.channel)"),
    ("", "max(f.amount)"),
    ("", "max(f.sold_at)"),
    ("", "min(f.paid_on)"),
    ("", "count(DISTINCT f.ticket)"),
    ("", "count(DISTINCT f.channel)"),
    ("", "bool_or(f.gift)"),
    ("", "stddev(f.quantity)"),
    ("", "sum(f.quantity) FILTER (WHERE f.channel = 'web')"),
    ("", "sum(CASE WHEN f.gift THEN f.points ELSE 1 END)"),
    ("p", "sum(f.quantity * p.list_price)"),
    ("s", "max(s.city)"),
];

const CONDITIONS: [(&str, &str); 38] = [
    ("b", "b.quarter = '2024-Q2'"),
    ("n", "n.region = 'Region 1'"),
    ("q", "q.vegan OR s.area < 200"),
    ("d", "d.month IN (SELECT month FROM warehouse.dim_date WHERE quarter = '2024-Q2')"),
    ("s", "s.city NOT IN (SELECT city FROM warehouse.dim_store WHERE area > 300)"),
    ("", "f.store_key NOT IN (SELECT store_key FROM warehouse.dim_store WHERE area < 100)"),
    (
        "",
        "NOT EXISTS (SELECT 1 FROM warehouse.dim_product x \
         WHERE x.product_key = f.product_key AND x.vegan)",
    ),
    (
        "",
        "f.product_key IN (SELECT product_key FROM warehouse.fact_sale \
         GROUP BY product_key HAVING count(*) > 7)",
    ),
    ("", "f.product_key NOT IN (SELECT product_key FROM warehouse.fact_sale WHERE quantity > 50)"),
    ("", "f.product_key IN (SELECT area FROM warehouse.dim_store)"),
    ("", "f.quantity > (SELECT avg(quantity) FROM warehouse.fact_sale)"),
    ("", "f.date_key > (SELECT max(date_key) - 700 FROM warehouse.dim_date)"),
    ("d", "d.month = '2024-02'"),
    ("d", "d.month BETWEEN '2024-03' AND '2024-07'"),
    ("d", "d.quarter IN ('2024-Q1', '2024-Q4')"),
    ("d", "d.year = 2024"),
    ("d", "d.date >= DATE '2024-06-15'"),
    ("d", "d.date IS NULL"),
    ("s", "s.region = 'Region 1'"),
    ("s", "s.region IS NULL"),
    ("s", "s.city LIKE 'City 1%'"),
    ("s", "s.area > 250"),
    ("s", "s.store_key > 0"),
    ("s", "s.region = 'nowhere'"),
    ("o", "o.region <> 'Region 2'"),
    ("p", "p.category = 'Category 4'"),
    ("p", "p.category IN ('Category 1', 'Category 9')"),
    ("p", "p.vegan"),
    ("p", "p.product_name = 'Product 13'"),
    ("p", "f.amount > p.list_price * 10"),
    ("s", "s.area > f.quantity * 10"),
    ("", "f.quantity BETWEEN 10 AND 20"),
    ("", "f.channel = 'shop'"),
    ("", "f.channel IS NOT NULL"),
    ("", "f.amount > 300 OR f.weight < 1"),
    ("", "f.date_key < 20240401"),
    ("", "f.partition_month IN (202402, 202411)"),
    ("", "f.store_key IN (SELECT store_key FROM warehouse.dim_store WHERE area < 100)"),
];

/// One question after the other.
pub(super) struct Questions(ChaCha8Rng);

impl Questions {
    pub(super) fn new(seed: u64) -> Self {
        Self(chance(seed ^ 0x9e37_79b9))
    }

    /// The next question.
    pub(super) fn next(&mut self) -> String {
        let dice = &mut self.0;
        let count = dice.random_range(0..=3);
        let groups = some(dice, &GROUPS, count);
        let count = dice.random_range(1..=4);
        let measures = some(dice, &MEASURES, count);
        let count = dice.random_range(0..=3);
        let conditions = some(dice, &CONDITIONS, count);
        let parts = [&groups, &measures, &conditions];
        let mut needed: Vec<&str> =
            parts.iter().flat_map(|parts| parts.iter().map(|(alias, _)| *alias)).collect();
        if needed.iter().all(|alias| alias.is_empty()) && dice.random_bool(0.5) {
            needed.push("s");
        }
        needed.extend(JOINS.iter().map(|(alias, ..)| *alias).filter(|_| dice.random_bool(0.1)));
        let others = OF.iter().filter(|(alias, _)| needed.contains(alias)).map(|(_, of)| *of);
        needed.extend(others.collect::<Vec<_>>());
        let mut joins: Vec<_> = JOINS.iter().filter(|(alias, ..)| needed.contains(alias)).collect();
        if !joins.is_empty() {
            let turn = dice.random_range(0..joins.len());
            joins.rotate_left(turn);
            joins.sort_by_key(|(alias, ..)| OF.iter().any(|(of, _)| of == alias));
        }
        let fact_last = dice.random_bool(0.3);
        let outer = if dice.random_bool(0.3) { joins.len() } else { 0 };
        let outer = dice.random_range(0..=outer);
        let from = from(&joins, fact_last, outer);
        let texts = |parts: &[(&str, &str)]| -> Vec<String> {
            parts.iter().map(|(_, text)| (*text).to_owned()).collect()
        };
        let shown: Vec<String> = [texts(&groups), texts(&measures)].concat();
        let mut sql = format!("SELECT {} FROM {from}", shown.join(", "));
        if !conditions.is_empty() {
            let parts: Vec<String> =
                texts(&conditions).iter().map(|text| format!("({text})")).collect();
            sql += &format!(" WHERE {}", parts.join(" AND "));
        }
        if !groups.is_empty() {
            let by = texts(&groups).join(", ");
            sql += &match dice.random_range(0..6) {
                0 => format!(" GROUP BY ROLLUP ({by})"),
                1 => format!(" GROUP BY CUBE ({by})"),
                _ => format!(" GROUP BY {by}"),
            };
        }
        if dice.random_bool(0.2) {
            sql += " HAVING count(*) > 20";
        }
        sql
    }
}

/// The joins, the first so many of which keep facts without a member.
fn from(joins: &[&(&str, &str, &str)], fact_last: bool, outer: usize) -> String {
    let table = |(alias, table, _): &(&str, &str, &str)| format!("warehouse.{table} {alias}");
    if joins.is_empty() {
        return "warehouse.fact_sale f".to_owned();
    }
    let mut from = match fact_last {
        true => {
            let side = if outer > 0 { "RIGHT" } else { "INNER" };
            let (table, on) = (table(joins[0]), joins[0].2);
            format!("{table} {side} JOIN warehouse.fact_sale f ON {on}")
        }
        false => {
            let side = if outer > 0 { "LEFT" } else { "INNER" };
            format!("warehouse.fact_sale f {side} JOIN {} ON {}", table(joins[0]), joins[0].2)
        }
    };
    for (index, join) in joins.iter().enumerate().skip(1) {
        let side = if index < outer { "LEFT" } else { "INNER" };
        from += &format!(" {side} JOIN {} ON {}", table(join), join.2);
    }
    from
}

/// Different ones of these.
fn some<'a>(
    dice: &mut ChaCha8Rng,
    all: &'a [(&'a str, &'a str)],
    count: usize,
) -> Vec<(&'a str, &'a str)> {
    all.choose_multiple(dice, count).copied().collect()
}
