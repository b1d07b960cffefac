//! What several subjects need: a warehouse in a temporary folder, an answer as plain values.

use crate::reference::{Answer, Value};
use crate::support::engine_settings;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use starhouse::clock::{Clock, FixedClock};
use starhouse::engine::{Engine, EngineSettings, Query, error_of};
use starhouse::error::Result;
use starhouse::model::Model;
use starhouse::store::Warehouse;
use std::sync::Arc;
use tempfile::TempDir;

/// The moment at which all tests happen.
pub(crate) fn clock() -> Arc<dyn Clock> {
    let now = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).unwrap();
    Arc::new(FixedClock(now))
}

/// A warehouse that goes when it is dropped.
pub(crate) struct TempWarehouse {
    pub(crate) warehouse: Warehouse,
    folder: TempDir,
}

impl TempWarehouse {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(&folder.path().join("warehouse"), clock()).await.unwrap();
        Self { warehouse, folder }
    }

    /// Where engines may spill.
    pub(crate) fn spill(&self) -> std::path::PathBuf {
        self.folder.path().join("spill")
    }

    /// The folder as a project that has these files and this warehouse.
    pub(crate) fn as_project(&self, files: &[(String, &str)]) -> &std::path::Path {
        let folder = self.folder.path();
        std::fs::create_dir_all(folder.join("schemas")).unwrap();
        std::fs::write(folder.join("starhouse.yaml"), "").unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        folder
    }

    /// An engine with small batches, so that answers come in several.
    pub(crate) fn engine(&self, model: &Arc<Model>, threads: usize) -> Engine {
        self.remembering_engine(model, threads, 0)
    }

    /// The same, which keeps answers of so many bytes together.
    pub(crate) fn remembering_engine(
        &self,
        model: &Arc<Model>,
        threads: usize,
        result_cache_bytes: usize,
    ) -> Engine {
        self.engine_with(model, threads, |settings| {
            settings.result_cache_bytes = result_cache_bytes
        })
    }

    /// The same, set otherwise.
    pub(crate) fn engine_with(
        &self,
        model: &Arc<Model>,
        threads: usize,
        set: impl FnOnce(&mut EngineSettings),
    ) -> Engine {
        let defaults = engine_settings(1 << 30, threads, self.spill());
        let mut settings = EngineSettings { batch_size: 16, ..defaults };
        set(&mut settings);
        Engine::new(self.warehouse.clone(), Arc::clone(model), settings, clock()).unwrap()
    }
}

/// Runs a query to its end.
pub(crate) async fn answer(query: &Query) -> Result<Answer> {
    let stream = query.execute().await?;
    let names = stream.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(error_of)?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| value(column.as_ref(), row)).collect());
        }
    }
    Ok(Answer { names, rows })
}

fn value(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Utf8 => Value::text(column.as_string::<i32>().value(row)),
        DataType::Int16 => Value::int(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => Value::int(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Value::int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            Value::Date(NaiveDate::default() + chrono::Days::new(u64::try_from(days).unwrap()))
        }
        DataType::Decimal128(_, scale) => Value::Exact {
            unscaled: column.as_primitive::<Decimal128Type>().value(row),
            scale: u32::try_from(*scale).unwrap(),
        },
        other => panic!("answers of tests do not hold {other}"),
    }
}
