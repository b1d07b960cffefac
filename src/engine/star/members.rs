//! A dimension's rows by key: an array, not a hash table, for surrogate keys are dense.

use super::facts::Bounds;
use super::joined::Keeps;
use super::key_set::KeySet;
use super::rows::{Column, Rows};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Int32Array, PrimitiveArray, RecordBatch,
    new_null_array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    DataType, Date32Type, Field, Int8Type, Int16Type, Int32Type, Schema, SchemaRef,
};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::MemoryReservation;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// No row has that key.
pub(super) const NONE: u32 = u32::MAX;

/// Keys that are no member's number: unknown, not applicable, and room for more.
const SPECIAL: i32 = 16;

/// The rows of a dimension, each at the place of its key.
#[derive(Debug)]
pub(super) struct Members {
    /// The columns of all rows.
    rows: RecordBatch,
    keeps: Keeps,
    /// The row of keys that no member has: one of NULLs, or [`NONE`].
    missing: u32,
    /// The smallest key that may be a member's number.
    floor: i32,
    /// The row of each key from `base` on.
    numbers: Vec<u32>,
    base: i32,
    /// The row of each key from `1 - SPECIAL` to 0.
    special: [u32; SPECIAL as usize],
    /// Which keys from `base` on have rows.
    present: KeySet,
    /// What all this takes; given back with it.
    #[allow(dead_code, reason = "what it does is to be dropped with the rows")]
    memory: MemoryReservation,
    /// The smallest and largest number, if there is one, and whether all between have rows.
    span: Option<(RangeInclusive<i32>, bool)>,
}

/// How many of the keys in a range have rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cover {
    None,
    All,
    /// Some: this part of them, about.
    Some(f64),
}

/// By what members are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keyed {
    /// The column of their keys.
    pub(super) key: usize,
    pub(super) keeps: Keeps,
    /// The keys that are asked for, as far as that is known: others matter to nobody.
    pub(super) bounds: Option<Bounds>,
}

