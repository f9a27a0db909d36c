//! `pouch-ceremony inventory`

use crate::cli::InventoryArgs;
use openpgp_pkcs11::{
    Composite, Deadlines, Explain as _, Finding, Inventory, LoggedIn, ObjectInventory, SlotInventory, Token, Uri,
    inventory,
};
use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, escape};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(crate) fn run(arguments: &InventoryArgs, output: &Output) -> Result<Exit, Failure> {
    let uri = arguments.uri.as_deref().map(Uri::parse).transpose().map_err(explain::hsm)?.unwrap_or_default();
    // Login belongs to process and token: it lasts as long as this is held.
    let login = if arguments.login { Some(log_in(arguments, &uri, output)?) } else { None };
    let seen = inventory(&uri, arguments.module.as_deref(), Deadlines::default()).map_err(explain::hsm)?;
    drop(login);
    if seen.slots.is_empty() {
        return Err(Failure::new(
            "HSM-NO-TOKEN",
            Exit::NoInput,
            format!("no slot of {} is meant", seen.module.display()),
        )
        .hint("nothing was changed; list all slots by naming the module alone"));
    }
    output.data(&json_of(&seen), || human(&seen))?;
    Ok(if seen.is_sound() { Exit::Done } else { Exit::Findings })
}

fn log_in(arguments: &InventoryArgs, uri: &Uri, output: &Output) -> Result<LoggedIn, Failure> {
    let login = arguments.pin.login(false, uri)?;
    let token = Token::open(uri, arguments.module.as_deref()).map_err(explain::hsm)?;
    login.log_in_token(&token, output)
}

fn json_of(seen: &Inventory) -> Value {
    let slots: Vec<Value> = seen.slots.iter().map(slot_json).collect();
    json!({ "module": seen.module, "library": seen.library, "sound": seen.is_sound(), "slots": slots })
}

fn slot_json(slot: &SlotInventory) -> Value {
    let token = slot.token.as_ref().filter(|_| slot.initialised).map(|token| {
        json!({
            "label": token.label, "serial": token.serial, "model": token.model, "manufacturer": token.manufacturer,
            "pin": format!("{:?}", token.pin), "so_pin": format!("{:?}", token.so_pin),
        })
    });
    json!({
        "slot": slot.slot, "description": slot.description, "uri": slot.uri().to_string(), "token": token,
        "initialised": slot.initialised, "logged_in": slot.logged_in,
        "objects": slot.objects.iter().map(object_json).collect::<Vec<_>>(), "findings": findings_json(&slot.findings),
    })
}

fn object_json(object: &ObjectInventory) -> Value {
    let flags = object.flags;
    json!({
        "class": object.class.as_str(), "uri": object.uri.to_string(), "algorithm": object.algorithm,
        "half_of": object.half_of.map(Composite::as_str), "label": object.uri.object(), "id": object.uri.id().map(hex), "usages": object.usages,
        "sensitive": flags.sensitive, "extractable": flags.extractable, "local": flags.local,
        "never_extractable": flags.never_extractable, "always_sensitive": flags.always_sensitive,
        "findings": findings_json(&object.findings),
    })
}

fn findings_json(findings: &[Finding]) -> Vec<Value> {
    let one = |finding: &Finding| {
        let explanation = finding.explain();
        json!({ "id": explanation.id, "message": finding.to_string(), "hint": explanation.hint })
    };
    findings.iter().map(one).collect()
}

fn human(seen: &Inventory) -> String {
    let mut text = format!("{}: {}\n", escape(&seen.module.display().to_string()), escape(&seen.library));
    for slot in &seen.slots {
        // Writing into a string does not fail.
        let _ = writeln!(text, "\nslot {}: {}", slot.slot, escape(&slot.description));
        let _ = match (&slot.token, slot.initialised) {
            (Some(_), true) => writeln!(text, "{}", slot.uri()),
            (Some(_), false) => writeln!(text, "an empty token, never initialised: {}", slot.uri()),
            (None, _) => writeln!(text, "no token"),
        };
        told(&mut text, "  ", &slot.findings);
        slot.objects.iter().for_each(|object| object_text(&mut text, object));
        if slot.initialised && slot.objects.is_empty() {
            text.push_str("  nothing is to be seen in it\n");
        }
        if slot.initialised && !slot.logged_in {
            text.push_str("  seen without its PIN: private keys are shown after a login (--login)\n");
        }
    }
    text
}

fn object_text(text: &mut String, object: &ObjectInventory) {
    let label = object.uri.object().unwrap_or("without label");
    let id = object.uri.id().map_or_else(|| "without id".to_owned(), |id| format!("id {}", hex(id)));
    let algorithm = match object.half_of {
        Some(composite) => format!("{composite}, half {}", object.algorithm),
        None => object.algorithm.clone(),
    };
    let what = format!("{} {algorithm}", object.class.as_str());
    let uses = if object.usages.is_empty() { String::new() } else { format!(": {}", object.usages.join(", ")) };
    let _ = writeln!(text, "  {} \"{}\", {id}{}", escape(what.trim_end()), escape(label), escape(&uses));
    let _ = writeln!(text, "      {}", object.uri);
    told(text, "      ", &object.findings);
}

fn told(text: &mut String, indent: &str, findings: &[Finding]) {
    for finding in findings {
        let explanation = finding.explain();
        let _ = writeln!(text, "{indent}finding [{}] {}", explanation.id, escape(&finding.to_string()));
        let _ = writeln!(text, "{indent}        {}", escape(&explanation.hint.to_string()));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
