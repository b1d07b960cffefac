//! The answers, by brute force from the truth of the second day.

use super::behaviour::{Year, years};
use super::fold::{Sums, fold};
use super::knowledge::{Knowledge, NONE, UNKNOWN, quarter};
use super::{Answer, Cell, trade};
use chrono::{Datelike, NaiveDate};
use starhouse::sample::retail::world::{SaleLine, World};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The answers in the order of the questions.
pub(crate) fn all(world: &World, known: &Knowledge) -> Vec<Answer> {
    let behaviour: Vec<Year> =
        years(world, known).into_iter().filter(|year| year.year == 2025).collect();
    vec![
        top_stores(world, known),
        best_products(world, known),
        default_losses(world),
        top_customers(world, known),
        campaign_response(world, known),
        repeat_purchase(&behaviour),
        year_on_year(world, known),
        resolution_time(world, known),
        quarter_end_balances(world),
        cohorts(&behaviour),
        trade::web_funnel(world),
        trade::stock(world),
        trade::pipeline(world),
    ]
}

fn add(sums: &mut Sums, sale: &SaleLine, known: &Knowledge) {
    sums.revenue += known.revenue(sale);
    sums.cost += known.cost(sale);
    sums.pieces += i128::from(sale.quantity);
    sums.receipts.insert(sale.receipt.clone());
}

fn sums_by<K: Ord>(
    sales: &[&SaleLine],
    known: &Knowledge,
    key: impl Fn(&SaleLine) -> K,
) -> BTreeMap<K, Sums> {
    fold(sales, |sale| key(sale), |sums, sale| add(sums, sale, known))
}

/// Country, region, city and name of a sale's store.
fn store(sale: &SaleLine, known: &Knowledge) -> [String; 4] {
    let texts = match &sale.store {
        None => return [NONE; 4].map(str::to_owned),
        Some(number) => known.store_at(number, sale.sold_at),
    };
    match texts {
        None => [UNKNOWN; 4].map(str::to_owned),
        Some(s) => [s.country.to_owned(), s.region.to_owned(), s.city.to_owned(), s.name],
    }
}

fn in_year(sale: &&SaleLine, year: i32) -> bool {
    sale.sold_at.year() == year
}

fn top_stores(world: &World, known: &Knowledge) -> Answer {
    let sales: Vec<_> = (world.sales.iter())
        .filter(|sale| in_year(sale, 2024) && sale.channel == "STORE")
        .collect();
    let stores = sums_by(&sales, known, |sale| {
        let [_, _, city, name] = store(sale, known);
        (name, city)
    });
    let mut stores: Vec<_> = stores.into_iter().collect();
    stores.sort_by_key(|(place, sums)| (Reverse(sums.revenue), place.clone()));
    let row = |((name, city), sums): ((String, String), Sums)| {
        vec![
            Cell::Text(name),
            Cell::Text(city),
            Cell::Hundredths(sums.revenue),
            Cell::Whole(sums.pieces),
            Cell::Ratio(sums.revenue - sums.cost, sums.revenue),
        ]
    };
    stores.into_iter().take(5).map(row).collect()
}

fn best_products(world: &World, known: &Knowledge) -> Answer {
    let sales: Vec<_> = world.sales.iter().filter(|sale| sale.channel == "STORE").collect();
    let products = sums_by(&sales, known, |sale| {
        let [country, region, ..] = store(sale, known);
        (country, region, known.product_name(&sale.sku).to_owned())
    });
    let mut best: BTreeMap<(String, String), (String, Sums)> = BTreeMap::new();
    for ((country, region, product), sums) in products {
        let place = (country, region);
        // products come in order of name, so a tie stays with the first
        if best.get(&place).is_none_or(|(_, known)| sums.revenue > known.revenue) {
            best.insert(place, (product, sums));
        }
    }
    let row = |((country, region), (product, sums)): ((String, String), (String, Sums))| {
        vec![
            Cell::Text(country),
            Cell::Text(region),
            Cell::Text(product),
            Cell::Hundredths(sums.revenue),
            Cell::Whole(sums.pieces),
        ]
    };
    best.into_iter().map(row).collect()
}

