//! The trusted path of the reader: spool, verify, admit, open, unpack, commit.
//!
//! Nothing that a courier brings is parsed before it is verified, nothing is written outside the vault's incoming
//! directory before all of it is, and nothing is forgotten that was admitted. This crate holds no key, asks no clock and
//! prints nothing. Start reading at `path.rs`: its five functions are the way of a pouch into the vault.

mod clock;
mod error;
mod frame;
mod index;
mod key;
mod ordered;
mod packet;
mod parts;
mod path;
mod pkesk;
mod reopen;
mod segment;
mod signature;
mod signers;
mod source;
mod state;
mod trust;
mod unpack;

pub use clock::{BUILD_FLOOR, Clock};
pub use error::{AdmitError, KeepError, ReopenError, SpoolError, TrustError, VerifyError};
pub use frame::FrameError;
pub use index::IndexFault;
pub use key::{KeyError, PouchKey};
pub use ordered::{Fetch, StreamError};
pub use packet::PacketError;
pub use path::{
    Admitted, Checked, Kept, Receipt, Spooled, Verified, admit, check, judge, keep, receipt, spool, verify,
};
pub use reopen::{Reopened, reopen};
pub use segment::PartError;
pub use signers::SIGNATURE_SLACK;
pub use source::Source;
pub use state::{
    DispatchNote, Event, Head, Ledger, LogFault, LogHead, RecoverError, State, StateError, StatePlaces, Warning,
};
pub use trust::{CERTIFICATE_BYTES, CERTIFICATES, RegistryPolicy, TRUST_BYTES, Trust};
pub use unpack::{UnpackError, Unpacked, unpack};
