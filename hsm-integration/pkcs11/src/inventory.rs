//! Everything that is in a module's slots, and what is wrong with it.
//!
//! Login belongs to process and token: hold a [`LoggedIn`](crate::LoggedIn) of each token whose private objects are to be
//! seen. Each slot is looked at by itself and within the deadline, so that a broken one hides no other.

mod finding;
mod halves;
mod object;

pub use finding::Finding;
pub use object::{Flags, ObjectInventory};

use crate::{
    deadline::{Deadlines, within},
    device::DeviceError,
    module,
    open::{OpenError, slot_is_named_by},
    status::{PinState, TokenStatus},
    uri::Uri,
};
use cryptoki::{context::Pkcs11, error::Error as Binding, session::SessionState, slot::Slot};
use std::path::{Path, PathBuf};

/// What is in a module's slots.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The module's file.
    pub module: PathBuf,
    /// What the module says of itself: maker, description, version.
    pub library: String,
    /// In the order of the module.
    pub slots: Vec<SlotInventory>,
}

/// What is in a slot.
#[derive(Debug, Clone)]
pub struct SlotInventory {
    /// Number of the slot; may change from start to start.
    pub slot: u64,
    /// What the slot says of itself, at most 64 bytes.
    pub description: String,
    /// What the token says of itself; `None` when there is none or when it cannot be read.
    pub token: Option<TokenStatus>,
    /// Whether the token was ever initialised.
    pub initialised: bool,
    /// Whether the user is logged in, so that private objects are seen.
    pub logged_in: bool,
    /// Keys, certificates and data; at most 256 of a class.
    pub objects: Vec<ObjectInventory>,
    /// What is wrong with slot and token. What is wrong with objects stands beside them.
    pub findings: Vec<Finding>,
}

impl SlotInventory {
    /// The token as a URI, else the slot; no module.
    pub fn uri(&self) -> Uri {
        match &self.token {
            Some(token) if self.initialised => token.uri(),
            _ => Uri::default().with(|uri| uri.slot_id = Some(self.slot)),
        }
    }

    fn new(slot: Slot) -> Self {
        Self {
            slot: slot.id(),
            description: String::new(),
            token: None,
            initialised: false,
            logged_in: false,
            objects: Vec::new(),
            findings: Vec::new(),
        }
    }
}

impl Inventory {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.slots
            .iter()
            .all(|slot| slot.findings.is_empty() && slot.objects.iter().all(|object| object.findings.is_empty()))
    }
}

/// Lists the slots that `uri` names: all of its module, or those of one token.
///
/// # Errors
/// [`OpenError`]: no module, or it does not tell its slots. What fails in one slot is a [`Finding`] there.
pub fn inventory(uri: &Uri, default_module: Option<&Path>, deadlines: Deadlines) -> Result<Inventory, OpenError> {
    let path = module::locate(uri, default_module)?;
    let failed = |source: DeviceError| OpenError::Module { path: path.clone(), source };
    let library = path.clone();
    let begun = within(deadlines.answer, "listing slots", move || {
        let module = module::load(&library)?;
        let failed = |error: Binding| OpenError::Module { path: library.clone(), source: error.into() };
        let (info, slots) = (module.get_library_info().map_err(failed)?, module.get_all_slots().map_err(failed)?);
        Ok::<_, OpenError>((module, info, slots))
    });
    let (module, info, listed) = begun.map_err(failed)??;
    let mut slots: Vec<_> = listed.into_iter().filter_map(|slot| look(&module, slot, uri, deadlines)).collect();
    compare_tokens(&mut slots);
    let library = format!("{} {} {}", info.manufacturer_id(), info.library_description(), info.library_version());
    Ok(Inventory { module: path, library, slots })
}

