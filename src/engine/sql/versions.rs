//! `t VERSION AS OF n`, `t TIMESTAMP AS OF '...'` and `t FOR SYSTEM_TIME AS OF '...'`: a version
//! is always a release of the whole warehouse. The table is renamed to the catalog of that release
//! (`release_2.warehouse.t`) and keeps its own name as its alias.

use super::{inner, inner_mut};
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, TableVersion, Value,
    Visit, VisitMut, Visitor, VisitorMut,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Which release a table was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AsOf {
    /// By number.
    Release(ReleaseId),
    /// The last one published at that moment.
    Time(DateTime<Utc>),
}

/// What the parser says, and where a version stands if one stands elsewhere.
pub(super) fn placed(error: Error) -> Error {
    let text = error.to_string().to_uppercase();
    let is_version = ["FOUND: VERSION", "FOUND: TIMESTAMP", "FOUND: FOR"];
    match is_version.iter().any(|found| text.contains(found)) {
        true => {
            error.hint("a version stands right after its table: FROM t VERSION AS OF 3 WHERE ...")
        }
        false => error,
    }
}

/// The catalog that holds another release than the session's own.
pub(crate) fn catalog_of(release: ReleaseId) -> String {
    format!("release_{release}")
}

/// The versions asked for in a statement.
pub(crate) struct Versions;

impl Versions {
    /// All of them, each once.
    pub(crate) fn find(statement: &Statement) -> Result<BTreeSet<AsOf>> {
        let mut find = Find::default();
        match inner(statement).map(|statement| statement.visit(&mut find)) {
            Some(ControlFlow::Break(error)) => Err(*error),
            _ => match find.versioned.iter().find(|name| find.ctes.contains(*name)) {
                Some(name) => Err(Error::user(format!(
                    "`{name}` is defined by WITH in this statement and has no versions"
                ))),
                None => Ok(find.versions),
            },
        }
    }

    /// Renames the tables asked for at a version to their releases' catalogs.
    pub(crate) fn rename(
        statement: &mut Statement,
        releases: BTreeMap<AsOf, ReleaseId>,
        default_schema: &str,
    ) -> Result<()> {
        let default_schema = default_schema.to_owned();
        let mut rename = Rename { releases, default_schema };
        match inner_mut(statement).map(|statement| statement.visit(&mut rename)) {
            Some(ControlFlow::Break(error)) => Err(*error),
            _ => Ok(()),
        }
    }
}

#[derive(Default)]
struct Find {
    versions: BTreeSet<AsOf>,
    versioned: BTreeSet<String>,
    ctes: BTreeSet<String>,
}

impl Visitor for Find {
    type Break = Box<Error>;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Table { name, version: Some(version), args, .. } = factor {
            if args.is_some() {
                let message = format!("`{name}` is a function and has no versions");
                return ControlFlow::Break(Box::new(Error::user(message)));
            }
            match as_of(version) {
                Ok(as_of) => self.versions.insert(as_of),
                Err(error) => return ControlFlow::Break(Box::new(error)),
            };
            self.versioned.insert(name.to_string().to_lowercase());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(tables.map(|cte| cte.alias.name.to_string().to_lowercase()));
        ControlFlow::Continue(())
    }
}

struct Rename {
    releases: BTreeMap<AsOf, ReleaseId>,
    default_schema: String,
}

impl VisitorMut for Rename {
    type Break = Box<Error>;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        let TableFactor::Table { name, alias, version, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(asked) = version.take() else {
            return ControlFlow::Continue(());
        };
        match self.renamed(name, &asked) {
            Ok((renamed, own_name)) => {
                *name = renamed;
                alias.get_or_insert_with(|| table_alias(own_name));
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Rename {
    /// The name in the release's catalog, and the table's own name.
    fn renamed(&self, name: &ObjectName, asked: &TableVersion) -> Result<(ObjectName, Ident)> {
        let parts: Vec<Ident> =
            name.0.iter().filter_map(ObjectNamePart::as_ident).cloned().collect();
        let (schema, table) = match parts.as_slice() {
            [table] => (Ident::new(&self.default_schema), table.clone()),
            [schema, table] | [_, schema, table] => (schema.clone(), table.clone()),
            _ => return Err(Error::user(format!("`{name}` is not the name of a table"))),
        };
        if !["warehouse", "cubes", "sandbox"].contains(&schema.value.to_lowercase().as_str()) {
            return Err(Error::user(format!("`{name}` has no versions"))
                .hint("tables of the schemas warehouse, cubes and sandbox have"));
        }
        let release = self.releases.get(&as_of(asked)?).ok_or_else(|| {
            Error::internal(format!("the release of `{name} {asked}` was not looked up"))
        })?;
        let catalog = Ident::new(catalog_of(*release));
        Ok((ObjectName::from(vec![catalog, schema, table.clone()]), table))
    }
}

fn table_alias(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

fn as_of(version: &TableVersion) -> Result<AsOf> {
    match version {
        TableVersion::VersionAsOf(expr) => release_number(expr).map(AsOf::Release),
        TableVersion::TimestampAsOf(expr) | TableVersion::ForSystemTimeAsOf(expr) => {
            moment(expr).map(AsOf::Time)
        }
        TableVersion::Changes { .. } | TableVersion::Function(_) => {
            Err(Error::unsupported(format!("{version} is not supported")))
        }
    }
}

fn release_number(expr: &Expr) -> Result<ReleaseId> {
    let text = expr.to_string();
    let number = text.parse().map_err(|_| {
        Error::user(format!("VERSION AS OF {text} is not a release"))
            .hint("write the number of a release; system.releases lists them")
    })?;
    Ok(ReleaseId(number))
}

fn moment(expr: &Expr) -> Result<DateTime<Utc>> {
    let text = match expr {
        Expr::Value(value) => string_literal(&value.value),
        Expr::TypedString(typed) => string_literal(&typed.value.value),
        Expr::Cast { expr, .. } => return moment(expr),
        _ => None,
    };
    text.and_then(parse_moment).ok_or_else(|| {
        Error::user(format!("TIMESTAMP AS OF {expr} is not a moment"))
            .hint("write it as '2025-03-31 18:00:00' (UTC), '2025-03-31' or with an offset")
    })
}

fn string_literal(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

/// A moment as people write it: with an offset, or in UTC, or a day.
pub(crate) fn parse_moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, format) {
            return Some(moment.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    day.and_hms_opt(0, 0, 0).map(|midnight| midnight.and_utc())
}
