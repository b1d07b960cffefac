//! Statements that change a table, taken apart: which table, and the question whose answer it
//! becomes or takes in.
//!
//! ```text
//! CREATE [OR REPLACE] [TEMPORARY] TABLE [IF NOT EXISTS] t [(column type [NOT NULL], ...)] [AS query]
//! INSERT INTO t [(column, ...)] query          UPDATE t SET column = expression, ... [WHERE ...]
//! DELETE FROM t [WHERE ...]                    TRUNCATE TABLE t
//! DROP TABLE [IF EXISTS] t
//! ```
//!
//! Conditions and expressions go on as text, into questions that are planned and authorised as any
//! other.

use crate::error::{Error, Result};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    self, AssignmentTarget, ColumnDef, ColumnOption, Expr, FromTable, Ident, ObjectName,
    ObjectType, SetExpr, TableFactor, TableObject, TableWithJoins, Value, ValueWithSpan,
};

/// A statement that changes a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The table's schema, where it is named.
    pub(crate) schema: Option<String>,
    /// The table.
    pub(crate) table: String,
    /// What becomes of it.
    pub(crate) verb: Verb,
    /// Parameters (`$1`) that are a column's value by themselves, and the place of that column
    /// among those that the statement names, or of all: they are of its type.
    pub(crate) values: Vec<(String, usize)>,
}

/// What becomes of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It is made, with the columns and rows of a query.
    Create {
        /// What if there is one.
        if_exists: IfExists,
        /// The query.
        query: String,
        /// Columns that never hold NULL.
        not_null: Vec<String>,
        /// Whether it is the session's own.
        temporary: bool,
    },
    /// It takes in the rows of a query.
    Insert {
        /// Its columns that get the query's, in their order; all where none is named.
        columns: Vec<String>,
        /// The query.
        query: String,
    },
    /// Rows get other values.
    Update {
        /// The table as the statement names it, with any alias.
        from: String,
        /// Columns, and the expressions of their new values.
        set: Vec<(String, String)>,
        /// For which rows; all where left out.
        condition: Option<String>,
    },
    /// Rows leave.
    Delete {
        /// The table as the statement names it, with any alias.
        from: String,
        /// Which rows; all where left out.
        condition: Option<String>,
    },
    /// It leaves.
    Drop {
        /// Whether it is an error that there is none.
        if_exists: bool,
    },
}

/// What a `CREATE TABLE` does about a table of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    /// It is an error.
    Fail,
    /// It is replaced.
    Replace,
    /// Nothing happens.
    Keep,
}

/// The change that a statement asks for; none where it is a question, or of a kind that nobody may
/// ask for here.
///
/// # Errors
/// Unsupported where it has clauses beyond those above.
pub(crate) fn change(statement: &Statement) -> Result<Option<Change>> {
    let Statement::Statement(statement) = statement else { return Ok(None) };
    let written = statement.to_string();
    let (change, plain) = match statement.as_ref() {
        ast::Statement::CreateTable(create) => created(create)?,
        ast::Statement::Insert(insert) => inserted(insert)?,
        ast::Statement::Update(update) => updated(update)?,
        ast::Statement::Delete(delete) => deleted(delete)?,
        ast::Statement::Truncate(truncate) => {
            let [target] = truncate.table_names.as_slice() else { return Err(several()) };
            let plain = format!("TRUNCATE TABLE {}", target.name);
            let from = target.name.to_string();
            (named(&target.name, Verb::Delete { from, condition: None })?, plain)
        }
        ast::Statement::Drop { object_type: ObjectType::Table, if_exists, names, .. } => {
            let [name] = names.as_slice() else { return Err(several()) };
            let plain = format!("DROP TABLE {}{name}", on(*if_exists, "IF EXISTS "));
            (named(name, Verb::Drop { if_exists: *if_exists })?, plain)
        }
        _ => return Ok(None),
    };
    // The parser knows many more clauses than those; none may be dropped without a word.
    if plain == written {
        return Ok(Some(change));
    }
    let word = written.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Err(Error::unsupported(format!("this form of {word} is not supported"))
        .hint(format!("what is understood of it is `{plain}`")))
}

fn several() -> Error {
    Error::unsupported("one statement changes one table").hint("send a statement for each")
}

