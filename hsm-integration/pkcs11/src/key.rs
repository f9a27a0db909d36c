//! Keys on a token: found by URI, refused unless they are what they should be.

mod curve;
mod error;
mod half;
mod judge;

pub(crate) use curve::{ED25519_PARAMS, P256_PARAMS, P384_PARAMS, X25519_PARAMS};
pub use error::KeyError;
pub(crate) use half::{bind_half, find_half, find_halves, find_public_half, public_of_other};

use crate::{
    OpenPgpKey,
    open::object_uri,
    public::{PublicKey, strip},
    uri::{ObjectType, Uri},
};
use cryptoki::{
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use curve::Curve;
use std::fmt;

/// Shortest and longest RSA modulus in bits.
pub(crate) const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=8192;

/// Matching objects named in an error, and public keys listed.
const MAX_LISTED: usize = 256;

/// What a key is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Usage {
    /// `CKA_SIGN`
    Sign,
    /// `CKA_DECRYPT`
    Decrypt,
    /// `CKA_DERIVE`
    Derive,
    /// `CKA_DECAPSULATE`
    Decapsulate,
}

impl Usage {
    fn attribute(self) -> AttributeType {
        match self {
            Self::Sign => AttributeType::Sign,
            Self::Decrypt => AttributeType::Decrypt,
            Self::Derive => AttributeType::Derive,
            Self::Decapsulate => AttributeType::Decapsulate,
        }
    }

    /// One word, for lists.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sign => "signing",
            Self::Decrypt => "decryption",
            Self::Derive => "key agreement",
            Self::Decapsulate => "decapsulation",
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sign => "signing (CKA_SIGN)",
            Self::Decrypt => "decryption (CKA_DECRYPT)",
            Self::Derive => "key agreement (CKA_DERIVE)",
            Self::Decapsulate => "decapsulation (CKA_DECAPSULATE)",
        })
    }
}

/// A private key object found on a token.
#[derive(Debug, Clone)]
pub(crate) struct PrivateKey {
    pub(crate) handle: ObjectHandle,
    pub(crate) uri: Uri,
    label: Vec<u8>,
    id: Vec<u8>,
    pub(crate) kind: KeyType,
}

/// The private key that `uri` names, if it may be used so and belongs to the certificate key.
pub(crate) fn bind(
    session: &Session,
    token: &Uri,
    uri: &Uri,
    certificate_key: &OpenPgpKey,
    usage: Usage,
) -> Result<PrivateKey, KeyError> {
    let key = bind_asking(session, token, uri, certificate_key, usage)?;
    key.assert_usage(session, usage)?;
    Ok(key)
}

/// As [`bind`], also for a key that wants the PIN for every use.
pub(crate) fn bind_asking(
    session: &Session,
    token: &Uri,
    uri: &Uri,
    certificate_key: &OpenPgpKey,
    usage: Usage,
) -> Result<PrivateKey, KeyError> {
    let key = find_private(session, token, uri)?;
    key.assert_type(&material(certificate_key)?)?;
    key.assert_confined(session)?;
    key.assert_meant(session, usage)?;
    match public_half(session, &key)? {
        Some(public) => assert_same(&public, certificate_key)?,
        // Signatures are verified with the certificate's key, so a wrong one cannot pass; a wrong decryption key
        // opens nothing.
        None => tracing::warn!(key = %key.uri, "token keeps no public half, the certificate is believed"),
    }
    Ok(key)
}

/// The one private key that `uri` names.
pub(crate) fn find_private(session: &Session, token: &Uri, uri: &Uri) -> Result<PrivateKey, KeyError> {
    if let Some(kind) = uri.object_type().filter(|&kind| kind != ObjectType::Private) {
        return Err(KeyError::NotPrivate { uri: uri.name_only(), kind });
    }
    if uri.object().is_none() && uri.id().is_none() {
        return Err(KeyError::NoName { uri: uri.name_only() });
    }
    let handles = find(session, ObjectClass::PRIVATE_KEY, uri.object().map(str::as_bytes), uri.id())?;
    match handles.as_slice() {
        [] => Err(KeyError::NotFound { wanted: uri.name_only(), token: token.clone() }),
        [handle] => {
            let key = describe(session, token, *handle)?;
            if key.has_names_of(uri) {
                Ok(key)
            } else {
                Err(KeyError::MixedUp { wanted: uri.name_only(), shown: key.uri })
            }
        }
        _ => {
            let found = handles.iter().map(|&handle| describe(session, token, handle).map(|key| key.uri));
            Err(KeyError::TwoKeys { wanted: uri.name_only(), found: found.collect::<Result<_, _>>()? })
        }
    }
}

