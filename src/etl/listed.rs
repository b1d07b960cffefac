//! Rows of reference data, found by their key.

use super::room::{Held, Room};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{Row, RowConverter, Rows, SortField};
use arrow::util::display::array_value_to_string;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// More rows than this are not held in memory for a lookup.
pub(crate) const ROWS_AT_MOST: usize = 4_000_000;

/// No row.
const NONE: u32 = u32::MAX;

/// Rows of reference data on their way into memory, as far as there is room.
pub(crate) struct Listing {
    held: Held,
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Listing {
    /// None yet.
    pub(crate) fn new(room: Box<dyn Room>) -> Self {
        Self { held: Held::new(room), batches: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Takes more of them.
    ///
    /// # Errors
    /// Unsupported where there are too many of them, limit where memory has no room.
    pub(crate) fn add(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        if self.rows > ROWS_AT_MOST {
            let message = format!("more than {ROWS_AT_MOST} rows are not held for a lookup");
            return Err(Error::unsupported(message).hint(JOIN));
        }
        self.hold(self.bytes)?;
        self.batches.push(batch);
        Ok(())
    }

    /// All of them, by their first columns; one column more is the value.
    ///
    /// # Errors
    /// Data where a key has two values, limit where memory has no room.
    pub(crate) fn by_key(mut self, schema: &SchemaRef, key_columns: usize) -> Result<Listed> {
        let all = self.all(schema)?;
        // the rows, their keys once more, and the index over them
        self.hold(2 * self.bytes + all.num_rows() * INDEX_BYTES)?;
        let listed = Listed::new(&all, key_columns)?;
        drop(all);
        self.hold(listed.size_bytes())?;
        Ok(Listed { _held: Some(self.held), ..listed })
    }

    /// All of them as codes, by their first column, and what they stand for.
    ///
    /// # Errors
    /// Data where a code stands for two things, limit where memory has no room.
    pub(crate) fn codes(mut self, schema: &SchemaRef) -> Result<Codes> {
        let all = self.all(schema)?;
        self.hold(2 * self.bytes + all.num_rows() * CODE_BYTES)?;
        let of = codes(&all)?;
        drop(all);
        let bytes = of.iter().map(|(code, value)| code.len() + value.len() + CODE_BYTES).sum();
        self.hold(bytes)?;
        Ok(Codes { of, _held: Some(self.held) })
    }

    /// They as one batch.
    fn all(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        self.hold(2 * self.bytes)?;
        let batches = std::mem::take(&mut self.batches);
        concat_batches(schema, &batches).map_err(broken)
    }

    fn hold(&mut self, bytes: usize) -> Result<()> {
        if self.held.hold(bytes) {
            return Ok(());
        }
        let message = format!("memory has no room for the {} rows of a lookup", self.rows);
        Err(Error::new(ErrorKind::Limit, message).hint(format!("raise `memory_limit`, or {JOIN}")))
    }
}

/// What is to be done with what is too large.
const JOIN: &str = "read them as a source of the job, and join them in its `transform`";
/// Of a row in the index: its hash, its number, the next row of that hash, and room for more.
const INDEX_BYTES: usize = 40;
/// Of a code beside its text and the value's.
const CODE_BYTES: usize = 64;

/// Keys, each with at most one value. Keys are tuples, compared value by value.
pub(crate) struct Listed {
    keys: Rows,
    hashes: RandomState,
    /// The first row of each hash, and the next of the same.
    first: HashMap<u64, u32>,
    next: Vec<u32>,
    values: Option<ArrayRef>,
    _held: Option<Held>,
}

/// What a job's rules say does not depend on what is listed.
impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listed")
    }
}

impl PartialEq for Listed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Listed {
    /// The rows of a batch by their first columns; one column more is the value. A row with NULL in
    /// its key is found by nobody.
    ///
    /// # Errors
    /// Data where a key has two values.
    fn new(batch: &RecordBatch, key_columns: usize) -> Result<Self> {
        let (keys, values) = batch.columns().split_at(key_columns);
        let value = values.first().map(|value| encode(std::slice::from_ref(value))).transpose()?;
        let mut listed = Self {
            keys: encode(keys)?,
            hashes: RandomState::new(),
            first: HashMap::with_capacity(batch.num_rows()),
            next: vec![NONE; batch.num_rows()],
            values: values.first().cloned(),
            _held: None,
        };
        for (row, index) in (0_u32..).take(batch.num_rows()).map(|row| (row as usize, row)) {
            if has_null(keys, row) {
                continue;
            }
            match listed.find(listed.keys.row(row)) {
                None => {
                    let hash = listed.hashes.hash_one(listed.keys.row(row).as_ref());
                    let before = listed.first.insert(hash, index);
                    listed.next[row] = before.unwrap_or(NONE);
                }
                Some(other) => {
                    let other = other as usize;
                    if value.as_ref().is_some_and(|value| value.row(other) != value.row(row)) {
                        let key = words(keys, row);
                        return Err(Error::data(format!("{key} stands for two values there"))
                            .hint("a lookup needs columns that tell its rows apart"));
                    }
                }
            }
        }
        Ok(listed)
    }

