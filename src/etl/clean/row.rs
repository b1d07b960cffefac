//! What concerns a row as a whole: columns derived from others, checks across columns.

use super::Fault;
use crate::engine::RowExpression;
use crate::error::{Error, Result};
use crate::etl::columns::declared_type;
use crate::etl::job::{Derived, RowCheck};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// The rule a row breaks that does not stand up to a check.
const CHECK: &str = "check";
/// The rule a row breaks of which a column cannot be derived.
const DERIVE: &str = "derive";

/// The derived columns and the checks of a source, ready to run.
pub(super) struct RowRules {
    derived: Vec<(Derived, RowExpression)>,
    checks: Vec<(RowCheck, RowExpression)>,
    schema: SchemaRef,
}

impl RowRules {
    /// Plans them over the columns there are; a derived column is there for those after it.
    ///
    /// # Errors
    /// User where an expression is none over these columns, or of another type.
    pub(super) fn new(columns: &Schema, derive: &[Derived], checks: &[RowCheck]) -> Result<Self> {
        let mut schema = columns.clone();
        let mut derived = Vec::new();
        for column in derive {
            let place = |error: Error| error.with("column", &column.name);
            if schema.field_with_name(&column.name).is_ok() {
                return Err(place(Error::user("the source has such a column already")));
            }
            let expression = RowExpression::new(&column.expression, &schema).map_err(place)?;
            let wanted = column.ty.arrow();
            if !may_become(expression.data_type(), &wanted) {
                return Err(place(Error::user(format!(
                    "`{}` is {}, which does not become {} by itself",
                    column.expression,
                    expression.data_type(),
                    column.ty
                ))));
            }
            if let (DataType::Timestamp(_, Some(zone)), DataType::Timestamp(..)) =
                (expression.data_type(), &wanted)
                && !is_utc(zone)
            {
                let message = format!(
                    "`{}` is the same moment, shown in {zone}; a column holds moments in UTC, so it \
                     would do nothing",
                    column.expression
                );
                return Err(place(Error::user(message).hint(format!(
                    "the rule `time_zone: {{zone: {zone}}}` of the column reads local times; \
                     `to_local_time(... AT TIME ZONE '{zone}')` is what a clock showed there"
                ))));
            }
            let fields = schema.fields().iter().map(|field| field.as_ref().clone());
            let field = Field::new(&column.name, wanted, true);
            schema = Schema::new(fields.chain([field]).collect::<Vec<_>>());
            derived.push((column.clone(), expression));
        }
        let checks = checks.iter().map(|check| {
            let place = |error: Error| error.with("check", &check.name);
            let expression = RowExpression::new(&check.expression, &schema).map_err(place)?;
            if *expression.data_type() != DataType::Boolean {
                let message = format!("`{}` is not true or false", check.expression);
                return Err(place(Error::user(message)));
            }
            Ok((check.clone(), expression))
        });
        let checks = checks.collect::<Result<_>>()?;
        Ok(Self { derived, checks, schema: Arc::new(schema) })
    }

    /// The columns there are with the derived ones.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds the derived columns, and says which rows are wrong.
    ///
    /// # Errors
    /// Internal where the columns are others than at first.
    pub(super) fn apply(&self, rows: RecordBatch) -> Result<(RecordBatch, Vec<Fault>)> {
        let (mut rows, mut faults) = (rows, Vec::new());
        for (at, (column, expression)) in self.derived.iter().enumerate() {
            let values = evaluated(expression, &rows, &column.ty.arrow(), |row, reason| {
                let reason = format!("`{}` cannot be derived: {reason}", column.name);
                faults.push(Fault { row, rule: DERIVE, reason });
            })?;
            let fields = self.schema.fields().iter().take(rows.num_columns() + 1).cloned();
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let arrays = rows.columns().iter().cloned().chain([values]).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
            rows =
                RecordBatch::try_new_with_options(schema, arrays, &options).map_err(|error| {
                    Error::internal("a derived column does not fit").caused_by(error)
                })?;
            debug_assert_eq!(
                rows.num_columns(),
                self.schema.fields().len() - self.derived.len() + at + 1
            );
        }
        for (check, expression) in &self.checks {
            let held = each(expression, &rows, |row, reason| {
                let reason = format!("the check `{}` fails: {reason}", check.name);
                faults.push(Fault { row, rule: CHECK, reason });
            })?;
            let Some(held) = held.as_boolean_opt() else { continue };
            // as in SQL, what is not known does not break a check
            let broken = (0..held.len()).filter(|row| held.is_valid(*row) && !held.value(*row));
            faults.extend(broken.map(|row| {
                let reason = format!("{}: `{}` does not hold", check.name, check.expression);
                Fault { row, rule: CHECK, reason }
            }));
        }
        Ok((rows, faults))
    }
}

