//! Login and the session that signers and decryptors share.

use crate::{
    OpenPgpKey,
    deadline::within,
    decryptor::TokenDecryptor,
    device::DeviceError,
    key::{self, KeyError},
    open::Token,
    pin::{self, LoginError, LoginOptions},
    public::PublicKey,
    signer::{SharedPrompt, TokenSigner},
    uri::Uri,
};
use cryptoki::{
    error::{Error as Binding, RvError},
    session::{Session, SessionState, UserType},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

static SIGNATURES: AtomicU64 = AtomicU64::new(0);
static DECRYPTIONS: AtomicU64 = AtomicU64::new(0);
static DERIVATIONS: AtomicU64 = AtomicU64::new(0);
static DECAPSULATIONS: AtomicU64 = AtomicU64::new(0);
static LOGINS: AtomicU64 = AtomicU64::new(0);

/// Login belongs to process and token, so asking whether somebody is logged in and logging in are one step.
pub(crate) static LOGIN: Mutex<()> = Mutex::new(());

/// How often this process has asked tokens for private-key work, failed attempts included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Operations {
    /// `C_Sign`
    pub signatures: u64,
    /// `C_Decrypt`
    pub decryptions: u64,
    /// `C_DeriveKey`
    pub derivations: u64,
    /// `C_DecapsulateKey`
    pub decapsulations: u64,
    /// `C_Login`
    pub logins: u64,
}

/// The counters of this process since it started.
pub fn operations() -> Operations {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Operations {
        signatures: read(&SIGNATURES),
        decryptions: read(&DECRYPTIONS),
        derivations: read(&DERIVATIONS),
        decapsulations: read(&DECAPSULATIONS),
        logins: read(&LOGINS),
    }
}

/// An operation about to be asked of the token.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Sign,
    Decrypt,
    Derive,
    Decapsulate,
    Login,
}

