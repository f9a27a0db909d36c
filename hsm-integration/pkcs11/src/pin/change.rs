//! New PINs, each proven by a login with it.

use super::{LoginError, assert_fit, assert_safe_to_try, assert_state};
use crate::{
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    open::Token,
    session::{LOGIN, LoggedIn, Operation, count},
    uri::Uri,
};
use cryptoki::session::{Session, UserType};
use secrecy::{ExposeSecret, SecretString};
use std::sync::PoisonError;

/// Why a PIN was not changed, or may not have been.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PinError {
    /// The PIN must not be tried, or the new one is not acceptable. Nothing was sent to the token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Old and new PIN are the same.
    #[error("the new PIN of token {token} is the old one")]
    Same {
        /// The token.
        token: Uri,
    },
    /// PINs of this token are typed at its own pinpad.
    #[error("the PINs of token {token} are typed at its own pinpad")]
    Pinpad {
        /// The token.
        token: Uri,
    },
    /// The token took the new PIN and does not log in with it.
    #[error("token {token} took the new PIN, but does not log in with it: {source}")]
    NotProven {
        /// The token.
        token: Uri,
        /// The call that failed.
        source: DeviceError,
    },
    /// The token failed or refused. The old PIN is valid, unless the call was given up (`HSM-SILENT`).
    #[error("changing a PIN of token {token}: {source}")]
    Device {
        /// The token.
        token: Uri,
        /// The call that failed.
        source: DeviceError,
    },
}

impl Explain for PinError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Login(error) => return error.explain(),
            Self::Device { source, .. } => return source.explain(),
            Self::Same { .. } => ("HSM-PIN-SAME", Kind::Usage, "nothing was changed; choose another PIN"),
            Self::Pinpad { .. } => ("HSM-PINPAD", Kind::Refused, "change the PIN with the token's own tool"),
            Self::NotProven { .. } => (
                "HSM-PIN-UNPROVEN",
                Kind::Unavailable,
                "look at the retry counter before any further try; the security officer can set another PIN",
            ),
        };
        Explanation::new(id, kind, hint)
    }
}

/// Where a change failed, inside the thread that makes it.
enum Failed {
    /// Nothing was changed.
    Change(DeviceError),
    /// The PIN was changed and the login with it failed.
    Proof(DeviceError),
}

impl From<DeviceError> for Failed {
    fn from(error: DeviceError) -> Self {
        Self::Change(error)
    }
}

impl From<cryptoki::error::Error> for Failed {
    fn from(error: cryptoki::error::Error) -> Self {
        Self::Change(error.into())
    }
}

impl LoggedIn {
    /// Changes the user's PIN and proves it by logging out and in again. The old PIN is tried once.
    ///
    /// Login belongs to process and token: after this, signers and decryptors of this token have to be made again, for the
    /// token forgets what it knew of private keys.
    ///
    /// # Errors
    /// [`PinError`]; with [`PinError::NotProven`] the token is logged out.
    pub fn set_pin(&self, old: &SecretString, new: &SecretString) -> Result<(), PinError> {
        self.token().assert_differ(old, new)?;
        self.token().change(UserType::User, old, new, |session, old, new| {
            session.set_pin(old, new)?;
            prove(session, UserType::User, new)
        })
    }
}

impl Token {
    /// Sets the user's PIN as security officer, which also opens a locked one, and proves it by a login as the user. Nobody
    /// may be logged in. The officer's PIN is tried once.
    ///
    /// # Errors
    /// [`PinError`]; a session that is open with the token is refused (`HSM-IN-USE`, `HSM-OTHER-USER`).
    pub fn reset_user_pin(&self, so_pin: &SecretString, new: &SecretString) -> Result<(), PinError> {
        self.change(UserType::So, so_pin, new, |session, so_pin, new| {
            session.login(UserType::So, Some(so_pin))?;
            session.init_pin(new)?;
            prove(session, UserType::User, new)
        })
    }

    /// Changes the security officer's PIN and proves it by logging out and in again. Nobody may be logged in. The old PIN is
    /// tried once.
    ///
    /// # Errors
    /// As for [`Token::reset_user_pin`].
    pub fn set_so_pin(&self, old: &SecretString, new: &SecretString) -> Result<(), PinError> {
        self.assert_differ(old, new)?;
        self.change(UserType::So, old, new, |session, old, new| {
            session.login(UserType::So, Some(old))?;
            session.set_pin(old, new)?;
            prove(session, UserType::So, new)
        })
    }

    fn assert_differ(&self, old: &SecretString, new: &SecretString) -> Result<(), PinError> {
        let same = old.expose_secret() == new.expose_secret();
        if same { Err(PinError::Same { token: self.uri().clone() }) } else { Ok(()) }
    }

    /// Makes a change with a PIN of `user`, once it is known that it cannot lock the token and that the new PIN fits. The
    /// officer's login ends with the session.
    fn change(
        &self,
        user: UserType,
        tried: &SecretString,
        new: &SecretString,
        work: fn(&Session, &SecretString, &SecretString) -> Result<(), Failed>,
    ) -> Result<(), PinError> {
        let failed = |source: DeviceError| PinError::Device { token: self.uri().clone(), source };
        let _one_at_a_time = LOGIN.lock().unwrap_or_else(PoisonError::into_inner);
        let status = self.ask(self.deadlines.answer, "reading the token", Self::status_now).map_err(failed)?;
        if status.pinpad {
            return Err(PinError::Pinpad { token: self.uri().clone() });
        }
        assert_fit(tried, "before", &status)?;
        assert_fit(new, "now on", &status)?;
        let officer = matches!(user, UserType::So);
        if officer {
            assert_state(&status, status.so_pin, false)?;
        } else {
            assert_safe_to_try(&status, false)?;
        }
        let (tried, new) = (tried.clone(), new.clone());
        let changed = self.ask(self.deadlines.person, "changing a PIN", move |token| {
            let session = token.module.open_rw_session(token.slot)?;
            count(Operation::Login);
            let done = work(&session, &tried, &new);
            if officer {
                // It is what the last session would do anyway; who is not logged in any more cannot be logged out.
                let _ = session.logout();
            }
            done
        });
        changed.map_err(|error| match error {
            Failed::Change(source) => failed(source),
            Failed::Proof(source) => PinError::NotProven { token: self.uri().clone(), source },
        })
    }
}

/// Logs in anew with the PIN of now.
fn prove(session: &Session, user: UserType, pin: &SecretString) -> Result<(), Failed> {
    let proof = |error: cryptoki::error::Error| Failed::Proof(error.into());
    session.logout().map_err(proof)?;
    count(Operation::Login);
    session.login(user, Some(pin)).map_err(proof)
}
