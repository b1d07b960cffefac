//! Aggregates that the warehouse keeps by itself: no file declares them, a release says which.

use super::{Aggregate, Model};
use serde::{Deserialize, Serialize};

/// The cursor of a release that holds them.
pub const AUTOMATIC_AGGREGATES: &str = "aggregates.automatic";

/// An aggregate that the warehouse keeps by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticAggregate {
    /// The cube.
    pub cube: String,
    /// What it keeps.
    pub aggregate: Aggregate,
    /// Why it was chosen, in words.
    pub why: String,
    /// Its bytes as it was built, where they were beyond the budget: it is not kept then, but known, so
    /// that it is not built again and again.
    #[serde(default)]
    pub beyond_bytes: Option<u64>,
}

impl AutomaticAggregate {
    /// Whether it is of the same cube and name.
    pub fn is(&self, other: &Self) -> bool {
        self.cube == other.cube && self.aggregate.name == other.aggregate.name
    }

    /// Those that a release's cursor tells of.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Vec<Self>, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl Model {
    /// The model with those of these aggregates that hold in it: the model may have changed since they
    /// were chosen, and what a file declares is not declared twice.
    #[must_use]
    pub fn with_automatic(&self, automatic: &[AutomaticAggregate]) -> Self {
        let mut model = self.clone();
        let kept = automatic.iter().filter(|one| one.beyond_bytes.is_none());
        for AutomaticAggregate { cube, aggregate, .. } in kept {
            if self.holds(cube, aggregate)
                && let Some(cube) = model.cubes.iter_mut().find(|known| known.name == *cube)
                && cube.aggregates.iter().all(|known| known.name != aggregate.name)
            {
                cube.aggregates.push(Aggregate { is_automatic: true, ..aggregate.clone() });
            }
        }
        model
    }

    /// Whether all that an aggregate names is there, and can be kept.
    fn holds(&self, cube: &str, aggregate: &Aggregate) -> bool {
        let Some(cube) = self.cube(cube) else { return false };
        let Some(fact) = self.fact(&aggregate.fact).filter(|f| cube.facts.contains(&f.name)) else {
            return false;
        };
        let column = |name: &String| {
            let column = cube.column(name);
            column.is_some_and(|c| cube.link(&c.role).is_none() && cube.belongs(c, fact))
        };
        let kept = [&aggregate.roles[..], &aggregate.columns].concat();
        let measure = |name: &String| {
            cube.measure(name).is_some_and(|found| cube.cannot_keep(found, fact, &kept).is_none())
        };
        aggregate.roles.iter().all(|role| fact.role(role).is_some())
            && aggregate.columns.iter().all(column)
            && aggregate.measures.iter().all(measure)
    }
}
