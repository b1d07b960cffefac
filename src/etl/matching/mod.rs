//! Matching: which records of several sources are of the same person.
//!
//! Pure but for the threads that compare and what they keep on disk; `load/matching` reads and writes
//! the tables, `resolve` goes through it from beginning to end. In the order of the work:
//!
//! ```text
//!  records ──> blocks ──> patterns of agreement ──> weights ──> pairs ──> groups ──> numbers
//!  (records)   (block)    (compare)                 (estimate,  (scan,    (cluster)  (identity)
//!                                                    weights)    kept)
//! ```
//!
//! * what people write: [`crate::etl::job::matching`]; text as it is compared: [`crate::text`], `phonetic`
//! * persons under one roof: `household`
//!
//! Memory grows with the records and the pairs that match, never with the pairs compared; what else
//! is worth keeping goes to disk where it does not fit (`kept`), and what runs before have kept is read
//! as it is written again. What must fit and does not is refused.
//! The same records give the same tables, however many threads compare them.

mod block;
mod cluster;
mod compare;
mod estimate;
mod household;
mod identity;
mod kept;
mod phonetic;
mod records;
mod resolve;
mod scan;
mod weights;

pub(crate) use cluster::Edge;
pub(crate) use identity::{Event, What};
pub(crate) use kept::Kept;
pub(crate) use records::Columns;
pub(crate) use resolve::{Before, Decision, Pair, Pairs, Resolved, least_odds, resolve};
pub(crate) use weights::{Level, MOST_COMPARISONS, Weights};

#[cfg(test)]
mod tests;
