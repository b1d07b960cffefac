use super::*;
use arrow::array::{Int64Array, StringArray, StructArray};

/// What is remembered of values that come in so many parts, each put together from its own state.
fn in_parts<M: Memory<Question = ()>>(values: &ArrayRef, parts: usize) -> i64 {
    let mut whole = M::default();
    let length = values.len().div_ceil(parts);
    for offset in (0..values.len()).step_by(length) {
        let mut part = M::default();
        part.see(&values.slice(offset, length.min(values.len() - offset))).unwrap();
        whole.take_in(&part.bytes().unwrap()).unwrap();
    }
    match whole.answer(()).unwrap() {
        ScalarValue::Int64(Some(count)) => count,
        other => panic!("{other} is no count"),
    }
}

/// From a handful, which are listed, to many more than there are registers.
#[test]
fn a_count_is_the_same_however_values_were_parted() {
    for count in [1_i64, 7, 500, 5_000, 100_000] {
        // Each comes twice, and half of them are negative.
        let numbers = (0..2 * count).map(|n| (n % count - count / 2) * 7_919);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        let texts = (0..2 * count).map(|n| format!("customer {}", n % count));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        for parts in [1, 3, 10] {
            assert_eq!(in_parts::<Distinct>(&numbers, parts), count, "{parts}");
            assert_eq!(in_parts::<Distinct>(&texts, parts), count, "{parts}");
        }
        for values in [numbers, texts] {
            let once = in_parts::<Hyperloglog>(&values, 1);
            // Four times the standard error of 2^14 registers, 0.8 %.
            assert!((once - count).abs() * 100 <= count * 4, "{once} for {count}");
            for parts in [2, 3, 10] {
                assert_eq!(in_parts::<Hyperloglog>(&values, parts), once, "{count}, {parts}");
            }
        }
    }
}

/// Rows of two kinds, of so many customers each who have so many in common, in so many parts.
fn overlap(count: i64, common: i64, parts: i64, each: usize) -> i64 {
    let mut whole = OfKinds::default();
    for part in 0..parts {
        let of = |from: i64| -> ArrayRef {
            // Each comes twice, in different parts.
            let values = (from..from + count).chain(from..from + count).enumerate();
            let here = values.map(|(place, value)| {
                let round = place as i64 / count;
                ((place as i64 + round) % parts == part).then_some(value * 7_919)
            });
            Arc::new(here.collect::<Int64Array>())
        };
        let (one, other) = (of(0), of(count - common));
        let field = |name| Arc::new(Field::new(name, DataType::Int64, true));
        let kinds = StructArray::from(vec![(field("one"), one), (field("other"), other)]);
        let mut own = OfKinds::default();
        own.see(&kinds).unwrap();
        whole.take_in(&own.bytes().unwrap()).unwrap();
    }
    match whole.answer(each).unwrap() {
        ScalarValue::Int64(Some(count)) => count,
        other => panic!("{other} is no count"),
    }
}

#[test]
fn an_overlap_is_the_same_however_values_were_parted() {
    for (count, common) in [(1, 1), (10, 3), (4_096, 100), (4_097, 4_097), (60_000, 20_000)] {
        let both = overlap(count, common, 1, 2);
        let one_alone = overlap(count, common, 1, 1);
        if count <= 4_096 {
            assert_eq!((both, one_alone), (common, count - common));
        }
        // Four times the standard error of 2^12 hashes, of all, times the root of the part.
        let all = (2 * count - common) as f64;
        for (found, right) in [(both, common), (one_alone, count - common)] {
            let off = 4.0 / 64.0 * (all * right as f64).sqrt();
            assert!((found - right).abs() as f64 <= off, "{found} for {right}");
        }
        for parts in [2, 3, 10] {
            assert_eq!(overlap(count, common, parts, 2), both, "{count}, {parts}");
            assert_eq!(overlap(count, common, parts, 1), one_alone, "{count}, {parts}");
        }
    }
}

#[test]
fn bytes_that_are_no_sketches_are_told() {
    let mut known = OfKinds::default();
    assert!(known.take_in(&[]).is_ok());
    for wrong in [&[1][..], &[9, 0, 0, 0, 1], &[2, 0, 0, 0, 1, 1]] {
        assert!(known.take_in(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn different_texts_are_told_apart_to_the_letter_and_nothing_is_none() {
    let texts = ["", "a", "A", "a ", "\u{e4}", "a\u{308}", "a", ""];
    let values: ArrayRef =
        Arc::new(texts.iter().copied().map(Some).chain([None]).collect::<StringArray>());
    assert_eq!(in_parts::<Distinct>(&values, 4), 6);
    let mut known = Distinct::default();
    known.see(&values).unwrap();
    let before = known.bytes().unwrap();
    // What knows of no value adds none, whatever it is of.
    known.take_in(&Distinct::default().bytes().unwrap()).unwrap();
    assert_eq!(known.bytes().unwrap(), before);
    assert!(is_too_large(&before, before.len() - 1) && !is_too_large(&before, before.len()));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert!(known.see(&numbers).is_err());
    for cut in 9..before.len() {
        let _ = Distinct::default().take_in(&before[..cut]);
    }
    assert!(Distinct::default().take_in(&before[..before.len() - 1]).is_err());
}
