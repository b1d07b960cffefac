//! Planning: a statement or cube query becomes a [`Query`] in the same steps.
//!
//! ```text
//! SQL -> parse -> releases of VERSION AS OF -> names -> logical plan -> only questions? -> policy
//!     -> cubes resolved (query::resolve_cubes) -> analysed and optimised -> Query
//! cube query -> policy -> plan (query::plan_cube_query) --^
//! ```

use super::about::About;
use super::catalog::{CUBES, Catalogs};
use super::errors::from_datafusion;
use super::explain::Explained;
use super::optimise::{self, Optimised};
use super::parsed::Parsed;
use super::plan_cache::{Form, Plan, Question, reads_only_tables};
use super::ready::Ready;
use super::scope::QueryScope;
use super::sql::{self, AsOf, Versions};
use super::{
    Query, Session, TEMPORARY, explain, extremes, guard, inward, names, origin, size, state, wire,
    zoned,
};
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use crate::model::{Aggregate, Cube};
use crate::policy::Access;
use crate::query::{
    Building, CubeQuery, Members, OtherRelease, PlanContext, Planned, Routing, aggregate_plan,
    best_members, drilled_table, laid_out, pivot_members, plan_cube_query, plan_drill_through,
    resolve_cubes, visible_members, without_sets,
};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::collect;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Plans SQL, unless it was planned before.
pub(crate) async fn sql(session: &Session, text: &str) -> Result<(Parsed, Ready)> {
    if let Some(planned) = known_sql(session, text) {
        return Ok(planned);
    }
    let parsed = parse(session, text).await?;
    let ready = ready(session, &parsed)?;
    if session.temporary().is_empty() {
        keep(session, session.question(Form::Sql, text), &parsed, &ready);
    }
    Ok((parsed, ready))
}

/// The plan of SQL that was asked before. Where a session has tables of its own, the same text means
/// something else.
pub(crate) fn known_sql(session: &Session, text: &str) -> Option<(Parsed, Ready)> {
    let shared = session.temporary().is_empty();
    shared.then(|| known(session, &session.question(Form::Sql, text))).flatten()
}

/// The plan of a question asked before, in a session of its own.
fn known(session: &Session, question: &Question) -> Option<(Parsed, Ready)> {
    let Plan { parsed, headings, ready } = session.catalog().plans().get(question)?;
    let catalogs = Arc::new(Catalogs::new(
        Arc::clone(session.catalog()),
        BTreeMap::new(),
        session.time_zone(),
    ));
    let state = {
        let (session, catalogs) = (session.clone(), Arc::clone(&catalogs));
        move || Arc::new(bound_state(&session, &catalogs))
    };
    Some((Parsed::lazily(state, catalogs, parsed).headed(headings), ready))
}

/// Keeps a plan for when it is asked again. What reads other releases is planned anew: which these
/// are may change.
fn keep(session: &Session, question: Question, parsed: &Parsed, ready: &Ready) {
    if parsed.catalogs.others().next().is_none() {
        let Parsed { plan: parsed, headings, .. } = parsed.clone();
        let plan = Plan { parsed, headings, ready: ready.clone() };
        session.catalog().plans().put(question, plan);
    }
}

/// Parses and authorises SQL.
pub(crate) async fn parse(session: &Session, text: &str) -> Result<Parsed> {
    let (mut statement, headings) = sql::parse_headed(text)?;
    guard::no_files(&statement)?;
    let versions = releases(session, Versions::find(&statement)?).await?;
    let catalogs = session.catalogs(versions.values().copied().collect()).await?;
    Versions::rename(&mut statement, versions, session.default_schema())?;
    sql::qualify(&mut statement, TEMPORARY, &|name| catalogs.temporary().any(|own| own == name));
    sql::tell_whose(&mut statement, session.whose());
    let named = names::check(&statement, &catalogs, session.default_schema())?;
    session.policy().authorize(session.principal(), &named)?;
    let cubes = named.iter().filter(|own| own.schema == CUBES);
    let cubes = cubes.filter_map(|own| session.model().cube(&own.table)).collect::<Vec<_>>();
    sql::tell_roles(&mut statement, &cubes);
    let state = bound_state(session, &catalogs);
    let plan = state.statement_to_plan(statement).await.map_err(from_datafusion)?;
    Ok(allowed(session, state, catalogs, plan)?.headed(headings))
}

