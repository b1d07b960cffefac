//! The places that rows come from, one type a source.

use super::{Access, CsvPlace, HttpAccess, Secret, Setting};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Where rows come from. The path of a file is relative to the project and may hold `*`, or it is a
/// URL: `https://`, or with `*` again `s3://`, `gs://` or `az://`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum From {
    /// Delimited text.
    Csv(CsvPlace),
    /// One JSON object a line; `a.b` names a nested value.
    JsonLines(JsonLinesPlace),
    /// JSON documents that hold an array of objects.
    Json(JsonPlace),
    /// Parquet.
    Parquet(FilePlace),
    /// A sheet of a workbook (.xlsx, .xls, .ods).
    Excel(ExcelPlace),
    /// A table or query of a SQLite database.
    Sqlite(SqlitePlace),
    /// A table or query of a PostgreSQL database.
    Postgresql(PostgresqlPlace),
    /// A table or query of a MySQL or MariaDB database.
    Mysql(MysqlPlace),
    /// A table or query of another Flight SQL server.
    FlightSql(FlightSqlPlace),
    /// A JSON API over HTTP.
    Api(ApiPlace),
}

impl From {
    /// The path of a file; a table or query in words.
    pub(crate) fn in_words(&self) -> String {
        let table = |table: &Option<String>| table.clone().unwrap_or_else(|| "a query".to_owned());
        match self {
            Self::Csv(place) => place.path.clone(),
            Self::JsonLines(place) => place.path.clone(),
            Self::Parquet(place) => place.path.clone(),
            Self::Json(place) => place.path.clone(),
            Self::Excel(place) => place.path.clone(),
            Self::Sqlite(place) => table(&place.table),
            Self::Postgresql(place) => table(&place.table),
            Self::Mysql(place) => table(&place.table),
            Self::FlightSql(place) => table(&place.table),
            Self::Api(_) => "an API".to_owned(),
        }
    }

    /// Whether its rows always come in the same order: those of a table have none.
    pub(crate) fn has_order(&self) -> bool {
        match self {
            Self::Sqlite(place) => place.query.is_some(),
            Self::Postgresql(place) => place.query.is_some(),
            Self::Mysql(place) => place.query.is_some(),
            Self::FlightSql(place) => place.query.is_some(),
            _ => true,
        }
    }
}

/// Files without options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePlace {
    /// Path, with `*` for several.
    pub path: String,
    /// How a path that is a URL is reached.
    #[serde(default)]
    pub access: Option<Access>,
}

/// Files of JSON lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonLinesPlace {
    /// Path, with `*` for several.
    pub path: String,
    /// The keys that lead to an array inside each object, whose elements are the rows (`lines`): a
    /// column `from: lines.sku` is of the element, `from: id` of the object around it, `lines.#` the
    /// element's number. Of arrays on the way (`orders.lines`), all elements are gone through. Where
    /// left out, the objects are the rows, and an array inside is taken as JSON text.
    #[serde(default)]
    pub each: Option<String>,
    /// With `each`: what becomes of an object that has no elements there.
    #[serde(default)]
    pub if_empty: IfEmpty,
    /// How a path that is a URL is reached.
    #[serde(default)]
    pub access: Option<Access>,
    /// Whether `lines.sku` is a key, not one inside another: rows that were refused.
    #[serde(skip)]
    pub(crate) is_flat: bool,
}

impl JsonLinesPlace {
    /// Files whose objects are the rows.
    pub(crate) fn new(path: String) -> Self {
        Self { path, each: None, if_empty: IfEmpty::Drop, access: None, is_flat: false }
    }
}

/// What becomes of an object without elements, where elements are rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfEmpty {
    /// It has no row.
    #[default]
    Drop,
    /// It has one, with NULL for what an element would have.
    Keep,
}

/// Documents with an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonPlace {
    /// Path, with `*` for several.
    pub path: String,
    /// The keys that lead to the array (`data.items`); the document is it where left out.
    #[serde(default)]
    pub at: Option<String>,
    /// The keys that lead to an array inside each object, whose elements are the rows (`lines`): a
    /// column `from: lines.sku` is of the element, `from: id` of the object around it, `lines.#` the
    /// element's number. Of arrays on the way (`orders.lines`), all elements are gone through. Where
    /// left out, the objects are the rows, and an array inside is taken as JSON text.
    #[serde(default)]
    pub each: Option<String>,
    /// With `each`: what becomes of an object that has no elements there.
    #[serde(default)]
    pub if_empty: IfEmpty,
    /// How a path that is a URL is reached.
    #[serde(default)]
    pub access: Option<Access>,
}

/// A sheet. A row goes to quarantine where a column of text would get an error such as `#N/A`, unless
/// `null_if` names it, and where a formula has no stored value (the workbook was written by a program
/// that does not compute).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcelPlace {
    /// Path, with `*` for several.
    pub path: String,
    /// The sheet's name; the first where left out.
    #[serde(default)]
    pub sheet: Option<String>,
    /// The row that holds the headings, 1 being the first.
    #[serde(default = "one")]
    pub header_row: u32,
    /// The cells that are read, in place of all: `B3:F20`, or `B3:F` down to the last row. Its first
    /// row holds the headings.
    #[serde(default)]
    pub range: Option<String>,
    /// How a path that is a URL is reached.
    #[serde(default)]
    pub access: Option<Access>,
}

