//! `map`: codes replaced by others.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Replaces listed codes, whatever their case; other values stay.
pub(super) struct Map {
    codes: HashMap<String, String>,
}

impl Map {
    /// # Errors
    /// User where two codes differ only by case but not in what replaces them.
    pub(super) fn new(codes: &BTreeMap<String, String>) -> Result<Self> {
        let mut folded: HashMap<String, String> = HashMap::new();
        for (code, value) in codes {
            if let Some(other) = folded.insert(code.to_lowercase(), value.clone())
                && other != *value
            {
                return Err(Error::user(format!("map gives `{code}` two values"))
                    .hint("codes are compared without case"));
            }
        }
        Ok(Self { codes: folded })
    }
}

impl Clean for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| match self.codes.get(&text.to_lowercase()) {
            Some(value) => Cow::Owned(value.clone()),
            None => text,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_replaced() {
        let codes = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(code, value)| ((*code).to_owned(), (*value).to_owned())).collect()
        };
        let rule = Map::new(&codes(&[("M", "male"), ("F", "female")])).unwrap();
        assert_eq!(rule.apply(Some("m".into())).unwrap().as_deref(), Some("male"));
        assert_eq!(rule.apply(Some("x".into())).unwrap().as_deref(), Some("x"));
        assert_eq!(rule.apply(None), Ok(None));
        assert!(Map::new(&codes(&[("M", "male"), ("m", "man")])).is_err());
    }
}
