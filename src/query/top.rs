//! Top and order: ranking before limiting, and a stated order for every answer.

use super::ordered::in_order;
use super::{CubeQuery, Top, defect};
use crate::error::{Error, Result, did_you_mean};
use datafusion::functions_window::expr_fn::{rank, row_number};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, ident, lit};
use std::ops::Range;

/// The answer's columns by which rows can be ordered, as the planner built them.
pub(super) struct Shape {
    /// Row columns in order: the names the query may use, and the column.
    pub(super) rows: Vec<(Vec<String>, String)>,
    /// For each row of the query its columns: a level's key, then what is shown of it.
    pub(super) levels: Vec<Vec<String>>,
    /// For each row column the flag that is 1 in totals, where there are totals.
    pub(super) totals: Vec<String>,
    /// Measures: the name the query uses, and the column.
    pub(super) measures: Vec<(String, String)>,
    /// In a pivot, measures of a row altogether.
    pub(super) altogether: Vec<(String, String)>,
    /// Measures that are not shown.
    pub(super) hidden: Vec<(String, String)>,
    /// For each key of `order` the column of its groups' value, where it goes by that.
    pub(super) of_groups: Vec<Option<String>>,
    /// The flag that is 1 for others, and the row column before which it orders.
    pub(super) others: Option<(usize, String)>,
    /// Row columns that go by the places of members, each with the column of those.
    pub(super) places: Vec<(String, String)>,
    /// The marks of calculated members, each with the columns of its row.
    pub(super) marks: Vec<(Vec<String>, String)>,
}

impl Shape {
    /// The column that a name in `order`, `top.by` or `top.per` stands for.
    fn column(&self, name: &str) -> Result<&str> {
        let mut measures = self.measures.iter().chain(&self.altogether);
        let measure = measures.find(|(known, _)| known == name);
        let row = self.rows.iter().find(|(known, _)| known.iter().any(|one| one == name));
        if let Some(column) = measure.map(|(_, c)| c).or(row.map(|(_, c)| c)) {
            return Ok(column);
        }
        let known = self.rows.iter().flat_map(|(names, _)| names);
        let known = known.chain(self.measures.iter().map(|(name, _)| name));
        let error = Error::user(format!("`{name}` is neither a row nor a measure of this query"));
        Err(match did_you_mean(name, known.map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!(
                "rows go by what is shown: if it is a measure, add `{name}` to `measures`"
            )),
        })
    }

    /// The column of a measure, shown or not.
    pub(super) fn measure(&self, name: &str) -> Result<&str> {
        let mut known = self.measures.iter().chain(&self.hidden);
        match known.find(|(known, _)| known == name) {
            Some((_, column)) => Ok(column),
            None => self.column(name),
        }
    }

    /// The flag that is 1 where a row column is aggregated away, if there are totals.
    fn total(&self, name: &str) -> Result<Option<&str>> {
        let column = self.column(name)?;
        let place = self.rows.iter().position(|(_, known)| known == column);
        Ok(place.and_then(|place| self.totals.get(place)).map(String::as_str))
    }

    fn is_measure(&self, name: &str) -> bool {
        self.measures.iter().chain(&self.altogether).any(|(known, _)| known == name)
    }

    /// Others after all members.
    fn others_last(&self) -> Option<Sort> {
        self.others.as_ref().map(|(_, flag)| ident(flag).sort(true, false))
    }

    /// All columns by which the members of a row's level are told apart: its key, where it has
    /// one, and what is shown. Two customers may share a name.
    fn columns(&self, name: &str) -> Result<Vec<&str>> {
        let shown = self.column(name)?;
        let level = self.levels.iter().find(|level| level.last().is_some_and(|c| c == shown));
        Ok(level.map_or(vec![shown], |level| level.iter().map(String::as_str).collect()))
    }

    /// Row columns from one to another ascending, each total after its members.
    pub(super) fn by_rows(&self, columns: Range<usize>) -> Vec<Sort> {
        let mut keys = Vec::new();
        let own = self.rows.iter().enumerate().filter(|(index, _)| columns.contains(index));
        for (index, (_, column)) in own {
            let others = self.others.as_ref().filter(|(before, _)| *before == index);
            keys.extend(others.and_then(|_| self.others_last()));
            keys.extend(self.totals.get(index).map(|total| ident(total).sort(true, false)));
            keys.extend(self.calculated_last(column));
            keys.extend(self.in_order(column, true));
        }
        keys
    }

    /// Calculated members after all others of the row that a column begins.
    fn calculated_last(&self, column: &str) -> Option<Sort> {
        let begins = |columns: &Vec<String>| columns.first().is_some_and(|first| first == column);
        let mark = self.marks.iter().find(|(columns, _)| begins(columns));
        mark.map(|(_, mark)| ident(mark).sort(true, false))
    }

    /// Members of a row column, by their places first where they have some.
    fn in_order(&self, column: &str, ascending: bool) -> Vec<Sort> {
        in_order(column, ascending, &self.places)
    }
}

