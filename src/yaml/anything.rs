//! The structure that a node of [`Kind::Anything`](super::tree::Kind::Anything) passes for.

use super::de::NodeReader;
use super::problem::Problem;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess};

/// Every field of a struct, or the first variant of an enum, with anything as content.
pub(super) struct Wildcard<'t> {
    reader: NodeReader<'t>,
    names: std::slice::Iter<'static, &'static str>,
}

impl<'t> Wildcard<'t> {
    pub(super) fn fields(reader: NodeReader<'t>, names: &'static [&'static str]) -> Self {
        Self { reader, names: names.iter() }
    }

    pub(super) fn variants(reader: NodeReader<'t>, names: &'static [&'static str]) -> Self {
        Self::fields(reader, names)
    }
}

impl<'de> MapAccess<'de> for Wildcard<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        self.names.next().map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        self.reader.here(seed.deserialize(self.reader))
    }
}

impl<'de, 't> EnumAccess<'de> for Wildcard<'t> {
    type Error = Problem;
    type Variant = NodeReader<'t>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Problem> {
        let name = self.names.next().copied().unwrap_or_default();
        Ok((seed.deserialize(name.into_deserializer())?, self.reader))
    }
}
