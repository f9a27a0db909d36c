//! What lies in the folder and in the token afterwards, seen by a process that took no part in it.

use crate::act::{Place, hold};
use openpgp_pkcs11::secrecy::SecretString;
use openpgp_pkcs11::{Contents, KeyError, LoggedIn, LoginOptions, PinPrompt, Token, TokenStatus, Uri};
use pouch_ceremony::certificate_file;
use pouch_ceremony::transcript::{Event, State, Verdict, judge as judged};
use pouch_ceremony::unattended::TYPED_PIN;
use pouch_platform::Dir;
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{Cert, Packet, PacketPile};
use std::fs;
use std::io;
use std::path::Path;

/// What stands before the verdict: the first two failures that people saw, and how it ended.
pub(crate) const VERDICT: &str = "VERDICT ";

/// The keys of the plan and their ids.
const KEYS: [(&str, u8); 2] = [("seal", 1), ("open", 2)];

pub(crate) fn judge(place: Place) {
    let ended = place.ended();
    let dir = Dir::open(place.record()).unwrap();
    let own = certificate_file(&place.record().join("home.pgp")).ok();
    // What stopped without being closed goes on with the same command.
    if judged(&dir, own.as_ref()).unwrap().state() == State::Unsigned {
        assert_eq!(ended, "CEREMONY-UNSIGNED");
        hold(&place, "close", false).unwrap_or_else(|failure| panic!("{}", failure.render(false)));
    }
    let verdict = judged(&dir, own.as_ref()).unwrap();
    let failures = failures(&verdict);
    let (end, expected) = match ended.as_str() {
        "CEREMONY-FAILED" => ("failed", State::Failed),
        "done" | "CEREMONY-UNSIGNED" => ("held", State::Held),
        other => panic!("it ended with {other}"),
    };
    assert_eq!((verdict.state(), verdict.exceptions), (expected, 0), "{:?}", verdict.evidence);
    assert!(!String::from_utf8_lossy(&verdict.reading.bytes).contains(TYPED_PIN), "a PIN is in the transcript");
    folder(&place.record(), own.as_ref());
    token(&place, &verdict, own.as_ref());
    let unsigned = (ended == "CEREMONY-UNSIGNED").then_some(ended);
    let mut seen = failures.into_iter().chain(unsigned);
    let mut next = || seen.next().unwrap_or_else(|| "none".to_owned());
    println!("{VERDICT}{} {} {end}", next(), next());
}

/// The ids of what people saw fail.
fn failures(verdict: &Verdict) -> Vec<String> {
    let failure = |event: &Event| match event {
        Event::Failure { error, message, .. } => {
            assert!(!message.is_empty() && error.starts_with(['H', 'C']), "{error}: {message}");
            Some(error.clone())
        }
        _ => None,
    };
    verdict.reading.lines.iter().filter_map(|line| failure(&line.event)).collect()
}

fn is_done(verdict: &Verdict, step: &str) -> bool {
    verdict.reading.lines.iter().any(|line| matches!(&line.event, Event::Done { step: done, .. } if done == step))
}

/// Every file is whole and says what it should, also one that no line names.
fn folder(record: &Path, own: Option<&Cert>) {
    let names = fs::read_dir(record).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names {
        let path = record.join(&name);
        match name.as_str() {
            "transcript.jsonl" | "transcript.jsonl.sig" => {}
            "home.pgp" => certificate(own.unwrap()),
            "trust.toml" => {
                let trust: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
                let pinned = &trust["certificate"].as_array().unwrap()[0]["fingerprint"];
                assert_eq!(pinned.as_str().unwrap().to_uppercase(), own.unwrap().fingerprint().to_hex());
            }
            revocation if revocation.starts_with("home.revocation-") && revocation.ends_with(".asc") => {
                revokes(&path, own.unwrap());
            }
            other => panic!("{other} was left behind"),
        }
    }
}

fn certificate(cert: &Cert) {
    let policy = StandardPolicy::new();
    assert_eq!(cert.bad_signatures().count(), 0);
    let valid = cert.with_policy(&policy, None).unwrap();
    assert_eq!((valid.keys().count(), valid.userids().count()), (2, 1));
    assert_eq!((valid.keys().for_signing().count(), valid.keys().for_storage_encryption().count()), (1, 1));
}

fn revokes(path: &Path, cert: &Cert) {
    let pile = PacketPile::from_file(path).unwrap();
    let signature = pile.descendants().find(|packet| matches!(packet, Packet::Signature(_))).unwrap().clone();
    let (revoked, _) = cert.clone().insert_packets([signature]).unwrap();
    let status = revoked.revocation_status(&StandardPolicy::new(), None);
    assert!(matches!(status, RevocationStatus::Revoked(_)), "{}: {status:?}", path.display());
}

/// Who typed the PIN at the ceremony.
struct Typed;

impl PinPrompt for Typed {
    fn ask(&mut self, _: &TokenStatus) -> io::Result<Option<SecretString>> {
        Ok(Some(SecretString::from(TYPED_PIN)))
    }

    fn announce_pinpad(&mut self, _: &TokenStatus) -> io::Result<()> {
        Err(io::Error::other("there is no pinpad"))
    }
}

fn token(place: &Place, verdict: &Verdict, own: Option<&Cert>) {
    let uri = Uri::parse(&format!("pkcs11:token=home?module-path={}", place.faulty.module.display())).unwrap();
    let options = LoginOptions { prompt: Some(&mut Typed), credential: "", ..LoginOptions::default() };
    let opened = Token::open(&uri, None).map_err(|error| error.to_string());
    let session = opened.and_then(|token| token.login(options).map_err(|error| error.to_string()));
    let session = match session {
        Ok(session) => session,
        Err(error) => {
            assert!(!is_done(verdict, "token.home.initialise"), "{error}");
            return assert!(own.is_none(), "a certificate without a token");
        }
    };
    let there: Vec<bool> = KEYS.into_iter().map(|(name, id)| is_there(&session, &uri, name, id)).collect();
    for ((name, _), is_there) in KEYS.into_iter().zip(&there) {
        assert!(*is_there || !is_done(verdict, &format!("key.{name}.generate")), "{name} is on the record only");
        if let Some(cert) = own {
            let key = session.key(&uri.with_object(name)).in_certificate(cert).unwrap();
            assert!(key.is_some(), "{name} in the token is not that of the certificate");
        }
    }
    // A public and a private half each, and nothing besides.
    let objects = 2 * there.iter().filter(|is_there| **is_there).count();
    let expected = if objects == 0 { Contents::Empty } else { Contents::Objects(objects) };
    assert_eq!(session.contents().unwrap(), expected);
}

/// Whether there is one key of this name; two are never right.
fn is_there(session: &LoggedIn, uri: &Uri, name: &str, id: u8) -> bool {
    let named = [uri.with_object(name), uri.with_object(name).with_id(&[id])].map(|uri| session.find_key(&uri));
    match named {
        [Ok(_), Ok(_)] => true,
        [Err(KeyError::NotFound { .. }), Err(KeyError::NotFound { .. })] => false,
        other => panic!("key {name}: {other:?}"),
    }
}
