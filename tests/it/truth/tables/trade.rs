//! Rows of visits, stock and sales to firms.

use super::super::knowledge::Knowledge;
use super::facts::{CUSTOMER, campaign, customer, midnight};
use super::{Table, day_or_none, micros, money, row, show};
use starhouse::sample::retail::trade::{Opportunity, Stock, Visit};
use starhouse::sample::retail::world::World;
use std::collections::BTreeSet;

pub(super) fn all(world: &World, known: &Knowledge) -> Vec<Table> {
    vec![visits(world, known), visit_kinds(world), stock(world), opportunities(world, known)]
}

fn visits(world: &World, known: &Knowledge) -> Table {
    let line = |visit: &Visit| {
        row([
            visit.number.clone(),
            show(visit.order.as_ref()),
            day_or_none(Some(visit.visited_at.date())),
            micros(visit.visited_at).to_string(),
            customer(visit.customer, visit.visited_at, known),
            campaign(visit.campaign.as_deref(), world),
            [visit.device, visit.came_by].join("|"),
            visit.is_new.to_string(),
            visit.pages.to_string(),
            visit.products.to_string(),
            (visit.step as i32 + 1).to_string(),
        ])
    };
    Table {
        name: "fact_web_visit",
        sql: format!(
            "SELECT f.visit_no, f.order_no, f.date_key, CAST(f.visited_at AS BIGINT), {CUSTOMER}, \
             ca.campaign_code, k.device, k.came_by, k.is_new_visitor, f.pages, f.products_viewed, \
             f.furthest_step FROM warehouse.fact_web_visit f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key \
             JOIN warehouse.dim_campaign ca ON ca.campaign_key = f.campaign_key \
             JOIN warehouse.dim_visit_kind k ON k.visit_kind_key = f.visit_kind_key"
        ),
        expected: world.visits.iter().map(line).collect(),
    }
}

/// Each combination once, in the order of its values, under a dense key.
fn visit_kinds(world: &World) -> Table {
    let kinds = world.visits.iter().map(|visit| (visit.device, visit.came_by, visit.is_new));
    let kinds: BTreeSet<(&str, &str, bool)> = kinds.collect();
    let line = |(place, (device, came_by, is_new)): (usize, (&str, &str, bool))| {
        format!("{}|{device}|{came_by}|{is_new}", place + 1)
    };
    Table {
        name: "dim_visit_kind",
        sql: "SELECT * FROM warehouse.dim_visit_kind WHERE visit_kind_key > 0".to_owned(),
        expected: kinds.into_iter().enumerate().map(line).collect(),
    }
}

fn stock(world: &World) -> Table {
    let line = |stock: &Stock| {
        row([
            day_or_none(Some(stock.month_end)),
            stock.store.clone(),
            stock.sku.clone(),
            stock.pieces.to_string(),
            money(stock.value.into()),
        ])
    };
    Table {
        name: "fact_stock",
        sql: "SELECT f.date_key, s.store_id, p.sku, f.pieces, f.stock_value \
              FROM warehouse.fact_stock f \
              JOIN warehouse.dim_store s ON s.store_key = f.store_key \
              JOIN warehouse.dim_product p ON p.product_key = f.product_key"
            .to_owned(),
        expected: world.stock.iter().map(line).collect(),
    }
}

fn opportunities(world: &World, known: &Knowledge) -> Table {
    let line = |o: &Opportunity| {
        let days = |to: Option<chrono::NaiveDate>| to.map(|to| (to - o.opened_on).num_days());
        row([
            o.number.clone(),
            day_or_none(Some(o.opened_on)),
            day_or_none(o.qualified_on),
            day_or_none(o.offered_on),
            day_or_none(o.won_on),
            day_or_none(o.lost_on),
            customer(Some(o.customer), midnight(o.opened_on), known),
            o.seller.clone(),
            money(o.amount.into()),
            o.lost_on.is_some().to_string(),
            show(days(o.offered_on)),
            show(days(o.won_on)),
        ])
    };
    Table {
        name: "fact_opportunity",
        sql: format!(
            "SELECT f.opportunity_no, f.opened_key, f.qualified_key, f.offered_key, f.won_key, \
             f.lost_key, {CUSTOMER}, e.employee_no, f.amount, f.is_lost, f.days_to_offer, \
             f.days_to_win FROM warehouse.fact_opportunity f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key \
             JOIN warehouse.dim_employee e ON e.employee_key = f.seller_key"
        ),
        expected: world.opportunities.iter().map(line).collect(),
    }
}
