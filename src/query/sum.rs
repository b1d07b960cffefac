//! `SUM` that never wraps: DataFusion's adds up integers in 64 bits and decimals in 128, and begins
//! anew from below where these are not enough.
//!
//! Integers are added up in 128 bits, which no number of rows fills, and only the sum itself has to
//! fit: whether it is an error does not depend on the order of rows. Decimals are added up in the
//! width they have, checked at each step. Floats and intervals are left to DataFusion.

mod grouped;
mod total;
mod width;

use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Field, FieldRef, Int64Type, TimeUnit, UInt64Type,
};
use datafusion::common::Result;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator,
    ReversedUDAF, Signature,
};
use grouped::Totals;
use std::sync::{Arc, LazyLock};
use total::{Different, Total};
use width::Width;

static SUM: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(CheckedSum(Sum::new()))));

/// The function to register in a session, in place of DataFusion's.
pub fn sum_function() -> Arc<AggregateUDF> {
    Arc::clone(&SUM)
}

/// `SUM(value)`.
pub fn sum(value: Expr) -> Expr {
    SUM.call(vec![value])
}

/// `SUM`, in all but how it adds up as DataFusion has it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum(Sum);

/// Calls a function that is generic by the width in which values of a type are added up; the second
/// expression stands for types that are not checked.
macro_rules! by_width {
    ($ty:expr, $width:ident => $checked:expr, $other:expr) => {
        by_width!(@ $ty, $width, $checked, $other,
            DataType::Int64 => Int64Type,
            DataType::UInt64 => UInt64Type,
            DataType::Decimal32(..) => Decimal32Type,
            DataType::Decimal64(..) => Decimal64Type,
            DataType::Decimal128(..) => Decimal128Type,
            DataType::Decimal256(..) => Decimal256Type,
            DataType::Duration(TimeUnit::Second) => DurationSecondType,
            DataType::Duration(TimeUnit::Millisecond) => DurationMillisecondType,
            DataType::Duration(TimeUnit::Microsecond) => DurationMicrosecondType,
            DataType::Duration(TimeUnit::Nanosecond) => DurationNanosecondType)
    };
    (@ $ty:expr, $width:ident, $checked:expr, $other:expr, $($pattern:pat => $primitive:ty),*) => {
        match $ty {
            $($pattern => {
                type $width = $primitive;
                $checked
            })*
            _ => $other,
        }
    };
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let ty = args.return_field.data_type();
        by_width!(ty, W => {
            let total = Total::<W>::new(args.name, ty);
            Ok(match args.is_distinct {
                true => Box::new(Different::new(self.0.accumulator(args)?, total)),
                false => Box::new(total),
            })
        }, self.0.accumulator(args))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let ty = args.return_field.data_type();
        by_width!(ty, W => {
            let total = Total::<W>::new(args.name, ty);
            Ok(match args.is_distinct {
                true => Box::new(Different::new(self.0.create_sliding_accumulator(args)?, total)),
                false => Box::new(total),
            })
        }, self.0.create_sliding_accumulator(args))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if args.is_distinct {
            return self.0.state_fields(args);
        }
        let ty = args.return_field.data_type();
        let held = by_width!(ty, W => W::held(ty), ty.clone());
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum"), held, true))])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let ty = args.return_field.data_type();
        by_width!(
            ty,
            W => Ok(Box::new(Totals::<W>::new(args.name, ty))),
            self.0.create_groups_accumulator(args)
        )
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

#[cfg(test)]
mod tests;
