//! Signature files over a manifest: by sound keys, by keys that may not, and by too few.

use pouch_format::{Manifest, Profile, Rule};
use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::serialize::MarshalInto as _;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};

use super::keys::{Keys, SEALED, signing_key, time};
use super::manifest::draft;
use super::{Result, Vector};

/// How a signature is made, where it is not made as a writer does.
pub(super) type Change<'a> = &'a dyn Fn(SignatureBuilder) -> Result<SignatureBuilder>;

/// A signature over a manifest as the writer makes it.
pub(super) fn sign(keys: &Keys, name: &str, manifest: &Manifest) -> Result<Vec<u8>> {
    sign_with(keys, name, manifest, &Ok)
}

/// The same, made otherwise.
pub(super) fn sign_with(keys: &Keys, name: &str, manifest: &Manifest, change: Change<'_>) -> Result<Vec<u8>> {
    let intended = manifest.recipients.iter().map(|to| to.certificate.as_str().parse()).collect::<Result<Vec<_>>>()?;
    let builder = SignatureBuilder::new(SignatureType::Binary)
        .set_hash_algo(HashAlgorithm::SHA512)
        .set_signature_creation_time(time(manifest.sealed_at.as_second().try_into()?))?
        .set_intended_recipients(intended)?;
    let mut key = signing_key(keys.get(name)?)?.into_keypair()?;
    let signature = change(builder)?.sign_message(&mut key, manifest.to_bytes())?;
    Packet::from(signature).to_vec()
}

/// A signature file with what its reader must know.
#[derive(Clone)]
pub(super) struct Case<'k> {
    pub(super) keys: &'k Keys,
    /// Whom the manifest announces.
    pub(super) announced: Vec<&'static str>,
    /// Who may sign.
    pub(super) pinned: &'static str,
    pub(super) threshold: &'static str,
    pub(super) embassy: &'static str,
    pub(super) recipients: Vec<&'static str>,
    pub(super) profile: Profile,
    /// The weakest profile that the trust file takes, if it says.
    pub(super) demand: Option<&'static str>,
}

impl<'k> Case<'k> {
    /// One signer, who is pinned and announced.
    pub(super) fn by(keys: &'k Keys, signer: &'static str) -> Self {
        Self {
            keys,
            announced: vec![signer],
            pinned: signer,
            threshold: "1",
            embassy: "embassy-v6",
            recipients: vec!["embassy-v6"],
            profile: Profile::Rfc9580,
            demand: None,
        }
    }

    pub(super) fn manifest(&self) -> Result<Manifest> {
        draft(self.keys, self.profile, &self.announced, &self.recipients)
    }

    /// Signed by these, one after the other.
    pub(super) fn signed(&self, name: &str, rule: Option<Rule>, comment: &str, by: &[&str]) -> Result<Vector> {
        let manifest = self.manifest()?;
        let signatures = by.iter().map(|signer| sign(self.keys, signer, &manifest)).collect::<Result<Vec<_>>>()?;
        self.vector(name, rule, comment, &manifest, signatures.concat())
    }

    pub(super) fn vector(
        &self,
        name: &str,
        rule: Option<Rule>,
        comment: &str,
        manifest: &Manifest,
        file: Vec<u8>,
    ) -> Result<Vector> {
        let line = String::from_utf8(manifest.to_bytes())?;
        let vector = Vector::new("signature", name, rule, comment, file)
            .with("registry", "land")
            .with("signers", self.pinned)
            .with("threshold", self.threshold)
            .with("embassy", self.embassy)
            .with("manifest", line.trim_end());
        Ok(self.demand.into_iter().fold(vector, |vector, demand| vector.with("demand", demand)))
    }
}

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for (signer, comment) in [
        ("home-v6", "Ed25519, version 6"),
        ("second-v6", "P-384, version 6"),
        ("home-v4", "Ed25519, version 4"),
        ("home-rsa-v4", "RSA of 3072 bits, version 4"),
        ("home-p256-v4", "P-256, version 4"),
    ] {
        vectors.push(Case::by(keys, signer).signed(signer, None, comment, &[signer])?);
    }
    vectors.extend(keys_that_may_not(keys)?);
    vectors.extend(signers(keys)?);
    vectors.extend(recipients(keys)?);
    vectors.extend(super::signature_faults::vectors(keys)?);
    Ok(vectors)
}

