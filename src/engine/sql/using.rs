//! The key of a join's `USING`, which is one column of both sides: the right side's in a RIGHT JOIN, and
//! that of either in a FULL JOIN. DataFusion takes the left side's, which is NULL where only the right
//! side has a row, and refuses a key in WHERE. So what stands for the key is written in its place.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, JoinConstraint, JoinOperator, ObjectName, OrderByKind, Query,
    ReplaceSelectElement, ReplaceSelectItem, Select, SelectItem, SetExpr, Statement, TableFactor,
    TableWithJoins, VisitMut, VisitorMut,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Writes in the place of each such key what it stands for.
///
/// # Errors
/// User where the key of a RIGHT or FULL JOIN may be that of several tables.
pub(super) fn resolve(statement: &mut Statement) -> Result<()> {
    match statement.visit(&mut Resolve) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Resolve;

impl VisitorMut for Resolve {
    type Break = Box<Error>;

    /// Its order, which lies outside the SELECT.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        let (SetExpr::Select(select), Some(order)) = (query.body.as_ref(), &mut query.order_by)
        else {
            return ControlFlow::Continue(());
        };
        let mut keys = keys(&select.from)?;
        // What the SELECT calls so comes first.
        keys.retain(|key, _| !select.projection.iter().any(|item| is_called(item, key)));
        if let OrderByKind::Expressions(_) = order.kind {
            in_place(order, &keys);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Box<Error>> {
        let keys = keys(&select.from)?;
        if keys.is_empty() {
            return ControlFlow::Continue(());
        }
        let has_star = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
        for from in &mut select.from {
            if by_what_keys_stand_for(from)? && has_star {
                let error =
                    Error::user("`*` after several joins USING the same key is not planned")
                        .hint("name the columns");
                return ControlFlow::Break(Box::new(error));
            }
        }
        for item in &mut select.projection {
            match item {
                SelectItem::UnnamedExpr(Expr::Identifier(own)) => {
                    if let Some(key) = keys.get(&folded(own)) {
                        *item = SelectItem::ExprWithAlias {
                            expr: key.expr.clone(),
                            alias: own.clone(),
                        };
                    }
                }
                SelectItem::Wildcard(options) => {
                    let replaced = options.opt_replace.take();
                    let replaced = replaced.into_iter().flat_map(|replaced| replaced.items);
                    let merged = keys.values().filter(|key| !key.is_left).map(|key| {
                        let (expr, column_name) = (key.expr.clone(), key.name.clone());
                        Box::new(ReplaceSelectElement { expr, column_name, as_keyword: true })
                    });
                    let items: Vec<_> = replaced.chain(merged).collect();
                    options.opt_replace =
                        (!items.is_empty()).then_some(ReplaceSelectItem { items });
                }
                other => in_place(other, &keys),
            }
        }
        in_place(&mut select.selection, &keys);
        in_place(&mut select.group_by, &keys);
        in_place(&mut select.having, &keys);
        in_place(&mut select.qualify, &keys);
        in_place(&mut select.distinct, &keys);
        in_place(&mut select.named_window, &keys);
        ControlFlow::Continue(())
    }
}

/// What a key stands for.
struct Key {
    name: Ident,
    expr: Expr,
    /// Whether it is the left side's column.
    is_left: bool,
}

type Keys = BTreeMap<String, Key>;

/// The keys of a SELECT's joins, as far as it is known whose column each is.
fn keys(all: &[TableWithJoins]) -> ControlFlow<Box<Error>, Keys> {
    let mut keys = Keys::new();
    for from in all {
        for joined in 0..from.joins.len() {
            if let Err(error) = add(from, joined, &mut keys) {
                return ControlFlow::Break(Box::new(error));
            }
        }
    }
    ControlFlow::Continue(keys)
}

/// Joins by what keys stand for, where that is not the left side's column. Whether there was one.
fn by_what_keys_stand_for(from: &mut TableWithJoins) -> ControlFlow<Box<Error>, bool> {
    let mut keys = Keys::new();
    let mut conditions = Vec::new();
    for (joined, join) in from.joins.iter().enumerate() {
        let columns = side_and_columns(&join.join_operator).map_or(&[][..], |(_, columns)| columns);
        let names = columns.iter().filter_map(name);
        let is_merged = |name: &Ident| keys.get(&folded(name)).is_some_and(|key| !key.is_left);
        if names.clone().any(is_merged) {
            let pairs = names.filter_map(|name| {
                let left = keys.get(&folded(name)).map(|key| key.expr.clone());
                Some((left?, of(&join.relation, name)?))
            });
            let pairs: Vec<_> = pairs.collect();
            if pairs.len() != columns.len() {
                return ControlFlow::Break(Box::new(unclear("USING")));
            }
            conditions.push((joined, pairs.into_iter().map(|(left, right)| equal(left, right))));
        }
        if let Err(error) = add(from, joined, &mut keys) {
            return ControlFlow::Break(Box::new(error));
        }
    }
    let is_any = !conditions.is_empty();
    for (joined, condition) in conditions {
        let constraint =
            from.joins.get_mut(joined).and_then(|join| match &mut join.join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint) => Some(constraint),
                _ => None,
            });
        if let (Some(constraint), Some(condition)) = (constraint, condition.reduce(and)) {
            *constraint = JoinConstraint::On(condition);
        }
    }
    ControlFlow::Continue(is_any)
}

