//! Whole pouches: archive, index, parts, manifest and signatures, made in software.

use pouch_format::{
    Declaration, MANIFEST_FILE, Manifest, Part, Profile, SIGNATURE_FILE, Sha256Digest, Totals, index_file, segment_file,
};

use super::archive::{Tree, payload};
use super::keys::{DAY, Keys, SEALED};
use super::message::{Sealer, frame, part};
use super::signature::sign;
use super::tar::outer;
use super::{Result, Vector, archive, index, manifest};

/// What a pouch is made of; everything can be changed before it is sealed.
#[derive(Clone)]
pub(super) struct Draft<'k> {
    pub(super) keys: &'k Keys,
    pub(super) manifest: Manifest,
    pub(super) signers: Vec<&'static str>,
    pub(super) embassy: &'static str,
    pub(super) tree: Tree,
    pub(super) archive: Vec<u8>,
    pub(super) index: Vec<u8>,
    /// Most content of a part, in bytes.
    pub(super) part_bytes: usize,
}

/// A sealed pouch.
#[derive(Clone)]
pub(super) struct Pouch<'k> {
    pub(super) draft: Draft<'k>,
    pub(super) sealer: Sealer,
    /// In the order of travel: manifest, signatures, segments, index.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl<'k> Draft<'k> {
    /// Pouch `sequence` of `land`, sealed `sequence - 1` days after the first.
    pub(super) fn new(keys: &'k Keys, profile: Profile, sequence: u64, tree: Tree) -> Result<Self> {
        let (signers, embassy) = match profile {
            Profile::Rfc9580 => (vec!["home-v6"], "embassy-v6"),
            Profile::Rfc4880 => (vec!["home-v4"], "embassy-v4"),
            Profile::Rfc9980 => (vec!["home-pqc"], "embassy-pqc"),
        };
        let mut manifest = manifest::draft(keys, profile, &signers, &[embassy])?;
        let sealed = SEALED + (sequence - 1) * DAY;
        (manifest.sequence, manifest.sealed_at) = (sequence, manifest::at(sealed)?);
        manifest.as_of = manifest::at(sealed - 250)?;
        let bytes = tree.iter().filter_map(|(_, _, content)| content.as_ref()).map(|bytes| bytes.len() as u64).sum();
        manifest.totals = Totals { entries: tree.len() as u64, bytes };
        let (archive, index) =
            (archive::write(&tree)?, index::write("land", sequence, &tree, Declaration::Directory {})?);
        Ok(Self { keys, manifest, signers, embassy, tree, archive, index, part_bytes: 64 << 20 })
    }

    /// The same after another pouch.
    pub(super) fn after(mut self, before: &Pouch<'_>) -> Result<Self> {
        self.manifest.previous = Some(before.digest()?);
        Ok(self)
    }

    /// Seals, states and signs.
    pub(super) fn seal(self) -> Result<Pouch<'k>> {
        let sealer = Sealer::new(self.manifest.profile, &self.recipients()?)?;
        self.seal_with(sealer)
    }

    fn recipients(&self) -> Result<Vec<&'k sequoia_openpgp::Cert>> {
        let mut certs = Vec::new();
        for to in &self.manifest.recipients {
            for name in ["embassy-v6", "other-embassy-v6", "embassy-v4", "embassy-rsa-v4", "embassy-pqc"] {
                let cert = self.keys.get(name)?;
                certs.extend((cert.fingerprint().to_hex() == to.certificate.as_str()).then_some(cert));
            }
        }
        Ok(certs)
    }

    pub(super) fn seal_with(mut self, sealer: Sealer) -> Result<Pouch<'k>> {
        let mut files = Vec::new();
        let mut parts = |content: &[u8], name: fn(usize) -> String| -> Result<Vec<Part>> {
            let mut stated = Vec::new();
            for (place, content) in content.chunks(self.part_bytes).enumerate() {
                let frame = frame(content)?;
                let sealed = sealer.seal(&frame)?;
                stated.push(part(name(place), &sealed, frame.len() as u64, content.len() as u64));
                files.push((name(place), sealed));
            }
            Ok(stated)
        };
        let (segments, index) = (parts(&self.archive, segment_file)?, parts(&self.index, index_file)?);
        (self.manifest.segments, self.manifest.index) = (segments, index);
        self.manifest.index_blake3 = pouch_format::Blake3Digest(*blake3::hash(&self.index).as_bytes());
        let mut pouch = Pouch { draft: self, sealer, files };
        pouch.sign()?;
        Ok(pouch)
    }
}

