//! What things are called in the language of a question.

use super::{Data, Value};
use starhouse::model::{self, Cube, CubeColumn};
use starhouse::query::CubeQuery;

/// The names in a language, if one is asked.
pub(crate) struct Captions<'a>(Option<&'a model::Captions>);

impl<'a> Captions<'a> {
    pub(crate) fn of(cube: &'a Cube, query: &CubeQuery) -> Self {
        Self(query.language.as_ref().map(|language| cube.captions(language).unwrap()))
    }

    /// What a column is called: as the level that was asked, or by itself, unless another is called so.
    pub(crate) fn heading(&self, asked: Option<&str>, name: &str, known: &[String]) -> String {
        let named = |name: &str| self.0.and_then(|captions| captions.names.get(name));
        let caption = asked.and_then(named).or_else(|| named(name)).cloned();
        caption.filter(|caption| !known.contains(caption)).unwrap_or_else(|| name.to_owned())
    }

    /// What the columns of rows are called.
    pub(crate) fn headings(&self, asked: &[String], rows: &[Vec<CubeColumn>]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (asked, columns) in asked.iter().zip(rows) {
            for (index, column) in columns.iter().enumerate() {
                let level = (index + 1 == columns.len()).then_some(asked.as_str());
                names.push(self.heading(level, &column.name, &names));
            }
        }
        names
    }

    /// A member by its name in the language, where it has one.
    pub(crate) fn member(&self, data: &Data, column: &CubeColumn, member: Value) -> Value {
        let named = self.0.and_then(|captions| captions.members.get(&column.name));
        let (Some(named), Some(dimension)) = (named, &column.dimension) else { return member };
        // The column of the name is of the same role; its own name ends that of the cube's column.
        let mut rows = data.dimensions[dimension].iter().rev();
        let Some(row) = rows.find(|row| row[&column.column.name] == member) else { return member };
        let own =
            row.keys().filter(|own| named.ends_with(own.as_str())).max_by_key(|own| own.len());
        match &row[own.unwrap()] {
            Value::Null => member,
            name => name.clone(),
        }
    }
}
