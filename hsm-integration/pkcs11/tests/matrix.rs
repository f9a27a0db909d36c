//! Every function that sealing, opening and making keys call, with every fault: an error with an id, or the right result;
//! never a wrong one, never a wait without end, and the next try succeeds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails loudly, and a table is printed"
)]

mod common;

use common::{fault::*, faulty::Fault, *};
use openpgp_pkcs11::{
    Algorithm, Composite, CompositePlace, Deadlines, DecryptError, Error, Explain, KeyVersion, LoginOptions,
    OpenPgpKey, Token, Uri, Usage, certificate::Builder,
};
use sequoia_openpgp::{
    crypto::SessionKey,
    packet::pkesk::PKESK6,
    policy::StandardPolicy,
    types::{HashAlgorithm, SymmetricAlgorithm},
};
use std::{
    fmt,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::{Duration, Instant},
};

/// Whether a call hangs just now: only then is it given up soon, for a busy machine makes everything slow.
static HANGS: AtomicBool = AtomicBool::new(false);

/// For a call that hangs; everything else answers far faster.
fn limit() -> Duration {
    Duration::from_millis(match Module::chosen() {
        Module::SoftHsm => 400,
        Module::Kryoptic => 1500,
        Module::Tpm => 5000,
    })
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    /// The right result.
    Right,
    /// An error with this id.
    Refused(&'static str),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Refused(id) => f.write_str(id),
        }
    }
}

/// One thing that an operator does with a token, from the start of a program to its end. Fails only with an error of the
/// crate; a wrong result is a panic.
type Story = fn(&Uri, &Keys, u32) -> Result<(), Error>;

/// What was made while the module was sound.
#[derive(Clone)]
struct Keys {
    signing: Vec<(String, OpenPgpKey)>,
    opening: Vec<(String, OpenPgpKey)>,
    /// Post-quantum, where there are such: the one that signs, the one that opens.
    composite: Option<[OpenPgpKey; 2]>,
}

fn token(uri: &Uri) -> Result<Token, Error> {
    let limit = if HANGS.load(Ordering::Relaxed) { limit() } else { Duration::from_secs(60) };
    Ok(Token::open_within(uri, None, Deadlines { answer: limit, person: limit, making: limit })?)
}

fn sign(uri: &Uri, keys: &Keys, _: u32) -> Result<(), Error> {
    for (object, key) in &keys.signing {
        let uri = uri.with_object(object);
        let signer = token(&uri)?.login(LoginOptions::default())?.signer(&uri, key)?;
        let signature = signer.try_sign(HashAlgorithm::SHA384, &[7; 48])?;
        key.verify(&signature, HashAlgorithm::SHA384, &[7; 48]).expect("a wrong signature came out");
    }
    Ok(())
}

fn open(uri: &Uri, keys: &Keys, _: u32) -> Result<(), Error> {
    for (object, key) in &keys.opening {
        let uri = uri.with_object(object);
        let mut decryptor = token(&uri)?.login(LoginOptions::default())?.decryptor(&uri, key)?;
        let secret = SessionKey::from(vec![0x5a; 32]);
        let pkesk = PKESK6::for_recipient(&secret, key).unwrap();
        match pkesk.decrypt(&mut decryptor, Some(SymmetricAlgorithm::AES256)) {
            Some(opened) => assert!(opened == secret, "a wrong session key of {object} came out"),
            // Without a failure of the token it was the checksum that did not fit.
            None => {
                let unfit = DecryptError::DoesNotOpen { fingerprint: key.fingerprint().to_hex() };
                return Err(decryptor.take_failure().unwrap_or(unfit).into());
            }
        }
    }
    Ok(())
}

/// The place of a composite key, by its name.
fn place(uri: &Uri, composite: Composite) -> Result<CompositePlace, Error> {
    let uri = uri.with_object(composite.word());
    Ok(CompositePlace::one(&token(&uri)?.login(LoginOptions::default())?, &uri))
}

fn sign_composite(uri: &Uri, keys: &Keys, _: u32) -> Result<(), Error> {
    let [key, _] = keys.composite.as_ref().unwrap();
    let signature = place(uri, Composite::MlDsa65Ed25519)?.signer(key)?.try_sign(HashAlgorithm::SHA512, &[7; 64])?;
    key.verify(&signature, HashAlgorithm::SHA512, &[7; 64]).expect("a wrong signature came out");
    Ok(())
}

fn open_composite(uri: &Uri, keys: &Keys, _: u32) -> Result<(), Error> {
    let [_, key] = keys.composite.as_ref().unwrap();
    let decryptor = place(uri, Composite::MlKem768X25519)?.decryptor(key)?;
    let secret = SessionKey::from(vec![0x5a; 32]);
    let opened = decryptor.try_decrypt(PKESK6::for_recipient(&secret, key).unwrap().esk())?;
    assert!(opened == secret, "a wrong session key came out");
    Ok(())
}

