//! Sales to firms, from the first talk to the contract, or to none.

use super::trade::Opportunity;
use super::world::{Customer, Employee, MemberSystem, World};
use super::{Dice, date};
use chrono::{Days, NaiveDate};

const OPPORTUNITIES: u32 = 640;

/// All opportunities opened up to the first business day, and what has become of them by then.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let is_firm = |customer: &&Customer| {
        let segment = customer.states.first().map(|state| state.segment);
        customer.key.system == MemberSystem::Crm && segment == Some("Business")
    };
    let firms: Vec<&Customer> = world.customers.iter().filter(is_firm).collect();
    let sellers: Vec<&Employee> =
        world.employees.iter().filter(|employee| employee.title == "Store manager").collect();
    let mut days: Vec<NaiveDate> =
        (0..OPPORTUNITIES).map(|_| date(2024, 1, 2) + Days::new(dice.below(725))).collect();
    days.sort_unstable();
    let mut opportunities = Vec::new();
    for (n, opened_on) in (1..).zip(days) {
        let (firm, seller) = (firms[dice.skewed(firms.len())], sellers[dice.skewed(sellers.len())]);
        let mut opportunity = Opportunity {
            number: format!("O-{n:04}"),
            customer: firm.key,
            seller: seller.number.clone(),
            opened_on,
            qualified_on: None,
            offered_on: None,
            won_on: None,
            lost_on: None,
            amount: dice.between(8, 900) * 10_000,
        };
        go_on(&mut opportunity, dice);
        opportunities.push(opportunity);
    }
    world.opportunities = opportunities;
}

/// Step by step, each some days after the one before, until it is lost or today is reached.
fn go_on(opportunity: &mut Opportunity, dice: &mut Dice) {
    let mut day = opportunity.opened_on;
    for (chance, days) in [(720, 21), (760, 40), (480, 70)] {
        day = day + Days::new(1 + dice.below(days));
        let goes_on = dice.per_mille(chance);
        if day > super::day_one() {
            return;
        }
        let step = match (goes_on, opportunity.qualified_on, opportunity.offered_on) {
            (false, ..) => &mut opportunity.lost_on,
            (true, None, _) => &mut opportunity.qualified_on,
            (true, _, None) => &mut opportunity.offered_on,
            (true, ..) => &mut opportunity.won_on,
        };
        *step = Some(day);
        if !goes_on {
            return;
        }
    }
}
