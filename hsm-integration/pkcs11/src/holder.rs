//! Who holds the private key of a certificate key: a token, or for a composite key at worst two.
//!
//! Callers that seal and open need not know which: they name the places, log in, and get a `Signer` or a
//! `Decryptor`.

use crate::{
    OpenPgpKey,
    composite::{Composite, CompositeDecryptor, CompositePlace, CompositePublic, CompositeSigner},
    decryptor::{DecryptError, TokenDecryptor},
    device::DeviceError,
    error::{Error, Explain, Explanation, Kind},
    generate::Algorithm,
    key::{self, KeyError},
    open::Token,
    pin::{LoginOptions, PinPrompt},
    public::PublicKey,
    session::LoggedIn,
    signer::TokenSigner,
    uri::Uri,
};
use sequoia_openpgp::{
    crypto::{Decryptor, SessionKey, Signer, mpi},
    types::HashAlgorithm,
};
use std::path::Path;

/// How a configuration names the private key of a certificate key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyNames<'a> {
    /// URI of the key. Of a composite key, whose halves share one name, this one URI is enough.
    pub key: &'a str,
    /// URI of the post-quantum half of a composite key, where it is in another token: weaker.
    pub key_pq: Option<&'a str>,
    /// Whether two tokens for one composite key are accepted.
    pub accept_split: bool,
}

/// Why nobody holds a key so.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HolderError {
    /// Two tokens, and nobody wrote that this is accepted.
    #[error("the halves of the composite key are in two tokens, {classical} and {post_quantum}")]
    Split {
        /// The token of the half of the elliptic curve.
        classical: Uri,
        /// The token of the post-quantum half.
        post_quantum: Uri,
    },
    /// A second URI for a key that is no composite key.
    #[error("{key_pq} is named for a post-quantum half, but certificate key {fingerprint} is {algorithm}")]
    NotComposite {
        /// The second URI.
        key_pq: Uri,
        /// Fingerprint of the certificate key.
        fingerprint: String,
        /// Its algorithm.
        algorithm: String,
    },
}

impl Explain for HolderError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Split { .. } => Explanation::new(
                "HSM-SPLIT-KEY",
                Kind::Refused,
                "this is weaker than both halves in one token: make the key in a token of PKCS#11 3.2, or write \
                 `accept_split_key = true` beside `key_pq` if there is none",
            ),
            Self::NotComposite { .. } => Explanation::new(
                "HSM-KEY-MISMATCH",
                Kind::Configuration,
                "remove `key_pq`; only keys of profile pqc have two halves",
            ),
        }
    }
}

/// The tokens that hold a key. No session is open and nobody is logged in by this.
#[derive(Debug, Clone)]
pub struct Holder {
    token: Token,
    uri: Uri,
    post_quantum: Option<(Token, Uri)>,
}

impl Holder {
    /// Finds the tokens; modules as for [`Token::open`].
    ///
    /// # Errors
    /// [`Error::Uri`], [`Error::Open`], and [`Error::Holder`] when there are two tokens and that is not accepted.
    pub fn open(names: KeyNames<'_>, default_module: Option<&Path>) -> Result<Self, Error> {
        let uri = Uri::parse(names.key)?;
        let token = Token::open(&uri, default_module)?;
        let Some(key_pq) = names.key_pq else { return Ok(Self { token, uri, post_quantum: None }) };
        let uri_pq = Uri::parse(key_pq)?;
        let second = Token::open(&uri_pq, default_module)?;
        if !names.accept_split {
            let (classical, post_quantum) = (token.uri().clone(), second.uri().clone());
            return Err(HolderError::Split { classical, post_quantum }.into());
        }
        Ok(Self { token, uri, post_quantum: Some((second, uri_pq)) })
    }

    /// The token of the key; of a split key, that of the half of the elliptic curve.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The second token of a split key, to be told to people: a split key is weaker.
    pub fn second_token(&self) -> Option<&Token> {
        self.post_quantum.as_ref().map(|(token, _)| token)
    }