fn default_losses(world: &World) -> Answer {
    let gone = world.loans.iter().filter_map(|loan| Some((loan.defaulted_on?, loan)));
    let groups = fold(
        gone.filter(|(day, _)| (2024..=2025).contains(&day.year())),
        |(day, _)| (day.year(), quarter(*day)),
        |(count, principal, loss): &mut (i128, i128, i128), (_, loan)| {
            let paid: i64 = loan.payments.iter().map(|payment| payment.amount).sum();
            *count += 1;
            *principal += i128::from(loan.principal);
            *loss += i128::from(loan.principal - paid);
        },
    );
    let row = |((year, quarter), (count, principal, loss)): ((i32, String), (i128, i128, i128))| {
        vec![
            Cell::Whole(year.into()),
            Cell::Text(quarter),
            Cell::Whole(count),
            Cell::Hundredths(principal),
            Cell::Hundredths(loss),
            Cell::Ratio(loss, principal),
        ]
    };
    groups.into_iter().map(row).collect()
}

fn top_customers(world: &World, known: &Knowledge) -> Answer {
    let known_buyer =
        |sale: &&SaleLine| sale.customer.is_some_and(|key| known.customers.contains_key(&key));
    let sales: Vec<_> =
        (world.sales.iter()).filter(|sale| in_year(sale, 2024) && known_buyer(sale)).collect();
    let customers = sums_by(&sales, known, |sale| sale.customer);
    let mut rows: Vec<_> = (customers.into_iter())
        .filter_map(|(key, sums)| {
            let key = key?;
            let name = &known.customers[&key].name;
            Some((key.system.code(), key.number.to_string(), name.clone(), sums))
        })
        .collect();
    rows.sort_by_key(|(system, id, name, sums)| {
        (Reverse(sums.revenue), *system, id.clone(), name.clone())
    });
    let row = |(system, id, name, sums): (&str, String, String, Sums)| {
        let receipts = sums.receipts.len() as i128;
        vec![
            Cell::text(system),
            Cell::Text(id),
            Cell::Text(name),
            Cell::Hundredths(sums.revenue),
            Cell::Whole(receipts),
            Cell::Ratio(sums.revenue, receipts * 100),
        ]
    };
    rows.into_iter().take(10).map(row).collect()
}

#[derive(Default)]
struct Marketing {
    contacts: i128,
    responses: i128,
    revenue: i128,
    spend: Option<i128>,
    targets: Option<i128>,
}

fn campaign_response(world: &World, known: &Knowledge) -> Answer {
    let mut channels: BTreeMap<&str, Marketing> = BTreeMap::new();
    for contact in world.contacts.iter().filter(|c| c.contacted_at.year() == 2025) {
        let group = channels.entry(known.channels[contact.channel]).or_default();
        group.contacts += 1;
        group.responses += i128::from(contact.responded_at.is_some());
        group.revenue += i128::from(contact.response_revenue);
    }
    for cost in world.campaign_costs.iter().filter(|cost| cost.booked_on.year() == 2025) {
        let group = channels.entry(known.channels[cost.channel]).or_default();
        let spend = known.eur(cost.spend, cost.currency, cost.booked_on);
        *group.spend.get_or_insert(0) += spend;
        *group.targets.get_or_insert(0) += i128::from(cost.target_responses);
    }
    let row = |(channel, m): (&str, Marketing)| {
        vec![
            Cell::text(channel),
            Cell::Whole(m.contacts),
            Cell::Whole(m.responses),
            Cell::Ratio(m.responses, m.contacts),
            m.spend.map_or(Cell::Null, Cell::Hundredths),
            Cell::Hundredths(m.revenue),
            Cell::Ratio(m.revenue, m.spend.unwrap_or(0)),
            m.targets.map_or(Cell::Null, Cell::Whole),
            Cell::Ratio(m.responses, m.targets.unwrap_or(0)),
        ]
    };
    channels.into_iter().map(row).collect()
}

fn repeat_purchase(behaviour: &[Year]) -> Answer {
    let segments = fold(
        behaviour,
        |year| year.segment(),
        |(customers, repeating, revenue): &mut (i128, i128, i128), year| {
            *customers += i128::from(year.bought);
            *repeating += i128::from(year.receipts >= 2);
            *revenue += year.revenue;
        },
    );
    let row = |(segment, (customers, repeating, revenue)): (&str, (i128, i128, i128))| {
        vec![
            Cell::text(segment),
            Cell::Whole(customers),
            Cell::Whole(repeating),
            Cell::Ratio(repeating, customers),
            Cell::Hundredths(revenue),
        ]
    };
    segments.into_iter().map(row).collect()
}

