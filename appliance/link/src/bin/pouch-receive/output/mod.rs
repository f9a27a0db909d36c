//! What is printed, one file a kind of result: human text here, JSON beside it.

pub(crate) mod check;
pub(crate) mod missing;
