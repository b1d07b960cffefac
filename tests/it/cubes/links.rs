//! Links, where a row of a fact has several members: what a join would count twice, on the world of
//! [`traps`](super::traps). Of 500 euro customer c0 has paid 180, who is in the chess club (with a
//! quarter of it) and in the tennis club; c1, in no club, 280; nobody knows who paid 40.

use super::sql::answers;
use super::traps::{asks, refused, world};
use serde_json::json;
use starhouse::error::ErrorKind;

#[tokio::test]
async fn a_customer_in_two_clubs_is_in_both_and_once_in_the_total() {
    let query = json!({"rows": ["club_name"], "measures": ["revenue", "lines", "buyers"],
        "totals": "grand"});
    let expected = [
        "club_name | club_name_is_total | revenue | lines | buyers",
        "Chess | 0 | 180.00 | 3 | 1",
        "Not applicable | 0 | 280.00 | 2 | 1",
        "Tennis | 0 | 180.00 | 3 | 1",
        "Unknown | 0 | 40.00 | 1 | 0",
        // Not 680.00, which is what the clubs add up to.
        "NULL | 1 | 500.00 | 6 | 2",
    ];
    asks(query, &expected).await;
    // The wrong way, by hand: the bridge repeats what c0 has paid.
    answers(
        "SELECT sum(f.net_amount) FROM warehouse.fact_sales f JOIN warehouse.dim_customer c USING \
         (customer_key) JOIN warehouse.bridge_membership b USING (customer_durable_key)",
        &["360.00"],
    )
    .await;
}

#[tokio::test]
async fn two_clubs_of_a_kind_count_a_customer_once() {
    let query = json!({"rows": ["club_kind"], "measures": ["revenue", "average_line"],
        "dice": {"club_kind": ["sport", "music"]}, "totals": "grand"});
    let expected = [
        "club_kind | club_kind_is_total | revenue | average_line",
        "sport | 0 | 180.00 | 60",
        "NULL | 1 | 180.00 | 60",
    ];
    asks(query, &expected).await;
    // A condition alone: whoever is in any of them, once.
    let query = json!({"measures": ["revenue"], "dice": {"club_name": ["Chess", "Tennis"]}});
    asks(query, &["revenue", "180.00"]).await;
}

#[tokio::test]
async fn what_is_allocated_adds_up_and_takes_the_shares_of_the_members_asked() {
    let measures = ["revenue_of_clubs", "lines_of_clubs", "average_of_clubs"];
    let query = json!({"rows": ["club_name"], "measures": measures, "totals": "grand"});
    let expected = [
        "club_name | club_name_is_total | revenue_of_clubs | lines_of_clubs | average_of_clubs",
        "Chess | 0 | 45 | 0.75 | 60",
        "Not applicable | 0 | 280 | 2 | 140",
        "Tennis | 0 | 135 | 2.25 | 60",
        "Unknown | 0 | 40 | 1 | 40",
        "NULL | 1 | 500 | 6 | 83.33333333333333",
    ];
    asks(query, &expected).await;
    let query = json!({"rows": ["club_kind"], "measures": ["revenue_of_clubs"],
        "slice": {"club_kind": "sport"}});
    asks(query, &["club_kind | revenue_of_clubs", "sport | 180"]).await;
}

#[tokio::test]
async fn a_balance_by_club_is_that_of_everybodys_last_day() {
    // Customer c0 has no balance on 30 June, the quarter's last day with any.
    let query = json!({"rows": ["date.quarter", "club_name"], "measures": ["balance"],
        "dice": {"date.quarter": ["2024-Q1", "2024-Q2"]}});
    let expected = [
        "date_quarter | club_name | balance",
        "2024-Q1 | Chess | 10.00",
        "2024-Q1 | Not applicable | 5.00",
        "2024-Q1 | Tennis | 10.00",
        "2024-Q2 | Chess | NULL",
        "2024-Q2 | Not applicable | 9.00",
        "2024-Q2 | Tennis | NULL",
    ];
    asks(query, &expected).await;
    let query = json!({"measures": ["balance"], "slice": {"club_name": "Chess", "date.quarter": "2024-Q2"}});
    asks(query, &["balance", "NULL"]).await;
}