/// One slot, unless `uri` means another.
fn look(module: &Pkcs11, slot: Slot, uri: &Uri, deadlines: Deadlines) -> Option<SlotInventory> {
    if uri.0.slot_id.is_some_and(|wanted| wanted != slot.id()) {
        return None;
    }
    let mut seen = SlotInventory::new(slot);
    let library = module.clone();
    let read = within(deadlines.answer, "reading a slot", move || {
        let description =
            library.get_slot_info(slot).map(|info| (info.slot_description().to_owned(), info.token_present()))?;
        let token = if description.1 { Some(library.get_token_info(slot)) } else { None };
        Ok::<_, DeviceError>((description.0, token))
    });
    match read.and_then(|read| read) {
        Ok((description, token)) => {
            seen.description = description;
            match token.transpose() {
                Ok(info) => {
                    seen.initialised = info.as_ref().is_some_and(|info| info.token_initialized());
                    seen.token = info.map(|info| TokenStatus::new(slot, &info));
                }
                Err(error) => seen.findings.push(Finding::Unread { what: "the token", source: error.into() }),
            }
        }
        Err(source) => seen.findings.push(Finding::Unread { what: "the slot", source }),
    }
    if !is_meant(&seen, uri, module, slot) {
        return None;
    }
    if let Some(token) = &seen.token {
        seen.findings.extend(faults_of(token, seen.initialised));
    }
    if seen.initialised {
        look_inside(&mut seen, module, slot, deadlines);
    }
    Some(seen)
}

/// A slot that cannot be read may be the one that is looked for; one without a token is not, where a token is named.
fn is_meant(seen: &SlotInventory, uri: &Uri, module: &Pkcs11, slot: Slot) -> bool {
    let of_token = [&uri.0.token, &uri.0.serial, &uri.0.model, &uri.0.manufacturer];
    match &seen.token {
        Some(token) => token.is_named_by(uri) && slot_is_named_by(uri, module, slot),
        None => !seen.findings.is_empty() || of_token.iter().all(|attribute| attribute.is_none()),
    }
}

fn look_inside(seen: &mut SlotInventory, module: &Pkcs11, slot: Slot, deadlines: Deadlines) {
    let (library, name) = (module.clone(), seen.uri());
    let inside = within(deadlines.answer, "listing objects", move || {
        let session = library.open_ro_session(slot)?;
        let state = session.get_session_info()?.session_state();
        let logged_in = matches!(state, SessionState::RoUser | SessionState::RwUser);
        let (objects, findings) = object::list(&session, &name, logged_in);
        Ok::<_, DeviceError>((logged_in, objects, findings))
    });
    match inside.and_then(|inside| inside) {
        Ok((logged_in, objects, findings)) => {
            (seen.logged_in, seen.objects) = (logged_in, objects);
            seen.findings.extend(findings);
        }
        Err(source) => seen.findings.push(Finding::Unread { what: "the objects", source }),
    }
}

fn faults_of(token: &TokenStatus, initialised: bool) -> Vec<Finding> {
    let pin = |officer, state| match state {
        // A token that was never initialised has no PINs, whatever SoftHSM says of them.
        _ if !initialised => None,
        PinState::Locked => Some(Finding::PinLocked { officer }),
        PinState::FinalTry => Some(Finding::PinFinalTry { officer }),
        PinState::CountLow => Some(Finding::PinCountLow { officer }),
        PinState::Good | PinState::Unknown => None,
    };
    let mut findings: Vec<_> = [pin(false, token.pin), pin(true, token.so_pin)].into_iter().flatten().collect();
    if initialised && !token.pin_set {
        findings.push(Finding::PinUnset);
    }
    if token.write_protected {
        findings.push(Finding::WriteProtected);
    }
    if token.fault {
        findings.push(Finding::Fault);
    }
    findings
}

/// Serial number and label should each name one token.
fn compare_tokens(slots: &mut [SlotInventory]) {
    let names: Vec<Option<(String, String)>> = slots
        .iter()
        .map(|slot| slot.token.as_ref().filter(|_| slot.initialised))
        .map(|token| token.map(|token| (token.serial.clone(), token.label.clone())))
        .collect();
    for (slot, name) in slots.iter_mut().zip(&names) {
        let Some((serial, label)) = name else { continue };
        let others =
            |same: &dyn Fn(&(String, String)) -> bool| names.iter().flatten().filter(|name| same(name)).count();
        if others(&|other| other.0 == *serial) > 1 {
            slot.findings.push(Finding::SerialNotUnique { serial: serial.clone() });
        }
        if others(&|other| other.1 == *label) > 1 {
            slot.findings.push(Finding::LabelNotUnique { label: label.clone() });
        }
    }
}
