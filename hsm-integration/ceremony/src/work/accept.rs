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
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Largest certificate, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most user ids that are shown, and most letters of each.
const MAX_IDS: usize = 3;
const MAX_ID: usize = 100;

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
    assert_overlap(ceremony, name, &cert)?;
    let question = format!(
        "Certificate \"{name}\" of {}\nfingerprint {fingerprint}\n{}\nCompare it with the paper of its owner, who reads the words aloud.",
        user_ids(&cert),
        spoken(&fingerprint.words())
    );
    ceremony.confirm(Role::Administrator, &question)?;
    facts(ceremony, name, &cert)
}

/// User ids, as far as they leave room for the fingerprint: who made the file chose them, and they are believed by nobody.
fn user_ids(cert: &Cert) -> String {
    let text = |id: &[u8]| escape(&String::from_utf8_lossy(id));
    let mut shown: Vec<String> = cert.userids().take(MAX_IDS).map(|id| text(id.userid().value())).collect();
    for id in &mut shown {
        if let Some((cut, _)) = id.char_indices().nth(MAX_ID) {
            id.truncate(cut);
            id.push_str("...");
        }
    }
    let more = cert.userids().count().saturating_sub(MAX_IDS);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// An old certificate that ends before its overlap does is no certificate for this plan, whatever the plan says.
fn assert_overlap(ceremony: &Ceremony<'_>, name: &Name, cert: &Cert) -> Result<(), Failure> {
    let plan = ceremony.plan().rollover.as_ref().filter(|rollover| rollover.from == *name);
    let Some(days) = plan.map(|rollover| u64::from(rollover.overlap_days)) else { return Ok(()) };
    let until = SystemTime::now().checked_add(Duration::from_secs(days.saturating_mul(86_400)));
    match (expiry(cert), until) {
        (Some(ends), Some(until)) if ends < until => {
            let ends = jiff::Timestamp::try_from(ends).map(|ends| ends.to_string()).unwrap_or_default();
            let message = format!("certificate {name} ends at {ends}, before its overlap of {days} days does");
            Err(Failure::new("CEREMONY-CERTIFICATE", Exit::Refused, message)
                .hint("nothing was accepted; plan fewer days, or extend the certificate first"))
        }
        _ => Ok(()),
    }
}

/// When a certificate ends, by what counts of it now.
fn expiry(cert: &Cert) -> Option<SystemTime> {
    let policy = StandardPolicy::new();
    let at = cert.primary_key().key().creation_time().max(SystemTime::now());
    cert.with_policy(&policy, at).ok()?.primary_key().key_expiration_time()
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
    let time = |time| jiff::Timestamp::try_from(time).map_err(|error| unreadable(format!("{error}")));
    let subkeys = cert.keys().subkeys().map(|key| parse(&key.key().fingerprint().to_hex()));
    let user_id = cert.userids().next().map(|id| String::from_utf8_lossy(id.userid().value()).into_owned());
    let fact = Fact::Certificate {
        certificate: name.clone(),
        fingerprint: fingerprint_of(cert)?,
        subkeys: subkeys.collect::<Result<_, _>>()?,
        user_id: user_id.unwrap_or_default(),
        created: time(key.creation_time())?,
        expires: expiry(cert).map(time).transpose()?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::cert::CertBuilder;

    #[test]
    fn user_ids_leave_room_for_the_fingerprint() {
        let long = format!("{}fingerprint ABCD", "x".repeat(200));
        let ids = ["Embassy", "b\nfingerprint", &long, "d", "e"];
        let builder = ids.iter().fold(CertBuilder::new(), |builder, id| builder.add_userid(*id));
        let shown = user_ids(&builder.generate().unwrap().0);
        assert!(shown.chars().count() < 330 && shown.ends_with(", and 2 more"), "{shown}");
        assert!(!shown.contains('\n') && !shown.contains("ABCD"), "{shown}");
    }
}
