//! What is read: a table or a query, its columns, and whether it has changed.

use super::connect::is_no_such_table;
use crate::error::{Error, Result, did_you_mean};
use crate::etl::source::Bound;
use crate::etl::source::headings::{self, Wanted};
use mysql_async::consts::ColumnType as Wire;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn};

/// What a job asks for.
pub(super) enum Content {
    /// A table or view, by name.
    Table(String),
    /// The rows of a query.
    Query(String),
}

/// Rows at the server, and the wanted columns.
pub(super) struct Relation {
    /// Gives the rows.
    pub(super) query: String,
    /// Gives something that is another when rows were added, changed or taken away: their number,
    /// and a sum of hashes of the wanted values.
    digest: String,
    /// The columns' names and types at the server.
    pub(super) signature: String,
    /// The columns there are.
    pub(super) have: Vec<String>,
    /// About how large it is; 0 where nobody knows.
    pub(super) size_bytes: u64,
}

/// What went wrong: at the server, or with what was asked for.
pub(super) enum Failure {
    Server(mysql_async::Error),
    Other(Error),
}

impl From<mysql_async::Error> for Failure {
    fn from(error: mysql_async::Error) -> Self {
        Self::Server(error)
    }
}

impl Relation {
    /// Looks for what is to be read; none where there is no such table.
    ///
    /// # Errors
    /// User where a column is missing; those of the server.
    pub(super) async fn find(
        conn: &mut Conn,
        content: &Content,
        wanted: &Wanted,
        since: Option<&Bound>,
    ) -> Result<Option<Self>, Failure> {
        let from = match content {
            Content::Table(name) => quoted(name),
            // a line of its own, for a comment may end the query
            Content::Query(query) => {
                format!("(\n{}\n) AS q", query.trim_end().trim_end_matches(';'))
            }
        };
        let all = format!("SELECT * FROM {from}");
        let statement = match conn.prep(all.as_str()).await {
            Err(error) if is_no_such_table(&error) && matches!(content, Content::Table(_)) => {
                return Ok(None);
            }
            prepared => prepared?,
        };
        let columns = statement.columns();
        let have: Vec<String> = columns.iter().map(|c| c.name_str().into_owned()).collect();
        let places = headings::positions(&have, wanted).map_err(Failure::Other)?;
        let columns: Vec<Option<&Column>> =
            places.iter().map(|place| place.map(|place| &columns[place])).collect();
        let name = |c: &Column| quoted_part(&c.name_str());
        let names: Vec<String> =
            columns.iter().map(|c| c.map_or("NULL".to_owned(), name)).collect();
        let type_of =
            |c: &Column| format!("{} {:?} {:?}\n", c.name_str(), c.column_type(), c.flags());
        let hashes: Vec<String> = (names.iter().zip(&columns))
            .map(|(name, column)| column.map_or("'-'".to_owned(), |column| hash(name, column)))
            .collect();
        let grows = since.and_then(|since| {
            let of_column = |c: &&&Column| c.name_str().trim() == since.heading.trim();
            Some((since, columns.iter().flatten().find(of_column)?))
        });
        let filter = grows.map(|(since, column)| filter(since, column)).transpose();
        let filter = filter.map_err(Failure::Other)?.unwrap_or_default();
        Ok(Some(Self {
            query: format!("SELECT {} FROM {from}{filter}", names.join(", ")),
            digest: format!(
                "SELECT COUNT(*), CAST(COALESCE(SUM(CAST(CONV(LEFT(h, 16), 16, 10) AS UNSIGNED)), 0) \
                 AS CHAR) FROM (SELECT MD5(CONCAT({})) AS h FROM {from}{filter}) AS hashes",
                hashes.join(", ")
            ),
            signature: columns
                .iter()
                .map(|column| column.map_or("absent\n".to_owned(), type_of))
                .collect(),
            have,
            size_bytes: size_bytes(conn, content).await?,
        }))
    }

    /// Whether anything has changed: see there.
    ///
    /// # Errors
    /// Those of the server.
    pub(super) async fn digest(&self, conn: &mut Conn) -> Result<String, Failure> {
        let (rows, sum): (u64, String) =
            conn.query_first(self.digest.as_str()).await?.unwrap_or_default();
        Ok(format!("{rows} {sum}"))
    }
}

/// The error for a table that is not there.
///
/// # Errors
/// Those of the server.
pub(super) async fn no_such_table(conn: &mut Conn, name: &str) -> Result<Error, Failure> {
    /// Names shown at most.
    const SHOWN: usize = 12;
    const TABLES: &str = "SELECT table_name FROM information_schema.tables \
        WHERE table_schema = DATABASE() ORDER BY 1";
    let mut names: Vec<String> = conn.query(TABLES).await?;
    let near = did_you_mean(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let more = if names.len() > SHOWN { " ..." } else { "" };
    names.truncate(SHOWN);
    let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(Error::not_found(format!("no table `{name}` in the database"))
        .hint(format!("{near}the user sees {has}{more}")))
}

async fn size_bytes(conn: &mut Conn, content: &Content) -> Result<u64, Failure> {
    const SIZE: &str = "SELECT COALESCE(data_length, 0) FROM information_schema.tables \
        WHERE table_schema = DATABASE() AND table_name = ?";
    let Content::Table(name) = content else { return Ok(0) };
    Ok(conn.exec_first(SIZE, (name,)).await?.unwrap_or_default())
}

/// The condition that a row is new, or its column is empty, or holds a date that is none.
fn filter(since: &Bound, column: &Column) -> Result<String> {
    use Wire::{
        MYSQL_TYPE_DATE, MYSQL_TYPE_DATETIME, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG,
        MYSQL_TYPE_LONGLONG, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_SHORT, MYSQL_TYPE_TIMESTAMP,
        MYSQL_TYPE_TINY,
    };
    let name = quoted_part(&column.name_str());
    let Some(value) = &since.at_least else { return Ok(String::new()) };
    match column.column_type() {
        MYSQL_TYPE_TINY
        | MYSQL_TYPE_SHORT
        | MYSQL_TYPE_INT24
        | MYSQL_TYPE_LONG
        | MYSQL_TYPE_LONGLONG
        | MYSQL_TYPE_NEWDECIMAL => Ok(format!(" WHERE ({name} >= {value} OR {name} IS NULL)")),
        MYSQL_TYPE_DATE | MYSQL_TYPE_DATETIME | MYSQL_TYPE_TIMESTAMP => {
            let value = value.replace('T', " ");
            let value = value.trim_end_matches('Z');
            Ok(format!(" WHERE ({name} >= '{value}' OR {name} IS NULL OR {name} < '1000-01-01')"))
        }
        other => Err(Error::user(format!("the watermark {name} is {other:?} at the server"))
            .hint("a watermark is a number, a date or a timestamp there, too")),
    }
}

/// A hash of a column's value, whatever its length. As text a narrow float loses digits, a wide one
/// does not.
fn hash(name: &str, column: &Column) -> String {
    let exact = match column.column_type() {
        Wire::MYSQL_TYPE_FLOAT => format!("{name} + 0e0"),
        _ => name.to_owned(),
    };
    format!("IFNULL(MD5(CAST({exact} AS BINARY)), '-')")
}

fn quoted(name: &str) -> String {
    if name.contains('`') {
        return name.to_owned();
    }
    name.split('.').map(quoted_part).collect::<Vec<_>>().join(".")
}

fn quoted_part(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
