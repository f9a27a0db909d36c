//! The token and its key, up to the session key of one pouch; and the pouch's tree, up to a version.

use openpgp_pkcs11::{Holder, KeyDecryptor, KeyNames, OpenPgpKey, Uri};
use pouch_cli::Login;
use pouch_cli::explain::{dir, hsm};
use pouch_console::{Exit, Failure, Output, Progress, size};
use pouch_format::{Manifest, Part, PouchId};
use pouch_import::config::Config;
use pouch_import::versions::Staged;
use pouch_open::{KeyError, PouchKey, Reopened, Trust, Unpacked, reopen, unpack};
use pouch_platform::Dir;
use pouch_vault::{Vault, VaultError};

use super::Known;
use crate::cli::{Target, TokenArgs};
use crate::explain;
use crate::suggest;

/// The pouch that was named, proven to be the one that was admitted.
pub(super) fn find(target: &Target, known: &Known) -> Result<(PouchId, Reopened), Failure> {
    let id = match target {
        Target::Pouch(id) => id.clone(),
        Target::Newest(registry) => {
            let head = known.ledger.head(registry).ok_or_else(|| {
                Failure::new("VAULT-MISSING", Exit::NoInput, format!("no pouch of registry \"{registry}\" is here"))
                    .hint(format!("nothing was written; to see what is here: {}", suggest::status_of_all()))
            })?;
            PouchId { registry: registry.clone(), sequence: head.sequence }
        }
    };
    let reopened = reopen(&known.vault, &known.ledger, &id).map_err(explain::reopen)?;
    Ok((id, reopened))
}

/// The token, its key and those keys of our certificates that the pouch is sealed to; no PIN was asked.
pub(super) struct Opener {
    holder: Holder,
    candidates: Vec<OpenPgpKey>,
    login: Login,
}

impl Opener {
    pub(super) fn new(
        config: &Config,
        trust: &Trust,
        manifest: &Manifest,
        arguments: &TokenArgs,
    ) -> Result<Self, Failure> {
        let text = arguments.key.as_ref().or(config.key.as_ref()).ok_or_else(|| {
            Failure::new("CONFIG-MISSING", Exit::Config, "no key that opens pouches is configured")
                .hint("nothing was written; set `key` in the configuration, or add --key URI")
        })?;
        let login = arguments.pin.login(config.quorum, &Uri::parse(text).map_err(hsm)?)?;
        // A key from the command line is another one than that of the configuration, whose second half is of no use to it.
        let key_pq = config.key_pq.as_deref().filter(|_| arguments.key.is_none());
        let names = KeyNames { key: text, key_pq, accept_split: config.accept_split_key };
        let holder = Holder::open(names, config.module.as_deref()).map_err(hsm)?;
        let mut failure =
            Failure::new("OPENPGP-PKESK", Exit::Refused, "the pouch is sealed to none of this embassy's keys")
                .hint("nothing was written; name the certificate it is sealed to under [embassy] in the trust file");
        let mut candidates = Vec::new();
        for key in our_keys(trust, manifest) {
            match holder.check(&key) {
                Ok(()) => candidates.push(key),
                Err(error) => failure = hsm(error),
            }
        }
        if candidates.is_empty() {
            return Err(failure);
        }
        Ok(Self { holder, candidates, login })
    }

    /// The token's label and serial number, for people.
    pub(super) fn token(&self) -> Result<String, Failure> {
        let status = self.holder.token().status().map_err(hsm)?;
        let second = self.holder.second_token().map(|token| token.status().map_err(hsm)).transpose()?;
        let second = second.map_or_else(String::new, |second| {
            format!(", and for the post-quantum half \"{}\", serial {}", second.label, second.serial)
        });
        Ok(format!("\"{}\", serial {}{second}", status.label, status.serial))
    }

    /// How the PIN will be had.
    pub(super) const fn login(&self) -> Login {
        self.login
    }

    /// Logs in, with one try, and binds the key.
    pub(super) fn log_in(self, output: &Output) -> Result<KeyDecryptor, Failure> {
        let session = self.login.log_in(&self.holder, output)?;
        let mut failure = None;
        for key in &self.candidates {
            match session.decryptor(key) {
                Ok(decryptor) => return Ok(decryptor),
                Err(error) => failure = Some(hsm(error)),
            }
        }
        Err(failure.unwrap_or_else(|| Failure::new("OPENPGP-PKESK", Exit::Refused, "no key to open it with")))
    }
}

/// The keys of our certificates that the manifest names.
fn our_keys(trust: &Trust, manifest: &Manifest) -> Vec<OpenPgpKey> {
    let named = manifest.recipients.iter().filter_map(|recipient| {
        let certificate = trust.embassy().get(&recipient.certificate)?;
        let mut keys = certificate.keys().map(|key| key.key().clone().role_into_unspecified());
        keys.find(|key| key.fingerprint().to_hex() == recipient.key.as_str())
    });
    named.collect()
}

/// The session key, by one operation of the token. `bytes` are those of the pouch's first part.
pub(super) fn session_key(
    manifest: &Manifest,
    part: &Part,
    bytes: &[u8],
    mut decryptor: KeyDecryptor,
) -> Result<PouchKey, Failure> {
    PouchKey::obtain(manifest, part, bytes, &mut decryptor).map_err(|error| match error {
        // The OpenPGP library drops what the token said.
        KeyError::Refused { .. } => decryptor.take_failure().map_or_else(|| explain::key(error), hsm),
        error => explain::key(error),
    })
}

/// The part that the session key is taken from; every pouch has one.
pub(super) fn first_part(manifest: &Manifest) -> Result<&Part, Failure> {
    manifest.segments.first().ok_or_else(|| Failure::new("MANIFEST-RANGE", Exit::Refused, "the pouch has no segment"))
}

/// Refuses to unpack what does not fit.
pub(super) fn check_space(place: &Dir, manifest: &Manifest) -> Result<(), Failure> {
    let (needed, free) = (manifest.totals.bytes, place.free_bytes().map_err(dir)?);
    if needed <= free {
        return Ok(());
    }
    let message = format!("the tree has {}, {} has room for {}", size(needed), place.path().display(), size(free));
    Err(Failure::new("DISK", Exit::Io, message).hint("nothing was written; free some space and run it again"))
}

/// Unpacks a kept pouch into a staged tree.
pub(super) fn fill(
    staged: &Staged<'_>,
    vault: &Vault,
    (id, reopened): (&PouchId, &Reopened),
    decryptor: KeyDecryptor,
    output: &Output,
) -> Result<Unpacked, Failure> {
    let manifest = reopened.manifest();
    let part = first_part(manifest)?;
    let bytes = vault.read_part(id, part).map_err(explain::vault)?;
    let key = session_key(manifest, part, &bytes, decryptor)?;
    let progress = Progress::bytes(output, &format!("unpacking {id}"), Some(manifest.totals.bytes));
    let fetch = |part: &Part, into: &mut Vec<u8>| -> Result<(), VaultError> { vault.read_part_into(id, part, into) };
    let into = staged.dir().try_clone().map_err(dir)?;
    unpack(manifest, &key, &fetch, into, &|bytes| progress.add(bytes)).map_err(explain::unpack)
}
