//! `ORDER BY 2` where the second column is computed from aggregates: DataFusion 55 takes the column
//! for one that is not grouped by, but not the expression itself, which is put in its place.
//!
//! Of `SELECT DISTINCT` it is the other way round: it finds the column, and not what the column is computed
//! from (`SELECT DISTINCT a + 1 ... ORDER BY a + 1`), in whose place the ordinal is put.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderBy, OrderByKind, Query, SelectItem, SetExpr, Statement, Value, VisitMut,
    VisitorMut,
};
use std::ops::ControlFlow;

/// Puts expressions and ordinals in the place of one another.
pub(super) fn resolve(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Resolve);
}

struct Resolve;

impl VisitorMut for Resolve {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let (SetExpr::Select(select), Some(OrderBy { kind: OrderByKind::Expressions(keys), .. })) =
            (query.body.as_ref(), &mut query.order_by)
        else {
            return ControlFlow::Continue(());
        };
        // A star is several columns, and nobody knows yet how many.
        let counted = select.projection.iter().take_while(|item| {
            matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
        });
        let counted: Vec<&SelectItem> = counted.collect();
        for key in keys {
            match &select.distinct {
                Some(Distinct::Distinct) => {
                    if let Some(place) = place(&key.expr, &counted) {
                        let ordinal = Value::Number((place + 1).to_string(), false);
                        key.expr = Expr::value(ordinal);
                    }
                    continue;
                }
                Some(_) => continue,
                None => {}
            }
            let item = ordinal(&key.expr).and_then(|n| counted.get(n.checked_sub(1)?));
            if let Some(SelectItem::UnnamedExpr(expr)) = item
                && !is_plain(expr)
            {
                key.expr = expr.clone();
            }
        }
        ControlFlow::Continue(())
    }
}

/// Which of a list's items is computed as an expression is.
fn place(expr: &Expr, items: &[&SelectItem]) -> Option<usize> {
    let is_it = |item: &&SelectItem| match item {
        SelectItem::UnnamedExpr(own) | SelectItem::ExprWithAlias { expr: own, .. } => own == expr,
        _ => false,
    };
    (!is_plain(expr)).then(|| items.iter().position(is_it)).flatten()
}

fn is_plain(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
}

fn ordinal(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
