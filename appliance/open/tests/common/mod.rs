//! An embassy in a temporary directory, and pouches for it: real keys and signatures, arbitrary bytes as sealed parts.
#![allow(dead_code, reason = "each test file uses its own part of the fixture")]
#![allow(unreachable_pub, reason = "a module of test files is no library")]
#![allow(missing_docs, reason = "a module of test files is no library")]

pub mod keys;
pub mod snapshot;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openssl::sha::sha256;
use pouch_format::{
    Blake3Digest, Kind, MANIFEST_FILE, Manifest, Part, Profile, Recipient, RegistryName, SIGNATURE_FILE, Sha256Digest,
    Totals, VERSION, index_file, segment_file,
};
use pouch_open::{
    AdmitError, Checked, Clock, Kept, Source, SpoolError, State, StatePlaces, Trust, VerifyError, admit, check, keep,
    spool, verify,
};
use pouch_vault::Vault;
use sequoia_openpgp::cert::CipherSuite;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::serialize::{Serialize, SerializeInto};
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp::{Cert, Packet};

use keys::{SEALED, signing_key, system_time};

/// What the local clock says in the tests: 2026-06-01. Nothing may depend on it.
pub fn clock() -> Clock {
    Clock::at(Timestamp::from_second(1_780_272_000).unwrap())
}

/// An embassy and those who seal for it.
pub struct World {
    /// Everything is beneath: `trust/`, `vault/`, `state-a/`, `state-b/`, and sources.
    pub root: tempfile::TempDir,
    /// Those who may sign, with their secret keys.
    pub signers: Vec<Cert>,
    /// Those who are addressed.
    pub embassy: Cert,
    /// Of the drafts.
    pub profile: Profile,
}

/// A pouch that can be changed before it is signed and written.
#[derive(Clone)]
pub struct Draft {
    pub manifest: Manifest,
    /// The sealed parts, in the order of the manifest.
    pub parts: Vec<Vec<u8>>,
}

/// Why an import ended.
#[derive(Debug)]
pub enum Refusal {
    Spool(SpoolError),
    Verify(VerifyError),
    Admit(AdmitError),
    Keep(pouch_open::KeepError),
}

impl Refusal {
    /// The rule's name, or `none`.
    pub fn rule(&self) -> &'static str {
        let rule = match self {
            Refusal::Spool(e) => e.rule(),
            Refusal::Verify(e) => e.rule(),
            Refusal::Admit(e) => Some(e.rule()),
            Refusal::Keep(e) => e.rule(),
        };
        rule.map_or("none", pouch_format::Rule::id)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Spool(e) => e.fmt(f),
            Refusal::Verify(e) => e.fmt(f),
            Refusal::Admit(e) => e.fmt(f),
            Refusal::Keep(e) => e.fmt(f),
        }
    }
}

impl World {
    /// One signer of version 6; registries `land` and `ships` demand it.
    pub fn new() -> Self {
        Self::with(vec![keys::signer_v6(CipherSuite::Cv25519)], 1)
    }

    /// These signers, so many of whom must sign.
    pub fn with(signers: Vec<Cert>, threshold: usize) -> Self {
        let embassy = keys::embassy(sequoia_openpgp::Profile::RFC9580);
        Self::of(signers, embassy, Profile::Rfc9580, threshold)
    }

    /// Everything post-quantum.
    pub fn pqc() -> Self {
        let signers = vec![keys::signer_v6(CipherSuite::MLDSA65_Ed25519)];
        Self::of(signers, keys::embassy_pqc(), Profile::Rfc9980, 1)
    }

    pub fn of(signers: Vec<Cert>, embassy: Cert, profile: Profile, threshold: usize) -> Self {
        let world = Self { root: tempfile::tempdir().unwrap(), signers, embassy, profile };
        world.write_trust(threshold);
        drop(world.state());
        world
    }

