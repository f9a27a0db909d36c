//! New tokens and new keys, made inside the token: sensitive, never extractable.

mod error;
mod token;

pub use error::GenerateError;
pub use token::{initialise_slot, initialise_token, reset_token};

use crate::{
    backup::{BackupError, assert_wraps, undo},
    key::{self, KeyError, Usage},
    offer::Making,
    public::PublicKey,
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::{
    mechanism::{Mechanism, MechanismType},
    object::{Attribute, MlDsaParameterSetType, MlKemParameterSetType, ObjectClass},
    session::Session,
};
use std::{
    fmt,
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Longest label and id of a key; many devices keep no more.
const KEY_LABEL_BYTES: usize = 64;
const KEY_ID_BYTES: usize = 32;

static MAKING: Mutex<()> = Mutex::new(());

/// Making keys, one at a time. A call that was given up may still be under way, and make its key when nobody waits for it any
/// more. The next one waits for its end before it looks whether the name is free, or two keys would have it.
pub(crate) fn in_turn() -> MutexGuard<'static, ()> {
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kinds of key pairs that can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA with a modulus of 3072 bits, for signing and decryption.
    Rsa3072,
    /// RSA with a modulus of 4096 bits, for signing and decryption.
    Rsa4096,
    /// NIST P-256, for signing and key agreement.
    P256,
    /// NIST P-384, for signing and key agreement.
    P384,
    /// Ed25519, for signing.
    Ed25519,
    /// X25519, for key agreement.
    X25519,
    /// ML-DSA-65: half of a composite key for signing.
    MlDsa65,
    /// ML-KEM-768: half of a composite key for decapsulation.
    MlKem768,
}

impl Algorithm {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::Ed25519,
        Self::X25519,
        Self::MlDsa65,
        Self::MlKem768,
    ];

    /// The word on command lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
            Self::X25519 => "x25519",
            Self::MlDsa65 => "mldsa65",
            Self::MlKem768 => "mlkem768",
        }
    }

    /// What keys of this kind can do.
    pub fn usages(self) -> &'static [Usage] {
        match self {
            Self::Rsa3072 | Self::Rsa4096 => &[Usage::Sign, Usage::Decrypt],
            Self::P256 | Self::P384 => &[Usage::Sign, Usage::Derive],
            Self::Ed25519 | Self::MlDsa65 => &[Usage::Sign],
            Self::X25519 => &[Usage::Derive],
            Self::MlKem768 => &[Usage::Decapsulate],
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = GenerateError;

    fn from_str(text: &str) -> Result<Self, GenerateError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| GenerateError::Algorithm { name: text.to_owned() })
    }
}

/// A key pair made by [`LoggedIn::generate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The private key, with label and id.
    pub uri: Uri,
    /// Its public half.
    pub public: PublicKey,
}

impl LoggedIn {
    /// Makes a key pair inside the token: sensitive, not extractable, named by `label` and `id`, for all uses of
    /// the algorithm that the token offers ([`Token::offers`]).
    ///
    /// # Errors
    /// [`GenerateError`]: label or id is taken, the token does not offer such keys, or it made the key otherwise
    /// than asked.
    pub fn generate(&self, algorithm: Algorithm, label: &str, id: &[u8]) -> Result<NewKey, GenerateError> {
        self.generate_so(algorithm, label, id, Confinement::FromBirth)
    }

    /// As [`LoggedIn::generate`], but wrapped the key can leave the token: for [`back_up`](crate::back_up), which confines it.
    /// Until then nothing here signs or opens with it.
    ///
    /// # Errors
    /// As for [`LoggedIn::generate`]; [`BackupError::Half`] for a half of a composite key; [`BackupError::CannotWrap`] when the token has no way to let it go, then the key is
    /// destroyed again.
    pub fn generate_for_backup(&self, algorithm: Algorithm, label: &str, id: &[u8]) -> Result<NewKey, BackupError> {
        if matches!(algorithm, Algorithm::MlDsa65 | Algorithm::MlKem768) {
            return Err(BackupError::Half { algorithm: algorithm.to_string() });
        }
        let wrapping = assert_wraps(self.token())?;
        let made = self.generate_so(algorithm, label, id, Confinement::AfterBackup)?;
        // No list says which kinds of keys a token wraps, so it is tried before anything is built on the key.
        match self.try_wrapping(&made.uri, wrapping) {
            Ok(()) => Ok(made),
            Err(cause) => Err(undo(self, &made.uri, cause)),
        }
    }

