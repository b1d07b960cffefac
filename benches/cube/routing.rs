//! Routing: how long it takes to plan a question of a cube with 1,000 aggregates, and how much of that is
//! owed to there being so many. Pure: no file is read.

use super::Args;
use super::common::{Outcome, machine::Machine};
use super::proof::{Claim, Proof};
use super::retail::dimensions::DIMENSIONS;
use super::retail::questions::questions;
use super::retail::schemas;
use datafusion::logical_expr::TableSource;
use datafusion::logical_expr::logical_plan::builder::LogicalTableSource;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use starhouse::model::{self, Column, Model, arrow_schema};
use starhouse::query::{
    CubeQuery, Lattice, Members, PlanContext, StarTables, aggregate_columns, plan_cube_query,
};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Aggregates, and different questions.
const CUBOIDS: usize = 1_000;
const QUESTIONS: usize = 1_000;

/// Rounds before those that count; of a question's times the middle one counts.
const WARM_UPS: usize = 2;
const ROUNDS: usize = 9;

/// What planning a question took, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// With all aggregates.
    all: f64,
    /// With only the one that answers, or with none where none does.
    one: f64,
    is_answered: bool,
}

/// The tables of a release, of which nothing is read.
struct Tables {
    sources: HashMap<String, (Arc<dyn TableSource>, u64)>,
    definitions: HashMap<String, String>,
}

impl StarTables for Tables {
    fn table(&self, _: Option<&str>, name: &str) -> Option<Arc<dyn TableSource>> {
        self.sources.get(name).map(|(source, _)| Arc::clone(source))
    }

    fn built_by(&self, _: Option<&str>, name: &str) -> Option<&str> {
        self.definitions.get(name).map(String::as_str)
    }

    fn rows(&self, _: Option<&str>, name: &str) -> Option<u64> {
        self.sources.get(name).map(|(_, rows)| *rows)
    }
}

/// A model with some of the aggregates, and its tables.
struct World {
    model: Model,
    lattice: Lattice,
    tables: Tables,
}

/// Measures.
pub(crate) fn run(_: &Args, root: &Path) -> Outcome<()> {
    let aggregates = aggregates();
    let all = World::new(&aggregates.iter().collect::<Vec<_>>())?;
    let mut took = Vec::new();
    for question in questions(QUESTIONS) {
        let question = question.cube_query();
        let answering = all.answering(&question)?;
        let own: Vec<_> = aggregates.iter().filter(|(name, ..)| answering.contains(name)).collect();
        let one = World::new(&own)?;
        if one.answering(&question)? != answering {
            return Err(format!("another aggregate answers among fewer: {question:?}").into());
        }
        took.push(Took {
            all: all.planning(&question)?,
            one: one.planning(&question)?,
            is_answered: !answering.is_empty(),
        });
    }
    let whole: Vec<f64> = took.iter().map(|took| took.all).collect();
    let added: Vec<f64> = took.iter().map(|took| took.all - took.one).collect();
    let ([median, worst], [more, most_more]) = (middle_and_most(whole), middle_and_most(added));
    let answered = took.iter().filter(|took| took.is_answered).map(|took| took.all - took.one);
    let answered: Vec<f64> = answered.collect();
    let (count, [_, most_answered]) = (answered.len(), middle_and_most(answered));
    let mut proof = Proof::new("routing", "Routing among aggregates", CUBOIDS as f64);
    let mut claim = |what: &str, microseconds: f64| {
        let measured = format!("{microseconds:.0} µs");
        proof.claims.push(Claim::new(what, "500 µs", measured, microseconds < 500.0));
    };
    claim("what 1,000 aggregates add to planning a question, median", more);
    claim("the same, worst question", most_more);
    proof.figures = serde_json::json!({
        "planning_us": {"median": median, "worst": worst},
        "added_us": {"median": more, "worst": most_more, "worst_answered": most_answered},
        "questions": QUESTIONS,
        "answered": count,
    });
    let text = format!(
        "{CUBOIDS} aggregates of one fact with 12 dimensions, {QUESTIONS} different questions of dashboards, each the \
         middle of {ROUNDS} times on one thread; {}. {count} are answered by an aggregate, for the others it is \
         said why none does. Planning a question (resolved, routed, as a logical plan over tables) with all of them \
         beside planning it with only the one that answers.\n\n\
         | | median, µs | worst, µs |\n|---|---:|---:|\n\
         | the whole of planning | {median:.0} | {worst:.0} |\n\
         | what the other aggregates add to it | {more:.0} | {most_more:.0} |\n\
         | the same, of questions that one answers | | {most_answered:.0} |\n",
        Machine::this()
    );
    proof.write(root, &text)
}

