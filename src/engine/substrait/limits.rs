//! How large a Substrait plan may be, and which relations it may have.
//!
//! Messages within each other are bounded by what decodes them, at a hundred. But a few bytes can ask
//! for much: a relation may show a column thousands of times, an expression stands for itself twice
//! in an exclusive or, and all that is computed is named after what it is computed of.

use crate::engine::errors::from_datafusion;
use crate::error::{Error, ErrorKind, Result};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DataFusionResult};
use datafusion::logical_expr::builder::project;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion_substrait::substrait::proto::extensions::AdvancedExtension;
use datafusion_substrait::substrait::proto::rel::RelType;
use datafusion_substrait::substrait::proto::rel_common::EmitKind;
use datafusion_substrait::substrait::proto::set_rel::SetOp;
use datafusion_substrait::substrait::proto::{AggregateRel, Plan, ProjectRel, Rel, RelCommon};
use prost::Message;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

const MOST_BYTES: usize = 1 << 20;
/// As many as SQL may name tables.
const MOST_RELATIONS: usize = 1_000;
/// Sides of joins, intersections and differences: as many tables as SQL may join.
const MOST_JOINED: usize = 100;
/// Columns of all relations together.
const MOST_COLUMNS: usize = 100_000;
/// Columns that a relation shows again.
const MOST_AGAIN: usize = 1_000;
/// Bytes of expressions that are written once and used again.
const MOST_BYTES_AGAIN: usize = 1 << 20;
/// Parts of one expression; as text, SQL may have about as many.
const MOST_PARTS: usize = 100_000;
/// Longer names of columns are only said of computed ones, and would grow with each relation.
const LONGEST_NAME_BYTES: usize = 128;

/// A plan that is not too large to be read.
///
/// # Errors
/// Usage where it is none, limit where it is too large.
pub(super) fn decoded(bytes: &[u8]) -> Result<Plan> {
    within(bytes.len(), MOST_BYTES, "bytes")?;
    let plan = Plan::decode(bytes)
        .map_err(|error| Error::new(ErrorKind::Usage, "not a Substrait plan").caused_by(error))?;
    no_enhancement(plan.advanced_extensions.as_ref())?;
    Ok(plan)
}

/// What says that a plan is none, and why.
pub(super) fn malformed(why: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("malformed Substrait plan: {why}"))
}

fn within(count: usize, most: usize, what: &str) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    let text = format!("the Substrait plan has {count} {what}, more than {most}");
    Err(Error::new(ErrorKind::Limit, text).hint("ask for less in one plan"))
}

/// What a plan was found to have, as far as it was read.
#[derive(Default)]
pub(super) struct Counts {
    relations: AtomicUsize,
    joined: AtomicUsize,
    columns: AtomicUsize,
}

impl Counts {
    /// Counts a relation that is about to be read.
    ///
    /// # Errors
    /// Unsupported and denied where its kind is, limit where it is too much.
    pub(super) fn enter(&self, relation: &Rel) -> Result<()> {
        within(add(&self.relations, 1), MOST_RELATIONS, "relations")?;
        let Some(relation) = &relation.rel_type else {
            return Err(malformed("a relation has no type"));
        };
        let (common, advanced) = parts(relation)?;
        no_enhancement(advanced)?;
        no_enhancement(common.and_then(|common| common.advanced_extension.as_ref()))?;
        within(add(&self.joined, joined(relation)), MOST_JOINED, "relations to be joined")?;
        let again = again(common);
        within(again, MOST_AGAIN, "columns that one relation shows again")?;
        let bytes = match relation {
            RelType::Project(rel) => again.saturating_mul(longest_bytes(rel)),
            RelType::Aggregate(rel) => grouped_bytes(rel),
            _ => 0,
        };
        within(bytes, MOST_BYTES_AGAIN, "bytes of expressions used again")
    }

    /// Counts what was read of a relation, and shortens the names of what it computes.
    ///
    /// # Errors
    /// Limit.
    pub(super) fn leave(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let columns = plan.schema().fields().len();
        within(add(&self.columns, columns), MOST_COLUMNS, "columns in all its relations")?;
        shortly_named(plan).map_err(from_datafusion)
    }
}