    /// Everything that can be known about the key before any PIN.
    ///
    /// # Errors
    /// [`Error::Key`]: a token cannot be read, two keys match, or a public half on a token is not the certificate's.
    /// [`Error::Holder`]: two tokens for a key that is no composite key. A public half that is not shown is no error.
    pub fn check(&self, certificate_key: &OpenPgpKey) -> Result<(), Error> {
        let Some(public) = CompositePublic::of_openpgp(certificate_key) else {
            self.assert_one_token(certificate_key)?;
            self.token.check(&self.uri, Some(certificate_key))?;
            return Ok(());
        };
        let [classical, post_quantum] = public.composite().halves();
        let [one, two] = public.halves();
        check_half((&self.token, &self.uri), (classical, one), certificate_key)?;
        let (token, uri) = self.post_quantum_place();
        check_half((token, uri), (post_quantum, two), certificate_key)?;
        Ok(())
    }

    /// Logs in, with one try for each token.
    ///
    /// The PIN of a second token is not the first one's: its credential has the name of the first with `-pq` behind it.
    ///
    /// # Errors
    /// [`Error::Login`]
    pub fn login(&self, options: LoginOptions<'_>) -> Result<LoggedInHolder, Error> {
        let LoginOptions { credential, mut prompt, allow_final_try } = options;
        // No credential for one is none for the other.
        let second_credential = if credential.is_empty() { String::new() } else { format!("{credential}-pq") };
        let mut login = |token: &Token, credential: &str| {
            let prompt = prompt.as_mut().map(|prompt| &mut **prompt as &mut dyn PinPrompt);
            token.login(LoginOptions { credential, prompt, allow_final_try })
        };
        let token = login(&self.token, credential)?;
        let post_quantum = match &self.post_quantum {
            None => None,
            Some((second, uri)) => Some((login(second, &second_credential)?, uri.clone())),
        };
        Ok(LoggedInHolder { holder: self.clone(), token, post_quantum })
    }

    fn post_quantum_place(&self) -> (&Token, &Uri) {
        self.post_quantum.as_ref().map_or((&self.token, &self.uri), |(token, uri)| (token, uri))
    }

    fn assert_one_token(&self, certificate_key: &OpenPgpKey) -> Result<(), HolderError> {
        let Some((_, uri)) = &self.post_quantum else { return Ok(()) };
        Err(HolderError::NotComposite {
            key_pq: uri.name_only(),
            fingerprint: certificate_key.fingerprint().to_hex(),
            algorithm: certificate_key.pk_algo().to_string(),
        })
    }
}

fn check_half(
    (token, uri): (&Token, &Uri),
    (algorithm, half): (Algorithm, PublicKey),
    certificate_key: &OpenPgpKey,
) -> Result<(), KeyError> {
    let shown = token.public_half(uri, algorithm)?;
    shown.map_or(Ok(()), |shown| key::assert_same_half(&shown, &half, certificate_key))
}

impl Token {
    /// The public half of one half of a composite key, found without login; `None` where the token shows none.
    ///
    /// # Errors
    /// [`KeyError`]: several keys of this algorithm match, or the token cannot be read.
    pub fn public_half(&self, uri: &Uri, algorithm: Algorithm) -> Result<Option<PublicKey>, KeyError> {
        let uri = uri.clone();
        self.ask(self.deadlines.answer, "looking for a key", move |token| {
            let session = token.module.open_ro_session(token.slot).map_err(DeviceError::from)?;
            key::find_public_half(&session, token.uri(), &uri, algorithm)
        })
    }
}

/// The tokens that hold a key, logged in.
#[derive(Debug, Clone)]
pub struct LoggedInHolder {
    holder: Holder,
    token: LoggedIn,
    post_quantum: Option<(LoggedIn, Uri)>,
}

