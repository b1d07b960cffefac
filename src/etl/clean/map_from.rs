//! `map_from`: codes replaced by what a file says they stand for.

use super::{Cell, Clean};
use crate::etl::job::{Reference, Unlisted};
use crate::etl::listed::Codes;
use std::borrow::Cow;
use std::sync::Arc;

/// Replaces the codes of a file, whatever their case.
pub(super) struct MapFrom {
    codes: Option<Arc<Codes>>,
    unlisted: Unlisted,
    path: String,
}

impl MapFrom {
    pub(super) fn new(reference: &Reference) -> Self {
        let Reference { path, unlisted, codes, .. } = reference;
        Self { codes: codes.clone(), unlisted: *unlisted, path: path.clone() }
    }
}

impl Clean for MapFrom {
    fn name(&self) -> &'static str {
        "map_from"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = cell else { return Ok(None) };
        let codes = self.codes.as_ref().map(|codes| &codes.of);
        let found = codes.and_then(|codes| codes.get(&text.trim().to_lowercase()));
        match (found, self.unlisted) {
            (Some(value), _) if value.is_empty() => Ok(None),
            (Some(value), _) => Ok(Some(Cow::Owned(value.clone()))),
            (None, Unlisted::Keep) => Ok(Some(text)),
            (None, Unlisted::Null) => Ok(None),
            (None, Unlisted::Reject) => {
                let codes = codes.into_iter().flat_map(|codes| codes.keys());
                let near = crate::error::did_you_mean(&text, codes.map(String::as_str));
                let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
                Err(format!("`{text}` is no code of {}{near}", self.path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_refused_kept_or_forgotten() {
        let rule = |unlisted| {
            let codes = [("de", "Germany"), ("xx", ""), ("utrecht", "Netherlands")];
            let codes = Some(Arc::new(Codes::from(codes)));
            MapFrom { codes, unlisted, path: "countries.csv".to_owned() }
        };
        let rejecting = rule(Unlisted::Reject);
        let apply = |text: &'static str| rejecting.apply(Some(text.into()));
        assert_eq!(apply(" DE ").unwrap().as_deref(), Some("Germany"));
        assert_eq!(apply("xx"), Ok(None));
        assert_eq!(
            apply("utrecth").unwrap_err(),
            "`utrecth` is no code of countries.csv, did you mean `utrecht`?"
        );
        assert_eq!(rule(Unlisted::Keep).apply(Some("fr".into())).unwrap().as_deref(), Some("fr"));
        assert_eq!(rule(Unlisted::Null).apply(Some("fr".into())), Ok(None));
        assert_eq!(rejecting.apply(None), Ok(None));
    }
}
