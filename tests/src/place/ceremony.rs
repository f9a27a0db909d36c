//! Home and embassy by a rehearsed ceremony: the plan makes tokens, keys, certificates and the trust file.

use std::fs;
use std::path::Path;

use super::{Key, Keys, Place, copy, kryoptic};
use crate::process::{binary, command, run};

/// The plan, for any profile.
const PLAN: &str = include_str!("../../demo/plan.toml");

impl Place {
    /// Holds the demo's ceremony in `<folder>/ceremony` and takes what it made to both sides. The registries `land` and
    /// `business` are in the trust file.
    ///
    /// # Errors
    /// SoftHSM or kryoptic is not there, a binary is not built, or a step of the ceremony failed.
    pub fn by_ceremony(folder: &Path, keys: Keys) -> Result<Self, String> {
        for side in ["home", "embassy"] {
            fs::create_dir_all(folder.join(side)).map_err(|e| format!("{side}: {e}"))?;
        }
        let plan = PLAN.replace("\"PROFILE\"", &format!("\"{}\"", keys.profile()));
        let plan = plan.replace("\"SIGNS\"", &format!("\"{}\"", keys.signing()));
        let plan = plan.replace("\"OPENS\"", &format!("\"{}\"", keys.encryption()));
        let file = folder.join("plan.toml");
        fs::write(&file, plan).map_err(|e| format!("{}: {e}", file.display()))?;
        let record = folder.join("ceremony");
        let mut rehearse = command(binary("pouch-ceremony")?, "TERM");
        rehearse.args(["--color", "never", "rehearse", "--unattended", "--output"]).arg(&record).arg(&file);
        let module = if keys == Keys::Pqc { Some(kryoptic()?) } else { None };
        if let Some(module) = &module {
            rehearse.arg("--module").arg(module);
        }
        run(&mut rehearse)?;

        let reached =
            module.map_or("module-name=softhsm2".to_owned(), |path| format!("module-path={}", path.display()));
        let key = |side: &str, label: &str| Key {
            uri: format!(
                "pkcs11:token={side};object={label}?{reached}&pin-source=file:{}",
                record.join(format!("{side}.pin")).display()
            ),
            second: None,
        };
        for (file, sides) in [
            ("embassy.pgp", &["home", "embassy"][..]),
            ("home.pgp", &["home", "embassy"]),
            ("trust.toml", &["embassy"]),
        ] {
            for side in sides {
                copy(&record.join(file), &folder.join(side).join(file))?;
            }
        }
        let trust = fs::read_to_string(record.join("trust.toml")).map_err(|e| format!("trust.toml: {e}"))?;
        let fingerprint = trust.lines().find_map(|line| line.strip_prefix("fingerprint = \"")?.strip_suffix('"'));
        let home_fingerprint = fingerprint.ok_or_else(|| format!("no fingerprint in {trust}"))?.to_owned();
        let tokens = [record.join("tokens"), record.join("tokens")];
        let embassy_key = key("embassy", "open");
        let place =
            Self { folder: folder.to_owned(), keys, home_fingerprint, embassy_key, officers: Vec::new(), tokens };
        place.write("home/seal.toml", &place.seal_toml(&key("home", "seal")))?;
        place.write("embassy/import.toml", &place.import_toml())?;
        Ok(place)
    }
}
