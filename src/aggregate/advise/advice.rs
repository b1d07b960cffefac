//! Taking advice: what is asked, what could be kept, what is worth it.

use super::choose::Problem;
use super::weighed::{Weighed, Weighing, keepable};
use super::workload::{Source, Workload};
use crate::config::Room;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::model::{Aggregate, Cube, Fact, Model};
use crate::policy::Principal;
use crate::store::Release;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was chosen is counted so often; then the choice is made of what was.
const COUNTINGS: usize = 6;

/// Of larger facts so many rows are looked at, where nothing is said.
pub const SAMPLE_ROWS: u64 = 200_000;

/// What advice is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the workload is taken from; the log where it has questions, if nothing is said.
    pub source: Option<Source>,
    /// Room for all aggregates together, declared ones included.
    pub budget: Room,
    /// Of larger facts about so many rows are looked at.
    pub sample_rows: u64,
}

/// Advice.
#[derive(Debug, Clone)]
pub struct Advice {
    /// What is asked.
    pub workload: Workload,
    /// What the cubes' facts weigh.
    pub facts_bytes: u64,
    /// Room for all aggregates together.
    pub budget_bytes: u64,
    /// What those weigh that are declared.
    pub declared_bytes: u64,
    /// What to keep beside them, the most worthwhile for its bytes first.
    pub keep: Vec<Advised>,
    /// What is declared and answers nothing that is asked.
    pub unused: Vec<Unused>,
    /// Rows that all that is asked reads, now and with the advice.
    pub rows_read: (u64, u64),
    /// Rows that loads read and write meanwhile to keep aggregates up to date, now and with the
    /// advice; those that are declared apart.
    pub upkeep: (u64, u64),
    /// What the warehouse keeps by itself.
    pub present: Vec<Present>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// An aggregate to be kept.
#[derive(Debug, Clone)]
pub struct Advised {
    /// The cube.
    pub cube: String,
    /// The aggregate, as it would be declared.
    pub aggregate: Aggregate,
    /// Its rows, about.
    pub rows: u64,
    /// Whether they are counted, not estimated.
    pub is_exact: bool,
    /// Its bytes, about.
    pub bytes: u64,
    /// The part of all questions that it answers, 0 to 1.
    pub share: f64,
    /// Rows that one of these reads in the mean, now and then.
    pub rows_read: (u64, u64),
}

/// An aggregate that the warehouse keeps by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The cube.
    pub cube: String,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it answers anything that is asked.
    pub is_used: bool,
}

/// An aggregate that is declared and answers nothing that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// The cube.
    pub cube: String,
    /// Its name.
    pub name: String,
    /// Its bytes, about where it is not built.
    pub bytes: u64,
}

/// Takes advice on the latest release.
///
/// # Errors
/// User errors where there is no fact to keep anything of; what stops the questions for samples.
pub async fn advise(engine: &Engine, request: &Request) -> Result<Advice> {
    let release = engine.warehouse().latest().await?;
    let engine = &engine.of(&release);
    let model = engine.model();
    let facts = cube_facts(model, &release);
    if facts.is_empty() {
        return Err(Error::user(
            "no fact of a cube is loaded yet, so there is nothing to advise on",
        )
        .hint("load first: `starhouse etl run`"));
    }
    let mut notes = Vec::new();
    let workload = workload(engine, &release, request, &mut notes).await?;
    let facts_bytes = bytes_of(&facts, &release);
    let budget_bytes = request.budget.bytes(facts_bytes);
    let session = engine.session(Principal::pipeline(), Arc::clone(&release)).unlogged();
    let mut weighing = Weighing::new(model, session, workload.loads, request.sample_rows)?;
    for (cube, fact) in &facts {
        weighing.add(cube, fact, &workload.of(cube, fact)).await?;
    }
    let declared_bytes = rounded(weighing.declared().map(|view| view.bytes).sum());
    let room = budget_bytes as f64 - declared_bytes as f64;
    if room <= 0.0 {
        notes.push("the declared aggregates leave no room; a larger --budget would".to_owned());
    }
    let (problem, chosen) = chosen(&mut weighing, room).await?;
    let outcome = Outcome::new(&weighing, &problem, chosen);
    let questions = workload.questions_of_parts();
    Ok(Advice {
        facts_bytes,
        budget_bytes,
        declared_bytes,
        keep: outcome.advised(questions),
        unused: if workload.source == Source::Log { outcome.unused() } else { Vec::new() },
        rows_read: outcome.rows_read(),
        upkeep: outcome.upkeep(),
        present: outcome.present(),
        workload,
        notes,
    })
}

/// The choice, of which every size is counted or sure: what looks worthwhile by an estimate that is
/// not is counted, and the choice made again.
async fn chosen(weighing: &mut Weighing<'_>, room: f64) -> Result<(Problem, Vec<usize>)> {
    for _ in 0..COUNTINGS {
        let problem = weighing.problem(room);
        let chosen = problem.choose();
        if weighing.count(&chosen).await? == 0 {
            return Ok((problem, chosen));
        }
    }
    let problem = weighing.sure_problem(room);
    let chosen = problem.choose();
    Ok((problem, chosen))
}

