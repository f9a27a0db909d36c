//! Tokens: found by URI, their flags read, checked without any PIN.

use crate::{
    OpenPgpKey,
    deadline::{Deadlines, within},
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::{self, KeyError},
    module,
    public::PublicKey,
    status::TokenStatus,
    uri::{ObjectType, Uri},
};
use cryptoki::{context::Pkcs11, error::Error as Binding, slot::Slot};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Why no token was opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// Neither the URI nor the caller names a module.
    #[error("no PKCS#11 module is named")]
    NoModule,
    /// `module-name` was not found.
    #[error("no PKCS#11 module {name:?} in {}", list_paths(searched))]
    ModuleName {
        /// Name in the URI.
        name: String,
        /// Directories looked at.
        searched: Vec<PathBuf>,
    },
    /// The module's file does not exist.
    #[error("PKCS#11 module {} does not exist", path.display())]
    ModuleMissing {
        /// Path named.
        path: PathBuf,
    },
    /// The file is not a PKCS#11 module for this machine.
    #[error("PKCS#11 module {} cannot be loaded: {reason}", path.display())]
    ModuleLoad {
        /// Path named.
        path: PathBuf,
        /// Words of the dynamic loader.
        reason: String,
    },
    /// The module failed.
    #[error("PKCS#11 module {}: {source}", path.display())]
    Module {
        /// Path of the module.
        path: PathBuf,
        /// The call that failed.
        source: DeviceError,
    },
    /// No token matches.
    #[error("no token matches {wanted}; present: {}", list_uris(present))]
    NoToken {
        /// What was looked for.
        wanted: Uri,
        /// What the module shows.
        present: Vec<Uri>,
    },
    /// Several tokens match.
    #[error("{} tokens match {wanted}: {}", found.len(), list_uris(found))]
    TwoTokens {
        /// What was looked for.
        wanted: Uri,
        /// All that match.
        found: Vec<Uri>,
    },
}

pub(crate) fn list_uris(uris: &[Uri]) -> String {
    if uris.is_empty() {
        return "none".into();
    }
    uris.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn list_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl Explain for OpenError {
    fn explain(&self) -> Explanation {
        match self {
            Self::NoModule => Explanation::new(
                "HSM-NO-MODULE",
                Kind::Configuration,
                "name the vendor's library with ?module-path=/path/to/module.so in the key URI",
            ),
            Self::ModuleName { .. } | Self::ModuleMissing { .. } | Self::ModuleLoad { .. } => Explanation::new(
                "HSM-MODULE",
                Kind::Unavailable,
                "install the vendor's PKCS#11 library or correct module-path in the key URI",
            ),
            Self::Module { source, .. } => source.explain(),
            Self::NoToken { .. } => Explanation::new(
                "HSM-NO-TOKEN",
                Kind::Unavailable,
                "insert the token, or correct serial or token in the key URI; tokens that appear after the module was \
                 loaded may need a new start of the program",
            ),
            Self::TwoTokens { .. } => Explanation::new(
                "HSM-TWO-TOKENS",
                Kind::Refused,
                "add serial=... to the key URI so that it names one token",
            ),
        }
    }
}

/// One token of a loaded module. No session is open and nobody is logged in by this.
#[derive(Clone)]
pub struct Token {
    pub(crate) module: Pkcs11,
    pub(crate) module_path: PathBuf,
    pub(crate) slot: Slot,
    name: Uri,
    pub(crate) pin_source: Option<String>,
    pub(crate) deadlines: Deadlines,
}

/// What [`Token::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The token.
    pub token: TokenStatus,
    /// The key's public half, `None` when the token shows none without login.
    pub public: Option<PublicKey>,
}

impl Token {
    /// Loads the module that `uri` names (else `default_module`) and finds the one token that `uri` names.
    ///
    /// A token whose description cannot be read is found by `slot-id` alone (RFC 7512 section 2.3), without any
    /// attribute of the token beside it.
    ///
    /// # Errors
    /// [`OpenError`]: no module, no token, or several tokens (all listed).
    pub fn open(uri: &Uri, default_module: Option<&Path>) -> Result<Self, OpenError> {
        Self::open_within(uri, default_module, Deadlines::default())
    }