/// Keeps the best rows of each group; totals stay.
pub(super) fn top(
    answer: LogicalPlanBuilder,
    top: &Top,
    shape: &Shape,
) -> Result<LogicalPlanBuilder> {
    const RANK: &str = "__rank";
    let by = ident(shape.column(&top.by)?).sort(top.bottom, false);
    let mut per = Vec::new();
    for name in &top.per {
        per.extend(shape.columns(name)?.into_iter().map(ident));
    }
    // Totals are ranked among themselves, so that they take no member's place; so are calculated ones.
    per.extend(shape.totals.iter().chain(shape.marks.iter().map(|(_, mark)| mark)).map(ident));
    let within = |columns: &Vec<String>| {
        let named = top.per.iter().filter_map(|name| shape.column(name).ok());
        named.into_iter().any(|column| columns.iter().any(|own| own == column))
    };
    let beside = shape.marks.iter().filter(|(columns, _)| !within(columns));
    let beside: Vec<Expr> = beside.map(|(_, mark)| ident(mark).gt(lit(0_i32))).collect();
    let (function, order) = match top.with_ties {
        true => (rank(), vec![by]),
        false => {
            (row_number(), [by].into_iter().chain(shape.by_rows(0..shape.rows.len())).collect())
        }
    };
    let ranked = function.order_by(order).partition_by(per).build().map_err(defect)?.alias(RANK);
    let limit = i64::try_from(top.n).unwrap_or(i64::MAX);
    let best = ident(RANK).lt_eq(lit(limit));
    let is_total = shape.totals.iter().map(|total| ident(total).eq(lit(1_i32)));
    let kept = is_total.chain(beside).fold(best, Expr::or);
    answer.window(vec![ranked]).and_then(|rows| rows.filter(kept)).map_err(defect)
}

/// The sort keys of a query: what it says, then row columns, so that the order is total.
pub(super) fn order(query: &CubeQuery, shape: &Shape) -> Result<Vec<Sort>> {
    let mut keys = Vec::new();
    let mut others = shape.others_last();
    for (order, of_group) in query.order.iter().zip(&shape.of_groups) {
        for row in &order.of {
            keys.extend(shape.total(row)?.map(|total| ident(total).sort(true, false)));
        }
        let column = match of_group {
            Some(column) => column,
            None => {
                if shape.is_measure(&order.by) {
                    keys.extend(others.take());
                }
                shape.column(&order.by)?
            }
        };
        keys.extend(shape.in_order(column, !order.descending));
        for row in &order.of {
            // Groups of the same value stay apart.
            keys.extend(shape.columns(row)?.into_iter().map(|c| ident(c).sort(true, false)));
        }
    }
    if let Some(top) = query.top.as_ref().filter(|_| query.order.is_empty()) {
        for name in &top.per {
            keys.extend(shape.in_order(shape.column(name)?, true));
        }
        keys.extend(shape.totals.iter().map(|total| ident(total).sort(true, false)));
        keys.extend(shape.marks.iter().map(|(_, mark)| ident(mark).sort(true, false)));
        keys.extend(others);
        keys.push(ident(shape.column(&top.by)?).sort(top.bottom, false));
    }
    keys.extend(shape.by_rows(0..shape.rows.len()));
    Ok(keys)
}
