//! What is planned and what was done, in words and tables.

use crate::cli::table::{self, headed, number};
use crate::etl::extract::Counts;
use crate::etl::plan::{AggregatePlan, Cell as Value, JobPlan, RowChange, RowDiff, TableDiff};
use crate::etl::quarantine::RejectSummary;
use crate::etl::replay::ToMend;
use crate::etl::run::{AggregateSummary, RunSummary, Trial};
use crate::store::QualityOutcome;
use comfy_table::Cell;
use std::path::Path;

/// Which refused rows are in a file, to be mended.
pub(super) fn to_mend(mend: &ToMend, file: &Path) -> String {
    let left = match mend.left {
        0 => String::new(),
        left => format!(
            "{left} objects are no JSON, and nobody knows which rows they hold: mend them where the source reads \
             them, as a new file\n"
        ),
    };
    let are = if mend.rows == 1 { "is" } else { "are" };
    format!("{} {are} in {}\n{left}", table::rows(mend.rows as u64), file.display())
}

/// What a run would do, for people.
pub(super) fn planned_in_words(
    planned: &[JobPlan],
    generated: &[String],
    aggregates: &[AggregatePlan],
) -> String {
    let mut list = headed(["job", "loads", "how", "after", "to read", "size", "why"]);
    for job in planned {
        let inputs = || job.sources.iter().flat_map(|source| &source.to_read);
        let size: u64 = inputs().map(|input| input.size_bytes).sum();
        let why = match job.reasons.as_slice() {
            [] => "nothing new: would be skipped".to_owned(),
            reasons => reasons.join("; "),
        };
        list.add_row([
            Cell::new(&job.job),
            Cell::new(&job.table),
            Cell::new(&job.mode),
            Cell::new(job.after.join(", ")),
            number(inputs().count()),
            number(table::bytes(size)),
            Cell::new(why),
        ]);
    }
    let changes = planned.iter().flat_map(|job| &job.schema);
    let changes: Vec<String> =
        changes.map(|change| format!("{}: {}\n", change.table, change.in_words())).collect();
    let anew =
        |table: &String| format!("{table}: would be written anew, it is declared otherwise\n");
    let generated: String = generated.iter().map(anew).collect();
    let aggregates: Vec<String> = aggregates
        .iter()
        .map(|one| match one.whole {
            true => format!("{}: would be computed whole, {}\n", one.table, one.why),
            false => format!("{}: would be computed for {}\n", one.table, one.why),
        })
        .collect();
    format!("{list}\n{}{generated}{}", changes.concat(), aggregates.concat())
}

/// Which rows would be others, for people.
pub(super) fn tried_in_words(trial: &Trial) -> String {
    let mut list =
        headed(["table", "rows", "added", "changed", "removed", "rows after", "partitions"]);
    for diff in &trial.tables {
        list.add_row([
            Cell::new(&diff.table),
            number(table::count(diff.rows_before)),
            number(table::count(diff.added)),
            number(table::count(diff.changed)),
            number(table::count(diff.removed)),
            number(table::count(diff.rows_after)),
            Cell::new(partitions(diff)),
        ]);
    }
    let mut told = match trial.tables.is_empty() {
        true => "no rows would change\n".to_owned(),
        false => format!("{list}\n"),
    };
    for diff in trial.tables.iter().filter(|diff| !diff.samples.is_empty()) {
        let rows: Vec<String> = diff.samples.iter().map(|row| sample(row) + "\n").collect();
        told += &format!("{}\n{}", diff.table, rows.concat());
    }
    let rejects = trial.jobs.iter().flat_map(|job| &job.sources).flat_map(|s| &s.rejects);
    told += &rejects_in_words(rejects);
    for aggregate in &trial.aggregates {
        if let Some(why) = &aggregate.left_out {
            told += &format!("{} would be left out: {why}\n", aggregate.table);
            continue;
        }
        told += &format!(
            "{} would be computed: {}; {}\n",
            aggregate.table,
            aggregate.extent.in_words(),
            table::rows(aggregate.rows)
        );
    }
    for fact in &trial.repointed {
        told += &format!("{}\n", fact.in_words());
    }
    let met = trial.quality.iter().filter(|record| record.outcome == QualityOutcome::Passed);
    if !trial.quality.is_empty() {
        told += &format!("{} of {} expectations are met\n", met.count(), trial.quality.len());
    }
    let notes = trial
        .jobs
        .iter()
        .flat_map(|job| job.notes.iter().map(move |note| format!("{}: {note}\n", job.job)));
    told.extend(notes.chain(trial.notes.iter().map(|note| format!("{note}\n"))));
    told += &match &trial.stops {
        Some(why) => format!("the run would publish nothing: {why}\n"),
        None => "nothing was published\n".to_owned(),
    };
    told
}

fn partitions(diff: &TableDiff) -> String {
    match diff.partitions.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, .., last] => format!("{} from {first} to {last}", diff.partitions.len()),
    }
}

