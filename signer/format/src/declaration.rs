//! What a source says of itself (being written).
use serde::{Deserialize, Serialize};

/// What a source says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase", deny_unknown_fields)]
pub enum Declaration {
    /// A directory.
    Directory {},
}
