//! What is read: a table, its parts and columns, or a query; and whether it has changed.

use super::connect::Failure;
use super::values::Wire;
use crate::error::{Error, Result, did_you_mean};
use crate::etl::source::Bound;
use crate::etl::source::headings::{self, Wanted};
use tokio_postgres::Client;
use tokio_postgres::types::{Kind, Type};

/// Pages that one COPY reads: 16 MiB of a table.
const PAGES_A_RANGE: i64 = 2_048;

/// What a job asks for.
pub(super) enum Content {
    /// A table or view, by name.
    Table(String),
    /// The rows of a query.
    Query(String),
}

/// Rows at the server.
pub(super) struct Relation {
    /// As it stands behind FROM.
    from: String,
    /// Tables on whose pages the rows are, with the number of pages. None where rows have no
    /// addresses, or some might be hidden from who asks for a part: then it is read whole.
    parts: Vec<(String, i64)>,
    /// About how large it is; 0 where nobody knows.
    pub(super) size_bytes: u64,
}

/// The columns of a relation that are wanted.
pub(super) struct Selection {
    /// As they stand behind SELECT.
    select: String,
    /// How each is sent.
    pub(super) wires: Vec<Wire>,
    /// Their names and types at the server.
    pub(super) signature: String,
    /// A condition on the rows, where not all are wanted.
    filter: Option<String>,
    /// The columns there are.
    pub(super) have: Vec<String>,
}

impl Relation {
    /// Looks for what is to be read; none where there is no such table.
    ///
    /// # Errors
    /// Those of the server.
    pub(super) async fn find(client: &Client, content: &Content) -> Result<Option<Self>, Failure> {
        let name = match content {
            Content::Table(name) => name,
            Content::Query(query) => {
                let query = query.trim_end().trim_end_matches(';');
                // a line of its own, for a comment may end the query
                let from = format!("(\n{query}\n) AS q");
                return Ok(Some(Self { from, parts: Vec::new(), size_bytes: 0 }));
            }
        };
        for name in spellings(name) {
            const FIND: &str = "SELECT c.oid, c.oid::regclass::text, pg_total_relation_size(c.oid) \
                FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN \
                ('r', 'v', 'm', 'p', 'f')";
            if let Some(row) = client.query_opt(FIND, &[&name]).await? {
                let (oid, from): (u32, String) = (row.get(0), row.get(1));
                let parts = parts(client, oid).await?;
                let size_bytes = u64::try_from(row.get::<_, i64>(2)).unwrap_or_default();
                return Ok(Some(Self { from, parts, size_bytes }));
            }
        }
        Ok(None)
    }

    /// Finds the wanted columns.
    ///
    /// # Errors
    /// User where one is missing; those of the server.
    pub(super) async fn select(
        &self,
        client: &Client,
        wanted: &Wanted,
        since: Option<&Bound>,
    ) -> Result<Selection, Failure> {
        let statement = client.prepare(&format!("SELECT * FROM {}", self.from)).await?;
        let have: Vec<String> =
            statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let mut selection = Selection {
            select: String::new(),
            wires: Vec::new(),
            signature: String::new(),
            filter: None,
            have: have.clone(),
        };
        for (at, place) in headings::positions(&have, wanted)?.into_iter().enumerate() {
            selection.select += if at == 0 { "" } else { ", " };
            let Some(place) = place else {
                selection.select += "NULL::text";
                selection.wires.push(Wire::Text);
                selection.signature += "absent\n";
                continue;
            };
            let column = &statement.columns()[place];
            let (expression, wire) = expression(&quoted(column.name()), column.type_());
            selection.select += &expression;
            selection.wires.push(wire);
            selection.signature += &format!("{} {}\n", column.name(), column.type_());
            if let Some(since) = since.filter(|since| since.heading.trim() == column.name().trim())
            {
                selection.filter = filter(since, &quoted(column.name()), column.type_())?;
            }
        }
        Ok(selection)
    }