fn is_utc(zone: &str) -> bool {
    ["UTC", "+00:00", "+00", "Z", "Etc/UTC"].contains(&zone)
}

/// An expression's values as a declared type; which rows it fails for, and why.
pub(super) fn evaluated(
    expression: &RowExpression,
    rows: &RecordBatch,
    wanted: &DataType,
    mut fails: impl FnMut(usize, String),
) -> Result<ArrayRef> {
    let values = each(expression, rows, &mut fails)?;
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&values, wanted, &exact).or_else(|_| {
        one_by_one(&values, wanted, |row| {
            let ty = declared_type(wanted).map_or_else(|| wanted.to_string(), |ty| ty.to_string());
            fails(row, format!("a value does not fit {ty}"));
        })
    })
}

/// Whether values of a type become those of a declared one, each being looked at.
pub(super) fn may_become(from: &DataType, to: &DataType) -> bool {
    let is_text = |ty: &DataType| declared_type(ty) == Some(crate::model::ColumnType::Text);
    if *from == DataType::Null || from == to {
        return true;
    }
    match (is_text(from), is_text(to)) {
        (true, true) => true,
        (false, false) => {
            let is_time = |ty: &DataType| matches!(ty, DataType::Date32 | DataType::Timestamp(..));
            (from.is_numeric() && to.is_numeric()) || (is_time(from) && is_time(to))
        }
        _ => false,
    }
}

/// An expression's values; where it fails, which rows it fails for.
fn each(
    expression: &RowExpression,
    rows: &RecordBatch,
    mut fails: impl FnMut(usize, String),
) -> Result<ArrayRef> {
    match expression.evaluate(rows) {
        Ok(values) => return Ok(values),
        Err(error) if rows.num_rows() == 0 => return Err(error),
        Err(_) => {}
    }
    let mut values = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        values.push(match expression.evaluate(&rows.slice(row, 1)) {
            Ok(value) => value,
            Err(error) => {
                fails(row, error.message().to_owned());
                arrow::array::new_null_array(expression.data_type(), 1)
            }
        });
    }
    joined(&values)
}

/// Values as another type one by one, NULL where they do not fit.
fn one_by_one(
    values: &ArrayRef,
    wanted: &DataType,
    mut unfit: impl FnMut(usize),
) -> Result<ArrayRef> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let one = |row: usize| match cast_with_options(&values.slice(row, 1), wanted, &exact) {
        Ok(value) => value,
        Err(_) => {
            unfit(row);
            arrow::array::new_null_array(wanted, 1)
        }
    };
    let values: Vec<ArrayRef> = (0..values.len()).map(one).collect();
    joined(&values)
}

