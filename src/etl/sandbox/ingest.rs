//! Rows of a client's program into a table: staged as they come, then written as one release.

use super::arrived::{Arrived, ROWS};
use super::assign::{Assign, columns_of};
use super::target::{Target, allowed, check};
use super::write::{Work, recorded};
use super::{Sandbox, temporary};
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::run::run_id;
use crate::ids::RunId;
use crate::store::Rows;
use arrow::datatypes::Schema;
use futures::StreamExt;
use std::sync::Arc;

impl Sandbox {
    /// Takes in rows of a schema, all of them or none; gives how many.
    ///
    /// # Errors
    /// Denied where the table is none of the sandbox; user where it is there, or is not, against
    /// the target's word, or the rows' columns are not the table's; data where a value does not
    /// fit; whatever the rows end with.
    pub async fn ingest(
        &self,
        session: &Session,
        target: &Target,
        schema: &Schema,
        rows: Rows,
    ) -> Result<u64> {
        if target.temporary {
            return temporary::ingest(&self.engine, session, target, schema, rows).await;
        }
        allowed(session, target)?;
        let columns = columns_of(schema, &[]).map_err(by_its_program)?;
        check(session, target, &columns)?;
        let warehouse = self.engine.warehouse();
        let run = run_id(warehouse, self.engine.clock().now()).await?;
        // Rows may come slowly: they wait for their turn only once all are there.
        let waiting = warehouse.begin(RunId(format!("{run}-rows")), Arc::clone(session.release()));
        let assign = Assign::new(schema, &columns, &[])?;
        let fitted = rows.map(move |batch| assign.apply(&batch?).map_err(by_its_program)).boxed();
        let staged = waiting.write_staged(ROWS, columns, fitted).await?;
        let arrived = Arrived { session, target, staged };
        let _turn = self.turn.lock().await;
        let written = recorded(&self.engine, &target.table, Work::Rows(&arrived)).await;
        waiting.abandon().await?;
        written
    }
}

/// The same fault, but its remedy is none of SQL's: the rows come out of a program.
pub(super) fn by_its_program(error: Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::Unsupported => "send it as another type, text for example",
        ErrorKind::User => "rename the column before it is sent",
        ErrorKind::Data => "round, convert or clear the value before it is sent",
        _ => return error,
    };
    error.hint(hint)
}
