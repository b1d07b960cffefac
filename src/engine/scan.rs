//! The Parquet scan of one stored table: its release's files, their exact statistics, their
//! declared order.
//!
//! Built by hand rather than by DataFusion's listing table or Delta's scan: nothing is listed,
//! statistics are exact, and the order in which files were written is told to the optimiser.

use super::errors::to_datafusion;
use super::object_stores::WarehouseOnly;
use super::reader::NamingReaders;
use super::statistics::{self, Keys};
use crate::error::{Error, Result};
use crate::model::{Column, ColumnType, plan_schema};
use crate::store::{DataFile, TableState};
use arrow::compute::SortOptions;
use arrow::datatypes::{Field, SchemaRef};
use chrono::DateTime;
use datafusion::catalog::Session;
use datafusion::common::{ScalarValue, Statistics, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use std::sync::Arc;

/// What all scans of a table have in common.
#[derive(Debug)]
pub(crate) struct Scan {
    table: String,
    schema: SchemaRef,
    table_schema: TableSchema,
    files: Vec<PartitionedFile>,
    statistics: Statistics,
    ordering: Option<LexOrdering>,
}

/// What one scan asks for, as DataFusion hands it to a table.
pub(crate) struct ScanRequest<'a> {
    /// Indexes into the table's columns.
    pub(crate) projection: Option<&'a Vec<usize>>,
    /// Conditions that rows should satisfy.
    pub(crate) filters: &'a [Expr],
    /// Rows that are enough.
    pub(crate) limit: Option<usize>,
}

impl Scan {
    /// Works out files, statistics and order of a table.
    pub(crate) fn prepare(table: &str, state: &TableState, keys: &Keys) -> Result<Self> {
        let in_file = file_columns(state);
        let mut table_schema = TableSchema::builder(plan_schema(&in_file));
        if let Some(partition) = partition_column(state) {
            let field = Field::new(&partition.name, partition.ty.plan_type(), partition.nullable);
            table_schema = table_schema.with_table_partition_cols(vec![Arc::new(field)]);
        }
        let table_schema = table_schema.build();
        let files: Vec<PartitionedFile> = state
            .files
            .iter()
            .map(|file| partitioned_file(state, file, &in_file))
            .collect::<Result<_>>()
            .map_err(|error| error.with("table", table))?;
        let each: Vec<Arc<Statistics>> =
            files.iter().filter_map(|file| file.statistics.clone()).collect();
        Ok(Self {
            table: table.to_owned(),
            schema: Arc::clone(table_schema.table_schema()),
            statistics: statistics::of_table(state, &each, keys),
            ordering: declared_order(state),
            table_schema,
            files,
        })
    }

