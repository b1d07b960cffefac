//! Temporary tables: a session's own, in memory, gone with it. They are in no release, so nothing of
//! them is left after a crash, and nobody else sees them.
//!
//! A bare name means the session's temporary table before any other; `temporary.name` always does.

use super::catalog::ReleaseCatalog;
use super::memory::Reserved;
use super::{Engine, TableInfo, wire};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Column, arrow_schema};
use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// The schema that they are in.
pub(crate) const TEMPORARY: &str = "temporary";

/// Tables of a session, at most.
const MOST_TABLES: usize = 256;

/// The temporary tables of a session; clones share them.
#[derive(Clone, Default)]
pub struct Temporary(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tables: Mutex<BTreeMap<String, Arc<Table>>>,
    /// Held by whoever changes one.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A table as it is between two changes.
struct Table {
    columns: Vec<Column>,
    batches: Vec<RecordBatch>,
    provider: Arc<MemTable>,
    /// What its rows take of the memory of all queries.
    held: Vec<Arc<Held>>,
}

/// Rows on their way into a temporary table, counted as they come.
pub(crate) struct Collected {
    batches: Vec<RecordBatch>,
    memory: Held,
}

/// Memory that rows take: of that of all queries, and of what temporary tables may have of it.
struct Held {
    reserved: Reserved,
    bytes: usize,
    all: Arc<AtomicUsize>,
    most: usize,
}

impl Held {
    /// Takes more, unless there is no more.
    fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.all.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = taken <= self.most && self.reserved.grow(bytes);
        if fits {
            self.bytes += bytes;
        } else {
            self.all.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Engine {
    /// A place for rows of a temporary table.
    pub(crate) fn collect_temporary(&self) -> Collected {
        let (all, most) = self.temporary_bytes();
        let (reserved, bytes) = (self.reserve("temporary tables"), 0);
        let memory = Held { reserved, bytes, all: Arc::clone(all), most: *most };
        Collected { batches: Vec::new(), memory }
    }
}

impl Collected {
    /// Takes a batch in.
    ///
    /// # Errors
    /// Limit where there is no memory for it.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if !self.memory.grow(batch.get_array_memory_size()) {
            return Err(Error::new(ErrorKind::Limit, "a temporary table finds no more memory")
                .with("rows so far", self.rows())
                .hint("keep fewer rows, drop temporary tables, or make a table of the sandbox"));
        }
        self.batches.push(batch);
        Ok(())
    }

    /// How many rows came.
    pub(crate) fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }
}

impl Temporary {
    /// Waits until nobody else changes a table of the session.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.turn).lock_owned().await
    }

    /// Whether there is such a table.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tables().contains_key(name)
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables().is_empty()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tables().keys().cloned().collect()
    }

    /// A table's columns.
    pub(crate) fn columns(&self, name: &str) -> Option<Vec<Column>> {
        self.tables().get(name).map(|table| table.columns.clone())
    }

    /// How many rows a table has.
    pub(crate) fn rows(&self, name: &str) -> Option<u64> {
        let tables = self.tables();
        let batches = tables.get(name).map(|table| table.batches.iter());
        batches.map(|batches| batches.map(|batch| batch.num_rows() as u64).sum())
    }

    /// Makes rows a table, in place of the one there, or has them join it.
    ///
    /// # Errors
    /// Limit where the session has too many tables.
    pub(crate) fn put(
        &self,
        name: &str,
        columns: Vec<Column>,
        rows: Collected,
        joins: bool,
    ) -> Result<()> {
        let mut tables = self.tables();
        let before = tables.get(name).filter(|_| joins).cloned();
        if tables.len() >= MOST_TABLES && !tables.contains_key(name) {
            let text = format!("the session has {MOST_TABLES} temporary tables already");
            return Err(Error::new(ErrorKind::Limit, text).hint("drop some of them"));
        }
        let Collected { batches: new, memory } = rows;
        let (mut batches, mut held) = match &before {
            Some(table) => (table.batches.clone(), table.held.clone()),
            None => (Vec::new(), Vec::new()),
        };
        batches.extend(new);
        held.push(Arc::new(memory));
        let provider = MemTable::try_new(arrow_schema(&columns), vec![batches.clone()])
            .map_err(|error| Error::internal("rows are none of their table").caused_by(error))?;
        let table = Table { columns, batches, provider: Arc::new(provider), held };
        tables.insert(name.to_owned(), Arc::new(table));
        Ok(())
    }

    /// The same tables, so that what is done to them does not show before it is done.
    pub(crate) fn aside(&self) -> Self {
        let (tables, turn) = (Mutex::new(self.tables().clone()), Arc::default());
        Self(Arc::new(Shared { tables, turn }))
    }

    /// Makes a table what others have by its name.
    pub(crate) fn take_over(&self, name: &str, others: &Self) {
        if let Some(table) = others.tables().get(name) {
            self.tables().insert(name.to_owned(), Arc::clone(table));
        }
    }

    /// Lets a table go; false where there is none.
    pub(crate) fn drop_table(&self, name: &str) -> bool {
        self.tables().remove(name).is_some()
    }

    /// The tables as they are now, as a schema.
    pub(super) fn now(&self) -> Arc<OwnTables> {
        let tables = self.tables();
        let tables = tables.iter().map(|(name, table)| {
            (name.clone(), Arc::clone(&table.provider) as Arc<dyn TableProvider>)
        });
        Arc::new(OwnTables(tables.collect()))
    }

    /// The tables as clients list them.
    pub(super) fn listed(&self) -> Vec<TableInfo> {
        let tables = self.tables();
        let info = |(name, table): (&String, &Arc<Table>)| TableInfo {
            schema_name: TEMPORARY.to_owned(),
            name: name.clone(),
            table_type: "LOCAL TEMPORARY",
            schema: wire::schema(&table.provider.schema()),
            remarks: vec![String::new(); table.columns.len()],
            units: vec![None; table.columns.len()],
            description: "a temporary table of the session".to_owned(),
        };
        tables.iter().map(info).collect()
    }

    fn tables(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Table>>> {
        self.0.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for Temporary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Temporary").field(&self.names()).finish()
    }
}

/// The same tables, not merely equal ones.
impl PartialEq for Temporary {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Temporary {}

/// The session's tables, at one moment.
#[derive(Debug)]
pub(super) struct OwnTables(BTreeMap<String, Arc<dyn TableProvider>>);

impl OwnTables {
    /// A release's catalog with these tables in it.
    pub(super) fn beside(
        self: &Arc<Self>,
        release: &Arc<ReleaseCatalog>,
    ) -> Arc<dyn CatalogProvider> {
        let release = Arc::clone(release);
        if self.0.is_empty() {
            release
        } else {
            Arc::new(WithTables { release, tables: Arc::clone(self) })
        }
    }

    /// The tables' names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[async_trait]
impl SchemaProvider for OwnTables {
    fn table_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.0.get(name).cloned())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[derive(Debug)]
struct WithTables {
    release: Arc<ReleaseCatalog>,
    tables: Arc<OwnTables>,
}

impl CatalogProvider for WithTables {
    fn schema_names(&self) -> Vec<String> {
        let own = std::iter::once(TEMPORARY.to_owned());
        own.chain(CatalogProvider::schema_names(self.release.as_ref())).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            TEMPORARY => Some(Arc::clone(&self.tables) as Arc<dyn SchemaProvider>),
            name => self.release.schema(name),
        }
    }
}
