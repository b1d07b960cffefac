//! The choice against the best one, estimates against exact counts, and what is written against what
//! the model's reader makes of it.

use super::choose::{Need, Problem, View};
use super::count::Different;
use super::estimate::{Seen, cardenas};
use super::sample::{SEED, mix};
use super::size::{Keys, Width, times};
use super::written;
use crate::model::{Aggregate, Column, ColumnType, load};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A small lattice of four dimensions of two levels each: a view keeps each at a level or not at all,
/// and answers what asks for no finer level of any.
fn lattice(random: &mut ChaCha8Rng) -> Problem {
    let fact_rows: f64 = random.random_range(1_000.0..100_000.0);
    let members: Vec<[f64; 3]> = (0..4)
        .map(|_| {
            let coarse = random.random_range(2.0_f64..20.0).floor();
            [1.0, coarse, coarse * random.random_range(2.0_f64..30.0).floor()]
        })
        .collect();
    let levels = |code: usize| [code % 3, code / 3 % 3, code / 9 % 3, code / 27];
    let rows = |code: usize| {
        let cells = levels(code).iter().zip(&members).map(|(level, sizes)| sizes[*level]).product();
        cardenas(fact_rows, cells)
    };
    let mut codes: Vec<usize> = (0..81).collect();
    codes.shuffle(random);
    let kept = &codes[..14];
    let views = kept.iter().map(|code| View {
        rows: rows(*code),
        bytes: rows(*code) * random.random_range(10.0..60.0) + 100.0,
        upkeep: random.random_range(0.0..3.0) * fact_rows,
        is_given: random.random_bool(0.1),
    });
    let views: Vec<View> = views.collect();
    let mut asked: Vec<usize> = (0..81).collect();
    asked.shuffle(random);
    let needs = asked[..25].iter().map(|asked| {
        let serves = |code: &usize| levels(*code).iter().zip(levels(*asked)).all(|(a, b)| *a >= b);
        let served_by = kept.iter().enumerate().filter(|(_, code)| serves(code));
        Need {
            times: f64::from(random.random_range(1..30)),
            rows: fact_rows,
            served_by: served_by.map(|(place, _)| place).collect(),
        }
    });
    let needs = needs.collect();
    let all: f64 = views.iter().map(|view| view.bytes).sum();
    Problem { needs, views, room: all * random.random_range(0.05..0.5) }
}

/// The most that any choice that fits is worth.
fn best(problem: &Problem) -> f64 {
    let free: Vec<usize> =
        (0..problem.views.len()).filter(|view| !problem.views[*view].is_given).collect();
    let choices = (0_u32..1 << free.len()).filter_map(|choice| {
        let chosen = free.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
        let chosen: Vec<usize> = chosen.map(|(_, view)| *view).collect();
        let bytes: f64 = chosen.iter().map(|view| problem.views[*view].bytes).sum();
        (bytes <= problem.room).then(|| problem.worth(&chosen))
    });
    choices.fold(0.0, f64::max)
}

#[test]
fn the_choice_is_near_the_best() {
    let mut random = ChaCha8Rng::seed_from_u64(1996);
    let (mut least, mut sum, mut count, mut exact) = (1.0_f64, 0.0, 0.0, 0);
    for round in 0..60 {
        let problem = lattice(&mut random);
        let chosen = problem.near_the_best();
        let bytes: f64 = chosen.iter().map(|view| problem.views[*view].bytes).sum();
        assert!(bytes <= problem.room, "round {round}: {bytes} bytes of {}", problem.room);
        assert!(chosen.iter().all(|view| !problem.views[*view].is_given), "round {round}");
        let best = best(&problem);
        if best == 0.0 {
            assert!(chosen.is_empty(), "round {round}: nothing is worth it");
            continue;
        }
        let exactly = problem.worth(&problem.choose()) / best;
        assert!(exactly > 0.95, "round {round}: {exactly}, but for what is not worth a table");
        let ratio = problem.worth(&chosen) / best;
        assert!(ratio <= 1.0 + 1e-9, "round {round}: {ratio}");
        least = least.min(ratio);
        sum += ratio;
        count += 1.0;
        exact += u32::from(ratio > 1.0 - 1e-9);
    }
    println!("least {least:.3}, mean {:.4}, {exact} of {count} the best", sum / count);
    assert!(count > 30.0, "only {count} lattices had anything to choose");
    assert!(least >= 0.63, "{least}");
    assert!(sum / count >= 0.95, "{}", sum / count);
}

#[test]
fn equal_problems_are_chosen_for_alike() {
    let problem = lattice(&mut ChaCha8Rng::seed_from_u64(7));
    assert_eq!(problem.choose(), problem.choose());
}

#[test]
fn nothing_is_kept_that_costs_more_than_it_saves() {
    let need = Need { times: 2.0, rows: 100.0, served_by: vec![0] };
    let view = |upkeep| View { rows: 10.0, bytes: 1.0, upkeep, is_given: false };
    let problem =
        |upkeep| Problem { needs: vec![need.clone()], views: vec![view(upkeep)], room: 9.0 };
    assert_eq!(problem(179.0).choose(), [0]);
    assert!(problem(181.0).choose().is_empty());
}