/// A plan that is not too large, and asks for what its principal may read.
pub(super) fn allowed(
    session: &Session,
    state: SessionState,
    catalogs: Arc<Catalogs>,
    plan: LogicalPlan,
) -> Result<Parsed> {
    size::check(&plan)?;
    guard::only_questions(&plan)?;
    guard::authorise(session.policy(), &QueryScope::of(&state)?.principal, &plan)?;
    Ok(Parsed::new(Arc::new(state), catalogs, plan))
}

/// The releases that `VERSION AS OF` means.
async fn releases(session: &Session, asked: BTreeSet<AsOf>) -> Result<BTreeMap<AsOf, ReleaseId>> {
    let mut releases = BTreeMap::new();
    for as_of in asked {
        let id = match as_of {
            AsOf::Release(id) => id,
            AsOf::Time(moment) => session.warehouse().release_as_of(moment).await?.id,
        };
        releases.insert(as_of, id);
    }
    Ok(releases)
}

pub(super) fn bound_state(session: &Session, catalogs: &Arc<Catalogs>) -> SessionState {
    let scope = QueryScope {
        principal: session.principal().clone(),
        release: session.release().id,
        others: catalogs.others().collect(),
        aggregates: session.uses_aggregates(),
    };
    let (template, now) = (session.template(), session.now());
    let names = (session.default_schema(), session.time_zone());
    state::bound(template, scope, catalogs, names, now)
}

/// Resolves the cubes of a parsed question and optimises it.
pub(crate) fn ready(session: &Session, parsed: &Parsed) -> Result<Ready> {
    let explained = Explained::split(parsed.plan.clone());
    let explain = explained.is_explain();
    let context = context(session, parsed.state(), &parsed.catalogs)?;
    let Planned { plan, routing } = resolve_cubes(explained.question.clone(), &context)?;
    guard::resolved(&plan)?;
    let plan = extremes::known(plan).map_err(from_datafusion)?;
    let mut ready = optimised(parsed.state(), explained.wrap(plan), routing, explain)?;
    ready.schema = parsed.headings.on(&ready.schema);
    Ok(ready)
}

fn context<'a>(
    session: &'a Session,
    state: &SessionState,
    catalogs: &'a Catalogs,
) -> Result<PlanContext<'a>> {
    let use_aggregates = QueryScope::of(state)?.aggregates;
    let (model, lattice, currency) = (session.model(), session.lattice(), session.currency());
    Ok(PlanContext { model, tables: catalogs, lattice, use_aggregates, currency })
}

fn optimised(
    state: &SessionState,
    plan: LogicalPlan,
    routing: Routing,
    explain: bool,
) -> Result<Ready> {
    let reads = if explain { explain::reads(&plan)? } else { Vec::new() };
    let unbound = !plan.get_parameter_names().map_err(from_datafusion)?.is_empty();
    // Told before the present moment takes the place of `now()`.
    let asks_the_time = calls(&plan, |volatility| volatility == Volatility::Stable)?;
    let changes = calls(&plan, |volatility| volatility != Volatility::Immutable)?;
    let of_tables = reads_only_tables(&plan).map_err(from_datafusion)?;
    let repeats = of_tables && !(changes || explain || unbound);
    let inward = inward::is_asked(&plan)?;
    let Optimised { plan, is_small } = match unbound {
        true => Optimised { plan, is_small: false },
        false => optimise::question(plan, state)?,
    };
    let mut schema = wire::schema(plan.schema().as_arrow());
    if let Some(zone) = &state.config_options().execution.time_zone {
        schema = zoned::schema(&schema, &Arc::from(zone.as_str()));
    }
    Ok(Ready {
        literal_bytes: size::literal_bytes(&plan)?,
        weight: size::weight(&plan)?,
        plan,
        schema,
        routing,
        reads,
        explain,
        unbound,
        asks_the_time,
        repeats,
        inward,
        is_small,
        operators: Arc::default(),
        work: Arc::default(),
    })
}

