//! One row a key: what survives of several, in tables, beside the same worked out plainly.
//!
//! Rows come in several files and batches of one source, then of three sources of different kinds;
//! they are few values, so that ties and NULLs are everywhere.

use crate::etl_project::Project;
use proptest::prelude::*;
use std::cmp::Ordering;
use std::collections::BTreeMap;

const CONTACT: &str = "
fact: contact
description: whom we know
grain: a person
kind: transaction
dimensions: [date]
degenerate: [{name: row_no, type: int64, description: the row's own number}]
columns:
  - {name: mail, type: text, description: the key}
  - {name: system, type: text, description: which system}
  - {name: seen, type: int32, description: when}
  - {name: name, type: text, description: name}
  - {name: phone, type: text, description: phone}
  - {name: city, type: text, description: city}
key: [row_no]
";

/// What a fact needs beside: a day, and a key, which rows without one of their own have as well.
const MORE: &str = "DATE '2024-01-01' AS day, \
                    CAST(row_number() OVER (ORDER BY mail, system, seen, name, phone, city) AS BIGINT) AS row_no";

const COLUMNS: &str = "
    columns:
      - {name: mail, type: text, clean: [{null_if: ['']}]}
      - {name: system, type: text}
      - {name: seen, type: int32}
      - {name: name, type: text}
      - {name: phone, type: text}
      - {name: city, type: text}
";

const RULES: &str = "  key: [mail]
  latest_by: seen
  survivors:
    phone: most_recent
    name: most_complete
    city: {priority: {column: system, order: [crm, shop]}}
";

const LOAD: &str = "
load: {fact: {fact: contact, mode: replace, event_at: day, keys: {date: [day]}}}
";

/// In the order of trust; the last is not named.
const SYSTEMS: [&str; 3] = ["crm", "shop", "web"];

/// A row: its key, system, moment, name, phone, city.
type Row = (Option<u16>, usize, Option<i32>, [Option<&'static str>; 3]);

fn some_rows(keys: u16, most: usize) -> impl Strategy<Value = Vec<Row>> {
    let text =
        |values: &'static [&'static str]| prop::option::weighted(0.7, prop::sample::select(values));
    // as long as another, longer in bytes only, and an empty-looking one
    let texts = (
        text(&["A. Lee", "Ann Lee", "Änn Lé", "Ann Lie", "李安"]),
        text(&["1", "22", "333"]),
        text(&["York", "Hull", "O'Hara"]),
    );
    let row = (
        prop::option::weighted(0.9, 0..keys),
        0..SYSTEMS.len(),
        prop::option::weighted(0.8, 0..3),
        texts.prop_map(|(name, phone, city)| [name, phone, city]),
    );
    prop::collection::vec(row, 0..most)
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn text((mail, system, at, [name, phone, city]): &Row) -> [String; 6] {
    [
        cell(mail.map(|mail| format!("m{mail}"))),
        SYSTEMS[*system].to_owned(),
        cell(*at),
        cell(*name),
        cell(*phone),
        cell(*city),
    ]
}

/// What is left of rows: of each key one, with the best values. `later` says which of two rows is the
/// later one where both are of one moment.
fn plainly(rows: &[Row], later: impl Fn(usize, usize) -> Ordering) -> Vec<String> {
    let mut keys: BTreeMap<Option<u16>, Vec<usize>> = BTreeMap::new();
    rows.iter().enumerate().for_each(|(at, row)| keys.entry(row.0).or_default().push(at));
    let mut left = Vec::new();
    for (key, own) in keys {
        if key.is_none() {
            left.extend(own.iter().map(|at| text(&rows[*at])));
            continue;
        }
        let moments = |a: usize, b: usize| rows[a].2.cmp(&rows[b].2).then_with(|| later(a, b));
        let best = |column: usize, worth: &dyn Fn(usize) -> usize| {
            let has = own.iter().copied().filter(|at| rows[*at].3[column].is_some());
            let best = has.max_by(|a, b| worth(*a).cmp(&worth(*b)).then_with(|| moments(*a, *b)));
            best.and_then(|at| rows[at].3[column])
        };
        let last = own.iter().copied().max_by(|a, b| moments(*a, *b)).unwrap();
        let name = best(0, &|at| rows[at].3[0].map_or(0, |name| name.chars().count()));
        let phone = best(1, &|_| 0);
        let city = best(2, &|at| [2, 1, 0][rows[at].1]);
        left.push(text(&(key, rows[last].1, rows[last].2, [name, phone, city])));
    }
    let mut left: Vec<String> = left.iter().map(|row| row.join("|")).collect();
    left.sort();
    left
}

async fn loaded(project: &Project) -> Vec<String> {
    let sql = "SELECT mail, system, seen, name, phone, city FROM warehouse.fact_contact";
    let mut rows = project.sql(sql).await;
    rows.sort();
    rows
}

fn csv(rows: &[&Row]) -> String {
    let rows = rows.iter().map(|row| text(row).join(",") + "\n");
    format!("mail,system,seen,name,phone,city\n{}", rows.collect::<String>())
}

/// Files of one source: of rows of one moment, the one read last is the later one.
async fn of_one_source(rows: &[Row], files: usize) {
    let rules = RULES.replace("\n  ", "\n      ");
    let job = format!(
        "
job: contacts
description: contacts
sources:
  - name: c
    from: {{csv: {{path: \"part*.csv\"}}}}{COLUMNS}    deduplicate:
    {rules}transform: SELECT *, {MORE} FROM c
{LOAD}"
    );
    let mut project = Project::new(&[&job]);
    project.add_schema(CONTACT);
    let size = rows.len().div_ceil(files).max(1);
    for file in 0..files {
        let some: Vec<&Row> = rows.iter().skip(file * size).take(size).collect();
        project.write(&format!("part{file}.csv"), &csv(&some));
    }
    let summary = project.run("2024-02-01").await.unwrap();
    let wanted = plainly(rows, |a, b| a.cmp(&b));
    assert_eq!(loaded(&project).await, wanted);
    let counts = &summary.jobs[0].sources[0].counts;
    assert_eq!(counts.duplicates, (rows.len() - wanted.len()) as u64);
    assert_eq!(counts.staged, wanted.len() as u64);
}

/// Three sources together: of rows of one moment, the one with the larger values is the later one.
async fn of_three_sources(rows: &[Row]) {
    let job = format!(
        "
job: contacts
description: contacts
sources:
  - name: crm
    from: {{csv: {{path: crm.csv}}}}{COLUMNS}
  - name: shop
    from: {{json_lines: {{path: shop.jsonl}}}}{COLUMNS}
  - name: web
    from: {{csv: {{path: web.csv}}}}{COLUMNS}
transform: |
  SELECT *, {MORE} FROM
  (SELECT * FROM crm UNION ALL SELECT * FROM shop UNION ALL SELECT * FROM web) -- together
deduplicate:
{RULES}{LOAD}"
    );
    let mut project = Project::new(&[&job]);
    project.add_schema(CONTACT);
    let of = |system: usize| -> Vec<&Row> { rows.iter().filter(|row| row.1 == system).collect() };
    project.write("crm.csv", &csv(&of(0)));
    project.write("web.csv", &csv(&of(2)));
    let keys = ["mail", "system", "seen", "name", "phone", "city"];
    // a key that no object has would be missing
    let mut lines = String::new();
    for row in of(1) {
        let cells = keys.iter().zip(text(row)).map(|(key, value)| match value.is_empty() {
            true => format!("\"{key}\": null"),
            false => format!("\"{key}\": \"{value}\""),
        });
        lines += &format!("{{{}}}\n", cells.collect::<Vec<_>>().join(", "));
    }
    project.write("shop.jsonl", &lines);
    let summary = project.run("2024-02-01").await.unwrap();
    let larger = |a: usize, b: usize| {
        let values = |row: &Row| (SYSTEMS[row.1], row.3);
        values(&rows[a]).cmp(&values(&rows[b]))
    };
    let wanted = plainly(rows, larger);
    assert_eq!(loaded(&project).await, wanted);
    let dropped = rows.len() - wanted.len();
    assert_eq!(summary.jobs[0].rows_doubled, dropped as u64);
    let told = summary.jobs[0].notes.iter().find(|note| note.contains("`deduplicate`"));
    let rows = if dropped == 1 { "row has" } else { "rows have" };
    let wanted = format!("{dropped} {rows} the key of another, which stays (`deduplicate`)");
    assert_eq!(told, Some(&wanted).filter(|_| dropped > 0));
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn the_best_of_each_column_is_in_the_table(rows in some_rows(4, 40), files in 1_usize..4) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            of_one_source(&rows, files).await;
            of_three_sources(&rows).await;
        });
    }
}

/// More than a batch of each file, and many keys.
#[tokio::test]
async fn so_it_is_in_many_batches() {
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut rows: Vec<Row> = Vec::new();
    for _ in 0..30_000 {
        let mut of = |values: &[&'static str]| {
            let at = usize::try_from(next(values.len() as u64 + 1)).unwrap();
            values.get(at).copied()
        };
        let texts = [of(&["Al", "Alma", "Bo"]), of(&["1", "22"]), of(&["York", "Hull"])];
        let key = u16::try_from(next(9_000)).unwrap();
        let system = usize::try_from(next(3)).unwrap();
        let at = i32::try_from(next(5)).unwrap();
        rows.push((Some(key).filter(|key| *key > 3), system, Some(at).filter(|at| *at > 0), texts));
    }
    of_one_source(&rows, 3).await;
    of_three_sources(&rows).await;
}

#[tokio::test]
async fn columns_that_are_not_there_are_told() {
    let job = |rules: &str| {
        format!(
            "
job: contacts
description: contacts
sources:
  - name: c
    from: {{csv: {{path: c.csv}}}}{COLUMNS}
transform: SELECT *, {MORE} FROM c
deduplicate: {rules}
{LOAD}"
        )
    };
    let mut project = Project::new(&[]);
    project.add_schema(CONTACT);
    for (rules, says) in [
        ("{key: []}", "at least one key column"),
        ("{key: [mail], survivors: {mail: most_recent}}", "part of the key"),
    ] {
        let told = project.told(&job(rules));
        assert!(told.contains(says) && told.contains("etl/0.yaml:"), "{told}");
    }
    for (rules, says) in [
        ("{key: [mial]}", "did you mean `mail`"),
        ("{key: [mail], latest_by: when}", "names `when`"),
        (
            "{key: [mail], survivors: {name: {priority: {column: sytem, order: [crm]}}}}",
            "did you mean `system`",
        ),
    ] {
        let mut project = Project::new(&[&job(rules)]);
        project.add_schema(CONTACT);
        project.write("c.csv", "mail,system,seen,name,phone,city\na,crm,1,b,c,d\n");
        let told = project.run("2024-02-01").await.unwrap_err().to_string();
        assert!(told.contains(says) && told.contains("job contacts"), "{told}");
    }
}