fn joined(values: &[ArrayRef]) -> Result<ArrayRef> {
    let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
    arrow::compute::concat(&values)
        .map_err(|error| Error::internal("derived values do not fit together").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ColumnType;
    use arrow::array::Int32Array;
    use arrow::datatypes::{Int16Type, Int32Type};

    fn rows() -> RecordBatch {
        let column = |values: Vec<Option<i32>>| Arc::new(Int32Array::from(values)) as ArrayRef;
        RecordBatch::try_from_iter_with_nullable([
            ("a", column(vec![Some(1), Some(9), None, Some(70_000)]), true),
            ("b", column(vec![Some(2), Some(3), Some(4), Some(0)]), true),
        ])
        .unwrap()
    }

    fn rules(derive: &[(&str, &str, ColumnType)], checks: &[(&str, &str)]) -> Result<RowRules> {
        let derive: Vec<Derived> = derive
            .iter()
            .map(|(name, expression, ty)| Derived {
                name: (*name).to_owned(),
                ty: *ty,
                expression: (*expression).to_owned(),
            })
            .collect();
        let checks: Vec<RowCheck> = checks
            .iter()
            .map(|(name, expression)| RowCheck {
                name: (*name).to_owned(),
                expression: (*expression).to_owned(),
            })
            .collect();
        RowRules::new(&rows().schema(), &derive, &checks)
    }

    #[test]
    fn columns_are_derived_and_rows_checked() {
        let rules = rules(
            &[("c", "a + b", ColumnType::Int16), ("d", "c * 2", ColumnType::Int32)],
            &[("a before b", "a <= b")],
        );
        let (rows, faults) = rules.unwrap().apply(rows()).unwrap();
        let c: Vec<_> = rows.column(2).as_primitive::<Int16Type>().iter().collect();
        assert_eq!(c, vec![Some(3), Some(12), None, None]);
        let d: Vec<_> = rows.column(3).as_primitive::<Int32Type>().iter().collect();
        assert_eq!(d, vec![Some(6), Some(24), None, None]);
        let told: Vec<_> = faults.iter().map(|fault| (fault.row, fault.rule)).collect();
        assert_eq!(told, vec![(3, "derive"), (1, "check"), (3, "check")]);
        assert!(faults[1].reason.contains("a before b"), "{faults:?}");
    }

    #[test]
    fn a_row_that_fails_is_told_and_others_stand() {
        let rules = rules(&[("c", "a / b", ColumnType::Int32)], &[]).unwrap();
        let (rows, faults) = rules.apply(rows()).unwrap();
        let c: Vec<_> = rows.column(2).as_primitive::<Int32Type>().iter().collect();
        assert_eq!(c, vec![Some(0), Some(3), None, None]);
        assert_eq!(faults.iter().map(|fault| fault.row).collect::<Vec<_>>(), vec![3]);
    }

    #[test]
    fn wrong_rules_are_refused() {
        let told = |derive: &[(&str, &str, ColumnType)], checks: &[(&str, &str)]| {
            rules(derive, checks).err().unwrap().to_string()
        };
        assert!(told(&[("a", "b", ColumnType::Int32)], &[]).contains("already"));
        assert!(told(&[("c", "a", ColumnType::Text)], &[]).contains("does not become"));
        assert!(told(&[], &[("n", "a + 1")]).contains("not true or false"));
        assert!(told(&[], &[("n", "z > 1")]).contains("no expression over the columns"));
    }

    #[test]
    fn a_moment_at_another_zone_is_refused_and_what_clocks_show_there_is_not() {
        let schema = Schema::new(vec![Field::new("ts", ColumnType::Timestamp.arrow(), true)]);
        let new = |expression: &str| {
            let (name, ty) = ("c".to_owned(), ColumnType::Timestamp);
            let derive = [Derived { name, ty, expression: expression.to_owned() }];
            RowRules::new(&schema, &derive, &[])
        };
        let told = new("ts AT TIME ZONE 'Europe/Berlin'").err().unwrap().to_string();
        assert!(told.contains("would do nothing") && told.contains("Europe/Berlin"), "{told}");
        assert!(new("ts AT TIME ZONE 'UTC'").is_ok());
        let rules = new("to_local_time(ts AT TIME ZONE 'Europe/Berlin')").unwrap();
        let ts = arrow::array::TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
        let ts = arrow::compute::cast(&ts, &ColumnType::Timestamp.arrow()).unwrap();
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![ts]).unwrap();
        let (rows, faults) = rules.apply(batch).unwrap();
        assert_eq!(faults, vec![]);
        let shown = arrow::compute::cast(rows.column(1), &DataType::Int64).unwrap();
        assert_eq!(shown.as_primitive::<arrow::datatypes::Int64Type>().value(0), 3_600_000_000);
    }
}
