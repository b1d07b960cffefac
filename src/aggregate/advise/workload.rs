//! What is asked, and how often: the query log planned again over the present model, or, where nobody
//! has asked yet, every level and every two levels of a cube's hierarchies once.

use super::candidates::Keepable;
use crate::engine::{Engine, Query, Session};
use crate::error::Result;
use crate::model::{Cube, Fact, Model};
use crate::policy::Principal;
use crate::query::{CubeQuery, Demand};
use crate::store::Release;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So many different texts of the log are planned again, those asked most.
const MOST_TEXTS: usize = 5_000;

/// So many texts that cannot be planned any more are told.
const TOLD: usize = 3;

/// Where a workload is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The questions that were asked.
    Log,
    /// The hierarchies of the cubes.
    Model,
}

/// A part of what is asked.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What it needs.
    pub(super) demand: Demand,
    /// How often it is asked.
    pub(super) times: f64,
    /// The questions that it is, where those with several parts are shared out among these.
    pub(super) questions: f64,
}

/// A text of the log that cannot be planned any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplanned {
    /// The text.
    pub text: String,
    /// How often it was asked.
    pub times: u64,
    /// Why not.
    pub why: String,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Where it is taken from.
    pub source: Source,
    /// Different questions of cubes.
    pub texts: usize,
    /// How often they were asked, all together.
    pub questions: u64,
    /// How often other questions were asked, which no aggregate concerns.
    pub elsewhere: u64,
    /// How many different texts cannot be planned any more, and the most asked of them.
    pub unplanned: (usize, Vec<Unplanned>),
    /// Different texts that were left out because there are so many.
    pub left_out: usize,
    /// How often something was loaded in the meantime.
    pub loads: u64,
    pub(super) parts: Vec<Part>,
}

impl Workload {
    fn new(source: Source) -> Self {
        Self {
            source,
            texts: 0,
            questions: 0,
            elsewhere: 0,
            unplanned: (0, Vec::new()),
            left_out: 0,
            loads: 1,
            parts: Vec::new(),
        }
    }

    /// What the log says was asked.
    ///
    /// # Errors
    /// What stops reading it.
    pub(super) async fn of_log(engine: &Engine, release: &Arc<Release>) -> Result<Self> {
        let mut workload = Self::new(Source::Log);
        let warehouse = engine.warehouse();
        let records = warehouse.queries().await?;
        if let (Some(first), Some(last)) = (records.first(), records.last()) {
            let since = |at| first.at <= at && at <= last.at;
            let releases = warehouse.releases().await?;
            let loads = releases.iter().filter(|release| since(release.created_at)).count();
            workload.loads = (loads as u64).max(1);
        }
        // How often each text was asked, and how often it was answered.
        let mut texts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for record in &records {
            let (asked, answered) = texts.entry(&record.text).or_default();
            *asked += 1;
            *answered += u64::from(record.error.is_none());
        }
        let mut texts: Vec<(&str, (u64, u64))> = texts.into_iter().collect();
        texts.sort_by_key(|(_, (asked, _))| std::cmp::Reverse(*asked));
        workload.left_out = texts.len().saturating_sub(MOST_TEXTS);
        texts.truncate(MOST_TEXTS);
        let session = engine.session(Principal::pipeline(), Arc::clone(release)).unlogged();
        for (text, (asked, answered)) in texts {
            match planned(&session, text).await {
                Ok(query) if query.is_explained() => {}
                Ok(query) => workload.add(query.demands(), asked),
                // What was never answered is no loss.
                Err(_) if answered == 0 => {}
                Err(error) => {
                    workload.unplanned.0 += 1;
                    if workload.unplanned.1.len() < TOLD {
                        let (text, why) = (text.to_owned(), error.to_string());
                        workload.unplanned.1.push(Unplanned { text, times: asked, why });
                    }
                }
            }
        }
        Ok(workload)
    }

