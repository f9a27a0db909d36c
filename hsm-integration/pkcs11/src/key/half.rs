//! Halves of composite keys: two keys of one name, told apart by their type.

use super::{KeyError, PrivateKey, Usage, as_public, assert_same_half, describe, find, public_half, read_public};
use crate::{
    OpenPgpKey,
    generate::Algorithm,
    public::PublicKey,
    uri::{ObjectType, Uri},
};
use cryptoki::{
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};

/// The private half of `material` that `uri` names, if it may be used so and belongs to the certificate key.
pub(crate) fn bind_half(
    session: &Session,
    token: &Uri,
    uri: &Uri,
    (algorithm, material): (Algorithm, &PublicKey),
    certificate_key: &OpenPgpKey,
    usage: Usage,
) -> Result<PrivateKey, KeyError> {
    let key = find_half(session, token, uri, algorithm)?;
    key.assert_type(material)?;
    key.assert_confined(session)?;
    key.assert_usage(session, usage)?;
    match public_half(session, &key)? {
        Some(public) => assert_same_half(&public, material, certificate_key)?,
        None => tracing::warn!(key = %key.uri, "token keeps no public half, the certificate is believed"),
    }
    Ok(key)
}

/// The one private key of this algorithm that `uri` names.
pub(crate) fn find_half(
    session: &Session,
    token: &Uri,
    uri: &Uri,
    algorithm: Algorithm,
) -> Result<PrivateKey, KeyError> {
    if let Some(kind) = uri.object_type().filter(|&kind| kind != ObjectType::Private) {
        return Err(KeyError::NotPrivate { uri: uri.name_only(), kind });
    }
    let mut halves = Vec::new();
    for handle in all_named(session, uri, ObjectClass::PRIVATE_KEY)? {
        let key = describe(session, token, handle)?;
        // Before its type is looked at: what is another key altogether is no missing half.
        if !key.has_names_of(uri) {
            return Err(KeyError::MixedUp { wanted: uri.name_only(), shown: key.uri });
        }
        if kinds(algorithm).contains(&key.kind) {
            halves.push(key);
        }
    }
    match halves.len() {
        0 | 1 => {
            let half = halves.pop();
            half.ok_or_else(|| KeyError::NoHalf { wanted: uri.name_only(), token: token.clone(), algorithm })
        }
        _ => {
            let found = halves.into_iter().map(|key| key.uri).collect();
            Err(KeyError::TwoKeys { wanted: uri.name_only(), found })
        }
    }
}

/// The private keys that `uri` names when they are the two halves of one composite key: that of the elliptic curve first.
pub(crate) fn find_halves(session: &Session, token: &Uri, uri: &Uri) -> Result<Option<[PrivateKey; 2]>, KeyError> {
    let handles = find(session, ObjectClass::PRIVATE_KEY, uri.object().map(str::as_bytes), uri.id())?;
    let [one, two] = handles.as_slice() else { return Ok(None) };
    let (one, two) = (describe(session, token, *one)?, describe(session, token, *two)?);
    if !one.has_names_of(uri) || (&one.label, &one.id) != (&two.label, &two.id) {
        return Ok(None);
    }
    Ok(match counterpart(one.kind) {
        Some(kind) if kind == two.kind && LATTICES.contains(&kind) => Some([one, two]),
        Some(kind) if kind == two.kind => Some([two, one]),
        _ => None,
    })
}

/// The public half of the other half of a composite key, by both names of `key`: what is left when that private half is gone.
pub(crate) fn public_of_other(session: &Session, key: &PrivateKey) -> Result<Option<ObjectHandle>, KeyError> {
    let Some(kind) = counterpart(key.kind).filter(|_| !key.label.is_empty() && !key.id.is_empty()) else {
        return Ok(None);
    };
    let named = find(session, ObjectClass::PUBLIC_KEY, Some(&key.label), Some(&key.id))?;
    match of_kinds(session, &key.uri, named, &[kind])?.as_slice() {
        [handle] => Ok(Some(*handle)),
        _ => Ok(None),
    }
}

/// Types of post-quantum halves.
pub(super) const LATTICES: [KeyType; 2] = [KeyType::ML_DSA, KeyType::ML_KEM];

