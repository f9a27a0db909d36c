//! What can be wrong with a token and its objects.

use crate::{
    composite::Composite,
    device::DeviceError,
    error::{Explain, Explanation, Kind},
    key::RSA_BITS,
};

fn whose(officer: bool) -> &'static str {
    if officer { "security officer's" } else { "user" }
}

/// Something that is wrong, or that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// `CKA_EXTRACTABLE` is true, or not stated.
    #[error("the key can be exported: CKA_EXTRACTABLE is {}", state(*stated, "true"))]
    Exportable {
        /// Whether the token states it.
        stated: bool,
    },
    /// `CKA_SENSITIVE` is false, or not stated.
    #[error("the key can be read in the clear: CKA_SENSITIVE is {}", state(*stated, "false"))]
    Readable {
        /// Whether the token states it.
        stated: bool,
    },
    /// The key is confined now, but `CKA_NEVER_EXTRACTABLE` or `CKA_ALWAYS_SENSITIVE` is false.
    #[error("the key was once outside this token, or could have left it")]
    WasExportable,
    /// `CKA_PRIVATE` is false.
    #[error("the private key is shown and used without a login")]
    WithoutLogin,
    /// An RSA key under 3072 bits, or longer than is used here.
    #[error("an RSA key of {bits} bits; {} to {} are accepted", RSA_BITS.start(), RSA_BITS.end())]
    RsaBits {
        /// Bits of its modulus.
        bits: usize,
    },
    /// Several objects of a class have one label or id.
    #[error("{count} objects of this class have this {what}")]
    NotAlone {
        /// `label` or `id`.
        what: &'static str,
        /// How many, this one included.
        count: usize,
    },
    /// Neither label nor id.
    #[error("the object has neither a label nor an id, so that no URI names it")]
    Nameless,
    /// No public half beside a private key.
    #[error("the private key has no public half beside it")]
    NoPublicHalf,
    /// No private half beside a public key, and the user is logged in.
    #[error("the public key has no private half beside it")]
    NoPrivateHalf,
    /// A post-quantum half, and the other half of the composite key is not under its label and id.
    #[error("half of {composite}: its other half is not here under this label and id")]
    NoOtherHalf {
        /// The composite key.
        composite: Composite,
    },
    /// A key type or curve that is not known here.
    #[error("a key of a type that is not used here: {algorithm}")]
    UnknownType {
        /// In the words of the token.
        algorithm: String,
    },
    /// `CKA_ALWAYS_AUTHENTICATE` is true.
    #[error("the key wants the PIN for every single use")]
    AlwaysPin,
    /// An attribute cannot be understood.
    #[error("{attribute} of the object is malformed")]
    Malformed {
        /// The attribute.
        attribute: &'static str,
    },
    /// A PIN is locked.
    #[error("the {} PIN is locked", whose(*officer))]
    PinLocked {
        /// The security officer's, else the user's.
        officer: bool,
    },
    /// One more wrong PIN locks.
    #[error("one more wrong try locks the {} PIN", whose(*officer))]
    PinFinalTry {
        /// The security officer's, else the user's.
        officer: bool,
    },
    /// A wrong PIN was entered.
    #[error("a wrong {} PIN was entered since the last login", whose(*officer))]
    PinCountLow {
        /// The security officer's, else the user's.
        officer: bool,
    },
    /// No user PIN.
    #[error("the token has no user PIN")]
    PinUnset,
    /// The token refuses changes.
    #[error("the token is write-protected")]
    WriteProtected,
    /// The token failed its own tests.
    #[error("the token failed its own tests and refuses all work")]
    Fault,
    /// Two tokens with one serial number.
    #[error("serial number {serial:?} is that of several tokens")]
    SerialNotUnique {
        /// The serial number.
        serial: String,
    },
    /// Two tokens with one label.
    #[error("label {label:?} is that of several tokens")]
    LabelNotUnique {
        /// The label.
        label: String,
    },
    /// There are more than are listed.
    #[error("there are more objects of type {class} than the {listed} that are listed")]
    More {
        /// The word of RFC 7512.
        class: &'static str,
        /// How many are listed.
        listed: usize,
    },
    /// Something cannot be read.
    #[error("{what} cannot be read: {source}")]
    Unread {
        /// What.
        what: &'static str,
        /// The call that failed.
        source: DeviceError,
    },
}

