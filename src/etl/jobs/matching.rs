//! What must hold of a matching before it runs.

use super::Written;
use super::columns::check_columns;
use crate::etl::job::matching::{Compare, Kind, Thresholds};
use crate::etl::job::{MatchLoad, Missing, Strategy};
use crate::etl::matching::MOST_COMPARISONS;
use crate::yaml::Faults;

/// Names of columns that the tables of a matching have themselves.
const OWN: [&str; 2] = ["person_id", "household_id"];

/// Checks a matching.
pub(super) fn matching(written: &Written, load: &MatchLoad, faults: &mut Faults) {
    let path = |rest: &'static str| ["load", "match", rest];
    written.name("matching", &path("name"), &load.name, faults);
    for (list, is_empty) in [
        ("record", load.record.is_empty()),
        ("compare", load.compare.is_empty()),
        ("block", load.block.is_empty()),
    ] {
        if is_empty {
            faults.push(written.fault(&path(list), format!("`{list}` names nothing")));
        }
    }
    let columns = load.record.iter().map(String::as_str).chain(load.compared_columns());
    for column in columns.filter(|column| OWN.contains(column)) {
        let message = format!("`{column}` is a column of the matching's own");
        faults.push(written.fault(&["load", "match"], message).hint("give it another name"));
    }
    if load.compare.len() > MOST_COMPARISONS {
        let message = format!("at most {MOST_COMPARISONS} comparisons are weighed");
        faults.push(written.fault(&path("compare"), message));
    }
    comparisons(written, load, faults);
    keys(written, load, faults);
    thresholds(written, &load.thresholds, faults);
    check_columns(written, load.record.iter(), &path("record"), faults);
    for household in &load.household {
        if !load.compare.iter().any(|compare| compare.name() == household) {
            let message = format!("no comparison begins with the column `{household}`");
            let names = load.compare.iter().map(Compare::name);
            let fault = written.fault(&path("household"), message);
            faults.push(fault.suggest(household, names));
        }
    }
    if let Some(source) = &load.decisions
        && !written.job.sources.iter().any(|own| own.name == *source)
    {
        let names = written.job.sources.iter().map(|source| source.name.as_str());
        let message = format!("`{source}` is no source of this job");
        faults.push(written.fault(&path("decisions"), message).suggest(source, names));
    }
    let partial = written.job.sources.iter().find(|source| source.strategy == Strategy::NewFiles);
    if let Some(source) = partial.filter(|_| load.missing == Missing::Close) {
        let message = format!(
            "`missing: close` needs all records at once, but the source `{}` yields new files only",
            source.name
        );
        faults.push(written.fault(&path("missing"), message));
    }
}

fn comparisons(written: &Written, load: &MatchLoad, faults: &mut Faults) {
    for (index, compare) in load.compare.iter().enumerate() {
        let index = index.to_string();
        let path = |rest: &'static str| ["load", "match", "compare", index.as_str(), rest];
        if compare.columns.is_empty() {
            faults.push(written.fault(&path("columns"), "a comparison needs a column"));
        }
        check_columns(written, compare.columns.iter(), &path("columns"), faults);
        let before = load.compare.iter().take_while(|other| !std::ptr::eq(*other, compare));
        if before.into_iter().any(|other| other.name() == compare.name()) {
            let message = format!("two comparisons begin with the column `{}`", compare.name());
            faults.push(written.fault(&path("columns"), message));
        }
        let levels = compare.kind.levels();
        if let Some(weights) = &compare.weights
            && (weights.len() != levels.len() || weights.iter().any(|weight| !weight.is_finite()))
        {
            let message = format!(
                "this comparison has {} levels ({}), and each needs a weight",
                levels.len(),
                levels.join(", ")
            );
            faults.push(written.fault(&path("weights"), message));
        }
        let Some(other) = &compare.swapped_with else { continue };
        let is_name = |other: &&Compare| other.kind == Kind::Name && other.name() != compare.name();
        let names: Vec<&str> = load.compare.iter().filter(is_name).map(Compare::name).collect();
        if compare.kind != Kind::Name || !names.contains(&other.as_str()) {
            let message = format!("`{other}` is no other comparison of names");
            let fault = written.fault(&path("swapped_with"), message);
            faults.push(fault.suggest(other, names.iter().copied()));
        }
    }
}

/// Columns of keys are checked where a job has no transformation; else when its rows come.
fn keys(written: &Written, load: &MatchLoad, faults: &mut Faults) {
    for (index, key) in load.block.iter().enumerate() {
        let index = index.to_string();
        let columns = key.0.iter().map(|part| &part.column);
        check_columns(written, columns, &["load", "match", "block", &index], faults);
    }
}

fn thresholds(written: &Written, thresholds: &Thresholds, faults: &mut Faults) {
    let is_probability = |value: f64| value > 0.0 && value < 1.0;
    let (matches, review) = (thresholds.matches, thresholds.review);
    if !is_probability(matches) || !is_probability(review) || review > matches {
        let message = format!(
            "thresholds are probabilities above 0 and below 1, `review` at most `match`, got \
             {review} and {matches}"
        );
        faults.push(written.fault(&["load", "match", "thresholds"], message));
    }
}
