//! Shared values behind `dyn`.
//!
//! A session state and a logical plan are made of hundreds of types that refer to each other. To
//! know that a future or service which holds one is `Send`, the compiler walks all of them, for
//! seconds, again for every function. Behind `dyn` it is told once.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

/// A value that may be shared among threads, whatever it is made of.
pub(crate) trait Erased<T>: Deref<Target = T> + Debug + Send + Sync {}

impl<T, P: Deref<Target = T> + Debug + Send + Sync> Erased<T> for P {}

/// Shares a value behind `dyn`.
pub(crate) fn erased<T: Debug + Send + Sync + 'static>(value: T) -> Arc<dyn Erased<T>> {
    Arc::new(Box::new(value))
}