fn created(create: &ast::CreateTable) -> Result<(Change, String)> {
    let mut not_null = Vec::new();
    for column in &create.columns {
        if column_may_not_be_null(column)? {
            not_null.push(name(&column.name));
        }
    }
    let if_exists = match (create.or_replace, create.if_not_exists) {
        (true, _) => IfExists::Replace,
        (false, true) => IfExists::Keep,
        (false, false) => IfExists::Fail,
    };
    let columns: Vec<String> = create.columns.iter().map(ToString::to_string).collect();
    let listed =
        if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let query = match (&create.query, columns.is_empty()) {
        (Some(query), true) => query.to_string(),
        (None, false) => empty(&create.columns),
        (Some(_), false) => {
            return Err(Error::unsupported(
                "a table is made of columns or of a query, not of both",
            )
            .hint("cast the query's columns to the types they should have"));
        }
        (None, true) => return Err(Error::user("a table without columns cannot be made")),
    };
    let plain = format!(
        "CREATE {}{}TABLE {}{}{listed}{}",
        on(create.or_replace, "OR REPLACE "),
        on(create.temporary, "TEMPORARY "),
        on(create.if_not_exists, "IF NOT EXISTS "),
        create.name,
        create.query.as_ref().map(|query| format!(" AS {query}")).unwrap_or_default(),
    );
    let temporary = create.temporary;
    let verb = Verb::Create { if_exists, query, not_null, temporary };
    Ok((named(&create.name, verb)?, plain))
}

fn column_may_not_be_null(column: &ColumnDef) -> Result<bool> {
    let mut not_null = false;
    for option in &column.options {
        match option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => not_null = true,
            _ => {
                return Err(Error::unsupported(format!("`{option}` of a column is not supported"))
                    .with("column", &column.name.value));
            }
        }
    }
    Ok(not_null)
}

/// A query without rows that has those columns.
fn empty(columns: &[ColumnDef]) -> String {
    let nulls = columns.iter().map(|ColumnDef { name, data_type, .. }| {
        format!("CAST(NULL AS {data_type}) AS {}", quoted(&self::name(name)))
    });
    format!("SELECT {} WHERE false", nulls.collect::<Vec<_>>().join(", "))
}

fn inserted(insert: &ast::Insert) -> Result<(Change, String)> {
    let TableObject::TableName(table) = &insert.table else {
        return Err(Error::unsupported("rows go into a table, named as schema.table"));
    };
    let Some(source) = &insert.source else {
        return Err(Error::unsupported("INSERT takes VALUES or a query"));
    };
    let columns: Vec<String> = insert.columns.iter().map(ToString::to_string).collect();
    let listed =
        if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let plain = format!("INSERT INTO {table}{listed} {source}");
    let columns = insert.columns.iter().map(column).collect::<Result<_>>()?;
    let values = match source.body.as_ref() {
        SetExpr::Values(rows) => rows.rows.iter().flat_map(|row| parameters(row.iter())).collect(),
        _ => Vec::new(),
    };
    let change = named(table, Verb::Insert { columns, query: source.to_string() })?;
    Ok((Change { values, ..change }, plain))
}

fn updated(update: &ast::Update) -> Result<(Change, String)> {
    let (table, from) = target(&update.table)?;
    let mut set = Vec::new();
    for assignment in &update.assignments {
        let AssignmentTarget::ColumnName(target) = &assignment.target else {
            return Err(Error::unsupported(
                "columns get their values one by one: SET a = 1, b = 2",
            ));
        };
        set.push((column(target)?, assignment.value.to_string()));
    }
    let assignments: Vec<String> = update.assignments.iter().map(ToString::to_string).collect();
    let plain = format!(
        "UPDATE {from} SET {}{}",
        assignments.join(", "),
        filtered(update.selection.as_ref())
    );
    let condition = update.selection.as_ref().map(Expr::to_string);
    let values = parameters(update.assignments.iter().map(|assignment| &assignment.value));
    let change = named(table, Verb::Update { from, set, condition })?;
    Ok((Change { values, ..change }, plain))
}

fn deleted(delete: &ast::Delete) -> Result<(Change, String)> {
    let FromTable::WithFromKeyword(tables) = &delete.from else {
        return Err(Error::unsupported("write DELETE FROM table"));
    };
    let [table] = tables.as_slice() else { return Err(several()) };
    let (table, from) = target(table)?;
    let plain = format!("DELETE FROM {from}{}", filtered(delete.selection.as_ref()));
    let condition = delete.selection.as_ref().map(Expr::to_string);
    Ok((named(table, Verb::Delete { from, condition })?, plain))
}

/// The table that an UPDATE or DELETE is about, and how it is written there.
fn target(table: &TableWithJoins) -> Result<(&ObjectName, String)> {
    match &table.relation {
        TableFactor::Table { name, .. } if table.joins.is_empty() => Ok((name, table.to_string())),
        _ => Err(several()),
    }
}

/// The parameters among values, and which value each is.
fn parameters<'a>(values: impl Iterator<Item = &'a Expr>) -> Vec<(String, usize)> {
    let parameter = |(place, value): (usize, &Expr)| match value {
        Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
            Some((name.clone(), place))
        }
        _ => None,
    };
    values.enumerate().filter_map(parameter).collect()
}

