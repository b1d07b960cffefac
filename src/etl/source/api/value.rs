//! A value inside a JSON document, by the keys that lead to it. All else is passed over.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// The text, number or truth at a path of a document; none where a key is missing, or NULL or empty
/// text stands there.
///
/// # Errors
/// Where the document is no JSON, or an object or array stands there.
pub(super) fn value_at(document: &[u8], path: &[&str]) -> serde_json::Result<Option<String>> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let found = Path(path).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found.filter(|text| !text.is_empty()))
}

#[derive(Clone, Copy)]
struct Path<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for Path<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Path<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("text or a number"),
            [key, ..] => write!(f, "an object with the key `{key}`"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let [wanted, below @ ..] = self.0 else {
            return Err(serde::de::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == *wanted {
                found = map.next_value_seed(Path(below))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        self.end(text.to_owned())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.end(value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.end(value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        self.end(value.to_string())
    }

    // `false` is how some say that there is none.
    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        if value { self.end("true".to_owned()) } else { Ok(None) }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl Path<'_> {
    fn end<E: serde::de::Error>(self, text: String) -> Result<Option<String>, E> {
        match self.0 {
            [] => Ok(Some(text)),
            _ => Err(E::invalid_type(serde::de::Unexpected::Str(&text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_keys() {
        let document = br#"{"a": [1, {"b": 2}], "m": {"n": "x", "i": 7, "e": "", "z": null}}"#;
        let at = |path: &[&str]| value_at(document, path).unwrap();
        assert_eq!(at(&["m", "n"]).as_deref(), Some("x"));
        assert_eq!(at(&["m", "i"]).as_deref(), Some("7"));
        for nothing in [&["m", "e"][..], &["m", "z"], &["m", "q"], &["q", "n"], &["m", "z", "y"]] {
            assert_eq!(at(nothing), None, "{nothing:?}");
        }
        for wrong in [&["a"][..], &["m"], &["a", "b"], &["m", "n", "x"]] {
            assert!(value_at(document, wrong).is_err(), "{wrong:?}");
        }
        assert!(value_at(b"{\"a\": 1} x", &["a"]).is_err());
        assert!(value_at(b"<html>", &["a"]).is_err());
    }
}
