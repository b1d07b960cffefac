//! `system.catalog`: the data dictionary. Every table, column, level, cube and measure, described.

use super::arrays::{column, optional, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::engine::describe;
use crate::error::Result;
use crate::model::{Column, ColumnType, Cube, Dimension};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Catalog;

/// A row of it.
struct Entry {
    kind: &'static str,
    schema: &'static str,
    table: String,
    name: String,
    data_type: Option<String>,
    unit: Option<String>,
    description: String,
}

#[async_trait]
impl SystemTable for Catalog {
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn description(&self) -> &'static str {
        "one row a table, column, level, cube or measure, with its meaning"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("kind", ColumnType::Text, "table, column, level, cube, set or measure"),
            column("schema_name", ColumnType::Text, "the schema of its table"),
            column("table_name", ColumnType::Text, "its table or cube"),
            column("name", ColumnType::Text, "its name; levels as hierarchy.level"),
            optional("data_type", ColumnType::Text, "the type of its values"),
            optional("unit", ColumnType::Text, "the unit of its values"),
            column("description", ColumnType::Text, "what it means"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let mut entries = Vec::new();
        stored_tables(source, &mut entries);
        for dimension in &source.model.dimensions {
            levels(dimension, &mut entries);
        }
        for cube in &source.model.cubes {
            cube_entries(cube, &mut entries);
        }
        for table in super::all() {
            let (name, columns) = (table.name(), table.columns());
            table_entries("system", name, table.description().to_owned(), &columns, &mut entries);
        }
        Ok(vec![
            text(entries.iter().map(|entry| entry.kind)),
            text(entries.iter().map(|entry| entry.schema)),
            text(entries.iter().map(|entry| &entry.table)),
            text(entries.iter().map(|entry| &entry.name)),
            optional_text(entries.iter().map(|entry| entry.data_type.as_deref())),
            optional_text(entries.iter().map(|entry| entry.unit.as_deref())),
            text(entries.iter().map(|entry| &entry.description)),
        ])
    }
}

fn stored_tables(source: &SystemSource, entries: &mut Vec<Entry>) {
    for (name, state) in &source.release.tables {
        let description = describe::table(&source.model, name);
        table_entries("warehouse", name, description, &state.columns, entries);
    }
}

fn table_entries(
    schema: &'static str,
    table: &str,
    description: String,
    columns: &[Column],
    entries: &mut Vec<Entry>,
) {
    entries.push(Entry {
        kind: "table",
        schema,
        table: table.to_owned(),
        name: table.to_owned(),
        data_type: None,
        unit: None,
        description,
    });
    entries.extend(columns.iter().map(|column| of_column(schema, table, &column.name, column)));
}

fn of_column(schema: &'static str, table: &str, name: &str, column: &Column) -> Entry {
    Entry {
        kind: "column",
        schema,
        table: table.to_owned(),
        name: name.to_owned(),
        data_type: Some(column.ty.to_string()),
        unit: column.unit.clone(),
        description: column.description.clone(),
    }
}

fn levels(dimension: &Dimension, entries: &mut Vec<Entry>) {
    for hierarchy in &dimension.hierarchies {
        for level in &hierarchy.levels {
            let shown = dimension.described_columns().find(|c| c.name == level.attribute);
            entries.push(Entry {
                kind: "level",
                schema: "warehouse",
                table: dimension.table(),
                name: format!("{}.{}", hierarchy.name, level.name),
                data_type: shown.map(|column| column.ty.to_string()),
                unit: None,
                description: (level.description.clone())
                    .or_else(|| shown.map(|column| column.description.clone()))
                    .unwrap_or_default(),
            });
        }
    }
}

fn cube_entries(cube: &Cube, entries: &mut Vec<Entry>) {
    entries.push(Entry {
        kind: "cube",
        schema: "cubes",
        table: cube.name.clone(),
        name: cube.name.clone(),
        data_type: None,
        unit: None,
        description: cube.description.clone(),
    });
    let columns = cube.columns.iter();
    entries.extend(columns.map(|c| of_column("cubes", &cube.name, &c.name, &c.column)));
    entries.extend(cube.sets.iter().map(|set| Entry {
        kind: "set",
        schema: "cubes",
        table: cube.name.clone(),
        name: set.name.clone(),
        data_type: Some(ColumnType::Boolean.to_string()),
        unit: None,
        description: set.description.clone(),
    }));
    entries.extend(cube.measures.iter().map(|measure| Entry {
        kind: "measure",
        schema: "cubes",
        table: cube.name.clone(),
        name: measure.name.clone(),
        data_type: None,
        unit: measure.unit.clone(),
        description: measure.description.clone(),
    }));
}
