//! The budget of aggregates is kept by what is built, whatever was estimated.

use super::model::bare_model;
use super::world::load;
use crate::cube_support::TempWarehouse;
use starhouse::aggregate::advise::{Request, Source, advise};
use starhouse::aggregate::automatic::{Choice, adopt};
use starhouse::config::Room;
use starhouse::ids::RunId;
use std::collections::BTreeSet;

#[tokio::test]
async fn what_is_built_stays_within_the_budget() {
    let (at, model) = (TempWarehouse::open().await, bare_model());
    let base = load(&at, &model, &super::data()).await;
    let engine = at.engine(&model, 2);
    let request =
        Request { source: Some(Source::Model), budget: Room::Bytes(10 << 20), sample_rows: 1_000 };
    let advice = advise(&engine, &request).await.unwrap();
    assert!(advice.keep.len() > 2, "{:#?}", advice.keep);
    let mut all = u64::MAX;
    for room in [u64::MAX, 2, 3, 1_000_000] {
        let mut choice = Choice::of(&advice);
        choice.budget_bytes = if room == u64::MAX { room } else { all / room };
        let mut load = at.warehouse.begin(RunId(format!("kept{room}")), base.clone());
        let kept = adopt(&engine, &mut load, &choice, |_, _| {}).await.unwrap();
        let preview = load.preview();
        let built = preview.tables.iter().filter(|(name, _)| name.starts_with("agg_"));
        let (names, bytes): (BTreeSet<&str>, Vec<u64>) =
            built.map(|(name, table)| (name.as_str(), table.size_bytes())).unzip();
        let bytes: u64 = bytes.iter().sum();
        assert!(bytes <= choice.budget_bytes, "{bytes} bytes of {}", choice.budget_bytes);
        let told: BTreeSet<String> = kept
            .keep
            .iter()
            .map(|one| format!("agg_{}_{}", one.cube, one.aggregate.name))
            .collect();
        assert_eq!(names, told.iter().map(String::as_str).collect());
        assert_eq!(kept.keep.len() + kept.left_out.len(), advice.keep.len());
        assert_eq!(kept.left_out.is_empty(), room == u64::MAX);
        if room == u64::MAX {
            all = bytes;
        }
        load.abandon().await.unwrap();
    }
}