    /// The row of a key.
    fn find(&self, key: Row<'_>) -> Option<u32> {
        let mut row = *self.first.get(&self.hashes.hash_one(key.as_ref()))?;
        while row != NONE {
            if self.keys.row(row as usize).as_ref() == key.as_ref() {
                return Some(row);
            }
            row = self.next[row as usize];
        }
        None
    }

    /// Bytes of memory.
    fn size_bytes(&self) -> usize {
        let entry = size_of::<(u64, u32)>() + 1;
        let values = self.values.as_ref().map_or(0, |values| values.get_array_memory_size());
        self.keys.size() + self.first.capacity() * entry + self.next.capacity() * 4 + values
    }

    /// Which rows are not listed. One with NULL in its key asks for nothing.
    pub(crate) fn absent(&self, keys: &[ArrayRef]) -> Result<Vec<usize>> {
        let encoded = encode(keys)?;
        let is_absent =
            |row: &usize| !has_null(keys, *row) && self.find(encoded.row(*row)).is_none();
        Ok((0..encoded.num_rows()).filter(is_absent).collect())
    }

    /// The value of each key; NULL where it is not listed.
    pub(crate) fn values(&self, keys: &[ArrayRef], ty: &DataType) -> Result<ArrayRef> {
        let encoded = encode(keys)?;
        let rows: UInt32Array = encoded.iter().map(|key| self.find(key)).collect();
        match &self.values {
            Some(values) => take(values, &rows, None).map_err(broken),
            None => Ok(new_null_array(ty, rows.len())),
        }
    }
}

/// Codes, in small letters, and what they stand for.
pub(crate) struct Codes {
    /// They.
    pub(crate) of: BTreeMap<String, String>,
    _held: Option<Held>,
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codes")
    }
}

impl PartialEq for Codes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Codes {}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Codes {
    fn from(codes: [(&str, &str); N]) -> Self {
        let of = codes.map(|(code, value)| (code.to_owned(), value.to_owned())).into();
        Self { of, _held: None }
    }
}

fn codes(rows: &RecordBatch) -> Result<BTreeMap<String, String>> {
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    let [code, value] = [0, 1].map(|at| rows.column(at).as_string::<i32>());
    for row in (0..rows.num_rows()).filter(|row| !code.is_null(*row)) {
        let text = if value.is_null(row) { "" } else { value.value(row) };
        let before = codes.insert(code.value(row).to_lowercase(), text.to_owned());
        if before.is_some_and(|before| before != text) {
            let message = format!("the code `{}` stands for two things", code.value(row));
            return Err(Error::data(message).hint("codes are compared without case"));
        }
    }
    Ok(codes)
}

/// Rows of columns as bytes: equal where the rows are.
pub(crate) fn encode(columns: &[ArrayRef]) -> Result<Rows> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(broken)?;
    converter.convert_columns(columns).map_err(broken)
}

