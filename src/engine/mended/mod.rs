//! Rules of DataFusion's optimiser that would change answers, each mended in a file of its own. What a
//! later DataFusion does right itself goes from here; the tests stay (`tests/olap/tables.slt`).

mod as_values;
mod constants;
mod dependencies;
mod in_lists;
mod in_sequence;
mod merged;
mod not_in;
mod of_filtered;
mod of_joins;
mod set_operations;
mod single_distinct;
mod twins;
mod wrapped;

pub(super) use dependencies::Relations;
pub(super) use in_lists::{apart, as_before};

use datafusion::optimizer::Optimizer;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use std::sync::Arc;
use wrapped::{Everywhere, Logical, Optimize, Physical, Rewrite, Wrapped};

/// `INTERSECT ALL` and `EXCEPT ALL`.
pub(super) const COUNTED_SETS: Everywhere =
    Everywhere { name: "counted_sets", tell: set_operations::count };

/// Subqueries among the conditions of joins, before any others.
pub(super) const OF_JOINS: Everywhere =
    Everywhere { name: "subqueries_of_joins", tell: of_joins::ask_apart };

/// Subqueries as values.
pub(super) const AS_VALUES: Everywhere =
    Everywhere { name: "subqueries_as_values", tell: as_values::count };

/// `NOT IN` among other conditions.
pub(super) const NOT_IN: Everywhere = Everywhere { name: "not_in", tell: not_in::spell_out };

/// Arguments that only the rows of a `FILTER` have.
pub(super) const OF_FILTERED: Everywhere =
    Everywhere { name: "arguments_of_filtered_rows", tell: of_filtered::guard };

/// Logical rules by their names, and what is done instead of each.
const LOGICAL: [(&str, Rewrite); 3] = [
    ("push_down_filter", constants::push_down),
    ("simplify_expressions", in_lists::simplify),
    ("single_distinct_aggregation_to_group_by", single_distinct::group_twice),
];

/// Physical rules by their names, and what is done instead of each.
const PHYSICAL: [(&str, Optimize); 4] = [
    ("EnsureRequirements", merged::order),
    ("FilterPushdown", twins::hand_filters_down),
    ("FilterPushdown(Post)", twins::hand_filters_down),
    ("LimitPushdown", in_sequence::hand_limits_down),
];

/// DataFusion's rules for logical plans.
pub(super) fn logical() -> Vec<Arc<Logical>> {
    let mended = |rule: Arc<Logical>| -> Arc<Logical> {
        match way(&LOGICAL, rule.name()) {
            Some(way) => Arc::new(Wrapped { rule, way }),
            None => rule,
        }
    };
    dependencies::mended(Optimizer::new().rules.into_iter().map(mended).collect())
}

/// DataFusion's rules for physical plans.
pub(super) fn physical() -> Vec<Arc<Physical>> {
    let mended = |rule: Arc<Physical>| -> Arc<Physical> {
        match way(&PHYSICAL, rule.name()) {
            Some(way) => Arc::new(Wrapped { rule, way }),
            None => rule,
        }
    };
    PhysicalOptimizer::new().rules.into_iter().map(mended).collect()
}

fn way<Way: Copy>(ways: &[(&str, Way)], name: &str) -> Option<Way> {
    ways.iter().find(|(rule, _)| *rule == name).map(|(_, way)| *way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mended_is_there() {
        let logical = Optimizer::new().rules;
        for (name, _) in LOGICAL {
            assert!(logical.iter().any(|rule| rule.name() == name), "{name}");
        }
        let physical = PhysicalOptimizer::new().rules;
        for (name, _) in PHYSICAL {
            assert!(physical.iter().any(|rule| rule.name() == name), "{name}");
        }
    }
}