fn filtered(selection: Option<&Expr>) -> String {
    selection.map(|condition| format!(" WHERE {condition}")).unwrap_or_default()
}

fn on(holds: bool, words: &'static str) -> &'static str {
    if holds { words } else { "" }
}

fn named(table: &ObjectName, verb: Verb) -> Result<Change> {
    let parts: Option<Vec<String>> = table.0.iter().map(|part| part.as_ident().map(name)).collect();
    match parts.unwrap_or_default().as_slice() {
        [table] => Ok(Change { schema: None, table: table.clone(), verb, values: Vec::new() }),
        [schema, table] | [_, schema, table] => {
            let (schema, table) = (Some(schema.clone()), table.clone());
            Ok(Change { schema, table, verb, values: Vec::new() })
        }
        _ => Err(Error::user(format!("`{table}` is no table's name"))
            .hint("write schema.table, as in sandbox.targets")),
    }
}

fn column(written: &ObjectName) -> Result<String> {
    match written.0.last().and_then(|part| part.as_ident()) {
        Some(ident) => Ok(name(ident)),
        None => Err(Error::user(format!("`{written}` is no column's name"))),
    }
}

/// A name as SQL reads it: in lower case, unless it is quoted.
fn name(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Change {
        change(&super::super::parse(sql).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn statements_are_taken_apart() {
        let query =
            "SELECT CAST(NULL AS INT) AS \"a\", CAST(NULL AS VARCHAR(9)) AS \"B\" WHERE false";
        let create = Verb::Create {
            if_exists: IfExists::Keep,
            query: query.to_owned(),
            not_null: vec!["a".to_owned()],
            temporary: false,
        };
        let text = "create table if not exists Sandbox.T (A int not null, \"B\" varchar(9) null)";
        let expected = Change {
            schema: Some("sandbox".into()),
            table: "t".into(),
            verb: create,
            values: Vec::new(),
        };
        assert_eq!(of(text), expected);

        let insert = of("INSERT INTO t (b, \"A\") VALUES (?, 'x'), (2, ?)");
        let query = "VALUES ($1, 'x'), (2, $2)".to_owned();
        assert_eq!(insert.verb, Verb::Insert { columns: vec!["b".into(), "A".into()], query });
        assert_eq!(insert.values, [("$1".to_owned(), 0), ("$2".to_owned(), 1)]);

        let update = of("UPDATE sandbox.t AS x SET a = x.b + ?, c = NULL WHERE x.d < $1"
            .replace('?', "$2")
            .as_str());
        let set = vec![("a".into(), "x.b + $2".into()), ("c".into(), "NULL".into())];
        let from = "sandbox.t AS x".to_owned();
        assert_eq!(update.verb, Verb::Update { from, set, condition: Some("x.d < $1".into()) });

        let delete = |condition| Verb::Delete { from: "t".into(), condition };
        assert_eq!(of("DELETE FROM t WHERE a IS NULL").verb, delete(Some("a IS NULL".into())));
        assert_eq!(of("TRUNCATE TABLE t").verb, delete(None));
        assert_eq!(of("DROP TABLE IF EXISTS t").verb, Verb::Drop { if_exists: true });
        let replaced = of("CREATE OR REPLACE TABLE t AS SELECT 1 AS a");
        let Verb::Create { if_exists, query, .. } = replaced.verb else { panic!() };
        assert_eq!((if_exists, query.as_str()), (IfExists::Replace, "SELECT 1 AS a"));
        let own = of("CREATE OR REPLACE TEMP TABLE t (a int)").verb;
        assert!(matches!(own, Verb::Create { temporary: true, .. }), "{own:?}");
    }

    #[test]
    fn what_is_not_understood_is_refused_whole() {
        for text in [
            "CREATE GLOBAL TEMPORARY TABLE t (a int)",
            "CREATE TABLE t (a int PRIMARY KEY)",
            "CREATE TABLE t (a int, UNIQUE (a))",
            "CREATE TABLE t (a int DEFAULT 3)",
            "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
            "INSERT INTO t VALUES (1) RETURNING a",
            "UPDATE t SET a = 1 FROM u WHERE t.b = u.b",
            "DELETE FROM t USING u WHERE t.a = u.a",
            "DROP TABLE t, u",
            "DROP TABLE t CASCADE",
        ] {
            let Ok(statement) = super::super::parse(text) else { continue };
            let error = change(&statement).unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Unsupported, "{text}: {error}");
        }
        for text in ["SELECT 1", "EXPLAIN SELECT 1", "SET a = 1", "CREATE VIEW v AS SELECT 1"] {
            assert_eq!(change(&super::super::parse(text).unwrap()).unwrap(), None, "{text}");
        }
    }
}
