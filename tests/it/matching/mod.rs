//! Matching records of persons, in a project as people write it: against known truth, run after
//! run, and what is wrong with a job.

mod febrl;
mod people;
mod runs;

use crate::etl_project::Project;
use std::collections::BTreeMap;

/// A matching of the people of [`people`].
pub(crate) const CHINESE: &str = "
job: match_people
description: customers of two systems
sources:
  - name: people
    from: {csv: {path: \"people*.csv\"}}
    columns:
      - {name: source, type: text, clean: [required]}
      - {name: id, type: text, clean: [required]}
      - {name: name, type: text, clean: [{null_if: ['']}]}
      - {name: phone, type: text, clean: [{null_if: ['']}]}
      - {name: id_no, type: text, clean: [{null_if: ['']}]}
      - {name: born, type: date, clean: [{null_if: ['']}]}
      - {name: address, type: text, clean: [{null_if: ['']}]}
load:
  match:
    name: people
    record: [source, id]
    compare:
      - {columns: [id_no], as: digits}
      - {columns: [phone], as: digits, shared: true}
      - {columns: [name], as: name}
      - {columns: [born], as: date}
      - {columns: [address], as: address}
    household: [address]
    block:
      - digits(phone, 8)
      - id_no
      - pinyin(name) + born
      - pinyin(name) + birthday(born)
      - pinyin(name) + address
      - pinyin(name) + prefix(address, 9)
      - born + address
";

/// How well pairs of records are found: precision, recall and their harmonic mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
}

/// Compares persons found with the truth, each as the groups of records' names.
pub(crate) fn quality<F: Ord, T: Ord>(records: impl Iterator<Item = (F, T)>) -> Quality {
    let (mut both, mut found, mut truth) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut code = BTreeMap::new();
    for (person, true_person) in records {
        let next = code.len();
        let number = *code.entry(true_person).or_insert(next);
        let next = found.len();
        let entry = found.entry(person).or_insert((next, 0_u64));
        entry.1 += 1;
        *truth.entry(number).or_insert(0_u64) += 1;
        *both.entry((entry.0, number)).or_insert(0_u64) += 1;
    }
    let pairs = |counts: &mut dyn Iterator<Item = u64>| {
        counts.map(|count| count * (count - 1) / 2).sum::<u64>() as f64
    };
    let right = pairs(&mut both.values().copied());
    let precision = right / pairs(&mut found.values().map(|(_, count)| *count)).max(1.0);
    let recall = right / pairs(&mut truth.values().copied()).max(1.0);
    Quality { precision, recall, f1: 2.0 * precision * recall / (precision + recall) }
}

/// Each record's name and person.
async fn persons(project: &Project, table: &str, key: &str) -> Vec<(String, String)> {
    let rows = project.sql(&format!("SELECT {key}, person_id FROM warehouse.{table}")).await;
    let split = |row: String| {
        let (key, person) = row.rsplit_once('|').unwrap();
        (key.to_owned(), person.to_owned())
    };
    rows.into_iter().map(split).collect()
}

#[test]
fn quality_is_counted_in_pairs() {
    // found {1, 2, 3}, {4}; truth {1, 2}, {3, 4}
    let found = quality([(1, 'a'), (1, 'a'), (1, 'b'), (2, 'b')].into_iter());
    assert!((found.precision - 1.0 / 3.0).abs() < 1e-9, "{found:?}");
    assert!((found.recall - 0.5).abs() < 1e-9, "{found:?}");
    assert!((found.f1 - 0.4).abs() < 1e-9, "{found:?}");
}

#[tokio::test]
async fn chinese_customers_of_two_systems() {
    let made = people::chinese(400, 11);
    let text: String = made.iter().map(people::Record::csv).collect();
    let project = Project::new(&[CHINESE]);
    project.write("people.csv", &format!("{}{text}", people::HEAD));
    let summary = project.run("2025-01-01").await.unwrap();
    let truth: BTreeMap<&str, usize> = made.iter().map(|r| (r.id.as_str(), r.person)).collect();
    let found = persons(&project, "match_people", "id").await;
    assert_eq!(found.len(), made.len());
    let quality = quality(found.iter().map(|(id, person)| (person, truth[id.as_str()])));
    assert!(quality.f1 >= 0.95, "{quality:?}");
    assert!(quality.precision >= 0.98, "{quality:?}");

    // what is said of it
    let notes = summary.jobs.iter().flat_map(|job| &job.notes).cloned().collect::<Vec<_>>();
    assert!(notes.iter().any(|note| note.contains("want a look")), "{notes:?}");
    let odd = "SELECT count(*) FROM warehouse.match_people_pairs WHERE reason = '' OR probability \
               < 0.5 OR (decision = 'match') <> (probability >= 0.95 AND reason NOT LIKE '%not joined%')";
    assert_eq!(project.sql(odd).await, ["0"]);
    let apart = "SELECT count(*) FROM warehouse.match_people_pairs p \
                 JOIN warehouse.match_people a ON a.source = p.a_source AND a.id = p.a_id \
                 JOIN warehouse.match_people b ON b.source = p.b_source AND b.id = p.b_id \
                 WHERE p.decision = 'match' AND a.person_id <> b.person_id";
    assert_eq!(project.sql(apart).await, ["0"]);
    // persons are whole in a household, and some households have several
    let households = "SELECT count(*) FROM (SELECT person_id FROM warehouse.match_people \
                      GROUP BY person_id HAVING count(DISTINCT household_id) > 1)";
    assert_eq!(project.sql(households).await, ["0"]);
    let families = "SELECT count(*) > 20 FROM (SELECT household_id FROM warehouse.match_people \
                    GROUP BY household_id HAVING count(DISTINCT person_id) > 1)";
    assert_eq!(project.sql(families).await, ["true"]);
    // matches agree in what weighs, and the weights are there to be looked at
    let weights = "SELECT level FROM warehouse.match_people_weights WHERE comparison = 'name' \
                   AND weight > 8 ORDER BY position LIMIT 1";
    assert_eq!(project.sql(weights).await, ["same"]);
}

/// A million records. Not a test of the plain run for its minutes; the figures are printed.
#[tokio::test]
#[ignore = "needs some minutes"]
async fn a_million_records() {
    let made = people::chinese(615_000, 5);
    assert!(made.len() >= 1_000_000);
    let mut text = people::HEAD.to_owned();
    made.iter().for_each(|record| text.push_str(&record.csv()));
    let mut project = Project::new(&[CHINESE]);
    project.memory_limit_bytes = 2 << 30;
    project.write("people.csv", &text);
    drop(text);
    let started = std::time::Instant::now();
    project.run("2025-01-01").await.unwrap();
    let elapsed = started.elapsed();
    let truth: BTreeMap<&str, usize> = made.iter().map(|r| (r.id.as_str(), r.person)).collect();
    let found = persons(&project, "match_people", "id").await;
    let quality = quality(found.iter().map(|(id, person)| (person, truth[id.as_str()])));
    println!("{} records in {elapsed:?}: {quality:?}", made.len());
    assert!(quality.f1 >= 0.95, "{quality:?}");
    assert!(elapsed.as_secs() < 1_200, "{elapsed:?}");
}
