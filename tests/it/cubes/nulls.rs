//! What is missing: in calculated measures, in counts, in estimates; on the world of
//! [`traps`](super::traps).

use super::model::model_with;
use super::traps::data;
use super::world::load;
use crate::cube_support::{TempWarehouse, answer};
use starhouse::engine::Session;
use starhouse::policy::Principal;

const MEASURES: &str = "measures:
  - {name: beyond, calculated: revenue - balance, description: NULL where either is.}
  - {name: beyond_or_nothing, calculated: \"coalesce(revenue, 0) - coalesce(balance, 0)\", description: What is missing counts as nothing.}
  - {name: balances, fact: accounts, count: true, filter: balance is not null, description: Snapshots that have a balance.}
  - {name: estimated_lines_a_buyer, ratio: {of: lines, to: about_buyers}, description: An estimate as well.}
";

async fn world() -> (TempWarehouse, Session) {
    let at = TempWarehouse::open().await;
    let model = model_with("measures:\n", MEASURES);
    let release = load(&at, &model, &data()).await;
    let session = at.engine(&model, 2).session(Principal::local(), release);
    (at, session)
}

async fn lines(session: &Session, sql: &str) -> Vec<String> {
    let query = session.plan_sql(sql).await.unwrap();
    answer(&query).await.unwrap().to_string().lines().map(str::to_owned).collect()
}

/// Italy has no balance on the last day of all, and nowhere is none at all.
#[tokio::test]
async fn a_missing_part_makes_the_whole_missing_unless_it_is_said_what_stands_for_it() {
    let (_at, session) = world().await;
    let sql = "SELECT country, MEASURE(beyond) AS beyond, MEASURE(beyond_or_nothing) AS or_nothing \
               FROM cubes.trade GROUP BY country ORDER BY country";
    let expected = [
        "country | beyond | or_nothing",
        "IT | NULL | 260.00",
        "NO | 191.00 | 191.00",
        "Unknown | NULL | 40.00",
    ];
    assert_eq!(lines(&session, sql).await, expected);
}

/// Six snapshots, of which one has no balance: with and without aggregates.
#[tokio::test]
async fn a_count_of_rows_is_no_count_of_values() {
    let (_at, session) = world().await;
    let sql = "SELECT MEASURE(snapshots) AS snapshots, MEASURE(balances) AS balances, \
               MEASURE(lines) AS lines, MEASURE(average_weight) AS weight FROM cubes.trade";
    let expected = ["snapshots | balances | lines | weight", "6 | 5 | 6 | NULL"];
    for on in [true, false] {
        assert_eq!(lines(&session.clone().with_aggregates(on), sql).await, expected);
    }
}

#[tokio::test]
async fn an_estimate_and_what_is_computed_from_one_say_so() {
    let (_at, session) = world().await;
    let sql = "SELECT measure, approximate, additivity FROM system.measures WHERE measure IN \
               ('buyers', 'about_buyers', 'estimated_lines_a_buyer') ORDER BY 1";
    let expected = [
        "measure | approximate | additivity",
        "about_buyers | true | not additive, approximate",
        "buyers | false | not additive",
        "estimated_lines_a_buyer | true | not additive, approximate",
    ];
    assert_eq!(lines(&session, sql).await, expected);
}
