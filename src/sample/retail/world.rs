//! What is true: clean, typed rows of every subject.
//!
//! Codes are as recorded. A code that nobody knows (an orphan) stands in the truth as well: the
//! sale took place, only the store's number in it is wrong.

use super::money::{Cents, Currency, Rates};
use super::trade::{Opportunity, Stock, Visit};
use chrono::{NaiveDate, NaiveDateTime};
use std::fmt;

/// Everything that is true at the close of a business day.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Book rates of the currencies.
    pub rates: Rates,
    /// Ways of meeting customers.
    pub channels: Vec<Channel>,
    /// Stores.
    pub stores: Vec<Store>,
    /// Products.
    pub products: Vec<Product>,
    /// Customers of both member systems.
    pub customers: Vec<Customer>,
    /// Campaigns.
    pub campaigns: Vec<Campaign>,
    /// What campaigns cost and are to bring.
    pub campaign_costs: Vec<CampaignCost>,
    /// Whom campaigns reached, and who answered.
    pub contacts: Vec<Contact>,
    /// Lines of receipts.
    pub sales: Vec<SaleLine>,
    /// Loans with their payments.
    pub loans: Vec<Loan>,
    /// Tickets of the service centre.
    pub tickets: Vec<Ticket>,
    /// Credit-card accounts at the ends of months.
    pub balances: Vec<Balance>,
    /// Who works for the group.
    pub employees: Vec<Employee>,
    /// What the stores are to sell.
    pub targets: Vec<StoreTarget>,
    /// What is to be sold of each category.
    pub category_targets: Vec<CategoryTarget>,
    /// Visits to the web shop.
    pub visits: Vec<Visit>,
    /// What lies in the stores at the ends of months.
    pub stock: Vec<Stock>,
    /// Sales to firms, under way and done.
    pub opportunities: Vec<Opportunity>,
}

/// Somebody who works for the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Employee {
    /// Number on the staff list.
    pub number: String,
    /// Full name.
    pub name: String,
    /// What the person does.
    pub title: &'static str,
    /// The boss's number.
    pub reports_to: Option<String>,
    /// The store where the person works.
    pub store: Option<String>,
}

/// What a store is to sell in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreTarget {
    /// The store's number.
    pub store: String,
    /// The month's first day.
    pub month: NaiveDate,
    /// Euro cents.
    pub amount: i64,
}

/// What is to be sold of a category in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryTarget {
    /// The category.
    pub category: String,
    /// The month's first day.
    pub month: NaiveDate,
    /// Euro cents.
    pub amount: i64,
}

/// A system that gives customers their numbers. The same number means different people in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberSystem {
    /// The customer database of Europe and America.
    Crm,
    /// The member programme in China.
    China,
}

impl MemberSystem {
    /// Its code in the sources.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Crm => "CRM",
            Self::China => "CN",
        }
    }
}

/// Who a customer is: the system and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerKey {
    /// The system.
    pub system: MemberSystem,
    /// The number in it.
    pub number: u32,
}

impl fmt::Display for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.system.code(), self.number)
    }
}

/// A customer with the history of what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Who.
    pub key: CustomerKey,
    /// Full name; changes overwrite it.
    pub name: String,
    /// Address for mail; changes overwrite it.
    pub email: Option<String>,
    /// Day of birth.
    pub birth_date: Option<NaiveDate>,
    /// `F`, `M` or unknown.
    pub gender: Option<&'static str>,
    /// Yearly income of the household, as a band.
    pub income_band: Option<&'static str>,
    /// Since when a customer.
    pub registered_on: NaiveDate,
    /// States in order of time; never empty. Neighbours differ.
    pub states: Vec<CustomerState>,
}

/// What held of a customer from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerState {
    /// Since when, UTC.
    pub since: NaiveDateTime,
    /// The household.
    pub household: Option<String>,
    /// People in it.
    pub household_size: i16,
    /// `Private`, `Student` or `Business`.
    pub segment: &'static str,
    /// `Bronze`, `Silver` or `Gold`.
    pub tier: &'static str,
    /// City of residence.
    pub city: &'static str,
    /// ISO code of the country of residence.
    pub country: &'static str,
}

impl Customer {
    /// The state that holds now.
    #[must_use]
    pub fn state(&self) -> Option<&CustomerState> {
        self.states.last()
    }
}

