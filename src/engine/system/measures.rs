//! `system.measures`: every measure of every cube.

use super::arrays::{boolean, column, optional, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType, Measure, MeasureKind};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Measures;

#[async_trait]
impl SystemTable for Measures {
    fn name(&self) -> &'static str {
        "measures"
    }

    fn description(&self) -> &'static str {
        "one row a measure of a cube"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("cube", ColumnType::Text, "the cube"),
            column("measure", ColumnType::Text, "its name"),
            column("kind", ColumnType::Text, "how it is computed"),
            optional("fact", ColumnType::Text, "the fact whose rows it aggregates, if it does"),
            column("additive", ColumnType::Boolean, "whether its values may be added up"),
            column("definition", ColumnType::Text, "what it is computed from"),
            optional("unit", ColumnType::Text, "the unit of its values"),
            column("description", ColumnType::Text, "what it means"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let cubes = source.model.cubes.iter();
        let rows: Vec<(&str, &Measure)> =
            cubes.flat_map(|cube| cube.measures.iter().map(|m| (cube.name.as_str(), m))).collect();
        Ok(vec![
            text(rows.iter().map(|(cube, _)| cube)),
            text(rows.iter().map(|(_, measure)| &measure.name)),
            text(rows.iter().map(|(_, measure)| kind(&measure.kind))),
            optional_text(rows.iter().map(|(_, measure)| measure.kind.fact())),
            boolean(rows.iter().map(|(_, measure)| measure.kind.is_additive())),
            text(rows.iter().map(|(_, measure)| definition(&measure.kind))),
            optional_text(rows.iter().map(|(_, measure)| measure.unit.as_deref())),
            text(rows.iter().map(|(_, measure)| &measure.description)),
        ])
    }
}

/// The word for a kind, as in the model's YAML.
fn kind(kind: &MeasureKind) -> &'static str {
    match kind {
        MeasureKind::Sum { .. } => "sum",
        MeasureKind::Count { .. } => "count",
        MeasureKind::CountDistinct { .. } => "count_distinct",
        MeasureKind::Min { .. } => "min",
        MeasureKind::Max { .. } => "max",
        MeasureKind::Average { .. } => "average",
        MeasureKind::Last { .. } => "last",
        MeasureKind::Ratio { .. } => "ratio",
        MeasureKind::Calculated { .. } => "calculated",
        MeasureKind::YearsBefore { .. } => "years_before",
        MeasureKind::ShareOfTotal { .. } => "share_of_total",
    }
}

fn definition(kind: &MeasureKind) -> String {
    match kind {
        MeasureKind::Sum { sql, filter, .. }
        | MeasureKind::CountDistinct { sql, filter, .. }
        | MeasureKind::Min { sql, filter, .. }
        | MeasureKind::Max { sql, filter, .. }
        | MeasureKind::Average { sql, filter, .. } => filtered(sql, filter.as_deref()),
        MeasureKind::Count { filter, .. } => filtered("*", filter.as_deref()),
        MeasureKind::Last { sql, over, filter, .. } => {
            format!("{} at the last {over}", filtered(sql, filter.as_deref()))
        }
        MeasureKind::Ratio { numerator, denominator } => format!("{numerator} / {denominator}"),
        MeasureKind::Calculated { sql } => sql.clone(),
        MeasureKind::YearsBefore { measure, over, years } => {
            format!("{measure}, {years} years before by {over}")
        }
        MeasureKind::ShareOfTotal { measure } => format!("{measure} / its total"),
    }
}

fn filtered(sql: &str, filter: Option<&str>) -> String {
    match filter {
        Some(condition) => format!("{sql} where {condition}"),
        None => sql.to_owned(),
    }
}
