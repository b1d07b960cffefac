//! Records as they are compared: each column's distinct values once, and for each record which.

use super::compare::Value;
use crate::etl::job::matching::{Compare, MatchLoad};
use arrow::array::{Array, StringArray};
use std::collections::HashMap;

/// The code of a value that a record does not have.
pub(crate) const NONE: u32 = u32::MAX;

/// The columns of records by name, as text.
pub(crate) struct Columns<'a>(pub(crate) Vec<(&'a str, &'a StringArray)>);

impl Columns<'_> {
    /// How many records there are.
    pub(crate) fn rows(&self) -> usize {
        self.0.first().map_or(0, |(_, array)| array.len())
    }

    /// A column; none where there is no such column.
    pub(crate) fn get(&self, name: &str) -> Option<&StringArray> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, array)| *array)
    }
}

/// Records made ready.
pub(crate) struct Records {
    /// How many there are.
    pub(crate) len: usize,
    /// For each comparison its values.
    pub(crate) fields: Vec<Field>,
    /// Each record's source system.
    pub(crate) sources: Vec<u32>,
}

/// The values of one comparison.
pub(crate) struct Field {
    /// Each record's value, by its place among the distinct ones; [`NONE`] where it has none.
    pub(crate) codes: Vec<u32>,
    /// The distinct values, in their order.
    pub(crate) values: Vec<Value>,
    /// How many records have each.
    pub(crate) counts: Vec<u32>,
}

impl Records {
    /// Makes records ready to be compared.
    pub(crate) fn new(spec: &MatchLoad, columns: &Columns<'_>) -> Self {
        let fields = spec.compare.iter().map(|compare| Field::new(compare, columns)).collect();
        let source = spec.record.first().and_then(|name| columns.get(name));
        let mut names: HashMap<&str, u32> = HashMap::new();
        let sources = source.map(|source| {
            let code = |name| {
                let next = u32::try_from(names.len()).unwrap_or(NONE);
                *names.entry(name).or_insert(next)
            };
            source.iter().map(Option::unwrap_or_default).map(code).collect()
        });
        let len = columns.rows();
        Self { len, fields, sources: sources.unwrap_or_else(|| vec![0; len]) }
    }
}

impl Field {
    fn new(compare: &Compare, columns: &Columns<'_>) -> Self {
        let arrays: Vec<&StringArray> =
            compare.columns.iter().filter_map(|name| columns.get(name)).collect();
        let mut seen: HashMap<Box<str>, u32> = HashMap::new();
        let mut values: Vec<Option<Value>> = Vec::new();
        let raw = (0..columns.rows()).map(|row| {
            let raw = joined(&arrays, row);
            if let Some(code) = seen.get(raw.as_str()) {
                return *code;
            }
            let code = u32::try_from(values.len()).unwrap_or(NONE);
            values.push(Value::new(compare.kind, &raw));
            seen.insert(raw.into(), code);
            code
        });
        let raw: Vec<u32> = raw.collect();
        drop(seen);
        Self::sorted(raw, values)
    }

    /// Gives codes in the order of values, so that codes can be sorted by; writings of the same
    /// value get the same.
    fn sorted(raw: Vec<u32>, values: Vec<Option<Value>>) -> Self {
        let mut order: Vec<usize> = (0..values.len()).filter(|at| values[*at].is_some()).collect();
        order.sort_unstable_by(|a, b| values[*a].cmp(&values[*b]));
        let mut codes_of = vec![NONE; values.len()];
        let mut distinct: Vec<Value> = Vec::with_capacity(order.len());
        let mut values = values;
        for at in order {
            let Some(value) = values[at].take() else { continue };
            if distinct.last() != Some(&value) {
                distinct.push(value);
            }
            codes_of[at] = u32::try_from(distinct.len() - 1).unwrap_or(NONE);
        }
        let codes: Vec<u32> = raw.into_iter().map(|code| codes_of[code as usize]).collect();
        let mut counts = vec![0; distinct.len()];
        codes.iter().filter(|code| **code != NONE).for_each(|code| counts[*code as usize] += 1);
        Self { codes, values: distinct, counts }
    }

    /// A record's value.
    pub(crate) fn value(&self, record: u32) -> Option<&Value> {
        self.values.get(self.codes[record as usize] as usize)
    }

    /// How many pairs of records have the same value.
    pub(crate) fn equal_pairs(&self) -> f64 {
        self.counts.iter().map(|count| f64::from(*count) * (f64::from(*count) - 1.0) / 2.0).sum()
    }
}

fn joined(arrays: &[&StringArray], row: usize) -> String {
    let mut text = String::new();
    for array in arrays.iter().filter(|array| array.is_valid(row)) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(array.value(row));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etl::job::matching::Kind;

    #[test]
    fn writings_of_a_value_share_a_code() {
        let names = StringArray::from(vec![Some("Zoë"), None, Some("ann"), Some("ZOE"), Some("-")]);
        let columns = Columns(vec![("name", &names)]);
        let compare = Compare {
            columns: vec!["name".to_owned()],
            kind: Kind::Name,
            swapped_with: None,
            weights: None,
            shared: None,
            rare_weighs_more: true,
        };
        let field = Field::new(&compare, &columns);
        assert_eq!(field.codes, vec![1, NONE, 0, 1, NONE]);
        assert_eq!(field.counts, vec![1, 2]);
        assert!((field.equal_pairs() - 1.0).abs() < f64::EPSILON);
        assert_eq!(field.value(1), None);
    }
}