impl Members {
    /// The rows of a dimension by their key, on memory that they keep. Rows without a key match
    /// nothing and are left out. Keys are surrogate keys, or days, whose numbers may be of any sign.
    /// Where all facts stay, a key that no member has has a row of NULLs.
    ///
    /// # Errors
    /// Internal where a key is out of bounds or comes twice; resources exhausted.
    pub(super) fn new(
        schema: &SchemaRef,
        mut batches: Vec<RecordBatch>,
        keyed: Keyed,
        memory: MemoryReservation,
    ) -> Result<Self> {
        let Keyed { key, keeps, bounds } = keyed;
        let rows = match keeps {
            Keeps::All => {
                let schema = nullable(schema);
                let nulls =
                    schema.fields().iter().map(|field| new_null_array(field.data_type(), 1));
                batches.push(RecordBatch::try_new(Arc::clone(&schema), nulls.collect())?);
                concat_batches(&schema, &batches)?
            }
            Keeps::Matched | Keeps::Unmatched => concat_batches(schema, &batches)?,
        };
        let last_row = || rows.num_rows().checked_sub(1).and_then(|row| u32::try_from(row).ok());
        let missing = if keeps == Keeps::All { last_row().unwrap_or(NONE) } else { NONE };
        let floor = match schema.field(key).data_type() {
            DataType::Date32 => i32::MIN,
            _ => 1,
        };
        let is_asked = |key: &i32| bounds.is_none_or(|(low, high)| (low..=high).contains(key));
        let keys = key_values(rows.column(key))?;
        let numbers = keys.iter().flatten().filter(|key| *key >= floor && is_asked(key));
        let span = numbers.fold(None, |span: Option<Bounds>, key| {
            Some(span.map_or((key, key), |(low, high)| (low.min(key), high.max(key))))
        });
        let (base, width) = match span {
            Some((low, high)) => (low, high.abs_diff(low) as usize + 1),
            None => (1, 0),
        };
        let places = width * size_of::<u32>() + KeySet::bytes(width);
        memory.try_resize(rows.get_array_memory_size() + places)?;
        let mut members = Self {
            memory,
            keeps,
            missing,
            floor,
            numbers: vec![missing; width],
            base,
            special: [missing; SPECIAL as usize],
            present: KeySet::new(base, width),
            span: None,
            rows: rows.clone(),
        };
        let mut seen = 0;
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key.filter(is_asked) else { continue };
            let slot = members.slot(key)?;
            if *slot != missing {
                return internal_err!("key {key} of a dimension comes twice");
            }
            *slot = u32::try_from(row).map_err(|_| internal_datafusion_err!("too many rows"))?;
            if key >= floor {
                seen += 1;
                members.present.add(key);
            }
        }
        members.present.count();
        members.span = span.map(|(low, high)| (low..=high, seen == width));
        Ok(members)
    }

    fn slot(&mut self, key: i32) -> Result<&mut u32> {
        let place = if key >= self.floor {
            self.numbers.get_mut(key.abs_diff(self.base) as usize)
        } else {
            special(key).and_then(|place| self.special.get_mut(place))
        };
        place.ok_or_else(|| internal_datafusion_err!("{key} is no surrogate key"))
    }

    /// Which facts stay.
    pub(super) fn keeps(&self) -> Keeps {
        self.keeps
    }

    /// The columns of all rows.
    pub(super) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// The row of a key; where no member has it, the row of those, or [`NONE`].
    #[inline]
    pub(super) fn row(&self, key: i32) -> u32 {
        let place = key.wrapping_sub(self.base) as u32 as usize;
        match self.numbers.get(place) {
            Some(row) if key >= self.floor => *row,
            _ => special(key).map_or(self.missing, |place| self.special[place]),
        }
    }

    /// The row of each key of a column, as [`row`](Self::row) gives it; no member has NULL.
    pub(super) fn rows_of(&self, keys: &Int32Array) -> impl Iterator<Item = u32> {
        let nulls = keys.nulls();
        let row = move |(place, key): (usize, &i32)| match nulls {
            Some(nulls) if nulls.is_null(place) => self.missing,
            _ => self.row(*key),
        };
        keys.values().iter().enumerate().map(row)
    }

    /// Whether keys are between the smallest and the largest of members' numbers.
    pub(super) fn spans(&self, low: i32, high: i32) -> bool {
        self.span.as_ref().is_some_and(|(span, _)| span.contains(&low) && span.contains(&high))
    }

    /// Whether a member has a key.
    #[inline]
    fn has(&self, key: i32) -> bool {
        match self.present.has(key) {
            Some(has) if key >= self.floor => has,
            _ => special(key).is_some_and(|place| self.special[place] != self.missing),
        }
    }

    /// The rows that stay by their keys, in this column. `low` is the smallest of the keys.
    pub(super) fn keep(&self, keys: &Column, rows: &Rows, low: i32) -> Result<Rows> {
        let values = &keys.values;
        Ok(match values.data_type() {
            DataType::Int8 => self.keep_by(values.as_primitive::<Int8Type>(), keys, rows, low),
            DataType::Int16 => self.keep_by(values.as_primitive::<Int16Type>(), keys, rows, low),
            _ => self.keep_by(&key_values(values)?, keys, rows, low),
        })
    }

    /// The same, by the column's values.
    fn keep_by<N>(&self, values: &PrimitiveArray<N>, keys: &Column, rows: &Rows, low: i32) -> Rows
    where
        N: ArrowPrimitiveType,
        N::Native: Into<i32>,
    {
        let (numbers, nulls) = (values.values(), values.nulls());
        let stays = |place: usize| match nulls {
            Some(nulls) if nulls.is_null(place) => false,
            _ => self.has(numbers[place].into()),
        };
        match (&self.span, self.keeps) {
            (_, Keeps::Unmatched) => keys.keep(rows, |place| !stays(place)),
            // One range of keys, as a member of a level is.
            (Some((span, true)), _) if low >= self.floor && nulls.is_none() => {
                let (first, width) = (*span.start(), span.end().abs_diff(*span.start()));
                let offset = |key: i32| key.wrapping_sub(first) as u32;
                keys.keep(rows, |place| offset(numbers[place].into()) <= width)
            }
            _ if nulls.is_none() => keys.keep(rows, |place| self.has(numbers[place].into())),
            _ => keys.keep(rows, stays),
        }
    }

    /// How many of the keys from `low` to `high` leave facts as they are.
    pub(super) fn cover(&self, low: i32, high: i32) -> Cover {
        if self.keeps == Keeps::All {
            return Cover::All;
        }
        let last = high.min(self.floor.saturating_sub(1));
        let special = (low.max(1 - SPECIAL)..=last).filter(|key| self.has(*key)).count();
        let found = special + self.count(low.max(self.floor), high);
        let all = low <= high && found as u64 == u64::from(high.abs_diff(low)) + 1;
        let part = found as f64 / (f64::from(high) - f64::from(low) + 1.0).max(1.0);
        match (found, self.keeps) {
            (0, Keeps::Unmatched) => Cover::All,
            (0, _) => Cover::None,
            (_, Keeps::Unmatched) if all => Cover::None,
            (_, Keeps::Unmatched) => Cover::Some(1.0 - part),
            _ if all => Cover::All,
            _ => Cover::Some(part),
        }
    }

    /// Rows with numbers from `low` to `high`.
    fn count(&self, low: i32, high: i32) -> usize {
        let Some((span, _)) = &self.span else { return 0 };
        let (low, high) = (low.max(*span.start()), high.min(*span.end()));
        if low > high {
            return 0;
        }
        let before = if low > *span.start() { self.present.up_to(low - 1) } else { 0 };
        self.present.up_to(high) - before
    }

    /// The keys between the smallest and the largest of members' numbers, in order, whose code differs
    /// from that of the key before; keys without rows have no code.
    pub(super) fn changes(&self, codes: &[u32]) -> Vec<i32> {
        let mut before = None;
        let mut changes = Vec::new();
        for (place, row) in self.numbers.iter().enumerate() {
            let code = codes.get(*row as usize).copied();
            if code != before {
                changes.push(self.base + place as i32);
            }
            before = code;
        }
        changes
    }
}

