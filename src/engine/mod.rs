//! Execution: the only place that builds a DataFusion session.
//!
//! A [`Session`] is bound to a principal and one release. SQL and cube queries both become a
//! [`Query`]: planned and authorised once, executed once or more.
//!
//! * the DataFusion session, bound to a principal and a release: `state`, `scope`
//! * what a session may set: `options`, `zoned`; what it has of its own: `temporary`
//! * text to statement: `sql`; names and plans: `names`, `plan` (gives a `ready` one), `optimise`, `plan_cache`, `planner`, `partitions`,
//!   `operators`; what may run: `guard`, `size`
//! * Substrait plans in place of text: `substrait`
//! * what SQL can name: `catalog`, `system`, `table`
//! * what DataFusion gets wrong: `grouping_sets`, `yielding`; what it takes long for: `finest`, `star`,
//!   `join_order` and `sides` (by `estimate`), `before_grouping`
//! * where rows come from: `origin`; what asks for nobody's rows: `inward`
//! * what DataFusion does not bound: `bounded` (functions), `concatenation`, `holding`
//!   (windows)
//! * reading: `scan`, `streamed`, `statistics`, `reader`, `object_stores`; limits: `memory`, `shares`
//! * cleaning rules as SQL functions: `functions`; expressions over rows that are cleaned: `expression`
//! * answers: `execute`, `watched`, `frugal` (those that did not fit into memory), `progress`, `answers` (those asked again), `shadow` (those looked at again; `distrusted`: what was wrong),
//!   `answer_file` (those kept for their clients), `about` (from what they come), `wire`, `explain`, `log`, `errors`, `damage`

mod about;
mod answer_file;
mod answers;
mod arithmetic;
mod before_grouping;
mod bounded;
mod catalog;
mod compact_text;
mod compared;
mod concatenation;
mod damage;
mod describe;
mod distrusted;
mod erased;
mod errors;
mod estimate;
mod execute;
mod explain;
mod expression;
mod extremes;
mod finest;
mod frugal;
mod functions;
mod grouping_sets;
mod guard;
mod holding;
mod inward;
mod join_order;
mod known;
mod lineage;
mod log;
mod memory;
mod mended;
mod names;
mod object_stores;
mod operators;
mod optimise;
mod options;
mod origin;
mod parsed;
mod partitions;
mod plan;
mod plan_cache;
mod planner;
mod progress;
mod reader;
mod ready;
mod repeatable;
mod scan;
mod scope;
mod session;
mod set_by_set;
mod shadow;
mod shared;
mod shares;
mod sides;
mod size;
mod sql;
mod star;
mod state;
mod statistics;
mod streamed;
mod substrait;
mod system;
mod table;
mod temporary;
mod unneeded;
mod watched;
mod whole_numbers;
mod wire;
mod work;
mod yielding;
mod zoned;

#[cfg(test)]
mod tests;

use self::erased::Erased;
pub use about::About;
pub use answer_file::{AnswerFile, AnswerPlace};
pub use answers::AnswerCounts;
pub(crate) use catalog::{SANDBOX, sandbox_table};
pub use errors::from_datafusion as error_of;
pub use expression::RowExpression;
pub use known::automatic_aggregates;
pub use lineage::{Decides, Origin, PlanLineage};
pub use memory::Reserved;
pub use options::{Compression, OptionValue, SESSION_OPTIONS, SessionOption, SessionOptions};
pub use progress::Progress;
pub use repeatable::Repeatable;
pub use session::Session;
pub use shared::Engine;
pub(crate) use sql::{Change, IfExists, Verb, quoted, without_literals};
pub use sql::{Setting, UpdateKind, update_of};
pub use streamed::Streamed;
pub use substrait::substrait_version;
pub use temporary::Temporary;
pub(crate) use temporary::{Collected, TEMPORARY};

use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// Bounds on what queries may use.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Memory for all queries together; operators that can, spill beyond it.
    pub memory_limit_bytes: usize,
    /// Partitions a query runs on.
    pub threads: usize,
    /// Where operators spill.
    pub spill_dir: std::path::PathBuf,
    /// Rows a batch.
    pub batch_size: usize,
    /// Memory, out of that of all queries, for decoded columns that are used again and again.
    pub hot_columns_bytes: usize,
    /// Memory, out of that of all queries, for answers to questions that are asked again; 0 keeps
    /// none.
    pub result_cache_bytes: usize,
    /// Whether joins in star form go to the star scan; else to DataFusion's own joins.
    pub star_scan: bool,
    /// Of so many questions that aggregates answer, one is answered again from base rows and
    /// compared; none where it is 0.
    pub shadow_one_in: u64,
    /// A question that reads no more rows than these, as stored, is one partition's.
    pub one_partition_rows: usize,
    /// Room for aggregates that releases keep by themselves, beside those that files declare, which
    /// count as well; none are kept where there is none.
    pub automatic_aggregates: Option<crate::config::Room>,
}

impl EngineSettings {
    /// Bounds where nothing else is said.
    pub fn new(memory_limit_bytes: usize, threads: usize, spill_dir: std::path::PathBuf) -> Self {
        Self {
            memory_limit_bytes,
            threads,
            spill_dir,
            batch_size: 8192,
            hot_columns_bytes: memory_limit_bytes / 2,
            result_cache_bytes: 0,
            star_scan: true,
            shadow_one_in: 0,
            one_partition_rows: partitions::ROWS_OF_ONE,
            automatic_aggregates: None,
        }
    }
}

/// A planned question.
#[derive(Debug, Clone)]
pub struct Query(Arc<dyn Erased<execute::Inner>>);

/// A table as clients list it.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// SQL schema.
    pub schema_name: String,
    /// Name.
    pub name: String,
    /// `TABLE`, `VIEW` (cubes), `LOCAL TEMPORARY` or `SYSTEM TABLE`.
    pub table_type: &'static str,
    /// Columns, as they go over the wire.
    pub schema: SchemaRef,
    /// What each of them means, in words.
    pub remarks: Vec<String>,
    /// The unit of each of them, where it has one.
    pub units: Vec<Option<String>>,
    /// What it holds, in words.
    pub description: String,
}

impl TableInfo {
    /// What a column means, and its unit behind that: `Price paid. (EUR)`.
    pub fn remark(&self, column: usize) -> String {
        let remark = self.remarks.get(column).map_or("", String::as_str);
        match self.units.get(column).and_then(Option::as_deref) {
            Some(unit) => format!("{remark} ({unit})").trim_start().to_owned(),
            None => remark.to_owned(),
        }
    }
}
