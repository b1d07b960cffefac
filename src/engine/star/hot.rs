//! Hot columns: decoded column chunks of facts and dimensions, kept in memory while they are used.
//!
//! Files never change and are known by their names, so a chunk stays good for every release that
//! still has its file. A chunk is admitted at its second use; where there is no room, only chunks
//! that have not been used for long make way, so that a scan larger than the budget does not drive
//! out what it will read again. What is kept counts against the memory of all queries, and is given
//! up first when they need it.

use super::narrow::narrowed;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Chunks seen once that are remembered.
const SEEN: usize = 1 << 20;

/// A chunk makes way once so many times the number of chunks kept were used after it.
const COLD: u64 = 4;

/// What is given up at once, at least: asking for memory bit by bit shall not take a sort each time.
const RELEASED: usize = 16 << 20;

/// A column chunk: a column of a row group of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Chunk {
    pub(super) file: Arc<str>,
    pub(super) row_group: usize,
    /// The column's place in the file.
    pub(super) leaf: usize,
}

/// Decoded column chunks, within a budget.
#[derive(Debug)]
pub(in crate::engine) struct HotColumns {
    limit_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    chunks: HashMap<Chunk, Hot>,
    seen: HashSet<Chunk>,
    /// Uses so far.
    uses: u64,
    memory: MemoryReservation,
}

#[derive(Debug)]
struct Hot {
    /// Numbers as narrow as they fit, texts maybe as codes.
    values: ArrayRef,
    /// The column's type.
    ty: DataType,
    bytes: usize,
    used: u64,
}

