//! The one place that builds a DataFusion session.
//!
//! Architecture invariant (fenced by `clippy.toml`): a session is bound to a principal and a
//! release before anything is planned in it. Nothing in it can reach a file that is not the
//! warehouse's: no table factories, no file formats, no URL tables, and an object-store registry
//! that knows one store.

use super::EngineSettings;
use super::arithmetic::CheckIntegers;
use super::before_grouping::FilterBeforeGrouping;
use super::bounded::bounded;
use super::catalog::{CATALOG, Catalogs, WAREHOUSE};
use super::compact_text::CompactText;
use super::concatenation::BoundConcatenations;
use super::holding::Holding;
use super::mended::{self, Relations};
use super::partitions::OnePartition;
use super::planner::QueryPlanner;
use super::ready::Ready;
use super::scope::QueryScope;
use super::sides::ForgetSizes;
use super::star::{FuseStars, HotColumns, StarScan};
use super::unneeded::UnneededMembers;
use super::whole_numbers::WholeNumbers;
use super::yielding::Yielding;
use crate::query::{measure_function, modifier_functions, sum_function};
use chrono::{DateTime, Utc};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// A hash join's smaller side is collected once, not partitioned, up to this part of the memory
/// limit: its bounds and members then filter the other side's scan.
const COLLECTED_SHARE: usize = 8;
/// ... and within these bounds, in bytes.
const COLLECTED_BYTES: std::ops::RangeInclusive<usize> = 1 << 20..=128 << 20;
/// The same in rows, where bytes are not known.
const COLLECTED_ROWS: usize = 4_000_000;

/// A sort keeps this share of the memory of its partition for merging what it has spilled ...
const MERGE_SHARE: usize = 16;
/// ... and within these bounds, in bytes. DataFusion's fixed 10 MiB would fail sorts under small
/// limits instead of letting them spill.
const MERGE_BYTES: std::ops::RangeInclusive<usize> = 256 << 10..=10 << 20;

/// Bytes that a batch may make of literals.
const REPEATED_BYTES: usize = 64 << 20;

/// What all sessions of an engine start from: functions and settings, but no tables, no principal.
pub(crate) fn template(
    settings: &EngineSettings,
    runtime: Arc<RuntimeEnv>,
    hot: Arc<HotColumns>,
) -> SessionState {
    let mut aggregates = SessionStateDefaults::default_aggregate_functions();
    aggregates.extend([measure_function(), sum_function()]);
    let mut scalars = bounded(SessionStateDefaults::default_scalar_functions());
    scalars.extend(super::functions::all());
    scalars.extend(modifier_functions());
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(WholeNumbers)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    builder()
        .with_config(config(settings, hot))
        .with_runtime_env(runtime)
        .with_query_planner(Arc::new(QueryPlanner))
        .with_analyzer_rule(Arc::new(mended::COUNTED_SETS))
        .with_analyzer_rule(Arc::new(CheckIntegers))
        .with_analyzer_rule(Arc::new(mended::OF_JOINS))
        .with_analyzer_rule(Arc::new(mended::AS_VALUES))
        .with_analyzer_rule(Arc::new(mended::NOT_IN))
        .with_analyzer_rule(Arc::new(BoundConcatenations))
        .with_analyzer_rule(Arc::new(mended::OF_FILTERED))
        .with_optimizer_rule(Arc::new(UnneededMembers))
        .with_physical_optimizer_rule(Arc::new(FuseStars))
        .with_physical_optimizer_rule(Arc::new(CompactText))
        .with_physical_optimizer_rule(Arc::new(Yielding))
        .with_physical_optimizer_rule(Arc::new(Holding))
        .with_expr_planners(planners)
        .with_relation_planners(vec![Arc::new(Relations)])
        .with_scalar_functions(scalars)
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(aggregates)
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(SessionStateDefaults::default_table_functions())
        .build()
}

/// Functions and nothing else: for expressions over rows that belong to no release yet.
pub(super) fn for_rows() -> SessionState {
    let mut scalars = bounded(SessionStateDefaults::default_scalar_functions());
    scalars.extend(super::functions::all());
    builder()
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(scalars)
        .build()
}

#[allow(clippy::disallowed_methods, reason = "the one place: every session starts here")]
fn builder() -> SessionStateBuilder {
    SessionStateBuilder::new()
        .with_optimizer_rules(mended::logical())
        .with_physical_optimizer_rules(physical_rules())
}

