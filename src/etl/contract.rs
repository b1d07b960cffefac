//! Whether a source is as its contract says: which columns are new, which are missing.

use super::job::{Contract, OnDrift, SourceSpec};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// What is to be done about an input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Drift {
    /// What a person should know.
    pub(super) told: BTreeSet<String>,
    /// Why its rows go to quarantine, all of them.
    pub(super) broken: Option<String>,
}

/// The rule that rows of an input break which is not as agreed.
pub(super) const RULE: &str = "contract";

/// Faults of a contract that can be found without its source.
///
/// # Errors
/// User where it asks for what cannot be done.
pub(super) fn check(spec: &SourceSpec) -> Result<()> {
    let Some(contract) = &spec.contract else { return Ok(()) };
    let drifts = [("new", contract.new), ("missing", contract.missing)];
    let named = drifts.iter().find(|(_, drift)| *drift == OnDrift::Quarantine);
    if let Some((name, _)) = named.filter(|_| !spec.from.has_headings()) {
        let message = format!("`{name}: quarantine` goes with sources that have headings");
        return Err(Error::user(message).hint(
            "objects each name their own values, and what is missing shows at the end: say \
             `freeze` or `evolve`",
        ));
    }
    let reads = |known: &&String| spec.columns.iter().any(|column| heading(column) == *known);
    match contract.known.iter().find(reads) {
        Some(known) => Err(Error::user(format!("`known` names `{known}`, which is read"))
            .hint("it is for columns that are there and not read")),
        None => Ok(()),
    }
}

/// Compares what an input has with what was agreed.
///
/// # Errors
/// Data where a contract that is frozen is broken.
pub(super) fn compare(spec: &SourceSpec, input: &str, have: &[String]) -> Result<Drift> {
    let mut drift = Drift::default();
    let Some(contract) = &spec.contract else { return Ok(drift) };
    let have: BTreeSet<&str> = have.iter().map(|name| name.trim()).collect();
    let wanted: BTreeSet<&str> =
        spec.columns.iter().map(|column| outermost(spec, heading(column))).collect();
    let known: BTreeSet<&str> = contract.known.iter().map(|name| name.trim()).collect();
    let new = have.iter().filter(|name| !name.is_empty() && !wanted.contains(**name));
    let new: Vec<&str> = new.copied().filter(|name| !known.contains(name)).collect();
    let missing: Vec<&str> = wanted.iter().filter(|name| !have.contains(**name)).copied().collect();
    drift.found(contract.new, input, "new and not in the contract", &new)?;
    // Who has no row has no names either.
    if spec.from.has_headings() || !have.is_empty() {
        must_be_there(spec, &missing)?;
        drift.found(contract.missing, input, "missing, against the contract", &missing)?;
    }
    Ok(drift)
}

impl Drift {
    fn found(&mut self, on: OnDrift, input: &str, what: &str, columns: &[&str]) -> Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
        let are = if names.len() == 1 { "is" } else { "are" };
        let (names, what) = (names.join(", "), format!("{are} {what}"));
        match on {
            OnDrift::Evolve => {
                self.told.insert(format!("{names} {what} ({input})"));
            }
            OnDrift::Freeze => {
                return Err(Error::data(format!("{names} {what}")).hint(
                    "change the job's columns or the contract's `known`; `evolve` and \
                     `quarantine` let the run go on",
                ));
            }
            OnDrift::Quarantine => {
                let before = self.broken.take().map(|before| format!("{before}; "));
                let before = before.unwrap_or_default();
                self.broken = Some(format!("{before}{names} {what}"));
            }
        }
        Ok(())
    }
}

/// A column by which a source is read on cannot be NULL throughout.
fn must_be_there(spec: &SourceSpec, missing: &[&str]) -> Result<()> {
    let Some(watermark) = spec.strategy.watermark() else { return Ok(()) };
    let mark = spec.columns.iter().find(|column| column.name == watermark.column);
    match mark.map(|column| outermost(spec, heading(column))).filter(|m| missing.contains(m)) {
        Some(mark) => Err(Error::data(format!("`{mark}` is missing, the watermark"))
            .hint("without it nobody knows which rows are new")),
        None => Ok(()),
    }
}

fn heading(column: &super::job::SourceColumn) -> &str {
    column.from.as_deref().unwrap_or(&column.name).trim()
}

/// The name that an input has of a heading: of `a.b` in an object, `a`.
fn outermost<'h>(spec: &SourceSpec, heading: &'h str) -> &'h str {
    if spec.from.has_headings() {
        return heading;
    }
    heading.split_once('.').map_or(heading, |(outermost, _)| outermost)
}

impl Contract {
    /// Whether a column that is missing is taken for NULL as far as reading goes.
    pub(super) fn reads_on(&self) -> bool {
        self.missing != OnDrift::Freeze
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(from: &str, contract: &str) -> SourceSpec {
        let yaml = format!(
            "name: t\nfrom: {from}\ncontract: {contract}\n\
             columns: [{{name: id, type: int32}}, {{name: town, from: a.town, type: text}}]"
        );
        serde_saphyr::from_str(&yaml).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_new_or_missing_is_told_refused_or_set_apart() {
        let csv = "{csv: {path: t.csv}}";
        let compared =
            |contract: &str, have: &[&str]| compare(&spec(csv, contract), "t.csv", &names(have));
        assert_eq!(compared("{}", &["id", " a.town "]).unwrap(), Drift::default());
        let told = compared("{}", &["id", "a.town", "x", "y"]).unwrap().told;
        assert_eq!(told.first().unwrap(), "`x`, `y` are new and not in the contract (t.csv)");
        assert_eq!(compared("{known: [x]}", &["id", "a.town", "x"]).unwrap(), Drift::default());
        assert!(compared("{new: freeze}", &["id", "a.town", "x"]).is_err());
        assert!(compared("{}", &["id"]).is_err());
        let broken = compared("{missing: quarantine}", &["id"]).unwrap().broken.unwrap();
        assert_eq!(broken, "`a.town` is missing, against the contract");
        assert_eq!(compared("{missing: evolve}", &["id"]).unwrap().told.len(), 1);
    }

    #[test]
    fn objects_have_outermost_names() {
        let json = spec("{json_lines: {path: t}}", "{new: freeze}");
        let have = names(&["id", "a"]);
        assert_eq!(compare(&json, "t", &have).unwrap(), Drift::default());
        assert_eq!(compare(&json, "t", &[]).unwrap(), Drift::default());
        assert!(compare(&json, "t", &names(&["id", "a", "b"])).is_err());
        assert!(check(&spec("{json_lines: {path: t}}", "{new: quarantine}")).is_err());
        assert!(check(&spec("{csv: {path: t}}", "{known: [id]}")).is_err());
        assert!(check(&spec("{csv: {path: t}}", "{known: [x]}")).is_ok());
    }
}