    fn generate_so(
        &self,
        algorithm: Algorithm,
        label: &str,
        id: &[u8],
        confinement: Confinement,
    ) -> Result<NewKey, GenerateError> {
        assert_key_name(label, id)?;
        let making = self.token().making(algorithm)?;
        let (token, logged_in) = (self.token(), self.clone());
        let order = Order::new(algorithm, making, label, id, confinement);
        token.ask(token.deadlines.making, "making a key", move |_| logged_in.make(&order))
    }

    fn make(&self, order: &Order) -> Result<NewKey, GenerateError> {
        let _one_at_a_time = in_turn();
        let session = self.writable()?;
        self.assert_free(&session, Some(&order.label), Some(&order.id))?;
        self.make_in(&session, order)
    }

    /// For a name that is free, or of which the other half of a composite key was just made.
    pub(crate) fn make_in(&self, session: &Session, order: &Order) -> Result<NewKey, GenerateError> {
        let (public, private) = order.templates()?;
        session.generate_key_pair(&order.mechanism(), &public, &private)?;

        let wanted = self.token().uri().with_id(&order.id);
        let made = key::find_half(session, self.token().uri(), &wanted, order.algorithm)?;
        // SoftHSM and others cut labels without a word.
        if made.uri.object() != Some(&order.label) {
            return Err(GenerateError::NotAsAsked { key: made.uri, what: "the label differs" });
        }
        match order.confinement {
            Confinement::FromBirth => made.assert_confined(session)?,
            Confinement::AfterBackup if made.assert_exportable(session).is_err() => {
                return Err(GenerateError::NotAsAsked { key: made.uri, what: "it is not sensitive and exportable" });
            }
            Confinement::AfterBackup => {}
        }
        order.usages.iter().try_for_each(|&usage| made.assert_usage(session, usage))?;
        let public = key::public_half(session, &made)?;
        let public = public.ok_or_else(|| KeyError::NoPublicHalf { key: made.uri.clone() })?;
        made.assert_type(&public)?;
        Ok(NewKey { uri: made.uri, public })
    }

    pub(crate) fn assert_free(
        &self,
        session: &Session,
        label: Option<&str>,
        id: Option<&[u8]>,
    ) -> Result<(), GenerateError> {
        let label = label.map(|label| ("label", Attribute::Label(label.as_bytes().to_vec())));
        let id = id.map(|id| ("id", Attribute::Id(id.to_vec())));
        for (what, name) in label.into_iter().chain(id) {
            for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY, ObjectClass::CERTIFICATE] {
                let taken = session.iter_objects(&[Attribute::Class(class), name.clone()])?.next();
                if taken.transpose()?.is_some() {
                    return Err(GenerateError::KeyExists { token: self.token().uri().clone(), what });
                }
            }
        }
        Ok(())
    }
}

fn rsa(bits: usize) -> Result<Vec<Attribute>, GenerateError> {
    Ok(vec![Attribute::ModulusBits(bits.try_into()?), Attribute::PublicExponent(vec![1, 0, 1])])
}

/// Whether a key can leave its token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Confinement {
    FromBirth,
    AfterBackup,
}

/// A key that is to be made.
pub(crate) struct Order {
    algorithm: Algorithm,
    maker: MechanismType,
    usages: Vec<Usage>,
    label: String,
    id: Vec<u8>,
    confinement: Confinement,
}

impl Order {
    /// A key that can never leave its token.
    pub(crate) fn confined(algorithm: Algorithm, making: Making, label: &str, id: &[u8]) -> Self {
        Self::new(algorithm, making, label, id, Confinement::FromBirth)
    }

