//! What people write, understood: numbers, dates, phone numbers, e-mail addresses, names, addresses,
//! money; letters, patterns, and text as it is compared.
//!
//! Plain functions from text to text, one file a subject. Cleaning rules (`etl/clean`), SQL
//! functions (`engine/functions.rs`) and matching call the same ones, so that a value is the same
//! wherever it was cleaned. What cannot be understood is an error in words, never a guess.

mod address;
mod chinese;
mod date;
mod date_names;
mod email;
mod fold;
mod korean_name;
mod letters;
mod local_time;
mod money;
mod number;
mod pattern;
mod person_name;
mod phone;

pub use address::{AddressPart, address};
pub use chinese::{simplified, to_simplified};
pub use date::DateFormats;
pub use date_names::DateNames;
pub use email::email;
pub use fold::{day, digits, fold};
pub use letters::{Case, nfkc, to_case, trimmed};
pub use local_time::{InDoubt, LocalTimes};
pub use money::{Money, MoneyFormat, is_currency, money};
pub use number::Numbers;
pub use pattern::{Extracting, Matching, Replacing};
pub use person_name::{NameOrder, NamePart, person_name};
pub use phone::{is_region, phone};
