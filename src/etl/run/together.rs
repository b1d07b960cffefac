//! The jobs of a run, several at once where they leave each other alone.
//!
//! Each works on a branch of the load: it sees what those before it have loaded, and what it does
//! is taken over as a whole when it has ended well. So a job that is tried again begins where it
//! began the first time. After each the run is saved, and another can go on from there.

use super::effects::{Effects, startable};
use super::late::{Followed, Late};
use super::memory::Memory;
use super::tries::Tries;
use super::{Done, JobSummary, Request, job};
use crate::error::Result;
use crate::etl::extract::Plan;
use crate::etl::job::Job;
use crate::etl::load::{Lost, Window};
use crate::store::{Load, Release};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::collections::{BTreeMap, BTreeSet};

/// A job, and what there is for it to read.
pub(super) struct Planned<'a> {
    pub(super) job: &'a Job,
    pub(super) plans: Vec<Plan>,
}

/// What became of a job.
struct Ended {
    /// What it has loaded.
    branch: Load,
    summary: JobSummary,
    lost: BTreeMap<String, Vec<Lost>>,
    /// The facts that followed late changes before it read them.
    followed: Followed,
}

/// Looks at what there is to read of a job's sources, again where that failed for something that
/// may pass.
pub(super) async fn planned<'a>(
    request: &Request<'_>,
    job: &'a Job,
    load: &Load,
    window: Option<Window>,
) -> Result<Planned<'a>> {
    let mut tries = Tries::new(request, job);
    loop {
        match tries.in_time(look(request, job, load.base(), window)).await {
            Ok(plans) => return Ok(Planned { job, plans }),
            Err(error) => tries.again(error, load.run()).await?,
        }
    }
}

async fn look(
    request: &Request<'_>,
    job: &Job,
    base: &Release,
    window: Option<Window>,
) -> Result<Vec<Plan>> {
    let replay = request.replay.as_ref();
    let plans = job::plans(request.project, job, request.engine, base, replay).await?;
    Ok(match window {
        Some(_) => plans.into_iter().map(Plan::anew).collect(),
        None => plans,
    })
}

/// Runs jobs, at most so many at once; those that are at work when one fails come to their end.
pub(super) async fn run(
    request: &Request<'_>,
    jobs: &[Planned<'_>],
    window: Option<Window>,
    load: &mut Load,
    memory: &mut Memory,
    done: &mut Done,
) -> Result<Late> {
    let model = request.engine.model();
    let effects: Vec<Effects> = jobs.iter().map(|job| Effects::of(job.job, model)).collect();
    let mut waiting: Vec<usize> = (0..jobs.len()).collect();
    let (mut at_work, mut taken) = (BTreeSet::new(), BTreeMap::new());
    let (mut running, mut failed) = (FuturesUnordered::new(), None);
    let (mut begun, mut ended) = (0, BTreeMap::new());
    loop {
        while failed.is_none()
            && at_work.len() < request.at_once.max(1)
            && let Some(next) = startable(&effects, &waiting, &at_work)
        {
            waiting.retain(|job| *job != next);
            at_work.insert(next);
            begun += 1;
            request.progress.job_started(&jobs[next].job.job, begun, jobs.len());
            let late = memory.late.take(jobs[next].job, model);
            taken.insert(next, late.clone());
            let work = one(request, &jobs[next], window, load.branch(), late);
            running.push(work.map(move |ended| (next, ended)).boxed());
        }
        let Some((index, outcome)) = running.next().await else { break };
        at_work.remove(&index);
        match outcome {
            Ok(Ended { branch, summary, lost, followed }) => {
                load.merge(branch);
                taken.remove(&index);
                memory.late.note(&lost, model, load);
                request.progress.job_finished(&summary);
                if window.is_none() && request.replay.is_none() {
                    memory.remember(&summary);
                    memory.save(load, taken.values()).await?;
                }
                ended.insert(index, (summary, followed));
            }
            Err(error) if failed.is_none() => failed = Some(error),
            Err(error) => done.notes.push(format!("failed as well: {error}")),
        }
    }
    drop(running);
    for (summary, followed) in ended.into_values() {
        done.jobs.push(summary);
        done.follow(followed);
    }
    match failed {
        None => Ok(std::mem::take(&mut memory.late)),
        Some(error) => Err(error),
    }
}

/// Runs a job on a branch of the load, again where it failed for something that may pass.
async fn one(
    request: &Request<'_>,
    planned: &Planned<'_>,
    window: Option<Window>,
    mut branch: Load,
    late: Late,
) -> Result<Ended> {
    let job = planned.job;
    let followed = late.follow(request, &mut branch).await?;
    let mut tries = Tries::new(request, job);
    let (mut summary, lost) = loop {
        let mut attempt = branch.branch();
        let tried = async {
            let again;
            let plans = match tries.are_first() {
                true => &planned.plans,
                false => {
                    again = look(request, job, attempt.base(), window).await?;
                    &again
                }
            };
            job::run(request, &mut attempt, job, plans, window).await
        };
        match tries.in_time(tried).await {
            Ok(ended) => {
                branch.merge(attempt);
                break ended;
            }
            Err(error) => tries.again(error, branch.run()).await?,
        }
    };
    summary.notes.splice(0..0, tries.notes());
    Ok(Ended { branch, summary, lost, followed })
}
