//! Scalar SQL over named values: what measures' expressions and filters need of it.

use super::value::Value;
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value as Literal};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// The value of an SQL expression; `value_of` knows the names in it.
pub(crate) fn evaluate(sql: &str, value_of: &dyn Fn(&str) -> Value) -> Value {
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(sql).unwrap();
    of(&parser.parse_expr().unwrap(), value_of)
}

fn of(expr: &Expr, value_of: &dyn Fn(&str) -> Value) -> Value {
    match expr {
        Expr::Identifier(name) => value_of(&name.value),
        Expr::Nested(inner) => of(inner, value_of),
        Expr::Value(literal) => constant(&literal.value),
        Expr::IsNull(inner) => Value::Bool(of(inner, value_of).is_null()),
        Expr::IsNotNull(inner) => Value::Bool(!of(inner, value_of).is_null()),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            Value::int(0).minus(&of(expr, value_of))
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => match of(expr, value_of) {
            Value::Bool(value) => Value::Bool(!value),
            other => other,
        },
        Expr::BinaryOp { left, op, right } => binary(op, &of(left, value_of), &of(right, value_of)),
        other => panic!("the reference does not know {other}"),
    }
}

fn binary(op: &BinaryOperator, a: &Value, b: &Value) -> Value {
    use BinaryOperator as Op;
    match op {
        Op::Plus => a.plus(b),
        Op::Minus => a.minus(b),
        Op::Multiply => a.times(b),
        Op::Divide => a.over(b),
        Op::And if *a == Value::Bool(false) || *b == Value::Bool(false) => Value::Bool(false),
        Op::Or if a.is_true() || b.is_true() => Value::Bool(true),
        _ if a.is_null() || b.is_null() => Value::Null,
        Op::And | Op::Or => Value::Bool(matches!(op, Op::And)),
        Op::Eq => Value::Bool(a == b),
        Op::NotEq => Value::Bool(a != b),
        Op::Lt => Value::Bool(a < b),
        Op::LtEq => Value::Bool(a <= b),
        Op::Gt => Value::Bool(a > b),
        Op::GtEq => Value::Bool(a >= b),
        other => panic!("the reference does not know {other}"),
    }
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Number(digits, _) => {
            let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
            let unscaled = format!("{whole}{part}").parse().unwrap();
            Value::Exact { unscaled, scale: u32::try_from(part.len()).unwrap() }
        }
        Literal::SingleQuotedString(text) => Value::text(text),
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Null => Value::Null,
        other => panic!("the reference does not know {other}"),
    }
}
