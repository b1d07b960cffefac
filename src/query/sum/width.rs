//! How wide sums are while values are added up.

use arrow::array::ArrowNativeTypeOp;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Int64Type, UInt64Type,
};
use datafusion::common::exec_datafusion_err;
use datafusion::error::DataFusionError;
use std::fmt::Debug;

/// Values of a type, and what they are added up in.
pub(super) trait Width: ArrowPrimitiveType + Debug + Send + Sync {
    /// What a sum under way is.
    type Held: ArrowPrimitiveType + Send;

    /// The type of a sum under way, by that of the sum.
    fn held(sum: &DataType) -> DataType;

    /// A value, to be added.
    fn widened(value: Self::Native) -> Native<Self>;

    /// The sum, if its type can hold it.
    fn narrowed(held: Native<Self>, sum: &DataType) -> Option<Self::Native>;
}

/// A sum under way.
pub(super) type Native<W> = <<W as Width>::Held as ArrowPrimitiveType>::Native;

/// A sum and a value more.
pub(super) fn plus<W: Width>(held: Native<W>, more: Native<W>) -> Option<Native<W>> {
    held.add_checked(more).ok()
}

/// What is said of a sum that its type cannot hold.
pub(super) fn beyond(name: &str, sum: &DataType) -> DataFusionError {
    let wider = match sum {
        DataType::Int64 | DataType::UInt64 => "; SUM(CAST(x AS DECIMAL(38, 0))) holds more",
        DataType::Decimal128(..) => "; SUM(CAST(x AS DECIMAL(76, s))) holds more",
        _ => "",
    };
    exec_datafusion_err!("arithmetic overflow: {name} is beyond what {sum} holds{wider}")
}

/// Digits of a sum of integers under way: 2^64 rows of 2^63 are fewer than 10^38.
const DIGITS: u8 = 38;

macro_rules! whole_numbers {
    ($($ty:ty),*) => {$(
        impl Width for $ty {
            type Held = Decimal128Type;

            fn held(_: &DataType) -> DataType {
                DataType::Decimal128(DIGITS, 0)
            }

            fn widened(value: Self::Native) -> i128 {
                i128::from(value)
            }

            fn narrowed(held: i128, _: &DataType) -> Option<Self::Native> {
                Self::Native::try_from(held).ok()
            }
        }
    )*};
}
whole_numbers!(Int64Type, UInt64Type);

macro_rules! as_they_are {
    ($fits:expr, $($ty:ty),*) => {$(
        impl Width for $ty {
            type Held = Self;

            fn held(sum: &DataType) -> DataType {
                sum.clone()
            }

            fn widened(value: Self::Native) -> Self::Native {
                value
            }

            fn narrowed(held: Self::Native, sum: &DataType) -> Option<Self::Native> {
                $fits(held, sum).then_some(held)
            }
        }
    )*};
}
as_they_are!(has_room::<Self>, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type);
as_they_are!(
    |_, _| true,
    DurationSecondType,
    DurationMillisecondType,
    DurationMicrosecondType,
    DurationNanosecondType
);

/// Whether a decimal has no more digits than its type.
fn has_room<D: DecimalType>(value: D::Native, ty: &DataType) -> bool {
    match ty {
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => {
            D::validate_decimal_precision(value, *digits, *scale).is_ok()
        }
        _ => false,
    }
}