#[tokio::test]
async fn a_store_has_what_it_sells_and_what_those_sell_whom_it_leads() {
    // Store s0 leads store s1. A closure joined to facts would count s1 twice: 700.00 in all.
    let query = json!({"rows": ["leader.store_id", "leader_depth"], "measures": ["revenue"],
        "totals": {"sets": [[]]}});
    let expected = [
        "leader_store_id | leader_depth | leader_store_id_is_total | leader_depth_is_total | revenue",
        "Unknown | 0 | 0 | 0 | 40.00",
        "s0 | 0 | 0 | 0 | 460.00",
        "s1 | 1 | 0 | 0 | 200.00",
        "NULL | NULL | 1 | 1 | 500.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn descendants_drilling_down_and_a_stores_own_sales() {
    // All below s0, itself included.
    let query =
        json!({"rows": ["store_id"], "measures": ["revenue"], "slice": {"leader.store_id": "s0"}});
    asks(query, &["store_id | revenue", "s0 | 260.00", "s1 | 200.00"]).await;
    // Down: those whom s0 leads itself. Their parts and its own are the whole.
    let query = json!({"rows": ["leader.store_id"], "measures": ["revenue"], "slice": {"leader.led_by": "s0"}});
    asks(query, &["leader_store_id | revenue", "s1 | 200.00"]).await;
    let own = json!({"rows": ["leader.store_id"], "measures": ["revenue"],
        "slice": {"leader.store_id": "s0", "leader_distance": 0}});
    asks(own, &["leader_store_id | revenue", "s0 | 260.00"]).await;
    // A level is a depth: who stands higher has no part in it.
    let query =
        json!({"rows": ["leader.store_id"], "measures": ["revenue"], "slice": {"leader_depth": 1}});
    asks(query, &["leader_store_id | revenue", "s1 | 200.00"]).await;
}

#[tokio::test]
async fn links_in_sql() {
    answers(
        "SELECT club_name, MEASURE(revenue), MEASURE(revenue) AT (ALL club_name) FROM cubes.trade \
         WHERE segment <> 'Unknown' GROUP BY ROLLUP (club_name)",
        &[
            "Chess | 180.00 | 460.00",
            "NULL | 460.00 | 460.00",
            "Not applicable | 280.00 | 460.00",
            "Tennis | 180.00 | 460.00",
        ],
    )
    .await;
    answers(
        "SELECT upper(club_kind), SUM(revenue) FROM cubes.trade WHERE club_name LIKE '%e%' GROUP BY 1",
        &["NOT APPLICABLE | 280.00", "SPORT | 180.00"],
    )
    .await;
    // A preview has no one club a row, and says so by NULL; whoever goes by it is told.
    answers("SELECT DISTINCT receipt_no FROM cubes.trade WHERE receipt_no = 'r2'", &["r2"]).await;
    answers(
        "SELECT club_name, revenue FROM cubes.trade WHERE receipt_no = 'r3'",
        &["NULL | 200.00"],
    )
    .await;
    for sql in [
        "SELECT revenue FROM cubes.trade WHERE club_name = 'Chess'",
        "SELECT club_name, COUNT(*) FROM cubes.trade GROUP BY 1",
        "SELECT DISTINCT club_name FROM cubes.trade",
        "SELECT MAX(club_name) FROM cubes.trade",
        "SELECT SUM(CASE WHEN club_name = 'Chess' THEN revenue END) FROM cubes.trade",
        "SELECT t.revenue FROM cubes.trade t JOIN warehouse.dim_club c ON t.club_id = c.club_id",
    ] {
        let error = refused(sql).await;
        assert_eq!(error.kind(), ErrorKind::User, "{sql}: {error}");
        assert!(error.to_string().contains("several members"), "{sql}: {error}");
    }
    let mixed =
        "SELECT MEASURE(revenue) FROM cubes.trade WHERE club_name = 'Chess' OR country = 'IT'";
    let error = refused(mixed).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn others_beside_the_best_club_count_everybody_else_once() {
    let query = json!({"rows": ["club_name"], "measures": ["revenue"],
        "top": {"n": 1, "by": "revenue", "others": true}});
    let expected = [
        "club_name | is_other | revenue",
        "Not applicable | 0 | 280.00",
        // Chess and tennis are the same 180.00, and 40.00 of nobody knows whom.
        "NULL | 1 | 220.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn no_aggregate_answers_about_links() {
    let (_at, session) = world().await;
    let sql = "SELECT MEASURE(revenue) FROM cubes.trade WHERE club_name = 'Chess'";
    let routing = session.plan_sql(sql).await.unwrap().routing().join("\n");
    assert!(routing.contains("a row may have several members of club"), "{routing}");
}