/// A parsed question with values for its parameters.
pub(crate) fn bind(parsed: &Parsed, values: Vec<ScalarValue>) -> Result<Parsed> {
    let names = parsed.plan.get_parameter_names().map_err(from_datafusion)?;
    if names.len() != values.len() {
        let (wanted, given) = (names.len(), values.len());
        return Err(Error::user(format!("the query has {wanted} parameters, not {given}")));
    }
    let plan = parsed.plan.clone();
    let plan = plan.with_param_values(ParamValues::from(values)).map_err(from_datafusion)?;
    let mut bound = parsed.clone();
    bound.plan = plan;
    Ok(bound)
}

/// Plans a cube query.
pub(crate) async fn cube_query(
    session: &Session,
    query: &CubeQuery,
    text: &str,
) -> Result<(Parsed, Ready)> {
    let question = session.question(Form::CubeQuery, text);
    if let Some(planned) = known(session, &question) {
        return Ok(planned);
    }
    let wanted = Access { schema: CUBES.to_owned(), table: query.cube.clone() };
    session.policy().authorize(session.principal(), &[wanted])?;
    let query = &laid_out(query, session.model())?;
    let query = &without_sets(query, session.model())?;
    let session = &session.in_currency(query.currency.as_deref().or(session.currency()));
    let compared = other_release(session, query).await?;
    let catalogs = session.catalogs(compared.into_iter().collect()).await?;
    let state = Arc::new(bound_state(session, &catalogs));
    let Planned { plan, routing } = match drilled_table(query, session.model())? {
        Some(table) => {
            let parts = origin::parts(session, &table).await?;
            plan_drill_through(query, &parts, &context(session, &state, &catalogs)?)?
        }
        None => {
            let compared = compared.map(sql::catalog_of);
            let Known { members, aggregates } =
                members(session, &state, query, (&catalogs, compared)).await?;
            let mut planned =
                plan_cube_query(query, &members, &context(session, &state, &catalogs)?)?;
            planned.routing.uses(&aggregates);
            planned
        }
    };
    guard::resolved(&plan)?;
    let plan = extremes::known(plan).map_err(from_datafusion)?;
    let mut ready = optimised(&state, plan.clone(), routing, false)?;
    let about = About::new(session.release().id, compared, &ready.routing);
    ready.schema = about.said(&ready.schema)?;
    let parsed = Parsed::new(state, catalogs, plan);
    keep(session, question, &parsed, &ready);
    Ok((parsed, ready))
}

/// The release that a cube query compares with.
async fn other_release(session: &Session, query: &CubeQuery) -> Result<Option<ReleaseId>> {
    let asked = match &query.compare_release {
        None => return Ok(None),
        Some(OtherRelease::Number(number)) => AsOf::Release(ReleaseId(*number)),
        Some(OtherRelease::AsOf(text)) => AsOf::Time(sql::parse_moment(text).ok_or_else(|| {
            Error::user(format!(
                "`compare_release` is `{text}`, which is neither a release nor a moment"
            ))
            .hint("write its number, or a moment as '2025-03-31 18:00:00' (UTC) or '2025-03-31'")
        })?),
    };
    Ok(releases(session, BTreeSet::from([asked])).await?.into_values().next())
}

/// Members that are known before a query is planned, and the aggregates that said which they are.
#[derive(Default)]
struct Known {
    members: Members,
    aggregates: Vec<String>,
}

