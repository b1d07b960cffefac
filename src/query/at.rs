//! `MEASURE(m) AT (...)`: context modifiers in SQL.
//!
//! After Hyde and Fremlin, "Measures in SQL" (2024). `MEASURE(m)` is their `AGGREGATE(m)`: a measure
//! in the row's groups, under the question's conditions. `AT` starts from there, and each modifier,
//! from left to right, changes the context that those before it left. The parser writes a modifier as
//! a call among MEASURE's arguments, so that its columns are resolved as all others are.

use super::cube_input::CubeInput;
use crate::error::{Error, Result};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use std::fmt;
use std::sync::Arc;

/// The calls that stand for modifiers: `ALL`, `SET`, `WHERE` and `VISIBLE`.
pub const AT_ALL: &str = "at_all";
/// See [`AT_ALL`].
pub const AT_SET: &str = "at_set";
/// See [`AT_ALL`].
pub const AT_WHERE: &str = "at_where";
/// See [`AT_ALL`].
pub const AT_VISIBLE: &str = "at_visible";

/// What SQL says of the place where a measure is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Modifier {
    /// `ALL`: neither groups nor conditions.
    All,
    /// `ALL a b`: nothing is said of these columns.
    AllOf(Vec<String>),
    /// `SET a = value`: the column has this value instead.
    Set(String, Expr),
    /// `WHERE condition`: this condition and nothing else.
    Where(Expr),
    /// `VISIBLE`: the conditions of the question hold as well.
    Visible,
}

impl Modifier {
    /// The modifier that an argument of MEASURE is.
    ///
    /// # Errors
    /// User errors for arguments that are none, and for what is no column of the cube.
    pub(super) fn read(argument: &Expr, input: &CubeInput<'_>, schema: &DFSchema) -> Result<Self> {
        let Expr::ScalarFunction(call) = argument else { return Err(no_modifier(argument)) };
        let column = |written: &Expr| match input.translate(written, schema)? {
            Expr::Column(column) if input.cube.column(&column.name).is_some() => Ok(column.name),
            other => Err(Error::user(format!(
                "AT takes columns of cube {}, and {} is none",
                input.cube.name,
                other.human_display()
            ))),
        };
        Ok(match (call.name(), call.args.as_slice()) {
            (AT_ALL, []) => Self::All,
            (AT_ALL, written) => {
                let mut columns = Vec::new();
                for one in written {
                    match one {
                        Expr::Literal(role, _) => columns.extend(of_role(role, input, schema)?),
                        other => columns.push(column(other)?),
                    }
                }
                Self::AllOf(columns)
            }
            (AT_SET, [written, value]) => {
                Self::Set(column(written)?, input.translate(value, schema)?)
            }
            (AT_WHERE, [condition]) => Self::Where(input.translate(condition, schema)?),
            (AT_VISIBLE, []) => Self::Visible,
            _ => return Err(no_modifier(argument)),
        })
    }
}

/// The columns of a dimension in a role, which AT names as text.
fn of_role(role: &ScalarValue, input: &CubeInput<'_>, schema: &DFSchema) -> Result<Vec<String>> {
    let (role, cube) = (role.try_as_str().flatten().unwrap_or_default(), input.cube);
    if schema.fields().iter().any(|field| field.name() == role) {
        let message = format!("`{role}` is a dimension of cube {}, and a column here", cube.name);
        return Err(Error::user(message).hint("call the column otherwise"));
    }
    let own = cube.columns.iter().filter(|column| column.role == role);
    let own: Vec<String> = own.map(|column| column.name.clone()).collect();
    match own.is_empty() {
        false => Ok(own),
        true => Err(Error::user(format!("cube {} has no dimension `{role}`", cube.name))),
    }
}

fn no_modifier(argument: &Expr) -> Error {
    Error::user(format!("MEASURE takes one measure, and {} besides", argument.human_display()))
        .hint("write MEASURE(m) AT (ALL column), AT (SET column = value), AT (WHERE ...)")
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::AllOf(columns) => write!(f, "all {}", columns.join(" ")),
            Self::Set(column, value) => write!(f, "set {column} = {}", value.human_display()),
            Self::Where(condition) => write!(f, "where {}", condition.human_display()),
            Self::Visible => f.write_str("visible"),
        }
    }
}

/// The functions to register in a session. They only ever stand in unresolved plans: executing one
/// is an error.
pub fn modifier_functions() -> Vec<Arc<ScalarUDF>> {
    let function = |name| Arc::new(ScalarUDF::new_from_impl(Call::new(name)));
    [AT_ALL, AT_SET, AT_WHERE, AT_VISIBLE].map(function).into()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Call {
    name: &'static str,
    signature: Signature,
}

impl Call {
    fn new(name: &'static str) -> Self {
        let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
        Self { name, signature: Signature::new(any, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Call {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(
        &self,
        _arguments: ScalarFunctionArgs,
    ) -> datafusion::common::Result<ColumnarValue> {
        plan_err!("{} stands outside MEASURE(...)", self.name)
    }
}
