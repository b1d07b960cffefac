//! What could be kept of a fact, and is declared, with the rows and bytes of each.

use super::candidates::{Keepable, candidates};
use super::choose::{Need, Problem, View};
use super::sample::{Rows, Sample};
use super::size::{self, Keys, Width};
use super::workload::Part;
use crate::engine::{Session, automatic_aggregates};
use crate::error::Result;
use crate::model::{
    Aggregate, AutomaticAggregate, Column, ColumnType, Cube, Fact, MONTH_PARTITION, Model,
};
use crate::query::{Lattice, aggregate_columns};
use crate::store::TableState;
use std::ops::Range;
use std::sync::Arc;

/// An aggregate with its rows and bytes.
#[derive(Debug, Clone)]
pub(super) struct Weighed {
    /// The cube.
    pub(super) cube: String,
    /// The aggregate.
    pub(super) aggregate: Aggregate,
    /// Its rows.
    pub(super) rows: u64,
    /// Whether they are counted, not estimated.
    pub(super) is_exact: bool,
    /// Whether they are off by a few percent at most.
    is_sure: bool,
    /// Its bytes.
    pub(super) bytes: f64,
    /// Whether the release has it.
    pub(super) is_built: bool,
    /// Its width, whatever its rows are.
    columns: Vec<Column>,
    keys: Keys,
    /// The rows that are read and written to keep it up to date.
    upkeep: f64,
    /// Whether a file declares it.
    is_declared: bool,
    /// What it weighed when it was built once.
    known_bytes: f64,
}

impl Weighed {
    /// As the choice sees it.
    pub(super) fn view(&self) -> View {
        let Self { rows, bytes, upkeep, is_declared, .. } = *self;
        View { rows: rows as f64, bytes, upkeep, is_given: is_declared }
    }

    fn width(&self, facts: u64) -> Width {
        let facts_each = facts as f64 / (self.rows as f64).max(1.0);
        Width::of(&self.columns, self.keys, self.rows, facts_each)
    }

    /// Whether each row is of one month.
    fn is_by_month(&self) -> bool {
        self.columns.first().is_some_and(|column| column.name == MONTH_PARTITION)
    }
}

/// A fact that was sampled, and the views of it.
struct Sampled<'a> {
    fact: &'a Fact,
    /// The cube with all that could be kept.
    trial: Cube,
    sample: Sample,
    views: Range<usize>,
    /// How many times what is expected aggregates weigh that are there.
    times: f64,
    /// The fact's months.
    months: usize,
}

/// Aggregates of several facts, and what is asked that they would answer.
pub(super) struct Weighing<'a> {
    model: &'a Model,
    session: Session,
    /// How often something is loaded while all that is asked is asked.
    loads: u64,
    /// Of larger facts about so many rows are looked at.
    sample_rows: u64,
    /// What was built once, and weighed more than there was room for.
    beyond: Vec<AutomaticAggregate>,
    sampled: Vec<Sampled<'a>>,
    pub(super) views: Vec<Weighed>,
    pub(super) needs: Vec<Need>,
    /// The questions that each need is.
    pub(super) questions: Vec<f64>,
}

impl<'a> Weighing<'a> {
    /// # Errors
    /// Damaged where the release does not say well what it keeps by itself.
    pub(super) fn new(
        model: &'a Model,
        session: Session,
        loads: u64,
        sample_rows: u64,
    ) -> Result<Self> {
        let (views, needs, questions) = (Vec::new(), Vec::new(), Vec::new());
        let mut beyond = automatic_aggregates(session.release())?;
        beyond.retain(|one| one.beyond_bytes.is_some());
        let sampled = Vec::new();
        Ok(Self { model, session, loads, sample_rows, beyond, sampled, views, needs, questions })
    }

    /// The aggregates that files declare.
    pub(super) fn declared(&self) -> impl Iterator<Item = &Weighed> {
        self.views.iter().filter(|view| view.is_declared)
    }

    /// The choice that is to be made.
    pub(super) fn problem(&self, room: f64) -> Problem {
        let views = self.views.iter().map(Weighed::view);
        Problem { needs: self.needs.clone(), views: views.collect(), room }
    }

