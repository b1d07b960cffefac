//! Texts by codes. Where the pages of a column chunk hold codes of a dictionary, its texts are decoded
//! to just these: a value takes four bytes, and what is asked of a text is asked once a different
//! one, not once a row (direct operation on compressed data: Abadi, Madden and Ferreira, 2006).

use super::rows::{Column, Rows};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::EmitTo;
use datafusion::parquet::basic::Encoding;
use datafusion::parquet::file::metadata::ColumnChunkMetaData;
use datafusion::physical_plan::aggregates::group_values::GroupValues;

/// Whether a type is one of texts.
pub(super) fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::Utf8View)
}

/// Codes of texts of this type.
fn codes_of(text: DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(text))
}

/// The type by which Parquet's reader gives codes.
pub(super) fn read_as_codes() -> DataType {
    codes_of(DataType::Utf8)
}

/// Whether all pages of a column chunk hold codes.
pub(super) fn is_coded(chunk: &ColumnChunkMetaData) -> bool {
    let mask = chunk.page_encoding_stats_mask();
    mask.is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY))
}

/// Values as they were read, as those of a column of type `ty`; codes stay codes.
pub(super) fn typed(values: ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    let wanted = match values.data_type() {
        DataType::Dictionary(..) => codes_of(ty.clone()),
        _ => ty.clone(),
    };
    Ok(if *values.data_type() == wanted { values } else { cast(&values, &wanted)? })
}

/// The values themselves.
pub(super) fn plain(values: ArrayRef) -> Result<ArrayRef> {
    match values.as_dictionary_opt::<Int32Type>() {
        Some(coded) => Ok(take(coded.values(), coded.keys(), None)?),
        None => Ok(values),
    }
}

impl Column {
    /// The rows of these in which a predicate over this column alone is true, if it is worth asking
    /// once a text: `None` where values are no codes, or as good as all different, or where the
    /// predicate fails for a text, which may be one that no row has.
    pub(super) fn keep_texts(
        &self,
        rows: &Rows,
        predicate: impl Fn(ArrayRef) -> Result<ArrayRef>,
    ) -> Result<Option<Rows>> {
        let Some(coded) = self.values.as_dictionary_opt::<Int32Type>() else { return Ok(None) };
        if coded.values().len() >= rows.len() {
            return Ok(None);
        }
        let null = new_null_array(coded.values().data_type(), 1);
        let Ok(holds) = predicate(concat(&[coded.values().as_ref(), null.as_ref()])?) else {
            return Ok(None);
        };
        let holds = holds.as_boolean_opt().ok_or_else(not_boolean)?;
        let mut holds: Vec<bool> = (0..holds.len()).map(|text| is_true(holds, text)).collect();
        let of_null = holds.pop().unwrap_or_default();
        let keys = coded.keys();
        let has_nulls = keys.null_count() > 0;
        let same =
            |all: bool| holds.iter().all(|one| *one == all) && (!has_nulls || of_null == all);
        if same(true) {
            return Ok(Some(rows.clone()));
        }
        if same(false) {
            return Ok(Some(Rows::List(Vec::new())));
        }
        let of = |place: usize| holds.get(keys.value(place) as usize).copied().unwrap_or_default();
        Ok(Some(match has_nulls {
            false => self.keep(rows, of),
            true => self.keep(rows, |place| if keys.is_null(place) { of_null } else { of(place) }),
        }))
    }
}

fn is_true(holds: &BooleanArray, text: usize) -> bool {
    holds.is_valid(text) && holds.value(text)
}

/// What is said of a predicate that is none.
pub(super) fn not_boolean() -> datafusion::error::DataFusionError {
    internal_datafusion_err!("a predicate is not boolean")
}

/// Texts that rows are grouped by, each with a code of its own, whatever row group it came from.
pub(super) struct Texts(Box<dyn GroupValues>);

impl Texts {
    pub(super) fn new(interner: Box<dyn GroupValues>) -> Self {
        Self(interner)
    }

    /// The code of each value, given the texts or codes of a row group's.
    pub(super) fn codes(&mut self, values: &ArrayRef) -> Result<ArrayRef> {
        let mut known = Vec::new();
        let Some(coded) = values.as_dictionary_opt::<Int32Type>() else {
            self.0.intern(&[ArrayRef::clone(values)], &mut known)?;
            return Ok(codes(known.into_iter()));
        };
        let keys = coded.keys();
        let mut texts = ArrayRef::clone(coded.values());
        if keys.null_count() > 0 {
            texts = concat(&[texts.as_ref(), new_null_array(texts.data_type(), 1).as_ref()])?;
        }
        self.0.intern(&[texts], &mut known)?;
        let of_null = known.last().copied().unwrap_or_default();
        let code = |key: i32| known.get(key as usize).copied().unwrap_or_default();
        Ok(match keys.null_count() {
            0 => codes(keys.values().iter().map(|key| code(*key))),
            _ => codes(keys.iter().map(|key| key.map_or(of_null, code))),
        })
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.0.size()
    }