fn keys_that_may_not(keys: &Keys) -> Result<Vec<Vector>> {
    let by = |signer, rule, comment| Case::by(keys, signer).signed(signer, rule, comment, &[signer]);
    let (weak, key) = (Some(Rule::SignWeak), Some(Rule::SignKey));
    Ok(vec![
        by("weak-rsa2048-v4", weak, "RSA of 2048 bits")?,
        by("weak-p521-v6", weak, "a curve that is not one of three")?,
        by("certify-only-v4", key, "a key that is for certifying only")?,
        by("expired-v6", key, "a subkey that expired before the pouch was sealed")?,
        by("made-later-v6", Some(Rule::SignInvalid), "a signature that is older than its key")?,
        key_made_later(keys)?,
        by("no-back-signature-v4", Some(Rule::SignKey), "a subkey without its signature over the primary key")?,
        by("sha1-binding-v4", key, "a subkey bound with SHA-1")?,
        by("revoked-compromised-later-v6", key, "a hard revocation, made later: it counts at any time")?,
        by("revoked-retired-before-v6", key, "a soft revocation, made before")?,
        by("revoked-subkey-before-v6", key, "a soft revocation of the subkey, made before")?,
        by("revoked-retired-later-v6", None, "a soft revocation, made later: the key was good then")?,
    ])
}

/// The signature is as young as its key, and both are younger than the pouch.
fn key_made_later(keys: &Keys) -> Result<Vector> {
    let case = Case::by(keys, "made-later-v6");
    let manifest = case.manifest()?;
    let late = |builder: SignatureBuilder| builder.set_signature_creation_time(time(SEALED + 30));
    let file = sign_with(keys, "made-later-v6", &manifest, &late)?;
    case.vector(
        "key-made-later",
        Some(Rule::SignKey),
        "a key that was made after the pouch was sealed",
        &manifest,
        file,
    )
}

fn signers(keys: &Keys) -> Result<Vec<Vector>> {
    let one = Case::by(keys, "home-v6");
    let pinned = "home-v6 second-v6";
    let two = Case { pinned, threshold: "2", announced: vec!["home-v6", "second-v6"], ..one.clone() };
    let threshold = Some(Rule::SignThreshold);
    let alone = Case { announced: vec!["home-v6"], ..two.clone() };
    let unknown = Some(Rule::SignUnknown);
    let either = Case { pinned, ..one.clone() };
    Ok(vec![
        two.signed("two-signers", None, "two of two", &["home-v6", "second-v6"])?,
        two.signed("two-signers-swapped", None, "in any order", &["second-v6", "home-v6"])?,
        either.signed("one-of-two", None, "one of two who may", &["home-v6"])?,
        alone.signed("below-threshold", threshold, "one where two must", &["home-v6"])?,
        two.signed("taken-away", threshold, "the second signature is missing", &["home-v6"])?,
        two.signed("signer-twice", Some(Rule::SignGrammar), "one signer twice", &["home-v6", "home-v6"])?,
        one.signed("unknown-signer", unknown, "by a stranger", &["stranger-v6"])?,
        one.signed("unknown-signer-beside", unknown, "by a stranger as well", &["home-v6", "stranger-v6"])?,
        either.signed("not-announced", unknown, "by one whom the manifest does not name", &["second-v6"])?,
    ])
}

fn recipients(keys: &Keys) -> Result<Vec<Vector>> {
    let refused = Some(Rule::SignRecipient);
    let ours = Case::by(keys, "home-v6");
    let theirs = Case { recipients: vec!["other-embassy-v6"], ..ours.clone() };
    let both = Case { recipients: vec!["other-embassy-v6", "embassy-v6"], ..ours.clone() };
    let manifest = ours.manifest()?;
    let stranger = keys.get("other-embassy-v6")?.fingerprint();
    let intended = |to: Vec<sequoia_openpgp::Fingerprint>| {
        sign_with(keys, "home-v6", &manifest, &move |builder| builder.set_intended_recipients(to.clone()))
    };
    let mut key = ours.manifest()?;
    key.recipients.iter_mut().zip(theirs.manifest()?.recipients).for_each(|(ours, theirs)| ours.key = theirs.key);
    Ok(vec![
        theirs.signed("manifest-for-another", refused, "sealed for another embassy", &["home-v6"])?,
        both.signed("for-two", None, "for two embassies, of which one is ours", &["home-v6"])?,
        ours.vector("for-another", refused, "signed for another embassy", &manifest, intended(vec![stranger])?)?,
        ours.vector("for-nobody", None, "no intended recipient: for anybody", &manifest, intended(vec![])?)?,
        ours.vector(
            "recipient-key",
            refused,
            "our certificate with a key that is not its",
            &key,
            sign(keys, "home-v6", &key)?,
        )?,
    ])
}
