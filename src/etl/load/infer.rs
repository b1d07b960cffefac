//! Inferred members: whom facts know of before any source has told of them (Kimball's early
//! arriving facts).
//!
//! Such a member gets its keys at once and its attributes when a source tells them; so the fact is
//! right from the day it comes, whichever comes first. Only dimensions that say `inferred_members`
//! have them, and only jobs that load facts of these take the second pass over their rows.

use super::fact_sql::{DELETE, EVENT, KEYED, equal, key_name, quoted};
use super::keyed::{self, Keyed};
use super::scd::{self, Members, Refused};
use super::{Loading, dimension, fact_table, touched};
use crate::error::{Error, Result, counted};
use crate::etl::job::Missing;
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, Dimension, Fact, FactRole, Model, arrow_schema};
use crate::store::TableState;
use arrow::array::new_null_array;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Gives keys to members that only these rows know of, in their dimensions and in the rows.
///
/// # Errors
/// As loading a dimension.
pub(super) async fn infer(
    loading: &mut Loading<'_>,
    fact: &Fact,
    model: &Model,
    mut keyed: Keyed,
) -> Result<Keyed> {
    let mut by_dimension: BTreeMap<&str, Vec<&FactRole>> = BTreeMap::new();
    for role in fact_table::inferred_roles(fact, model) {
        by_dimension.entry(&role.dimension).or_default().push(role);
    }
    let mut inferred = Vec::new();
    for (name, roles) in by_dimension {
        let unknown = || Error::internal("a role's dimension is not in the model");
        let dimension = model.dimension(name).ok_or_else(unknown)?;
        let keys = unheard_of(loading, dimension, &roles, &keyed.table).await?;
        if keys.num_rows() == 0 {
            continue;
        }
        add(loading, dimension, &keys).await?;
        let count = keys.num_rows();
        let members = counted(count as u64, "member", "members");
        keyed.notes.push(format!("{members} of `{name}` inferred: only facts know of them"));
        inferred.extend(roles.into_iter().map(|role| (role, dimension)));
    }
    if !inferred.is_empty() {
        keyed.table = with_keys(loading, fact, &inferred, &keyed.table).await?;
    }
    Ok(keyed)
}

/// The natural keys among the rows that no member has.
async fn unheard_of(
    loading: &Loading<'_>,
    dimension: &Dimension,
    roles: &[&FactRole],
    keyed: &TableState,
) -> Result<RecordBatch> {
    let natural = &dimension.natural_key;
    let deletes = keyed.columns.iter().any(|column| column.name == DELETE);
    let of_role = |role: &&FactRole| {
        let own = |position: usize| format!("k.{}", quoted(&key_name(role, position)));
        let columns = natural
            .iter()
            .enumerate()
            .map(|(position, column)| format!("{} AS {}", own(position), quoted(&column.name)));
        let known = (0..natural.len()).map(|position| format!("{} IS NOT NULL", own(position)));
        let mut conditions: Vec<String> = known.collect();
        conditions.extend(deletes.then(|| format!("NOT k.{DELETE}")));
        format!(
            "SELECT {} FROM {KEYED} AS k WHERE {} AND {}",
            columns.collect::<Vec<_>>().join(", "),
            is_unknown(role),
            conditions.join(" AND "),
        )
    };
    let names: Vec<String> = natural.iter().map(|column| column.name.clone()).collect();
    let rows: Vec<String> = roles.iter().map(of_role).collect();
    let sql = format!(
        "SELECT DISTINCT r.* FROM ({}) AS r LEFT ANTI JOIN warehouse.{} AS d ON {}",
        rows.join(" UNION ALL "),
        quoted(&dimension.table()),
        equal("r", "d", &names),
    );
    let session = loading.session(&[(KEYED, keyed)]);
    let columns: Vec<Column> = natural.clone();
    rows::collect(rows::stream_sql(&session, &sql, &columns).await?, &columns).await
}

/// The condition of rows whose member nobody knows, though they say when they happened.
fn is_unknown(role: &FactRole) -> String {
    let unknown = SurrogateKey::UNKNOWN.0;
    format!("k.{} = {unknown} AND k.{EVENT} IS NOT NULL", quoted(&role.key_column()))
}

/// Adds members that have nothing but their natural keys.
async fn add(loading: &mut Loading<'_>, dimension: &Dimension, keys: &RecordBatch) -> Result<()> {
    let before = match touched::read(loading, dimension, keys.columns()).await? {
        Some(before) => before,
        None => dimension::tables(loading, dimension).await?,
    };
    let columns: Vec<Column> =
        dimension.source_columns().map(|c| Column { nullable: true, ..c.clone() }).collect();
    let of_members = columns[dimension.natural_key.len()..].iter();
    let nothing = of_members.map(|column| new_null_array(&column.ty.arrow(), keys.num_rows()));
    let arrays = keys.columns().iter().map(Arc::clone).chain(nothing).collect();
    let incoming = RecordBatch::try_new(arrow_schema(&columns), arrays)
        .map_err(|error| Error::internal("inferred members are no rows").caused_by(error))?;
    let loaded = scd::load(&Members {
        dimension: &dimension::without_outriggers(dimension),
        current: before.table.as_ref(),
        log: before.log.as_ref(),
        incoming: &incoming,
        effective_us: None,
        deleted: None,
        inferred: true,
        forgets: false,
        last_key: before.last_key,
        as_of_us: loading.as_of.timestamp_micros(),
        missing: Missing::Keep,
        refused: &Refused::Nobody,
        keep_log: before.log.is_some(),
    })
    .map_err(|error| error.with("dimension", &dimension.name))?;
    dimension::save(loading, dimension, &before, &loaded).await
}

/// The rows again, with the keys of members that are inferred now.
async fn with_keys(
    loading: &Loading<'_>,
    fact: &Fact,
    inferred: &[(&FactRole, &Dimension)],
    keyed: &TableState,
) -> Result<TableState> {
    let alias = |role: &FactRole| quoted(&format!("of_{}", role.role));
    let key = |name: &str| {
        let role = inferred.iter().find(|(role, _)| role.key_column() == name);
        role.map(|(role, dimension)| format!("{}.{}", alias(role), quoted(&dimension.key_column())))
    };
    let join = |(role, dimension): &(&FactRole, &Dimension)| {
        let alias = alias(role);
        let keys = dimension.natural_key.iter().enumerate().map(|(position, column)| {
            let own = quoted(&key_name(role, position));
            format!("k.{own} = {alias}.{}", quoted(&column.name))
        });
        format!(
            "LEFT JOIN (SELECT * FROM warehouse.{} WHERE is_inferred) AS {alias} ON {} AND {}",
            quoted(&dimension.table()),
            keys.collect::<Vec<_>>().join(" AND "),
            is_unknown(role),
        )
    };
    let joins: Vec<String> = inferred.iter().map(join).collect();
    keyed::with_keys(loading, fact, keyed, key, &joins).await
}