    fn new(algorithm: Algorithm, making: Making, label: &str, id: &[u8], confinement: Confinement) -> Self {
        let Making { maker, usages, .. } = making;
        Self { algorithm, maker, usages, label: label.to_owned(), id: id.to_vec(), confinement }
    }

    fn mechanism(&self) -> Mechanism<'static> {
        match self.algorithm {
            Algorithm::Rsa3072 | Algorithm::Rsa4096 => Mechanism::RsaPkcsKeyPairGen,
            Algorithm::P256 | Algorithm::P384 => Mechanism::EccKeyPairGen,
            Algorithm::X25519 if self.maker == MechanismType::ECC_MONTGOMERY_KEY_PAIR_GEN => {
                Mechanism::EccMontgomeryKeyPairGen
            }
            Algorithm::Ed25519 | Algorithm::X25519 => Mechanism::EccEdwardsKeyPairGen,
            Algorithm::MlDsa65 => Mechanism::MlDsaKeyPairGen,
            Algorithm::MlKem768 => Mechanism::MlKemKeyPairGen,
        }
    }

    /// Size, curve or parameter set.
    fn parameters(&self) -> Result<Vec<Attribute>, GenerateError> {
        let curve = |parameters: &[u8]| Ok(vec![Attribute::EcParams(parameters.to_vec())]);
        match self.algorithm {
            Algorithm::Rsa3072 => rsa(3072),
            Algorithm::Rsa4096 => rsa(4096),
            Algorithm::P256 => curve(key::P256_PARAMS),
            Algorithm::P384 => curve(key::P384_PARAMS),
            Algorithm::Ed25519 => curve(key::ED25519_PARAMS),
            Algorithm::X25519 => curve(key::X25519_PARAMS),
            Algorithm::MlDsa65 => Ok(vec![Attribute::ParameterSet(MlDsaParameterSetType::ML_DSA_65.into())]),
            Algorithm::MlKem768 => Ok(vec![Attribute::ParameterSet(MlKemParameterSetType::ML_KEM_768.into())]),
        }
    }

    /// Attributes of the public and of the private half.
    fn templates(&self) -> Result<(Vec<Attribute>, Vec<Attribute>), GenerateError> {
        let can = |usage| self.usages.contains(&usage);
        let common =
            [Attribute::Token(true), Attribute::Label(self.label.as_bytes().to_vec()), Attribute::Id(self.id.clone())];
        let mut public = common.to_vec();
        public.extend(self.parameters()?);
        // What the public half may do is left to the token, for nothing here asks it. The module of a TPM has rules of
        // its own: it refuses a public half that verifies beside a private half that does not decrypt.
        public.push(Attribute::Private(false));
        let mut private = common.to_vec();
        let extractable = self.confinement == Confinement::AfterBackup;
        private.extend([Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(extractable)]);
        private.extend([
            Attribute::Sign(can(Usage::Sign)),
            Attribute::Decrypt(can(Usage::Decrypt)),
            Attribute::Derive(can(Usage::Derive)),
            Attribute::Unwrap(false),
        ]);
        if can(Usage::Decapsulate) {
            // An attribute of PKCS#11 3.2, which older modules refuse.
            private.push(Attribute::Decapsulate(true));
        }
        Ok((public, private))
    }
}

pub(crate) fn assert_key_name(label: &str, id: &[u8]) -> Result<(), GenerateError> {
    assert_name("key label", label, KEY_LABEL_BYTES)?;
    if id.is_empty() || id.len() > KEY_ID_BYTES {
        return Err(GenerateError::Name { what: "key id", actual: id.len(), limit: KEY_ID_BYTES });
    }
    Ok(())
}

fn assert_name(what: &'static str, name: &str, limit: usize) -> Result<(), GenerateError> {
    // A trailing space is indistinguishable from the padding of the field.
    if name.is_empty() || name.len() > limit || name.chars().any(char::is_control) || name.ends_with(' ') {
        return Err(GenerateError::Name { what, actual: name.len(), limit });
    }
    Ok(())
}
