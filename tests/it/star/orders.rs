//! Facts joined to facts and dimensions, in whatever order they are named, beside plain DataFusion,
//! which joins them as they are named.

use super::answer::{Rows, ask};
use super::world::World;
use super::{assert_same, chance, text};
use arrow::array::RecordBatch;
use datafusion::catalog::MemTable;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use starhouse::engine::Session;
use std::sync::Arc;

/// What may be joined: an alias, its table, the alias that it is joined to, and how. Not all products that were
/// sold are known in this world, so that joins to them matter, and something of them is always asked.
const JOINS: [(&str, &str, &str, &str); 12] = [
    ("g", "fact_sale", "f", "g.ticket = f.ticket"),
    ("h", "fact_sale", "f", "h.product_key = f.product_key AND h.date_key = f.date_key"),
    ("i", "fact_sale", "g", "i.ticket + 7 = g.ticket"),
    ("d", "dim_date", "f", "d.date_key = f.date_key"),
    ("e", "dim_date", "g", "e.date = g.paid_on"),
    ("s", "dim_store", "f", "s.store_key = f.store_key"),
    ("o", "dim_store", "g", "o.store_key = g.first_store_key AND o.area > g.quantity"),
    ("p", "dim_product", "h", "p.product_key = h.product_key AND p.list_price > 0"),
    ("q", "dim_product", "s", "q.product_key = s.area AND q.list_price > 0"),
    ("r", "dim_product", "g", "g.product_key = r.product_key AND r.list_price > 0"),
    ("t", "dim_store", "s", "t.area = s.area"),
    ("u", "dim_store", "r", "u.store_key + r.product_key = g.product_key + g.store_key"),
];

/// What may be asked of an alias beside.
const CONDITIONS: [(&str, &str); 16] = [
    ("f", "f.quantity > 40"),
    ("f", "f.amount BETWEEN 100 AND 300"),
    ("f", "f.channel = 'web'"),
    ("f", "f.product_key IN (SELECT product_key FROM warehouse.dim_product WHERE vegan)"),
    ("f", "f.store_key NOT IN (SELECT store_key FROM warehouse.dim_store WHERE area < 200)"),
    (
        "f",
        "EXISTS (SELECT 1 FROM warehouse.fact_sale x WHERE x.ticket = f.ticket + 1 AND x.quantity < f.quantity)",
    ),
    (
        "g",
        "NOT EXISTS (SELECT 1 FROM warehouse.fact_sale y WHERE y.product_key = g.product_key AND y.ticket <> g.ticket)",
    ),
    (
        "g",
        "g.amount > (SELECT avg(amount) FROM warehouse.fact_sale z WHERE z.store_key = g.store_key)",
    ),
    ("h", "h.ticket <> f.ticket"),
    ("d", "d.month = '2024-03'"),
    ("e", "e.quarter <> '2024-Q1'"),
    ("s", "s.city LIKE 'City 1%'"),
    ("o", "(o.region IS NULL OR o.area > 250)"),
    ("p", "p.category = 'Category 4'"),
    ("r", "r.list_price < 9.5"),
    ("u", "u.city < r.product_name"),
];

const MEASURES: [(&str, &str); 7] = [
    ("f", "sum(f.amount)"),
    ("g", "sum(g.quantity)"),
    ("h", "max(h.ticket)"),
    ("s", "min(s.city)"),
    ("d", "count(DISTINCT d.month)"),
    ("r", "sum(r.list_price)"),
    ("t", "count(t.region)"),
];

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_depend_on_the_order_of_tables() {
    const QUESTIONS: u64 = 80;
    let mut found = 0;
    for seed in 0..super::worlds() {
        let world = World::make(seed, 2_000).await;
        let (session, plain) = (world.session(|_| {}), plain(&world.session(|_| {})).await);
        let dice = &mut chance(seed);
        for _ in 0..QUESTIONS {
            let (sql, connected) = question(dice);
            let expected = answer(&plain, &connected).await;
            found += u64::from(!format!("{expected:?}").contains("Text(\"0\")"));
            assert_same(&expected, &ask(&session, &sql).await, &sql);
        }
    }
    let asked = QUESTIONS * super::worlds();
    assert!(found * 2 > asked, "{found} of {asked} questions found anything");
}

