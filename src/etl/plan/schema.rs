//! How the table that a job loads would change its form: the model beside what is stored. Pure.

use crate::etl::job::{Job, LoadSpec};
use crate::etl::load::histories;
use crate::etl::load::{band_spec, combined_spec, dimension_spec, fact_spec};
use crate::model::{Column, DimensionKind, Model};
use crate::store::{Release, TableSpec, TableState};
use serde::Serialize;

/// How a table would change its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    /// The table.
    pub table: String,
    /// What of it.
    pub what: SchemaPart,
    /// The column, where it is one.
    pub column: Option<String>,
    /// What it is in the latest release; none where it is new.
    pub before: Option<String>,
    /// What it would be; none where it would leave.
    pub after: Option<String>,
}

/// A part of a table's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaPart {
    /// The table itself.
    Table,
    /// A column: its type, and whether it may be NULL.
    Column,
    /// The column by which it is partitioned.
    PartitionBy,
    /// The columns by which its files are sorted.
    SortBy,
    /// The kind of history of a column.
    History,
}

impl SchemaChange {
    /// In words.
    pub fn in_words(&self) -> String {
        let column = self.column.as_deref().unwrap_or_default();
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        match (self.what, before, after) {
            (SchemaPart::Table, ..) => "new table".to_owned(),
            (SchemaPart::Column, None, Some(after)) => format!("new column {column} {after}"),
            (SchemaPart::Column, Some(before), None) => format!("column {column} {before} leaves"),
            (SchemaPart::Column, ..) => {
                format!("column {column} {} becomes {}", before.unwrap_or(""), after.unwrap_or(""))
            }
            (SchemaPart::History, ..) => {
                let (before, after) = (before.unwrap_or(""), after.unwrap_or(""));
                format!(
                    "column {column} keeps history {after} instead of {before}, from the next change on"
                )
            }
            (SchemaPart::PartitionBy, ..) => {
                let by = |column: Option<&str>| column.unwrap_or("nothing").to_owned();
                format!("partitioned by {} instead of {}", by(after), by(before))
            }
            (SchemaPart::SortBy, ..) => {
                format!("sorted by {} instead of {}", after.unwrap_or(""), before.unwrap_or(""))
            }
        }
    }
}

/// How the tables of a job would change.
pub(super) fn changes(job: &Job, model: &Model, release: &Release) -> Vec<SchemaChange> {
    let mut specs = Vec::new();
    match &job.load {
        LoadSpec::Dimension(load) => {
            specs.extend(model.dimension(&load.dimension).map(dimension_spec));
            for mini in model.minis_of(&load.dimension) {
                specs.push(combined_spec(mini));
                specs.extend(model.band_history(mini).map(|history| band_spec(&history, mini)));
            }
            specs.extend(model.levels_of(&load.dimension).map(combined_spec));
        }
        LoadSpec::Fact(load) => {
            let fact = model.fact(&load.fact);
            specs.extend(fact.map(fact_spec));
            let roles = fact.into_iter().flat_map(|fact| &fact.roles);
            let dimensions = roles.filter_map(|role| model.dimension(&role.dimension));
            let junk = dimensions.filter(|dimension| dimension.kind == DimensionKind::Junk);
            specs.extend(junk.map(combined_spec));
        }
        // What a matching yields is of its own making; bridges are replaced as a whole.
        LoadSpec::Bridge(_) | LoadSpec::Match(_) => {}
    }
    let changes = specs.iter().flat_map(|spec| between(release.tables.get(&spec.name), spec));
    changes.chain(histories(job, model, release)).collect()
}

/// The attributes of the dimension that a job loads which are to keep another kind of history.
fn histories(job: &Job, model: &Model, release: &Release) -> Vec<SchemaChange> {
    let LoadSpec::Dimension(load) = &job.load else { return Vec::new() };
    let Some(dimension) = model.dimension(&load.dimension) else { return Vec::new() };
    let changed = histories::changed(dimension, release).into_iter();
    let change = changed.map(|changed| SchemaChange {
        table: dimension.table(),
        what: SchemaPart::History,
        column: Some(changed.attribute),
        before: Some(changed.before),
        after: Some(changed.after),
    });
    change.collect()
}

fn between(stored: Option<&TableState>, spec: &TableSpec) -> Vec<SchemaChange> {
    let change = |what, column: Option<&str>, before, after| SchemaChange {
        table: spec.name.clone(),
        what,
        column: column.map(str::to_owned),
        before,
        after,
    };
    let Some(stored) = stored else {
        return vec![change(SchemaPart::Table, None, None, Some(spec.name.clone()))];
    };
    let column = |column: &Column| {
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!("{}{null}", column.ty)
    };
    let find = |columns: &[Column], name: &str| {
        columns.iter().find(|column| column.name == name).map(&column)
    };
    let gone = stored.columns.iter().filter(|old| find(&spec.columns, &old.name).is_none());
    let mut changes: Vec<SchemaChange> = gone
        .map(|old| change(SchemaPart::Column, Some(&old.name), Some(column(old)), None))
        .collect();
    for new in &spec.columns {
        let (before, after) = (find(&stored.columns, &new.name), Some(column(new)));
        if before != after {
            changes.push(change(SchemaPart::Column, Some(&new.name), before, after));
        }
    }
    if stored.partition_by != spec.partition_by {
        let (before, after) = (stored.partition_by.clone(), spec.partition_by.clone());
        changes.push(change(SchemaPart::PartitionBy, None, before, after));
    }
    if stored.sort_by != spec.sort_by {
        let list = |columns: &[String]| Some(columns.join(", "));
        let (before, after) = (list(&stored.sort_by), list(&spec.sort_by));
        changes.push(change(SchemaPart::SortBy, None, before, after));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ColumnType;

    fn spec() -> TableSpec {
        TableSpec {
            name: "dim_a".to_owned(),
            description: String::new(),
            columns: vec![
                Column::new("a_key", ColumnType::Int32, false),
                Column::new("name", ColumnType::Text, true),
            ],
            partition_by: None,
            sort_by: vec!["a_key".to_owned()],
        }
    }

    fn stored(spec: &TableSpec) -> TableState {
        TableState {
            location: "tables/dim_a".to_owned(),
            delta_version: Some(0),
            columns: spec.columns.clone(),
            partition_by: spec.partition_by.clone(),
            sort_by: spec.sort_by.clone(),
            files: Vec::new(),
        }
    }

    fn words(stored: Option<&TableState>, spec: &TableSpec) -> Vec<String> {
        between(stored, spec).iter().map(SchemaChange::in_words).collect()
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let before = stored(&spec());
        assert!(words(Some(&before), &spec()).is_empty());
        assert_eq!(words(None, &spec()), ["new table"]);
        let mut after = spec();
        after.columns[0].ty = ColumnType::Int64;
        after.columns[1] = Column::new("city", ColumnType::Text, false);
        after.partition_by = Some("month".to_owned());
        after.sort_by = vec!["city".to_owned()];
        assert_eq!(
            words(Some(&before), &after),
            [
                "column name text leaves",
                "column a_key int32 NOT NULL becomes int64 NOT NULL",
                "new column city text NOT NULL",
                "partitioned by month instead of nothing",
                "sorted by city instead of a_key",
            ]
        );
    }
}
