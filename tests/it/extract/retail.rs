//! The sample's dirty sources: what the generator knows is bad is refused, and nothing else.

use super::{Outcome, Project};
use starhouse::etl::job::{From, Job, SourceSpec};
use starhouse::sample::retail::Retail;
use starhouse::sample::retail::write::SourceReport;
use std::collections::BTreeMap;

#[tokio::test]
async fn every_source_of_the_sample_is_cleaned_as_its_generator_expects() {
    let project = Project::new().await;
    let reports = Retail::generate(1).write_day_one(project.path()).unwrap();
    for spec in sources() {
        let mine: Vec<_> = reports.iter().filter(|r| r.source == spec.name).collect();
        if mine.is_empty() {
            continue;
        }
        let outcome = project.extract(&spec).await.unwrap();
        compare(&spec.name, &mine, &outcome);
    }
}

fn compare(source: &str, reports: &[&SourceReport], outcome: &Outcome) {
    let counts = &outcome.extracted.extent.counts;
    let rows: u64 = reports.iter().map(|report| report.rows).sum();
    let duplicates: u64 = reports.iter().map(|report| report.duplicates).sum();
    let mut expected: Vec<_> = reports
        .iter()
        .flat_map(|report| report.rejects.iter().map(|reject| (reject.line, reject.column)))
        .collect();
    let mut refused: Vec<_> =
        outcome.rejects.iter().map(|reject| (reject.line, reject.column.as_deref())).collect();
    expected.sort_unstable();
    refused.sort_unstable();
    assert_eq!(refused, expected, "{source}");
    assert_eq!((counts.read, counts.duplicates), (rows, duplicates), "{source}");
}

/// The sample's sources, each once.
fn sources() -> Vec<SourceSpec> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/etl/retail");
    let mut sources: BTreeMap<String, SourceSpec> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let job: Job = serde_saphyr::from_str(&text).unwrap();
        for source in job.sources {
            let is_file = !matches!(&source.from, From::Sqlite(place) if place.path.is_empty());
            assert!(is_file);
            sources.insert(source.name.clone(), source);
        }
    }
    sources.into_values().collect()
}
