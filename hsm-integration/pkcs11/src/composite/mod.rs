//! Composite keys of RFC 9980: one key of a certificate is two keys of a token, and both are needed for everything.
//!
//! ```text
//! ML-DSA-65+Ed25519    signs:  Ed25519 half, ML-DSA-65 half    both over the same digest; both must verify
//! ML-KEM-768+X25519    opens:  X25519 half, ML-KEM-768 half    one key from both secrets, by SHA3-256
//! ```
//!
//! Both halves have the same label and id and lie in the same token, so one URI names them; their types tell them
//! apart. The weaker case, two tokens, has a constructor of its own, [`CompositePlace::split`], and is logged.

mod decryptor;
mod generate;
mod signer;

pub use decryptor::CompositeDecryptor;
pub use generate::NewComposite;
pub use signer::CompositeSigner;

use crate::{
    OpenPgpKey,
    device::DeviceError,
    generate::{Algorithm, GenerateError},
    key::{self, KeyError, PrivateKey, Usage},
    public::{KeyVersion, PublicKey, packet},
    session::{LoggedIn, Shared},
    uri::Uri,
};
use cryptoki::session::Session;
use sequoia_openpgp::{crypto::mpi, types::PublicKeyAlgorithm};
use std::{fmt, str::FromStr, sync::Arc, time::SystemTime};

/// The composite algorithms of RFC 9980 that this crate knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Composite {
    /// ML-DSA-65+Ed25519 (algorithm 30), for signing.
    MlDsa65Ed25519,
    /// ML-KEM-768+X25519 (algorithm 35), for encryption.
    MlKem768X25519,
}

impl Composite {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::MlDsa65Ed25519, Self::MlKem768X25519];

    /// The name in RFC 9980 section 2.2.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MlDsa65Ed25519 => "ML-DSA-65+Ed25519",
            Self::MlKem768X25519 => "ML-KEM-768+X25519",
        }
    }

    /// The word on command lines and in plans.
    pub fn word(self) -> &'static str {
        match self {
            Self::MlDsa65Ed25519 => "mldsa65-ed25519",
            Self::MlKem768X25519 => "mlkem768-x25519",
        }
    }

    /// The algorithms of its halves: the one of elliptic curves, then the post-quantum one.
    pub fn halves(self) -> [Algorithm; 2] {
        match self {
            Self::MlDsa65Ed25519 => [Algorithm::Ed25519, Algorithm::MlDsa65],
            Self::MlKem768X25519 => [Algorithm::X25519, Algorithm::MlKem768],
        }
    }

    /// What its halves are used for, in the order of [`Self::halves`].
    fn usages(self) -> [Usage; 2] {
        match self {
            Self::MlDsa65Ed25519 => [Usage::Sign, Usage::Sign],
            Self::MlKem768X25519 => [Usage::Derive, Usage::Decapsulate],
        }
    }

    /// Which of them a certificate key is; `None` when it is no composite key.
    pub fn of_openpgp(key: &OpenPgpKey) -> Option<Self> {
        CompositePublic::of_openpgp(key).map(|public| public.composite())
    }
}

impl FromStr for Composite {
    type Err = GenerateError;

    fn from_str(text: &str) -> Result<Self, GenerateError> {
        Self::ALL
            .into_iter()
            .find(|composite| composite.word() == text)
            .ok_or_else(|| GenerateError::Algorithm { name: text.to_owned() })
    }
}

impl fmt::Display for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The public halves of a composite key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CompositePublic {
    /// ML-DSA-65+Ed25519.
    Signing {
        /// The Ed25519 half.
        eddsa: [u8; 32],
        /// The ML-DSA-65 half.
        mldsa: Box<[u8; 1952]>,
    },
    /// ML-KEM-768+X25519.
    Encryption {
        /// The X25519 half.
        ecdh: [u8; 32],
        /// The ML-KEM-768 half.
        mlkem: Box<[u8; 1184]>,
    },
}