async fn workload(
    engine: &Engine,
    release: &Arc<Release>,
    request: &Request,
    notes: &mut Vec<String>,
) -> Result<Workload> {
    let model = engine.model();
    let of_model = || Workload::of_model(model, |cube, fact| keepable(cube, fact, model));
    if request.source == Some(Source::Model) {
        return of_model();
    }
    let logged = Workload::of_log(engine, release).await?;
    if !logged.parts.is_empty() || request.source == Some(Source::Log) {
        return Ok(logged);
    }
    notes.push(
        "the log has no question of a cube that can be planned: every level of the cubes' \
         hierarchies counts alike"
            .to_owned(),
    );
    Ok(Workload { unplanned: logged.unplanned, ..of_model()? })
}

/// The facts of each cube that have rows.
fn cube_facts<'a>(model: &'a Model, release: &Release) -> Vec<(&'a Cube, &'a Fact)> {
    let facts = model
        .cubes
        .iter()
        .flat_map(|cube| cube.facts.iter().filter_map(move |name| Some((cube, model.fact(name)?))));
    let has_rows = |fact: &Fact| {
        let table = release.tables.get(&fact.table());
        table.is_some_and(|table| table.rows() > 0)
    };
    facts.filter(|(_, fact)| has_rows(fact)).collect()
}

fn bytes_of(facts: &[(&Cube, &Fact)], release: &Release) -> u64 {
    let tables: BTreeSet<String> = facts.iter().map(|(_, fact)| fact.table()).collect();
    let tables = tables.iter().filter_map(|table| release.tables.get(table));
    tables.map(|table| table.size_bytes()).sum()
}

/// What was chosen, and what it is worth.
struct Outcome<'a> {
    weighing: &'a Weighing<'a>,
    problem: &'a Problem,
    declared: Vec<usize>,
    /// What the warehouse keeps by itself.
    present: Vec<usize>,
    chosen: Vec<usize>,
    /// The rows that each need reads, with what is kept, and with what was chosen in its place.
    before: Vec<f64>,
    after: Vec<f64>,
}

impl<'a> Outcome<'a> {
    fn new(weighing: &'a Weighing<'a>, problem: &'a Problem, chosen: Vec<usize>) -> Self {
        let (declared, present) = (problem.given(), weighing.present());
        let (now, then) = (beside(&declared, &present), beside(&declared, &chosen));
        let (before, after) = (problem.read(&now), problem.read(&then));
        Self { weighing, problem, declared, present, chosen, before, after }
    }

    /// The view that answers each need, of these.
    fn answering(&self, kept: &[usize]) -> Vec<Option<usize>> {
        let (needs, kept) = (self.problem.needs.iter(), self.problem.among(kept));
        needs.map(|need| self.problem.answering(need, &kept).map(|(_, view)| view)).collect()
    }

    fn advised(&self, questions: f64) -> Vec<Advised> {
        let answering = self.answering(&beside(&self.declared, &self.chosen));
        let advised = self.chosen.iter().map(|view| {
            let own = (0..answering.len()).filter(|need| answering[*need] == Some(*view));
            let own: Vec<usize> = own.collect();
            let share: f64 = own.iter().map(|need| self.weighing.questions[*need]).sum();
            let Weighed { cube, aggregate, rows, is_exact, bytes, .. } =
                &self.weighing.views[*view];
            Advised {
                cube: cube.clone(),
                aggregate: aggregate.clone(),
                rows: *rows,
                is_exact: *is_exact,
                bytes: rounded(*bytes),
                share: if questions > 0.0 { share / questions } else { 0.0 },
                rows_read: (self.mean(&own, &self.before), self.mean(&own, &self.after)),
            }
        });
        advised.collect()
    }

    /// Rows that needs read in the mean.
    fn mean(&self, needs: &[usize], read: &[f64]) -> u64 {
        let times: f64 = needs.iter().map(|need| self.problem.needs[*need].times).sum();
        let rows = needs.iter().map(|need| self.problem.needs[*need].times * read[*need]);
        if times > 0.0 { rounded(rows.sum::<f64>() / times) } else { 0 }
    }

    fn unused(&self) -> Vec<Unused> {
        let answering = self.answering(&self.declared);
        let unused = self.declared.iter().filter(|view| !answering.contains(&Some(**view)));
        let unused = unused.map(|view| {
            let Weighed { cube, aggregate, bytes, .. } = &self.weighing.views[*view];
            Unused { cube: cube.clone(), name: aggregate.name.clone(), bytes: rounded(*bytes) }
        });
        unused.collect()
    }

    fn present(&self) -> Vec<Present> {
        let answering = self.answering(&beside(&self.declared, &self.present));
        let present = self.present.iter().map(|view| {
            let Weighed { cube, aggregate, bytes, .. } = &self.weighing.views[*view];
            let (cube, name, bytes) = (cube.clone(), aggregate.name.clone(), rounded(*bytes));
            Present { cube, name, bytes, is_used: answering.contains(&Some(*view)) }
        });
        present.collect()
    }

    /// Rows that loads read and write for what the warehouse keeps by itself, and for what was chosen.
    fn upkeep(&self) -> (u64, u64) {
        let of = |views: &[usize]| {
            rounded(views.iter().map(|view| self.problem.views[*view].upkeep).sum())
        };
        (of(&self.present), of(&self.chosen))
    }

    /// Rows that all that is asked reads, before and after.
    fn rows_read(&self) -> (u64, u64) {
        let all = |read: &[f64]| {
            let needs = self.problem.needs.iter().zip(read);
            rounded(needs.map(|(need, rows)| need.times * rows).sum())
        };
        (all(&self.before), all(&self.after))
    }
}

fn beside(declared: &[usize], others: &[usize]) -> Vec<usize> {
    declared.iter().chain(others).copied().collect()
}

fn rounded(value: f64) -> u64 {
    value.round() as u64
}
