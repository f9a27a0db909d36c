//! The parts of opening a session key that need no secret of the token.

use super::DecryptError;
use openssl::{
    bn::BigNumContext,
    derive::Deriver,
    ec::{EcGroup, EcKey, EcPoint},
    md::Md,
    nid::Nid,
    pkey::{Id, PKey},
    pkey_ctx::PkeyCtx,
};

pub(crate) fn assert_wrapped(
    wrapped: &[u8],
    lengths: std::ops::RangeInclusive<usize>,
    expected: &'static str,
) -> Result<(), DecryptError> {
    if lengths.contains(&wrapped.len()) && wrapped.len().is_multiple_of(8) {
        return Ok(());
    }
    Err(DecryptError::Length { part: "wrapped key", actual: wrapped.len(), expected })
}

/// A point off the curve would let its sender learn the private key bit by bit from what opens.
pub(crate) fn assert_point(point: &[u8], curve: Nid, length: usize) -> Result<(), DecryptError> {
    if point.len() != length || point.first() != Some(&4) {
        return Err(DecryptError::Length {
            part: "ephemeral key",
            actual: point.len(),
            expected: "an uncompressed point of the curve",
        });
    }
    let checked = || {
        let group = EcGroup::from_curve_name(curve)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, point, &mut context)?;
        EcKey::from_public_key(&group, &point)?.check_key()
    };
    checked().map_err(|_| DecryptError::EphemeralKey)
}

/// RFC 7748 section 6.1: with a point of small order every key agrees on zero, so one that is known shows it. Tokens answer
/// such points with whatever comes to them, kryoptic with CKR_DEVICE_ERROR: a sender must not be able to make a token
/// look broken.
pub(crate) fn assert_x25519(point: &[u8]) -> Result<(), DecryptError> {
    let agree = || {
        let known = PKey::private_key_from_raw_bytes(&[0x40; 32], Id::X25519)?;
        let theirs = PKey::public_key_from_raw_bytes(point, Id::X25519)?;
        let mut deriver = Deriver::new(&known)?;
        deriver.set_peer(&theirs)?;
        deriver.derive_to_vec()
    };
    let secret = agree().map_err(|_| DecryptError::EphemeralKey)?;
    if secret.iter().any(|&byte| byte != 0) { Ok(()) } else { Err(DecryptError::EphemeralKey) }
}

/// RFC 5869 with an absent salt.
pub(crate) fn hkdf_sha256(input: &[u8], info: &[u8], output: &mut [u8]) -> Result<(), openssl::error::ErrorStack> {
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    context.set_hkdf_key(input)?;
    context.add_hkdf_info(info)?;
    context.derive(Some(output)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 appendix A.3: SHA-256, no salt, no info.
    #[test]
    fn hkdf_follows_rfc_5869() {
        let mut output = [0; 42];
        hkdf_sha256(&[0x0b; 22], &[], &mut output).unwrap();
        assert_eq!(
            output,
            [
                0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8,
                0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d, 0x9d, 0x20,
                0x13, 0x95, 0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8
            ]
        );
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        let off = [&[4][..], &[1; 64]].concat();
        assert!(matches!(assert_point(&off, Nid::X9_62_PRIME256V1, 65), Err(DecryptError::EphemeralKey)));
        assert!(matches!(assert_point(&[4; 64], Nid::X9_62_PRIME256V1, 65), Err(DecryptError::Length { .. })));
        assert!(matches!(assert_point(&[], Nid::SECP384R1, 97), Err(DecryptError::Length { .. })));
    }

    #[test]
    fn points_of_small_order_are_refused() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        // RFC 7748 section 5 reduces: 0, 1 and -1 modulo p, also p and p + 1; and the two of order 8.
        for small in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            assert!(matches!(assert_x25519(&hex(small)), Err(DecryptError::EphemeralKey)), "{small}");
        }
        for length in [0, 31, 33] {
            assert!(assert_x25519(&vec![9; length]).is_err(), "{length}");
        }
        // The base point, and Bob's public key of RFC 7748 section 6.1.
        for sound in [
            "0900000000000000000000000000000000000000000000000000000000000000",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        ] {
            assert!(assert_x25519(&hex(sound)).is_ok(), "{sound}");
        }
    }

    #[test]
    fn wrapped_keys_have_bounded_lengths() {
        for length in [0, 8, 16, 24, 31, 33, 256, 4096] {
            assert!(assert_wrapped(&vec![0; length], 32..=248, "").is_err(), "{length}");
        }
        for length in [32, 40, 48, 248] {
            assert!(assert_wrapped(&vec![0; length], 32..=248, "").is_ok(), "{length}");
        }
    }
}
