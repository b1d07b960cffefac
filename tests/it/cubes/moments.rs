//! Conversions told by moments: visits that are followed by a sale within hours and minutes. Each answer is
//! that of every visit compared with every sale.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};
use std::collections::BTreeSet;

const VISIT: &str = "
fact: visit
description: Who looked in.
grain: one row a visit
kind: factless
dimensions: [date, customer]
degenerate:
  - {name: visit_no, type: text, description: The visit.}
columns:
  - {name: visited_at, type: timestamp, description: When.}
key: [visit_no]
";

const VISITS: &str = "
job: visits
description: visits
sources:
  - name: visit
    from: {csv: {path: visits.csv}}
    columns:
      - {name: visit_no, type: text}
      - {name: customer_id, type: text, clean: [{null_if: ['']}]}
      - {name: visited_at, type: timestamp, clean: [{null_if: ['']}, {date_formats: ['%Y-%m-%d %H:%M:%S']}]}
transform: SELECT *, 'crm' AS source_system, CAST(visited_at AS DATE) AS day FROM visit
load:
  fact:
    fact: visit
    mode: replace
    event_at: visited_at
    keys: {date: [day], customer: [source_system, customer_id]}
";

const FUNNEL: &str = "
cube: funnel
description: Visits and what came of them.
facts: [visit]
measures:
  - {name: visits, count: true, description: Visits.}
  - {name: in_2_hours, conversion: {of: customer, to: sales, over: date, by: hour, periods: 2, moment: visited_at, moment_after: sold_at, counts: events}, description: Visits after which something was bought within two hours.}
  - {name: in_45_minutes, conversion: {of: customer, to: sales, over: date, by: minute, periods: 45, moment: visited_at, moment_after: sold_at}, description: Customers who bought within 45 minutes.}
  - {name: in_2_days, conversion: {of: customer, to: sales, over: date, by: date, periods: 2, moment: visited_at, moment_after: sold_at, counts: events}, description: Visits after which something was bought within 48 hours.}
  - {name: on_the_day, conversion: {of: customer, to: sales, over: date, by: date, periods: 1, counts: events}, description: Visits on a day on which something was bought.}
";

/// A customer, if it is known who, and the minute since 1 January 2024, if it is known when.
type Event = (Option<u32>, Option<u32>);

fn project(visits: &[Event], sales: &[Event]) -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "replace", ""), VISITS]);
    project.add_schema(VISIT);
    project.add_schema(FUNNEL);
    project.edit_schemas(
        "  - {name: quantity, type: int32,",
        "  - {name: sold_at, type: timestamp, description: When.}\n  - {name: quantity, type: int32,",
    );
    // The column `quantity` is the minute of the day in Greenwich; without one nobody knows when.
    let moment = "transform: SELECT *, to_timestamp(CAST(extract(epoch FROM sold_on) AS BIGINT) + quantity * 60) \
                  AS sold_at FROM line\nload:\n  fact:";
    project.edit_jobs("load:\n  fact:\n    fact: sales", &format!("{moment}\n    fact: sales"));
    let customers = (1..=3).map(|id| format!("crm,{id},Ada,Rome,2020-01-01\n"));
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{}", customers.collect::<String>()));
    let who = |customer: Option<u32>| customer.map_or_else(String::new, |id| id.to_string());
    let mut lines = SALES_HEAD.to_owned();
    for (number, (customer, minute)) in sales.iter().enumerate() {
        let (day, minute) = match minute {
            Some(minute) => (1 + minute / 1440, (minute % 1440).to_string()),
            None => (1, String::new()),
        };
        let system = customer.map_or("", |_| "crm");
        let customer = who(*customer);
        lines += &format!("R{number},1,2024-01-{day:02},{system},{customer},{minute},1.00,false\n");
    }
    project.write("sales.csv", &lines);
    let mut lines = "visit_no,customer_id,visited_at\n".to_owned();
    for (number, (customer, minute)) in visits.iter().enumerate() {
        let moment = minute.map_or_else(String::new, |minute| {
            let (day, minute) = (1 + minute / 1440, minute % 1440);
            format!("2024-01-{day:02} {:02}:{:02}:00", minute / 60, minute % 60)
        });
        lines += &format!("V{number},{},{moment}\n", who(*customer));
    }
    project.write("visits.csv", &lines);
    project
}

