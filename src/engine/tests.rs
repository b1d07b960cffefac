//! No plan reads a table for nobody, or another release than it was made for.

use super::EngineSettings;
use super::catalog::WAREHOUSE;
use super::errors::from_datafusion;
use super::memory;
use super::scope::QueryScope;
use super::state;
use super::table::StoredTable;
use crate::error::ErrorKind;
use crate::ids::ReleaseId;
use crate::model::{Column, ColumnType};
use crate::policy::Principal;
use crate::store::TableState;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use object_store::memory::InMemory;
use std::collections::BTreeSet;
use std::sync::Arc;

fn state() -> SessionState {
    let folder = tempfile::tempdir().unwrap();
    let settings = EngineSettings::new(1 << 20, 1, folder.path().to_owned());
    let (runtime, hot) = memory::runtime(
        &settings,
        &memory::spill_folder(&settings).unwrap(),
        Arc::new(InMemory::new()),
    )
    .unwrap();
    state::template(&settings, runtime, hot)
}

fn scope(release: u64, others: &[u64]) -> QueryScope {
    QueryScope {
        principal: Principal::local(),
        release: ReleaseId(release),
        others: others.iter().copied().map(ReleaseId).collect::<BTreeSet<_>>(),
        aggregates: true,
    }
}

fn plan_of_release(release: u64) -> LogicalPlan {
    let state = TableState {
        location: "tables/t".into(),
        delta_version: Some(1),
        columns: vec![Column::new("a", ColumnType::Int32, false)],
        partition_by: None,
        sort_by: Vec::new(),
        files: Vec::new(),
    };
    let table = StoredTable::new(WAREHOUSE, "t", String::new(), ReleaseId(release), state);
    let source = provider_as_source(Arc::new(table));
    LogicalPlanBuilder::scan("t", source, None).unwrap().build().unwrap()
}

#[tokio::test]
async fn a_plan_for_nobody_is_refused() {
    let refused = state().create_physical_plan(&plan_of_release(1)).await;
    let error = from_datafusion(refused.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("for nobody"), "{error}");
}

#[tokio::test]
async fn a_plan_over_a_foreign_release_is_refused() {
    let mut state = state();
    state.config_mut().set_extension(Arc::new(scope(2, &[])));
    let refused = state.create_physical_plan(&plan_of_release(1)).await;
    let error = from_datafusion(refused.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("foreign release"), "{error}");
}

#[tokio::test]
async fn a_plan_over_its_own_or_a_named_release_is_made() {
    for scope in [scope(1, &[]), scope(2, &[1])] {
        let mut state = state();
        state.config_mut().set_extension(Arc::new(scope));
        state.create_physical_plan(&plan_of_release(1)).await.unwrap();
    }
}
