//! Why a pouch is refused on its way: one enum a verb.

mod admit;
mod trust;
mod verify;

pub use admit::{AdmitError, KeepError, ReopenError};
pub use trust::TrustError;
pub use verify::{SpoolError, VerifyError};
