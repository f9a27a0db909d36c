//! `pouch-seal cosign`

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

use openpgp_pkcs11::{Holder, KeyNames, Uri};
use pouch_cli::{Login, explain};
use pouch_console::{Exit, Failure, Output, confirm, escape};
use pouch_format::{Fingerprint, Manifest, PouchId, limits};
use pouch_platform::Dir;
use pouch_seal::certificate::{self, SignerCertificate};
use pouch_seal::config::{Config, SignerConfig};
use pouch_seal::cosign::{CosignError, Statement, Waiting, missing};
use pouch_seal::spool::Spool;
use serde_json::json;

use super::load;
use super::seal::Bar;
use crate::cli::{Cli, CosignArgs};
use crate::explain as explain_seal;

pub(crate) fn run(cli: &Cli, arguments: &CosignArgs, output: &Output) -> Result<Exit, Failure> {
    let Some(id) = &arguments.pouch else { return sign_request(cli, arguments, output) };
    let config = load(cli)?.values;
    let mut spool = Spool::open(&config.spool, &config.state, &id.registry).map_err(explain_seal::spool)?;
    if arguments.withdraw {
        return withdraw(spool, id, output);
    }
    // The last signature was added, perhaps by a run that was interrupted.
    if spool.is_ready(id).map_err(explain_seal::spool)? {
        return report(&config, id, &[], output);
    }
    let waiting = Waiting::open(&mut spool, id).map_err(explain_seal::cosign)?;
    if let Some(file) = &arguments.export {
        return export(&waiting, file, output);
    }
    let mut officers = super::officers(&config, waiting.statement().manifest());
    if let Some(file) = &arguments.certificate {
        let Manifest { profile, sealed_at, .. } = waiting.statement().manifest();
        let officer = certificate::signer(file, *profile, (*sealed_at).into()).map_err(explain_seal::officer)?;
        officers.push((file, officer));
    }
    let (files, officers): (Vec<&Path>, Vec<SignerCertificate>) = officers.into_iter().unzip();
    let signed = waiting.signed(&officers).map_err(explain_seal::cosign)?;
    let missing = if missing(waiting.statement().manifest(), &signed).is_empty() {
        // As above, but the power went before the pouch got its name.
        waiting.settle(&signed).map_err(explain_seal::cosign)?
    } else if let Some(file) = &arguments.import {
        let signature = read(file, limits::SIGNATURE_FILE_BYTES)?;
        check_holder(waiting.statement(), &signature, &files, &officers)?;
        waiting.check_parts(&bar(&waiting, output)).map_err(explain_seal::cosign)?;
        waiting.add(&signature, &officers).map_err(explain_seal::cosign)?
    } else {
        let officer = Officer::new(Some(&config), arguments, waiting.statement(), &signed)?;
        waiting.check_parts(&bar(&waiting, output)).map_err(explain_seal::cosign)?;
        let signature = officer.sign(waiting.statement(), &signed, output)?;
        waiting.add(&signature, &officers).map_err(explain_seal::cosign)?
    };
    report(&config, id, &missing, output)
}

/// Whoever is expired or revoked today does not sign any more, although his signature says that it is of the time of sealing.
fn check_holder(
    statement: &Statement,
    signature: &[u8],
    files: &[&Path],
    officers: &[SignerCertificate],
) -> Result<(), Failure> {
    let signers = statement.check_file(signature, officers).map_err(explain_seal::cosign)?;
    for (file, officer) in files.iter().zip(officers) {
        if signers.contains(&officer.certificate) {
            let judged = certificate::signer(file, statement.manifest().profile, SystemTime::now());
            judged.map_err(explain_seal::officer)?;
        }
    }
    Ok(())
}

fn bar(waiting: &Waiting<'_>, output: &Output) -> Bar {
    let manifest = waiting.statement().manifest();
    let label = format!("comparing {}", manifest.id());
    Bar(pouch_console::Progress::bytes(output, &label, Some(manifest.sealed_bytes())))
}

/// Who signs, with the token looked at and no PIN asked.
struct Officer {
    certificate: SignerCertificate,
    holder: Holder,
    login: Login,
}