/// The values of a row, in words.
pub(crate) fn words(columns: &[ArrayRef], row: usize) -> String {
    let value = |column: &ArrayRef| {
        let text = array_value_to_string(column, row).unwrap_or_default();
        format!("`{text}`")
    };
    columns.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn has_null(columns: &[ArrayRef], row: usize) -> bool {
    columns.iter().any(|column| column.is_null(row))
}

fn broken(error: ArrowError) -> Error {
    Error::internal("reference data does not hold together").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etl::room::tests::Bytes;
    use arrow::array::{Int32Array, StringArray};
    use std::sync::Arc;

    fn texts(texts: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(texts.to_vec()))
    }

    fn numbers(numbers: &[Option<i32>]) -> ArrayRef {
        Arc::new(Int32Array::from(numbers.to_vec()))
    }

    fn batch(columns: [ArrayRef; 3]) -> RecordBatch {
        let names = ["a", "b", "v"];
        RecordBatch::try_from_iter_with_nullable(
            names.into_iter().zip(columns).map(|(name, column)| (name, column, true)),
        )
        .unwrap()
    }

    #[test]
    fn keys_are_tuples_and_null_finds_nothing() {
        let there = batch([
            texts(&[Some("a"), Some("ab"), None, Some("a")]),
            texts(&[Some("bc"), Some("c"), Some("x"), Some("bc")]),
            numbers(&[Some(1), None, Some(3), Some(1)]),
        ]);
        let listed = Listed::new(&there, 2).unwrap();
        let keys = [
            texts(&[Some("a"), Some("ab"), Some("abc"), None, Some("a")]),
            texts(&[Some("bc"), Some("c"), Some(""), Some("x"), None]),
        ];
        assert_eq!(listed.absent(&keys).unwrap(), [2]);
        let values = listed.values(&keys, &DataType::Int32).unwrap();
        let values: Vec<_> = values.as_primitive::<arrow::datatypes::Int32Type>().iter().collect();
        assert_eq!(values, [Some(1), None, None, None, None]);
    }

    #[test]
    fn a_key_with_two_values_is_refused() {
        let there = batch([
            texts(&[Some("a"), Some("a")]),
            texts(&[Some("b"), Some("b")]),
            numbers(&[Some(1), Some(2)]),
        ]);
        let error = Listed::new(&there, 2).err().unwrap();
        assert!(error.to_string().contains("`a`, `b` stands for two values"), "{error}");
    }

    #[test]
    fn rows_that_memory_has_no_room_for_are_refused_and_what_is_held_is_given_back() {
        let rows = 10_000;
        let texts: StringArray = (0..rows).map(|row| Some(format!("key {row}"))).collect();
        let columns: [ArrayRef; 2] = [Arc::new(texts.clone()), Arc::new(texts)];
        let named = ["a", "v"].into_iter().zip(columns).map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(named).unwrap();
        let bytes = batch.get_array_memory_size();
        let listing = |room: usize| {
            let mut listing = Listing::new(Box::new(Bytes(room)));
            listing.add(batch.clone()).map(|()| listing)
        };
        for room in [bytes / 2, bytes + 10, 2 * bytes + 10] {
            let refused = listing(room).and_then(|all| all.by_key(&batch.schema(), 1)).err();
            let refused = refused.unwrap();
            assert_eq!(refused.kind(), ErrorKind::Limit);
            assert!(refused.to_string().contains("raise `memory_limit`, or read them"));
            let refused = listing(room).and_then(|all| all.codes(&batch.schema())).err();
            assert_eq!(refused.unwrap().kind(), ErrorKind::Limit);
        }
        let listed = listing(10 * bytes).unwrap().by_key(&batch.schema(), 1).unwrap();
        assert!(listed.size_bytes() < 5 * bytes, "{} of {bytes}", listed.size_bytes());
        let found = listed.values(&batch.columns()[..1], &DataType::Utf8).unwrap();
        assert_eq!(&found, batch.column(1));
        let held = listed._held.unwrap();
        assert!(format!("{held:?}") != "0 bytes");
    }
}
