//! Junk dimensions: the combinations of a fact's flags, made as its rows bring them.
//!
//! A row's flags are looked up with the other keys of the row; only where some are new, the second
//! pass over the rows gives these their keys.

use super::combined::{self, MOST_COMBINATIONS};
use super::dimension::put;
use super::fact_sql::{DELETE, KEYED, key_name, quoted};
use super::keyed::{self, Keyed};
use super::{Loading, fact_sql};
use crate::error::{Result, counted};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, Dimension, DimensionKind, Fact, FactRole, Model};
use crate::store::TableState;
use arrow::array::new_empty_array;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;

/// The junk dimensions of a fact, and the roles that each plays.
fn roles<'a>(fact: &'a Fact, model: &'a Model) -> Vec<(&'a Dimension, Vec<&'a FactRole>)> {
    let mut roles: BTreeMap<&str, (&Dimension, Vec<&FactRole>)> = BTreeMap::new();
    for role in &fact.roles {
        let Some(dimension) = model.dimension(&role.dimension) else { continue };
        if dimension.kind == DimensionKind::Junk {
            roles.entry(&dimension.name).or_insert((dimension, Vec::new())).1.push(role);
        }
    }
    roles.into_values().collect()
}

/// Makes the tables of a fact's junk dimensions as the model has them, where they are not.
///
/// # Errors
/// What stops reading or writing them.
pub(super) async fn prepare(loading: &mut Loading<'_>, fact: &Fact, model: &Model) -> Result<()> {
    for (dimension, _) in roles(fact, model) {
        let spec = combined::spec(dimension);
        let preview = loading.load.preview();
        if preview.tables.get(&spec.name).is_some_and(|table| table.columns == spec.columns) {
            // Keys that are found there must be there when this load is published.
            loading.load.depends_on(&spec.name);
            continue;
        }
        let nothing: Vec<_> =
            dimension.described_columns().map(|c| new_empty_array(&c.ty.arrow())).collect();
        let stored = combined::stored(loading, dimension).await?;
        let combined = combined::combine(dimension, stored.as_ref(), &nothing)?;
        put(loading, spec, &combined.table).await?;
    }
    Ok(())
}

/// Adds the combinations that these rows are the first to have, and gives the rows their keys.
///
/// # Errors
/// Data errors where there are more than flags can make.
pub(super) async fn combine(
    loading: &mut Loading<'_>,
    fact: &Fact,
    model: &Model,
    mut keyed: Keyed,
) -> Result<Keyed> {
    let mut added = Vec::new();
    for (dimension, roles) in roles(fact, model) {
        let met = unheard_of(loading, dimension, &roles, &keyed.table).await?;
        if met.num_rows() == 0 {
            continue;
        }
        let stored = combined::stored(loading, dimension).await?;
        let combined = combined::combine(dimension, stored.as_ref(), met.columns())?;
        put(loading, combined::spec(dimension), &combined.table).await?;
        keyed.notes.push(format!(
            "{} new in `{}`",
            counted(combined.new as u64, "combination is", "combinations are"),
            dimension.name
        ));
        added.extend(roles.into_iter().map(|role| (role, dimension)));
    }
    if !added.is_empty() {
        keyed.table = with_keys(loading, fact, &added, &keyed.table).await?;
    }
    Ok(keyed)
}

/// The combinations among the rows that are not in the dimension.
async fn unheard_of(
    loading: &Loading<'_>,
    dimension: &Dimension,
    roles: &[&FactRole],
    keyed: &TableState,
) -> Result<RecordBatch> {
    let columns: Vec<Column> = dimension.described_columns().cloned().collect();
    let deletes = keyed.columns.iter().any(|column| column.name == DELETE);
    let stays = if deletes { format!(" AND NOT k.{DELETE}") } else { String::new() };
    let of_role = |role: &&FactRole| {
        let own = columns.iter().enumerate().map(|(position, column)| {
            format!("k.{} AS {}", quoted(&key_name(role, position)), quoted(&column.name))
        });
        let own = own.collect::<Vec<_>>().join(", ");
        format!("SELECT {own} FROM {KEYED} AS k WHERE {}{stays}", is_new(role))
    };
    let rows_of_roles: Vec<String> = roles.iter().map(of_role).collect();
    // One more than there may be is told of as too many.
    let sql = format!(
        "SELECT DISTINCT r.* FROM ({}) AS r LIMIT {}",
        rows_of_roles.join(" UNION ALL "),
        MOST_COMBINATIONS + 1,
    );
    let session = loading.session(&[(KEYED, keyed)]);
    rows::collect(rows::stream_sql(&session, &sql, &columns).await?, &columns).await
}

/// The condition of rows whose combination was not there when they were looked up.
fn is_new(role: &FactRole) -> String {
    format!("k.{} = {}", quoted(&role.key_column()), SurrogateKey::UNKNOWN.0)
}

/// The rows again, with the keys of combinations that were added.
async fn with_keys(
    loading: &Loading<'_>,
    fact: &Fact,
    added: &[(&FactRole, &Dimension)],
    keyed: &TableState,
) -> Result<TableState> {
    let key = |name: &str| {
        let role = added.iter().find(|(role, _)| role.key_column() == name);
        role.map(|(role, _)| fact_sql::combined_key(role))
    };
    let joins = added.iter().map(|(role, dimension)| fact_sql::join_combined("k", role, dimension));
    let joins: Vec<String> = joins.collect();
    keyed::with_keys(loading, fact, keyed, key, &joins).await
}

/// The columns of a fact's junk roles that are kept beside the fact's own until their keys are known.
pub(super) fn kept(fact: &Fact, model: &Model) -> Vec<String> {
    let names = |(dimension, roles): (&Dimension, Vec<&FactRole>)| {
        let columns = dimension.attributes.len();
        let of_role = |role: &FactRole| {
            (0..columns).map(|position| key_name(role, position)).collect::<Vec<_>>()
        };
        roles.into_iter().flat_map(of_role).collect::<Vec<_>>()
    };
    roles(fact, model).into_iter().flat_map(names).collect()
}
