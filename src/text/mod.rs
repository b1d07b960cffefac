//! What people write, understood: phone numbers, e-mail addresses, names, addresses, money; and
//! text as it is compared.
//!
//! Plain functions from text to text, one file a subject. Cleaning rules (`etl/clean`), SQL
//! functions (`engine/functions.rs`) and matching call the same ones, so that a value is the same
//! wherever it was cleaned. What cannot be understood is an error in words, never a guess.

mod address;
mod chinese;
mod email;
mod fold;
mod money;
mod person_name;
mod phone;

pub use address::{AddressPart, address};
pub use chinese::{simplified, to_simplified};
pub use email::email;
pub use fold::{day, digits, fold};
pub use money::{Money, MoneyFormat, is_currency, money};
pub use person_name::{NameOrder, NamePart, person_name};
pub use phone::{is_region, phone};
