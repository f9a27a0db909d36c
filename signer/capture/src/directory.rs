//! A directory (being written).
use crate::{CaptureError, Directory, SnapshotSink, SourceReport};
use pouch_format::{Declaration, Rule};
/// Why a directory could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Being written.
    #[error("being written")]
    Unfinished,
}
/// Being written.
#[derive(Debug)]
pub struct Offender;
/// Being written.
#[derive(Debug)]
pub struct Fault;
impl DirectoryError {
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
impl Directory {
    pub(crate) fn check(&self) -> Result<SourceReport, CaptureError> {
        Err(DirectoryError::Unfinished.into())
    }
    pub(crate) fn capture(&self, _: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        Err(DirectoryError::Unfinished.into())
    }
}
