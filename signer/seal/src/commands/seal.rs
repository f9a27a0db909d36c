//! `pouch-seal seal`

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use openpgp_pkcs11::{Holder, KeyNames, KeySigner, Uri};
use pouch_cli::{Login, explain};
use pouch_console::{Exit, Failure, Output, confirm, duration, escape, size};
use pouch_format::{Fingerprint, Manifest, Profile, Sha256Digest};
use pouch_platform::Dir;
use pouch_seal::certificate::{self, CertificateError, RecipientKey, SignerCertificate};
use pouch_seal::config::{Config, RegistryConfig, SignerConfig};
use pouch_seal::seal::{Job, Sealed, Unconfirmed, seal};
use pouch_seal::spool::Spool;
use pouch_seal::{PartOptions, Progress};
use serde_json::json;

use super::load;
use crate::cli::{Cli, SealArgs};
use crate::explain as explain_seal;

pub(crate) fn run(cli: &Cli, arguments: &SealArgs, output: &Output) -> Result<Exit, Failure> {
    let config = load(cli)?.values;
    let registry = config.registry.get(&arguments.registry).ok_or_else(|| unknown_registry(&config, arguments))?;
    if arguments.dry_run {
        return dry_run(&config, arguments, &Plan::new(&config, registry, arguments)?, output);
    }
    // The lock first and the PIN last: nobody types it for nothing, and two runs do not meet at the token.
    let mut spool = Spool::open(&config.spool, &config.state, &arguments.registry).map_err(explain_seal::spool)?;
    let plan = Plan::new(&config, registry, arguments)?;
    let mut signer = log_in(&plan, output)?;
    let started = Instant::now();
    let progress = Bar(pouch_console::Progress::bytes(output, &format!("sealing {}", arguments.registry), None));
    let job = Job {
        source: &plan.registry.capture,
        recipients: &plan.recipients,
        signer_certificate: &plan.signer.certificate,
        cosigners: &plan.cosigners,
        profile: plan.profile,
        rpo_seconds: plan.registry.rpo.seconds(),
        options: plan.options,
        progress: &progress,
        judge: &|at| plan.judge(at),
        confirm: &|manifest: &Manifest, digest: &Sha256Digest| ask(arguments, manifest, digest, output),
    };
    let sealed = seal(&mut spool, &job, &mut signer).map_err(explain_seal::seal)?;
    drop(progress);
    report(&config, &sealed, (started, plan.holder.second_token().is_some()), output).map_err(|failure| {
        let folder = folder(&config, &sealed.manifest);
        failure.hint(format!("the pouch is sealed all the same: {}", folder.display()))
    })?;
    Ok(Exit::Done)
}

/// What the configuration and the command line say about one registry, with its certificates read and judged.
struct Plan<'c> {
    registry: &'c RegistryConfig,
    recipient_files: &'c [PathBuf],
    signer_file: &'c Path,
    profile: Profile,
    options: PartOptions,
    recipients: Vec<RecipientKey>,
    signer: SignerCertificate,
    cosigner_files: &'c [PathBuf],
    cosigners: Vec<Fingerprint>,
    holder: Holder,
    login: Login,
}

impl<'c> Plan<'c> {
    fn new(config: &'c Config, registry: &'c RegistryConfig, arguments: &'c SealArgs) -> Result<Self, Failure> {
        let profile = arguments.profile.map_or(registry.profile, Profile::from);
        let level = arguments.level.map_or(i64::from(registry.level), |level| level);
        let options = PartOptions {
            level: i32::try_from(level).unwrap_or(3),
            part_bytes: registry.part_size.bytes(),
            ..PartOptions::default()
        };
        let now = SystemTime::now();
        let files = registry.recipients.as_ref().unwrap_or(&config.recipients);
        let recipients = recipients(files, profile, now, arguments)?;
        let SignerConfig { key, key_pq, accept_split_key, certificate, quorum } =
            config.signer_of(registry).ok_or_else(|| {
                let message = format!("registry \"{}\" has no signer", arguments.registry);
                Failure::new("CONFIG-SIGNER", Exit::Config, message)
                    .hint("nothing was changed; add a [signer] section with `key` and `certificate`")
            })?;
        let signer = certificate::signer(certificate, profile, now).map_err(explain_seal::certificate)?;
        let cosigner_files = arguments.cosigner.as_deref().unwrap_or_else(|| config.cosigners_of(registry));
        let cosigners = cosigners(cosigner_files, &signer, profile, now)?;
        check_threshold(config.threshold_of(registry), cosigners.len() + 1)?;
        let login = arguments.pin.login(*quorum, &Uri::parse(key).map_err(explain::hsm)?)?;
        let names = KeyNames { key, key_pq: key_pq.as_deref(), accept_split: *accept_split_key };
        let holder = Holder::open(names, config.module.as_deref()).map_err(explain::hsm)?;
        holder.check(&signer.key).map_err(explain::hsm)?;
        let (recipient_files, signer_file) = (files.as_slice(), certificate.as_path());
        Ok(Self {
            registry,
            recipient_files,
            signer_file,
            profile,
            options,
            recipients,
            signer,
            cosigner_files,
            cosigners,
            holder,
            login,
        })
    }

