//! What is said of members beside them: their names in another language, and their properties.
//!
//! Both are columns that a member has one value of. They are grouped by with it, and so make no rows
//! and no totals of their own.

use super::CubeQuery;
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Captions, Cube, CubeColumn, Dimension, History, Model};

/// A group beside the members of a row.
pub(super) struct Beside {
    pub(super) group: usize,
    pub(super) row: usize,
    /// The cube column.
    pub(super) column: String,
    pub(super) says: Says,
}

/// What it says.
#[derive(PartialEq, Eq)]
pub(super) enum Says {
    /// The name of the members of a group.
    Name { of: usize },
    /// Something else, under this name.
    Property { name: String },
}

/// The captions of the language that a query asks for.
pub(super) fn captions<'c>(query: &CubeQuery, cube: &'c Cube) -> Result<Option<&'c Captions>> {
    let Some(language) = &query.language else { return Ok(None) };
    let known = || cube.captions.iter().map(|captions| captions.language.as_str());
    cube.captions(language).map(Some).ok_or_else(|| {
        let error =
            Error::user(format!("cube {} has no captions in language `{language}`", cube.name));
        match (did_you_mean(language, known()), cube.captions.is_empty()) {
            (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
            (None, true) => error.hint("its model declares none: `captions: [...]`"),
            (None, false) => {
                error.hint(format!("it has {}", known().collect::<Vec<_>>().join(", ")))
            }
        }
    })
}

/// The row whose members a property is of: they must be single members of its dimension, and it must
/// have one value for each. `rows` are the names of rows, each with its cube columns.
pub(super) fn row_of_property(
    property: &CubeColumn,
    asked: &str,
    rows: &[(String, Vec<String>)],
    cube: &Cube,
    model: &Model,
) -> Result<usize> {
    let dimension = property.dimension.as_deref().and_then(|name| model.dimension(name));
    let dimension = dimension.ok_or_else(|| {
        Error::user(format!("`{asked}` is a property of nothing, it stands in the fact itself"))
            .hint("ask it in `rows`")
    })?;
    // What a view shows is one thing for each member of the role that it views.
    let view = cube.view(&property.role).map(|view| view.of.as_str());
    let roles = [Some(property.role.as_str()), view];
    let found = roles.into_iter().flatten().find_map(|role| {
        let shown = row_of_members(role, dimension, rows, cube)?;
        Some((role, shown))
    });
    let Some((role, row)) = found else {
        let key = dimension.identifying_columns();
        let key = key.first().map_or("key", |column| column.name.as_str());
        let role = view.unwrap_or(&property.role);
        return Err(Error::user(format!(
            "`{asked}` is a property of single members of `{role}`, and the rows do not show them"
        ))
        .hint(format!("add {role}.{key} to `rows`")));
    };
    let attribute = dimension.attributes.iter().find(|own| own.column.name == property.column.name);
    let changes = attribute.is_some_and(|own| own.history == History::NewVersion);
    if changes && role == property.role && cube.view(role).is_none() {
        return Err(Error::user(format!(
            "`{asked}` changes over time, so that a member may have several"
        ))
        .hint("ask it of a view, which shows members as they are, or ask it in `rows`"));
    }
    Ok(row)
}

/// The row with the last column of a role's natural key, if rows have all of it.
fn row_of_members(
    role: &str,
    dimension: &Dimension,
    rows: &[(String, Vec<String>)],
    cube: &Cube,
) -> Option<usize> {
    let row_of = |key: &str| {
        let column = cube.role_column(role, key)?;
        rows.iter().position(|(_, columns)| columns.contains(&column.name))
    };
    let keys = dimension.identifying_columns().into_iter().map(|key| row_of(&key.name));
    keys.collect::<Option<Vec<usize>>>()?.into_iter().max()
}
