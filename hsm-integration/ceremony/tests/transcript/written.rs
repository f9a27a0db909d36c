//! A ceremony that was held once, and what an attacker makes of it.

use crate::stage::{plan, rehearsed};
use openssl::sha::sha256;
use pouch_ceremony::transcript::{self, Evidence, FILE, SIGNATURE_FILE, Verdict};
use pouch_format::Sha256Digest;
use pouch_platform::Dir;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::types::SignatureType;
use sequoia_openpgp::{Cert, Packet, Profile};
use serde_json::Value;
use std::fs;
use std::sync::LazyLock;

static HELD: LazyLock<Written> = LazyLock::new(|| {
    let folder = rehearsed(&plan());
    Written::of(&folder.path().join("ceremony"))
});

/// The files of a ceremony, in memory.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) lines: Vec<String>,
    pub(crate) others: Vec<(String, Vec<u8>)>,
    pub(crate) certificate: Cert,
}

impl Written {
    /// One that was rehearsed, the same for all tests.
    pub(crate) fn held() -> Self {
        HELD.clone()
    }

    pub(crate) fn of(folder: &std::path::Path) -> Self {
        let text = fs::read_to_string(folder.join(FILE)).unwrap();
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let others = files.filter(|path| name(path) != FILE).map(|path| (name(&path), fs::read(&path).unwrap()));
        Self {
            lines: text.lines().map(str::to_owned).collect(),
            others: others.collect(),
            certificate: pouch_ceremony::certificate_file(&folder.join("home.pgp")).unwrap(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }

    /// The same with each line as JSON.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Other lines, with the numbers and the chain made right again: what anybody can do who has the file.
    pub(crate) fn chained(mut self, values: Vec<Value>) -> Self {
        let mut previous = Sha256Digest([0; 32]);
        self.lines = (1..)
            .zip(values)
            .map(|(number, mut value): (u64, Value)| {
                value["line"] = number.into();
                value["previous"] = previous.to_string().into();
                let line = value.to_string();
                previous = Sha256Digest(sha256(line.as_bytes()));
                line
            })
            .collect();
        self
    }

    /// The same, said to be signed by `key`, and signed by it.
    pub(crate) fn signed_by(self, key: &Cert) -> Self {
        let mut values = self.values();
        let last = values.last_mut().unwrap();
        last["signed_by"] = key.fingerprint().to_hex().into();
        let mut written = self.chained(values);
        written.certificate = key.clone().strip_secret_key_material();
        let signature = detached(key, &written.bytes());
        written.put(SIGNATURE_FILE, signature)
    }

    pub(crate) fn put(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self = self.without(name);
        self.others.push((name.to_owned(), bytes));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.others.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn in_folder(&self) -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), self.bytes()).unwrap();
        self.others.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
        let dir = Dir::open(folder.path()).unwrap();
        (folder, dir)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let (_folder, dir) = self.in_folder();
        transcript::verify(&dir, &self.certificate).unwrap()
    }

    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        self.verdict().evidence
    }
}

/// A key of an attacker, or of an officer in a test: it is in memory.
pub(crate) fn software_key(profile: Profile) -> Cert {
    let builder = CertBuilder::general_purpose(["DEMO officer"]).set_profile(profile).unwrap();
    let made = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    builder.set_creation_time(made).generate().unwrap().0
}

/// A detached binary signature.
pub(crate) fn detached(key: &Cert, bytes: &[u8]) -> Vec<u8> {
    packet(key, bytes, SignatureType::Binary)
}

pub(crate) fn packet(key: &Cert, bytes: &[u8], sort: SignatureType) -> Vec<u8> {
    let policy = StandardPolicy::new();
    let mut keys = key.keys().with_policy(&policy, None).secret().for_signing();
    let mut signer = keys.next().unwrap().key().clone().into_keypair().unwrap();
    let signature = SignatureBuilder::new(sort).sign_message(&mut signer, bytes).unwrap();
    Packet::from(signature).to_vec().unwrap()
}
