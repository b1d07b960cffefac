//! Files, row groups and pages that a predicate over the fact's own columns leaves out, by their
//! bounds.

use super::expr::Over;
use super::facts::{Facts, OpenFile};
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::{PrunableStatistics, PruningStatistics};
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{
    ParquetColumnIndex, ParquetOffsetIndex, RowGroupMetaData,
};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// A predicate over the fact's own columns, ready to leave out what it cannot be true of.
#[derive(Debug)]
pub(super) struct Pruner {
    pub(super) over: Over,
    predicate: PruningPredicate,
    /// The table's column of each of the predicate's.
    pub(super) columns: Vec<usize>,
}

impl Pruner {
    /// `columns` are the table's columns of the predicate's.
    pub(super) fn new(over: Over, columns: Vec<usize>) -> Result<Self> {
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(SchemaRef::clone(over.schema()))
            .try_build(Arc::clone(over.expr()))?;
        Ok(Self { over, predicate, columns })
    }

    /// For each file, whether the predicate may be true of a row.
    pub(super) fn files(&self, facts: &Facts) -> Result<Vec<bool>> {
        let statistics = facts.files.iter().map(|file| Arc::new(self.of_file(facts, file)));
        let schema = SchemaRef::clone(self.over.schema());
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
        self.predicate.prune(&RowGroups(Bounded { pruner: self, facts, file }))
    }

    /// The ranges of rows of a row group whose pages the predicate may be true of; `None` where the
    /// pages of no column tell.
    pub(super) fn pages(
        &self,
        facts: &Facts,
        file: &OpenFile,
        row_group: usize,
    ) -> Result<Option<Vec<Range<u32>>>> {
        let bounded = Bounded { pruner: self, facts, file };
        let Some(pages) = Pages::new(bounded, row_group) else { return Ok(None) };
        let stays = self.predicate.prune(&pages)?;
        let ranges = pages.ranges.iter().zip(stays);
        Ok(Some(ranges.filter(|(_, stays)| *stays).map(|(range, _)| range.clone()).collect()))
    }
}

/// Bounds of a predicate's columns in a file.
struct Bounded<'a> {
    pruner: &'a Pruner,
    facts: &'a Facts,
    file: &'a OpenFile,
}

impl Bounded<'_> {
    /// Where in the file a column of the predicate is, and what reads its bounds; `None` for a
    /// column that nothing bounds. Bounds of floats leave NaN out, so they bound nothing.
    fn column(&self, column: &Column) -> Option<(usize, StatisticsConverter<'_>)> {
        let index = self.pruner.over.schema().index_of(column.name()).ok()?;
        let column = self.pruner.columns[index];
        let field = self.facts.schema.field(column);
        let leaf = self.file.leaf(column).filter(|_| !field.data_type().is_floating())?;
        let names = self.file.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(field.name(), &self.facts.schema, names);
        Some((leaf, converter.ok()?))
    }
}

/// The bounds of a file's row groups.
struct RowGroups<'a>(Bounded<'a>);

impl RowGroups<'_> {
    fn of<T>(
        &self,
        column: &Column,
        get: impl Fn(&StatisticsConverter<'_>, &[RowGroupMetaData]) -> ParquetResult<T>,
    ) -> Option<T> {
        let (_, converter) = self.0.column(column)?;
        get(&converter, self.0.file.metadata.row_groups()).ok()
    }
}

impl PruningStatistics for RowGroups<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, groups| converter.row_group_mins(groups))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, groups| converter.row_group_maxes(groups))
    }

    fn num_containers(&self) -> usize {
        self.0.file.metadata.num_row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let counts =
            self.of(column, |converter, groups| converter.row_group_null_counts(groups))?;
        Some(Arc::new(counts))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = (0..self.num_containers()).map(|group| u64::from(self.0.file.rows(group)));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// The bounds of a row group's pages. Those of different columns end at different rows, so that
/// they are told by ranges of rows, in none of which a page of any column ends.
struct Pages<'a> {
    bounded: Bounded<'a>,
    row_group: usize,
    ranges: Vec<Range<u32>>,
}

impl<'a> Pages<'a> {
    /// `None` where no column has more than one page.
    fn new(bounded: Bounded<'a>, row_group: usize) -> Option<Self> {
        let file = bounded.file;
        file.metadata.column_index()?;
        let leaves = bounded.pruner.columns.iter().filter_map(|column| file.leaf(*column));
        let mut starts: Vec<u32> =
            leaves.flat_map(|leaf| file.page_starts(row_group, leaf)).collect();
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([file.rows(row_group)]);
        let ranges: Vec<Range<u32>> =
            starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
        (ranges.len() > 1).then_some(Self { bounded, row_group, ranges })
    }

    /// What a converter gives for each page of a column, for each range.
    fn of<A: Array + 'static>(
        &self,
        column: &Column,
        get: impl Fn(&StatisticsConverter<'_>, &Index<'_>) -> ParquetResult<A>,
    ) -> Option<ArrayRef> {
        let file = self.bounded.file;
        let (leaf, converter) = self.bounded.column(column)?;
        let index = Index {
            columns: file.metadata.column_index()?,
            offsets: file.metadata.offset_index()?,
            row_group: &self.row_group,
        };
        let pages = get(&converter, &index).ok()?;
        let starts = file.page_starts(self.row_group, leaf);
        let page = |range: &Range<u32>| {
            let after = starts.partition_point(|start| *start <= range.start);
            after.checked_sub(1).and_then(|page| u32::try_from(page).ok())
        };
        let places: UInt32Array = self.ranges.iter().map(page).collect();
        take(&pages, &places, None).ok()
    }
}

/// The page index of a row group.
struct Index<'a> {
    columns: &'a ParquetColumnIndex,
    offsets: &'a ParquetOffsetIndex,
    row_group: &'a usize,
}

impl PruningStatistics for Pages<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, Index { columns, offsets, row_group }| {
            converter.data_page_mins(columns, offsets, [*row_group])
        })
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, Index { columns, offsets, row_group }| {
            converter.data_page_maxes(columns, offsets, [*row_group])
        })
    }

    fn num_containers(&self) -> usize {
        self.ranges.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, |converter, Index { columns, offsets, row_group }| {
            converter.data_page_null_counts(columns, offsets, [*row_group])
        })
    }

    /// Of one column's pages; a range may be a part of a page where there are several columns.
    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.ranges.iter().map(|range| range.len() as u64);
        let is_pages = self.bounded.pruner.columns.len() == 1;
        is_pages.then(|| Arc::new(rows.collect::<UInt64Array>()) as ArrayRef)
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
