//! `+`, `-` and `*` of integers, and their negatives, that never wrap: what does not fit is an error.
//!
//! DataFusion's operators begin anew from below where an integer is too large. Here a whole term of
//! such operators, `a * b + c`, becomes one function of `(a, b, c)`: functions deep within each other
//! take long to plan. It bears the term's name, so that nothing else in a plan sees the difference.
//! Decimals and floats are DataFusion's: the former are checked there.

use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, internal_datafusion_err};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;
use std::fmt::Write;
use std::sync::Arc;

/// Checks the integers of a plan whose types are settled.
#[derive(Debug)]
pub(super) struct CheckIntegers;

impl AnalyzerRule for CheckIntegers {
    fn name(&self) -> &'static str {
        "check_integers"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let checked_plan = plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            node.map_expressions(|expr| rewritten(expr, &schema))
        })?;
        Ok(checked_plan.data)
    }
}

/// The same for an expression over such columns.
pub(super) fn checked(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    rewritten(expr, schema).map(|expr| expr.data)
}

fn rewritten(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_down(|part| {
        Ok(match is_of_integers(&part, schema) {
            true => Transformed::yes(Term::of(part)),
            false => Transformed::no(part),
        })
    })
}

/// The operands, where it is one of the operators that may wrap: of a negative the one.
fn operands(expr: &Expr) -> Option<(Step, &Expr, Option<&Expr>)> {
    let (left, op, right) = match expr {
        Expr::Negative(only) => return Some((Step::Negative, only, None)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => (left, op, right),
        _ => return None,
    };
    let step = match op {
        Operator::Plus => Step::Plus,
        Operator::Minus => Step::Minus,
        Operator::Multiply => Step::Times,
        _ => return None,
    };
    Some((step, left, Some(right)))
}

/// Whether it is a term all of whose operands are integers of one type.
fn is_of_integers(expr: &Expr, schema: &DFSchema) -> bool {
    let Some((_, mut first, _)) = operands(expr) else { return false };
    while let Some((_, left, _)) = operands(first) {
        first = left;
    }
    // Asked first: in long terms of other types, every operator is the top of one.
    let Some(ty) = first.get_type(schema).ok().filter(DataType::is_integer) else { return false };
    all_are(expr, &ty, schema)
}

fn all_are(expr: &Expr, ty: &DataType, schema: &DFSchema) -> bool {
    match operands(expr) {
        Some((_, left, right)) => {
            all_are(left, ty, schema) && right.is_none_or(|right| all_are(right, ty, schema))
        }
        None => expr.get_type(schema).is_ok_and(|own| own == *ty),
    }
}

/// A step of working a term out, operands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The next operand.
    Operand,
    Negative,
    Plus,
    Minus,
    Times,
}

/// What a step is taken over.
enum Over<T> {
    /// The next operand.
    Operand,
    Negative(T),
    Sides(T, Operator, T),
}

/// A term of integers, as a function of its operands.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Term {
    /// `($1 * $2)`, as it stands where operators are described.
    name: String,
    steps: Vec<Step>,
    signature: Signature,
}

impl Term {
    /// The function of a term.
    fn of(term: Expr) -> Expr {
        let (mut steps, mut arguments) = (Vec::new(), Vec::new());
        gather(term, &mut steps, &mut arguments);
        let mut next = 0;
        let name = worked_out(&steps, |over| {
            Ok(match over {
                Over::Operand => {
                    next += 1;
                    format!("${next}")
                }
                Over::Negative(of) => format!("(- {of})"),
                Over::Sides(left, sign, right) => format!("({left} {sign} {right})"),
            })
        });
        let name = name.unwrap_or_default();
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::new_from_impl(Self { name, steps, signature }).call(arguments)
    }

    /// The term that it is of these operands.
    fn term(&self, arguments: &[Expr]) -> Result<Expr> {
        let mut arguments = arguments.iter().cloned();
        worked_out(&self.steps, |over| match over {
            Over::Operand => arguments.next().ok_or_else(too_few),
            Over::Negative(of) => Ok(Expr::Negative(Box::new(of))),
            Over::Sides(left, sign, right) => {
                Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), sign, Box::new(right))))
            }
        })
    }
}

fn gather(term: Expr, steps: &mut Vec<Step>, arguments: &mut Vec<Expr>) {
    let step = operands(&term).map(|(step, _, _)| step);
    match (term, step) {
        (Expr::BinaryExpr(BinaryExpr { left, right, .. }), Some(step)) => {
            gather(*left, steps, arguments);
            gather(*right, steps, arguments);
            steps.push(step);
        }
        (Expr::Negative(of), Some(step)) => {
            gather(*of, steps, arguments);
            steps.push(step);
        }
        (operand, _) => {
            steps.push(Step::Operand);
            arguments.push(operand);
        }
    }
}

/// What comes of the steps, given what comes of each.
fn worked_out<T>(steps: &[Step], mut of: impl FnMut(Over<T>) -> Result<T>) -> Result<T> {
    let mut found = Vec::new();
    for step in steps {
        let sign = match step {
            Step::Operand => {
                found.push(of(Over::Operand)?);
                continue;
            }
            Step::Negative => {
                let last = found.pop().ok_or_else(too_few)?;
                found.push(of(Over::Negative(last))?);
                continue;
            }
            Step::Plus => Operator::Plus,
            Step::Minus => Operator::Minus,
            Step::Times => Operator::Multiply,
        };
        let (right, left) = (found.pop(), found.pop());
        let (left, right) = left.zip(right).ok_or_else(too_few)?;
        found.push(of(Over::Sides(left, sign, right))?);
    }
    found.pop().ok_or_else(too_few)
}

fn too_few() -> datafusion::error::DataFusionError {
    internal_datafusion_err!("a term has too few operands")
}

impl ScalarUDFImpl for Term {
    fn name(&self) -> &str {
        &self.name
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let mut name = String::new();
        let _ = write!(name, "{}", self.term(args)?.schema_name());
        Ok(name)
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.term(args)?.to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, operands: &[DataType]) -> Result<DataType> {
        operands.first().cloned().ok_or_else(too_few)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        let ty = args.arg_fields.first().ok_or_else(too_few)?.data_type();
        Ok(Arc::new(Field::new(self.name(), ty.clone(), nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut operands = args.args.into_iter();
        worked_out(&self.steps, |over| match over {
            Over::Operand => operands.next().ok_or_else(too_few),
            Over::Negative(ColumnarValue::Array(of)) => Ok(ColumnarValue::Array(neg(&of)?)),
            Over::Negative(ColumnarValue::Scalar(of)) => {
                Ok(ColumnarValue::Scalar(of.arithmetic_negate()?))
            }
            Over::Sides(left, Operator::Minus, right) => apply(&left, &right, sub),
            Over::Sides(left, Operator::Multiply, right) => apply(&left, &right, mul),
            Over::Sides(left, _, right) => apply(&left, &right, add),
        })
    }
}