    /// Statistics of the whole table.
    pub(crate) fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The plan that reads what is asked.
    pub(crate) fn plan(
        &self,
        session: &dyn Session,
        request: &ScanRequest<'_>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = project_schema(&self.schema, request.projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let url = WarehouseOnly::url().map_err(to_datafusion)?;
        let readers = self.readers(session)?;
        let mut options = session.default_table_options().parquet;
        options.global.pushdown_filters = filters_while_decoding(request);
        let source = ParquetSource::new(self.table_schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(self.groups(session.config().target_partitions()))
            .with_statistics(self.statistics.clone())
            .with_output_ordering(self.ordering.iter().cloned().collect())
            .with_projection_indices(request.projection.cloned())?
            .with_limit(request.limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// All columns; a partition column is the last.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether the last column is a partition column, which is in no file.
    pub(crate) fn is_partitioned(&self) -> bool {
        !self.table_schema.table_partition_cols().is_empty()
    }

    /// The files, in their order, with their statistics.
    pub(crate) fn files(&self) -> &[PartitionedFile] {
        &self.files
    }

    /// What reads them.
    pub(crate) fn readers(
        &self,
        session: &dyn Session,
    ) -> datafusion::error::Result<NamingReaders> {
        let url = WarehouseOnly::url().map_err(to_datafusion)?;
        NamingReaders::new(&self.table, session.runtime_env(), &url)
    }

    /// The files in at most so many groups, each read in order by one partition. Files of a group
    /// follow one another in the declared order where the statistics can tell; otherwise the
    /// groups are merely of like size, and DataFusion forgets the order of those with two or more.
    fn groups(&self, partitions: usize) -> Vec<FileGroup> {
        let partitions = partitions.max(1);
        if let Some(ordering) = &self.ordering {
            let all = [FileGroup::new(self.files.clone())];
            let ordered = FileScanConfig::split_groups_by_statistics_with_target_partitions(
                &self.schema,
                &all,
                ordering,
                partitions,
            );
            if let Ok(groups) = ordered
                && groups.len() <= partitions
            {
                return groups.into_iter().map(|group| self.described(group)).collect();
            }
        }
        balanced(&self.files, partitions)
            .into_iter()
            .map(|files| self.described(FileGroup::new(files)))
            .collect()
    }

    /// A group with the statistics of its files together.
    fn described(&self, group: FileGroup) -> FileGroup {
        let each = group.iter().filter_map(|file| file.statistics.as_deref());
        match Statistics::try_merge_iter(each, &self.schema) {
            Ok(statistics) => group.with_statistics(Arc::new(statistics)),
            Err(_) => group,
        }
    }
}

/// The columns that are in the files: all but the partition column, as Delta has it.
fn file_columns(state: &TableState) -> Vec<Column> {
    let in_path = state.partition_by.as_deref();
    state.columns.iter().filter(|c| Some(c.name.as_str()) != in_path).cloned().collect()
}

fn partition_column(state: &TableState) -> Option<&Column> {
    let name = state.partition_by.as_deref()?;
    state.columns.iter().find(|column| column.name == name)
}

fn partitioned_file(
    state: &TableState,
    file: &DataFile,
    in_file: &[Column],
) -> Result<PartitionedFile> {
    let location = state.place_of(file)?;
    let partition = match (&state.partition_by, file.partition) {
        (None, _) => Vec::new(),
        (Some(_), Some(value)) => vec![ScalarValue::Int32(Some(value))],
        (Some(column), None) => {
            return Err(Error::damaged(format!("a stored file has no value for `{column}`"))
                .with("file", &file.path));
        }
    };
    // files never change, so their footers are cached by path and size alone
    let last_modified = DateTime::UNIX_EPOCH;
    let (size, e_tag, version) = (file.size_bytes, None, None);
    Ok(PartitionedFile::new_from_meta(ObjectMeta { location, last_modified, size, e_tag, version })
        .with_partition_values(partition)
        .with_statistics(Arc::new(statistics::of_file(file, in_file))))
}

/// The order in which every file's rows were written, as far as it means the same to DataFusion:
/// up to the first column that holds NULLs (theirs is a place we did not declare) or may hold NaN
/// (which bounds leave out).
fn declared_order(state: &TableState) -> Option<LexOrdering> {
    let options = SortOptions { descending: false, nulls_first: false };
    let keys = state.sort_by.iter().map_while(|name| {
        let index = state.columns.iter().position(|column| column.name == *name)?;
        let column = &state.columns[index];
        let never_null = !column.nullable
            || state.files.iter().all(|f| f.statistics.get(name).is_some_and(|s| s.nulls == 0));
        let is_declared = never_null && column.ty != ColumnType::Float64;
        let expr = Arc::new(PhysicalColumn::new(name, index));
        is_declared.then(|| PhysicalSortExpr::new(expr, options))
    });
    LexOrdering::new(keys.collect::<Vec<_>>())
}

/// The files in their order, cut into at most so many runs of like size.
fn balanced(files: &[PartitionedFile], partitions: usize) -> Vec<Vec<PartitionedFile>> {
    let total: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let share = (total / partitions as u64).max(1);
    let mut runs: Vec<Vec<PartitionedFile>> = Vec::with_capacity(partitions);
    let mut filled = share;
    for file in files {
        if filled >= share && runs.len() < partitions {
            runs.push(Vec::new());
            filled = 0;
        }
        filled += file.object_meta.size;
        if let Some(run) = runs.last_mut() {
            run.push(file.clone());
        }
    }
    runs
}

/// Whether rows are filtered while columns are decoded, so that the other columns are only decoded
/// for the rows that stay. That pays where few rows stay and many columns wait: a column is held to
/// single values, and at least three others are read. Elsewhere it costs more than it saves.
fn filters_while_decoding(request: &ScanRequest<'_>) -> bool {
    const WAITING_COLUMNS: usize = 3;
    let filters = request.filters.iter().flat_map(split_conjunction);
    let singled_out = filters.filter(|filter| holds_to_values(filter)).count();
    let read = request.projection.map_or(usize::MAX, Vec::len);
    singled_out > 0 && read.saturating_sub(singled_out) >= WAITING_COLUMNS
}

fn holds_to_values(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            matches!(
                (left.as_ref(), right.as_ref()),
                (Expr::Column(_), Expr::Literal(..)) | (Expr::Literal(..), Expr::Column(_))
            )
        }
        Expr::InList(list) => !list.negated && matches!(list.expr.as_ref(), Expr::Column(_)),
        _ => false,
    }
}
