//! Files and row groups that a predicate over the fact's own columns leaves out, by their bounds.

use super::expr::Over;
use super::facts::{Facts, OpenFile};
use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::{PrunableStatistics, PruningStatistics};
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::file::metadata::RowGroupMetaData;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use std::collections::HashSet;
use std::sync::Arc;

/// A predicate over the fact's own columns, ready to leave out what it cannot be true of.
pub(super) struct Pruner {
    predicate: PruningPredicate,
    /// The table's column of each of the predicate's.
    columns: Vec<usize>,
    /// The predicate's columns.
    schema: SchemaRef,
}

impl Pruner {
    /// `columns` are the table's columns of the predicate's.
    pub(super) fn new(over: &Over, columns: Vec<usize>) -> Result<Self> {
        let schema = SchemaRef::clone(over.schema());
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(&schema))
            .try_build(Arc::clone(over.expr()))?;
        Ok(Self { predicate, columns, schema })
    }

    /// For each file, whether the predicate may be true of a row.
    pub(super) fn files(&self, facts: &Facts) -> Result<Vec<bool>> {
        let statistics = facts.files.iter().map(|file| Arc::new(self.of_file(facts, file)));
        let schema = SchemaRef::clone(&self.schema);
        self.predicate.prune(&PrunableStatistics::new(statistics.collect(), schema))
    }

    /// A file's statistics, of the predicate's columns only.
    fn of_file(&self, facts: &Facts, file: &PartitionedFile) -> Statistics {
        let known = file.statistics.as_deref();
        let column = |column: &usize| match facts.partition_value(file, *column) {
            Some(value) => ColumnStatistics {
                null_count: Precision::Exact(0),
                min_value: Precision::Exact(value.clone()),
                max_value: Precision::Exact(value.clone()),
                ..ColumnStatistics::new_unknown()
            },
            None => known
                .and_then(|known| known.column_statistics.get(*column).cloned())
                .unwrap_or_else(ColumnStatistics::new_unknown),
        };
        Statistics {
            num_rows: known.map_or(Precision::Absent, |known| known.num_rows),
            total_byte_size: Precision::Absent,
            column_statistics: self.columns.iter().map(column).collect(),
        }
    }

    /// For each row group of a file, whether the predicate may be true of a row.
    pub(super) fn row_groups(&self, facts: &Facts, file: &OpenFile) -> Result<Vec<bool>> {
        self.predicate.prune(&RowGroups { pruner: self, facts, file })
    }
}

/// The bounds of a file's row groups.
struct RowGroups<'a> {
    pruner: &'a Pruner,
    facts: &'a Facts,
    file: &'a OpenFile,
}

impl RowGroups<'_> {
    /// What a converter gives for a column; `None` for a column that no row group bounds. Bounds of
    /// floats leave NaN out, so they bound nothing.
    fn of<T>(
        &self,
        column: &Column,
        get: impl Fn(&StatisticsConverter<'_>, &[RowGroupMetaData]) -> Result<T>,
    ) -> Option<T> {
        let index = self.pruner.schema.index_of(column.name()).ok()?;
        let column = self.pruner.columns[index];
        let field = self.facts.schema.field(column);
        self.file.leaf(column).filter(|_| !field.data_type().is_floating())?;
        let metadata = &self.file.metadata;
        let names = metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(field.name(), &self.facts.schema, names);
        get(&converter.ok()?, metadata.row_groups()).ok()
    }
}

impl PruningStatistics for RowGroups<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, groups| Ok(converter.row_group_mins(groups)?))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, groups| Ok(converter.row_group_maxes(groups)?))
    }

    fn num_containers(&self) -> usize {
        self.file.metadata.num_row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let counts =
            self.of(column, |converter, groups| Ok(converter.row_group_null_counts(groups)?))?;
        Some(Arc::new(counts))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = (0..self.num_containers()).map(|group| u64::from(self.file.rows(group)));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
