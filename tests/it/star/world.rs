//! A star of chance: a fact with every type of column, three dimensions, unknown members.

use super::chance;
use crate::cube_support::TempWarehouse;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{SortColumn, cast, lexsort_to_indices, partition, take_record_batch};
use chrono::{Datelike, Days, NaiveDate};
use futures::StreamExt;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use starhouse::ids::RunId;
use starhouse::model::{self, Column, Model, arrow_schema};
use starhouse::store::{Change, Load, Release, TableSpec};
use std::sync::Arc;

const DATE: &str = "\
dimension: date
description: A day.
calendar: {from: 2024-01-01, to: 2024-12-31}
";

const STORE: &str = "\
dimension: store
description: Where it was sold.
natural_key:
  - {name: store_no, type: int32, description: Number.}
attributes:
  - {name: city, type: text, description: City.}
  - {name: region, type: text, nullable: true, description: Region.}
  - {name: area, type: int32, nullable: true, description: Area.}
hierarchies:
  - {name: place, levels: [region, city]}
";

const PRODUCT: &str = "\
dimension: product
description: What was sold.
natural_key:
  - {name: product_no, type: int32, description: Number.}
attributes:
  - {name: product_name, type: text, description: Name.}
  - {name: category, type: text, description: Category.}
  - {name: list_price, type: \"decimal(9,2)\", description: Price in the list.}
  - {name: vegan, type: boolean, nullable: true, description: Whether it is vegan.}
hierarchies:
  - {name: assortment, levels: [category, product_name]}
";

const SALE: &str = "\
fact: sale
description: What was sold.
grain: one row a sale
kind: transaction
dimensions:
  - date
  - store
  - product
  - {role: first_store, dimension: store, description: The customer's first store.}
degenerate:
  - {name: ticket, type: int32, description: Number of the ticket.}
  - {name: channel, type: text, nullable: true, description: Channel.}
columns:
  - {name: quantity, type: int16, description: Pieces.}
  - {name: amount, type: \"decimal(9,2)\", nullable: true, description: Money.}
  - {name: weight, type: float64, nullable: true, description: Weight.}
  - {name: points, type: int64, nullable: true, description: Points.}
  - {name: gift, type: boolean, nullable: true, description: Whether a gift.}
  - {name: paid_on, type: date, nullable: true, description: Day of payment.}
  - {name: sold_at, type: timestamp, description: Moment.}
key: [ticket]
partition_by_month_of: date
sort_by: [store_key, date_key]
";

/// A warehouse with one release of it.
pub(super) struct World {
    pub(super) at: TempWarehouse,
    pub(super) model: Arc<Model>,
    pub(super) release: Arc<Release>,
}

pub(super) const STORES: i32 = 60;
pub(super) const PRODUCTS: i32 = 3000;

impl World {
    pub(super) async fn make(seed: u64, rows: usize) -> Self {
        let at = TempWarehouse::open().await;
        let texts = [("date", DATE), ("store", STORE), ("product", PRODUCT), ("sale", SALE)];
        let texts: Vec<(String, String)> =
            texts.map(|(name, text)| (format!("{name}.yaml"), text.to_owned())).into();
        let model = Arc::new(model::load(&texts).unwrap_or_else(|faults| panic!("{faults}")));
        let base = at.warehouse.latest().await.unwrap();
        let mut load = at.warehouse.begin(RunId("1".to_owned()), base);
        let dice = &mut chance(seed);
        for dimension in &model.dimensions {
            let columns = dimension.table_columns();
            let named = match dimension.name.as_str() {
                "date" => days(),
                "store" => stores(dice),
                _ => products(dice),
            };
            let spec = TableSpec {
                name: dimension.table(),
                description: String::new(),
                partition_by: None,
                sort_by: vec![dimension.key_column()],
                columns,
            };
            let rows = batch(&spec.columns, &named);
            write(&mut load, spec, vec![rows]).await;
        }
        let fact = model.fact("sale").unwrap();
        let spec = TableSpec {
            name: fact.table(),
            description: String::new(),
            columns: fact.table_columns(),
            partition_by: fact.partition_column().map(str::to_owned),
            sort_by: fact.sort_by.clone(),
        };
        let rows = batch(&spec.columns, &sales(dice, rows, seed.is_multiple_of(2)));
        write(&mut load, spec, by_month(&rows)).await;
        let release = load.publish("a star".to_owned()).await.unwrap();
        Self { at, model, release }
    }
}

type Named = Vec<(&'static str, ArrayRef)>;

/// The columns in their order; those without values are NULL.
fn batch(columns: &[Column], named: &Named) -> RecordBatch {
    let rows = named[0].1.len();
    let schema = arrow_schema(columns);
    let value = |column: &Column| {
        let found = named.iter().find(|(name, _)| *name == column.name);
        let ty = column.ty.arrow();
        found.map_or_else(|| new_null_array(&ty, rows), |(_, values)| cast(values, &ty).unwrap())
    };
    RecordBatch::try_new(schema, columns.iter().map(value).collect()).unwrap()
}

async fn write(load: &mut Load, spec: TableSpec, batches: Vec<RecordBatch>) {
    let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
    let files = load.write(&spec, rows).await.unwrap();
    load.stage(spec, Change::Replace(files)).unwrap();
}

/// The rows by month, each month by store and day.
fn by_month(rows: &RecordBatch) -> Vec<RecordBatch> {
    let column = |name: &str| SortColumn {
        values: ArrayRef::clone(rows.column_by_name(name).unwrap()),
        options: None,
    };
    let month = rows.schema().fields().last().unwrap().name().clone();
    let order = [column(&month), column("store_key"), column("date_key")];
    let sorted = take_record_batch(rows, &lexsort_to_indices(&order, None).unwrap()).unwrap();
    let months = partition(&[sorted.columns().last().unwrap().clone()]).unwrap();
    months.ranges().into_iter().map(|range| sorted.slice(range.start, range.len())).collect()
}

fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + Days::new(number)
}

fn key(day: NaiveDate) -> i32 {
    day.year() * 10_000 + (day.month() * 100 + day.day()).cast_signed()
}

/// All days but some at the end of a month, which sales then have in vain.
fn days() -> Named {
    let days: Vec<NaiveDate> = (0..366).map(day).filter(|day| day.day() < 30).collect();
    let mut keys: Vec<i32> = vec![-2, -1];
    keys.extend(days.iter().map(|day| key(*day)));
    let nobody = [None, None];
    let known = days.iter();
    let month = known.clone().map(|day| Some(day.format("%Y-%m").to_string()));
    let quarter = known.clone().map(|day| Some(format!("2024-Q{}", day.month().div_ceil(3))));
    let epoch = NaiveDate::default();
    let since = known.clone().map(|day| Some((*day - epoch).num_days() as i32));
    let texts = |values: Vec<Option<String>>| -> ArrayRef {
        let nobody = [None, None].into_iter();
        Arc::new(nobody.chain(values).collect::<StringArray>())
    };
    vec![
        ("date_key", Arc::new(Int32Array::from(keys))),
        ("date", Arc::new(nobody.into_iter().chain(since).collect::<Date32Array>())),
        ("month", texts(month.collect())),
        ("quarter", texts(quarter.collect())),
        ("year", year(&days)),
    ]
}

fn year(days: &[NaiveDate]) -> ArrayRef {
    let years = days.iter().map(|day| Some(day.year()));
    Arc::new([None, None].into_iter().chain(years).collect::<Int32Array>())
}

/// What every row of a dimension with versions has.
fn versions(key: &'static str, durable: &'static str, keys: &[i32]) -> Named {
    let moment = |value: i64| -> ArrayRef {
        let moments = TimestampMicrosecondArray::from(vec![value; keys.len()]);
        Arc::new(moments.with_timezone("UTC"))
    };
    vec![
        (key, Arc::new(Int32Array::from(keys.to_vec()))),
        (durable, Arc::new(Int32Array::from(keys.to_vec()))),
        ("valid_from", moment(0)),
        ("valid_to", moment(i64::MAX / 2)),
        ("is_current", Arc::new(BooleanArray::from(vec![true; keys.len()]))),
    ]
}

fn stores(dice: &mut ChaCha8Rng) -> Named {
    let keys: Vec<i32> = [-2, -1].into_iter().chain(1..=STORES).collect();
    let region = |key: &i32| (*key >= 0 && key % 11 != 0).then(|| format!("Region {}", key / 20));
    let city = |key: &i32| Some(format!("City {}", key / 4));
    let areas: Vec<Option<i32>> =
        keys.iter().map(|_| dice.random_bool(0.9).then(|| dice.random_range(10..500))).collect();
    let mut named = versions("store_key", "store_durable_key", &keys);
    named.extend([
        ("store_no", Arc::new(Int32Array::from(keys.clone())) as ArrayRef),
        ("city", Arc::new(keys.iter().map(city).collect::<StringArray>())),
        ("region", Arc::new(keys.iter().map(region).collect::<StringArray>())),
        ("area", Arc::new(Int32Array::from(areas))),
    ]);
    named
}

fn products(dice: &mut ChaCha8Rng) -> Named {
    // Numbers that nobody has are between.
    let numbers = (1..=PRODUCTS).filter(|number| number % 37 != 0);
    let keys: Vec<i32> = [-2, -1].into_iter().chain(numbers).collect();
    let name = |key: &i32| Some(format!("Product {}", key % 700));
    let category = |key: &i32| Some(format!("Category {}", key / 300));
    let prices: Vec<i128> = keys.iter().map(|_| dice.random_range(1..5000)).collect();
    let prices = Decimal128Array::from(prices).with_precision_and_scale(9, 2).unwrap();
    let vegan: Vec<Option<bool>> =
        keys.iter().map(|_| dice.random_bool(0.8).then(|| dice.random_bool(0.5))).collect();
    let mut named = versions("product_key", "product_durable_key", &keys);
    named.extend([
        ("product_no", Arc::new(Int32Array::from(keys.clone())) as ArrayRef),
        ("product_name", Arc::new(keys.iter().map(name).collect::<StringArray>())),
        ("category", Arc::new(keys.iter().map(category).collect::<StringArray>())),
        ("list_price", Arc::new(prices)),
        ("vegan", Arc::new(BooleanArray::from(vegan))),
    ]);
    named
}

/// Sales; in some stores nobody knows, if asked.
fn sales(dice: &mut ChaCha8Rng, rows: usize, unknown_stores: bool) -> Named {
    fn column<T>(rows: usize, mut value: impl FnMut() -> T) -> Vec<T> {
        (0..rows).map(|_| value()).collect()
    }
    let dates: Vec<NaiveDate> = column(rows, || day(dice.random_range(0..366)));
    let stores = column(rows, || match dice.random_range(0..50) {
        0 if unknown_stores => -dice.random_range(1..=2),
        _ => dice.random_range(1..=STORES),
    });
    let first = column(rows, || dice.random_range(1..=STORES));
    let products = column(rows, || dice.random_range(1..=PRODUCTS));
    let tickets: Vec<i32> = (0..rows as i32).collect();
    let channels =
        column(rows, || ["web", "shop", "phone"].get(dice.random_range(0..4_usize)).copied());
    let quantities = column(rows, || dice.random_range(-3..60_i16));
    let amounts =
        column(rows, || dice.random_bool(0.9).then(|| dice.random_range(-100..90_000_i128)));
    let amounts = Decimal128Array::from(amounts).with_precision_and_scale(9, 2).unwrap();
    let weights = column(rows, || dice.random_bool(0.8).then(|| dice.random_range(0.0..9.0)));
    let points = column(rows, || dice.random_bool(0.5).then(|| dice.random_range(0..1 << 40)));
    let gifts = column(rows, || dice.random_bool(0.7).then(|| dice.random_bool(0.3)));
    let paid = column(rows, || dice.random_bool(0.9).then(|| dice.random_range(19_700..20_200)));
    let moments = column(rows, || dice.random_range(1_700_000_000_000_000..1_735_000_000_000_000));
    let moments = TimestampMicrosecondArray::from(moments).with_timezone("UTC");
    let month = |day: &NaiveDate| key(*day) / 100;
    vec![
        ("date_key", Arc::new(dates.iter().map(|day| Some(key(*day))).collect::<Int32Array>())),
        ("partition_month", Arc::new(dates.iter().map(|d| Some(month(d))).collect::<Int32Array>())),
        ("store_key", Arc::new(Int32Array::from(stores))),
        ("first_store_key", Arc::new(Int32Array::from(first))),
        ("product_key", Arc::new(Int32Array::from(products))),
        ("ticket", Arc::new(Int32Array::from(tickets))),
        ("channel", Arc::new(StringArray::from(channels))),
        ("quantity", Arc::new(Int16Array::from(quantities))),
        ("amount", Arc::new(amounts)),
        ("weight", Arc::new(Float64Array::from(weights))),
        ("points", Arc::new(Int64Array::from(points))),
        ("gift", Arc::new(BooleanArray::from(gifts))),
        ("paid_on", Arc::new(Date32Array::from(paid))),
        ("sold_at", Arc::new(moments)),
    ]
}
