//! Kinds of dimensions and facts beyond the plain ones: generated dimensions, members that are one
//! another's parents, milestones with lags, partitions overwritten.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};

const CUSTOMERS: &str = "crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\n";

fn project(strategy: &str, mode: &str, sales: &str) -> Project {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job(strategy, mode, "")]);
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{CUSTOMERS}"));
    project.write("sales_1.csv", &format!("{SALES_HEAD}{sales}"));
    project
}

/// Lets the job's transformation yield more columns.
fn transform(project: &mut Project, more: &str) {
    let with = format!("transform: SELECT *, {more} FROM line\nload:\n  fact:");
    project.edit_jobs("load:\n  fact:", &with);
}

#[tokio::test]
async fn calendars_know_weeks_and_holidays() {
    let mut project = project("full", "replace", "R1,1,2024-02-10,crm,1,1,10.00,false\n");
    project.edit_schemas(
        "fiscal_year_start_month: 4",
        "fiscal_year_start_month: 4, holidays: days/holidays.csv, \
         retail: {pattern: 4-5-4, ends: nearest saturday of january, numbered_by: begin}",
    );
    let error = project.run("2024-06-01").await.unwrap_err();
    assert!(error.to_string().contains("days/holidays.csv"), "{error}");
    std::fs::create_dir(project.dir.path().join("days")).unwrap();
    project.write("days/holidays.csv", "date,name\n2024-01-01,New Year\n2024-13-01,None\n");
    let error = project.run("2024-06-01").await.unwrap_err().to_string();
    assert!(error.contains("2024-13-01") && error.contains("line 3"), "{error}");
    project.write("days/holidays.csv", "date,name\n2024-01-01,New Year\n");
    project.run("2024-06-01").await.unwrap();
    const DAYS: &str = "SELECT date_key, holiday, is_working_day, retail_week, retail_period \
                        FROM dim_date WHERE date_key IN (-1, 20240101, 20240203, 20240205) ORDER BY 1";
    let expected = [
        "-1|Unknown||Unknown|Unknown",
        "20240101|New Year|false|RY2023-W49|RY2023-P12",
        "20240203||false|RY2023-W53|RY2023-P12",
        "20240205||true|RY2024-W01|RY2024-P01",
    ];
    assert_eq!(project.sql(DAYS).await, expected);
    // Another holiday is news though no job has any.
    project.write("days/holidays.csv", "date,name\n2024-01-01,New Year\n2024-02-05,Carnival\n");
    project.run("2024-06-02").await.unwrap();
    assert!(project.sql(DAYS).await[3].starts_with("20240205|Carnival|false"));
}

#[tokio::test]
async fn moments_find_their_time_of_day_where_they_are() {
    let sales = "R1,1,2024-02-10,crm,1,1,10.00,false\nR2,1,2024-07-10,crm,1,1,20.00,false\n\
                 R3,1,,crm,1,1,20.00,false\n";
    let mut project = project("full", "replace", sales);
    project.add_schema(
        "dimension: time\ndescription: times of day\n\
         time_of_day: {step_minutes: 15, time_zone: Europe/Berlin}\n",
    );
    project.edit_schemas(
        "  - {role: customer,",
        "  - {role: sold, dimension: time, description: when}\n  - {role: customer,",
    );
    transform(&mut project, "CAST(sold_on AS TIMESTAMP) + INTERVAL '754' MINUTE AS at");
    project.edit_jobs("keys: {date: [sold_on],", "keys: {date: [sold_on], sold: [at],");
    project.run("2024-06-01").await.unwrap();
    const TIMES: &str = "SELECT receipt_no, sold_key, t.time, t.day_part FROM fact_sales f \
                         JOIN dim_time t ON t.time_key = f.sold_key ORDER BY 1";
    // 12:34 in Greenwich is 13:34 in Berlin's winter and 14:34 in its summer.
    let expected = [
        "R1|1330|13:30|Afternoon",
        "R2|1430|14:30|Afternoon",
        "R3|-2|Not applicable|Not applicable",
    ];
    assert_eq!(project.sql(TIMES).await, expected);
    assert_eq!(project.sql("SELECT count(*) FROM dim_time").await, ["98"]);
}

