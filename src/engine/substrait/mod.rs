//! Plans in Substrait's form, which programs send in place of SQL.
//!
//! `datafusion-substrait` reads them where Starhouse is built with the feature `substrait`; it is not
//! by itself, since that needs `protoc`. Once read, a plan goes the way of every other: its size is
//! bounded, the policy is asked what it may read, its cubes are resolved.
//!
//! * how large a plan may be, and of what kind: `limits`
//! * what it reads, and what it points to: `consumer`

#[cfg(feature = "substrait")]
mod consumer;
#[cfg(feature = "substrait")]
mod limits;

use super::Session;
use super::parsed::Parsed;
use crate::error::Result;

/// The version of Substrait that plans are read in; none where they are not understood.
#[cfg(feature = "substrait")]
pub fn substrait_version() -> Option<String> {
    let version = datafusion_substrait::substrait::version::version();
    let numbers = [version.major_number, version.minor_number, version.patch_number];
    Some(numbers.map(|number| number.to_string()).join("."))
}

/// See the other.
#[cfg(not(feature = "substrait"))]
pub fn substrait_version() -> Option<String> {
    None
}

/// Reads a plan and authorises it.
///
/// # Errors
/// Usage where it is none, user where it does not fit what there is, denied what it may not read,
/// limit where it is too large.
#[cfg(feature = "substrait")]
pub(super) async fn parse(session: &Session, bytes: &[u8]) -> Result<Parsed> {
    use futures::FutureExt;
    let plan = limits::decoded(bytes)?;
    let catalogs = session.catalogs(std::collections::BTreeSet::new()).await?;
    let state = super::plan::bound_state(session, &catalogs);
    let reading = consumer::read(session, &state, &catalogs, &plan);
    // Where parts are missing that Substrait wants, the library panics.
    let read = std::panic::AssertUnwindSafe(reading).catch_unwind().await;
    let read = read.unwrap_or_else(|_| Err(limits::malformed("a part of it is missing")))?;
    super::plan::allowed(session, state, catalogs, read)
}

/// See the other.
///
/// # Errors
/// Unsupported, always.
#[cfg(not(feature = "substrait"))]
pub(super) async fn parse(_: &Session, _: &[u8]) -> Result<Parsed> {
    Err(crate::error::Error::unsupported("this Starhouse was built without Substrait")
        .hint("send SQL, or build it with `cargo build --features substrait`"))
}
