//! `SET name = value`, `RESET name`, `SHOW name` and `USE schema` about the options of a session.

use super::super::options::{CATALOG, SessionOptions, find};
use super::super::{Session, wire};
use super::begins_with;
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::sql::parser::{ResetStatement, Statement};
use datafusion::sql::sqlparser::ast::{
    self, ContextModifier, Expr, Ident, ObjectName, Set, UnaryOperator, Value, ValueWithSpan,
};
use std::sync::Arc;

/// A statement about the options of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// An option gets a value, or none: then it is what it is where nothing is said.
    Set {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
    },
    /// All options are what they are where nothing is said.
    ResetAll,
    /// An option's value is asked for.
    Show(String),
    /// The values of all of them, and what they mean.
    ShowAll,
}

/// Whether a text may be such a statement: most are not, and need not be parsed to be told.
pub(crate) fn may_set(sql: &str) -> bool {
    begins_with(sql, &["set", "reset", "show", "use"])
}

/// What a statement about an option asks for; none where it is another.
///
/// # Errors
/// Unsupported where it sets what is no option in a way of its own, not found where there is no
/// such option.
pub(crate) fn setting(statement: &Statement) -> Result<Option<Setting>> {
    match statement {
        Statement::Reset(ResetStatement::Variable(name)) => reset(&dotted(name)).map(Some),
        Statement::Statement(statement) => match statement.as_ref() {
            ast::Statement::Set(set) => assigned(set).map(Some),
            ast::Statement::Use(used) => moved(used).map(Some),
            ast::Statement::Reset(reset) => of_reset(reset).map(Some),
            ast::Statement::ShowVariable { variable } => shown(variable),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// `USE cubes`, as MySQL and DuckDB write `SET schema = cubes`.
fn moved(used: &ast::Use) -> Result<Setting> {
    let name = match used {
        ast::Use::Object(name) | ast::Use::Schema(name) => name,
        other => {
            return Err(Error::unsupported(format!("`{other}` is not supported"))
                .hint("write USE and the name of a schema"));
        }
    };
    let parts: Vec<String> =
        name.0.iter().filter_map(|part| Some(read(part.as_ident()?))).collect();
    let (name, value) = match parts.as_slice() {
        [name] if name == "default" => {
            return Ok(Setting::Set { name: "schema".to_owned(), value: None });
        }
        [catalog] if catalog == CATALOG => ("catalog", catalog),
        [schema] => ("schema", schema),
        [catalog, schema] if catalog == CATALOG => ("schema", schema),
        _ => return Err(Error::not_found(format!("`{name}` is no schema"))),
    };
    Ok(Setting::Set { name: name.to_owned(), value: Some(value.clone()) })
}

/// A name as SQL reads it.
fn read(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn of_reset(statement: &ast::ResetStatement) -> Result<Setting> {
    match &statement.reset {
        ast::Reset::ALL => Ok(Setting::ResetAll),
        ast::Reset::ConfigurationParameter(name) => reset(&dotted(name)),
    }
}

fn reset(name: &str) -> Result<Setting> {
    if name == "all" {
        return Ok(Setting::ResetAll);
    }
    Ok(Setting::Set { name: known(name)?, value: None })
}

fn assigned(set: &Set) -> Result<Setting> {
    let (name, value) = match set {
        Set::SingleAssignment { scope, hivevar: false, variable, values } => {
            if !matches!(scope, None | Some(ContextModifier::Session)) {
                return Err(Error::unsupported("an option is set for the session, not beyond it")
                    .hint("write SET name = value"));
            }
            let [value] = values.as_slice() else {
                return Err(Error::user("a session option is one value"));
            };
            (dotted(variable), value)
        }
        Set::SetTimeZone { local: false, value } => ("time_zone".to_owned(), value),
        other => {
            return Err(Error::unsupported(format!("`{other}` is not supported"))
                .hint("write SET name = value; SHOW ALL lists the options"));
        }
    };
    let value = written(value)?;
    Ok(Setting::Set { name: known(&name)?, value })
}

fn shown(variable: &[Ident]) -> Result<Option<Setting>> {
    let words: Vec<String> = variable.iter().map(|word| word.value.to_lowercase()).collect();
    let name = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["all"] => return Ok(Some(Setting::ShowAll)),
        ["time", "zone"] | ["timezone"] => "time_zone".to_owned(),
        [name] | ["starhouse", name] => (*name).to_owned(),
        // What DataFusion itself is set to can be seen, as `SHOW datafusion.execution.batch_size`.
        _ => return Ok(None),
    };
    if name.contains('.') {
        return Ok(None);
    }
    known(&name).map(|name| Some(Setting::Show(name)))
}

/// An option's name, as it stands in the table.
fn known(name: &str) -> Result<String> {
    let name = match name.strip_prefix("starhouse.").unwrap_or(name) {
        "timezone" => "time_zone",
        // As PostgreSQL calls it.
        "search_path" => "schema",
        name => name,
    };
    find(name).map(|option| option.name.to_owned())
}

fn dotted(name: &ObjectName) -> String {
    let parts = name.0.iter().map(|part| match part.as_ident() {
        Some(ident) => ident.value.to_lowercase(),
        None => part.to_string(),
    });
    parts.collect::<Vec<_>>().join(".")
}

/// A value as it is written: a text, a number, a word; none for DEFAULT.
fn written(value: &Expr) -> Result<Option<String>> {
    Ok(Some(match value {
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            Value::Number(number, _) => number.to_string(),
            Value::Boolean(on) => on.to_string(),
            Value::Null => return Ok(None),
            other => other.to_string(),
        },
        Expr::Identifier(word) if word.value.eq_ignore_ascii_case("default") => return Ok(None),
        Expr::Identifier(word) => word.value.clone(),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            format!("-{}", written(expr)?.unwrap_or_default())
        }
        other => {
            return Err(Error::user(format!("`{other}` is no value of an option"))
                .hint("write a text in quotes, a number or a word"));
        }
    }))
}

impl Setting {
    /// The options after it.
    ///
    /// # Errors
    /// User where the value is not right.
    pub fn applied(&self, options: &SessionOptions) -> Result<SessionOptions> {
        match self {
            Self::Set { name, value } => options.with(name, value.as_deref()),
            Self::ResetAll => {
                let temporary = options.temporary.clone();
                Ok(SessionOptions { temporary, ..SessionOptions::default() })
            }
            Self::Show(_) | Self::ShowAll => Ok(options.clone()),
        }
    }

    /// Whether it changes something, and answers nothing.
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Set { .. } | Self::ResetAll)
    }

    /// The columns of its answer; none where it changes something.
    pub fn schema(&self) -> SchemaRef {
        let names: &[&str] = match self {
            Self::Set { .. } | Self::ResetAll => &[],
            Self::Show(name) => &[name.as_str()],
            Self::ShowAll => &["name", "value", "description"],
        };
        let fields = names.iter().map(|name| Field::new(*name, DataType::Utf8, false));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// What is shown.
    ///
    /// # Errors
    /// Internal where the answer is not of its schema.
    pub fn answer(&self, options: &SessionOptions, session: &Session) -> Result<RecordBatch> {
        let rows = options.values(session).filter(|(option, _)| match self {
            Self::Show(name) => option.name == name,
            _ => true,
        });
        let rows: Vec<[String; 3]> = rows
            .map(|(option, value)| [option.name.to_owned(), value.text(), option.doc.to_owned()])
            .collect();
        let columns: &[usize] = match self {
            Self::Show(_) => &[1],
            _ => &[0, 1, 2],
        };
        let column = |at: &usize| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row[*at])))
        };
        wire::made(self.schema(), columns.iter().map(column).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn of(sql: &str) -> Result<Option<Setting>> {
        assert!(may_set(sql), "{sql}");
        setting(&parse(sql)?)
    }

    #[test]
    fn options_are_set_reset_and_shown() {
        let set = |name: &str, value: Option<&str>| {
            Some(Setting::Set { name: name.to_owned(), value: value.map(str::to_owned) })
        };
        for (sql, expected) in [
            ("SET time_zone = 'Europe/Berlin'", set("time_zone", Some("Europe/Berlin"))),
            ("set TIME ZONE 'Europe/Berlin'", set("time_zone", Some("Europe/Berlin"))),
            ("SET SESSION aggregates TO off", set("aggregates", Some("off"))),
            ("SET starhouse.aggregates = off", set("aggregates", Some("off"))),
            ("RESET starhouse.aggregates", set("aggregates", None)),
            ("SHOW starhouse.aggregates", Some(Setting::Show("aggregates".to_owned()))),
            ("SET statement_timeout = 1.5", set("statement_timeout", Some("1.5"))),
            ("SET release = DEFAULT", set("release", None)),
            ("RESET release", set("release", None)),
            ("RESET ALL", Some(Setting::ResetAll)),
            ("USE cubes", set("schema", Some("cubes"))),
            ("use Starhouse.SANDBOX", set("schema", Some("sandbox"))),
            ("USE starhouse", set("catalog", Some("starhouse"))),
            ("USE DEFAULT", set("schema", None)),
            ("SHOW release", Some(Setting::Show("release".to_owned()))),
            ("SHOW TIME ZONE", Some(Setting::Show("time_zone".to_owned()))),
            ("-- all\nSHOW ALL", Some(Setting::ShowAll)),
            ("SHOW TABLES", None),
        ] {
            assert_eq!(of(sql).unwrap(), expected, "{sql}");
        }
        for (sql, words) in [
            ("SET shema = x", "did you mean `schema`?"),
            ("SHOW relase", "did you mean `release`?"),
            ("SET LOCAL release = 1", "for the session"),
            ("SET TRANSACTION READ ONLY", "not supported"),
            ("SET release = 1 + 1", "no value of an option"),
            ("SET language = 'fr'", "a session has no language"),
        ] {
            let error = of(sql).unwrap_err().to_string();
            assert!(error.contains(words), "{sql}: {error}");
        }
    }
}
