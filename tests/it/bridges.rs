//! Bridges: loaded whole or not at all, and what they must be.

use super::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project};
use starhouse::error::ErrorKind;
use starhouse::etl::jobs::Jobs;

const CLUB: &str = "
dimension: club
description: where people meet
natural_key:
  - {name: club_id, type: text, description: number}
";

const MEMBERSHIP: &str = "
bridge: membership
description: who is in which club
from: customer
to: club
weight: {name: share, description: the club's part of the customer}
";

const CLUBS: &str = "
job: clubs
description: clubs
sources:
  - name: club
    from: {csv: {path: clubs.csv}}
    columns: [{name: club_id, type: text}]
load: {dimension: {dimension: club}}
";

const MEMBERSHIPS: &str = "
job: memberships
description: who is in which club
sources:
  - name: member
    from: {csv: {path: memberships.csv}}
    columns:
      - {name: system, type: text}
      - {name: number, type: text}
      - {name: club, type: text}
      - {name: share, type: float64}
load: {bridge: {bridge: membership, from: [system, number], to: [club]}}
";

fn project() -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, CLUBS, MEMBERSHIPS]);
    project.add_schema(CLUB);
    project.add_schema(MEMBERSHIP);
    // The same number in two systems is two people; Ada moved.
    let customers = "S,1,Ada,Rome,2024-01-01\nS,1,Ada,Oslo,2024-02-01\nT,1,Bob,Rome,2024-01-01\n";
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{customers}"));
    project.write("clubs.csv", "club_id\nchess\ntennis\n");
    project
}

fn memberships(project: &Project, rows: &str) {
    project.write("memberships.csv", &format!("system,number,club,share\n{rows}"));
}

const PAIRS: &str = "SELECT DISTINCT a.source_system, a.customer_id, c.club_id, share \
                     FROM bridge_membership b JOIN dim_club c USING (club_durable_key) \
                     JOIN dim_customer a USING (customer_durable_key) ORDER BY 1, 2, 3";

#[tokio::test]
async fn pairs_are_of_members_whatever_their_version_and_the_same_again_is_nothing() {
    let project = project();
    memberships(&project, "S,1,chess,0.25\nS,1,tennis,0.75\nT,1,chess,1\n");
    project.run("2024-03-01").await.unwrap();
    let expected = ["S|1|chess|0.25", "S|1|tennis|0.75", "T|1|chess|1.0"];
    assert_eq!(project.sql(PAIRS).await, expected);
    assert_eq!(project.run("2024-03-02").await.unwrap().release, None);
    // A new version of Ada is no news to the bridge's rows.
    project.write("customers_2.csv", &format!("{CUSTOMER_HEAD}S,1,Ada,Bonn,2024-04-01\n"));
    assert!(project.run("2024-04-02").await.unwrap().release.is_some());
    assert_eq!(project.sql(PAIRS).await, expected);
    // The rows are all of it.
    memberships(&project, "T,1,tennis,1\n");
    project.run("2024-04-03").await.unwrap();
    assert_eq!(project.sql(PAIRS).await, ["T|1|tennis|1.0"]);
}

#[tokio::test]
async fn what_is_no_whole_bridge_is_refused_and_named() {
    let project = project();
    for (rows, told) in [
        (
            "S,1,chess,1\nS,2,chess,1\n",
            "1 of 2 rows name members that `customer` does not have, such as (S, 2)",
        ),
        ("S,1,chess,0.5\nS,1,bridge,0.5\n", "members that `club` does not have, such as (bridge)"),
        ("S,1,chess,0.5\nS,1,chess,0.5\n", "the pair (S, 1, chess) comes twice"),
        (
            "S,1,chess,0.5\nT,1,chess,1\n",
            "of 1 of 2 members do not add up to 1; those of (S, 1) to 0.5",
        ),
        ("S,1,chess,0\nS,1,tennis,1\n", "`share` of (S, 1) is 0"),
        ("S,1,chess,\n", "`share` of (S, 1) is NULL"),
        (",1,chess,1\n", "such as ("),
    ] {
        memberships(&project, rows);
        let error = project.run("2024-03-01").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{rows}: {error}");
        assert!(error.to_string().contains(told), "{rows}: {error}");
    }
    memberships(&project, "T,1,chess,1\n");
    project.run("2024-03-01").await.unwrap();
    memberships(&project, "");
    let error = project.run("2024-03-02").await.unwrap_err();
    assert!(error.to_string().contains("1 row would be replaced by none"), "{error}");
}

#[test]
fn wrong_jobs_of_bridges_are_told() {
    let schemas = [
        ("club.yaml", CLUB),
        ("customer.yaml", super::etl_project::CUSTOMER),
        ("b.yaml", MEMBERSHIP),
    ];
    let model = starhouse::model::load(&schemas).unwrap();
    let told = |from: &str, to: &str| {
        let text = MEMBERSHIPS.replace(from, to);
        Jobs::load(&[("m.yaml", text)], &model).unwrap_err().to_string()
    };
    let unknown = told("bridge: membership", "bridge: membershp");
    assert!(
        unknown.contains("there is no bridge `membershp`; did you mean `membership`?"),
        "{unknown}"
    );
    let arity = told("from: [system, number]", "from: [number]");
    assert!(arity.contains("`from` needs 2 columns for the natural key of `customer`"), "{arity}");
    let column = told("to: [club]", "to: [clob]");
    assert!(column.contains("has no column `clob`; did you mean `club`?"), "{column}");
    let weight = told("{name: share, type", "{name: shar, type");
    assert!(weight.contains("has no column `share`"), "{weight}");
    let partial = told(
        "    columns:\n      - {name: system",
        "    strategy: new_files\n    columns:\n      - {name: system",
    );
    assert!(partial.contains("yields only what is new"), "{partial}");
}
