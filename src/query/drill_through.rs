//! Drill through: the fact rows behind a measure, with where they come from.
//!
//! The rows are those of the measure's fact for which the question's conditions and the measure's own
//! filter hold, each once, in the order of the fact's key, a page at a time.

use super::ask::{Ask, ROWS, of_rows};
use super::atom::{fact_column, fact_schema};
use super::calculated::StandsFor;
use super::padded::Padding;
use super::plan::find_cube;
use super::star::Star;
use super::{
    CubeQuery, PlanContext, Planned, Routing, StarTables, defect, followed, measure, names,
    scalar_sql, slice,
};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Cube, CubeColumn, Fact, Followed, Measure, MeasureKind, Model};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, TableSource, ident, lit,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a page where the question does not say, and at most.
const PAGE: usize = 100;
const MOST: usize = 10_000;

/// Files of a fact that one run has written.
pub struct FactPart {
    /// Those files as a table.
    pub source: Arc<dyn TableSource>,
    /// The release that had them first, of those retained.
    pub release: u64,
    /// The run that made it.
    pub run: String,
    /// What their rows can have been read from; `None` where that is not known.
    pub read: Option<String>,
}

/// The table of the fact whose rows a question asks for; `None` where it asks for values.
///
/// # Errors
/// User errors for unknown names, and for measures that are not of one fact's rows.
pub fn drilled_table(query: &CubeQuery, model: &Model) -> Result<Option<String>> {
    let Some(name) = &query.drill_through else { return Ok(None) };
    let cube = find_cube(model, &query.cube)?;
    Ok(Some(fact_of(measure::find(cube, name)?, cube, model)?.table()))
}

/// Plans the rows behind a measure. `parts` are all files of its fact.
///
/// # Errors
/// As [`plan_cube_query`](super::plan_cube_query); limit where a page would be too long.
pub fn plan_drill_through(
    query: &CubeQuery,
    parts: &[FactPart],
    context: &PlanContext<'_>,
) -> Result<Planned> {
    check(query)?;
    let cube = find_cube(context.model, &query.cube)?;
    let name = query.drill_through.as_deref().unwrap_or_default();
    let drilled = Drilled::new(query, measure::find(cube, name)?, cube, context.model)?;
    let mut all: Option<LogicalPlanBuilder> = None;
    for part in parts {
        let rows = drilled.rows(part, context)?;
        all = Some(match all {
            Some(all) => all.union(rows).map_err(defect)?,
            None => LogicalPlanBuilder::from(rows),
        });
    }
    let all = all.ok_or_else(|| {
        Error::not_found(format!("fact {} has no rows in this release", drilled.fact.name))
    })?;
    let by: Vec<SortExpr> = drilled.key_names().map(|key| ident(key).sort(true, false)).collect();
    let plan = all
        .sort(by)
        .and_then(|rows| rows.limit(query.offset, Some(query.limit.unwrap_or(PAGE))))
        .and_then(|rows| rows.project(drilled.shown.iter().map(|(_, name)| ident(name))))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    let fact = &drilled.fact.name;
    let sentences = vec![format!("fact {fact}: its rows, written by {} runs", parts.len())];
    let routing = Routing { sentences, ..Routing::default() };
    Ok(Planned { plan, routing })
}

/// Refuses what rows of a fact cannot have.
fn check(query: &CubeQuery) -> Result<()> {
    let asked = [
        ("measures", !query.measures.is_empty()),
        ("columns", !query.columns.is_empty()),
        ("axes", !query.axes.is_empty()),
        ("totals", query.totals != super::Totals::None),
        ("order", !query.order.is_empty()),
        ("calculated_members", query.has_calculated()),
        ("top", query.top.is_some()),
        ("having", !query.having.is_empty()),
        ("non_empty", query.non_empty),
        ("dense", query.dense.is_some()),
        ("compare", !query.compare.is_empty()),
        ("compare_release", query.compare_release.is_some()),
        ("visual", query.visual),
        ("currency", query.currency.is_some()),
        ("formatted", query.formatted),
        ("language", query.language.is_some()),
        ("properties", !query.properties.is_empty()),
        ("identify", query.identify),
    ];
    if let Some((what, _)) = asked.iter().find(|(_, asked)| *asked) {
        return Err(Error::user(format!(
            "`drill_through` shows rows of a fact, and `{what}` means \
                                        nothing to them"
        ))
        .hint("it goes with rows, slice, dice, limit and offset"));
    }
    match query.limit.is_some_and(|limit| limit > MOST) {
        true => Err(Error::new(ErrorKind::Limit, format!("a page has {MOST} rows at most"))
            .hint("ask page by page, with `offset`; whole tables are in `warehouse`")),
        false => Ok(()),
    }
}

