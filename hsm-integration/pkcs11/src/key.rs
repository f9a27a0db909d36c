//! Keys on a token: found by URI, refused unless they are what they should be.

use crate::{
    OpenPgpKey,
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    open::{list_uris, object_uri},
    public::{PublicKey, strip},
    uri::{ObjectType, Uri},
};
use cryptoki::{
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use std::fmt;

/// Shortest and longest RSA modulus in bits.
pub(crate) const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=8192;

/// `CKA_EC_PARAMS` of the curves: DER object identifiers (RFC 5480, RFC 8410).
pub(crate) const P256_PARAMS: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const P384_PARAMS: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const ED25519_PARAMS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
pub(crate) const X25519_PARAMS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x6e];

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
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sign => "signing (CKA_SIGN)",
            Self::Decrypt => "decryption (CKA_DECRYPT)",
            Self::Derive => "key agreement (CKA_DERIVE)",
        })
    }
}

/// Why a key is not used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// The URI asks for something that is no private key.
    #[error("{uri} names an object of type {}, a private key is needed", kind.as_str())]
    NotPrivate {
        /// As given.
        uri: Uri,
        /// Its `type`.
        kind: ObjectType,
    },
    /// Neither label nor id.
    #[error("{uri} names a token but no key")]
    NoName {
        /// As given.
        uri: Uri,
    },
    /// No object matches.
    #[error("no private key matches {wanted} on token {token}")]
    NotFound {
        /// As given.
        wanted: Uri,
        /// The token looked at.
        token: Uri,
    },
    /// Several objects match.
    #[error("{} keys match {wanted}: {}", found.len(), list_uris(found))]
    TwoKeys {
        /// As given.
        wanted: Uri,
        /// All that match.
        found: Vec<Uri>,
    },
    /// The key can leave the token.
    #[error("private key {key} is not confined to the token: {attribute} is {state}")]
    Exportable {
        /// The key.
        key: Uri,
        /// `CKA_SENSITIVE` or `CKA_EXTRACTABLE`.
        attribute: &'static str,
        /// What the token says.
        state: &'static str,
    },
    /// The key's attributes forbid the use.
    #[error("private key {key} is not allowed for {usage}")]
    Usage {
        /// The key.
        key: Uri,
        /// The use wanted.
        usage: Usage,
    },
    /// The key wants a PIN for every use.
    #[error("private key {key} wants the PIN for every single use (CKA_ALWAYS_AUTHENTICATE)")]
    AlwaysAuthenticate {
        /// The key.
        key: Uri,
    },
    /// The key is of another algorithm than the certificate's key.
    #[error("key {key} is of type {actual}, the certificate has {wanted}")]
    Type {
        /// The key.
        key: Uri,
        /// What the token says.
        actual: String,
        /// What the certificate says.
        wanted: String,
    },
    /// An algorithm that this crate cannot use with a token.
    #[error("{key} has an algorithm that cannot be used with a token here: {algorithm}")]
    Unsupported {
        /// The key, by URI or fingerprint.
        key: String,
        /// The algorithm.
        algorithm: String,
    },
    /// An RSA key too short or too long.
    #[error("RSA key {key} has {bits} bits, accepted are {} to {}", RSA_BITS.start(), RSA_BITS.end())]
    RsaBits {
        /// The key, by URI or fingerprint.
        key: String,
        /// Bits of its modulus.
        bits: usize,
    },
    /// The public half on the token is another key than the certificate's.
    #[error("the token holds {token}, but certificate key {fingerprint} is {certificate}")]
    NotTheCertificateKey {
        /// Public half on the token.
        token: PublicKey,
        /// Fingerprint of the certificate key.
        fingerprint: String,
        /// Public material in the certificate, or its algorithm when no token could hold it.
        certificate: String,
    },
    /// The token keeps no public half of the key.
    #[error("token shows no public half of private key {key}")]
    NoPublicHalf {
        /// The key.
        key: Uri,
    },
    /// The token's object cannot be understood.
    #[error("key {key} has a malformed {attribute}")]
    Malformed {
        /// The key.
        key: Uri,
        /// The attribute.
        attribute: &'static str,
    },
    /// The token failed.
    #[error("token: {0}")]
    Device(#[from] DeviceError),
}

impl From<cryptoki::error::Error> for KeyError {
    fn from(error: cryptoki::error::Error) -> Self {
        Self::Device(error.into())
    }
}

