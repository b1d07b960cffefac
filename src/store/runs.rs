//! Rows into a staging area: runs of rows, each a file of its own, written by several threads.
//!
//! A run is cut by size, so the same rows always become the same files. Rows that will be asked
//! for by partition are clustered within each run, with a row group a partition: whoever reads one
//! partition reads nothing of the others.

use super::check::BatchCheck;
use super::durable::io_error;
use super::parquet_file::{ParquetFile, Purpose};
use super::release::DataFile;
use super::{Rows, TableSpec};
use crate::error::{Error, Result};
use crate::model::{Column, arrow_schema};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{concat_batches, partition, sort_to_indices, take_record_batch};
use arrow::error::ArrowError;
use futures::StreamExt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Memory of a run, give or take a batch. Clustered rows are read back a partition at a time, out
/// of every run: fewer and larger ones.
const RUN_BYTES: usize = 64 << 20;
const CLUSTERED_RUN_BYTES: usize = 128 << 20;

/// The specification of a staged table: plain rows, nothing promised.
pub(crate) fn staged_spec(name: &str, columns: Vec<Column>) -> TableSpec {
    TableSpec {
        name: name.to_owned(),
        description: String::new(),
        columns,
        partition_by: None,
        sort_by: Vec::new(),
    }
}

/// Where runs go and what they are.
struct Runs {
    folder: PathBuf,
    spec: TableSpec,
    check: BatchCheck,
    /// The place of the column by which rows are clustered.
    cluster_by: Option<usize>,
}

/// Writes all rows into a folder; returns the files in the order of the rows.
///
/// Within a run rows come clustered by the column `cluster_by`, if there is one.
pub(crate) async fn write_runs(
    folder: PathBuf,
    spec: &TableSpec,
    cluster_by: Option<&str>,
    mut rows: Rows,
) -> Result<Vec<DataFile>> {
    let check = BatchCheck::new(&spec.name, &spec.columns);
    let cluster_by = cluster_by.map(|name| check.schema().index_of(name)).transpose();
    let cluster_by = cluster_by.map_err(|error| fault(spec, error))?;
    let runs = Arc::new(Runs { folder, spec: spec.clone(), check, cluster_by });
    let run_bytes = if cluster_by.is_some() { CLUSTERED_RUN_BYTES } else { RUN_BYTES };
    let (mut writing, mut files) = (JoinSet::new(), Vec::new());
    let (mut batches, mut bytes, mut begun) = (Vec::new(), 0, 0);
    loop {
        let batch = rows.next().await.transpose()?;
        let ended = batch.is_none();
        if let Some(batch) = batch.filter(|batch| batch.num_rows() > 0) {
            bytes += size_bytes(&batch);
            batches.push(batch);
        }
        if !batches.is_empty() && (ended || bytes >= run_bytes) {
            if writing.len() >= super::lanes() {
                files.extend(written(writing.join_next().await)?);
            }
            let (runs, run, index) = (Arc::clone(&runs), std::mem::take(&mut batches), begun);
            writing.spawn_blocking(move || Ok((index, runs.write(index, &run)?)));
            (bytes, begun) = (0, begun + 1);
        }
        if ended {
            break;
        }
    }
    while let Some(finished) = writing.join_next().await {
        files.extend(written(Some(finished))?);
    }
    files.sort_by_key(|(index, _)| *index);
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

type Finished = std::result::Result<Result<(usize, DataFile)>, tokio::task::JoinError>;

fn written(finished: Option<Finished>) -> Result<Option<(usize, DataFile)>> {
    let ended = |error| Error::internal("a storage thread ended early").caused_by(error);
    finished.map(|finished| finished.map_err(ended)?).transpose()
}

/// What the rows of a batch take, whatever they are a part of.
fn size_bytes(batch: &RecordBatch) -> usize {
    let size = |array: &arrow::array::ArrayRef| {
        // Of views that is without the texts they are of.
        let texts = array.as_string_view_opt().map_or(0, |views| views.total_buffer_bytes_used());
        let own = array.to_data().get_slice_memory_size();
        own.map_or_else(|_| array.get_array_memory_size(), |own| own + texts)
    };
    batch.columns().iter().map(size).sum()
}

fn fault(spec: &TableSpec, error: ArrowError) -> Error {
    Error::internal("rows cannot be staged").with("table", &spec.name).caused_by(error)
}

impl Runs {
    /// Writes one run.
    fn write(&self, index: usize, batches: &[RecordBatch]) -> Result<DataFile> {
        let name = format!("{:05}.parquet", index + 1);
        let path = self.folder.join(&name);
        let file = File::create_new(&path).map_err(|error| io_error("make", &path, error))?;
        let schema = arrow_schema(&self.spec.columns);
        let mut parquet = ParquetFile::begin(file, schema, &[], Purpose::Staging)?;
        match self.cluster_by {
            None => {
                for batch in batches {
                    parquet.write(&self.check.checked(batch)?)?;
                }
            }
            Some(column) => {
                for cluster in self.clusters(column, batches)? {
                    parquet.write(&cluster)?;
                    parquet.end_row_group()?;
                }
            }
        }
        let written = parquet.finish(&path)?;
        Ok(DataFile {
            path: name,
            size_bytes: written.size_bytes,
            rows: written.rows,
            sha256: written.sha256,
            partition: None,
            statistics: written.statistics,
            cluster_by: Vec::new(),
        })
    }

    /// The rows by the value of a column, ascending.
    fn clusters(&self, column: usize, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        let fault = |error| fault(&self.spec, error);
        let checked: Vec<RecordBatch> =
            batches.iter().map(|batch| self.check.checked(batch)).collect::<Result<_>>()?;
        let all = concat_batches(self.check.schema(), &checked).map_err(fault)?;
        drop(checked);
        let order = sort_to_indices(all.column(column), None, None).map_err(fault)?;
        let sorted = take_record_batch(&all, &order).map_err(fault)?;
        let values = std::slice::from_ref(sorted.column(column));
        let ranges = partition(values).map_err(fault)?.ranges();
        Ok(ranges.into_iter().map(|range| sorted.slice(range.start, range.len())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int32Array, StringArray, StringViewArray};

    #[test]
    fn texts_count_in_whatever_layout() {
        let texts: Vec<String> = (0..100).map(|row| "x".repeat(row * 10)).collect();
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..100));
        let plain: ArrayRef = Arc::new(StringArray::from_iter_values(&texts));
        let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
        let batch = |texts| {
            RecordBatch::try_from_iter([("n", Arc::clone(&numbers)), ("t", texts)]).unwrap()
        };
        let letters: usize = texts.iter().map(String::len).sum();
        for batch in [batch(plain), batch(views)] {
            let (all, half) = (size_bytes(&batch), size_bytes(&batch.slice(50, 50)));
            assert!((letters..letters + 100 * 24).contains(&all), "{all}");
            assert!((letters * 3 / 5..all).contains(&half), "{half}");
        }
    }
}