    /// As [`Token::open`], with other deadlines for this and all that follows.
    ///
    /// # Errors
    /// As for [`Token::open`].
    pub fn open_within(uri: &Uri, default_module: Option<&Path>, deadlines: Deadlines) -> Result<Self, OpenError> {
        let path = module::locate(uri, default_module)?;
        let (wanted, library) = (uri.clone(), path.clone());
        let found = within(deadlines.answer, "opening the token", move || Self::find(&wanted, library, deadlines));
        found.unwrap_or_else(|source| Err(OpenError::Module { path, source }))
    }

    fn find(uri: &Uri, module_path: PathBuf, deadlines: Deadlines) -> Result<Self, OpenError> {
        let module = module::load(&module_path)?;
        let failed =
            |error: cryptoki::error::Error| OpenError::Module { path: module_path.clone(), source: error.into() };
        if !library_is_named_by(uri, &module.get_library_info().map_err(failed)?) {
            return Err(OpenError::NoToken { wanted: uri.name_only(), present: Vec::new() });
        }
        let mut present = Vec::new();
        for slot in module.get_slots_with_token().map_err(failed)? {
            let status = match module.get_token_info(slot) {
                Ok(info) if info.token_initialized() => TokenStatus::new(slot, &info),
                // Named by its slot alone, so nothing is asked that could not be read.
                Err(_) if names_slot_only(uri, slot) => TokenStatus::unread(slot),
                // A slot that cannot be read (empty, foreign) is not the one that is looked for.
                Ok(_) | Err(_) => continue,
            };
            if slot_is_named_by(uri, &module, slot) {
                present.push((slot, status));
            }
        }
        let mut found: Vec<_> = present.iter().filter(|(_, status)| status.is_named_by(uri)).collect();
        if found.len() > 1 {
            // Some makers give every token the same serial: then the label decides too.
            found.retain(|(_, status)| status.has_label_of(uri));
        }
        match found.as_slice() {
            [(slot, status)] => {
                if uri.token().is_some_and(|label| label.trim_end_matches(' ') != status.label) {
                    tracing::warn!(token = %status.uri(), wanted = ?uri.token(), "serial matches, label differs");
                }
                Ok(Self {
                    module: module.clone(),
                    module_path: module_path.clone(),
                    slot: *slot,
                    name: status.uri(),
                    pin_source: uri.0.pin_source.clone(),
                    deadlines,
                })
            }
            [] => Err(OpenError::NoToken {
                wanted: uri.name_only(),
                present: present.iter().map(|(_, status)| status.uri()).collect(),
            }),
            _ => Err(OpenError::TwoTokens {
                wanted: uri.name_only(),
                found: found.iter().map(|(_, status)| status.uri()).collect(),
            }),
        }
    }

    /// The flags of the token as they are now.
    ///
    /// # Errors
    /// [`OpenError::Module`] when the token cannot be read, for example because it was pulled. A token opened by
    /// its slot alone may have [`PinState::Unknown`](crate::PinState::Unknown) instead.
    pub fn status(&self) -> Result<TokenStatus, OpenError> {
        let status = self.ask(self.deadlines.answer, "reading the token", Self::status_now);
        status.map_err(|source: DeviceError| OpenError::Module { path: self.module_path.clone(), source })
    }

