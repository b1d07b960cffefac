//! Campaigns: what they cost, whom they reach, who answers.

use super::money::Currency;
use super::world::{Campaign, CampaignCost, Contact, CustomerKey, MemberSystem, World};
use super::{Dice, at, date};
use chrono::{Days, NaiveDate};

/// Code, name, objective, first day, days, channels.
type Plan =
    (&'static str, &'static str, &'static str, (i32, u32, u32), u64, &'static [&'static str]);

const PLANS: [Plan; 14] = [
    ("C23-SPRING", "Spring Refresh 2023", "Revenue", (2023, 3, 6), 35, &["EMAIL", "MAIL"]),
    ("C23-SUMMER", "Summer Outdoors 2023", "Revenue", (2023, 6, 5), 42, &["EMAIL", "SOCIAL"]),
    ("C23-WELCOME", "Welcome Back 2023", "Reactivation", (2023, 9, 4), 28, &["PHONE", "MAIL"]),
    ("C23-GIFTS", "Gift Season 2023", "Revenue", (2023, 11, 20), 38, &["EMAIL", "SOCIAL", "MAIL"]),
    ("C24-WINTER", "Winter Clearance 2024", "Clearance", (2024, 1, 8), 21, &["EMAIL", "SOCIAL"]),
    ("C24-SPRING", "Spring Refresh 2024", "Revenue", (2024, 3, 4), 35, &["EMAIL", "MAIL"]),
    ("C24-SUMMER", "Summer Outdoors 2024", "Revenue", (2024, 6, 3), 42, &["EMAIL", "SOCIAL"]),
    ("C24-LOYAL", "Loyalty Days 2024", "Loyalty", (2024, 9, 9), 14, &["EMAIL", "PHONE"]),
    ("C24-GIFTS", "Gift Season 2024", "Revenue", (2024, 11, 18), 40, &["EMAIL", "SOCIAL", "MAIL"]),
    ("C25-WINTER", "Winter Clearance 2025", "Clearance", (2025, 1, 6), 21, &["EMAIL", "SOCIAL"]),
    (
        "C25-SPRING",
        "Spring Refresh 2025",
        "Revenue",
        (2025, 3, 3),
        35,
        &["EMAIL", "MAIL", "SOCIAL"],
    ),
    ("C25-SUMMER", "Summer Outdoors 2025", "Revenue", (2025, 6, 2), 42, &["EMAIL", "SOCIAL"]),
    ("C25-CARD", "Card Offer 2025", "Credit card", (2025, 9, 8), 30, &["PHONE", "MAIL"]),
    ("C25-GIFTS", "Gift Season 2025", "Revenue", (2025, 11, 24), 38, &["EMAIL", "SOCIAL", "MAIL"]),
];

/// A campaign's code that nobody knows.
pub(crate) const GHOST_CAMPAIGN: &str = "C99-GHOST";
/// A customer's number that nobody has.
pub(crate) const GHOST_CUSTOMER: u32 = 990_001;
const CONTACTS_EACH: u64 = 230;

/// The campaigns.
pub(crate) fn campaigns() -> Vec<Campaign> {
    PLANS
        .iter()
        .map(|(code, name, objective, (year, month, day), days, _)| {
            let starts_on = date(*year, *month, *day);
            Campaign {
                code: (*code).to_owned(),
                name: (*name).to_owned(),
                objective,
                starts_on,
                ends_on: later(starts_on, days - 1),
            }
        })
        .collect()
}

/// Budgets all campaigns and makes their contacts.
pub(crate) fn launch(world: &mut World, dice: &mut Dice) {
    let mut number = 0;
    for (campaign, plan) in world.campaigns.iter().zip(&PLANS) {
        for &channel in plan.5 {
            world.campaign_costs.push(budget(campaign, channel, dice));
            for _ in 0..CONTACTS_EACH + dice.below(60) {
                number += 1;
                let offset = dice.below(plan.4.min(25));
                let day = later(campaign.starts_on, offset);
                world.contacts.push(contact(world, number, &campaign.code, channel, day, dice));
            }
        }
    }
}

fn budget(campaign: &Campaign, channel: &'static str, dice: &mut Dice) -> CampaignCost {
    let spend_euro = match channel {
        "EMAIL" => dice.between(700, 1600),
        "SOCIAL" => dice.between(1500, 3200),
        "PHONE" => dice.between(3000, 5200),
        _ => dice.between(2400, 4100),
    };
    let currency = [Currency::Eur, Currency::Usd, Currency::Cny][dice.weighted(&[70, 20, 10])];
    CampaignCost {
        campaign: campaign.code.clone(),
        channel,
        booked_on: campaign.starts_on,
        spend: (spend_euro * 100 * 100 / currency.rough_cents()) + dice.between(0, 99),
        currency,
        target_responses: dice.between(20, 55) as i32,
        target_revenue: dice.between(2500, 6500) * 100,
    }
}

/// One contact; some answer within three weeks.
pub(crate) fn contact(
    world: &World,
    number: u32,
    campaign: &str,
    channel: &'static str,
    day: NaiveDate,
    dice: &mut Dice,
) -> Contact {
    let known = world.customers[dice.skewed(world.customers.len())].key;
    let ghost = CustomerKey { system: MemberSystem::Crm, number: GHOST_CUSTOMER };
    let contacted_at = at(day, dice.between(7, 18) as u32, dice.between(0, 59) as u32);
    let chance = match channel {
        "PHONE" => 210,
        "MAIL" => 120,
        "EMAIL" => 160,
        _ => 95,
    };
    let answer = contacted_at + Days::new(dice.below(20)) + chrono::TimeDelta::minutes(95);
    let answered = dice.per_mille(chance) && answer.date() <= super::day_one();
    let revenue = dice.between(1200, 38_000);
    Contact {
        number,
        campaign: if dice.per_mille(4) { GHOST_CAMPAIGN } else { campaign }.to_owned(),
        channel,
        customer: if dice.per_mille(6) { ghost } else { known },
        contacted_at,
        responded_at: answered.then_some(answer),
        response_revenue: if answered { revenue } else { 0 },
    }
}

fn later(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap_or(day)
}
