//! The groups of an aggregation over a star: slots of an array where there can only be few, else a
//! hash table of codes. Labels are looked up when the groups come out.

use super::members::{Members, NONE};
use super::texts::{Texts, is_text};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, UInt32Array, new_empty_array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use std::sync::Arc;

/// So many slots are an array; more are hashed.
const SLOTS: usize = 1 << 18;

/// The different labels of a dimension's rows.
#[derive(Debug)]
pub(super) struct Labels {
    /// The code of each row.
    codes: Vec<u32>,
    /// A column a group expression: the label of each code.
    values: Vec<ArrayRef>,
    count: usize,
    /// The keys, in order, at which codes change.
    changes: Vec<i32>,
}

impl Labels {
    /// Gives each row of a dimension the code of its labels.
    pub(super) fn new(columns: &[ArrayRef], members: &Members) -> Result<Self> {
        let mut interned = interner(columns)?;
        let mut groups = Vec::new();
        interned.intern(columns, &mut groups)?;
        let count = interned.len();
        let codes: Vec<u32> = groups.into_iter().map(|group| group as u32).collect();
        let changes = members.changes(&codes);
        Ok(Self { codes, values: interned.emit(EmitTo::All)?, count, changes })
    }

    /// The one code of all keys from `low` to `high`, if they all have the same.
    pub(super) fn one(&self, members: &Members, low: i32, high: i32) -> Option<u32> {
        let code = self.codes.get(members.row(low) as usize).copied()?;
        let next = self.changes.partition_point(|key| *key <= low);
        let stays = self.changes.get(next).is_none_or(|key| *key > high);
        (stays && members.spans(low, high)).then_some(code)
    }
}

