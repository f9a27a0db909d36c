//! The end of a key: destroyed by a handle that is used up, and looked for afterwards.

use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::{self, KeyError, PrivateKey},
    public::PublicKey,
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::object::{ObjectClass, ObjectHandle};
use std::fmt;

/// Why a key was not destroyed, or not wholly.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DestroyError {
    /// The private half is still there: nothing was changed.
    #[error("key {key} was not destroyed: {source}")]
    Private {
        /// The key.
        key: Uri,
        /// The call that failed.
        source: DeviceError,
    },
    /// The private half was destroyed, the public half not.
    #[error("the private half of key {key} was destroyed, but its public half is still there: {source}")]
    Public {
        /// The key.
        key: Uri,
        /// The call that failed.
        source: DeviceError,
    },
    /// The token says that it destroyed the key, and shows it.
    #[error("token says that it destroyed key {key}, and still shows its {half} half")]
    StillThere {
        /// The key.
        key: Uri,
        /// `private` or `public`.
        half: &'static str,
    },
    /// Looking for the key afterwards failed: whether it is gone is not known.
    #[error("whether key {key} is gone is not known: {source}")]
    NotSeen {
        /// The key.
        key: Uri,
        /// What failed.
        source: KeyError,
    },
}

impl Explain for DestroyError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Private { source, .. } | Self::Public { source, .. } => source.explain(),
            Self::StillThere { .. } => Explanation::new(
                "HSM-KEY-STAYS",
                Kind::Refused,
                "treat the key as existing: keep the token, and ask its maker or erase it as a whole",
            ),
            Self::NotSeen { source, .. } => source.explain(),
        }
    }
}

/// A key pair that was found on a token. It cannot be copied: who destroys it gives it away.
pub struct FoundKey {
    logged_in: LoggedIn,
    private: PrivateKey,
    public_handle: Option<ObjectHandle>,
    public: Option<PublicKey>,
}

impl LoggedIn {
    /// Finds the one key pair that `uri` names, whatever its attributes are.
    ///
    /// # Errors
    /// [`KeyError`]: none or several match, or several public halves lie beside it.
    pub fn find_key(&self, uri: &Uri) -> Result<FoundKey, KeyError> {
        let (logged_in, uri) = (self.clone(), uri.clone());
        self.shared.look("looking for a key", move |session, token| {
            let private = key::find_private(session, token, &uri)?;
            let public_handle = key::public_handle(session, &private)?;
            if let Some(public) = public_handle {
                key::assert_beside(session, &private, public)?;
            }
            // A key that cannot be understood can be destroyed all the same.
            let public = match key::public_half(session, &private) {
                Ok(public) => public,
                Err(KeyError::Device(error)) => return Err(error.into()),
                Err(_) => None,
            };
            Ok(FoundKey { logged_in, private, public_handle, public })
        })
    }
}

impl FoundKey {
    /// The private key, with label and id.
    pub fn uri(&self) -> &Uri {
        &self.private.uri
    }

    /// Its public half, if the token has one that can be understood.
    pub fn public(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    /// DESTROYS the key pair for good, the private half first, and looks whether it is gone. Certificates on the token
    /// stay.
    ///
    /// # Errors
    /// [`DestroyError`]
    pub fn destroy(self) -> Result<(), DestroyError> {
        let (token, key) = (self.logged_in.token().clone(), self.private.uri.clone());
        let outcome = token.ask(token.deadlines.answer, "destroying a key", move |_| Ok(self.work()));
        outcome.unwrap_or_else(|error: KeyError| Err(DestroyError::NotSeen { key, source: error }))
    }

    fn work(self) -> Result<(), DestroyError> {
        let key = self.private.uri.clone();
        let private = |source: DeviceError| DestroyError::Private { key: key.clone(), source };
        let public = |source: DeviceError| DestroyError::Public { key: key.clone(), source };
        let session = self.logged_in.writable().map_err(private)?;
        session.destroy_object(self.private.handle).map_err(|error| private(error.into()))?;
        if let Some(handle) = self.public_handle {
            session.destroy_object(handle).map_err(|error| public(error.into()))?;
        }
        drop(session);
        let unseen = |source: KeyError| DestroyError::NotSeen { key: key.clone(), source };
        let fresh = self.logged_in.writable().map_err(|error| unseen(error.into()))?;
        for (half, class) in [("private", ObjectClass::PRIVATE_KEY), ("public", ObjectClass::PUBLIC_KEY)] {
            if key::is_there(&fresh, class, &self.private).map_err(unseen)? {
                return Err(DestroyError::StillThere { key, half });
            }
        }
        tracing::info!(%key, "key destroyed");
        Ok(())
    }
}

impl fmt::Debug for FoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoundKey({})", self.private.uri)
    }
}
