//! Rows of facts, with the members they point to, as these were when it happened.

use super::super::behaviour::Year;
use super::super::knowledge::{Knowledge, NONE, UNKNOWN};
use super::{Table, day_or_none, micros, money, row, show};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use starhouse::sample::retail::world::{CustomerKey, SaleLine, World};

pub(super) fn all(world: &World, known: &Knowledge) -> Vec<Table> {
    vec![
        sales(world, known),
        contacts(world, known),
        costs(world, known),
        loans(world, known),
        payments(world, known),
        tickets(world, known),
        balances(world, known),
        targets(world),
        category_targets(world),
        exchange_rates(world),
    ]
}

/// System, number, tier and city of a customer at a moment.
pub(super) fn customer(key: Option<CustomerKey>, at: NaiveDateTime, known: &Knowledge) -> String {
    let Some(key) = key else { return [NONE; 4].join("|") };
    let Some(customer) = known.customers.get(&key) else { return [UNKNOWN; 4].join("|") };
    let since = customer.states.iter().rev().find(|state| state.since <= at);
    let state = since.unwrap_or(&customer.states[0]);
    let number = key.number.to_string();
    [key.system.code(), &number, state.tier, state.city].join("|")
}

pub(super) const CUSTOMER: &str = "c.source_system, c.customer_id, c.loyalty_tier, c.city";

pub(super) fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN)
}

/// A code that some member bears, else what stands for it.
fn code(code: Option<&str>, is_known: impl Fn(&str) -> bool) -> String {
    match code {
        None => NONE.to_owned(),
        Some(code) if is_known(code) => code.to_owned(),
        Some(_) => UNKNOWN.to_owned(),
    }
}

pub(super) fn campaign(recorded: Option<&str>, world: &World) -> String {
    code(recorded, |code| world.campaigns.iter().any(|campaign| campaign.code == code))
}

fn sales(world: &World, known: &Knowledge) -> Table {
    let line = |sale: &SaleLine| {
        let store = sale.store.as_deref();
        let region = match store.map(|number| known.store_at(number, sale.sold_at)) {
            None => NONE.to_owned(),
            Some(None) => UNKNOWN.to_owned(),
            Some(Some(store)) => store.region.to_owned(),
        };
        row([
            sale.receipt.clone(),
            sale.line.to_string(),
            micros(sale.sold_at).to_string(),
            day_or_none(Some(sale.sold_at.date())),
            code(store, |number| known.stores.contains_key(number)),
            region,
            customer(sale.customer, sale.sold_at, known),
            code(Some(&sale.sku), |sku| known.products.contains_key(sku)),
            sale.channel.to_owned(),
            campaign(sale.campaign.as_deref(), world),
            sale.quantity.to_string(),
            sale.currency.to_string(),
            money(known.revenue(sale)),
            money(known.cost(sale)),
            money(sale.amount.into()),
            money(sale.cost.into()),
        ])
    };
    Table {
        name: "fact_sales",
        sql: format!(
            "SELECT f.receipt_no, f.line_no, CAST(f.sold_at AS BIGINT), f.date_key, st.store_id, \
             st.region, {CUSTOMER}, p.sku, ch.channel_code, ca.campaign_code, f.quantity, \
             f.currency, f.net_amount, f.cost_amount, f.original_amount, f.original_cost \
             FROM warehouse.fact_sales f \
             JOIN warehouse.dim_store st ON st.store_key = f.store_key \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key \
             JOIN warehouse.dim_product p ON p.product_key = f.product_key \
             JOIN warehouse.dim_channel ch ON ch.channel_key = f.channel_key \
             JOIN warehouse.dim_campaign ca ON ca.campaign_key = f.campaign_key"
        ),
        expected: world.sales.iter().map(line).collect(),
    }
}

fn contacts(world: &World, known: &Knowledge) -> Table {
    let line = |contact: &starhouse::sample::retail::world::Contact| {
        row([
            contact.number.to_string(),
            day_or_none(Some(contact.contacted_at.date())),
            day_or_none(contact.responded_at.map(|moment| moment.date())),
            customer(Some(contact.customer), contact.contacted_at, known),
            contact.channel.to_owned(),
            campaign(Some(&contact.campaign), world),
            i32::from(contact.responded_at.is_some()).to_string(),
            money(contact.response_revenue.into()),
        ])
    };
    Table {
        name: "fact_campaign_contact",
        sql: format!(
            "SELECT f.contact_no, f.date_key, f.responded_key, {CUSTOMER}, ch.channel_code, \
             ca.campaign_code, f.has_responded, f.response_revenue \
             FROM warehouse.fact_campaign_contact f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key \
             JOIN warehouse.dim_channel ch ON ch.channel_key = f.channel_key \
             JOIN warehouse.dim_campaign ca ON ca.campaign_key = f.campaign_key"
        ),
        expected: world.contacts.iter().map(line).collect(),
    }
}

