//! The OpenPGP library we use, in the way its manual shows: one stream, signed and encrypted. It shows what cutting a
//! snapshot into parts gains over the same cryptography.

use sequoia_openpgp::cert::Cert;
use sequoia_openpgp::crypto::SessionKey;
use sequoia_openpgp::packet::{PKESK, SKESK};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::parse::stream::{
    DecryptionHelper, DecryptorBuilder, MessageLayer, MessageStructure, VerificationHelper,
};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::stream::{Encryptor, LiteralWriter, Message, Signer};
use sequoia_openpgp::types::SymmetricAlgorithm;
use sequoia_openpgp::{KeyHandle, Result};
use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::os::fd::AsFd;
use std::path::Path;

const BUFFER: usize = 1 << 20;
const POLICY: &StandardPolicy<'_> = &StandardPolicy::new();

/// Standard input signed by `home6.key` and encrypted to `embassy6.pgp`, to standard output.
pub(crate) fn seal(keys: &Path) -> Result<()> {
    let (home, embassy) = (Cert::from_file(keys.join("home6.key"))?, Cert::from_file(keys.join("embassy6.pgp"))?);
    let signer = home.keys().with_policy(POLICY, None).for_signing().secret().next();
    let signer = signer.ok_or_else(|| io::Error::other("no key that signs"))?.key().clone().into_keypair()?;
    let recipients = embassy.keys().with_policy(POLICY, None).supported().for_transport_encryption();
    let message = Encryptor::for_recipients(Message::new(file(&io::stdout())?), recipients).build()?;
    let message = Signer::new(message, signer)?.build()?;
    let mut message = LiteralWriter::new(message).build()?;
    io::copy(&mut BufReader::with_capacity(BUFFER, file(&io::stdin())?), &mut message)?;
    message.finalize()
}

/// The reverse.
pub(crate) fn open(keys: &Path) -> Result<()> {
    let helper =
        Helper { home: Cert::from_file(keys.join("home6.pgp"))?, embassy: Cert::from_file(keys.join("embassy6.key"))? };
    let mut plain = DecryptorBuilder::from_reader(file(&io::stdin())?)?.with_policy(POLICY, None, helper)?;
    let mut out = BufWriter::with_capacity(BUFFER, file(&io::stdout())?);
    io::copy(&mut plain, &mut out)?;
    Ok(io::Write::flush(&mut out)?)
}

/// Without the line buffer of the standard streams.
fn file(stream: &impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

struct Helper {
    home: Cert,
    embassy: Cert,
}

impl VerificationHelper for Helper {
    fn get_certs(&mut self, _: &[KeyHandle]) -> Result<Vec<Cert>> {
        Ok(vec![self.home.clone()])
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> Result<()> {
        let good = structure.into_iter().any(|layer| {
            matches!(layer, MessageLayer::SignatureGroup { results } if results.iter().any(std::result::Result::is_ok))
        });
        if good { Ok(()) } else { Err(io::Error::other("no good signature").into()) }
    }
}

impl DecryptionHelper for Helper {
    fn decrypt(
        &mut self,
        pkesks: &[PKESK],
        _: &[SKESK],
        algorithm: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool,
    ) -> Result<Option<Cert>> {
        let keys = self.embassy.keys().with_policy(POLICY, None).for_transport_encryption().secret();
        for key in keys {
            let mut pair = key.key().clone().into_keypair()?;
            let mut opens =
                |pkesk: &PKESK| pkesk.decrypt(&mut pair, algorithm).is_some_and(|(a, key)| decrypt(a, &key));
            if pkesks.iter().any(&mut opens) {
                return Ok(None);
            }
        }
        Err(io::Error::other("no key that decrypts").into())
    }
}
