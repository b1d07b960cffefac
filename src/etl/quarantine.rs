//! Quarantine: rows that were refused, with where they stood, what they held and why.
//!
//! Architecture invariant: no row vanishes. Every row read is staged, refused or a duplicate, and
//! the counts say so.

use crate::etl::clean::Refused;
use crate::etl::job::SourceSpec;
use crate::ids::RunId;
use crate::store::Reject;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Whose rows are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The run.
    pub(crate) run: RunId,
    /// The job.
    pub(crate) job: String,
    /// The job's source.
    pub(crate) source: String,
    /// The fingerprint of its rules.
    pub(crate) rules: String,
}

impl Origin {
    /// A refused row as the operational log keeps it.
    pub(crate) fn reject(&self, file: &str, refused: Refused) -> Reject {
        Reject {
            run: self.run.clone(),
            job: self.job.clone(),
            source: self.source.clone(),
            file: file.to_owned(),
            line: refused.position.line,
            offset: refused.position.offset,
            column: refused.column,
            rule: refused.rule.to_owned(),
            rules: self.rules.clone(),
            reason: refused.reason,
            raw: refused.raw,
            mended_in: None,
            settled_by: None,
        }
    }
}

/// What tells the rules of a source from those it had before or has later.
pub(crate) fn fingerprint(source: &SourceSpec) -> String {
    let SourceSpec { columns, derive, checks, must_exist, .. } = source;
    let rules = format!("{columns:?}{derive:?}{checks:?}{must_exist:?}");
    let digest = Sha256::digest(rules.as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Rows refused for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectSummary {
    /// The job.
    pub job: String,
    /// The job's source.
    pub source: String,
    /// The rule they broke.
    pub rule: String,
    /// The column at fault, where it is one.
    pub column: Option<String>,
    /// How many rows.
    pub rows: u64,
    /// The first of them.
    pub example: Reject,
}

/// Why rows are refused: job, source, rule, column.
type Cause = (String, String, String, Option<String>);

/// Counts refused rows by cause, keeping the first of each; memory is bounded by the causes.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    causes: BTreeMap<Cause, (u64, Reject)>,
}

impl Tally {
    /// Counts one row.
    pub fn add(&mut self, reject: &Reject) {
        let cause =
            (reject.job.clone(), reject.source.clone(), reject.rule.clone(), reject.column.clone());
        self.causes.entry(cause).or_insert_with(|| (0, reject.clone())).0 += 1;
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.causes.values().map(|(rows, _)| rows).sum()
    }

    /// The causes, by job and source, most rows first.
    pub fn summary(&self) -> Vec<RejectSummary> {
        let mut summary: Vec<RejectSummary> = self
            .causes
            .iter()
            .map(|((job, source, rule, column), (rows, example))| RejectSummary {
                job: job.clone(),
                source: source.clone(),
                rule: rule.clone(),
                column: column.clone(),
                rows: *rows,
                example: example.clone(),
            })
            .collect();
        summary.sort_by(|a, b| (&a.job, &a.source, b.rows).cmp(&(&b.job, &b.source, a.rows)));
        summary
    }
}

/// What a list of refused rows comes to, cause by cause.
pub fn summarise<'a>(rejects: impl IntoIterator<Item = &'a Reject>) -> Vec<RejectSummary> {
    let mut tally = Tally::default();
    rejects.into_iter().for_each(|reject| tally.add(reject));
    tally.summary()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etl::source::Position;

    #[test]
    fn rows_are_counted_by_cause() {
        let origin = Origin {
            run: RunId("r1".to_owned()),
            job: "sales".to_owned(),
            source: "pos".to_owned(),
            rules: "1".to_owned(),
        };
        let reject = |line, rule, column: Option<&str>| {
            let position = Position { line, offset: Some(line * 10) };
            let column = column.map(str::to_owned);
            let refused = Refused { position, column, rule, reason: "why".into(), raw: "x".into() };
            origin.reject("a.csv", refused)
        };
        let rejects =
            [reject(2, "ragged", None), reject(3, "type", Some("n")), reject(7, "type", Some("n"))];
        let summary = summarise(&rejects);
        let counts: Vec<_> =
            summary.iter().map(|s| (s.rule.as_str(), s.rows, s.example.line)).collect();
        assert_eq!(counts, vec![("type", 2, 3), ("ragged", 1, 2)]);
        assert_eq!(summary[0].example.offset, Some(30));
    }
}
