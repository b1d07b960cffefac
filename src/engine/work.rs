//! How much work a question is, as its runs show: a server keeps long ones apart from short ones.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a question that is much work takes of processors.
const MUCH: Duration = Duration::from_millis(25);

/// The work of a question's runs: of the one that was least, as time in which others had the processor
/// counts as well. All that are the same question share it, with whatever values for its parameters.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Nanoseconds; 0 while nothing is known.
    least: AtomicU64,
}

impl Work {
    /// Whether it is much; none where no run has shown it.
    pub(super) fn is_much(&self) -> Option<bool> {
        let least = self.least.load(Ordering::Relaxed);
        (least > 0).then(|| Duration::from_nanos(least) >= MUCH)
    }

    /// Takes down a run that came to its end: `polled` is how long it was worked on where its rows come
    /// out, which is all of it where there is one partition. Operators of others tell that themselves.
    pub(super) fn ended(&self, plan: &Arc<dyn ExecutionPlan>, polled: Duration) {
        // That it is little work is known for good; to add it up is work as well.
        if self.is_much() != Some(false) {
            self.at_most(polled.max(told(plan).unwrap_or_default()));
        }
    }

    /// Takes down a run that was given up after so long.
    pub(super) fn stopped(&self, polled: Duration) {
        if polled >= MUCH && self.is_much().is_none() {
            self.at_most(polled);
        }
    }

    fn at_most(&self, worked: Duration) {
        let nanos = u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX).max(1);
        let less = |known| (known == 0 || nanos < known).then_some(nanos);
        // That another run has been less work is no failure.
        let _ = self.least.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// About how long operators were at work, by their own account: some count those below with them.
fn told(plan: &Arc<dyn ExecutionPlan>) -> Result<Duration> {
    let mut nanos: usize = 0;
    plan.apply(|node| {
        let told = node.metrics().and_then(|metrics| metrics.elapsed_compute());
        nanos = nanos.saturating_add(told.unwrap_or_default());
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Schema;
    use datafusion::physical_plan::empty::EmptyExec;

    #[test]
    fn the_least_of_all_runs_counts() {
        let (work, second) = (Work::default(), Duration::from_secs(1));
        let plan: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(Schema::empty())));
        assert_eq!(work.is_much(), None);
        work.stopped(Duration::from_millis(1));
        assert_eq!(work.is_much(), None, "given up early, it shows nothing");
        work.stopped(second);
        assert_eq!(work.is_much(), Some(true));
        work.ended(&plan, 2 * second);
        assert_eq!(work.is_much(), Some(true));
        work.ended(&plan, Duration::from_millis(1));
        assert_eq!(work.is_much(), Some(false));
        work.ended(&plan, second);
        work.stopped(second);
        assert_eq!(work.is_much(), Some(false), "somebody else had the processors");
    }
}
