//! The matching as a whole, against what is known: the probabilities that made-up records were drawn
//! from, and all pairs compared by brute force.

use super::block::Blocks;
use super::cluster::Edge;
use super::estimate::{Patterns, estimate};
use super::kept::Kept;
use super::records::{Columns, Records};
use super::resolve::{Before, Decision, Pair, Resolved, least_odds, resolve};
use super::weights::{Comparer, bits};
use crate::error::{ErrorKind, Result};
use crate::etl::job::Missing;
use crate::etl::job::matching::{BlockKey, Compare, Estimate, Kind, MatchLoad, Thresholds};
use crate::etl::room::tests::Bytes;
use arrow::array::StringArray;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn compare(column: &str, kind: Kind) -> Compare {
    Compare {
        columns: vec![column.to_owned()],
        kind,
        swapped_with: None,
        weights: None,
        shared: None,
        rare_weighs_more: true,
    }
}

fn spec(compare: Vec<Compare>, block: &[&str]) -> MatchLoad {
    let key = |text: &&str| BlockKey::try_from((*text).to_owned()).unwrap();
    MatchLoad {
        name: "person".to_owned(),
        record: vec!["source".to_owned(), "id".to_owned()],
        compare,
        block: block.iter().map(key).collect(),
        thresholds: Thresholds::default(),
        duplicates_within_sources: true,
        household: Vec::new(),
        estimate: Estimate::Once,
        missing: Missing::Keep,
        decisions: None,
        largest_block: 1_000,
    }
}

/// Records with independent columns of so many values each, and copies of some of them, each of
/// whose values is another with a probability of its own.
struct World {
    columns: Vec<(String, StringArray)>,
    copies: usize,
}

const COLUMNS: [(&str, u32, f64); 5] =
    [("a", 500, 0.05), ("b", 50, 0.1), ("c", 2, 0.02), ("d", 200, 0.2), ("e", 1000, 0.1)];

impl World {
    fn new(people: usize, seed: u64) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut rows: Vec<Vec<u32>> = Vec::new();
        let mut copies = 0;
        for _ in 0..people {
            let row: Vec<u32> =
                COLUMNS.iter().map(|(_, values, _)| chance.random_range(0..*values)).collect();
            if chance.random_bool(0.4) {
                let copy = row.iter().zip(COLUMNS).map(|(value, (_, values, slip))| {
                    let slips = chance.random_bool(slip);
                    if slips { (value + chance.random_range(1..values)) % values } else { *value }
                });
                rows.push(copy.collect());
                copies += 1;
            }
            rows.push(row);
        }
        let texts = |of: &dyn Fn(usize) -> String| -> StringArray {
            (0..rows.len()).map(|row| Some(of(row))).collect()
        };
        let mut columns = vec![
            ("source".to_owned(), texts(&|_| "x".to_owned())),
            ("id".to_owned(), texts(&|row| row.to_string())),
        ];
        for (at, (name, _, _)) in COLUMNS.iter().enumerate() {
            columns.push(((*name).to_owned(), texts(&|row| format!("v{}", rows[row][at]))));
        }
        Self { columns, copies }
    }

    fn columns(&self) -> Columns<'_> {
        Columns(self.columns.iter().map(|(name, array)| (name.as_str(), array)).collect())
    }

    fn spec() -> MatchLoad {
        let compared = COLUMNS.iter().map(|(name, _, _)| compare(name, Kind::Exact)).collect();
        spec(compared, &["a + b", "a + d", "a + e", "b + d", "d + e", "b + e"])
    }
}

fn patterns(spec: &MatchLoad, columns: &Columns<'_>, records: &Records) -> Patterns {
    let comparer = Comparer::new(spec, records);
    let (blocks, _) = Blocks::new(&spec.block, columns, records, spec.largest_block);
    let mut patterns = Patterns::new();
    for block in blocks.all() {
        blocks.pairs(block, records, true, None, |a, b| {
            *patterns.entry(comparer.pattern(a, b)).or_insert(0.0) += 1.0;
        });
    }
    patterns
}

