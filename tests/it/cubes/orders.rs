//! Members in the order of another column, on the world of [`traps`](super::traps): months by their
//! number, kinds of clubs by their first club's.

use super::traps::asks;
use serde_json::json;

#[tokio::test]
async fn months_follow_each_other_by_their_number_and_not_by_their_name() {
    let query = json!({"rows": ["date.month_name"], "measures": ["revenue"], "totals": "grand"});
    let expected = [
        "date_month_name | date_month_name_is_total | revenue",
        "February | 0 | 260.00",
        "June | 0 | 200.00",
        "December | 0 | 40.00",
        "NULL | 1 | 500.00",
    ];
    asks(query, &expected).await;
    let query = json!({"rows": ["date.month_name"], "measures": ["lines"], "limit": 2,
        "order": [{"by": "date.month_name", "descending": true}]});
    let expected = ["date_month_name | lines", "December | 1", "June | 1"];
    asks(query, &expected).await;
    let query = json!({"rows": ["country"], "columns": ["date.month_name"], "measures": ["lines"]});
    let expected = [
        "country | February lines | June lines | December lines",
        "IT | 4 | 0 | 0",
        "NO | 0 | 1 | 0",
        "Unknown | 0 | 0 | 1",
    ];
    asks(query, &expected).await;
}

/// June and December tie in lines: June is before December.
#[tokio::test]
async fn ties_fall_to_the_order_of_members() {
    let query = json!({"rows": ["date.month_name"], "measures": ["lines"],
        "top": {"n": 2, "by": "lines"}});
    let expected = ["date_month_name | lines", "February | 4", "June | 1"];
    asks(query, &expected).await;
}

/// The order makes no rows: both sports are one, though their clubs have numbers of their own.
#[tokio::test]
async fn a_member_with_several_places_is_one_row_at_the_first() {
    let query = json!({"rows": ["club.club_kind"], "measures": ["lines"]});
    let expected = ["club_kind | lines", "sport | 3", "Not applicable | 2", "Unknown | 1"];
    asks(query, &expected).await;
}
