//! More than two axes, and members with all below them, on the world of [`traps`](super::traps).

use super::traps::{asks, world};
use serde_json::{Value, json};
use starhouse::error::ErrorKind;

#[tokio::test]
async fn an_answer_over_three_axes_has_a_row_a_cell_and_the_totals_of_each_axis() {
    let query = json!({
        "axes": [
            {"name": "side", "of": ["country"], "totals": "grand"},
            {"name": "top", "of": ["date.year"], "totals": "grand"},
            {"name": "page", "of": ["segment"]},
        ],
        "measures": ["revenue", "buyers"],
        "dice": {"segment": ["gold", "silver"]},
    });
    let expected = [
        "country | date_year | segment | country_is_total | date_year_is_total | segment_is_total | \
         side_position | top_position | page_position | revenue | buyers",
        "IT | 2023 | silver | 0 | 0 | 0 | 1 | 1 | 2 | 100.00 | 1",
        "IT | 2024 | gold | 0 | 0 | 0 | 1 | 2 | 1 | 80.00 | 1",
        "IT | 2025 | gold | 0 | 0 | 0 | 1 | 3 | 1 | 80.00 | 1",
        "IT | NULL | gold | 0 | 1 | 0 | 1 | 4 | 1 | 160.00 | 2",
        "IT | NULL | silver | 0 | 1 | 0 | 1 | 4 | 2 | 100.00 | 1",
        "NO | 2024 | gold | 0 | 0 | 0 | 2 | 2 | 1 | 200.00 | 1",
        "NO | NULL | gold | 0 | 1 | 0 | 2 | 4 | 1 | 200.00 | 1",
        "NULL | 2023 | silver | 1 | 0 | 0 | 3 | 1 | 2 | 100.00 | 1",
        "NULL | 2024 | gold | 1 | 0 | 0 | 3 | 2 | 1 | 280.00 | 2",
        "NULL | 2025 | gold | 1 | 0 | 0 | 3 | 3 | 1 | 80.00 | 1",
        "NULL | NULL | gold | 1 | 1 | 0 | 3 | 4 | 1 | 360.00 | 2",
        "NULL | NULL | silver | 1 | 1 | 0 | 3 | 4 | 2 | 100.00 | 1",
    ];
    asks(query, &expected).await;
}

/// Places are those among all that is shown, whatever the order and the page.
#[tokio::test]
async fn places_on_an_axis_stay_on_every_page() {
    let query = json!({
        "axes": [{"name": "side", "of": ["country"]}, {"name": "top", "of": ["date.year"]}],
        "measures": ["revenue"],
        "having": {"revenue": {"from": 80}},
        "order": [{"by": "revenue", "descending": true}],
        "limit": 2,
        "offset": 1,
    });
    let expected = [
        "country | date_year | side_position | top_position | revenue",
        "IT | 2023 | 1 | 1 | 100.00",
        "IT | 2024 | 1 | 2 | 80.00",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn members_are_shown_with_all_below_them() {
    // Of Italy and Norway; Norway has no regions, and its town stands right below it.
    let query = json!({
        "measures": ["revenue", "buyers"],
        "descendants": {"store.country": {"of": ["IT", "NO"], "down_to": "city"}},
    });
    let expected = [
        "country | region | store_city | country_is_total | region_is_total | store_city_is_total | \
         revenue | buyers",
        "IT | north | Town | 0 | 0 | 0 | 260.00 | 2",
        "IT | north | NULL | 0 | 0 | 1 | 260.00 | 2",
        "IT | NULL | NULL | 0 | 1 | 1 | 260.00 | 2",
        "NO | NULL | Town | 0 | 0 | 0 | 200.00 | 1",
        "NO | NULL | NULL | 0 | 1 | 1 | 200.00 | 1",
    ];
    asks(query, &expected).await;
    let query = json!({
        "measures": ["revenue"],
        "descendants": {"store.country": {"of": ["IT"], "down_to": "store.city", "levels": "last"}},
    });
    asks(query, &["country | region | store_city | revenue", "IT | north | Town | 260.00"]).await;
}

#[tokio::test]
async fn descendants_stand_where_their_level_does_beside_other_totals() {
    let query = json!({
        "rows": ["date.year"],
        "measures": ["lines"],
        "slice": {"date.year": 2024},
        "descendants": {"date.year": {"down_to": "quarter"}},
        "totals": "grand",
    });
    let expected = [
        "date_year | date_quarter | date_year_is_total | date_quarter_is_total | lines",
        "2024 | 2024-Q1 | 0 | 0 | 2",
        "2024 | 2024-Q2 | 0 | 0 | 1",
        "2024 | 2024-Q4 | 0 | 0 | 1",
        "2024 | NULL | 0 | 1 | 4",
        "NULL | NULL | 1 | 1 | 4",
    ];
    asks(query, &expected).await;
    let query = json!({
        "rows": ["country"],
        "columns": ["date.year"],
        "measures": ["lines"],
        "descendants": {"date.year": {"of": [2024], "down_to": "quarter", "levels": "last"}},
        "dice": {"country": ["IT"]},
    });
    asks(query, &["country | 2024 / 2024-Q1 lines", "IT | 2"]).await;
}

#[tokio::test]
async fn what_axes_and_descendants_cannot_mean_is_told() {
    let (_at, session) = world().await;
    let axis = |name: &str| json!({"name": name, "of": ["country"]});
    for (more, kind, part) in [
        (json!({"axes": [axis("a")], "rows": ["country"]}), ErrorKind::User, "in place of `rows`"),
        (json!({"axes": [axis("a"), axis("a")]}), ErrorKind::User, "two axes are called `a`"),
        (json!({"axes": [axis("a"), axis("b")]}), ErrorKind::User, "stands twice"),
        (json!({"axes": [{"name": "a", "of": []}]}), ErrorKind::User, "is of nothing"),
        (
            json!({"axes": [axis("a")], "descendants": {"date.year": {"down_to": "month"}}}),
            ErrorKind::User,
            "stand on no axis",
        ),
        (
            json!({"descendants": {"store.city": {"down_to": "regoin"}}}),
            ErrorKind::User,
            "`regoin` is no level at or below `store.city`",
        ),
        (
            json!({"descendants": {"segment": {"down_to": "city"}}}),
            ErrorKind::User,
            "who is below whom",
        ),
        (
            json!({"descendants": {"date.year": {"of": [2024], "down_to": "month"}},
                "slice": {"date.year": 2024}}),
            ErrorKind::User,
            "held to members twice",
        ),
        (
            json!({"rows": ["country"], "columns": ["date.year"],
                "descendants": {"date.year": {"down_to": "month"}}}),
            ErrorKind::Unsupported,
            "`levels: last`",
        ),
    ] {
        let mut query = json!({"cube": "trade", "measures": ["revenue"]});
        query.as_object_mut().unwrap().extend(Value::as_object(&more).unwrap().clone());
        let query = serde_json::from_value(query).unwrap();
        let error = session.plan_cube_query(&query).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(part), "{part}: {error}");
    }
}