    /// Writes the trust file and the public certificates.
    pub fn write_trust(&self, threshold: usize) {
        let dir = self.path("trust");
        fs::create_dir_all(&dir).unwrap();
        let mut text = String::new();
        for (n, cert) in self.signers.iter().enumerate() {
            write_cert(&dir.join(format!("signer-{n}.pgp")), cert);
            text += &format!(
                "[[certificate]]\nfile = \"signer-{n}.pgp\"\nfingerprint = \"{}\"\n",
                cert.fingerprint().to_hex()
            );
        }
        let names: Vec<String> =
            self.signers.iter().map(|cert| format!("\"{}\"", cert.fingerprint().to_hex())).collect();
        for registry in ["land", "ships"] {
            text += &format!("[registry.{registry}]\nsigners = [{}]\nthreshold = {threshold}\n", names.join(", "));
        }
        write_cert(&dir.join("embassy.pgp"), &self.embassy);
        text += "[embassy]\ncertificates = [\"embassy.pgp\"]\n";
        fs::write(dir.join("trust.toml"), text).unwrap();
    }

    /// The trust file demands at least this profile for each registry.
    pub fn demand(&self, profile: &str) {
        let path = self.path("trust/trust.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("threshold =", &format!("profile = \"{profile}\"\nthreshold ="))).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn trust(&self) -> Trust {
        Trust::load(&self.path("trust/trust.toml")).unwrap()
    }

    pub fn vault(&self) -> Vault {
        Vault::open_local(self.path("vault")).unwrap()
    }

    pub fn places(&self) -> StatePlaces {
        StatePlaces { a: self.path("state-a"), b: self.path("state-b"), log: self.path("state-a") }
    }

    pub fn state(&self) -> State {
        State::open(&self.places(), &self.vault()).unwrap()
    }

    /// Pouch `sequence` of `land` after `previous`, with two segments and one index part.
    pub fn draft(&self, sequence: u64, previous: Option<Sha256Digest>) -> Draft {
        let parts: Vec<Vec<u8>> = vec![vec![1; 3000], vec![2; 1], vec![sequence.to_le_bytes()[0]; 500]];
        let day = i64::try_from(sequence % 10_000).unwrap() * 86_400;
        let subkey = self.embassy.keys().subkeys().next().unwrap().key().fingerprint();
        let mut draft = Draft {
            manifest: Manifest {
                version: VERSION,
                registry: "land".parse().unwrap(),
                sequence,
                previous,
                kind: Kind::Full,
                as_of: Timestamp::from_second(SEALED + day - 60).unwrap(),
                sealed_at: Timestamp::from_second(SEALED + day).unwrap(),
                rpo_seconds: 172_800,
                profile: self.profile,
                signers: self.signers.iter().map(fingerprint).collect(),
                recipients: vec![Recipient {
                    certificate: fingerprint(&self.embassy),
                    key: subkey.to_hex().parse().unwrap(),
                }],
                totals: Totals { entries: 3, bytes: 600 },
                index_blake3: Blake3Digest([7; 32]),
                segments: Vec::new(),
                index: Vec::new(),
            },
            parts,
        };
        draft.fit_parts(1);
        draft
    }

    /// Signs by the first signer and writes to a new source.
    pub fn source(&self, name: &str, draft: &Draft) -> PathBuf {
        let signature = self.sign(&self.signers[0], draft);
        self.write(name, draft, &signature)
    }

    /// A signature as the writer makes it.
    pub fn sign(&self, cert: &Cert, draft: &Draft) -> Vec<u8> {
        sign_with(cert, draft, |builder| builder.set_intended_recipients(vec![self.embassy.fingerprint()]).unwrap())
    }

    /// Writes a source with the given signature file.
    pub fn write(&self, name: &str, draft: &Draft, signatures: &[u8]) -> PathBuf {
        let dir = self.path(name);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(MANIFEST_FILE), draft.manifest.to_bytes()).unwrap();
        fs::write(dir.join(SIGNATURE_FILE), signatures).unwrap();
        for (part, bytes) in draft.manifest.parts().zip(&draft.parts) {
            fs::write(dir.join(&part.name), bytes).unwrap();
        }
        dir
    }

    /// The whole path, as an import walks it.
    pub fn import(&self, source: &Path, first: Option<Sha256Digest>) -> Result<Kept, Refusal> {
        let vault = self.vault();
        let mut state = State::open(&self.places(), &vault).unwrap();
        import_at(source, &self.trust(), &vault, &mut state, first, clock())
    }

    /// The same checks where the pouch lies.
    pub fn check(&self, source: &Path) -> Result<Checked, Refusal> {
        check_at(source, &self.trust())
    }

    /// Refused by this rule, by import and by check alike, with nothing changed on disk.
    pub fn refuses(&self, source: &Path, rule: &str) -> Refusal {
        let before = snapshot::of(self.root.path());
        let refusal = match self.import(source, None) {
            Err(refusal) => refusal,
            Ok(_) => panic!("{} is taken in, against {rule}", source.display()),
        };
        assert_eq!(refusal.rule(), rule, "{refusal}");
        snapshot::assert_same(self.root.path(), &before);
        if !rule.starts_with("IMPORT-") {
            assert_eq!(self.check(source).map(|_| ()).unwrap_err().rule(), rule);
        }
        refusal
    }

    /// Imports the first pouches of `land`, and returns the digest of the last.
    pub fn import_first(&self, sequence: u64) -> Sha256Digest {
        let mut previous = (sequence > 1).then_some(Sha256Digest([9; 32]));
        previous = Some(self.import_next(sequence, previous, true));
        previous.unwrap()
    }

    /// Imports one pouch of `land`, and returns its digest.
    pub fn import_next(&self, sequence: u64, previous: Option<Sha256Digest>, first: bool) -> Sha256Digest {
        let draft = self.draft(sequence, previous);
        let source = self.source(&format!("good-{sequence}"), &draft);
        self.import(&source, first.then(|| draft.digest())).unwrap();
        draft.digest()
    }
}

