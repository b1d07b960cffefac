//! Whether a row is of one of many members, each a value for every column they are of.
//!
//! A list of conditions grows with the members; this looks them up, however many there are. NULL is a
//! member like others.

use super::defect;
use crate::error::Result;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
    lit,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// True for rows whose columns have the values of one of the members, else false. Columns beyond the
/// values of a member do not count.
pub(super) fn among(
    columns: impl IntoIterator<Item = Expr>,
    members: &[Vec<ScalarValue>],
) -> Result<Expr> {
    let Some(first) = members.first() else { return Ok(lit(false)) };
    let types: Vec<DataType> = first.iter().map(ScalarValue::data_type).collect();
    let columns = columns.into_iter().zip(&types);
    let columns: Vec<Expr> = columns.map(|(column, ty)| cast(column, ty.clone())).collect();
    let values = (0..columns.len()).map(|place| {
        let values = members.iter().filter_map(|member| member.get(place).cloned());
        ScalarValue::iter_to_array(values)
    });
    let values = values.collect::<datafusion::common::Result<Vec<_>>>().map_err(defect)?;
    let function = Among {
        members: Arc::new(encoded(&types, &values).map_err(defect)?.into_iter().collect()),
        types,
        signature: Signature::variadic_any(Volatility::Immutable),
    };
    Ok(ScalarUDF::new_from_impl(function).call(columns))
}

/// Rows of values as bytes that are equal where all values are.
fn encoded(types: &[DataType], columns: &[ArrayRef]) -> datafusion::common::Result<Vec<Box<[u8]>>> {
    let fields = types.iter().cloned().map(SortField::new).collect();
    let rows = RowConverter::new(fields)?.convert_columns(columns)?;
    Ok(rows.iter().map(|row| row.as_ref().into()).collect())
}

/// `(columns...)`: whether they are one of the members.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Among {
    members: Arc<BTreeSet<Box<[u8]>>>,
    types: Vec<DataType>,
    signature: Signature,
}

impl ScalarUDFImpl for Among {
    fn name(&self) -> &str {
        "is_among_members"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> datafusion::common::Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let rows = encoded(&self.types, &columns)?;
        let is_among = rows.iter().map(|row| Some(self.members.contains(row)));
        Ok(ColumnarValue::Array(Arc::new(is_among.collect::<BooleanArray>())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int32Array, StringArray};
    use arrow::datatypes::{Field, Schema};
    use arrow::record_batch::RecordBatch;
    use datafusion::common::DFSchema;
    use datafusion::execution::context::ExecutionProps;
    use datafusion::logical_expr::ident;
    use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
    use datafusion::physical_expr::create_physical_expr;

    #[test]
    fn members_are_found_by_all_their_values_and_null_is_one() {
        let text = |text: Option<&str>| ScalarValue::Utf8(text.map(str::to_owned));
        let members = vec![
            vec![ScalarValue::Int32(Some(1)), text(Some("a"))],
            vec![ScalarValue::Int32(None), text(Some("b"))],
            vec![ScalarValue::Int32(Some(2)), text(None)],
        ];
        let schema = Schema::new(vec![
            Field::new("number", DataType::Int32, true),
            Field::new("text", DataType::Utf8, true),
        ]);
        let numbers = Int32Array::from(vec![Some(1), Some(1), None, Some(2), None]);
        let texts = StringArray::from(vec![Some("a"), Some("b"), Some("b"), None, None]);
        let schema = Arc::new(schema);
        let rows =
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(numbers), Arc::new(texts)]);
        let plan = DFSchema::try_from(schema).unwrap();
        let is_among = among([ident("number"), ident("text")], &members).unwrap();
        let found = create_physical_expr(
            &is_among,
            &plan,
            &ExecutionProps::new(),
            &PhysicalPlanningContext::default(),
        )
        .unwrap();
        let found = found.evaluate(&rows.unwrap()).unwrap().into_array(5).unwrap();
        let expected = BooleanArray::from(vec![true, false, true, true, false]);
        assert_eq!(found.as_ref(), &expected as &dyn arrow::array::Array);
        assert_eq!(among([ident("number")], &[]).unwrap(), lit(false));
    }
}
