//! `system.captions`: what the things of cubes are called in other languages.

use super::arrays::{column, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Captions;

#[async_trait]
impl SystemTable for Captions {
    fn name(&self) -> &'static str {
        "captions"
    }

    fn description(&self) -> &'static str {
        "one row a thing of a cube and language"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("cube", ColumnType::Text, "the cube"),
            column("language", ColumnType::Text, "the language, by its code"),
            column("name", ColumnType::Text, "the measure, column, role or level"),
            column("caption", ColumnType::Text, "what it is called"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let mut rows: Vec<[&String; 4]> = Vec::new();
        for cube in &source.model.cubes {
            for captions in &cube.captions {
                let names = captions.names.iter();
                rows.extend(names.map(|(name, as_)| [&cube.name, &captions.language, name, as_]));
            }
        }
        let of = |index: usize| text(rows.iter().map(|row| row[index]));
        Ok((0..4).map(of).collect())
    }
}