#[test]
fn the_probabilities_that_records_were_drawn_from_are_found() {
    let world = World::new(800, 1);
    let (spec, columns) = (World::spec(), world.columns());
    let records = Records::new(&spec, &columns);
    let comparer = Comparer::new(&spec, &records);
    let met = patterns(&spec, &columns, &records);
    let weights = estimate(&spec, &records, &comparer, &met).unwrap();
    for ((name, values, slip), levels) in COLUMNS.iter().zip(&weights.fields) {
        let (m, u) = (levels[0].m, levels[0].u);
        assert!((m - (1.0 - slip)).abs() < 0.04, "{name}: m is {m}, drawn with {}", 1.0 - slip);
        let chance = 1.0 / f64::from(*values);
        assert!((u - chance).abs() < 0.1 * chance, "{name}: u is {u}, drawn with {chance}");
    }
    let expected = weights.duplicates * records.len as f64 / 2.0;
    let copies = world.copies as f64;
    assert!((expected - copies).abs() < 0.05 * copies, "{expected} matches, there are {copies}");
}

#[test]
fn pairs_given_up_early_would_not_have_counted() {
    let world = World::new(150, 2);
    let (spec, columns) = (World::spec(), world.columns());
    let records = Records::new(&spec, &columns);
    let comparer = Comparer::new(&spec, &records);
    let met = patterns(&spec, &columns, &records);
    let weights = estimate(&spec, &records, &comparer, &met).unwrap();
    let (most, bound) = (comparer.most_from(&weights), bits(0.5));
    let mut reached = 0;
    for a in 0..u32::try_from(records.len).unwrap() {
        for b in 0..a {
            let odds = comparer.odds(&weights, b, a);
            let scored = comparer.score(&weights, &most, bound, (b, a));
            match scored {
                Some((found, _)) => assert!((found - odds).abs() < 1e-9),
                None => assert!(odds < bound, "{odds}"),
            }
            reached += usize::from(scored.is_some());
        }
    }
    assert!(reached > 20);
}

fn within(
    bytes: usize,
    columns: &Columns<'_>,
    spec: &MatchLoad,
    before: Before,
) -> Result<(Resolved, Vec<Pair>)> {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept::new(Box::new(Bytes(bytes)), folder.path().to_owned());
    let mut pairs = Vec::new();
    let resolved = resolve(spec, columns, before, kept, &mut |some| {
        pairs.extend_from_slice(some);
        Ok(())
    });
    Ok((resolved?, pairs))
}

fn resolved(world: &World, spec: &MatchLoad, before: Before) -> (Resolved, Vec<Pair>) {
    within(usize::MAX, &world.columns(), spec, before).unwrap()
}

#[test]
fn little_memory_finds_the_same_and_too_little_is_refused() {
    let world = World::new(5_000, 5);
    // all pairs of large blocks are worth keeping
    let mut spec =
        MatchLoad { block: vec![BlockKey::try_from("b".to_owned()).unwrap()], ..World::spec() };
    (spec.thresholds.review, spec.largest_block) = (1e-300, 100_000);
    let columns = world.columns();
    let (all, pairs) = within(usize::MAX, &columns, &spec, Before::default()).unwrap();
    assert!(pairs.len() > 100_000, "{}", pairs.len());
    let least = (1..).map(|mib| mib << 20).find(|bytes| {
        match within(*bytes, &columns, &spec, Before::default()) {
            Ok((some, found)) => {
                assert_eq!((&some.persons, some.matches), (&all.persons, all.matches));
                assert!(found == pairs);
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
                assert!(error.to_string().contains("raise `memory_limit`"), "{error}");
                false
            }
        }
    });
    // less than the pairs take
    let (least, taken) = (least.unwrap(), pairs.len() * 24);
    assert!(least > 1 << 20 && least < taken, "{least} of {taken}");
}

#[test]
fn what_is_found_does_not_depend_on_threads() {
    let world = World::new(600, 3);
    let first = resolved(&world, &World::spec(), Before::default());
    let again = resolved(&world, &World::spec(), Before::default());
    assert_eq!(first.1, again.1);
    assert_eq!(first.0.persons, again.0.persons);
    assert_eq!(first.0.weights, again.0.weights);
    assert!(first.1.iter().any(|pair| pair.decision == Decision::Match));
}