impl CompositePublic {
    /// The material of an OpenPGP key; `None` when it is no composite key.
    pub fn of_openpgp(key: &OpenPgpKey) -> Option<Self> {
        match key.mpis() {
            mpi::PublicKey::MLDSA65_Ed25519 { eddsa, mldsa } => {
                Some(Self::Signing { eddsa: **eddsa, mldsa: mldsa.clone() })
            }
            mpi::PublicKey::MLKEM768_X25519 { ecdh, mlkem } => {
                Some(Self::Encryption { ecdh: **ecdh, mlkem: mlkem.clone() })
            }
            _ => None,
        }
    }

    /// Which algorithm.
    pub fn composite(&self) -> Composite {
        match self {
            Self::Signing { .. } => Composite::MlDsa65Ed25519,
            Self::Encryption { .. } => Composite::MlKem768X25519,
        }
    }

    /// The OpenPGP key, of version 6; `None` when the time does not fit its 32 bits.
    pub fn to_openpgp(&self, created: SystemTime) -> Option<OpenPgpKey> {
        let (algorithm, mpis) = match self {
            Self::Signing { eddsa, mldsa } => (
                PublicKeyAlgorithm::MLDSA65_Ed25519,
                mpi::PublicKey::MLDSA65_Ed25519 { eddsa: Box::new(*eddsa), mldsa: mldsa.clone() },
            ),
            Self::Encryption { ecdh, mlkem } => (
                PublicKeyAlgorithm::MLKEM768_X25519,
                mpi::PublicKey::MLKEM768_X25519 { ecdh: Box::new(*ecdh), mlkem: mlkem.clone() },
            ),
        };
        packet(KeyVersion::V6, created, algorithm, mpis)
    }

    /// The halves, in the order of [`Composite::halves`].
    pub fn halves(&self) -> [PublicKey; 2] {
        match self {
            Self::Signing { eddsa, mldsa } => [PublicKey::Ed25519(*eddsa), PublicKey::MlDsa65(mldsa.clone())],
            Self::Encryption { ecdh, mlkem } => [PublicKey::X25519(*ecdh), PublicKey::MlKem768(mlkem.clone())],
        }
    }

    /// `None` for halves that make no composite key.
    fn of_halves(classical: PublicKey, post_quantum: PublicKey) -> Option<Self> {
        match (classical, post_quantum) {
            (PublicKey::Ed25519(eddsa), PublicKey::MlDsa65(mldsa)) => Some(Self::Signing { eddsa, mldsa }),
            (PublicKey::X25519(ecdh), PublicKey::MlKem768(mlkem)) => Some(Self::Encryption { ecdh, mlkem }),
            _ => None,
        }
    }
}

/// Where the private halves of a composite key are.
#[derive(Clone)]
pub struct CompositePlace {
    /// Of the elliptic curve, then the post-quantum one.
    halves: [(LoggedIn, Uri); 2],
    split: bool,
}

impl CompositePlace {
    /// Both in one token, by one name: nobody has one half without the other.
    pub fn one(token: &LoggedIn, uri: &Uri) -> Self {
        let half = || (token.clone(), uri.clone());
        Self { halves: [half(), half()], split: false }
    }

    /// In two tokens, which is weaker: the key is worth what the better of the two is worth against each attack, and
    /// no more than one of them once the other is lost. To be used only where somebody asked for it in writing.
    pub fn split(classical: (&LoggedIn, &Uri), post_quantum: (&LoggedIn, &Uri)) -> Self {
        let half = |(token, uri): (&LoggedIn, &Uri)| (token.clone(), uri.clone());
        tracing::warn!(
            classical = %classical.1.name_only(),
            post_quantum = %post_quantum.1.name_only(),
            "composite key split between two tokens: weaker than both halves in one"
        );
        Self { halves: [half(classical), half(post_quantum)], split: true }
    }

    /// Whether the halves are in two tokens.
    pub fn is_split(&self) -> bool {
        self.split
    }