fn add(count: &AtomicUsize, more: usize) -> usize {
    count.fetch_add(more, Ordering::Relaxed).saturating_add(more)
}

/// What all relations that are understood have.
fn parts(relation: &RelType) -> Result<(Option<&RelCommon>, Option<&AdvancedExtension>)> {
    let (common, advanced) = match relation {
        RelType::Read(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Filter(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Fetch(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Aggregate(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Sort(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Join(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Project(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Set(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Cross(rel) => (&rel.common, &rel.advanced_extension),
        RelType::Write(_) | RelType::Ddl(_) | RelType::Update(_) => {
            return Err(Error::new(ErrorKind::Denied, "a Substrait plan changes nothing here")
                .hint("write to the schema `sandbox` in SQL, or by ingestion"));
        }
        RelType::ExtensionSingle(_) | RelType::ExtensionMulti(_) | RelType::ExtensionLeaf(_) => {
            return Err(unsupported("extension"));
        }
        RelType::Reference(_) => return Err(unsupported("reference")),
        RelType::HashJoin(_) | RelType::MergeJoin(_) | RelType::NestedLoopJoin(_) => {
            return Err(unsupported("physical join"));
        }
        RelType::Window(_) => return Err(unsupported("consistent partition window")),
        RelType::Exchange(_) => return Err(unsupported("exchange")),
        RelType::Expand(_) => return Err(unsupported("expand")),
    };
    Ok((common.as_ref(), advanced.as_ref()))
}

fn unsupported(kind: &str) -> Error {
    Error::unsupported(format!("Substrait's {kind} relations are not supported"))
}

/// An enhancement changes what a plan means, and none is known.
fn no_enhancement(extension: Option<&AdvancedExtension>) -> Result<()> {
    match extension.and_then(|extension| extension.enhancement.as_ref()) {
        None => Ok(()),
        Some(enhancement) => {
            let name = &enhancement.type_url;
            Err(Error::unsupported(format!("the Substrait enhancement `{name}` is not known")))
        }
    }
}

/// How many sides are joined.
fn joined(relation: &RelType) -> usize {
    match relation {
        RelType::Join(_) | RelType::Cross(_) => 1,
        RelType::Set(rel) => match rel.op() {
            SetOp::UnionAll | SetOp::UnionDistinct => 0,
            _ => rel.inputs.len(),
        },
        _ => 0,
    }
}

/// How many of the columns that a relation shows are shown before.
fn again(common: Option<&RelCommon>) -> usize {
    match common.and_then(|common| common.emit_kind.as_ref()) {
        Some(EmitKind::Emit(emit)) => {
            let once: HashSet<_> = emit.output_mapping.iter().collect();
            emit.output_mapping.len() - once.len()
        }
        _ => 0,
    }
}

fn longest_bytes(rel: &ProjectRel) -> usize {
    rel.expressions.iter().map(Message::encoded_len).max().unwrap_or_default()
}

/// What groupings take, each with all that it groups by.
fn grouped_bytes(rel: &AggregateRel) -> usize {
    let longest = rel.grouping_expressions.iter().map(Message::encoded_len).max();
    let uses: usize = rel.groupings.iter().map(|set| set.expression_references.len()).sum();
    let again = uses.saturating_sub(rel.grouping_expressions.len());
    longest.unwrap_or_default().saturating_mul(again)
}

/// Refuses an expression of too many parts.
///
/// # Errors
/// Limit.
pub(super) fn check_expression(expr: &Expr) -> Result<()> {
    let mut parts = 0;
    let counted = expr.apply(|_| {
        parts += 1;
        Ok(if parts > MOST_PARTS { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    counted.map_err(from_datafusion)?;
    within(parts, MOST_PARTS, "parts in one expression")
}

/// The same plan, whose columns have no long names. Substrait's columns are known by their places.
fn shortly_named(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let is_long = |name: &str| name.len() > LONGEST_NAME_BYTES;
    if !plan.schema().fields().iter().any(|field| is_long(field.name())) {
        return Ok(plan);
    }
    let named: Vec<Expr> = plan
        .schema()
        .iter()
        .enumerate()
        .map(|(place, field)| {
            let column = Expr::Column(Column::from(field));
            if is_long(field.1.name()) { column.alias(format!("column {place}")) } else { column }
        })
        .collect();
    project(plan, named)
}
