//! What each verb does.

pub(crate) mod check;
pub(crate) mod hold;
pub(crate) mod inventory;
pub(crate) mod report;
pub(crate) mod verify;