    /// The public halves, read from the tokens.
    ///
    /// # Errors
    /// [`KeyError`]: a half is not there, twice there, or shows no public half.
    pub fn public(&self, composite: Composite) -> Result<CompositePublic, KeyError> {
        let [classical, post_quantum] = composite.halves();
        let [first, second] = &self.halves;
        let (classical, post_quantum) = (public_of(first, classical)?, public_of(second, post_quantum)?);
        CompositePublic::of_halves(classical, post_quantum).ok_or_else(|| KeyError::Unsupported {
            key: first.1.name_only().to_string(),
            algorithm: format!("halves that make no {composite}"),
        })
    }

    /// Binds the private halves to the certificate key that they must belong to.
    ///
    /// # Errors
    /// [`KeyError`]: the certificate key is not ML-DSA-65+Ed25519, or a half is not there, twice there, exportable, not
    /// for signing, or not the certificate's.
    pub fn signer(&self, certificate_key: &OpenPgpKey) -> Result<CompositeSigner, KeyError> {
        let [classical, post_quantum] = self.bind(Composite::MlDsa65Ed25519, certificate_key)?;
        Ok(CompositeSigner::new(classical, post_quantum, certificate_key.clone()))
    }

    /// Binds the private halves to the certificate key that they must belong to.
    ///
    /// # Errors
    /// [`KeyError`] as for [`Self::signer`], for ML-KEM-768+X25519.
    pub fn decryptor(&self, certificate_key: &OpenPgpKey) -> Result<CompositeDecryptor, KeyError> {
        let [classical, post_quantum] = self.bind(Composite::MlKem768X25519, certificate_key)?;
        Ok(CompositeDecryptor::new(classical, post_quantum, certificate_key.clone()))
    }

    fn bind(&self, wanted: Composite, certificate_key: &OpenPgpKey) -> Result<[Half; 2], KeyError> {
        let public = CompositePublic::of_openpgp(certificate_key).filter(|public| public.composite() == wanted);
        let public = public.ok_or_else(|| KeyError::Unsupported {
            key: certificate_key.fingerprint().to_hex(),
            algorithm: certificate_key.pk_algo().to_string(),
        })?;
        let ([one, two], [first, second]) = (&self.halves, wanted.halves());
        let ([use_one, use_two], [material_one, material_two]) = (wanted.usages(), public.halves());
        Ok([
            Half::bind(one, (first, material_one), certificate_key, use_one)?,
            Half::bind(two, (second, material_two), certificate_key, use_two)?,
        ])
    }
}

impl fmt::Debug for CompositePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, classical), (_, post_quantum)] = &self.halves;
        write!(f, "CompositePlace({}, {})", classical.name_only(), post_quantum.name_only())
    }
}

fn public_of((token, uri): &(LoggedIn, Uri), algorithm: Algorithm) -> Result<PublicKey, KeyError> {
    let uri = uri.clone();
    token.shared.look("looking for a key", move |session, token| {
        let private = key::find_half(session, token, &uri, algorithm)?;
        key::public_half(session, &private)?.ok_or_else(|| KeyError::NoPublicHalf { key: private.uri.clone() })
    })
}

/// One private half, bound to that of a certificate.
#[derive(Clone)]
struct Half {
    shared: Arc<Shared>,
    key: PrivateKey,
    material: PublicKey,
}

impl Half {
    fn bind(
        (token, uri): &(LoggedIn, Uri),
        (algorithm, material): (Algorithm, PublicKey),
        certificate_key: &OpenPgpKey,
        usage: Usage,
    ) -> Result<Self, KeyError> {
        let shared = Arc::clone(&token.shared);
        let (wanted, half, certificate) = (uri.clone(), material.clone(), certificate_key.clone());
        let key = shared.look("looking for the key", move |session, token| {
            key::bind_half(session, token, &wanted, (algorithm, &half), &certificate, usage)
        })?;
        Ok(Self { shared, key, material })
    }

    fn operate<T: Send + 'static>(
        &self,
        call: &str,
        work: impl FnOnce(&Session) -> Result<T, cryptoki::error::Error> + Send + 'static,
    ) -> Result<T, DeviceError> {
        self.shared.operate(call, work)
    }
}
