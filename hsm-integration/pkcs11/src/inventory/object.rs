//! The objects of one token.

use super::{Finding, halves};
use crate::{
    composite::Composite,
    device::DeviceError,
    key::{KeyError, read_public},
    open::object_uri,
    public::PublicKey,
    uri::{ObjectType, Uri},
};
use cryptoki::{
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};

/// Objects listed of one class.
const MAX_LISTED: usize = 256;

const CLASSES: [(ObjectClass, ObjectType); 5] = [
    (ObjectClass::PRIVATE_KEY, ObjectType::Private),
    (ObjectClass::PUBLIC_KEY, ObjectType::Public),
    (ObjectClass::SECRET_KEY, ObjectType::SecretKey),
    (ObjectClass::CERTIFICATE, ObjectType::Certificate),
    (ObjectClass::DATA, ObjectType::Data),
];

/// What a token says of a key; `None` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// `CKA_PRIVATE`
    pub private: Option<bool>,
    /// `CKA_SENSITIVE`
    pub sensitive: Option<bool>,
    /// `CKA_EXTRACTABLE`
    pub extractable: Option<bool>,
    /// `CKA_ALWAYS_SENSITIVE`
    pub always_sensitive: Option<bool>,
    /// `CKA_NEVER_EXTRACTABLE`
    pub never_extractable: Option<bool>,
    /// `CKA_LOCAL`: made in the token.
    pub local: Option<bool>,
    /// `CKA_ALWAYS_AUTHENTICATE`
    pub always_authenticate: Option<bool>,
    /// `CKA_MODIFIABLE`
    pub modifiable: Option<bool>,
}

/// An object of a token.
#[derive(Debug, Clone)]
pub struct ObjectInventory {
    /// Token, label, id and class.
    pub uri: Uri,
    /// Its class.
    pub class: ObjectType,
    /// Its algorithm in words, as of the public half where that can be read; the kind of a certificate; empty for data.
    pub algorithm: String,
    /// The public key, for public keys and for private keys whose public half is beside them.
    pub public: Option<PublicKey>,
    /// The composite key that this is a half of: the other half lies beside it.
    pub half_of: Option<Composite>,
    /// What it may be used for, in the words of the standard without `CKA_`, small letters.
    pub usages: Vec<&'static str>,
    /// How it is kept.
    pub flags: Flags,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// `CKA_KEY_TYPE`; `None` where there is none or it cannot be read.
    pub(super) kind: Option<KeyType>,
}

/// All objects that the session sees, and what is wrong with the list itself.
pub(super) fn list(session: &Session, token: &Uri, logged_in: bool) -> (Vec<ObjectInventory>, Vec<Finding>) {
    let (mut objects, mut findings) = (Vec::new(), Vec::new());
    for (class, kind) in CLASSES {
        match handles(session, class) {
            Ok(mut found) => {
                if found.len() > MAX_LISTED {
                    findings.push(Finding::More { class: kind.as_str(), listed: MAX_LISTED });
                    found.truncate(MAX_LISTED);
                }
                objects.extend(found.into_iter().map(|handle| read(session, token, kind, handle)));
            }
            Err(source) => findings.push(Finding::Unread { what: of_class(kind), source }),
        }
    }
    halves::pair(&mut objects, logged_in);
    halves::name(&mut objects);
    (objects, findings)
}

fn of_class(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::Private => "the list of private keys",
        ObjectType::Public => "the list of public keys",
        ObjectType::SecretKey => "the list of secret keys",
        ObjectType::Certificate => "the list of certificates",
        ObjectType::Data => "the list of data objects",
    }
}

fn handles(session: &Session, class: ObjectClass) -> Result<Vec<ObjectHandle>, DeviceError> {
    let found = session.iter_objects(&[Attribute::Class(class), Attribute::Token(true)])?;
    Ok(found.take(MAX_LISTED + 1).collect::<Result<_, _>>()?)
}

fn read(session: &Session, token: &Uri, class: ObjectType, handle: ObjectHandle) -> ObjectInventory {
    let mut object = ObjectInventory::new(token, class);
    match session.get_attributes(handle, wanted(class)) {
        Ok(attributes) => object.take(token, attributes),
        Err(error) => object.findings.push(Finding::Unread { what: "the object", source: error.into() }),
    }
    if class == ObjectType::Public {
        let public = read_public(session, &object.uri, handle);
        object.take_public(public);
    }
    if class == ObjectType::Private {
        // An attribute of PKCS#11 3.2, which older modules do not know; a token that has such keys does.
        let asked = session.get_attributes(handle, &[AttributeType::Decapsulate]);
        object.take_usages(asked.unwrap_or_default());
        object.judge_private();
    }
    object
}