    /// The queries that together give all rows, each some of them, in the order of the rows.
    pub(super) fn queries(&self, selection: &Selection) -> Vec<String> {
        let select = &selection.select;
        if let Some(filter) = &selection.filter {
            // one query, for which the server may have an index
            return vec![format!("SELECT {select} FROM {} WHERE {filter}", self.from)];
        }
        if self.parts.is_empty() {
            return vec![format!("SELECT {select} FROM {}", self.from)];
        }
        let mut queries = Vec::new();
        for (part, pages) in &self.parts {
            for first in (0..*pages.max(&1)).step_by(PAGES_A_RANGE as usize) {
                let next = first + PAGES_A_RANGE;
                let mut query = format!("SELECT {select} FROM ONLY {part}");
                if *pages > PAGES_A_RANGE {
                    query += &format!(" WHERE ctid >= '({first},0)'");
                }
                if next < *pages {
                    query += &format!(" AND ctid < '({next},0)'");
                }
                queries.push(query);
            }
        }
        queries
    }

    /// Whether rows come in the same order each time, that of their addresses.
    pub(super) fn is_ordered(&self, selection: &Selection) -> bool {
        !self.parts.is_empty() && selection.filter.is_none()
    }

    /// Something that is another when rows were added, changed or taken away: a hash over which
    /// transaction wrote the row at which address, or, where rows have none, over their text.
    ///
    /// # Errors
    /// Those of the server.
    pub(super) async fn digest(
        &self,
        client: &Client,
        selection: &Selection,
    ) -> Result<String, Failure> {
        let hash = if !self.parts.is_empty() {
            "coalesce(bit_xor(hashtidextended(ctid, hashint8extended(tableoid::int8, \
             xmin::text::int8))), 0)::text"
        } else {
            "coalesce(sum(hashtextextended(q::text, 0)::numeric), 0)::text"
        };
        // a query has its alias already
        let alias = if self.from.starts_with('(') { "" } else { " AS q" };
        let filter = selection.filter.as_ref().map(|filter| format!(" WHERE {filter}"));
        let filter = filter.unwrap_or_default();
        let sql = format!("SELECT count(*), {hash} FROM {}{alias}{filter}", self.from);
        let row = client.query_one(&sql, &[]).await?;
        Ok(format!("{} {}", row.get::<_, i64>(0), row.get::<_, String>(1)))
    }
}

