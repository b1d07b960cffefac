//! What is said of columns beside their Arrow types: Flight SQL's keys in the metadata of fields, from
//! which JDBC and ODBC take a column's type, digits and remarks; and the model's units.
//!
//! Answers say less than tables do: of a column that is computed nobody knows more than its type, and
//! JDBC takes an answer's remarks for its label.

use super::metadata::CATALOG;
use crate::engine::{SANDBOX, TEMPORARY, TableInfo};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::collections::HashMap;
use std::sync::Arc;

/// What the protocol's keys begin with.
const PREFIX: &str = "ARROW:FLIGHT:SQL:";
/// The unit of a column's values, where its model has one.
const UNIT: &str = "starhouse.unit";
/// What a table holds, in words: the protocol has a place for columns' remarks alone.
const DESCRIPTION: &str = "starhouse.description";

/// A type as SQL calls it, and how many digits it has where it is an exact number.
pub(super) struct SqlType {
    pub(super) name: String,
    pub(super) precision: Option<u8>,
    pub(super) scale: Option<i8>,
}

impl SqlType {
    /// The SQL type of an Arrow type, by the names that `GetXdbcTypeInfo` gives.
    pub(super) fn of(data_type: &DataType) -> Self {
        let exact = |name: &str, precision, scale| {
            let (precision, scale) = (Some(precision), Some(scale));
            Self { name: name.to_owned(), precision, scale }
        };
        let name = match data_type {
            DataType::Utf8 | DataType::LargeUtf8 => "VARCHAR".to_owned(),
            DataType::Binary | DataType::LargeBinary => "BYTEA".to_owned(),
            DataType::Boolean => "BOOLEAN".to_owned(),
            DataType::Int8 => return exact("TINYINT", 3, 0),
            DataType::Int16 => return exact("SMALLINT", 5, 0),
            DataType::Int32 => return exact("INTEGER", 10, 0),
            DataType::Int64 => return exact("BIGINT", 19, 0),
            DataType::Decimal128(precision, scale) => return exact("DECIMAL", *precision, *scale),
            DataType::Float32 => "REAL".to_owned(),
            DataType::Float64 => "DOUBLE".to_owned(),
            DataType::Date32 => "DATE".to_owned(),
            DataType::Time32(_) | DataType::Time64(_) => "TIME".to_owned(),
            DataType::Timestamp(_, _) => "TIMESTAMP".to_owned(),
            other => other.to_string().to_uppercase(),
        };
        Self { name, precision: None, scale: None }
    }
}

/// The schema of an answer, which says of each column what its type is in SQL.
pub(super) fn of_answer(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| with(field, typed(field.data_type())));
    let fields = fields.collect::<Vec<_>>();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The columns of a table, which say what they mean, in which unit, and whether they can be written.
pub(super) fn of_table(table: &TableInfo) -> Schema {
    let writable = [SANDBOX, TEMPORARY].contains(&table.schema_name.as_str());
    let fields = table.schema.fields().iter().enumerate().map(|(place, field)| {
        let mut said = typed(field.data_type());
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8);
        let mut say = |key: &str, value: &str| said.insert(format!("{PREFIX}{key}"), value.into());
        say("CATALOG_NAME", CATALOG);
        say("SCHEMA_NAME", &table.schema_name);
        say("TABLE_NAME", &table.name);
        say("REMARKS", &table.remark(place));
        say("IS_AUTO_INCREMENT", flag(false));
        say("IS_CASE_SENSITIVE", flag(is_text));
        say("IS_READ_ONLY", flag(!writable));
        say("IS_SEARCHABLE", flag(true));
        if let Some(Some(unit)) = table.units.get(place) {
            said.insert(UNIT.to_owned(), unit.clone());
        }
        with(field, said)
    });
    let about = HashMap::from([(DESCRIPTION.to_owned(), table.description.clone())]);
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), about)
}

fn typed(data_type: &DataType) -> HashMap<String, String> {
    let SqlType { name, precision, scale } = SqlType::of(data_type);
    let precision = precision.map(|digits| ("PRECISION", digits.to_string()));
    let scale = scale.map(|digits| ("SCALE", digits.to_string()));
    let said = [Some(("TYPE_NAME", name)), precision, scale].into_iter().flatten();
    said.map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect()
}

fn with(field: &Field, said: HashMap<String, String>) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.extend(said);
    field.clone().with_metadata(metadata)
}

fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_its_types_are_and_keeps_what_it_said() {
        let field = Field::new("a", DataType::Decimal128(12, 2), false);
        let said = HashMap::from([("starhouse.release".to_owned(), "1".to_owned())]);
        let schema = of_answer(&Schema::new_with_metadata(vec![field], said.clone()));
        assert_eq!(schema.metadata(), &said);
        let metadata = schema.field(0).metadata();
        assert_eq!(metadata["ARROW:FLIGHT:SQL:TYPE_NAME"], "DECIMAL");
        assert_eq!(metadata["ARROW:FLIGHT:SQL:PRECISION"], "12");
        assert_eq!(metadata["ARROW:FLIGHT:SQL:SCALE"], "2");
        assert_eq!(metadata.len(), 3);
    }
}