#[test]
fn new_records_are_compared_to_all_and_old_ones_to_new() {
    let world = World::new(200, 4);
    let mut spec = World::spec();
    for compare in &mut spec.compare {
        compare.rare_weighs_more = false;
    }
    let (whole, pairs) = resolved(&world, &spec, Before::default());
    let records = world.columns().rows();
    let fresh: Vec<bool> = (0..records).map(|record| record % 3 == 0).collect();
    let is_old = |record: u32| !fresh[record as usize];
    let old = pairs.iter().filter(|pair| is_old(pair.a) && is_old(pair.b));
    let old: Vec<Pair> = old.cloned().collect();
    let matching = old.iter().filter(|pair| pair.odds >= least_odds(&spec));
    let before = Before {
        weights: Some(whole.weights.clone()),
        edges: matching.map(|pair| Edge { a: pair.a, b: pair.b, odds: pair.odds }).collect(),
        pairs: Box::new(old.into_iter().map(Ok)),
        fresh: Some(fresh.clone()),
        ..Before::default()
    };
    let (later, found) = resolved(&world, &spec, before);
    assert_eq!(found, pairs);
    assert_eq!(later.persons, whole.persons);
    assert!(later.compared < whole.compared);
}

#[test]
fn households_are_persons_who_share_what_makes_one() {
    let text = |values: &[&str]| -> StringArray {
        values.iter().map(|value| Some(*value).filter(|value| !value.is_empty())).collect()
    };
    let (source, id) = (text(&["x"; 5]), text(&["1", "2", "3", "4", "5"]));
    let name = text(&["Ann Lee", "Bob Lee", "Ann Lee", "Cy Poe", "Di Poe"]);
    let home = text(&["1 High St", "1, high st.", "9 Low Rd", "7 Mill", ""]);
    let born = text(&["1990-01-01", "1991-02-02", "1990-01-01", "1980-01-01", "1981-01-01"]);
    let columns = Columns(vec![
        ("source", &source),
        ("id", &id),
        ("name", &name),
        ("home", &home),
        ("born", &born),
    ]);
    let mut name = compare("name", Kind::Name);
    name.weights = Some(vec![10.0, 5.0, 2.0, 0.0, -10.0]);
    let mut born = compare("born", Kind::Date);
    born.weights = Some(vec![10.0, 3.0, -5.0, -10.0]);
    let mut home = compare("home", Kind::Address);
    home.weights = Some(vec![5.0, 3.0, 2.0, -1.0]);
    let mut spec = spec(vec![name, born, home], &["name", "home"]);
    spec.household = vec!["home".to_owned()];
    let before = Before { next_person: 1, next_household: 1, ..Before::default() };
    let (found, _) = within(usize::MAX, &columns, &spec, before).unwrap();
    assert_eq!(found.persons.of, vec![1, 2, 1, 3, 4]);
    // who has moved brings both homes together
    assert_eq!(found.households.unwrap().of, vec![1, 1, 1, 2, 3]);
}

#[test]
fn names_are_swapped_only_where_each_stands_in_the_place_of_the_other() {
    let texts = |of: [&str; 6]| -> StringArray { of.iter().map(|text| Some(*text)).collect() };
    let columns = [
        ("source", texts(["x"; 6])),
        ("id", texts(["0", "1", "2", "3", "4", "5"])),
        ("given", texts(["Jennifer", "Robinson", "Robinson", "Jennifer", "Ann", "Lee"])),
        ("sur", texts(["Robinson", "Felix", "Jennifer", "Robinson", "Lee", "Ann"])),
    ];
    let swapped = |column: &str, with: &str| Compare {
        swapped_with: Some(with.to_owned()),
        ..compare(column, Kind::Name)
    };
    let spec = spec(vec![swapped("given", "sur"), swapped("sur", "given")], &["given"]);
    let columns = Columns(columns.iter().map(|(name, array)| (*name, array)).collect());
    let records = Records::new(&spec, &columns);
    let comparer = Comparer::new(&spec, &records);
    let levels = |a: u32, b: u32| {
        [0, 1].map(|field| Kind::Name.levels()[usize::from(comparer.level(field, a, b))])
    };
    // Jennifer Robinson and Robinson Felix share a word, and are two persons
    assert_eq!(levels(0, 1), ["differs", "differs"]);
    assert_eq!(levels(1, 0), ["differs", "differs"]);
    assert_eq!(levels(0, 2), ["swapped", "swapped"]);
    assert_eq!(levels(4, 5), ["swapped", "swapped"]);
    assert_eq!(levels(0, 3), ["same", "same"]);
}