/// The one fact whose rows a measure aggregates.
fn fact_of<'m>(measure: &Measure, cube: &Cube, model: &'m Model) -> Result<&'m Fact> {
    match measure.kind.fact() {
        Some(fact) => model
            .fact(fact)
            .ok_or_else(|| Error::internal("a measure reads an unknown fact").with("fact", fact)),
        None => {
            let uses = measure.kind.uses().join(", ");
            let message =
                format!("`{}` has no rows of its own, it is computed from {uses}", measure.name);
            let mut bases = Vec::new();
            bases_of(measure, cube, &mut bases);
            Err(Error::user(message).hint(format!("drill through one of {}", bases.join(", "))))
        }
    }
}

/// The measures with rows of their own that a measure is made of in the end, each once.
fn bases_of<'c>(measure: &'c Measure, cube: &'c Cube, bases: &mut Vec<&'c str>) {
    if measure.kind.fact().is_some() {
        if !bases.contains(&measure.name.as_str()) {
            bases.push(&measure.name);
        }
        return;
    }
    for used in measure.kind.uses().into_iter().filter_map(|name| cube.measure(name)) {
        bases_of(used, cube, bases);
    }
}

/// A question for rows, its names resolved.
struct Drilled<'a> {
    fact: &'a Fact,
    ask: Ask<'a>,
    /// Columns shown, and their names.
    shown: Vec<(Shown<'a>, String)>,
    filter: Option<String>,
    /// By what the rows must be followed.
    followed: Option<&'a Followed>,
}