fn wanted(class: ObjectType) -> &'static [AttributeType] {
    use AttributeType as A;
    match class {
        ObjectType::Private | ObjectType::SecretKey => &[
            A::Label,
            A::Id,
            A::KeyType,
            A::Private,
            A::Sensitive,
            A::Extractable,
            A::AlwaysSensitive,
            A::NeverExtractable,
            A::Local,
            A::AlwaysAuthenticate,
            A::Modifiable,
            A::Sign,
            A::Decrypt,
            A::Derive,
            A::Unwrap,
            A::Encrypt,
            A::Wrap,
        ],
        ObjectType::Public => &[
            A::Label,
            A::Id,
            A::KeyType,
            A::Private,
            A::Local,
            A::Modifiable,
            A::Verify,
            A::Encrypt,
            A::Derive,
            A::Wrap,
        ],
        ObjectType::Certificate => &[A::Label, A::Id, A::CertificateType, A::Private, A::Modifiable],
        ObjectType::Data => &[A::Label, A::Private, A::Modifiable],
    }
}

impl ObjectInventory {
    fn new(token: &Uri, class: ObjectType) -> Self {
        Self {
            uri: object_uri(token, class, None, None),
            class,
            algorithm: String::new(),
            public: None,
            half_of: None,
            usages: Vec::new(),
            flags: Flags::default(),
            findings: Vec::new(),
            kind: None,
        }
    }

    fn take(&mut self, token: &Uri, attributes: Vec<Attribute>) {
        let (mut label, mut id) = (None, None);
        for attribute in attributes {
            match attribute {
                Attribute::Label(value) => label = Some(value),
                Attribute::Id(value) => id = Some(value),
                Attribute::KeyType(value) => (self.kind, self.algorithm) = (Some(value), value.to_string()),
                Attribute::CertificateType(value) => self.algorithm = value.to_string(),
                Attribute::Private(value) => self.flags.private = Some(value),
                Attribute::Sensitive(value) => self.flags.sensitive = Some(value),
                Attribute::Extractable(value) => self.flags.extractable = Some(value),
                Attribute::AlwaysSensitive(value) => self.flags.always_sensitive = Some(value),
                Attribute::NeverExtractable(value) => self.flags.never_extractable = Some(value),
                Attribute::Local(value) => self.flags.local = Some(value),
                Attribute::AlwaysAuthenticate(value) => self.flags.always_authenticate = Some(value),
                Attribute::Modifiable(value) => self.flags.modifiable = Some(value),
                usage => self.take_usages(vec![usage]),
            }
        }
        self.uri = object_uri(token, self.class, label, id);
    }

    fn take_usages(&mut self, attributes: Vec<Attribute>) {
        let word = |attribute| match attribute {
            Attribute::Sign(true) => Some("sign"),
            Attribute::Verify(true) => Some("verify"),
            Attribute::Encrypt(true) => Some("encrypt"),
            Attribute::Decrypt(true) => Some("decrypt"),
            Attribute::Derive(true) => Some("derive"),
            Attribute::Wrap(true) => Some("wrap"),
            Attribute::Unwrap(true) => Some("unwrap"),
            Attribute::Decapsulate(true) => Some("decapsulate"),
            _ => None,
        };
        self.usages.extend(attributes.into_iter().filter_map(word));
    }

    fn take_public(&mut self, public: Result<Option<PublicKey>, KeyError>) {
        match public {
            Ok(Some(public)) => {
                self.algorithm = public.algorithm();
                self.public = Some(public);
            }
            Ok(None) => {}
            Err(KeyError::RsaBits { bits, .. }) => {
                self.algorithm = format!("RSA {bits}");
                self.findings.push(Finding::RsaBits { bits });
            }
            Err(KeyError::Unsupported { algorithm, .. }) => self.findings.push(Finding::UnknownType { algorithm }),
            Err(KeyError::Malformed { attribute, .. }) => self.findings.push(Finding::Malformed { attribute }),
            Err(KeyError::Device(source)) => self.findings.push(Finding::Unread { what: "the public key", source }),
            Err(_) => self.findings.push(Finding::Malformed { attribute: "the public key" }),
        }
    }

    fn judge_private(&mut self) {
        let flags = self.flags;
        let mut findings = Vec::new();
        if flags.extractable != Some(false) {
            findings.push(Finding::Exportable { stated: flags.extractable.is_some() });
        }
        if flags.sensitive != Some(true) {
            findings.push(Finding::Readable { stated: flags.sensitive.is_some() });
        }
        // Not all modules say of an unwrapped key what it was before; but it was not made here.
        let once = [flags.never_extractable, flags.always_sensitive, flags.local].contains(&Some(false));
        if findings.is_empty() && once {
            findings.push(Finding::WasExportable);
        }
        if flags.private == Some(false) {
            findings.push(Finding::WithoutLogin);
        }
        if flags.always_authenticate == Some(true) {
            findings.push(Finding::AlwaysPin);
        }
        self.findings.extend(findings);
    }
}