/// The members that must be known first, each a question of its own: across the top of a pivot, the
/// best, whom others stand beside, and those shown, of which visual totals are.
async fn members(
    session: &Session,
    state: &SessionState,
    query: &CubeQuery,
    (catalogs, compared): (&Catalogs, Option<String>),
) -> Result<Known> {
    let context = || context(session, state, catalogs);
    let mut known = Known::default();
    let across = pivot_members(query, compared.as_deref(), &context()?)?;
    known.members.across = known.found(state, across).await?;
    let best = best_members(query, &context()?)?;
    known.members.best = known.found(state, best).await?;
    let visible = visible_members(query, &known.members.across, &context()?)?;
    known.members.visible = known.found(state, visible).await?;
    known.members.compared = compared;
    Ok(known)
}

impl Known {
    /// The rows of a question's answer.
    async fn found(
        &mut self,
        state: &SessionState,
        question: Option<Planned>,
    ) -> Result<Vec<Vec<ScalarValue>>> {
        let Some(Planned { plan, routing }) = question else { return Ok(Vec::new()) };
        self.aggregates.extend(routing.aggregates);
        guard::resolved(&plan)?;
        let physical = state.create_physical_plan(&plan).await.map_err(from_datafusion)?;
        let batches = collect(physical, state.task_ctx()).await.map_err(from_datafusion)?;
        let rows =
            batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
        let members = rows.map(|(batch, row)| {
            let columns = batch.columns().iter();
            columns.map(|column| ScalarValue::try_from_array(column, row)).collect()
        });
        members.collect::<datafusion::error::Result<_>>().map_err(from_datafusion)
    }
}

/// Plans what fills an aggregate's table. Other aggregates have no part in it.
pub(crate) async fn aggregate(
    session: &Session,
    cube: &Cube,
    aggregate: &Aggregate,
    building: &Building<'_>,
) -> Result<(Parsed, Ready)> {
    let catalogs = session.catalogs(BTreeSet::new()).await?;
    let state = Arc::new(bound_state(session, &catalogs));
    let context = PlanContext { use_aggregates: false, ..context(session, &state, &catalogs)? };
    let plan = aggregate_plan(cube, aggregate, building, &context)?;
    guard::authorise(session.policy(), session.principal(), &plan)?;
    guard::resolved(&plan)?;
    let ready = optimised(&state, plan.clone(), Routing::default(), false)?;
    Ok((Parsed::new(state, catalogs, plan), ready))
}

/// A parsed question at the present moment.
fn renewed(session: &Session, parsed: &Parsed) -> Parsed {
    parsed.in_state(state::at(parsed.state().as_ref().clone(), session.now()))
}

/// Whether the plan calls a function that is `volatile` in that sense.
fn calls(plan: &LogicalPlan, volatile: impl Fn(Volatility) -> bool) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::ScalarFunction(call) = part {
                    found |= volatile(call.func.signature().volatility);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(found)
}

impl Query {
    /// The same question over the same session, planned again with other parameters.
    pub(crate) fn rebound(&self, values: Vec<ScalarValue>) -> Result<Self> {
        let parsed = bind(&renewed(self.session(), self.parsed()), values)?;
        self.ready_with(parsed)
    }

    /// The same question in other words, of which it is known how much work it is.
    fn ready_with(&self, parsed: Parsed) -> Result<Self> {
        let work = Arc::clone(&self.ready().work);
        let ready = Ready { work, ..ready(self.session(), &parsed)? };
        Ok(self.with(parsed, ready))
    }

    /// The same question, which no aggregate answers; of SQL and Substrait plans only.
    pub(super) fn without_aggregates(&self) -> Result<Self> {
        let session = self.session().with_aggregates(false);
        let parsed = self.parsed().in_state(bound_state(&session, &self.parsed().catalogs));
        let ready = ready(&session, &parsed)?;
        Ok(self.with(parsed, ready))
    }

    /// The same question as asked now: planned again if it asks what time it is.
    ///
    /// # Errors
    /// As for planning it first.
    pub fn asked_again(&self) -> Result<Self> {
        if !self.ready().asks_the_time {
            return Ok(self.clone());
        }
        self.ready_with(renewed(self.session(), self.parsed()))
    }
}
