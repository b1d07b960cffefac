//! Members and their versions.

use super::{BEGINNING_US, OPEN_END_US, Table, micros, money, row, show};
use starhouse::sample::retail::Retail;
use starhouse::sample::retail::world::{Customer, Product, Store};
use std::collections::HashSet;

pub(super) fn all(retail: &Retail, closed_us: i64) -> Vec<Table> {
    vec![
        customers(retail, closed_us),
        products(retail, closed_us),
        stores(retail),
        channels(retail),
        campaigns(retail),
        employees(retail),
        below(retail),
    ]
}

const VALIDITY: &str = "CAST(valid_from AS BIGINT), CAST(valid_to AS BIGINT), is_current";

fn table(name: &'static str, columns: &str, expected: Vec<String>) -> Table {
    let dimension = name.trim_start_matches("dim_");
    let sql =
        format!("SELECT {columns}, {VALIDITY} FROM warehouse.{name} WHERE {dimension}_key > 0");
    Table { name, sql, expected }
}

/// Versions from moments of change: each holds until the next, the first since the beginning,
/// the last for ever or until its member was closed.
fn versions<T>(states: &[(i64, T)], closed_us: Option<i64>) -> Vec<(&T, String)> {
    let mut rows = Vec::new();
    for (place, (since, state)) in states.iter().enumerate() {
        let from = if place == 0 { BEGINNING_US } else { *since };
        let next = states.get(place + 1).map(|(since, _)| *since);
        let to = next.or(closed_us).unwrap_or(OPEN_END_US);
        rows.push((state, format!("{from}|{to}|{}", to == OPEN_END_US)));
    }
    rows
}

fn customers(retail: &Retail, closed_us: i64) -> Table {
    let now: HashSet<_> = retail.day_two.customers.iter().map(|customer| customer.key).collect();
    let erased = retail.day_one.customers.iter().filter(|customer| !now.contains(&customer.key));
    let mut expected = Vec::new();
    let mut add = |customer: &Customer, closed: Option<i64>| {
        let states: Vec<_> = customer.states.iter().map(|s| (micros(s.since), s)).collect();
        for (state, validity) in versions(&states, closed) {
            expected.push(row([
                customer.key.system.code().to_owned(),
                customer.key.number.to_string(),
                customer.name.clone(),
                show(customer.email.clone()),
                show(customer.birth_date),
                show(customer.gender),
                show(customer.income_band),
                customer.registered_on.to_string(),
                show(state.household.clone()),
                state.household_size.to_string(),
                state.segment.to_owned(),
                state.tier.to_owned(),
                state.city.to_owned(),
                state.country.to_owned(),
                validity,
            ]));
        }
    };
    retail.day_two.customers.iter().for_each(|customer| add(customer, None));
    erased.for_each(|customer| add(customer, Some(closed_us)));
    let columns = "source_system, customer_id, customer_name, email, birth_date, gender, \
                   income_band, registered_on, household_id, household_size, segment, \
                   loyalty_tier, city, country";
    table("dim_customer", columns, expected)
}

fn products(retail: &Retail, closed_us: i64) -> Table {
    let now = &retail.day_two.products;
    let mut expected = Vec::new();
    for before in &retail.day_one.products {
        let after = now.iter().find(|product| product.sku == before.sku);
        let closed = if after.is_none() { Some(closed_us) } else { None };
        let after = after.unwrap_or(before);
        let shelf = |p: &Product| (p.category, p.subcategory);
        let mut states = vec![(0, shelf(before))];
        if shelf(before) != shelf(after) {
            states.push((micros(after.updated_at), shelf(after)));
        }
        expected.extend(product(after, &states, closed));
    }
    let new = now.iter().filter(|p| retail.day_one.products.iter().all(|old| old.sku != p.sku));
    for added in new {
        expected.extend(product(added, &[(0, (added.category, added.subcategory))], None));
    }
    table("dim_product", "sku, product_name, brand, subcategory, category, list_price", expected)
}

