//! The same with `pouch-seal` and `pouch-import`, and their keys in a token.

use crate::measure::{Figures, timed};
use acceptance::place::Place;
use acceptance::process::{command, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seals a registry into the spool, where it stays.
pub(crate) fn seal(place: &Place, registry: &str) -> Result<Figures, String> {
    let mut seal = place.seal()?;
    let (figures, output) = timed(seal.args(["--quiet", "--format", "json", "seal", registry]))?;
    let report = json(&output)?;
    let size = report.get("sealed_bytes").and_then(Value::as_u64).ok_or("no size in what pouch-seal reports")?;
    Ok(Figures {
        size: crate::mebibytes(size),
        operations: report.get("signatures").and_then(Value::as_u64),
        ..figures
    })
}

/// Takes the newest sealed pouch of a registry into the vault as the first one.
pub(crate) fn import(place: &Place, registry: &str) -> Result<Figures, String> {
    let spool = place.path("home/spool");
    let entries = fs::read_dir(&spool).map_err(|error| format!("{}: {error}", spool.display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let pouch = names.filter(|name| name.rsplit_once('-').is_some_and(|(of, _)| of == registry)).max();
    let pouch = pouch.ok_or_else(|| format!("no pouch of {registry} in {}", spool.display()))?;
    let digest = place.digest(&pouch)?;
    let mut import = place.import()?;
    import.args(["--quiet", "--format", "json", "import", "--first", &digest]).arg(place.spooled(&pouch));
    Ok(timed(&import)?.0)
}

/// Opens the pouch in the vault and removes the tree again, so that it can be opened once more.
pub(crate) fn open(place: &Place, registry: &str) -> Result<Figures, String> {
    let mut unpack = place.import()?;
    let (figures, output) = timed(unpack.args(["--quiet", "--format", "json", "unpack", registry]))?;
    let report = json(&output)?;
    if report.get("already").and_then(Value::as_bool) != Some(false) {
        return Err(format!("nothing was unpacked: {report}"));
    }
    crate::remove(&place.path("embassy/root/unpacked"))?;
    Ok(figures)
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error} in {text:?}"))
}

/// Operations of the private keys: of the one that signs when a pouch is sealed, of the one that decrypts when it is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operations {
    pub(crate) sealing: usize,
    pub(crate) opening: usize,
}

/// Counts with OpenSC's `pkcs11-spy`, which stands between us and the token and writes down every call.
pub(crate) fn operations(place: &Place, registry: &str) -> Result<Operations, String> {
    let log = place.path("spy.log");
    let mut seal = Spied::new(place, "home/seal.toml", &log)?;
    let sealing = seal.count(place.seal()?.args(["--quiet", "seal", registry]))?;
    drop(seal);
    import(place, registry)?;
    let mut import = Spied::new(place, "embassy/import.toml", &log)?;
    let opening = import.count(place.import()?.args(["--quiet", "unpack", registry]))?;
    Ok(Operations { sealing, opening })
}

/// A configuration whose token is reached through the spy, until this is dropped.
struct Spied {
    config: PathBuf,
    before: String,
    module: String,
    log: PathBuf,
}

impl Spied {
    fn new(place: &Place, config: &str, log: &Path) -> Result<Self, String> {
        let config = place.path(config);
        let before = fs::read_to_string(&config).map_err(|error| format!("{}: {error}", config.display()))?;
        let module = before.split_once("module-path=").and_then(|(_, rest)| rest.split(['&', '"']).next());
        let module = module.ok_or("the key's URI names no module")?.to_owned();
        let spy = run(command("bash", "TERM")
            .args(["-c", "ls /usr/lib/*/pkcs11-spy.so /usr/lib/pkcs11-spy.so 2>/dev/null | head -n 1"]))?;
        if spy.trim().is_empty() {
            return Err("there is no pkcs11-spy.so; run: make tools".into());
        }
        fs::write(&config, before.replace(&module, spy.trim())).map_err(|error| error.to_string())?;
        Ok(Self { config, before, module, log: log.to_owned() })
    }

    fn count(&mut self, command: &mut Command) -> Result<usize, String> {
        if self.log.exists() {
            fs::remove_file(&self.log).map_err(|error| error.to_string())?;
        }
        let module = self.module.replace("%2F", "/").replace("%2f", "/");
        run(command.env("PKCS11SPY", module).env("PKCS11SPY_OUTPUT", &self.log))?;
        let log = fs::read(&self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        let log = String::from_utf8_lossy(&log);
        let calls = log.lines().filter_map(|line| line.split_once(": C_").map(|(_, call)| call.trim()));
        // A call of C_Sign or C_Decrypt may only ask how long the answer will be; the call before it begins an operation.
        let uses = ["SignInit", "SignRecoverInit", "DecryptInit", "DeriveKey", "UnwrapKey"];
        Ok(calls.filter(|call| uses.contains(call)).count())
    }
}

impl Drop for Spied {
    fn drop(&mut self) {
        // If this fails the next command says so: the configuration names a spy that has no module.
        let _ = fs::write(&self.config, &self.before);
    }
}
