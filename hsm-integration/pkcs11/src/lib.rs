//! OpenPGP keys that live in a PKCS#11 token: URIs, sessions, a sequoia `Signer` and `Decryptor`.
//!
//! The way in, top down:
//!
//! 1. [`Uri::parse`] - every key, token and module is named by an RFC 7512 URI.
//! 2. [`Token::open`] - loads the module, finds exactly one token (serial beats label), reads its flags.
//! 3. [`Token::check`] - what can be known before any PIN: for dry runs.
//! 4. [`Token::login`] - one try with a PIN from a file, a systemd credential, a pinpad or a prompt.
//! 5. [`LoggedIn::signer`] and [`LoggedIn::decryptor`] - a key of the token bound to a key of a certificate.
//! 6. [`CompositePlace`] - the two halves of a post-quantum key of RFC 9980, bound to one key of a certificate.
//! 7. [`Holder`] - for callers that do not care which of these it is.
//! 8. [`certificate::Builder`] - certificates whose self-signatures the token makes, and in [`certificate`] their
//!    revocations, changes and vouching for each other.
//! 9. [`initialise_slot`], [`reset_token`], [`LoggedIn::generate`] and [`LoggedIn::generate_composite`] - new tokens and keys.
//! 10. [`LoggedIn::generate_for_backup`] and [`back_up`] - a key on two tokens.
//! 11. [`slots`] and [`inventory`] - what there is, and what is wrong with it.
//! 12. [`LoggedIn::set_pin`], [`Token::reset_user_pin`], [`FoundKey::destroy`] - and what becomes of them.
//!
//! ```no_run
//! use openpgp_pkcs11::{LoginOptions, Token, Uri};
//! # fn signing_key() -> sequoia_openpgp::packet::Key<
//! #     sequoia_openpgp::packet::key::PublicParts, sequoia_openpgp::packet::key::UnspecifiedRole> { unreachable!() }
//! let uri = Uri::parse("pkcs11:serial=4711;object=sealing?module-path=/usr/lib/hsm.so&pin-source=file:/run/pin")?;
//! let token = Token::open(&uri, None)?;
//! let signer = token.login(LoginOptions::default())?.signer(&uri, &signing_key())?;
//! # Ok::<(), openpgp_pkcs11::Error>(())
//! ```
//!
//! What this crate never does: put a PIN into an argument, the environment, a message or a log; try a PIN
//! twice; use a key that could be exported; hand out a signature that it has not verified in software;
//! wait for ever ([`Deadlines`]); panic on any answer of a token; print; know what its callers seal.
//!
//! # Facts about tokens that shape the code
//!
//! * Labels and serials are space-padded fields of 32 and 16 bytes; a longer label is silently cut.
//! * `CKA_EC_POINT` is a DER OCTET STRING on some modules, raw on others: both are read.
//! * SoftHSM keeps X25519 keys as `CKK_EC_EDWARDS` and makes them with the Edwards mechanism.
//! * A TPM has no Edwards curves, no RSA of 4096 bits, and its module no key agreement: [`Token::offers`] says so.
//! * Bad RSA padding is an error on some tokens; on others, kryoptic first, it opens to a made-up message.
//! * Serial numbers need not differ: all tokens on a TPM of software have the same.
//! * tpm2-pkcs11 gives a new key the handle of another one after a key was destroyed: what was found is asked for its names.
//! * It never erases a token. SoftHSM never locks a PIN and wraps no Edwards keys; no module tells of that in a list.
//! * A module is initialised once a process; login belongs to process and token, not to a session.
//! * SoftHSM reads `SOFTHSM2_CONF` when it is loaded, and lists only tokens that existed then.
//!
//! # Residue
//!
//! PINs, derived secrets and session keys are zeroized by this crate. One copy is out of its hands: the
//! binding reads a derived secret through a buffer of its own that it frees without clearing. Use locked
//! memory, no swap and no core dumps where that matters.

mod backup;
pub mod certificate;
mod composite;
mod contents;
mod deadline;
mod decryptor;
mod destroy;
mod device;
mod error;
mod generate;
mod holder;
mod inventory;
mod key;
mod module;
mod offer;
mod open;
mod pin;
mod public;
mod session;
mod signer;
mod status;
mod uri;

pub use backup::{Backup, BackupError, Transport, Wrapping, back_up};
pub use certificate::TokenKey;
pub use composite::{Composite, CompositeDecryptor, CompositePlace, CompositePublic, CompositeSigner, NewComposite};
pub use contents::{Contents, SlotState, slots};
pub use deadline::Deadlines;
pub use decryptor::{DecryptError, TokenDecryptor};
pub use destroy::{DestroyError, FoundKey};
pub use device::DeviceError;
pub use error::{Error, Explain, Explanation, Kind};
pub use generate::{Algorithm, GenerateError, NewKey, initialise_slot, initialise_token, reset_token};
pub use holder::{Holder, HolderError, KeyDecryptor, KeyNames, KeySigner, LoggedInHolder};
pub use inventory::{Finding, Flags, Inventory, ObjectInventory, SlotInventory, inventory};
pub use key::{KeyError, Usage};
pub use offer::OfferError;
pub use open::{Check, OpenError, Token};
pub use pin::{DEFAULT_CREDENTIAL, LoginError, LoginOptions, PinError, PinPrompt};
pub use public::{KeyVersion, PublicKey};
pub use secrecy;
pub use session::{LoggedIn, Operations, operations};
pub use signer::{SharedPrompt, SignError, TokenSigner};
pub use status::{PinState, TokenStatus};
pub use uri::{ObjectType, Uri, UriError};

/// A public key as sequoia's `Signer` and `Decryptor` show it.
pub type OpenPgpKey = sequoia_openpgp::packet::Key<
    sequoia_openpgp::packet::key::PublicParts,
    sequoia_openpgp::packet::key::UnspecifiedRole,
>;