    pub(crate) fn status_now(&self) -> Result<TokenStatus, DeviceError> {
        match self.module.get_token_info(self.slot) {
            Ok(info) => Ok(TokenStatus::new(self.slot, &info)),
            // The token answered, only not as the standard says.
            Err(error) if self.name.0.slot_id.is_some() && !matches!(error, Binding::Pkcs11(..)) => {
                Ok(TokenStatus::unread(self.slot))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has the module do `work`, and waits only so long.
    pub(crate) fn ask<T, E>(
        &self,
        limit: Duration,
        call: &str,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DeviceError> + Send + 'static,
    {
        let token = self.clone();
        within(limit, call, move || work(&token)).unwrap_or_else(|error| Err(error.into()))
    }

    /// The URI that names this token: label, maker, serial, model, or its slot when they cannot be read; no
    /// module and no PIN source.
    pub fn uri(&self) -> &Uri {
        &self.name
    }

    /// The loaded module.
    pub fn module_path(&self) -> &Path {
        &self.module_path
    }

    /// The public half of the key that `uri` names, read without login; `None` when the token shows none.
    ///
    /// # Errors
    /// [`KeyError`]: two objects match, or the object cannot be understood.
    pub fn public_key(&self, uri: &Uri) -> Result<Option<PublicKey>, KeyError> {
        let uri = uri.clone();
        self.ask(self.deadlines.answer, "looking for a key", move |token| {
            let session = token.module.open_ro_session(token.slot).map_err(DeviceError::from)?;
            key::find_public(&session, &token.name, &uri)
        })
    }

    /// Everything that can be known about a key before any PIN: for dry runs.
    ///
    /// # Errors
    /// [`KeyError`]: the token cannot be read, two keys match, or the public half on the token is not the
    /// certificate's key. A token that shows no public half without login is no error.
    pub fn check(&self, uri: &Uri, certificate_key: Option<&OpenPgpKey>) -> Result<Check, KeyError> {
        let token = self.ask(self.deadlines.answer, "reading the token", Self::status_now)?;
        let public = self.public_key(uri)?;
        if let (Some(public), Some(key)) = (&public, certificate_key) {
            key::assert_same(public, key)?;
        }
        Ok(Check { token, public })
    }

    /// The keys that the token shows without login, as URIs: public halves, at most 256.
    ///
    /// # Errors
    /// [`KeyError::Device`] when the token cannot be read.
    pub fn list(&self) -> Result<Vec<(Uri, PublicKey)>, KeyError> {
        self.ask(self.deadlines.answer, "listing keys", |token| {
            let session = token.module.open_ro_session(token.slot).map_err(DeviceError::from)?;
            key::list_public(&session, &token.name)
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.name)
    }
}

fn library_is_named_by(uri: &Uri, info: &cryptoki::context::Info) -> bool {
    let same = |wanted: &Option<String>, actual: &str| wanted.as_ref().is_none_or(|wanted| wanted == actual);
    let uri = &uri.0;
    let version = (info.library_version().major(), info.library_version().minor());
    same(&uri.library_manufacturer, info.manufacturer_id())
        && same(&uri.library_description, info.library_description())
        && uri.library_version.is_none_or(|wanted| wanted == version)
}

fn names_slot_only(uri: &Uri, slot: Slot) -> bool {
    let uri = &uri.0;
    let of_token = [&uri.token, &uri.serial, &uri.model, &uri.manufacturer];
    uri.slot_id == Some(slot.id()) && of_token.iter().all(|attribute| attribute.is_none())
}

pub(crate) fn slot_is_named_by(uri: &Uri, module: &Pkcs11, slot: Slot) -> bool {
    let uri = &uri.0;
    if uri.slot_description.is_none() && uri.slot_manufacturer.is_none() {
        return true;
    }
    let same = |wanted: &Option<String>, actual: &str| wanted.as_ref().is_none_or(|wanted| wanted == actual);
    module.get_slot_info(slot).is_ok_and(|info| {
        same(&uri.slot_description, info.slot_description()) && same(&uri.slot_manufacturer, info.manufacturer_id())
    })
}

/// The URI of an object: the token's name and what the object says of itself.
pub(crate) fn object_uri(token: &Uri, kind: ObjectType, label: Option<Vec<u8>>, id: Option<Vec<u8>>) -> Uri {
    token.name_only().with(|uri| {
        uri.object = label.map(|label| String::from_utf8_lossy(&label).into_owned()).filter(|label| !label.is_empty());
        uri.id = id.filter(|id| !id.is_empty());
        uri.object_type = Some(kind);
    })
}