/// The type of the other half, for types that halves of composite keys have.
pub(super) fn counterpart(kind: KeyType) -> Option<KeyType> {
    [(KeyType::EC_EDWARDS, KeyType::ML_DSA), (KeyType::EC_MONTGOMERY, KeyType::ML_KEM)].into_iter().find_map(
        |(classical, post_quantum)| match kind {
            _ if kind == classical => Some(post_quantum),
            _ if kind == post_quantum => Some(classical),
            _ => None,
        },
    )
}

/// The public key of this algorithm that `uri` names, found without login.
pub(crate) fn find_public_half(
    session: &Session,
    token: &Uri,
    uri: &Uri,
    algorithm: Algorithm,
) -> Result<Option<PublicKey>, KeyError> {
    match named_public(session, token, uri, algorithm)?.as_slice() {
        [] => Ok(None),
        [handle] => read_public(session, &describe(session, token, *handle)?.uri, *handle),
        several => {
            let found = several.iter().map(|&handle| Ok(as_public(&describe(session, token, handle)?.uri)));
            Err(KeyError::TwoKeys { wanted: uri.name_only(), found: found.collect::<Result<_, KeyError>>()? })
        }
    }
}

fn named_public(
    session: &Session,
    token: &Uri,
    uri: &Uri,
    algorithm: Algorithm,
) -> Result<Vec<ObjectHandle>, KeyError> {
    of_kinds(session, token, all_named(session, uri, ObjectClass::PUBLIC_KEY)?, kinds(algorithm))
}

fn all_named(session: &Session, uri: &Uri, class: ObjectClass) -> Result<Vec<ObjectHandle>, KeyError> {
    if uri.object().is_none() && uri.id().is_none() {
        return Err(KeyError::NoName { uri: uri.name_only() });
    }
    find(session, class, uri.object().map(str::as_bytes), uri.id())
}

/// Those of `handles` that are of one of these types.
pub(super) fn of_kinds(
    session: &Session,
    token: &Uri,
    handles: Vec<ObjectHandle>,
    kinds: &[KeyType],
) -> Result<Vec<ObjectHandle>, KeyError> {
    let mut fit = Vec::new();
    for handle in handles {
        if kinds.contains(&describe(session, token, handle)?.kind) {
            fit.push(handle);
        }
    }
    Ok(fit)
}

/// How tokens type keys of this algorithm.
fn kinds(algorithm: Algorithm) -> &'static [KeyType] {
    match algorithm {
        Algorithm::Rsa3072 | Algorithm::Rsa4096 => &[KeyType::RSA],
        Algorithm::P256 | Algorithm::P384 => &[KeyType::EC],
        Algorithm::Ed25519 => &[KeyType::EC_EDWARDS],
        // SoftHSM has no Montgomery type.
        Algorithm::X25519 => &[KeyType::EC_MONTGOMERY, KeyType::EC_EDWARDS],
        Algorithm::MlDsa65 => &[KeyType::ML_DSA],
        Algorithm::MlKem768 => &[KeyType::ML_KEM],
    }
}

/// `CKA_VALUE` of a public key of PKCS#11 3.2; its length decides the parameter set, and only one of each kind is
/// known here.
pub(super) fn read_lattice(
    session: &Session,
    uri: &Uri,
    handle: ObjectHandle,
    kind: KeyType,
) -> Result<PublicKey, KeyError> {
    let attributes = session.get_attributes(handle, &[AttributeType::Value])?;
    let value = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Value(bytes) => Some(bytes),
        _ => None,
    });
    let value = value.ok_or_else(|| KeyError::Malformed { key: uri.clone(), attribute: "CKA_VALUE" })?;
    let bytes = value.len();
    let read = if kind == KeyType::ML_DSA {
        Box::try_from(value).ok().map(PublicKey::MlDsa65)
    } else {
        Box::try_from(value).ok().map(PublicKey::MlKem768)
    };
    read.ok_or_else(|| KeyError::Unsupported {
        key: uri.to_string(),
        algorithm: format!("{kind} with a public key of {bytes} bytes"),
    })
}