impl Explain for KeyError {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Device(source) => return source.explain(),
            Self::NotPrivate { .. } | Self::NoName { .. } => {
                ("HSM-KEY-URI", Kind::Usage, "name the key with object=LABEL or id=%01 in the key URI")
            }
            Self::NotFound { .. } => {
                ("HSM-KEY-MISSING", Kind::Missing, "list the token's keys and correct object or id in the key URI")
            }
            Self::TwoKeys { .. } => {
                ("HSM-TWO-KEYS", Kind::Refused, "add id=... to the key URI, or remove the key that is not wanted")
            }
            Self::Exportable { .. } => (
                "HSM-KEY-EXPORTABLE",
                Kind::Refused,
                "make a new key inside the token with CKA_SENSITIVE true and CKA_EXTRACTABLE false",
            ),
            Self::Usage { .. } => ("HSM-KEY-USE", Kind::Refused, "use the key that was made for this purpose"),
            Self::AlwaysAuthenticate { .. } => {
                ("HSM-KEY-ALWAYS-PIN", Kind::Refused, "make a key that the login of the session is enough for")
            }
            Self::Type { .. } | Self::NotTheCertificateKey { .. } => (
                "HSM-KEY-MISMATCH",
                Kind::Refused,
                "check that certificate and key URI belong together, and that the right token is inserted",
            ),
            Self::Unsupported { .. } => (
                "HSM-KEY-ALGORITHM",
                Kind::Refused,
                "use RSA, P-256, P-384, Ed25519 for signing, and RSA, P-256, P-384, X25519 for encryption",
            ),
            Self::RsaBits { .. } => ("HSM-RSA-BITS", Kind::Refused, "make an RSA key of 3072 or 4096 bits"),
            Self::NoPublicHalf { .. } => (
                "HSM-NO-PUBLIC",
                Kind::Missing,
                "write the public half beside the private key, with the same id and label",
            ),
            Self::Malformed { .. } => {
                ("HSM-KEY-MALFORMED", Kind::Software, "the token's key object is damaged or of an unknown form")
            }
        };
        Explanation::new(id, kind, hint)
    }
}

/// A private key object found on a token.
#[derive(Debug, Clone)]
pub(crate) struct PrivateKey {
    pub(crate) handle: ObjectHandle,
    pub(crate) uri: Uri,
    label: Vec<u8>,
    id: Vec<u8>,
    kind: KeyType,
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
        [handle] => describe(session, token, *handle),
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

impl PrivateKey {
    /// Refuses a key that could leave the token, that is not meant for `usage`, or that wants a PIN each time.
    pub(crate) fn assert_fit(&self, session: &Session, usage: Usage) -> Result<(), KeyError> {
        let (asked, sensitive, extractable, always) = (
            match usage {
                Usage::Sign => AttributeType::Sign,
                Usage::Decrypt => AttributeType::Decrypt,
                Usage::Derive => AttributeType::Derive,
            },
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::AlwaysAuthenticate,
        );
        let state = |wanted: AttributeType| self.flag(session, wanted);
        // An attribute that the token does not state is as good as the wrong value.
        let confined = [("CKA_SENSITIVE", sensitive, true), ("CKA_EXTRACTABLE", extractable, false)];
        for (attribute, wanted, good) in confined {
            let actual = state(wanted)?;
            if actual != Some(good) {
                let state = match actual {
                    Some(true) => "true",
                    Some(false) => "false",
                    None => "not stated",
                };
                return Err(KeyError::Exportable { key: self.uri.clone(), attribute, state });
            }
        }
        if state(asked)? != Some(true) {
            return Err(KeyError::Usage { key: self.uri.clone(), usage });
        }
        if state(always)? == Some(true) {
            return Err(KeyError::AlwaysAuthenticate { key: self.uri.clone() });
        }
        Ok(())
    }

    fn flag(&self, session: &Session, wanted: AttributeType) -> Result<Option<bool>, KeyError> {
        let attributes = session.get_attributes(self.handle, &[wanted])?;
        Ok(attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::Sensitive(state)
            | Attribute::Extractable(state)
            | Attribute::AlwaysAuthenticate(state)
            | Attribute::Sign(state)
            | Attribute::Decrypt(state)
            | Attribute::Derive(state) => Some(state),
            _ => None,
        }))
    }

    /// Refuses a key of another algorithm than the certificate's, so far as the private object tells.
    pub(crate) fn assert_type(&self, wanted: &PublicKey) -> Result<(), KeyError> {
        let fits = match wanted {
            PublicKey::Rsa { .. } => self.kind == KeyType::RSA,
            PublicKey::P256(_) | PublicKey::P384(_) => self.kind == KeyType::EC,
            PublicKey::Ed25519(_) => self.kind == KeyType::EC_EDWARDS,
            // SoftHSM has no Montgomery type and keeps these keys as Edwards keys.
            PublicKey::X25519(_) => [KeyType::EC_MONTGOMERY, KeyType::EC_EDWARDS].contains(&self.kind),
        };
        if fits {
            return Ok(());
        }
        Err(KeyError::Type { key: self.uri.clone(), actual: self.kind.to_string(), wanted: wanted.algorithm() })
    }
}

