//! `AT (ALL role)`: all columns of a dimension in one of its roles.

use crate::model::Cube;
use crate::query::AT_ALL;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Writes the names of roles in `AT (ALL ...)` as text, which planning tells from columns. A name that
/// some of the statement's cubes have a column of stays one.
pub(crate) fn tell(statement: &mut Statement, cubes: &[&Cube]) {
    if let Some(statement) = super::inner_mut(statement) {
        let _: ControlFlow<()> = statement.visit(&mut Roles { cubes });
    }
}

struct Roles<'a, 'm> {
    cubes: &'a [&'m Cube],
}

impl Roles<'_, '_> {
    fn is_role(&self, ident: &Ident) -> Option<String> {
        let name = match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        };
        let has_role = |cube: &&Cube| cube.dimensions.iter().any(|own| own.role == name);
        let has_column = |cube: &&Cube| cube.column(&name).is_some();
        let mut cubes = self.cubes.iter().copied();
        (cubes.clone().any(|cube| has_role(&cube)) && !cubes.any(|cube| has_column(&cube)))
            .then_some(name)
    }
}

impl VisitorMut for Roles<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && function.name.to_string() == AT_ALL
            && let FunctionArguments::List(list) = &mut function.args
        {
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(column)) = argument
                    && let Expr::Identifier(ident) = column
                    && let Some(role) = self.is_role(ident)
                {
                    *column = Expr::value(Value::SingleQuotedString(role));
                }
            }
        }
        ControlFlow::Continue(())
    }
}
