//! A key carried to a second token, wrapped all the way: made exportable for this on purpose, and confined afterwards.
//!
//! The second token makes an RSA key pair for the transport, the first an AES key. That is wrapped with RSA-OAEP, the
//! private key with the AES key, and the second token unwraps both inside. Transport keys are objects of a session and
//! are destroyed. The copy cannot be exported, it proves itself by a signature or by opening something, and only then the
//! original is confined for good. Nothing secret is outside a token in the clear.
//!
//! [`LoggedIn::generate_for_backup`] makes such keys, [`back_up`] carries them, [`LoggedIn::confine`] gives a backup up.

mod carry;
mod error;
mod prove;
mod transport;

pub use error::BackupError;
pub use transport::{Transport, Wrapping};

pub(crate) use transport::assert_wraps;

use crate::{
    device::DeviceError,
    key::{self, KeyError, PrivateKey, Usage},
    open::Token,
    public::PublicKey,
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::{
    object::{Attribute, AttributeType, KeyType},
    session::Session,
};

/// A key that is on two tokens now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The copy, with label and id.
    pub copy: Uri,
    /// Its public half, which is that of the original.
    pub public: PublicKey,
    /// How it was carried.
    pub transport: Transport,
}

/// Carries the key that `uri` names to the token `to`, where it gets the same label and id.
///
/// # Errors
/// [`BackupError`]. With all but [`BackupError::LeftBehind`], nothing is left on `to`; the original is as it was, unless the
/// very last look at it failed ([`BackupError::NotConfined`]). A call that was given up (`HSM-SILENT`) may still go on behind
/// our back: look at both tokens before another try.
pub fn back_up(from: &LoggedIn, uri: &Uri, to: &LoggedIn) -> Result<Backup, BackupError> {
    if from.token().slot == to.token().slot && from.token().module_path == to.token().module_path {
        return Err(BackupError::SameToken { token: from.token().uri().clone() });
    }
    let cargo = from.cargo(uri)?;
    to.assert_names_free(&cargo)?;
    let offers = transport::Offers::of(from.token(), to.token())?;
    let (source, target, carried) = (from.clone(), to.clone(), cargo.clone());
    let limit = to.token().deadlines.making;
    let transport =
        to.token().ask(limit, "carrying a key", move |_| carry::carry(&source, &target, &carried, offers))?;
    let backup = Backup { copy: cargo.name_on(to.token()), public: cargo.public.clone(), transport };
    match prove::prove(to, &backup, &cargo.usages).and_then(|()| from.confine(&cargo.key.uri)) {
        Ok(()) => Ok(backup),
        Err(cause) => Err(undo(to, &backup.copy, cause)),
    }
}

/// Takes a key that was just made off a token again: whatever has both its names, for nothing had before.
pub(crate) fn undo(token: &LoggedIn, copy: &Uri, cause: BackupError) -> BackupError {
    let (logged_in, wanted) = (token.clone(), copy.clone());
    let gone = token.token().ask(token.token().deadlines.answer, "taking a copy away", move |_| {
        key::destroy_named(&logged_in.writable()?, &wanted)?;
        // By another session: what the token keeps counts, not what it says of its work.
        key::destroy_named(&logged_in.writable()?, &wanted)
    });
    let reason = match gone {
        Ok(0) => return cause,
        Ok(still) => format!("{still} objects are still there"),
        Err(error) => KeyError::to_string(&error),
    };
    BackupError::LeftBehind { copy: copy.clone(), reason, cause: Box::new(cause) }
}

/// A key that is to be carried.
#[derive(Debug, Clone)]
struct Cargo {
    key: PrivateKey,
    kind: KeyType,
    public: PublicKey,
    /// What the public object says of the numbers, in the words of the first token.
    numbers: Vec<Attribute>,
    usages: Vec<Usage>,
}

impl Cargo {
    /// The same label and id on another token.
    fn name_on(&self, token: &Token) -> Uri {
        let names = &self.key.uri.0;
        token.uri().with(|uri| {
            uri.object.clone_from(&names.object);
            uri.id.clone_from(&names.id);
        })
    }
}

impl LoggedIn {
    /// Makes sure that a key made for a backup cannot leave the token any more: `CKA_EXTRACTABLE` becomes false for good, and
    /// is read back.
    ///
    /// # Errors
    /// [`BackupError::NotConfined`], [`BackupError::Key`]
    pub fn confine(&self, uri: &Uri) -> Result<(), BackupError> {
        let (logged_in, uri, token) = (self.clone(), uri.clone(), self.token());
        token.ask(token.deadlines.answer, "confining a key", move |token| {
            let session = logged_in.writable()?;
            let key = key::find_private(&session, token.uri(), &uri)?;
            let failed = |reason: String| BackupError::NotConfined { key: key.uri.clone(), reason };
            let set = session.update_attributes(key.handle, &[Attribute::Extractable(false)]);
            set.map_err(|error| failed(DeviceError::from(error).to_string()))?;
            drop(session);
            // By another session: what the token keeps counts, not what it just heard.
            let fresh = logged_in.writable()?;
            let key = key::find_private(&fresh, token.uri(), &uri)?;
            key.assert_confined(&fresh)
                .map_err(|error| BackupError::NotConfined { key: key.uri.clone(), reason: error.to_string() })
        })
    }

    fn cargo(&self, uri: &Uri) -> Result<Cargo, BackupError> {
        let uri = uri.clone();
        self.shared.look("looking for a key", move |session, token| {
            let key = key::find_private(session, token, &uri)?;
            key.assert_exportable(session)?;
            let public =
                key::public_half(session, &key)?.ok_or_else(|| KeyError::NoPublicHalf { key: key.uri.clone() })?;
            let handle =
                key::public_handle(session, &key)?.ok_or_else(|| KeyError::NoPublicHalf { key: key.uri.clone() })?;
            let asked: &[AttributeType] = match public {
                PublicKey::MlDsa65(_) | PublicKey::MlKem768(_) => {
                    return Err(BackupError::Half { algorithm: public.algorithm() });
                }
                PublicKey::Rsa { .. } => &[AttributeType::Modulus, AttributeType::PublicExponent],
                _ => &[AttributeType::EcParams, AttributeType::EcPoint],
            };
            let numbers = session.get_attributes(handle, asked).map_err(DeviceError::from)?;
            let usages = key.usages(session)?;
            Ok(Cargo { kind: key.kind, key, public, numbers, usages })
        })
    }

    fn assert_names_free(&self, cargo: &Cargo) -> Result<(), BackupError> {
        let (logged_in, names) = (self.clone(), cargo.key.uri.clone());
        let token = self.token();
        token.ask(token.deadlines.answer, "looking for names", move |_| {
            let session: Session = logged_in.writable()?;
            logged_in.assert_free(&session, names.object(), names.id()).map_err(BackupError::from)
        })
    }
}