fn product(
    product: &Product,
    states: &[(i64, (&'static str, &'static str))],
    closed: Option<i64>,
) -> Vec<String> {
    let line = |((category, subcategory), validity): (&(&str, &str), String)| {
        row([
            product.sku.clone(),
            product.name.clone(),
            product.brand.to_owned(),
            (*subcategory).to_owned(),
            (*category).to_owned(),
            money(product.list_price.into()),
            validity,
        ])
    };
    versions(states, closed).into_iter().map(line).collect()
}

fn stores(retail: &Retail) -> Table {
    let mut expected = Vec::new();
    for (before, after) in retail.day_one.stores.iter().zip(&retail.day_two.stores) {
        let mut states = vec![(0, before)];
        let place = |s: &Store| (s.country, s.region, s.city);
        if place(before) != place(after) {
            states.push((micros(after.updated_at), after));
        }
        for (store, validity) in versions(&states, None) {
            expected.push(row([
                store.number.clone(),
                after.name.clone(),
                store.city.to_owned(),
                store.region.to_owned(),
                store.country.to_owned(),
                store.area_m2.to_string(),
                store.opened_on.to_string(),
                validity,
            ]));
        }
    }
    table("dim_store", "store_id, store_name, city, region, country, area_m2, opened_on", expected)
}

fn always() -> String {
    format!("{BEGINNING_US}|{OPEN_END_US}|true")
}

fn channels(retail: &Retail) -> Table {
    let line = |channel: &starhouse::sample::retail::world::Channel| {
        row([channel.code.to_owned(), channel.name.to_owned(), channel.kind.to_owned(), always()])
    };
    let expected = retail.day_two.channels.iter().map(line).collect();
    table("dim_channel", "channel_code, channel_name, channel_kind", expected)
}

fn campaigns(retail: &Retail) -> Table {
    let line = |campaign: &starhouse::sample::retail::world::Campaign| {
        row([
            campaign.code.clone(),
            campaign.name.clone(),
            campaign.objective.to_owned(),
            campaign.starts_on.to_string(),
            campaign.ends_on.to_string(),
            always(),
        ])
    };
    let expected = retail.day_two.campaigns.iter().map(line).collect();
    table("dim_campaign", "campaign_code, campaign_name, objective, starts_on, ends_on", expected)
}

fn employees(retail: &Retail) -> Table {
    let line = |employee: &starhouse::sample::retail::world::Employee| {
        row([
            employee.number.clone(),
            employee.name.clone(),
            employee.title.to_owned(),
            employee.title.to_owned(),
            show(employee.reports_to.clone()),
            show(employee.store.clone()),
            always(),
        ])
    };
    let expected = retail.day_two.employees.iter().map(line).collect();
    let columns = "employee_no, employee_name, job_title, current_job_title, reports_to, store_id";
    table("dim_employee", columns, expected)
}

/// How many people are below each, and how far above them the head is: by walking up from each.
fn below(retail: &Retail) -> Table {
    let employees = &retail.day_two.employees;
    let boss = |number: &str| {
        let found = employees.iter().find(|employee| employee.number == number);
        found.and_then(|employee| employee.reports_to.clone())
    };
    let line = |number: &str| {
        let mut line = vec![number.to_owned()];
        while let Some(above) = boss(&line[line.len() - 1]) {
            line.push(above);
        }
        line
    };
    let lines: Vec<Vec<String>> = employees.iter().map(|employee| line(&employee.number)).collect();
    let of = |employee: &starhouse::sample::retail::world::Employee| {
        let below = lines.iter().filter(|line| line.contains(&employee.number)).count();
        let depth = line(&employee.number).len() - 1;
        row([employee.number.clone(), below.to_string(), depth.to_string()])
    };
    Table {
        name: "closure_employee",
        sql: "SELECT a.employee_no, count(*), max(c.ancestor_depth) \
              FROM warehouse.closure_employee c \
              JOIN warehouse.dim_employee a ON a.employee_key = c.ancestor_key \
              WHERE a.employee_key > 0 GROUP BY a.employee_no"
            .to_owned(),
        expected: employees.iter().map(of).collect(),
    }
}