impl HotColumns {
    /// No more than so many bytes, taken from a pool. 0 keeps nothing.
    pub(in crate::engine) fn new(limit_bytes: usize, pool: &Arc<dyn MemoryPool>) -> Self {
        let memory = MemoryConsumer::new("hot columns").register(pool);
        let kept = Kept { chunks: HashMap::new(), seen: HashSet::new(), uses: 0, memory };
        Self { limit_bytes, kept: Mutex::new(kept) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chunk's values, if they are here as those of a column of that type: numbers maybe narrow, texts
    /// maybe as codes.
    pub(super) fn get(&self, chunk: &Chunk, ty: &DataType) -> Option<ArrayRef> {
        let mut kept = self.kept();
        kept.uses += 1;
        let now = kept.uses;
        let hot = kept.chunks.get_mut(chunk).filter(|hot| hot.ty == *ty)?;
        hot.used = now;
        Some(ArrayRef::clone(&hot.values))
    }

    /// Whether a chunk is here.
    pub(super) fn has(&self, chunk: &Chunk) -> bool {
        self.kept().chunks.contains_key(chunk)
    }

    /// Whether a chunk that is not here is worth decoding whole: it was asked for before, and so
    /// many bytes would find room.
    pub(super) fn wants(&self, chunk: &Chunk, bytes: usize) -> bool {
        if bytes > self.limit_bytes {
            return false;
        }
        let mut kept = self.kept();
        if kept.seen.len() >= SEEN {
            kept.seen.clear();
        }
        !kept.seen.insert(chunk.clone()) && kept.make_room(bytes, self.limit_bytes)
    }

    /// Keeps the values of a whole chunk of a column of that type, if there is room; gives them as they
    /// are kept.
    pub(super) fn put(&self, chunk: Chunk, values: &ArrayRef, ty: &DataType) -> Option<ArrayRef> {
        let values = narrowed(values);
        let bytes = values.get_array_memory_size();
        let mut kept = self.kept();
        if !kept.make_room(bytes, self.limit_bytes) || kept.memory.try_grow(bytes).is_err() {
            return None;
        }
        let hot = Hot { values: ArrayRef::clone(&values), ty: ty.clone(), bytes, used: kept.uses };
        if let Some(before) = kept.chunks.insert(chunk, hot) {
            kept.memory.shrink(before.bytes);
        }
        Some(values)
    }

    /// Gives up at least so many bytes, if there are so many; true if it gave up any.
    fn release(&self, bytes: usize) -> bool {
        self.kept().evict(bytes.max(RELEASED), u64::MAX) > 0
    }
}

impl Kept {
    /// Whether so many bytes have room, after chunks long unused made way.
    fn make_room(&mut self, bytes: usize, limit: usize) -> bool {
        let wanted = (self.memory.size() + bytes).saturating_sub(limit);
        if wanted == 0 {
            return true;
        }
        let cold = self.uses.saturating_sub(COLD * self.chunks.len() as u64);
        self.evict(wanted, cold) >= wanted
    }

    /// Drops what was used longest ago, and before that use, until so many bytes are free; says how
    /// many are.
    fn evict(&mut self, bytes: usize, before: u64) -> usize {
        let old = self.chunks.iter().filter(|(_, hot)| hot.used < before);
        let mut old: Vec<(u64, usize, Chunk)> =
            old.map(|(chunk, hot)| (hot.used, hot.bytes, chunk.clone())).collect();
        old.sort_unstable_by_key(|(used, ..)| *used);
        let mut freed = 0;
        for (_, size, chunk) in old {
            if freed >= bytes {
                break;
            }
            self.chunks.remove(&chunk);
            freed += size;
        }
        self.memory.shrink(freed);
        freed
    }
}

/// A pool of memory in which hot columns make way for whoever finds it full.
#[derive(Debug)]
pub(in crate::engine) struct HotColumnsYield {
    pool: Arc<dyn MemoryPool>,
    hot: Arc<HotColumns>,
}

impl HotColumnsYield {
    pub(in crate::engine) fn new(pool: Arc<dyn MemoryPool>, hot: Arc<HotColumns>) -> Self {
        Self { pool, hot }
    }
}

impl Display for HotColumnsYield {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl MemoryPool for HotColumnsYield {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.pool.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        loop {
            match self.pool.try_grow(reservation, additional) {
                Err(_) if self.hot.release(additional) => {}
                grown => return grown,
            }
        }
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int32Array;
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    fn chunk(number: usize) -> Chunk {
        Chunk { file: "f".into(), row_group: number, leaf: 0 }
    }

    fn values() -> ArrayRef {
        Arc::new(Int32Array::from(vec![i32::MAX; 1000]))
    }

    /// Asks for a chunk as a scan does; true if it was there.
    fn read(hot: &HotColumns, number: usize) -> bool {
        let there = hot.get(&chunk(number), &DataType::Int32).is_some();
        if !there && hot.wants(&chunk(number), values().get_array_memory_size()) {
            hot.put(chunk(number), &values(), &DataType::Int32);
        }
        there
    }

    fn pool() -> Arc<dyn MemoryPool> {
        Arc::new(GreedyMemoryPool::new(1 << 20))
    }

    #[test]
    fn keeps_at_the_second_use() {
        let pool = pool();
        let hot = HotColumns::new(1 << 20, &pool);
        let found: Vec<bool> = (0..4).map(|_| read(&hot, 1)).collect();
        assert_eq!(found, [false, false, true, true]);
        assert!(hot.get(&chunk(1), &DataType::Int64).is_none());
        assert_eq!(pool.reserved(), values().get_array_memory_size());
    }

    #[test]
    fn a_scan_larger_than_the_budget_finds_what_was_kept_first() {
        let hot = HotColumns::new(10 * values().get_array_memory_size(), &pool());
        for _ in 0..5 {
            (0..20).for_each(|number| _ = read(&hot, number));
        }
        assert_eq!((0..20).filter(|number| read(&hot, *number)).count(), 10);
        // What is not used any more makes way in the end.
        for _ in 0..10 {
            (100..110).for_each(|number| _ = read(&hot, number));
        }
        assert_eq!((100..110).filter(|number| read(&hot, *number)).count(), 10);
    }

    #[test]
    fn makes_way_for_queries() {
        let inner = pool();
        let hot = Arc::new(HotColumns::new(1 << 20, &inner));
        for _ in 0..2 {
            (0..200).for_each(|number| _ = read(&hot, number));
        }
        assert!(inner.reserved() > 700_000, "{}", inner.reserved());
        let pool: Arc<dyn MemoryPool> = Arc::new(HotColumnsYield::new(inner, hot));
        let query = MemoryConsumer::new("query").register(&pool);
        query.try_grow(1 << 20).unwrap();
        assert!(query.try_grow(1).is_err());
    }

    #[test]
    fn nothing_is_kept_without_a_budget() {
        let hot = HotColumns::new(0, &pool());
        assert_eq!((0..5).filter(|_| read(&hot, 1)).count(), 0);
    }
}
