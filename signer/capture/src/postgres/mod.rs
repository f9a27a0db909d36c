//! A postgresql (being written).
use crate::{CaptureError, Postgresql, SnapshotSink, SourceReport};
use pouch_format::{Declaration, Rule};
/// Why a postgresql could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum PostgresqlError {
    /// Being written.
    #[error("being written")]
    Unfinished,
}
impl PostgresqlError {
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
impl Postgresql {
    pub(crate) fn check(&self) -> Result<SourceReport, CaptureError> {
        Err(PostgresqlError::Unfinished.into())
    }
    pub(crate) fn capture(&self, _: &mut dyn SnapshotSink) -> Result<Declaration, CaptureError> {
        Err(PostgresqlError::Unfinished.into())
    }
}
