//! What is true of visits to the web shop, of the stores' stock and of sales to firms.

use super::money::Cents;
use super::world::CustomerKey;
use chrono::{NaiveDate, NaiveDateTime};

/// A visit to the web shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Its number.
    pub number: String,
    /// When it began, UTC.
    pub visited_at: NaiveDateTime,
    /// Who came; none if nobody signed in.
    pub customer: Option<CustomerKey>,
    /// The campaign's code, as recorded; none if none brought the visit about.
    pub campaign: Option<String>,
    /// By which device.
    pub device: &'static str,
    /// By which way.
    pub came_by: &'static str,
    /// Whether nobody had come from there before.
    pub is_new: bool,
    /// Pages seen.
    pub pages: i32,
    /// Products looked at.
    pub products: i32,
    /// How far it came.
    pub step: Step,
    /// The receipt of its order.
    pub order: Option<String>,
}

/// How far a visit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Only here.
    Came,
    /// Looked at a product.
    Looked,
    /// Put one into the cart.
    PutIn,
    /// Ordered.
    Ordered,
}

/// What lies in a store of a product at the end of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// The last day of the month.
    pub month_end: NaiveDate,
    /// The store's number.
    pub store: String,
    /// The product's article number.
    pub sku: String,
    /// Pieces.
    pub pieces: i32,
    /// What they cost, in cents of euro.
    pub value: Cents,
}

/// A sale to a firm, from the first talk on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opportunity {
    /// Its number.
    pub number: String,
    /// Who may buy.
    pub customer: CustomerKey,
    /// The number of the employee who sells.
    pub seller: String,
    /// The day of the first talk.
    pub opened_on: NaiveDate,
    /// When it was clear that the firm means it.
    pub qualified_on: Option<NaiveDate>,
    /// When an offer was made.
    pub offered_on: Option<NaiveDate>,
    /// When it was signed.
    pub won_on: Option<NaiveDate>,
    /// When it came to nothing.
    pub lost_on: Option<NaiveDate>,
    /// What it would bring, in cents of euro.
    pub amount: Cents,
}
