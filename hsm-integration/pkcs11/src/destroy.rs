//! The end of a key: destroyed by a handle that is used up, and looked for afterwards.

use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::{self, KeyError, PrivateKey},
    public::PublicKey,
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::{
    object::{ObjectClass, ObjectHandle},
    session::Session,
};
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
    /// Of the two private halves of a composite key, that of the elliptic curve was destroyed, the other not.
    #[error("one private half of composite key {key} was destroyed, the post-quantum half is still there: {source}")]
    OtherPrivate {
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
            Self::Private { source, .. } | Self::OtherPrivate { source, .. } | Self::Public { source, .. } => {
                source.explain()
            }
            Self::StillThere { .. } => Explanation::new(
                "HSM-KEY-STAYS",
                Kind::Refused,
                "treat the key as existing: keep the token, and ask its maker or erase it as a whole",
            ),
            Self::NotSeen { source, .. } => source.explain(),
        }
    }
}

/// A key that was found on a token: a key pair, or the two of a composite key. It cannot be copied: who destroys it gives it
/// away.
pub struct FoundKey {
    logged_in: LoggedIn,
    first: Pair,
    /// The post-quantum half of a composite key.
    second: Option<Pair>,
    /// What is left of a half that was destroyed before this one.
    left: Option<ObjectHandle>,
}

struct Pair {
    private: PrivateKey,
    public_handle: Option<ObjectHandle>,
    public: Option<PublicKey>,
}

impl Pair {
    fn of(session: &Session, private: PrivateKey) -> Result<Self, KeyError> {
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
        Ok(Self { private, public_handle, public })
    }
}

impl LoggedIn {
    /// Finds the one key that `uri` names, whatever its attributes are: a key pair, or both halves of a composite key. Of a
    /// composite key in two tokens, this finds the half that is here; where the other half was destroyed before, what is left.
    ///
    /// # Errors
    /// [`KeyError`]: none or several match, or several public halves lie beside it.
    pub fn find_key(&self, uri: &Uri) -> Result<FoundKey, KeyError> {
        let (logged_in, uri) = (self.clone(), uri.clone());
        self.shared.look("looking for a key", move |session, token| {
            let (first, second) = match key::find_private(session, token, &uri) {
                Ok(single) => (single, None),
                Err(KeyError::TwoKeys { wanted, found }) => match key::find_halves(session, token, &uri)? {
                    Some([classical, post_quantum]) => (classical, Some(post_quantum)),
                    None => return Err(KeyError::TwoKeys { wanted, found }),
                },
                Err(error) => return Err(error),
            };
            let left = if second.is_none() { key::public_of_other(session, &first)? } else { None };
            let second = second.map(|private| Pair::of(session, private)).transpose()?;
            Ok(FoundKey { logged_in, first: Pair::of(session, first)?, second, left })
        })
    }
}

impl FoundKey {
    /// The private key, with label and id; both halves of a composite key have this name.
    pub fn uri(&self) -> &Uri {
        &self.first.private.uri
    }

    /// Its public half, if the token has one that can be understood; of a composite key, that of the elliptic curve.
    pub fn public(&self) -> Option<&PublicKey> {
        self.first.public.as_ref()
    }

    /// The public half of the post-quantum half of a composite key, if this is one and the token has it.
    pub fn public_pq(&self) -> Option<&PublicKey> {
        self.second.as_ref().and_then(|pair| pair.public.as_ref())
    }

    /// Whether these are both halves of a composite key.
    pub fn is_composite(&self) -> bool {
        self.second.is_some()
    }

    /// DESTROYS the key for good, all private halves first, and looks whether it is gone. Certificates on the token stay.
    ///
    /// # Errors
    /// [`DestroyError`]
    pub fn destroy(self) -> Result<(), DestroyError> {
        let (token, key) = (self.logged_in.token().clone(), self.uri().clone());
        let outcome = token.ask(token.deadlines.answer, "destroying a key", move |_| Ok(self.work()));
        outcome.unwrap_or_else(|error: KeyError| Err(DestroyError::NotSeen { key, source: error }))
    }

    fn work(self) -> Result<(), DestroyError> {
        let key = self.uri().clone();
        let private = |source: DeviceError| DestroyError::Private { key: key.clone(), source };
        let public = |source: DeviceError| DestroyError::Public { key: key.clone(), source };
        let session = self.logged_in.writable().map_err(private)?;
        session.destroy_object(self.first.private.handle).map_err(|error| private(error.into()))?;
        if let Some(second) = &self.second {
            let other = |source: DeviceError| DestroyError::OtherPrivate { key: key.clone(), source };
            session.destroy_object(second.private.handle).map_err(|error| other(error.into()))?;
        }
        let of_second = self.second.as_ref().and_then(|pair| pair.public_handle);
        for handle in [self.first.public_handle, of_second, self.left].into_iter().flatten() {
            session.destroy_object(handle).map_err(|error| public(error.into()))?;
        }
        drop(session);
        let unseen = |source: KeyError| DestroyError::NotSeen { key: key.clone(), source };
        let fresh = self.logged_in.writable().map_err(|error| unseen(error.into()))?;
        // Both halves of a composite key have one name, so that one look sees both.
        for (half, class) in [("private", ObjectClass::PRIVATE_KEY), ("public", ObjectClass::PUBLIC_KEY)] {
            if key::is_there(&fresh, class, &self.first.private).map_err(unseen)? {
                return Err(DestroyError::StillThere { key, half });
            }
        }
        tracing::info!(%key, composite = self.is_composite(), "key destroyed");
        Ok(())
    }
}

impl fmt::Debug for FoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoundKey({})", self.uri())
    }
}
