//! What each verb does.

pub(crate) mod check;
pub(crate) mod hold;
pub(crate) mod verify;
