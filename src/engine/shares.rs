//! How queries share memory: fairly, but nobody is refused a little while there is much.

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use std::fmt::{self, Display, Formatter};

/// The part of the pool that any one operator may have, whatever its fair share.
const LEAST_SHARE: usize = 64;

/// DataFusion's fair pool gives each operator that can spill an equal share, idle ones as well. A
/// question of many parts, or many questions at once, has hundreds of them: shares of a large and
/// empty pool would be too small for a single batch. Here an operator may have a 64th of the pool
/// in any case, as long as all of them together stay within it.
#[derive(Debug)]
pub(super) struct FairShares {
    fair: FairSpillPool,
    limit: usize,
}

impl FairShares {
    /// A pool of so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { fair: FairSpillPool::new(limit), limit }
    }

    /// Whether an operator may grow beyond its fair share.
    fn is_little(&self, reservation: &MemoryReservation, additional: usize) -> bool {
        let size = reservation.size().saturating_add(additional);
        let together = self.fair.reserved().saturating_add(additional);
        reservation.consumer().can_spill()
            && size <= self.limit / LEAST_SHARE
            && together <= self.limit
    }
}

impl Display for FairShares {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.fair.fmt(f)
    }
}

impl MemoryPool for FairShares {
    fn name(&self) -> &str {
        self.fair.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.fair.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.fair.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.fair.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.fair.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let grown = self.fair.try_grow(reservation, additional);
        if grown.is_err() && self.is_little(reservation, additional) {
            self.fair.grow(reservation, additional);
            return Ok(());
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.fair.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.fair.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn operators(pool: &Arc<dyn MemoryPool>, count: usize) -> Vec<MemoryReservation> {
        let operator = |_| MemoryConsumer::new("sort").with_can_spill(true).register(pool);
        (0..count).map(operator).collect()
    }

    #[test]
    fn a_little_is_given_among_hundreds_of_operators() {
        let pool: Arc<dyn MemoryPool> = Arc::new(FairShares::new(64 << 20));
        let operators = operators(&pool, 1_000);
        for operator in &operators[..64] {
            operator.try_grow(1 << 20).unwrap();
            assert!(operator.try_grow(1).is_err());
        }
        assert_eq!(pool.reserved(), 64 << 20);
    }

    #[test]
    fn beyond_that_shares_are_equal() {
        let pool: Arc<dyn MemoryPool> = Arc::new(FairShares::new(64 << 20));
        let operators = operators(&pool, 2);
        operators[0].try_grow(32 << 20).unwrap();
        assert!(operators[0].try_grow(1).is_err());
        operators[1].try_grow(32 << 20).unwrap();
    }
}
