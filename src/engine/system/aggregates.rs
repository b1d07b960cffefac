//! `system.aggregates`: the cuboids that cubes declare, and whether this release has them.

use super::arrays::{boolean, column, optional, optional_count, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::engine::automatic_aggregates;
use crate::error::Result;
use crate::model::{Aggregate, AutomaticAggregate, Column, ColumnType, Cube};
use crate::query::{AGGREGATE_DEFINITION, AGGREGATE_LEFT_OUT};
use crate::store::TableState;
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Aggregates;

#[async_trait]
impl SystemTable for Aggregates {
    fn name(&self) -> &'static str {
        "aggregates"
    }

    fn description(&self) -> &'static str {
        "one row an aggregate of a cube: declared, or kept by the release itself"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("cube", ColumnType::Text, "the cube"),
            column("aggregate", ColumnType::Text, "its name"),
            column("table_name", ColumnType::Text, "its table in the schema warehouse"),
            column("fact", ColumnType::Text, "the fact it summarises"),
            column("dimensions", ColumnType::Text, "the roles it keeps as a whole"),
            column("columns", ColumnType::Text, "the cube columns it keeps by value"),
            column("measures", ColumnType::Text, "the measures it keeps"),
            column(
                "in_release",
                ColumnType::Boolean,
                "whether the session's release has it, built by its present definition",
            ),
            column(
                "automatic",
                ColumnType::Boolean,
                "whether the release keeps it by itself, and no file declares it",
            ),
            optional(
                "why",
                ColumnType::Text,
                "why it was chosen, where the release keeps it by itself",
            ),
            optional(
                "left_out",
                ColumnType::Text,
                "why the release does without it, where it could not be computed of its rows",
            ),
            optional("rows", ColumnType::Int64, "its rows"),
            optional("size_bytes", ColumnType::Int64, "bytes of its files"),
            column("description", ColumnType::Text, "what it is for"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let declared: Vec<Row<'_>> = source
            .model
            .cubes
            .iter()
            .flat_map(|cube| cube.aggregates.iter().map(move |aggregate| (cube, aggregate)))
            .map(|(cube, aggregate)| Row::new(source, cube, aggregate))
            .collect();
        let by_itself = automatic_aggregates(&source.release)?;
        let why = |row: &Row<'_>| {
            let mut by_itself = by_itself.iter().filter(|_| row.aggregate.is_automatic);
            let same = |one: &&AutomaticAggregate| {
                one.cube == row.cube.name && one.aggregate.name == row.aggregate.name
            };
            by_itself.find(same).map(|one| one.why.as_str())
        };
        Ok(vec![
            text(declared.iter().map(|row| &row.cube.name)),
            text(declared.iter().map(|row| &row.aggregate.name)),
            text(declared.iter().map(|row| &row.table)),
            text(declared.iter().map(|row| &row.aggregate.fact)),
            text(declared.iter().map(|row| row.aggregate.roles.join(", "))),
            text(declared.iter().map(|row| row.aggregate.columns.join(", "))),
            text(declared.iter().map(|row| row.aggregate.measures.join(", "))),
            boolean(declared.iter().map(|row| row.state.is_some())),
            boolean(declared.iter().map(|row| row.aggregate.is_automatic)),
            optional_text(declared.iter().map(why)),
            optional_text(declared.iter().map(|row| row.left_out)),
            optional_count(declared.iter().map(|row| row.state.map(TableState::rows))),
            optional_count(declared.iter().map(|row| row.state.map(TableState::size_bytes))),
            text(declared.iter().map(|row| &row.aggregate.description)),
        ])
    }
}

struct Row<'a> {
    cube: &'a Cube,
    aggregate: &'a Aggregate,
    table: String,
    state: Option<&'a TableState>,
    left_out: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(source: &'a SystemSource, cube: &'a Cube, aggregate: &'a Aggregate) -> Self {
        let table = cube.aggregate_table(aggregate);
        let definition = source.lattice.fingerprint(&cube.name, &table);
        let remembered = |name: &str| {
            let found = source.release.inputs.get(&table)?.get(name)?.first()?;
            (Some(found.sha256.as_str()) == definition).then_some(found)
        };
        let is_of_now = remembered(AGGREGATE_DEFINITION).is_some();
        let state = source.release.tables.get(&table).filter(|_| is_of_now);
        let left_out = remembered(AGGREGATE_LEFT_OUT).map(|why| why.name.as_str());
        Self { cube, aggregate, state, left_out, table }
    }
}