impl Officer {
    fn new(
        config: Option<&Config>,
        arguments: &CosignArgs,
        statement: &Statement,
        signed: &[Fingerprint],
    ) -> Result<Self, Failure> {
        let SignerConfig { key, key_pq, accept_split_key, certificate, quorum } = named(config, arguments)?;
        let manifest = statement.manifest();
        // By the embassy's measure, and by today's: who is revoked now does not sign any more.
        for at in [manifest.sealed_at.into(), SystemTime::now()] {
            certificate::signer(&certificate, manifest.profile, at).map_err(explain_seal::officer)?;
        }
        let certificate = certificate::signer(&certificate, manifest.profile, manifest.sealed_at.into());
        let certificate = certificate.map_err(explain_seal::officer)?;
        statement.check_announced(&certificate.certificate).map_err(explain_seal::cosign)?;
        if signed.contains(&certificate.certificate) {
            let twice = CosignError::Twice { pouch: manifest.id(), signer: certificate.certificate };
            return Err(explain_seal::cosign(twice));
        }
        let login = arguments.pin.login(quorum, &Uri::parse(&key).map_err(explain::hsm)?)?;
        let names = KeyNames { key: &key, key_pq: key_pq.as_deref(), accept_split: accept_split_key };
        let holder = Holder::open(names, config.and_then(|config| config.module.as_deref())).map_err(explain::hsm)?;
        holder.check(&certificate.key).map_err(explain::hsm)?;
        Ok(Self { certificate, holder, login })
    }

    /// Shows what is signed, wants `Yes`, then the PIN; one signature.
    fn sign(&self, statement: &Statement, signed: &[Fingerprint], output: &Output) -> Result<Vec<u8>, Failure> {
        let mut question = format!("About to be signed by {}:\n\n", self.certificate.certificate);
        question += &super::inspect::text(statement.manifest(), &statement.digest());
        for signer in signed {
            question += &format!("signed by   {signer}\n");
        }
        confirm(output, &question)?;
        let session = self.login.log_in(&self.holder, output)?;
        let mut signer = session.signer(&self.certificate.key).map_err(explain::hsm)?;
        statement.sign(&mut signer).map_err(|error| explain_seal::cosign(error.into()))
    }
}

/// The key and certificate that the command line names, or the configuration.
fn named(config: Option<&Config>, arguments: &CosignArgs) -> Result<SignerConfig, Failure> {
    if let (Some(key), Some(certificate)) = (&arguments.key, &arguments.certificate) {
        let (key, certificate) = (key.clone(), certificate.clone());
        return Ok(SignerConfig { key, certificate, key_pq: None, accept_split_key: false, quorum: false });
    }
    let known: Vec<_> = config.iter().flat_map(|config| config.cosigner.keys().cloned()).collect();
    let Some(name) = &arguments.officer else {
        return Err(Failure::new("COSIGN-OFFICER", Exit::Usage, "it is not said who signs")
            .fact("known", if known.is_empty() { "none".to_owned() } else { known.join(", ") })
            .hint("nothing was signed; add --as NAME, or --key URI --certificate FILE"));
    };
    config.and_then(|config| config.cosigner.get(name)).cloned().ok_or_else(|| {
        Failure::new(
            "COSIGN-OFFICER",
            Exit::Config,
            format!("cosigner \"{}\" is not in the configuration", escape(name)),
        )
        .fact("known", if known.is_empty() { "none".to_owned() } else { known.join(", ") })
        .hint(
            "nothing was signed; add a section [cosigner.NAME] with `key` and `certificate`, or name one that is there",
        )
    })
}

/// On another machine, without a spool.
fn sign_request(cli: &Cli, arguments: &CosignArgs, output: &Output) -> Result<Exit, Failure> {
    let (Some(request), Some(into)) = (&arguments.request, &arguments.output) else {
        return Err(Failure::new("USAGE", Exit::Usage, "name a pouch, or --request FILE --output FILE"));
    };
    // A machine that only signs needs no configuration.
    let config = match (&arguments.key, &cli.common.config) {
        (Some(_), None) => None,
        _ => Some(load(cli)?.values),
    };
    let bytes = read(request, limits::MANIFEST_BYTES)?;
    let statement = Statement::read(bytes).map_err(|error| explain_seal::cosign(error.into()))?;
    let officer = Officer::new(config.as_ref(), arguments, &statement, &[])?;
    let signature = officer.sign(&statement, &[], output)?;
    write_new(into, &signature)?;
    let (id, signer) = (statement.manifest().id(), &officer.certificate.certificate);
    output.data(&json!({ "pouch": id.to_string(), "signer": signer, "signature": into }), || {
        format!(
            "{signer} signed {id}; bring {} back and add it: pouch-seal cosign {id} --import FILE\n",
            escape(&into.display().to_string())
        )
    })?;
    Ok(Exit::Done)
}

