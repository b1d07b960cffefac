//! The model that cube questions are tested on: two facts that share a calendar, customers with
//! history who belong to clubs, and stores in a geography that lead each other.

use starhouse::model::{Model, load};
use std::sync::Arc;

const DIMENSIONS: [&str; 5] = [
    "
dimension: date
description: A day.
calendar: {from: 2023-01-01, to: 2025-12-31, fiscal_year_start_month: 4}
",
    "
dimension: customer
description: Who buys.
natural_key:
  - {name: customer_id, type: text, description: The customer's number.}
attributes:
  - {name: segment, type: text, history: 2, description: Marketing segment.}
  - {name: city, type: text, history: 1, description: Home town.}
",
    "
dimension: store
description: Where people buy.
natural_key:
  - {name: store_id, type: text, description: The store's number.}
attributes:
  - {name: store_name, type: text, description: Its name; stores may share one.}
  - {name: city, type: text, description: Its town.}
  - {name: region, type: text, description: Its region.}
  - {name: country, type: text, description: Its country.}
  - {name: led_by, type: text, description: The store that leads it.}
parent_child: {parent: [led_by], description: Which store leads which.}
hierarchies:
  - name: geography
    levels: [country, {level: region, skippable: true}, city, {level: store, attribute: store_name, key: store_id}]
",
    "
dimension: club
description: A club that customers are in.
natural_key:
  - {name: club_id, type: text, description: Its number.}
attributes:
  - {name: club_name, type: text, description: Its name; clubs may share one.}
  - {name: club_kind, type: text, order_by: club_id, description: What it is for.}
",
    "
bridge: membership
description: Who is in which club.
from: customer
to: club
weight: {name: share, description: The part of a customer that goes to the club.}
",
];

const FACTS: [&str; 3] = [
    "
fact: sales
description: What was sold.
grain: one row a receipt line
kind: transaction
dimensions:
  - date
  - {role: delivered, dimension: date, description: when the goods arrived}
  - customer
  - store
degenerate:
  - {name: receipt_no, type: text, description: The receipt.}
columns:
  - {name: line_no, type: int32, description: The line.}
  - {name: currency, type: text, description: What it was paid in.}
  - {name: quantity, type: int32, description: Pieces.}
  - {name: net_amount, type: 'decimal(12,2)', unit: EUR, description: What was paid.}
  - {name: cost, type: 'decimal(12,2)', unit: EUR, description: What it had cost.}
  - {name: weight, type: float64, unit: kg, description: How heavy it was.}
key: [receipt_no, line_no]
partition_by_month_of: date
sort_by: [date_key]
",
    "
fact: accounts
description: Balances of customers' cards.
grain: one row a customer, branch and day
kind: periodic_snapshot
dimensions: [date, customer, store]
columns:
  - {name: balance, type: 'decimal(14,2)', unit: EUR, description: What is owed.}
key: [date_key, customer_key, store_key]
",
    "
fact: exchange
description: What money is worth.
grain: one row a day and pair of currencies
kind: periodic_snapshot
dimensions: [date]
degenerate:
  - {name: from_currency, type: text, description: What is exchanged.}
  - {name: to_currency, type: text, description: For what.}
columns:
  - {name: rate, type: 'decimal(10,4)', description: What one unit is worth.}
key: [date_key, from_currency, to_currency]
",
];

const CUBE: &str = "
cube: trade
description: Sales beside balances.
facts: [sales, accounts]
views:
  - {role: customer_now, of: customer}
  - {role: customer_then, of: customer, day: 2024-06-30}
links:
  - {role: club, of: customer, bridge: membership}
  - {role: leader, of: store, ancestors: true}
measures:
  - {name: revenue, fact: sales, sum: net_amount, unit: EUR, description: Sold.}
  - {name: expense, fact: sales, sum: cost, unit: EUR, description: Its cost.}
  - {name: pieces, fact: sales, sum: quantity, description: Pieces.}
  - {name: list_value, fact: sales, sum: net_amount * quantity, description: A product of columns.}
  - {name: big_revenue, fact: sales, sum: net_amount, filter: net_amount > 10.5 and quantity is not null, description: Of big lines.}
  - {name: lines, fact: sales, count: true, description: Lines.}
  - {name: big_lines, fact: sales, count: true, filter: net_amount > 10.5, description: Big lines.}
  - {name: receipts, fact: sales, count_distinct: receipt_no, description: Receipts.}
  - {name: buyers, fact: sales, count_distinct: customer, description: Customers who bought.}
  - {name: big_buyers, fact: sales, count_distinct: customer, filter: net_amount > 10.5, description: Customers with big lines.}
  - {name: small_buyers, fact: sales, count_distinct: customer, filter: net_amount <= 10.5, description: Customers with small lines.}
  - {name: priced_buyers, fact: sales, count_distinct: customer, filter: net_amount is not null, description: Customers with lines that have a price.}
  - {name: both_buyers, calculated: big_buyers + small_buyers - priced_buyers, description: Customers with big lines and small ones.}
  - {name: dearest, fact: sales, max: net_amount, description: The dearest line.}
  - {name: cheapest, fact: sales, min: net_amount, description: The cheapest line.}
  - {name: average_line, fact: sales, average: net_amount, description: Revenue a line that has one.}
  - {name: heaviness, fact: sales, sum: weight, unit: kg, description: Kilos.}
  - {name: average_weight, fact: sales, average: weight, unit: kg, description: Kilos a line.}
  - {name: balance, fact: accounts, last: balance, over: date, unit: EUR, description: Owed at the end.}
  - {name: snapshots, fact: accounts, count: true, description: Snapshots.}
  - {name: all_snapshots, fact: accounts, count: true, unrelated: repeat, description: Snapshots whatever else is asked.}
  - {name: holders, fact: accounts, count_distinct: customer, description: Customers with a card.}
  - {name: margin, calculated: revenue - expense, unit: EUR, description: What is left.}
  - {name: margin_rate, ratio: {of: margin, to: revenue}, format: 0.0 %, description: Of each euro.}
  - {name: revenue_a_snapshot, ratio: {of: revenue, to: snapshots}, description: Across facts.}
  - {name: revenue_last_year, years_before: {measure: revenue, over: date, years: 1}, description: A year before.}
  - {name: lines_last_year, years_before: {measure: lines, over: date, years: 1}, description: A year before.}
  - {name: buyers_last_year, years_before: {measure: buyers, over: date, years: 1}, description: A year before.}
  - {name: balance_last_year, years_before: {measure: balance, over: date, years: 1}, description: A year before.}
  - {name: margin_rate_last_year, years_before: {measure: margin_rate, over: date, years: 1}, description: A year before.}
  - {name: average_two_years_ago, years_before: {measure: average_line, over: date, years: 2}, description: Two years before.}
  - {name: growth, calculated: revenue - revenue_last_year, unit: EUR, description: On the year before.}
  - {name: revenue_share, share_of_total: revenue, description: Part of all shown.}
  - {name: revenue_ytd, to_date: {measure: revenue, over: date, by: year}, unit: EUR, description: From New Year on.}
  - {name: buyers_qtd, to_date: {measure: buyers, over: date, by: quarter}, description: From the quarter's first day on.}
  - {name: margin_rate_mtd, to_date: {measure: margin_rate, over: date, by: month}, description: Of the month so far.}
  - {name: revenue_3_months, rolling: {measure: revenue, over: date, by: month, periods: 3}, unit: EUR, description: Of three months.}
  - {name: lines_2_days, rolling: {measure: lines, over: date, by: date, periods: 2}, description: Of two days.}
  - {name: pieces_2_quarters_before, rolling: {measure: pieces, over: date, by: quarter, periods: 2, current: false}, description: Of the two quarters before.}
  - {name: revenue_so_far, cumulative: {measure: revenue, over: date}, unit: EUR, description: All so far.}
  - {name: average_so_far, cumulative: {measure: average_line, over: delivered}, description: All delivered so far.}
  - {name: revenue_ytd_last_year, years_before: {measure: revenue_ytd, over: date}, unit: EUR, description: A year before.}
  - {name: growth_ytd, growth: {measure: revenue_ytd, over: date, by: year}, description: On the year before.}
  - {name: revenue_last_month, before: {measure: revenue, over: date, by: month}, unit: EUR, description: A month before.}
  - {name: lines_2_days_before, before: {measure: lines, over: date, by: date, periods: 2}, description: Two days before.}
  - {name: buyers_change, change: {measure: buyers, over: date, by: quarter, periods: 2}, description: On half a year before.}
  - {name: median_line, fact: sales, median: net_amount, description: In the middle.}
  - {name: upper_line, fact: sales, percentile: {of: net_amount, at: 0.9}, filter: quantity is not null, description: Nine of ten are below.}
  - {name: median_ytd, to_date: {measure: median_line, over: date, by: year}, description: From New Year on.}
  - {name: about_median, fact: sales, approximate_median: net_amount, description: About in the middle.}
  - {name: about_upper, fact: sales, approximate_percentile: {of: net_amount - cost, at: 0.9}, filter: quantity is not null, description: About nine of ten are below.}
  - {name: about_median_ytd, to_date: {measure: about_median, over: date, by: year}, description: From New Year on.}
  - {name: about_median_last_year, years_before: {measure: about_median, over: date}, description: A year before.}
  - {name: about_buyers, fact: sales, approximate_distinct: customer, description: About so many customers.}
  - {name: about_both_buyers, fact: sales, approximate_overlap: {of: customer, each: [net_amount > 10.5, net_amount <= 10.5]}, description: About so many with big lines and small ones.}
  - {name: about_big_buyers_alone, fact: sales, approximate_overlap: {of: customer, each: [net_amount > 10.5], none: [net_amount <= 10.5]}, filter: quantity is not null, description: About so many with big lines and no small one.}
  - {name: price_by_cost, fact: sales, correlation: {of: net_amount, with: cost}, description: Whether what cost much is dear.}
  - {name: share_of_parent, share: {measure: revenue, over: store, of: parent}, description: Of the place it is in.}
  - {name: share_of_country, share: {measure: lines, over: store, of: country}, description: Of its country.}
  - {name: share_of_stores, share: {measure: revenue, over: store, of: all}, description: Of all stores.}
  - {name: share_ytd, share_of_total: revenue_ytd, description: Part of all shown.}
  - {name: opening, fact: accounts, first: balance, over: date, unit: EUR, description: Owed on the first day.}
  - {name: own_last, fact: accounts, last: balance, over: date, per: [customer], unit: EUR, description: What each owed last.}
  - {name: own_first, fact: accounts, first: balance, over: date, per: [customer, store], filter: balance > 0, unit: EUR, description: What each owed first in each branch.}
  - {name: average_balance, fact: accounts, average: balance, over: date, unit: EUR, description: Owed on average.}
  - {name: least_owed, fact: accounts, min: balance, over: date, unit: EUR, description: On the best day.}
  - {name: most_owed, fact: accounts, max: balance, over: date, unit: EUR, description: On the worst day.}
  - {name: holders_so_far, cumulative: {measure: holders, over: date}, description: Customers who ever had a card.}
  - {name: average_balance_last_year, years_before: {measure: average_balance, over: date}, unit: EUR, description: A year before.}
  - {name: most_owed_share, share_of_total: most_owed, description: Part of all shown.}
  - {name: balance_share, share_of_total: balance, description: Part of all shown.}
  - {name: revenue_of_clubs, weighted: {measure: revenue, over: club}, unit: EUR, description: Allocated.}
  - {name: lines_of_clubs, weighted: {measure: lines, over: club}, description: Allocated.}
  - {name: average_of_clubs, weighted: {measure: average_line, over: club}, description: Allocated.}
  - {name: margin_rate_of_clubs, weighted: {measure: margin_rate, over: club}, description: Allocated.}
  - {name: balance_of_clubs, weighted: {measure: balance, over: club}, unit: EUR, description: Allocated.}
  - {name: average_balance_of_clubs, weighted: {measure: average_balance, over: club}, unit: EUR, description: Allocated.}
  - {name: most_owed_of_clubs, weighted: {measure: most_owed, over: club}, unit: EUR, description: Allocated.}
  - {name: revenue_ytd_of_clubs, weighted: {measure: revenue_ytd, over: club}, unit: EUR, description: Allocated.}
  - {name: lines_last_year_of_clubs, weighted: {measure: lines_last_year, over: club}, description: Allocated.}
  - {name: club_share, share_of_total: revenue_of_clubs, description: Part of all shown.}
  - {name: store_rank, rank: {measure: revenue, over: store}, description: The place of a store among all.}
  - {name: rank_in_parent, rank: {measure: lines, over: store, within: parent, ties: dense}, description: The place among those of the same parent.}
  - {name: rank_in_country, rank: {measure: buyers, over: store, within: country, ascending: true, ties: order}, description: The place in the country from below.}
  - {name: year_rank, rank: {measure: revenue_ytd, over: date, ascending: true}, description: The place in time.}
  - {name: customer_rank_last_year, years_before: {measure: customer_rank, over: date}, description: Its place a year before.}
  - {name: customer_rank, rank: {measure: margin, over: customer, ties: order}, description: The place of a customer.}
  - {name: receipt_rank, rank: {measure: revenue, over: receipt_no}, description: The place of a receipt.}
  - {name: receipt_rank_dense, rank: {measure: revenue, over: receipt_no, ties: dense}, description: Without gaps.}
  - {name: receipt_rank_ordered, rank: {measure: revenue, over: receipt_no, ties: order}, description: Without ties.}
  - {name: quarter_rank, rank: {measure: lines, over: date, ascending: true}, description: The quietest first.}
  - {name: club_rank, rank: {measure: snapshots, over: club}, description: The place of a club by snapshots.}
  - {name: places_won, calculated: customer_rank_last_year - customer_rank, description: How far a customer came up.}
  - {name: in_euro, convert: {measure: revenue, from: currency, to: EUR, over: date, rates: exchange, missing: empty}, unit: EUR, description: At the rate of the day.}
  - {name: in_euro_latest, convert: {measure: revenue, from: currency, to: EUR, over: date, rates: exchange, at: latest, missing: empty}, unit: EUR, description: At the last rate known.}
  - {name: in_euro_month_end, convert: {measure: margin, from: currency, to: EUR, over: date, rates: exchange, at: end, by: month, missing: empty}, unit: EUR, description: At the month's last rate.}
  - {name: in_euro_average, convert: {measure: average_line, from: currency, to: EUR, over: delivered, rates: exchange, at: average, by: quarter, missing: empty}, unit: EUR, description: At the quarter's mean rate.}
  - {name: in_euro_only, convert: {measure: revenue, from: currency, to: EUR, over: date, rates: exchange}, unit: EUR, description: At the rate of the day or not at all.}
  - {name: balance_in_euro, convert: {measure: balance, from: \"'NOK'\", to: EUR, over: date, rates: exchange, at: latest, missing: empty}, unit: EUR, description: Owed.}
  - {name: in_euro_last_year, years_before: {measure: in_euro_latest, over: date}, unit: EUR, description: A year before.}
  - {name: in_euro_ytd, to_date: {measure: in_euro_latest, over: date, by: year}, unit: EUR, description: From New Year on.}
  - {name: in_euro_share, share_of_total: in_euro_latest, description: Part of all shown.}
  - {name: card_users, fact: sales, conversion: {of: customer, to: accounts, over: date, by: month, periods: 2}, description: Customers who bought and then had a balance.}
  - {name: card_sales, fact: sales, conversion: {of: customer, to: accounts, over: date, by: month, periods: 2, counts: events}, description: Lines after which there was a balance.}
  - {name: card_rate, ratio: {of: card_users, to: buyers}, description: Of all who bought.}
  - {name: card_users_in_a_year, fact: sales, conversion: {of: customer, to: accounts, over: date, by: year, periods: 1}, description: In a year.}
  - {name: big_card_sales, fact: sales, filter: net_amount > 10.5, conversion: {of: customer, to: accounts, over: date, by: month, periods: 1, filter: balance > 6, same: [store], counts: events}, description: Big ones in the same store.}
  - {name: back_to_buy, fact: accounts, conversion: {of: customer, to: sales, over: date, by: date, periods: 3}, description: Holders who bought within three days.}
  - {name: delivered_first, fact: sales, conversion: {of: customer, to: accounts, over: delivered, by: quarter, periods: 1}, description: Customers who were delivered to and then had a balance.}
  - {name: receipts_again, fact: sales, conversion: {of: customer, to: sales, over: date, by: date, periods: 2, filter: quantity > 1, same: [receipt_no], counts: events}, description: Lines with one of several pieces beside them.}
  - {name: card_users_last_year, years_before: {measure: card_users, over: date}, description: A year before.}
  - {name: card_users_ytd, to_date: {measure: card_users, over: date, by: year}, description: From New Year on.}
  - {name: card_sales_of_clubs, weighted: {measure: card_sales, over: club}, description: Allocated.}
  - {name: card_share, share_of_total: card_sales, description: Part of all shown.}
aggregates:
  - {name: by_month_store, fact: sales, columns: [date_year, date_quarter, date_month, country, region, store_id, store_name], measures: [revenue, expense, pieces, lines, big_lines, dearest, cheapest, average_line], description: The monthly report.}
  - {name: by_year_segment, fact: sales, columns: [date_year, segment], measures: [revenue, lines, big_revenue, average_weight], description: Segments.}
  - {name: snapshots_by_segment, fact: accounts, columns: [segment, customer_now_segment, customer_city, date_year], measures: [snapshots], description: Snapshots.}
";

/// Aggregates that keep dimensions as a whole, days and different values.
const FINER: &str = "  - {name: by_day_customer, fact: sales, dimensions: [date, delivered, customer], columns: [region], measures: [revenue, expense, pieces, list_value, big_revenue, lines, big_lines, buyers, big_buyers, small_buyers, priced_buyers, dearest, cheapest, average_line, heaviness, average_weight, about_buyers, about_both_buyers, about_big_buyers_alone, about_median, about_upper], description: Sales but for receipts.}
  - {name: by_month_region, fact: sales, columns: [date_month, region], measures: [lines, buyers, big_buyers, about_buyers, about_both_buyers, about_median, heaviness], description: Buyers of regions.}
  - {name: by_store, fact: sales, dimensions: [store], measures: [pieces, buyers, receipts, average_weight], description: Of stores.}
  - {name: by_receipt, fact: sales, columns: [date_month, receipt_no], measures: [lines], description: Of receipts.}
  - {name: receipts, fact: sales, columns: [receipt_no], measures: [revenue, lines, dearest], description: Receipts of whatever month.}
  - {name: balances, fact: accounts, dimensions: [date, customer, store], measures: [balance, opening, own_last, own_first, average_balance, least_owed, most_owed, holders], description: All that is owed.}
  - {name: balances_by_day, fact: accounts, dimensions: [date], columns: [segment], measures: [balance, average_balance, least_owed, most_owed, holders], description: What segments owe.}
";

/// The model with finer aggregates as well.
pub(crate) fn finer_model() -> Arc<Model> {
    model_of(&format!("{CUBE}{FINER}"))
}

/// What a cube can name.
const NAMES: &str = "
sets:
  - {name: south, of: store.country, members: [IT], description: Where it is warm.}
  - {name: known_segments, of: segment, except: [Unknown], description: Segments known.}
  - {name: recent, of: date.year, from: 2024, description: Since 2024.}
  - {name: early, of: date.month, to: 2024-02, description: Until February 2024.}
  - {name: northern, of: store.country, where: region = 'north' or led_by is not null, member: The north, description: Where it is cold or led.}
  - {name: northern_not_south, of: store.country, sets: [northern, south], without: [south], description: In the north alone.}
  - {name: abroad, of: store.country, except: [IT], without: [northern], description: Elsewhere.}
  - {name: centres, of: store.store_name, members: [Centre, Unknown], member: All centres, description: Stores in the centre.}
  - {name: sports, of: club.club_kind, members: [sport], description: What makes one fit.}
  - {name: leaders, of: leader.store_id, where: led_by is null, description: Led by nobody.}
  - {name: weekends, of: date.date, where: is_weekend, description: When all is closed.}
default_members:
  - {of: customer.city, member: Rome}
captions:
  - language: de
    names:
      - {of: revenue, caption: Umsatz}
      - {of: lines, caption: Umsatz}
      - {of: store.country, caption: Land}
      - {of: store.store, caption: Filiale}
      - {of: store_id, caption: Filiale}
      - {of: date_year, caption: Jahr}
      - {of: northern, caption: Der Norden}
    members:
      - {of: store_id, column: region}
      - {of: club_id, column: club_name}
";

/// The model with finer aggregates, sets, a default member and names in another language.
pub(crate) fn named_model() -> Arc<Model> {
    model_of(&format!("{CUBE}{FINER}{NAMES}"))
}

/// The model without aggregates.
pub(crate) fn bare_model() -> Arc<Model> {
    model_of(CUBE.split("aggregates:").next().unwrap())
}

/// The model.
pub(crate) fn model() -> Arc<Model> {
    model_of(CUBE)
}

/// The model as the files of a project.
pub(crate) fn files() -> Vec<(String, &'static str)> {
    let texts = DIMENSIONS.iter().chain(&FACTS).copied().chain([CUBE]);
    texts.enumerate().map(|(index, text)| (format!("schemas/{index}.yaml"), text)).collect()
}

/// The model with something else in its cube.
pub(crate) fn model_with(was: &str, is: &str) -> Arc<Model> {
    assert!(CUBE.contains(was));
    model_of(&CUBE.replacen(was, is, 1))
}

/// The model whose calendar has years of whole weeks as well, and so more columns.
pub(crate) fn model_with_weeks() -> Arc<Model> {
    let (was, is) = (
        "fiscal_year_start_month: 4}",
        "fiscal_year_start_month: 4, \
         retail: {pattern: 4-4-5, ends: last saturday of january, numbered_by: begin}}",
    );
    assert!(DIMENSIONS[0].contains(was));
    of_texts(&[&DIMENSIONS[0].replacen(was, is, 1)], &DIMENSIONS[1..], CUBE)
}

/// Budgets by month and city, which know neither days nor stores, beside sales, which do.
const BUDGET: &str = "
fact: budget
description: What cities are to sell.
grain: one row a city and month
kind: periodic_snapshot
dimensions:
  - {role: date, dimension: date, level: month}
  - {role: store, dimension: store, level: city}
columns:
  - {name: amount, type: 'decimal(12,2)', unit: EUR, description: What the city is to sell.}
key: [date_key, store_city_key]
";

const PLAN: &str = "
cube: plan
description: Sales beside budgets.
facts: [sales, budget]
measures:
  - {name: revenue, fact: sales, sum: net_amount, unit: EUR, description: Sold.}
  - {name: lines, fact: sales, count: true, description: Lines.}
  - {name: budget, fact: budget, sum: amount, unit: EUR, description: To be sold.}
  - {name: budgets, fact: budget, count: true, description: Budgets.}
  - {name: cities, fact: budget, count_distinct: store, description: Cities with a budget.}
  - {name: budget_anyway, fact: budget, sum: amount, unrelated: repeat, unit: EUR, description: To be sold whatever else is asked.}
  - {name: attainment, ratio: {of: revenue, to: budget}, description: What was sold of what was to be.}
  - {name: budget_share, share_of_total: budget, description: Part of all shown.}
aggregates:
  - {name: budgets_by_year, fact: budget, columns: [date_year, country], measures: [budget, budgets], description: Countries.}
  - {name: budgets_by_city, fact: budget, dimensions: [store], columns: [date_year, date_quarter, date_month], measures: [budget, budgets, cities], description: Cities.}
";

/// The model of budgets.
pub(crate) fn model_with_budgets() -> Arc<Model> {
    of_texts(&[BUDGET], &DIMENSIONS, PLAN)
}

/// What is wrong with the model of budgets, if something in it is otherwise.
pub(crate) fn faults_with_budgets(was: &str, is: &str) -> String {
    assert!(BUDGET.contains(was) || PLAN.contains(was));
    let (fact, cube) = (BUDGET.replacen(was, is, 1), PLAN.replacen(was, is, 1));
    let texts = DIMENSIONS.iter().chain(&FACTS).copied().chain([fact.as_str(), cube.as_str()]);
    let files: Vec<(String, &str)> =
        texts.enumerate().map(|(index, text)| (format!("{index}.yaml"), text)).collect();
    load(&files).unwrap_err().to_string()
}

fn model_of(cube: &str) -> Arc<Model> {
    of_texts(&[], &DIMENSIONS, cube)
}

fn of_texts(first: &[&str], dimensions: &[&str], cube: &str) -> Arc<Model> {
    let texts = first.iter().chain(dimensions).chain(&FACTS).copied().chain([cube]);
    let files: Vec<(String, &str)> =
        texts.enumerate().map(|(index, text)| (format!("{index}.yaml"), text)).collect();
    Arc::new(load(&files).unwrap_or_else(|faults| panic!("{faults}")))
}
