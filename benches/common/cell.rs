//! A value of an answer, and when two are the same.

use arrow::array::{Array, Float64Array};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::{Deserialize, Serialize};

/// A float, or what is exact, as text; NULL is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Float(f64),
    Exact(String),
}

/// How far apart floats may be that were added up in another order.
const RELATIVE: f64 = 1e-9;

impl Cell {
    /// The rows of batches.
    pub(crate) fn rows(
        batches: &[RecordBatch],
    ) -> Result<Vec<Vec<Self>>, arrow::error::ArrowError> {
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in batches {
            let columns = batch.columns().iter();
            let texts: Vec<_> = columns
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
                .collect::<Result<_, _>>()?;
            let floats = batch.columns().iter();
            let floats: Vec<Option<&Float64Array>> =
                floats.map(|column| column.as_any().downcast_ref()).collect();
            for row in 0..batch.num_rows() {
                let cell =
                    |(text, floats): (&ArrayFormatter<'_>, &Option<&Float64Array>)| match floats
                        .filter(|floats| floats.is_valid(row))
                    {
                        Some(floats) => Self::Float(floats.value(row)),
                        None => Self::Exact(text.value(row).to_string()),
                    };
                rows.push(texts.iter().zip(&floats).map(cell).collect());
            }
        }
        Ok(rows)
    }

    /// Whether it is NULL or empty.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Exact(text) if text.is_empty())
    }

    /// Exact values are equal, but for padding and zeros that say nothing; floats nearly so; a
    /// float is a decimal if it is so to that decimal's last digit, since engines differ in
    /// whether an average or a quotient of decimals is a decimal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => plain(a) == plain(b),
            (Self::Float(a), Self::Float(b)) => {
                (a - b).abs() <= RELATIVE * a.abs().max(b.abs()) || a == b
            }
            (Self::Float(float), Self::Exact(text)) | (Self::Exact(text), Self::Float(float)) => {
                let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len() as i32);
                let last = 10_f64.powi(-digits);
                text.parse::<f64>()
                    .is_ok_and(|exact| (exact - float).abs() <= last.max(RELATIVE * float.abs()))
            }
        }
    }
}

/// A text without padding, a decimal without zeros at its end.
fn plain(text: &str) -> &str {
    let text = text.trim_end();
    let is_decimal = text.contains('.') && text.parse::<f64>().is_ok();
    if is_decimal { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