fn middle_and_most(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    [at(values.len() / 2), at(values.len().saturating_sub(1))]
}

/// A name, its YAML, and its rows.
type Declared = (String, String, u64);

/// Aggregates by two to seven columns, some by days as well.
fn aggregates() -> Vec<Declared> {
    let dice = &mut ChaCha8Rng::seed_from_u64(1_000);
    let names = DIMENSIONS.iter().map(|dimension| dimension.name_column());
    let levels = DIMENSIONS.iter().flat_map(|d| d.columns()).map(|(name, _)| name.to_owned());
    let columns: Vec<String> = levels.chain(names).collect();
    let mut known = BTreeSet::new();
    let mut declared = Vec::new();
    while declared.len() < CUBOIDS {
        let count = dice.random_range(2..=7);
        let mut kept: BTreeSet<&str> =
            columns.choose_multiple(dice, count).map(String::as_str).collect();
        let by_day = dice.random_bool(0.2);
        if !by_day {
            kept.extend(["year", "quarter", "month"].iter().take(dice.random_range(0..=3)));
        }
        let columns = kept.into_iter().collect::<Vec<_>>().join(", ");
        let roles = if by_day { "    dimensions: [date]\n" } else { "" };
        if known.insert((columns.clone(), by_day)) {
            let name = format!("cuboid_{}", declared.len());
            let yaml = format!(
                "  - name: {name}\n    description: One of many.\n    fact: sales\n{roles}    columns: [{columns}]\n\
                 \x20   measures: [revenue, cost, discounts, pieces, lines]\n"
            );
            declared.push((name, yaml, dice.random_range(1_000..10_000_000)));
        }
    }
    declared
}

impl World {
    fn new(aggregates: &[&Declared]) -> Outcome<Self> {
        let mut documents = schemas();
        if !aggregates.is_empty() {
            let kept: String = aggregates.iter().map(|(_, yaml, _)| yaml.as_str()).collect();
            documents
                .push(("aggregates.yaml".to_owned(), format!("aggregates: retail\nkeep:\n{kept}")));
        }
        let model = model::load(&documents)?;
        let lattice = Lattice::of(&model)?;
        let (mut sources, mut definitions) = (HashMap::new(), HashMap::new());
        let mut add = |name: String, columns: &[Column], rows: u64| {
            let source: Arc<dyn TableSource> =
                Arc::new(LogicalTableSource::new(arrow_schema(columns)));
            sources.insert(name, (source, rows));
        };
        for dimension in &model.dimensions {
            add(dimension.table(), &dimension.table_columns(), 1_000);
        }
        for fact in &model.facts {
            add(fact.table(), &fact.table_columns(), 100_000_000);
        }
        let cube = model.cube("retail").ok_or("the model has no cube")?;
        let rows: HashMap<&str, u64> =
            aggregates.iter().map(|(name, _, rows)| (name.as_str(), *rows)).collect();
        for aggregate in &cube.aggregates {
            let table = cube.aggregate_table(aggregate);
            let columns = aggregate_columns(cube, aggregate, &lattice)?;
            let of_table = rows.get(aggregate.name.as_str()).copied().unwrap_or_default();
            add(table.clone(), &columns, of_table);
            let definition = lattice.fingerprint(&cube.name, &table);
            definitions.insert(table.clone(), definition.unwrap_or_default().to_owned());
        }
        Ok(Self { lattice, tables: Tables { sources, definitions }, model })
    }

    fn context(&self) -> PlanContext<'_> {
        let Self { model, tables, lattice, .. } = self;
        PlanContext { model, tables, lattice, use_aggregates: true, currency: None }
    }

    /// The aggregates that answer a question's parts.
    fn answering(&self, question: &CubeQuery) -> Outcome<BTreeSet<String>> {
        let planned = plan_cube_query(question, &Members::default(), &self.context())?;
        let named = planned.routing.sentences.iter().filter_map(|sentence| {
            let (_, rest) = sentence.split_once(": aggregate ")?;
            rest.split(' ').next().map(str::to_owned)
        });
        Ok(named.collect())
    }

    /// Microseconds of planning a question: the middle of several times.
    fn planning(&self, question: &CubeQuery) -> Outcome<f64> {
        let (context, members) = (self.context(), Members::default());
        let mut times = Vec::new();
        for round in 0..WARM_UPS + ROUNDS {
            let started = Instant::now();
            let planned = plan_cube_query(question, &members, &context)?;
            let took = started.elapsed();
            drop(planned);
            if round >= WARM_UPS {
                times.push(took.as_secs_f64() * 1e6);
            }
        }
        Ok(middle_and_most(times)[0])
    }
}