/// The error for a table that is not there.
///
/// # Errors
/// Those of the server.
pub(super) async fn no_such_table(client: &Client, name: &str) -> Result<Error, Failure> {
    /// Names shown at most.
    const SHOWN: usize = 12;
    const TABLES: &str = "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname \
        ELSE n.nspname || '.' || c.relname END FROM pg_class c \
        JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname !~ '^pg_' \
        AND n.nspname <> 'information_schema' ORDER BY 1";
    let mut names: Vec<String> =
        client.query(TABLES, &[]).await?.iter().map(|row| row.get(0)).collect();
    let near = did_you_mean(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let more = if names.len() > SHOWN { " ..." } else { "" };
    names.truncate(SHOWN);
    let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(Error::not_found(format!("no table `{name}` in the database"))
        .hint(format!("{near}the user sees {has}{more}")))
}

/// How the server may spell a name: as it is written, or else in small letters.
fn spellings(name: &str) -> Vec<String> {
    if name.contains('"') {
        return vec![name.to_owned()];
    }
    let spelt = |name: &str| name.split('.').map(quoted).collect::<Vec<_>>().join(".");
    let mut spellings = vec![spelt(name), spelt(&name.to_lowercase())];
    spellings.dedup();
    spellings
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables that hold a table's rows: itself, or its partitions. None where one of them is no
/// heap or is not ours to read by itself, or where policies of the whole decide about rows.
async fn parts(client: &Client, oid: u32) -> Result<Vec<(String, i64)>, Failure> {
    const PARTS: &str = "WITH part AS (\
        SELECT oid FROM pg_class WHERE oid = $1 AND relkind IN ('r', 'm') AND NOT relhassubclass \
        UNION SELECT relid FROM pg_partition_tree($1) WHERE isleaf) \
        SELECT c.oid::regclass::text, \
        pg_relation_size(c.oid) / current_setting('block_size')::int8, \
        coalesce(a.amname = 'heap', false) AND has_table_privilege(c.oid, 'SELECT') \
        AND NOT whole.relrowsecurity \
        FROM part JOIN pg_class c ON c.oid = part.oid JOIN pg_class whole ON whole.oid = $1 \
        LEFT JOIN pg_am a ON a.oid = c.relam ORDER BY c.oid";
    let rows = client.query(PARTS, &[&oid]).await?;
    if !rows.iter().all(|row| row.get::<_, bool>(2)) {
        return Ok(Vec::new());
    }
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The condition that a row is new, or its column is empty; none where all are wanted.
fn filter(since: &Bound, name: &str, ty: &Type) -> Result<Option<String>> {
    let grows = [
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::NUMERIC,
        Type::DATE,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
    ];
    if !grows.contains(ty) {
        return Err(Error::user(format!("the watermark {name} is of type {ty} at the server"))
            .hint("a watermark is a number, a date or a timestamp there, too"));
    }
    let at_least = since.at_least.as_ref();
    // the bound is ours: digits, signs, `T` and `Z`
    Ok(at_least.map(|value| format!("({name} >= CAST('{value}' AS {ty}) OR {name} IS NULL)")))
}

/// How a column is asked for, and how it is sent then. What has a form of its own comes as text;
/// arrays and composites as JSON.
fn expression(name: &str, ty: &Type) -> (String, Wire) {
    let wire = match *ty {
        Type::BOOL => Wire::Boolean,
        Type::INT2 => Wire::Int16,
        Type::INT4 => Wire::Int32,
        Type::INT8 => Wire::Int64,
        Type::FLOAT4 => Wire::Float32,
        Type::FLOAT8 => Wire::Float64,
        Type::NUMERIC => Wire::Numeric,
        Type::DATE => Wire::Date,
        Type::TIMESTAMP => Wire::Timestamp,
        Type::TIMESTAMPTZ => Wire::TimestampTz,
        Type::UUID => Wire::Uuid,
        Type::BYTEA => Wire::Bytea,
        Type::JSONB => Wire::Jsonb,
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::JSON => Wire::Text,
        Type::OID => return (format!("{name}::int8"), Wire::Int64),
        Type::MONEY => return (format!("{name}::numeric"), Wire::Numeric),
        _ => {
            return match ty.kind() {
                Kind::Domain(base) => expression(name, base),
                Kind::Array(_) | Kind::Composite(_) => {
                    (format!("to_json({name})::text"), Wire::Text)
                }
                _ => (format!("{name}::text"), Wire::Text),
            };
        }
    };
    (name.to_owned(), wire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_pages_once() {
        let selection = Selection {
            select: "a".into(),
            wires: vec![],
            signature: "".into(),
            filter: None,
            have: vec![],
        };
        let relation = Relation {
            from: "t".into(),
            parts: vec![("t_1".into(), 0), ("t_2".into(), 2 * PAGES_A_RANGE + 1)],
            size_bytes: 0,
        };
        assert_eq!(
            relation.queries(&selection),
            [
                "SELECT a FROM ONLY t_1",
                "SELECT a FROM ONLY t_2 WHERE ctid >= '(0,0)' AND ctid < '(2048,0)'",
                "SELECT a FROM ONLY t_2 WHERE ctid >= '(2048,0)' AND ctid < '(4096,0)'",
                "SELECT a FROM ONLY t_2 WHERE ctid >= '(4096,0)'",
            ]
        );
        assert_eq!(spellings("Sales.Orders"), ["\"Sales\".\"Orders\"", "\"sales\".\"orders\""]);
    }
}