/// A way of meeting customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Code in all systems.
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
    /// `In person`, `Digital` or `Remote`.
    pub kind: &'static str,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Number in the till system.
    pub number: String,
    /// Name; changes overwrite it.
    pub name: String,
    /// City.
    pub city: &'static str,
    /// Sales region; a new one opens a version.
    pub region: &'static str,
    /// ISO code of the country.
    pub country: &'static str,
    /// Sales area in square metres.
    pub area_m2: i32,
    /// Opening day.
    pub opened_on: NaiveDate,
    /// Currency of its tills.
    pub currency: Currency,
    /// When its record last changed, UTC.
    pub updated_at: NaiveDateTime,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Article number.
    pub sku: String,
    /// Name; changes overwrite it.
    pub name: String,
    /// Brand.
    pub brand: &'static str,
    /// Subcategory; a new one opens a version.
    pub subcategory: &'static str,
    /// Category; a new one opens a version.
    pub category: &'static str,
    /// List price in cents of euro.
    pub list_price: Cents,
    /// Cost in cents of euro.
    pub cost: Cents,
    /// When its record last changed, UTC.
    pub updated_at: NaiveDateTime,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Code in all systems.
    pub code: String,
    /// Name.
    pub name: String,
    /// What it is for.
    pub objective: &'static str,
    /// First day.
    pub starts_on: NaiveDate,
    /// Last day.
    pub ends_on: NaiveDate,
}

/// What a campaign costs in a channel and is to bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignCost {
    /// The campaign's code.
    pub campaign: String,
    /// The channel's code.
    pub channel: &'static str,
    /// The day it is booked on.
    pub booked_on: NaiveDate,
    /// What it costs, in its currency.
    pub spend: Cents,
    /// That currency.
    pub currency: Currency,
    /// Responses aimed at.
    pub target_responses: i32,
    /// Revenue aimed at, in cents of euro.
    pub target_revenue: Cents,
}

/// A contact of a campaign with a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Number of the contact.
    pub number: u32,
    /// The campaign's code, as recorded.
    pub campaign: String,
    /// The channel's code.
    pub channel: &'static str,
    /// Who was reached, as recorded.
    pub customer: CustomerKey,
    /// When, UTC.
    pub contacted_at: NaiveDateTime,
    /// When the customer answered, UTC.
    pub responded_at: Option<NaiveDateTime>,
    /// What the answer brought, in cents of euro.
    pub response_revenue: Cents,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleLine {
    /// The receipt: `T...` from a till, `W...` from the web shop.
    pub receipt: String,
    /// The line in it, 1 being the first.
    pub line: i16,
    /// When, UTC.
    pub sold_at: NaiveDateTime,
    /// The channel's code.
    pub channel: &'static str,
    /// The store's number, as recorded; none in the web shop.
    pub store: Option<String>,
    /// The customer, as recorded; none if nobody showed a card.
    pub customer: Option<CustomerKey>,
    /// The product's article number, as recorded.
    pub sku: String,
    /// The campaign's code, as recorded; none if none brought the sale about.
    pub campaign: Option<String>,
    /// Pieces.
    pub quantity: i32,
    /// The currency of the amounts.
    pub currency: Currency,
    /// What the customer paid for the line, without tax.
    pub amount: Cents,
    /// What the pieces cost the group.
    pub cost: Cents,
}

impl SaleLine {
    /// Whether it comes from the web shop rather than from a till.
    #[must_use]
    pub fn is_web(&self) -> bool {
        self.store.is_none()
    }

    /// What identifies it.
    #[must_use]
    pub fn key(&self) -> (&str, i16) {
        (&self.receipt, self.line)
    }
}

/// A loan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    /// Its number.
    pub number: String,
    /// Who owes it.
    pub customer: CustomerKey,
    /// When it was paid out.
    pub opened_on: NaiveDate,
    /// What was paid out, in cents of euro.
    pub principal: Cents,
    /// Months to pay back in.
    pub term_months: i16,
    /// When the customer stopped paying for good.
    pub defaulted_on: Option<NaiveDate>,
    /// When it was paid back.
    pub closed_on: Option<NaiveDate>,
    /// Payments in order of time.
    pub payments: Vec<Payment>,
}

/// A payment on a loan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its number in the loan, 1 being the first.
    pub number: i16,
    /// When.
    pub paid_on: NaiveDate,
    /// How much, in cents of euro.
    pub amount: Cents,
}

/// A ticket of the service centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: String,
    /// Who asked, as recorded; none for people without an account.
    pub customer: Option<CustomerKey>,
    /// The channel's code.
    pub channel: &'static str,
    /// What about.
    pub topic: &'static str,
    /// When it was opened, UTC.
    pub opened_at: NaiveDateTime,
    /// When it was resolved, UTC; on a quarter of an hour from its opening.
    pub resolved_at: Option<NaiveDateTime>,
    /// The customer's mark, 1 to 5.
    pub satisfaction: Option<i16>,
}

/// A credit-card account at the end of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account's number.
    pub account: String,
    /// Who holds it.
    pub customer: CustomerKey,
    /// The last day of the month.
    pub month_end: NaiveDate,
    /// What the customer owes, in cents of euro; negative for money held.
    pub balance: Cents,
    /// How much the customer may owe, in cents of euro.
    pub credit_limit: Cents,
}
