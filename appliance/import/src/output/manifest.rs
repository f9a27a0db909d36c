//! A manifest for people.

use std::time::Duration;

use pouch_console::{duration, size, words};
use pouch_format::{Manifest, Sha256Digest};

use super::line;

/// What a person wants to know of a manifest, its digest in words last.
pub(crate) fn text(manifest: &Manifest, digest: &Sha256Digest) -> String {
    let rpo = match manifest.rpo_seconds {
        0 => "none".to_owned(),
        seconds => duration(Duration::from_secs(seconds)),
    };
    let previous = manifest.previous.map_or_else(|| "none, the first of its registry".to_owned(), |p| p.to_string());
    let mut text = line("pouch", manifest.id());
    text += &line("as of", manifest.as_of);
    text += &line("sealed at", manifest.sealed_at);
    text += &line("rpo", rpo);
    text += &line("previous", previous);
    text += &line("profile", manifest.profile.as_str());
    text += &line("content", format!("{} entries, {}", manifest.totals.entries, size(manifest.totals.bytes)));
    text += &line("sealed", format!("{} parts, {}", manifest.parts().count(), size(manifest.sealed_bytes())));
    for signer in &manifest.signers {
        text += &line("signer", signer);
    }
    for recipient in &manifest.recipients {
        text += &line("recipient", &recipient.certificate);
    }
    text += &line("digest", digest);
    text + &words(&digest.words().split_whitespace().collect::<Vec<_>>(), 6)
}
