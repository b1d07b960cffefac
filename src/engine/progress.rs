//! How far a running question is: the rows that its scans have behind them, of those in the files
//! they read.

use super::star;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::{Arc, Mutex, PoisonError};

/// Watches a running question.
#[derive(Debug, Clone)]
pub struct Progress(Option<Running>);

/// Its operators, which are others where it is asked once more in another way.
type Running = Arc<Mutex<Arc<dyn ExecutionPlan>>>;

impl Progress {
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        Self(Some(Arc::new(Mutex::new(Arc::clone(plan)))))
    }

    /// Other operators answer from now on.
    pub(super) fn is_of(&self, plan: &Arc<dyn ExecutionPlan>) {
        if let Some(running) = &self.0 {
            *running.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(plan);
        }
    }

    /// Of a question that was answered before.
    pub(super) fn done() -> Self {
        Self(None)
    }

    /// Which part of what it reads is read, from 0 to 1; none where it reads no files. What happens
    /// to the rows above the scans is not told.
    pub fn part(&self) -> Option<f64> {
        let Some(running) = &self.0 else { return Some(1.0) };
        let plan = Arc::clone(&running.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rows = Rows::default();
        rows.add(&plan);
        // Counted in floats: the division is one as well.
        (rows.all > 0).then(|| (rows.read as f64 / rows.all as f64).min(1.0))
    }
}

#[derive(Default)]
struct Rows {
    read: usize,
    all: usize,
}

impl Rows {
    fn add(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        let count = |name| {
            let metrics = plan.metrics();
            metrics.and_then(|metrics| metrics.sum_by_name(name)).map_or(0, |sum| sum.as_usize())
        };
        let stars = star::files(plan);
        let scan = plan.downcast_ref::<DataSourceExec>();
        let scan = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
        if !stars.is_empty() {
            let all = rows_of(stars.iter());
            self.all += all;
            self.read += (count("rows") + count("rows_skipped")).min(all);
        } else if let Some(scan) = scan {
            let files = || scan.file_groups.iter().flat_map(|group| group.iter());
            let (all, number) = (rows_of(files()), files().count().max(1));
            // Filters keep rows from coming out, so the files behind it count as well.
            let by_files = count("files_processed").min(number) as f64 / number as f64;
            let came_out = plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
            self.all += all;
            self.read += came_out.max((by_files * all as f64) as usize).min(all);
        }
        for child in plan.children() {
            self.add(child);
        }
    }
}

fn rows_of<'a>(files: impl Iterator<Item = &'a PartitionedFile>) -> usize {
    let known = files.filter_map(|file| file.statistics.as_ref());
    known.filter_map(|statistics| statistics.num_rows.get_value()).sum()
}
