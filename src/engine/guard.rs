//! What may run: decided on the parsed plan, never on text.

use super::catalog::{CUBES, SYSTEM};
use super::errors::from_datafusion;
use super::system::SystemProvider;
use super::table::StoredTable;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{Access, Policy, Principal};
use crate::query::{CubeTable, measure_function};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, Statement, TableScan};
use datafusion::sql::parser;

/// Refuses DataFusion's own statements about files before they are planned: planning them would
/// look for file formats, and we have none.
///
/// # Errors
/// Denied, naming the statement.
pub(crate) fn no_files(statement: &parser::Statement) -> Result<()> {
    match statement {
        parser::Statement::Statement(_) => Ok(()),
        parser::Statement::Explain(explain) => no_files(&explain.statement),
        parser::Statement::CopyTo(_) => Err(denied("COPY")),
        parser::Statement::CreateExternalTable(_) => Err(denied("CREATE EXTERNAL TABLE")),
        parser::Statement::Reset(_) => Err(denied("RESET")),
    }
}

fn denied(statement: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("{statement} is not allowed here")).hint(
        "SELECT, EXPLAIN, SHOW and DESCRIBE ask; CREATE TABLE, INSERT, UPDATE, DELETE and DROP \
               TABLE change tables of the schema `sandbox`; jobs change the warehouse",
    )
}

/// Refuses every plan that is not a question: DDL, DML, COPY, SET, PREPARE, transactions.
///
/// # Errors
/// Denied, naming the statement.
pub(crate) fn only_questions(plan: &LogicalPlan) -> Result<()> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        refused = statement_word(node);
        Ok(match refused {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    })
    .map_err(from_datafusion)?;
    match refused {
        None => Ok(()),
        Some(word) => Err(denied(&word)),
    }
}

/// The word for a plan that is no question. New kinds of plan must be judged here.
fn statement_word(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::Dml(dml) => Some(dml.op.to_string().to_uppercase()),
        LogicalPlan::Ddl(ddl) => Some(ddl.name().to_owned()),
        LogicalPlan::Copy(_) => Some("COPY".to_owned()),
        LogicalPlan::Statement(statement) => Some(match statement {
            Statement::SetVariable(_) => "SET".to_owned(),
            Statement::ResetVariable(_) => "RESET".to_owned(),
            other => other.name().to_owned(),
        }),
        LogicalPlan::Extension(extension) => Some(extension.node.name().to_owned()),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => None,
    }
}

/// Asks the policy whether a principal may read what a plan reads: the tables and cubes that the
/// question names, before cubes become stored tables.
///
/// # Errors
/// What the policy refuses.
pub(crate) fn authorise(policy: &Policy, principal: &Principal, plan: &LogicalPlan) -> Result<()> {
    let mut wanted: Vec<Access> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let access = access(scan);
            if !wanted.contains(&access) {
                wanted.push(access);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(from_datafusion)?;
    policy.authorize(principal, &wanted)
}

/// What a scan reads, told by the table itself where it is one of ours: a name in a plan may be
/// incomplete.
fn access(scan: &TableScan) -> Access {
    let provider = source_as_provider(&scan.source);
    if let Ok(provider) = &provider
        && let Some(table) = provider.downcast_ref::<StoredTable>()
    {
        let (schema, table) = (table.schema_name().to_owned(), table.name().to_owned());
        return Access { schema, table };
    }
    let (schema, table) = match provider {
        Ok(provider) if provider.is::<CubeTable>() => (CUBES, scan.table_name.table()),
        Ok(provider) if provider.is::<SystemProvider>() => (SYSTEM, scan.table_name.table()),
        _ => (scan.table_name.schema().unwrap_or("functions"), scan.table_name.table()),
    };
    Access { schema: schema.to_owned(), table: table.to_owned() }
}

/// Refuses a plan in which a cube or a measure was left unresolved: nothing could answer it.
///
/// # Errors
/// User: it names what was asked in a way that has no answer.
pub(crate) fn resolved(plan: &LogicalPlan) -> Result<()> {
    let mut left = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && source_as_provider(&scan.source).is_ok_and(|provider| provider.is::<CubeTable>())
        {
            left = Some(format!("the cube {} cannot be read this way", scan.table_name.table()));
        }
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                let called = match part {
                    Expr::AggregateFunction(call) => Some(call.func.name()),
                    Expr::WindowFunction(call) => Some(call.fun.name()),
                    _ => None,
                };
                if called == Some(measure_function().name()) {
                    let part = part.human_display();
                    left = Some(format!("{part} has no cube to be measured in here"));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    match left {
        None => Ok(()),
        Some(message) => Err(Error::user(message).hint(
            "MEASURE(m) takes a measure of a cube in the FROM clause, as in \
             SELECT year, MEASURE(revenue) FROM cubes.sales GROUP BY year",
        )),
    }
}
