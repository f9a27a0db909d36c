//! What a private key must be before it is used: confined, of the right type and use.

use super::{KeyError, PrivateKey, Usage};
use crate::{backup::BackupError, public::PublicKey, uri::Uri};
use cryptoki::{
    object::{Attribute, AttributeType, KeyType},
    session::Session,
};

impl PrivateKey {
    /// Whether this is what was asked for: tpm2-pkcs11 gives a new key the handle of another one when a key was destroyed
    /// before. Padding of a label is no difference.
    pub(super) fn has_names_of(&self, uri: &Uri) -> bool {
        let shown = String::from_utf8_lossy(&self.label);
        let bare = |label: &'_ str| label.trim_end_matches(['\0', ' ']).len();
        let label = uri.object().is_none_or(|label| label.get(..bare(label)) == shown.get(..bare(&shown)));
        label && uri.id().is_none_or(|id| id == self.id)
    }

    /// Refuses a key that could leave the token.
    pub(crate) fn assert_confined(&self, session: &Session) -> Result<(), KeyError> {
        // An attribute that the token does not state is as good as the wrong value.
        let confined =
            [("CKA_SENSITIVE", AttributeType::Sensitive, true), ("CKA_EXTRACTABLE", AttributeType::Extractable, false)];
        for (attribute, wanted, good) in confined {
            let actual = self.flag(session, wanted)?;
            if actual != Some(good) {
                return Err(KeyError::Exportable { key: self.uri.clone(), attribute, state: in_words(actual) });
            }
        }
        Ok(())
    }

    /// Refuses a key that can be read in the clear, or that was not made for a backup.
    pub(crate) fn assert_exportable(&self, session: &Session) -> Result<(), BackupError> {
        let sensitive = self.flag(session, AttributeType::Sensitive)?;
        if sensitive != Some(true) {
            let (key, attribute, state) = (self.uri.clone(), "CKA_SENSITIVE", in_words(sensitive));
            return Err(KeyError::Exportable { key, attribute, state }.into());
        }
        match self.flag(session, AttributeType::Extractable)? {
            Some(true) => Ok(()),
            other => Err(BackupError::NotDeclared { key: self.uri.clone(), state: in_words(other) }),
        }
    }

    /// Refuses a key that is not meant for `usage`, or that wants a PIN each time.
    pub(crate) fn assert_usage(&self, session: &Session, usage: Usage) -> Result<(), KeyError> {
        self.assert_meant(session, usage)?;
        if self.wants_pin_each_time(session)? {
            return Err(KeyError::AlwaysAuthenticate { key: self.uri.clone() });
        }
        Ok(())
    }

    /// Refuses a key that is not meant for `usage`.
    pub(crate) fn assert_meant(&self, session: &Session, usage: Usage) -> Result<(), KeyError> {
        match self.flag(session, usage.attribute())? {
            Some(true) => Ok(()),
            _ => Err(KeyError::Usage { key: self.uri.clone(), usage }),
        }
    }

    pub(crate) fn wants_pin_each_time(&self, session: &Session) -> Result<bool, KeyError> {
        Ok(self.flag(session, AttributeType::AlwaysAuthenticate)? == Some(true))
    }

    /// What the key is for.
    pub(crate) fn usages(&self, session: &Session) -> Result<Vec<Usage>, KeyError> {
        let mut usages = Vec::new();
        for usage in [Usage::Sign, Usage::Decrypt, Usage::Derive] {
            if self.flag(session, usage.attribute())? == Some(true) {
                usages.push(usage);
            }
        }
        Ok(usages)
    }

    fn flag(&self, session: &Session, wanted: AttributeType) -> Result<Option<bool>, KeyError> {
        let attributes = session.get_attributes(self.handle, &[wanted])?;
        Ok(attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::Sensitive(state)
            | Attribute::Extractable(state)
            | Attribute::AlwaysAuthenticate(state)
            | Attribute::Sign(state)
            | Attribute::Decrypt(state)
            | Attribute::Derive(state)
            | Attribute::Decapsulate(state) => Some(state),
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
            PublicKey::MlDsa65(_) => self.kind == KeyType::ML_DSA,
            PublicKey::MlKem768(_) => self.kind == KeyType::ML_KEM,
        };
        if fits {
            return Ok(());
        }
        Err(KeyError::Type { key: self.uri.clone(), actual: self.kind.to_string(), wanted: wanted.algorithm() })
    }
}

fn in_words(state: Option<bool>) -> &'static str {
    match state {
        Some(true) => "true",
        Some(false) => "false",
        None => "not stated",
    }
}
