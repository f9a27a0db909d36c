//! Curves and points as tokens write them.

use crate::public::PublicKey;

/// `CKA_EC_PARAMS` of the curves: DER object identifiers (RFC 5480, RFC 8410).
pub(crate) const P256_PARAMS: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const P384_PARAMS: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const ED25519_PARAMS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
pub(crate) const X25519_PARAMS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x6e];

/// The curves that both OpenPGP and tokens of today know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Curve {
    P256,
    P384,
    Ed25519,
    X25519,
}

impl Curve {
    /// `CKA_EC_PARAMS` is a DER object identifier, or a PrintableString with the curve's name (PKCS#11 3.0
    /// section 2.3.10); older modules use the identifiers from before RFC 8410.
    pub(super) fn of_params(params: &[u8]) -> Option<Self> {
        const TABLE: [(&[u8], Curve); 8] = [
            (P256_PARAMS, Curve::P256),
            (P384_PARAMS, Curve::P384),
            (ED25519_PARAMS, Curve::Ed25519),
            (&[0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01], Curve::Ed25519),
            (b"\x13\x0cedwards25519", Curve::Ed25519),
            (X25519_PARAMS, Curve::X25519),
            (&[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01], Curve::X25519),
            (b"\x13\x0acurve25519", Curve::X25519),
        ];
        TABLE.iter().find(|(known, _)| *known == params).map(|&(_, curve)| curve)
    }

    pub(super) fn point(self, attribute: &[u8]) -> Option<PublicKey> {
        let length = match self {
            Self::P256 => 65,
            Self::P384 => 97,
            Self::Ed25519 | Self::X25519 => 32,
        };
        let point = unwrap_point(attribute, length)?;
        let uncompressed = point.first() == Some(&4);
        match self {
            Self::P256 => uncompressed.then(|| PublicKey::P256(point.to_vec())),
            Self::P384 => uncompressed.then(|| PublicKey::P384(point.to_vec())),
            Self::Ed25519 => point.try_into().ok().map(PublicKey::Ed25519),
            Self::X25519 => point.try_into().ok().map(PublicKey::X25519),
        }
    }
}

/// Takes the point out of a DER OCTET STRING or BIT STRING, or as it is; the length decides which.
fn unwrap_point(attribute: &[u8], length: usize) -> Option<&[u8]> {
    if attribute.len() == length {
        return Some(attribute);
    }
    let octets = [0x04, u8::try_from(length).ok()?];
    let bits = [0x03, u8::try_from(length + 1).ok()?, 0];
    let inner = attribute.strip_prefix(&octets).or_else(|| attribute.strip_prefix(&bits))?;
    (inner.len() == length).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_wrapped_and_raw() {
        let raw = [7; 32];
        let wrapped = [&[0x04, 0x20][..], &raw].concat();
        let bits = [&[0x03, 0x21, 0x00][..], &raw].concat();
        for form in [&raw[..], &wrapped, &bits] {
            assert_eq!(Curve::Ed25519.point(form), Some(PublicKey::Ed25519(raw)));
        }
        let raw = [&[4][..], &[9; 64]].concat();
        let wrapped = [&[0x04, 0x41][..], &raw].concat();
        for form in [&raw, &wrapped] {
            assert_eq!(Curve::P256.point(form), Some(PublicKey::P256(raw.clone())));
        }
    }

    #[test]
    fn malformed_points_are_refused() {
        for (curve, point) in [
            (Curve::Ed25519, vec![]),
            (Curve::Ed25519, vec![0; 31]),
            (Curve::Ed25519, vec![0; 33]),
            (Curve::Ed25519, [&[0x04, 0x21][..], &[0; 32]].concat()),
            (Curve::Ed25519, [&[0x04, 0x20][..], &[0; 33]].concat()),
            (Curve::P256, vec![2; 65]),
            (Curve::P256, [&[2][..], &[9; 32]].concat()),
            (Curve::P384, [&[4][..], &[9; 64]].concat()),
        ] {
            assert_eq!(curve.point(&point), None, "{curve:?} {point:?}");
        }
    }

    #[test]
    fn curves_are_known_by_identifier_and_by_name() {
        assert_eq!(Curve::of_params(&[0x06, 0x03, 0x2b, 0x65, 0x6e]), Some(Curve::X25519));
        assert_eq!(Curve::of_params(b"\x13\x0cedwards25519"), Some(Curve::Ed25519));
        assert_eq!(Curve::of_params(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]), None, "P-521");
        assert_eq!(Curve::of_params(&[]), None);
    }
}