fn costs(world: &World, known: &Knowledge) -> Table {
    let line = |cost: &starhouse::sample::retail::world::CampaignCost| {
        row([
            cost.campaign.clone(),
            cost.channel.to_owned(),
            day_or_none(Some(cost.booked_on)),
            cost.currency.to_string(),
            money(known.eur(cost.spend, cost.currency, cost.booked_on)),
            money(cost.spend.into()),
            cost.target_responses.to_string(),
            money(cost.target_revenue.into()),
        ])
    };
    Table {
        name: "fact_campaign_cost",
        sql: "SELECT ca.campaign_code, ch.channel_code, f.date_key, f.currency, f.spend, \
              f.original_spend, f.target_responses, f.target_revenue \
              FROM warehouse.fact_campaign_cost f \
              JOIN warehouse.dim_channel ch ON ch.channel_key = f.channel_key \
              JOIN warehouse.dim_campaign ca ON ca.campaign_key = f.campaign_key"
            .to_owned(),
        expected: world.campaign_costs.iter().map(line).collect(),
    }
}

fn loans(world: &World, known: &Knowledge) -> Table {
    let line = |loan: &starhouse::sample::retail::world::Loan| {
        let paid: i64 = loan.payments.iter().map(|payment| payment.amount).sum();
        let loss = if loan.defaulted_on.is_some() { loan.principal - paid } else { 0 };
        row([
            loan.number.clone(),
            day_or_none(Some(loan.opened_on)),
            day_or_none(loan.defaulted_on),
            day_or_none(loan.closed_on),
            customer(Some(loan.customer), midnight(loan.opened_on), known),
            loan.term_months.to_string(),
            money(loan.principal.into()),
            money(paid.into()),
            loan.payments.len().to_string(),
            money(loss.into()),
        ])
    };
    Table {
        name: "fact_loan",
        sql: format!(
            "SELECT f.loan_no, f.opened_key, f.defaulted_key, f.closed_key, {CUSTOMER}, \
             f.term_months, f.principal, f.paid_amount, f.payments, f.default_loss \
             FROM warehouse.fact_loan f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key"
        ),
        expected: world.loans.iter().map(line).collect(),
    }
}

fn payments(world: &World, known: &Knowledge) -> Table {
    let lines = world.loans.iter().flat_map(|loan| {
        loan.payments.iter().map(move |payment| {
            row([
                loan.number.clone(),
                payment.number.to_string(),
                day_or_none(Some(payment.paid_on)),
                customer(Some(loan.customer), midnight(payment.paid_on), known),
                money(payment.amount.into()),
            ])
        })
    });
    Table {
        name: "fact_loan_payment",
        sql: format!(
            "SELECT f.loan_no, f.payment_no, f.paid_key, {CUSTOMER}, f.amount \
             FROM warehouse.fact_loan_payment f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key"
        ),
        expected: lines.collect(),
    }
}

fn tickets(world: &World, known: &Knowledge) -> Table {
    let line = |ticket: &starhouse::sample::retail::world::Ticket| {
        let hours = ticket
            .resolved_at
            .map(|end| money(i128::from((end - ticket.opened_at).num_minutes() / 15) * 25));
        row([
            ticket.number.clone(),
            ticket.topic.to_owned(),
            day_or_none(Some(ticket.opened_at.date())),
            day_or_none(ticket.resolved_at.map(|moment| moment.date())),
            micros(ticket.opened_at).to_string(),
            show(ticket.resolved_at.map(micros)),
            customer(ticket.customer, ticket.opened_at, known),
            ticket.channel.to_owned(),
            show(hours),
            show(ticket.satisfaction),
        ])
    };
    Table {
        name: "fact_service_ticket",
        sql: format!(
            "SELECT f.ticket_no, f.topic, f.opened_key, f.resolved_key, \
             CAST(f.opened_at AS BIGINT), CAST(f.resolved_at AS BIGINT), {CUSTOMER}, \
             ch.channel_code, f.resolution_hours, f.satisfaction \
             FROM warehouse.fact_service_ticket f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key \
             JOIN warehouse.dim_channel ch ON ch.channel_key = f.channel_key"
        ),
        expected: world.tickets.iter().map(line).collect(),
    }
}