fn make_composite(uri: &Uri, _: &Keys, number: u32) -> Result<(), Error> {
    let logged_in = token(uri)?.login(LoginOptions::default())?;
    let label = format!("made-{number}");
    let made = logged_in.generate_composite(Composite::MlDsa65Ed25519, &label, &number.to_be_bytes());
    match made {
        Ok(made) => {
            let both = CompositePlace::one(&logged_in, &made.uri).public(Composite::MlDsa65Ed25519)?;
            assert_eq!(both, made.public);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn make(uri: &Uri, _: &Keys, number: u32) -> Result<(), Error> {
    let logged_in = token(uri)?.login(LoginOptions::default())?;
    let made = logged_in.generate(Algorithm::P256, &format!("made-{number}"), &number.to_be_bytes())?;
    let cert = Builder::new(KeyVersion::V6, "DEMO", created())?.signing(&logged_in, &made.uri)?;
    let policy = StandardPolicy::new();
    let valid = cert.with_policy(&policy, None).expect("a certificate that is none came out");
    assert_eq!(valid.keys().for_signing().count(), 1);
    Ok(())
}

/// Runs a story, with somebody who looks at the clock.
fn told(story: Story, uri: &Uri, keys: &Keys, number: u32) -> Outcome {
    let (sender, answer) = sync_channel(1);
    let (uri, keys) = (uri.clone(), keys.clone());
    let teller = thread::spawn(move || sender.send(story(&uri, &keys, number)));
    match answer.recv_timeout(Duration::from_secs(120)) {
        Ok(Ok(())) => Outcome::Right,
        Ok(Err(error)) => {
            assert!(!error.to_string().is_empty());
            Outcome::Refused(error.explain().id)
        }
        Err(_) if teller.is_finished() => panic!("{:?}", teller.join()),
        Err(_) => panic!("it still waits"),
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Waits for the threads that were left behind and are let go now. An operator's next try is another process; here their
/// sessions would keep the login alive, and tpm2-pkcs11 mixes up sessions that are used while others close.
fn settle(before: usize) {
    let begun = Instant::now();
    while threads() > before && begun.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_function_with_every_fault() {
    with_faults("every_function_with_every_fault", |bench, faulty| {
        let setup = faulty.login(bench);
        let made = |algorithm: Algorithm, id| generate(&setup, algorithm, algorithm.as_str(), id);
        let signing = usable(bench, &setup, Usage::Sign, &[Algorithm::P256, Algorithm::Ed25519]);
        let signing = (1..).zip(signing).map(|(id, algorithm)| {
            let public = setup.public_key(&made(algorithm, id)).unwrap();
            (algorithm.as_str().to_owned(), public.to_signing_key(KeyVersion::V6, created()).unwrap())
        });
        let opening = opening_here(bench, &setup, &[Algorithm::Rsa3072, Algorithm::P384, Algorithm::X25519]);
        let opening = (0x10..).zip(opening).map(|(id, algorithm)| {
            let public = setup.public_key(&made(algorithm, id)).unwrap();
            (algorithm.as_str().to_owned(), public.to_encryption_key(KeyVersion::V6, created()).unwrap())
        });
        let composite = (bench.module == Module::Kryoptic).then(|| {
            [(Composite::MlDsa65Ed25519, 0x20), (Composite::MlKem768X25519, 0x21)].map(|(composite, id)| {
                let made = setup.generate_composite(composite, composite.word(), &[id]).unwrap();
                made.public.to_openpgp(created()).unwrap()
            })
        });
        let keys = Keys { signing: signing.collect(), opening: opening.collect(), composite };
        drop(setup);
        let uri = faulty.uri(bench);
        // Above the ids of the keys there are.
        let mut number = 1 << 16;
        let mut counts = [0; 3];
        let mut flaws = Vec::new();
        let mut tell = |story: Story, orders: &str| {
            number += 1;
            faulty.order(orders);
            faulty.clear_log();
            HANGS.store(orders.starts_with("hang"), Ordering::Relaxed);
            let before = threads();
            let outcome = told(story, &uri, &keys, number);
            let called = faulty.called();
            faulty.order("");
            settle(before);
            (outcome, called)
        };
        let mut stories = vec![("sign", sign as Story), ("open", open), ("make", make)];
        if keys.composite.is_some() {
            stories.extend([("sign2", sign_composite as Story), ("open2", open_composite), ("make2", make_composite)]);
        }
        // A session that is not closed keeps the login, and there would be no other: so that comes last.
        let round = |closing| stories.iter().map(move |&(name, story)| (closing, name, story));
        let rounds: Vec<_> = [false, true].into_iter().flat_map(round).collect();
        for (closing, name, story) in rounds {
            let (outcome, functions) = tell(story, "");
            assert_eq!(outcome, Outcome::Right, "{name} with a sound module");
            for function in functions.iter().filter(|function| (*function == "C_CloseSession") == closing) {
                for fault in Fault::PROMPT.into_iter().filter(|fault| fault.is_for(function)) {
                    let (outcome, called) = tell(story, &fault.order(function));
                    assert!(called.contains(function), "{name} does not come to {function}");
                    println!("{name:<5} {function:<20} {:<8} {outcome}", format!("{fault:?}"));
                    let silent = outcome == Outcome::Refused("HSM-SILENT");
                    counts[if outcome == Outcome::Right { 2 } else { usize::from(silent) }] += 1;
                    // All is done when a session is closed.
                    let fits = closing || if fault == Fault::Hang { silent } else { outcome != Outcome::Right };
                    if !fits {
                        flaws.push(format!("{name}, {function}, {fault:?}: {outcome}"));
                    }
                    let (after, _) = tell(story, "");
                    if after != Outcome::Right {
                        flaws.push(format!("{name} after {function}, {fault:?}: {after}"));
                    }
                }
            }
        }
        let [refused, silent, right] = counts;
        println!("{refused} refused, {silent} given up after {:?}, {right} without effect, 0 wrong results", limit());
        assert!(flaws.is_empty(), "{flaws:#?}");
    });
}
