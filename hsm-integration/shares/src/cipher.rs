//! The encryption of the secret before it is split (SLIP-0039, "Encryption of the master secret"): a Feistel network of
//! four rounds, each with PBKDF2-HMAC-SHA256.

use openssl::{error::ErrorStack, hash::MessageDigest, pkcs5::pbkdf2_hmac};
use zeroize::Zeroizing;

use crate::error::PassphraseError;

/// Iterations of a round at exponent 0; each step of the exponent doubles them.
const ITERATIONS: usize = 2500;

/// What the encryption of a set depends on beside the passphrase.
#[derive(Clone, Copy)]
pub(crate) struct Parameters {
    pub(crate) identifier: u16,
    pub(crate) extendable: bool,
    pub(crate) exponent: u8,
}

/// A passphrase of printable ASCII alone: other letters are other bytes on another machine.
#[derive(Clone, Copy)]
pub(crate) struct Passphrase<'a>(&'a [u8]);

impl<'a> TryFrom<&'a [u8]> for Passphrase<'a> {
    type Error = PassphraseError;

    fn try_from(bytes: &'a [u8]) -> Result<Self, Self::Error> {
        if bytes.len() > PassphraseError::LIMIT {
            return Err(PassphraseError::TooLong);
        }
        let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        printable.then_some(Self(bytes)).ok_or(PassphraseError::Unprintable)
    }
}

/// The encrypted secret, of the same length, which must be even.
pub(crate) fn encrypt(
    secret: &[u8],
    passphrase: Passphrase<'_>,
    with: Parameters,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    feistel(secret, [0, 1, 2, 3], passphrase, with)
}

/// The secret in `encrypted`. Any passphrase gives one.
pub(crate) fn decrypt(
    encrypted: &[u8],
    passphrase: Passphrase<'_>,
    with: Parameters,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    feistel(encrypted, [3, 2, 1, 0], passphrase, with)
}

fn feistel(
    input: &[u8],
    rounds: [u8; 4],
    passphrase: Passphrase<'_>,
    with: Parameters,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let (left, right) = input.split_at(input.len() / 2);
    let (mut left, mut right) = (Zeroizing::new(left.to_vec()), Zeroizing::new(right.to_vec()));
    for round in rounds {
        let stream = round_key(round, &right, passphrase, with)?;
        left.iter_mut().zip(stream.iter()).for_each(|(byte, key)| *byte ^= key);
        std::mem::swap(&mut left, &mut right);
    }
    let mut output = Zeroizing::new(Vec::with_capacity(input.len()));
    output.extend_from_slice(&right);
    output.extend_from_slice(&left);
    Ok(output)
}

fn round_key(
    round: u8,
    half: &[u8],
    passphrase: Passphrase<'_>,
    with: Parameters,
) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let prefix: &[u8] = if with.extendable { b"" } else { b"shamir" };
    let identifier = with.identifier.to_be_bytes();
    let identifier: &[u8] = if with.extendable { b"" } else { &identifier };
    let password = joined(&[&[round], passphrase.0]);
    let salt = joined(&[prefix, identifier, half]);
    let mut key = Zeroizing::new(vec![0; half.len()]);
    let iterations = ITERATIONS << with.exponent.min(crate::MAX_EXPONENT);
    pbkdf2_hmac(&password, &salt, iterations, MessageDigest::sha256(), &mut key)?;
    Ok(key)
}

/// The pieces one after another, without a reallocation that would leave a copy.
fn joined(pieces: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decryption_undoes_encryption_and_depends_on_everything() {
        let with = Parameters { identifier: 7, extendable: false, exponent: 0 };
        let [right, wrong]: [Passphrase<'_>; 2] = [&b"TREZOR"[..], b"TREZoR"].map(|text| text.try_into().unwrap());
        let secret = b"an even secret of 26 bytes";
        let encrypted = encrypt(secret, right, with).unwrap();
        assert_ne!(encrypted.as_slice(), secret);
        assert_eq!(decrypt(&encrypted, right, with).unwrap().as_slice(), secret);
        assert_ne!(decrypt(&encrypted, wrong, with).unwrap().as_slice(), secret);
        for other in [
            Parameters { identifier: 8, ..with },
            Parameters { extendable: true, ..with },
            Parameters { exponent: 1, ..with },
        ] {
            assert_ne!(decrypt(&encrypted, right, other).unwrap().as_slice(), secret);
        }
    }

    #[test]
    fn a_passphrase_is_printable_ascii_of_a_bounded_length() {
        for wrong in ["caf\u{e9}", "tab\t", "\n", "\u{7f}"] {
            let passphrase = Passphrase::try_from(wrong.as_bytes());
            assert_eq!(passphrase.err(), Some(PassphraseError::Unprintable), "{wrong:?}");
        }
        assert_eq!(Passphrase::try_from(&[b'x'; 1025][..]).err(), Some(PassphraseError::TooLong));
        assert!(Passphrase::try_from(&b""[..]).is_ok() && Passphrase::try_from(&b" ~"[..]).is_ok());
    }
}