/// A row: `+` would join, `-` would leave, `~` would be another.
fn sample(row: &RowDiff) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let cell = |cell: &Value| match row.what {
        RowChange::Added => format!("{} = {}", cell.column, text(&cell.after)),
        RowChange::Removed => format!("{} = {}", cell.column, text(&cell.before)),
        RowChange::Changed if cell.before == cell.after => {
            format!("{} = {}", cell.column, text(&cell.after))
        }
        RowChange::Changed => {
            format!("{}: {} -> {}", cell.column, text(&cell.before), text(&cell.after))
        }
    };
    let sign = match row.what {
        RowChange::Added => '+',
        RowChange::Changed => '~',
        RowChange::Removed => '-',
    };
    let cells: Vec<String> = row.columns.iter().map(cell).collect();
    format!("  {sign} {}", cells.join(", "))
}

/// What a run did, for people.
pub(crate) fn in_words(summary: &RunSummary) -> String {
    let mut list =
        headed(["job", "table", "read", "doubled", "rejected", "written", "deleted", "seconds"]);
    for job in &summary.jobs {
        let sum = |of: fn(&Counts) -> u64| job.sources.iter().map(|s| of(&s.counts)).sum();
        let (read, doubled): (u64, u64) = (sum(|c| c.read), sum(|c| c.duplicates));
        let doubled = doubled + job.rows_doubled;
        let rejected: u64 = sum(|c| c.rejected);
        let written = match &job.skipped {
            Some(why) => Cell::new(why),
            None => number(table::count(job.rows_written)),
        };
        list.add_row([
            Cell::new(&job.job),
            Cell::new(&job.table),
            number(table::count(read)),
            number(table::count(doubled)),
            number(table::count(rejected)),
            written,
            number(table::count(job.rows_deleted)),
            number(table::seconds(job.elapsed_ms)),
        ]);
    }
    for fact in &summary.repointed {
        list.add_row([
            Cell::new("late changes"),
            Cell::new(&fact.table),
            Cell::new(""),
            Cell::new(""),
            Cell::new(""),
            number(table::count(fact.rows_written)),
            Cell::new(""),
            number(table::seconds(fact.elapsed_ms)),
        ]);
    }
    for aggregate in &summary.aggregates {
        list.add_row([
            Cell::new(format!("cube {}", aggregate.cube)),
            Cell::new(&aggregate.table),
            Cell::new(""),
            Cell::new(""),
            Cell::new(""),
            match aggregate.left_out {
                Some(_) => Cell::new("left out"),
                None => number(table::count(aggregate.rows)),
            },
            Cell::new(""),
            number(table::seconds(aggregate.elapsed_ms)),
        ]);
    }
    let outcome = match summary.release {
        Some(release) => format!("published release {release}"),
        None => "nothing new; nothing published".to_owned(),
    };
    let rejects = summary.jobs.iter().flat_map(|job| &job.sources).flat_map(|s| &s.rejects);
    let (rejects, notes) = (rejects_in_words(rejects), notes_in_words(summary));
    format!(
        "{list}\n{rejects}{notes}{outcome} in {} s (run {})\n",
        table::seconds(summary.elapsed_ms),
        summary.run
    )
}

pub(super) fn rejects_in_words<'a>(rejects: impl Iterator<Item = &'a RejectSummary>) -> String {
    let mut list = headed(["rejected", "source", "column", "rule", "first of them"]);
    for reject in rejects {
        let example = &reject.example;
        list.add_row([
            number(table::count(reject.rows)),
            Cell::new(format!("{}.{}", reject.job, reject.source)),
            Cell::new(reject.column.as_deref().unwrap_or_default()),
            Cell::new(&reject.rule),
            Cell::new(format!("{}:{}: {}", example.file, example.line, example.reason)),
        ]);
    }
    if list.is_empty() { String::new() } else { format!("{list}\n") }
}

fn notes_in_words(summary: &RunSummary) -> String {
    let mut notes = String::new();
    for job in &summary.jobs {
        for source in &job.sources {
            let of = format!("{}.{}", job.job, source.source);
            notes.extend(source.counts.told.iter().map(|told| format!("{of}: {told}\n")));
            for ((column, rule), values) in &source.counts.nulled {
                let values = table::count(*values);
                notes += &format!("{of}: {values} values of `{column}` became NULL ({rule})\n");
            }
        }
        notes.extend(job.notes.iter().map(|note| format!("{}: {note}\n", job.job)));
    }
    notes.extend(summary.repointed.iter().map(|fact| format!("{}\n", fact.in_words())));
    let left_out = summary.aggregates.iter().filter_map(AggregateSummary::told);
    notes.extend(left_out.map(|told| format!("{told}\n")));
    notes.extend(summary.notes.iter().map(|note| format!("{note}\n")));
    notes
}
