//! `ORDER BY 2` where the second column is computed from aggregates: DataFusion 55 takes the column
//! for one that is not grouped by, but not the expression itself, which is put in its place.

use datafusion::sql::sqlparser::ast::{
    Expr, OrderBy, OrderByKind, Query, SelectItem, SetExpr, Statement, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Puts expressions in the place of their ordinals.
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
        // There it finds the column, and not the expression.
        if select.distinct.is_some() {
            return ControlFlow::Continue(());
        }
        // A star is several columns, and nobody knows yet how many.
        let counted = select.projection.iter().take_while(|item| {
            matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
        });
        let counted: Vec<&SelectItem> = counted.collect();
        for key in keys {
            let item = ordinal(&key.expr).and_then(|n| counted.get(n.checked_sub(1)?));
            if let Some(SelectItem::UnnamedExpr(expr)) = item
                && !matches!(
                    expr,
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)
                )
            {
                key.expr = expr.clone();
            }
        }
        ControlFlow::Continue(())
    }
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
