//! The declared grain: no key comes twice.
//!
//! Keys are hashed while rows pass by. Only where two hashes are equal, or where memory for them
//! ran out, are the keys themselves compared, over the staged rows.

use super::fact_sql::{KEYED, WRITTEN};
use super::{Loading, fact_sql};
use crate::engine::Reserved;
use crate::error::{Error, Result};
use crate::etl::rows;
use crate::model::{Column, Fact, FactRole};
use crate::store::{TableState, lanes};
use arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::{RandomState, create_hashes};

/// Hashes are kept in this many parts, by their first bits: each is sorted by itself.
const PARTS: usize = 256;
/// Rows whose hashes memory is taken for at a time; a part may be twice as large as it is full.
const ROWS_A_STEP: usize = 1 << 20;
const BYTES_A_ROW: usize = 2 * size_of::<u64>();

/// The keys of the rows that passed by.
pub(super) struct Grain {
    /// Places of the key's columns.
    key: Vec<usize>,
    parts: Vec<Vec<u64>>,
    hashes: Vec<u64>,
    reserved: Reserved,
    /// Rows that there is memory for; none once there was no more.
    room: Option<usize>,
}

impl Grain {
    /// For rows of these columns, told apart by those named.
    pub(super) fn new(columns: &[Column], key: &[String], reserved: Reserved) -> Result<Self> {
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        let key: Option<Vec<usize>> = key.iter().map(place).collect();
        let key = key.ok_or_else(|| Error::internal("a key's column is not among the rows"))?;
        let parts = vec![Vec::new(); PARTS];
        Ok(Self { key, parts, hashes: Vec::new(), reserved, room: Some(0) })
    }

    /// Remembers the keys of these rows.
    pub(super) fn observe(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.key.is_empty() {
            return Ok(());
        }
        let Some(room) = self.room else { return Ok(()) };
        let rows = batch.num_rows();
        self.room = match room.checked_sub(rows) {
            Some(room) => Some(room),
            None => {
                let more = rows.max(ROWS_A_STEP);
                self.reserved.grow(more * BYTES_A_ROW).then(|| room + more - rows)
            }
        };
        if self.room.is_none() {
            self.parts = Vec::new();
            return Ok(());
        }
        self.hashes.clear();
        self.hashes.resize(rows, 0);
        let columns = self.key.iter().map(|place| batch.column(*place));
        // The same in every process: what is done again takes the same path.
        let seed = RandomState::with_seed(0);
        create_hashes(columns, &seed, &mut self.hashes).map_err(crate::engine::error_of)?;
        for hash in &self.hashes {
            self.parts[(hash >> 56) as usize].push(*hash);
        }
        Ok(())
    }

    /// Whether a key may have come twice. Takes a moment.
    pub(super) fn may_repeat(mut self) -> bool {
        let twice = |part: &mut Vec<u64>| {
            part.sort_unstable();
            part.windows(2).any(|pair| pair[0] == pair[1])
        };
        let share = self.parts.len().div_ceil(lanes()).max(1);
        self.room.is_none()
            || std::thread::scope(|scope| {
                let shares = self.parts.chunks_mut(share);
                let threads: Vec<_> =
                    shares.map(|parts| scope.spawn(|| parts.iter_mut().any(twice))).collect();
                // Whoever ends early has not seen that none came twice.
                threads.into_iter().any(|thread| thread.join().unwrap_or(true))
            })
    }
}

/// No key comes twice among the staged rows, of which it may be known already.
pub(super) async fn check(
    loading: &Loading<'_>,
    fact: &Fact,
    keyed: &TableState,
    may_repeat: bool,
) -> Result<()> {
    if fact.key.is_empty() || !may_repeat {
        return Ok(());
    }
    let keys = fact_sql::natural_key(fact, loading.engine.model())?;
    let keys = fact_sql::list("", &keys);
    let sql = format!(
        "SELECT {keys} FROM {KEYED} GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 3"
    );
    let session = loading.session(&[(KEYED, keyed)]);
    let twice = rows::answer(&session, &sql).await?;
    refuse(fact, &twice, "more than once in the rows of this job", |error| {
        error.hint("`deduplicate` in a source says which row stays; or mend the transformation")
    })
}

/// No key is in the fact already. A member whom nobody knows may be another one each time; what is
/// not applicable is the same each time.
pub(super) async fn check_new(
    loading: &Loading<'_>,
    fact: &Fact,
    before: &TableState,
    written: &TableState,
) -> Result<()> {
    if fact.key.is_empty() || written.files.is_empty() || before.files.is_empty() {
        return Ok(());
    }
    let keys = fact_sql::list("n.", &fact.key);
    let roles = fact.roles.iter().map(FactRole::key_column);
    let unknown = crate::ids::SurrogateKey::UNKNOWN.0;
    let known = roles.filter(|key| fact.key.contains(key));
    let known = known.map(|key| format!("n.{} <> {unknown} AND ", fact_sql::quoted(&key)));
    let sql = format!(
        "SELECT {keys} FROM {WRITTEN} AS n JOIN rows_before AS b ON {}{} ORDER BY {keys} LIMIT 3",
        known.collect::<String>(),
        fact_sql::equal("n", "b", &fact.key)
    );
    let session = loading.session(&[(WRITTEN, written), ("rows_before", before)]);
    let known = rows::answer(&session, &sql).await?;
    refuse(fact, &known, "in the fact already", |error| {
        error.hint("with `mode: upsert` rows replace those with the same key")
    })
}

fn refuse(fact: &Fact, keys: &RecordBatch, what: &str, hint: fn(Error) -> Error) -> Result<()> {
    if keys.num_rows() == 0 {
        return Ok(());
    }
    let shown = (0..keys.num_rows()).map(|row| {
        let values = keys.columns().iter().map(|column| {
            arrow::util::display::array_value_to_string(column, row).unwrap_or_default()
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    });
    let shown: Vec<String> = shown.collect();
    let message = format!("keys are {what}: {} = {}", fact.key.join(", "), shown.join(", "));
    Err(hint(Error::data(message).with("fact", &fact.name)))
}