fn interner(columns: &[ArrayRef]) -> Result<Box<dyn GroupValues>> {
    let fields = columns
        .iter()
        .enumerate()
        .map(|(index, column)| Field::new(format!("g{index}"), column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    new_group_values(schema, &GroupOrdering::None)
}

/// The codes of a row group's rows by one dimension.
pub(super) enum Codes {
    /// All rows have the same.
    One(u32),
    Each(Vec<u32>),
}

impl Codes {
    /// The codes of these keys.
    pub(super) fn of(keys: &Int32Array, members: &Members, labels: &Labels) -> Result<Self> {
        let mut codes = Vec::with_capacity(keys.len());
        for row in members.rows_of(keys) {
            codes.push(labels.codes.get(row as usize).copied().unwrap_or(NONE));
        }
        if codes.contains(&NONE) {
            return Err(internal_datafusion_err!("a row without a member was kept"));
        }
        Ok(Self::Each(codes))
    }

    fn array(&self, rows: usize) -> ArrayRef {
        Arc::new(match self {
            Self::One(code) => UInt32Array::from(vec![*code; rows]),
            Self::Each(codes) => UInt32Array::from(codes.clone()),
        })
    }
}

/// Groups in a hash table.
pub(super) struct Hashed {
    groups: Box<dyn GroupValues>,
    /// Which of the fact's own columns are texts, and these by code.
    texts: Vec<Option<Texts>>,
}

impl Hashed {
    /// For so many dimensions and columns such as these.
    fn new(codes: &[ArrayRef], own: &[ArrayRef]) -> Result<Self> {
        let mut columns = codes.to_vec();
        let mut texts = Vec::with_capacity(own.len());
        for column in own {
            let text = match column.data_type() {
                DataType::Dictionary(_, text) => Some(text.as_ref()),
                plain => Some(plain).filter(|plain| is_text(plain)),
            };
            texts.push(match text {
                Some(text) => {
                    columns.push(new_empty_array(&DataType::UInt32));
                    Some(Texts::new(interner(&[new_empty_array(text)])?))
                }
                None => {
                    columns.push(ArrayRef::clone(column));
                    None
                }
            });
        }
        Ok(Self { groups: interner(&columns)?, texts })
    }

    fn intern(
        &mut self,
        mut columns: Vec<ArrayRef>,
        own: &[ArrayRef],
        groups: &mut Vec<usize>,
    ) -> Result<()> {
        for (column, texts) in own.iter().zip(&mut self.texts) {
            columns.push(match texts {
                Some(texts) => texts.codes(column)?,
                None => ArrayRef::clone(column),
            });
        }
        self.groups.intern(&columns, groups)
    }

    fn size(&self) -> usize {
        self.groups.size() + self.texts.iter().flatten().map(Texts::size).sum::<usize>()
    }

    /// The codes by dimension, and the fact's own columns.
    fn emit(&mut self, dimensions: usize) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let mut codes = self.groups.emit(EmitTo::All)?;
        // It has handed out its columns, and would look the next rows up among them still.
        self.groups.clear_shrink(0);
        let mut own = codes.split_off(dimensions.min(codes.len()));
        for (column, texts) in own.iter_mut().zip(&mut self.texts) {
            if let Some(texts) = texts {
                *column = texts.emit(column)?;
            }
        }
        Ok((codes, own))
    }
}

/// The groups found so far by one partition.
pub(super) enum Groups {
    /// A slot for every combination of codes, which holds its group's number, given when its first
    /// row came: an accumulator takes every number below the largest for a group that has rows.
    Slots { strides: Vec<usize>, numbers: Vec<u32>, slots: Vec<u32> },
    /// By codes, and by the fact's own columns. Made when the first rows come.
    Hashed(Option<Hashed>),
}

impl Groups {
    /// For dimensions with these labels, and so many of the fact's own columns.
    pub(super) fn new(labels: &[Arc<Labels>], own: usize) -> Self {
        let slots = labels.iter().try_fold(1_usize, |slots, one| slots.checked_mul(one.count));
        match slots.filter(|slots| own == 0 && *slots <= SLOTS) {
            Some(slots) => {
                let mut stride = slots;
                let strides = labels.iter().map(|one| {
                    stride /= one.count.max(1);
                    stride
                });
                let strides = strides.collect();
                Self::Slots { strides, numbers: vec![NONE; slots], slots: Vec::new() }
            }
            None => Self::Hashed(None),
        }
    }

    /// Groups so far.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Slots { slots, .. } => slots.len(),
            Self::Hashed(hashed) => hashed.as_ref().map_or(0, |hashed| hashed.groups.len()),
        }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Slots { numbers, slots, .. } => (numbers.len() + slots.capacity()) * 4,
            Self::Hashed(hashed) => hashed.as_ref().map_or(0, Hashed::size),
        }
    }

    /// The group of each of so many rows, given their codes by dimension and the fact's own
    /// columns.
    pub(super) fn assign(
        &mut self,
        codes: &[Codes],
        own: &[ArrayRef],
        rows: usize,
        groups: &mut Vec<usize>,
    ) -> Result<()> {
        groups.clear();
        match self {
            Self::Slots { strides, numbers, slots } => {
                groups.resize(rows, 0);
                for (codes, stride) in codes.iter().zip(strides) {
                    match codes {
                        Codes::One(code) => {
                            let add = *code as usize * *stride;
                            groups.iter_mut().for_each(|group| *group += add);
                        }
                        Codes::Each(codes) => {
                            for (group, code) in groups.iter_mut().zip(codes) {
                                *group += *code as usize * *stride;
                            }
                        }
                    }
                }
                for group in groups.iter_mut() {
                    let number = &mut numbers[*group];
                    if *number == NONE {
                        *number = slots.len() as u32;
                        slots.push(*group as u32);
                    }
                    *group = *number as usize;
                }
            }
            Self::Hashed(hashed) => {
                let codes: Vec<ArrayRef> = codes.iter().map(|codes| codes.array(rows)).collect();
                let hashed = match hashed {
                    Some(hashed) => hashed,
                    None => hashed.insert(Hashed::new(&codes, own)?),
                };
                hashed.intern(codes, own, groups)?;
            }
        }
        Ok(())
    }

    /// Takes the groups out, in the order of their numbers.
    pub(super) fn emit(&mut self, labels: &[Arc<Labels>]) -> Result<Emitted> {
        match self {
            Self::Slots { strides, numbers, slots } => {
                let mut shown = Vec::new();
                for (labels, stride) in labels.iter().zip(strides) {
                    let code = |slot: &u32| (*slot as usize / *stride % labels.count) as u32;
                    let codes: UInt32Array = slots.iter().map(code).collect();
                    shown.push(labels.take(&codes)?);
                }
                slots.drain(..).for_each(|slot| numbers[slot as usize] = NONE);
                Ok(Emitted { labels: shown, own: Vec::new() })
            }
            Self::Hashed(hashed) => {
                let (codes, own) = match hashed {
                    Some(hashed) => hashed.emit(labels.len())?,
                    None => Default::default(),
                };
                let mut shown = Vec::new();
                for (labels, codes) in labels.iter().zip(&codes) {
                    shown.push(labels.take(codes.as_primitive::<UInt32Type>())?);
                }
                Ok(Emitted { labels: shown, own })
            }
        }
    }
}

impl Labels {
    fn take(&self, codes: &UInt32Array) -> Result<Vec<ArrayRef>> {
        self.values.iter().map(|values| Ok(take(values, codes, None)?)).collect()
    }
}

/// Groups on their way out.
pub(super) struct Emitted {
    /// By dimension, the columns of its labels.
    pub(super) labels: Vec<Vec<ArrayRef>>,
    /// The fact's own columns.
    pub(super) own: Vec<ArrayRef>,
}
