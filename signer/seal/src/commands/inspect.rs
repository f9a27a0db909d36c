//! `pouch-seal inspect`

use pouch_cli::explain;
use pouch_console::{Exit, Failure, Output, duration, escape, size};
use pouch_format::{MANIFEST_FILE, Manifest, PouchId, Sha256Digest, limits};
use pouch_platform::Dir;

use super::load;
use crate::cli::{Cli, InspectArgs};
use crate::explain::manifest as explain_manifest;

pub(crate) fn run(cli: &Cli, arguments: &InspectArgs, output: &Output) -> Result<Exit, Failure> {
    let dir = match arguments.pouch.parse::<PouchId>() {
        Ok(id) if !std::path::Path::new(&arguments.pouch).exists() => {
            Dir::open(load(cli)?.values.spool).and_then(|spool| spool.subdir(id.to_string()))
        }
        _ => Dir::open(&arguments.pouch),
    };
    let (manifest, digest) = read(&dir.map_err(explain::dir)?)?;
    output
        .data(&serde_json::json!({ "manifest_sha256": digest, "manifest": manifest }), || text(&manifest, &digest))?;
    Ok(Exit::Done)
}

/// Reads the manifest of the pouch in `dir`. Nothing is verified: a seal box has made it itself.
pub(crate) fn read(dir: &Dir) -> Result<(Manifest, Sha256Digest), Failure> {
    let bytes = dir.read_bounded(MANIFEST_FILE, limits::MANIFEST_BYTES).map_err(explain::dir)?;
    let manifest = Manifest::parse(&bytes).map_err(|e| explain_manifest(&e, dir.path()))?;
    Ok((manifest, Sha256Digest(openssl::sha::sha256(&bytes))))
}

/// What a person wants to know of a manifest.
pub(crate) fn text(manifest: &Manifest, digest: &Sha256Digest) -> String {
    let line = |name: &str, value: String| format!("{name:<11} {}\n", escape(&value));
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
