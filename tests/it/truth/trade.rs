//! Answers about visits, stock and sales to firms, by brute force.

use super::fold::fold;
use super::knowledge::quarter;
use super::{Answer, Cell};
use chrono::NaiveDate;
use starhouse::sample::retail::trade::{Opportunity, Step, Stock, Visit};
use starhouse::sample::retail::world::World;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn web_funnel(world: &World) -> Answer {
    let devices = fold(
        &world.visits,
        |visit: &&Visit| visit.device,
        |(steps, pages): &mut ([i128; 4], i128), visit: &&Visit| {
            for step in [Step::Came, Step::Looked, Step::PutIn, Step::Ordered] {
                steps[step as usize] += i128::from(visit.step >= step);
            }
            *pages += i128::from(visit.pages);
        },
    );
    let row = |(device, (steps, pages)): (&str, ([i128; 4], i128))| {
        let mut row = vec![Cell::text(device)];
        row.extend(steps.map(Cell::Whole));
        row.extend([Cell::Ratio(steps[3], steps[0]), Cell::Ratio(pages, steps[0])]);
        row
    };
    devices.into_iter().map(row).collect()
}

pub(super) fn stock(world: &World) -> Answer {
    let mut ends: BTreeMap<String, BTreeSet<NaiveDate>> = BTreeMap::new();
    for stock in &world.stock {
        ends.entry(quarter(stock.month_end)).or_default().insert(stock.month_end);
    }
    let row = |(of, ends): (&String, &BTreeSet<NaiveDate>)| {
        let last = ends.last().unwrap();
        let at_end = || world.stock.iter().filter(|stock| stock.month_end == *last);
        let value = |stock: &Stock| i128::from(stock.value);
        let all: i128 = world.stock.iter().filter(|s| ends.contains(&s.month_end)).map(value).sum();
        vec![
            Cell::text(of),
            Cell::Whole(at_end().map(|stock| i128::from(stock.pieces)).sum()),
            Cell::Hundredths(at_end().map(value).sum()),
            Cell::Ratio(all, 100 * ends.len() as i128),
        ]
    };
    ends.iter().map(row).collect()
}

#[derive(Default)]
struct Funnel {
    steps: [i128; 4],
    lost: i128,
    won: i128,
    open: i128,
    days: i128,
}

pub(super) fn pipeline(world: &World) -> Answer {
    let quarters = fold(
        &world.opportunities,
        |o: &&Opportunity| quarter(o.opened_on),
        |funnel: &mut Funnel, o: &&Opportunity| {
            let reached =
                [true, o.qualified_on.is_some(), o.offered_on.is_some(), o.won_on.is_some()];
            for (step, reached) in funnel.steps.iter_mut().zip(reached) {
                *step += i128::from(reached);
            }
            funnel.lost += i128::from(o.lost_on.is_some());
            match (o.won_on, o.lost_on) {
                (Some(won_on), _) => {
                    funnel.won += i128::from(o.amount);
                    funnel.days += i128::from((won_on - o.opened_on).num_days());
                }
                (None, None) => funnel.open += i128::from(o.amount),
                (None, Some(_)) => {}
            }
        },
    );
    // What adds up nothing is nothing, not 0.
    let money = |cents: i128| if cents == 0 { Cell::Null } else { Cell::Hundredths(cents) };
    let row = |(quarter, f): (String, Funnel)| {
        let mut row = vec![Cell::Text(quarter)];
        row.extend(f.steps.map(Cell::Whole));
        row.extend([
            Cell::Whole(f.lost),
            Cell::Ratio(f.steps[3], f.steps[0]),
            money(f.won),
            money(f.open),
            Cell::Ratio(f.days, f.steps[3]),
        ]);
        row
    };
    quarters.into_iter().map(row).collect()
}