    /// The same of those alone of which the sizes are sure.
    pub(super) fn sure_problem(&self, room: f64) -> Problem {
        let mut problem = self.problem(room);
        for (view, weighed) in problem.views.iter_mut().zip(&self.views) {
            if !weighed.is_sure && !weighed.is_declared {
                view.bytes = f64::INFINITY;
            }
        }
        problem
    }

    /// What the warehouse keeps by itself.
    pub(super) fn present(&self) -> Vec<usize> {
        let is_present = |view: &Weighed| view.is_built && !view.is_declared;
        (0..self.views.len()).filter(|place| is_present(&self.views[*place])).collect()
    }

    /// Adds what is kept of a fact, and what could be for what is asked of it.
    ///
    /// # Errors
    /// What stops the questions for a sample.
    pub(super) async fn add(&mut self, cube: &Cube, fact: &'a Fact, parts: &[&Part]) -> Result<()> {
        let of_fact = |aggregate: &&Aggregate| aggregate.fact == fact.name;
        let kept: Vec<Aggregate> = cube.aggregates.iter().filter(of_fact).cloned().collect();
        let keepable = keepable(cube, fact, self.model)?;
        let more = candidates(cube, fact, parts, &keepable, self.model);
        let all: Vec<Aggregate> = kept.iter().cloned().chain(more).collect();
        if all.is_empty() && parts.is_empty() {
            return Ok(());
        }
        let (trial, lattice) = trial(cube, all, self.model)?;
        let (session, of) = (&self.session, &trial.aggregates);
        let sample = Sample::take(session, &trial, fact, of, self.model, self.sample_rows).await?;
        let release = Arc::clone(self.session.release());
        let first = self.views.len();
        for (place, aggregate) in trial.aggregates.iter().enumerate() {
            let stored = release.tables.get(&trial.aggregate_table(aggregate));
            let built = stored.filter(|_| place < kept.len());
            let rows = match built {
                Some(table) => Rows { count: table.rows(), is_exact: true, is_sure: true },
                None => sample.rows_of(aggregate, &trial),
            };
            let columns = aggregate_columns(&trial, aggregate, &lattice)?;
            let by_month = columns.first().is_some_and(|c| c.name == MONTH_PARTITION);
            self.views.push(Weighed {
                cube: cube.name.clone(),
                aggregate: aggregate.clone(),
                rows: rows.count,
                is_exact: rows.is_exact,
                is_sure: rows.is_sure,
                bytes: built.map_or(0.0, |table| table.size_bytes() as f64),
                is_built: built.is_some(),
                columns,
                keys: keys(aggregate, by_month, &trial),
                upkeep: 0.0,
                is_declared: place < kept.len() && !aggregate.is_automatic,
                known_bytes: self.known_bytes(cube, aggregate),
            });
        }
        for part in parts {
            let served_by = lattice.serving(&part.demand).map(|place| first + place).collect();
            let (times, rows) = (part.times, sample.rows as f64);
            self.needs.push(Need { times, rows, served_by });
            self.questions.push(part.questions);
        }
        let built = self.views[first..].iter().filter(|view| view.is_built);
        let built = built.map(|view| (view.width(sample.rows), view.bytes as u64));
        let times = size::times(&built.collect::<Vec<_>>());
        let months = release.tables.get(&fact.table()).map_or(1, partitions);
        let views = first..self.views.len();
        for place in views.clone() {
            weigh(&mut self.views[place], sample.rows, times, months, self.loads);
        }
        self.sampled.push(Sampled { fact, trial, sample, views, times, months });
        Ok(())
    }

    /// What an aggregate weighed when it was built once, and there was no room for it.
    fn known_bytes(&self, cube: &Cube, aggregate: &Aggregate) -> f64 {
        let same = |one: &&AutomaticAggregate| {
            one.cube == cube.name && one.aggregate.keeps_what(aggregate)
        };
        let known = self.beyond.iter().filter(same).filter_map(|one| one.beyond_bytes);
        known.max().unwrap_or(0) as f64
    }