/// The public half that lies beside a private key: same id (else same label) and type.
pub(crate) fn public_half(session: &Session, key: &PrivateKey) -> Result<Option<PublicKey>, KeyError> {
    let label = (!key.label.is_empty()).then_some(key.label.as_slice());
    let id = (!key.id.is_empty()).then_some(key.id.as_slice());
    let mut candidates = find(session, ObjectClass::PUBLIC_KEY, if id.is_some() { None } else { label }, id)?;
    if candidates.len() > 1 {
        // Some tools give every key the same id: then the label decides too.
        candidates = find(session, ObjectClass::PUBLIC_KEY, label, id)?;
    }
    match candidates.as_slice() {
        // The private half of an RSA key states the public numbers as well.
        [] if key.kind == KeyType::RSA => read_rsa(session, &key.uri, key.handle),
        [] => Ok(None),
        [handle] => read_public(session, &key.uri, *handle),
        _ => Err(KeyError::TwoKeys { wanted: key.uri.clone(), found: vec![as_public(&key.uri); candidates.len()] }),
    }
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

fn read_public(session: &Session, uri: &Uri, handle: ObjectHandle) -> Result<Option<PublicKey>, KeyError> {
    let kind = describe(session, uri, handle)?.kind;
    if kind == KeyType::RSA {
        return read_rsa(session, uri, handle);
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

/// The curves that both OpenPGP and tokens of today know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Curve {
    P256,
    P384,
    Ed25519,
    X25519,
}

impl Curve {
    /// `CKA_EC_PARAMS` is a DER object identifier, or a PrintableString with the curve's name (PKCS#11 3.0
    /// section 2.3.10); older modules use the identifiers from before RFC 8410.
    fn of_params(params: &[u8]) -> Option<Self> {
        const TABLE: [(&[u8], Curve); 8] = [
            (P256_PARAMS, Curve::P256),
            (P384_PARAMS, Curve::P384),
            (ED25519_PARAMS, Curve::Ed25519),
            (&[0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01], Curve::Ed25519),
            (b"\x13\x0cedwards25519", Curve::Ed25519),
            (X25519_PARAMS, Curve::X25519),
            (&[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01], Curve::X25519),
            (b"\x13\x0acurve25519", Curve::X25519),
        ];
        TABLE.iter().find(|(known, _)| *known == params).map(|&(_, curve)| curve)
    }

    fn point(self, attribute: &[u8]) -> Option<PublicKey> {
        let length = match self {
            Self::P256 => 65,
            Self::P384 => 97,
            Self::Ed25519 | Self::X25519 => 32,
        };
        let point = unwrap_point(attribute, length)?;
        let uncompressed = point.first() == Some(&4);
        match self {
            Self::P256 => uncompressed.then(|| PublicKey::P256(point.to_vec())),
            Self::P384 => uncompressed.then(|| PublicKey::P384(point.to_vec())),
            Self::Ed25519 => point.try_into().ok().map(PublicKey::Ed25519),
            Self::X25519 => point.try_into().ok().map(PublicKey::X25519),
        }
    }
}

/// Takes the point out of a DER OCTET STRING or BIT STRING, or as it is; the length decides which.
fn unwrap_point(attribute: &[u8], length: usize) -> Option<&[u8]> {
    if attribute.len() == length {
        return Some(attribute);
    }
    let octets = [0x04, u8::try_from(length).ok()?];
    let bits = [0x03, u8::try_from(length + 1).ok()?, 0];
    let inner = attribute.strip_prefix(&octets).or_else(|| attribute.strip_prefix(&bits))?;
    (inner.len() == length).then_some(inner)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_wrapped_and_raw() {
        let raw = [7; 32];
        let wrapped = [&[0x04, 0x20][..], &raw].concat();
        let bits = [&[0x03, 0x21, 0x00][..], &raw].concat();
        for form in [&raw[..], &wrapped, &bits] {
            assert_eq!(Curve::Ed25519.point(form), Some(PublicKey::Ed25519(raw)));
        }
        let raw = [&[4][..], &[9; 64]].concat();
        let wrapped = [&[0x04, 0x41][..], &raw].concat();
        for form in [&raw, &wrapped] {
            assert_eq!(Curve::P256.point(form), Some(PublicKey::P256(raw.clone())));
        }
    }

    #[test]
    fn malformed_points_are_refused() {
        for (curve, point) in [
            (Curve::Ed25519, vec![]),
            (Curve::Ed25519, vec![0; 31]),
            (Curve::Ed25519, vec![0; 33]),
            (Curve::Ed25519, [&[0x04, 0x21][..], &[0; 32]].concat()),
            (Curve::Ed25519, [&[0x04, 0x20][..], &[0; 33]].concat()),
            (Curve::P256, vec![2; 65]),
            (Curve::P256, [&[2][..], &[9; 32]].concat()),
            (Curve::P384, [&[4][..], &[9; 64]].concat()),
        ] {
            assert_eq!(curve.point(&point), None, "{curve:?} {point:?}");
        }
    }

    #[test]
    fn curves_are_known_by_identifier_and_by_name() {
        assert_eq!(Curve::of_params(&[0x06, 0x03, 0x2b, 0x65, 0x6e]), Some(Curve::X25519));
        assert_eq!(Curve::of_params(b"\x13\x0cedwards25519"), Some(Curve::Ed25519));
        assert_eq!(Curve::of_params(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]), None, "P-521");
        assert_eq!(Curve::of_params(&[]), None);
    }
}