/// The checks that need no state.
pub fn check_at(source: &Path, trust: &Trust) -> Result<Checked, Refusal> {
    let spooled = Source::open(source).and_then(spool).map_err(Refusal::Spool)?;
    check(spooled, trust).map_err(Refusal::Verify)
}

/// The five functions, one after the other.
pub fn import_at(
    source: &Path,
    trust: &Trust,
    vault: &Vault,
    state: &mut State,
    first: Option<Sha256Digest>,
    clock: Clock,
) -> Result<Kept, Refusal> {
    let spooled = Source::open(source).and_then(spool).map_err(Refusal::Spool)?;
    let verified = verify(spooled, trust, vault).map_err(Refusal::Verify)?;
    let admitted = admit(verified, state, first, clock).map_err(Refusal::Admit)?;
    keep(admitted, vault, state).map_err(Refusal::Keep)
}

impl Draft {
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest(sha256(&self.manifest.to_bytes()))
    }

    /// States the parts as they are; the last `index` of them are the index.
    pub fn fit_parts(&mut self, index: usize) {
        let (segments, index) = self.parts.split_at(self.parts.len() - index);
        self.manifest.segments = segments.iter().enumerate().map(|(n, bytes)| part(segment_file(n), bytes)).collect();
        self.manifest.index = index.iter().enumerate().map(|(n, bytes)| part(index_file(n), bytes)).collect();
    }

    pub fn registry(mut self, name: &str) -> Self {
        self.manifest.registry = name.parse::<RegistryName>().unwrap();
        self
    }
}

fn part(name: String, bytes: &[u8]) -> Part {
    let size = bytes.len() as u64;
    Part { name, size, sha256: Sha256Digest(sha256(bytes)), frame: size, content: size * 2 }
}

/// A signature over the manifest, made when the manifest says, otherwise as `change` has it.
pub fn sign_with(cert: &Cert, draft: &Draft, change: impl FnOnce(SignatureBuilder) -> SignatureBuilder) -> Vec<u8> {
    let mut signer = signing_key(cert).into_keypair().unwrap();
    let builder = SignatureBuilder::new(SignatureType::Binary)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(system_time(draft.manifest.sealed_at.as_second()))
        .unwrap();
    let signature = change(builder).sign_message(&mut signer, draft.manifest.to_bytes()).unwrap();
    Packet::from(signature).to_vec().unwrap()
}

pub fn fingerprint(cert: &Cert) -> pouch_format::Fingerprint {
    cert.fingerprint().to_hex().parse().unwrap()
}

/// Writes the public part of a certificate.
pub fn write_cert(path: &Path, cert: &Cert) {
    let mut bytes = Vec::new();
    cert.clone().strip_secret_key_material().serialize(&mut bytes).unwrap();
    fs::write(path, bytes).unwrap();
}