/// A SQLite table or query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlitePlace {
    /// Path of the database file.
    pub path: String,
    /// The table to read whole, or
    #[serde(default)]
    pub table: Option<String>,
    /// the query to run.
    #[serde(default)]
    pub query: Option<String>,
}

/// A table or query of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlPlace {
    /// The database: `postgresql://user@host:5432/database`, without a password.
    pub url: Setting,
    /// The user's password, where one is asked for.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whether the connection is encrypted; left out, it is unless the server is on this machine.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The certificates (PEM) that the server's must go back to; the system's where left out.
    #[serde(default)]
    pub ca: Option<String>,
    /// The table or view to read whole (`orders`, `sales.orders`), or
    #[serde(default)]
    pub table: Option<String>,
    /// the query to run.
    #[serde(default)]
    pub query: Option<String>,
    /// How many connections read at a time; one a processor where left out.
    #[serde(default)]
    pub connections: Option<usize>,
}

/// A table or query of a MySQL or MariaDB database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MysqlPlace {
    /// The database: `mysql://user@host:3306/database`, without a password.
    pub url: Setting,
    /// The user's password, where one is asked for.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whether the connection is encrypted; left out, it is unless the server is on this machine.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Certificates (PEM) that the server's may go back to, beside those that browsers know.
    #[serde(default)]
    pub ca: Option<String>,
    /// The table or view to read whole, or
    #[serde(default)]
    pub table: Option<String>,
    /// the query to run.
    #[serde(default)]
    pub query: Option<String>,
}

/// A table or query of a Flight SQL server, Starhouse or another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlightSqlPlace {
    /// The server: `grpc://host:port`.
    pub url: Setting,
    /// The user, where a password is asked for.
    #[serde(default)]
    pub user: Option<Setting>,
    /// The user's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A token, in place of user and password.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Whether the connection is encrypted; left out, it is unless the server is on this machine.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The certificates (PEM) that the server's must go back to; the system's where left out.
    #[serde(default)]
    pub ca: Option<String>,
    /// The table or view to read whole (`warehouse.dim_store`), or
    #[serde(default)]
    pub table: Option<String>,
    /// the query to run.
    #[serde(default)]
    pub query: Option<String>,
}

/// An API that answers with JSON, in pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiPlace {
    /// The URL, without a password and without parameters that are secrets.
    pub url: Setting,
    /// Parameters of each request, by name.
    #[serde(default)]
    pub query: BTreeMap<String, Setting>,
    /// The keys that lead to the array of a page (`data.items`); the page is it where left out.
    #[serde(default)]
    pub at: Option<String>,
    /// The keys that lead to an array inside each object, whose elements are the rows (`lines`): a
    /// column `from: lines.sku` is of the element, `from: id` of the object around it, `lines.#` the
    /// element's number. Of arrays on the way (`orders.lines`), all elements are gone through. Where
    /// left out, the objects are the rows, and an array inside is taken as JSON text.
    #[serde(default)]
    pub each: Option<String>,
    /// With `each`: what becomes of an object that has no elements there.
    #[serde(default)]
    pub if_empty: IfEmpty,
    /// How one page leads to the next; there is one where left out.
    #[serde(default)]
    pub paging: Option<Paging>,
    /// With a watermark: the parameter that takes it.
    #[serde(default)]
    pub since: Option<String>,
    /// With numbered pages and offsets: how the server says that there are no more pages, where it
    /// does not answer with one without rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_more: Option<NoMore>,
    /// More pages than this are taken for an error.
    #[serde(default = "ten_thousand")]
    pub pages_at_most: u64,
    /// How the server is asked.
    #[serde(default)]
    pub access: HttpAccess,
}

/// What stands in the place of the page behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoMore {
    /// The server says that there is no such page (404).
    NotFound,
    /// A page without the key of the array that `at` names.
    NoArray,
}

/// How one page of an API leads to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// Pages are numbered, the first is asked for by its number as well; the first without rows is
    /// the end.
    Page(ByPage),
    /// A page says how many rows come before it; the first without rows is the end.
    Offset(ByOffset),
    /// A page holds a value that leads to the next; the last has none.
    Cursor(ByCursor),
    /// A page holds the URL of the next; the last has none.
    Next(ByUrl),
    /// A page's header `Link` has the URL of the next (`rel="next"`).
    LinkHeader,
}

/// Numbered pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByPage {
    /// The parameter that takes the number.
    pub parameter: String,
    /// The number of the first page.
    #[serde(default = "first")]
    pub first: u64,
}

/// Pages by the rows before them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByOffset {
    /// The parameter that takes the number of rows.
    pub parameter: String,
}

/// Pages by a value that the page before holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByCursor {
    /// The parameter that takes the value.
    pub parameter: String,
    /// The keys that lead to it (`meta.next`).
    pub at: String,
}

/// Pages by a URL that the page before holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByUrl {
    /// The keys that lead to it (`links.next`).
    pub at: String,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Not at all.
    Off,
    /// With a certificate that is checked.
    Verify,
}

impl Tls {
    /// What is usual where a job does not say: traffic that leaves the machine is encrypted.
    pub(crate) fn usual(host: &str) -> Self {
        let is_address = |host: &str| host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if host == "localhost" || is_address(host) { Self::Off } else { Self::Verify }
    }
}

fn one() -> u32 {
    1
}

fn first() -> u64 {
    1
}

fn ten_thousand() -> u64 {
    10_000
}
