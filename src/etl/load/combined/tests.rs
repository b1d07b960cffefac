//! Against a list in which every combination is looked for from the front.

use super::*;
use crate::model::{Attribute, Column, ColumnType, History};
use arrow::array::{Array, StringArray};
use proptest::prelude::*;

/// A row's flags: whether it is a gift, how it was paid.
type Flags = (Option<bool>, Option<u8>);

fn dimension() -> Dimension {
    let attribute = |name: &str, ty| Attribute {
        column: Column::new(name, ty, true),
        history: History::Original,
        order_by: None,
    };
    Dimension {
        name: "order_kind".to_owned(),
        description: "how it was ordered".to_owned(),
        kind: crate::model::DimensionKind::Junk,
        natural_key: Vec::new(),
        attributes: vec![
            attribute("is_gift", ColumnType::Boolean),
            attribute("payment", ColumnType::Text),
        ],
        hierarchies: Vec::new(),
        infers_members: false,
        parent_child: None,
        outriggers: Vec::new(),
    }
}

fn arrays(rows: &[Flags]) -> Vec<ArrayRef> {
    let payment = |(_, payment): &Flags| payment.map(|payment| format!("payment {payment}"));
    vec![
        Arc::new(rows.iter().map(|(gift, _)| *gift).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(payment).collect::<StringArray>()),
    ]
}

/// The real rows of a table: key and flags.
fn rows(table: &RecordBatch) -> Vec<(i32, Option<bool>, Option<String>)> {
    let gifts = table.column(1).as_boolean();
    let payments = table.column(2).as_string::<i32>();
    let rows = keys_of(table).iter().zip(gifts).zip(payments).skip(2);
    rows.map(|((key, gift), payment)| (*key, gift, payment.map(str::to_owned))).collect()
}

fn load(batches: &[Vec<Flags>]) -> (RecordBatch, Vec<(Flags, i32)>) {
    let mut table: Option<RecordBatch> = None;
    let mut given = Vec::new();
    for batch in batches {
        let combined = combine(&dimension(), table.as_ref(), &arrays(batch)).unwrap();
        given.extend(batch.iter().copied().zip(combined.keys));
        table = Some(combined.table);
    }
    (table.unwrap(), given)
}

fn flags() -> impl Strategy<Value = Vec<Flags>> {
    prop::collection::vec((prop::option::of(any::<bool>()), prop::option::of(0..3u8)), 1..40)
}

proptest! {
    /// However the rows are cut into loads, each combination is there once, and every row has the
    /// key under which its own flags stand, in the table as it is after the last load.
    #[test]
    fn any_batching_gives_every_row_its_own_combination(
        rows_in in flags(),
        cuts in prop::collection::vec(1..8usize, 1..8),
    ) {
        let mut batches: Vec<Vec<Flags>> = vec![Vec::new()];
        let mut cuts = cuts.iter().cycle();
        let mut left = *cuts.next().unwrap();
        for row in &rows_in {
            if left == 0 {
                batches.push(Vec::new());
                left = *cuts.next().unwrap();
            }
            batches.last_mut().unwrap().push(*row);
            left -= 1;
        }
        let (table, given) = load(&batches);
        let table = rows(&table);
        let mut known: Vec<Flags> = Vec::new();
        for row in &rows_in {
            if !known.contains(row) {
                known.push(*row);
            }
        }
        prop_assert_eq!(table.len(), known.len());
        let keys: Vec<i32> = table.iter().map(|(key, ..)| *key).collect();
        prop_assert_eq!(keys, (1..=known.len() as i32).collect::<Vec<_>>(), "dense, in order");
        for ((gift, payment), key) in given {
            let of_key = table.iter().find(|(own, ..)| *own == key).unwrap();
            let payment = payment.map(|payment| format!("payment {payment}"));
            prop_assert_eq!((of_key.1, &of_key.2), (gift, &payment));
        }
    }

    /// The rows of one load give the same keys in whatever order they come, twice or once; and to
    /// load them again changes nothing.
    #[test]
    fn any_order_of_a_load_gives_the_same_table(
        rows_in in flags().prop_shuffle(),
        more in flags(),
        turned in 0..40usize,
    ) {
        let all: Vec<Flags> = rows_in.iter().chain(&more).copied().collect();
        let mut turned_round = all.clone();
        turned_round.rotate_left(turned % all.len());
        turned_round.extend(rows_in.iter().rev());
        let (one, _) = load(std::slice::from_ref(&all));
        let (other, _) = load(&[turned_round]);
        prop_assert_eq!(&one, &other);
        let (again, _) = load(&[all.clone(), more]);
        prop_assert_eq!(&one, &again);
    }
}

#[test]
fn what_was_a_text_of_its_own_is_no_placeholder() {
    let unknown: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(vec![None::<bool>])),
        Arc::new(StringArray::from(vec![Some("Unknown")])),
    ];
    let Combined { table, keys, new } = combine(&dimension(), None, &unknown).unwrap();
    assert_eq!((keys, new), (vec![1], 1));
    assert_eq!(keys_of(&table), [-2, -1, 1]);
    let again = combine(&dimension(), Some(&table), &unknown).unwrap();
    assert_eq!((again.keys, again.new), (vec![1], 0));
}

#[test]
fn numbers_are_no_flags() {
    let payments = (0..=MOST_COMBINATIONS).map(|number| Some(format!("order {number}")));
    let payments: StringArray = payments.collect();
    let gifts = vec![Some(true); payments.len()];
    let met: Vec<ArrayRef> = vec![Arc::new(BooleanArray::from(gifts)), Arc::new(payments)];
    let error = combine(&dimension(), None, &met).unwrap_err().to_string();
    assert!(error.contains("`payment` alone has 100001 values"), "{error}");
    assert!(error.contains("`degenerate`"), "{error}");
}
