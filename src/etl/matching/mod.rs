//! Matching: which records of several sources are of the same person.
//!
//! Pure but for the threads that compare; `load/matching` reads and writes the
//! tables. In the order of the work:
//!
//! ```text
//!  records ──> blocks ──> patterns of agreement ──> weights ──> pairs ──> groups ──> numbers
//!  (records)   (block)    (compare)                 (estimate,  (resolve) (cluster)  (identity)
//!                                                    weights)
//! ```
//!
//! * what people write: [`crate::etl::job::matching`]; text as it is compared: [`crate::text`], `phonetic`
//! * persons under one roof: `household`
//!
//! Memory grows with the records and with the pairs worth keeping, never with the pairs compared.
//! The same records give the same tables, however many threads compare them.

mod block;
mod cluster;
mod compare;
mod estimate;

mod household;
mod identity;
mod phonetic;
mod records;
mod resolve;
mod weights;

pub(crate) use identity::{Event, What};
pub(crate) use records::Columns;
pub(crate) use resolve::{Before, Decision, Pair, Resolved, resolve};
pub(crate) use weights::{Level, MOST_COMPARISONS, Weights};

#[cfg(test)]
mod tests;
