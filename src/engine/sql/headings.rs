//! What columns without a name of their own are headed: as they are written. DataFusion names them as
//! it has read them: `sign(-2.5)` would be `signum(Float64(-2.5))`, and `1` be `Int64(1)`.

use super::at::is_measure;
use super::whose;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, Query, Select, SelectItem, SetExpr, Statement,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Letters that a heading has at most.
const MOST_LETTERS: usize = 64;

/// The headings of a question's columns, as far as its text gives any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headings {
    /// Of the columns before any `*`.
    first: Vec<Option<String>>,
    /// Of those after the last `*`; nothing where there is none.
    last: Option<Vec<Option<String>>>,
}

impl Headings {
    /// Those of a statement as it was written.
    pub(super) fn of(statement: &Statement) -> Self {
        let select = match statement {
            Statement::Query(query) => first_select(query),
            _ => None,
        };
        select.map_or_else(Self::default, Self::of_select)
    }

    fn of_select(select: &Select) -> Self {
        let mut items = select.projection.split(|item| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        });
        let headings = |items: &[SelectItem]| items.iter().map(heading).collect();
        let first = items.next().map(headings).unwrap_or_default();
        Self { first, last: items.next_back().map(headings) }
    }

    /// A schema headed so. A heading that another column has already is left out.
    pub(crate) fn on(&self, schema: &SchemaRef) -> SchemaRef {
        let (count, first) = (schema.fields().len(), self.first.len());
        let fits = match &self.last {
            None => first == count,
            Some(last) => first + last.len() <= count,
        };
        let last = self.last.as_deref().unwrap_or_default();
        let is_empty = self.first.iter().chain(last).all(Option::is_none);
        if is_empty || !fits {
            return Arc::clone(schema);
        }
        let before_last = count - last.len();
        let mut taken: HashSet<&str> =
            schema.fields().iter().map(|field| field.name().as_str()).collect();
        let fields = schema.fields().iter().enumerate().map(|(place, field)| {
            let heading = match place.checked_sub(before_last) {
                Some(place) if self.last.is_some() => last.get(place),
                _ => self.first.get(place),
            };
            match heading.and_then(Option::as_deref).filter(|heading| taken.insert(heading)) {
                Some(heading) => Arc::new(Field::clone(field).with_name(heading)),
                None => Arc::clone(field),
            }
        });
        let fields = fields.collect::<Vec<_>>();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    }
}

/// The `SELECT` that names a query's columns: the first of those that are put together.
fn first_select(query: &Query) -> Option<&Select> {
    let mut body = query.body.as_ref();
    loop {
        body = match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::Query(query) => return first_select(query),
            SetExpr::SetOperation { left, .. } => left,
            _ => return None,
        }
    }
}

/// The heading of a column that has no name of its own.
fn heading(item: &SelectItem) -> Option<String> {
    let SelectItem::UnnamedExpr(expr) = item else { return None };
    if is_called_after_column(expr) || whose::word(expr).is_some() || has_modifiers(expr) {
        return None;
    }
    let mut bare = expr;
    while let Expr::Nested(inner) = bare {
        bare = inner;
    }
    let written = bare.to_string();
    Some(match written.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &written[..end]),
        None => written,
    })
}

/// Whether an expression is called after a column, which casts do not change.
fn is_called_after_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_called_after_column(inner),
        _ => false,
    }
}

/// Whether it is a `MEASURE(m) AT (...)`, which parsing has written otherwise.
fn has_modifiers(expr: &Expr) -> bool {
    let Expr::Function(call) = expr else { return false };
    let FunctionArguments::List(list) = &call.args else { return false };
    list.args.len() > 1 && is_measure(call)
}

#[cfg(test)]
mod tests {
    use super::super::parse_headed;
    use super::*;
    use arrow::datatypes::DataType;

    fn headed(sql: &str, names: &[&str]) -> Vec<String> {
        let field = |name: &&str| Field::new(*name, DataType::Int32, true);
        let schema = Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>()));
        let (_, headings) = parse_headed(sql).unwrap();
        headings.on(&schema).fields().iter().map(|field| field.name().clone()).collect()
    }

    #[test]
    fn columns_are_headed_as_they_are_written() {
        let one = ["Int64(1)", "a", "signum(t.a)", "x"];
        assert_eq!(
            headed("SELECT 1, a, sign(a), a + 1 AS x FROM t", &one),
            ["1", "a", "sign(a)", "x"]
        );
        let union = "SELECT max(a) FROM t UNION ALL SELECT 2 ORDER BY 1";
        assert_eq!(headed(union, &["max(t.a)"]), ["max(a)"]);
        assert_eq!(headed("WITH c AS (SELECT 1) SELECT ?", &["$1"]), ["?"]);
        let names = ["a", "a", "current_user", "Int64(1)"];
        let same = ["a", "a", "current_user", "1"];
        assert_eq!(headed("SELECT (a), a::text, CURRENT_USER, ((1)) FROM t", &names), same);
        assert_eq!(headed("VALUES (1)", &["column1"]), ["column1"]);
        assert_eq!(headed("SHOW ALL", &["name", "value"]), ["name", "value"]);
    }

    #[test]
    fn what_stars_are_is_left_as_it_is() {
        let names = ["Int64(1)", "a", "b", "signum(t.a)"];
        assert_eq!(headed("SELECT 1, *, sign(a) FROM t", &names), ["1", "a", "b", "sign(a)"]);
        let names = ["a", "b", "a", "max(b)"];
        assert_eq!(headed("SELECT t.*, 2, u.*, max(b) FROM t, u", &names), names);
        assert_eq!(headed("SELECT 1, 2 FROM t", &["only"]), ["only"]);
        assert_eq!(headed("SELECT 1, *, 2 FROM t", &["only"]), ["only"]);
    }

    #[test]
    fn no_two_columns_come_to_the_same_heading() {
        assert_eq!(headed("SELECT 1, 1", &["Int64(1)", "1:1"]), ["1", "1:1"]);
        assert_eq!(headed("SELECT a AS \"2\", 2 FROM t", &["2", "Int64(2)"]), ["2", "Int64(2)"]);
    }

    #[test]
    fn long_ones_are_cut() {
        let sum = vec!["ä"; 50].join(" + ");
        let headed = headed(&format!("SELECT {sum} FROM t"), &["x"]);
        assert_eq!(headed[0].chars().count(), MOST_LETTERS + 1);
        assert!(sum.starts_with(headed[0].trim_end_matches('…')));
    }
}
