//! The refusal of a sum of converted amounts of which one has no rate, when the answer is there.

use crate::error::Error;
use crate::model::Conversion;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// What stands between the currency and the day of an example.
pub(super) const BETWEEN: &str = " on ";

/// `(whether amounts lack a rate, sum, the currency and day's key of one that does)`: the sum where none
/// does, an error that names the measure and the example where one does.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Refusal {
    measure: String,
    to: String,
    rates: String,
    signature: Signature,
}

impl Refusal {
    pub(super) fn new(measure: &str, conversion: &Conversion) -> Self {
        let (measure, signature) = (measure.to_owned(), Signature::any(3, Volatility::Immutable));
        Self { measure, to: conversion.to.clone(), rates: conversion.rates.clone(), signature }
    }

    fn error(&self, example: Option<&str>) -> Error {
        let Self { measure, to, rates, .. } = self;
        let lacking = match example.and_then(told) {
            Some(Lacking { currency: None, .. }) => "an amount has no currency".to_owned(),
            Some(Lacking { currency: Some(currency), day: None }) => {
                format!("an amount in {currency} is of no known day")
            }
            Some(Lacking { currency: Some(currency), day: Some(day) }) => {
                format!("`{rates}` has no rate of {currency} on {day}")
            }
            None => format!("`{rates}` has no rate of their day and currency"),
        };
        Error::data(format!("amounts of `{measure}` cannot be converted to {to}: {lacking}")).hint(
            "load the rates, leave those amounts out, or declare the measure `missing: empty`; \
             `starhouse check --data` lists what is missing",
        )
    }
}

/// What an amount lacks a rate for.
struct Lacking<'a> {
    currency: Option<&'a str>,
    day: Option<String>,
}

/// An example, from its currency and the key of its day.
fn told(example: &str) -> Option<Lacking<'_>> {
    let (currency, key) = example.rsplit_once(BETWEEN)?;
    let currency = Some(currency).filter(|currency| !currency.is_empty());
    let digits = key.len() == 8 && key.chars().all(|digit| digit.is_ascii_digit());
    let day = digits.then(|| format!("{}-{}-{}", &key[..4], &key[4..6], &key[6..]));
    Some(Lacking { currency, day })
}

impl ScalarUDFImpl for Refusal {
    fn name(&self) -> &str {
        "converted"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(arguments.get(1).cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> datafusion::common::Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let mut arguments = arguments.args.into_iter();
        let (Some(lacks), Some(value), Some(example)) =
            (arguments.next(), arguments.next(), arguments.next())
        else {
            return datafusion::common::plan_err!("a conversion takes three values");
        };
        let lacking = match &lacks {
            ColumnarValue::Array(array) => {
                let flags = array.as_boolean();
                (0..flags.len()).find(|row| flags.is_valid(*row) && flags.value(*row))
            }
            ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => Some(0),
            ColumnarValue::Scalar(_) => None,
        };
        let Some(row) = lacking else { return Ok(value) };
        let examples = cast(&example.into_array(rows)?, &DataType::Utf8)?;
        let examples = examples.as_string::<i32>();
        let known = row < examples.len() && examples.is_valid(row);
        let example = known.then(|| examples.value(row));
        Err(DataFusionError::External(Box::new(self.error(example))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_names_currency_and_day() {
        let day = |example| told(example).map(|lacking| (lacking.currency, lacking.day));
        assert_eq!(day("NOK on 20240630"), Some((Some("NOK"), Some("2024-06-30".to_owned()))));
        assert_eq!(day("NOK on -1"), Some((Some("NOK"), None)));
        assert_eq!(day(" on 20240630"), Some((None, Some("2024-06-30".to_owned()))));
    }
}
