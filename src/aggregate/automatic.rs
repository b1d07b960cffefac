//! Aggregates that the warehouse keeps by itself: chosen by advice after a load, built in a release of
//! their own, which says what they are. So whoever reads a release knows its aggregates, a kill leaves
//! the old ones or the new ones, and a rollback brings back those of then.
//!
//! What a file declares is never dropped, and counts towards the budget as well.

use super::advise::{Advice, Advised, Source};
use super::{Refreshed, Stale, drop_table, drop_undeclared, refresh};
use crate::engine::{Engine, automatic_aggregates};
use crate::error::{Error, Result};
use crate::model::{AUTOMATIC_AGGREGATES, AutomaticAggregate, Model};
use crate::store::{Load, Release};

/// Another choice must make so much less work, of all that questions read and loads keep up to date,
/// than what is kept: else a warehouse would build and drop without an end.
const CLEARLY: f64 = 0.1;

/// What to keep from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// All of it, what is kept already included; the most worthwhile for its bytes first.
    pub keep: Vec<AutomaticAggregate>,
    /// Why, in words.
    pub why: String,
    /// Bytes for all aggregates together, declared ones included.
    pub budget_bytes: u64,
    /// Whether the warehouse keeps it by itself; else files are to declare it.
    by_itself: bool,
    /// What each saves for a byte.
    worth: Vec<f64>,
}

/// What was built of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What fits into the budget as it was built.
    pub keep: Vec<AutomaticAggregate>,
    /// What does not, and was left out.
    pub left_out: Vec<AutomaticAggregate>,
}

impl Choice {
    /// All that is advised.
    pub fn of(advice: &Advice) -> Self {
        let worth = advice.keep.iter().map(|advised| {
            let (before, after) = advised.rows_read;
            advised.share * before.saturating_sub(after) as f64 / (advised.bytes as f64).max(1.0)
        });
        Self {
            keep: advice.keep.iter().map(automatic).collect(),
            why: String::new(),
            budget_bytes: advice.budget_bytes,
            by_itself: false,
            worth: worth.collect(),
        }
    }
}

fn automatic(advised: &Advised) -> AutomaticAggregate {
    let Advised { cube, aggregate, share, rows_read, .. } = advised;
    let (before, after) = rows_read;
    let percent = share * 100.0;
    let why =
        format!("answers {percent:.1} % of the questions, by {after} rows instead of {before}");
    let (cube, aggregate) = (cube.clone(), aggregate.clone());
    AutomaticAggregate { cube, aggregate, why, beyond_bytes: None }
}

/// What to keep in place of what is kept by now; nothing else where that is about as good.
pub fn decide(advice: &Advice, kept: &[AutomaticAggregate]) -> Option<Choice> {
    if advice.workload.source != Source::Log || advice.workload.questions == 0 {
        return None;
    }
    let (now, then) = (advice.rows_read.0 + advice.upkeep.0, advice.rows_read.1 + advice.upkeep.1);
    let weigh: u64 = advice.present.iter().map(|present| present.bytes).sum();
    let unused = advice.present.iter().filter(|present| !present.is_used).count();
    let why = if weigh > 0 && advice.declared_bytes + weigh > advice.budget_bytes {
        "those kept weigh more than their budget".to_owned()
    } else if (then as f64) < now as f64 * (1.0 - CLEARLY) {
        format!("what was asked and loaded reads {then} rows instead of {now}")
    } else if unused > 0 {
        return Some(without_unused(advice, kept, unused));
    } else {
        return None;
    };
    let mut choice = Choice { why, by_itself: true, ..Choice::of(advice) };
    // What stays was chosen for what it was chosen for.
    for one in &mut choice.keep {
        if let Some(known) = kept.iter().find(|known| known.is(one)) {
            *one = known.clone();
        }
    }
    Some(choice)
}

/// What is kept and answers something that is asked.
fn without_unused(advice: &Advice, kept: &[AutomaticAggregate], unused: usize) -> Choice {
    let is_used = |one: &&AutomaticAggregate| {
        let same = |p: &&super::advise::Present| p.cube == one.cube && p.name == one.aggregate.name;
        advice.present.iter().find(same).is_some_and(|present| present.is_used)
    };
    let keep: Vec<AutomaticAggregate> = kept.iter().filter(is_used).cloned().collect();
    Choice {
        worth: vec![0.0; keep.len()],
        keep,
        why: format!("{unused} answer nothing that was asked"),
        budget_bytes: advice.budget_bytes,
        by_itself: true,
    }
}

