//! From the tree of values to the caller's type, so that an error knows the file and line it is about.

use super::error::nearest;
use super::tree::dotted;
use super::{ConfigError, Content, Node};
use serde::Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use std::collections::btree_map;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::slice;

/// Reads `tree` as a `T`.
pub(super) fn read<T: DeserializeOwned>(tree: &Node) -> Result<T, ConfigError> {
    T::deserialize(tree).map_err(|fault| fault.at(tree).into_error())
}

/// An error on its way up: its place is set by the innermost value that knows one, its key grows at each level.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    key: Vec<String>,
    place: Option<(PathBuf, usize)>,
}

#[derive(Debug)]
enum Kind {
    Unknown { key: String, known: Vec<String> },
    Missing { key: String },
    Value { message: String },
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Fault { kind, key: Vec::new(), place: None }
    }

    fn at(mut self, node: &Node) -> Self {
        self.place.get_or_insert_with(|| (node.file.to_path_buf(), node.line));
        self
    }

    fn below(mut self, key: &str) -> Self {
        self.key.push(key.to_string());
        self
    }

    fn into_error(self) -> ConfigError {
        let (file, line) = self.place.unwrap_or_default();
        let prefix = self.key.iter().rev().fold(String::new(), |prefix, key| dotted(&prefix, key));
        match self.kind {
            Kind::Unknown { key, mut known } => {
                let similar = nearest(&key, &mut known);
                ConfigError::UnknownKey { key: dotted(&prefix, &key), file, line, known, similar }
            }
            Kind::Missing { key } => ConfigError::MissingKey { key: dotted(&prefix, &key), file },
            Kind::Value { message } => ConfigError::Value { key: prefix, file, line, message },
        }
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Fault::new(Kind::Value { message: message.to_string() })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Fault::new(Kind::Unknown { key: field.to_string(), known: names(expected) })
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::new(Kind::Missing { key: field.to_string() })
    }
}

fn names(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_string()).collect()
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        de::Error::custom(error.message())
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.content {
            Content::Table(entries) => visitor.visit_map(Entries { entries: entries.iter(), current: None }),
            Content::Array(items) => visitor.visit_seq(Items { items: items.iter() }),
            Content::Leaf(value) => value.clone().deserialize_any(visitor).map_err(Fault::from),
        };
        result.map_err(|fault| fault.at(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.content {
            Content::Table(entries) => {
                // In order of lines, so that the first error is the first that a person would see.
                let unknown = entries.iter().filter(|(key, _)| !fields.contains(&key.as_str()));
                if let Some((key, node)) = unknown.min_by_key(|(_, node)| node.line) {
                    return Err(Fault::new(Kind::Unknown { key: key.clone(), known: names(fields) }).at(node));
                }
                self.deserialize_any(visitor)
            }
            // Dates and times are structs to serde.
            Content::Leaf(value) => {
                value.clone().deserialize_struct(name, fields, visitor).map_err(|error| Fault::from(error).at(self))
            }
            Content::Array(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.value().deserialize_enum(name, variants, visitor).map_err(|error| Fault::from(error).at(self))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// The entries of a table on their way into the visitor.
struct Entries<'de> {
    entries: btree_map::Iter<'de, String, Node>,
    current: Option<(&'de str, &'de Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.current = self.entries.next().map(|(key, node)| (key.as_str(), node));
        let Some((key, node)) = self.current else { return Ok(None) };
        let key: de::value::StrDeserializer<'_, Fault> = key.into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| fault.at(node))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) = self.current.take().ok_or_else(|| <Fault as de::Error>::custom("a value without key"))?;
        seed.deserialize(node).map_err(|fault| fault.at(node).below(key))
    }
}

/// The items of an array on their way into the visitor.
struct Items<'de> {
    items: slice::Iter<'de, Node>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.items.next().map(|node| seed.deserialize(node).map_err(|fault| fault.at(node))).transpose()
    }
}
