//! How many rows a job may reject: checked before anything is published.

use super::SourceSummary;
use crate::error::{Error, Result, counted};
use crate::etl::job::Allowance;
use crate::etl::quarantine::RejectSummary;

/// Refuses a job whose sources rejected more.
///
/// # Errors
/// Data errors that say which rules refused most, with an example of each.
pub(super) fn check(allowance: Allowance, sources: &[SourceSummary]) -> Result<()> {
    let sum = |of: fn(&SourceSummary) -> u64| sources.iter().map(of).sum::<u64>();
    let (read, rejected) = (sum(|s| s.counts.read), sum(|s| s.counts.rejected));
    if !allowance.is_exceeded(rejected, read) {
        return Ok(());
    }
    let share = rejected as f64 * 100.0 / (read as f64).max(1.0);
    let message = format!(
        "{rejected} of {read} rows were rejected ({share:.1} %), more than `reject_at_most: {allowance}` \
         allows"
    );
    let mut causes: Vec<&RejectSummary> = sources.iter().flat_map(|s| &s.rejects).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.rows));
    let told = causes
        .iter()
        .take(3)
        .fold(Error::data(message), |error, cause| error.with("refused", cause_in_words(cause)));
    Err(told.hint(
        "nothing was published; `starhouse etl rejects` lists the rows: mend the source or its \
         rules, or allow more",
    ))
}

fn cause_in_words(cause: &RejectSummary) -> String {
    let column = cause.column.as_ref().map(|column| format!(" of `{column}`")).unwrap_or_default();
    let example = &cause.example;
    format!(
        "{} by `{}`{column}, such as {}:{}: {}",
        counted(cause.rows, "row", "rows"),
        cause.rule,
        example.file,
        example.line,
        example.reason
    )
}
