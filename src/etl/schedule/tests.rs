//! What is due when, by example and against counting every occurrence.

use super::due::{States, begin, finished, first_due, next, started};
use super::*;
use crate::model::Model;
use crate::store::ScheduleOutcome;
use chrono::{DateTime, Utc};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedules(texts: &[&str]) -> Vec<Schedule> {
    let files: Vec<(String, &str)> =
        texts.iter().enumerate().map(|(n, text)| (format!("schedules/{n}.yaml"), *text)).collect();
    load(&files, &Jobs::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Lets the clock go on and lets what is due run at once; which ran when, as planned.
fn ran(schedules: &[Schedule], states: &mut States, from: &str, to: &str) -> Vec<(String, String)> {
    let (mut now, to) = (at(from), at(to));
    let mut ran = Vec::new();
    while now <= to {
        while let Some(due) = first_due(schedules, states, now) {
            let schedule = schedules.iter().find(|s| s.name == due.schedule).unwrap();
            let state = states.get_mut(&due.schedule).unwrap();
            started(state, due.planned_at, now);
            finished(state, schedule, Ok(()), now);
            ran.push((due.schedule, due.planned_at.format("%d %H:%M").to_string()));
        }
        now += Duration::minutes(1);
    }
    ran
}

#[test]
fn the_clock_is_that_of_the_zone_through_both_changes() {
    let daily = schedules(&[
        "schedule: daily\ndescription: d\ncron: '30 2 * * *'\ntime_zone: Europe/Berlin\n",
    ]);
    // 30 March 2025 has no 02:30 in Berlin, 26 October has two.
    for (from, to, most) in [
        ("2025-03-28T12:00:00Z", "2025-04-01T12:00:00Z", 4),
        ("2025-10-24T12:00:00Z", "2025-10-28T12:00:00Z", 4),
    ] {
        let mut states = States::new();
        begin(&daily, &mut states, at(from));
        let ran = ran(&daily, &mut states, from, to);
        let days: std::collections::BTreeSet<&str> =
            ran.iter().map(|(_, planned)| planned.split(' ').next().unwrap()).collect();
        assert_eq!(ran.len(), days.len(), "never twice a day: {ran:?}");
        assert!(ran.len() == most || ran.len() + 1 == most, "{ran:?}");
    }
    let mut states = States::new();
    begin(&daily, &mut states, at("2025-07-01T00:00:00Z"));
    assert_eq!(
        ran(&daily, &mut states, "2025-07-01T00:00:00Z", "2025-07-01T12:00:00Z")[0].1,
        "01 00:30"
    );
    assert_eq!(next(&daily[0], at("2025-01-01T00:00:00Z")), Some(at("2025-01-01T01:30:00Z")));
}

#[test]
fn missed_runs_are_made_up_for_once_or_left_out() {
    let both = schedules(&[
        "schedule: once\ndescription: d\ncron: '0 * * * *'\n",
        "schedule: skips\ndescription: d\ncron: '0 * * * *'\nmissed: skip\n",
    ]);
    let mut states = States::new();
    begin(&both, &mut states, at("2025-01-01T00:30:00Z"));
    assert_eq!(ran(&both, &mut states, "2025-01-01T00:30:00Z", "2025-01-01T01:30:00Z").len(), 2);
    // Nobody is there from two to five.
    begin(&both, &mut states, at("2025-01-01T05:30:00Z"));
    let made_up = ran(&both, &mut states, "2025-01-01T05:30:00Z", "2025-01-01T06:00:00Z");
    let expected = [("once", "01 05:00"), ("once", "01 06:00"), ("skips", "01 06:00")];
    assert_eq!(made_up, expected.map(|(name, when)| (name.to_owned(), when.to_owned())));
}

#[test]
fn a_schedule_follows_others_that_have_succeeded() {
    let chain = schedules(&[
        "schedule: a\ndescription: d\ncron: '0 * * * *'\n",
        "schedule: b\ndescription: d\ncron: '20 */2 * * *'\n",
        "schedule: c\ndescription: d\nafter: [a, b]\n",
    ]);
    let mut states = States::new();
    begin(&chain, &mut states, at("2025-01-01T00:30:00Z"));
    let ran = ran(&chain, &mut states, "2025-01-01T00:30:00Z", "2025-01-01T04:30:00Z");
    let of_c: Vec<&str> =
        ran.iter().filter(|(name, _)| name == "c").map(|(_, when)| when.as_str()).collect();
    assert_eq!(of_c, ["01 02:20", "01 04:20"]);
}

#[test]
fn what_may_pass_is_tried_again_later_and_later() {
    let hourly = schedules(&["schedule: a\ndescription: d\ncron: '0 0 * * *'\nretries: 2\n"]);
    let mut states = States::new();
    begin(&hourly, &mut states, at("2025-01-01T23:59:00Z"));
    let now = at("2025-01-02T00:00:00Z");
    let due = first_due(&hourly, &states, now).unwrap();
    let state = states.get_mut("a").unwrap();
    started(state, due.planned_at, now);
    finished(state, &hourly[0], Err(("disk".to_owned(), true)), now);
    assert_eq!(state.retry_at, Some(at("2025-01-02T00:01:00Z")));
    assert_eq!(first_due(&hourly, &states, at("2025-01-02T00:00:59Z")), None);
    let later = at("2025-01-02T00:01:00Z");
    assert_eq!(first_due(&hourly, &states, later), Some(due.clone()), "the same run again");
    let state = states.get_mut("a").unwrap();
    started(state, due.planned_at, later);
    finished(state, &hourly[0], Err(("disk".to_owned(), true)), later);
    assert_eq!(state.retry_at, Some(at("2025-01-02T00:03:00Z")), "twice as long");
    finished(state, &hourly[0], Err(("disk".to_owned(), true)), later);
    assert_eq!((state.retry_at, state.outcome), (None, ScheduleOutcome::Failed), "given up");
    // What will not pass is not tried again; what was killed is.
    finished(state, &hourly[0], Err(("wrong".to_owned(), false)), later);
    assert_eq!(state.retry_at, None);
    started(state, due.planned_at, later);
    begin(&hourly, &mut states, at("2025-01-02T01:00:00Z"));
    assert_eq!(first_due(&hourly, &states, at("2025-01-02T01:00:00Z")), Some(due));
}

#[test]
fn faults_are_told_with_their_places() {
    let files = [
        ("a.yaml", "schedule: a\ndescription: d\ncron: '61 2 * * *'\ntime_zone: Europe/Berln\n"),
        ("b.yaml", "schedule: b\ndescription: d\nafter: [c, x]\njobs: [custmers]\n"),
        ("c.yaml", "schedule: c\ndescription: d\nafter: [b]\ntimeout_minutes: 0\n"),
        ("d.yaml", "schedule: d\ndescription: d\n"),
        ("e.yaml", "schedule: d\ndescription: d\ncron: '0 0 * * *'\nretry: 3\n"),
    ];
    let jobs = Jobs::load::<&str, &str>(&[], &Model::default()).unwrap();
    let faults = load(&files, &jobs).unwrap_err().to_string();
    for expected in [
        "a.yaml:3:7: `61 2 * * *` is no cron pattern",
        "a.yaml:4:12: unknown time zone `Europe/Berln`",
        "did you mean `Europe/Berlin`",
        "b.yaml:3:12: there is no schedule `x`",
        "b.yaml:4:8: there is no job `custmers`",
        "b.yaml:1:11: the schedule `b` waits for itself",
        "c.yaml:4:18: a run cannot end in no time",
        "d.yaml:1:11: the schedule `d` needs either `cron` or `after`",
        "e.yaml:4:1: unknown key `retry`",
    ] {
        assert!(faults.contains(expected), "`{expected}` is missing in\n{faults}");
    }
}

#[test]
fn what_others_hear_is_told_once_and_taken_back() {
    use news::{News, news, stale_by};
    let schedule = &schedules(&[
        "schedule: s\ndescription: d\ncron: '0 * * * *'\nretries: 0\nfresh_within_minutes: 90\n",
    ])[0];
    let mut states = States::new();
    begin(std::slice::from_ref(schedule), &mut states, at("2025-01-01T00:00:00Z"));
    let state = states.get_mut("s").unwrap();
    let told = |state: &mut crate::store::ScheduleState, now: &str| news(schedule, state, at(now));
    // Never run, and not late yet.
    assert_eq!(told(state, "2025-01-01T01:30:00Z"), []);
    started(state, at("2025-01-01T01:00:00Z"), at("2025-01-01T01:00:00Z"));
    assert_eq!(told(state, "2025-01-01T01:31:00Z"), [News::Lateness], "while it runs");
    assert_eq!(told(state, "2025-01-01T01:32:00Z"), []);
    finished(state, schedule, Err(("no disk".to_owned(), true)), at("2025-01-01T01:40:00Z"));
    assert_eq!(told(state, "2025-01-01T01:40:00Z"), [News::Failure]);
    let body = news::body(News::Failure, schedule, state, at("2025-01-01T01:40:00Z"));
    assert_eq!(body["text"], "schedule s failed: no disk");
    // A restart remembers what was told.
    let written = serde_json::to_string(state).unwrap();
    *state = serde_json::from_str(&written).unwrap();
    assert_eq!(told(state, "2025-01-01T01:50:00Z"), []);
    started(state, at("2025-01-01T02:00:00Z"), at("2025-01-01T02:00:00Z"));
    finished(state, schedule, Ok(()), at("2025-01-01T02:01:00Z"));
    assert_eq!(told(state, "2025-01-01T02:01:00Z"), [News::Recovery]);
    assert_eq!(told(state, "2025-01-01T02:02:00Z"), []);
    assert_eq!(stale_by(schedule, state, at("2025-01-01T03:31:00Z")), None);
    let over = stale_by(schedule, state, at("2025-01-01T04:01:00Z"));
    assert_eq!(over, Some(Duration::minutes(30)));
    assert_eq!(told(state, "2025-01-01T04:01:00Z"), [News::Lateness]);
}

#[test]
fn a_failure_that_is_tried_again_is_not_told_yet() {
    use news::{News, news};
    let schedule = &schedules(&["schedule: s\ndescription: d\ncron: '0 * * * *'\nretries: 1\n"])[0];
    let mut state = crate::store::ScheduleState::new("s", at("2025-01-01T00:00:00Z"));
    let now = at("2025-01-01T01:00:00Z");
    for expected in [vec![], vec![News::Failure]] {
        started(&mut state, now, now);
        finished(&mut state, schedule, Err(("away".to_owned(), true)), now);
        assert_eq!(news(schedule, &mut state, now), expected);
    }
}

#[test]
fn a_webhook_that_cannot_be_is_told_without_its_address() {
    let text =
        "schedule: s\ndescription: d\ncron: '0 * * * *'\nwebhooks: [{url: 'secret.example/abc'}]\n";
    let faults = load(&[("schedules/s.yaml", text)], &Jobs::default()).unwrap_err().to_string();
    assert!(faults.contains("schedules/s.yaml:4:") && faults.contains("https://"), "{faults}");
    assert!(!faults.contains("abc"), "{faults}");
    let text = "schedule: s\ndescription: d\ncron: '0 * * * *'\nwebhooks: [{url: 'http://x', on: [failur]}]\n";
    let faults = load(&[("schedules/s.yaml", text)], &Jobs::default()).unwrap_err().to_string();
    assert!(faults.contains("failure"), "{faults}");
}
