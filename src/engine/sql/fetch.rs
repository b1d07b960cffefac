//! `FETCH FIRST 10 ROWS ONLY`, as the standard writes `LIMIT 10`: DataFusion plans only the latter. And
//! `LIMIT -1`, as programs write no limit where there is an offset.

use datafusion::sql::sqlparser::ast::{
    Expr, LimitClause, Query, Statement, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Writes limits as DataFusion plans them. What no limit says, as WITH TIES, stays.
pub(super) fn as_limit(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut AsLimit);
}

struct AsLimit;

impl VisitorMut for AsLimit {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(LimitClause::LimitOffset { limit, .. }) = &mut query.limit_clause {
            limit.take_if(|rows| rows.to_string() == "-1");
        }
        let Some(fetch) = query.fetch.take_if(|fetch| !fetch.with_ties && !fetch.percent) else {
            return ControlFlow::Continue(());
        };
        // `FETCH FIRST ROW ONLY`
        let one = || Expr::value(Value::Number("1".to_owned(), false));
        let rows = fetch.quantity.clone().unwrap_or_else(one);
        match query.limit_clause.take() {
            None => {
                let clause = LimitClause::LimitOffset {
                    limit: Some(rows),
                    offset: None,
                    limit_by: Vec::new(),
                };
                query.limit_clause = Some(clause);
            }
            Some(LimitClause::LimitOffset { limit: None, offset, limit_by }) => {
                let clause = LimitClause::LimitOffset { limit: Some(rows), offset, limit_by };
                query.limit_clause = Some(clause);
            }
            // Of two limits nobody knows which is meant.
            limited => (query.limit_clause, query.fetch) = (limited, Some(fetch)),
        }
        ControlFlow::Continue(())
    }
}