impl<'k> Pouch<'k> {
    /// States the parts as they are now and signs the manifest.
    pub(super) fn state(&mut self) -> Result<()> {
        let manifest = &mut self.draft.manifest;
        for stated in manifest.segments.iter_mut().chain(&mut manifest.index) {
            if let Some((_, bytes)) = self.files.iter().find(|(name, _)| *name == stated.name) {
                *stated = part(stated.name.clone(), bytes, stated.frame, stated.content);
            }
        }
        self.sign()
    }

    /// Puts manifest and signatures in front.
    pub(super) fn sign(&mut self) -> Result<()> {
        let manifest = &self.draft.manifest;
        let signatures: Vec<_> =
            self.draft.signers.iter().map(|name| sign(self.draft.keys, name, manifest)).collect::<Result<_>>()?;
        self.files.retain(|(name, _)| name != MANIFEST_FILE && name != SIGNATURE_FILE);
        let two = [(MANIFEST_FILE.to_owned(), manifest.to_bytes()), (SIGNATURE_FILE.to_owned(), signatures.concat())];
        self.files.splice(..0, two);
        Ok(())
    }

    /// SHA-256 of the manifest.
    pub(super) fn digest(&self) -> Result<Sha256Digest> {
        Ok(Sha256Digest(openssl::sha::sha256(&self.draft.manifest.to_bytes())))
    }

    /// The bytes of a file, to be changed.
    pub(super) fn file(&mut self, name: &str) -> Result<&mut Vec<u8>> {
        let found = self.files.iter_mut().find(|(known, _)| known == name);
        found.map(|(_, bytes)| bytes).ok_or_else(|| sequoia_openpgp::anyhow::anyhow!("no file {name}"))
    }

    /// The vector.
    pub(super) fn vector(&self, name: &str, rule: Option<pouch_format::Rule>, comment: &str) -> Result<Vector> {
        self.vector_of("pouch", name, rule, comment, outer(&self.files)?)
    }

    /// The vector of a kind that is this pouch in some tar.
    pub(super) fn vector_of(
        &self,
        kind: &str,
        name: &str,
        rule: Option<pouch_format::Rule>,
        comment: &str,
        tar: Vec<u8>,
    ) -> Result<Vector> {
        let draft = &self.draft;
        let vector = Vector::new(kind, name, rule, comment, tar)
            .with("registry", "land")
            .with("signers", draft.signers.join(" "))
            .with("threshold", draft.signers.len().to_string())
            .with("embassy", draft.embassy);
        Ok(if rule.is_none() { vector.with("payload-sha256", payload(&draft.tree)) } else { vector })
    }
}

/// All of them.
pub(super) fn vectors(keys: &Keys) -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for (name, _, tree) in archive::trees() {
        let profile = Profile::Rfc9580;
        if ["empty", "estonian", "cyrillic", "mtime-before-1970", "path-long", "depth-64"].contains(&name) {
            let pouch = Draft::new(keys, profile, 1, tree)?.seal()?;
            vectors.push(pouch.vector(name, None, "a pouch of the archive of this name")?);
        }
    }
    let tree = small();
    let gnupg = Draft::new(keys, Profile::Rfc4880, 1, tree.clone())?;
    vectors.push(gnupg.clone().seal()?.vector("rfc4880", None, "profile rfc4880, for GnuPG")?);
    let plain = || Draft::new(keys, Profile::Rfc9580, 1, tree.clone());
    vectors.push(split(plain()?)?.vector("segments", None, "several segments, cut anywhere")?);
    vectors.push(split(gnupg)?.vector("segments-rfc4880", None, "the same in profile rfc4880")?);
    let mut two = plain()?;
    two.manifest =
        manifest::draft(keys, Profile::Rfc9580, &["home-v6", "second-v6"], &["other-embassy-v6", "embassy-v6"])?;
    two.manifest.totals = plain()?.manifest.totals;
    two.signers = vec!["home-v6", "second-v6"];
    vectors.push(two.seal()?.vector("two-signers-two-recipients", None, "signed by two, sealed for two")?);
    vectors.extend(super::pouch_faults::vectors(keys)?);
    Ok(vectors)
}

/// Sealed in small parts.
pub(super) fn split(mut draft: Draft<'_>) -> Result<Pouch<'_>> {
    draft.part_bytes = 700;
    draft.seal()
}

/// A directory and two files.
pub(super) fn small() -> Tree {
    let note = |path: &str, content: &[u8]| (path.to_owned(), 1_772_323_000, Some(content.to_vec()));
    let lines: String = (0..60).map(|n| format!("{n}|Jõe tn {n}|kinnistu\n")).collect();
    vec![
        ("maa".to_owned(), 1_772_323_000, None),
        note("maa/kinnistud.txt", lines.as_bytes()),
        note("maa/VERSION", b"1\n"),
    ]
}