    /// A capture takes hours, and a certificate may expire meanwhile.
    fn judge(&self, at: SystemTime) -> Result<(), CertificateError> {
        for file in self.recipient_files {
            certificate::recipient(file, self.profile, at)?;
        }
        for file in self.cosigner_files {
            certificate::signer(file, self.profile, at)?;
        }
        certificate::signer(self.signer_file, self.profile, at).map(drop)
    }
}

/// Who has to sign too.
fn cosigners(
    files: &[PathBuf],
    signer: &SignerCertificate,
    profile: Profile,
    now: SystemTime,
) -> Result<Vec<Fingerprint>, Failure> {
    let mut all = vec![signer.certificate.clone()];
    for file in files {
        let cosigner = certificate::signer(file, profile, now).map_err(explain_seal::certificate)?.certificate;
        if all.contains(&cosigner) {
            let message = format!("{} is to sign twice: {cosigner}", file.display());
            return Err(Failure::new("CONFIG-COSIGNERS", Exit::Config, message)
                .hint("nothing was changed; name each officer once, and the sealing one under [signer] only"));
        }
        all.push(cosigner);
    }
    all.remove(0);
    Ok(all)
}

/// All whom a manifest announces have to sign, so nothing but their number can be too small.
fn check_threshold(threshold: usize, signers: usize) -> Result<(), Failure> {
    if signers >= threshold {
        return Ok(());
    }
    let message = format!("{signers} are to sign, and the threshold is {threshold}");
    Err(Failure::new("CONFIG-COSIGNERS", Exit::Config, message)
        .hint("nothing was changed; name more officers in `cosigners`, or with --cosigner FILE"))
}

/// Where a pouch is once it is sealed: aside, if others have to sign too.
fn folder(config: &Config, manifest: &Manifest) -> PathBuf {
    let id = manifest.id();
    let aside = manifest.signers.len() > 1;
    config.spool.join(if aside { pouch_seal::spool::waiting_name(&id) } else { id.to_string() })
}

fn unknown_registry(config: &Config, arguments: &SealArgs) -> Failure {
    let known: Vec<_> = config.registry.keys().map(ToString::to_string).collect();
    let message = format!("registry \"{}\" is not in the configuration", arguments.registry);
    Failure::new("CONFIG-REGISTRY", Exit::Config, message)
        .fact("known", if known.is_empty() { "none".to_owned() } else { known.join(", ") })
        .hint("nothing was changed; add a [registry.NAME] section, or name one that is there")
}

fn recipients(
    files: &[PathBuf],
    profile: Profile,
    now: SystemTime,
    arguments: &SealArgs,
) -> Result<Vec<RecipientKey>, Failure> {
    if files.is_empty() {
        let message = format!("registry \"{}\" has no recipients", arguments.registry);
        return Err(Failure::new("CONFIG-RECIPIENTS", Exit::Config, message)
            .hint("nothing was changed; name the embassy's certificate in `recipients`"));
    }
    let read = |file: &PathBuf| certificate::recipient(file, profile, now).map_err(explain_seal::certificate);
    files.iter().map(read).collect()
}

/// Logs in to the token, with one try.
fn log_in(plan: &Plan<'_>, output: &Output) -> Result<KeySigner, Failure> {
    let session = plan.login.log_in(&plan.holder, output)?;
    session.signer(&plan.signer.key).map_err(explain::hsm)
}