/// What keeps the fewest rows is joined first, wherever it is named.
#[tokio::test(flavor = "multi_thread")]
async fn the_fewest_rows_come_first() {
    let world = World::make(3, 5_000).await;
    let session = world.session(|settings| settings.star_scan = false);
    let from = ["warehouse.fact_sale f", "warehouse.fact_sale g", "warehouse.dim_product p"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let from = order.map(|table| from[table]).join(", ");
        let sql = format!(
            "EXPLAIN SELECT count(*) FROM {from} WHERE f.ticket = g.ticket \
             AND p.product_key = g.product_key AND p.product_no = 5"
        );
        let plan = text(&session, &sql).await;
        let joins: Vec<&str> =
            plan.split("\\n").filter(|line| line.contains("HashJoinExec")).collect();
        assert_eq!(joins.len(), 2, "{plan}");
        // The inner one stands below the other.
        assert!(joins[0].contains("ticket") && joins[1].contains("product_key"), "{plan}");
    }
}

/// A question with its tables in any order, and with each after one that it is joined to.
fn question(dice: &mut ChaCha8Rng) -> (String, String) {
    let mut aliases = vec![("f", "fact_sale")];
    let mut conditions = Vec::new();
    let wanted = dice.random_range(2..7);
    let mut joins = JOINS;
    joins.shuffle(dice);
    // Some are joined to those that come later.
    for (alias, table, to, on) in [joins, joins].concat() {
        let is_there = |alias| aliases.iter().any(|(own, _)| *own == alias);
        if aliases.len() <= wanted && is_there(to) && !is_there(alias) {
            aliases.push((alias, table));
            conditions.push(on);
        }
    }
    let is_there = |alias: &str| aliases.iter().any(|(own, _)| *own == alias);
    let needs = |text: &str| !text.contains("f.") || is_there("f");
    let more = CONDITIONS.iter().filter(|(alias, text)| is_there(alias) && needs(text));
    let more: Vec<&str> = more.map(|(_, condition)| *condition).collect();
    conditions.extend(more.choose_multiple(dice, 2).copied());
    let measures = MEASURES.iter().filter(|(alias, _)| is_there(alias));
    let measures: Vec<&str> = measures.map(|(_, measure)| *measure).collect();
    conditions.shuffle(dice);
    let from = |aliases: &[(&str, &str)]| {
        let from = aliases.iter().map(|(alias, table)| format!("warehouse.{table} {alias}"));
        let (measures, conditions) = (measures.join(", "), conditions.join(" AND "));
        let from = from.collect::<Vec<_>>().join(", ");
        format!("SELECT count(*), {measures} FROM {from} WHERE {conditions}")
    };
    let connected = from(&aliases);
    aliases.shuffle(dice);
    (from(&aliases), connected)
}

/// The tables of a session in DataFusion as it comes.
#[allow(clippy::disallowed_methods, reason = "a reference apart from the engine")]
async fn plain(session: &Session) -> SessionContext {
    let context = SessionContext::new();
    context.sql("CREATE SCHEMA warehouse").await.unwrap();
    for table in ["fact_sale", "dim_date", "dim_store", "dim_product"] {
        let query = session.plan_sql(&format!("SELECT * FROM warehouse.{table}")).await.unwrap();
        let rows: Vec<RecordBatch> = query.execute().await.unwrap().try_collect().await.unwrap();
        let rows = MemTable::try_new(query.schema(), vec![rows]).unwrap();
        context.register_table(format!("warehouse.{table}"), Arc::new(rows)).unwrap();
    }
    context
}

async fn answer(context: &SessionContext, sql: &str) -> Result<Rows, String> {
    let frame = context.sql(sql).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    Ok(super::answer::rows(&batches))
}