#[tokio::test]
async fn days_between_milestones_are_computed() {
    let sales = "R1,1,2024-02-10,crm,1,5,10.00,false\nR2,1,2024-02-28,crm,1,,20.00,false\n";
    let mut project = project("full", "upsert", sales);
    project.edit_schemas(
        "  - {role: customer,",
        "  - {role: shipped, dimension: date, description: left}\n  - {role: customer,",
    );
    project.edit_schemas("key: [receipt_no", "lags: [{name: days_to_ship, from: date, to: shipped, description: wait}]\nkey: [receipt_no");
    project.edit_schemas("columns: [month, city]", "columns: [date_month, city]");
    transform(&mut project, "sold_on + CAST(quantity AS INT) AS shipped_on");
    project.edit_jobs("keys: {date: [sold_on],", "keys: {date: [sold_on], shipped: [shipped_on],");
    project.run("2024-06-01").await.unwrap();
    const LAGS: &str = "SELECT receipt_no, shipped_key, days_to_ship FROM fact_sales ORDER BY 1";
    assert_eq!(project.sql(LAGS).await, ["R1|20240215|5", "R2|-2|"]);
    // The second is shipped at last, over the end of a leap February.
    project.write("sales_1.csv", &format!("{SALES_HEAD}{}", sales.replace("1,,20", "1,2,20")));
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(LAGS).await, ["R1|20240215|5", "R2|20240301|2"]);
}

#[tokio::test]
async fn partitions_that_have_rows_are_overwritten_whole() {
    let sales = "R1,1,2024-02-10,crm,1,5,10.00,false\nR2,1,2024-02-28,crm,1,1,20.00,false\n\
                 R3,1,2024-03-01,crm,1,1,40.00,false\n";
    let project = project("new_files", "overwrite_partitions", sales);
    project.run("2024-06-01").await.unwrap();
    let before = project.latest().await.tables["fact_sales"].clone();
    // February comes anew, without its second sale and with another; March stays.
    project.write(
        "sales_2.csv",
        &format!(
            "{SALES_HEAD}R1,1,2024-02-10,crm,1,5,11.00,false\nR9,1,2024-02-11,crm,2,5,1.00,false\n"
        ),
    );
    project.run("2024-06-02").await.unwrap();
    const ROWS: &str = "SELECT receipt_no, net_amount FROM fact_sales ORDER BY 1";
    assert_eq!(project.sql(ROWS).await, ["R1|11.00", "R3|40.00", "R9|1.00"]);
    let after = project.latest().await.tables["fact_sales"].clone();
    let march = |table: &starhouse::store::TableState| -> Vec<String> {
        let files = table.files.iter().filter(|file| file.partition == Some(202_403));
        files.map(|file| file.path.clone()).collect()
    };
    assert_eq!(march(&before), march(&after));
    // The same rows again change nothing; a key that is elsewhere already is refused.
    project.write(
        "sales_3.csv",
        &format!(
            "{SALES_HEAD}R9,1,2024-02-11,crm,2,5,1.00,false\nR1,1,2024-02-10,crm,1,5,11.00,false\n"
        ),
    );
    let summary = project.run("2024-06-03").await.unwrap();
    assert_eq!(summary.jobs[1].rows_written, 0);
    assert_eq!(project.latest().await.tables["fact_sales"], after);
    project.write("sales_4.csv", &format!("{SALES_HEAD}R3,1,2024-04-01,crm,1,1,1.00,false\n"));
    let error = project.run("2024-06-04").await.unwrap_err();
    assert!(error.message().contains("(R3, 1)"), "{error}");
    let model = starhouse::model::load(&[
        ("date.yaml", crate::etl_project::DATE),
        ("customer.yaml", crate::etl_project::CUSTOMER),
        ("sales.yaml", &crate::etl_project::SALES.replace("partition_by_month_of: date\n", "")),
    ]);
    let jobs = [("sales.yaml", sales_job("full", "overwrite_partitions", ""))];
    let faults = starhouse::etl::jobs::Jobs::load(&jobs, &model.unwrap()).unwrap_err().to_string();
    assert!(faults.contains("no partitions to overwrite"), "{faults}");
}

