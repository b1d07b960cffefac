//! A level that bears the name of its attribute, of which several members have the same.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, moment, sales_job};
use futures::TryStreamExt;
use serde_json::json;
use starhouse::engine::error_of;
use starhouse::policy::Principal;

#[tokio::test]
async fn members_are_told_apart_by_the_levels_key() {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "replace", "")]);
    let (other, same) = (
        "{level: customer, attribute: customer_name, key: customer_id}",
        "{level: customer_name, key: customer_id}",
    );
    project.edit_schemas(other, same);
    let rows = "crm,1,Ada,Rome,2024-01-01\ncrm,2,Ada,Rome,2024-01-01\n";
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{rows}"));
    let sales = "R1,1,2024-02-10,crm,1,1,50.00,false\nR2,1,2024-02-20,crm,2,1,60.00,false\n";
    project.write("sales_1.csv", &format!("{SALES_HEAD}{sales}"));
    project.run("2024-06-01").await.unwrap();

    let engine = project.engine(moment("2024-06-02")).await;
    let release = engine.warehouse().latest().await.unwrap();
    let session = engine.session(Principal::local(), release);
    for query in [
        json!({"cube": "sales", "rows": ["customer.customer_name"], "measures": ["revenue"]}),
        json!({"cube": "sales", "rows": ["city", "customer.customer_name"], "measures": ["revenue"]}),
    ] {
        let query = session.plan_cube_query(&serde_json::from_value(query).unwrap()).await.unwrap();
        let rows = query.execute().await.unwrap().map_err(error_of);
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2, "{rows:?}");
    }
}
