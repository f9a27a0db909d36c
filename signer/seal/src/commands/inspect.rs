//! `pouch-seal inspect`

use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, duration, escape, size};
use pouch_format::{Fingerprint, MANIFEST_FILE, Manifest, PouchId, SIGNATURE_FILE, Sha256Digest, limits};
use pouch_platform::Dir;
use pouch_seal::config::Config;
use pouch_seal::spool;
use serde_json::json;

use super::load;
use crate::cli::{Cli, InspectArgs};
use crate::explain::manifest as explain_manifest;

pub(crate) fn run(cli: &Cli, arguments: &InspectArgs, output: &Output) -> Result<Exit, Failure> {
    let (dir, config) = match arguments.pouch.parse::<PouchId>() {
        Ok(id) if !std::path::Path::new(&arguments.pouch).exists() => {
            let config = load(cli)?.values;
            let spool = Dir::open(&config.spool).map_err(explain::dir)?;
            let aside = spool::waiting_name(&id);
            if spool.exists(&aside).map_err(explain::dir)? {
                (spool.subdir(&aside), Some(config))
            } else {
                (spool.subdir(id.to_string()), None)
            }
        }
        _ => (Dir::open(&arguments.pouch), None),
    };
    let found = Found::read(&dir.map_err(explain::dir)?)?;
    let waits_for = match &config {
        Some(config) => Some(found.waits_for(config)?),
        None => None,
    };
    let Found { manifest, digest, .. } = &found;
    output.data(&json!({ "manifest_sha256": digest, "waiting_for": waits_for, "manifest": manifest }), || {
        let waits = waits_for.iter().flatten().map(|signer| line("waits for", &signer.to_string()));
        text(manifest, digest) + &waits.collect::<String>()
    })?;
    Ok(Exit::Done)
}

/// A pouch in the spool, or in any folder. Nothing of it is verified: a seal box has made it itself.
pub(crate) struct Found {
    dir: Dir,
    bytes: Vec<u8>,
    pub(crate) manifest: Manifest,
    pub(crate) digest: Sha256Digest,
}

impl Found {
    pub(crate) fn read(dir: &Dir) -> Result<Self, Failure> {
        let bytes = dir.read_bounded(MANIFEST_FILE, limits::MANIFEST_BYTES).map_err(explain::dir)?;
        let manifest = Manifest::parse(&bytes).map_err(|e| explain_manifest(&e, dir.path()))?;
        let digest = Sha256Digest(openssl::sha::sha256(&bytes));
        Ok(Self { dir: dir.try_clone().map_err(explain::dir)?, bytes, manifest, digest })
    }

    /// Who has not signed yet, as far as the configuration knows them.
    pub(crate) fn waits_for(&self, config: &Config) -> Result<Vec<Fingerprint>, Failure> {
        let file = self.dir.read_bounded(SIGNATURE_FILE, limits::SIGNATURE_FILE_BYTES).map_err(explain::dir)?;
        Ok(super::cosign::waits_for(config, &self.manifest, &self.bytes, &file))
    }
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<11} {}\n", escape(value))
}

/// What a person wants to know of a manifest.
pub(crate) fn text(manifest: &Manifest, digest: &Sha256Digest) -> String {
    let line = |name: &str, value: String| line(name, &value);
    let rpo = match manifest.rpo_seconds {
        0 => "none".to_owned(),
        seconds => duration(std::time::Duration::from_secs(seconds)),
    };
    let mut text = line("pouch", manifest.id().to_string());
    text += &line("as of", manifest.as_of.to_string());
    text += &line("sealed at", manifest.sealed_at.to_string());
    text += &line("rpo", rpo);
    text += &line("previous", manifest.previous.map_or("none, the first of its registry".into(), |p| p.to_string()));
    text += &line("profile", manifest.profile.as_str().to_owned());
    text += &line("content", format!("{} entries, {}", manifest.totals.entries, size(manifest.totals.bytes)));
    text += &line("sealed", format!("{} parts, {}", manifest.parts().count(), size(manifest.sealed_bytes())));
    for signer in &manifest.signers {
        text += &line("signer", signer.to_string());
    }
    for recipient in &manifest.recipients {
        text += &line("recipient", recipient.certificate.to_string());
    }
    text += &line("digest", digest.to_string());
    for words in digest.words().split_whitespace().collect::<Vec<_>>().chunks(8) {
        text += &line("", words.join(" "));
    }
    text
}
