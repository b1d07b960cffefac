//! The error of reading a tree into a type: like a fault, but of a node rather than a file.

use super::fault::suggestion;
use super::{Fault, Place};
use serde::de;
use std::fmt;

/// What was wrong with a node.
#[derive(Debug)]
pub(super) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    message: String,
    hint: Option<String>,
    nature: Nature,
    at: Option<(usize, Place)>,
}

/// How reading can go on after a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// The mapping lacks this key.
    MissingKey(&'static str),
    /// The node is a key that nobody asked for.
    UnknownKey,
    /// The node's value is wrong.
    Value,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        let inner = Inner { message: message.into(), hint: None, nature: Nature::Value, at: None };
        Self(Box::new(inner))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(super) fn unknown_key(key: &str, expected: &[&str]) -> Self {
        let mut problem = Self::new(format!("unknown key `{key}`, {}", one_of(expected)));
        problem.0.hint = suggestion(key, expected.iter().copied());
        problem.0.nature = Nature::UnknownKey;
        problem
    }

    pub(super) fn unknown_value(value: &str, expected: &[&str]) -> Self {
        let mut problem = Self::new(format!("unknown value `{value}`, {}", one_of(expected)));
        problem.0.hint = suggestion(value, expected.iter().copied());
        problem
    }

    /// Says which node it is about, unless a node further in was said already.
    pub(super) fn at(mut self, id: usize, place: Place) -> Self {
        self.0.at.get_or_insert((id, place));
        self
    }

    pub(super) fn nature(&self) -> Nature {
        self.0.nature
    }

    /// The node it is about.
    pub(super) fn node(&self) -> usize {
        self.0.at.map_or(0, |(id, _)| id)
    }

    pub(super) fn into_fault(self, file: &str) -> Fault {
        let place = self.0.at.map_or(Place::default(), |(_, place)| place);
        let fault = Fault::new(file, place, self.0.message);
        match self.0.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

fn one_of(expected: &[&str]) -> String {
    match expected {
        [] => "expected none".to_owned(),
        names => format!("expected one of {}", names.join(", ")),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_key(field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_value(variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        let mut problem = Self::new(format!("key `{field}` is missing"));
        problem.0.nature = Nature::MissingKey(field);
        problem
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {found}"))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {found}"))
    }
}
