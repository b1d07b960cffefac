//! `one_of`: a closed list of right values.

use super::{Cell, Clean};
use crate::error::{Error, Result, did_you_mean};

/// Values that are told at most.
const SHOWN: usize = 8;

/// Refuses what is not listed, exactly as listed.
pub(super) struct OneOf {
    values: Vec<String>,
}

impl OneOf {
    /// # Errors
    /// User where the list is empty.
    pub(super) fn new(values: &[String]) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::user("one_of lists no value, so none would be right"));
        }
        Ok(Self { values: values.to_vec() })
    }
}

impl Clean for OneOf {
    fn name(&self) -> &'static str {
        "one_of"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = &cell else { return Ok(None) };
        if self.values.iter().any(|value| value == text) {
            return Ok(cell);
        }
        let near = did_you_mean(text, self.values.iter().map(String::as_str));
        let near = near.map(|near| format!(", nearest is `{near}`")).unwrap_or_default();
        let some = self.values.iter().take(SHOWN).map(|value| format!("`{value}`"));
        let more = if self.values.len() > SHOWN { " ..." } else { "" };
        let some = some.collect::<Vec<_>>().join(", ");
        Err(format!("`{text}` is not one of {some}{more}{near}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_values_pass() {
        let rule = OneOf::new(&["EUR".to_owned(), "CHF".to_owned()]).unwrap();
        assert_eq!(rule.apply(Some("EUR".into())).unwrap().as_deref(), Some("EUR"));
        assert!(rule.apply(Some("EURO".into())).unwrap_err().contains("nearest is `EUR`"));
        let told = rule.apply(Some("eur".into())).unwrap_err();
        assert!(told.starts_with("`eur` is not one of `EUR`, `CHF`"), "{told}");
        assert_eq!(rule.apply(None), Ok(None));
        assert!(OneOf::new(&[]).is_err());
    }
}
