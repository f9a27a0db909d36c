//! `pkcs11:` URIs (RFC 7512): how every key, token and module is named.
//!
//! Stricter than the RFC in four points, each because half-understanding a name could pick another key:
//! unknown attributes, repeated attributes and `pin-value` are refused, and a `pin-source` is a file only.

mod escape;
mod parse;

pub use parse::UriError;

use escape::{Part, encode, encode_all};
use std::fmt;

/// The class of object a URI names (`type` attribute).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectType {
    /// `type=public`
    Public,
    /// `type=private`
    Private,
    /// `type=cert`
    Certificate,
    /// `type=secret-key`
    SecretKey,
    /// `type=data`
    Data,
}

impl ObjectType {
    /// The word of RFC 7512.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Certificate => "cert",
            Self::SecretKey => "secret-key",
            Self::Data => "data",
        }
    }
}

/// A parsed `pkcs11:` URI. An absent attribute matches anything; an empty one matches only an empty value.
///
/// ```
/// let uri = openpgp_pkcs11::Uri::parse("pkcs11:token=home;object=sealing?module-path=/usr/lib/hsm.so")?;
/// assert_eq!(uri.object(), Some("sealing"));
/// assert_eq!(uri.to_string(), "pkcs11:token=home;object=sealing?module-path=/usr/lib/hsm.so");
/// # Ok::<(), openpgp_pkcs11::UriError>(())
/// ```
///
/// Boxed, because every error of this crate names keys and tokens by URI.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Uri(pub(crate) Box<Attributes>);

/// The attributes of RFC 7512, decoded.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Attributes {
    pub(crate) token: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) library_manufacturer: Option<String>,
    pub(crate) library_description: Option<String>,
    pub(crate) library_version: Option<(u8, u8)>,
    pub(crate) slot_manufacturer: Option<String>,
    pub(crate) slot_description: Option<String>,
    pub(crate) slot_id: Option<u64>,
    pub(crate) object: Option<String>,
    pub(crate) object_type: Option<ObjectType>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) pin_source: Option<String>,
    pub(crate) module_name: Option<String>,
    pub(crate) module_path: Option<String>,
}

impl Uri {
    /// Parses a URI.
    ///
    /// # Errors
    /// [`UriError`] for anything outside RFC 7512, and for `pin-value`, repeated and unknown attributes.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        parse::parse(text)
    }

    /// The URI of the token with this label, reached through the module of this name.
    pub fn token_of_module(label: &str, module_name: &str) -> Self {
        Self::default().with(|uri| {
            (uri.token, uri.module_name) = (Some(label.to_owned()), Some(module_name.to_owned()));
        })
    }

    /// The URI of whatever is reached through the module of this name.
    pub fn of_module(module_name: &str) -> Self {
        Self::default().with(|uri| uri.module_name = Some(module_name.to_owned()))
    }

    /// Token label.
    pub fn token(&self) -> Option<&str> {
        self.0.token.as_deref()
    }

    /// Token serial number.
    pub fn serial(&self) -> Option<&str> {
        self.0.serial.as_deref()
    }

    /// Object label (`CKA_LABEL`).
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Object id (`CKA_ID`).
    pub fn id(&self) -> Option<&[u8]> {
        self.0.id.as_deref()
    }

    /// Object class.
    pub fn object_type(&self) -> Option<ObjectType> {
        self.0.object_type
    }

    /// Where the PIN is read from, still as written.
    pub fn pin_source(&self) -> Option<&str> {
        self.0.pin_source.as_deref()
    }

    /// Path of the module.
    pub fn module_path(&self) -> Option<&str> {
        self.0.module_path.as_deref()
    }

    /// Name of the module, looked up in the usual library directories.
    pub fn module_name(&self) -> Option<&str> {
        self.0.module_name.as_deref()
    }

    /// The same URI naming the object with this label, of any id.
    #[must_use]
    pub fn with_object(&self, label: &str) -> Self {
        self.with(|uri| {
            (uri.object, uri.id, uri.object_type) = (Some(label.to_owned()), None, None);
        })
    }

    /// The same URI naming the object with this id, of any label.
    #[must_use]
    pub fn with_id(&self, id: &[u8]) -> Self {
        self.with(|uri| {
            (uri.object, uri.id, uri.object_type) = (None, Some(id.to_owned()), None);
        })
    }

    /// The same URI naming the object that has this id as well as the label.
    #[must_use]
    pub fn and_id(&self, id: &[u8]) -> Self {
        self.with(|uri| uri.id = Some(id.to_owned()))
    }

    /// The same URI with a `pin-source` file.
    #[must_use]
    pub fn with_pin_file(&self, path: &str) -> Self {
        self.with(|uri| uri.pin_source = Some(format!("file:{path}")))
    }

    /// The same URI with a `module-path`.
    #[must_use]
    pub fn with_module_path(&self, path: &str) -> Self {
        self.with(|uri| (uri.module_name, uri.module_path) = (None, Some(path.to_owned())))
    }

    /// The same URI, reached as `other` is: its module and PIN source.
    #[must_use]
    pub fn reached_as(&self, other: &Self) -> Self {
        self.with(|uri| {
            uri.pin_source.clone_from(&other.0.pin_source);
            uri.module_name.clone_from(&other.0.module_name);
            uri.module_path.clone_from(&other.0.module_path);
        })
    }

    /// The same URI without module and PIN source: what to print, compare and keep in a record.
    #[must_use]
    pub fn name_only(&self) -> Self {
        self.with(|uri| (uri.pin_source, uri.module_name, uri.module_path) = (None, None, None))
    }

    /// A changed copy.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Attributes)) -> Self {
        let mut uri = self.clone();
        change(&mut uri.0);
        uri
    }

    fn path_attributes(&self) -> [(&'static str, Option<&str>); 9] {
        [
            ("token", self.0.token.as_deref()),
            ("manufacturer", self.0.manufacturer.as_deref()),
            ("serial", self.0.serial.as_deref()),
            ("model", self.0.model.as_deref()),
            ("library-manufacturer", self.0.library_manufacturer.as_deref()),
            ("library-description", self.0.library_description.as_deref()),
            ("slot-manufacturer", self.0.slot_manufacturer.as_deref()),
            ("slot-description", self.0.slot_description.as_deref()),
            ("object", self.0.object.as_deref()),
        ]
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = Vec::new();
        for (name, value) in self.path_attributes() {
            if let Some(value) = value {
                let mut text = format!("{name}=");
                encode(value.as_bytes(), Part::Path, &mut text);
                path.push(text);
            }
        }
        if let Some((major, minor)) = self.0.library_version {
            path.push(format!("library-version={major}.{minor}"));
        }
        if let Some(slot) = self.0.slot_id {
            path.push(format!("slot-id={slot}"));
        }
        if let Some(kind) = self.0.object_type {
            path.push(format!("type={}", kind.as_str()));
        }
        if let Some(id) = &self.0.id {
            let mut text = String::from("id=");
            encode_all(id, &mut text);
            path.push(text);
        }
        let mut query = Vec::new();
        for (name, value) in [
            ("pin-source", &self.0.pin_source),
            ("module-name", &self.0.module_name),
            ("module-path", &self.0.module_path),
        ] {
            if let Some(value) = value {
                let mut text = format!("{name}=");
                encode(value.as_bytes(), Part::Query, &mut text);
                query.push(text);
            }
        }
        write!(f, "pkcs11:{}", path.join(";"))?;
        if query.is_empty() { Ok(()) } else { write!(f, "?{}", query.join("&")) }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