impl LoggedInHolder {
    /// Binds the private key to the certificate key that it must belong to.
    ///
    /// # Errors
    /// [`Error::Key`] as for [`LoggedIn::signer`] and [`CompositePlace::signer`], [`Error::Holder`].
    pub fn signer(&self, certificate_key: &OpenPgpKey) -> Result<KeySigner, Error> {
        if Composite::of_openpgp(certificate_key).is_some() {
            return Ok(KeySigner::Composite(Box::new(self.place().signer(certificate_key)?)));
        }
        self.holder.assert_one_token(certificate_key)?;
        Ok(KeySigner::Single(Box::new(self.token.signer(&self.holder.uri, certificate_key)?)))
    }

    /// Binds the private key to the certificate key that it must belong to.
    ///
    /// # Errors
    /// [`Error::Key`] as for [`LoggedIn::decryptor`] and [`CompositePlace::decryptor`], [`Error::Holder`].
    pub fn decryptor(&self, certificate_key: &OpenPgpKey) -> Result<KeyDecryptor, Error> {
        if Composite::of_openpgp(certificate_key).is_some() {
            return Ok(KeyDecryptor::Composite(Box::new(self.place().decryptor(certificate_key)?)));
        }
        self.holder.assert_one_token(certificate_key)?;
        Ok(KeyDecryptor::Single(Box::new(self.token.decryptor(&self.holder.uri, certificate_key)?)))
    }

    /// Where the halves of a composite key are.
    pub fn place(&self) -> CompositePlace {
        let first = (&self.token, &self.holder.uri);
        match &self.post_quantum {
            None => CompositePlace::one(first.0, first.1),
            Some((token, uri)) => CompositePlace::split(first, (token, uri)),
        }
    }
}

/// Signs with the key of a certificate, whatever it is.
#[derive(Debug, Clone)]
pub enum KeySigner {
    /// One key of one token.
    Single(Box<TokenSigner>),
    /// The two halves of a composite key.
    Composite(Box<CompositeSigner>),
}

impl Signer for KeySigner {
    fn public(&self) -> &OpenPgpKey {
        match self {
            Self::Single(signer) => signer.public(),
            Self::Composite(signer) => signer.public(),
        }
    }

    fn acceptable_hashes(&self) -> &[HashAlgorithm] {
        match self {
            Self::Single(signer) => signer.acceptable_hashes(),
            Self::Composite(signer) => signer.acceptable_hashes(),
        }
    }

    fn sign(&mut self, hash_algo: HashAlgorithm, digest: &[u8]) -> sequoia_openpgp::Result<mpi::Signature> {
        match self {
            Self::Single(signer) => signer.sign(hash_algo, digest),
            Self::Composite(signer) => signer.sign(hash_algo, digest),
        }
    }
}

/// Opens session keys with the key of a certificate, whatever it is.
#[derive(Debug, Clone)]
pub enum KeyDecryptor {
    /// One key of one token.
    Single(Box<TokenDecryptor>),
    /// The two halves of a composite key.
    Composite(Box<CompositeDecryptor>),
}

impl KeyDecryptor {
    /// Why the last [`Decryptor::decrypt`] failed; forgotten by asking and by the next success.
    pub fn take_failure(&mut self) -> Option<DecryptError> {
        match self {
            Self::Single(decryptor) => decryptor.take_failure(),
            Self::Composite(decryptor) => decryptor.take_failure(),
        }
    }
}

impl Decryptor for KeyDecryptor {
    fn public(&self) -> &OpenPgpKey {
        match self {
            Self::Single(decryptor) => decryptor.public(),
            Self::Composite(decryptor) => decryptor.public(),
        }
    }

    fn decrypt(&mut self, ciphertext: &mpi::Ciphertext, length: Option<usize>) -> sequoia_openpgp::Result<SessionKey> {
        match self {
            Self::Single(decryptor) => decryptor.decrypt(ciphertext, length),
            Self::Composite(decryptor) => decryptor.decrypt(ciphertext, length),
        }
    }
}
