//! Optimised plans, kept for questions that are asked again: planning takes as long as a small
//! question takes to answer.
//!
//! A plan holds for a release, a model and a policy. The latter two are an engine's for good, so
//! plans are kept with the catalog of a release, and go with it. Not kept is what says something
//! else each time it is planned: what asks for the time, and what reads anything but stored tables
//! of the session's own release.

use super::ready::Ready;
use super::sql::Headings;
use super::table::StoredTable;
use crate::policy::Principal;
use crate::query::CubeTable;
use chrono_tz::Tz;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many plans are kept ...
const PLANS: usize = 2_048;

/// ... which take so many bytes together.
const ALL_BYTES: usize = 64 << 20;

/// Texts longer than this are not: they are written by programs, and no two are the same.
const LONGEST_BYTES: usize = 16 << 10;

/// Plans that take more are not: few questions are so large, and they would fill the memory.
const HEAVIEST_BYTES: usize = 512 << 10;

/// All that an optimised plan depends on, within a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) form: Form,
    pub(crate) text: String,
    pub(crate) principal: Principal,
    pub(crate) default_schema: &'static str,
    pub(crate) aggregates: bool,
    pub(crate) time_zone: Option<Tz>,
    pub(crate) currency: Option<Arc<str>>,
    /// How many aggregates had been seen to be wrong.
    pub(crate) distrusted: u64,
}

/// What a question's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Sql,
    CubeQuery,
}

/// The plan of a question, before its parameters have values, and ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) parsed: LogicalPlan,
    /// What its columns are headed.
    pub(crate) headings: Headings,
    pub(crate) ready: Ready,
}

/// The plans of one release.
#[derive(Debug, Default)]
pub(crate) struct Plans(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each with when it was last used.
    plans: HashMap<Question, (u64, Plan)>,
    bytes: usize,
    uses: u64,
}

impl Kept {
    /// Drops the plan that was not used for longest.
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.plans.iter().min_by_key(|(_, (used, _))| *used);
        let Some(oldest) = oldest.map(|(question, _)| question.clone()) else { return false };
        self.forget(&oldest);
        true
    }

    fn forget(&mut self, question: &Question) {
        if let Some((_, plan)) = self.plans.remove(question) {
            self.bytes -= plan.ready.weight;
        }
    }
}

impl Plans {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan of a question, if it is here.
    pub(crate) fn get(&self, question: &Question) -> Option<Plan> {
        let mut kept = self.kept();
        kept.uses += 1;
        let now = kept.uses;
        let (used, plan) = kept.plans.get_mut(question)?;
        *used = now;
        Some(plan.clone())
    }

    /// Keeps the plan of a question, if it says the same whenever it is planned.
    pub(crate) fn put(&self, question: Question, plan: Plan) {
        let holds = question.text.len() <= LONGEST_BYTES
            && plan.ready.weight <= HEAVIEST_BYTES
            && !plan.ready.asks_the_time
            && reads_only_tables(&plan.parsed).unwrap_or(false);
        if !holds {
            return;
        }
        let mut kept = self.kept();
        kept.forget(&question);
        let bytes = plan.ready.weight;
        let is_full = |kept: &Kept| kept.plans.len() >= PLANS || kept.bytes + bytes > ALL_BYTES;
        while is_full(&kept) && kept.forget_oldest() {}
        let now = kept.uses;
        kept.bytes += bytes;
        kept.plans.insert(question, (now, plan));
    }
}

/// Whether all that is read are stored tables and cubes: what a table of Starhouse's own, or of the
/// information schema, holds is no part of the release, and refers to the catalog that would keep it.
pub(crate) fn reads_only_tables(plan: &LogicalPlan) -> Result<bool> {
    let mut only = true;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            only &= provider.is::<StoredTable>() || provider.is::<CubeTable>();
        }
        Ok(if only { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Routing;
    use arrow::datatypes::Schema;
    use datafusion::logical_expr::LogicalPlanBuilder;

    fn question(text: &str) -> Question {
        let (principal, text) = (Principal::local(), text.to_owned());
        let default_schema = "warehouse";
        let (aggregates, time_zone, currency) = (true, None, None);
        let form = Form::Sql;
        let distrusted = 0;
        Question {
            form,
            text,
            principal,
            default_schema,
            aggregates,
            time_zone,
            currency,
            distrusted,
        }
    }

    fn plan(asks_the_time: bool) -> Plan {
        heavy_plan(asks_the_time, 0)
    }

    fn heavy_plan(asks_the_time: bool, weight: usize) -> Plan {
        let parsed = LogicalPlanBuilder::empty(true).build().unwrap();
        let (plan, schema) = (parsed.clone(), Arc::new(Schema::empty()));
        let (routing, explain, unbound) = (Routing::default(), false, false);
        let (repeats, literal_bytes) = (!asks_the_time, 0);
        let ready = Ready {
            plan,
            schema,
            routing,
            reads: Vec::new(),
            explain,
            unbound,
            asks_the_time,
            repeats,
            inward: false,
            is_small: true,
            operators: Arc::default(),
            work: Arc::default(),
            literal_bytes,
            weight,
        };
        Plan { parsed, headings: Headings::default(), ready }
    }

    #[test]
    fn keeps_what_was_used_last() {
        let plans = Plans::default();
        plans.put(question("kept"), plan(false));
        for number in 0..2 * PLANS {
            assert!(plans.get(&question("kept")).is_some(), "{number}");
            plans.put(question(&number.to_string()), plan(false));
        }
        assert_eq!(plans.kept().plans.len(), PLANS);
        assert!(plans.get(&question("0")).is_none());
    }

    #[test]
    fn keeps_no_more_than_there_is_room_for() {
        let plans = Plans::default();
        for number in 0..ALL_BYTES / HEAVIEST_BYTES + 10 {
            for _ in 0..2 {
                plans.put(question(&number.to_string()), heavy_plan(false, HEAVIEST_BYTES));
            }
        }
        assert_eq!(plans.kept().bytes, ALL_BYTES);
        assert_eq!(plans.kept().plans.len(), ALL_BYTES / HEAVIEST_BYTES);
        plans.put(question("too heavy"), heavy_plan(false, HEAVIEST_BYTES + 1));
        assert!(plans.get(&question("too heavy")).is_none());
    }

    #[test]
    fn another_principal_or_session_is_another_question() {
        let plans = Plans::default();
        plans.put(question("q"), plan(false));
        assert!(plans.get(&question("q")).is_some());
        for other in [
            Question { principal: Principal::pipeline(), ..question("q") },
            Question { aggregates: false, ..question("q") },
            Question { default_schema: "staging", ..question("q") },
            Question { form: Form::CubeQuery, ..question("q") },
            Question { time_zone: Some(Tz::Asia__Tokyo), ..question("q") },
            Question { currency: Some("USD".into()), ..question("q") },
            Question { distrusted: 1, ..question("q") },
        ] {
            assert!(plans.get(&other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn what_asks_the_time_is_not_kept() {
        let plans = Plans::default();
        plans.put(question("now"), plan(true));
        plans.put(question(&"x".repeat(LONGEST_BYTES + 1)), plan(false));
        assert!(plans.kept().plans.is_empty());
    }
}
