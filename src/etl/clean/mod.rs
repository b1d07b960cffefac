//! Cleaning: raw cells become values of the declared types, or say why they do not.
//!
//! A column's rules run in the order written, each from text to text; then the value takes its
//! type ([`parse`] for text, [`cast`] for a typed column as a whole); then `range` looks at the
//! value. What is still NULL may be filled from other columns, rows or tables (`fills`). One file a
//! rule: a rule is a [`Clean`], compiled once a column.
//!
//! # How do I add a rule?
//!
//! 1. Add it to [`crate::etl::job::Rule`].
//! 2. Copy `case.rs`, the smallest, and add it to [`compile`] below.

mod address;
mod audit;
mod case;
mod cast;
mod cleaner;
mod column;
mod date_formats;
mod date_names;
mod email;
mod extract;
mod fill;
mod fills;
mod fold;
mod hints;
mod map;
mod map_from;
mod matches;
mod money;
mod must_exist;
mod nfkc;
mod null_if;
mod number;
mod one_of;
mod parse;
mod person_name;
mod phone;
mod range;
mod replace;
mod required;
mod row;
mod time_zone;
mod trim;
mod values;

pub(crate) use cleaner::{Cleaned, Cleaner, Typed};
pub(crate) use column::{ColumnCleaner, TYPE};
pub(crate) use fills::Carried;

use crate::error::Result;
use crate::etl::job::Rule;
use crate::etl::source::Position;
use std::borrow::Cow;

/// A cell on its way through the rules: its text, or NULL.
pub(crate) type Cell<'a> = Option<Cow<'a, str>>;

/// A rule from text to text.
pub(crate) trait Clean: Send + Sync {
    /// The rule's name in a job.
    fn name(&self) -> &'static str;

    /// What becomes of a cell, or why it is wrong.
    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String>;

    /// Whether the rule is about how people write numbers or dates, and so does not concern cells
    /// that the source itself says are such.
    fn is_about_writing(&self) -> bool {
        false
    }
}

/// The rule, ready to run; none for those that look at typed values.
///
/// # Errors
/// User where the rule itself is wrong.
fn compile(rule: &Rule) -> Result<Option<Box<dyn Clean>>> {
    Ok(Some(match rule {
        Rule::Trim => Box::new(trim::Trim),
        Rule::Case(case) => Box::new(case::ToCase(*case)),
        Rule::Nfkc => Box::new(nfkc::Nfkc),
        Rule::NullIf(tokens) => Box::new(null_if::NullIf::new(tokens)),
        Rule::Map(codes) => Box::new(map::Map::new(codes)?),
        Rule::MapFrom(reference) => Box::new(map_from::MapFrom::new(reference)),
        Rule::OneOf(values) => Box::new(one_of::OneOf::new(values)?),
        Rule::Required => Box::new(required::Required),
        Rule::Fill(text) => Box::new(fill::Fill(text.clone())),
        Rule::Matches(pattern) => Box::new(matches::Matches::new(pattern)?),
        Rule::Number(format) => Box::new(number::Number::new(format)?),
        Rule::DateFormats(formats) => Box::new(date_formats::DateFormats::new(formats)?),
        Rule::DateNames(language) => Box::new(date_names::NamesOfDates::new(language)?),
        Rule::TimeZone(rule) => Box::new(time_zone::TimeZone::new(rule)?),
        Rule::Replace(rule) => Box::new(replace::Replace::new(rule)?),
        Rule::Extract(rule) => Box::new(extract::Extract::new(rule)?),
        Rule::Phone(format) => Box::new(phone::Phone::new(format)?),
        Rule::Email => Box::new(email::Email),
        Rule::PersonName(format) => Box::new(person_name::PersonName(*format)),
        Rule::Address(part) => Box::new(address::Address(*part)),
        Rule::Money(rule) => Box::new(money::ReadMoney::new(rule)?),
        Rule::Fold => Box::new(fold::Fold),
        Rule::Simplified => Box::new(fold::Simplified),
        Rule::Range(_) | Rule::FillExpression(_) | Rule::FillPrevious(_) | Rule::FillLookup(_) => {
            return Ok(None);
        }
    }))
}

/// A row refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Where it stood.
    pub(crate) position: Position,
    /// The column at fault, where it is one.
    pub(crate) column: Option<String>,
    /// The rule it broke.
    pub(crate) rule: &'static str,
    /// Why, in words.
    pub(crate) reason: String,
    /// The row as it stood.
    pub(crate) raw: String,
}

/// A value that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Its row in the batch.
    pub(crate) row: usize,
    /// The rule it breaks; `type` where it does not fit its type.
    pub(crate) rule: &'static str,
    /// Why, in words.
    pub(crate) reason: String,
}
