//! A certificate that exists: ours from before, or that of the other side. It counts once people have compared it.

use super::proof::{no_signer, signing_keys};
use crate::ceremony::{Ceremony, missing};
use crate::dialog::spoken;
use crate::people::Role;
use crate::plan::Name;
use crate::transcript::{Fact, Mode};
use pouch_cli::explain;
use pouch_console::{Exit, Failure, escape};
use pouch_format::Fingerprint;
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::serialize::SerializeInto as _;
use std::io::Read as _;
use std::path::Path;

/// Largest certificate, in bytes.
const MAX_BYTES: u64 = 1 << 20;

pub(super) fn accept(ceremony: &mut Ceremony<'_>, name: &Name) -> Result<Vec<Fact>, Failure> {
    let known = ceremony.plan().known.get(name).ok_or_else(|| missing("certificate", name))?.clone();
    let file = ceremony.binding.known.get(name).ok_or_else(|| missing("certificate", name))?.file.clone();
    let cert = read(&file)?;
    let fingerprint = fingerprint_of(&cert)?;
    if let Some(pinned) = known.fingerprint.filter(|_| ceremony.mode == Mode::Run)
        && pinned != fingerprint
    {
        return Err(Failure::new(
            "CEREMONY-FINGERPRINT",
            Exit::Refused,
            format!("{} is another certificate", file.display()),
        )
        .fact("there", fingerprint)
        .fact("plan", pinned)
        .hint("nothing was accepted; find out where the file comes from"));
    }
    assert_signer(ceremony, name, &cert)?;
    let user_ids: Vec<String> =
        cert.userids().map(|id| escape(&String::from_utf8_lossy(id.userid().value()))).collect();
    let question = format!(
        "Certificate \"{name}\" of {}\nfingerprint {fingerprint}\n{}\nCompare it with the paper of its owner, who reads the words aloud.",
        user_ids.join(", "),
        spoken(&fingerprint.words())
    );
    ceremony.confirm(Role::Administrator, &question)?;
    facts(ceremony, name, &cert)
}

/// The certificate that signs the transcript in the end must be able to: that it cannot is not learnt after all the rest.
fn assert_signer(ceremony: &Ceremony<'_>, name: &Name, cert: &Cert) -> Result<(), Failure> {
    if ceremony.plan().transcript.signed_by != *name {
        return Ok(());
    }
    let by_subkey = ceremony.plan().known.get(name).is_some_and(|known| known.signing.is_some());
    let keys = signing_keys(cert);
    let signs = if by_subkey { !keys.is_empty() } else { keys.contains(&cert.fingerprint()) };
    if signs { Ok(()) } else { Err(no_signer(cert)) }
}

/// The certificate as a file of this ceremony, and what is written down of it.
pub(super) fn facts(ceremony: &Ceremony<'_>, name: &Name, cert: &Cert) -> Result<Vec<Fact>, Failure> {
    let bytes = cert.armored().to_vec().map_err(|error| unreadable(error.to_string()))?;
    let key = cert.primary_key().key();
    let policy = sequoia_openpgp::policy::StandardPolicy::new();
    let valid = cert.with_policy(&policy, key.creation_time().max(std::time::SystemTime::now()));
    let expires = valid.ok().and_then(|cert| cert.primary_key().key_expiration_time());
    let time = |time| jiff::Timestamp::try_from(time).map_err(|error| unreadable(format!("{error}")));
    let subkeys = cert.keys().subkeys().map(|key| parse(&key.key().fingerprint().to_hex()));
    let user_id = cert.userids().next().map(|id| String::from_utf8_lossy(id.userid().value()).into_owned());
    let fact = Fact::Certificate {
        certificate: name.clone(),
        fingerprint: fingerprint_of(cert)?,
        subkeys: subkeys.collect::<Result<_, _>>()?,
        user_id: user_id.unwrap_or_default(),
        created: time(key.creation_time())?,
        expires: expires.map(time).transpose()?,
    };
    Ok(vec![fact, ceremony.write_file(&file_name(name), &bytes)?])
}

/// The file of a certificate in the ceremony's folder.
pub(super) fn file_name(name: &Name) -> String {
    format!("{name}.pgp")
}

/// A certificate that an earlier step made or accepted.
pub(super) fn load(ceremony: &Ceremony<'_>, name: &Name) -> Result<Cert, Failure> {
    parse_one(&ceremony.read_file(&file_name(name))?)
}

pub(super) fn fingerprint_of(cert: &Cert) -> Result<Fingerprint, Failure> {
    parse(&cert.fingerprint().to_hex())
}

fn parse(text: &str) -> Result<Fingerprint, Failure> {
    text.parse().map_err(|_| unreadable(format!("\"{text}\" is no fingerprint of a known version")))
}

/// Reads the file of one certificate without secret keys.
///
/// # Errors
/// `INPUT`: the file cannot be read; `CEREMONY-CERTIFICATE`: it is something else.
pub fn read(path: &Path) -> Result<Cert, Failure> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(explain::input(path))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(explain::input(path))?;
    parse_one(&bytes)
}

fn parse_one(bytes: &[u8]) -> Result<Cert, Failure> {
    let mut parser = CertParser::from_bytes(bytes).map_err(|error| unreadable(error.to_string()))?;
    match (parser.next(), parser.next()) {
        (Some(Ok(cert)), None) if !cert.is_tsk() => Ok(cert),
        (Some(Ok(_)), None) => Err(unreadable("it has a secret key in it".to_owned())),
        (Some(Err(error)), _) => Err(unreadable(error.to_string())),
        (None, _) => Err(unreadable("there is none".to_owned())),
        (_, Some(_)) => Err(unreadable("there is more than one".to_owned())),
    }
}

fn unreadable(reason: String) -> Failure {
    Failure::new("CEREMONY-CERTIFICATE", Exit::Data, format!("not one OpenPGP certificate: {reason}"))
        .hint("nothing was done; bring the file of one certificate, without secret keys")
}
