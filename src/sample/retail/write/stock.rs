//! The stores' stock as it was counted, month by month.

use super::Day;
use super::report::SourceReport;
use super::text::{TextFile, utf8};
use crate::error::Result;

const FILE: &str = "sources/finance/stock.csv";

/// Writes the stock.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let headings = ["month_end", "store", "sku", "pieces", "value"];
    let mut text = TextFile::new("stock", FILE, ',', &headings);
    for stock in &day.now.stock {
        text.row(&[
            stock.month_end.to_string(),
            stock.store.clone(),
            stock.sku.clone(),
            stock.pieces.to_string(),
            format!("{}.{:02}", stock.value / 100, stock.value % 100),
        ]);
    }
    Ok(vec![text.finish(day, utf8)?])
}