pub(crate) fn count(operation: Operation) {
    let counter = match operation {
        Operation::Sign => &SIGNATURES,
        Operation::Decrypt => &DECRYPTIONS,
        Operation::Derive => &DERIVATIONS,
        Operation::Decapsulate => &DECAPSULATIONS,
        Operation::Login => &LOGINS,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A token with an open session whose user is logged in. Clones share the session; when the last one and
/// the last signer and decryptor are gone, the session closes and the token forgets the login.
#[derive(Clone)]
pub struct LoggedIn {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) token: Token,
    /// PKCS#11 allows one operation at a time in a session. There until it is closed.
    session: Mutex<Option<Session>>,
    /// A call did not return: its thread keeps the session for good.
    silent: AtomicBool,
    /// The last call failed: the session is replaced before the next one.
    unfinished: AtomicBool,
}

impl Shared {
    /// Looks at objects.
    pub(crate) fn look<T, E>(
        self: &Arc<Self>,
        call: &str,
        work: impl FnOnce(&Session, &Uri) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DeviceError> + Send + 'static,
    {
        self.in_turn(call, self.token.deadlines.answer, move |shared, session| work(session, shared.token.uri()))
    }

    /// Private-key work.
    pub(crate) fn operate<T: Send + 'static>(
        self: &Arc<Self>,
        call: &str,
        work: impl FnOnce(&Session) -> Result<T, Binding> + Send + 'static,
    ) -> Result<T, DeviceError> {
        self.in_turn(call, self.token.deadlines.answer, move |_, session| Ok(work(session)?))
    }

    /// Private-key work for which a person may have to type a PIN at the token.
    pub(crate) fn operate_with_person<T: Send + 'static>(
        self: &Arc<Self>,
        call: &str,
        work: impl FnOnce(&Session) -> Result<T, Binding> + Send + 'static,
    ) -> Result<T, DeviceError> {
        self.in_turn(call, self.token.deadlines.person, move |_, session| Ok(work(session)?))
    }

    fn in_turn<T, E>(
        self: &Arc<Self>,
        call: &str,
        limit: Duration,
        work: impl FnOnce(&Self, &Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DeviceError> + Send + 'static,
    {
        if self.silent.load(Ordering::Relaxed) {
            return Err(DeviceError::silent(call, limit).into());
        }
        let shared = Arc::clone(self);
        let answer = within(limit, call, move || {
            let mut session = shared.session.lock().unwrap_or_else(PoisonError::into_inner);
            let session = session.as_mut().ok_or_else(|| DeviceError::from(Binding::NotSupported))?;
            // True until this call has succeeded: also when it breaks.
            if shared.unfinished.swap(true, Ordering::Relaxed) {
                shared.replace(session);
            }
            let outcome = work(&shared, session);
            shared.unfinished.store(outcome.is_err(), Ordering::Relaxed);
            outcome
        });
        answer.unwrap_or_else(|error| {
            self.silent.store(error.is_silence(), Ordering::Relaxed);
            Err(error.into())
        })
    }

    /// The last answer made no sense, so that the operation behind it may not have ended either.
    pub(crate) fn distrust(&self) {
        self.unfinished.store(true, Ordering::Relaxed);
    }

    /// A call that failed half-way can leave its operation active, and the session would refuse all others
    /// (`CKR_OPERATION_ACTIVE`).
    fn replace(&self, session: &mut Session) {
        // Opened before the old one closes: the token forgets the login with its last session.
        match self.token.module.open_ro_session(self.token.slot) {
            Ok(fresh) => *session = fresh,
            Err(error) => tracing::warn!(token = %self.token.uri(), %error, "no fresh session after a failure"),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let session = self.session.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A module that does not even close a session is left to itself; the message is in the log.
        let _ = within(self.token.deadlines.answer, "closing the session", move || drop(session));
    }
}

impl Token {
    /// Logs the user in, with one try at most.
    ///
    /// The retry flags are read first: a locked PIN is refused, and so is the final try unless it is allowed.
    /// When this process is logged in to the token already, that login is used and no PIN is asked for.
    ///
    /// # Errors
    /// [`LoginError`]; only its variant `Device` can mean that a PIN was sent to the token.
    pub fn login(&self, mut options: LoginOptions<'_>) -> Result<LoggedIn, LoginError> {
        let failed = |source: DeviceError| LoginError::Device { token: self.uri().clone(), source };
        let _one_at_a_time = LOGIN.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = self.ask(self.deadlines.answer, "opening a session", |token| {
            let session = token.module.open_ro_session(token.slot)?;
            let state = session.get_session_info()?.session_state();
            Ok::<_, DeviceError>((session, state, token.status_now()?))
        });
        let (mut session, state, status) = begun.map_err(failed)?;
        if status.login_required && !matches!(state, SessionState::RoUser | SessionState::RwUser) {
            pin::assert_safe_to_try(&status, options.allow_final_try)?;
            let pin = pin::obtain(&status, self.pin_source.as_deref(), &mut options)?;
            count(Operation::Login);
            let login = self.ask(self.deadlines.person, "logging in", move |_| {
                match session.login(UserType::User, pin.as_ref()) {
                    // Another part of this process, not through this crate, was faster.
                    Ok(()) | Err(Binding::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
                    Err(error) => Err(DeviceError::from(error)),
                }
            });
            session = login.map_err(failed)?;
            tracing::info!(token = %self.uri(), "logged in");
        }
        let (silent, unfinished) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Shared { token: self.clone(), session: Mutex::new(Some(session)), silent, unfinished };
        Ok(LoggedIn { shared: Arc::new(shared) })
    }
}

impl LoggedIn {
    /// The token.
    pub fn token(&self) -> &Token {
        &self.shared.token
    }

    /// Binds the private key that `uri` names to the certificate key that it must belong to.
    ///
    /// # Errors
    /// [`KeyError`]: not found, two found, exportable, not for signing, another type, or the public half on the
    /// token is not the certificate's key.
    pub fn signer(&self, uri: &Uri, certificate_key: &OpenPgpKey) -> Result<TokenSigner, KeyError> {
        TokenSigner::new(self, uri, certificate_key, None)
    }

    /// As [`LoggedIn::signer`], but takes a key that wants the PIN for every signature too: each signature asks `prompt` for
    /// it, tries it once and forgets it. Whether the token can do that shows with the first signature
    /// ([`SignError::NotInParts`](crate::SignError::NotInParts)). Other keys never ask.
    ///
    /// # Errors
    /// [`KeyError`] as for [`LoggedIn::signer`].
    pub fn signer_asking(
        &self,
        uri: &Uri,
        certificate_key: &OpenPgpKey,
        prompt: SharedPrompt,
    ) -> Result<TokenSigner, KeyError> {
        TokenSigner::new(self, uri, certificate_key, Some(prompt))
    }

    /// Binds the private key that `uri` names to the certificate key that it must belong to.
    ///
    /// # Errors
    /// [`KeyError`] as for [`LoggedIn::signer`], for decryption or key agreement.
    pub fn decryptor(&self, uri: &Uri, certificate_key: &OpenPgpKey) -> Result<TokenDecryptor, KeyError> {
        TokenDecryptor::new(self, uri, certificate_key)
    }

    /// The public half of the key that `uri` names, also when the token shows it only after login.
    ///
    /// # Errors
    /// [`KeyError`]: two objects match, or the token keeps no public half ([`KeyError::NoPublicHalf`]).
    pub fn public_key(&self, uri: &Uri) -> Result<PublicKey, KeyError> {
        let uri = uri.clone();
        self.shared.look("looking for a key", move |session, token| {
            let private = key::find_private(session, token, &uri)?;
            key::public_half(session, &private)?.ok_or_else(|| KeyError::NoPublicHalf { key: private.uri.clone() })
        })
    }

    /// Opens a session that may change the token; the login is shared.
    pub(crate) fn writable(&self) -> Result<Session, DeviceError> {
        let token = self.token();
        token.module.open_rw_session(token.slot).map_err(DeviceError::from)
    }
}

impl fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoggedIn({})", self.token().uri())
    }
}
