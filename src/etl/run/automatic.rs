//! After a load, the aggregates that the warehouse keeps by itself: looked at again, and built anew
//! where another choice is clearly better. The load's release stands by then, whatever comes of it.

use super::{AggregateSummary, Request, RunSummary, Summarising};
use crate::aggregate::advise::{Request as Advising, SAMPLE_ROWS, Source, advise};
use crate::aggregate::automatic::{Kept, decide};
use crate::config::Room;
use crate::engine::automatic_aggregates;
use crate::error::Result;
use crate::model::AutomaticAggregate;

/// Where something as built is beyond the budget, a choice is made anew so often, of what is known then.
const TRIES: usize = 3;

/// Looks at them again, and says in the load's notes what came of it.
pub(super) async fn look_again(request: &Request<'_>, summary: &mut RunSummary) {
    let Some(budget) = request.engine.automatic() else { return };
    match look(request, budget).await {
        Ok(notes) => summary.notes.extend(notes),
        Err(error) => {
            tracing::warn!(%error, "automatic aggregates stay as they are");
            summary.notes.push(format!("automatic aggregates stay as they are: {error}"));
        }
    }
}

async fn look(request: &Request<'_>, budget: Room) -> Result<Vec<String>> {
    let Request { engine, clock, progress, .. } = request;
    let mut notes = Vec::new();
    for _ in 0..TRIES {
        let mut before = automatic_aggregates(engine.warehouse().latest().await?.as_ref())?;
        before.retain(|one| one.beyond_bytes.is_none());
        let advising = Advising { source: Some(Source::Log), budget, sample_rows: SAMPLE_ROWS };
        let advice = advise(engine, &advising).await?;
        let Some(choice) = decide(&advice, &before) else { break };
        let summarising = Summarising { engine, clock, progress };
        let (done, kept) = summarising.adopt(&choice, true).await?;
        if let Some(release) = done.release {
            tracing::info!(%release, why = choice.why, "automatic aggregates have changed");
            notes.push(format!("automatic aggregates, release {release}: {}", choice.why));
            notes.extend(changes(&before, &kept));
        }
        notes.extend(done.aggregates.iter().filter_map(AggregateSummary::told));
        notes.extend(done.notes);
        if kept.left_out.is_empty() {
            break;
        }
    }
    Ok(notes)
}

/// What is kept that was not, and no more what was.
fn changes(before: &[AutomaticAggregate], kept: &Kept) -> Vec<String> {
    let name = |one: &AutomaticAggregate| format!("{}.{}", one.cube, one.aggregate.name);
    let is_in = |all: &[AutomaticAggregate], one: &AutomaticAggregate| {
        all.iter().any(|other| other.is(one))
    };
    let new = kept.keep.iter().filter(|one| !is_in(before, one));
    let new = new.map(|one| format!("  {} is kept now: {}", name(one), one.why));
    let gone = before.iter().filter(|one| !is_in(&kept.keep, one));
    let gone = gone.map(|one| format!("  {} is kept no more", name(one)));
    let left_out = kept.left_out.iter().filter(|one| !is_in(before, one));
    let left_out = left_out.map(|one| format!("  {} as built is beyond the budget", name(one)));
    new.chain(gone).chain(left_out).collect()
}
