//! Parser of `pkcs11:` URIs and its refusals.

use super::{
    Attributes, ObjectType, Uri,
    escape::{Part, decode},
};
use crate::error::{Explain, Explanation, Kind};

/// Longest URI accepted, in bytes.
const MAX_LENGTH: usize = 4096;

/// Why a text is not a usable `pkcs11:` URI. No value of a refused `pin-value` is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme or none.
    #[error("key URI does not start with \"pkcs11:\"")]
    Scheme,
    /// Longer than any sensible URI.
    #[error("key URI has {actual} bytes, at most {limit} are accepted")]
    TooLong {
        /// Bytes found.
        actual: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// An attribute without `=`, or an empty one.
    #[error("key URI has {text:?} where name=value is expected")]
    NoValue {
        /// The text between two separators.
        text: String,
    },
    /// An attribute that RFC 7512 does not define.
    #[error("key URI has the unknown attribute {name:?}")]
    Unknown {
        /// Name as written.
        name: String,
    },
    /// The same attribute twice.
    #[error("key URI has the attribute {name:?} twice")]
    Twice {
        /// Name as written.
        name: String,
    },
    /// A character that must be percent-encoded, a broken escape, or text that is not UTF-8.
    #[error("key URI attribute {name:?} is not properly percent-encoded UTF-8 text")]
    Encoding {
        /// Name as written.
        name: String,
    },
    /// A value that the attribute cannot have.
    #[error("key URI attribute {name:?} has the value {value:?}, expected {expected}")]
    Value {
        /// Name as written.
        name: String,
        /// Value, decoded.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A PIN in the URI.
    #[error("key URI carries a PIN (pin-value)")]
    PinValue,
    /// `module-name` and `module-path` together.
    #[error("key URI has both module-name and module-path")]
    TwoModules,
}

impl Explain for UriError {
    fn explain(&self) -> Explanation {
        match self {
            Self::PinValue => Explanation::new(
                "URI-PIN-VALUE",
                Kind::Refused,
                "change this PIN, it has been seen; name a file with pin-source=file:/path instead",
            ),
            Self::Unknown { .. } => Explanation::new(
                "URI-UNKNOWN",
                Kind::Usage,
                "a URI that is only half understood could name another key: remove the attribute or correct its name",
            ),
            _ => Explanation::new(
                "URI-FORM",
                Kind::Usage,
                "write it as pkcs11:token=LABEL;object=KEY?module-path=/path/to/module.so (RFC 7512)",
            ),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Uri, UriError> {
    if text.len() > MAX_LENGTH {
        return Err(UriError::TooLong { actual: text.len(), limit: MAX_LENGTH });
    }
    let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
    // RFC 3986 section 3.1: schemes are case-insensitive.
    if !scheme.eq_ignore_ascii_case("pkcs11") {
        return Err(UriError::Scheme);
    }
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let mut uri = Attributes::default();
    if !path.is_empty() {
        path.split(';').try_for_each(|attribute| path_attribute(&mut uri, attribute))?;
    }
    if let Some(query) = query {
        query.split('&').try_for_each(|attribute| query_attribute(&mut uri, attribute))?;
    }
    if uri.module_name.is_some() && uri.module_path.is_some() {
        return Err(UriError::TwoModules);
    }
    Ok(Uri(Box::new(uri)))
}

fn path_attribute(uri: &mut Attributes, attribute: &str) -> Result<(), UriError> {
    let (name, raw) = split(attribute)?;
    let text = |slot: &mut Option<String>| set(slot, name, text_value(name, raw, Part::Path)?);
    match name {
        "token" => text(&mut uri.token),
        "manufacturer" => text(&mut uri.manufacturer),
        "serial" => text(&mut uri.serial),
        "model" => text(&mut uri.model),
        "library-manufacturer" => text(&mut uri.library_manufacturer),
        "library-description" => text(&mut uri.library_description),
        "slot-manufacturer" => text(&mut uri.slot_manufacturer),
        "slot-description" => text(&mut uri.slot_description),
        "object" => text(&mut uri.object),
        "library-version" => set(&mut uri.library_version, name, version_value(name, raw)?),
        "slot-id" => set(&mut uri.slot_id, name, number_value(name, raw)?),
        "type" => set(&mut uri.object_type, name, type_value(name, raw)?),
        "id" => {
            let id = decode(raw, Part::Path).ok_or_else(|| UriError::Encoding { name: name.into() })?;
            set(&mut uri.id, name, id)
        }
        _ => Err(unknown(name)),
    }
}

fn query_attribute(uri: &mut Attributes, attribute: &str) -> Result<(), UriError> {
    let (name, raw) = split(attribute)?;
    match name {
        "pin-value" => Err(UriError::PinValue),
        "pin-source" => set(&mut uri.pin_source, name, text_value(name, raw, Part::Query)?),
        "module-name" => {
            let value = text_value(name, raw, Part::Query)?;
            if value.is_empty() || value.contains(['/', '\0']) || value.starts_with('.') {
                return Err(wrong(name, value, "a name without a directory"));
            }
            set(&mut uri.module_name, name, value)
        }
        "module-path" => {
            let value = text_value(name, raw, Part::Query)?;
            if !value.starts_with('/') || value.contains('\0') {
                return Err(wrong(name, value, "an absolute path"));
            }
            set(&mut uri.module_path, name, value)
        }
        _ => Err(unknown(name)),
    }
}

/// The attribute's name is kept to a printable extract: it may be a mistyped secret of any length.
fn unknown(name: &str) -> UriError {
    // A PIN may hide behind a wrong case; the name is shown, the value never is.
    if name.eq_ignore_ascii_case("pin-value") {
        return UriError::PinValue;
    }
    UriError::Unknown { name: name.chars().take(40).collect() }
}

fn wrong(name: &str, value: impl Into<String>, expected: &'static str) -> UriError {
    UriError::Value { name: name.into(), value: value.into(), expected }
}

fn split(attribute: &str) -> Result<(&str, &str), UriError> {
    match attribute.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(UriError::NoValue { text: attribute.chars().take(40).collect() }),
    }
}

fn set<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), UriError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(UriError::Twice { name: name.into() }),
    }
}

fn text_value(name: &str, raw: &str, part: Part) -> Result<String, UriError> {
    decode(raw, part)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| UriError::Encoding { name: name.into() })
}

/// RFC 7512: `library-version` is `1*DIGIT [ "." 1*DIGIT ]`; both halves are one byte in `CK_VERSION`.
fn version_value(name: &str, raw: &str) -> Result<(u8, u8), UriError> {
    let (major, minor) = raw.split_once('.').unwrap_or((raw, "0"));
    match (digits(major), digits(minor)) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err(wrong(name, raw, "a version such as 3 or 3.1")),
    }
}

fn number_value(name: &str, raw: &str) -> Result<u64, UriError> {
    digits(raw).ok_or_else(|| wrong(name, raw, "a decimal number"))
}

/// Rust's number parser also takes a sign, which the grammar does not.
fn digits<T: std::str::FromStr>(raw: &str) -> Option<T> {
    if raw.bytes().all(|byte| byte.is_ascii_digit()) { raw.parse().ok() } else { None }
}

fn type_value(name: &str, raw: &str) -> Result<ObjectType, UriError> {
    [ObjectType::Public, ObjectType::Private, ObjectType::Certificate, ObjectType::SecretKey, ObjectType::Data]
        .into_iter()
        .find(|kind| kind.as_str() == raw)
        .ok_or_else(|| wrong(name, raw, "public, private, cert, secret-key or data"))
}