/// What remains of either side is estimated from the model, and the smaller one is collected, wherever it
/// is named and whatever it is joined by. DataFusion takes two keys for no more than one, and would collect the other.
#[tokio::test(flavor = "multi_thread")]
async fn the_smaller_side_is_collected() {
    let world = World::make(3, 5_000).await;
    let session = world.session(|settings| settings.star_scan = false);
    // The limit keeps it apart from the other.
    let few = "(SELECT f.ticket FROM warehouse.fact_sale f JOIN warehouse.fact_sale h \
               ON h.product_key = f.product_key AND h.date_key = f.date_key LIMIT 1000000) x";
    let more = "(SELECT * FROM warehouse.fact_sale WHERE quantity > 45) g";
    let asked = [
        format!("FROM {few} JOIN {more} ON g.ticket = x.ticket"),
        format!("FROM {more} JOIN {few} ON g.ticket = x.ticket"),
        format!("FROM {few} WHERE NOT EXISTS (SELECT 1 FROM {more} WHERE g.ticket = x.ticket)"),
    ];
    for from in asked {
        let plan = text(&session, &format!("EXPLAIN SELECT count(*) {from}")).await;
        let is_said =
            |line: &&str| ["HashJoinExec", "DataSourceExec"].iter().any(|own| line.contains(own));
        let lines: Vec<&str> = plan.split("\\n").filter(is_said).collect();
        let upper = lines.iter().position(|line| line.contains("HashJoinExec")).unwrap();
        assert!(lines[upper].contains("ticket"), "{plan}");
        // The side that is collected stands first below its join.
        assert!(lines[upper + 1].contains("product_key"), "{lines:#?}\n{plan}");
        assert!(!plan.contains("SideExec"), "{plan}");
    }
}

/// What a join has found is no reason to count other rows.
#[tokio::test(flavor = "multi_thread")]
async fn limits_count_rows_as_they_are() {
    let world = World::make(3, 5_000).await;
    let session = world.session(|_| {});
    let plain = plain(&session).await;
    let first = [
        "SELECT area FROM warehouse.dim_store ORDER BY store_key LIMIT 20",
        "SELECT area FROM warehouse.dim_store WHERE area < 300 ORDER BY store_key LIMIT 20",
    ];
    for first in first {
        for store in [5, 9, 25, 60] {
            let sql = format!(
                "SELECT s.area, x.n FROM warehouse.dim_store s JOIN (SELECT area, count(*) AS n FROM ({first}) \
                 GROUP BY area) x ON x.area = s.area WHERE s.store_no = {store}"
            );
            assert_same(&answer(&plain, &sql).await, &ask(&session, &sql).await, &sql);
        }
    }
}

/// The columns of a union may have two names in a plan and one in its operators.
#[tokio::test(flavor = "multi_thread")]
async fn unions_are_joined_whatever_their_columns_are_called() {
    let world = World::make(3, 2_000).await;
    let sessions = [true, false].map(|star| world.session(|settings| settings.star_scan = star));
    let plain = plain(&sessions[0]).await;
    let both = "SELECT f.*, p.* FROM warehouse.fact_sale f JOIN warehouse.dim_product p \
                ON p.product_key = f.product_key";
    let unions = [
        format!("{both} UNION ALL {both}"),
        format!("{both} WHERE false UNION ALL {both} WHERE f.quantity > 30 UNION ALL {both}"),
    ];
    for union in unions {
        let sql = format!(
            "SELECT * FROM ({union}) u JOIN warehouse.dim_store s ON s.store_key = u.store_key"
        );
        let expected = answer(&plain, &sql).await;
        assert!(expected.as_ref().is_ok_and(|rows| !rows.is_empty()), "{expected:?}");
        for session in &sessions {
            assert_same(&expected, &ask(session, &sql).await, &sql);
        }
    }
}

/// An aggregation below a join makes groups for what the join asks for only.
#[tokio::test(flavor = "multi_thread")]
async fn groups_that_no_join_asks_for_are_not_made() {
    let world = World::make(3, 5_000).await;
    let session = world.session(|settings| settings.star_scan = false);
    let sql = "SELECT count(*), sum(f.amount) FROM warehouse.fact_sale f, warehouse.dim_product p \
               WHERE p.product_key = f.product_key AND p.product_no = 5 AND f.amount > \
               (SELECT 0.9 * avg(amount) FROM warehouse.fact_sale z WHERE z.product_key = p.product_key)";
    let plain = plain(&session).await;
    assert_same(&answer(&plain, sql).await, &ask(&session, sql).await, sql);
    let ran = super::text_once(&session, &format!("EXPLAIN ANALYZE {sql}")).await;
    let pruned = ran.split("pushdown_rows_pruned=").skip(1);
    let pruned: Vec<&str> = pruned.filter_map(|rest| rest.split([',', ']']).next()).collect();
    assert!(pruned.iter().any(|rows| *rows != "0"), "{pruned:?}: {ran}");
}
