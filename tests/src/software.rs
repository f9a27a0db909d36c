//! A home and an embassy whose keys are in memory, for tests that need many pouches and no token.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pouch_capture::{Directory, Source};
use pouch_format::{Manifest, Profile, RegistryName};
use pouch_open::{Fetch, PouchKey, UnpackError, Unpacked, unpack};
use pouch_platform::Dir;
use pouch_seal::certificate::{RecipientKey, SignerCertificate, recipient, signer};
use pouch_seal::seal::{Job, SealError, Sealed, seal};
use pouch_seal::spool::Spool;
use pouch_seal::{PartOptions, Silent};
use pouch_vault::VaultError;
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::{CertBuilder, CipherSuite};
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::KeyFlags;

/// Both sides, in one folder.
pub struct Software {
    folder: PathBuf,
    profile: Profile,
    home: Cert,
    embassy: Cert,
}

impl Software {
    /// Makes keys and certificates below `folder`.
    ///
    /// # Errors
    /// A key cannot be made or a file not be written.
    pub fn create(folder: &Path, profile: Profile) -> Result<Self, String> {
        let openpgp = match profile {
            Profile::Rfc9580 | Profile::Rfc9980 => sequoia_openpgp::Profile::RFC9580,
            Profile::Rfc4880 => sequoia_openpgp::Profile::RFC4880,
        };
        let suite = match profile {
            Profile::Rfc9980 => CipherSuite::MLDSA65_Ed25519,
            Profile::Rfc9580 | Profile::Rfc4880 => CipherSuite::default(),
        };
        let certificate = |name: &str, flags: KeyFlags, encrypts: bool| -> Result<Cert, String> {
            let mut builder = CertBuilder::new()
                .set_profile(openpgp)
                .map_err(|e| e.to_string())?
                .set_cipher_suite(suite)
                .set_creation_time(SystemTime::now() - std::time::Duration::from_secs(60))
                .add_userid(format!("DEMO {name}"))
                .set_primary_key_flags(flags);
            if encrypts {
                let flags = KeyFlags::empty().set_storage_encryption().set_transport_encryption();
                builder = builder.add_subkey(flags, None, None);
            }
            let (cert, _) = builder.generate().map_err(|e| e.to_string())?;
            let bytes = cert.to_vec().map_err(|e| e.to_string())?;
            std::fs::write(folder.join(format!("{name}.pgp")), bytes).map_err(|e| e.to_string())?;
            Ok(cert)
        };
        let home = certificate("home", KeyFlags::signing().set_certification(), false)?;
        let embassy = certificate("embassy", KeyFlags::certification(), true)?;
        Ok(Self { folder: folder.to_owned(), profile, home, embassy })
    }

    /// The spool of a registry.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn spool(&self, registry: &str) -> Result<Spool, String> {
        let registry: RegistryName = registry.parse().map_err(|e: pouch_format::NameError| e.to_string())?;
        Spool::open(&self.folder.join("spool"), &self.folder.join("state"), &registry).map_err(|e| e.to_string())
    }

    /// The embassy as recipient, and home as signer.
    ///
    /// # Errors
    /// A certificate is refused.
    pub fn certificates(&self) -> Result<(RecipientKey, SignerCertificate), String> {
        let now = SystemTime::now();
        let to = recipient(&self.folder.join("embassy.pgp"), self.profile, now).map_err(|e| e.to_string())?;
        let by = signer(&self.folder.join("home.pgp"), self.profile, now).map_err(|e| e.to_string())?;
        Ok((to, by))
    }

    /// Seals a directory.
    ///
    /// # Errors
    /// What the sealer says; the outer error is of the fixture.
    pub fn seal(&self, registry: &str, tree: &Path, options: PartOptions) -> Result<Result<Sealed, SealError>, String> {
        let (to, by) = self.certificates()?;
        let source = Source::Directory(Directory { path: tree.to_owned() });
        let job = Job {
            source: &source,
            recipients: &[to],
            signer_certificate: &by.certificate,
            cosigners: &[],
            profile: self.profile,
            rpo_seconds: 86_400,
            options,
            progress: &Silent,
            judge: &|_| Ok(()),
            confirm: &|_, _| Ok(()),
        };
        let mut key = self.key(&self.home, false)?;
        Ok(seal(&mut self.spool(registry)?, &job, &mut key))
    }

    /// The folder of a sealed pouch.
    #[must_use]
    pub fn pouch(&self, manifest: &Manifest) -> PathBuf {
        self.folder.join("spool").join(manifest.id().to_string())
    }

    /// Writes the embassy's secret key, as other OpenPGP tools read it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_secret_key(&self, file: &Path) -> Result<(), String> {
        let bytes = self.embassy.as_tsk().to_vec().map_err(|e| e.to_string())?;
        std::fs::write(file, bytes).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// The session key of a pouch in the spool.
    ///
    /// # Errors
    /// The pouch is not there or not for the embassy.
    pub fn pouch_key(&self, manifest: &Manifest) -> Result<PouchKey, String> {
        let first = manifest.segments.first().ok_or("no segment")?;
        let bytes =
            std::fs::read(self.pouch(manifest).join(&first.name)).map_err(|e| format!("{}: {e}", first.name))?;
        let mut key = self.key(&self.embassy, true)?;
        PouchKey::obtain(manifest, first, &bytes, &mut key).map_err(|e| e.to_string())
    }

    /// Opens a pouch in the spool into a new private directory below `target`.
    ///
    /// # Errors
    /// What the opener says; the outer error is of the fixture.
    pub fn open(&self, manifest: &Manifest, target: &Path) -> Result<Result<Unpacked, UnpackError>, String> {
        let folder = self.pouch(manifest);
        let fetch = |part: &pouch_format::Part, into: &mut Vec<u8>| -> Result<(), VaultError> {
            *into = std::fs::read(folder.join(&part.name)).unwrap_or_default();
            Ok(())
        };
        let fetch: &Fetch<'_> = &fetch;
        let key = self.pouch_key(manifest)?;
        let into = Dir::open_private(target).map_err(|e| e.to_string())?;
        Ok(unpack(manifest, &key, fetch, into, &|_| {}))
    }

    fn key(&self, cert: &Cert, encrypts: bool) -> Result<KeyPair, String> {
        let policy = StandardPolicy::new();
        let keys = cert.keys().with_policy(&policy, None).secret();
        let mut keys: Vec<_> = match encrypts {
            true => keys.for_storage_encryption().collect(),
            false => keys.for_signing().collect(),
        };
        let key = keys.pop().ok_or("no such key")?.key().clone();
        key.into_keypair().map_err(|e| e.to_string())
    }
}
