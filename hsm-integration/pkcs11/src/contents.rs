//! How much is on a token: what a plan wants to know before it begins, and after it has erased one.

use crate::{
    deadline::{Deadlines, within},
    device::DeviceError,
    module,
    open::{OpenError, Token, slot_is_named_by},
    session::LoggedIn,
    status::TokenStatus,
    uri::Uri,
};
use cryptoki::{
    error::Error as Binding,
    object::{Attribute, ObjectClass},
    session::Session,
};
use std::{fmt, path::Path};

/// Objects counted of one class.
const MAX_COUNTED: usize = 256;

/// What a token holds, so far as it can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contents {
    /// The token was never initialised.
    Uninitialised,
    /// No keys, certificates and data can be seen.
    Empty,
    /// So many keys, certificates and data objects; at most 256 of a class are counted.
    Objects(usize),
}

impl Contents {
    fn of(objects: usize) -> Self {
        if objects == 0 { Self::Empty } else { Self::Objects(objects) }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uninitialised => f.write_str("uninitialised"),
            Self::Empty => f.write_str("initialised, no objects"),
            Self::Objects(1) => f.write_str("1 object"),
            Self::Objects(objects) => write!(f, "{objects} objects"),
        }
    }
}

/// Keys, certificates and data that are kept on the token and that this session sees.
pub(crate) fn count(session: &Session) -> Result<usize, Binding> {
    let classes = [
        ObjectClass::PRIVATE_KEY,
        ObjectClass::PUBLIC_KEY,
        ObjectClass::SECRET_KEY,
        ObjectClass::CERTIFICATE,
        ObjectClass::DATA,
    ];
    let mut objects = 0;
    for class in classes {
        let found = session.iter_objects(&[Attribute::Class(class), Attribute::Token(true)])?;
        objects += found.take(MAX_COUNTED).collect::<Result<Vec<_>, _>>()?.len();
    }
    Ok(objects)
}

/// A token in a slot, initialised or not.
#[derive(Debug, Clone)]
pub struct SlotState {
    /// What the token says of itself; for its slot see [`SlotState::uri`].
    pub status: TokenStatus,
    /// What can be seen on it without a login, or the call that failed.
    pub contents: Result<Contents, DeviceError>,
}

impl SlotState {
    /// Names the slot, for [`initialise_slot`](crate::initialise_slot); no module.
    pub fn uri(&self) -> Uri {
        Uri::default().with(|uri| uri.slot_id = Some(self.status.slot))
    }
}

/// The tokens that `uri` names, uninitialised ones included, in the order of the module. A token that cannot be read is
/// named by its slot alone, and hides no other.
///
/// # Errors
/// [`OpenError`]: no module, or it fails.
pub fn slots(uri: &Uri, default_module: Option<&Path>, deadlines: Deadlines) -> Result<Vec<SlotState>, OpenError> {
    let path = module::locate(uri, default_module)?;
    let (uri, library) = (uri.clone(), path.clone());
    let look = move || {
        let module = module::load(&library)?;
        let failed = |error: Binding| OpenError::Module { path: library.clone(), source: error.into() };
        let mut states = Vec::new();
        for slot in module.get_slots_with_token().map_err(failed)? {
            let (status, contents) = match module.get_token_info(slot) {
                Ok(info) if info.token_initialized() => {
                    let counted = module.open_ro_session(slot).and_then(|session| count(&session));
                    (TokenStatus::new(slot, &info), counted.map(Contents::of).map_err(DeviceError::from))
                }
                Ok(info) => (TokenStatus::new(slot, &info), Ok(Contents::Uninitialised)),
                Err(error) => (TokenStatus::unread(slot), Err(error.into())),
            };
            if status.is_named_by(&uri) && slot_is_named_by(&uri, &module, slot) {
                states.push(SlotState { status, contents });
            }
        }
        Ok(states)
    };
    let looked = within(deadlines.answer, "looking at the slots", look);
    looked.unwrap_or_else(|source| Err(OpenError::Module { path, source }))
}

impl Token {
    /// What can be seen on the token without a login of its own; a login of this process counts.
    ///
    /// # Errors
    /// [`DeviceError`]
    pub fn contents(&self) -> Result<Contents, DeviceError> {
        self.ask(self.deadlines.answer, "counting objects", |token| {
            Ok(Contents::of(count(&token.module.open_ro_session(token.slot)?)?))
        })
    }
}

impl LoggedIn {
    /// What the user sees on the token.
    ///
    /// # Errors
    /// [`DeviceError`]
    pub fn contents(&self) -> Result<Contents, DeviceError> {
        self.shared.look("counting objects", |session, _| Ok::<_, DeviceError>(Contents::of(count(session)?)))
    }
}