    /// Takes the texts out, and gives that of each of these codes.
    pub(super) fn emit(&mut self, codes: &ArrayRef) -> Result<ArrayRef> {
        let texts = self.0.emit(EmitTo::All)?;
        let texts = texts.first().ok_or_else(|| internal_datafusion_err!("texts have a column"))?;
        Ok(take(texts, codes, None)?)
    }
}

fn codes(known: impl Iterator<Item = usize>) -> ArrayRef {
    std::sync::Arc::new(known.map(|code| code as u32).collect::<UInt32Array>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, StringArray, StringViewArray};
    use arrow::compute::kernels::cmp;
    use std::sync::Arc;

    fn coded(texts: &[Option<&str>]) -> ArrayRef {
        let coded: DictionaryArray<Int32Type> = texts.iter().copied().collect();
        typed(Arc::new(coded), &DataType::Utf8View).unwrap()
    }

    fn column(texts: &[Option<&str>]) -> Column {
        let all = 0..texts.len() as u32;
        Column { values: coded(texts), ranges: std::iter::once(all).collect() }
    }

    fn kept(texts: &[Option<&str>], rows: &Rows, text: &str) -> Option<Rows> {
        let is = StringViewArray::new_scalar(text);
        let predicate = |values: ArrayRef| Ok(Arc::new(cmp::eq(&values, &is)?) as ArrayRef);
        column(texts).keep_texts(rows, predicate).unwrap()
    }

    #[test]
    fn keeps_the_rows_of_a_text() {
        let texts = [Some("a"), None, Some("b"), Some("a"), None, Some("b")];
        let rows = Rows::List(vec![0, 1, 2, 3, 5]);
        assert_eq!(kept(&texts, &rows, "a"), Some(Rows::List(vec![0, 3])));
        assert_eq!(kept(&texts, &rows, "c"), Some(Rows::List(vec![])));
        let same = [Some("a"), Some("a"), Some("a")];
        assert_eq!(kept(&same, &Rows::List(vec![1, 2]), "a"), Some(Rows::List(vec![1, 2])));
        // As many texts as rows are asked row by row.
        assert_eq!(kept(&texts, &Rows::List(vec![0, 1]), "a"), None);
    }

    #[test]
    fn asks_about_null_too() {
        let column = column(&[Some("a"), None, Some("a"), None]);
        let is_null =
            |values: ArrayRef| Ok(Arc::new(arrow::compute::is_null(&values)?) as ArrayRef);
        let kept = column.keep_texts(&Rows::List(vec![0, 1, 2, 3]), is_null).unwrap();
        assert_eq!(kept, Some(Rows::List(vec![1, 3])));
    }

    #[test]
    fn a_text_that_no_row_has_does_no_harm() {
        let fails = |_| internal_err();
        assert_eq!(column(&[Some("a"), Some("a")]).keep_texts(&all(2), fails).unwrap(), None);
    }

    fn all(rows: u32) -> Rows {
        Rows::List((0..rows).collect())
    }

    fn internal_err() -> Result<ArrayRef> {
        Err(internal_datafusion_err!("no number"))
    }

    #[test]
    fn gives_the_same_code_whatever_the_dictionary() {
        let schema = arrow::datatypes::Field::new("t", DataType::Utf8View, true);
        let schema = Arc::new(arrow::datatypes::Schema::new(vec![schema]));
        let order = datafusion::physical_plan::aggregates::order::GroupOrdering::None;
        let interner =
            datafusion::physical_plan::aggregates::group_values::new_group_values(schema, &order);
        let mut texts = Texts::new(interner.unwrap());
        let parts = [
            coded(&[Some("b"), None, Some("a"), Some("b")]),
            coded(&[Some("a"), Some("c"), None]),
            Arc::new(StringViewArray::from(vec![Some("c"), None, Some("d")])) as ArrayRef,
        ];
        let codes: Vec<ArrayRef> = parts.iter().map(|part| texts.codes(part).unwrap()).collect();
        let codes = concat(&codes.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
        let found = cast(&texts.emit(&codes).unwrap(), &DataType::Utf8).unwrap();
        let expected = StringArray::from(vec![
            Some("b"),
            None,
            Some("a"),
            Some("b"),
            Some("a"),
            Some("c"),
            None,
            Some("c"),
            None,
            Some("d"),
        ]);
        assert_eq!(found.as_string::<i32>(), &expected);
    }
}