enum Shown<'a> {
    OfCube(&'a CubeColumn),
    OfFact(&'a str),
    Run,
    Release,
    Read,
}

impl<'a> Drilled<'a> {
    fn new(
        query: &CubeQuery,
        measure: &'a Measure,
        cube: &'a Cube,
        model: &'a Model,
    ) -> Result<Self> {
        let fact = fact_of(measure, cube, model)?;
        let mut asked: Vec<&CubeColumn> = Vec::new();
        for name in &query.rows {
            asked.extend(names::resolve(cube, model, name)?);
        }
        if let Some(linked) = asked.iter().find(|own| cube.link(&own.role).is_some()) {
            let message = format!("a row may have several members of `{}`", linked.role);
            return Err(Error::user(message).hint("hold it to one of them with `slice`"));
        }
        asked.extend(identities(cube, fact, model));
        let mut shown: Vec<(Shown<'a>, String)> = Vec::new();
        let is_new = |shown: &[(Shown<'a>, String)], name: &str| {
            !shown.iter().any(|(_, known)| known == name)
        };
        for own in asked {
            if is_new(&shown, &own.name) {
                shown.push((Shown::OfCube(own), own.name.clone()));
            }
        }
        for own in &fact.columns {
            let name = match is_new(&shown, &own.name) {
                true => own.name.clone(),
                false => format!("{}_{}", fact.name, own.name),
            };
            shown.push((Shown::OfFact(&own.name), name));
        }
        let origin = [
            (Shown::Run, "written_by_run"),
            (Shown::Release, "since_release"),
            (Shown::Read, "read_from"),
        ];
        shown.extend(origin.map(|(what, name)| (what, name.to_owned())));
        let ask = Ask {
            cube,
            catalog: None,
            groups: Vec::new(),
            grouping_sets: None,
            predicates: slice::predicates(query, cube, model)?,
            measures: Vec::new(),
            links: Vec::new(),
            stands_for: StandsFor::new(),
            padding: Padding::default(),
        };
        let followed = match &measure.kind {
            MeasureKind::Conversion { followed, .. } => Some(followed),
            _ => None,
        };
        let filter = match followed {
            Some(_) => Some(followed::condition(measure.kind.filter())),
            None => measure.kind.filter().cloned(),
        };
        Ok(Self { fact, ask, shown, filter, followed })
    }

    /// The fact's rows that count in the measure, joined to roles.
    fn counted(
        &self,
        star: &Star<'_>,
        roles: &mut BTreeSet<String>,
        context: &PlanContext<'_>,
    ) -> Result<LogicalPlanBuilder> {
        let mut schema = fact_schema(self.fact)?;
        roles.extend(
            self.followed.iter().flat_map(|by| followed::roles(by, self.fact, context.model)),
        );
        let mut rows = star.relation(roles, &BTreeSet::new())?;
        if let Some(followed) = self.followed {
            // What follows may have been written by any run.
            let events = Star::new(context, self.ask.cube, self.fact).followed_events(followed)?;
            rows = star.joined_to(rows, followed, events)?;
            schema = schema.join(&followed::schema()?).map_err(defect)?;
        }
        match &self.filter {
            Some(filter) => rows.filter(scalar_sql::parse(filter, &schema)?).map_err(defect),
            None => Ok(rows),
        }
    }

    /// The fact's key, under names of its own.
    fn key_names(&self) -> impl Iterator<Item = String> {
        (0..self.fact.key.len()).map(|place| format!("__key{place}"))
    }

    /// The rows in files of one run.
    fn rows(&self, part: &FactPart, context: &PlanContext<'_>) -> Result<LogicalPlan> {
        let tables = InFiles { others: context.tables, table: self.fact.table(), part };
        let (model, lattice) = (context.model, context.lattice);
        let currency = context.currency;
        let planning =
            PlanContext { model, tables: &tables, lattice, use_aggregates: false, currency };
        let (links, conditions) = self.ask.apart()?;
        let (cube, fact) = (self.ask.cube, self.fact);
        let star = Star { links: &links, ..Star::new(&planning, cube, fact) };
        let of_cube = self.shown.iter().filter_map(|(shown, _)| match shown {
            Shown::OfCube(own) => Some(*own),
            _ => None,
        });
        let mut needed: Vec<&CubeColumn> = of_cube.collect();
        for own in self.ask.columns_of(conditions.iter())? {
            if !needed.contains(&own) {
                needed.push(own);
            }
        }
        if let Some(alien) = needed.iter().find(|own| !star.relates(own)) {
            return Err(star.unknown_to_fact(alien));
        }
        let mut roles = star.roles(&needed, &[])?;
        roles.extend(links.iter().map(|linked| linked.role.clone()));
        let mut columns: Vec<Expr> =
            needed.iter().map(|own| star.column(own).alias(&own.name)).collect();
        let value = |shown: &Shown<'_>| match shown {
            Shown::OfCube(_) => None,
            Shown::OfFact(name) => Some(fact_column(name)),
            Shown::Run => Some(lit(part.run.clone())),
            Shown::Release => Some(lit(ScalarValue::Int64(i64::try_from(part.release).ok()))),
            Shown::Read => Some(lit(ScalarValue::Utf8(part.read.clone()))),
        };
        columns
            .extend(self.shown.iter().filter_map(|(shown, name)| Some(value(shown)?.alias(name))));
        let key = self.key_names().zip(&fact.key);
        columns.extend(key.map(|(name, key)| fact_column(key).alias(name)));
        let mut rows = self.counted(&star, &mut roles, context)?;
        rows = rows.project(columns).and_then(|rows| rows.alias(ROWS)).map_err(defect)?;
        for condition in conditions {
            rows = rows.filter(of_rows(condition)?).map_err(|error| {
                Error::user("the question's filter does not fit the cube").caused_by(error)
            })?;
        }
        let all = self.shown.iter().map(|(_, name)| name.clone()).chain(self.key_names());
        let all = all.map(|name| Expr::Column(Column::new(Some(ROWS), &name)).alias(name));
        rows.project(all.collect::<Vec<_>>()).and_then(LogicalPlanBuilder::build).map_err(defect)
    }
}

/// What tells a row of a fact apart for people: natural keys of its members, degenerate dimensions.
fn identities<'a>(cube: &'a Cube, fact: &Fact, model: &Model) -> Vec<&'a CubeColumn> {
    let mut found = Vec::new();
    for role in fact.roles.iter().filter(|role| cube.link(&role.role).is_none()) {
        let Some(dimension) = model.dimension(&role.dimension) else { continue };
        let keys = dimension.natural_key.iter().map(|key| &key.name);
        let level = role.coarse.iter().map(|coarse| &coarse.level);
        let told = level.chain(keys.filter(|key| role.knows(key)));
        found.extend(told.filter_map(|name| cube.role_column(&role.role, name)));
    }
    let degenerate = fact.degenerate.iter();
    found.extend(degenerate.filter_map(|own| cube.role_column(&own.name, &own.name)));
    found
}

/// A release's tables with only some files of one of them.
struct InFiles<'a> {
    others: &'a dyn StarTables,
    table: String,
    part: &'a FactPart,
}

impl StarTables for InFiles<'_> {
    fn table(&self, catalog: Option<&str>, name: &str) -> Option<Arc<dyn TableSource>> {
        match name == self.table {
            true => Some(Arc::clone(&self.part.source)),
            false => self.others.table(catalog, name),
        }
    }

    fn built_by(&self, _catalog: Option<&str>, _name: &str) -> Option<&str> {
        None
    }
}
