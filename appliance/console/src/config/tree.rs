//! The files as one tree of values, each with the file and line that it came from.

use super::{ConfigError, Setting};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) file: Arc<Path>,
    /// From 1.
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    /// Neither a table nor an array.
    Leaf(toml::Value),
}

/// A file that says nothing.
pub(super) fn empty(file: &Path) -> Node {
    Node { file: file.into(), line: 1, content: Content::Table(BTreeMap::new()) }
}

/// Parses one file.
pub(super) fn parse(file: &Path, text: &str) -> Result<Node, ConfigError> {
    let place = Place { file: file.into(), text };
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        file: file.to_path_buf(),
        line: place.line(error.span().map_or(0, |span| span.start)),
        message: error.message().to_string(),
    };
    let table = DeTable::parse(text).map_err(syntax)?.into_inner();
    place.table(1, table)
}

/// One file while it is read.
struct Place<'a> {
    file: Arc<Path>,
    text: &'a str,
}

impl Place<'_> {
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    fn node(&self, line: usize, content: Content) -> Node {
        Node { file: Arc::clone(&self.file), line, content }
    }

    fn table(&self, line: usize, table: DeTable<'_>) -> Result<Node, ConfigError> {
        let entries = table.into_iter().map(|(key, value)| {
            let line = self.line(key.span().start);
            Ok((key.into_inner().into_owned(), self.value(line, value.into_inner())?))
        });
        let entries: Result<BTreeMap<String, Node>, ConfigError> = entries.collect();
        Ok(self.node(line, Content::Table(entries?)))
    }

    fn value(&self, line: usize, value: DeValue<'_>) -> Result<Node, ConfigError> {
        let leaf = match value {
            DeValue::Table(table) => return self.table(line, table),
            DeValue::Array(array) => {
                let item = |item: Spanned<DeValue<'_>>| self.value(self.line(item.span().start), item.into_inner());
                let items: Result<Vec<Node>, ConfigError> = array.into_iter().map(item).collect();
                return Ok(self.node(line, Content::Array(items?)));
            }
            DeValue::String(text) => toml::Value::String(text.into_owned()),
            DeValue::Integer(number) => {
                let value = i64::from_str_radix(number.as_str(), number.radix());
                toml::Value::Integer(value.map_err(|_| self.out_of_range(line, &number.to_string()))?)
            }
            DeValue::Float(number) => {
                let value = number.as_str().parse::<f64>();
                toml::Value::Float(value.map_err(|_| self.out_of_range(line, &number.to_string()))?)
            }
            DeValue::Boolean(value) => toml::Value::Boolean(value),
            DeValue::Datetime(time) => toml::Value::Datetime(time),
        };
        Ok(self.node(line, Content::Leaf(leaf)))
    }

    fn out_of_range(&self, line: usize, number: &str) -> ConfigError {
        let message = format!("the number {number} is out of range");
        ConfigError::Syntax { file: self.file.to_path_buf(), line, message }
    }
}

impl Node {
    /// Lays `later` over this: tables entry by entry, anything else whole.
    pub(super) fn merge(&mut self, later: Node) {
        match (&mut self.content, later.content) {
            (Content::Table(ours), Content::Table(theirs)) => {
                for (key, node) in theirs {
                    match ours.get_mut(&key) {
                        Some(known) => known.merge(node),
                        None => drop(ours.insert(key, node)),
                    }
                }
            }
            (_, content) => *self = Node { file: later.file, line: later.line, content },
        }
    }

    /// The value without its origins.
    pub(super) fn value(&self) -> toml::Value {
        match &self.content {
            Content::Table(entries) => {
                toml::Value::Table(entries.iter().map(|(key, node)| (key.clone(), node.value())).collect())
            }
            Content::Array(items) => toml::Value::Array(items.iter().map(Node::value).collect()),
            Content::Leaf(value) => value.clone(),
        }
    }

    /// Collects what is not a table, with dotted keys.
    pub(super) fn settings(&self, prefix: &str, into: &mut Vec<Setting>) {
        match &self.content {
            Content::Table(entries) => {
                for (key, node) in entries {
                    node.settings(&dotted(prefix, key), into);
                }
            }
            _ => into.push(Setting {
                key: prefix.to_string(),
                value: self.value().to_string(),
                file: Some(PathBuf::from(&*self.file)),
                line: Some(self.line),
            }),
        }
    }
}

/// Collects what is not a table of values without origin.
pub(super) fn values(prefix: &str, value: &toml::Value, into: &mut Vec<Setting>) {
    match value {
        toml::Value::Table(entries) => {
            for (key, value) in entries {
                values(&dotted(prefix, key), value, into);
            }
        }
        _ => into.push(Setting { key: prefix.to_string(), value: value.to_string(), file: None, line: None }),
    }
}

/// A key below another, quoted where TOML needs it.
pub(super) fn dotted(prefix: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let key = if bare { key.to_string() } else { toml::Value::from(key).to_string() };
    if prefix.is_empty() { key } else { format!("{prefix}.{key}") }
}
