//! A command (being written).
use crate::{CaptureError, Command, SnapshotSink, SourceReport};
use pouch_format::{Declaration, Rule};
/// Why a command could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Being written.
    #[error("being written")]
    Unfinished,
}
impl CommandError {
    /// The rule that refused, if it was one.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        None
    }
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        None
    }
}
impl Command {
    pub(crate) fn check(&self) -> Result<SourceReport, CaptureError> {
        Err(CommandError::Unfinished.into())
    }
    pub(crate) fn capture(&self, _: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        Err(CommandError::Unfinished.into())
    }
}