#[tokio::test]
async fn totals_below_a_member_count_everything_once() {
    // Ada brought Bob and Cyd, Cyd brought Dan; nobody knows who brought Eve. Cyd was brought by
    // Bob before, so there are two of his versions.
    let sales = "R1,1,2024-02-10,crm,1,1,1.00,false\nR2,1,2024-02-10,crm,2,1,2.00,false\n\
                 R3,1,2024-01-10,crm,3,1,4.00,false\nR4,1,2024-03-10,crm,3,1,8.00,false\n\
                 R5,1,2024-02-10,crm,4,1,16.00,false\nR6,1,2024-02-10,crm,5,1,32.00,false\n\
                 R7,1,2024-02-10,crm,9,1,64.00,false\n";
    let mut project = project("full", "replace", sales);
    project.edit_schemas(
        "hierarchies:\n  - {name: place",
        "  - {name: brought_by, type: text, history: 2, description: who brought them}\n\
         parent_child: {parent: [source_system, brought_by], description: who brought whom}\n\
         hierarchies:\n  - {name: place",
    );
    let with = "      - {name: since, type: timestamp";
    project.edit_jobs(
        with,
        &format!("      - {{name: brought_by, type: text, clean: [{{null_if: ['']}}]}}\n{with}"),
    );
    let head = "source_system,customer_id,customer_name,city,brought_by,since\n";
    let rows = "crm,1,Ada,Rome,,2024-01-01\ncrm,2,Bob,Bonn,1,2024-01-01\ncrm,3,Cyd,Bonn,2,2024-01-01\n\
                crm,3,Cyd,Bonn,1,2024-02-01\ncrm,4,Dan,Bonn,3,2024-01-01\ncrm,5,Eve,Bonn,8,2024-01-01\n";
    project.write("customers.csv", &format!("{head}{rows}"));
    project.run("2024-06-01").await.unwrap();
    const BELOW: &str = "SELECT a.customer_name, sum(f.net_amount), max(c.distance) \
                         FROM fact_sales f JOIN closure_customer c ON c.descendant_key = f.customer_key \
                         JOIN dim_customer a ON a.customer_key = c.ancestor_key GROUP BY 1 ORDER BY 1";
    let below = [
        "Ada|31.00|2",
        "Bob|2.00|0",
        "Cyd|28.00|1",
        "Dan|16.00|0",
        "Eve|32.00|0",
        "Unknown|64.00|0",
    ];
    assert_eq!(project.sql(BELOW).await, below);
    const ROOTS: &str = "SELECT sum(f.net_amount) FROM fact_sales f \
                         JOIN closure_customer c ON c.descendant_key = f.customer_key \
                         WHERE c.ancestor_depth = 0";
    assert_eq!(project.sql(ROOTS).await, ["127.00"]);
    project.write("customers.csv", &format!("{head}{}", rows.replace("Ada,Rome,,", "Ada,Rome,4,")));
    let error = project.run("2024-06-02").await.unwrap_err();
    assert!(error.message().contains("is below"), "{error}");
}

#[tokio::test]
async fn a_span_of_time_is_loaded_anew() {
    let sales = "R1,1,2024-02-10,crm,9,1,1.00,false\nR2,1,2024-03-01,crm,9,1,2.00,false\n";
    let project = project("new_files", "upsert", sales);
    project.run("2024-06-01").await.unwrap();
    // Somebody tells of the customer; February's sales are to know, and there is a new file.
    project
        .write("customers.csv", &format!("{CUSTOMER_HEAD}{CUSTOMERS}crm,9,Cyd,Kiel,2024-01-01\n"));
    project.run_jobs("2024-06-02", &["customers".to_owned()]).await.unwrap();
    let more = "R3,1,2024-02-29,crm,1,1,4.00,false\nR4,1,2024-03-02,crm,1,1,8.00,false\n";
    project.write("sales_2.csv", &format!("{SALES_HEAD}{more}"));
    const ROWS: &str = "SELECT receipt_no, customer_id FROM fact_sales \
                        JOIN dim_customer USING (customer_key) ORDER BY 1";
    let summary = project.backfill("2024-06-03", "2024-02-01", "2024-03-01").await.unwrap();
    assert_eq!(
        (summary.jobs.len(), summary.jobs[0].rows_in, summary.jobs[0].rows_written),
        (1, 2, 2)
    );
    assert_eq!(project.sql(ROWS).await, ["R1|9", "R2|Unknown", "R3|1"]);
    // What was outside of the span is not taken for read.
    let summary = project.run("2024-06-04").await.unwrap();
    assert_eq!(summary.jobs[1].rows_in, 2, "the new file");
    assert_eq!(project.sql(ROWS).await, ["R1|9", "R2|Unknown", "R3|1", "R4|1"]);
    assert_eq!(
        project.backfill("2024-06-05", "2024-02-01", "2024-03-01").await.unwrap().release,
        None
    );
    let error = project.backfill("2024-06-05", "2024-03-01", "2024-03-01").await.unwrap_err();
    assert!(error.message().contains("before it begins"), "{error}");
}
