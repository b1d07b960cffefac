//! By what the rows of a star are grouped: labels of dimensions, and values of the rows themselves.

use super::asked::Asked;
use super::expr::Over;
use super::groups::Labels;
use super::joined::{Joined, Source};
use super::prepare::Prepared;
use super::row_group::RowGroup;
use arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use std::sync::Arc;

/// What the partitions share while it runs.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) prepared: Prepared,
    /// By what rows are grouped: labels of these lookups ...
    pub(super) lookups: Vec<usize>,
    pub(super) labels: Vec<Arc<Labels>>,
    /// ... and expressions over the rows themselves.
    pub(super) own: Vec<Over>,
    pub(super) places: Vec<Place>,
    /// The table's columns that measures and those expressions read.
    pub(super) reads: Vec<usize>,
}

/// Where a group expression's values are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Among the labels of the lookup at this place, the label at that one.
    Label(usize, usize),
    Own(usize),
}

impl Shared {
    pub(super) async fn new(
        joined: Joined,
        asked: Asked,
        context: Arc<TaskContext>,
        metrics: ExecutionPlanMetricsSet,
    ) -> Result<Self> {
        let prepared = joined.clone().prepare(context, metrics).await?;
        let mut lookups: Vec<usize> = Vec::new();
        let mut columns: Vec<Vec<ArrayRef>> = Vec::new();
        let (mut own, mut places) = (Vec::new(), Vec::new());
        for expr in &asked.groups {
            let label = label_of(&joined, &prepared, expr);
            places.push(match label {
                Some((lookup, values)) => {
                    let place = lookups.iter().position(|known| *known == lookup);
                    let place = place.unwrap_or_else(|| {
                        lookups.push(lookup);
                        columns.push(Vec::new());
                        lookups.len() - 1
                    });
                    columns[place].push(values);
                    Place::Label(place, columns[place].len() - 1)
                }
                None => {
                    own.push(expr.clone());
                    Place::Own(own.len() - 1)
                }
            });
        }
        let pairs = columns.iter().zip(&lookups);
        let labels = pairs.map(|(columns, lookup)| {
            Ok(Arc::new(Labels::new(columns, &prepared.members[*lookup])?))
        });
        let labels = labels.collect::<Result<_>>()?;
        let measures = asked.measures.iter();
        let overs = measures.flat_map(|measure| measure.arguments.iter().chain(&measure.filter));
        let wide = overs.chain(&own).flat_map(|over| over.columns.iter().copied());
        let reads = joined.reads_for(&wide.collect::<Vec<_>>());
        Ok(Self { prepared, lookups, labels, own, places, reads })
    }

    /// The code of all rows of a row group by the labels at this place, if they have the same.
    pub(super) fn one_code(&self, joined: &Joined, place: usize, rows: &RowGroup) -> Option<u32> {
        let (lookup, labels) = (self.lookups[place], &self.labels[place]);
        let (low, high) = rows.bounds(joined.key_column(lookup))?;
        labels.one(&self.prepared.members[lookup], low, high)
    }

    /// The table's columns that are read of the rows that stay in a row group.
    pub(super) fn reads(&self, joined: &Joined, rows: &RowGroup) -> Vec<usize> {
        let places = 0..self.lookups.len();
        let mixed = places.filter(|place| self.one_code(joined, *place, rows).is_none());
        let keys = mixed.map(|place| joined.key_column(self.lookups[place]));
        self.reads.iter().copied().chain(keys).collect()
    }
}

/// The lookup whose columns alone an expression is over, and its values in all the lookup's rows.
/// One that cannot be evaluated there is left to the rows that are kept: it may fail only in them.
fn label_of(joined: &Joined, prepared: &Prepared, expr: &Over) -> Option<(usize, ArrayRef)> {
    let mut lookup = None;
    let mut columns = Vec::new();
    for wide in &expr.columns {
        let Source::Lookup(index, column) = joined.source(*wide) else { return None };
        if *lookup.get_or_insert(index) != index {
            return None;
        }
        columns.push(ArrayRef::clone(prepared.members[index].rows().column(column)));
    }
    let lookup = lookup.filter(|_| !expr.is_volatile())?;
    let rows = prepared.members[lookup].rows().num_rows();
    Some((lookup, expr.evaluate(columns, rows).ok()?))
}
