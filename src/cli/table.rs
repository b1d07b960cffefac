//! Tables to be read by people.

use crate::error::{Error, Result};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, Table};

/// What stands for NULL: not to be taken for a text, which is shown as it is.
const NULL: &str = "∅";

/// A table with a heading.
pub(super) fn headed<'a>(heading: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table
        .set_header(heading.into_iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

/// A cell with a number.
pub(super) fn number(value: impl std::fmt::Display) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

/// A count as people read it: `1,234,567`.
pub(super) fn count(rows: u64) -> String {
    let digits = rows.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// So many rows.
pub(super) fn rows(rows: u64) -> String {
    format!("{} {}", count(rows), if rows == 1 { "row" } else { "rows" })
}

/// Milliseconds as seconds.
pub(super) fn seconds(elapsed_ms: u64) -> String {
    format!("{}.{:03}", elapsed_ms / 1000, elapsed_ms % 1000)
}

/// Bytes as people read them: `1.5 MiB`.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut unit = "B";
    // Tenths of a unit, rounded down; a double is not needed for one digit.
    let mut tenths = u128::from(size) * 10;
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// An answer: its first rows, and how many there are.
pub(super) struct AnswerTable {
    table: Table,
    numeric: Vec<bool>,
    /// Rows to show; 0 for all.
    limit: usize,
    shown: usize,
    rows: u64,
}

impl AnswerTable {
    pub(super) fn new(schema: &SchemaRef, limit: usize) -> Self {
        let numeric: Vec<bool> =
            schema.fields().iter().map(|field| is_numeric(field.data_type())).collect();
        let mut table = headed(schema.fields().iter().map(|field| field.name().as_str()));
        for (column, _) in table.column_iter_mut().zip(&numeric).filter(|(_, numeric)| **numeric) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self { table, numeric, limit, shown: 0, rows: 0 }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        let wanted = match self.limit {
            0 => batch.num_rows(),
            limit => batch.num_rows().min(limit - self.shown.min(limit)),
        };
        let options = FormatOptions::default().with_null(NULL);
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::internal("a column cannot be shown").caused_by(error))?;
        for row in 0..wanted {
            let mut cells = Vec::with_capacity(formatters.len());
            for ((formatter, column), numeric) in
                formatters.iter().zip(batch.columns()).zip(&self.numeric)
            {
                let text = formatter
                    .value(row)
                    .try_to_string()
                    .map_err(|error| Error::internal("a value cannot be shown").caused_by(error))?;
                let mut cell = Cell::new(text);
                if *numeric {
                    cell = cell.set_alignment(CellAlignment::Right);
                }
                if column.is_null(row) {
                    cell = cell.add_attribute(Attribute::Dim);
                }
                cells.push(cell);
            }
            self.table.add_row(cells);
        }
        self.shown += wanted;
        Ok(())
    }

    /// The table and the line below it.
    pub(super) fn render(&self) -> String {
        let rows = rows(self.rows);
        let hidden = self.rows > u64::try_from(self.shown).unwrap_or(u64::MAX);
        let note = if hidden {
            format!(", the first {} shown (--rows 0 shows all)", self.shown)
        } else {
            String::new()
        };
        format!("{}\n{rows}{note}", self.table)
    }
}

fn is_numeric(ty: &DataType) -> bool {
    match ty {
        DataType::Dictionary(_, value) => is_numeric(value),
        ty => ty.is_numeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};
    use std::sync::Arc;

    #[test]
    fn an_answer_reads_well() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("store", DataType::Utf8, true),
            Field::new("sold", DataType::Int64, true),
        ]));
        let stores = StringArray::from(vec![Some("Köln 北京"), None, Some("Rome")]);
        let sold = Int64Array::from(vec![Some(7), Some(1200), None]);
        let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(stores), Arc::new(sold)];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let mut table = AnswerTable::new(&schema, 4);
        table.add(&batch).unwrap();
        table.add(&batch).unwrap();
        let expected = "\
┌───────────┬──────┐
│ store     ┆ sold │
╞═══════════╪══════╡
│ Köln 北京 ┆    7 │
│ ∅         ┆ 1200 │
│ Rome      ┆    ∅ │
│ Köln 北京 ┆    7 │
└───────────┴──────┘
6 rows, the first 4 shown (--rows 0 shows all)";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn counts_and_bytes() {
        let counts: Vec<String> = [0, 999, 1000, 1_234_567].map(count).to_vec();
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 1023, 1024, 1536, 5 << 20, (1 << 40) + (1 << 39)].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "1.5 TiB"]);
    }
}