fn find(
    session: &Session,
    class: ObjectClass,
    label: Option<&[u8]>,
    id: Option<&[u8]>,
) -> Result<Vec<ObjectHandle>, KeyError> {
    let mut template = vec![Attribute::Class(class), Attribute::Token(true)];
    template.extend(label.map(|label| Attribute::Label(label.to_vec())));
    template.extend(id.map(|id| Attribute::Id(id.to_vec())));
    Ok(session.iter_objects(&template)?.take(MAX_LISTED).collect::<Result<_, _>>()?)
}

fn describe(session: &Session, token: &Uri, handle: ObjectHandle) -> Result<PrivateKey, KeyError> {
    let mut key = PrivateKey { handle, uri: token.clone(), label: Vec::new(), id: Vec::new(), kind: KeyType::RSA };
    let mut typed = false;
    for attribute in
        session.get_attributes(handle, &[AttributeType::Label, AttributeType::Id, AttributeType::KeyType])?
    {
        match attribute {
            Attribute::Label(label) => key.label = label,
            Attribute::Id(id) => key.id = id,
            Attribute::KeyType(kind) => (key.kind, typed) = (kind, true),
            _ => {}
        }
    }
    key.uri = object_uri(token, ObjectType::Private, Some(key.label.clone()), Some(key.id.clone()));
    if typed { Ok(key) } else { Err(KeyError::Malformed { key: key.uri, attribute: "CKA_KEY_TYPE" }) }
}

/// The public half that lies beside a private key.
pub(crate) fn public_half(session: &Session, key: &PrivateKey) -> Result<Option<PublicKey>, KeyError> {
    match public_handle(session, key)? {
        Some(handle) => read_public(session, &key.uri, handle),
        // The private half of an RSA key states the public numbers as well.
        None if key.kind == KeyType::RSA => read_rsa(session, &key.uri, key.handle),
        None => Ok(None),
    }
}

/// The object that lies beside a private key: same id, else same label.
pub(crate) fn public_handle(session: &Session, key: &PrivateKey) -> Result<Option<ObjectHandle>, KeyError> {
    let label = (!key.label.is_empty()).then_some(key.label.as_slice());
    let id = (!key.id.is_empty()).then_some(key.id.as_slice());
    let mut candidates = find(session, ObjectClass::PUBLIC_KEY, if id.is_some() { None } else { label }, id)?;
    if candidates.len() > 1 {
        // Some tools give every key the same id: then the label decides too.
        candidates = find(session, ObjectClass::PUBLIC_KEY, label, id)?;
    }
    if candidates.len() > 1 || half::counterpart(key.kind).is_some() {
        // The two halves of a composite key share both, and one of two public halves may be missing.
        candidates = half::of_kinds(session, &key.uri, candidates, &[key.kind])?;
    }
    match candidates.as_slice() {
        [] => Ok(None),
        [handle] => Ok(Some(*handle)),
        _ => Err(KeyError::TwoKeys { wanted: key.uri.clone(), found: vec![as_public(&key.uri); candidates.len()] }),
    }
}

/// Refuses a public half that has other names than the private half that it was found for.
pub(crate) fn assert_beside(session: &Session, key: &PrivateKey, public: ObjectHandle) -> Result<(), KeyError> {
    let shown = describe(session, &key.uri, public)?;
    let names = key.uri.with(|uri| {
        if uri.id.is_some() {
            uri.object = None
        }
    });
    if shown.has_names_of(&names) {
        return Ok(());
    }
    Err(KeyError::MixedUp { wanted: as_public(&key.uri), shown: as_public(&shown.uri) })
}

/// Whether an object of this class has the names of `key`.
pub(crate) fn is_there(session: &Session, class: ObjectClass, key: &PrivateKey) -> Result<bool, KeyError> {
    let some = |name: &'_ [u8]| (!name.is_empty()).then(|| name.to_vec());
    let (label, id) = (some(&key.label), some(&key.id));
    Ok(!find(session, class, label.as_deref(), id.as_deref())?.is_empty())
}

/// Destroys every half that has label and id of `uri`, and says how many there were.
pub(crate) fn destroy_named(session: &Session, uri: &Uri) -> Result<usize, KeyError> {
    let mut destroyed = 0;
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        for handle in find(session, class, uri.object().map(str::as_bytes), uri.id())? {
            session.destroy_object(handle)?;
            destroyed += 1;
        }
    }
    Ok(destroyed)
}

/// The public key that `uri` names, found without login.
pub(crate) fn find_public(session: &Session, token: &Uri, uri: &Uri) -> Result<Option<PublicKey>, KeyError> {
    if uri.object().is_none() && uri.id().is_none() {
        return Err(KeyError::NoName { uri: uri.name_only() });
    }
    let handles = find(session, ObjectClass::PUBLIC_KEY, uri.object().map(str::as_bytes), uri.id())?;
    match handles.as_slice() {
        [] => Ok(None),
        [handle] => read_public(session, &describe(session, token, *handle)?.uri, *handle),
        _ => {
            let found = handles.iter().map(|&handle| Ok(as_public(&describe(session, token, handle)?.uri)));
            Err(KeyError::TwoKeys { wanted: uri.name_only(), found: found.collect::<Result<_, KeyError>>()? })
        }
    }
}

