//! Reads a tree into any type that serde can deserialise.
//!
//! Stricter than YAML at large: a key nobody asked for is a fault whatever the type says, and
//! text stays as it was written (`01` is the text `01` where text is asked for).

use super::access::{Items, LocatedParts, Pairs, Variant, VariantOfNothing};
use super::anything::Wildcard;
use super::located::{LOCATED, NAME_OR};
use super::problem::Problem;
use super::tree::{Kind, Node};
use serde::de::{Deserializer, Visitor};
use std::cell::RefCell;

/// A node to be read, and where unknown keys are noted in passing.
#[derive(Clone, Copy)]
pub(super) struct NodeReader<'t> {
    pub(super) node: &'t Node,
    pub(super) unknown_keys: &'t RefCell<Vec<Problem>>,
}

type Outcome<V> = Result<V, Problem>;

impl<'t> NodeReader<'t> {
    pub(super) fn other(self, node: &'t Node) -> Self {
        Self { node, ..self }
    }

    /// Ties an outcome's problem to this node, unless it belongs to one further in.
    pub(super) fn here<V>(self, outcome: Outcome<V>) -> Outcome<V> {
        outcome.map_err(|problem| problem.at(self.node.id, self.node.place))
    }

    fn expected<V>(self, what: &str) -> Outcome<V> {
        let message = format!("expected {what}, found {}", self.node.describe());
        self.here(Err(Problem::new(message)))
    }

    fn is_anything(self) -> bool {
        matches!(self.node.kind, Kind::Anything)
    }

    fn number<N: std::str::FromStr>(self, what: &str) -> Outcome<N> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => text.parse().or_else(|_| self.expected(what)),
            _ => self.expected(what),
        }
    }

    /// Text as it was written.
    fn written(self) -> Outcome<&'t str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } if self.node.is_null() && !text.is_empty() => {
                let problem = Problem::new(format!("expected text, found YAML's null, `{text}`"));
                self.here(Err(problem.hint("put the text in quotes if it is meant")))
            }
            Kind::Scalar { text, .. } if !self.node.is_null() => Ok(text),
            _ => self.expected("text"),
        }
    }

    fn seq<'de, V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match &self.node.kind {
            Kind::List(items) => self.here(visitor.visit_seq(Items::new(self, items))),
            Kind::Anything => self.here(visitor.visit_seq(Items::new(self, &[]))),
            _ => self.expected("a list"),
        }
    }

    fn map<'de, V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match &self.node.kind {
            Kind::Mapping(entries) => self.here(visitor.visit_map(Pairs::new(self, entries))),
            Kind::Anything => self.here(visitor.visit_map(Pairs::new(self, &[]))),
            _ => self.expected("a mapping of keys to values"),
        }
    }
}

/// The methods for whole and broken numbers differ only in the type.
macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty, $what:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            if self.is_anything() {
                return self.here(visitor.$visit(<$number>::default()));
            }
            let number: $number = self.number($what)?;
            self.here(visitor.$visit(number))
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeReader<'_> {
    type Error = Problem;

    numbers! {
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number, not negative";
        deserialize_u64 visit_u64 u64, "a whole number, not negative";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let Kind::Scalar { text, plain } = &self.node.kind else {
            return match self.node.kind {
                Kind::List(_) => self.seq(visitor),
                Kind::Mapping(_) => self.map(visitor),
                _ => self.here(visitor.visit_str("")),
            };
        };
        self.here(match text.as_str() {
            text if !plain => visitor.visit_str(text),
            _ if self.node.is_null() => visitor.visit_unit(),
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            text => match (text.parse::<i64>(), looks_like_float(text)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Some(number)) => visitor.visit_f64(number),
                _ => visitor.visit_str(text),
            },
        })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match (&self.node.kind, self.node.text()) {
            (Kind::Anything, _) | (Kind::Scalar { plain: true, .. }, Some("false")) => {
                self.here(visitor.visit_bool(false))
            }
            (Kind::Scalar { plain: true, .. }, Some("true")) => self.here(visitor.visit_bool(true)),
            _ => self.expected("true or false"),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let mut letters = self.node.text().unwrap_or_default().chars();
        match (letters.next(), letters.next()) {
            _ if self.is_anything() => self.here(visitor.visit_char(' ')),
            (Some(letter), None) => self.here(visitor.visit_char(letter)),
            _ => self.expected("one character"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let text = if self.is_anything() { "" } else { self.written()? };
        self.here(visitor.visit_str(text))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.is_anything() || self.node.is_null() {
            return self.here(visitor.visit_none());
        }
        self.here(visitor.visit_some(self))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.is_anything() || self.node.is_null() {
            return self.here(visitor.visit_unit());
        }
        self.expected("nothing")
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        if name == LOCATED {
            return self.here(visitor.visit_seq(LocatedParts::new(self)));
        }
        if name == NAME_OR && !matches!(self.node.kind, Kind::List(_) | Kind::Mapping(_)) {
            return self.deserialize_str(visitor);
        }
        self.here(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Outcome<V::Value> {
        self.seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        match &self.node.kind {
            Kind::Anything => self.here(visitor.visit_map(Wildcard::fields(self, fields))),
            Kind::Mapping(entries) => {
                for key in entries.iter().map(|entry| &entry.key) {
                    let name = key.text().unwrap_or_default();
                    if !fields.contains(&name) {
                        let problem = Problem::unknown_key(name, fields).at(key.id, key.place);
                        self.unknown_keys.borrow_mut().push(problem);
                    }
                }
                self.here(visitor.visit_map(Pairs::known(self, entries, fields)))
            }
            _ => self.expected(&format!("a mapping with the keys {}", fields.join(", "))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        let (name, value) = match &self.node.kind {
            Kind::Anything => {
                return self.here(visitor.visit_enum(Wildcard::variants(self, variants)));
            }
            // A variant may be called `null`: it was asked for by name.
            Kind::Scalar { text, .. }
                if !self.node.is_null() || variants.contains(&text.as_str()) =>
            {
                (self.node, None)
            }
            Kind::Mapping(entries) => match entries.as_slice() {
                [entry] => (&entry.key, Some(&entry.value)),
                _ => {
                    return self
                        .expected(&format!("exactly one of the keys {}", variants.join(", ")));
                }
            },
            _ => return self.expected(&format!("one of {}", variants.join(", "))),
        };
        let written = name.text().unwrap_or_default();
        if !variants.contains(&written) {
            return self.other(name).here(Err(Problem::unknown_value(written, variants)));
        }
        let outcome = match value {
            Some(value) => visitor.visit_enum(Variant::new(self.other(value), written)),
            None => visitor.visit_enum(VariantOfNothing::new(self, written)),
        };
        self.here(outcome)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.here(visitor.visit_str(self.node.text().unwrap_or_default()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.here(visitor.visit_unit())
    }
}

/// A broken number as YAML's core schema writes one; names such as `inf` stay text.
fn looks_like_float(text: &str) -> Option<f64> {
    let begins = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
    if begins { text.parse().ok() } else { None }
}
