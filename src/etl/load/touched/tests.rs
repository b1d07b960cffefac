//! What a load makes of some members beside what it makes of all.

use super::super::scd::{Loaded, Members, Refused, load};
use super::*;
use crate::etl::job::Missing;
use crate::model::{Attribute, ColumnType, DimensionKind, History, arrow_schema};
use crate::store::ColumnStatistics;
use arrow::array::{BooleanArray, Int32Array, StringArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use proptest::prelude::*;

fn dimension() -> Dimension {
    let attribute = |name: &str, history| Attribute {
        column: Column::new(name, ColumnType::Text, true),
        history,
        order_by: None,
    };
    Dimension {
        name: "customer".to_owned(),
        description: "who buys".to_owned(),
        kind: DimensionKind::Loaded,
        natural_key: vec![Column::new("id", ColumnType::Int32, false)],
        attributes: vec![
            attribute("first", History::Original),
            attribute("name", History::Overwrite),
            attribute("city", History::NewVersion),
        ],
        hierarchies: Vec::new(),
        infers_members: false,
        parent_child: None,
        outriggers: Vec::new(),
    }
}

/// Members, what is said of each, and at which moment.
type Told = Vec<(i32, Option<u8>, i64)>;

fn rows(told: &Told) -> RecordBatch {
    let text = |of: fn(u8) -> u8| -> ArrayRef {
        let texts = told.iter().map(|one| Some(format!("value {}", of(one.1?))));
        Arc::new(texts.collect::<StringArray>())
    };
    let columns: Vec<Column> = dimension().source_columns().cloned().collect();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(told.iter().map(|one| one.0).collect::<Int32Array>()),
        text(|value| value),
        text(|value| value / 2),
        text(|value| value % 2),
    ];
    RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap()
}

fn loaded(before: Option<&Stored>, told: &Told, as_of_us: i64, dated: bool) -> Loaded {
    let effective: Vec<i64> = told.iter().map(|one| one.2).collect();
    load(&Members {
        dimension: &dimension(),
        current: before.and_then(|before| before.table.as_ref()),
        log: before.and_then(|before| before.log.as_ref()),
        incoming: &rows(told),
        effective_us: dated.then_some(&effective),
        deleted: None,
        inferred: false,
        forgets: false,
        last_key: before.map_or(0, |before| before.last_key),
        as_of_us,
        missing: Missing::Keep,
        refused: &Refused::Nobody,
        keep_log: dated,
    })
    .unwrap()
}

/// The rows of a table that are of these members, or of no real one.
fn of(table: &RecordBatch, id: usize, touched: &[i32], others: bool) -> RecordBatch {
    let ids = table.column(id).as_primitive::<Int32Type>().values();
    let is_of = |id: &i32| *id < 0 && !others || *id > 0 && touched.contains(id) != others;
    let kept: BooleanArray = ids.iter().map(|id| Some(is_of(id))).collect();
    filter_record_batch(table, &kept).unwrap()
}

/// The rows of a log, in order of member and time.
fn in_order(log: &RecordBatch) -> RecordBatch {
    let by: Vec<ArrayRef> =
        ["id", "effective_at"].map(|name| Arc::clone(log.column_by_name(name).unwrap())).to_vec();
    let encoded = scd::encode(&by).unwrap();
    let mut rows: Vec<u32> = (0..log.num_rows() as u32).collect();
    rows.sort_by(|a, b| encoded.row(*a as usize).cmp(&encoded.row(*b as usize)));
    take_record_batch(log, &UInt32Array::from(rows)).unwrap()
}

fn told(members: i32, most: usize) -> impl Strategy<Value = Told> {
    prop::collection::vec((1..=members, prop::option::of(0..6u8), 0..40i64), 1..most)
}

proptest! {
    /// Loading in parts comes to the same table and change log, keys included, as loading at once.
    #[test]
    fn some_members_are_loaded_as_among_all(
        (first, second, dated) in (told(12, 40), told(16, 8), any::<bool>())
    ) {
        let before = loaded(None, &first, 10, dated);
        let whole = Stored {
            table: Some(before.table.clone()),
            log: before.log.clone(),
            last_key: 0,
            rest: None,
        };
        let expected = loaded(Some(&whole), &second, 20, dated);

        let touched: Vec<i32> = second.iter().map(|one| one.0).collect();
        let part = Stored {
            table: Some(of(&before.table, 1, &touched, false)),
            log: before.log.as_ref().map(|log| of(log, 0, &touched, false)),
            last_key: before.last_key,
            rest: None,
        };
        let found = loaded(Some(&part), &second, 20, dated);
        let changes = changes(part.table.as_ref().unwrap(), &found.table).unwrap();
        let kept = in_place(&before.table, &found.table, &changes.changed).unwrap();
        let added = found.table.slice(changes.added_from, found.table.num_rows() - changes.added_from);
        let table = concat_batches(&kept.schema(), [&kept, &added]).unwrap();
        prop_assert_eq!(table, expected.table);
        prop_assert_eq!(found.rows_changed, expected.rows_changed);
        prop_assert_eq!(found.lost, expected.lost);
        prop_assert_eq!(found.last_key, expected.last_key);
        if let (Some(log), Some(before)) = (&found.log, &before.log) {
            let others = of(before, 0, &touched, true);
            let log = concat_batches(&others.schema(), [&others, log]).unwrap();
            prop_assert_eq!(Some(in_order(&log)), expected.log);
        }
    }
}

#[test]
fn a_row_that_is_gone_is_no_change() {
    let before = loaded(None, &vec![(1, Some(1), 0), (2, Some(1), 0)], 10, false).table;
    let after = of(&before, 1, &[1], false);
    assert_eq!(changes(&before, &after), None);
    assert_eq!(changes(&after, &before).unwrap().changed, HashMap::new());
}

#[test]
fn large_files_are_written_anew_in_pieces() {
    let file = |rows, min: i32, max: i32| DataFile {
        path: "file".to_owned(),
        size_bytes: 1,
        rows,
        sha256: String::new(),
        partition: None,
        statistics: [(
            "customer_key".to_owned(),
            ColumnStatistics { nulls: 0, min: Some(min.to_string()), max: Some(max.to_string()) },
        )]
        .into(),
        cluster_by: Vec::new(),
    };
    let keys = |file| -> Vec<Option<RangeInclusive<i32>>> {
        pieces(&file, &dimension()).into_iter().map(|piece| piece.keys).collect()
    };
    assert_eq!(keys(file(PIECE_ROWS, -2, 9)), [None]);
    assert_eq!(keys(file(PIECE_ROWS + 1, -2, 7)), [Some(-2..=2), Some(3..=7)]);
    assert_eq!(keys(file(3 * PIECE_ROWS, 1, 9)), [Some(1..=3), Some(4..=6), Some(7..=9)]);
    let largest = keys(file(2 * PIECE_ROWS, i32::MAX - 1, i32::MAX));
    assert_eq!(largest, [Some(i32::MAX - 1..=i32::MAX - 1), Some(i32::MAX..=i32::MAX)]);
}