fn year_on_year(world: &World, known: &Knowledge) -> Answer {
    let of_year = |year: i32| {
        let sales: Vec<_> = world.sales.iter().filter(|sale| in_year(sale, year)).collect();
        sums_by(&sales, known, |sale| sale.sold_at.month0() / 3)
    };
    let (now, before) = (of_year(2025), of_year(2024));
    let total: i128 = now.values().map(|sums| sums.revenue).sum();
    let row = |(quarter, sums): (&u32, &Sums)| {
        let last_year = before[quarter].revenue;
        vec![
            Cell::Text(format!("2025-Q{}", quarter + 1)),
            Cell::Hundredths(sums.revenue),
            Cell::Hundredths(last_year),
            Cell::Hundredths(sums.revenue - last_year),
            Cell::Ratio(sums.revenue - last_year, last_year),
            Cell::Ratio(sums.revenue, total),
        ]
    };
    now.iter().map(row).collect()
}

#[derive(Default)]
struct Service {
    tickets: i128,
    resolved: i128,
    quarters: i128,
    longest: Option<i128>,
    marks: i128,
    marked: i128,
}

fn resolution_time(world: &World, known: &Knowledge) -> Answer {
    let channels = fold(
        world.tickets.iter().filter(|ticket| ticket.opened_at.year() == 2025),
        |ticket| known.channels[ticket.channel],
        |group: &mut Service, ticket| {
            group.tickets += 1;
            if let Some(resolved_at) = ticket.resolved_at {
                let quarters = i128::from((resolved_at - ticket.opened_at).num_minutes() / 15);
                group.resolved += 1;
                group.quarters += quarters;
                group.longest = group.longest.max(Some(quarters));
            }
            if let Some(mark) = ticket.satisfaction {
                group.marked += 1;
                group.marks += i128::from(mark);
            }
        },
    );
    let row = |(channel, s): (&str, Service)| {
        vec![
            Cell::text(channel),
            Cell::Whole(s.tickets),
            Cell::Whole(s.resolved),
            Cell::Whole(s.tickets - s.resolved),
            Cell::Ratio(s.quarters, s.resolved * 4),
            s.longest.map_or(Cell::Null, |longest| Cell::Hundredths(longest * 25)),
            Cell::Ratio(s.marks, s.marked),
        ]
    };
    channels.into_iter().map(row).collect()
}

fn quarter_end_balances(world: &World) -> Answer {
    let mut last: BTreeMap<String, NaiveDate> = BTreeMap::new();
    for balance in &world.balances {
        let end = last.entry(quarter(balance.month_end)).or_insert(balance.month_end);
        *end = balance.month_end.max(*end);
    }
    let row = |(quarter, end): (&String, &NaiveDate)| {
        let at_end = world.balances.iter().filter(|balance| balance.month_end == *end);
        let (owed, limit) = at_end.fold((0, 0), |(owed, limit), balance| {
            (owed + i128::from(balance.balance), limit + i128::from(balance.credit_limit))
        });
        vec![
            Cell::text(quarter),
            Cell::Hundredths(owed),
            Cell::Hundredths(limit),
            Cell::Ratio(owed, limit),
        ]
    };
    last.iter().map(row).collect()
}

#[derive(Default)]
struct Cohort {
    customers: i128,
    won: i128,
    kept: i128,
    lost: i128,
    margin: i128,
}

fn cohorts(behaviour: &[Year]) -> Answer {
    let cohorts = fold(
        behaviour,
        |year| year.cohort,
        |group: &mut Cohort, year| {
            group.customers += i128::from(year.bought);
            group.won += i128::from(year.bought && !year.bought_before);
            group.kept += i128::from(year.bought && year.bought_before);
            group.lost += i128::from(!year.bought && year.bought_before);
            group.margin += year.margin;
        },
    );
    let row = |(cohort, c): (i32, Cohort)| {
        vec![
            Cell::Whole(cohort.into()),
            Cell::Whole(c.customers),
            Cell::Whole(c.won),
            Cell::Whole(c.kept),
            Cell::Whole(c.lost),
            Cell::Hundredths(c.margin),
            Cell::Ratio(c.margin, c.customers * 100),
        ]
    };
    cohorts.into_iter().map(row).collect()
}