fn balances(world: &World, known: &Knowledge) -> Table {
    let line = |balance: &starhouse::sample::retail::world::Balance| {
        row([
            balance.account.clone(),
            day_or_none(Some(balance.month_end)),
            customer(Some(balance.customer), midnight(balance.month_end), known),
            money(balance.balance.into()),
            money(balance.credit_limit.into()),
        ])
    };
    Table {
        name: "fact_account_balance",
        sql: format!(
            "SELECT f.account_no, f.date_key, {CUSTOMER}, f.balance, f.credit_limit \
             FROM warehouse.fact_account_balance f \
             JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key"
        ),
        expected: world.balances.iter().map(line).collect(),
    }
}

fn targets(world: &World) -> Table {
    let line = |target: &starhouse::sample::retail::world::StoreTarget| {
        let day = day_or_none(Some(target.month));
        row([target.store.clone(), day, money(target.amount.into())])
    };
    Table {
        name: "fact_store_target",
        sql: "SELECT s.store_id, f.date_key, f.target_amount FROM warehouse.fact_store_target f \
              JOIN warehouse.dim_store s ON s.store_key = f.store_key"
            .to_owned(),
        expected: world.targets.iter().map(line).collect(),
    }
}

fn category_targets(world: &World) -> Table {
    let line = |target: &starhouse::sample::retail::world::CategoryTarget| {
        let day = day_or_none(Some(target.month));
        row([target.category.clone(), day, money(target.amount.into())])
    };
    Table {
        name: "fact_category_target",
        sql: "SELECT c.category, f.date_key, f.target_amount FROM warehouse.fact_category_target f \
              JOIN warehouse.dim_product_category c ON c.product_category_key = f.product_category_key"
            .to_owned(),
        expected: world.category_targets.iter().map(line).collect(),
    }
}

/// The derived fact.
pub(super) fn customer_years(years: &[Year]) -> Table {
    let line = |year: &Year| {
        let flag = |is: bool| i32::from(is).to_string();
        row([
            year.customer.system.code().to_owned(),
            year.customer.number.to_string(),
            format!("{}1231", year.year),
            year.cohort.to_string(),
            year.segment().to_owned(),
            year.receipts.to_string(),
            money(year.revenue),
            money(year.margin),
            show(year.days_ago),
            flag(year.bought),
            flag(year.receipts >= 2),
            flag(year.bought && !year.bought_before),
            flag(year.bought && year.bought_before),
            flag(!year.bought && year.bought_before),
        ])
    };
    Table {
        name: "fact_customer_year",
        sql: "SELECT c.source_system, c.customer_id, f.date_key, f.cohort_year, f.rfm_segment, \
              f.receipts, f.revenue, f.margin, f.days_since_purchase, f.has_bought, \
              f.has_repeated, f.is_won, f.is_kept, f.is_lost \
              FROM warehouse.fact_customer_year f \
              JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key"
            .to_owned(),
        expected: years.iter().map(line).collect(),
    }
}

/// Each currency in each other, to the billionth.
fn exchange_rates(world: &World) -> Table {
    let rates = &world.rates.rows;
    let pairs = rates.iter().flat_map(|from| rates.iter().map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| from.month == to.month && from.currency != to.currency);
    let expected = pairs.map(|(from, to)| {
        let (one, other) = (i128::from(from.micro_eur), i128::from(to.micro_eur));
        let billionths = (one * 2_000_000_000 + other) / (2 * other);
        let (units, rest) = (billionths / 1_000_000_000, billionths % 1_000_000_000);
        let [month, from, to] = [
            from.month.format("%Y%m%d").to_string(),
            from.currency.to_string(),
            to.currency.to_string(),
        ];
        row([month, from, to, format!("{units}.{rest:09}")])
    });
    let sql = "SELECT date_key, from_currency, to_currency, rate FROM fact_exchange_rate";
    Table { name: "fact_exchange_rate", sql: sql.to_owned(), expected: expected.collect() }
}