/// Which side's column the keys of a join are, and their names.
fn side_and_columns(operator: &JoinOperator) -> Option<(Kind, &[ObjectName])> {
    let (constraint, kind) = match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => (constraint, Kind::Left),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            (constraint, Kind::Right)
        }
        JoinOperator::FullOuter(constraint) => (constraint, Kind::Full),
        _ => return None,
    };
    match constraint {
        JoinConstraint::Using(columns) => Some((kind, columns)),
        _ => None,
    }
}

/// Adds the keys of a join to those of the joins before it.
fn add(from: &TableWithJoins, joined: usize, keys: &mut Keys) -> Result<()> {
    let Some(join) = from.joins.get(joined) else { return Ok(()) };
    let of_one = (joined == 0).then_some(&from.relation);
    let Some((kind, columns)) = side_and_columns(&join.join_operator) else {
        return match &join.join_operator {
            JoinOperator::Right(JoinConstraint::Natural)
            | JoinOperator::RightOuter(JoinConstraint::Natural)
            | JoinOperator::FullOuter(JoinConstraint::Natural) => Err(unclear("NATURAL JOIN")),
            _ => Ok(()),
        };
    };
    for name in columns.iter().filter_map(name) {
        let known = keys.get(&folded(name));
        let left = known.map(|key| key.expr.clone()).or_else(|| of(of_one?, name));
        let right = of(&join.relation, name);
        let expr = match kind {
            Kind::Left => left,
            Kind::Right => right,
            Kind::Full => left.zip(right).map(|(left, right)| coalesce(left, right)),
        };
        match expr {
            Some(expr) => {
                let is_left = kind == Kind::Left && known.is_none_or(|key| key.is_left);
                keys.insert(folded(name), Key { name: name.clone(), expr, is_left });
            }
            None if kind == Kind::Left => {}
            None => return Err(unclear(&format!("USING ({name})"))),
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Left,
    Right,
    Full,
}

fn unclear(what: &str) -> Error {
    Error::user(format!(
        "whose column the key is in `{what}` of this RIGHT or FULL JOIN cannot be told"
    ))
    .hint("join by `ON a.key = b.key`, and select `COALESCE(a.key, b.key) AS key`")
}

/// A column of a table in FROM, by the name that the table has there.
fn of(table: &TableFactor, column: &Ident) -> Option<Expr> {
    let (table_name, alias) = match table {
        TableFactor::Table { name, alias, .. } => (Some(name), alias),
        TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => (None, alias),
        _ => return None,
    };
    let table = match alias {
        Some(alias) => &alias.name,
        None => table_name.and_then(name)?,
    };
    Some(Expr::CompoundIdentifier(vec![table.clone(), column.clone()]))
}

fn equal(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Eq, right: Box::new(right) }
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

fn name(column: &ObjectName) -> Option<&Ident> {
    column.0.last().and_then(|part| part.as_ident())
}

fn coalesce(left: Expr, right: Expr) -> Expr {
    let args = [left, right].map(|side| FunctionArg::Unnamed(FunctionArgExpr::Expr(side)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("coalesce")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A name as DataFusion compares it.
fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

fn is_called(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(own)) => folded(own) == name,
        SelectItem::ExprWithAlias { alias, .. } => folded(alias) == name,
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            parts.last().is_some_and(|own| folded(own) == name)
        }
        _ => false,
    }
}

/// Writes what keys stand for in their place, in all but subqueries, which have tables of their own.
fn in_place<Node: VisitMut>(node: &mut Node, keys: &Keys) {
    if !keys.is_empty() {
        let _: ControlFlow<()> = node.visit(&mut InPlace { keys, depth: 0 });
    }
}

struct InPlace<'a> {
    keys: &'a Keys,
    depth: usize,
}

impl VisitorMut for InPlace<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(own) = expr
            && self.depth == 0
            && let Some(key) = self.keys.get(&folded(own))
        {
            *expr = key.expr.clone();
        }
        ControlFlow::Continue(())
    }
}