/// The schema with NULLs in every column.
fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

fn special(key: i32) -> Option<usize> {
    usize::try_from(key.checked_add(SPECIAL - 1)?).ok().filter(|place| *place < SPECIAL as usize)
}

/// A column of keys; of days, their numbers.
pub(super) fn key_values(column: &ArrayRef) -> Result<Int32Array> {
    let keys = column.as_primitive_opt::<Int32Type>().cloned();
    let days = || Some(column.as_primitive_opt::<Date32Type>()?.reinterpret_cast());
    keys.or_else(days).ok_or_else(|| internal_datafusion_err!("a key is neither int32 nor date"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Date32Array;
    use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};

    fn memory() -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        MemoryConsumer::new("test").register(&pool)
    }

    fn members(keys: &[i32]) -> Members {
        let keys: ArrayRef = Arc::new(Int32Array::from(keys.to_vec()));
        let batch = RecordBatch::try_from_iter([("k", keys)]).unwrap();
        Members::new(&batch.schema(), vec![batch], keyed(Keeps::Matched), memory()).unwrap()
    }

    fn keyed(keeps: Keeps) -> Keyed {
        Keyed { key: 0, keeps, bounds: None }
    }

    #[test]
    fn finds_rows_by_key() {
        let days = members(&[-1, 20_240_131, 20_240_201, -2]);
        assert_eq!(days.row(20_240_131), 1);
        assert_eq!(days.row(20_240_201), 2);
        assert_eq!(days.row(20_240_132), NONE);
        assert_eq!((days.row(-1), days.row(-2), days.row(-3), days.row(0)), (0, 3, NONE, NONE));
        assert_eq!((days.row(i32::MIN), days.row(i32::MAX), days.row(1)), (NONE, NONE, NONE));
    }

    #[test]
    fn tells_how_many_keys_of_a_range_it_has() {
        let keys: Vec<i32> = (1..=200).filter(|key| key % 100 != 0).collect();
        let members = members(&keys);
        for (low, high) in [(1, 99), (1, 100), (100, 100), (64, 130), (150, 900), (-3, 5)] {
            let found = (low..=high).filter(|key| keys.contains(key)).count();
            let expected = match found {
                0 => Cover::None,
                _ if found == (high - low + 1) as usize => Cover::All,
                _ => Cover::Some(found as f64 / f64::from(high - low + 1)),
            };
            assert_eq!(members.cover(low, high), expected, "{low}..={high}");
        }
    }

    #[test]
    fn tells_where_codes_change() {
        let members = members(&[-1, 5, 6, 7, 9, 10]);
        // Key 7 has another code than 6; 8 has no row, so there it changes, and again at 9.
        assert_eq!(members.changes(&[0, 1, 1, 2, 2, 2]), [5, 7, 8, 9]);
    }

    #[test]
    fn refuses_a_key_twice() {
        let keys: ArrayRef = Arc::new(Int32Array::from(vec![1, 1]));
        let batch = RecordBatch::try_from_iter([("k", keys)]).unwrap();
        let schema = batch.schema();
        assert!(Members::new(&schema, vec![batch], keyed(Keeps::Matched), memory()).is_err());
    }

    #[test]
    fn gives_keys_without_a_member_a_row_of_nulls() {
        let keys: ArrayRef = Arc::new(Int32Array::from(vec![-1, 5, 7]));
        let batch = RecordBatch::try_from_iter([("k", keys)]).unwrap();
        let members =
            Members::new(&batch.schema(), vec![batch], keyed(Keeps::All), memory()).unwrap();
        let asked = Int32Array::from(vec![Some(-1), Some(5), Some(6), Some(8), Some(-2), None]);
        assert_eq!(members.rows_of(&asked).collect::<Vec<_>>(), [0, 1, 3, 3, 3, 3]);
        assert!(members.rows().column(0).is_null(3));
        assert_eq!(members.cover(100, 200), Cover::All);
    }

    #[test]
    fn keeps_what_has_no_member() {
        let keys: ArrayRef = Arc::new(Int32Array::from(vec![-1, 5, 6, 9]));
        let batch = RecordBatch::try_from_iter([("k", keys)]).unwrap();
        let keyed = keyed(Keeps::Unmatched);
        let members = Members::new(&batch.schema(), vec![batch], keyed, memory()).unwrap();
        assert_eq!(members.cover(5, 6), Cover::None);
        assert_eq!(members.cover(10, 20), Cover::All);
        assert_eq!(members.cover(5, 8), Cover::Some(0.5));
        let facts = Int32Array::from(vec![Some(5), Some(7), None, Some(-1), Some(-2), Some(9)]);
        let facts = Column { values: Arc::new(facts), ranges: std::iter::once(0..6).collect() };
        let all = Rows::Ranges(std::iter::once(0..6).collect());
        assert_eq!(members.keep(&facts, &all, -2).unwrap(), Rows::List(vec![1, 2, 4]));
    }

    #[test]
    fn looks_days_up() {
        let days: ArrayRef =
            Arc::new(Date32Array::from(vec![Some(-700), None, Some(-5), Some(20)]));
        let batch = RecordBatch::try_from_iter([("d", days)]).unwrap();
        let keyed = Keyed { bounds: Some((-600, 900)), ..keyed(Keeps::Matched) };
        let members = Members::new(&batch.schema(), vec![batch], keyed, memory()).unwrap();
        // What no fact asks for takes no place.
        assert_eq!((members.row(-700), members.row(-5), members.row(20)), (NONE, 2, 3));
        assert_eq!(
            (members.cover(-5, 20), members.cover(-4, 19)),
            (Cover::Some(2.0 / 26.0), Cover::None)
        );
        assert_eq!(members.cover(i32::MIN, i32::MAX), Cover::Some(2.0 / 2_f64.powi(32)));
    }
}
