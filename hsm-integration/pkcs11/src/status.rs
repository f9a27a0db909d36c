//! What a token says about itself, and whether a URI names it.

use crate::uri::Uri;
use cryptoki::slot::{Slot, TokenInfo};

/// What the retry flags of a PIN say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PinState {
    /// No wrong try is known.
    Good,
    /// At least one wrong try since the last login.
    CountLow,
    /// The next wrong try locks the PIN.
    FinalTry,
    /// Locked.
    Locked,
    /// The token's description cannot be read.
    Unknown,
}

impl PinState {
    fn new(locked: bool, final_try: bool, count_low: bool) -> Self {
        match (locked, final_try, count_low) {
            (true, _, _) => Self::Locked,
            (_, true, _) => Self::FinalTry,
            (_, _, true) => Self::CountLow,
            _ => Self::Good,
        }
    }
}

/// What a token says about itself without login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStatus {
    /// Label, padding removed, at most 32 bytes.
    pub label: String,
    /// Manufacturer, at most 32 bytes.
    pub manufacturer: String,
    /// Model, at most 16 bytes.
    pub model: String,
    /// Serial number, at most 16 bytes.
    pub serial: String,
    /// Slot number of the module; may change from start to start.
    pub slot: u64,
    /// Retry flags of the user PIN.
    pub pin: PinState,
    /// Retry flags of the security officer's PIN.
    pub so_pin: PinState,
    /// Whether the user PIN was ever set.
    pub pin_set: bool,
    /// Shortest and longest PIN in bytes; 0 and 0 when the token does not say.
    pub pin_length: (usize, usize),
    /// Whether a login is needed for private objects.
    pub login_required: bool,
    /// Whether the PIN is typed at the token itself.
    pub pinpad: bool,
    /// Whether the token refuses changes.
    pub write_protected: bool,
    /// Whether the token failed its own tests and refuses all work.
    pub fault: bool,
}

impl TokenStatus {
    pub(crate) fn new(slot: Slot, info: &TokenInfo) -> Self {
        // The standard pads with spaces, some modules with zero bytes.
        let text = |field: &str| field.trim_end_matches(['\0', ' ']).to_owned();
        Self {
            label: text(info.label()),
            manufacturer: text(info.manufacturer_id()),
            model: text(info.model()),
            serial: text(info.serial_number()),
            slot: slot.id(),
            pin: PinState::new(info.user_pin_locked(), info.user_pin_final_try(), info.user_pin_count_low()),
            so_pin: PinState::new(info.so_pin_locked(), info.so_pin_final_try(), info.so_pin_count_low()),
            pin_set: info.user_pin_initialized(),
            pin_length: (info.min_pin_length(), info.max_pin_length()),
            login_required: info.login_required(),
            pinpad: info.protected_authentication_path(),
            write_protected: info.write_protected(),
            fault: info.error_state(),
        }
    }

    /// What must be assumed of a token whose description cannot be read.
    pub(crate) fn unread(slot: Slot) -> Self {
        Self {
            label: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            serial: String::new(),
            slot: slot.id(),
            pin: PinState::Unknown,
            so_pin: PinState::Unknown,
            pin_set: true,
            pin_length: (0, 0),
            login_required: true,
            pinpad: false,
            write_protected: false,
            fault: false,
        }
    }

    /// The URI that names this token and no other.
    pub fn uri(&self) -> Uri {
        if self.pin == PinState::Unknown {
            return Uri::default().with(|uri| uri.slot_id = Some(self.slot));
        }
        Uri::default().with(|uri| {
            uri.token = Some(self.label.clone());
            uri.manufacturer = Some(self.manufacturer.clone());
            uri.serial = Some(self.serial.clone());
            uri.model = Some(self.model.clone());
        })
    }

    /// Whether the label is the one in the URI, if the URI has one.
    pub(crate) fn has_label_of(&self, uri: &Uri) -> bool {
        uri.token().is_none_or(|label| label.trim_end_matches(' ') == self.label)
    }

    /// The serial number is what the maker gave the token; the label anybody can change. So a serial in the
    /// URI decides alone, and the label is compared only without one.
    pub(crate) fn is_named_by(&self, uri: &Uri) -> bool {
        let uri = &uri.0;
        let same = |wanted: &Option<String>, actual: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.trim_end_matches(' ') == actual)
        };
        let by_name = match &uri.serial {
            Some(_) => same(&uri.serial, &self.serial),
            None => same(&uri.token, &self.label),
        };
        by_name
            && same(&uri.manufacturer, &self.manufacturer)
            && same(&uri.model, &self.model)
            && uri.slot_id.is_none_or(|slot| slot == self.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> TokenStatus {
        TokenStatus {
            label: "home".into(),
            manufacturer: "Maker".into(),
            model: "M1".into(),
            serial: "4711".into(),
            slot: 3,
            pin: PinState::Good,
            so_pin: PinState::Good,
            pin_set: true,
            pin_length: (4, 255),
            login_required: true,
            pinpad: false,
            write_protected: false,
            fault: false,
        }
    }

    #[test]
    fn serial_beats_label() {
        let named = |text: &str| status().is_named_by(&Uri::parse(text).unwrap());
        assert!(named("pkcs11:"));
        assert!(named("pkcs11:token=home"));
        assert!(named("pkcs11:token=home%20%20"));
        assert!(named("pkcs11:token=renamed;serial=4711"));
        assert!(!named("pkcs11:token=home;serial=4712"));
        assert!(!named("pkcs11:token=hom"));
        assert!(!named("pkcs11:token=home;model=M2"));
        assert!(!named("pkcs11:token=home;manufacturer=Other"));
        assert!(!named("pkcs11:slot-id=4"));
        assert!(named("pkcs11:slot-id=3"));
    }

    #[test]
    fn a_tokens_own_uri_names_it() {
        assert!(status().is_named_by(&status().uri()));
    }
}
