//! Paths of entries (being written).
use serde::{Deserialize, Serialize};

/// A path of an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EntryPath(String);
impl From<EntryPath> for String {
    fn from(p: EntryPath) -> String {
        p.0
    }
}
impl TryFrom<String> for EntryPath {
    type Error = String;
    fn try_from(t: String) -> Result<Self, String> {
        Ok(Self(t))
    }
}
impl EntryPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
