//! Whole numbers beyond 64 bits are decimals: DataFusion reads them as unsigned, and beyond that as
//! floats, which are other numbers.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Statement, UnaryOperator, Value, VisitMut,
    VisitorMut,
};
use std::ops::ControlFlow;

/// The most digits of a decimal.
const MOST_DIGITS: usize = 38;

/// Writes the whole numbers of a statement that no 64 bits hold as decimals.
///
/// # Errors
/// User where a number has more digits than a decimal.
pub(super) fn exact(statement: &mut Statement) -> Result<()> {
    match statement.visit(&mut Exact) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Exact;

impl VisitorMut for Exact {
    type Break = Box<Error>;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let (text, is_signed) = match &*expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => match digits(inner) {
                Some(digits) => (format!("-{digits}"), true),
                None => return ControlFlow::Continue(()),
            },
            other => match digits(other) {
                Some(digits) => (digits, false),
                None => return ControlFlow::Continue(()),
            },
        };
        let fits = text.parse::<i64>().is_ok();
        if fits && !is_signed {
            return ControlFlow::Continue(());
        }
        let bare = text.trim_start_matches(['-', '0']);
        if bare.len() > MOST_DIGITS {
            let message = format!("{text} has more than {MOST_DIGITS} digits");
            let error = Error::user(message).hint("write it as a float: 1e40, or 1.5e40");
            return ControlFlow::Break(Box::new(error));
        }
        let precision = u64::try_from(bare.len()).unwrap_or_default();
        // The one whose digits alone do not fit, and with its sign do, is met before its digits are.
        let is_least = fits && bare.parse::<i64>().is_err();
        if is_least || !fits {
            let data_type = match fits {
                true => DataType::BigInt(None),
                false => DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, 0)),
            };
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::value(Value::SingleQuotedString(text))),
                data_type,
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

/// The digits of a whole number, as Rust reads them.
fn digits(expr: &Expr) -> Option<String> {
    let Expr::Value(value) = expr else { return None };
    let Value::Number(written, _) = &value.value else { return None };
    let written = written.replace('_', "");
    written.bytes().all(|byte| byte.is_ascii_digit()).then_some(written)
}