/// Builds what was chosen and drops what is known no more. Where all that is built weighs more than
/// the budget, what is worth least for its bytes is left out: estimates do not count.
///
/// # Errors
/// As [`refresh`].
pub async fn adopt(
    engine: &Engine,
    load: &mut Load,
    choice: &Choice,
    hears: impl FnMut(&Stale<'_>, Option<&Refreshed>),
) -> Result<Kept> {
    let with_all = engine.keeping(&choice.keep)?;
    let mut branch = load.branch();
    drop_undeclared(&mut branch, &with_all)?;
    refresh(&with_all, &mut branch, hears).await?;
    let mut kept: Vec<(AutomaticAggregate, f64)> =
        choice.keep.iter().cloned().zip(choice.worth.iter().copied()).collect();
    let mut left_out = Vec::new();
    while built_bytes(&branch.preview(), with_all.model()) > choice.budget_bytes {
        let least = kept.iter().enumerate().min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
        let Some((place, _)) = least else { break };
        let (mut one, _) = kept.remove(place);
        if let Some(cube) = with_all.model().cube(&one.cube) {
            let table = cube.aggregate_table(&one.aggregate);
            one.beyond_bytes = branch.preview().tables.get(&table).map(|built| built.size_bytes());
            drop_table(&mut branch, &table)?;
            branch.forget_inputs(&table);
        }
        left_out.push(one);
    }
    let keep = kept.into_iter().map(|(one, _)| one).collect();
    if !left_out.is_empty()
        && let Some(before) = fitting(engine, load.base(), choice)?
    {
        // What was chosen in their place does not fit: they stay until there is a better choice.
        return Ok(Kept { keep: before, left_out });
    }
    load.merge(branch);
    Ok(Kept { keep, left_out })
}

/// What a release keeps by itself, where it is anything and within the budget.
fn fitting(
    engine: &Engine,
    release: &Release,
    choice: &Choice,
) -> Result<Option<Vec<AutomaticAggregate>>> {
    let mut before = automatic_aggregates(release)?;
    before.retain(|one| one.beyond_bytes.is_none());
    let fits = built_bytes(release, engine.of(release).model()) <= choice.budget_bytes;
    Ok((choice.by_itself && !before.is_empty() && fits).then_some(before))
}

/// What all aggregates weigh in a release.
fn built_bytes(release: &Release, model: &Model) -> u64 {
    let all = model.cubes.iter();
    let tables = all.flat_map(|cube| cube.aggregates.iter().map(|one| cube.aggregate_table(one)));
    tables.filter_map(|table| release.tables.get(&table)).map(|table| table.size_bytes()).sum()
}

/// Lets the release say what it keeps by itself, and what was beyond the budget, now or before.
///
/// # Errors
/// Damaged where the release that the load builds on does not say it well; internal where it cannot be
/// written down.
pub fn remember(load: &mut Load, kept: &Kept) -> Result<()> {
    let mut known: Vec<AutomaticAggregate> =
        kept.keep.iter().chain(&kept.left_out).cloned().collect();
    let before = automatic_aggregates(load.base())?.into_iter();
    let before = before.filter(|one| one.beyond_bytes.is_some());
    let before: Vec<_> = before.filter(|one| known.iter().all(|new| !new.is(one))).collect();
    known.extend(before);
    write_down(load, &known)
}

/// Lets the release keep nothing by itself.
///
/// # Errors
/// Internal where that cannot be written down.
pub fn forget(load: &mut Load) -> Result<()> {
    write_down(load, &[])
}

fn write_down(load: &mut Load, known: &[AutomaticAggregate]) -> Result<()> {
    let text = serde_json::to_string(known).map_err(|error| {
        Error::internal("automatic aggregates cannot be written down").caused_by(error)
    })?;
    load.set_cursor(AUTOMATIC_AGGREGATES, text);
    Ok(())
}
