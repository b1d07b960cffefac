//! What could be kept of a fact, and is declared, with the rows and bytes of each.

use super::candidates::{Keepable, candidates};
use super::choose::{Need, View};
use super::sample::Sample;
use super::size::{self, Keys, Width};
use super::workload::Part;
use crate::engine::Session;
use crate::error::Result;
use crate::model::{Aggregate, ColumnType, Cube, Fact, MONTH_PARTITION, Model};
use crate::query::{Lattice, aggregate_columns};
use crate::store::TableState;

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
    /// Its bytes.
    pub(super) bytes: f64,
    /// The rows that are read and written to keep it up to date.
    upkeep: f64,
    /// Whether the model declares it.
    is_declared: bool,
}

impl Weighed {
    /// As the choice sees it.
    pub(super) fn view(&self) -> View {
        let Self { rows, bytes, upkeep, is_declared, .. } = *self;
        View { rows: rows as f64, bytes, upkeep, is_given: is_declared }
    }
}

/// Aggregates of several facts, and what is asked that they would answer.
pub(super) struct Weighing<'a> {
    model: &'a Model,
    session: Session,
    /// How often something is loaded while all that is asked is asked.
    loads: u64,
    /// Of larger facts about so many rows are looked at.
    sample_rows: u64,
    pub(super) views: Vec<Weighed>,
    pub(super) needs: Vec<Need>,
    /// The questions that each need is.
    pub(super) questions: Vec<f64>,
}

impl<'a> Weighing<'a> {
    pub(super) fn new(model: &'a Model, session: Session, loads: u64, sample_rows: u64) -> Self {
        let (views, needs, questions) = (Vec::new(), Vec::new(), Vec::new());
        Self { model, session, loads, sample_rows, views, needs, questions }
    }

    /// The aggregates that are declared.
    pub(super) fn declared(&self) -> impl Iterator<Item = &Weighed> {
        self.views.iter().filter(|view| view.is_declared)
    }

    /// Adds what is declared of a fact, and what could be kept for what is asked of it.
    ///
    /// # Errors
    /// What stops the questions for a sample.
    pub(super) async fn add(&mut self, cube: &Cube, fact: &Fact, parts: &[&Part]) -> Result<()> {
        let of_fact = |aggregate: &&Aggregate| aggregate.fact == fact.name;
        let declared: Vec<Aggregate> = cube.aggregates.iter().filter(of_fact).cloned().collect();
        let keepable = keepable(cube, fact, self.model)?;
        let more = candidates(cube, fact, parts, &keepable, self.model);
        let all: Vec<Aggregate> = declared.iter().cloned().chain(more).collect();
        if all.is_empty() && parts.is_empty() {
            return Ok(());
        }
        let (trial, lattice) = trial(cube, all, self.model)?;
        let (session, of) = (&self.session, &trial.aggregates);
        let sample = Sample::take(session, &trial, fact, of, self.model, self.sample_rows).await?;
        let release = self.session.release();
        let stored = |aggregate: &Aggregate| release.tables.get(&trial.aggregate_table(aggregate));
        let mut weighed = Vec::new();
        for (place, aggregate) in trial.aggregates.iter().enumerate() {
            let is_declared = place < declared.len();
            let built = stored(aggregate).filter(|_| is_declared);
            let (rows, is_exact) = match built {
                Some(table) => (table.rows(), true),
                None => sample.rows_of(aggregate, &trial),
            };
            let columns = aggregate_columns(&trial, aggregate, &lattice)?;
            let by_month = columns.first().is_some_and(|c| c.name == MONTH_PARTITION);
            let keys = keys(aggregate, by_month, &trial);
            let facts_each = sample.rows as f64 / (rows as f64).max(1.0);
            let width = Width::of(&columns, keys, rows, facts_each);
            weighed.push((aggregate, rows, is_exact, width, built, by_month));
        }
        let built = weighed
            .iter()
            .filter_map(|(.., width, built, _)| built.map(|table| (*width, table.size_bytes())));
        let left = size::left(&built.collect::<Vec<_>>());
        let first = self.views.len();
        let months = release.tables.get(&fact.table()).map_or(1, partitions);
        for (place, (aggregate, rows, is_exact, width, built, by_month)) in
            weighed.into_iter().enumerate()
        {
            // A load computes a month anew where the aggregate knows months, else all of it.
            let part = if by_month { 1.0 / months as f64 } else { 1.0 };
            self.views.push(Weighed {
                cube: cube.name.clone(),
                aggregate: aggregate.clone(),
                rows,
                is_exact,
                bytes: built.map_or_else(|| width.bytes(left), |table| table.size_bytes() as f64),
                upkeep: self.loads as f64 * part * (sample.rows as f64 + rows as f64),
                is_declared: place < declared.len(),
            });
        }
        for part in parts {
            let served_by = lattice.serving(&part.demand).map(|place| first + place).collect();
            let (times, rows) = (part.times, sample.rows as f64);
            self.needs.push(Need { times, rows, served_by });
            self.questions.push(part.questions);
        }
        Ok(())
    }
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
        };
        let (trial, lattice) = match trial(cube, vec![alone], model) {
            Ok(trial) => trial,
            // What its expression gives no state remembers.
            Err(_) => continue,
        };
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