/// DataFusion's rules for operators, and those of our own that have their place among them.
fn physical_rules() -> Vec<PhysicalRule> {
    let after = |rule: &PhysicalRule| -> Option<PhysicalRule> {
        match rule.name() {
            CHOOSES_SIDES => Some(Arc::new(ForgetSizes)),
            HANDS_FILTERS_DOWN => Some(Arc::new(FilterBeforeGrouping)),
            _ => None,
        }
    };
    let with_own = |rule: PhysicalRule| {
        let own = after(&rule);
        std::iter::once(rule).chain(own)
    };
    mended::physical().into_iter().flat_map(with_own).collect()
}

type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules of DataFusion's after which ours come.
const CHOOSES_SIDES: &str = "join_selection";
const HANDS_FILTERS_DOWN: &str = "FilterPushdown(Post)";

fn config(settings: &EngineSettings, hot: Arc<HotColumns>) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.threads.max(1))
        .with_batch_size(settings.batch_size.max(1))
        .with_default_catalog_and_schema(CATALOG, WAREHOUSE)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_extension(hot)
        .with_extension(Arc::new(StarScan(settings.star_scan)))
        .with_extension(Arc::new(OnePartition(settings.one_partition_rows)));
    let collected = (settings.memory_limit_bytes / COLLECTED_SHARE)
        .clamp(*COLLECTED_BYTES.start(), *COLLECTED_BYTES.end());
    let threads = settings.threads.max(1);
    config.options_mut().execution.sort_spill_reservation_bytes =
        (settings.memory_limit_bytes / threads / MERGE_SHARE)
            .clamp(*MERGE_BYTES.start(), *MERGE_BYTES.end());
    // It compares what is known of NULLs as well, which operators tell less exactly than plans do
    // (`x IS TRUE`), and types are settled long before.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    let optimizer = &mut config.options_mut().optimizer;
    optimizer.hash_join_single_partition_threshold = collected;
    optimizer.hash_join_single_partition_threshold_rows = COLLECTED_ROWS;
    config
}

/// A session for one plan: bound to a scope, its catalogs, where bare names are and whose days are
/// meant, and one moment for `now()`.
pub(crate) fn bound(
    template: &SessionState,
    scope: QueryScope,
    catalogs: &Arc<Catalogs>,
    (default_schema, time_zone): (&str, Option<Arc<str>>),
    now: DateTime<Utc>,
) -> SessionState {
    let mut state = template.clone();
    state.register_catalog_list(Arc::clone(catalogs) as _);
    let config = state.config_mut();
    config.set_extension(Arc::new(scope));
    default_schema.clone_into(&mut config.options_mut().catalog.default_schema);
    if let Some(zone) = time_zone {
        config.options_mut().execution.time_zone = Some(zone.to_string());
        in_zone(&mut state);
    }
    at(state, now)
}

/// Gives a session the functions that know the zone it is set to: `now()` and its like.
fn in_zone(state: &mut SessionState) {
    let options = Arc::clone(state.config_options());
    let functions = state.scalar_functions().values();
    let zoned: Vec<ScalarUDF> =
        functions.filter_map(|function| function.inner().with_updated_config(&options)).collect();
    for function in zoned {
        // A registry in memory refuses nothing.
        let _ = state.register_udf(Arc::new(function));
    }
}

/// The session of the same plan at another moment.
pub(crate) fn at(mut state: SessionState, now: DateTime<Utc>) -> SessionState {
    let options = Arc::clone(state.config_options());
    let props = state.execution_props_mut();
    props.query_execution_start_time = Some(now);
    props.config_options = Some(options);
    props.alias_generator = Arc::default();
    state
}

/// The session to run a question in: on one partition where that is enough. A batch repeats the
/// literals of a plan for each of its rows, so it has fewer where these are large.
pub(crate) fn for_run(state: &Arc<SessionState>, ready: &Ready) -> Arc<SessionState> {
    let config = state.config();
    let most = (REPEATED_BYTES / ready.literal_bytes.max(1)).max(1);
    let rows = config.batch_size().min(most);
    let partitions = if ready.is_small { 1 } else { config.target_partitions() };
    if rows == config.batch_size() && partitions == config.target_partitions() {
        return Arc::clone(state);
    }
    let config = config.clone().with_batch_size(rows).with_target_partitions(partitions);
    let mut state = state.as_ref().clone();
    *state.config_mut() = config;
    Arc::new(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_rules_have_their_place() {
        let names: Vec<String> =
            physical_rules().iter().map(|rule| rule.name().to_owned()).collect();
        for (theirs, ours) in
            [(CHOOSES_SIDES, "forget_sizes"), (HANDS_FILTERS_DOWN, "filter_before_grouping")]
        {
            let place = names.iter().position(|name| name == theirs);
            assert_eq!(place.map(|place| names[place + 1].as_str()), Some(ours), "{names:?}");
        }
    }
}
