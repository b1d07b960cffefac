use super::*;
use crate::ids::{ReleaseId, RunId};

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_750_000_000_000 + ms).unwrap()
}

fn attribute(told: &Told, key: &str) -> Option<String> {
    let found = told.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string())
}

fn asked(text: &str, error: Option<&str>) -> Told {
    let query = QueryRecord {
        at: at(0),
        principal: "local".to_owned(),
        release: ReleaseId(3),
        text: text.to_owned(),
        elapsed_ms: 30,
        rows: 7,
        routing: vec!["fact sales, at name = 'Ann': base rows".to_owned()],
        tag: Some("dashboard".to_owned()),
        error: error.map(str::to_owned),
    };
    let ms = Duration::from_millis;
    let timing = QueryTiming { planning: ms(10), answering: ms(20), parent: None };
    question(&query, &timing, at(100))
}

#[test]
fn a_question_is_planned_and_answered() {
    let told = asked("SELECT * FROM t WHERE name = 'Ann'", None);
    assert_eq!((told.from, told.to), (at(70), at(100)));
    let below: Vec<_> = told.below.iter().map(|t| (t.name.as_ref(), t.from, t.to)).collect();
    assert_eq!(below, [("plan", at(70), at(80)), ("answer", at(80), at(100))]);
    let text = attribute(&told, "db.query.text").unwrap();
    assert_eq!(text, "SELECT * FROM t WHERE name = ?");
    assert_eq!(attribute(&told, "db.response.returned_rows").unwrap(), "7");
    assert_eq!(attribute(&told, "starhouse.query_tag").unwrap(), "dashboard");
    assert!(!format!("{told:?}").contains("Ann"), "{told:?}");
    assert_eq!((told.error, attribute(&told, "error.type")), (None, None));
}

#[test]
fn values_leave_by_no_trace() {
    let cube_query = r#"{"cube": "sales", "slice": {"customer": "Ann"}}"#;
    assert_eq!(attribute(&asked(cube_query, None), "db.query.text"), None);
    let told = asked("SELECT CAST('Ann' AS INT)", Some("cannot cast 'Ann' to a whole number"));
    assert_eq!(told.error, Some("failed"));
    assert!(!format!("{told:?}").contains("Ann"), "{told:?}");
    let told = asked("SELECT 1", Some("cancelled"));
    assert_eq!(attribute(&told, "error.type").unwrap(), "cancelled");
}

fn step(job: &str, step: &str, from: i64, elapsed_ms: u64) -> StepRecord {
    StepRecord {
        job: job.to_owned(),
        step: step.to_owned(),
        target: "t".to_owned(),
        rows_read: 5,
        rows_written: 4,
        rows_rejected: 1,
        started_at: Some(at(from)),
        elapsed_ms,
    }
}

#[test]
fn a_runs_steps_stand_below_their_jobs() {
    let steps = vec![
        step("customers", "extract", 0, 10),
        step("customers", "load", 10, 20),
        step("sales", "extract", 5, 40),
        StepRecord { started_at: None, ..step("old", "load", 0, 1) },
    ];
    let record = RunRecord {
        run: RunId("r1".to_owned()),
        started_at: at(0),
        as_of: None,
        finished_at: Some(at(60)),
        status: RunStatus::Failed,
        release: None,
        error: Some("row 'Ann'".to_owned()),
        steps,
        quality: Vec::new(),
    };
    let told = run(&record);
    assert_eq!((told.from, told.to, told.error), (at(0), at(60), Some("failed")));
    let jobs: Vec<_> = told.below.iter().map(|t| (t.name.as_ref(), t.from, t.to)).collect();
    assert_eq!(jobs, [("customers", at(0), at(30)), ("sales", at(5), at(45))]);
    let steps: Vec<_> = told.below[0].below.iter().map(|t| t.name.as_ref()).collect();
    assert_eq!(steps, ["extract", "load"]);
    assert_eq!(attribute(&told.below[0].below[0], "starhouse.rows_rejected").unwrap(), "1");
    assert!(!format!("{told:?}").contains("Ann"), "{told:?}");
}