fn state(stated: bool, value: &'static str) -> &'static str {
    if stated { value } else { "not stated" }
}

impl Explain for Finding {
    fn explain(&self) -> Explanation {
        let (id, kind, hint) = match self {
            Self::Unread { source, .. } => return source.explain(),
            Self::Exportable { .. } => ("HSM-KEY-EXPORTABLE", Kind::Refused, "make a new key inside the token"),
            Self::Readable { .. } => ("HSM-KEY-READABLE", Kind::Refused, "make a new key inside the token"),
            Self::WasExportable => {
                ("HSM-KEY-WAS-EXPORTABLE", Kind::Refused, "right for a backup made on purpose; else make a new key")
            }
            Self::WithoutLogin => ("HSM-KEY-NO-LOGIN", Kind::Refused, "make a new key with CKA_PRIVATE true"),
            Self::RsaBits { .. } => ("HSM-RSA-BITS", Kind::Refused, "make an RSA key of 3072 or 4096 bits"),
            Self::NotAlone { .. } => {
                ("HSM-TWO-KEYS", Kind::Refused, "name the key by label and id, or remove the others")
            }
            Self::Nameless => ("HSM-KEY-NAMELESS", Kind::Refused, "give it a label with the maker's tool"),
            Self::NoPublicHalf => ("HSM-NO-PUBLIC", Kind::Missing, "write the public half beside it, with the same id"),
            Self::NoPrivateHalf => ("HSM-NO-PRIVATE", Kind::Missing, "remove it, if its private half is gone for good"),
            Self::NoOtherHalf { .. } => (
                "HSM-HALF-KEY",
                Kind::Missing,
                "right where the other half is in another token (`key_pq`), which is weaker; else make both halves anew",
            ),
            Self::UnknownType { .. } => ("HSM-KEY-ALGORITHM", Kind::Refused, "it is not for this program"),
            Self::AlwaysPin => ("HSM-KEY-ALWAYS-PIN", Kind::Refused, "make a key that the login is enough for"),
            Self::Malformed { .. } => {
                ("HSM-KEY-MALFORMED", Kind::Software, "the object is damaged or of an unknown form")
            }
            Self::PinLocked { .. } => {
                ("HSM-PIN-LOCKED", Kind::Refused, "the security officer has to set a new user PIN")
            }
            Self::PinFinalTry { .. } => {
                ("HSM-PIN-FINAL-TRY", Kind::Refused, "make sure of the PIN before the next login")
            }
            Self::PinCountLow { .. } => ("HSM-PIN-COUNT-LOW", Kind::Refused, "ask who tried; the next login clears it"),
            Self::PinUnset => ("HSM-PIN-UNSET", Kind::Refused, "the security officer has to set the user PIN"),
            Self::WriteProtected => ("HSM-READ-ONLY", Kind::Refused, "nothing can be made on it until that ends"),
            Self::Fault => ("HSM-DEVICE", Kind::Unavailable, "look at the HSM's own log and front panel"),
            Self::SerialNotUnique { .. } => ("HSM-SERIAL", Kind::Refused, "name these tokens by their labels as well"),
            Self::LabelNotUnique { .. } => ("HSM-LABEL", Kind::Refused, "name these tokens by their serial numbers"),
            Self::More { .. } => ("HSM-MANY", Kind::Refused, "look at the token with its maker's tool"),
        };
        Explanation::new(id, kind, hint)
    }
}
