//! What is done, one file a verb.

pub(crate) mod config;
pub(crate) mod cosign;
pub(crate) mod export;
pub(crate) mod inspect;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod seal;

use std::path::Path;

use pouch_console::Failure;
use pouch_console::config as file;
use pouch_format::Manifest;
use pouch_seal::certificate::{self, SignerCertificate};
use pouch_seal::config::Config;

use crate::cli::{Cli, default_file};

/// The configuration, with its paths made absolute.
pub(crate) fn load(cli: &Cli) -> Result<file::Config<Config>, Failure> {
    let file = cli.common.config.as_deref().unwrap_or(Path::new(default_file()));
    let mut loaded = file::load::<Config>(cli.common.config.as_deref(), Path::new(default_file()))?;
    let folder = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    loaded.values.resolve(&folder);
    Ok(loaded)
}

/// An officer's certificate, and the file it is in.
type Officer<'c> = (&'c Path, SignerCertificate);

/// The officers whom the configuration names for a registry, with those certificates that were good when it was sealed:
/// another one matters only if a signature is by it.
fn officers<'c>(config: &'c Config, manifest: &Manifest) -> Vec<Officer<'c>> {
    let Some(registry) = config.registry.get(&manifest.registry) else { return Vec::new() };
    let first = config.signer_of(registry).map(|signer| &signer.certificate);
    let named = config.cosigner.values().map(|officer| &officer.certificate);
    let files = first.into_iter().chain(config.cosigners_of(registry)).chain(named);
    let at = manifest.sealed_at.into();
    files.filter_map(|file| Some((file.as_path(), certificate::signer(file, manifest.profile, at).ok()?))).collect()
}
