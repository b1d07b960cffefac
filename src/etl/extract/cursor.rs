//! How far a source is read: what a release remembers of it beside its inputs.

use super::watermark::Marks;
use super::{Counts, Plan};
use crate::error::{Error, Result};
use crate::etl::job::{Snapshot, Strategy};

impl Plan {
    /// How far the source is read once this was.
    pub(super) fn cursor_after(
        &self,
        counts: &Counts,
        largest: Option<i64>,
    ) -> Result<Option<String>> {
        if let Some(watermark) = self.spec.strategy.watermark() {
            let marks = Marks::new(&watermark, &self.spec.columns)?;
            return marks.after(self.cursor.as_deref(), largest);
        }
        match &self.spec.strategy {
            Strategy::Snapshot(snapshot) => {
                let before = self.cursor.as_deref().and_then(|rows| rows.parse().ok());
                not_too_small(snapshot, before.unwrap_or_default(), counts.read)?;
                Ok(Some(counts.read.to_string()))
            }
            _ => Ok(None),
        }
    }
}

/// Refuses a snapshot that has lost too many rows since the last one.
fn not_too_small(snapshot: &Snapshot, before: u64, now: u64) -> Result<()> {
    let lost = before.saturating_sub(now) as f64;
    if lost <= before as f64 * snapshot.shrink_at_most {
        return Ok(());
    }
    Err(Error::data("the snapshot has lost suspiciously many rows")
        .with("rows", now)
        .with("rows before", before)
        .hint("where it is right, let it lose more (`shrink_at_most`, up to 1) for this once"))
}
