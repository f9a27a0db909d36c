//! New tokens and new keys, made inside the token: sensitive, never extractable.

mod error;
mod token;

pub use error::GenerateError;
pub use token::{initialise_slot, initialise_token, reset_token};

use crate::{
    key::{self, KeyError, Usage},
    public::PublicKey,
    session::LoggedIn,
    uri::Uri,
};
use cryptoki::{
    mechanism::{Mechanism, MechanismType},
    object::{Attribute, MlDsaParameterSetType, MlKemParameterSetType, ObjectClass},
    session::Session,
};
use std::{fmt, str::FromStr};

/// Longest label and id of a key; many devices keep no more.
const KEY_LABEL_BYTES: usize = 64;
const KEY_ID_BYTES: usize = 32;

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
        assert_key_name(label, id)?;
        let usages = self.token().offers(algorithm)?;
        let (token, logged_in) = (self.token(), self.clone());
        let (label, id) = (label.to_owned(), id.to_vec());
        token.ask(token.deadlines.making, "making a key", move |_| logged_in.make(algorithm, &usages, &label, &id))
    }

    fn make(&self, algorithm: Algorithm, usages: &[Usage], label: &str, id: &[u8]) -> Result<NewKey, GenerateError> {
        let session = self.writable()?;
        self.assert_free(&session, label, id)?;
        self.make_in(&session, algorithm, usages, label, id)
    }

    /// For a name that is free, or of which the other half of a composite key was just made.
    pub(crate) fn make_in(
        &self,
        session: &Session,
        algorithm: Algorithm,
        usages: &[Usage],
        label: &str,
        id: &[u8],
    ) -> Result<NewKey, GenerateError> {
        let (mechanism, parameters) = self.recipe(algorithm)?;
        let (public, private) = templates(usages, label, id, parameters);
        session.generate_key_pair(&mechanism, &public, &private)?;

        let wanted = self.token().uri().with_id(id);
        let made = key::find_half(session, self.token().uri(), &wanted, algorithm)?;
        // SoftHSM and others cut labels without a word.
        if made.uri.object() != Some(label) {
            return Err(GenerateError::NotAsAsked { key: made.uri, what: "the label differs" });
        }
        usages.iter().try_for_each(|&usage| made.assert_fit(session, usage))?;
        let public = key::public_half(session, &made)?;
        let public = public.ok_or_else(|| KeyError::NoPublicHalf { key: made.uri.clone() })?;
        made.assert_type(&public)?;
        Ok(NewKey { uri: made.uri, public })
    }

    pub(crate) fn assert_free(&self, session: &Session, label: &str, id: &[u8]) -> Result<(), GenerateError> {
        let names = [("label", Attribute::Label(label.as_bytes().to_vec())), ("id", Attribute::Id(id.to_vec()))];
        for (what, name) in names {
            for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY, ObjectClass::CERTIFICATE] {
                let taken = session.iter_objects(&[Attribute::Class(class), name.clone()])?.next();
                if taken.transpose()?.is_some() {
                    return Err(GenerateError::KeyExists { token: self.token().uri().clone(), what });
                }
            }
        }
        Ok(())
    }

    fn recipe(&self, algorithm: Algorithm) -> Result<(Mechanism<'static>, Vec<Attribute>), GenerateError> {
        let curve = |parameters: &[u8]| vec![Attribute::EcParams(parameters.to_vec())];
        Ok(match algorithm {
            Algorithm::Rsa3072 => (Mechanism::RsaPkcsKeyPairGen, rsa(3072)?),
            Algorithm::Rsa4096 => (Mechanism::RsaPkcsKeyPairGen, rsa(4096)?),
            Algorithm::P256 => (Mechanism::EccKeyPairGen, curve(key::P256_PARAMS)),
            Algorithm::P384 => (Mechanism::EccKeyPairGen, curve(key::P384_PARAMS)),
            Algorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, curve(key::ED25519_PARAMS)),
            Algorithm::MlDsa65 => {
                (Mechanism::MlDsaKeyPairGen, vec![Attribute::ParameterSet(MlDsaParameterSetType::ML_DSA_65.into())])
            }
            Algorithm::MlKem768 => {
                (Mechanism::MlKemKeyPairGen, vec![Attribute::ParameterSet(MlKemParameterSetType::ML_KEM_768.into())])
            }
            Algorithm::X25519 => {
                let montgomery = self.token().maker(algorithm)? == MechanismType::ECC_MONTGOMERY_KEY_PAIR_GEN;
                let mechanism =
                    if montgomery { Mechanism::EccMontgomeryKeyPairGen } else { Mechanism::EccEdwardsKeyPairGen };
                (mechanism, curve(key::X25519_PARAMS))
            }
        })
    }
}

fn rsa(bits: usize) -> Result<Vec<Attribute>, GenerateError> {
    Ok(vec![Attribute::ModulusBits(bits.try_into()?), Attribute::PublicExponent(vec![1, 0, 1])])
}

fn templates(usages: &[Usage], label: &str, id: &[u8], parameters: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    let can = |usage| usages.contains(&usage);
    let common = [Attribute::Token(true), Attribute::Label(label.as_bytes().to_vec()), Attribute::Id(id.to_vec())];
    let mut public = common.to_vec();
    public.extend(parameters);
    // What the public half may do is left to the token, for nothing here asks it. The module of a TPM has rules of
    // its own: it refuses a public half that verifies beside a private half that does not decrypt.
    public.push(Attribute::Private(false));
    let mut private = common.to_vec();
    private.extend([Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(false)]);
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
    (public, private)
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
