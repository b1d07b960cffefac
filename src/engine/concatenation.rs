//! `a || b`, bounded: twenty of them within each other make a million letters of one.
//!
//! Functions are bounded by what they are given (see `bounded`); an operator has no such place, so
//! what it has made is looked at before anything is made of it.

use super::bounded::{MOST_BYTES, MOST_BYTES_ALIKE};
use super::errors::to_datafusion;
use crate::error::{Error, ErrorKind};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

static BOUNDED: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Concatenated { signature }))
});

/// The same plan, in which texts that are put together are not larger than functions may make them.
///
/// # Errors
/// What walking over the plan fails with.
pub(super) fn bound(plan: LogicalPlan) -> Result<LogicalPlan> {
    let bounded = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| {
            let bounded = expr.transform_up(|part| {
                Ok(match concatenations(&part) {
                    AT_ONCE.. => Transformed::yes(BOUNDED.call(vec![part])),
                    0 => part.map_children(|part| Ok(whole(part)))?,
                    _ => Transformed::no(part),
                })
            })?;
            bounded.transform_data(|part| Ok(whole(part)))
        })
    })?;
    Ok(bounded.data)
}

/// So many are looked at at once: planning takes long where functions are deep within each other.
const AT_ONCE: usize = 4;

/// How many `||` lie at the top of an expression, with nothing else between them.
fn concatenations(expr: &Expr) -> usize {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            1 + concatenations(left) + concatenations(right)
        }
        _ => 0,
    }
}

/// A whole `a || b || ...` is looked at.
fn whole(expr: Expr) -> Transformed<Expr> {
    if concatenations(&expr) == 0 {
        return Transformed::no(expr);
    }
    Transformed::yes(BOUNDED.call(vec![expr]))
}

/// Its one argument, unless that is too large. It bears the argument's name, so that nothing else
/// in a plan sees it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concatenated {
    signature: Signature,
}

impl ScalarUDFImpl for Concatenated {
    fn name(&self) -> &'static str {
        "concatenated"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.iter().map(|arg| arg.schema_name().to_string()).collect())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields.first() {
            Some(field) => Ok(Arc::clone(field)),
            None => datafusion::common::internal_err!("nothing was concatenated"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut args = args.args;
        let Some(value) = args.pop() else {
            return datafusion::common::internal_err!("nothing was concatenated");
        };
        let (bytes, most) = match &value {
            ColumnarValue::Array(array) => (size(array), MOST_BYTES),
            ColumnarValue::Scalar(
                ScalarValue::Utf8(Some(text))
                | ScalarValue::LargeUtf8(Some(text))
                | ScalarValue::Utf8View(Some(text)),
            ) => (text.len() as u64, MOST_BYTES_ALIKE),
            ColumnarValue::Scalar(_) => (0, MOST_BYTES_ALIKE),
        };
        if bytes > most {
            let text = format!("|| has made {bytes} bytes at once");
            return Err(to_datafusion(Error::new(ErrorKind::Limit, text).with("most", most)));
        }
        Ok(value)
    }
}

/// The bytes of all texts.
fn size(texts: &ArrayRef) -> u64 {
    let bytes = match texts.data_type() {
        DataType::Utf8 => texts.as_string::<i32>().values().len(),
        DataType::LargeUtf8 => texts.as_string::<i64>().values().len(),
        DataType::Utf8View => {
            let views = texts.as_string_view();
            return views.lengths().map(u64::from).sum();
        }
        _ => 0,
    };
    bytes as u64
}