/// How far an estimate is off, as a factor of at least 1.
fn factor(estimate: u64, exact: u64) -> f64 {
    let (estimate, exact) = (estimate as f64, exact as f64);
    (estimate / exact).max(exact / estimate)
}

#[test]
fn rows_are_estimated_within_what_the_sample_guarantees() {
    let mut random = ChaCha8Rng::seed_from_u64(2000);
    const ROWS: usize = 100_000;
    const TAKEN: usize = 5_000;
    for members in [1_u64, 10, 365, 3_000, 40_000, 1_000_000] {
        for is_skewed in [false, true] {
            let row = |random: &mut ChaCha8Rng| {
                let uniform: f64 = random.random();
                let place = if is_skewed { uniform.powi(4) } else { uniform };
                (place * members as f64) as u64
            };
            let all: Vec<u64> = (0..ROWS).map(|_| row(&mut random)).collect();
            let mut sample = all.clone();
            sample.shuffle(&mut random);
            sample.truncate(TAKEN);
            let exact = Seen::count(all.clone());
            assert_eq!(exact.of_all(ROWS as u64, f64::MAX), exact.distinct, "all rows are counted");
            let estimate = Seen::count(sample).of_all(ROWS as u64, members as f64);
            let off = factor(estimate, exact.distinct);
            println!("{members} members, skewed {is_skewed}: {estimate} of {}", exact.distinct);
            let guaranteed = (ROWS as f64 / TAKEN as f64).sqrt() * 1.1;
            assert!(off <= guaranteed, "{members} {is_skewed}: {estimate} of {}", exact.distinct);
            // Few members are seen all of them, or nearly.
            assert!(members > 365 || off < 1.3, "{members}: {estimate} of {}", exact.distinct);
        }
    }
}

/// Few combinations exactly, many within a few percent, whatever the order in which they come.
#[test]
fn combinations_are_counted_over_all_rows() {
    let mut random = ChaCha8Rng::seed_from_u64(1990);
    for count in [0_u64, 1, 16_384, 20_000, 300_000] {
        let mut rows: Vec<u64> = (0..count).chain(0..count / 2).map(|n| mix(SEED, n)).collect();
        rows.shuffle(&mut random);
        let mut different = Different::default();
        rows.into_iter().for_each(|row| different.add(row));
        let told = different.count();
        let off = told.abs_diff(count) as f64 / count.max(1) as f64;
        let most = if count <= 16_384 { 0.0 } else { 0.04 };
        assert!(off <= most, "{told} of {count}");
    }
}

#[test]
fn cells_bound_rows() {
    // Cardenas' table: 1000 rows into 1000 cells hit 632.3 of them.
    assert!((cardenas(1000.0, 1000.0) - 632.3).abs() < 0.1);
    assert!((cardenas(5.0, 1e300) - 5.0).abs() < 1e-6);
    assert!((cardenas(1e9, 12.0) - 12.0).abs() < 1e-9);
    assert!((cardenas(10.0, 1.0) - 1.0).abs() < f64::EPSILON);
    let seen = Seen { taken: 100, distinct: 12, rare: [3, 2, 0, 0, 0, 0, 0, 0, 0, 1] };
    assert_eq!(seen.of_all(1_000_000, 12.0), 12, "no more than there are members");
}

#[test]
fn bytes_follow_what_is_built() {
    let columns = [
        Column::new("month", ColumnType::Text, true),
        Column::new("revenue", ColumnType::Decimal { precision: 38, scale: 2 }, true),
    ];
    let keys = Keys { all: 1, degenerate: 0 };
    let small = Width::of(&columns, keys, 1_000, 10.0);
    assert!(small.bytes(times(&[])) < 20_000.0, "{}", small.bytes(times(&[])));
    // Twice the rows for twice the bytes, but for what a file says of itself.
    let built = times(&[(Width::of(&columns, keys, 100_000, 10.0), 500_000)]);
    let again = Width::of(&columns, keys, 100_000, 10.0).bytes(built);
    assert!((again - 500_000.0).abs() < 1.0, "{again}");
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let aggregate = Aggregate {
        name: "by_date_order_no".to_owned(),
        description: "Advised: \"revenue\" by date, order_no: #1.".to_owned(),
        fact: "orders".to_owned(),
        roles: names(&["date"]),
        columns: names(&["order_no"]),
        measures: names(&["revenue", "pieces"]),
        is_automatic: false,
    };
    let advised = written("shop", [&aggregate]);
    let files = [
        ("date.yaml", include_str!("../../../schemas/starter/date.yaml")),
        ("product.yaml", include_str!("../../../schemas/starter/product.yaml")),
        ("orders.yaml", include_str!("../../../schemas/starter/orders.yaml")),
        ("shop.yaml", include_str!("../../../schemas/starter/shop.yaml")),
        ("advised.yaml", &advised),
    ];
    let model = load(&files).map_err(|faults| faults.to_string()).unwrap();
    assert_eq!(model.cube("shop").unwrap().aggregates.last(), Some(&aggregate));
}
