//! Lines of receipts: seasons, growth, products that sell and others that hardly do, customers who
//! keep to their shop. Every file follows from its number alone.

use super::Outcome;
use super::dimensions::DIMENSIONS;
use super::zipf::Zipf;
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int16Array, Int32Array};
use arrow::record_batch::RecordBatch;
use chrono::{Datelike, Days, NaiveDate};
use parquet::arrow::ArrowWriter;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The first year, and how many months are sold in.
const FIRST_YEAR: i32 = 2023;
pub(crate) const MONTHS: u32 = 36;

/// What each month of a year sells, as a part of a mean one.
const SEASON: [f64; 12] = [0.8, 0.8, 0.95, 0.95, 1.0, 0.95, 0.9, 0.9, 1.0, 1.05, 1.2, 1.5];

/// How much more is sold each year.
const GROWTH: f64 = 1.05;

/// Rows a batch, and so a row group at most.
const BATCH_ROWS: usize = 65_536;

/// The shop of a scale: who and what sells how well.
#[derive(Debug)]
pub(crate) struct Shop {
    facts: u64,
    stores: Zipf,
    products: Zipf,
    customers: Zipf,
    promotions: Zipf,
    few: Zipf,
}

/// Rows that a file is to have, and what tells it from others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Seeds the dice, and numbers the receipts apart from those of other files.
    pub(crate) number: u32,
    pub(crate) rows: u64,
    /// Months it is about, the first being 0.
    pub(crate) months: (u32, u32),
}

/// A month's first day.
pub(crate) fn month(index: u32) -> NaiveDate {
    let (year, month) = (FIRST_YEAR + (index / 12) as i32, index % 12 + 1);
    NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default()
}

impl Shop {
    pub(crate) fn new(facts: u64) -> Self {
        let members = |name: &str| {
            let found = DIMENSIONS.iter().find(|dimension| dimension.name == name);
            found.map_or(1, |dimension| dimension.members(facts))
        };
        Self {
            facts,
            stores: Zipf::new(members("store"), 0.6),
            products: Zipf::new(members("product"), 0.8),
            customers: Zipf::new(members("customer"), 0.4),
            promotions: Zipf::new(members("promotion") - 1, 0.9),
            few: Zipf::new(8, 1.0),
        }
    }

    /// A file a month, together as many rows as the shop has facts.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let weight = |month: u32| SEASON[(month % 12) as usize] * GROWTH.powi((month / 12) as i32);
        let all: f64 = (0..MONTHS).map(weight).sum();
        let parts = (0..MONTHS).map(|month| Part {
            number: month,
            rows: (self.facts as f64 * weight(month) / all).round() as u64,
            months: (month, month),
        });
        parts.collect()
    }

    /// Writes a part as Parquet.
    pub(crate) fn write(&self, path: &Path, part: Part) -> Outcome<()> {
        let dice = &mut ChaCha8Rng::seed_from_u64(7_000 + u64::from(part.number));
        let mut lines = Lines::default();
        let mut writer: Option<ArrowWriter<File>> = None;
        let (mut written, mut receipt) = (0, 0);
        while written < part.rows {
            let wanted = (part.rows - written).min(BATCH_ROWS as u64) as usize;
            while lines.receipt_no.len() < wanted {
                let number = (part.number << 24 | receipt) as i32;
                self.receipt(dice, number, part.months, &mut lines);
                receipt += 1;
            }
            let batch = lines.take()?.slice(0, wanted);
            written += wanted as u64;
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    none.insert(ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?)
                }
            };
            writer.write(&batch)?;
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        Ok(())
    }

    /// A receipt of one to five lines.
    fn receipt(
        &self,
        dice: &mut ChaCha8Rng,
        number: i32,
        (first, last): (u32, u32),
        lines: &mut Lines,
    ) {
        let from = month(dice.random_range(first..=last));
        let days = from.num_days_in_month();
        let day = from + Days::new(dice.random_range(0..days).into());
        let customer = self.customers.member(dice);
        let at_home = dice.random_bool(0.7);
        let stores = self.stores.len();
        let store =
            if at_home { customer.wrapping_mul(31) % stores } else { self.stores.member(dice) };
        let seller = store * 5 + dice.random_range(0..5);
        let channel = self.few.rank(dice);
        let payment = self.few.rank(dice) + 4 * u32::from(dice.random_bool(0.2));
        let carrier = if channel < 3 { 0 } else { 1 + self.few.rank(dice) + 6 * (channel % 2) };
        let hour = (dice.random_range(6..20) + dice.random_range(0..5)) % 24;
        let status = if dice.random_bool(0.92) { 0 } else { dice.random_range(1..5) };
        for line in 1..=dice.random_range(1..=5_i16) {
            let product = self.products.member(dice);
            let promotion =
                if dice.random_bool(0.6) { 0 } else { 1 + self.promotions.member(dice) };
            let quantity = 1 + i16::from(dice.random_bool(0.3)) * dice.random_range(1..5);
            let price = i128::from(99 + u64::from(product).wrapping_mul(7_919) % 20_000);
            let full = price * i128::from(quantity);
            let discount = if promotion == 0 { 0 } else { full * dice.random_range(5..40) / 100 };
            let columns = [
                store,
                product,
                customer,
                promotion,
                channel,
                payment,
                carrier,
                seller,
                // A product has one supplier.
                product.wrapping_mul(13) % 800,
                hour,
                status,
            ];
            lines.receipt_no.push(number);
            lines.line_no.push(line);
            lines.sold_on.push(day.num_days_from_ce() - EPOCH);
            for (column, member) in lines.members.iter_mut().zip(columns) {
                column.push(member as i32);
            }
            lines.quantity.push(quantity);
            lines.amounts[0].push(full - discount);
            lines.amounts[1].push(full * (55 + i128::from(product % 30)) / 100);
            lines.amounts[2].push(discount);
        }
    }
}

/// 1970-01-01, as days of the common era.
const EPOCH: i32 = 719_163;

/// Columns of lines.
#[derive(Debug, Default)]
struct Lines {
    receipt_no: Vec<i32>,
    line_no: Vec<i16>,
    sold_on: Vec<i32>,
    /// As [`DIMENSIONS`] has them.
    members: [Vec<i32>; 11],
    quantity: Vec<i16>,
    /// What was paid, what it cost, what was taken off, in cents.
    amounts: [Vec<i128>; 3],
}

impl Lines {
    /// The lines so far, as a batch.
    fn take(&mut self) -> Outcome<RecordBatch> {
        let Self { receipt_no, line_no, sold_on, members, quantity, amounts } =
            std::mem::take(self);
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("receipt_no".to_owned(), Arc::new(Int32Array::from(receipt_no))),
            ("line_no".to_owned(), Arc::new(Int16Array::from(line_no))),
            ("sold_on".to_owned(), Arc::new(Date32Array::from(sold_on))),
        ];
        for (dimension, members) in DIMENSIONS.iter().zip(members) {
            let array: ArrayRef = Arc::new(Int32Array::from(members));
            columns.push((format!("{}_no", dimension.name), array));
        }
        columns.push(("quantity".to_owned(), Arc::new(Int16Array::from(quantity))));
        for (name, cents) in ["net_amount", "cost_amount", "discount_amount"].iter().zip(amounts) {
            let array = Decimal128Array::from(cents).with_precision_and_scale(12, 2)?;
            columns.push(((*name).to_owned(), Arc::new(array)));
        }
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}