/// Every public key that can be understood.
pub(crate) fn list_public(session: &Session, token: &Uri) -> Result<Vec<(Uri, PublicKey)>, KeyError> {
    let mut keys = Vec::new();
    for handle in find(session, ObjectClass::PUBLIC_KEY, None, None)? {
        let uri = describe(session, token, handle)?.uri;
        match read_public(session, &uri, handle) {
            Ok(Some(public)) => keys.push((as_public(&uri), public)),
            Ok(None) | Err(KeyError::Unsupported { .. } | KeyError::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    keys.sort_by_key(|(uri, _)| uri.to_string());
    Ok(keys)
}

fn as_public(uri: &Uri) -> Uri {
    uri.with(|uri| uri.object_type = Some(ObjectType::Public))
}

pub(crate) fn read_public(session: &Session, uri: &Uri, handle: ObjectHandle) -> Result<Option<PublicKey>, KeyError> {
    let kind = describe(session, uri, handle)?.kind;
    if kind == KeyType::RSA {
        return read_rsa(session, uri, handle);
    }
    if half::LATTICES.contains(&kind) {
        return half::read_lattice(session, uri, handle, kind).map(Some);
    }
    let (mut params, mut point) = (Vec::new(), Vec::new());
    for attribute in session.get_attributes(handle, &[AttributeType::EcParams, AttributeType::EcPoint])? {
        match attribute {
            Attribute::EcParams(bytes) => params = bytes,
            Attribute::EcPoint(bytes) => point = bytes,
            _ => {}
        }
    }
    let curve = Curve::of_params(&params).ok_or_else(|| KeyError::Unsupported {
        key: uri.to_string(),
        algorithm: format!("{kind} with curve parameters {}", hex(&params)),
    })?;
    match curve.point(&point) {
        Some(public) => Ok(Some(public)),
        None => Err(KeyError::Malformed { key: uri.clone(), attribute: "CKA_EC_POINT" }),
    }
}

fn read_rsa(session: &Session, uri: &Uri, handle: ObjectHandle) -> Result<Option<PublicKey>, KeyError> {
    let (mut n, mut e) = (Vec::new(), Vec::new());
    for attribute in session.get_attributes(handle, &[AttributeType::Modulus, AttributeType::PublicExponent])? {
        match attribute {
            Attribute::Modulus(bytes) => n = strip(&bytes),
            Attribute::PublicExponent(bytes) => e = strip(&bytes),
            _ => {}
        }
    }
    if n.is_empty() || e.is_empty() {
        return Ok(None);
    }
    let public = PublicKey::Rsa { n, e };
    assert_rsa_bits(&public, &uri.to_string())?;
    Ok(Some(public))
}

pub(crate) fn assert_rsa_bits(public: &PublicKey, key: &str) -> Result<(), KeyError> {
    match public.rsa_bits() {
        Some(bits) if !RSA_BITS.contains(&bits) => Err(KeyError::RsaBits { key: key.to_owned(), bits }),
        _ => Ok(()),
    }
}

/// The material of a certificate key, refused when no token could hold it.
pub(crate) fn material(key: &OpenPgpKey) -> Result<PublicKey, KeyError> {
    let public = PublicKey::of_openpgp(key).ok_or_else(|| KeyError::Unsupported {
        key: key.fingerprint().to_hex(),
        algorithm: key.pk_algo().to_string(),
    })?;
    assert_rsa_bits(&public, &key.fingerprint().to_hex())?;
    Ok(public)
}

/// Refuses a half of a certificate's composite key that is not the token's.
pub(crate) fn assert_same_half(
    token: &PublicKey,
    half: &PublicKey,
    certificate_key: &OpenPgpKey,
) -> Result<(), KeyError> {
    if token == half {
        return Ok(());
    }
    Err(KeyError::NotTheCertificateKey {
        token: token.clone(),
        fingerprint: certificate_key.fingerprint().to_hex(),
        certificate: half.to_string(),
    })
}

/// Refuses a certificate key that is not the token's.
pub(crate) fn assert_same(token: &PublicKey, certificate_key: &OpenPgpKey) -> Result<(), KeyError> {
    let certificate = material(certificate_key)?;
    if *token == certificate {
        return Ok(());
    }
    Err(KeyError::NotTheCertificateKey {
        token: token.clone(),
        fingerprint: certificate_key.fingerprint().to_hex(),
        certificate: certificate.to_string(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect()
}