    fn add(&mut self, demands: &[Demand], times: u64) {
        if demands.is_empty() {
            self.elsewhere += times;
            return;
        }
        self.texts += 1;
        self.questions += times;
        let (times, of_each) = (times as f64, times as f64 / demands.len() as f64);
        for demand in demands {
            match self.parts.iter_mut().find(|part| part.demand == *demand) {
                Some(part) => {
                    part.times += times;
                    part.questions += of_each;
                }
                None => {
                    self.parts.push(Part { demand: demand.clone(), times, questions: of_each });
                }
            }
        }
    }

    /// What could be asked of the cubes of a model: all measures of a fact that can be kept, by each
    /// level of each hierarchy, and by each two of different dimensions. All cubes weigh equally, and
    /// all levels of a cube.
    ///
    /// # Errors
    /// User errors where a measure's expression does not hold.
    pub(super) fn of_model(
        model: &Model,
        keepable: impl Fn(&Cube, &Fact) -> Result<Vec<Keepable>>,
    ) -> Result<Self> {
        let mut workload = Self::new(Source::Model);
        for cube in &model.cubes {
            let mut demands = Vec::new();
            for fact in cube.facts.iter().filter_map(|name| model.fact(name)) {
                let measures = keepable(cube, fact)?.into_iter().filter(|m| !m.is_wide);
                let measures: Vec<String> = measures.map(|measure| measure.name).collect();
                if measures.is_empty() {
                    continue;
                }
                for columns in places(cube, fact, model) {
                    demands.push(Demand::by_columns(cube, &fact.name, columns, &measures, model)?);
                }
            }
            let share = 1.0 / (demands.len() as f64).max(1.0);
            workload.texts += demands.len();
            workload.questions += demands.len() as u64;
            let part = |demand| Part { demand, times: share * 1000.0, questions: share * 1000.0 };
            workload.parts.extend(demands.into_iter().map(part));
        }
        Ok(workload)
    }

    /// How many questions all parts are.
    pub(super) fn questions_of_parts(&self) -> f64 {
        self.parts.iter().map(|part| part.questions).sum()
    }

    /// The parts that are asked of a fact in a cube.
    pub(super) fn of(&self, cube: &Cube, fact: &Fact) -> Vec<&Part> {
        let own = |part: &&Part| part.demand.cube == cube.name && part.demand.fact == fact.name;
        self.parts.iter().filter(own).collect()
    }
}

/// A logged text planned again: SQL, or a cube query as JSON.
async fn planned(session: &Session, text: &str) -> Result<Query> {
    match serde_json::from_str::<CubeQuery>(text) {
        Ok(query) => session.plan_cube_query(&query).await,
        Err(_) => session.plan_sql(text).await,
    }
}

/// The levels of a fact's dimensions alone and by twos, each with those above it; and all rows
/// together.
fn places(cube: &Cube, fact: &Fact, model: &Model) -> BTreeSet<BTreeSet<String>> {
    let mut levels: BTreeSet<(&str, BTreeSet<String>)> = BTreeSet::new();
    for offered in &cube.dimensions {
        let Some(role) = fact.role(&offered.role) else { continue };
        let dimension = offered.dimension.as_deref().and_then(|name| model.dimension(name));
        let Some(dimension) = dimension else { continue };
        // A fact may know the members of a coarser level only.
        let known = |column: &String| {
            let column = cube.column(column);
            column.is_some_and(|column| role.knows(&column.column.name))
        };
        for level in dimension.hierarchies.iter().flat_map(|hierarchy| &hierarchy.levels) {
            let Some(column) = cube.role_column(&offered.role, level.key_column()) else {
                continue;
            };
            let columns = cube.with_columns_above(column, Some(dimension));
            let columns: BTreeSet<String> = columns.into_iter().collect();
            if columns.iter().all(known) {
                levels.insert((&offered.role, columns));
            }
        }
    }
    let mut places = BTreeSet::from([BTreeSet::new()]);
    for (role, columns) in &levels {
        places.insert(columns.clone());
        let others = levels.iter().filter(|(other, _)| other != role);
        places.extend(others.map(|(_, more)| columns | more));
    }
    places
}
