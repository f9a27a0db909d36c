//! Why a pouch is refused on its way: one enum a verb.

mod admit;
mod verify;

pub use admit::{AdmitError, KeepError, ReopenError};
pub use verify::{SpoolError, VerifyError};
