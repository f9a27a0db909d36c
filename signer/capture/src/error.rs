//! Why a source could not be captured.

use pouch_format::Rule;

use crate::SinkError;
use crate::command::CommandError;
use crate::directory::DirectoryError;
use crate::postgres::PostgresqlError;

/// Why a source could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A PostgreSQL server.
    #[error(transparent)]
    Postgresql(#[from] PostgresqlError),
    /// The sink refused; this is its own error.
    #[error("the snapshot could not be taken in: {0}")]
    Sink(#[source] SinkError),
}

impl CaptureError {
    /// The rule that refused, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Directory(error) => error.rule(),
            Self::Command(error) => error.rule(),
            Self::Postgresql(error) => error.rule(),
            Self::Sink(_) => None,
        }
    }

    /// What to do about it, as one sentence, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Directory(error) => error.hint(),
            Self::Command(error) => error.hint(),
            Self::Postgresql(error) => error.hint(),
            Self::Sink(_) => None,
        }
    }
}
