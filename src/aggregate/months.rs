//! The files of an aggregate that knows months: each holds some months whole, so that a month that
//! changes is written anew with few others.

use crate::error::{Error, Result};
use crate::model::MONTH_PARTITION;
use crate::store::{DataFile, Load, Rows, TableSpec, TableState};
use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use futures::{SinkExt, StreamExt, channel::mpsc};
use std::collections::BTreeSet;

/// An aggregate that keeps months is cut into files of about so many rows, between months. Smaller
/// files would make more work of reading than they save of writing.
const FILE_ROWS: u64 = 1 << 17;

/// A file of which months are computed anew.
pub(super) struct Touched {
    pub(super) path: String,
    /// Its first and its last month.
    pub(super) span: (i32, i32),
    pub(super) rows: u64,
}

/// The files that months lie in. A month that is new belongs to the file before it while that has
/// room: else every month would be a file of its own.
pub(super) fn touched(table: &TableState, months: &BTreeSet<i32>) -> Result<Vec<Touched>> {
    let mut files: Vec<(i32, i32, &DataFile)> = Vec::new();
    for file in &table.files {
        let (from, to) = span(file)?;
        files.push((from, to, file));
    }
    files.sort_by_key(|(from, ..)| *from);
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    for month in months {
        let before = files.iter().rposition(|(from, ..)| from <= month);
        if let Some(place) = before {
            let (_, to, file) = files[place];
            if *month <= to || file.rows < FILE_ROWS {
                chosen.insert(place);
            }
        }
    }
    let touched = |place: usize| {
        let (from, to, file) = files[place];
        Touched { path: file.path.clone(), span: (from, to), rows: file.rows }
    };
    Ok(chosen.into_iter().map(touched).collect())
}

/// Where files begin that stay as they are: no other may reach beyond.
pub(super) fn fences(table: &TableState, touched: &[Touched]) -> Result<Vec<i32>> {
    let stays = |file: &&DataFile| touched.iter().all(|touched| touched.path != file.path);
    table.files.iter().filter(stays).map(|file| Ok(span(file)?.0)).collect()
}

fn span(file: &DataFile) -> Result<(i32, i32)> {
    let bounds = || {
        let bounds = file.statistics.get(MONTH_PARTITION)?;
        Some((bounds.min.as_ref()?.parse().ok()?, bounds.max.as_ref()?.parse().ok()?))
    };
    bounds().ok_or_else(|| {
        Error::damaged("a file of an aggregate does not say of which months it is")
            .with("file", &file.path)
    })
}

/// Writes rows that are sorted by month as files that begin and end between months.
pub(super) async fn write_between_months(
    load: &Load,
    spec: &TableSpec,
    mut rows: Rows,
    fences: &[i32],
) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    let mut carried: Option<RecordBatch> = None;
    loop {
        if carried.is_none() {
            carried = rows.next().await.transpose()?;
        }
        if carried.is_none() {
            return Ok(files);
        }
        let (mut into, from) = mpsc::channel(1);
        let feed = async {
            let mut count = 0;
            let mut last = None;
            let outcome = loop {
                let batch = match carried.take() {
                    Some(batch) => batch,
                    None => match rows.next().await.transpose() {
                        Ok(Some(batch)) => batch,
                        Ok(None) => break Ok(None),
                        Err(error) => break Err(error),
                    },
                };
                let cut = cut(&batch, count, last, fences);
                let (now, later) = (batch.slice(0, cut), batch.slice(cut, batch.num_rows() - cut));
                count += cut as u64;
                last = month(&now, cut.checked_sub(1)).or(last);
                // A writer that has stopped says why itself.
                if into.send(Ok(now)).await.is_err() || later.num_rows() > 0 {
                    break Ok(Some(later));
                }
            };
            into.close_channel();
            outcome
        };
        let (written, rest) = futures::join!(load.write(spec, from.boxed()), feed);
        files.extend(written?);
        carried = rest?.filter(|rest| rest.num_rows() > 0);
    }
}

fn month(batch: &RecordBatch, row: Option<usize>) -> Option<i32> {
    Some(batch.column(0).as_primitive_opt::<Int32Type>()?.value(row?))
}

/// How many rows of a batch go into a file of so many rows that ends with a month so far.
fn cut(batch: &RecordBatch, rows: u64, mut last: Option<i32>, fences: &[i32]) -> usize {
    for row in 0..batch.num_rows() {
        let month = month(batch, Some(row));
        if let (Some(before), Some(month)) = (last, month)
            && before != month
        {
            let fenced = fences.iter().any(|fence| before < *fence && *fence <= month);
            if fenced || rows + row as u64 >= FILE_ROWS {
                return row;
            }
        }
        last = month;
    }
    batch.num_rows()
}
