//! `a || b`, bounded: twenty of them within each other make a million letters of one.
//!
//! Functions are bounded by what they are given (see `bounded`); an operator has no such place. So a
//! whole chain `a || b || c` becomes one function of `(a, b, c)`, as terms of integers do (see
//! `arithmetic`), which knows how much it is about to make. It bears the chain's name, so that nothing
//! else in a plan sees the difference; and however long the chain is, there is one function to plan.

use super::bounded::{MOST_BYTES, MOST_BYTES_ALIKE};
use super::errors::to_datafusion;
use crate::error::{Error, ErrorKind};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::kernels::concat_elements::concat_elements_dyn;
use arrow::datatypes::{
    ArrowNativeType, ByteArrayType, DataType, Field, FieldRef, GenericBinaryType, GenericStringType,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use std::fmt::Write;
use std::sync::Arc;

/// Bounds the chains of a plan whose types are settled.
#[derive(Debug)]
pub(super) struct BoundConcatenations;

impl AnalyzerRule for BoundConcatenations {
    fn name(&self) -> &'static str {
        "bound_concatenations"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let bounded = plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            node.map_expressions(|expr| rewritten(expr, &schema))
        })?;
        Ok(bounded.data)
    }
}

fn rewritten(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_down(|part| {
        Ok(match is_chain(&part, schema) {
            true => Transformed::yes(Chain::of(part)),
            false => Transformed::no(part),
        })
    })
}

fn sides(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            Some((left, right))
        }
        _ => None,
    }
}

/// Whether it is a chain all of whose links are texts, or bytes, of one type.
fn is_chain(expr: &Expr, schema: &DFSchema) -> bool {
    let Some((mut first, _)) = sides(expr) else { return false };
    while let Some((left, _)) = sides(first) {
        first = left;
    }
    first.get_type(schema).is_ok_and(|ty| is_bounded(&ty) && all_are(expr, &ty, schema))
}

fn all_are(expr: &Expr, ty: &DataType, schema: &DFSchema) -> bool {
    match sides(expr) {
        Some((left, right)) => all_are(left, ty, schema) && all_are(right, ty, schema),
        None => expr.get_type(schema).is_ok_and(|own| own == *ty),
    }
}

fn is_bounded(ty: &DataType) -> bool {
    use DataType as T;
    let texts = matches!(ty, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    texts || matches!(ty, T::Binary | T::LargeBinary | T::BinaryView)
}

/// A chain, as a function of its links.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Chain {
    /// How it is put together, links first.
    steps: Vec<Step>,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The next link.
    Link,
    /// The last two become one.
    Join,
}

impl Chain {
    /// The function of a chain.
    fn of(chain: Expr) -> Expr {
        let (mut steps, mut links) = (Vec::new(), Vec::new());
        gather(chain, &mut steps, &mut links);
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::new_from_impl(Self { steps, signature }).call(links)
    }

    /// The chain that it is of these links.
    fn chain(&self, links: &[Expr]) -> Result<Expr> {
        let (mut links, mut found) = (links.iter().cloned(), Vec::new());
        for step in &self.steps {
            let next = match step {
                Step::Link => links.next(),
                Step::Join => {
                    let (right, left) = (found.pop(), found.pop());
                    left.zip(right).map(|(left, right)| {
                        let (left, right) = (Box::new(left), Box::new(right));
                        Expr::BinaryExpr(BinaryExpr::new(left, Operator::StringConcat, right))
                    })
                }
            };
            found.push(next.ok_or_else(too_few)?);
        }
        found.pop().ok_or_else(too_few)
    }
}

fn gather(chain: Expr, steps: &mut Vec<Step>, links: &mut Vec<Expr>) {
    match chain {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            gather(*left, steps, links);
            gather(*right, steps, links);
            steps.push(Step::Join);
        }
        link => {
            steps.push(Step::Link);
            links.push(link);
        }
    }
}

fn too_few() -> datafusion::error::DataFusionError {
    internal_datafusion_err!("a chain has too few links")
}

impl ScalarUDFImpl for Chain {
    fn name(&self) -> &'static str {
        "||"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let mut name = String::new();
        let _ = write!(name, "{}", self.chain(args)?.schema_name());
        Ok(name)
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.chain(args)?.to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, links: &[DataType]) -> Result<DataType> {
        links.first().cloned().ok_or_else(too_few)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        let ty = args.arg_fields.first().ok_or_else(too_few)?.data_type();
        Ok(Arc::new(Field::new(self.name(), ty.clone(), nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // Where all are alike, one stands for all.
        let alike = args.args.iter().all(|link| matches!(link, ColumnarValue::Scalar(_)));
        let (rows, most) =
            if alike { (1, MOST_BYTES_ALIKE) } else { (args.number_rows, MOST_BYTES) };
        let sizes = args.args.iter().map(|link| bytes(link, rows));
        let made = sizes.fold(0_u64, u64::saturating_add);
        if made > most {
            let text = format!("|| would make {made} bytes at once");
            return Err(to_datafusion(Error::new(ErrorKind::Limit, text).with("most", most)));
        }
        let mut links =
            args.args.iter().map(|link| link.to_array(rows)).collect::<Result<Vec<_>>>()?;
        // Two by two: what is made on the way is as large as the whole only a few times.
        while links.len() > 1 {
            let joined = links.chunks(2).map(|pair| match pair {
                [left, right] => concat_elements_dyn(left, right),
                one => Ok(Arc::clone(&one[0])),
            });
            links = joined.collect::<Result<_, _>>()?;
        }
        let joined = links.pop().ok_or_else(too_few)?;
        if alike {
            return ScalarValue::try_from_array(&joined, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(joined))
    }
}

/// How many bytes a link has, in so many rows.
fn bytes(link: &ColumnarValue, rows: usize) -> u64 {
    match link {
        ColumnarValue::Array(array) => bytes_of(array),
        ColumnarValue::Scalar(value) => {
            let one = value.to_array().map_or(0, |array| bytes_of(&array));
            one.saturating_mul(rows as u64)
        }
    }
}

fn bytes_of(array: &ArrayRef) -> u64 {
    match array.data_type() {
        DataType::Utf8 => between::<GenericStringType<i32>>(array),
        DataType::LargeUtf8 => between::<GenericStringType<i64>>(array),
        DataType::Binary => between::<GenericBinaryType<i32>>(array),
        DataType::LargeBinary => between::<GenericBinaryType<i64>>(array),
        DataType::Utf8View => array.as_string_view().lengths().map(u64::from).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(u64::from).sum(),
        _ => 0,
    }
}

/// The bytes between an array's first offset and its last.
fn between<T: ByteArrayType>(array: &ArrayRef) -> u64 {
    let offsets = array.as_bytes::<T>().value_offsets();
    let [first, .., last] = offsets else { return 0 };
    (last.as_usize() - first.as_usize()) as u64
}