fn ask(arguments: &SealArgs, manifest: &Manifest, digest: &Sha256Digest, output: &Output) -> Result<(), Unconfirmed> {
    if !arguments.confirm {
        return Ok(());
    }
    let question = format!("About to be signed:\n\n{}", super::inspect::text(manifest, digest));
    confirm(output, &question).map_err(|failure| Unconfirmed { reason: failure.message })
}

/// Everything that can be known before a PIN is asked; [`Plan::new`] has checked certificates, token and key already.
fn dry_run(config: &Config, arguments: &SealArgs, plan: &Plan<'_>, output: &Output) -> Result<Exit, Failure> {
    let id = Spool::foresee(&config.state, &arguments.registry).map_err(explain_seal::spool)?;
    let source = plan.registry.capture.check().map_err(|e| explain_seal::capture(&e))?;
    // The spool may not be there yet; then it comes to lie on the file system of the folder above it.
    let there = config.spool.ancestors().find(|folder| folder.exists()).unwrap_or(&config.spool);
    let free = Dir::open(there).and_then(|dir| dir.free_bytes()).map_err(explain::dir)?;
    let status = plan.holder.token().status().map_err(explain::hsm)?;
    output.data(
        &json!({
            "pouch": id.to_string(), "profile": plan.profile.as_str(), "source": source.source,
            "entries": source.entries, "bytes": source.bytes, "free_bytes": free,
            "signer": plan.signer.certificate, "token": status.label, "token_serial": status.serial,
            "split_key": plan.holder.second_token().is_some(), "login": plan.login.name(), "cosigners": plan.cosigners,
            "recipients": plan.recipients.iter().map(|r| &r.certificate).collect::<Vec<_>>(),
        }),
        || {
            let known = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
            let bytes = source.bytes.map_or("unknown size".to_owned(), size);
            format!(
                "would seal {id} with profile {}\nsource      {}: {} entries, {bytes}\nspool       {}: {} free\n\
                 signer      {}, token \"{}\"{}\ncosigners   {}\nrecipients  {}\nnothing was changed and no PIN was asked\n",
                plan.profile.as_str(),
                escape(&source.source),
                known(source.entries),
                escape(&config.spool.display().to_string()),
                size(free),
                plan.signer.certificate,
                escape(&status.label),
                if plan.login.is_quorum() { "; a quorum of custodians will be asked for its PIN" } else { "" },
                plan.cosigners.len(),
                plan.recipients.len(),
            )
        },
    )?;
    // Sealed data is seldom larger than its source; less room than that is a finding, not yet an error.
    if source.bytes.is_some_and(|bytes| bytes > free) {
        output.warn("the spool has less free space than the source has content");
        return Ok(Exit::Findings);
    }
    Ok(Exit::Done)
}

fn report(config: &Config, sealed: &Sealed, (started, split): (Instant, bool), output: &Output) -> Result<(), Failure> {
    let Sealed { manifest, digest, .. } = sealed;
    let folder = folder(config, manifest);
    let missing = manifest.signers.get(1..).unwrap_or_default();
    let operations = openpgp_pkcs11::operations();
    output.data(
        &json!({
            "pouch": manifest.id().to_string(), "folder": folder, "manifest_sha256": digest,
            "manifest_words": digest.words(), "as_of": manifest.as_of, "sealed_at": manifest.sealed_at,
            "entries": manifest.totals.entries, "bytes": manifest.totals.bytes,
            "sealed_bytes": manifest.sealed_bytes(), "parts": manifest.parts().count(),
            "seconds": started.elapsed().as_secs_f64(), "signatures": operations.signatures, "split_key": split,
            "waiting_for": missing,
        }),
        || {
            let end = match missing.len() {
                0 => String::new(),
                more => format!("signatures still missing: {more}; to add one: pouch-seal cosign {}\n", manifest.id()),
            };
            format!(
                "sealed {} in {}: {} entries, {} in {} parts of together {}\n\n{}\nit is in {}\n{end}",
                manifest.id(),
                duration(started.elapsed()),
                manifest.totals.entries,
                size(manifest.totals.bytes),
                manifest.parts().count(),
                size(manifest.sealed_bytes()),
                super::inspect::text(manifest, digest),
                escape(&folder.display().to_string()),
            )
        },
    )
}

/// The console's progress as the sealer wants it.
pub(super) struct Bar(pub(super) pouch_console::Progress);

impl Progress for Bar {
    fn read(&self, count: u64) {
        self.0.add(count);
    }
}