fn export(waiting: &Waiting<'_>, file: &Path, output: &Output) -> Result<Exit, Failure> {
    let statement = waiting.statement();
    write_new(file, statement.bytes())?;
    let (id, digest) = (statement.manifest().id(), statement.digest());
    output.data(
        &json!({
            "pouch": id.to_string(), "request": file, "manifest_sha256": digest, "manifest_words": digest.words(),
        }),
        || {
            format!(
                "what is to be signed is in {}; tell the officer on another way what it is:\n\n{}",
                escape(&file.display().to_string()),
                super::inspect::text(statement.manifest(), &digest)
            )
        },
    )?;
    Ok(Exit::Done)
}

fn withdraw(mut spool: Spool, id: &PouchId, output: &Output) -> Result<Exit, Failure> {
    let waiting = spool.waiting().map(|(waiting, _)| waiting);
    if waiting.as_ref() != Some(id) {
        return Err(explain_seal::cosign(CosignError::NotWaiting { pouch: id.clone(), waiting }));
    }
    let question = format!(
        "{id} will be removed, and the next pouch gets its number.\nIf an officer has signed it elsewhere, that signature \
         and every copy of {id} must be destroyed first: two pouches of one number stop the registry at the embassy."
    );
    confirm(output, &question)?;
    spool.withdraw().map_err(explain_seal::spool)?;
    output.data(&json!({ "pouch": id.to_string(), "withdrawn": true }), || {
        format!("{id} is withdrawn; the next pouch of its registry gets its number\n")
    })?;
    Ok(Exit::Done)
}

fn report(config: &Config, id: &PouchId, missing: &[Fingerprint], output: &Output) -> Result<Exit, Failure> {
    let ready = config.spool.join(id.to_string());
    let folder = missing.is_empty().then_some(&ready);
    output.data(&json!({ "pouch": id.to_string(), "folder": folder, "waiting_for": missing }), || {
        if missing.is_empty() {
            return format!("all have signed {id}; it is in {}\n", escape(&ready.display().to_string()));
        }
        let names: String = missing.iter().map(|signer| format!("  {signer}\n")).collect();
        format!("the signature is added; {id} still waits for\n{names}")
    })?;
    Ok(Exit::Done)
}

/// A file that an officer brought.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(explain::input(path))?;
    if !file.metadata().map_err(explain::input(path))?.is_file() {
        let message = format!("{} is not a file", path.display());
        return Err(Failure::new("INPUT", Exit::NoInput, message).hint("nothing was changed; correct the path"));
    }
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(explain::input(path))?;
    if bytes.len() as u64 > limit {
        let message = format!("{} has more than {limit} bytes", path.display());
        return Err(Failure::new("INPUT", Exit::Data, message).hint("nothing was changed; it is not what it should be"));
    }
    Ok(bytes)
}

/// A new file, durable before it is spoken of.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let path = std::path::absolute(path).map_err(explain::input(path))?;
    let name = path.file_name().unwrap_or_default();
    let dir = Dir::open(path.parent().unwrap_or(Path::new("/"))).map_err(explain::dir)?;
    let mut file = dir.create_new(name).map_err(explain::dir)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What is cut off must not be taken for whole.
        let _ = dir.remove_file(name);
        let message = format!("cannot write {}: {error}", path.display());
        return Err(Failure::new("DISK", Exit::from(&error), message).hint("nothing was left there; free some space"));
    }
    dir.sync().map_err(explain::dir)
}

/// Whom a pouch still waits for, as far as the configuration knows the officers. Nothing is judged.
pub(super) fn waits_for(config: &Config, manifest: &Manifest, bytes: &[u8], file: &[u8]) -> Vec<Fingerprint> {
    let officers: Vec<_> = super::officers(config, manifest).into_iter().map(|(_, officer)| officer).collect();
    let signed = Statement::read(bytes.to_vec()).ok().and_then(|it| it.check_file(file, &officers).ok());
    missing(manifest, &signed.unwrap_or_default())
}