    /// Counts, over all rows of their facts, those of some views of which estimates are not sure;
    /// returns how many there were.
    ///
    /// # Errors
    /// What stops the questions for all rows.
    pub(super) async fn count(&mut self, chosen: &[usize]) -> Result<usize> {
        let mut counted = 0;
        for Sampled { fact, trial, sample, views, times, months } in &self.sampled {
            let unsure = |view: &&usize| views.contains(view) && !self.views[**view].is_sure;
            let unsure: Vec<usize> = chosen.iter().filter(unsure).copied().collect();
            if unsure.is_empty() {
                continue;
            }
            let aggregates = unsure.iter().map(|view| &self.views[*view].aggregate);
            let aggregates: Vec<&Aggregate> = aggregates.collect();
            let rows = sample.count(&self.session, trial, fact, &aggregates).await?;
            for (view, rows) in unsure.iter().zip(rows) {
                let view = &mut self.views[*view];
                (view.rows, view.is_sure) = (rows, true);
                weigh(view, sample.rows, *times, *months, self.loads);
            }
            counted += unsure.len();
        }
        Ok(counted)
    }
}

/// What follows from a view's rows: its bytes, unless it is built, and what it costs to keep.
fn weigh(view: &mut Weighed, facts: u64, times: f64, months: usize, loads: u64) {
    if !view.is_built {
        view.bytes = view.width(facts).bytes(times).max(view.known_bytes);
    }
    // At most: a load computes a month anew where the aggregate knows months, else all of it. Where rows
    // were only added, it computes those alone.
    let part = if view.is_by_month() { 1.0 / months as f64 } else { 1.0 };
    view.upkeep = loads as f64 * part * (facts as f64 + view.rows as f64);
}

/// What tells the rows of an aggregate apart.
fn keys(aggregate: &Aggregate, by_month: bool, cube: &Cube) -> Keys {
    let Aggregate { roles, columns, .. } = aggregate;
    let kept = columns.iter().filter_map(|name| cube.column(name));
    let degenerate = kept.filter(|column| column.dimension.is_none()).count();
    Keys { all: usize::from(by_month) + roles.len() + columns.len(), degenerate }
}

/// How many partitions a table has; 1 without.
fn partitions(table: &TableState) -> usize {
    let partitions = table.files.iter().map(|file| file.partition);
    partitions.collect::<std::collections::BTreeSet<_>>().len().max(1)
}

/// The measures of a fact that an aggregate could keep.
pub(super) fn keepable(cube: &Cube, fact: &Fact, model: &Model) -> Result<Vec<Keepable>> {
    let roles = fact.roles.iter().map(|role| role.role.clone());
    let all: Vec<String> = roles.chain(fact.degenerate.iter().map(|c| c.name.clone())).collect();
    let mut keepable = Vec::new();
    for measure in &cube.measures {
        if cube.cannot_keep(measure, fact, &all).is_some() {
            continue;
        }
        let alone = Aggregate {
            name: measure.name.clone(),
            description: String::new(),
            fact: fact.name.clone(),
            roles: Vec::new(),
            columns: Vec::new(),
            measures: vec![measure.name.clone()],
            is_automatic: false,
        };
        let (trial, lattice) = match trial(cube, vec![alone], model) {
            Ok(trial) => trial,
            // What its expression gives no state remembers.
            Err(_) => continue,
        };
        if lattice.remembers_texts(&cube.name, model) {
            // How many there are no sample tells: that is for people to declare.
            continue;
        }
        let columns =
            trial.aggregates.first().map(|alone| aggregate_columns(&trial, alone, &lattice));
        let columns = columns.transpose()?.unwrap_or_default();
        let is_wide = columns.iter().any(|c| c.ty == ColumnType::Binary);
        keepable.push(Keepable { name: measure.name.clone(), is_wide });
    }
    Ok(keepable)
}

/// A cube with other aggregates, and their lattice.
fn trial(cube: &Cube, aggregates: Vec<Aggregate>, model: &Model) -> Result<(Cube, Lattice)> {
    let cube = Cube { aggregates, ..cube.clone() };
    let model = Model { cubes: vec![cube.clone()], ..model.clone() };
    Ok((cube, Lattice::of(&model)?))
}
