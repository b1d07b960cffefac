//! Run after run: numbers stay, merges and splits are told, decisions stand, mistakes have places.

use super::people;
use crate::etl_project::Project;
use std::collections::{BTreeMap, BTreeSet};

/// A matching whose weights are declared, so that every figure can be checked by hand: prior apart,
/// an equal address decides, a name alone never.
const DECLARED: &str = "
job: match_people
description: customers of two systems
sources:
  - name: people
    from: {csv: {path: \"people*.csv\"}}
    strategy: new_files
    deduplicate: {key: [source, id]}
    columns:
      - {name: source, type: text, clean: [required]}
      - {name: id, type: text, clean: [required]}
      - {name: name, type: text, clean: [{null_if: ['']}]}
      - {name: mail, type: text, clean: [{null_if: ['']}]}
  - name: decided
    from: {csv: {path: \"decided*.csv\"}}
    optional: true
    columns:
      - {name: a_source, type: text}
      - {name: a_id, type: text}
      - {name: b_source, type: text}
      - {name: b_id, type: text}
      - {name: same, type: boolean}
transform: SELECT * FROM people
load:
  match:
    name: people
    record: [source, id]
    compare:
      - {columns: [name], as: name, weights: [4, -4, -4, -4, -8], rare_weighs_more: false}
      - {columns: [mail], as: exact, weights: [30, -8], rare_weighs_more: false}
    block: [mail, soundex(name)]
    decisions: decided
";

const HEAD: &str = "source,id,name,mail\n";

fn project() -> Project {
    Project::new(&[DECLARED])
}

async fn numbers(project: &Project) -> Vec<String> {
    project.sql("SELECT id, person_id FROM warehouse.match_people ORDER BY id").await
}

async fn history(project: &Project) -> Vec<String> {
    let sql = "SELECT event, person_id, into_person_id, records FROM warehouse.match_people_history \
               WHERE event <> 'new' ORDER BY at, event, person_id";
    project.sql(sql).await
}

#[tokio::test]
async fn numbers_stay_and_what_happens_to_them_is_history() {
    let project = project();
    project.write("people1.csv", &format!("{HEAD}crm,1,Ann Lee,ann@x\ncrm,2,Bo Poe,bo@y\n"));
    project.write("people2.csv", &format!("{HEAD}crm,3,Ann Lee,ann@x\ncrm,4,Ann Leigh,lee@z\n"));
    project.run("2025-01-01").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|2", "3|1", "4|3"]);
    assert_eq!(project.run("2025-01-02").await.unwrap().release, None);

    let files = async || -> Vec<String> {
        let release = project.latest().await;
        release.tables["match_people_history"].files.iter().map(|f| f.path.clone()).collect()
    };
    let first_files = files().await;

    // somebody with both addresses comes in between: no pair of 1 and 4 matches, but both match 5
    project.write("people3.csv", &format!("{HEAD}shop,5,Ann Lee,lee@z\n"));
    project.run("2025-01-03").await.unwrap();
    let pairs = "SELECT a_id, b_id, decision FROM warehouse.match_people_pairs ORDER BY a_id, b_id";
    assert_eq!(project.sql(pairs).await, ["1|3|match", "4|5|match"]);
    assert_eq!(numbers(&project).await, ["1|1", "2|2", "3|1", "4|3", "5|3"]);

    // the record changes, and with it whom it matches
    project.write("people4.csv", &format!("{HEAD}shop,5,Ann Lee,ann@x\n"));
    project.run("2025-01-04").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|2", "3|1", "4|3", "5|1"]);
    assert_eq!(history(&project).await, ["split|3|1|1"]);

    // two who were two are one: the older number stays, and no number is given twice
    project.write("people5.csv", &format!("{HEAD}crm,4,Ann Lee,ann@x\n"));
    project.run("2025-01-05").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|2", "3|1", "4|1", "5|1"]);
    assert_eq!(history(&project).await, ["split|3|1|1", "merged|3|1|1"]);
    project.write("people6.csv", &format!("{HEAD}crm,6,Cy Nie,cy@c\n"));
    let summary = project.run("2025-01-06").await.unwrap();
    // only what is new is compared, and only where a key is shared
    let notes = &summary.jobs[0].notes;
    assert!(notes.iter().any(|note| note.contains("; 0 pairs compared")), "{notes:?}");
    assert_eq!(numbers(&project).await.last().unwrap(), "6|4");

    // what had happened is never read or written again, but added to; without news nothing is
    assert_eq!(first_files.len(), 1);
    let all = files().await;
    assert_eq!((all.len(), all.contains(&first_files[0])), (4, true), "{all:?}");
}

#[tokio::test]
async fn what_people_have_decided_stands() {
    let project = project();
    let rows = "crm,1,Ann Lee,ann@x\nshop,2,Ann Lee,ann@x\nshop,3,Bo Poe,bo@y\ncrm,4,Bob P,bob@z\n";
    project.write("people1.csv", &format!("{HEAD}{rows}"));
    project.run("2025-01-01").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|1", "3|3", "4|2"]);
    let head = "a_source,a_id,b_source,b_id,same\n";
    let decided = "shop,2,crm,1,false\ncrm,4,shop,3,true\ncrm,9,shop,9,true\n";
    project.write("decided.csv", &format!("{head}{decided}"));
    let summary = project.run("2025-01-02").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|4", "3|2", "4|2"]);
    let pairs = "SELECT a_id, b_id, decision FROM warehouse.match_people_pairs ORDER BY a_id";
    assert_eq!(project.sql(pairs).await, ["1|2|apart", "4|3|same"]);
    let notes = format!("{:?}", summary.jobs[0].notes);
    assert!(notes.contains("1 decisions of `decided` name records that there are not"), "{notes}");
    // it stands when other records come
    project.write("people2.csv", &format!("{HEAD}crm,5,Di Qu,di@q\n"));
    project.run("2025-01-03").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|4", "3|2", "4|2", "5|5"]);
    // and two that contradict each other are refused
    project.write("decided.csv", &format!("{head}{decided}crm,1,shop,2,true\n"));
    let error = project.run("2025-01-04").await.unwrap_err().to_string();
    assert!(error.contains("both that two records are the same"), "{error}");
}

#[tokio::test]
async fn records_that_are_told_apart_otherwise_begin_anew() {
    let mut project = project();
    project.write("people1.csv", &format!("{HEAD}crm,1,Ann Lee,ann@x\nshop,2,Ann Lee,ann@x\n"));
    project.run("2025-01-01").await.unwrap();
    assert_eq!(numbers(&project).await, ["1|1", "2|1"]);
    let columns = "transform: SELECT source AS system, id, name, mail FROM people";
    project.edit_jobs("transform: SELECT * FROM people", columns);
    project.edit_jobs("record: [source, id]", "record: [system, id]");
    project.edit_jobs("    decisions: decided\n", "");
    project.run("2025-01-02").await.unwrap();
    // nobody knows who they were, and no number is given twice
    assert_eq!(numbers(&project).await, ["1|2", "2|2"]);
}

/// Groups of records, whatever their numbers.
fn groups(rows: Vec<String>) -> BTreeSet<BTreeSet<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let (id, person) = row.split_once('|').unwrap();
        groups.entry(person.to_owned()).or_default().insert(id.to_owned());
    }
    groups.into_values().collect()
}

#[tokio::test]
async fn records_in_many_runs_are_the_persons_of_one() {
    let made = people::chinese(150, 3);
    let row = |record: &people::Record| {
        let mail =
            if record.phone.is_empty() { "" } else { &record.phone[record.phone.len() - 4..] };
        format!("{},{},{},{mail}\n", record.source, record.id, record.name)
    };
    let job = DECLARED.replace("soundex(name)", "pinyin(name)");
    let whole = Project::new(&[&job]);
    let text: String = made.iter().map(row).collect();
    whole.write("people.csv", &format!("{HEAD}{text}"));
    whole.run("2025-01-01").await.unwrap();
    let parts = Project::new(&[&job]);
    for (number, part) in made.chunks(made.len() / 4 + 1).enumerate() {
        let text: String = part.iter().map(row).collect();
        parts.write(&format!("people{number}.csv"), &format!("{HEAD}{text}"));
        parts.run(&format!("2025-02-0{}", number + 1)).await.unwrap();
    }
    let (one, many) = (groups(numbers(&whole).await), groups(numbers(&parts).await));
    assert!(one.len() < made.len() && one.len() > 50);
    assert_eq!(one, many);
    let pairs = "SELECT a_id, b_id, round(weight), decision FROM warehouse.match_people_pairs \
                 WHERE decision = 'match' ORDER BY a_id, b_id";
    let a: Vec<_> = whole.sql(pairs).await;
    assert!(!a.is_empty());
}

#[tokio::test]
async fn a_dimension_can_be_of_persons() {
    let person = "
job: persons
description: customers, each once
transform: >
  SELECT 'matched' AS source_system, CAST(person_id AS VARCHAR) AS customer_id,
         min(name) AS customer_name, count(*) || ' records' AS city
  FROM warehouse.match_people GROUP BY person_id
load: {dimension: {dimension: customer}}
";
    let project = Project::new(&[person, DECLARED]);
    project.write("people1.csv", &format!("{HEAD}crm,1,Ann Lee,ann@x\nshop,2,Ann Lee,ann@x\n"));
    project.run("2025-01-01").await.unwrap();
    let sql = "SELECT customer_id, customer_name, city FROM warehouse.dim_customer WHERE customer_key > 0";
    assert_eq!(project.sql(sql).await, ["1|Ann Lee|2 records"]);
    assert!(project.run("2025-01-02").await.unwrap().release.is_none());
}

#[tokio::test]
async fn a_key_that_two_records_have_is_told() {
    let project = Project::new(&[&DECLARED.replace("    deduplicate: {key: [source, id]}\n", "")]);
    project.write("people1.csv", &format!("{HEAD}crm,1,Ann,a\ncrm,1,Bo,b\n"));
    let error = project.run("2025-01-01").await.unwrap_err().to_string();
    assert!(error.contains("two records have the same key") && error.contains("crm, 1"), "{error}");
}

#[test]
fn what_is_wrong_in_a_job_is_told_with_its_place() {
    let model = starhouse::model::load(&[("d.yaml", crate::etl_project::DATE)]).unwrap();
    let faults = |from: &str, to: &str| {
        let job = DECLARED.replace(from, to);
        assert_ne!(job, DECLARED, "{from}");
        let jobs = starhouse::etl::jobs::Jobs::load(&[("etl/match.yaml", &job)], &model);
        jobs.unwrap_err().to_string()
    };
    for (from, to, said) in [
        ("soundex(name)", "soundx(name)", "did you mean `soundex`"),
        ("[4, -4, -4, -4, -8]", "[4, -4]", "this comparison has 5 levels"),
        ("decisions: decided", "decisions: decidd", "did you mean `decided`"),
        ("as: exact", "as: exactly", "exact"),
        (
            "    name: people\n    record",
            "    name: Pe ople\n    record",
            "is no name for a matching",
        ),
        ("decisions: decided", "household: [nme]", "did you mean `name`"),
        ("decisions: decided", "thresholds: {match: 0.3}", "`review` at most `match`"),
        ("decisions: decided", "missing: close", "needs all records at once"),
        ("columns: [mail]", "columns: [person_id]", "a column of the matching's own"),
        ("as: exact", "as: name, swapped_with: mail", "no other comparison of names"),
        (
            "transform: SELECT * FROM people",
            "transform: SELECT * FROM warehouse.match_peple",
            "did you mean",
        ),
    ] {
        let told = faults(from, to);
        assert!(told.contains(said), "{from} -> {to}: {told}");
        assert!(told.contains("etl/match.yaml:"), "{told}");
    }
}
