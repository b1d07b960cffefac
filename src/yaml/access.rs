//! What serde walks while it reads lists, mappings, variants and located values.

use super::de::NodeReader;
use super::problem::Problem;
use super::tree::{Entry, Node};
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

type Outcome<V> = Result<V, Problem>;

/// The items of a list.
pub(super) struct Items<'t> {
    reader: NodeReader<'t>,
    items: std::slice::Iter<'t, Node>,
}

impl<'t> Items<'t> {
    pub(super) fn new(reader: NodeReader<'t>, items: &'t [Node]) -> Self {
        Self { reader, items: items.iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<Option<T::Value>> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let reader = self.reader.other(item);
        reader.here(seed.deserialize(reader)).map(Some)
    }
}

/// The pairs of a mapping, or those whose keys are asked for.
pub(super) struct Pairs<'t> {
    reader: NodeReader<'t>,
    entries: std::slice::Iter<'t, Entry>,
    known: Option<&'static [&'static str]>,
    value: Option<&'t Node>,
}

impl<'t> Pairs<'t> {
    pub(super) fn new(reader: NodeReader<'t>, entries: &'t [Entry]) -> Self {
        Self { reader, entries: entries.iter(), known: None, value: None }
    }

    pub(super) fn known(
        reader: NodeReader<'t>,
        entries: &'t [Entry],
        known: &'static [&'static str],
    ) -> Self {
        Self { reader, entries: entries.iter(), known: Some(known), value: None }
    }
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Outcome<Option<K::Value>> {
        let wanted = |entry: &&Entry| {
            let name = entry.key.text().unwrap_or_default();
            self.known.is_none_or(|known| known.contains(&name))
        };
        let Some(entry) = self.entries.find(wanted) else { return Ok(None) };
        self.value = Some(&entry.value);
        let reader = self.reader.other(&entry.key);
        reader.here(seed.deserialize(reader)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Outcome<V::Value> {
        let Some(value) = self.value.take() else {
            return Err(Problem::new("a value was asked for before its key"));
        };
        let reader = self.reader.other(value);
        reader.here(seed.deserialize(reader))
    }
}

/// Line, column and value of a located value.
pub(super) struct LocatedParts<'t> {
    reader: NodeReader<'t>,
    next: u8,
}

impl<'t> LocatedParts<'t> {
    pub(super) fn new(reader: NodeReader<'t>) -> Self {
        Self { reader, next: 0 }
    }
}

impl<'de> SeqAccess<'de> for LocatedParts<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<Option<T::Value>> {
        let place = self.reader.node.place;
        self.next += 1;
        match self.next {
            1 => seed.deserialize(place.line.into_deserializer()).map(Some),
            2 => seed.deserialize(place.column.into_deserializer()).map(Some),
            3 => seed.deserialize(self.reader).map(Some),
            _ => Ok(None),
        }
    }
}

/// A variant written as the one key of a mapping.
pub(super) struct Variant<'t> {
    content: NodeReader<'t>,
    name: &'t str,
}

impl<'t> Variant<'t> {
    pub(super) fn new(content: NodeReader<'t>, name: &'t str) -> Self {
        Self { content, name }
    }
}

impl<'de, 't> EnumAccess<'de> for Variant<'t> {
    type Error = Problem;
    type Variant = NodeReader<'t>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Outcome<(V::Value, Self::Variant)> {
        Ok((seed.deserialize(self.name.into_deserializer())?, self.content))
    }
}

impl<'de> VariantAccess<'de> for NodeReader<'_> {
    type Error = Problem;

    fn unit_variant(self) -> Outcome<()> {
        serde::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Outcome<T::Value> {
        self.here(seed.deserialize(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Outcome<V::Value> {
        serde::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        serde::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}

/// A variant written as a bare name.
pub(super) struct VariantOfNothing<'t> {
    reader: NodeReader<'t>,
    name: &'t str,
}

impl<'t> VariantOfNothing<'t> {
    pub(super) fn new(reader: NodeReader<'t>, name: &'t str) -> Self {
        Self { reader, name }
    }

    fn lacks<V>(self, what: &str) -> Outcome<V> {
        let message = format!("`{name}` needs {what}: `{name}: ...`", name = self.name);
        self.reader.here(Err(Problem::new(message)))
    }
}

impl<'de> EnumAccess<'de> for VariantOfNothing<'_> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Outcome<(V::Value, Self)> {
        Ok((seed.deserialize(self.name.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for VariantOfNothing<'_> {
    type Error = Problem;

    fn unit_variant(self) -> Outcome<()> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Outcome<T::Value> {
        self.lacks("a value")
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Outcome<V::Value> {
        self.lacks("a list")
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Outcome<V::Value> {
        self.lacks(&format!("the keys {}", fields.join(", ")))
    }
}