/// The visits that are followed by a sale for which something is true of both minutes.
fn followed<'e>(
    visits: &'e [Event],
    sales: &'e [Event],
    in_time: impl Fn(u32, u32) -> bool,
) -> Vec<&'e Event> {
    let known = |event: &Event| Some((event.0?, event.1?));
    let is_followed = |visit: &&Event| {
        let Some((who, at)) = known(visit) else { return false };
        let bought = sales.iter().filter_map(known);
        bought.into_iter().any(|(buyer, then)| buyer == who && in_time(at, then))
    };
    visits.iter().filter(is_followed).collect()
}

#[tokio::test]
async fn events_are_followed_to_the_minute() {
    let mut seed = 7_u32;
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let mut events = |count: usize| -> Vec<Event> {
        let one = |_| {
            let who = Some(1 + next(4)).filter(|who| *who < 4);
            // Of quarters of an hour, so that some are of one moment, or just too late.
            (who, Some(15 * next(4 * 24 * 4)).filter(|_| next(12) > 0))
        };
        (0..count).map(one).collect()
    };
    let (visits, sales) = (events(80), events(25));
    let project = project(&visits, &sales);
    project.run("2024-12-31").await.unwrap();
    let within =
        |minutes: u32| followed(&visits, &sales, move |at, then| then >= at && then < at + minutes);
    let by_day = followed(&visits, &sales, |at, then| at / 1440 == then / 1440);
    let members: BTreeSet<u32> = within(45).into_iter().filter_map(|visit| visit.0).collect();
    let (hours, days) = (within(120).len(), within(2 * 1440).len());
    assert!(0 < hours && hours < days && days < visits.len(), "{hours} {days}");
    let sql = "SELECT MEASURE(visits), MEASURE(in_2_hours), MEASURE(in_45_minutes), MEASURE(in_2_days), \
               MEASURE(on_the_day) FROM cubes.funnel";
    let expected = format!("{}|{hours}|{}|{days}|{}", visits.len(), members.len(), by_day.len());
    assert_eq!(project.sql(sql).await, [expected]);
    // And each day by itself: a visit is of its own day, whenever what follows is.
    let sql = "SELECT date, MEASURE(in_2_hours) FROM cubes.funnel WHERE date IS NOT NULL GROUP BY date ORDER BY 1";
    for line in project.sql(sql).await {
        let (day, count) = line.split_once('|').unwrap();
        let day: u32 = day.rsplit('-').next().unwrap().parse().unwrap();
        let own = within(120).into_iter().filter(|visit| visit.1.unwrap() / 1440 + 1 == day);
        assert_eq!(count, own.count().to_string(), "{line}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_by_moments_is_said() {
    for (from, to, part) in [
        (
            "moment: visited_at, moment_after: sold_at, counts: events}, description: Visits after which something was bought within two hours",
            "counts: events}, description: Fewer",
            "events are told by days, of which one hour is a part",
        ),
        ("moment: visited_at", "moment: visited_it", "did you mean `visited_at`?"),
        (
            "moment_after: sold_at",
            "moment_after: sold_on",
            "unknown timestamp column of fact `sales` `sold_on`",
        ),
        ("by: hour", "by: ours", "unknown period `ours`"),
    ] {
        assert!(FUNNEL.contains(from));
        let cube = FUNNEL.replacen(from, to, 1);
        let with_moment = crate::etl_project::SALES.replace(
            "  - {name: quantity,",
            "  - {name: sold_at, type: timestamp, description: When.}\n  - {name: quantity,",
        );
        let (date, customer) = (crate::etl_project::DATE, crate::etl_project::CUSTOMER);
        let files = [date, customer, &with_moment, VISIT, &cube];
        let files: Vec<(String, &str)> =
            files.iter().enumerate().map(|(n, text)| (format!("{n}.yaml"), *text)).collect();
        let faults = starhouse::model::load(&files).unwrap_err().to_string();
        assert!(faults.contains(part), "{faults}");
    }
}
