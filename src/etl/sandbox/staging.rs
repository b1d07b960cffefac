//! Rows that become a table, or join it: files, and what the load makes of them.

use crate::error::Result;
use crate::store::{Change, Load, Rows, TableSpec};

/// The rows are the table now; gives how many.
pub(super) async fn replace(load: &mut Load, spec: TableSpec, rows: Rows) -> Result<u64> {
    let files = load.write(&spec, rows).await?;
    let count = files.iter().map(|file| file.rows).sum();
    load.stage(spec, Change::Replace(files))?;
    Ok(count)
}

/// The rows join the table; gives how many.
pub(super) async fn append(load: &mut Load, spec: TableSpec, rows: Rows) -> Result<u64> {
    let files = load.write(&spec, rows).await?;
    let count = files.iter().map(|file| file.rows).sum();
    if count > 0 {
        load.stage(spec, Change::Append(files))?;
    }
    Ok(count)
}
