//! Throw-away tokens of software with keys and certificates, for the demo and the tests. DEMO only.
//!
//! SoftHSM, and kryoptic where post-quantum keys are needed.
//!
//! The PIN of such a token lies in a file beside it, so its keys protect nothing. Everything made here says
//! DEMO: the configuration, the user ids, the armor of the certificates.
//!
//! ```no_run
//! use openpgp_pkcs11::Algorithm;
//! use pouch_softtoken::{Certificate, Role, SoftToken};
//! # fn main() -> Result<(), pouch_softtoken::SoftTokenError> {
//! let token = SoftToken::create("/tmp/demo/hsm".as_ref(), "home")?;
//! let key = token.generate(Algorithm::Ed25519, "sealing", &[1])?;
//! let cert = token.certify(&Certificate::new(Role::Signing, key, "home <home@example.org>"))?;
//! // A command that uses the token gets the one variable that SoftHSM reads, and the key's URI.
//! let (variable, path) = token.environment();
//! std::process::Command::new("pouch-seal").env(variable, path).arg("--signing-key").arg(token.key("sealing").to_string());
//! # let _ = cert; Ok(()) }
//! ```
//!
//! # One process, one SoftHSM
//!
//! SoftHSM reads `SOFTHSM2_CONF` when it is loaded, and a process may load it once. A test process that wants
//! several tokens in several directories therefore cannot do the work itself: every method of [`SoftToken`]
//! runs the binary `pouch-softtoken`, which starts itself again with the variable set. It is looked for beside
//! the running program and in the folder above (`cargo build --release -p pouch-softtoken`). Two tokens in
//! the same directory share one configuration, so that one process can use both.
//!
//! PINs are random, lie in `LABEL.pin` and `LABEL.so-pin` (mode 0600), and never stand in an argument or in the
//! environment. Start reading at [`SoftToken`]; what happens inside the second process is in [`inside`].

mod certificate;
mod error;
pub mod inside;
mod token;

pub use certificate::{Certificate, PostQuantum, Role};
pub use error::SoftTokenError;
pub use token::{CONFIG_VARIABLE, KRYOPTIC_VARIABLE, SoftToken, config_file, kryoptic_file};
